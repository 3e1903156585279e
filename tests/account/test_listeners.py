"""Listeners are told each event once it is written down, in order, until they take it; also across restarts."""

from __future__ import annotations

import logging
import random
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import ccxt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal.desk import Failing

import exec_plugin
from account.listening_desk import FUNDS, ORDER, Desk
from account.test_kept_accounts import ask
from exec_plugin.account import HOUSE
from exec_plugin.account.listeners import LONGEST_PAUSE
from exec_plugin.account.script import ScriptedAccount
from exec_plugin.core.errors import ConfigError, RequestRejected
from exec_plugin.core.events import BOOK
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import parse_units
from exec_plugin.journal.books import RETRY_AFTER
from exec_plugin.protocol.control import ScriptedExchange


@pytest.fixture(params=[True, False], ids=["kept", "memory"])
def desk(request, tmp_path):
    """A desk of each kind."""
    found = Desk(tmp_path if request.param else None)
    yield found
    found.exchange.close()


def test_told(desk):
    """A listener begins now and is told number and payload of each event, of fills that the market makes as well."""
    desk.account.listen("other", print).close()
    desk.trade()
    events = []
    listener = desk.account.listen("bot", events.append)
    assert events == []
    desk.trade()
    assert [(event.account, event.seq, event.event["e"]) for event in events] == [
        ("default", 4, "executionReport"),
        ("default", 5, "executionReport"),
        ("default", 6, "outboundAccountPosition"),
    ]
    ask(desk.account, "POST", "/api/v3/order", **{**ORDER, "type": "LIMIT"}, price="100", timeInForce="GTC")
    levels = ({parse_units(price): parse_units("1000")} for price in ("90", "95"))
    desk.exchange.feed.push((BOOK, desk.clock.now, "BTCUSDT", *levels, 0))
    desk.exchange.catch_up()
    assert [event.event.get("x") for event in events[3:]] == ["NEW", None, "TRADE", None]
    assert listener.seq == 10
    assert repr(listener) == "<Listener 'bot' of 'default' at 10>"


def test_on_demand(desk):
    """What happens before anybody asks for an account's events is not noted, and what happens after is, for good."""
    desk.trade()
    path = "/api/v3/paper/events"
    assert ask(desk.account, "GET", path, after=0) == {"events": [], "oldest": 1, "last": 0}
    desk.trade()
    assert [each["seq"] for each in ask(desk.account, "GET", path, after=0)["events"]] == [1, 2, 3]


def test_nothing_to_note(tmp_path):
    """An account whose events were noted before has nothing to write down when it is opened again."""
    first = Desk(tmp_path)
    first.listen([]).close()
    first.exchange.close()
    again = Desk(tmp_path)
    assert again.exchange.settle()
    assert not again.exchange.is_dirty
    again.exchange.close()


def test_goes_on(desk):
    """The next listener of a name goes on where the one before ended; another name, or a number, begins elsewhere."""
    first, second, third, fourth = [], [], [], []
    desk.listen(first).close()
    desk.trade(2)
    assert first == []
    desk.listen(second).close()
    assert second == [1, 2, 3, 4, 5, 6]
    desk.trade()
    desk.listen(third, name="other")
    assert third == []
    desk.listen(fourth, after=4).close()
    assert fourth == [5, 6, 7, 8, 9]
    again = []
    desk.listen(again)
    assert again == []


def test_names(desk):
    """A name has one listener at a time, and is one."""
    desk.listen([])
    with pytest.raises(ConfigError, match="'bot' of account 'default' is listening: close it first"):
        desk.listen([])
    for name in ("", "x" * 201, "a\nb"):
        with pytest.raises(ConfigError, match="is no name"):
            desk.listen([], name=name)
    with pytest.raises(RequestRejected, match="after=1 is yet to come"):
        desk.listen([], name="other", after=1)
    desk.listen([], name="other", after=0)


