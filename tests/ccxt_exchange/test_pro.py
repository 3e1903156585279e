"""ccxt.pro on a paper exchange, through ccxt's own WebSocket code and without a socket."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading

import ccxt
import pytest

from exec_plugin.account import HOUSE
from exec_plugin.ccxt_exchange import aio, connection, driver, pro, sync
from exec_plugin.ccxt_exchange.transport import PaperTransport, _open
from exec_plugin.core.units import SCALE

BTC, ETH = "BTC/USDT", "ETH/USDT"
PATIENCE = 20


@pytest.fixture(autouse=True)
def house(bank, monkeypatch):
    """Real accounts on exchanges of this test alone, and no way to a network."""

    def no_network(*_):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(PaperTransport, "_open_account", staticmethod(_open))
    monkeypatch.setattr(socket.socket, "connect", no_network)
    HOUSE.clear()
    yield HOUSE
    HOUSE.clear()


def paper(face=pro.binancepaper, **settings):
    """An exchange on a made-up market at full speed, unless told otherwise."""
    options = {"speed": "max", "symbols": ["BTCUSDT", "ETHUSDT"], **settings}
    return face({"options": {"paper": options}})


def market(exchange):
    """The paper exchange behind an instance."""
    return exchange._paper().exchange


async def until(holds):
    """Give the loop turns until something holds."""
    while not holds():  # noqa: ASYNC110  what is looked at knows no event
        await asyncio.sleep(0)


async def settled():
    """Whether nothing of an exchange is left in this loop."""
    loop = asyncio.get_running_loop()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    return not left and not driver._drivers.get(loop)


WATCHES = [
    (("watch_ticker", BTC), lambda got: got["symbol"] == BTC and got["last"] > 0),
    (("watch_tickers", [BTC, ETH]), lambda got: set(got) <= {BTC, ETH}),
    (("watch_tickers",), lambda got: set(got) <= {BTC, ETH}),
    (("watch_bids_asks", [BTC]), lambda got: got[BTC]["bid"] < got[BTC]["ask"]),
    (("watch_order_book", BTC), lambda got: got["bids"][0][0] < got["asks"][0][0]),
    (("watch_order_book_for_symbols", [BTC, ETH]), lambda got: got["symbol"] in (BTC, ETH)),
    (("watch_trades", BTC), lambda got: got[-1]["amount"] > 0),
    (("watch_trades_for_symbols", [BTC, ETH]), lambda got: got[-1]["symbol"] in (BTC, ETH)),
    (("watch_ohlcv", BTC, "1m"), lambda got: len(got[-1]) == 6),
    (("watch_ohlcv_for_symbols", [[BTC, "1m"], [ETH, "5m"]]), lambda got: set(got) <= {BTC, ETH}),
]


@pytest.mark.parametrize(("call", "holds"), WATCHES, ids=[call[0] for call, _ in WATCHES])
async def test_watch(call, holds):
    """Each stream arrives again and again though the bot only ever awaits, and ccxt parses it; no socket is opened."""
    name, *arguments = call
    exchange = paper()
    begun = exchange.milliseconds()
    for _ in range(3):
        assert holds(await asyncio.wait_for(getattr(exchange, name)(*arguments), PATIENCE))
    assert begun < exchange.milliseconds() < begun + 60_000
    await exchange.close()
    assert await settled()
    assert not market(exchange).gateway.streams.busy


async def test_order_book():
    """The book that ccxt keeps from the changes is the book of a request, own orders in it."""
    exchange = paper(balances={"USDT": "1000000"})
    book = await exchange.watch_order_book(BTC)
    order = await exchange.create_order(BTC, "limit", "buy", 1, book["bids"][0][0] - 0.01)
    for number in range(20):
        book = await asyncio.wait_for(exchange.watch_order_book(BTC), PATIENCE)
        bids, asks = market(exchange).venue.markets["BTCUSDT"].depth_view(5000)
        assert [[price, qty] for price, qty in book["bids"]] == [[price / SCALE, qty / SCALE] for price, qty in bids]
        assert [[price, qty] for price, qty in book["asks"]] == [[price / SCALE, qty / SCALE] for price, qty in asks]
        if number == 10:
            with contextlib.suppress(ccxt.OrderNotFound):
                await exchange.cancel_order(order["id"], BTC)
    await exchange.close()


async def test_account():
    """Orders, trades and balances of the account are told as they change, to whoever awaits them."""
    exchange = paper(balances={"USDT": "10000"})
    watches = [exchange.watch_orders(), exchange.watch_my_trades(), exchange.watch_balance()]
    tasks = [asyncio.ensure_future(watch) for watch in watches]
    await until(lambda: market(exchange).gateway.user_data._sinks)
    order = await exchange.create_order(BTC, "market", "buy", 0.01)
    orders, trades, balance = await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
    assert orders[-1]["id"] == trades[-1]["order"] == order["id"]
    assert balance["BTC"]["free"] == pytest.approx(0.00999)
    while orders[-1]["status"] != "closed":
        orders = await asyncio.wait_for(exchange.watch_orders(), PATIENCE)
    assert orders[-1]["filled"] == 0.01
    await exchange.close()
    assert await settled()
    assert not market(exchange).gateway.user_data._sinks


async def test_fill():
    """A bot that does nothing but wait for its order is told when the market has come to it."""
    exchange = paper(balances={"USDT": "10000"}, seed=3)
    bid = (await exchange.watch_bids_asks([BTC]))[BTC]["bid"]
    order = await exchange.create_order(BTC, "limit", "buy", 0.001, bid)
    seen = []
    while "closed" not in seen:
        seen += [one["status"] for one in await asyncio.wait_for(exchange.watch_orders(), PATIENCE)]
    assert (await exchange.fetch_order(order["id"], BTC))["status"] == "closed"
    await exchange.close()


async def test_requests():
    """Requests over the WebSocket API are answered and signed like those over HTTP."""
    exchange = paper(balances={"USDT": "10000"})
    order = await exchange.create_order_ws(BTC, "limit", "buy", 0.001, 30_000)
    assert order["status"] == "open"
    assert [one["id"] for one in await exchange.fetch_open_orders_ws(BTC)] == [order["id"]]
    assert (await exchange.fetch_order_ws(order["id"], BTC))["price"] == 30_000
    assert (await exchange.cancel_order_ws(order["id"], BTC))["status"] == "canceled"
    assert len(await exchange.fetch_orders_ws(BTC)) == 1
    assert (await exchange.create_market_order_ws(BTC, "buy", 0.001))["status"] == "closed"
    assert len(await exchange.fetch_my_trades_ws(BTC)) == 1
    assert len(await exchange.fetch_ohlcv_ws(BTC, "1m", limit=5)) == 5
    assert await exchange.fetch_trades_ws(BTC)
    assert "info" in await exchange.fetch_balance_ws()
    with pytest.raises(ccxt.InsufficientFunds):
        await exchange.create_order_ws(BTC, "limit", "buy", 100, 30_000)
    await exchange.close()
    assert await settled()


async def test_unwatch():
    """What is no longer watched is no longer streamed, and the rest goes on."""
    exchange = paper()
    await exchange.watch_trades(BTC)
    await exchange.watch_order_book(BTC)
    hub = market(exchange).gateway.streams
    assert set(hub._topics) == {"btcusdt@trade", "btcusdt@depth@100ms"}
    await asyncio.wait_for(exchange.un_watch_trades(BTC), PATIENCE)
    assert set(hub._topics) == {"btcusdt@depth@100ms"}
    await asyncio.wait_for(exchange.watch_order_book(BTC), PATIENCE)
    await exchange.close()


async def test_cancelled():
    """A replay stands still when nobody waits any more."""
    exchange = paper()
    await exchange.watch_ticker(BTC)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(exchange.watch_orders(), 0.05)
    for _ in range(2 * driver.TURNS):
        await asyncio.sleep(0)
    now = exchange.milliseconds()
    await asyncio.sleep(0.05)
    assert exchange.milliseconds() == now
    await exchange.close()


async def test_stands_still():
    """While a bot works or sleeps without waiting for a stream, a replay does not go on behind its back."""
    exchange = paper()
    await exchange.watch_ticker(BTC)
    for _ in range(2 * driver.TURNS):
        await asyncio.sleep(0)
    now = exchange.milliseconds()
    await asyncio.sleep(0.05)
    assert exchange.milliseconds() == now
    await exchange.close()


@pytest.fixture
def recording(tmp_path):
    """Two minutes of one trade a second."""
    path = tmp_path / "BTCUSDT-trades.csv"
    start = 1_700_000_000_000
    rows = (f"{n},{100 + n % 7},1,{100 + n % 7},{start + 1000 * n},True,True" for n in range(1, 121))
    path.write_text("\n".join(rows) + "\n")
    return str(path)


async def test_recording(recording):
    """At full speed every trade of a recording arrives in order with its own time, then the end is told clearly."""
    exchange = pro.binancepaper({"options": {"paper": {"recording": recording}}, "newUpdates": True})
    times = []

    async def watch():
        while True:
            trades = await asyncio.wait_for(exchange.watch_trades(BTC), PATIENCE)
            times.extend(trade["timestamp"] for trade in trades)

    with pytest.raises(ccxt.ExchangeClosedByUser, match="recording is over"):
        await watch()
    assert times == [1_700_000_000_000 + 1000 * number for number in range(2, 121)][-len(times) :]
    assert len(times) >= 118
    with pytest.raises(ccxt.ExchangeClosedByUser):
        await asyncio.wait_for(exchange.watch_trades(BTC), PATIENCE)
    await exchange.close()
    assert await settled()


def run_bot():
    """What a bot sees that trades on what it is told."""

    async def bot():
        exchange = paper(balances={"USDT": "10000"}, seed=5)
        seen = []
        for number in range(15):
            trades = await exchange.watch_trades(BTC)
            seen.append((exchange.milliseconds(), trades[-1]["id"], trades[-1]["price"]))
            if number % 5 == 0:
                order = await exchange.create_order(BTC, "market", "buy", 0.001)
                seen.append((order["id"], order["average"]))
        await exchange.close()
        return seen

    HOUSE.clear()
    return asyncio.run(bot())


def test_deterministic():
    """One seed and one bot make one history, streams and all."""
    assert run_bot() == run_bot()


async def test_paced():
    """On a clock the market goes on by itself while streams are open, with one timer, which goes with the last one."""
    exchange = paper(speed="50")
    first = await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE)
    second = await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE)
    await asyncio.wait_for(exchange.watch_trades(BTC), PATIENCE)
    assert second["timestamp"] > first["timestamp"]
    (one,) = driver._drivers[asyncio.get_running_loop()].values()
    assert len(one._connections) == 2
    await exchange.close()
    await asyncio.sleep(0)
    assert one._timer is None
    assert await settled()


async def test_pushed():
    """On a pushed market each push is told as it comes, from whatever thread."""
    exchange = paper(feed="push", symbols=["BTCUSDT"], speed="real")
    await exchange.load_markets()
    watch = asyncio.ensure_future(exchange.watch_trades(BTC))
    await until(lambda: market(exchange).gateway.streams.busy)
    row = (1, exchange.milliseconds(), "BTCUSDT", 100 * SCALE, SCALE, True, 0, exchange.milliseconds())
    thread = threading.Thread(target=market(exchange).feed.push, args=(row,))
    thread.start()
    assert (await asyncio.wait_for(watch, PATIENCE))[-1]["price"] == 100
    thread.join()
    await exchange.close()
    assert market(exchange).feed.listeners == []


def test_across_threads():
    """Orders placed with the blocking class in one thread are told to a pro instance in another's loop."""
    blocking = paper(sync.binancepaper, speed="real", balances={"USDT": "10000"})
    ready, told = threading.Event(), []

    async def listen():
        exchange = paper(speed="real", balances={"USDT": "10000"})
        watch = asyncio.ensure_future(exchange.watch_orders())
        await until(lambda: market(exchange).gateway.user_data._sinks)
        ready.set()
        told.extend(await asyncio.wait_for(watch, PATIENCE))
        await exchange.close()

    thread = threading.Thread(target=lambda: asyncio.run(listen()))
    thread.start()
    assert ready.wait(PATIENCE)
    order = blocking.create_order(BTC, "market", "buy", 0.001)
    thread.join(PATIENCE)
    assert [one["id"] for one in told] == [order["id"]]


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
def test_closed_loop():
    """A loop that ends without closing its exchange is forgotten at the next thing to tell; nothing is disturbed."""
    left = paper()

    async def listen():
        await left.watch_trades(BTC)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(listen())
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    hub = market(left).gateway.streams
    assert hub.busy
    paper(sync.binancepaper).sleep(60_000)
    assert not hub.busy


