"""The figures of a run equal what the ledger holds."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from exec_plugin.core.fill_models import BinanceFees
from exec_plugin.core.symbols import default_symbol
from exec_plugin.core.units import parse_units, to_decimal
from exec_plugin.core.venue import Venue
from exec_plugin.report import Recorder
from exec_plugin.report.recorder import POINTS

D = Decimal
START = 1_700_000_000_000


@pytest.fixture
def venue():
    """BTCUSDT at 100, BNBUSDT at 10."""
    venue = Venue([default_symbol("BTCUSDT"), default_symbol("BNBUSDT")], now=START)
    _show(venue, "99", "101")
    venue.trade("BNBUSDT", parse_units("10"), parse_units("1"), False)
    return venue


@pytest.fixture
def account(venue):
    """1000 USDT and 10 BTC."""
    return venue.open_account("me", {"USDT": parse_units("1000"), "BTC": parse_units("10")})


def _show(venue, bid, ask):
    plenty = parse_units("1000")
    venue.quote("BTCUSDT", parse_units(bid), plenty, parse_units(ask), plenty)


def _trade(venue, account, side, quantity):
    return venue.place(account, "BTCUSDT", side == "buy", "MARKET", parse_units(quantity))


def test_nothing(venue, account):
    """A run without orders has no fills, no fees and no profit."""
    result = Recorder(venue, account, "BTCUSDT").result()
    assert (result.placed, result.deals, dict(result.fees)) == (0, (), {})
    assert (result.realized_pnl, result.unrealized_pnl, result.equity_change) == (0, 0, 0)
    assert (result.equity_start, result.equity_end, result.equity_held) == (2000, 2000, 2000)


def test_unpriced(account):
    """A market that shows no price yet values nothing and divides by nothing."""
    venue = Venue([default_symbol("BTCUSDT")], now=START)
    result = Recorder(venue, venue.open_account("me", {"BTC": 5}), "BTCUSDT").result()
    assert (result.equity_start, result.equity_change, result.price_change, result.held_change) == (0, 0, 0, 0)


def test_price_only(venue, account):
    """A price that rises makes an unrealized profit of what was held, as buying and holding would."""
    recorder = Recorder(venue, account, "BTCUSDT")
    _show(venue, "109", "111")
    result = recorder.result()
    assert (result.realized_pnl, result.unrealized_pnl) == (0, 100)
    assert (result.equity_end, result.equity_held) == (2100, 2100)
    assert (result.equity_change, result.held_change, result.price_change) == (5, 5, 10)


def test_round_trip(venue, account):
    """Buying and selling at average cost: fees of both legs and the spread are the loss."""
    recorder = Recorder(venue, account, "BTCUSDT")
    _trade(venue, account, "buy", "2")
    _trade(venue, account, "sell", "1")
    result = recorder.result()
    assert dict(result.fees) == {"BTC": D("0.002"), "USDT": D("0.099")}
    # held and bought are 11.998 for 1202, of which one is sold
    assert abs(result.realized_pnl - (D("98.901") - D(1202) / D("11.998"))) <= D("1e-8")
    assert result.realized_pnl + result.unrealized_pnl == result.equity_end - result.equity_start
    assert result.equity_end == 1000 - 202 + D("98.901") + D("10.998") * 100


@pytest.mark.parametrize(
    "moves", [["buy 1"], ["sell 3"], ["sell 10", "buy 4", "sell 1"], ["buy 0.00007", "sell 7.12345"]]
)
def test_adds_up(venue, account, moves):
    """Realized and unrealized profit are the change of equity, whatever was traded, to the last unit."""
    recorder = Recorder(venue, account, "BTCUSDT")
    for number, move in enumerate(moves):
        _trade(venue, account, *move.split())
        _show(venue, str(90 + 7 * number), str(91 + 7 * number))
    result = recorder.result()
    assert result.realized_pnl + result.unrealized_pnl == result.equity_end - result.equity_start


def test_equals_ledger(venue, account):
    """Fills, fees, quantities and order counts are those of the ledger."""
    recorder = Recorder(venue, account, "BTCUSDT")
    _trade(venue, account, "buy", "1")
    resting = venue.place(account, "BTCUSDT", True, "LIMIT", parse_units("1"), parse_units("50"))
    _trade(venue, account, "sell", "2")
    venue.cancel(resting)
    venue.place(account, "BTCUSDT", False, "LIMIT", parse_units("1"), parse_units("200"))
    result = recorder.result()
    assert dict(result.orders) == {"FILLED": 2, "CANCELED": 1, "NEW": 1}
    assert [deal[:4] for deal in result.deals] == [(START, 1, True, False), (START, 3, False, False)]
    desk = account.desks["BTCUSDT"]
    assert sum(deal.value for deal in result.deals) == sum(to_decimal(fill.quote) for fill in desk.fills)
    assert result.total(is_buyer=True) - result.total(is_buyer=False) == to_decimal(desk.net_base)
    assert dict(result.fees) == {name: to_decimal(held.fees) for name, held in account.balances.items()}
    total = sum(
        to_decimal(held.free + held.locked) * (100 if name == "BTC" else 1) for name, held in account.balances.items()
    )
    assert result.equity_end == total


def test_from_now_on(venue, account):
    """What was before the recorder began is none of its figures."""
    _trade(venue, account, "buy", "1")
    recorder = Recorder(venue, account, "BTCUSDT")
    _trade(venue, account, "sell", "1")
    result = recorder.result()
    assert (result.placed, len(result.deals)) == (1, 1)
    assert dict(result.fees) == {"USDT": D("0.099")}
    assert result.realized_pnl + result.unrealized_pnl == result.equity_end - result.equity_start


def test_third_asset():
    """Commissions in BNB are told in BNB, and BNB counts in the account's worth at its price."""
    symbols = [default_symbol("BTCUSDT"), default_symbol("BNBUSDT")]
    venue = Venue(symbols, now=START, fees=BinanceFees(enabled_for_account=True))
    _show(venue, "99", "101")
    venue.trade("BTCUSDT", parse_units("100"), parse_units("1"), False)
    venue.trade("BNBUSDT", parse_units("10"), parse_units("1"), False)
    account = venue.open_account("me", {"BTC": parse_units("10"), "BNB": parse_units("5")})
    recorder = Recorder(venue, account, "BTCUSDT")
    _trade(venue, account, "sell", "1")
    result = recorder.result()
    assert list(result.fees) == ["BNB"]
    assert result.equity_start == 1050
    assert result.realized_pnl + result.unrealized_pnl == result.equity_end - result.equity_start


def test_curve(venue, account):
    """The curve has a point a second, and one for the end."""
    recorder = Recorder(venue, account, "BTCUSDT")
    for step in range(1, 8):
        venue.advance(START + step * 500)
        recorder.sample()
    assert [point.time - START for point in recorder.result().curve] == [0, 1000, 2000, 3000, 3500]


def test_long_curve(venue, account):
    """However long the run, the curve keeps a bounded number of points, evenly spread, from begin to end."""
    recorder = Recorder(venue, account, "BTCUSDT")
    for step in range(1, 10 * POINTS):
        venue.advance(START + step * 1000)
        recorder.sample()
    times = [point.time - START for point in recorder.result().curve]
    assert POINTS <= len(times) <= 2 * POINTS + 1
    assert (times[0], times[-1]) == (0, (10 * POINTS - 1) * 1000)
    assert len({late - early for early, late in pairwise(times[:-1])}) == 1
