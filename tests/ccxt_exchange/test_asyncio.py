"""The two classes for asyncio."""

import asyncio
import copy
import gc
import pickle
import threading

import ccxt
import pytest
from fake_binance import NOW
from test_transport import BTC, CALLS

from exec_plugin.ccxt_exchange import aio, pro, sync


@pytest.mark.parametrize(("call", "path"), CALLS, ids=[call[0] for call, _ in CALLS])
async def test_paths(waiting, account, call, path):
    """Each unified method of the spot market is one request to the account, and ccxt can read the answer."""
    async with waiting() as exchange:
        await exchange.load_markets()
        name, *arguments = call
        assert await getattr(exchange, name)(*arguments)
    assert account.paths() == ["GET /api/v3/exchangeInfo", path]


async def test_errors(waiting, account):
    """Binance's errors become ccxt's, and an unknown path is NotSupported."""
    exchange = waiting()
    with pytest.raises(ccxt.NotSupported):
        await exchange.fetch_deposits()
    account.refuse(400, -2013, "Order does not exist.")
    with pytest.raises(ccxt.OrderNotFound):
        await exchange.private_get_order({"symbol": "BTCUSDT", "orderId": 1})


def test_two_loops(waiting):
    """One instance serves one asyncio.run after another, with the rate limiter on or off."""

    async def bot(exchange):
        await exchange.load_markets()
        return await exchange.fetch_time()

    for limited in (False, True):
        exchange = waiting({"enableRateLimit": limited})
        assert [asyncio.run(bot(exchange)), asyncio.run(bot(exchange))] == [NOW, NOW]


def test_two_threads(waiting, bank):
    """Loops in different threads reach one account."""

    def run():
        asyncio.run(waiting().fetch_time())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bank.default.asked) == 3


async def test_all_flavours(bank):
    """Blocking, async and pro instances share one account."""
    sync.binancepaper().fetch_time()
    await aio.binancepaper().fetch_time()
    await pro.binancepaper().fetch_time()
    assert bank.default.paths() == ["GET /api/v3/time"] * 3


async def test_host_sharing(waiting, account):
    """Freqtrade's way: markets of the async instance and one options table for all."""
    exchange, blocking = waiting(), sync.binancepaper()
    await exchange.load_markets()
    blocking.set_markets(exchange.markets, exchange.currencies)
    blocking.options = exchange.options
    blocking.create_order(BTC, "limit", "buy", 0.001, 50_000)
    assert account.paths() == ["GET /api/v3/exchangeInfo", "POST /api/v3/order"]


async def test_fair(waiting):
    """A bot that only awaits requests lets the other tasks of its loop run."""
    turns = []

    async def other():
        turns.append("other")

    exchange = waiting()
    task = asyncio.create_task(other())
    await exchange.fetch_time()
    assert turns == ["other"]
    await task


async def test_gather(waiting, account):
    """Requests may be under way together."""
    exchange = waiting()
    assert await asyncio.gather(*(exchange.fetch_time() for _ in range(5))) == [NOW] * 5


async def test_sleep_replay(waiting, account):
    """Sleeping in a replay moves the market and lets other tasks run."""
    turns = []

    async def other():
        turns.append("other")

    task = asyncio.create_task(other())
    await waiting().sleep(60_000)
    assert account.now == NOW + 60_000
    assert turns == ["other"]
    await task


async def test_sleep_real(waiting, account):
    """Sleeping on a wall clock really waits."""
    account.real_time = True
    before = asyncio.get_running_loop().time()
    await waiting().sleep(20)
    assert asyncio.get_running_loop().time() - before >= 0.015


async def test_throttle(waiting, account):
    """Requests under way together keep ccxt's distance in the venue's time too."""
    exchange = waiting({"enableRateLimit": True})
    await asyncio.gather(*(exchange.fetch_time() for _ in range(11)))
    assert account.now - NOW == 10 * exchange.rateLimit * 0.2


async def test_throttle_door(waiting):
    """A limiter put on the instance receives the cost, as on any ccxt exchange."""
    costs = []

    async def limiter(cost):
        costs.append(cost)

    exchange = waiting({"enableRateLimit": True})
    exchange.throttle = limiter
    await exchange.fetch_time()
    assert costs == [0.2]


async def test_close(waiting, account):
    """Closing moves no market, waits for nothing and leaves no session."""
    exchange = waiting()
    await exchange.fetch_time()
    await exchange.close()
    assert account.now == NOW
    assert exchange.session is None


async def test_reopen(waiting):
    """A closed instance works again after open, whether or not this ccxt insists on it."""
    exchange = waiting()
    await exchange.close()
    exchange.open()
    assert await exchange.fetch_time() == NOW


async def test_closed(waiting):
    """A request after close is refused where ccxt itself refuses it."""
    exchange = waiting()
    await exchange.close()
    if exchange.closed_by_user:
        with pytest.raises(ccxt.ExchangeClosedByUser):
            await exchange.fetch_time()
    else:
        assert await exchange.fetch_time() == NOW


async def test_dropped(waiting, caplog):
    """An instance that is never closed warns of nothing, because it holds nothing."""
    exchange = waiting()
    await exchange.fetch_time()
    del exchange
    gc.collect()
    assert caplog.messages == []


async def test_copies(waiting, bank):
    """An instance in use copies and pickles, although its event loop cannot."""
    exchange = waiting()
    await exchange.load_markets()
    for twin in (copy.deepcopy(exchange), pickle.loads(pickle.dumps(exchange))):
        assert await twin.load_markets() == exchange.markets
        assert await twin.fetch_time() == NOW
    assert list(bank.accounts) == ["default"]


def test_open_anywhere(waiting):
    """Open without a running loop is harmless."""
    waiting().open()
