"""
Faults on demand, so that a bot's recovery can be rehearsed: by rule, by seed, and never unless asked for.

A gateway answers with those that are answers, tells user-data events by those that are about events, and whoever
carries its replies asks for those that happen on the way (docs/faults.md).
"""

from __future__ import annotations

import difflib
import json
from fnmatch import fnmatchcase
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from attrs import field, fields, frozen, validators

from exec_plugin.core.clock import SECOND
from exec_plugin.core.errors import ConfigError, RequestRejected, VenueError
from exec_plugin.endpoints import ENDPOINTS, SIGNED
from exec_plugin.protocol.limits import TooMany

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from exec_plugin.endpoints import Endpoint

#: What can go wrong, by who brings it about: the answer, the way, the event, the connection.
ANSWERS = ("timeout", "server_error", "clock", "too_many", "ban")
WAYS = ("latency", "drop")
EVENTS = ("event_lost", "event_twice")
DISCONNECT = "disconnect"
KINDS = (*ANSWERS, *WAYS, *EVENTS, DISCONNECT)

_TIMEOUT = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
_UNEXPECTED = "An unexpected response was received from the message bus. Execution status unknown."
_LATE = "Timestamp for this request is outside of the recvWindow."
_LEAST_SERVER_ERROR, _MOST_SERVER_ERROR = 500, 599
_GATEWAY_TIMEOUT, _UNAVAILABLE = 504, 503
#: Longer than any name; what it takes to prepare a pattern grows with the square of its length.
_PATTERN = validators.and_(validators.instance_of(str), validators.max_len(200))


@frozen
class Rule:
    """
    When something goes wrong, and what.

    Args:
        fault: what, one of ``KINDS``.
        method: of which requests, ``POST`` or a pattern such as ``P*``.
        path: the same by route or by name in the WebSocket API, ``/api/v3/order*`` or ``order.*``; of ``disconnect``,
            the WebSocket's, ``/ws-api/v3`` or ``/stream``.
        event: of which user-data events, such as ``executionReport``.
        probability: how often, from 0 to 1.
        after: how many that match are left alone first.
        count: how many at most; 0 for no end.
        executed: of ``timeout``, ``server_error`` and ``drop``, whether the request is carried out all the same.
        ms, max_ms: of ``latency`` how long, up to ``max_ms`` where that is more; of ``too_many`` how long to wait.
        status: of ``server_error``.
    """

    fault: str = field(validator=validators.in_(KINDS))
    method: str = field(default="*", validator=_PATTERN)
    path: str = field(default="*", validator=_PATTERN)
    event: str = field(default="*", validator=_PATTERN)
    probability: float = field(default=1.0, converter=float, validator=[validators.ge(0), validators.le(1)])
    after: int = field(default=0, validator=[validators.instance_of(int), validators.ge(0)])
    count: int = field(default=0, validator=[validators.instance_of(int), validators.ge(0)])
    executed: bool = field(default=False, validator=validators.instance_of(bool))
    ms: int = field(default=1000, validator=[validators.instance_of(int), validators.ge(0)])
    max_ms: int = field(default=0, validator=[validators.instance_of(int), validators.ge(0)])
    status: int = field(
        default=_UNAVAILABLE,
        validator=[validators.ge(_LEAST_SERVER_ERROR), validators.le(_MOST_SERVER_ERROR)],
    )

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Rule:
        """
        A rule from a table.

        Raises:
            ConfigError: for an unknown name, with the nearest known one, or a value out of range.
        """
        _check_names("a rule for faults", table, [attribute.name for attribute in fields(cls)])
        if "fault" not in table:
            msg = f"a rule needs fault=, one of {', '.join(KINDS)}"
            raise ConfigError(msg)
        try:
            return cls(**table)
        except (TypeError, ValueError) as error:
            msg = f"faults: {dict(table)!r}: {error.args[0]}"
            raise ConfigError(msg) from error


class Way(NamedTuple):
    """What happens to a request on its way: ms of delay, and whether the connection breaks before or after it."""

    delay: int = 0
    cut: bool = False
    executed: bool = False


class Fault(NamedTuple):
    """What to answer instead, and whether to carry the request out; a ban has no error of its own."""

    error: VenueError | None
    executed: bool


CLEAR = Way()
_BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS.values()}


