"""Windows, weights and order counts."""

from __future__ import annotations

import pytest

from exec_plugin.core.clock import DAY, MINUTE
from exec_plugin.core.ledger import Account
from exec_plugin.endpoints import RATE_LIMITS
from exec_plugin.protocol.limits import PATIENCE, Banned, Limits, TooMany, Window

NOW = 1767614400000  # the first moment of a minute, not of a day


def entry(kind, limit, interval="MINUTE", number=1):
    """One entry of exchangeInfo's rateLimits."""
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def test_counts():
    """What one owner uses is not the other's."""
    window = Window(entry("REQUEST_WEIGHT", 10))
    assert [window.add("a", 3, NOW), window.add("a", 4, NOW), window.add("b", 1, NOW)] == [3, 7, 1]
    assert window.used("c", NOW) == 0


def test_starts_over():
    """A window is a calendar minute, not a minute since the first request."""
    window = Window(entry("REQUEST_WEIGHT", 10))
    window.add("a", 3, NOW + MINUTE - 1)
    assert window.used("a", NOW + MINUTE - 1) == 3
    assert window.used("a", NOW + MINUTE) == 0


def test_never_negative():
    """What is given back beyond what was used is lost."""
    window = Window(entry("ORDERS", 10))
    assert window.add("a", -5, NOW) == 0


@pytest.mark.parametrize(("later", "seconds"), [(0, 60), (1, 60), (59_000, 1), (59_001, 1), (59_999, 1)])
def test_wait(later, seconds):
    """The wait is told in whole seconds that are certainly enough."""
    assert Window(entry("REQUEST_WEIGHT", 10)).wait(NOW + later) == seconds


@pytest.mark.parametrize(
    ("interval", "number", "suffix"), [("SECOND", 10, "10S"), ("MINUTE", 1, "1M"), ("HOUR", 1, "1H"), ("DAY", 1, "1D")]
)
def test_suffix(interval, number, suffix):
    """Headers end in number and letter of the interval."""
    limits = Limits([entry("ORDERS", 5, interval, number), entry("REQUEST_WEIGHT", 5, interval, number)])
    assert limits.order_headers("a", NOW) == {f"X-MBX-ORDER-COUNT-{suffix}": "0"}
    assert limits.weight_headers("a", NOW) == {"X-MBX-USED-WEIGHT": "0", f"X-MBX-USED-WEIGHT-{suffix}": "0"}


def test_weight():
    """All of a limit may be used, and nothing more."""
    limits = Limits([entry("REQUEST_WEIGHT", 10)])
    limits.spend("a", 10, NOW)
    with pytest.raises(TooMany, match="current limit is 10 request weight per 1 MINUTE") as caught:
        limits.spend("a", 1, NOW + 15_000)
    assert (caught.value.code, caught.value.retry_after) == (-1003, 45)
    limits.spend("a", 10, NOW + MINUTE)


def test_refused_counts():
    """A refused request counts as well."""
    limits = Limits([entry("REQUEST_WEIGHT", 10)])
    with pytest.raises(TooMany):
        limits.spend("a", 20, NOW)
    assert limits.weight_headers("a", NOW)["X-MBX-USED-WEIGHT-1M"] == "20"


def test_raw_requests():
    """Requests are limited whatever they weigh."""
    limits = Limits([entry("RAW_REQUESTS", 2, number=5)])
    limits.spend("a", 500, NOW)
    limits.spend("a", 0, NOW)
    with pytest.raises(TooMany) as caught:
        limits.spend("a", 0, NOW)
    assert caught.value.code == -1003


def test_orders():
    """Orders are limited per account by every one of their windows."""
    limits = Limits([entry("ORDERS", 2, "SECOND", 10), entry("ORDERS", 3, "DAY")])
    for moment in (NOW, NOW + 1):
        limits.check_orders("a", 1, moment)
        limits.add_orders("a", 1, moment)
    with pytest.raises(TooMany, match="current limit is 2 orders per 10 SECOND") as caught:
        limits.check_orders("a", 1, NOW + 2500)
    assert (caught.value.code, caught.value.retry_after) == (-1015, 8)
    limits.check_orders("b", 1, NOW)
    limits.check_orders("a", 1, NOW + 10_000)
    with pytest.raises(TooMany, match="3 orders per 1 DAY") as caught:
        limits.check_orders("a", 2, NOW + 10_000)
    assert caught.value.retry_after == (DAY - (NOW + 10_000) % DAY) // 1000


