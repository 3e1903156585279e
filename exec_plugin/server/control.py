"""The control routes below ``/paper/``: a market that a test scripts, over HTTP (docs/server.md)."""

from __future__ import annotations

import hmac
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn
from urllib.parse import parse_qs, urlsplit

from exec_plugin.core.errors import ConfigError, VenueError
from exec_plugin.protocol.faults import Faults
from exec_plugin.protocol.render import to_json
from exec_plugin.server.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from exec_plugin.protocol.control import ScriptedExchange
    from exec_plugin.server.settings import ServerSettings
    from exec_plugin.server.stage import Stage

PREFIX = "/paper/"
TOKEN_HEADER = "X-Paper-Token"  # noqa: S105  a header's name


class Asked(NamedTuple):
    """A control request."""

    method: str
    target: str
    body: str


class Refused(Exception):
    """A control request that is not carried out."""

    def __init__(self, status: HTTPStatus, msg: str) -> None:
        super().__init__(msg)
        self.status = status
        self.msg = msg


def admit(settings: ServerSettings, peer: str | None, headers: Mapping[str, str]) -> None:
    """
    Whether a client may use the control routes: one on this machine, or one that shows the token.

    Raises:
        Refused: when it may not.
    """
    if not settings.control:
        raise Refused(HTTPStatus.NOT_FOUND, "the control routes are switched off")
    token = settings.control_token
    shown = headers.get(TOKEN_HEADER, "")
    if token and hmac.compare_digest(token.encode(), shown.encode(errors="surrogateescape")):
        return
    if not is_loopback(peer):
        raise Refused(HTTPStatus.FORBIDDEN, f"control routes are for this machine, or need the header {TOKEN_HEADER}")
    if not is_from_here(peer, headers):
        raise Refused(HTTPStatus.FORBIDDEN, "control routes are not for web pages")


def is_from_here(peer: str | None, headers: Mapping[str, str]) -> bool:
    """
    Whether a request comes from this machine's user.

    A page in a browser on it is not its user; nor is a foreign name that was made to point here (DNS rebinding).
    """
    if not is_loopback(peer) or "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return False
    try:
        host = urlsplit(f"//{headers.get('Host', '')}").hostname
    except ValueError:
        return False
    return host is None or is_loopback(host)


class Control:
    """Carries control requests out on a stage; a reset ends the faults that were asked for."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._routes: dict[tuple[str, str], Callable[[Any], Any]] = {
            ("POST", "reset"): self._reset,
            ("POST", "market"): self._market,
            ("POST", "clock"): self._clock,
            ("GET", "events"): self._events,
            ("POST", "faults"): self._faults,
        }

    def answer(self, asked: Asked) -> tuple[HTTPStatus, str]:
        """Status and JSON for a request that was admitted; the exchange's lock is held."""
        try:
            return HTTPStatus.OK, to_json(self._carry_out(asked))
        except Refused as refused:
            return refused.status, failure(refused.msg)
        except VenueError as error:
            return HTTPStatus.BAD_REQUEST, to_json({"code": error.code, "msg": error.msg, "hint": error.hint})
        except ConfigError as error:
            return HTTPStatus.BAD_REQUEST, failure(str(error))

    def _carry_out(self, asked: Asked) -> Any:
        # not urlsplit, which refuses some texts
        path, _, query = asked.target.partition("?")
        name = path.removeprefix(PREFIX)
        route = self._routes.get((asked.method, name))
        if route is None:
            known = [method for method, other in self._routes if other == name]
            if known:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"/paper/{name} takes {', '.join(known)}")
            names = ", ".join(f"/paper/{other}" for _, other in self._routes)
            raise Refused(HTTPStatus.NOT_FOUND, f"there is no {path}; there are {names}")
        return route(parse_qs(query) if asked.method == "GET" else _read(asked.body))

    def _reset(self, payload: dict[str, Any]) -> dict[str, Any]:
        self._stage.reset(payload)
        return {}

    def _market(self, payload: dict[str, Any]) -> dict[str, Any]:
        events = payload.get("events")
        if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
            raise Refused(HTTPStatus.BAD_REQUEST, "write {'events': [{'type': 'book' or 'trade', ...}]}")
        self._script().market(events)
        return {}

    def _clock(self, payload: dict[str, Any]) -> dict[str, int]:
        moved = {name: _whole(name, value) for name, value in payload.items() if name in ("advance", "now")}
        if len(moved) != 1 or len(payload) != 1:
            raise Refused(HTTPStatus.BAD_REQUEST, "write {'advance': ms} or {'now': ms}")
        return {"serverTime": self._script().clock(**moved)}

    def _events(self, query: dict[str, list[str]]) -> dict[str, Any]:
        events, last = self._script().events(_whole("after", query.get("after", ["0"])[0]))
        return {"events": [{"seq": number, "event": event} for number, event in events], "last": last}

    def _faults(self, payload: dict[str, Any]) -> dict[str, Any]:
        self._stage.gateway.inject(Faults.read(payload) if payload else None)
        return {}

    def _script(self) -> ScriptedExchange:
        script = self._stage.script
        if script is None:
            raise Refused(
                HTTPStatus.CONFLICT,
                "this market moves by itself: POST /paper/reset puts a scripted one in its place",
            )
        return script


def failure(msg: str) -> str:
    """The JSON of a refusal."""
    return to_json({"code": -1, "msg": msg})


def _read(body: str) -> dict[str, Any]:
    try:
        payload = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error
    if not isinstance(payload, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "the body is a JSON object")
    return payload


def _no_constant(name: str) -> NoReturn:
    msg = f"{name} is no number"
    raise ValueError(msg)


def _whole(name: str, value: Any) -> int:
    """A number of ms or of events, as JSON or as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= len(str(2**63)):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise Refused(HTTPStatus.BAD_REQUEST, f"{name} is a whole number of 0 or more")
    return value
