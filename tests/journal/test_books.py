"""Accounts that are opened, written down, given up while the disk fails, and taken up again."""

from __future__ import annotations

import json
import logging

import pytest
from journal.desk import FUNDS, Kept, Numbering, picture

import exec_plugin.journal.book as book_module
import exec_plugin.journal.books as books_module
from exec_plugin.core.errors import ConfigError, JournalError
from exec_plugin.core.orders import UNSEEN
from exec_plugin.core.units import parse_units
from exec_plugin.journal import open_store
from exec_plugin.journal.books import RETRY_AFTER, SWEEP_EVERY, Journal
from exec_plugin.journal.entries import Entry, chain, seal


@pytest.fixture
def open_kept(url):
    """Opens venues over the same database, one after the other; each crashes when the next one comes."""
    opened = []

    def start(*names, **options):
        for former in opened:
            former.crash()
        opened[:] = [Kept(url, *names, **options)]
        return opened[0]

    yield start
    for last in opened:
        last.crash()


def test_new(open_kept):
    """A new account starts with its balances, and they are there again."""
    kept = open_kept()
    assert {asset: held.free for asset, held in kept.account.balances.items()} == FUNDS
    again = open_kept(funds={"USDT": 1})
    assert {asset: held.free for asset, held in again.account.balances.items()} == FUNDS


def test_everything(open_kept):
    """Orders of every kind, lists, fills and money are there again, and their numbers go on."""
    kept = open_kept("alice", "bob")
    kept.place("buy", "LIMIT", "2", "99", client_id="mine", extra={"strategyId": 7})
    kept.place("buy", "MARKET", "1")
    kept.place("sell", "LIMIT", "3", "104", iceberg="1", account="bob")
    kept.place("sell", "STOP_LOSS", "1", stop="90")
    kept.place("sell", "STOP_LOSS", "1", trailing=100)
    legs = [kept.venue.draft(kept.account, "BTCUSDT", False, kind, parse_units("1"), **more) for kind, more in (
        ("STOP_LOSS", {"stop": parse_units("80")}), ("LIMIT_MAKER", {"price": parse_units("120")}))]  # fmt: skip
    kept.venue.lists.place_oco(legs, "pair", id)
    kept.venue.cancel(kept.place("buy", "LIMIT", "1", "98"), "gone")
    kept.numbering.client_ids = 12
    assert kept.settle()
    before = picture(kept.venue)
    again = open_kept("alice", "bob")
    assert picture(again.venue) == before
    assert again.numbering.client_ids == 12
    assert again.place("buy", "LIMIT", "1", "97").id == kept.venue.order_id + 1
    assert again.account.find_list(client_id="pair").legs[0].group is again.account.lists[0]


def test_not_settled(open_kept):
    """What was not written down has not happened."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "99")
    kept.settle()
    before = picture(kept.venue)
    kept.place("buy", "MARKET", "1")
    assert kept.journal.is_dirty
    assert picture(open_kept().venue) == before


def test_clean_end(open_kept, url):
    """Who closes writes down what moved last, and leaves the account to others."""
    kept = open_kept()
    order = kept.place("buy", "LIMIT", "1", "100")
    assert order.ahead == parse_units("5")
    kept.settle()
    kept.venue.trade("BTCUSDT", parse_units("100"), parse_units("2"), taker_is_seller=True)
    kept.journal.close()
    kept.store = open_store(url, "off")
    again = open_kept(book=())
    (order,) = again.account.open_orders
    assert order.level.gap(order) == parse_units("3")


def test_queue_position(open_kept):
    """A position in a queue is written down once a second at the latest."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "100")
    kept.settle()
    kept.venue.trade("BTCUSDT", parse_units("100"), parse_units("2"), taker_is_seller=True)
    kept.settle(SWEEP_EVERY / 2)
    kept.venue.trade("BTCUSDT", parse_units("100"), parse_units("1"), taker_is_seller=True)
    kept.settle(SWEEP_EVERY / 2)
    again = open_kept(book=())
    (order,) = again.account.open_orders
    assert order.level.gap(order) == parse_units("2")
    assert order.level.shown == UNSEEN
    # the next book can only bring it forward
    again.show(qty="9")
    assert order.level.gap(order) == parse_units("2")
    again.show(qty="1")
    assert order.level.gap(order) < parse_units("1")


