"""A budget in Redis: real servers that are raced for, killed, frozen, and full of somebody else's data."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from threading import Event, Thread, Timer, current_thread
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limit_store.redis_server import redis_server

from exec_plugin.core.errors import ConfigError
from exec_plugin.limit_store import CELLS, open_store, shared_redis
from exec_plugin.limit_store.redis_link import HISTORY, Unreachable
from exec_plugin.limit_store.shared_clock import DRIFT
from exec_plugin.limit_store.shared_redis import LONGEST_TRY, RedisStore
from exec_plugin.rate_limit import AdaptiveRateLimiter

LOGGER = "exec_plugin.limit_store.shared_redis"
#: Seconds for what takes a moment, on a machine that is busy with other things.
PATIENCE = 60


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """A turn that comes late on a busy machine is no turn that never comes."""
    monkeypatch.setattr(shared_redis, "LONGEST_TRY", PATIENCE)


@pytest.fixture(scope="module")
def server():
    """One server for all tests that leave it alive."""
    with redis_server() as running:
        yield running


@pytest.fixture
def mortal():
    """A server to be killed."""
    with redis_server() as running:
        yield running


@pytest.fixture
def client(server):
    """The server seen by somebody else; it is empty at first."""
    import redis

    with redis.Redis.from_url(server.url) as connection:
        connection.flushall()
        yield connection


@pytest.fixture
def connect(client, server):
    """Opens stores of one budget, and closes them."""
    stores = []

    def connect(options="", **arguments):
        stores.append(RedisStore(server.store + options, "test", **arguments))
        return stores[-1]

    yield connect
    for store in stores:
        store.close()


class Clock:
    """A monotonic clock that goes on when it is told to, and by ``step`` whenever it is looked at."""

    def __init__(self, step=0.0):
        self.time, self.step = 1000.0, step

    def __call__(self):
        self.time += self.step
        return self.time


def exchanges(store):
    """How often this thread has asked Redis from now on, by what came of it."""
    exchange, told, me = store._link.exchange, [], current_thread()

    def counted(*args, **options):
        kind = b"nothing"
        try:
            reply = exchange(*args, **options)
            kind = reply.kind
        finally:
            if current_thread() is me:
                told.append(kind)
        return reply

    store._link.exchange = counted
    return told


def add(cells, index, amount):
    """Add to a cell, and answer the sum."""
    cells[index] += amount
    return cells[index]


def read(cells):
    """Answer all cells."""
    return list(cells)


def test_shared(connect):
    """What one changes the other sees, and both get their answers."""
    first, second = connect(), connect()
    assert first.update(add, 7, 2.5) == 2.5
    assert second.update(add, 7, 1.0) == 3.5
    assert first.update(read) == second.update(read) == [0.0] * 7 + [3.5] + [0.0] * (CELLS - 8)


def test_budgets_apart(connect, server):
    """Budgets of other names, and under other prefixes, are others."""
    connect().update(add, 0, 1.0)
    for store in (RedisStore(server.store, "other"), RedisStore(f"{server.store}&prefix=mine", "test")):
        assert store.update(read) == [0.0] * CELLS
        store.close()


def test_expires(connect, client):
    """A budget that nobody spends is forgotten after a week."""
    store = connect()
    store.update(add, 0, 1.0)
    assert len(client.keys()) == 2
    assert all(604_000 < client.ttl(key) <= 604_800 for key in client.scan_iter())


@pytest.mark.parametrize("missed", [1, 2, HISTORY - 1, HISTORY, HISTORY + 1, 3 * HISTORY])
def test_missed(connect, missed):
    """Who was away for long gets everything that happened."""
    first, second = connect(), connect()
    for number in range(missed):
        second.update(add, number % 5, 1.0)
    assert first.update(read) == second.update(read)


@pytest.mark.parametrize("key", [slice(10, 14), slice(20, 10, -5), -1])
def test_any_index(connect, key):
    """Slices and negative indices are sent like others."""
    first, second = connect(), connect()

    def change(cells):
        cells[key] = 9.0 if key == -1 else [9.0] * len(cells[key])

    first.update(change)
    expected = [0.0] * CELLS
    change(expected)
    assert second.update(read) == expected


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 9), st.floats(-1e6, 1e6), st.integers(0, 2), st.integers(0, 2)),
        max_size=30,
    )
)
def test_races(server, steps):
    """However changes of several clients cross each other, none is lost and none is made twice."""
    import redis

    with redis.Redis.from_url(server.url) as connection:
        connection.flushall()
    stores = [RedisStore(server.store, "races") for _ in range(3)]
    expected = [0.0] * CELLS
    for who, index, amount, other, times in steps:
        crossing = iter(range(times if other != who else 0))

        def change(cells, index, amount, crossing=crossing, other=other):
            for _ in crossing:
                expected[index] = stores[other].update(add, index, 1.0)
                break
            return add(cells, index, amount)

        answer = stores[who].update(change, index, amount)
        expected[index] += amount
        assert answer == expected[index]
    assert [store.update(read) for store in stores] == [expected] * 3
    for store in stores:
        store.close()


def test_threads(connect):
    """Threads of several clients that all change the same cell lose nothing."""
    stores = [connect(), connect()]

    def work(store):
        for _ in range(100):
            store.update(add, 3, 1.0)

    threads = [Thread(target=work, args=(store,)) for store in stores * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [store.update(read)[3] for store in stores] == [400.0, 400.0]


def test_nested(connect):
    """A change within a change of the same thread, as a signal's handler makes one, is made after it."""
    store, other = connect(), connect()

    def change(cells):
        add(cells, 0, 1.0)
        return store.update(add, 1, 2.0)

    assert store.update(change) == 2.0
    assert other.update(read)[:2] == [1.0, 2.0]


