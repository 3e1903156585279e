"""Public REST requests, patient with a host that is busy and obedient to its limits (rest-api.md, LIMITS)."""

from __future__ import annotations

import asyncio
import json
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping
    from random import Random

    from aiohttp import ClientResponse, ClientSession

logger = logging.getLogger(__name__)

#: Seconds for one answer, and requests that may be on their way at a time.
TIMEOUT, AT_ONCE = 10.0, 4
#: The least and the most seconds before something is tried again.
SOONEST, LATEST = 0.25, 60.0
#: Of the 6000 of a minute: from this weight on, the next minute is waited for.
WEIGHT = 4000
#: Seconds to wait when a refusal does not say how long.
LIMITED = 60.0
_MINUTE = 60.0
_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
_TEAPOT = 418
_FIRST_SERVER_ERROR = 500


class Refused(Exception):
    """A request that asking again will not help."""


class Backoff:
    """How long to wait before something is tried again: twice as long each time, and never quite as long as others."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._next = SOONEST

    def seconds(self) -> float:
        """The next wait."""
        longest = self._next
        self._next = min(2 * longest, LATEST)
        return longest * self._random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It went well for a while."""
        self._next = SOONEST


class Rest:
    """
    Asks one host, a few questions at a time.

    ``trouble`` is the last thing that went wrong; it is empty after an answer.
    """

    def __init__(self, session: ClientSession, url: str, random: Random) -> None:
        self._session = session
        self._url = url
        self._random = random
        self._places = asyncio.Semaphore(AT_ONCE)
        self._free_at = 0.0
        self.trouble = ""

    async def get(self, path: str, params: Mapping[str, str | int]) -> Any:
        """
        The JSON of a reply; what may pass by itself is waited for.

        Raises:
            Refused: when the host says no.
        """
        backoff = Backoff(self._random)
        loop = asyncio.get_running_loop()
        while True:
            async with self._places:
                await asyncio.sleep(max(self._free_at - loop.time(), 0))
                try:
                    found = await self._try(path, params)
                except (ClientError, TimeoutError, OSError) as error:
                    self.trouble = f"{self._url}: {type(error).__name__} {error}".rstrip()
                else:
                    if found is not None:
                        self.trouble = ""
                        return found
            await asyncio.sleep(backoff.seconds())

    async def _try(self, path: str, params: Mapping[str, str | int]) -> Any:
        """A reply, or None where it is worth asking again."""
        timeout = ClientTimeout(total=TIMEOUT)
        url = f"{self._url}/api/v3/{path}"
        async with self._session.get(url, params=params, timeout=timeout, allow_redirects=False) as response:
            text = await response.text(errors="replace")
            self._mind_limits(response)
            if response.status == HTTPStatus.OK:
                return _read(text, path)
            told = f"HTTP {response.status} {_reason(text)}".rstrip()
            self.trouble = f"{self._url}/api/v3/{path}: {told}"
            if response.status in {HTTPStatus.TOO_MANY_REQUESTS, _TEAPOT}:
                logger.warning("%s; nothing is asked for before that is over", self.trouble)
                return None
            if response.status >= _FIRST_SERVER_ERROR:
                return None
            raise Refused(told)

    def _mind_limits(self, response: ClientResponse) -> None:
        wait = 0.0
        if response.status in {HTTPStatus.TOO_MANY_REQUESTS, _TEAPOT}:
            wait = _seconds(response.headers.get("Retry-After", "")) or LIMITED
        elif _seconds(response.headers.get(_WEIGHT_HEADER, "")) >= WEIGHT:
            wait = _MINUTE
        self._free_at = max(self._free_at, asyncio.get_running_loop().time() + wait)


def _read(text: str, path: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"the reply to {path} is no JSON"
        raise Refused(msg) from error


def _reason(text: str) -> str:
    """Binance's own words in an error, where it says any."""
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    return f"{told.get('code', '')} {told.get('msg', '')}".strip() if isinstance(told, dict) else ""


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() else 0.0
