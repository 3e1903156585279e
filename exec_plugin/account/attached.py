"""
An account that a server has: what a face talks to where the database says who serves it.

Requests are made and sent by the face as to any exchange. This tells where they go and signs them for the server.
"""

from __future__ import annotations

import json
import logging
import ssl
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from exec_plugin.account.links import API, is_known
from exec_plugin.account.listening import tell
from exec_plugin.account.pump import wall_clock
from exec_plugin.account.settings import Settings
from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.journal import is_memory, open_store
from exec_plugin.journal.doors import this_machine
from exec_plugin.plugins import current
from exec_plugin.protocol import Reply
from exec_plugin.protocol.security import sign, unsigned
from exec_plugin.protocol.ws_api.frames import signed_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.account.listeners import Listener, UserEvent
    from exec_plugin.journal import Store
    from exec_plugin.journal.doors import Door

_log = logging.getLogger(__name__)

_KEY_HEADER = "X-MBX-APIKEY"


class AttachedAccount:
    """
    An account on another process's market.

    Args:
        name: its name.
        settings: what this process would have opened it with.
        door: what the server has left for us.
        clock: ms of this machine's time.
    """

    is_remote: Literal[True] = True

    def __init__(self, name: str, settings: Settings, door: Door, clock: Callable[[], int] = wall_clock) -> None:
        self.name = name
        self.url = door.base(this_machine())
        #: whether it has to be found anew: the server did not answer, or does not know us any more
        self.is_over = False
        #: what the server has left for us
        self.door = door
        self._clock = clock
        self._heard = current().observer("exec_request") or None
        other = _differences(settings, door.market)
        _log.info("account %r is traded through the server at %s", name, self.url)
        if other:
            _log.warning("account %r: the settings of the server at %s count, not %s", name, self.url, ", ".join(other))

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:  # noqa: ARG002
        """
        Nobody in this process is told when an event is written down in another one.

        Raises:
            ConfigError: with what to do instead.
        """
        msg = (
            f"account {self.name!r} is served at {self.url}, and listener {name!r} cannot listen from here: subscribe "
            "there with userDataStream.subscribe.signature and after, which resumes as well"
        )
        raise ConfigError(msg)

    # ------------------------------------------------------------------ on their way

    @staticmethod
    def answers(url: str) -> bool:
        """Whether the server has a WebSocket under the path of a URL."""
        return is_known(url)

    def lead(self, url: str) -> str:
        """The server's URL for one of the real exchange's: whatever the host, it is asked."""
        parts = urlsplit(url)
        scheme = self.url.partition("://")[0]
        if parts.scheme.startswith("ws"):
            scheme = "wss" if scheme == "https" else "ws"
        query = f"?{parts.query}" if parts.query else ""
        return f"{scheme}://{self.url.partition('://')[2]}{parts.path}{query}"

    def address(
        self, url: str, headers: Mapping[str, str] | None, body: str | None
    ) -> tuple[str, dict[str, str] | None, str | None]:
        """URL, headers and body of a request as the server takes it."""
        shown = {**headers} if headers else None
        if shown is not None and _KEY_HEADER in shown:
            shown[_KEY_HEADER] = self.door.key
        path, mark, query = self.lead(url).partition("?")
        if "signature=" in query:
            query = self._signed(query)
        elif body and "signature=" in body:
            body = self._signed(body)
        return f"{path}{mark}{query}", shown, body

    def _signed(self, text: str) -> str:
        payload = unsigned(text)
        return f"{payload}&signature={sign(self.door.secret, payload)}"

    def frame(self, url: str, message: Any) -> Any:
        """A frame for the connection to a URL as the server takes it."""
        if urlsplit(url).path != API:
            return message
        # as ccxt gives it, a text or what becomes one
        request = json.loads(message) if isinstance(message, str) else dict(message)
        params = request.get("params")
        if params and "apiKey" in params:
            params = {name: value for name, value in params.items() if name != "signature"}
            params["apiKey"] = self.door.key
            payload = "&".join(f"{name}={signed_text(params[name])}" for name in sorted(params))
            request["params"] = {**params, "signature": sign(self.door.secret, payload)}
        return json.dumps(request) if isinstance(message, str) else request

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """What proves that it is the server, with https: the certificate that it left, whatever its host is called."""
        if not self.door.certificate:
            return None
        return pinned(self.door.certificate)

    def tell(self, status: int, headers: Mapping[str, str], method: str, url: str, body: str | None) -> None:
        """Tell plugins of a request that was answered."""
        if self._heard is not None:
            tell(self._heard, Reply(status, "", dict(headers), ""), method, url, body or "")

    # ------------------------------------------------------------------ time

    def milliseconds(self) -> int:
        """The market's time."""
        began, then, factor = self.door.clock
        return round(then + (self._clock() - began) * factor)

    def sleep_plan(self, milliseconds: float) -> float:
        """Seconds really to wait until so much of the market's time has passed."""
        return milliseconds / 1000 / self.door.clock[2]

    def __repr__(self) -> str:
        return f"<AttachedAccount {self.name!r} at {self.url}>"


def _differences(settings: Settings, market: Mapping[str, str]) -> list[str]:
    """What was wished for and is otherwise on a server's market."""
    usual = Settings().noticed()
    return [
        f"{name}={value}"
        for name, value in settings.noticed().items()
        if value != usual[name] and value != market.get(name)
    ]


def pinned(certificate: str) -> ssl.SSLContext:
    """Trust in one certificate, and in nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # it is this very one that is known, so its names play no part
    context.check_hostname = False
    context.load_verify_locations(cadata=certificate)
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def find_door(settings: Settings, name: str) -> Door | None:
    """
    What the server that has an account has left for us; None where none has it, or nobody wants to know.

    Raises:
        JournalError: when there is one that cannot be reached from here.
    """
    if settings.attach == "never" or is_memory(settings.db_url):
        return None
    try:
        store = open_store(settings.db_url, read_only=True)
    except JournalError:
        # there is no database yet, or whoever opens the account tells better what is wrong with it
        return None
    assert store is not None  # noqa: S101 - memory was seen to
    try:
        return _look(store, settings.venue_name, name)
    finally:
        store.close()


def _look(store: Store, venue: str, name: str) -> Door | None:
    try:
        row = store.find(venue, name)
        door = store.door(row) if row is not None else None
    except JournalError:
        # as above; the tables may be an older version's too
        return None
    if row is None or door is None:
        return None
    if not door.base(this_machine()):
        why = f"only {door.machine} itself reaches that server, and this is {this_machine()}; let it listen on --host, or "
        raise store.in_use(row, why)
    return door