def test_turn(connect, client):
    """Nobody writes before one whose turn it is, for as long as a turn lasts."""
    slow, fast = connect(), connect()
    crossings = iter(range(3))

    def change(cells):
        for _ in crossings:
            fast.update(add, 0, 1.0)
            break
        return add(cells, 1, 1.0)

    assert slow.update(change) == 1.0
    turn = slow._link.keys[2]
    assert not client.exists(turn)
    assert fast.update(read)[:2] == [3.0, 1.0]
    client.set(turn, b"somebody", px=1000 * PATIENCE)
    exchange, kinds = fast._link.exchange, []

    def asked(*args, **options):
        reply = exchange(*args, **options)
        kinds.append((reply.kind, client.exists(turn)))
        if len(kinds) == 5:
            client.pexpire(turn, 1)
        return reply

    fast._link.exchange = asked
    fast.update(add, 0, 1.0)
    assert kinds[:5] == [(b"wait", 1)] * 5
    assert kinds[-1] == (b"stands", 0)
    assert slow.update(read)[:2] == [4.0, 1.0]


def test_turn_kept(connect, client, caplog, monkeypatch):
    """Where no turn comes, the change is made alone rather than never."""
    monkeypatch.setattr(shared_redis, "LONGEST_TRY", LONGEST_TRY)
    clock = Clock(step=0.01)
    store = connect(clock=clock)
    client.set(store._link.keys[2], b"somebody")
    began = clock.time
    assert store.update(add, 0, 1.0) == 1.0
    assert LONGEST_TRY < clock.time - began < 2 * LONGEST_TRY
    assert not store.is_shared
    assert "came too late" in caplog.text


@pytest.mark.parametrize("arguments", [{}, {"wall": lambda: 12345.0}])
def test_clock(connect, client, arguments):
    """A store's clock is Redis's, to within what a round trip takes."""
    began = perf_counter()
    store = connect(**arguments)
    assert store.clock.error <= (perf_counter() - began) * (0.5 + DRIFT)
    before, now, after = client.time(), store.now(), client.time()
    error = store.clock.error
    assert before[0] + before[1] / 1e6 - error <= now <= after[0] + after[1] / 1e6 + error


