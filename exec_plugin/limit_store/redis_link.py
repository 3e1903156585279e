"""The way to a budget's state in Redis: one script, one round trip, and never longer than a timeout."""

from __future__ import annotations

import time
from hashlib import sha1
from importlib import import_module
from os import getpid, urandom
from struct import Struct
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from attrs import frozen

from exec_plugin.core.errors import ConfigError, ExecPluginError
from exec_plugin.limit_store.base import CELLS, LAYOUT

if TYPE_CHECKING:
    from collections.abc import Callable

#: One changed cell on the wire: its index and its value.
CHANGE = Struct("<Hd")
ALL = Struct(f"<{CELLS}d")
#: So many of the newest changes are kept for those who missed them; who missed more gets all cells.
HISTORY = 64
#: Nothing is remembered for longer than the longest ban and the longest window: seconds until Redis forgets a budget.
KEPT = 7 * 86_400
#: How long everybody waits for one whose turn it is, in ms.
TURN = 20
#: A connection that was not used for so many seconds may have been closed by the other side.
IDLE = 1.0
#: What a budget's value begins with; anything else under its key is somebody else's.
HEAD = f"exec_plugin limits {LAYOUT} {CELLS}\n".encode()

# The value is HEAD, a count of changes in 16 digits, the newest change's random stamp of 8 bytes, and the cells. The
# count alone would not do: after a fail-over that lost changes, another history reaches the same count. Who lost
# against faster ones asks for a turn: until it has had it, or TURN ms have passed, nobody else writes.
SCRIPT = """
local head, who, turn, count, stamp, changes, fresh, whole = unpack(ARGV)
local size, time = #head, redis.call('TIME')
local seconds, micros = tonumber(time[1]), tonumber(time[2])
local found = redis.call('GETRANGE', KEYS[1], 0, size + 23)
if found == '' then
  if whole == '' then return {seconds, micros, 0, '', 'absent'} end
  redis.call('RPUSH', KEYS[2], fresh)
  redis.call('LTRIM', KEYS[2], -1, -1)
  redis.call('EXPIRE', KEYS[2], KEPT)
  redis.call('SET', KEYS[1], head .. string.format('%016d', 1) .. fresh .. whole, 'EX', KEPT)
  return {seconds, micros, 1, fresh, 'stands'}
end
if string.sub(found, 1, size) ~= head or redis.call('STRLEN', KEYS[1]) ~= size + 24 + 8 * CELLS then
  return redis.error_reply('FOREIGN it holds something else')
end
local version, newest = tonumber(string.sub(found, size + 1, size + 16)), string.sub(found, size + 17)
local known = tonumber(count)
local next_one = redis.call('GET', KEYS[3])
if turn == '1' and not next_one then
  redis.call('SET', KEYS[3], who, 'PX', TURN)
  next_one = who
end
if version == known and newest == stamp then
  if changes == '' then return {seconds, micros, version, newest, 'stands'} end
  if next_one and next_one ~= who then return {seconds, micros, version, newest, 'wait'} end
  if next_one then redis.call('DEL', KEYS[3]) end
  redis.call('RPUSH', KEYS[2], fresh .. changes)
  redis.call('LTRIM', KEYS[2], -HISTORY - 1, -1)
  redis.call('SETRANGE', KEYS[1], size, string.format('%016d', version + 1) .. fresh)
  for at = 1, #changes, 10 do
    local low, high = string.byte(changes, at, at + 1)
    redis.call('SETRANGE', KEYS[1], size + 24 + 8 * (low + 256 * high), string.sub(changes, at + 2, at + 9))
  end
  redis.call('EXPIRE', KEYS[1], KEPT)
  redis.call('EXPIRE', KEYS[2], KEPT)
  return {seconds, micros, version + 1, fresh, 'stands'}
end
local missed = version - known
if missed > 0 and missed <= HISTORY then
  local log = redis.call('LRANGE', KEYS[2], -missed - 1, -1)
  if #log == missed + 1 and string.sub(log[1], 1, 8) == stamp then
    return {seconds, micros, version, newest, 'missed', log}
  end
end
return {seconds, micros, version, newest, 'whole', redis.call('GETRANGE', KEYS[1], size + 24, -1)}
"""
for _name, _value in (("HISTORY", HISTORY), ("KEPT", KEPT), ("CELLS", CELLS), ("TURN", TURN)):
    SCRIPT = SCRIPT.replace(_name, str(_value))
# what Redis knows a script by
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Unreachable(ExecPluginError):
    """Redis did not answer as it should, or not in time."""


@frozen
class Settings:
    """
    A URL's own part of the settings.

    Args:
        url: what the redis package is given.
        machines: how many share the budget; without Redis each goes on with its share.
        timeout: the longest that connecting, and waiting for an answer, may each take, in seconds.
        hold: for how many seconds a machine keeps to its share when it is back and others spent meanwhile.
        prefix: what the keys begin with.
    """

    url: str
    machines: int = 2
    timeout: float = 0.05
    hold: float = 60.0
    prefix: str = "exec_plugin:limits"


