"""
Control frames: what a client may write to a stream connection, and what it is told when it writes something else.

The texts of the errors are those of web-socket-streams.md, Error Messages; they read like those of a strict JSON
reader, so each names the place in the frame.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
UNKNOWN_PROPERTY, BAD_VALUE, BAD_REQUEST, BAD_JSON = range(4)

_LARGEST_ID = 2**63
_TEXT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
_METHOD = re.compile(r'"method"\s*:\s*("(?:[^"\\]|\\.)*"|[^\s,}]+)')
_NO_NAME = "property name must be a string"


class FrameError(Exception):
    """A frame that cannot be done, as the client is told; only some errors repeat the id of their request."""

    def __init__(self, code: int, msg: str, **more: Any) -> None:
        super().__init__(msg)
        self.answer = {"code": code, "msg": msg, **more}


class Frame(NamedTuple):
    """A request that can be done."""

    method: str
    params: list[Any]
    id: Any


def read_frame(text: str) -> Frame:
    """
    A client's request.

    Raises:
        FrameError: with what the client is to be told.
    """
    found = _parsed(text)
    if not isinstance(found, dict) or "method" not in found:
        _refuse(f"missing field `method` at {_place(text, len(text.rstrip()))}")
    if found["method"] not in METHODS:
        _refuse_method(text, found["method"])
    if "id" not in found or not _is_id(found["id"]):
        _refuse("request ID must be an unsigned integer")
    frame = Frame(found["method"], found.get("params"), found["id"])  # type: ignore[arg-type]
    return frame._replace(params=_CHECKS[frame.method](frame, text))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
    except (ValueError, RecursionError):
        # a number or a nesting that no request needs
        place = "line 1 column 1"
    raise FrameError(BAD_JSON, f"Invalid JSON: expected value at {place}")


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


def _place(text: str, end: int) -> str:
    """Where the character before ``end`` stands, counted as JSON readers do."""
    line = text.count("\n", 0, end) + 1
    return f"line {line} column {end - (text.rfind(chr(10), 0, end) + 1)}"


def _refuse(what: str) -> NoReturn:
    raise FrameError(BAD_REQUEST, f"Invalid request: {what}")


def _refuse_method(text: str, method: Any) -> NoReturn:
    match = _METHOD.search(text)
    place = _place(text, match.end() if match else len(text.rstrip()))
    known = ", ".join(f"`{name}`" for name in METHODS)
    named = method if isinstance(method, str) else json.dumps(method)
    _refuse(f"unknown variant `{named}`, expected one of {known} at {place}")


def _is_id(value: Any) -> bool:
    if isinstance(value, str):
        return _TEXT_ID.fullmatch(value) is not None
    if value is None:
        return True
    return isinstance(value, int) and not isinstance(value, bool) and -_LARGEST_ID <= value < _LARGEST_ID


def _check_names(frame: Frame, text: str) -> list[Any]:
    if frame.params is None:
        _refuse(f"missing field `params` at {_place(text, len(text.rstrip()))}")
    if not isinstance(frame.params, list) or not all(isinstance(name, str) for name in frame.params):
        _refuse("stream names must be an array of strings")
    return frame.params


def _check_none(frame: Frame, _text: str) -> list[Any]:
    if frame.params:
        _refuse("too many parameters")
    return []


def _check_property(frame: Frame, most: int) -> list[Any]:
    params = frame.params
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        _refuse(_NO_NAME)
    if len(params) > most:
        _refuse("too many parameters")
    if params[0] != "combined":
        raise FrameError(UNKNOWN_PROPERTY, "Unknown property", id=frame.id)
    return params


def _check_set(frame: Frame, _text: str) -> list[Any]:
    params = _check_property(frame, 2)
    if not isinstance(params[-1], bool):
        raise FrameError(BAD_VALUE, "Invalid value type: expected Boolean")
    return params


def _check_get(frame: Frame, _text: str) -> list[Any]:
    return _check_property(frame, 1)


_CHECKS = {
    "SUBSCRIBE": _check_names,
    "UNSUBSCRIBE": _check_names,
    "LIST_SUBSCRIPTIONS": _check_none,
    "SET_PROPERTY": _check_set,
    "GET_PROPERTY": _check_get,
}
