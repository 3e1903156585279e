"""What a face talks to: one account of a paper exchange of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeVar

from exec_plugin.account.links import Link, is_known
from exec_plugin.account.listening import tell
from exec_plugin.account.writer import Writer
from exec_plugin.protocol import Key, Reply
from exec_plugin.protocol.faults import CLEAR
from exec_plugin.protocol.ws_api import ApiSession

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.account.house import PaperExchange
    from exec_plugin.account.listeners import Listener, UserEvent
    from exec_plugin.account.script import Scripts
    from exec_plugin.core.ledger import Account
    from exec_plugin.protocol.faults import Way

_T = TypeVar("_T")

#: In a replay at full speed a request takes this long, so that a bot that only polls makes progress.
REQUEST_MS = 1


class PaperAccount:
    """
    What a face talks to: one account of a paper exchange, with the key that acts for it.

    All of it is safe to use from several threads; nothing of it ever touches a network.
    """

    #: no other process answers for it
    is_remote: Literal[False] = False

    def __init__(
        self, exchange: PaperExchange, account: Account, secret: str | None, scripts: Scripts | None = None
    ) -> None:
        self.exchange = exchange
        self.account = account
        self._scripts = scripts
        # at full speed another task's sleep may move the market while a signed request is on its way
        self._key = Key(account, secret, timed=exchange.pump.is_paced)
        self._heard = exchange.plugins.observer("exec_request") or None

    @property
    def name(self) -> str:
        """Its name."""
        return self.account.name

    @property
    def is_over(self) -> bool:
        """Whether a scripted market has taken the place of this one."""
        scripts = self._scripts
        return scripts is not None and bool(scripts) and scripts.find(self.exchange.settings) is not None

    def request(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> Reply:
        """Answer one signed request as Binance would."""
        ask, text = self._asking(method, url, headers, body)
        reply = self.converse(ask, self.exchange.gateway.lost)
        if self._heard is not None:
            tell(self._heard, reply, method, url, text)
        return reply

    async def request_soon(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> Reply:
        """As ``request``; the loop goes on while the disk is waited for, and who asks meanwhile shares the next commit."""
        exchange = self.exchange
        if not exchange.waits:
            return self.request(method, url, headers, body)
        writer = Writer.of(exchange)
        writer.lose_patience()
        ask, text = self._asking(method, url, headers, body)
        with exchange.lock, exchange.whole:
            exchange.catch_up()
            left = writer.departure(ask())
        reply = await left
        if self._heard is not None:
            tell(self._heard, reply, method, url, text)
        return reply

    def _asking(
        self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None
    ) -> tuple[Callable[[], Reply], str]:
        """What has the exchange answer a request, and its body as a text."""
        text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
        lowered = {name.lower(): str(value) for name, value in headers.items()}
        caller, key = self.account.name, self._key
        return lambda: self.exchange.gateway.handle(method, url, lowered, text, caller=caller, key=key), text

    def converse(self, ask: Callable[[], _T], lost: Callable[[_T], _T] | None = None) -> _T:
        """
        Ask the exchange something, with the time on the way that a replay at full speed gives it.

        ``lost`` tells what stands for the answer where what was done could not be written down.
        """
        turns = self.exchange.turns
        if not self.exchange.waits or turns.is_within:
            return self._keep_to(ask, lost)
        with turns.asking() as beside_others:
            return self._take_turns(ask, lost) if beside_others else self._keep_to(ask, lost)

    def _keep_to(self, ask: Callable[[], _T], lost: Callable[[_T], _T] | None) -> _T:
        """As ``converse``, where nobody else may ask until all is done."""
        exchange = self.exchange
        with exchange.lock, exchange.whole:
            exchange.catch_up()
            if exchange.is_replay:
                exchange.move_to(exchange.venue.now + exchange.leg())
            answer = ask()
            if not exchange.settle() and lost is not None:
                answer = lost(answer)
            if exchange.is_replay:
                exchange.move_to(exchange.venue.now + max(exchange.leg(), REQUEST_MS))
        return answer

    def _take_turns(self, ask: Callable[[], _T], lost: Callable[[_T], _T] | None) -> _T:
        """As ``converse``, where other threads may ask while this one waits for the disk."""
        exchange, told = self.exchange, list[_T]()
        gateway = exchange.gateway
        with exchange.lock, exchange.whole:
            exchange.catch_up()
            answer = ask()
            if exchange.has_failed:
                # the next one may find it mended
                return answer if exchange.settle() or lost is None else lost(answer)
            if gateway.is_shut or not exchange.is_behind:
                return answer
            gateway.departures.leave(
                lambda: told.append(answer), lambda: told.append(answer if lost is None else lost(answer))
            )
        exchange.turns.settle_until(told)
        return told[0]

    def converse_soon(self, ask: Callable[[], object]) -> None:
        """As ``converse``, in an event loop, where the answer is pushed once it may leave."""
        exchange = self.exchange
        if not exchange.waits:
            self.converse(ask)
            return
        writer = Writer.of(exchange)
        writer.lose_patience()
        with exchange.lock, exchange.whole:
            exchange.catch_up()
            ask()
            writer.settle_soon()

    def open_api(self, push: Callable[[str], None], *, micros: bool = False) -> ApiSession:
        """A session of the WebSocket API; used under the exchange's lock."""
        gateway = self.exchange.gateway
        return ApiSession(gateway, push, caller=self.account.name, key=self._key, micros=micros)

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:
        """
        Have ``hear`` told each of the account's events once it is written down, one after the other.

        It goes on after the last event that a listener of this name has acknowledged, by returning from ``hear``; a new
        one begins now. ``after`` says otherwise: the number of the last event that is known already.

        Raises:
            ConfigError: for a name that is none, or listens already.
            RequestRejected: -1130 when events after the number are gone, or are yet to come.
        """
        return self.exchange.listening.listen(self.name, name, hear, after)

    @staticmethod
    def answers(url: str) -> bool:
        """Whether ``connect`` finds anything under a URL."""
        return is_known(url)

    def connect(self, url: str, push: Callable[[str], None]) -> Link:
        """A stream connection: ``/ws/...``, ``/stream`` or ``/ws-api/v3`` by the URL's path."""
        return Link(self, url, push)

    def legs(self) -> tuple[float, float]:
        """
        Seconds that a request and its answer take on their way, for the face to wait.

        A replay at full speed answers zeros: there ``request`` itself moves the market by these times.
        """
        exchange = self.exchange
        return (exchange.leg() / 1000, exchange.leg() / 1000) if exchange.pump.is_paced else (0.0, 0.0)

    def way(self, method: str, url: str) -> Way:
        """What happens to a request on its way, where faults are rehearsed."""
        exchange = self.exchange
        faults = exchange.gateway.faults
        if faults is None:
            return CLEAR
        with exchange.lock:
            return faults.way_of_request(method, url)

    def milliseconds(self) -> int:
        """The venue's time."""
        return self.exchange.pump.now()

    def sleep_plan(self, milliseconds: float) -> float:
        """
        Seconds really to wait until so much of the venue's time has passed.

        A replay at full speed moves its market at once and answers 0.
        """
        pump = self.exchange.pump
        if pump.is_paced:
            return milliseconds / 1000 / pump.factor
        self.exchange.move_to(self.exchange.venue.now + max(round(milliseconds), 0))
        return 0.0

    def __repr__(self) -> str:
        return f"<PaperAccount {self.account.name!r} on {self.exchange.settings.feed}>"
