"""
How a cassette answers.

A program makes client order ids anew each time, and looks for them in the answers. So what a cassette answers speaks of
the ids that its requests bear now, not of those which they bore when it was recorded.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exec_plugin.cassettes.scrubbing import pairs_of, scrub_request

if TYPE_CHECKING:
    from vcr.cassette import Cassette


class Player:
    """
    Answers requests from a cassette, each recorded answer once and in its turn.

    Args:
        cassette: vcrpy's.
        repeats: when a request is made more often than it was recorded, its last answer is given again.
    """

    def __init__(self, cassette: Cassette, *, repeats: bool) -> None:
        self._cassette = cassette
        self._play = cassette.play_response
        self._repeats = repeats
        self._now: dict[str, str] = {}
        self._last: dict[tuple[str, str, bytes], Any] = {}
        # vcrpy asks whether there is an answer before it asks for it
        cassette.allow_playback_repeats = repeats
        cassette.play_response = self.answer

    def answer(self, request: Any) -> Any:
        """The answer to a request."""
        response = self._next(request)
        text = response["body"]["string"].decode()
        params = dict(pairs_of(urlsplit(request.uri).query) + pairs_of(request.body))
        self._learn(request.method, params, _table(text))
        for recorded, now in self._now.items():
            text = text.replace(json.dumps(recorded), json.dumps(now))
        return {**response, "body": {"string": text.encode()}}

    def _next(self, request: Any) -> Any:
        from vcr.errors import UnhandledHTTPRequestError

        asked = scrub_request(deepcopy(request))
        key = (asked.method, asked.uri, asked.body)
        # vcrpy's own repeats would give the first answer again and never a later one
        self._cassette.allow_playback_repeats = False
        try:
            self._last[key] = self._play(request)
        except UnhandledHTTPRequestError:
            if key not in self._last:
                raise
        finally:
            self._cassette.allow_playback_repeats = self._repeats
        return self._last[key]

    def _learn(self, method: str, params: dict[str, str], reply: dict[str, Any]) -> None:
        """Which id of the recording is which of now; an answer to a cancel has the order's under its other name."""
        for param, field in (
            ("newClientOrderId", "clientOrderId"),
            ("origClientOrderId", "origClientOrderId" if method == "DELETE" else "clientOrderId"),
        ):
            if param in params and field in reply:
                self._now[str(reply[field])] = params[param]


def _table(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