def test_two_loops():
    """One instance streams in one event loop after another."""
    exchange = paper()

    async def look():
        found = await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE)
        await exchange.close()
        return found["timestamp"]

    assert asyncio.run(look()) < asyncio.run(look())


@pytest.mark.parametrize("url", ["wss://ws-fapi.binance.com/ws-fapi/v1", "wss://fstream.binance.com/public/ws/1"])
async def test_refused(url):
    """A stream of another market is refused in clear words, not with an error that bots retry."""
    exchange = paper()
    with pytest.raises(ccxt.NotSupported, match="spot"):
        exchange.client(url)
    await exchange.close()


@pytest.mark.parametrize("toggle", ["set_sandbox_mode", "enable_demo_trading"])
async def test_other_hosts(toggle):
    """The test and demo networks' hosts are the same paper account."""
    exchange = paper()
    if not hasattr(exchange, toggle):
        pytest.skip(f"this ccxt has no {toggle}")
    getattr(exchange, toggle)(True)
    assert (await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE))["last"] > 0
    await exchange.close()


async def test_limiter():
    """A limiter in the place of ccxt's is asked for requests, not for what is said on a stream."""
    exchange = paper()
    asked = []

    async def limiter(cost=None):
        asked.append(cost)

    exchange.throttle = limiter
    exchange.enableRateLimit = True
    await exchange.load_markets()
    count = len(asked)
    await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE)
    await asyncio.wait_for(exchange.watch_trades(ETH), PATIENCE)
    assert len(asked) == count >= 1
    await exchange.close()