def test_killed(mortal, caplog):
    """Without Redis the work goes on with a share, is warned of once, and what was known is there afterwards."""
    caplog.set_level(logging.INFO, LOGGER)
    store = RedisStore(f"{mortal.store}&machines=4", "api.binance.com")
    store.update(add, 0, 1.0)
    assert (store.is_shared, store.share) == (True, 1.0)
    mortal.kill()
    assert [store.update(add, 0, 1.0) for _ in range(50)] == list(range(2, 52))
    assert (store.is_shared, store.share) == (False, 0.25)
    [warning] = caplog.records
    assert warning.levelname == "WARNING"
    assert "budget of api.binance.com is not shared" in warning.message
    assert "25 %" in warning.message
    mortal.start()
    store._seeker.join()
    assert (store.is_shared, store.share) == (True, 1.0)
    assert store.update(add, 0, 1.0) == 52
    assert RedisStore(mortal.store, "api.binance.com").update(read)[0] == 52
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_limiter_alone(mortal):
    """Without Redis a limiter spends its machine's share of a window, and no more."""
    limiter = AdaptiveRateLimiter(store=f"{mortal.store}&machines=4", host="alone")
    mortal.kill()
    limiter.settle(limiter.reserve_blocking(1), 200, {"X-MBX-USED-WEIGHT-1M": "1"})
    spent = 1
    while limiter._at_once(taken := limiter._reservation(50, 0, "", "order")):
        limiter.settle(taken, 200, {})
        spent += 50
    # a minute may end meanwhile
    assert 1_400 < spent <= 3_000
    limiter.close()
    mortal.start()


def test_spent_meanwhile(mortal):
    """Who comes back to a state that others changed takes it over, and keeps to its share for a while."""
    clock = Clock()
    late, early = (RedisStore(f"{mortal.store}&hold=30", "test", clock=clock) for _ in range(2))
    late.update(add, 0, 1.0)
    mortal.kill()
    late.update(add, 0, 100.0)
    early.update(add, 0, 10.0)
    mortal.start()
    for store in (early, late):
        store._seeker.join()
    early.update(add, 0, 10.0)
    assert late.update(add, 0, 1.0) == 21.0
    assert (early.share, late.share) == (1.0, 0.5)
    clock.time += 31
    assert late.share == 1.0


def test_absent_at_start(mortal, caplog):
    """A store may be opened before Redis is there."""
    mortal.kill()
    store = RedisStore(mortal.store, "test")
    assert store.update(add, 0, 1.0) == 1.0
    assert len(caplog.records) == 1
    mortal.start()
    store._seeker.join()
    assert store.update(add, 0, 1.0) == 2.0
    assert store.is_shared


def test_frozen(mortal):
    """A server that does not answer holds nobody up for longer than the timeout, and only once."""
    store = RedisStore(f"{mortal.url}?timeout=1", "test")
    asked = exchanges(store)
    mortal.freeze()
    thaw = Timer(PATIENCE, mortal.thaw)
    thaw.start()
    assert [store.update(add, 0, 1.0) for _ in range(20)] == list(range(1, 21))
    # not for as long as the server was frozen
    assert thaw.is_alive()
    thaw.cancel()
    assert asked == [b"nothing"]
    assert not store.is_shared
    mortal.thaw()
    store._seeker.join()
    assert store.update(add, 0, 1.0) == 21.0


def test_no_address(monkeypatch, caplog):
    """A host whose address the system looks for in vain for seconds holds nobody up."""
    pytest.importorskip("redis", reason="the redis package is not installed: pip install 'exec-plugin[redis]'")
    done, waited = Event(), []

    def look(*_args, **_options):
        waited.append(done.wait(PATIENCE))
        raise OSError("no such host")

    monkeypatch.setattr(socket, "getaddrinfo", look)
    store = RedisStore("redis://redis.example?timeout=0.05", "test")
    assert store.update(add, 0, 1.0) == 1.0
    assert waited == []
    assert "connecting takes longer than 0.1 s" in caplog.text
    store.close()
    done.set()


def test_answer_lost(connect):
    """A change that Redis made but whose answer was lost is not made twice."""
    store, other = connect(), connect()
    exchange = store._link.exchange

    def lossy(*args, **options):
        exchange(*args, **options)
        store._link.exchange = exchange
        raise Unreachable("the answer was lost")

    store._link.exchange = lossy
    assert store.update(add, 0, 1.0) == 1.0
    assert other.update(read)[0] == 1.0
    assert store.update(add, 0, 2.0) == 3.0
    store._seeker.join()
    assert store.update(add, 0, 1.0) == 4.0
    assert other.update(read)[0] == 4.0


