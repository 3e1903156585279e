"""What a broker is built from, in the forms that callers have it: exchange information and fees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from exec_plugin.core.errors import ConfigError
from exec_plugin.core.fill_models import BinanceFees, Rates
from exec_plugin.core.symbols import Symbol

if TYPE_CHECKING:
    from exec_plugin.core.fill_models import FeeModel

_FEE_NAMES = {"maker": "maker", "taker": "taker", "maker_fee": "maker", "taker_fee": "taker"}


def read_symbols(exchange_info: Any) -> list[Symbol]:
    """
    The symbols of a Binance ``exchangeInfo``, of a list of its entries, or of an object with either in it.

    Raises:
        ConfigError: when it is none of them.
    """
    if exchange_info is None:
        return []
    for name in ("info", "to_dict"):
        if not isinstance(exchange_info, Mapping) and hasattr(exchange_info, name):
            found = getattr(exchange_info, name)
            return read_symbols(found() if callable(found) else found)
    if isinstance(exchange_info, Mapping):
        entries = exchange_info.get("symbols", [exchange_info] if exchange_info else [])
    else:
        entries = exchange_info
    if isinstance(entries, str) or not isinstance(entries, Iterable):
        msg = f"exchange_info must be Binance's exchangeInfo, a list of its symbols, or None, not {exchange_info!r}"
        raise ConfigError(msg)
    return [entry if isinstance(entry, Symbol) else _read_symbol(entry) for entry in entries]


def _read_symbol(entry: Any) -> Symbol:
    if not isinstance(entry, Mapping):
        msg = f"a symbol of exchange_info must be a dict such as {{'symbol': 'BTCUSDC', ...}}, not {entry!r}"
        raise ConfigError(msg)
    return Symbol.from_exchange_info(entry)


def read_fees(fee_config: Any) -> FeeModel:
    """
    The fee model of a ``{"maker": "0.001", "taker": "0.001"}``, of rates, or the one given.

    Raises:
        ConfigError: for an unknown name or a rate that is none.
    """
    if fee_config is None:
        return BinanceFees()
    if isinstance(fee_config, Rates):
        return BinanceFees(fee_config)
    if hasattr(fee_config, "commission"):
        model: FeeModel = fee_config
        return model
    if not isinstance(fee_config, Mapping):
        msg = f"fee_config must be a dict such as {{'maker': '0.001', 'taker': '0.001'}}, not {fee_config!r}"
        raise ConfigError(msg)
    return BinanceFees(Rates(**{_fee_name(name): rate for name, rate in fee_config.items()}))


def _fee_name(name: Any) -> str:
    known = _FEE_NAMES.get(name)
    if known is None:
        near = get_close_matches(str(name), _FEE_NAMES, n=1) or ["maker"]
        msg = f"fee_config has no {name!r}; did you mean {near[0]!r}? It takes {', '.join(_FEE_NAMES)}"
        raise ConfigError(msg)
    return known
