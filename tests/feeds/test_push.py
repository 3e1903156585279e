from __future__ import annotations

from threading import Thread

from exec_plugin.core.events import TRADE
from exec_plugin.core.symbols import default_symbol
from exec_plugin.feeds import PushFeed


def _trade(number):
    return (TRADE, number, "BTCUSDT", 100, 1, False, number, number)


def test_drains():
    """Rows come out once, in the order in which they were pushed."""
    feed = PushFeed([default_symbol("BTCUSDT")], start=5)
    feed.push(_trade(1), _trade(2))
    feed.push(_trade(3))
    assert len(feed) == 3
    assert [row[1] for row in feed.rows()] == [1, 2, 3]
    assert list(feed.rows()) == []


def test_tells_of_itself():
    """The feed knows its symbols and its first moment."""
    feed = PushFeed([default_symbol("BTCUSDT")], start=5)
    assert [symbol.name for symbol in feed.symbols] == ["BTCUSDT"]
    assert feed.start == 5


def test_pushing_while_draining():
    """What is pushed while rows are taken comes out in the same pass."""
    feed = PushFeed([])
    feed.push(_trade(1))
    seen = []
    for row in feed.rows():
        seen.append(row[1])
        if row[1] < 4:
            feed.push(_trade(row[1] + 1))
    assert seen == [1, 2, 3, 4]


def test_threads():
    """Rows pushed from several threads are all there, each thread's in its order."""
    feed = PushFeed([])
    threads = [Thread(target=lambda n=n: [feed.push(_trade(n * 1000 + i)) for i in range(500)]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [row[1] for row in feed.rows()]
    assert sorted(numbers) == [n * 1000 + i for n in range(4) for i in range(500)]
    assert all([x for x in numbers if x // 1000 == n] == list(range(n * 1000, n * 1000 + 500)) for n in range(4))
