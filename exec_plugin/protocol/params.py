"""Parameters: from the texts of a request to typed values, with Binance's codes for what is wrong with them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.orders import FOK, GTC, IOC
from exec_plugin.core.symbols import ORDER_TYPES, STP_MODES
from exec_plugin.core.units import DECIMALS, parse_units

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.core.symbols import Symbol

_DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_WHOLE = re.compile(r"[0-9]{1,20}")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_.:/]{1,36}")
_LARGEST = 2**63 - 1
#: Moments from here on are microseconds (rest-api.md, General API Information).
MICROSECONDS = 10**15


def parse_form(text: str) -> dict[str, str]:
    """
    The parameters of a query string or a form body.

    Raises:
        RequestRejected: -1101 when one is given twice.
    """
    found: dict[str, str] = {}
    for part in text.split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote_plus(name), unquote_plus(value)
        if name in found:
            raise RequestRejected(-1101, "Duplicate values for a parameter detected.", f"{name!r} is sent twice")
        found[name] = value
    return found


def missing(name: str) -> RequestRejected:
    """What a mandatory parameter's absence is answered with."""
    return RequestRejected(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def not_required(name: str) -> RequestRejected:
    """What a parameter is answered with that does not belong to the request."""
    return RequestRejected(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal: str, hint: str = "") -> RequestRejected:
    """What characters out of range are answered with."""
    return RequestRejected(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.", hint)


class Spec:
    """
    The parameters that an endpoint takes, made ready to be read.

    Args:
        kinds: parameter name to kind, as the endpoint table has them.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.mandatory = tuple(name for name, kind in kinds.items() if kind.endswith("!"))
        self._kinds = {name: kind.rstrip("!") for name, kind in kinds.items()}
        self._parsers = {name: _PARSERS[kind] for name, kind in self._kinds.items()}
        self._places = {name: _PLACES[kind] for name, kind in self._kinds.items() if kind in _PLACES}

    def read(self, sent: Mapping[str, str], symbols: Callable[[str], Symbol]) -> dict[str, Any]:
        """
        The typed parameters of a request; those not sent are absent.

        Args:
            sent: the texts.
            symbols: finds a symbol or raises -1121.

        Raises:
            RequestRejected: with the code errors.md gives for what is wrong.
        """
        for name in self.mandatory:
            if not sent.get(name):
                raise missing(name)
        values: dict[str, Any] = {}
        parsers = self._parsers
        for name, text in sent.items():
            parser = parsers.get(name)
            if parser is not None:
                if not text:
                    raise RequestRejected(-1105, f"Parameter '{name}' was empty.")
                values[name] = parser(name, text)
        if len(values) != len(sent):
            raise self._unread(sent)
        if "symbol" in values:
            self._check_numbers(values, sent, symbols(values["symbol"]))
        return values

    def _unread(self, sent: Mapping[str, str]) -> RequestRejected:
        unread = [name for name in sent if name not in self._kinds]
        read = len(sent) - len(unread)
        return RequestRejected(
            -1104,
            f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{len(sent)}'.",
            f"not a parameter here: {', '.join(unread)}",
        )

    def _check_numbers(self, values: Mapping[str, Any], sent: Mapping[str, str], symbol: Symbol) -> None:
        """Refuse more decimals than the symbol's assets have, and zero quantities and prices."""
        for name, places in self._places.items():
            value = values.get(name)
            if value is None:
                continue
            most = int(symbol.info[places])
            if value % 10 ** (DECIMALS - most):
                raise RequestRejected(
                    -1111,
                    f"Parameter '{name}' has too much precision.",
                    f"{sent[name]} has more decimals than the {most} that {symbol.name} takes",
                )
            if not value and self._kinds[name] != "iceberg":
                what = name if self._kinds[name] == "price" else "quantity"
                raise RequestRejected(-1013, f"Invalid {what}.", f"{name} must be more than 0")


#: The places that an amount of a kind may have. An iceberg quantity of nothing is no iceberg.
_PLACES = {
    "quantity": "baseAssetPrecision",
    "iceberg": "baseAssetPrecision",
    "amount": "quoteAssetPrecision",
    "price": "quotePrecision",
}


def _units(name: str, text: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise illegal(name, r"^([0-9]{1,20})(\.[0-9]{1,20})?$", f"{text!r} is no plain decimal number")
    fraction = text.partition(".")[2].rstrip("0")
    if len(fraction) > DECIMALS:
        raise RequestRejected(-1111, f"Parameter '{name}' has too much precision.", f"at most {DECIMALS} decimals")
    return parse_units(text)


def read_whole(name: str, text: str) -> int:
    """A whole number of 0 or more, of 64 bits; -1100 or -1108 for any other text."""
    if not _WHOLE.fullmatch(text):
        raise illegal(name, "^[0-9]{1,20}$", f"{text!r} is no whole number")
    value = int(text)
    if value > _LARGEST:
        raise RequestRejected(-1108, f"Parameter '{name}' overflowed.")
    return value


def _time(name: str, text: str) -> int:
    value = read_whole(name, text)
    return value // 1000 if value >= MICROSECONDS else value


def _text(name: str, text: str) -> str:  # noqa: ARG001
    return text


def _flag(name: str, text: str) -> bool:
    lowered = text.lower()
    if lowered not in ("true", "false"):
        raise illegal(name, "^(true|false)$")
    return lowered == "true"


def _symbol(name: str, text: str) -> str:
    if not re.fullmatch(r"[A-Z0-9\-_.]{1,20}", text):
        raise illegal(name, r"^[A-Z0-9\-_.]{1,20}$", "write it in upper case, without a slash: 'BTCUSDT'")
    return text


def _texts(name: str, text: str) -> list[str]:
    try:
        listed = json.loads(text) if text.startswith("[") else [text]
    except (ValueError, RecursionError):
        listed = None
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise RequestRejected(-1135, f"JSON sent for parameter '{name}' is not valid", 'write ["BTCUSDT","BNBUSDT"]')
    return listed


def _symbols(name: str, text: str) -> list[str]:
    return [_symbol(name, item) for item in _texts(name, text)]


def _client_id(name: str, text: str) -> str:
    if not _CLIENT_ID.fullmatch(text):
        raise illegal(name, r"^[\.A-Z\:/a-z0-9_-]{1,36}$")
    return text


def _one_of(code: int, message: str, legal: tuple[str, ...]) -> Callable[[str, str], str]:
    def parse(name: str, text: str) -> str:
        if text not in legal:
            raise RequestRejected(code, message, f"{name} is one of {', '.join(legal)}, not {text!r}")
        return text

    return parse


_PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "symbol": _symbol,
    "symbols": _symbols,
    "texts": _texts,
    "text": _text,
    "int": read_whole,
    "long": read_whole,
    "time": _time,
    "bool": _flag,
    "quantity": _units,
    "iceberg": _units,
    "amount": _units,
    "price": _units,
    "client_id": _client_id,
    "side": _one_of(-1117, "Invalid side.", ("BUY", "SELL")),
    "order_type": _one_of(-1116, "Invalid orderType.", ORDER_TYPES),
    "tif": _one_of(-1115, "Invalid timeInForce.", (GTC, IOC, FOK)),
    "resp_type": _one_of(-1130, "Data sent for parameter 'newOrderRespType' is not valid.", ("ACK", "RESULT", "FULL")),
    "stp": _one_of(-1130, "Data sent for parameter 'selfTradePreventionMode' is not valid.", STP_MODES),
}