@pytest.mark.parametrize("kind", ["text", "longer", "list", "cut"])
def test_foreign(connect, client, kind):
    """Somebody else's data under the key is refused at the start, with its name and a remedy, and left alone."""
    store = connect()
    key = store._link.keys[0]
    state = client.get(key)
    if kind == "list":
        client.delete(key)
        client.rpush(key, "something")
    else:
        client.set(key, {"text": b"something", "longer": state + b"x", "cut": state[:-1]}[kind])
    before = client.dump(key)
    with pytest.raises(ConfigError, match=r"'\{exec_plugin:limits:test\}' in Redis holds something else.*prefix="):
        connect()
    store.update(add, 0, 1.0)
    assert not store.is_shared
    assert client.dump(key) == before
    client.delete(key)
    store._seeker.join()
    assert store.update(add, 0, 1.0) == 2.0


def test_evicted(connect, client):
    """A state that vanished is put back by who knows it; a lost log only costs more bytes."""
    first, second = connect(), connect()
    first.update(add, 0, 1.0)
    client.delete(first._link.keys[1])
    assert second.update(add, 0, 1.0) == 2.0
    client.flushall()
    assert second.update(add, 0, 1.0) == 3.0
    assert first.update(read)[0] == 3.0


def test_other_history(connect, client):
    """A version of the same number from another history, as after a fail-over, is not taken for ours."""
    store, other = connect(), connect()
    key, log, _ = store._link.keys
    before, history = client.get(key), client.lrange(log, 0, -1)
    store.update(add, 0, 1.0)
    client.set(key, before)
    client.delete(log)
    client.rpush(log, *history)
    other.update(add, 0, 100.0)
    assert store.update(add, 0, 1.0) == 101.0


def test_password(connect, client, server):
    """A wrong password is a mistake to correct, and is not repeated in the message."""
    client.config_set("requirepass", "right")
    try:
        with pytest.raises(ConfigError, match="refuses this user or password") as caught:
            RedisStore(server.store.replace("//", "//:wrong@"), "test")
        assert "wrong@" not in str(caught.value)
        store = RedisStore(server.store.replace("//", "//:right@"), "test")
        assert store.update(add, 0, 1.0) == 1.0
        store.close()
    finally:
        client.config_set("requirepass", "")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("machine=3", "takes machines, timeout, hold, prefix"),
        ("machines=0", "whole number of at least 1"),
        ("machines=x", "whole number of at least 1"),
        ("timeout=0", "seconds above 0"),
        ("timeout=inf", "seconds above 0"),
        ("hold=-1", "at least 0"),
        ("hold=soon", "hold=soon"),
    ],
)
def test_bad_url(query, told):
    """A setting that is unknown or cannot be is refused with what can."""
    with pytest.raises(ConfigError, match=told):
        RedisStore(f"redis://localhost?{query}", "test")


def test_no_package(monkeypatch):
    """Without the redis package the message says how to install it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match=r"pip install 'exec-plugin\[redis\]'"):
        RedisStore("redis://localhost", "test")


def test_light():
    """The package is imported only where a redis:// store is opened."""
    script = "import exec_plugin.limit_store.shared_redis, sys; print('redis' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "False\n"


def test_named(server):
    """A limiter's store may be named by its URL."""
    store = open_store(server.store, "api.binance.com")
    assert isinstance(store, RedisStore)
    assert store.name == "api.binance.com"
    store.close()


def test_forked(server):
    """A child process has a connection of its own."""
    script = f"""
import os
from exec_plugin.limit_store.shared_redis import RedisStore
def add(cells):
    cells[0] += 1.0
    return cells[0]
store = RedisStore({server.store!r}, "fork")
store.update(add)
child = os.fork()
for _ in range(100):
    store.update(add)
if child:
    os.waitpid(child, 0)
    print(store.update(add), store.is_shared)
"""
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "202.0 True\n"


def test_closed(connect):
    """A closed store looks for Redis no longer."""
    store = connect()
    store.close()
    store.update(add, 0, 1.0)
    store.close()
    assert not store._seeker.is_alive() or store._closed.is_set()
