"""The access log, at DEBUG: who asked what and what came of it; keys masked, signatures veiled, no bodies."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from exec_plugin.config.showing import mask_api_key, veiled

if TYPE_CHECKING:
    from exec_plugin.server.lane import Plain

_log = logging.getLogger(__name__)


def log_request(peer: str, plain: Plain, status: int, seconds: float) -> None:
    """A REST request was answered."""
    if _log.isEnabledFor(logging.DEBUG):
        told = {
            "peer": peer,
            "method": plain.method,
            "target": veiled(plain.target),
            "key": mask_api_key(plain.headers.get("x-mbx-apikey")),
            "status": status,
            "ms": round(seconds * 1000, 3),
        }
        _log.debug("%(peer)s %(method)s %(target)s key %(key)s: %(status)d in %(ms).3f ms", told, extra={"told": told})


def log_frame(peer: str, name: str, status: int, seconds: float) -> None:
    """A request of the WebSocket API was answered."""
    if _log.isEnabledFor(logging.DEBUG):
        told = {"peer": peer, "method": "WS", "target": name, "status": status, "ms": round(seconds * 1000, 3)}
        _log.debug("%(peer)s %(method)s %(target)s: %(status)d in %(ms).3f ms", told, extra={"told": told})