@pytest.mark.parametrize("kind", ["STOPPED", "RAISING"])
async def test_broken_recording(tmp_path, kind):
    """A recording that cannot be read on is told to whoever waits, as ccxt's error with the cause."""
    lines = [f"{n},100,1,100,{1_700_000_000_000 + n},True,True" for n in range(1, 2000)]
    if kind == "RAISING":
        lines[1500] = "1501,much,1,100,1700000001501,True,True"
    path = tmp_path / "BTCUSDT-trades.csv"
    path.write_text("\n".join(lines))
    exchange = pro.binancepaper({"options": {"paper": {"recording": str(path)}}})

    async def watch():
        while True:
            await asyncio.wait_for(exchange.watch_ticker(BTC), PATIENCE)

    with pytest.raises(ccxt.ExchangeError) as told:
        await watch()
    assert isinstance(told.value, ccxt.ExchangeClosedByUser) is (kind == "STOPPED")
    assert not isinstance(told.value, ccxt.NetworkError)
    await exchange.close()


async def test_slow_reader(monkeypatch):
    """A loop that does not come round to reading loses its connection, as on Binance, and gets another."""
    monkeypatch.setattr(connection, "MOST_WAITING", 5)
    exchange = paper()
    await exchange.watch_trades(BTC)
    market(exchange).move_to(exchange.milliseconds() + 600_000)
    assert not market(exchange).gateway.streams.busy
    for _ in range(30):
        # whoever waits at that moment is told; the next one finds a connection of its own
        with contextlib.suppress(ccxt.NetworkError):
            await asyncio.wait_for(exchange.watch_trades(BTC), PATIENCE)
    assert market(exchange).gateway.streams.busy
    await exchange.close()
    assert await settled()


async def test_nothing_left():
    """What was closed can be collected: no reference cycle is kept alive by the exchange that goes on."""
    exchange = paper()
    await exchange.watch_ticker(BTC)
    await exchange.close()
    held = market(exchange)
    del exchange
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, connection.PaperConnection)]
    assert not held.gateway.streams.busy


async def test_async_support_has_none():
    """The class without streams says so in ccxt's words."""
    async with aio.binancepaper() as exchange:
        with pytest.raises(ccxt.NotSupported):
            await exchange.watch_ticker(BTC)