def test_market_moved(open_kept):
    """An order that the market has gone through meanwhile is filled at its own price."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "95")
    kept.place("buy", "LIMIT", "1", "94")
    kept.settle()
    again = open_kept(book=("94.5", "94.7"))
    assert [order.price for order in again.account.open_orders] == [parse_units("94")]
    (fill,) = again.account.desks["BTCUSDT"].fills
    assert (fill.price, fill.is_maker) == (parse_units("95"), True)
    again.settle()
    before = picture(again.venue)
    assert picture(open_kept().venue) == before


def test_missed_trades(open_kept):
    """Trades that a market tells afterwards fill the orders that they would have filled, and trigger stops."""
    kept = open_kept()
    kept.venue.trade("BTCUSDT", parse_units("100.5"), parse_units("1"), False, 500)
    gone_through = kept.place("buy", "LIMIT", "1", "95")
    queued = kept.place("buy", "LIMIT", "1", "100")
    spared = kept.place("buy", "LIMIT", "1", "90")
    stop = kept.place("sell", "STOP_LOSS", "1", stop="94")
    follower = kept.place("sell", "STOP_LOSS", "1", trailing=1000)
    kept.settle(SWEEP_EVERY)
    missed = [
        (499, "80", "99", True),  # before the orders were written down: they have met it
        (501, "110", "1", False),
        (502, "100", "5", True),  # those ahead in the queue
        (503, "100", "0.25", True),
        (504, "94.5", "1", True),
        (505, "99", "1", False),
    ]
    again = open_kept(missed=missed, book=("100.2", "101"))
    orders = {order.id: order for order in again.account.desks["BTCUSDT"].orders}
    fills = [(fill.order_id, fill.price, fill.qty) for fill in again.account.desks["BTCUSDT"].fills]
    assert fills[:3] == [
        (queued.id, parse_units("100"), parse_units("0.25")),
        (queued.id, parse_units("100"), parse_units("0.75")),
        (gone_through.id, parse_units("95"), parse_units("0.25")),
    ]
    assert orders[spared.id].is_open
    assert orders[stop.id].is_open
    # 110 less 10 %
    assert not orders[follower.id].is_open
    assert again.venue.markets["BTCUSDT"].last == parse_units("99")
    again.settle()
    before = picture(again.venue)
    assert picture(open_kept().venue) == before


def test_trailing_stop(open_kept):
    """A trailing stop goes on to follow from the best price it had seen."""
    kept = open_kept()
    kept.venue.trade("BTCUSDT", parse_units("100"), parse_units("1"), taker_is_seller=True)
    kept.place("sell", "STOP_LOSS", "1", trailing=1000)
    kept.venue.trade("BTCUSDT", parse_units("120"), parse_units("1"), taker_is_seller=False)
    kept.settle(SWEEP_EVERY)
    again = open_kept(book=("107", "108.5"))
    (order,) = again.account.open_orders
    assert order.trail.extreme == parse_units("120")
    again.venue.trade("BTCUSDT", parse_units("108.1"), parse_units("1"), taker_is_seller=False)
    assert order.is_open
    again.venue.trade("BTCUSDT", parse_units("108"), parse_units("1"), taker_is_seller=False)
    assert not order.is_open


def test_iceberg_turns(open_kept):
    """An iceberg whose next slice went behind a later order is behind it after a restart."""
    kept = open_kept(book=())
    kept.show("100", "200")
    first = kept.place("sell", "LIMIT", "3", "150", iceberg="1")
    second = kept.place("sell", "LIMIT", "1", "150")
    kept.venue.trade("BTCUSDT", parse_units("150"), parse_units("1"), taker_is_seller=False)
    assert [order.id for order in first.level] == [second.id, first.id]
    kept.settle()
    again = open_kept(book=())
    level = again.account.open_orders[0].level
    assert [order.id for order in level] == [second.id, first.id]


def test_third_asset(open_kept):
    """A commission that is paid in a third asset is written down."""
    funds = {**FUNDS, "BNB": parse_units("10")}
    kept = open_kept(funds=funds, symbols=("BTCUSDT", "BNBUSDT"))
    kept.venue.fees._discounted = True
    kept.venue.trade("BNBUSDT", parse_units("100"), parse_units("1"), taker_is_seller=True)
    kept.place("buy", "MARKET", "1")
    assert kept.account.balances["BNB"].fees > 0
    kept.settle()
    before = picture(kept.venue)
    assert picture(open_kept(symbols=("BTCUSDT", "BNBUSDT")).venue) == before


def test_many_accounts(open_kept):
    """What two accounts trade with each other is written down for both or for none."""
    kept = open_kept("alice", "bob", book=())
    kept.place("sell", "LIMIT", "1", "100", account="bob")
    kept.place("buy", "LIMIT", "1", "100", account="alice")
    kept.settle()
    rows = kept.store.rows()
    assert [len(kept.store.entries(row)) for row in rows] == [1, 1]
    before = picture(kept.venue)
    assert picture(open_kept("alice", "bob", book=()).venue) == before


def test_opened_later(open_kept):
    """An account may come back while another one trades; ids do not meet."""
    kept = open_kept("alice")
    for _ in range(3):
        kept.place("buy", "LIMIT", "1", "90")
    kept.settle()
    again = open_kept("bob")
    first = again.place("buy", "LIMIT", "1", "91", account="bob")
    again.journal.open({"alice": {}})
    second = again.place("buy", "LIMIT", "1", "92", account="bob")
    assert (first.id, second.id) == (1, 4)
    again.settle()
    assert len(open_kept("alice", "bob").venue.markets["BTCUSDT"].buys.levels) == 3


# ---------------------------------------------------------------------- folding


def test_folding(open_kept, monkeypatch):
    """Entries are folded into tables and removed; what is written after that follows them."""
    monkeypatch.setattr(book_module, "FOLD_AT", 5)
    kept = open_kept()
    row = kept.store.rows()[0]
    for number in range(12):
        kept.venue.cancel(kept.place("buy", "LIMIT", "1", "90", client_id=f"c{number}"))
        kept.settle()
    assert len(kept.store.entries(kept.store.rows()[0])) == 2
    assert len(list(kept.store.table("orders", row.id))) == 10
    before = picture(kept.venue)
    assert picture(open_kept().venue) == before


def test_past_stays_there(open_kept):
    """Who opens an account has its open orders; those of the past are read when somebody asks for them."""
    kept = open_kept()
    for number in range(5):
        kept.venue.cancel(kept.place("buy", "LIMIT", "1", "90", client_id=f"c{number}"))
    kept.place("buy", "LIMIT", "1", "90", client_id="c1")
    kept.settle()
    desk = open_kept().account.desks["BTCUSDT"]
    assert [order.id for order in desk.in_memory()] == [6]
    assert desk.find(client_id="c1") is desk.find(6) is desk.orders[5] is desk.open[6]
    assert desk.find(3).client_id == desk.orders[2].client_id == "c2"
    assert desk.find(client_id="c4").id == 5
    assert [order.id for order in desk.orders[1:]] == [2, 3, 4, 5, 6]
    assert [order.id for order in reversed(desk.orders)] == [6, 5, 4, 3, 2, 1]


# ---------------------------------------------------------------------- refused


def test_one_writer(open_kept, url):
    """A second writer of an account is refused, and told who the first one is."""
    kept = open_kept()
    with pytest.raises(JournalError, match=r"'alice' in .* is in use by process \d+ on .* since .*: stop that one"):
        Kept(url)
    # the failed one holds nothing of it
    other = Kept(url, "bob")
    other.crash()
    kept.crash()
    Kept(url).crash()


def test_all_or_none(open_kept, url):
    """Where one of several accounts is in use, the others are left alone."""
    kept = open_kept("bob")
    with pytest.raises(JournalError, match="'bob'"):
        Kept(url, "alice", "bob")
    Kept(url, "alice").crash()
    assert kept.settle()


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "\x00"])
def test_names(open_kept, name):
    """A name that is none is refused."""
    kept = open_kept()
    with pytest.raises(ConfigError, match="is no name"):
        kept.journal.open({name: {}})


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "~", "'; DROP TABLE accounts; --", "名前"])
def test_odd_names(open_kept, name, tmp_path):
    """A name is a value and no part of a path or a statement."""
    kept = open_kept(name)
    kept.place("buy", "LIMIT", "1", "90")
    kept.settle()
    assert len(open_kept(name).account.open_orders) == 1
    assert all(path.name.startswith("accounts.sqlite") for path in tmp_path.iterdir())


def test_missing_symbol(open_kept, url):
    """An account with open orders on a symbol that is not traded is refused; one that only traded there is not."""
    kept = open_kept(symbols=("BTCUSDT", "ETHUSDT"))
    order = kept.place("buy", "LIMIT", "1", "90", name="ETHUSDT")
    kept.place("buy", "MARKET", "1", name="ETHUSDT")
    kept.settle()
    kept.crash()
    with pytest.raises(ConfigError, match="open orders on ETHUSDT: add them to symbols"):
        Kept(url)
    kept = open_kept(symbols=("BTCUSDT", "ETHUSDT"))
    kept.venue.cancel(kept.account.open_orders[0])
    kept.settle()
    again = open_kept()
    assert again.account.balances["ETH"].free == parse_units("0.999")
    again.place("buy", "MARKET", "1")
    again.settle()
    # its past there comes back with the symbol
    assert open_kept(symbols=("BTCUSDT", "ETHUSDT")).account.desks["ETHUSDT"].find(order.id).status == "CANCELED"


def test_other_market(open_kept, url):
    """An account of one market is another one than that of the same name on another market."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    kept.settle()
    other = Journal(kept.store, "another", kept.venue, Numbering())
    assert kept.store.find("another", "alice") is None
    other._recorder.close()


