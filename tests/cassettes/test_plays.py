"""Every call of the client over what an exchange was recorded to answer, with the network shut."""

from __future__ import annotations

import inspect
from decimal import Decimal

import pytest

from exec_plugin.binance import (
    BinanceAuthError,
    BinanceBannedError,
    BinanceClient,
    BinanceError,
    BinanceFilterError,
    BinanceInsufficientBalanceError,
    BinanceMaintenanceError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceRequestError,
    BinanceTimeoutError,
    BinanceTimestampError,
)
from exec_plugin.cassettes.plays import PLAYS

# What asks nothing over HTTP, or what vcrpy cannot record.
NOT_RECORDED = {"convert_order_to_internal"}
STREAMS = "watch_"


def public_calls():
    """The client's public methods that ask an exchange."""
    members = inspect.getmembers(BinanceClient, callable)
    names = {name for name, _ in members if not name.startswith(("_", STREAMS))}
    return sorted(names - NOT_RECORDED)


@pytest.mark.parametrize("name", public_calls())
def test_whole(name):
    """Every public method is shown as it goes well and as it fails."""
    shown = [play for play in PLAYS.values() if play.calls == name]
    failing = [play for play in shown if play.fails or play.name.endswith("_failure")]
    assert failing
    assert len(shown) > len(failing)


def test_files(root):
    """Each play has its cassette, and each cassette its play."""
    assert {path.stem for path in (root / "cassettes").iterdir()} == set(PLAYS)


@pytest.mark.parametrize("name", PLAYS)
def test_head(kept, name):
    """A cassette's head says what it was recorded from."""
    first, second, *_ = kept(name).text.splitlines()
    assert first == f"# {PLAYS[name].run.__doc__}"
    assert second.startswith("# Recorded from ")


# ---------------------------------------------------------------------- sessions and market data


async def test_start_session(replay, kept):
    """The clocks are compared once, and timestamps follow the server's from then on, years later too."""
    server = kept("start_session").replies("GET", "/api/v3/time")
    assert abs(await replay("start_session") - server[0]["serverTime"]) <= 1
    assert len(server) == 1


async def test_start_session_failure(replay):
    """Without an answer there is no session."""
    with pytest.raises(BinanceMaintenanceError) as caught:
        await replay("start_session_failure")
    assert (caught.value.status, caught.value.outcome_unknown) == (502, True)


async def test_close_session(replay):
    """Closing twice is closing once."""
    assert "closed" in await replay("close_session")


async def test_close_session_failure(replay):
    """A closed client says so instead of asking."""
    with pytest.raises(BinanceError, match="was closed"):
        await replay("close_session_failure")


async def test_create_client(replay, kept):
    """The factory's client is started."""
    assert await replay("create_client") == kept("create_client").replies("GET", "/api/v3/time")[1]


async def test_create_client_failure(replay):
    """The factory's error is the exchange's, and nothing stays open."""
    with pytest.raises(BinanceMaintenanceError):
        await replay("create_client_failure")


async def test_server_time(replay, kept):
    """The time is the reply."""
    assert await replay("get_server_time") == kept("get_server_time").replies("GET", "/time")[1]


async def test_server_time_retried(replay, kept):
    """Reading is tried again until there is an answer."""
    replies = kept("get_server_time_retried").replies("GET", "/time")
    assert [reply.get("code") for reply in replies] == [None, -1006, -1006, None]
    assert await replay("get_server_time_retried") == replies[3]


async def test_server_time_failure(replay):
    """After the last try the failure is told."""
    with pytest.raises(BinanceMaintenanceError) as caught:
        await replay("get_server_time_failure")
    assert (caught.value.code, caught.value.status) == (-1006, 500)


async def test_exchange_info(replay, kept):
    """Rules are Decimals, and the reply is at hand."""
    info = await replay("get_exchange_info")
    reply = kept("get_exchange_info").replies("GET", "/exchangeInfo")[0]
    rules = {entry["filterType"]: entry for entry in reply["symbols"][0]["filters"]}
    symbol = info.symbols["BTCUSDT"]
    assert (symbol.base_asset, symbol.quote_asset) == ("BTC", "USDT")
    assert symbol.tick_size == Decimal(rules["PRICE_FILTER"]["tickSize"])
    assert symbol.min_quantity == Decimal(rules["LOT_SIZE"]["minQty"])
    assert symbol.min_notional == Decimal(rules["NOTIONAL"]["minNotional"])
    assert info.info == reply


