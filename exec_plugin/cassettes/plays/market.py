"""Market data, which needs no key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exec_plugin.binance import BinanceBannedError, BinanceMaintenanceError, BinanceRateLimitError, BinanceRequestError
from exec_plugin.cassettes.plays.base import NOWHERE, SYMBOL, TIME, fault, play

if TYPE_CHECKING:
    from exec_plugin.cassettes.scene import Scene


@play("get_server_time")
async def get_server_time(scene: Scene) -> Any:
    """The server's time."""
    async with scene.open() as client:
        return await client.get_server_time()


@play("get_server_time", faults=(fault("server_error", "GET", TIME, after=1, count=2),))
async def get_server_time_retried(scene: Scene) -> Any:
    """Two answers that are none, then one."""
    async with scene.open(retry_delay=0.05) as client:
        return await client.get_server_time()


@play(
    "get_server_time",
    fails=BinanceMaintenanceError,
    faults=(fault("server_error", "GET", TIME, status=500, after=1),),
)
async def get_server_time_failure(scene: Scene) -> Any:
    """As many failures as there are tries."""
    async with scene.open(retry_delay=0.05, max_retries=2) as client:
        await client.get_server_time()


@play("get_exchange_info")
async def get_exchange_info(scene: Scene) -> Any:
    """The rules of one symbol."""
    async with scene.open() as client:
        return await client.get_exchange_info(SYMBOL)


@play("get_exchange_info", fails=BinanceRequestError)
async def get_exchange_info_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_exchange_info(NOWHERE)


@play("get_klines")
async def get_klines(scene: Scene) -> Any:
    """The last candles, and those of a span of time."""
    async with scene.open() as client:
        last = await client.get_klines(SYMBOL, "1m", limit=10)
        span = (last[2].open_time, last[5].open_time)
        return last, await client.get_klines(SYMBOL, "1m", 500, *span)


@play("get_klines", fails=BinanceRequestError)
async def get_klines_failure(scene: Scene) -> Any:
    """An interval that does not exist."""
    async with scene.open() as client:
        await client.get_klines(SYMBOL, "7m", limit=10)


@play("get_ticker")
async def get_ticker(scene: Scene) -> Any:
    """A day's statistics."""
    async with scene.open() as client:
        return await client.get_ticker(SYMBOL)


@play("get_ticker", fails=BinanceRateLimitError, faults=(fault("too_many", "GET", "/api/v3/ticker/24hr", ms=7000),))
async def get_ticker_failure(scene: Scene) -> Any:
    """Too many requests: it is not tried again."""
    async with scene.open() as client:
        await client.get_ticker(SYMBOL)


@play("get_24hr_ticker")
async def get_24hr_ticker(scene: Scene) -> Any:
    """A day's statistics, under the other name."""
    async with scene.open() as client:
        return await client.get_24hr_ticker(SYMBOL)


@play("get_24hr_ticker", fails=BinanceRequestError)
async def get_24hr_ticker_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_24hr_ticker(NOWHERE)


@play("get_order_book")
async def get_order_book(scene: Scene) -> Any:
    """The best five of each side."""
    async with scene.open() as client:
        return await client.get_order_book(SYMBOL, 5)


@play("get_order_book", fails=BinanceBannedError, faults=(fault("ban", "GET", "/api/v3/depth"),))
async def get_order_book_failure(scene: Scene) -> Any:
    """An address that is banned."""
    async with scene.open() as client:
        await client.get_order_book(SYMBOL, 5)


@play("health_check")
async def health_check(scene: Scene) -> Any:
    """The exchange answers."""
    async with scene.open() as client:
        return await client.health_check()


@play("health_check", faults=(fault("server_error", "GET", "/api/v3/ping"),))
async def health_check_failure(scene: Scene) -> Any:
    """It does not, which is an answer and no error."""
    async with scene.open() as client:
        return await client.health_check()


@play("get_trades")
async def get_trades(scene: Scene) -> Any:
    """The last five."""
    async with scene.open() as client:
        return await client.get_trades(SYMBOL, 5)


@play("get_trades", fails=BinanceRequestError)
async def get_trades_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_trades(NOWHERE, 5)


@play("iter_klines")
async def iter_klines(scene: Scene) -> Any:
    """From a candle to another, both included."""
    async with scene.open() as client:
        known = await client.get_klines(SYMBOL, "1m", limit=10)
        return known, await client.iter_klines(SYMBOL, "1m", known[1].open_time, end=known[7].open_time).rows()


@play("iter_klines", fails=BinanceRequestError)
async def iter_klines_failure(scene: Scene) -> Any:
    """An interval that does not exist, told when the first candle is asked for."""
    async with scene.open() as client:
        await client.iter_klines(SYMBOL, "7m").rows()


@play("iter_trades")
async def iter_trades(scene: Scene) -> Any:
    """From a trade on, by its id."""
    async with scene.open() as client:
        known = await client._make_request("GET", "/api/v3/aggTrades", {"symbol": SYMBOL, "limit": 5})
        return known, await client.iter_trades(SYMBOL, from_id=known[0]["a"], end=known[-1]["T"]).rows()


@play("iter_trades", fails=BinanceRequestError)
async def iter_trades_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.iter_trades(NOWHERE).rows()
