"""``binancepaper`` end to end: ccxt asks, signs and parses, and judges every answer."""

from __future__ import annotations

import asyncio
import inspect
import math
from itertools import pairwise
from types import SimpleNamespace

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

import exec_plugin
from exec_plugin.account import HOUSE

# What ccxt's structures must have a value for, because Binance sends one. The rest of each depends on the market
# type or on what has happened.
TICKER = """symbol timestamp datetime high low bid bidVolume ask askVolume vwap open close last previousClose change
    percentage average baseVolume quoteVolume info""".split()
MARKET = "id lowercaseId symbol base quote baseId quoteId type spot active taker maker precision limits info".split()
PUBLIC_TRADE = "id timestamp datetime symbol side price amount cost info".split()
MY_TRADE = [*PUBLIC_TRADE, "order", "takerOrMaker", "fee"]
ORDER = """id clientOrderId timestamp datetime lastUpdateTimestamp symbol type timeInForce postOnly side price amount
    cost filled remaining status fees trades info""".split()
FILLED = [*ORDER, "average", "lastTradeTimestamp"]
FEE = "symbol maker taker info".split()
FRAMES = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M".split()
RATE = 0.001
FLAVOURS = {"sync": ccxt, "async": ccxt.async_support, "pro": ccxt.pro}


class Blocking:
    """An exchange of any flavour whose calls return when they are done."""

    def __init__(self, exchange):
        self.exchange = exchange
        self._loop = asyncio.new_event_loop()

    def __getattr__(self, name):
        found = getattr(self.exchange, name)
        if not callable(found):
            return found

        def call(*args, **kwargs):
            value = found(*args, **kwargs)
            return self._loop.run_until_complete(value) if inspect.isawaitable(value) else value

        return call

    def close(self):
        value = self.exchange.close() if hasattr(self.exchange, "close") else None
        if inspect.isawaitable(value):
            self._loop.run_until_complete(value)
        self._loop.close()


@pytest.fixture(autouse=True)
def house():
    """``binancepaper`` in ccxt, and no paper exchange left over."""
    exec_plugin.install()
    HOUSE.clear()
    yield
    HOUSE.clear()


@pytest.fixture(params=[("sync", "synthetic"), ("async", "recording")], ids="-".join)
def setting(request):
    """A flavour of ccxt and a kind of market; that the others do the same is tested once, at the end."""
    return request.param


@pytest.fixture
def flavour(setting):
    """One of ccxt's namespaces."""
    return FLAVOURS[setting[0]]


@pytest.fixture
def source(setting, request):
    """A market with the symbol that is traded on it: made up, or really recorded."""
    balances = {"USDT": "100000", "BTC": "3", "ETH": "3"}
    if setting[1] == "synthetic":
        options = {"speed": "max", "seed": 7, "symbols": ["BTC/USDT", "ETH/BTC"], "balances": balances}
        return SimpleNamespace(symbol="BTC/USDT", options=options)
    path = request.getfixturevalue("shared") / "data" / "market" / "ethusdt_20240808.gz"
    if not path.is_file():
        pytest.skip(f"{path.name} is not among the shared data")
    return SimpleNamespace(symbol="ETH/USDT", options={"recording": str(path), "balances": balances})


@pytest.fixture
def open_exchange(flavour):
    """Opens exchanges and closes them."""
    opened = []

    def open_one(options, namespace=flavour):
        opened.append(Blocking(namespace.binancepaper({"options": {"paper": options}})))
        return opened[-1]

    yield open_one
    for exchange in opened:
        exchange.close()


@pytest.fixture
def exchange(open_exchange, source):
    """An exchange on the source, some minutes after its opening."""
    exchange = open_exchange(source.options)
    exchange.load_markets()
    exchange.sleep(120_000)
    return exchange


@pytest.fixture
def pair(source):
    """The symbol to trade."""
    return source.symbol


def complete(structure, names):
    """Every named field has a value, and every number is one."""
    assert [name for name in names if structure[name] is None] == []
    assert [name for name in names if isinstance(structure[name], float) and not math.isfinite(structure[name])] == []


