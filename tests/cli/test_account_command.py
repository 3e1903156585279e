"""``exec-plugin account``: what is kept, shown, exported, removed, checked and rescued."""

from __future__ import annotations

import json

import pytest
from journal.desk import Kept

from exec_plugin.journal import open_store
from exec_plugin.journal.entries import seal


@pytest.fixture
def url(tmp_path, monkeypatch):
    """The user's own file."""
    monkeypatch.setenv("EXEC_PLUGIN_HOME", str(tmp_path))
    return f"sqlite:///{tmp_path}/accounts.sqlite"


@pytest.fixture
def kept(url):
    """A file with an account that has traded, and is free."""
    kept = Kept(url, "alice", "bob")
    kept.place("buy", "LIMIT", "2", "99", client_id="mine")
    kept.place("buy", "MARKET", "1")
    legs = [
        kept.venue.draft(kept.account, "BTCUSDT", False, "STOP_LOSS", 10**8, stop=80 * 10**8),
        kept.venue.draft(kept.account, "BTCUSDT", False, "LIMIT_MAKER", 10**8, 120 * 10**8),
    ]
    kept.venue.lists.place_oco(legs, "pair", id)
    kept.settle()
    yield kept
    kept.crash()


@pytest.fixture
def free(kept, url):
    """The same file, of which some is folded and some is not, and its store."""
    kept.journal.close()
    again = Kept(url, "alice", "bob")
    again.place("sell", "LIMIT", "1", "130")
    again.settle()
    again.crash()
    store = open_store(url)
    yield store
    store.close()


def test_list(kept, call):
    """Accounts are listed with their market and who trades on them."""
    first, second = call("account", "list").stdout.splitlines()
    assert first.split()[:2] == ["alice", "test"]
    assert "in use by process" in first
    assert "in use by process" in second


def test_list_free(free, call):
    """An account that nobody trades on is free."""
    assert [line.split()[-1] for line in call("account", "list").stdout.splitlines()] == ["free", "free"]


def test_show(free, call):
    """Balances and open orders are shown, also those that are not folded yet."""
    shown = call("account", "show", "alice")
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["USDT", "99701", "free", "198", "locked"]
    assert [line.split()[1] for line in lines if line.startswith("order")] == ["1", "3", "4", "5"]
    assert "order 3 BTCUSDT SELL STOP_LOSS stop 80 0 of 1 filled" in lines
    assert "5 orders and 1 fills" in shown.stderr


def test_export(free, call):
    """All of an account is exported with names."""
    told = json.loads(call("account", "export", "alice").stdout)
    assert (told["account"], told["market"], told["version"]) == ("alice", "test", 1)
    assert told["balances"]["USDT"] == {"free": 99_701 * 10**8, "locked": 198 * 10**8, "fees": 0}
    assert [order["given_id"] for order in told["orders"]] == ["mine", "", "", "", ""]
    assert told["fills"][0]["price"] == 101 * 10**8
    assert told["lists"][0]["orders"] == [3, 4]
    assert told["last_ids"]["order"] == 5


def test_reset(free, call, url):
    """An account that is removed begins anew."""
    assert call("account", "reset", "alice", "--yes").exit_code == 0
    assert [line.split()[0] for line in call("account", "list").stdout.splitlines()] == ["bob"]
    again = Kept(url, "alice")
    assert again.account.balances["USDT"].free == 100_000 * 10**8
    again.crash()


def test_reset_in_use(kept, call):
    """An account that somebody trades on is not removed."""
    result = call("account", "reset", "alice", "--yes")
    assert result.exit_code == 2
    assert "is in use by process" in result.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "carol"), "no account 'carol'"),
        (("show", "alice", "--market", "other"), "no account 'alice'"),
        (("list", "--db-url", "sqlite://"), "seen by their own process only"),
        (("list", "--db-url", "mysql://x"), "sqlite:///path/to/file"),
        (("repair", "--output", "/"), "is there already"),
    ],
)
def test_refused(free, call, words, told):
    """What cannot be done is one line and exit code 2."""
    result = call("account", *words)
    assert result.exit_code == 2
    assert told in result.stderr


def test_no_file(url, call):
    """Looking makes no file."""
    result = call("account", "list")
    assert result.exit_code == 2
    assert "there is no such file" in result.stderr