def read_url(url: str) -> Settings:
    """
    Take our own settings out of a URL: ``redis://host:6379/0?machines=3``.

    Raises:
        ConfigError: for a setting that is unknown, or a value that cannot be.
    """
    parts = urlsplit(url)
    own: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    readers: dict[str, Callable[[str], Any]] = {
        "machines": _whole,
        "timeout": _positive,
        "hold": _seconds,
        "prefix": str,
    }
    for name, text in parse_qsl(parts.query, keep_blank_values=True):
        if name not in readers:
            if not name.startswith("ssl_") and name not in {"db", "username", "password"}:
                raise ConfigError(f"{name}={text}: a Redis URL takes {', '.join(readers)}, db and ssl_..., not {name}")
            others.append((name, text))
            continue
        try:
            own[name] = readers[name](text)
        except ValueError as error:
            raise ConfigError(f"{name}={text} in a Redis URL {error}") from error
    return Settings(urlunsplit(parts._replace(query=urlencode(others))), **own)


def _whole(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise ValueError("must be a whole number of at least 1")
    return int(text)


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number < float("inf"):
        raise ValueError("must be a number of seconds of at least 0")
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError("must be a number of seconds above 0")
    return number


class Reply(NamedTuple):
    """
    What the script answers.

    Args:
        there: Redis's time, heard between ``asked`` and ``heard`` of the monotonic clock.
        number, stamp: the newest version.
        kind: "stands" (written, or nothing to write), "missed" or "whole" (others were faster), "wait" (for one whose
            turn it is), or "absent".
        payload: for "missed" the changes from the known version on, for "whole" all cells.
    """

    asked: float
    heard: float
    there: float
    number: int
    stamp: bytes
    kind: bytes
    payload: Any = None


class Link:
    """
    A connection to the state of one budget, for one thread at a time; it reconnects by itself.

    Raises:
        ConfigError: without the redis package, or for a URL that is none.
    """

    def __init__(self, settings: Settings, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        redis = _package()
        self._errors = redis.exceptions
        self._monotonic = monotonic
        # the braces keep all on one node of a cluster
        key = f"{{{settings.prefix}:{name}}}"
        self.keys = (key, f"{key}:log", f"{key}:turn")
        self._who = urandom(8)
        retry = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
        limits = {"socket_timeout": settings.timeout, "socket_connect_timeout": settings.timeout}
        try:
            # by default the package tries again for seconds
            self._pool = redis.ConnectionPool.from_url(settings.url, retry=retry, protocol=2, **limits)
            # taking it from the pool, and a client around it, would cost a third of a round trip each time
            self._connection = self._pool.make_connection()
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{masked(settings.url)} is no Redis URL: {error}") from error
        self._timeout = settings.timeout
        self._process, self._used, self._ready = 0, 0.0, False

    def exchange(
        self, number: int, stamp: bytes, changes: bytes, fresh: bytes, whole: bytes = b"", *, turn: bool = False
    ) -> Reply:
        """
        Send changes to a version, and hear whether it stood.

        Raises:
            ConfigError: when this will not work later either: the key holds something else, or the password is wrong.
            Unreachable: when there is no answer, or not the expected one.
        """
        given = (len(self.keys), *self.keys, HEAD, self._who, int(turn), number, stamp, changes, fresh, whole)
        asked = self._monotonic()
        ready, self._ready = self._refresh(asked), False
        try:
            if not ready:
                self._connect()
            try:
                seconds, micros, *rest = self._call("EVALSHA", SHA, *given)
            except self._errors.NoScriptError:
                seconds, micros, *rest = self._call("EVAL", SCRIPT, *given)
        except (self._errors.AuthenticationError, self._errors.NoPermissionError) as error:
            raise ConfigError(f"Redis refuses this user or password: {error}") from error
        except self._errors.ResponseError as error:
            raise self._refusal(error) from error
        except self._errors.RedisError as error:
            raise Unreachable(str(error)) from error
        self._ready = True
        self._used = heard = self._monotonic()
        return Reply(asked, heard, seconds + micros / 1e6, *rest)

    def close(self) -> None:
        """Close the connection."""
        self._connection.disconnect()

    def _connect(self) -> None:
        """Connect, or give it up in time: to find a host's address may take the system many seconds."""
        connection, failures = self._connection, []

        def connect() -> None:
            try:
                connection.connect()
            except (self._errors.RedisError, OSError, ValueError) as error:
                failures.append(error)

        thread = Thread(target=connect, name="exec_plugin-redis-connect", daemon=True)
        thread.start()
        thread.join(2 * self._timeout)
        if thread.is_alive():
            self._connection = self._pool.make_connection()
            raise Unreachable(f"connecting takes longer than {2 * self._timeout:g} s")
        for error in failures:
            raise error if isinstance(error, self._errors.RedisError) else Unreachable(str(error))

    def _refresh(self, now: float) -> bool:
        """
        Whether there is a connection that can be used.

        One that belongs to the process this one was forked from, or that was closed long ago, is given up.
        """
        if getpid() != self._process:
            self._connection.disconnect()
            self._process = getpid()
            return False
        if now - self._used > IDLE:
            try:
                stale = self._connection.can_read(0)
            except self._errors.ConnectionError:
                stale = True
            if stale:
                self._connection.disconnect()
                return False
        return self._ready

    def _call(self, *words: Any) -> Any:
        self._connection.send_command(*words, check_health=False)
        return self._connection.read_response()

    def _refusal(self, error: Exception) -> ExecPluginError:
        text = str(error)
        if text.startswith(("FOREIGN", "WRONGTYPE")):
            return ConfigError(
                f"the key {self.keys[0]!r} in Redis holds something else; delete it, or name another with ?prefix=..."
            )
        return Unreachable(text)


def _package() -> Any:
    try:
        return import_module("redis")
    except ImportError as error:
        raise ConfigError("a redis:// store needs the redis package: pip install 'exec-plugin[redis]'") from error


def masked(url: str) -> str:
    """A URL without user and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