def near(value):
    """The same but for the last digits of a float."""
    return pytest.approx(value, rel=1e-9)


def price_at(exchange, pair, factor):
    """A legal price at so many times the last one."""
    return float(exchange.price_to_precision(pair, exchange.fetch_ticker(pair)["last"] * factor))


# ---------------------------------------------------------------------- the market


def test_markets(exchange, pair):
    """Markets come with their names, steps and limits, all of them spot."""
    assert pair in exchange.symbols
    for market in exchange.markets.values():
        complete(market, MARKET)
        assert (market["type"], market["active"]) == ("spot", True)
        complete(market["precision"], ["amount", "price"])
        complete(market["limits"]["amount"], ["min", "max"])
        complete(market["limits"]["price"], ["min", "max"])
        complete(market["limits"]["cost"], ["min"])


def test_tickers(exchange, pair):
    """Tickers are complete and their numbers agree."""
    ticker = exchange.fetch_ticker(pair)
    complete(ticker, TICKER)
    assert ticker["low"] <= ticker["vwap"] <= ticker["high"]
    assert ticker["low"] <= ticker["last"] <= ticker["high"]
    assert ticker["bid"] < ticker["ask"]
    assert ticker["change"] == pytest.approx(ticker["last"] - ticker["open"], abs=1e-7)
    assert ticker["vwap"] == pytest.approx(ticker["quoteVolume"] / ticker["baseVolume"], rel=1e-6)
    tickers = exchange.fetch_tickers()
    assert set(tickers) == set(exchange.symbols)
    assert set(exchange.fetch_tickers([pair])) == {pair}


def test_last_prices(exchange, pair):
    """Last prices and best offers are those of the ticker."""
    last = exchange.fetch_last_prices()[pair]
    complete(last, ["symbol", "price", "info"])
    best = exchange.fetch_bids_asks([pair])[pair]
    complete(best, ["symbol", "bid", "bidVolume", "ask", "askVolume"])
    assert best["bid"] < best["ask"]


@pytest.mark.parametrize("limit", [None, 5, 20])
def test_order_book(exchange, pair, limit):
    """The book is sorted, not crossed, and no deeper than asked for."""
    book = exchange.fetch_order_book(pair, limit)
    assert book["symbol"] == pair
    assert book["nonce"] is not None
    assert [price for price, _ in book["bids"]] == sorted({price for price, _ in book["bids"]}, reverse=True)
    assert [price for price, _ in book["asks"]] == sorted({price for price, _ in book["asks"]})
    assert book["bids"][0][0] < book["asks"][0][0]
    assert all(amount > 0 for _, amount in book["bids"] + book["asks"])
    assert 0 < len(book["bids"]) <= (limit or 100)


@pytest.mark.parametrize("method", ["publicGetAggTrades", "publicGetTrades", "publicGetHistoricalTrades"])
def test_trades(exchange, pair, method):
    """Public trades are complete, in order, and cost price times amount."""
    trades = exchange.fetch_trades(pair, limit=50, params={"fetchTradesMethod": method})
    assert len(trades) == 50
    for trade in trades:
        complete(trade, PUBLIC_TRADE)
        assert trade["cost"] == near(trade["price"] * trade["amount"])
    assert all(int(a["id"]) < int(b["id"]) and a["timestamp"] <= b["timestamp"] for a, b in pairwise(trades))


def test_trades_since(exchange, pair):
    """Public trades can be read from a moment on, the oldest first."""
    since = exchange.milliseconds() - 60_000
    trades = exchange.fetch_trades(pair, since, 5)
    assert len(trades) == 5
    assert trades[0]["timestamp"] >= since
    assert trades[-1]["timestamp"] <= exchange.fetch_trades(pair, limit=1)[0]["timestamp"]


def test_timeframes(exchange):
    """All of Binance's intervals are offered."""
    assert list(exchange.timeframes) == FRAMES


