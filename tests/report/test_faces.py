"""A result as text and as a page."""

from __future__ import annotations

import re
from decimal import Decimal
from html.parser import HTMLParser

import pytest

from exec_plugin.report import Deal, Point, Result, page, text
from exec_plugin.report.page import MOST_DEALS
from exec_plugin.report.text import money, percent, plain

D = Decimal
START = 1_700_000_000_000
DEAL = Deal(START, 3, True, True, D("99.5"), D("2.00000000"), D("199"), D("0.00200000"), "BTC")


def _result(**changes):
    figures = {
        "symbol": "BTCUSDT",
        "base": "BTC",
        "quote": "USDT",
        "start": START,
        "end": START + 90_500,
        "orders": {"FILLED": 2, "PARTIALLY_FILLED": 1},
        "deals": (DEAL, DEAL._replace(is_buyer=False, is_maker=False, quantity=D("0.5"))),
        "fees": {"BTC": D("0.002"), "USDT": D("1E-8")},
        "realized_pnl": D("-1.5"),
        "unrealized_pnl": D("21.5"),
        "price_start": D(100),
        "price_end": D(110),
        "equity_start": D(10000),
        "equity_end": D(10020),
        "equity_held": D(10500),
        "curve": (Point(START, D(10000), D(100)), Point(START + 90_500, D(10020), D(110))),
    }
    return Result(**(figures | changes))


TEXT = """
BTC/USDT, 2023-11-14 22:13:20 to 2023-11-14 22:14:50 UTC (0:01:30)

Orders          3: 2 filled, 1 partially filled
Fills           2, 1 of them as maker; bought 2, sold 0.5 BTC
Fees            0.002 BTC, 0.00000001 USDT
Realized P&L    -1.50 USDT
Unrealized P&L  +21.50 USDT
Equity          10000.00 to 10020.00 USDT
Equity change   +0.200 %
Buy and hold    +10.000 %, the bot -9.800 %
No trading      +5.000 %, the bot -4.800 %
"""


def test_text():
    """The text has one line for each figure, with its unit."""
    assert text(_result()) == TEXT.strip()


def test_empty_text():
    """A run in which nothing happened says so."""
    lines = text(_result(orders={}, deals=(), fees={})).splitlines()
    assert lines[2:5] == [
        "Orders          0",
        "Fills           0, 0 of them as maker; bought 0, sold 0 BTC",
        "Fees            none",
    ]


@pytest.mark.parametrize(
    ("worth", "shown"), [("10000", "1.23"), ("0.2", "1.234568"), ("0", "1.234568"), ("1E9", "1.23")]
)
def test_money(worth, shown):
    """Small accounts, such as those in BTC, show more decimals."""
    assert money(_result(equity_start=D(worth)), D("1.23456789")) == shown


def test_zero():
    """Nothing is never negative."""
    assert money(_result(), D("-0.0001"), signed=True) == "+0.00"
    assert percent(D("-0.00001")) == "+0.000 %"


@pytest.mark.parametrize(
    ("value", "shown"), [("1E-8", "0.00000001"), ("2.500", "2.5"), ("0E-8", "0"), ("1E+3", "1000")]
)
def test_plain(value, shown):
    """Amounts have neither an exponent nor trailing zeros."""
    assert plain(D(value)) == shown


class Tags(HTMLParser):
    """Which tags a page has, and whether each that must be closed is."""

    def __init__(self, html):
        super().__init__()
        self.seen, self.open = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))


def test_page():
    """The page is well formed, has the figures, both lines and a row for each deal, and loads nothing."""
    html = page(_result())
    tags = Tags(html)
    assert tags.open == []
    assert [attrs["class"] for tag, attrs in tags.seen if tag == "polyline"] == ["hold", "bot"]
    assert sum(tag == "tr" for tag, _ in tags.seen) == 9 + 1 + 2
    assert "10000.00 to 10020.00 USDT" in html
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", html)


def test_drawing():
    """Lines stay inside the drawing; higher worth is higher up."""
    points = re.findall(r'class="bot" points="([^"]*)"', page(_result()))[0].split()
    (left, low), (right, high) = (tuple(map(float, point.split(","))) for point in points)
    assert (left, right) == (12, 888)
    assert 12 <= high < low <= 268


@pytest.mark.parametrize(
    "changes", [{"curve": (Point(START, D(0), D(0)),), "equity_start": D(0), "price_start": D(0)}, {"deals": ()}]
)
def test_bare_page(changes):
    """A run of one moment, without money or deals, still has a page."""
    assert Tags(page(_result(**changes))).open == []


def test_many_deals():
    """A very long table shows the latest deals and says how many it leaves out."""
    html = page(_result(deals=(DEAL,) * (MOST_DEALS + 5)))
    assert "5 earlier ones are left out" in html
    assert html.count("<td>maker</td>") == MOST_DEALS


def test_escaped():
    """Names from a file cannot bring markup into the page."""
    assert "<b>" not in page(_result(base="<b>", fees={"<b>": D(1)}, deals=(DEAL._replace(commission_asset="<b>"),)))
