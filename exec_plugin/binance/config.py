"""How a client connects: credentials that are never shown, addresses, and how patient it is."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from attrs import field, frozen

from exec_plugin.config.showing import mask_api_key
from exec_plugin.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_WINDOW = 60_000
#: The environment's names of key and secret, the first that is set wins.
_NAMES = (("BINANCE_API_KEY", "BINANCE_APIKEY"), ("BINANCE_API_SECRET", "BINANCE_SECRET"))
_TESTNET_NAMES = (("BINANCE_TESTNET_API_KEY",), ("BINANCE_TESTNET_API_SECRET",))


def _positive(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        msg = f"{attribute.name}={value!r} must be a finite number above 0"
        raise ConfigError(msg)


def _not_negative(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        msg = f"{attribute.name}={value!r} must be a whole number of 0 or more"
        raise ConfigError(msg)


def _window(_: Any, attribute: Any, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _LONGEST_WINDOW:
        msg = f"{attribute.name}={value!r} must be a whole number of ms from 1 to {_LONGEST_WINDOW}"
        raise ConfigError(msg)


def shown_address(value: Any) -> str:
    """An address as a log may show it: without the password that it may hold."""
    head, found, tail = str(value).rpartition("@")
    if not found:
        return str(value)
    return f"{head.partition('://')[0]}://***@{tail}" if "://" in head else f"***@{tail}"


def _address(_: Any, attribute: Any, value: Any) -> None:
    if value is None:
        return
    try:
        parts = urlsplit(value)
        is_right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except (AttributeError, TypeError, ValueError):
        is_right = False
    if not is_right:
        msg = f"{attribute.name}={shown_address(value)!r} must be an address such as 'https://api.binance.com'"
        raise ConfigError(msg)


class Secret(str):
    """A text that shows itself to nobody by accident: not in prints, logs, tracebacks or pickles; ``reveal`` does."""

    __slots__ = ()

    def reveal(self) -> str:
        """The text itself."""
        return "".join(self)

    def __str__(self) -> str:
        return "***" if self else ""

    def __repr__(self) -> str:
        return f"'{self}'"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, _: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        msg = "a secret is not pickled: read it from the environment where it is needed"
        raise TypeError(msg)


def _secret(value: str | None) -> Secret:
    if isinstance(value, Secret):
        return value
    if value is not None and not isinstance(value, str):
        msg = f"a key is a text, not a {type(value).__name__}"
        raise ConfigError(msg)
    # copied with the line's end from a file or a web page
    return Secret((value or "").strip())


_NONE = Secret()


@frozen(kw_only=True)
class BinanceConfig:
    """
    What a client needs to know; all of it is checked when it is made.

    Args:
        api_key: also read from the environment by ``create_binance_client``.
        api_secret: of an HMAC key, or the private key of an RSA or Ed25519 one in PEM form.
        testnet: ask the spot test network instead; its keys are its own.
        demo: ask Binance's demo trading instead.
        base_url: another address for REST, such as a local ``exec-plugin serve``; WebSockets follow it.
        timeout: seconds to wait for an answer.
        recv_window: ms after its timestamp for which a request is valid; less than ``retry_budget``.
        max_retries: how often a request is sent again that is safe to send again.
        retry_delay: seconds before the first of them, doubled for each further one, with jitter.
        max_retry_delay: the most that this becomes.
        retry_budget: seconds after which a request, with all that it takes to know its outcome, is given up.
        proxy: address of an HTTP proxy.
    """

    api_key: Secret = field(default=_NONE, converter=_secret)
    api_secret: Secret = field(default=_NONE, converter=_secret)
    testnet: bool = False
    demo: bool = False
    base_url: str | None = field(default=None, validator=_address)
    timeout: float = field(default=10.0, validator=_positive)
    recv_window: int = field(default=5_000, validator=_window)
    max_retries: int = field(default=3, validator=_not_negative)
    retry_delay: float = field(default=0.5, validator=_positive)
    max_retry_delay: float = field(default=10.0, validator=_positive)
    retry_budget: float = field(default=30.0, validator=_positive)
    proxy: str | None = field(default=None, validator=_address)

    def __attrs_post_init__(self) -> None:
        if self.testnet and self.demo:
            msg = "testnet and demo are two networks: choose one"
            raise ConfigError(msg)
        if self.recv_window / 1000 >= self.retry_budget:
            msg = (
                f"recv_window={self.recv_window} ms does not fit into retry_budget={self.retry_budget} s: that an order "
                "whose answer was lost does not exist is certain only after its window; shorten the window or be patient"
            )
            raise ConfigError(msg)
        if bool(self.api_key) is not bool(self.api_secret):
            msg = "api_key and api_secret belong together: give both, or neither for public data"
            raise ConfigError(msg)

    def __repr__(self) -> str:
        where = (self.base_url and shown_address(self.base_url)) or (
            "testnet" if self.testnet else "demo" if self.demo else "live"
        )
        return f"<BinanceConfig {where} key={mask_api_key(self.api_key)}>"


def credentials(environment: Mapping[str, str] = os.environ, *, testnet: bool = False) -> tuple[str, str]:
    """Key and secret as the environment has them; empty where it has none."""
    key, secret = (
        next((environment[name] for name in names if environment.get(name)), "")
        for names in (_TESTNET_NAMES if testnet else _NAMES)
    )
    return key, secret