@pytest.mark.parametrize("frame", FRAMES)
def test_ohlcv(exchange, pair, frame):
    """Candles of every interval are on its grid, without gaps, and hold their own open and close."""
    rows = exchange.fetch_ohlcv(pair, frame, limit=10)
    assert rows
    for opened, first, high, low, last, volume in rows:
        assert low <= min(first, last) <= max(first, last) <= high
        assert low > 0
        assert volume >= 0
        assert opened <= exchange.milliseconds()
    if frame != "1M":
        width = exchange.parse_timeframe(frame) * 1000
        assert [later[0] - earlier[0] for earlier, later in pairwise(rows)] == [width] * (len(rows) - 1)
    assert exchange.fetch_ohlcv(pair, frame, since=rows[-1][0], limit=1)[0][:2] == rows[-1][:2]


def test_ohlcv_agrees(exchange, pair):
    """Minutes hold what their seconds hold."""
    start = exchange.milliseconds() // 60_000 * 60_000 - 60_000
    (minute,) = exchange.fetch_ohlcv(pair, "1m", start, 1)
    seconds = exchange.fetch_ohlcv(pair, "1s", start, 60)
    assert len(seconds) == 60
    assert minute[1] == seconds[0][1]
    assert minute[2:5] == [max(row[2] for row in seconds), min(row[3] for row in seconds), seconds[-1][4]]
    assert minute[5] == pytest.approx(sum(row[5] for row in seconds))


def test_time(exchange):
    """The exchange's time is what the instance goes by."""
    assert 0 <= exchange.milliseconds() - exchange.fetch_time() <= 1
    assert exchange.fetch_status()["status"] == "ok"


# ---------------------------------------------------------------------- orders


def check_filled(order, fee_in_base):
    """A filled order that was answered in full agrees with its own trades."""
    complete(order, FILLED)
    assert (order["status"], order["remaining"]) == ("closed", 0)
    trades = order["trades"]
    assert order["filled"] == near(sum(trade["amount"] for trade in trades))
    assert order["cost"] == near(sum(trade["price"] * trade["amount"] for trade in trades))
    assert order["average"] == near(order["cost"] / order["filled"])
    paid = sum(trade["fee"]["cost"] for trade in trades)
    received = order["filled"] if fee_in_base else order["cost"]
    # each trade's fee is rounded down to the eighth decimal
    assert received * RATE - 1e-8 * len(trades) <= paid <= received * RATE + 1e-12


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_market_order(exchange, pair, side):
    """A market order fills at once; its trades, fees and the balances say the same."""
    market = exchange.market(pair)
    before = exchange.fetch_balance()
    order = exchange.create_order(pair, "market", side, 1.2)
    check_filled(order, fee_in_base=side == "buy")
    after = exchange.fetch_balance()
    fee = sum(trade["fee"]["cost"] for trade in order["trades"])
    assert {trade["fee"]["currency"] for trade in order["trades"]} == {
        market["base"] if side == "buy" else market["quote"]
    }
    base, quote = (after[market[name]]["total"] - before[market[name]]["total"] for name in ("base", "quote"))
    if side == "buy":
        assert (base, quote) == (pytest.approx(1.2 - fee), pytest.approx(-order["cost"]))
    else:
        assert (base, quote) == (pytest.approx(-1.2), pytest.approx(order["cost"] - fee))


def test_market_by_cost(exchange, pair):
    """A market order may be placed by what it costs."""
    order = exchange.create_market_buy_order_with_cost(pair, 500)
    check_filled(order, fee_in_base=True)
    assert 490 < order["cost"] <= 500


def test_my_trades(exchange, pair):
    """Own trades are complete and are those that the orders told."""
    orders = [exchange.create_order(pair, "market", side, 0.3) for side in ("buy", "sell", "buy")]
    trades = exchange.fetch_my_trades(pair)
    assert [trade["id"] for trade in trades] == [trade["id"] for order in orders for trade in order["trades"]]
    for trade in trades:
        complete(trade, MY_TRADE)
        complete(trade["fee"], ["cost", "currency"])
        assert trade["cost"] == near(trade["price"] * trade["amount"])
        received = trade["amount"] if trade["side"] == "buy" else trade["cost"]
        assert trade["fee"]["cost"] == pytest.approx(received * RATE, abs=1e-8)
    assert exchange.fetch_my_trades(pair, limit=1) == trades[-1:]
    assert {trade["order"] for trade in exchange.fetch_order_trades(orders[1]["id"], pair)} == {orders[1]["id"]}