@pytest.mark.parametrize(("numbers", "told"), [("{", "is damaged"), ('{"x": 1}', "is damaged"), ("7", "is damaged"),
                                               ('{"version": 99}', "newer exec_plugin")])  # fmt: skip
def test_numbers(open_kept, numbers, told, url):
    """Numbers that cannot be read, or are of a newer version, are refused and left alone."""
    kept = open_kept()
    kept.store.backend.run("UPDATE accounts SET state = ?", (seal(numbers),))
    kept.crash()
    with pytest.raises(JournalError, match=told):
        Kept(url)
    store = open_store(url)
    assert store.rows()[0].state == seal(numbers)
    store.close()


@pytest.mark.parametrize(
    "damage", ["UPDATE entries SET body = '{}' WHERE seq = 2", "DELETE FROM entries WHERE seq = 2"]
)
def test_damaged_entry(open_kept, damage, url):
    """An entry that is missing or not what was written is refused and left alone."""
    kept = open_kept()
    for _ in range(3):
        kept.place("buy", "LIMIT", "1", "90")
        kept.settle()
    kept.store.backend.run(damage)
    kept.crash()
    with pytest.raises(JournalError, match="entry 2 is missing or damaged"):
        Kept(url)


# ---------------------------------------------------------------------- failing


def test_full_disk(failing, caplog):
    """What cannot be written down is taken back, and nothing happens to the account until it can be written again."""
    kept, disk = failing, failing.store.backend
    resting = kept.place("buy", "LIMIT", "1", "100")
    kept.settle()
    before = picture(kept.venue)
    disk.is_full = True
    kept.place("buy", "MARKET", "1")
    kept.venue.cancel(resting)
    assert not kept.settle()
    assert "make room on the disk" in kept.journal.failure
    assert not kept.venue.markets["BTCUSDT"].buys.levels
    # the market goes on without the account
    kept.venue.trade("BTCUSDT", parse_units("90"), parse_units("9"), taker_is_seller=True)
    assert not kept.settle(RETRY_AFTER)
    disk.is_full = False
    assert kept.settle(RETRY_AFTER)
    after = picture(kept.venue)
    ids = after.pop("ids"), before.pop("ids")
    assert after == before
    # an id that was refused is not given again
    assert ids[0][0] == ids[1][0] + 1
    assert kept.place("buy", "LIMIT", "1", "90").id == 3
    assert kept.settle()
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.WARNING]


