"""Who spends a budget: what becomes of what is in flight when members and accounts come and go."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exec_plugin.endpoints import Priority
from exec_plugin.limit_store import CELLS, MappedStore
from exec_plugin.rate_limit.cells import ACCOUNT_ROWS, FLIGHT, MEMBER_ROWS, ORDERS, REQUESTS
from exec_plugin.rate_limit.members import Member
from exec_plugin.rate_limit.queue import Reservation
from rate_limit.counting import MINUTE
from rate_limit.test_ledger import ask, make, trip, weight
from rate_limit.virtual import Clock

#: (who acts, what it does, with which of its requests)
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["send", "send", "land", "sweep", "tear"]), st.integers(0, 5)),
    max_size=40,
)


def send(member, cells, now, orders=1):
    """A request of weight 2 that is in flight."""
    if cells[member.row] != member.who:
        member.join(cells)
    request = Reservation(None, "", 2, Priority.ORDER, orders=orders)
    member.take_off(cells, request, now)
    return request


@given(STEPS)
def test_in_flight(steps):
    """Whatever happens to members and their state, nothing less than what is there is ever in flight."""
    cells, members = [0.0] * CELLS, [Member("a"), Member("a"), Member("b")]
    sent = [[], [], []]
    for now, (who, what, which) in enumerate(steps):
        if what == "send":
            sent[who].append(send(members[who], cells, float(now)))
        elif what == "land" and which < len(sent[who]):
            members[who].land(cells, sent[who].pop(which))
        elif what == "sweep":
            members[who].sweep(cells, now - 5.0)
        elif what == "tear":
            cells[:] = [0.0] * CELLS
        assert cells[FLIGHT] == 2 * cells[REQUESTS] >= 0
        assert all(cells[member.find_account(cells) + ORDERS] >= 0 for member in members if member.find_account(cells))
    for member, requests in zip(members, sent, strict=True):
        for request in requests:
            member.land(cells, request)
    assert cells[FLIGHT] == cells[REQUESTS] == 0


def test_many_members():
    """More members than rows: the one that was silent longest gives its place, and what it had in flight."""
    cells, members = [0.0] * CELLS, [Member("a") for _ in range(MEMBER_ROWS + 1)]
    requests = [send(member, cells, float(now)) for now, member in enumerate(members, 1)]
    assert cells[REQUESTS] == MEMBER_ROWS
    for member, request in zip(members, requests, strict=True):
        member.land(cells, request)
    assert cells[FLIGHT] == cells[REQUESTS] == 0


def test_many_accounts():
    """More accounts than rows: one is forgotten, and its orders in flight are nobody else's."""
    cells, members = [0.0] * CELLS, [Member(str(number)) for number in range(ACCOUNT_ROWS + 1)]
    requests = [send(member, cells, 1.0) for member in members]
    for member, request in zip(members, requests, strict=True):
        member.land(cells, request)
        assert cells[member.account_row(cells) + ORDERS] == 0


def test_all_killed():
    """When who filled the whole budget was killed before any answer, the others go on with the next window."""
    limiter, server = make(second=5.0)
    killed, _ = make(store=limiter.store)
    trip(killed, server)
    assert ask(killed, 5_980)
    assert not ask(limiter, 20)
    server.clock.now += 60
    assert ask(limiter, 20)
    assert weight(limiter)["in_flight"] == 20


def test_used():
    """Together members use at least 97 % of each window, also after one was killed with much of it in flight."""
    limiter, server = make(second=0.0)
    killed, *others = members = [make(store=limiter.store)[0] for _ in range(3)]
    while server.now < MINUTE + 180:
        # each has up to four requests on their way, and all are answered 50 ms later
        sent = [(one, taken) for one in members * 4 if (taken := ask(one, 50, kind="market"))]
        if killed in members and server.now > MINUTE + 60 and len(sent) == 12:
            members = others
        server.clock.now += 0.05
        answers = [server.answer(50) for _ in sent]
        for (one, taken), answer in zip(sent, answers, strict=True):
            if one in members:
                one.settle(taken, *answer)
    used = [server.weight[MINUTE // 60 + minute] for minute in range(3)]
    assert killed not in members
    assert all(0.97 * 6_000 <= spent <= 6_000 for spent in used), used


def test_torn():
    """A request that was in flight when the state began anew is not taken from the new one."""
    limiter, server = make()
    trip(limiter, server)
    old = ask(limiter, 20)
    limiter.store.update(lambda cells: cells.__setitem__(slice(None), [0.0] * CELLS))
    new = ask(limiter, 3)
    assert new
    limiter.settle(old, *server.answer(20))
    assert weight(limiter)["in_flight"] == 3


def test_looking():
    """Who only looks is no member, and takes no account's row."""
    limiter, server = make()
    trip(limiter, server, orders=1)
    for number in range(MEMBER_ROWS + ACCOUNT_ROWS):
        looking, _ = make(store=limiter.store, account=f"other {number}")
        status = looking.get_status()
        assert (status["members"], status["orders_today"]) == (1, 0)
    assert limiter.get_status()["orders_today"] == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_fork(tmp_path):
    """A forked child is a member of its own: what it leaves in flight can be told from its parent's."""
    store = MappedStore(tmp_path / "budget", Clock(1_000.0))
    limiter, server = make(store=store)
    trip(limiter, server)
    child = os.fork()
    if not child:
        ask(limiter, 20)
        os._exit(0)
    os.waitpid(child, 0)
    ask(limiter, 3)
    assert limiter.get_status()["members"] == 2
    store.update(limiter._ledger._me.sweep, store.now() + 1)
    assert weight(limiter)["in_flight"] == 3
    store.close()