def test_limit_order(exchange, pair):
    """A limit order rests, locks its money, is found, and is cancelled."""
    price = price_at(exchange, pair, 0.98)
    order = exchange.create_order(pair, "limit", "buy", 0.5, price)
    complete(order, ORDER)
    assert (order["status"], order["filled"], order["remaining"], order["trades"]) == ("open", 0, 0.5, [])
    assert (order["price"], order["amount"], order["type"], order["timeInForce"]) == (price, 0.5, "limit", "GTC")
    found = exchange.fetch_order(order["id"], pair)
    complete(found, ORDER)
    assert {name: found[name] for name in ("id", "clientOrderId", "price", "amount", "timestamp")} == {
        name: order[name] for name in ("id", "clientOrderId", "price", "amount", "timestamp")
    }
    assert exchange.fetch_balance()["USDT"]["used"] == pytest.approx(0.5 * price)
    cancelled = exchange.cancel_order(order["id"], pair)
    complete(cancelled, ORDER)
    assert (cancelled["id"], cancelled["status"]) == (order["id"], "canceled")
    assert exchange.fetch_balance()["USDT"]["used"] == 0


def test_edit_order(exchange, pair):
    """An edited order is another one in the place of the first; when that fails, ccxt's error carries both results."""
    price = price_at(exchange, pair, 0.98)
    first = exchange.create_order(pair, "limit", "buy", 0.5, price)
    edited = exchange.edit_order(first["id"], pair, "limit", "buy", 0.25, price)
    assert (edited["status"], edited["amount"]) == ("open", 0.25)
    assert exchange.fetch_order(first["id"], pair)["status"] == "canceled"
    assert [order["id"] for order in exchange.fetch_open_orders(pair)] == [edited["id"]]
    with pytest.raises(ccxt.BaseError, match=r"-2022.*NOT_ATTEMPTED"):
        exchange.edit_order(first["id"], pair, "limit", "buy", 0.25, price)


def test_sor(exchange, pair):
    """An order that asks for smart order routing is sent there."""
    order = exchange.create_order(pair, "market", "buy", 0.01, None, {"sor": True})
    check_filled(order, fee_in_base=True)
    assert order["info"]["usedSor"] is True


def test_crossing_limit(exchange, pair):
    """A limit order that crosses gets the book's better price."""
    best = exchange.fetch_order_book(pair)["asks"][0][0]
    order = exchange.create_order(pair, "limit", "buy", 0.01, float(exchange.price_to_precision(pair, best * 1.002)))
    check_filled(order, fee_in_base=True)
    assert order["average"] < order["price"]


def test_maker_fills(exchange, pair):
    """Resting orders fill at their own price as the market comes by, as maker."""
    last = exchange.fetch_ticker(pair)["last"]
    for step in range(1, 4):
        for side, factor in (("buy", 1 - step / 20_000), ("sell", 1 + step / 20_000)):
            exchange.create_order(pair, "limit", side, 0.01, float(exchange.price_to_precision(pair, last * factor)))
    exchange.sleep(600_000)
    closed = [order for order in exchange.fetch_closed_orders(pair) if order["trades"] == []]
    assert closed
    makers = [trade for trade in exchange.fetch_my_trades(pair) if trade["takerOrMaker"] == "maker"]
    prices = {order["id"]: order["price"] for order in closed}
    assert makers
    assert all(trade["price"] == prices[trade["order"]] for trade in makers if trade["order"] in prices)


