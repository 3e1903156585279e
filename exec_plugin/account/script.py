"""A scripted market in process: the control calls of docs/server.md without a server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from exec_plugin.account.links import Link, is_known
from exec_plugin.account.listeners import Listening
from exec_plugin.account.listening import tell
from exec_plugin.account.pump import wall_clock
from exec_plugin.core.errors import ConfigError
from exec_plugin.plugins import current
from exec_plugin.protocol import Key, Reply
from exec_plugin.protocol.control import ScriptedExchange
from exec_plugin.protocol.faults import CLEAR
from exec_plugin.protocol.ws_api import ApiSession

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from exec_plugin.account.listeners import Listener, UserEvent
    from exec_plugin.account.settings import Settings
    from exec_plugin.protocol.faults import Way

T = TypeVar("T")


class ScriptedAccount:
    """What a face talks to once its market was reset: the one account of a scripted exchange."""

    #: no other process answers for it
    is_remote: Literal[False] = False

    def __init__(self, exchange: ScriptedExchange, secret: str | None) -> None:
        self.exchange = exchange
        self.account = exchange.account
        self._venue = exchange.venue
        # time stands still or the face tells it by the same clock: nothing can be too late
        self._key = Key(exchange.account, secret, timed=False)
        self._heard = current().observer("exec_request") or None
        self._listening = Listening(exchange.lock, exchange.gateway)

    @property
    def is_over(self) -> bool:
        """Whether the market was reset since."""
        return self.exchange.venue is not self._venue

    def request(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> Reply:
        """Answer one signed request as Binance would."""
        text = body.decode(errors="replace") if isinstance(body, bytes) else body or ""
        lowered = {name.lower(): str(value) for name, value in headers.items()}
        handle = self.exchange.gateway.handle
        reply = self.converse(lambda: handle(method, url, lowered, text, caller=self.name, key=self._key))
        if self._heard is not None:
            tell(self._heard, reply, method, url, text)
        return reply

    async def request_soon(self, method: str, url: str, headers: Mapping[str, str], body: str | bytes | None) -> Reply:
        """As ``request``: nothing is waited for."""
        return self.request(method, url, headers, body)

    @property
    def name(self) -> str:
        """Its name."""
        return self.account.name

    def converse(self, ask: Callable[[], T]) -> T:
        """Ask the exchange something."""
        with self.exchange.lock:
            self.exchange.catch_up()
            return ask()

    def converse_soon(self, ask: Callable[[], object]) -> None:
        """As ``converse``."""
        self.converse(ask)

    def open_api(self, push: Callable[[str], None], *, micros: bool = False) -> ApiSession:
        """A session of the WebSocket API; used under the exchange's lock."""
        return ApiSession(self.exchange.gateway, push, caller=self.name, key=self._key, micros=micros)

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:
        """Have ``hear`` told each of the account's events, until the market is reset; see ``PaperAccount.listen``."""
        return self._listening.listen(self.name, name, hear, after)

    @staticmethod
    def answers(url: str) -> bool:
        """Whether ``connect`` finds anything under a URL."""
        return is_known(url)

    def connect(self, url: str, push: Callable[[str], None]) -> Link:
        """A stream connection: ``/ws/...``, ``/stream`` or ``/ws-api/v3`` by the URL's path."""
        return Link(self, url, push)

    def legs(self) -> tuple[float, float]:
        """A scripted market answers at once."""
        return 0.0, 0.0

    def way(self, method: str, url: str) -> Way:
        """What happens to a request on its way, where faults are rehearsed."""
        with self.exchange.lock:
            faults = self.exchange.gateway.faults
            return CLEAR if faults is None else faults.way_of_request(method, url)

    def milliseconds(self) -> int:
        """The venue's time."""
        with self.exchange.lock:
            self.exchange.catch_up()
            return self.exchange.venue.now

    def sleep_plan(self, milliseconds: float) -> float:
        """Seconds really to wait; a clock that stands still moves at once."""
        if self.exchange.is_real_time:
            return milliseconds / 1000
        with self.exchange.lock:
            self.exchange.clock(advance=max(round(milliseconds), 0))
        return 0.0

    def __repr__(self) -> str:
        return "<ScriptedAccount>"


class Scripts:
    """The scripted exchanges that have taken the place of markets, by the settings of these."""

    def __init__(self) -> None:
        self._by_key: dict[str, ScriptedExchange] = {}

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def find(self, settings: Settings) -> ScriptedExchange | None:
        """What has taken the place of the market with these settings."""
        return self._by_key.get(settings.market_key())

    def reset(self, settings: Settings, setup: Mapping[str, Any]) -> None:
        """
        Put a fresh scripted exchange in the place of a market.

        Raises:
            ConfigError: when the setup cannot be used; the market stays then.
        """
        fresh = ScriptedExchange(setup, wall_clock)
        found = self._by_key.setdefault(settings.market_key(), fresh)
        if found is not fresh:
            with found.lock:
                found.reset(setup)

    def forget(self, settings: Settings) -> None:
        """Let the market with these settings move by itself again."""
        self._by_key.pop(settings.market_key(), None)

    def clear(self) -> None:
        """Forget all of them."""
        self._by_key.clear()


class _Account(Protocol):
    """An account that can be listened to."""

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:
        """Have somebody told its events."""


class PaperControl:
    """
    ``exchange.paper``: ``reset``, ``market``, ``clock`` and ``events`` as the server has them, and ``listen``.

    Args:
        scripts: of this process.
        settings: tells whose market it is.
        account: finds whose account it is.
        served: tells where a server has the account; empty where none does.
    """

    def __init__(
        self,
        scripts: Scripts,
        settings: Callable[[], Settings],
        account: Callable[[], _Account],
        served: Callable[[], str] = lambda: "",
    ) -> None:
        self._scripts = scripts
        self._account = account
        self._settings = settings
        self._served = served

    def reset(self, **setup: Any) -> None:
        """
        Put a fresh scripted exchange in place of the market, for all in this process who trade on it.

        Raises:
            ConfigError: when the setup cannot be used, or the market is another process's.
        """
        self._refuse_served()
        self._scripts.reset(self._settings(), setup)

    def market(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Apply market events in order."""
        script = self._script()
        with script.lock:
            script.market(events)

    def clock(self, *, advance: int | None = None, now: int | None = None) -> int:
        """Move the clock by or to some milliseconds; answers the new time."""
        script = self._script()
        with script.lock:
            return script.clock(advance=advance, now=now)

    def events(self, after: int = 0) -> dict[str, Any]:
        """The account's user-data events after a number, and the newest number."""
        script = self._script()
        with script.lock:
            events, last = script.events(after)
        return {"events": [{"seq": number, "event": event} for number, event in events], "last": last}

    def listen(self, name: str, hear: Callable[[UserEvent], object], after: int | None = None) -> Listener:
        """Have ``hear`` told each of the account's events once it is written down; see ``PaperAccount.listen``."""
        return self._account().listen(name, hear, after)

    def _script(self) -> ScriptedExchange:
        script = self._scripts.find(self._settings())
        if script is None:
            self._refuse_served()
            raise ConfigError(
                "this market moves by itself: paper.reset(symbols=[...]) puts a scripted one in its place"
            )
        return script

    def _refuse_served(self) -> None:
        if url := self._served():
            msg = (
                f"the account is served at {url}: its market is that server's, whose control routes are {url}/paper/..."
            )
            raise ConfigError(msg)
