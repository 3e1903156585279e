from __future__ import annotations

import pytest

from exec_plugin.core.errors import INSUFFICIENT_BALANCE, ConfigError, OrderRejected
from exec_plugin.core.ledger import Account, Desk
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import SCALE

PAIR = default_symbol("BTCUSDT")


def test_balances():
    """An account holds what it was given; other assets open at zero."""
    account = Account("alice", {"USDT": 5 * SCALE})
    assert account.balance("USDT").free == 5 * SCALE
    assert account.balance("BTC").free == account.balance("BTC").locked == 0
    assert repr(account) == "<Account 'alice' [<Balance USDT free=5 locked=0>, <Balance BTC free=0 locked=0>]>"


def test_desk():
    """A symbol's desk is opened once and moves the account's own balances."""
    account = Account("alice")
    desk = account.desk(PAIR)
    assert account.desk(PAIR) is desk
    assert (desk.base, desk.quote) == (account.balance("BTC"), account.balance("USDT"))


def test_require():
    """Who asks for more than is free is told what is needed and what there is."""
    desk = Account("alice", {"USDT": 5 * SCALE}).desk(PAIR)
    assert desk.require(is_buy=True, amount=5 * SCALE) is desk.quote
    with pytest.raises(OrderRejected) as caught:
        desk.require(is_buy=False, amount=1)
    assert (caught.value.code, caught.value.msg) == (-2010, INSUFFICIENT_BALANCE)
    assert caught.value.hint == "0.00000001 BTC needed, 0 free"


def test_negative_deposit(stage):
    """An account cannot start in debt, and is not opened."""
    with pytest.raises(ConfigError, match="BTC=-1"):
        stage.venue.open_account("carol", {"BTC": -SCALE})
    assert "carol" not in stage.venue.accounts


def test_reopen(stage):
    """Opening an account again answers the one there is, as it is."""
    assert stage.venue.open_account("alice", {"BTC": 1}) is stage.alice
    assert stage.purse(stage.alice)["BTC"] == "100000"


def test_lock(stage):
    """A buy locks its value at the limit, a sell its quantity, a stop buy its value at the trigger."""
    stage.buy("2", "10.5")
    stage.sell("3", "50")
    stage.place("BUY", "STOP_LOSS", "1", stop="40")
    assert stage.purse(stage.alice) == {"BTC": "99997+3", "USDT": "9999939+61"}


def test_release(stage):
    """A cancelled order gives back all of it, also the rounded part."""
    order = stage.buy("0.333", "33.33")
    stage.sold("33.33", "0.111")
    stage.venue.cancel(order)
    assert order.locked == 0
    assert all(balance.locked == 0 for balance in stage.alice.balances.values())


def test_find(stage):
    """Orders are found by their id, their own client id or the generated one, and by no other."""
    plain, named = stage.buy("1", "1"), stage.buy("1", "1", client_id="mine")
    desk = plain.desk
    assert desk.find(1) is desk.find(client_id="paper_1") is plain
    assert desk.find(2) is desk.find(client_id="mine") is named
    for stranger in ("paper_2", "paper_01", "paper_", "paper_x", "paper_-1", "yours", ""):
        assert desk.find(client_id=stranger) is None
    assert desk.find(3) is None


def test_find_foreign(stage):
    """Orders of another account are not found."""
    order = stage.buy("1", "1", by=stage.bob)
    assert stage.alice.desk(stage.market.symbol).find(order.id) is None


def test_client_id_again(stage):
    """A client id is taken while its order is open, and names the latest one afterwards."""
    first = stage.buy("1", "1", client_id="mine")
    with pytest.raises(OrderRejected, match="Duplicate order sent"):
        stage.buy("1", "1", client_id="mine")
    stage.venue.cancel(first)
    second = stage.buy("1", "1", client_id="mine")
    assert first.desk.find(client_id="mine") is second
    assert stage.buy("1", "1", by=stage.bob, client_id="mine").id == 3


def test_open_orders(stage):
    """Open orders of all symbols come oldest first."""
    stage.venue.list_symbol(default_symbol("ETHUSDT", min_notional="0"))
    first = stage.buy("1", "1")
    second = stage.venue.place(stage.alice, "ETHUSDT", True, "LIMIT", SCALE, SCALE)
    third = stage.buy("1", "1")
    assert stage.alice.open_orders == [first, second, third]


def test_fills_since(stage):
    """Fills are handed out from a position on."""
    order = stage.buy("3", "100")
    for _ in range(3):
        stage.sold("99", "1")
    assert [fill.id for fill in order.desk.fills] == [1, 2, 3]
    assert order.desk.fills_since(2) == order.desk.fills[2:]


def test_need(stage):
    """What an order needs shrinks with what is left of it."""
    order = stage.buy("2", "100")
    assert Desk.need(order) == 200 * SCALE
    stage.sold("99", "0.5")
    assert Desk.need(order) == order.locked == 150 * SCALE
