from email.utils import formatdate

import pytest

from exec_plugin.limit_store import MemoryStore
from exec_plugin.rate_limit import AdaptiveRateLimiter
from rate_limit.counting import MINUTE, Server
from rate_limit.virtual import Clock


def make(second=30.0, store=None, wall_error=0.0, account="default"):
    """A member of a budget, and the server."""
    clock = store.now if store else Clock(1_000.0)
    server = Server(clock, second)
    limiter = AdaptiveRateLimiter(
        store=store or MemoryStore(clock),
        clock=lambda: server.now + wall_error,
        monotonic=clock,
        account=account,
    )
    return limiter, server


def ask(limiter, weight=1, orders=0, kind="order"):
    """A reservation if it can be had at once."""
    reservation = limiter._reservation(weight, orders, "", kind)
    return reservation if limiter._at_once(reservation) else None


def trip(limiter, server, weight=1, orders=0, kind="order"):
    """Send a request and settle its answer 50 ms later."""
    reservation = ask(limiter, weight, orders, kind)
    assert reservation, "the request may not leave"
    server.clock.now += 0.025
    status, headers = server.answer(weight, orders)
    server.clock.now += 0.025
    limiter.settle(reservation, status, headers)
    return status


def weight(limiter):
    """The window of weight."""
    return limiter.get_status()["buckets"]["weight"]


def test_counter():
    """The exchange's counter is what is used."""
    limiter, server = make()
    server.spend(5_500)
    trip(limiter, server)
    assert weight(limiter)["used"] == 5_501
    assert weight(limiter)["strangers"] == 5_500


def test_in_flight():
    """What is sent and unanswered counts, and is not counted twice when it is answered."""
    limiter, server = make()
    trip(limiter, server)
    first = ask(limiter, 20)
    assert weight(limiter)["in_flight"] == 20
    limiter.settle(first, *server.answer(20))
    assert (weight(limiter)["used"], weight(limiter)["in_flight"]) == (21, 0)


def test_one_probe():
    """As long as nobody knows what is used, one request of market data finds out."""
    limiter, server = make()
    first = ask(limiter, kind="market")
    assert first
    assert not ask(limiter, kind="market")
    limiter.settle(first, *server.answer())
    assert ask(limiter, kind="market")


def test_no_counters():
    """Who answers without counters is not probed again while an order stays unanswered."""
    limiter, server = make()
    assert ask(limiter, 1, 1)
    server.clock.now += 1
    for _ in range(3):
        first = ask(limiter, kind="market")
        assert first
        limiter.settle(first, 200, {})


def test_end_of_window():
    """A full window is waited for until it has certainly ended, and the next one is empty."""
    limiter, server = make(second=30.0)
    server.spend(5_989)
    trip(limiter, server)
    refused = limiter._reservation(20, 0, "", "order")
    assert not limiter._at_once(refused)
    server.clock.now = refused.retry
    assert server.now >= MINUTE + 60
    assert ask(limiter, 20)
    assert weight(limiter)["used"] == 0


