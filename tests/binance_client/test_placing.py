"""Placing, cancelling and finding over any sequence of outcomes: once at most, and what is told is true."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exec_plugin.binance import (
    BinanceAuthError,
    BinanceError,
    BinanceMaintenanceError,
    BinanceNetworkError,
    BinanceOrderError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceUnknownOrderState,
    placing,
)

RECV, NAME = 5.0, "mine"
PARAMS = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1", "newClientOrderId": NAME}
WHICH = {"symbol": "BTCUSDT", "origClientOrderId": NAME}


class Exact:
    """A clock that is known exactly."""

    earliest = latest = staticmethod(lambda now: now)


class FakeDesk:
    """
    An exchange whose orders fill at once, so that it would take the same client id again, and a bad line to it.

    Args:
        outcomes: of the requests in turn; when they are used up, all is well.
    """

    time = Exact()
    recv_window = RECV

    def __init__(self, outcomes=(), budget=30.0, retries=3):
        self.outcomes, self.moment, self.end, self.max_retries = list(outcomes), 1000.0, 1000.0 + budget, retries
        self.orders: list[dict] = []
        self.late: list[tuple[float, float, str]] = []
        self.asked: list[str] = []

    def now(self):
        return self.moment

    def left(self):
        return self.end - self.moment

    def backoff(self, attempt):
        return 0.5 * 2**attempt

    async def pause(self, seconds):
        assert seconds >= 0
        self.pass_time(seconds)

    def pass_time(self, seconds):
        self.moment += seconds
        for due, stamp, method in sorted(self.late):
            if due <= self.moment:
                self.late.remove((due, stamp, method))
                self.take(method, stamp, due)

    def take(self, method, stamp, moment):
        """What the exchange does with a request that has come; the answer, or an error."""
        if moment - stamp > RECV:
            return BinanceError("-1021")
        if method == "POST":
            self.orders.append({
                "orderId": len(self.orders) + 1, "clientOrderId": NAME, "status": "FILLED", "time": int(moment * 1000),
                "side": "BUY", "type": "MARKET", "origQty": "1.00000000",
            })  # fmt: skip
            return self.orders[-1]
        if method == "DELETE":
            if not self.orders or self.orders[0]["status"] != "NEW":
                return BinanceOrderNotFoundError("-2011: Unknown order sent.")
            self.orders[0] = {**self.orders[0], "status": "CANCELED"}
            return {**self.orders[0], "origClientOrderId": NAME, "clientOrderId": "cancel"}
        return self.orders[-1] if self.orders else BinanceOrderNotFoundError("-2013: Order does not exist.")

    async def send(self, method, endpoint, params):
        assert endpoint == placing.ORDER
        self.asked.append(method)
        what = self.outcomes.pop(0) if self.outcomes else "fine"
        stamp = self.moment
        self.pass_time(0.01)
        if what == "fine":
            answer = self.take(method, stamp, self.moment)
        elif what == "refused":
            answer = BinanceOrderError("-2010: no")
        elif what == "limit":
            answer = BinanceRateLimitError("429", retry_after=2.0)
        elif what == "other":
            answer = {"orderId": 99, "clientOrderId": "another", "origClientOrderId": "another", "status": "NEW"}
        else:
            answer = self.silence(what, method, stamp)
        if isinstance(answer, BinanceError):
            raise answer
        return answer

    def silence(self, what, method, stamp):
        kind, _, how = what.partition(" ")
        if how == "done":
            self.take(method, stamp, self.moment)
        elif how:
            self.late.append((self.moment + float(how), stamp, method))
        if kind == "timeout":
            self.pass_time(2.0)
        error = (BinanceMaintenanceError if kind == "503" else BinanceNetworkError)(kind)
        error.outcome_unknown, error.timestamp = True, int(stamp * 1000)
        return error


OUTCOMES = st.lists(
    st.one_of(
        st.sampled_from(["fine", "refused", "limit", "other", "lost", "lost done", "timeout done", "503", "503 done"]),
        st.builds(
            lambda kind, wait: f"{kind} {wait:.2f}", st.sampled_from(["lost", "timeout", "503"]), st.floats(0, 8)
        ),
    ),
    max_size=25,
)


@given(OUTCOMES, st.sampled_from([3.0, 10.0, 60.0]), st.integers(0, 5))
@example(["lost 4.99", "fine"], 60.0, 3)
@example(["timeout 4.99", "503", "lost"], 10.0, 3)
@example(["lost", "lost 0.6", "fine"], 60.0, 3)
def test_place(outcomes, budget, retries):
    """However answers fail, an order is executed at most once, and what is told is what happened."""
    desk = FakeDesk(outcomes, budget, retries)
    try:
        order = asyncio.run(placing.place(desk, PARAMS))
    except BinanceUnknownOrderState:
        # only for want of time, or of leave to ask
        assert desk.left() <= 2.0 or "refused" in outcomes
        desk.pass_time(100)
    except BinanceError:
        desk.pass_time(100)
        assert not desk.orders
    else:
        desk.pass_time(100)
        assert [order] == desk.orders
    assert len(desk.orders) <= 1


@given(OUTCOMES, st.sampled_from(["NEW", "FILLED", None]), st.sampled_from([3.0, 60.0]))
@example(["lost done"], "NEW", 60.0)
@example(["lost", "lost", "lost", "lost", "fine"], "FILLED", 60.0)
def test_cancel(outcomes, status, budget):
    """A cancel tells that the order is cancelled when it is, and never when it is not."""
    desk = FakeDesk(outcomes, budget)
    if status:
        desk.orders.append({"orderId": 1, "clientOrderId": NAME, "status": status, "time": 1})
    try:
        reply = asyncio.run(placing.cancel(desk, WHICH))
    except BinanceUnknownOrderState:
        assert desk.asked
    except BinanceError:
        # the canned refusal stands for whatever the exchange says for certain
        assert status != "NEW" or desk.orders[0]["status"] == "NEW" or "refused" in outcomes
    else:
        assert reply["status"] == "CANCELED"
        assert desk.orders[0]["status"] == "CANCELED"


def place(outcomes, **settings):
    """One order, and the desk that it went over."""
    desk = FakeDesk(outcomes, **settings)
    return desk, asyncio.run(placing.place(desk, PARAMS))


def test_found():
    """An order whose answer got lost is found and not sent again."""
    desk, order = place(["lost done"])
    assert order["orderId"] == 1
    assert desk.asked == ["POST", "GET"]


def test_waits_for_the_window():
    """An order that is not there is sent again only when the first can no longer come."""
    desk, _ = place(["lost 4.9"])
    assert desk.asked.count("POST") == 1
    desk, _ = place(["lost 5.1"])
    assert desk.asked.count("POST") == 2
    assert desk.moment > 1000 + RECV


def test_refused():
    """A certain refusal is told at once."""
    desk = FakeDesk(["refused"])
    with pytest.raises(BinanceOrderError, match="-2010"):
        asyncio.run(placing.place(desk, PARAMS))
    assert desk.asked == ["POST"]


def test_not_placed():
    """When all tries have failed for certain, the error says that nothing was placed."""
    desk = FakeDesk(["lost", *["fine"] * 0], retries=0)
    with pytest.raises(BinanceNetworkError, match="the order was not placed") as caught:
        asyncio.run(placing.place(desk, PARAMS))
    assert not caught.value.outcome_unknown


def test_older_order():
    """An order of the same id from before is another one."""
    desk = FakeDesk(["lost"], retries=0)
    desk.orders.append({"orderId": 7, "clientOrderId": NAME, "time": 999_000, "side": "BUY", "type": "MARKET"})
    with pytest.raises(BinanceNetworkError, match="not placed"):
        asyncio.run(placing.place(desk, PARAMS))


@pytest.mark.parametrize("other", [{"side": "SELL"}, {"type": "LIMIT"}, {"origQty": "2"}])
def test_other_order(other):
    """An order of the same id that asks for something else is another one."""
    desk = FakeDesk(["lost"], retries=0)
    ours = {"orderId": 7, "clientOrderId": NAME, "time": 1_000_100, "side": "BUY", "type": "MARKET", "origQty": "1"}
    desk.orders.append(ours | other)
    with pytest.raises(BinanceNetworkError, match="not placed"):
        asyncio.run(placing.place(desk, PARAMS))


def test_duplicate():
    """That an id is in use is told at once when the open order is an older one, and the order when it is this one."""

    class Twice(FakeDesk):
        async def send(self, method, endpoint, params):
            if method != "POST":
                return await super().send(method, endpoint, params)
            self.asked.append(method)
            if self.is_ours:
                self.take("POST", self.moment, self.moment)
            raise BinanceOrderError("-2010: Duplicate order sent.")

    desk = Twice()
    desk.is_ours = True
    assert asyncio.run(placing.place(desk, PARAMS))["orderId"] == 1
    desk = Twice()
    desk.is_ours = False
    desk.orders.append({"orderId": 7, "clientOrderId": NAME, "time": 1, "side": "BUY", "type": "MARKET"})
    with pytest.raises(BinanceOrderError, match="Duplicate order sent"):
        asyncio.run(placing.place(desk, PARAMS))
    assert desk.left() > 25


def test_limit_while_looking():
    """A limit that lasts longer than the budget leaves the state unknown, with the id, and no request more."""
    desk = FakeDesk(["lost", "limit", "fine"], budget=1.5)
    with pytest.raises(BinanceUnknownOrderState, match="resolve_order") as caught:
        asyncio.run(placing.place(desk, PARAMS))
    assert caught.value.client_order_id == NAME
    assert desk.asked == ["POST", "GET"]


def test_forbidden_while_looking():
    """A key that may not look leaves the state unknown at once; why is the cause."""

    class Forbidden(FakeDesk):
        async def send(self, method, endpoint, params):
            if method == "GET":
                raise BinanceAuthError("-2015")
            return await super().send(method, endpoint, params)

    desk = Forbidden(["lost done"])
    with pytest.raises(BinanceUnknownOrderState) as caught:
        asyncio.run(placing.place(desk, PARAMS))
    assert isinstance(caught.value.__cause__, BinanceAuthError)


def test_own_window():
    """An order with a recvWindow of its own is waited for as long."""
    desk = FakeDesk(["lost", "fine"])
    asyncio.run(placing.place(desk, PARAMS | {"recvWindow": 9000}))
    assert desk.moment > 1009


def test_cancel_of_a_leg():
    """A leg of an order list is cancelled with its list; the reply is that leg's, with the list's beside."""

    class List(FakeDesk):
        async def send(self, method, endpoint, params):
            legs = [{"orderId": 1, "status": "CANCELED"}, {"orderId": 2, "status": "CANCELED"}]
            return {"orderListId": 5, "orderReports": legs}

    reply = asyncio.run(placing.cancel(List(), {"symbol": "BTCUSDT", "orderId": 2}))
    assert (reply["orderId"], reply["status"], reply["orderListId"]) == (2, "CANCELED", 5)
