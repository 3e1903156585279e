"""Every public request: its shape, its limits and its refusals."""

from __future__ import annotations

import json

import pytest

from exec_plugin.core.clock import DAY, HOUR, MINUTE
from exec_plugin.core.errors import RequestRejected
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.tape import Tape
from exec_plugin.core.units import FAR, SCALE
from exec_plugin.core.venue import Venue
from exec_plugin.protocol.candles import CandleStore
from exec_plugin.protocol.market_data import HANDLERS

NOW = 1767614400000  # 2026-01-05 12:00 UTC
MINI = [
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
]  # fmt: skip
FULL = ["symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", *MINI[1:]]
DAILY = [
    "symbol", "priceChange", "priceChangePercent", "weightedAvgPrice", "prevClosePrice", "lastPrice", "lastQty",
    "bidPrice", "bidQty", "askPrice", "askQty", "openPrice", "highPrice", "lowPrice", "volume", "quoteVolume",
    "openTime", "closeTime", "firstId", "lastId", "count",
]  # fmt: skip


class Desk:
    """A context over a venue of three markets, with short words for what tests do to it."""

    rate_limits = ({"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},)
    exchange_filters = ({"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000},)

    def __init__(self, tape_limit=50_000):
        halted = Symbol.from_exchange_info({"symbol": "BNBUSDT", "status": "HALT", "permissionSets": [["TRD_GRP_004"]]})
        self.venue = Venue([default_symbol("BTCUSDT"), default_symbol("ETHUSDT"), halted], now=NOW)
        self.stores = {}
        for name, market in self.venue.markets.items():
            market.tape = Tape(tape_limit, 2 * tape_limit)
            self.stores[name] = CandleStore(market.tape)

    @property
    def now(self):
        return self.venue.now

    def candles(self, name):
        return self.stores[name]

    def book_id(self, name):
        return self.venue.market(name).update_id

    def ask(self, method, **params):
        answer = HANDLERS[method](self, params)
        assert json.loads(json.dumps(answer)) == answer
        return answer

    def trade(self, price, qty=1, seller=False, later=0, symbol="BTCUSDT"):
        self.venue.advance(self.now + later)
        self.venue.trade(symbol, int(price * SCALE), int(qty * SCALE), seller)

    def refused(self, method, **params):
        with pytest.raises(RequestRejected) as caught:
            self.ask(method, **params)
        return caught.value.code


@pytest.fixture
def desk():
    """A fresh exchange."""
    return Desk()


def units(*pairs):
    """Levels of a book in units."""
    return {price * SCALE: qty * SCALE for price, qty in pairs}


# ---------------------------------------------------------------------- general


def test_ping(desk):
    """A ping is answered with an empty object."""
    assert desk.ask("ping") == {}


def test_time(desk):
    """The time is the venue's."""
    desk.venue.advance(NOW + 5)
    assert desk.ask("time") == {"serverTime": NOW + 5}


def test_exchange_info(desk):
    """Everything that trades is listed with the limits and filters of the exchange."""
    info = desk.ask("exchangeInfo")
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert info["timezone"] == "UTC"
    assert info["serverTime"] == NOW
    assert info["rateLimits"] == list(desk.rate_limits)
    assert info["exchangeFilters"] == list(desk.exchange_filters)
    assert [symbol["symbol"] for symbol in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize(
    ("params", "names"),
    [
        ({"symbol": "ETHUSDT"}, ["ETHUSDT"]),
        ({"symbols": ["ETHUSDT", "BNBUSDT"]}, ["ETHUSDT", "BNBUSDT"]),
        ({"permissions": ["TRD_GRP_004"]}, ["BNBUSDT"]),
        ({"permissions": ["MARGIN"]}, []),
        ({"permissions": ["SPOT", "TRD_GRP_004"]}, ["BTCUSDT", "ETHUSDT", "BNBUSDT"]),
        ({"permissions": ["SPOT", "TRD_GRP_004"], "symbolStatus": "HALT"}, ["BNBUSDT"]),
        ({"symbolStatus": "BREAK"}, []),
    ],
)
def test_exchange_info_selects(desk, params, names):
    """Symbols are listed by name, by permission and by status."""
    assert [symbol["symbol"] for symbol in desk.ask("exchangeInfo", **params)["symbols"]] == names


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "NOPEUSDT"}, -1121),
        ({"symbols": ["BTCUSDT", "NOPEUSDT"]}, -1121),
        ({"symbols": ["BTCUSDT", "BTCUSDT"]}, -1151),
        ({"symbols": []}, -1102),
        ({"symbol": "BTCUSDT", "symbols": ["ETHUSDT"]}, -1128),
        ({"symbol": "BTCUSDT", "permissions": ["SPOT"]}, -1128),
        ({"symbols": ["BTCUSDT"], "symbolStatus": "TRADING"}, -1128),
        ({"symbolStatus": "OPEN"}, -1122),
        ({"permissions": ["GOD"]}, -1130),
    ],
)
def test_exchange_info_refuses(desk, params, code):
    """Unknown names and what cannot go together have their codes."""
    assert desk.refused("exchangeInfo", **params) == code


def test_hidden_permissions(desk):
    """Permission sets can be left out, and a listing saved that way still lists its symbols."""
    (entry,) = desk.ask("exchangeInfo", symbol="BTCUSDT", showPermissionSets=False)["symbols"]
    assert entry["permissionSets"] == []
    desk.venue.list_symbol(Symbol.from_exchange_info({**entry, "symbol": "LTCUSDT"}))
    names = [symbol["symbol"] for symbol in desk.ask("exchangeInfo")["symbols"]]
    assert names == ["BTCUSDT", "ETHUSDT", "LTCUSDT"]
    assert desk.ask("exchangeInfo", permissions=["MARGIN"])["symbols"] == []


# ---------------------------------------------------------------------- book and trades


def test_depth(desk):
    """The book is text pairs, best first, cut to the limit on both sides."""
    desk.venue.book("BTCUSDT", units((98, 2), (99, 1)), units((102, 4), (101, 3)), 77)
    book = desk.ask("depth", symbol="BTCUSDT")
    assert book == {
        "lastUpdateId": 77,
        "bids": [["99.00000000", "1.00000000"], ["98.00000000", "2.00000000"]],
        "asks": [["101.00000000", "3.00000000"], ["102.00000000", "4.00000000"]],
    }
    assert desk.ask("depth", symbol="BTCUSDT", limit=1) == {
        **book, "bids": book["bids"][:1], "asks": book["asks"][:1]
    }  # fmt: skip


@pytest.mark.parametrize(("limit", "levels"), [({}, 100), ({"limit": 7}, 7), ({"limit": 9999}, 5000)])
def test_depth_limits(desk, limit, levels):
    """A hundred levels unless asked otherwise; more than 5000 are cut."""
    desk.venue.book("BTCUSDT", units(*((price, 1) for price in range(1, 6001))), {})
    assert len(desk.ask("depth", symbol="BTCUSDT", **limit)["bids"]) == levels


def test_unknown_quantity(desk):
    """Where the feed tells no quantity, the smallest order stands for it, never a giant number."""
    desk.venue.quote("BTCUSDT", 99 * SCALE, FAR, 101 * SCALE, FAR)
    assert desk.ask("depth", symbol="BTCUSDT")["bids"] == [["99.00000000", "0.00001000"]]
    assert desk.ask("ticker.book", symbol="BTCUSDT") == {
        "symbol": "BTCUSDT",
        "bidPrice": "99.00000000",
        "bidQty": "0.00001000",
        "askPrice": "101.00000000",
        "askQty": "0.00001000",
    }


def test_trades(desk):
    """Recent trades are the newest ones, oldest first, in Binance's fields."""
    desk.trade(100, 1, seller=True)
    desk.trade(101.5, 2, later=10)
    first, second = desk.ask("trades.recent", symbol="BTCUSDT")
    assert first == {
        "id": 1,
        "price": "100.00000000",
        "qty": "1.00000000",
        "quoteQty": "100.00000000",
        "time": NOW,
        "isBuyerMaker": True,
        "isBestMatch": True,
    }
    assert (second["time"], second["quoteQty"], second["isBuyerMaker"]) == (NOW + 10, "203.00000000", False)
    assert desk.ask("trades.recent", symbol="BTCUSDT", limit=1) == [second]
    assert desk.ask("trades.recent", symbol="ETHUSDT") == []


@pytest.mark.parametrize("method", ["trades.recent", "trades.historical", "trades.aggregate", "klines"])
def test_limits(desk, method):
    """Lists hold 500 unless asked otherwise, and never more than 1000; none is no number of items."""
    for number in range(1200):
        desk.trade(100 + number % 2, later=MINUTE)
    params = {"symbol": "BTCUSDT", **({"interval": "1m"} if method == "klines" else {})}
    assert len(desk.ask(method, **params)) == 500
    assert len(desk.ask(method, **params, limit=1200)) == 1000
    assert desk.refused(method, **params, limit=0) == -1130


def test_historical(desk):
    """Old trades come from an id on; before the oldest kept they begin with that."""
    desk = Desk(tape_limit=4)
    for number in range(9):
        desk.trade(100 + number)
    ids = [trade["id"] for trade in desk.ask("trades.historical", symbol="BTCUSDT")]
    assert ids == [5, 6, 7, 8, 9]
    assert [trade["id"] for trade in desk.ask("trades.historical", symbol="BTCUSDT", fromId=7, limit=2)] == [7, 8]
    assert desk.ask("trades.historical", symbol="BTCUSDT", fromId=1, limit=1)[0]["id"] == 5
    assert desk.ask("trades.historical", symbol="BTCUSDT", fromId=10) == []


def test_aggregates(desk):
    """Neighbours with one time, price and side are one aggregate trade."""
    for price, qty, seller, later in (
        (101, 1, False, 0), (101, 2, False, 0), (102, 1, False, 0), (102, 1, True, 0), (102, 1, True, 1)
    ):  # fmt: skip
        desk.trade(price, qty, seller, later)
    rows = desk.ask("trades.aggregate", symbol="BTCUSDT")
    assert rows[0] == {
        "a": 1, "p": "101.00000000", "q": "3.00000000", "f": 1, "l": 2, "T": NOW, "m": False, "M": True
    }  # fmt: skip
    assert [(row["a"], row["f"], row["l"], row["T"] - NOW, row["m"]) for row in rows[1:]] == [
        (2, 3, 3, 0, False), (3, 4, 4, 0, True), (4, 5, 5, 1, True)
    ]  # fmt: skip


def test_aggregate_grows(desk):
    """A trade that continues the last aggregate joins it although that was shown already."""
    desk.trade(101, 1)
    assert [row["q"] for row in desk.ask("trades.aggregate", symbol="BTCUSDT")] == ["1.00000000"]
    desk.trade(101, 2)
    assert [row["q"] for row in desk.ask("trades.aggregate", symbol="BTCUSDT")] == ["3.00000000"]


def test_aggregate_ranges(desk):
    """Aggregates are found by number and by time, both ends included."""
    for number in range(6):
        desk.trade(100 + number, later=10 if number else 0)

    def found(**params):
        return [row["a"] for row in desk.ask("trades.aggregate", symbol="BTCUSDT", **params)]

    assert found(fromId=3, limit=2) == [3, 4]
    assert found(fromId=0, limit=2) == [1, 2]
    assert found(fromId=7) == []
    assert found(startTime=NOW + 20, limit=2) == [3, 4]
    assert found(endTime=NOW + 20, limit=2) == [2, 3]
    assert found(startTime=NOW + 11, endTime=NOW + 30) == [3, 4]
    assert found(startTime=NOW + 21, endTime=NOW + 29) == []
    assert found(endTime=NOW - 1) == []
    assert desk.refused("trades.aggregate", symbol="BTCUSDT", fromId=1, startTime=NOW) == -1128


def test_aggregates_trimmed():
    """Numbers stay when the tape is trimmed, however rarely anyone asks."""
    desk = Desk(tape_limit=4)
    for number in range(11):
        desk.trade(100 + number // 2)
    rows = desk.ask("trades.aggregate", symbol="BTCUSDT")
    assert [(row["a"], row["f"], row["l"]) for row in rows] == [(3, 5, 6), (4, 7, 8), (5, 9, 10), (6, 11, 11)]
    assert [row["a"] for row in desk.ask("trades.aggregate", symbol="BTCUSDT", fromId=5)] == [5, 6]


# ---------------------------------------------------------------------- candles and averages


@pytest.mark.parametrize("method", ["klines", "uiKlines"])
def test_klines(desk, method):
    """Candles come in the interval and the time zone asked for."""
    desk.trade(100)
    (day,) = desk.ask(method, symbol="BTCUSDT", interval="1d")
    assert (day[0], day[6]) == (NOW - 12 * HOUR, NOW + 12 * HOUR - 1)
    (day,) = desk.ask(method, symbol="BTCUSDT", interval="1d", timeZone="8")
    assert day[0] == NOW - 20 * HOUR
    assert desk.ask(method, symbol="BTCUSDT", interval="1d", startTime=0) == desk.ask(
        method, symbol="BTCUSDT", interval="1d", endTime=NOW
    )


@pytest.mark.parametrize(
    ("params", "code"),
    [({"interval": "7m"}, -1120), ({"interval": "1d", "timeZone": "15"}, -1130), ({"symbol": "NOPE"}, -1121)],
)
def test_klines_refuse(desk, params, code):
    """Unknown intervals, zones and symbols have their codes."""
    assert desk.refused("klines", **{"symbol": "BTCUSDT", "interval": "1m", **params}) == code


def test_average(desk):
    """The average price is that of five minutes, weighted by volume and rounded to the nearest."""
    desk.trade(1, 5)
    desk.trade(100, 2, later=6 * MINUTE)
    desk.trade(101, 1, later=1000)
    desk.venue.advance(desk.now + 500)
    assert desk.ask("avgPrice", symbol="BTCUSDT") == {
        "mins": 5, "price": "100.33333333", "closeTime": NOW + 6 * MINUTE + 1000
    }  # fmt: skip
    desk.trade(102, 3)
    desk.trade(100, 1)
    assert desk.ask("avgPrice", symbol="BTCUSDT")["price"] == "101.00000000"
    desk.trade(106, 2)
    assert desk.ask("avgPrice", symbol="BTCUSDT")["price"] == "102.11111111"


def test_average_rounds_up(desk):
    """The average price goes up to the nearest eighth decimal."""
    desk.trade(100, 1)
    desk.trade(101, 2)
    assert desk.ask("avgPrice", symbol="BTCUSDT")["price"] == "100.66666667"


def test_average_without_trades(desk):
    """Without trades in the last minutes it is the last price, and 0 before the first trade."""
    assert desk.ask("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "0.00000000", "closeTime": 0}
    desk.trade(100)
    desk.venue.advance(NOW + HOUR)
    assert desk.ask("avgPrice", symbol="BTCUSDT") == {"mins": 5, "price": "100.00000000", "closeTime": NOW}


# ---------------------------------------------------------------------- tickers


def test_24hr(desk):
    """The 24-hour ticker shows its window to the ms, what was traded before it, and the touch."""
    desk.venue.quote("BTCUSDT", 99 * SCALE, SCALE, 101 * SCALE, 2 * SCALE)
    desk.trade(90)
    desk.trade(80, 2, later=1)
    desk.trade(120, 1, later=HOUR)
    desk.trade(70, 1, later=HOUR)
    desk.trade(75, 3, later=HOUR)
    desk.venue.advance(NOW + 1 + DAY)
    ticker = desk.ask("ticker.24hr", symbol="BTCUSDT")
    assert list(ticker) == DAILY
    assert ticker == {
        "symbol": "BTCUSDT",
        "priceChange": "-5.00000000",
        "priceChangePercent": "-6.250",
        "weightedAvgPrice": "82.14285714",
        "prevClosePrice": "90.00000000",
        "lastPrice": "75.00000000",
        "lastQty": "3.00000000",
        "bidPrice": "99.00000000",
        "bidQty": "1.00000000",
        "askPrice": "101.00000000",
        "askQty": "2.00000000",
        "openPrice": "80.00000000",
        "highPrice": "120.00000000",
        "lowPrice": "70.00000000",
        "volume": "7.00000000",
        "quoteVolume": "575.00000000",
        "openTime": NOW + 1,
        "closeTime": NOW + 1 + DAY,
        "firstId": 2,
        "lastId": 5,
        "count": 4,
    }
    desk.venue.advance(desk.now + 1)
    assert desk.ask("ticker.24hr", symbol="BTCUSDT")["count"] == 3


def test_24hr_mini(desk):
    """The MINI form has twelve fields."""
    desk.trade(90)
    ticker = desk.ask("ticker.24hr", symbol="BTCUSDT", type="MINI")
    assert list(ticker) == MINI
    assert (ticker["lastPrice"], ticker["count"]) == ("90.00000000", 1)


def test_24hr_empty(desk):
    """A day without trades is zeros with the ids -1; the price before it stays known."""
    desk.trade(90)
    desk.venue.advance(NOW + DAY + 1)
    ticker = desk.ask("ticker.24hr", symbol="BTCUSDT")
    assert list(ticker) == DAILY
    assert [ticker[name] for name in ("firstId", "lastId", "count")] == [-1, -1, 0]
    assert ticker["priceChangePercent"] == "0.000"
    assert ticker["prevClosePrice"] == "90.00000000"
    zeros = ("lastPrice", "lastQty", "openPrice", "highPrice", "lowPrice", "volume", "weightedAvgPrice", "bidPrice")
    assert {ticker[name] for name in zeros} == {"0.00000000"}


def test_window(desk):
    """The rolling ticker opens on a minute and closes now."""
    desk.trade(100)
    desk.trade(110, 2, later=5_416_097)
    desk.venue.advance(desk.now + 1000)
    ticker = desk.ask("ticker", symbol="BTCUSDT", windowSize="1h")
    assert list(ticker) == FULL
    assert (ticker["openTime"], ticker["closeTime"]) == (1767616200000, 1767619817097)
    assert (ticker["openPrice"], ticker["count"], ticker["quoteVolume"]) == ("110.00000000", 1, "220.00000000")
    assert desk.ask("ticker", symbol="BTCUSDT")["openTime"] == 1767533400000
    assert desk.ask("ticker", symbol="BTCUSDT")["priceChangePercent"] == "10.000"
    assert list(desk.ask("ticker", symbol="BTCUSDT", type="MINI")) == MINI
    assert desk.refused("ticker", symbol="BTCUSDT", windowSize="1d2h") == -1130


def test_trading_day(desk):
    """The trading day is a calendar day of its time zone."""
    desk.trade(100)
    desk.trade(90, later=13 * HOUR)
    ticker = desk.ask("ticker.tradingDay", symbol="BTCUSDT")
    assert list(ticker) == FULL
    midnight = NOW + 12 * HOUR
    assert (ticker["openTime"], ticker["closeTime"], ticker["count"]) == (midnight, midnight + DAY - 1, 1)
    west = desk.ask("ticker.tradingDay", symbol="BTCUSDT", timeZone="-2:00", type="MINI")
    assert list(west) == MINI
    assert (west["openTime"], west["count"]) == (NOW - 10 * HOUR, 2)
    east = desk.ask("ticker.tradingDay", symbol="BTCUSDT", timeZone="14")
    assert east["openTime"] == midnight - 14 * HOUR
    assert desk.refused("ticker.tradingDay", symbol="BTCUSDT", timeZone="-13") == -1130


def test_price(desk):
    """The price ticker shows the last price, 0 before the first trade."""
    desk.trade(100)
    assert desk.ask("ticker.price", symbol="BTCUSDT") == {"symbol": "BTCUSDT", "price": "100.00000000"}
    assert desk.ask("ticker.price", symbol="ETHUSDT") == {"symbol": "ETHUSDT", "price": "0.00000000"}


def test_empty_book(desk):
    """Sides without orders are zeros."""
    assert set(desk.ask("ticker.book", symbol="BTCUSDT").values()) == {"BTCUSDT", "0.00000000"}
    assert desk.ask("depth", symbol="BTCUSDT") == {"lastUpdateId": 0, "bids": [], "asks": []}


@pytest.mark.parametrize("method", ["ticker.24hr", "ticker.price", "ticker.book"])
def test_all_symbols(desk, method):
    """These tickers answer for everything where no symbol is named."""
    assert [row["symbol"] for row in desk.ask(method)] == ["BTCUSDT", "ETHUSDT", "BNBUSDT"]
    assert [row["symbol"] for row in desk.ask(method, symbolStatus="HALT")] == ["BNBUSDT"]


@pytest.mark.parametrize("method", ["ticker", "ticker.tradingDay"])
def test_some_symbol(desk, method):
    """These tickers need a symbol, and take at most a hundred."""
    assert desk.refused(method) == -1102
    assert desk.refused(method, symbols=["BTCUSDT"] * 101) == -1101


@pytest.mark.parametrize("method", ["ticker.24hr", "ticker.price", "ticker.book", "ticker", "ticker.tradingDay"])
def test_symbols(desk, method):
    """A list of symbols gives a list, without those of another status; a single one must have the status."""
    names = ["ETHUSDT", "BNBUSDT"]
    assert [row["symbol"] for row in desk.ask(method, symbols=names)] == names
    assert [row["symbol"] for row in desk.ask(method, symbols=names, symbolStatus="HALT")] == ["BNBUSDT"]
    assert desk.ask(method, symbols=names, symbolStatus="BREAK") == []
    assert desk.ask(method, symbol="BNBUSDT", symbolStatus="HALT")["symbol"] == "BNBUSDT"
    assert desk.refused(method, symbol="BTCUSDT", symbolStatus="HALT") == -1220
    assert desk.refused(method, symbol="BTCUSDT", symbolStatus="OPEN") == -1122
    assert desk.refused(method, symbols=names, symbolStatus="OPEN") == -1122
    assert desk.refused(method, symbol="BTCUSDT", symbols=names) == -1128
    assert desk.refused(method, symbols=["BTCUSDT", "BTCUSDT"]) == -1151
    assert desk.refused(method, symbols=["NOPEUSDT"]) == -1121


@pytest.mark.parametrize("method", ["ticker.24hr", "ticker", "ticker.tradingDay"])
def test_ticker_type(desk, method):
    """Tickers are FULL or MINI."""
    assert desk.refused(method, symbol="BTCUSDT", type="full") == -1139


def test_depth_status(desk):
    """The book of a symbol in another status is refused."""
    assert desk.refused("depth", symbol="BTCUSDT", symbolStatus="HALT") == -1220


# ---------------------------------------------------------------------- what nobody has here


@pytest.mark.parametrize("method", ["referencePrice", "referencePrice.calculation"])
def test_reference_price(desk, method):
    """No symbol has a reference price."""
    assert desk.refused(method, symbol="BTCUSDT") == -2043
    assert desk.refused(method, symbol="NOPE") == -1121


def test_block_trades(desk):
    """There are no block trades."""
    assert desk.ask("blockTrades.historical", symbol="BTCUSDT", fromId=1) == []


def test_execution_rules(desk):
    """No symbol has execution rules, and the parameters exclude one another."""
    assert desk.ask("executionRules", symbol="BTCUSDT") == {"symbolRules": []}
    assert desk.ask("executionRules", symbolStatus="HALT") == {"symbolRules": []}
    assert desk.refused("executionRules", symbols=["NOPE"]) == -1121
    assert desk.refused("executionRules", symbol="BTCUSDT", symbolStatus="HALT") == -1128