def test_post_only(exchange, pair):
    """A post-only order rests, and is refused where it would take."""
    order = exchange.create_order(pair, "limit", "buy", 0.01, price_at(exchange, pair, 0.98), {"postOnly": True})
    complete(exchange.fetch_order(order["id"], pair), ORDER)
    assert exchange.fetch_order(order["id"], pair)["postOnly"] is True
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        exchange.create_order(pair, "limit", "buy", 0.01, price_at(exchange, pair, 1.02), {"postOnly": True})
    assert len(exchange.fetch_open_orders(pair)) == 1


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
@pytest.mark.parametrize(("factor", "status"), [(0.98, "expired"), (1.02, "closed")])
def test_time_in_force(exchange, pair, tif, factor, status):
    """IOC and FOK orders fill or expire at once, and nothing stays locked."""
    price = price_at(exchange, pair, factor)
    order = exchange.create_order(pair, "limit", "buy", 0.01, price, {"timeInForce": tif})
    assert (order["status"], order["timeInForce"]) == (status, tif)
    assert order["filled"] == (0.01 if status == "closed" else 0)
    assert exchange.fetch_open_orders(pair) == []
    assert exchange.fetch_balance()["USDT"]["used"] == 0


@pytest.mark.parametrize("kind", ["market", "limit"])
def test_stop(exchange, pair, kind):
    """A stop order waits with its trigger price and its money."""
    stop, price = price_at(exchange, pair, 0.97), price_at(exchange, pair, 0.96)
    given = price if kind == "limit" else None
    placed = exchange.create_order(pair, kind, "sell", 0.1, given, {"stopLossPrice": stop})
    order = exchange.fetch_order(placed["id"], pair)
    complete(order, [name for name in ORDER if kind == "limit" or name not in ("price", "timeInForce")])
    assert (order["status"], order["triggerPrice"], order["stopPrice"]) == ("open", stop, stop)
    base = exchange.market(pair)["base"]
    assert exchange.fetch_balance()[base]["used"] == 0.1
    assert exchange.cancel_order(order["id"], pair)["status"] == "canceled"
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        exchange.create_order(pair, kind, "sell", 0.1, given, {"stopLossPrice": price_at(exchange, pair, 1.03)})


def test_lists(exchange, pair):
    """Orders are listed all, open, closed and cancelled."""
    low = price_at(exchange, pair, 0.97)
    ids = [exchange.create_order(pair, "limit", "buy", 0.01, low)["id"] for _ in range(3)]
    ids.append(exchange.create_order(pair, "market", "buy", 0.01)["id"])
    exchange.cancel_order(ids[1], pair)
    assert [order["id"] for order in exchange.fetch_orders(pair)] == ids
    assert [order["id"] for order in exchange.fetch_open_orders(pair)] == [ids[0], ids[2]]
    assert [order["id"] for order in exchange.fetch_open_orders()] == [ids[0], ids[2]]
    assert [order["id"] for order in exchange.fetch_closed_orders(pair)] == [ids[3]]
    assert [order["id"] for order in exchange.fetch_canceled_orders(pair)] == [ids[1]]
    for order in exchange.fetch_orders(pair):
        complete(order, FILLED if order["filled"] else ORDER)
    cancelled = exchange.cancel_all_orders(pair)
    assert [order["id"] for order in cancelled] == [ids[0], ids[2]]
    for order in cancelled:
        complete(order, ORDER)
    assert exchange.fetch_open_orders() == []


def test_client_order_id(exchange, pair):
    """An order can be found and cancelled by the caller's own id."""
    low = price_at(exchange, pair, 0.97)
    exchange.create_order(pair, "limit", "buy", 0.01, low, {"clientOrderId": "mine"})
    assert exchange.fetch_order(None, pair, {"clientOrderId": "mine"})["clientOrderId"] == "mine"
    with pytest.raises(ccxt.ExchangeError):
        exchange.create_order(pair, "limit", "buy", 0.01, low, {"clientOrderId": "mine"})
    assert exchange.cancel_order(None, pair, {"clientOrderId": "mine"})["status"] == "canceled"


def test_order_test(exchange, pair):
    """A test order is checked and leaves no trace."""
    before = exchange.fetch_balance()["USDT"]
    exchange.create_order(pair, "limit", "buy", 0.01, price_at(exchange, pair, 0.98), {"test": True})
    assert exchange.fetch_orders(pair) == []
    assert exchange.fetch_balance()["USDT"] == before


# ---------------------------------------------------------------------- the account


