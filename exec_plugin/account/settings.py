"""The settings of a paper account, as they stand in ``options["paper"]`` of a ccxt exchange or in a call."""

from __future__ import annotations

import difflib
import json
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, fields, frozen
from attrs.validators import instance_of, optional

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import (
    FILL_MODELS,
    QUEUES,
    BinanceFees,
    LinearSlippageModel,
    NoSlippage,
    Rates,
    UniformLatency,
)
from exec_plugin.core.units import to_units
from exec_plugin.endpoints import RATE_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from exec_plugin.core.fill_models import SlippageModel

FEEDS = ("synthetic", "recording", "push")


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that was probably meant, with all of them."""
    listed = sorted(known)
    close = difflib.get_close_matches(name, listed, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known are {', '.join(listed)}"


def _one_of(*legal: str) -> Any:
    def check(_: Any, attribute: Any, value: Any) -> None:
        if value not in legal:
            msg = f"{attribute.name}={value!r}: {nearest(str(value), legal)}"
            raise ConfigError(msg)

    return check


def _amounts(value: Any) -> dict[str, str]:
    """Balances as ``{"USDT": "1000"}``; texts keep their digits, other numbers are written out plainly."""
    found = {}
    for asset, amount in dict(value).items():
        text = _plain(amount)
        try:
            units = to_units(text)
        except ValueError:
            units = -1
        if units < 0:
            msg = f"balances: {asset}={amount!r} must be a number of 0 or more with at most 8 decimals"
            raise ConfigError(msg)
        found[str(asset)] = text
    return found


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
    if not factor.is_finite() or factor <= 0:
        msg = f"speed={value!r} is 'max', 'real' or a factor such as 60 (one minute a second)"
        raise ConfigError(msg)
    return format(factor, "f")


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    return tuple(str(name).replace("/", "").strip().upper() for name in value if str(name).strip())


def _latency(value: Any) -> UniformLatency:
    if isinstance(value, UniformLatency):
        return value
    if isinstance(value, int):
        return UniformLatency(value, value)
    return UniformLatency(**_only("latency", dict(value), ("min_ms", "max_ms")))


def _only(where: str, given: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    for name in given:
        if name not in known:
            msg = f"{where}: unknown setting {name!r}; {nearest(name, known)}"
            raise ConfigError(msg)
    return given


_FEE_NAMES = ("maker", "taker", "buyer", "seller", "bnb_discount")
_SLIPPAGE_NAMES = ("base_slippage", "size_impact")


def _fees(value: Any) -> dict[str, Any]:
    return _only("fees", dict(value), _FEE_NAMES)


def _slippage(value: Any) -> dict[str, Any]:
    return _only("slippage", dict(value), _SLIPPAGE_NAMES)


def _balances() -> dict[str, str]:
    return {"USDT": "10000"}


@frozen
class Settings:
    """
    What a paper account is opened with.

    Args:
        account: its name; by default the API key, else ``default``.
        balances: what a new account starts with.
        feed: ``synthetic``, ``recording`` or ``push``; ``recording`` where a file is named.
        recording: path of a recorded market.
        symbols: what to trade; by default all that the feed knows.
        seed: of the synthetic market and of every chance in the venue.
        speed: ``real``, a factor of it, or ``max`` (time passes only while the bot waits); a recording's default is
            ``max``, the others' ``real``.
        fill_model, queue: how resting orders fill (docs/fills.md).
        fees: ``maker``, ``taker``, ``buyer``, ``seller`` rates, and ``bnb_discount`` to pay in BNB.
        slippage: ``base_slippage`` and ``size_impact`` where the book shows no quantities.
        latency: ms for each way, a number or ``min_ms`` and ``max_ms``.
        limits: whether Binance's request and order limits are enforced; by default where a clock drives the venue,
            not in a replay at full speed, whose requests take no time.
        on_bad: ``raise`` or ``skip`` for a recording's malformed lines.
    """

    account: str = field(default="", converter=str)
    balances: Mapping[str, str] = field(factory=_balances, converter=_amounts)
    feed: str = field(default="synthetic", validator=_one_of(*FEEDS))
    recording: str = field(default="", converter=str)
    symbols: tuple[str, ...] = field(default=(), converter=_names)
    seed: int = field(default=0, converter=int)
    speed: str = field(default="1", converter=_speed)
    fill_model: str = field(default="queue", validator=_one_of(*FILL_MODELS))
    queue: str = field(default="proportional", validator=_one_of(*QUEUES))
    fees: Mapping[str, Any] = field(factory=dict, converter=_fees)
    slippage: Mapping[str, Any] = field(factory=dict, converter=_slippage)
    latency: UniformLatency = field(default=UniformLatency(), converter=_latency)
    limits: bool | None = field(default=None, validator=optional(instance_of(bool)))
    on_bad: str = field(default="raise", validator=_one_of("raise", "skip"))

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> Settings:
        """
        Settings from a mapping.

        Raises:
            ConfigError: for an unknown name, with the nearest known one, or a value out of range.
        """
        given = _only("paper", dict(options), [attribute.name for attribute in fields(cls)])
        if given.get("recording"):
            given.setdefault("feed", "recording")
            given.setdefault("speed", "max")
        try:
            settings = cls(**given)
        except (TypeError, ValueError) as error:
            if isinstance(error, ConfigError):
                raise
            msg = f"paper: {error}"
            raise ConfigError(msg) from error
        if settings.feed == "recording" and not settings.recording:
            msg = "feed='recording' needs recording='path/to/file'"
            raise ConfigError(msg)
        return settings

    def market_key(self) -> str:
        """What tells one market from another: accounts whose settings agree in it share theirs."""
        recording = str(Path(self.recording).resolve()) if self.recording else ""
        parts = (
            self.feed, recording, self.symbols, self.seed, self.speed, self.fill_model, self.queue,
            {name: str(value) for name, value in self.fees.items()},
            {name: str(value) for name, value in self.slippage.items()},
            self.latency.min_ms, self.latency.max_ms, self.limits, self.on_bad,
        )  # fmt: skip
        return json.dumps(parts, sort_keys=True)

    def rate_limits(self) -> tuple[Mapping[str, object], ...]:
        """The limits to enforce: Binance's or none."""
        enforced = self.speed != "max" if self.limits is None else self.limits
        return RATE_LIMITS if enforced else ()

    def fee_model(self) -> BinanceFees:
        """The commission rates; 0.1 % unless set."""
        rates = {name: _plain(value) for name, value in self.fees.items() if name != "bnb_discount"}
        return BinanceFees(Rates(**rates), enabled_for_account=bool(self.fees.get("bnb_discount", False)))

    def slippage_model(self) -> SlippageModel:
        """None unless set: books with quantities need none."""
        if not self.slippage:
            return NoSlippage()
        return LinearSlippageModel(**{name: _plain(value) for name, value in self.slippage.items()})
