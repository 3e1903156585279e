"""The settings of a paper account, as they stand in ``options["paper"]`` of a ccxt exchange or in a call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen

from exec_plugin.config import nearest
from exec_plugin.core.clock import DAY, HOUR, MINUTE
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import FILL_MODELS, LinearSlippageModel, Rates, UniformLatency
from exec_plugin.core.units import to_units
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.journal import KEPT_EVENTS, LEVELS, MEMORY, check_url, masked
from exec_plugin.plugins import current
from exec_plugin.protocol.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Iterable

_OF_JOURNAL = ("db_url", "durability", "attach", "keep_events")
#: What an account notices of its market, apart from which one it is.
_NOTICED = (
    "symbols", "speed", "fill_model", "queue", "fees", "slippage", "latency", "limits", "free_orders", "faults",
)  # fmt: skip
#: How many of an account's events may be kept, some 35 GB of them.
_MOST_EVENTS = 100_000_000
_UNITS = {"m": MINUTE, "h": HOUR, "d": DAY}
_LONGEST = 30 * DAY
_SLOWEST, _FASTEST = Decimal("0.001"), Decimal(1_000_000)


def _one_of(*legal: str) -> Any:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in legal:
            msg = f"{attribute.name}={value!r}: {nearest(str(value), legal)}"
            raise ConfigError(msg)

    return check


def _name(_: Any, attribute: Any, value: Any) -> None:
    if not isinstance(value, str):
        msg = f"{attribute.name}={value!r} is no name such as {attribute.default!r}"
        raise ConfigError(msg)


def _amounts(value: Any) -> dict[str, str]:
    """Balances as ``{"USDT": "1000"}``; texts keep their digits, other numbers are written out plainly."""
    found = {}
    for asset, amount in _table("balances", value, "{'USDT': '1000'}").items():
        text = _plain(amount)
        try:
            units = to_units(text)
        except ValueError:
            units = -1
        if units < 0:
            msg = f"balances: {asset}={amount!r} must be a number of 0 or more with at most 8 decimals"
            raise ConfigError(msg)
        found[str(asset).upper()] = text
    return found


def _table(name: str, value: Any, example: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        msg = f"{name}={value!r} is no table such as {example}"
        raise ConfigError(msg)
    return dict(value)


def _seed(value: Any) -> int:
    try:
        # through text: a float or a bool is no seed
        return int(str(value))
    except ValueError:
        msg = f"seed={value!r} must be a whole number"
        raise ConfigError(msg) from None


def _events(value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= _MOST_EVENTS:
        msg = f"keep_events={value!r} must be a whole number from 1 to {_MOST_EVENTS:,}"
        raise ConfigError(msg)
    return int(text)


def _switch(_: Any, attribute: Any, value: Any) -> None:
    if value is not None and not isinstance(value, bool):
        msg = f"{attribute.name}={value!r} is True, False or left out"
        raise ConfigError(msg)


def _plain(value: Any) -> str:
    try:
        return format(Decimal(str(value)), "f")
    except InvalidOperation:
        return str(value)


def _speed(value: Any) -> str:
    text = str(value)
    if text == "max":
        return text
    try:
        factor = Decimal(1 if text == "real" else text)
    except InvalidOperation:
        factor = Decimal(0)
    if not factor.is_finite() or not _SLOWEST <= factor <= _FASTEST:
        msg = f"speed={value!r} is 'max', 'real' or a factor of {_SLOWEST} to {_FASTEST} such as 60 (a minute a second)"
        raise ConfigError(msg)
    return format(factor, "f")


def _duration(text: str) -> int:
    """A time such as ``3d`` in ms."""
    found = re.fullmatch(r"(\d{1,4})([mhd])", text)
    length = int(found[1]) * _UNITS[found[2]] if found else 0
    if length > _LONGEST or (not found and text != "0"):
        msg = f"history={text!r} is 0 or a time of at most {_LONGEST // DAY}d such as 90m, 12h or 3d"
        raise ConfigError(msg)
    return length


def _history(value: Any) -> str:
    text = str(value)
    _duration(text)
    return text


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Sequence):
        msg = f"symbols={value!r} is no list such as ['BTCUSDT', 'ETHUSDT']"
        raise ConfigError(msg)
    return tuple(str(name).replace("/", "").strip().upper() for name in value if str(name).strip())


def _latency(value: Any) -> UniformLatency | dict[str, Any]:
    if isinstance(value, UniformLatency):
        return value
    if isinstance(value, int):
        return UniformLatency(value, value)
    given = _table("latency", value, "{'min_ms': 5, 'max_ms': 20}, nor a whole number of ms")
    return given if _is_foreign(given, "uniform") else UniformLatency(**_only("latency", given, _LATENCY_NAMES))


def _is_foreign(given: dict[str, Any], own: str) -> bool:
    """Whether a table names a model of a plugin's; the name of the usual one is taken out of it."""
    if given.get("model") == own:
        del given["model"]
    return "model" in given


