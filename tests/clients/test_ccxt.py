"""Plain ``ccxt.binance``, sync, with nothing but its addresses changed."""

from __future__ import annotations

import ccxt
import pytest
from ccxt_config import config

pytestmark = pytest.mark.slow

BTC = "BTC/USDT"
LIMIT = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "49000",
}  # fmt: skip


@pytest.fixture
def exchange(paper):
    """ccxt's own class, at the scripted market."""
    exchange = ccxt.binance(config(paper))
    yield exchange
    exchange.close()


def test_markets(exchange):
    """Markets and currencies are loaded, wallet and margin lists with them, and no other host is asked."""
    markets = exchange.load_markets()
    assert set(markets) == {BTC, "ETH/USDT", "BNB/USDT"}
    assert (markets[BTC]["precision"]["amount"], markets[BTC]["precision"]["price"]) == (1e-05, 0.01)
    assert (markets[BTC]["spot"], markets[BTC]["active"], markets[BTC]["margin"]) == (True, True, False)
    assert {"BTC", "USDT"} <= set(exchange.fetch_currencies())
    assert exchange.fetch_status()["status"] == "ok"


def test_market_data(exchange):
    """Every public method of a spot bot reads what stands at the market."""
    assert exchange.fetch_ticker(BTC)["last"] == 50000
    assert exchange.fetch_tickers([BTC])[BTC]["bid"] == 49990
    assert exchange.fetch_bids_asks([BTC])[BTC]["ask"] == 50010
    assert exchange.fetch_last_prices([BTC])[BTC]["price"] == 50000
    assert exchange.fetch_order_book(BTC, 5)["bids"] == [[49990, 2], [49980, 5], [49000, 50]]
    assert [(trade["price"], trade["side"]) for trade in exchange.fetch_trades(BTC)] == [(50000, "sell")]
    assert exchange.fetch_ohlcv(BTC, "1M")[-1][1:] == [50000, 50000, 50000, 50000, 1]
    assert abs(exchange.fetch_time() - exchange.milliseconds()) < 5000
    assert exchange.load_time_difference() < 5000


def test_market_order(exchange):
    """A market order fills along the book, and its fee, its trades and the balance agree."""
    before = exchange.fetch_balance()
    order = exchange.create_order(BTC, "market", "buy", 3)
    assert (order["status"], order["filled"], order["average"]) == ("closed", 3, (2 * 50010 + 50020) / 3)
    trades = exchange.fetch_my_trades(BTC)
    assert [(trade["price"], trade["amount"], trade["takerOrMaker"]) for trade in trades] == [
        (50010, 2, "taker"), (50020, 1, "taker"),
    ]  # fmt: skip
    after = exchange.fetch_balance()
    paid = sum(trade["fee"]["cost"] for trade in trades)
    assert {trade["fee"]["currency"] for trade in trades} == {"BTC"}
    assert after["BTC"]["free"] == pytest.approx(before["BTC"]["free"] + 3 - paid, abs=1e-9)
    assert after["USDT"]["free"] == pytest.approx(before["USDT"]["free"] - order["cost"], abs=1e-6)


def test_cost_order(exchange):
    """A market order by its cost spends it, down to the lot."""
    order = exchange.create_market_buy_order_with_cost(BTC, 100)
    assert order["status"] == "closed"
    assert 99 < order["cost"] <= 100


def test_limit_order(exchange, paper):
    """A limit order rests, is filled by somebody's trade, and is told in each query."""
    order = exchange.create_order(BTC, "limit", "buy", 0.5, 49950)
    assert [order["status"], exchange.fetch_balance()["USDT"]["used"]] == ["open", 24975]
    assert [found["id"] for found in exchange.fetch_open_orders(BTC)] == [order["id"]]
    paper.trade("49940", "100")
    found = exchange.fetch_order(order["id"], BTC)
    assert (found["status"], found["average"], found["remaining"]) == ("closed", 49950, 0)
    assert [found["id"] for found in exchange.fetch_closed_orders(BTC)] == [order["id"]]
    assert [trade["takerOrMaker"] for trade in exchange.fetch_order_trades(order["id"], BTC)] == ["maker"]