def test_patience(failing):
    """A place that failed is not tried at every request."""
    kept, disk = failing, failing.store.backend
    disk.is_full = True
    kept.place("buy", "MARKET", "1")
    for _ in range(5):
        assert not kept.settle(RETRY_AFTER / 10)
    assert disk.tries == 1


def test_folding_fails(failing, monkeypatch):
    """Where what was written before cannot be folded, the step that is written with it has not happened."""
    kept = failing
    before = picture(kept.venue)["alice"]
    with monkeypatch.context() as patch:
        patch.setattr(book_module, "FOLD_AT", 1)
        patch.setattr(kept.store, "_fold", lambda _: (_ for _ in ()).throw(JournalError("no room")))
        kept.place("buy", "MARKET", "1")
        assert not kept.settle()
    assert "no room" in kept.journal.failure
    assert kept.settle(RETRY_AFTER)
    assert picture(kept.venue)["alice"] == before


def test_unforeseen(failing, monkeypatch, caplog):
    """Whatever goes wrong while a step is written down, it has not happened."""
    kept = failing
    before = picture(kept.venue)["alice"]
    with monkeypatch.context() as patch:
        patch.setattr(kept.store, "append", lambda *_: 1 / 0)
        kept.place("buy", "MARKET", "1")
        assert not kept.settle()
    assert "ZeroDivisionError" in kept.journal.failure
    assert "could not be put into words" in caplog.text
    assert kept.settle(RETRY_AFTER)
    assert picture(kept.venue)["alice"] == before


