"""
Orders that are placed exactly once.

Whatever goes wrong on the way, an order is known by the client id that it carries. When no certain answer comes, the
exchange is asked for that id until the answer is certain: the order is found, or it is not found at a time at which the
exchange can no longer accept the request, its timestamp and ``recvWindow`` being over by the server's own clock
(rest-api.md, Timing security). Only then is it sent again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from exec_plugin.binance.errors import (
    BinanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceOrderError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceTimestampError,
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
#: Seconds that a timestamp may be ahead of the server's clock and still be accepted.
AHEAD = 1.0
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


class Sought(NamedTuple):
    """
    An order that may exist.

    ``since`` is the server's time in seconds before which it was not sent: an older one of the same id is another.
    ``until`` is the server's time after which the exchange no longer accepts it. ``params`` are what was sent.
    """

    symbol: str
    client_order_id: str
    since: float
    until: float
    params: Mapping[str, Any] = {}


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
    attempt, since, until = 0, desk.time.earliest(desk.now()), 0.0
    while True:
        try:
            return _about(await desk.send("POST", ORDER, params), "clientOrderId", params["newClientOrderId"])
        except BinanceError as error:
            # one is refused because another was accepted: an earlier one of ours, or the same one delivered twice
            again = _DUPLICATE in error.message
            if not error.outcome_unknown and not again:
                raise
            failure = error
        window = float(params.get("recvWindow", desk.recv_window * 1000)) / 1000
        until = max(until, _last_moment(desk, failure, window)) if failure.outcome_unknown else until
        sought = Sought(params["symbol"], params["newClientOrderId"], since, until, params)
        found = await find(desk, sought)
        if found is not None:
            return found
        if again or attempt >= desk.max_retries or desk.left() <= 0:
            raise _not_placed(failure)
        await desk.pause(min(desk.backoff(attempt), max(desk.left(), 0.0)))
        attempt += 1


def _last_moment(desk: Desk, failure: BinanceError, window: float) -> float:
    """The server's time after which a request cannot be accepted any more."""
    if failure.timestamp is not None:
        return failure.timestamp / 1000 + window
    return last_moment(desk, window)


def last_moment(desk: Desk, window: float) -> float:
    """The same for a request of which only is known that it was sent before now."""
    return desk.time.latest(desk.now()) + AHEAD + window


def _not_placed(failure: BinanceError) -> BinanceError:
    """What went wrong with an order that does not exist for certain."""
    failure.outcome_unknown = False
    failure.message = f"the order was not placed: {failure.message}"
    failure.args = (failure.message,)
    return failure


def _about(reply: Any, name: str, value: str) -> Mapping[str, Any]:
    """
    A reply, if it is about the order that was asked for.

    Raises:
        BinanceNetworkError: it is another request's, or not the exchange's at all.
    """
    if isinstance(reply, dict) and "orderId" in reply and str(reply.get(name)) == value:
        return reply
    error = BinanceNetworkError("the answer was not about this order")
    error.outcome_unknown = True
    raise error


async def find(desk: Desk, sought: Sought) -> Mapping[str, Any] | None:
    """
    Look for an order that may have been sent until now; None when it does not exist and no longer can.

    Raises:
        BinanceUnknownOrderState: when nothing certain could be found out in time.
    """
    missed = 0
    while True:
        asked = desk.now()
        found = await _look(desk, sought)
        # by what is known of the clocks now that an answer came: it tells of a local clock that was set meanwhile
        moment = desk.time.earliest(desk.now()) - max(desk.now() - asked, 0.0)
        over = moment > sought.until
        if found is not None:
            if _is_it(found, sought):
                return found
            missed += over
        if missed >= LOOKS:
            return None
        if desk.left() <= 0:
            raise _unknown(sought)
        await desk.pause(_until_next_look(moment, sought.until, over=over))


def _unknown(sought: Sought) -> BinanceUnknownOrderState:
    symbol, name = sought.symbol, sought.client_order_id
    return BinanceUnknownOrderState(
        f"whether order {name!r} on {symbol} exists is not known; "
        f"resolve_order({symbol!r}, {name!r}) tells once the exchange answers",
        symbol,
        name,
    )


def _is_it(found: Mapping[str, Any], sought: Sought) -> bool:
    """Whether an order of the id is the one that was sent."""
    if found is _MISSING or found.get("time", 0) < int(sought.since * 1000):
        return False
    params = sought.params
    return all(name not in params or found.get(name) == params[name] for name in ("side", "type")) and (
        "quantity" not in params or Decimal(found.get("origQty", 0)) == Decimal(params["quantity"])
    )


def _until_next_look(moment: float, until: float, *, over: bool) -> float:
    """Soon after sending the order is most likely to show; the last look is when it can no longer come."""
    if over:
        return PAUSE
    return max(min(until - moment + PAUSE / 10, 4 * PAUSE), PAUSE / 10)