class _Watch:
    """A rule and how often it was met."""

    __slots__ = ("fired", "met", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.met = self.fired = 0

    def strikes(self, rng: Random) -> bool:
        """Whether it acts this time; it matched."""
        rule = self.rule
        self.met += 1
        if self.met <= rule.after or (rule.count and self.fired >= rule.count):
            return False
        if rule.probability < 1 and rng.random() >= rule.probability:
            return False
        self.fired += 1
        return True


class Faults:
    """
    Rules at work; the first one that matches and strikes decides.

    Args:
        rules: in order.
        seed: of the chances; the same seed and requests meet the same faults.
    """

    def __init__(self, rules: Iterable[Rule], seed: int = 0) -> None:
        self._rng = Random(seed)
        self.rules = tuple(rules)
        self._watches = {kind: [_Watch(rule) for rule in self.rules if rule.fault in kind] for kind in _GROUPS}

    @classmethod
    def read(cls, table: Mapping[str, Any]) -> Faults:
        """
        Faults from ``{"seed": 1, "rules": [{"fault": "timeout", ...}]}``.

        Raises:
            ConfigError: for what cannot be used.
        """
        _check_names("faults", table, ("seed", "rules"))
        rules, seed = table.get("rules", ()), table.get("seed", 0)
        if not isinstance(rules, (list, tuple)) or not all(isinstance(rule, dict) for rule in rules):
            raise ConfigError("faults: rules is a list of tables such as {'fault': 'timeout'}")
        if not isinstance(seed, int):
            msg = f"faults: seed={seed!r} is a whole number"
            raise ConfigError(msg)
        return cls([Rule.read(rule) for rule in rules], seed)

    def answer(self, endpoint: Endpoint, now: int) -> Fault | None:
        """What to answer a request with instead of the truth."""
        for watch in self._watches[ANSWERS]:
            rule = watch.rule
            if _is_about(rule, endpoint) and watch.strikes(self._rng):
                return Fault(_error(rule, now), rule.executed)
        return None

    def way_of_request(self, method: str, target: str) -> Way:
        """What happens to a REST request on its way."""
        # not urlsplit, which refuses some texts: what cannot be split is no route either
        _, _, path = target.partition("?")[0].rpartition("//")
        endpoint = ENDPOINTS.get((method, path if path.startswith("/") else f"/{path.partition('/')[2]}"))
        return CLEAR if endpoint is None else self._way(endpoint)

    def way_of_frame(self, text: str) -> Way:
        """What happens to a frame of the WebSocket API on its way."""
        try:
            name = json.loads(text)["method"]
        except (KeyError, RecursionError, TypeError, ValueError):
            return CLEAR
        endpoint = _BY_NAME.get(str(name).removeprefix("v3/"))
        return CLEAR if endpoint is None else self._way(endpoint)

    def _way(self, endpoint: Endpoint) -> Way:
        delay, cut = 0, None
        for watch in self._watches[WAYS]:
            rule = watch.rule
            if not _is_about(rule, endpoint) or not watch.strikes(self._rng):
                continue
            if rule.fault == "latency":
                delay += self._rng.randint(rule.ms, max(rule.ms, rule.max_ms))
            elif cut is None:
                cut = rule
        return Way(delay, cut is not None, cut is not None and cut.executed)

    def copies(self, event: str) -> int:
        """How often to tell a user-data event."""
        for watch in self._watches[EVENTS]:
            if fnmatchcase(event, watch.rule.event) and watch.strikes(self._rng):
                return 0 if watch.rule.fault == "event_lost" else 2
        return 1

    def disconnects(self, path: str) -> bool:
        """Whether a WebSocket breaks now, instead of carrying one more frame to its client."""
        return any(
            fnmatchcase(path, watch.rule.path) and watch.strikes(self._rng) for watch in self._watches[(DISCONNECT,)]
        )


_GROUPS: tuple[Sequence[str], ...] = (ANSWERS, WAYS, EVENTS, (DISCONNECT,))


def _is_about(rule: Rule, endpoint: Endpoint) -> bool:
    if not fnmatchcase(endpoint.method, rule.method):
        return False
    if rule.fault == "clock" and endpoint.security != SIGNED:
        return False
    return fnmatchcase(endpoint.path, rule.path) or fnmatchcase(endpoint.name, rule.path)


def _error(rule: Rule, now: int) -> VenueError | None:
    if rule.fault == "ban":
        return None
    if rule.fault == "clock":
        return RequestRejected(-1021, _LATE)
    if rule.fault == "too_many":
        msg = "Too many requests queued."
        return TooMany(-1003, msg, -(-rule.ms // SECOND), now + rule.ms)
    error = VenueError(-1007, _TIMEOUT) if rule.fault == "timeout" else VenueError(-1006, _UNEXPECTED)
    error.status = _GATEWAY_TIMEOUT if rule.fault == "timeout" else rule.status
    return error


def _check_names(where: str, table: Mapping[str, Any], known: Sequence[str]) -> None:
    for name in table:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, 1)
            guess = f"did you mean {close[0]!r}? " if close else ""
            msg = f"{where}: unknown setting {name!r}; {guess}known are {', '.join(known)}"
            raise ConfigError(msg)