def test_cancel(exchange):
    """Orders are cancelled one by one, all at once, and by their own id."""
    ids = [exchange.create_order(BTC, "limit", "buy", 0.1, 49000 - number)["id"] for number in range(3)]
    assert exchange.cancel_order(ids[0], BTC)["status"] == "canceled"
    assert len(exchange.cancel_all_orders(BTC)) == 2
    assert {order["id"] for order in exchange.fetch_canceled_orders(BTC)} == set(ids)
    exchange.create_order(BTC, "limit", "sell", 0.1, 55000, {"clientOrderId": "mine"})
    told = exchange.cancel_order(None, BTC, {"clientOrderId": "mine"})
    assert (told["status"], told["info"]["origClientOrderId"]) == ("canceled", "mine")
    assert exchange.fetch_open_orders(BTC) == []


@pytest.mark.parametrize(
    ("kind", "side", "price", "params", "reported"),
    [
        ("limit", "sell", 60000, {"postOnly": True}, "LIMIT_MAKER"),
        ("limit", "sell", 48000, {"stopLossPrice": 48500}, "STOP_LOSS_LIMIT"),
        ("market", "sell", None, {"stopLossPrice": 48500}, "STOP_LOSS"),
        ("limit", "sell", 55000, {"takeProfitPrice": 54000}, "TAKE_PROFIT_LIMIT"),
        ("market", "sell", None, {"takeProfitPrice": 54000}, "TAKE_PROFIT"),
        ("limit", "buy", 52000, {"triggerPrice": 51500}, "STOP_LOSS_LIMIT"),
        ("STOP_LOSS", "sell", None, {"trailingPercent": 2, "trailingTriggerPrice": 49000}, "STOP_LOSS"),
        ("limit", "buy", 49000, {"icebergQty": "0.05"}, "LIMIT"),
    ],
)
def test_order_kinds(exchange, kind, side, price, params, reported):
    """Each kind of order that ccxt knows of rests and is told as what it is."""
    order = exchange.create_order(BTC, kind, side, 0.1, price, params)
    found = exchange.fetch_order(order["id"], BTC)
    assert (found["status"], found["info"]["type"]) == ("open", reported)


@pytest.mark.parametrize(("force", "status"), [("IOC", "expired"), ("FOK", "expired")])
def test_time_in_force(exchange, force, status):
    """What is not filled at once expires."""
    order = exchange.create_order(BTC, "limit", "buy", 1, 49000, {"timeInForce": force})
    assert (order["status"], order["filled"]) == (status, 0)


def test_edit(exchange):
    """ccxt edits an order by cancelReplace."""
    order = exchange.create_order(BTC, "limit", "buy", 0.1, 49000)
    edited = exchange.edit_order(order["id"], BTC, "limit", "buy", 0.2, 48000)
    assert (edited["price"], edited["amount"], edited["status"]) == (48000, 0.2, "open")
    assert exchange.fetch_order(order["id"], BTC)["status"] == "canceled"


def test_oco(exchange, paper):
    """Of two orders that cancel each other, the one that is filled leaves the other expired."""
    oco = exchange.private_post_orderlist_oco({
        "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.1", "aboveType": "LIMIT_MAKER", "abovePrice": "51000",
        "belowType": "STOP_LOSS", "belowStopPrice": "49000",
    })  # fmt: skip
    assert oco["listOrderStatus"] == "EXECUTING"
    paper.trade("52000", "100", "BUY")
    status = {order["info"]["type"]: order["status"] for order in exchange.fetch_orders(BTC)}
    assert status == {"LIMIT_MAKER": "closed", "STOP_LOSS": "expired"}