_MISSING: Mapping[str, Any] = {}


async def _look(desk: Desk, sought: Sought) -> Mapping[str, Any] | None:
    """
    The order, ``_MISSING`` when the exchange says that there is none, None when it does not say.

    Raises:
        BinanceUnknownOrderState: asking again would not help.
    """
    name = sought.client_order_id
    try:
        return _about(
            await desk.send("GET", ORDER, {"symbol": sought.symbol, "origClientOrderId": name}), "clientOrderId", name
        )
    except BinanceOrderNotFoundError:
        return _MISSING
    except BinanceRateLimitError as error:
        wait = PAUSE if error.retry_after is None else error.retry_after
        if wait > desk.left():
            raise _unknown(sought) from error
        await desk.pause(wait)
    except (BinanceNetworkError, BinanceMaintenanceError, BinanceTimestampError):
        pass
    except BinanceError as error:
        if not error.outcome_unknown:
            # it says something, but nothing about the order
            raise _unknown(sought) from error
    return None


async def cancel(desk: Desk, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Cancel an order and answer what the exchange says of it.

    Sending it again is safe; that there is nothing left to cancel is then explained by a look at the order.

    Raises:
        BinanceOrderNotFoundError: there is no such order.
        BinanceOrderError: it ended otherwise.
        BinanceUnknownOrderState: when nothing certain could be found out in time.
    """
    attempt, is_unknown = 0, False
    while True:
        try:
            return _about_one(await desk.send("DELETE", ORDER, params), params)
        except BinanceRateLimitError as error:
            if is_unknown:
                raise _maybe_cancelled(params) from error
            raise
        except BinanceOrderNotFoundError:
            if not is_unknown:
                raise
            return await _cancelled(desk, params)
        except BinanceError as error:
            if not error.outcome_unknown:
                if is_unknown:
                    raise _maybe_cancelled(params) from error
                raise
            is_unknown = True
            if attempt >= desk.max_retries or desk.left() <= 0:
                return await _cancelled(desk, params, error)
        await desk.pause(min(desk.backoff(attempt), max(desk.left(), 0.0)))
        attempt += 1


def _about_one(reply: Any, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The reply to a cancel; of an order list, that of the leg which was named."""
    if isinstance(reply, dict) and "orderReports" in reply:
        for report in reply["orderReports"]:
            if _names(report, params):
                return {**reply, **report}
    if isinstance(reply, dict) and _names(reply, params):
        return reply
    error = BinanceNetworkError("the answer was not about this order")
    error.outcome_unknown = True
    raise error


def _names(reply: Mapping[str, Any], params: Mapping[str, Any]) -> bool:
    return all(str(reply.get(name)) == str(params[name]) for name in ("orderId", "origClientOrderId") if name in params)


def _maybe_cancelled(params: Mapping[str, Any]) -> BinanceUnknownOrderState:
    name = str(params.get("origClientOrderId", params.get("orderId")))
    msg = f"whether order {name} on {params['symbol']} was cancelled is not known: look at it with get_order"
    return BinanceUnknownOrderState(msg, params["symbol"], name)


async def _cancelled(desk: Desk, params: Mapping[str, Any], last: BinanceError | None = None) -> Mapping[str, Any]:
    """
    The order that an earlier try has cancelled, as the answer to it would have shown it.

    ``last`` is set where that try may still arrive.
    """
    which = {name: params[name] for name in ("symbol", "orderId", "origClientOrderId") if name in params}
    order = await _seen(desk, which, params)
    if order["status"] == _CANCELED:
        return {**order, "origClientOrderId": order["clientOrderId"]}
    if order["status"] in ("NEW", "PARTIALLY_FILLED", "PENDING_NEW"):
        raise _maybe_cancelled(params) from last
    msg = f"order {order['orderId']} was not cancelled: it is {order['status']}"
    raise BinanceOrderError(msg, response=order)


async def _seen(desk: Desk, which: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The order as the exchange shows it."""
    asked = {"orderId": "orderId", "origClientOrderId": "clientOrderId"}
    while True:
        try:
            reply = await desk.send("GET", ORDER, which)
        except BinanceOrderNotFoundError:
            raise
        except BinanceError as error:
            is_silent = error.outcome_unknown or isinstance(error, BinanceMaintenanceError)
            if not is_silent or desk.left() <= 0:
                raise _maybe_cancelled(params) from error
        else:
            named = {asked[name]: value for name, value in which.items() if name in asked}
            if isinstance(reply, dict) and all(str(reply.get(name)) == str(value) for name, value in named.items()):
                return reply
            if desk.left() <= 0:
                raise _maybe_cancelled(params)
        await desk.pause(PAUSE)
