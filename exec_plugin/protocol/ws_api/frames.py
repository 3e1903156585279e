"""Frames of the WebSocket API: from the text of a request to the texts of its parameters."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from exec_plugin.core.errors import RequestRejected
from exec_plugin.protocol.params import illegal, missing
from exec_plugin.protocol.render import to_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
#: Digits of the longest 64-bit number.
_DIGITS = 20
_VERSION = "v3/"


class _Whole(str):
    """A JSON integer as it was written: its text is what was signed."""

    __slots__ = ()


class _Real(str):
    """A JSON number with a fraction or an exponent as it was written."""

    __slots__ = ()


class Request(NamedTuple):
    """A request: what to echo, what to do, and with which texts."""

    id: int | str | None
    method: str
    params: dict[str, str]


class BadFrame(Exception):
    """A frame that is no request; ``id`` is to be echoed as far as it is known."""

    def __init__(self, error: RequestRejected, id: int | str | None = None) -> None:  # noqa: A002  the frame's own name
        super().__init__(error)
        self.error = error
        self.id = id


def read_frame(text: str) -> Request:
    """
    The request in a frame.

    Raises:
        BadFrame: when there is none (web-socket-api.md, Request format).
    """
    try:
        frame = json.loads(
            text, parse_int=_Whole, parse_float=_Real, parse_constant=_constant, object_pairs_hook=_object
        )
        if not isinstance(frame, dict):
            raise BadFrame(RequestRejected(-1135, "Invalid JSON Request"))
        number = _read_id(frame)
        try:
            return Request(number, _method(frame), _params(frame))
        except RequestRejected as error:
            raise BadFrame(error, number) from error
    except RequestRejected as error:
        raise BadFrame(error) from error
    except (ValueError, RecursionError) as error:
        raise BadFrame(RequestRejected(-1135, "Invalid JSON Request", str(error))) from error


def _constant(name: str) -> Any:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RequestRejected(-1101, "Duplicate values for a parameter detected.")
    return found


def _read_id(frame: Mapping[str, Any]) -> int | str | None:
    if "id" not in frame:
        raise missing("id")
    value = frame["id"]
    if isinstance(value, _Whole):
        number = int(value) if len(value) <= _DIGITS else 2**64
        if -(2**63) <= number < 2**63:
            return number
    elif value is None or (isinstance(value, str) and not isinstance(value, _Real) and _ID.fullmatch(value)):
        return value
    raise illegal("id", "^[a-zA-Z0-9-_]{1,36}$", "a 64-bit integer, up to 36 letters and digits, or null")


def _method(frame: Mapping[str, Any]) -> str:
    value = frame.get("method")
    # a number is a text of another class here
    if not value or type(value) is not str:
        raise missing("method")
    # Request format: method names may be prefixed with explicit version
    return value.removeprefix(_VERSION)


def _params(frame: Mapping[str, Any]) -> dict[str, str]:
    params = frame.get("params")
    if params is None:
        return {}
    if not isinstance(params, dict):
        raise RequestRejected(-1135, "JSON sent for parameter 'params' is not valid", "params is an object")
    return {name: value if type(value) is str else signed_text(value) for name, value in params.items()}


def signed_text(value: Any) -> str:
    """A JSON value as the text that REST would have got, and that was signed."""
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    return _compact(value)


def _compact(value: Any) -> str:
    if isinstance(value, (_Whole, _Real)):
        return str(value)
    if isinstance(value, list):
        return f"[{','.join(map(_compact, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{_compact(name)}:{_compact(item)}' for name, item in value.items())}}}"
    return to_json(value)
