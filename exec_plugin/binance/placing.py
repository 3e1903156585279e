"""
Orders that are placed exactly once.

Whatever goes wrong on the way, an order is known by the client id that it carries. When no certain answer comes, the
exchange is asked for that id until the answer is certain: the order is found, or it is not found at a time at which the
exchange can no longer accept the request, its ``recvWindow`` being over by the server's own clock. Only then is it sent
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from exec_plugin.binance.errors import (
    BinanceError,
    BinanceOrderError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceUnknownOrderState,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exec_plugin.binance.clock import ServerTime

ORDER = "/api/v3/order"
#: How often an order must not be found, once it can no longer come: reads may lag behind the matching engine.
LOOKS = 2
#: Seconds between two looks at an order.
PAUSE = 0.25
_DUPLICATE = "Duplicate order"
_CANCELED = "CANCELED"


class Desk(Protocol):
    """What placing needs of a client."""

    recv_window: float
    max_retries: int
    time: ServerTime

    def now(self) -> float:
        """The clock that timestamps are made from, in seconds."""

    def left(self) -> float:
        """Seconds of this errand's budget that are left."""

    async def send(self, method: str, endpoint: str, params: Mapping[str, Any]) -> Any:
        """One request."""

    async def pause(self, seconds: float) -> None:
        """Wait."""

    def backoff(self, attempt: int) -> float:
        """Seconds to wait before sending again."""


async def place(desk: Desk, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Place an order and answer what the exchange says of it.

    Args:
        desk: for the length of this errand.
        params: of New order, with ``newClientOrderId``.

    Raises:
        BinanceUnknownOrderState: when nothing certain could be found out in time.
        BinanceError: the order does not exist, and why.
    """
    attempt, since = 0, desk.time.earliest(desk.now())
    while True:
        try:
            return await _answer(desk, "POST", params)
        except BinanceError as error:
            # a second one is refused because the first was accepted after all
            again = attempt and _DUPLICATE in error.message
            if not error.outcome_unknown and not again:
                raise
            failure = error
        found = await find(desk, params["symbol"], params["newClientOrderId"], since)
        if found is not None:
            return found
        if attempt >= desk.max_retries or desk.left() <= 0:
            failure.outcome_unknown = False
            failure.args = (f"the order was not placed: {failure.message}",)
            raise failure
        await desk.pause(min(desk.backoff(attempt), max(desk.left(), 0.0)))
        attempt += 1


async def _answer(desk: Desk, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = await desk.send(method, ORDER, params)
    return reply


async def find(desk: Desk, symbol: str, client_order_id: str, since: float) -> Mapping[str, Any] | None:
    """
    Look for an order that may have been sent until now; None when it does not exist and no longer can.

    ``since`` is the server's time in seconds before which it was not sent: an older one of the same id is another.

    Raises:
        BinanceUnknownOrderState: when nothing certain could be found out in time.
    """
    until = desk.time.latest(desk.now()) + desk.recv_window
    missed = 0
    while True:
        over = desk.time.earliest(desk.now()) > until
        found = await _look(desk, symbol, client_order_id)
        if found is not None and found is not _MISSING and found.get("time", 0) >= int(since * 1000):
            return found
        if found is not None:
            missed += over
        if missed >= LOOKS:
            return None
        if desk.left() <= 0:
            msg = (
                f"whether order {client_order_id!r} on {symbol} exists is not known; "
                f"resolve_order({symbol!r}, {client_order_id!r}) tells once the exchange answers"
            )
            raise BinanceUnknownOrderState(msg, symbol, client_order_id)
        await desk.pause(_until_next_look(desk, until, over=over))


def _until_next_look(desk: Desk, until: float, *, over: bool) -> float:
    """Soon after sending the order is most likely to show; the last look is when it can no longer come."""
    if over:
        return PAUSE
    return max(min(until - desk.time.earliest(desk.now()) + PAUSE / 10, 4 * PAUSE), PAUSE / 10)


_MISSING: Mapping[str, Any] = {}


async def _look(desk: Desk, symbol: str, client_order_id: str) -> Mapping[str, Any] | None:
    """The order, ``_MISSING`` when the exchange says that there is none, None when it does not say."""
    try:
        found: Mapping[str, Any] = await desk.send("GET", ORDER, _by_client_id(symbol, client_order_id))
    except BinanceOrderNotFoundError:
        return _MISSING
    except BinanceRateLimitError as error:
        await desk.pause(min(error.retry_after or PAUSE, max(desk.left(), 0.0)))
        return None
    except BinanceError as error:
        if not error.outcome_unknown:
            # it says something, but nothing about the order
            raise
        return None
    return found


def _by_client_id(symbol: str, client_order_id: str) -> dict[str, Any]:
    return {"symbol": symbol, "origClientOrderId": client_order_id}


async def cancel(desk: Desk, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Cancel an order and answer what the exchange says of it.

    Sending it again is safe; that there is nothing left to cancel is then explained by a look at the order.

    Raises:
        BinanceOrderNotFoundError: there is no such order.
        BinanceOrderError: it ended otherwise.
        BinanceUnknownOrderState: when nothing certain could be found out in time.
    """
    which = {name: params[name] for name in ("symbol", "orderId", "origClientOrderId") if name in params}
    attempt = 0
    while True:
        try:
            return await _answer(desk, "DELETE", params)
        except BinanceOrderNotFoundError:
            if not attempt:
                raise
            return await _cancelled(desk, which)
        except BinanceError as error:
            if not error.outcome_unknown:
                raise
            if attempt >= desk.max_retries or desk.left() <= 0:
                name = str(params.get("origClientOrderId", params.get("orderId")))
                msg = (
                    f"whether order {name} on {params['symbol']} was cancelled is not known: look at it with get_order"
                )
                raise BinanceUnknownOrderState(msg, params["symbol"], name) from error
        await desk.pause(min(desk.backoff(attempt), max(desk.left(), 0.0)))
        attempt += 1


async def _cancelled(desk: Desk, which: Mapping[str, Any]) -> Mapping[str, Any]:
    """The order that an earlier try has cancelled, as the answer to it would have shown it."""
    order: Mapping[str, Any] = await desk.send("GET", ORDER, which)
    if order["status"] != _CANCELED:
        msg = f"order {order['orderId']} was not cancelled: it is {order['status']}"
        raise BinanceOrderError(msg, response=order)
    return {**order, "origClientOrderId": order["clientOrderId"]}
