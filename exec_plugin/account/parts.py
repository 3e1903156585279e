"""The built-in models and feeds, made by name; the built-in plugin ``paper`` hands them to the hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.core.clock import DAY
from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import (
    QUEUES,
    BinanceFees,
    LinearSlippageModel,
    NoSlippage,
    Rates,
    UniformLatency,
)
from exec_plugin.core.symbols import default_symbol
from exec_plugin.feeds import PushFeed, SyntheticFeed, open_recording
from exec_plugin.feeds.synthetic import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.feeds import Feed

#: How far back the candles of a synthetic market reach when it opens.
HISTORY = 3 * DAY
#: 2025-01-01 00:00:00 UTC: where a synthetic market begins that does not follow the wall clock.
EPOCH = 1_735_689_600_000


def _fees(maker: str = "0.001", taker: str = "0.001", bnb_discount: bool = False, **more: str) -> BinanceFees:  # noqa: FBT001, FBT002
    return BinanceFees(Rates(maker, taker, **more), enabled_for_account=bnb_discount)


#: Kind -> name -> what makes that model from its settings.
MODELS: Mapping[str, Mapping[str, Callable[..., Any]]] = {
    "slippage": {"linear": LinearSlippageModel, "none": NoSlippage},
    "fee": {"binance": _fees},
    "latency": {"uniform": UniformLatency},
    "queue": QUEUES,
}


def make_model(kind: str, name: str, params: Mapping[str, Any]) -> Any:
    """
    A built-in model; None where there is none of that name.

    Raises:
        ConfigError: for settings that it does not have.
    """
    maker = MODELS[kind].get(name)
    if maker is None:
        return None
    try:
        return maker(**params)
    except TypeError as error:
        msg = f"{kind} model {name!r} cannot be made with {', '.join(params)}: {error}"
        raise ConfigError(msg) from error


def _recording(config: Mapping[str, Any]) -> Feed:
    wanted: tuple[Any, ...] = config["symbols"] or (None,)
    if len(wanted) > 1:
        msg = f"a recording is read for one symbol or for all of them, not for {', '.join(wanted)}"
        raise ConfigError(msg)
    return open_recording(config["recording"], wanted[0], "skip" if config["on_bad"] == "skip" else "raise")


def _push(config: Mapping[str, Any]) -> Feed:
    return PushFeed([default_symbol(name) for name in config["symbols"] or ("BTCUSDT",)], config["clock"]())


def _live(config: Mapping[str, Any]) -> Feed:
    # aiohttp is imported by those who need it
    from exec_plugin.feeds.live import LiveFeed

    symbols = config["symbols"] or PROFILES
    return LiveFeed(symbols, config["clock"], url=config["live_url"], history_ms=config["history_ms"])


def _synthetic(config: Mapping[str, Any]) -> Feed:
    # a replayed synthetic market starts at a fixed moment, so that a seed means the same market every time
    symbols, seed = config["symbols"] or None, config["seed"]
    if config["speed"] == "max":
        return SyntheticFeed(symbols, seed, EPOCH, history_ms=HISTORY)
    now, seen = config["clock"](), config["seen"]
    # a clock that is faster than the wall's is ahead of it
    start = now if config["speed"] == "1" else max(now, seen.get("now", 0))
    return SyntheticFeed(symbols, seed, start, history_ms=HISTORY, reopens_at=seen.get("prices"))


#: Name -> what opens that feed from the settings of its market.
FEEDS: Mapping[str, Callable[[Mapping[str, Any]], Feed]] = {
    "synthetic": _synthetic,
    "recording": _recording,
    "push": _push,
    "live": _live,
}


def open_feed(name: str, config: Mapping[str, Any]) -> Feed | None:
    """A built-in feed; None where there is none of that name."""
    opener = FEEDS.get(name)
    return None if opener is None else opener(config)