def test_balance(exchange):
    """Every asset that trades has free, used and total, which add up."""
    balance = exchange.fetch_balance()
    assets = {market[name] for market in exchange.markets.values() for name in ("base", "quote")}
    for asset in assets:
        complete(balance[asset], ["free", "used", "total"])
        assert balance[asset]["total"] == balance[asset]["free"] + balance[asset]["used"]
        assert balance["free"][asset] == balance[asset]["free"]
    complete(balance, ["timestamp", "datetime", "info"])
    assert balance["USDT"]["free"] == 100_000


def test_fees(exchange, pair):
    """The rates that are told are those that are charged."""
    fee = exchange.fetch_trading_fee(pair)
    complete(fee, FEE)
    assert (fee["maker"], fee["taker"]) == (RATE, RATE)
    assert set(exchange.fetch_trading_fees()) == set(exchange.symbols)


def test_other_fees(open_exchange, source):
    """Rates that are set are told and charged."""
    exchange = open_exchange({**source.options, "fees": {"maker": "0", "taker": "0.0004"}})
    exchange.load_markets()
    exchange.sleep(120_000)
    fee = exchange.fetch_trading_fee(source.symbol)
    assert (fee["maker"], fee["taker"]) == (0, 0.0004)
    order = exchange.create_order(source.symbol, "market", "buy", 0.5)
    assert sum(trade["fee"]["cost"] for trade in order["trades"]) == pytest.approx(0.5 * 0.0004, abs=1e-7)


# ---------------------------------------------------------------------- what is refused


def dump(exchange, pair):
    """All that a refused request must leave alone."""
    return exchange.fetch_orders(pair), exchange.fetch_my_trades(pair), exchange.fetch_balance()["total"]


@pytest.mark.parametrize(
    ("amount", "factor", "params", "error"),
    [
        (100, 0.99, {}, ccxt.InsufficientFunds),
        (0.000001, 0.99, {}, ccxt.InvalidOrder),
        (0, 0.99, {}, ccxt.InvalidOrder),
        (-1, 0.99, {}, ccxt.BadRequest),
        (0.001, 0.05, {}, ccxt.InvalidOrder),
        (1, 50, {}, ccxt.InvalidOrder),
        (1, 0.01, {}, ccxt.InvalidOrder),
        # ccxt cannot write these numbers itself
        *[(1, 0.99, {"quantity": text}, ccxt.BadRequest) for text in ("NaN", "Infinity", "1e30", "-1", "9" * 30)],
        (0.01, 0.99, {"quantity": "99999999999999999999"}, ccxt.InvalidOrder),
        (0.01, 0.99, {"quantity": "0.0123456789"}, ccxt.BadRequest),
        (0.01, 0.99, {"price": "1.123456789"}, ccxt.BadRequest),
        (0.01, 0.99, {"timeInForce": "GTX"}, ccxt.BaseError),
        (0.01, 0.99, {"newOrderRespType": "ALL"}, ccxt.BaseError),
        (0.01, 0.99, {"unknown": "1"}, ccxt.BadRequest),
        (0.01, 0.99, {"newClientOrderId": "a b c"}, ccxt.BadRequest),
    ],
)
def test_bad_orders(exchange, pair, amount, factor, params, error):
    """A bad order is the error that a bot would catch on Binance, and changes nothing."""
    price = price_at(exchange, pair, factor)
    before = dump(exchange, pair)
    with pytest.raises(error):
        exchange.create_order(pair, "limit", "buy", amount, price, params)
    assert dump(exchange, pair) == before


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (("fetch_ticker", "FOO/BAR"), ccxt.BadSymbol),
        (("create_order", "FOO/BAR", "limit", "buy", 1, 1), ccxt.BadSymbol),
        (("public_get_depth", {"symbol": "FOOBAR"}), ccxt.BadSymbol),
        (("fetch_order", "99", "{pair}"), ccxt.OrderNotFound),
        (("cancel_order", "99", "{pair}"), ccxt.OrderNotFound),
        (("cancel_order", "0", "{pair}"), ccxt.OrderNotFound),
        (("cancel_all_orders", "{pair}"), ccxt.OrderNotFound),
        (("create_order", "{pair}", "limit", "buy", 1), ccxt.InvalidOrder),
        (("create_order", "{pair}", "sometimes", "buy", 1, 1), ccxt.InvalidOrder),
        (("fetch_order", "99"), ccxt.ArgumentsRequired),
        (("fetch_ohlcv", "{pair}", "7m"), ccxt.BaseError),
        (("fetch_deposits",), ccxt.NotSupported),
        (("fetch_balance", {"type": "margin"}), ccxt.NotSupported),
        (("fetch_funding_rate", "{pair}"), ccxt.NotSupported),
    ],
)
def test_errors(exchange, pair, call, error):
    """What does not exist is the error that ccxt has for it."""
    name, *args = call
    with pytest.raises(error):
        getattr(exchange, name)(*[pair if arg == "{pair}" else arg for arg in args])