def test_fees(exchange):
    """The fees that are told are those that are taken."""
    fee = exchange.fetch_trading_fee(BTC)
    trade = exchange.create_order(BTC, "market", "buy", 1)["trades"][0]
    assert trade["fee"]["cost"] == pytest.approx(fee["taker"])
    assert exchange.fetch_trading_fees()[BTC]["maker"] == fee["maker"]


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (ccxt.InsufficientFunds, ("create_order", BTC, "limit", "buy", 99, 49000)),
        (ccxt.OrderImmediatelyFillable, ("create_order", BTC, "limit", "buy", 1, 51000, {"postOnly": True})),
        (ccxt.OrderImmediatelyFillable, ("create_order", BTC, "market", "sell", 0.1, None, {"stopLossPrice": 50500})),
        (ccxt.InvalidOrder, ("private_post_order", {**LIMIT, "quantity": "0.100001"})),
        (ccxt.InvalidOrder, ("private_post_order", {**LIMIT, "price": "49000.001"})),
        (ccxt.BadRequest, ("create_order", BTC, "limit", "buy", 0.00001, 49000)),
        (ccxt.OrderNotFound, ("fetch_order", "404", BTC)),
        (ccxt.OrderNotFound, ("cancel_order", "404", BTC)),
        (ccxt.OrderNotFound, ("cancel_all_orders", BTC)),
        (ccxt.BadSymbol, ("public_get_depth", {"symbol": "NOSUCH"})),
        (ccxt.BadRequest, ("public_get_depth",)),
        (ccxt.BadRequest, ("public_get_klines", {"symbol": "BTCUSDT", "interval": "7m"})),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else value[0],
)
def test_errors(exchange, error, call):
    """Errors reach the bot as the classes that it catches on the real exchange."""
    name, *arguments = call
    with pytest.raises(error) as caught:
        getattr(exchange, name)(*arguments)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"apiKey": "stranger"}, ccxt.AuthenticationError),
        ({"apiKey": "not a key"}, ccxt.AuthenticationError),
        ({"secret": "wrong"}, ccxt.AuthenticationError),
    ],
)
def test_strangers(paper, change, error):
    """Who has no right to be there is told so in ccxt's words."""
    stranger = ccxt.binance({**config(paper), **change})
    with pytest.raises(error):
        stranger.private_get_account()
    stranger.close()


def test_clock(paper):
    """A clock that is wrong is refused, and set right by ccxt's own way."""
    exchange = ccxt.binance(config(paper))
    exchange.milliseconds, right = lambda: right() - 120_000, exchange.milliseconds
    with pytest.raises(ccxt.InvalidNonce):
        exchange.private_get_account()
    exchange.load_time_difference()
    assert exchange.fetch_balance()["BTC"]["free"] == 10
    exchange.close()


def test_limits(paper):
    """Too much weight is a 429 that tells when to go on; who goes on at once is banned with 418."""
    minute = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 60}
    # ten seconds before the minute is over, and it stays so
    paper.reset(clock=1767614390000, rateLimits=[minute])
    exchange = ccxt.binance(config(paper, fetchCurrencies=False, fetchMargins=False))
    exchange.load_markets()
    refusals = []
    while len(refusals) < 100:
        try:
            exchange.fetch_ticker(BTC)
        except ccxt.DDoSProtection as error:
            refusals.append((str(error), exchange.last_response_headers["Retry-After"]))
            if "418" in str(error):
                break
    assert {wait for text, wait in refusals[:-1] if "429" in text and "-1003" in text} == {"10"}
    assert len(refusals) > 10
    assert "banned until 1767614510000" in refusals[-1][0]
    assert refusals[-1][1] == "120"
    exchange.close()


def test_order_limit(paper):
    """Too many unfilled orders are refused with -1015."""
    paper.reset(rateLimits=[{"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 2}])
    exchange = ccxt.binance(config(paper))
    for _ in range(2):
        exchange.create_order(BTC, "limit", "buy", 0.1, 49000)
    with pytest.raises(ccxt.DDoSProtection, match=r"429 .*-1015"):
        exchange.create_order(BTC, "limit", "buy", 0.1, 49000)
    exchange.close()