def test_order_counts():
    """Every order limit is told with what is used of it."""
    limits = Limits(RATE_LIMITS)
    limits.add_orders("a", 2, NOW)
    assert limits.order_counts("a", NOW) == [
        {**entry("ORDERS", 100, "SECOND", 10), "count": 2},
        {**entry("ORDERS", 200_000, "DAY"), "count": 2},
    ]


@pytest.fixture
def account():
    """An account whose orders have not traded."""
    return Account("a")


def counts(limits, now=NOW):
    """The counts of all order windows."""
    return [one["count"] for one in limits.order_counts("a", now)]


def test_settle(account):
    """An order that begins to fill lowers every count: by one as taker, by five as maker, once."""
    limits = Limits(RATE_LIMITS)
    limits.add_orders("a", 9, NOW)
    account.first_takes += 1
    limits.settle(account, NOW)
    assert counts(limits) == [8, 8]
    account.first_makes += 1
    limits.settle(account, NOW)
    limits.settle(account, NOW)
    assert counts(limits) == [3, 3]


def test_settle_no_credit(account):
    """Fills beyond what is counted are no credit for later orders."""
    limits = Limits(RATE_LIMITS)
    limits.add_orders("a", 2, NOW)
    account.first_makes += 1
    limits.settle(account, NOW)
    limits.add_orders("a", 1, NOW)
    limits.settle(account, NOW)
    assert counts(limits) == [1, 1]


def test_settle_next_window(account):
    """A fill lowers the windows of its own time, whenever its order was placed."""
    limits = Limits(RATE_LIMITS)
    limits.add_orders("a", 3, NOW)
    account.first_takes += 1
    limits.settle(account, NOW + 10_000)
    limits.add_orders("a", 1, NOW + 10_000)
    assert counts(limits, NOW + 10_000) == [1, 3]


def test_none():
    """Without entries everything is allowed and no header is sent."""
    limits = Limits(())
    limits.spend("a", 10**9, NOW)
    limits.check_orders("a", 10**9, NOW)
    assert limits.weight_headers("a", NOW) == limits.order_headers("a", NOW) == {}


def refused(limits, now, times=1):
    """The last of so many refusals."""
    error = None
    for _ in range(times):
        with pytest.raises(TooMany) as caught:
            limits.spend("a", 1, now)
        error = caught.value
    return error


def test_ban():
    """Who goes on after it was told to wait is banned; others are not, nor who waits."""
    limits = Limits([entry("REQUEST_WEIGHT", 1)])
    limits.spend("a", 1, NOW)
    assert not isinstance(refused(limits, NOW, PATIENCE + 1), Banned)
    ban = refused(limits, NOW + MINUTE)
    assert isinstance(ban, Banned)
    assert (ban.code, ban.status, ban.retry_after, ban.until) == (-1003, 418, 60, NOW + 2 * MINUTE)
    limits.spend("b", 1, NOW)
    limits.spend("a", 1, NOW + 2 * MINUTE)


def test_patience():
    """Refusals of one window are forgotten in the next."""
    limits = Limits([entry("REQUEST_WEIGHT", 1)])
    for number in range(5):
        now = NOW + number * MINUTE
        limits.spend("a", 1, now)
        assert not isinstance(refused(limits, now, PATIENCE), Banned)


def test_bans_grow():
    """Each ban is twice as long as the one before, up to three days, until there was good conduct for as long."""
    limits = Limits([entry("REQUEST_WEIGHT", 1)])
    now, lengths = NOW, []
    for _ in range(14):
        limits.spend("a", 1, now)
        refused(limits, now, PATIENCE + 1)
        ban = refused(limits, now)
        lengths.append(ban.until - now)
        now = ban.until
    assert lengths[:4] == [2 * MINUTE, 4 * MINUTE, 8 * MINUTE, 16 * MINUTE]
    assert lengths[-2:] == [3 * DAY, 3 * DAY]
    now += 3 * DAY + MINUTE
    limits.spend("a", 1, now)
    refused(limits, now, PATIENCE + 1)
    assert refused(limits, now).until - now == 2 * MINUTE


def test_charge():
    """What is charged afterwards is refused at the next request, not now."""
    limits = Limits([entry("REQUEST_WEIGHT", 1)])
    limits.spend("a", 0, NOW)
    limits.charge("a", 5, NOW)
    assert limits.weight_counts("a", NOW) == [{**entry("REQUEST_WEIGHT", 1), "count": 5}]
    refused(limits, NOW)
