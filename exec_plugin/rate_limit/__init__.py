"""
The seed's rate limiter: token buckets behind one ``acquire``, and the one that learns from the exchange.

Names resolve on first use, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = [
    "AdaptiveRateLimiter",
    "Permit",
    "RateLimitConfig",
    "RateLimitError",
    "RateLimiter",
    "TokenBucket",
    "create_aggressive_rate_limiter",
    "create_conservative_rate_limiter",
    "install_throttle",
    "uninstall_throttle",
]

_HOMES = {
    "AdaptiveRateLimiter": "rate_limit.adaptive",
    "Permit": "rate_limit.permit",
    "RateLimitConfig": "rate_limit.config",
    "RateLimitError": "core.errors",
    "RateLimiter": "rate_limit.limiter",
    "TokenBucket": "rate_limit.bucket",
    "create_aggressive_rate_limiter": "rate_limit.presets",
    "create_conservative_rate_limiter": "rate_limit.presets",
    "install_throttle": "rate_limit.throttle",
    "uninstall_throttle": "rate_limit.throttle",
}

if TYPE_CHECKING:
    from exec_plugin.core.errors import RateLimitError
    from exec_plugin.rate_limit.adaptive import AdaptiveRateLimiter
    from exec_plugin.rate_limit.bucket import TokenBucket
    from exec_plugin.rate_limit.config import RateLimitConfig
    from exec_plugin.rate_limit.limiter import RateLimiter
    from exec_plugin.rate_limit.permit import Permit
    from exec_plugin.rate_limit.presets import create_aggressive_rate_limiter, create_conservative_rate_limiter
    from exec_plugin.rate_limit.throttle import install_throttle, uninstall_throttle
else:
    # Out of type checkers' sight: to them a module with __getattr__ has every name, also a misspelt one.
    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f"exec_plugin.{_HOMES[name]}"), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
