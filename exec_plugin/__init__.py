"""
Paper trading for ccxt bots: a Binance-like market with realistic fills, one word away.

``exec_plugin.install()`` adds ``binancepaper`` to ccxt; ``PaperBroker`` is the same market without ccxt.
``BinanceClient`` trades there as it does live: typed, in Decimals, each order exactly once.
``install_throttle(exchange)`` keeps any ccxt exchange within its limits, ``RateLimiter`` whatever else.
``load(settings)`` makes a host's plugins active, ``exchanges(load(settings))`` are what it may name; ``hookimpl`` marks
a plugin's functions. Names resolve on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

__all__ = [
    "AdaptiveRateLimiter",
    "BinanceClient",
    "PaperBroker",
    "RateLimiter",
    "__version__",
    "exchanges",
    "hookimpl",
    "hookspec",
    "install",
    "install_throttle",
    "load",
]

_HOMES = {
    "AdaptiveRateLimiter": "rate_limit",
    "BinanceClient": "binance",
    "PaperBroker": "paper_broker",
    "RateLimiter": "rate_limit",
    "exchanges": "plugins",
    "hookimpl": "hookspecs",
    "hookspec": "hookspecs",
    "install": "ccxt_exchange",
    "install_throttle": "rate_limit",
    "load": "plugins",
}

# typing's own would cost each start of an interpreter 12 ms, where a start-up file turns the plugin on
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .binance import BinanceClient
    from .ccxt_exchange import install
    from .hookspecs import hookimpl, hookspec
    from .paper_broker import PaperBroker
    from .plugins import exchanges, load
    from .rate_limit import AdaptiveRateLimiter, RateLimiter, install_throttle

    __version__: str
else:
    # Out of type checkers' sight: to them a module with __getattr__ has every name, also a misspelt one.
    def __getattr__(name: str) -> object:
        if name not in __all__:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        value = _version() if name == "__version__" else _load(name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _load(name: str) -> object:
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def _version() -> str:
    from importlib.metadata import version

    return version("exec-plugin")