class Interrupted:
    """A backend during which somebody presses Ctrl-C, before or after a statement or a commit."""

    def __init__(self, backend, at, *, late):
        self._backend = backend
        self._at, self._late = at, late

    def __getattr__(self, name):
        return getattr(self._backend, name)

    def _meet(self, what, do):
        is_it, self._at = self._at in what, "" if self._at in what else self._at
        if is_it and not self._late:
            raise KeyboardInterrupt
        found = do()
        if is_it:
            raise KeyboardInterrupt
        return found

    def run(self, sql, params=()):
        """Run a statement."""
        return self._meet(sql, lambda: self._backend.run(sql, params)) if self._at else self._backend.run(sql, params)

    def begin(self):
        """Begin a transaction."""
        self._meet("begin", self._backend.begin) if self._at else self._backend.begin()

    def commit(self):
        """End it."""
        self._meet("commit", self._backend.commit) if self._at else self._backend.commit()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("at", ["INTO entries", "begin", "commit"])
def test_interrupted(open_kept, at, late):
    """Where a step is interrupted while it is written down, the database says whether it has happened; it goes on from there."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    assert kept.settle()
    kept.store.backend = Interrupted(kept.store.backend, at, late=late)
    kept.place("buy", "LIMIT", "1", "91")
    is_left = at != "INTO entries"
    with pytest.raises(KeyboardInterrupt):
        kept.journal.start()() if is_left else kept.journal.settle()
    assert kept.journal.finish() is (at != "commit")
    assert kept.settle(RETRY_AFTER)
    kept.place("buy", "LIMIT", "1", "92")
    assert kept.settle()
    before = picture(kept.venue)
    is_there = late and at == "commit"
    assert len(kept.account.open_orders) == 2 + is_there
    kept.journal.close()
    assert picture(open_kept().venue) == before


def test_interrupted_close(open_kept, monkeypatch):
    """Where the end is interrupted, a second one writes nothing that does not follow on what is there."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    with monkeypatch.context() as patch:
        patch.setattr(kept.store, "append", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            kept.journal.close()
    kept.place("buy", "LIMIT", "1", "91")
    kept.journal.close()
    assert open_kept().account.open_orders == []


def test_half_begun(open_kept, monkeypatch):
    """Where something goes wrong between a step's statements and its commit, nothing of it is left in the way."""
    kept = open_kept()
    with monkeypatch.context() as patch:
        patch.setattr(book_module, "FOLD_AT", 1)
        patch.setattr(book_module.Book, "folded", lambda _: 1 / 0)
        kept.place("buy", "LIMIT", "1", "90")
        assert kept.journal.start() is None
    assert "ZeroDivisionError" in kept.journal.failure
    assert kept.settle(RETRY_AFTER)
    assert kept.account.open_orders == []
    kept.place("buy", "LIMIT", "1", "91")
    assert kept.settle()


def large_step(kept):
    """So many orders at once that they go into the tables with their step."""
    for _ in range(book_module.LARGE):
        kept.place("buy", "LIMIT", "0.01", "90")


def test_large_step(open_kept):
    """A step of many records is written once, into the tables, with what entries tell of the steps before."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "91")
    kept.settle()
    large_step(kept)
    assert kept.settle()
    kept.place("buy", "MARKET", "1")
    assert kept.settle()
    row = kept.store.rows()[0]
    assert (row.folded, [entry.seq for entry in kept.store.entries(row)]) == (2, [3])
    before = picture(kept.venue)
    assert picture(open_kept().venue) == before


def test_large_step_of_two(open_kept):
    """Nor can it be written where another writer has written a step of that number meanwhile."""
    kept = open_kept()
    row = kept.store.rows()[0]
    kept.store.append([Entry(row.id, row.folded + 1, chain(row.crc, "{}"), "{}")])
    large_step(kept)
    assert not kept.settle()
    assert [entry.body for entry in kept.store.entries(kept.store.rows()[0])] == ["{}"]


def test_under_way(open_kept):
    """While a commit is under way an account trades on; when it is done what it was to write is there, and no more."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    before = picture(kept.venue)
    commit = kept.journal.start()
    kept.place("buy", "LIMIT", "1", "91")
    assert kept.journal.is_behind
    commit()
    assert kept.journal.finish()
    assert kept.journal.is_dirty
    kept.crash()
    assert picture(open_kept().venue) == before


def test_under_way_and_settled(open_kept):
    """Who wants all of it written down waits for the commit under way first."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    assert kept.journal.start() is not None
    kept.place("buy", "LIMIT", "1", "91")
    assert kept.settle()
    assert not kept.journal.is_behind
    before = picture(kept.venue)
    kept.crash()
    assert picture(open_kept().venue) == before


def test_nothing_under_way(open_kept):
    """Where nothing has changed no commit begins."""
    kept = open_kept()
    assert kept.journal.start() is None
    assert kept.journal.finish()
    assert not kept.journal.is_behind


def test_commit_fails(failing):
    """Where a commit fails, what it was to write has not happened, nor what came while it was under way."""
    kept = failing
    before = picture(kept.venue)["alice"]
    kept.place("buy", "LIMIT", "1", "90")
    commit = kept.journal.start()
    kept.place("buy", "MARKET", "1")
    kept.store.backend.is_full = True
    commit()
    assert not kept.journal.finish()
    assert "disk full" in kept.journal.failure
    kept.store.backend.is_full = False
    assert kept.settle(RETRY_AFTER)
    assert picture(kept.venue)["alice"] == before
    kept.place("buy", "MARKET", "1")
    assert kept.settle()


def test_cannot_begin(failing):
    """Where a commit cannot even begin, nothing is left to do."""
    kept = failing
    kept.store.backend.is_full = True
    kept.place("buy", "LIMIT", "1", "90")
    assert kept.journal.start() is None
    assert "disk full" in kept.journal.failure


def test_opened_under_way(open_kept):
    """An account can be opened, and what its listeners have heard be noted, while another one's commit is under way."""
    kept = open_kept("alice")
    kept.place("buy", "LIMIT", "1", "90")
    assert kept.journal.start() is not None
    kept.journal.open({"bob": FUNDS})
    kept.journal.acknowledge("bob", "accountant", 0)
    assert kept.journal.finish()
    before = picture(kept.venue)
    kept.crash()
    assert picture(open_kept("alice", "bob").venue) == before


def test_fork_under_way(open_kept, monkeypatch):
    """A child process does not touch the commit that its parent has under way."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    before, commit = picture(kept.venue), kept.journal.start()
    with monkeypatch.context() as patch:
        patch.setattr(books_module.os, "getpid", lambda: 0)
        patch.setattr(commit, "_commit", lambda: pytest.fail("it was done twice"))
        assert not kept.settle()
        kept.journal.close()
    commit()
    kept.crash()
    assert picture(open_kept().venue) == before


def test_close_fails(failing, caplog):
    """An end that cannot be written down is told."""
    failing.store.backend.is_full = True
    failing.place("buy", "MARKET", "1")
    failing.journal.close()
    assert "could not be written down" in caplog.text


def test_fork(open_kept, monkeypatch):
    """A child process that took over the memory of its parent leaves the accounts to it."""
    kept = open_kept()
    kept.place("buy", "LIMIT", "1", "90")
    kept.settle()
    before = picture(kept.venue)
    with monkeypatch.context() as patch:
        patch.setattr(books_module.os, "getpid", lambda: 0)
        kept.place("buy", "MARKET", "1")
        assert not kept.settle()
        assert "after the fork" in kept.journal.failure
        assert not kept.settle(RETRY_AFTER)
        kept.journal.close()
    assert picture(open_kept().venue) == before


def test_market_note(open_kept):
    """Where the market was seen last is noted for one that is made up."""
    kept = open_kept()
    kept.venue.trade("BTCUSDT", parse_units("100.5"), parse_units("1"), taker_is_seller=True)
    kept.venue.advance(kept.venue.now + 10)
    kept.settle(books_module.NOTE_EVERY)
    assert kept.store.market("test") == {"now": 1_010, "prices": {"BTCUSDT": parse_units("100.5")}}
    assert kept.store.market("other") == {}


def test_body(open_kept):
    """An entry is JSON that tells what changed."""
    kept = open_kept()
    kept.place("buy", "MARKET", "1")
    kept.settle()
    (entry,) = kept.store.entries(kept.store.rows()[0])
    told = json.loads(entry.body)
    assert told.keys() == {"numbers", "orders", "fills"}
    assert told["numbers"]["balances"]["BTC"] == [parse_units("10.999"), 0, parse_units("0.001")]
