"""
What stands where ccxt's WebSocket client has its connection: the far end is a paper exchange in this process.

Frames go straight to the exchange. What it pushes, from whatever thread moves the market, waits here for the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import WSMessage, WSMsgType

from exec_plugin.ccxt_exchange.driver import Driver

if TYPE_CHECKING:
    from exec_plugin.account import AttachedAccount, PaperAccount

#: Messages that may wait for a loop that does not come round to reading; Binance drops slow readers as well.
MOST_WAITING = 100_000


class PaperConnection:
    """
    A connection as ccxt's client uses it: ``receive``, ``send_str``, ``ping``, ``pong``, ``close``, ``closed``.

    Args:
        account: whose connection it is.
        client: ccxt's client; what it waits for is what moves a replay on.
    """

    #: ccxt looks here for the buffer of a real connection, and takes None for none
    _conn = None

    def __init__(self, account: PaperAccount, client: Any) -> None:
        self.client = client
        #: whether the end was read, or asked for; ccxt looks at it before it reads on
        self.closed = False
        self._dropped = False
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[str] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._woken = False
        self._link = account.connect(client.url, self._push)
        self._driver = Driver.of(account.exchange, self._loop)
        self._driver.join(self)

    @property
    def has_mail(self) -> bool:
        """Whether ccxt has yet to read something."""
        return bool(self._inbox)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for a message."""
        return any(not future.done() for future in self.client.futures.values())

    def _push(self, text: str) -> None:
        self._inbox.append(text)
        if len(self._inbox) > MOST_WAITING:
            self._drop()
        if not self._woken:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:
                # the loop was closed without closing the exchange: nobody is left to tell
                self._drop()

    def _drop(self) -> None:
        self._dropped = True
        self._link.close()
        self._driver.leave(self)

    def _wake(self) -> None:
        self._woken = False
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    async def receive(self) -> WSMessage:
        """The next message, the end of the connection after the last."""
        while not self._inbox:
            if self._dropped:
                self.closed = True
                return WSMessage(WSMsgType.CLOSED, None, None)
            self._reader = self._loop.create_future()
            await self._reader
        return WSMessage(WSMsgType.TEXT, self._inbox.popleft(), None)

    async def send_str(self, text: str) -> None:
        """Hand a frame to the exchange; its answer is pushed."""
        self._link.send(text)
        self._driver.wake()

    async def ping(self, message: bytes = b"") -> None:
        """Nothing is between the two ends that could fail."""

    async def pong(self, message: bytes = b"") -> None:
        """As for a ping."""

    async def close(self, **_: Any) -> bool:
        """End the connection."""
        if not self.closed:
            self.closed = True
            self._inbox.clear()
            self._drop()
            if self._reader is not None and not self._reader.done():
                self._reader.set_exception(ConnectionError("closed by the user"))
            # the reading task ends now rather than some time after the exchange is said to be closed
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return True

    def __repr__(self) -> str:
        return f"<PaperConnection {self.client.url}{', closed' if self.closed else ''}>"


def adopt(client: Any, account: Any) -> None:
    """Give one of ccxt's clients a paper account for a far end; all else stays ccxt's."""

    async def connect(_session: Any) -> PaperConnection:
        client.paper = account()
        return PaperConnection(client.paper, client)

    client.paper = None

    client.create_connection = connect
    # pings would prove that the process talks to itself
    client.keepAlive = 0
    with contextlib.suppress(ImportError):
        # ccxt 4.4 reads the socket itself, behind the connection's back
        from ccxt.async_support.base.ws.fast_client import FastClient

        if isinstance(client, FastClient):
            client.receive_loop = super(FastClient, client).receive_loop


def lead(client: Any, account: AttachedAccount) -> None:
    """Have one of ccxt's clients connect to the server that has an account, and sign for it; all else stays ccxt's."""
    asked = client.url
    connect, send = client.create_connection, client.send
    client.paper = account

    def create_connection(session: Any) -> Any:
        # ccxt knows its clients by the URLs that it asked for
        client.url = account.lead(asked)
        try:
            return connect(session)
        finally:
            client.url = asked

    async def send_signed(message: Any) -> None:
        await send(account.frame(asked, message))

    def doubting(tell: Any) -> Any:
        def told(*args: Any) -> Any:
            # whoever asks next looks for the server anew
            account.is_over = True
            return tell(*args)

        return told

    client.create_connection = create_connection
    client.send = send_signed
    client.on_error_callback = doubting(client.on_error_callback)
    client.on_close_callback = doubting(client.on_close_callback)