def _queue(value: Any) -> dict[str, Any]:
    """A queue model by its name, or as a table with its settings."""
    given = {"model": value} if isinstance(value, str) else _table("queue", value, "{'model': 'patient'}")
    if not isinstance(given.get("model"), str):
        msg = f"queue={value!r} names no model; it is a name such as 'patient', or a table with one in 'model'"
        raise ConfigError(msg)
    return given


def _only(where: str, given: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    for name in given:
        if name not in known:
            msg = f"{where}: unknown setting {name!r}; {nearest(str(name), known)}"
            raise ConfigError(msg)
    return given


_FEE_NAMES = ("maker", "taker", "buyer", "seller", "bnb_discount")
_SLIPPAGE_NAMES = ("base_slippage", "size_impact")
_LATENCY_NAMES = ("min_ms", "max_ms")


def _fees(value: Any) -> dict[str, Any]:
    given = _table("fees", value, "{'maker': '0.001', 'taker': '0.001'}")
    if _is_foreign(given, "binance"):
        return given
    _only("fees", given, _FEE_NAMES)
    if not isinstance(given.get("bnb_discount", False), bool):
        msg = f"fees: bnb_discount={given['bnb_discount']!r} is True or False"
        raise ConfigError(msg)
    for name in given.keys() - {"bnb_discount"}:
        _number("fees", name, given[name])
    Rates(**_texts({name: rate for name, rate in given.items() if name != "bnb_discount"}))
    return given


def _texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers written out plainly, which keeps their digits."""
    return {name: value if isinstance(value, bool) else _plain(value) for name, value in given.items()}


def _slippage(value: Any) -> dict[str, Any]:
    example = "{'base_slippage': '0.0001', 'size_impact': '0.001'}"
    given = _table("slippage", value, example)
    if given.get("model") == "none":
        return {}
    if _is_foreign(given, "linear"):
        return given
    _only("slippage", given, _SLIPPAGE_NAMES)
    for name, share in given.items():
        _number("slippage", name, share)
    LinearSlippageModel(**_texts(given))
    return given


def _number(where: str, name: str, value: Any) -> None:
    try:
        to_units(_plain(value))
    except ValueError:
        msg = f"{where}: {name}={value!r} must be a number with at most 8 decimals, such as 0.001"
        raise ConfigError(msg) from None


def _faults(value: Any) -> dict[str, Any]:
    given = _table("faults", value, "{'rules': [{'fault': 'timeout'}]}")
    Faults.read(given)
    return given


def _balances() -> dict[str, str]:
    return {"USDT": "10000"}


@frozen
class Settings:
    """
    What a paper account is opened with.

    Args:
        account: its name; by default the API key, else ``default``.
        balances: what a new account starts with.
        feed: ``synthetic``, ``recording``, ``push`` or ``live`` (docs/feeds.md), or a plugin's; ``recording`` where a
            file is named.
        recording: path of a recorded market.
        symbols: what to trade; by default all that the feed knows, of a live one those of the synthetic market.
        live_url: whose public market data a live feed follows, such as ``https://testnet.binance.vision``; by default
            Binance's hosts for market data only.
        history: how far back the candles of a live feed reach when it opens, such as ``12h`` or ``3d``; 0 for none.
        seed: of the synthetic market and of every chance in the venue.
        speed: ``real``, a factor of it, or ``max`` (time passes only while the bot waits); a recording's default is
            ``max``, the others' ``real``.
        fill_model: how resting orders fill (docs/fills.md).
        queue: what cancellations do to their place: ``proportional``, ``patient``, or a plugin's model as below.
        fees: ``maker``, ``taker``, ``buyer``, ``seller`` rates, and ``bnb_discount`` to pay in BNB; or ``model``, the
            name of a plugin's (docs/plugins.md), and its settings. So in the next two.
        slippage: ``base_slippage`` and ``size_impact`` where the book shows no quantities.
        latency: ms for each way, a number or ``min_ms`` and ``max_ms``.
        limits: whether Binance's request and order limits are enforced; by default where a clock drives the venue,
            not in a replay at full speed, whose requests take no time.
        free_orders: whether calls that place or cancel orders cost no request weight when they succeed, as on Binance
            since 2026-04-02.
        faults: what shall go wrong, as in docs/faults.md; nothing unless set.
        on_bad: ``raise`` or ``skip`` for a recording's malformed lines.
        db_url: where accounts are kept (docs/journal.md): ``sqlite://`` is memory, ``sqlite:///path/to/file`` a file,
            ``postgresql://user@host/database`` a server.
        durability: what a kept account outlives: a power cut with ``full``, a killed process with ``normal`` and
            ``off``, the last of which may cost the file in a power cut.
        keep_events: how many of an account's last user-data events can be told again to streams and listeners that
            resume (docs/resuming.md); in memory at most 10,000.
        attach: where a server has the kept account: ``auto`` trades through that server, ``never`` is an error that
            names it (docs/journal.md).
    """

    account: str = field(default="", converter=str)
    balances: Mapping[str, str] = field(factory=_balances, converter=_amounts)
    feed: str = field(default="synthetic", validator=_name)
    recording: str = field(default="", converter=str)
    symbols: tuple[str, ...] = field(default=(), converter=_names)
    live_url: str = field(default="", converter=str)
    history: str = field(default="3d", converter=_history)
    seed: int = field(default=0, converter=_seed)
    speed: str = field(default="1", converter=_speed)
    fill_model: str = field(default="queue", validator=_one_of(*FILL_MODELS))
    queue: Mapping[str, Any] = field(default="proportional", converter=_queue)
    fees: Mapping[str, Any] = field(factory=dict, converter=_fees)
    slippage: Mapping[str, Any] = field(factory=dict, converter=_slippage)
    latency: UniformLatency | Mapping[str, Any] = field(default=UniformLatency(), converter=_latency)
    limits: bool | None = field(default=None, validator=_switch)
    free_orders: bool = field(default=True, validator=_switch)
    faults: Mapping[str, Any] = field(factory=dict, converter=_faults)
    on_bad: str = field(default="raise", validator=_one_of("raise", "skip"))
    db_url: str = field(default=MEMORY, converter=check_url, repr=masked)
    durability: str = field(default="full", validator=_one_of(*LEVELS))
    keep_events: int = field(default=KEPT_EVENTS, converter=_events)
    attach: str = field(default="auto", validator=_one_of("auto", "never"))

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Settings:
        """
        Settings from a mapping; a value of None is as good as none.

        Raises:
            ConfigError: for an unknown name, with the nearest known one, or a value out of range.
        """
        table = _table("paper", options, "{'balances': {'USDT': '1000'}}")
        given = _only("paper", table, [attribute.name for attribute in fields(cls)])
        # hosts write null where their users left something out
        given = {name: value for name, value in given.items() if value is not None}
        if given.get("recording"):
            given.setdefault("feed", "recording")
            given.setdefault("speed", "max")
        settings = cls(**given)
        if settings.feed == "recording" and not settings.recording:
            msg = "feed='recording' needs recording='path/to/file'"
            raise ConfigError(msg)
        if settings.feed != "recording" and settings.recording:
            msg = f"feed={settings.feed!r} reads no recording={settings.recording!r}; leave one of them out"
            raise ConfigError(msg)
        if settings.feed == "live" and settings.speed != "1":
            msg = f"speed={settings.speed!r}: a live feed is in real time; leave speed out"
            raise ConfigError(msg)
        if settings.feed != "live" and settings.live_url:
            msg = f"feed={settings.feed!r} follows no live_url; leave it out or set feed='live'"
            raise ConfigError(msg)
        return settings

    @property
    def history_ms(self) -> int:
        """How far back the candles of a live feed reach, in ms."""
        return _duration(self.history)

    def market_key(self) -> str:
        """What tells one market from another: accounts whose settings agree in it share theirs."""
        recording = str(Path(self.recording).resolve()) if self.recording else ""
        parts = (
            self.feed, recording, self.symbols, self.live_url, self.history, self.seed, self.speed, self.fill_model, self.queue,
            {name: str(value) for name, value in self.fees.items()},
            {name: str(value) for name, value in self.slippage.items()},
            str(self.latency), self.limits, self.free_orders, self.faults, self.on_bad,
            self.db_url, self.durability, self.keep_events,
        )  # fmt: skip
        return json.dumps(parts, sort_keys=True, default=str)

    @property
    def venue_name(self) -> str:
        """What tells one kept market from another: an account's orders make sense on its own one only."""
        if self.feed == "synthetic":
            return f"synthetic {self.seed}"
        if self.feed == "recording":
            return f"recording {Path(self.recording).resolve()}"
        return f"live {self.live_url}".strip() if self.feed == "live" else self.feed

    @property
    def is_real_time(self) -> bool:
        """Whether the market's clock is everybody's."""
        return self.speed == "1" and self.feed != "recording"

    def noticed(self) -> dict[str, str]:
        """What an account notices of its market, such as fees and delays, as texts."""
        return {name: str(getattr(self, name)) for name in _NOTICED}

    def rate_limits(self) -> tuple[Mapping[str, object], ...]:
        """The limits to enforce: Binance's or none."""
        enforced = self.speed != "max" if self.limits is None else self.limits
        return RATE_LIMITS if enforced else ()

    def model(self, kind: str) -> tuple[str, dict[str, Any]]:
        """The name and the settings of a model: ``slippage``, ``fee``, ``latency`` or ``queue``."""
        latency = self.latency
        if isinstance(latency, UniformLatency):
            latency = {"model": "uniform", "min_ms": latency.min_ms, "max_ms": latency.max_ms}
        given = dict({"slippage": self.slippage, "fee": self.fees, "latency": latency, "queue": self.queue}[kind])
        if "model" in given:
            return str(given.pop("model")), given
        usual = {"fee": "binance", "slippage": "linear" if given else "none"}
        return usual[kind], _texts(given)

    def market(self) -> dict[str, Any]:
        """What a feed is opened with: all settings by name but where accounts are kept, ``history_ms`` among them."""
        names = [each.name for each in fields(type(self)) if each.name not in _OF_JOURNAL]
        return {name: getattr(self, name) for name in names} | {"history_ms": self.history_ms}


def read_settings(options: Mapping[str, Any], api_key: str | None = None) -> Settings:
    """
    The settings of an account: what the options say, over what the process's settings bind to its key or name, over
    their ``[exec_plugin.paper]``.
    """
    given = {name: value for name, value in options.items() if value is not None}
    name, bound = current().config.account(api_key, str(given.get("account", "")))
    return Settings.read({**bound, **({"account": name} if name else {}), **given})