@pytest.mark.parametrize("wall_error", [-600.0, -2.5, 2.5, 600.0])
def test_wrong_clock(wall_error):
    """A machine whose clock is seconds off still knows the server's windows."""
    limiter, server = make(second=58.0, wall_error=wall_error)
    for _ in range(60):
        trip(limiter, server)
    assert server.now > MINUTE + 60
    assert weight(limiter)["used"] == server.weight[int(server.now // 60)]


def test_kept_answer():
    """One answer that a proxy has kept for minutes moves no window; a clock that was set is believed the second time."""
    limiter, server = make(second=20.0)
    for _ in range(10):
        trip(limiter, server, 200)
    _, old = server.answer(1)
    old["X-MBX-USED-WEIGHT-1M"] = "7"
    old["Date"] = formatdate(int(server.now) - 120, usegmt=True)
    limiter.settle(ask(limiter), 200, old)
    assert (weight(limiter)["used"], int(weight(limiter)["resets_in"])) == (2_001, 39)
    server.ahead += 600
    for _ in range(2):
        trip(limiter, server)
    assert (weight(limiter)["used"], limiter.get_status()["clock"]["uncertainty"] < 1.1) == (2, True)


def test_late_answer():
    """A request that was in flight when a window ended counts in the next until its answer tells where."""
    limiter, server = make(second=59.0)
    trip(limiter, server, 7)
    slow = ask(limiter, 20)
    answer = server.answer(20)
    server.clock.now += 2.2
    trip(limiter, server)
    assert weight(limiter)["in_flight"] == 20
    limiter.settle(slow, *answer)
    assert (weight(limiter)["used"], weight(limiter)["in_flight"]) == (1, 0)


def test_lost():
    """A lost request is in flight until a request that left long after it is answered."""
    limiter, server = make(second=5.0)
    trip(limiter, server)
    gone = ask(limiter, 20)
    server.clock.now += 4
    limiter.lost(gone)
    trip(limiter, server)
    assert weight(limiter)["in_flight"] == 20
    server.clock.now += 2
    trip(limiter, server)
    assert weight(limiter)["in_flight"] == 0


def test_lost_and_silent():
    """Without any later answer a lost request is gone with its window."""
    limiter, server = make(second=5.0)
    trip(limiter, server)
    ask(limiter, 5_900)
    server.clock.now += 70
    assert ask(limiter, 200)
    assert weight(limiter)["in_flight"] == 200


def test_refunds():
    """A counter that fell, seen by a request that left later, is believed."""
    limiter, server = make(second=20.0)
    for _ in range(5):
        trip(limiter, server, 100)
    server.spend(-400)
    trip(limiter, server)
    assert weight(limiter)["used"] == 101


def test_free_orders():
    """Orders that turn out to be free are no stranger's spending and hide none."""
    limiter, server = make(second=20.0)
    for _ in range(20):
        server.spend(-1)
        trip(limiter, server, 1, orders=1)
    server.spend(50)
    trip(limiter, server)
    assert weight(limiter)["strangers"] == 50


@pytest.mark.parametrize(("status", "silence"), [(429, 37), (418, 300)])
def test_refused(status, silence):
    """After a refusal nothing leaves before Retry-After, from no member of the budget."""
    limiter, server = make(second=20.0)
    other, _ = make(store=limiter.store)
    trip(limiter, server)
    refused = ask(limiter)
    limiter.settle(refused, status, {"Retry-After": str(silence)})
    assert not ask(other, kind="cancel")
    assert other.get_status()["banned"] == (status == 418)
    server.clock.now += silence + 0.001
    assert ask(other, kind="cancel")


def test_ban_without_header():
    """A ban's end is read from its text too."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    end = int((server.now + 500) * 1_000)
    limiter.settle(ask(limiter), 418, {}, {"code": -1003, "msg": f"IP banned until {end}. Please"})
    assert limiter.get_status()["blocked_for"] == pytest.approx(500, abs=1.5)


def test_too_many_orders():
    """-1015 stops orders, not cancels."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    limiter.settle(ask(limiter, 1, 1), 429, {"Retry-After": "8"}, {"code": -1015, "msg": "Too many new orders"})
    assert not ask(limiter, 1, 1)
    assert ask(limiter, kind="cancel")
    server.clock.now += 8.001
    assert ask(limiter, 1, 1)


def test_order_windows():
    """A hundred orders leave in ten seconds, the next ones after that."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    for _ in range(100):
        reservation = ask(limiter, 1, 1)
        limiter.settle(reservation, *server.answer(1, 1))
    refused = limiter._reservation(1, 1, "", "order")
    assert not limiter._at_once(refused)
    server.clock.now = refused.retry
    assert server.now >= MINUTE + 30
    assert ask(limiter, 1, 1)


def test_rejected_orders():
    """An order that the exchange rejects counts no order."""
    limiter, server = make(second=20.0)
    trip(limiter, server)
    for _ in range(150):
        _, headers = server.answer(1)
        limiter.settle(ask(limiter, 1, 1), 400, headers)
    assert limiter.get_status()["buckets"]["orders_10s"]["used"] == 0


def test_accounts():
    """Accounts share weight, and have orders of their own."""
    limiter, server = make(second=20.0)
    other, _ = make(store=limiter.store, account="other")
    for _ in range(100):
        limiter.settle(ask(limiter, 1, 1), *server.answer(1, 1))
    assert (limiter.get_status()["orders_today"], other.get_status()["orders_today"]) == (100, 0)
    assert weight(other)["used"] == 100


def test_killed_member():
    """What a killed process had in flight is free a few seconds later."""
    limiter, server = make(second=5.0)
    killed, _ = make(store=limiter.store)
    trip(limiter, server)
    ask(killed, 3_000)
    server.clock.now += 4
    trip(limiter, server)
    assert weight(limiter)["in_flight"] == 3_000
    server.clock.now += 4
    trip(limiter, server)
    assert weight(limiter)["in_flight"] == 0


def test_not_killed():
    """A member that was thought dead and answers late takes nothing twice."""
    limiter, server = make(second=5.0)
    slow, _ = make(store=limiter.store)
    trip(limiter, server)
    pending = ask(slow, 3_000)
    server.clock.now += 8
    trip(limiter, server)
    slow.settle(pending, *server.answer(3_000))
    assert (weight(limiter)["in_flight"], weight(limiter)["used"]) == (0, 3_002)


def test_stranger():
    """What a stranger is used to take is left to him."""
    limiter, server = make(second=0.0)
    for _ in range(20):
        for _ in range(10):
            trip(limiter, server)
            server.clock.now += 0.95
        server.spend(400)
    server.clock.now += 60 - server.now % 60
    trip(limiter, server)
    spent = 0
    while ask(limiter, 20, kind="market"):
        spent += 20
    assert 1_500 < spent < 6_000 - 2_000


def test_reserve_for_orders():
    """Market data leaves room for the orders that are to be expected; they go when it may not."""
    limiter, server = make(second=0.0)
    trip(limiter, server)
    while reservation := ask(limiter, 25, kind="market"):
        limiter.settle(reservation, *server.answer(25))
    assert weight(limiter)["used"] < 5_500
    for _ in range(40):
        trip(limiter, server, kind="cancel")


@pytest.mark.parametrize(("kind", "most"), [("market", 9), ("order", 10)])
def test_last_raw_request(kind, most):
    """Of the requests a part is for what is urgent, to the last one, also where the limit is small."""
    limiter, server = make()
    limiter.use_limits([{"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 10}])
    for _ in range(most):
        trip(limiter, server, kind=kind)
    assert ask(limiter, kind=kind) is None


def test_raw_requests():
    """Requests are counted too, whatever they weigh."""
    limiter, server = make(second=0.0)
    limiter.use_limits([{"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 10}])
    for _ in range(10):
        trip(limiter, server, kind="cancel")
    assert not ask(limiter, kind="cancel")


def test_proxy_stamp():
    """A full window's counter that a proxy stamped a moment too late does not fill the new window."""
    limiter, server = make(second=58.0)
    server.spend(5_900)
    for _ in range(30):
        trip(limiter, server)
    assert server.now < MINUTE + 60
    pending = ask(limiter)
    status, headers = server.answer()
    server.clock.now += 60 - server.now % 60 + 0.01
    _, later = server.answer(0)
    limiter.settle(pending, status, headers | {"Date": later["Date"]})
    server.clock.now += 0.3
    assert weight(limiter)["used"] <= 1