def test_filled_cancel(exchange, pair):
    """A filled order can no longer be cancelled."""
    order = exchange.create_order(pair, "market", "buy", 0.01)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(order["id"], pair)


@pytest.mark.parametrize(("amount", "kept"), [(0.1 + 0.2, 0.3), (0.7 + 0.1, 0.7999), (1.00000001, 1.0)])
def test_float_noise(exchange, pair, amount, kept):
    """ccxt cuts an amount's noise to the symbol's step; nobody asks for more than was meant."""
    order = exchange.create_order(pair, "limit", "buy", amount, price_at(exchange, pair, 0.98))
    assert order["amount"] == pytest.approx(kept, abs=0.00011)
    assert order["amount"] == float(exchange.amount_to_precision(pair, amount))
    assert exchange.fetch_open_orders(pair)[0]["amount"] == order["amount"]


def test_settings_error(open_exchange):
    """A wrong setting is an error of ccxt's that says what is wrong."""
    with pytest.raises(ccxt.ExchangeError, match="unknown setting 'balance'; did you mean 'balances'"):
        open_exchange({"balance": {"USDT": 1}}).load_markets()


# ---------------------------------------------------------------------- again, the same


def session(exchange, pair):
    """A busy quarter of an hour; what is left of it, without the client ids, which ccxt draws by chance."""
    exchange.load_markets()
    exchange.sleep(60_000)
    for turn in range(15):
        last = exchange.fetch_ticker(pair)["last"]
        for side, factor in (("buy", 0.9999), ("sell", 1.0001)):
            exchange.create_order(pair, "limit", side, 0.02, float(exchange.price_to_precision(pair, last * factor)))
        exchange.create_order(pair, "market", "buy" if turn % 2 else "sell", 0.05)
        exchange.sleep(60_000)
        for order in exchange.fetch_open_orders(pair)[:1]:
            exchange.cancel_order(order["id"], pair)
    orders = exchange.fetch_orders(pair)
    for order in orders:
        order.pop("clientOrderId")
        order["info"].pop("clientOrderId")
    return orders, exchange.fetch_my_trades(pair), exchange.fetch_balance(), exchange.milliseconds()


def test_same_again(open_exchange, source):
    """The same bot on the same market leaves the same orders, trades and balances, to the last digit."""
    options = {**source.options, "latency": {"min_ms": 1, "max_ms": 50}}
    first = session(open_exchange(options), source.symbol)
    HOUSE.clear()
    second = session(open_exchange(options), source.symbol)
    assert first == second
    assert len(first[0]) == 45
    assert len(first[1]) > 15


def test_flavours_agree(open_exchange, source):
    """The blocking class and those for asyncio leave the same behind."""
    left = []
    for namespace in FLAVOURS.values():
        HOUSE.clear()
        left.append(session(open_exchange(source.options, namespace), source.symbol))
    assert left[0] == left[1] == left[2]


def test_other_seed(open_exchange, source):
    """Another seed makes another market, where the market is made."""
    if "seed" not in source.options:
        pytest.skip("a recorded market has no seed")
    first = session(open_exchange(source.options), source.symbol)
    second = session(open_exchange({**source.options, "seed": 8}), source.symbol)
    assert first != second