async def test_klines(replay, kept):
    """Candles are Decimals in the order of time; a span has its both ends."""
    last, span = await replay("get_klines")
    rows = kept("get_klines").replies("GET", "/klines")[0]
    assert [[candle.open_time, candle.open, candle.high, candle.low, candle.close] for candle in last] == [
        [row[0], *map(Decimal, row[1:5])] for row in rows
    ]
    assert [candle.volume for candle in last] == [Decimal(row[5]) for row in rows]
    assert list(span) == list(last[2:6])


async def test_ticker(replay, kept):
    """The ticker is the reply, under both names."""
    for name in ("get_ticker", "get_24hr_ticker"):
        assert await replay(name) == kept(name).replies("GET", "/ticker/24hr")[0]


async def test_order_book(replay, kept):
    """The book is the reply."""
    book = await replay("get_order_book")
    assert book == kept("get_order_book").replies("GET", "/depth")[0]
    assert len(book["bids"]) == len(book["asks"]) == 5


async def test_trades(replay, kept):
    """The market's last trades are Decimals, oldest first."""
    rows = kept("get_trades").replies("GET", "/trades")[0]
    trades = await replay("get_trades")
    assert [(trade.id, trade.price, trade.quantity) for trade in trades] == [
        (str(row["id"]), Decimal(row["price"]), Decimal(row["qty"])) for row in rows
    ]


async def test_iter_klines(replay):
    """Both ends of the span are given, and what lies between."""
    known, found = await replay("iter_klines")
    assert list(found) == list(known[1:8])


async def test_iter_trades(replay):
    """Each trade from the first on, up to the last one's time."""
    known, found = await replay("iter_trades")
    assert [trade.id for trade in found][: len(known)] == [str(row["a"]) for row in known]


async def test_health(replay):
    """Healthy or not, it is an answer."""
    assert await replay("health_check") is True
    assert await replay("health_check_failure") is False


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("get_exchange_info_failure", BinanceRequestError, -1121),
        ("get_klines_failure", BinanceRequestError, -1120),
        ("get_24hr_ticker_failure", BinanceRequestError, -1121),
        ("get_trades_failure", BinanceRequestError, -1121),
        ("iter_klines_failure", BinanceRequestError, -1120),
        ("iter_trades_failure", BinanceRequestError, -1121),
        ("get_my_trades_failure", BinanceRequestError, -1121),
        ("iter_my_trades_failure", BinanceRequestError, -1121),
        ("iter_order_history_failure", BinanceRequestError, -1121),
        ("get_account_info_failure", BinanceAuthError, -1022),
        ("get_account_info_late_failure", BinanceTimestampError, -1021),
        ("get_order_failure", BinanceOrderNotFoundError, -2013),
        ("get_open_orders_failure", BinanceRequestError, -1121),
        ("get_order_history_failure", BinanceRequestError, -1121),
        ("cancel_order_failure", BinanceOrderNotFoundError, -2011),
        ("place_order_failure", BinanceInsufficientBalanceError, -2010),
        ("place_order_unchecked", BinanceFilterError, -1013),
    ],
)
async def test_refusals(replay, name, kind, code):
    """A refusal is an error of its kind with Binance's code and text, and ccxt's error is its cause."""
    with pytest.raises(kind) as caught:
        await replay(name)
    error = caught.value
    assert type(error) is kind
    assert (error.code, error.status, error.outcome_unknown) == (code, error.status, False)
    assert 400 <= error.status < 500
    assert error.response["msg"] in str(error)
    assert type(error.__cause__).__module__.startswith("ccxt")


async def test_limited(replay):
    """A limit is not tried again; it tells how long to wait."""
    with pytest.raises(BinanceRateLimitError) as caught:
        await replay("get_ticker_failure")
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (429, -1003, 7.0)


async def test_banned(replay, kept):
    """Nor is a ban."""
    with pytest.raises(BinanceBannedError) as caught:
        await replay("get_order_book_failure")
    headers = kept("get_order_book_failure").interactions[-1]["response"]["headers"]
    assert caught.value.status == 418
    assert caught.value.retry_after == float(headers["Retry-After"][0])


# ---------------------------------------------------------------------- account and orders


async def test_account(replay, kept):
    """The account is the reply, but for the number of its owner."""
    for name in ("get_account_info", "get_account_info_late"):
        account = await replay(name)
        assert account == kept(name).replies("GET", "/account")[-1]
        assert account["uid"] == 0
        assert Decimal(account["balances"][0]["free"]) > 0


async def test_late(replay, kept):
    """When the clocks differ they are compared and it is asked once more: four requests, and no fifth."""
    replies = kept("get_account_info_late_failure")
    assert [pair["response"]["status"]["code"] for pair in replies.interactions] == [200, 400, 200, 400]
    with pytest.raises(BinanceTimestampError):
        await replay("get_account_info_late_failure")


