"""One call of the client's with all that it takes: its time budget, its tries and its waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.binance.session import Session


class Errand:
    """The client as one call sees it, which has ``begun`` at a moment of the client's clock."""

    def __init__(self, client: Session, begun: float) -> None:
        config = client.config
        self._client = client
        self.recv_window = config.recv_window / 1000
        self.max_retries = config.max_retries
        self.time = client.wire.time
        self.now = client.wire.now
        self.backoff = client._calculate_retry_delay
        self._end = begun + config.retry_budget

    def left(self) -> float:
        """Seconds of the budget that are left."""
        return self._end - self._client.clock()

    async def send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        """One request."""
        return await self._client._make_request_single(method, endpoint, params)

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await self._client.sleep(seconds)