def test_no_home(monkeypatch, call):
    """A user without a home is told what to do."""
    for name in ("EXEC_PLUGIN_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pathlib.Path.home", lambda: (_ for _ in ()).throw(RuntimeError("no home.")))
    assert "EXEC_PLUGIN_HOME" in call("account", "list").stderr


def test_two_markets(free, call):
    """Of two accounts of a name the market chooses."""
    row = free.enrol("other", "alice", 0)
    free.backend.run("UPDATE accounts SET state = (SELECT state FROM accounts WHERE id = 1) WHERE id = ?", (row.id,))
    assert "choose with --market" in call("account", "show", "alice").stderr
    assert call("account", "show", "alice", "--market", "test").exit_code == 0


def test_whole(free, call):
    """What is whole is said to be."""
    result = call("account", "verify")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "2 accounts are whole" in result.stderr
    assert "1 accounts are whole" in call("account", "verify", "bob").stderr


def changed(free, table, change, where=""):
    """Change a record and seal it again, as somebody would who knows how."""
    rows = free.backend.run(f"SELECT state FROM {table} WHERE account = 1 {where} LIMIT 1")
    free.backend.run(f"UPDATE {table} SET state = ? WHERE state = ?", (seal(change(rows[0][0][8:])), rows[0][0]))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda store: store.backend.run("UPDATE orders SET state = replace(state, 'NEW', 'OLD')"), "is damaged"),
        (lambda store: store.backend.run("UPDATE entries SET body = '{}'"), "entry 2 is missing or damaged"),
        (lambda store: store.backend.run("UPDATE accounts SET state = 'x' WHERE id = 1"), "its numbers"),
        (lambda store: store.backend.run("DELETE FROM fills"), "order 2 says it was filled"),
        (lambda store: store.backend.run("DELETE FROM orders WHERE id = 2"), "order 2 has fills and is not there"),
        (lambda store: store.backend.run("DELETE FROM orders WHERE id = 3"), "order list 1 lacks its orders [3]"),
        (lambda store: store.backend.run("DELETE FROM orders WHERE id = 1"), "are locked, and open orders hold"),
        (
            lambda store: changed(store, "fills", lambda text: text.replace('"BTC"', '"USDT"')),
            "were paid in and traded",
        ),
    ],
)
def test_verify(free, call, damage, told, kept):
    """What is damaged, missing or does not add up is printed, and the exit code is 1."""
    damage(free)
    result = call("account", "verify")
    assert result.exit_code == 1
    assert told in result.stdout


@pytest.mark.parametrize(
    ("damage", "told", "orders"),
    [
        (lambda store: None, "", [1, 3, 4, 5]),
        (lambda store: store.backend.run("UPDATE orders SET state = 'x' WHERE id = 1"), "are free", [3, 4, 5]),
        (lambda store: store.backend.run("UPDATE orders SET state = 'x' WHERE id = 3"), "lacks its orders", [1, 5]),
        (lambda store: store.backend.run("UPDATE entries SET body = '{}'"), "entry 2 is missing", [1, 3, 4]),
    ],
)
def test_repair(free, call, damage, told, orders, tmp_path, url):
    """What is whole is in the new file, adds up, and can be traded on; the damaged one is as it was."""
    damage(free)
    before = (tmp_path / "accounts.sqlite").read_bytes()
    fresh = tmp_path / "rescued.sqlite"
    result = call("account", "repair", "--output", fresh)
    assert result.exit_code == 0
    assert told in result.stdout
    assert (tmp_path / "accounts.sqlite").read_bytes() == before
    checked = call("account", "verify", "--db-url", f"sqlite:///{fresh}")
    assert checked.exit_code == 0, checked.stdout
    again = Kept(f"sqlite:///{fresh}", "alice", "bob")
    assert [order.id for order in again.account.open_orders] == orders
    again.place("buy", "MARKET", "1")
    assert again.settle()
    again.crash()


def test_repair_without_numbers(free, call, tmp_path):
    """An account without its numbers cannot be rescued; others can."""
    free.backend.run("UPDATE accounts SET state = 'x' WHERE id = 1")
    result = call("account", "repair", "--output", tmp_path / "rescued.sqlite")
    assert "nothing can be kept of it" in result.stdout
    assert "its numbers" in call("account", "show", "alice").stderr
    assert "1 accounts are in" in result.stderr