async def test_place(replay, kept):
    """What rests is an Order in Decimals; it was sent in plain digits."""
    order, cancelled = await replay("place_order")
    sent = kept("place_order").interactions[3]["request"]["body"]
    assert f"price={order.price}&quantity={order.quantity}&" in sent
    assert (order.status, order.filled_quantity, order.client_order_id) == ("NEW", 0, "exec-plugin-first")
    assert (cancelled["status"], str(cancelled["orderId"])) == ("CANCELED", order.id)


async def test_place_market(replay, kept):
    """What traded has its average price, and the reply its fills."""
    bought, sold = await replay("place_order_market")
    fills = kept("place_order_market").replies("POST", "/order")[0]["fills"]
    assert bought.status == sold.status == "FILLED"
    assert bought.filled_quantity == sum(Decimal(fill["qty"]) for fill in fills)
    assert bought.filled_quote == sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills)
    assert bought.average_price == bought.filled_quote / bought.filled_quantity
    assert bought.info["fills"] == fills


async def test_place_checked(replay, kept):
    """A price between two ticks is refused with the nearest legal one, and nothing is sent."""
    with pytest.raises(BinanceFilterError, match=r"20000\.00000001.*20000") as caught:
        await replay("place_order_checked")
    assert caught.value.status is None
    assert kept("place_order_checked").replies("POST", "/order") == []


@pytest.mark.parametrize(("name", "sent"), [("place_order_lost_answer", 1), ("place_order_lost_request", 2)])
async def test_once(replay, kept, name, sent):
    """Whether the answer or the request is lost, there is one order in the end."""
    order, open_orders = await replay(name)
    assert len(kept(name).replies("POST", "/order")) == sent
    assert [other.id for other in open_orders] == [order.id]
    assert order.client_order_id == "exec-plugin-first"


async def test_never(replay):
    """What never arrived is told as not placed, for certain."""
    with pytest.raises(BinanceTimeoutError, match="was not placed") as caught:
        await replay("place_order_lost_failure")
    assert (caught.value.code, caught.value.status, caught.value.outcome_unknown) == (-1007, 504, False)


async def test_cancel(replay):
    """By either id."""
    first, second, order = await replay("cancel_order")
    assert first["status"] == second["status"] == "CANCELED"
    assert str(second["orderId"]) == order.id != str(first["orderId"])


async def test_cancel_lost(replay):
    """An answer that was lost is made up for by the order itself."""
    cancelled = await replay("cancel_order_lost_answer")
    assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "exec-plugin-first")


async def test_get_order(replay):
    """One order, as it rests and as it ended."""
    placed, resting, ended = await replay("get_order")
    assert placed.id == resting.id == ended.id
    assert (resting.status, ended.status) == ("NEW", "CANCELED")
    assert placed.price == resting.price == ended.price


async def test_open_orders(replay):
    """The order is among those of its symbol and among all, and afterwards in neither."""
    order, of_one, of_all, after = await replay("get_open_orders")
    assert order.id in {other.id for other in of_one} & {other.id for other in of_all}
    assert order.id not in {other.id for other in after}


async def test_history(replay):
    """The oldest comes first."""
    first, second, last, since = await replay("get_order_history")
    assert [order.id for order in last] == [first.id, second.id]
    assert [order.id for order in since] == [second.id]


async def test_iter_history(replay):
    """Orders from an id on, and how far it has come."""
    first, second, found, told = await replay("iter_order_history")
    assert [order.id for order in found] == [first.id, second.id]
    assert [(progress.rows, progress.pages, progress.next_id) for progress in told] == [(2, 1, int(second.id) + 1)]


async def test_my_trades(replay):
    """The executions of an order add up to it."""
    order, fills = await replay("get_my_trades")
    assert sum(fill.quantity for fill in fills) == order.filled_quantity
    assert sum(fill.quantity * fill.price for fill in fills) == order.filled_quote


async def test_iter_my_trades(replay):
    """From an execution on."""
    order, known, found = await replay("iter_my_trades")
    assert [fill.id for fill in found][: len(known)] == [fill.id for fill in known]
    assert {fill.order_id for fill in known} == {order.id}


async def test_resolve(replay):
    """An order that exists is found; one that does not is told as none once it can no longer come."""
    order, found = await replay("resolve_order")
    assert (found.id, found.price, found.quantity) == (order.id, order.price, order.quantity)
    assert await replay("resolve_order_failure") is None