def test_failing(desk, caplog):
    """One that raises is named; its event comes again, ever later, and nothing before it; others go on."""
    told, heard, tries = [], [], []
    is_broken = [True]

    def hear(event):
        tries.append(event.seq)
        if is_broken[0] and event.seq == 2:
            msg = "no"
            raise ValueError(msg)
        told.append(event.seq)

    desk.account.listen("broken", hear)
    desk.listen(heard)
    desk.trade()
    assert (told, heard) == ([1], [1, 2, 3])
    assert "listener 'broken' of account 'default' did not take event 2 and is told it again in 1 s" in caplog.text
    desk.trade()
    for _ in range(5):
        desk.look()
    assert tries == [1, 2]
    pauses = []
    for _ in range(9):
        before = desk.seconds
        while tries.count(2) < len(pauses) + 2:
            desk.seconds += 1
            desk.look()
        pauses.append(desk.seconds - before)
    assert pauses == [1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    is_broken[0] = False
    desk.seconds += LONGEST_PAUSE
    desk.look()
    assert told == heard == [1, 2, 3, 4, 5, 6]


def test_trades(desk):
    """A listener may trade; it is told of that after all that came before."""
    heard = []

    def hear(event):
        heard.append(event.seq)
        if event.seq == 2:
            desk.trade()
            assert heard == [1, 2]

    desk.account.listen("bot", hear)
    desk.trade()
    desk.look()
    assert heard == [1, 2, 3, 4, 5, 6]


def test_closes_itself(desk):
    """One that has heard enough is told nothing more, and goes on after what it took."""
    heard = []

    def hear(event):
        heard.append(event.seq)
        listener.close()

    listener = desk.account.listen("bot", hear)
    desk.trade()
    assert heard == [1]
    again = []
    desk.listen(again)
    assert again == [2, 3]


def test_bounded():
    """A listener that was away for too long is told so, with where it can begin."""
    desk = Desk(keep_events=2)
    desk.listen([]).close()
    desk.trade()
    with pytest.raises(
        RequestRejected, match="Events after 0 are gone: the oldest there is is 2, the newest 3"
    ) as caught:
        desk.listen([])
    assert caught.value.hint == "ask for after=1 or more"
    heard = []
    desk.listen(heard, after=1)
    assert heard == [2, 3]


def test_after_restart(tmp_path):
    """After a crash a listener is told what it has not taken, and nothing else."""
    desk, heard = Desk(tmp_path), []
    desk.listen(heard)
    desk.trade(2)
    desk.crash()
    desk = Desk(tmp_path)
    desk.trade()
    desk.listen(heard)
    desk.trade()
    assert heard == list(range(1, 13))
    desk.exchange.close()


def test_unwritten(tmp_path):
    """Of a step that the disk refuses nobody hears: neither listeners, nor plugins, nor streams."""
    desk, heard, told, streamed = Desk(tmp_path), [], [], []
    desk.listen(heard)
    desk.exchange.venue.listeners.append(
        lambda event: desk.exchange.gateway.departures.leave(lambda: told.append(event.time))
    )
    desk.exchange.gateway.user_data.subscribe("default", streamed.append)
    journal = desk.exchange.journal
    disk = journal.store.backend = Failing(journal.store.backend)
    seconds = [0.0]
    journal._clock = lambda: seconds[0]
    disk.is_full = True
    reply = desk.account.request("POST", "/api/v3/order?symbol=BTCUSDT&side=BUY&type=MARKET&quantity=1&timestamp="
                                 f"{desk.account.milliseconds()}&signature=x", {"X-MBX-APIKEY": "x"}, None)  # fmt: skip
    assert reply.status == 503
    assert (heard, told, streamed) == ([], [], [])
    disk.is_full = False
    seconds[0] += RETRY_AFTER
    desk.exchange.settle()
    desk.trade()
    assert heard == [1, 2, 3]
    assert (len(told), len(streamed)) == (3, 3)
    desk.exchange.close()


def test_owed(tmp_path, monkeypatch, caplog):
    """What a listener took is not told again although that cannot be noted; it is noted as soon as it can be."""
    desk, heard = Desk(tmp_path), []
    desk.listen(heard)
    backend = desk.exchange.journal.store.backend
    with monkeypatch.context() as patch:
        patch.setattr(backend, "run_soon", Failing(backend).run)
        failing = Failing(backend)
        failing.is_full = True
        patch.setattr(backend, "run_soon", failing.run)
        desk.trade()
    assert heard == [1, 2, 3]
    assert "how far listener 'bot' has heard cannot be noted at the moment" in caplog.text
    assert desk.exchange.journal.heard("default") == {"bot": 0}
    desk.look()
    assert heard == [1, 2, 3]
    assert desk.exchange.journal.heard("default") == {"bot": 3}
    desk.exchange.close()


def test_scripted():
    """A scripted market's account has listeners, too."""
    setup = {"symbols": [default_symbol("BTCUSDT").to_exchange_info()], "balances": FUNDS, "clock": 1000}
    script, heard = ScriptedExchange(setup), []
    account = ScriptedAccount(script, None)
    account.listen("bot", lambda event: heard.append(event.event["e"]))
    script.market([{"type": "book", "symbol": "BTCUSDT", "bids": [], "asks": [["101", "5"]]}])
    ask(account, "POST", "/api/v3/order", **ORDER)
    assert heard == ["executionReport", "executionReport", "outboundAccountPosition"]


def test_ccxt(tmp_path, monkeypatch):
    """``exchange.paper.listen`` is the same for a bot over ccxt."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    HOUSE.clear()
    exec_plugin.install()
    heard = []
    for _ in range(2):
        exchange = ccxt.binancepaper({"options": {"paper": {"db_url": f"sqlite:///{tmp_path}/bots.sqlite"}}})
        exchange.paper.listen("bot", heard.append)
        exchange.create_order("BTC/USDT", "market", "buy", 0.001)
        HOUSE.clear()
    assert [event.seq for event in heard] == [1, 2, 3, 4, 5, 6]


# ---------------------------------------------------------------------- streams


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.integers(1, 3)),
        st.tuples(st.just("rest"), st.integers(95, 105)),
        st.sampled_from([("drop",), ("resume",), ("crash",), ("cancel",), ("move",)]),
    ),
    max_size=25,
)


class Reader:
    """A stream that resumes where it was, and what came over it; and one that never has to."""

    def __init__(self):
        self.texts = []
        self.link = None
        self.whole = []

    @property
    def seq(self):
        return len(self.texts)

    def resume(self, desk):
        """Connect again and go on."""
        self.drop()
        self.link = desk.account.connect(f"wss://x/ws/paper-user-data?after={self.seq}", self.texts.append)

    def drop(self):
        """Lose the connection."""
        if self.link is not None:
            self.link.close()
            self.link = None


@settings(max_examples=25, deadline=None)
@given(STEPS, st.sampled_from([1, 7, 2000]))
def test_streams(steps, fold_at):
    """However often a stream is lost and the exchange restarted, who resumes gets the uninterrupted sequence."""
    reader, lives = Reader(), 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr("exec_plugin.journal.book.FOLD_AT", fold_at)
        desk = Desk(folder)
        desk.account.connect("wss://x/ws/paper-user-data", reader.whole.append)
        reader.resume(desk)
        desk.exchange.settle()
        for step in (*steps, ("resume",)):
            if step[0] == "crash":
                reader.drop()
                desk.crash()
                lives += 1
                desk = Desk(folder)
                desk.account.connect("wss://x/ws/paper-user-data", reader.whole.append)
            else:
                _play(desk, reader, step)
        assert [text.partition('"event":')[2][:-1] for text in reader.texts] == reader.whole
        assert [int(text.partition(",")[0].rpartition(":")[2]) for text in reader.texts] == [
            *range(1, len(reader.whole) + 1)
        ]
        desk.exchange.close()


def _play(desk, reader, step):
    if step[0] == "trade":
        desk.trade(step[1])
    elif step[0] == "rest":
        ask(desk.account, "POST", "/api/v3/order", **{**ORDER, "type": "LIMIT"}, price=step[1], timeInForce="GTC")
    elif step[0] == "cancel":
        if desk.account.account.open_orders:
            ask(desk.account, "DELETE", "/api/v3/openOrders", symbol="BTCUSDT")
    elif step[0] == "move":
        levels = ({parse_units(price): parse_units("1000")} for price in ("90", "92"))
        desk.exchange.feed.push((BOOK, desk.clock.now, "BTCUSDT", *levels, 0))
        desk.exchange.catch_up()
    else:
        getattr(reader, step[0])(desk) if step[0] == "resume" else reader.drop()


# ---------------------------------------------------------------------- killed


def lives(folder, kills, seed=0):
    """Let listeners listen in a process that trades, and kill it so often at any moment."""
    chance = random.Random(seed)
    command = [sys.executable, str(Path(__file__).with_name("listening_process.py")), str(folder)]
    for _ in range(kills):
        process = subprocess.Popen([*command, "trade"], stdout=subprocess.PIPE, text=True)
        for _ in range(chance.randrange(1, 120)):
            assert process.stdout.readline()
        process.kill()
        process.communicate()
    done = subprocess.run([*command, "finish"], stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout)


def test_killed(tmp_path):
    """
    A process that is killed in the middle of telling: no event is missing, and each comes once but for the one of the kill.

    A listener that stores its position together with what it does sees each exactly once.
    """
    kills = 6
    last = lives(tmp_path, kills)
    heard = [int(line) for line in (tmp_path / "heard").read_text().split()]
    assert sorted(set(heard)) == list(range(1, last + 1))
    repeated = [seq for before, seq in pairwise(heard) if seq != before + 1]
    assert len(heard) - last == len(repeated) <= kills
    with closing(sqlite3.connect(tmp_path / "effects.sqlite")) as db:
        assert [row[0] for row in db.execute("SELECT seq FROM effects ORDER BY rowid")] == list(range(1, last + 1))
    assert last > kills


def test_level(desk, caplog):
    """What a listener does wrong is an error in the log, with where."""
    with caplog.at_level(logging.ERROR):
        desk.account.listen("bot", lambda event: 1 / 0)
        desk.trade()
    assert caplog.records[0].exc_info[0] is ZeroDivisionError
