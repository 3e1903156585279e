"""
What is recorded: a short play for each call of the client, as it goes well and as it fails.

A play takes all that it sends from constants and from what it was answered, so that it asks a cassette the same
questions that it asked when that was recorded.
"""

from __future__ import annotations

from decimal import ROUND_UP, Decimal
from typing import TYPE_CHECKING, Any

from attrs import frozen

from exec_plugin.binance import (
    BinanceAuthError,
    BinanceBannedError,
    BinanceError,
    BinanceFilterError,
    BinanceInsufficientBalanceError,
    BinanceMaintenanceError,
    BinanceOrderNotFoundError,
    BinanceRateLimitError,
    BinanceRequestError,
    BinanceTimeoutError,
    BinanceTimestampError,
    create_binance_client,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from exec_plugin.binance import BinanceClient
    from exec_plugin.cassettes.scene import Scene

SYMBOL, NOWHERE = "BTCUSDT", "NOSUCHCOIN"
_QUOTE = "USDT"
PUBLIC, ACCOUNT, TRADING = "public", "account", "trading"
_ORDER, _TIME = "/api/v3/order", "/api/v3/time"
#: What an order is worth, in quote; small, and above every exchange's least.
_WORTH = Decimal(25)
_FAR_BELOW = Decimal("0.7")
_MISSING_ID, _MISSING = 999_999_999_999, "missing"
_SHORT_WINDOW = 1_000


@frozen
class Play:
    """
    One cassette's worth of requests.

    Args:
        run: plays it and answers what the calls answered.
        calls: the client's method that it shows.
        needs: ``public``, ``account`` for a key that may read, or ``trading`` for one that places orders.
        fails: the error in which it ends.
        faults: what the exchange must be told to do wrong; then only one of our own will do.
        repeats: how often it asks depends on how fast the answers come.
    """

    run: Callable[[Scene], Awaitable[Any]]
    calls: str
    needs: str = PUBLIC
    fails: type[BinanceError] | None = None
    faults: tuple[Mapping[str, Any], ...] = ()
    repeats: bool = False

    @property
    def name(self) -> str:
        """The cassette's file, without its suffix."""
        return self.run.__name__.strip("_")


PLAYS: dict[str, Play] = {}


def _play(
    calls: str,
    needs: str = PUBLIC,
    *,
    fails: type[BinanceError] | None = None,
    faults: tuple[Mapping[str, Any], ...] = (),
    repeats: bool = False,
) -> Callable[[Callable[[Scene], Awaitable[Any]]], Callable[[Scene], Awaitable[Any]]]:
    def keep(run: Callable[[Scene], Awaitable[Any]]) -> Callable[[Scene], Awaitable[Any]]:
        play = Play(run, calls, needs, fails, faults, repeats)
        PLAYS[play.name] = play
        return run

    return keep


def _fault(kind: str, method: str, path: str, **more: Any) -> Mapping[str, Any]:
    return {"fault": kind, "method": method, "path": path, **more}


# ---------------------------------------------------------------------- sessions


@_play("start_session")
async def start_session(scene: Scene) -> Any:
    """The clocks are compared once, however often it is called."""
    async with scene.open() as client:
        await client.start_session()
        return client._get_timestamp()


@_play("start_session", fails=BinanceMaintenanceError, faults=(_fault("server_error", "GET", _TIME, status=502),))
async def start_session_failure(scene: Scene) -> Any:
    """An exchange that cannot answer fails the start."""
    async with scene.open():
        pass


@_play("close_session")
async def close_session(scene: Scene) -> Any:
    """Closing twice is closing once."""
    client = scene.make()
    await client.start_session()
    await client.close_session()
    await client.close_session()
    return repr(client)


@_play("close_session", fails=BinanceError)
async def close_session_failure(scene: Scene) -> Any:
    """A closed client asks for nothing."""
    async with scene.open() as client:
        await client.close_session()
        await client.get_server_time()


@_play("create_binance_client")
async def create_client(scene: Scene) -> Any:
    """The factory's client is started, and goes where it was told to."""
    async with await _created(scene) as client:
        return await client.get_server_time()


@_play("create_binance_client", fails=BinanceMaintenanceError, faults=(_fault("server_error", "GET", _TIME),))
async def create_client_failure(scene: Scene) -> Any:
    """The factory closes what it has opened when the exchange does not answer."""
    await _created(scene)


async def _created(scene: Scene) -> BinanceClient:
    config = scene.config
    return await create_binance_client(
        config.api_key.reveal(),
        config.api_secret.reveal(),
        config.testnet,
        rate_limiter=scene.limiter(),
        base_url=config.base_url,
    )


# ---------------------------------------------------------------------- market data


@_play("get_server_time")
async def get_server_time(scene: Scene) -> Any:
    """The server's time."""
    async with scene.open() as client:
        return await client.get_server_time()


@_play("get_server_time", faults=(_fault("server_error", "GET", _TIME, after=1, count=2),))
async def get_server_time_retried(scene: Scene) -> Any:
    """Two answers that are none, then one."""
    async with scene.open(retry_delay=0.05) as client:
        return await client.get_server_time()


@_play(
    "get_server_time",
    fails=BinanceMaintenanceError,
    faults=(_fault("server_error", "GET", _TIME, status=500, after=1),),
)
async def get_server_time_failure(scene: Scene) -> Any:
    """As many failures as there are tries."""
    async with scene.open(retry_delay=0.05, max_retries=2) as client:
        await client.get_server_time()


@_play("get_exchange_info")
async def get_exchange_info(scene: Scene) -> Any:
    """The rules of one symbol."""
    async with scene.open() as client:
        return await client.get_exchange_info(SYMBOL)


@_play("get_exchange_info", fails=BinanceRequestError)
async def get_exchange_info_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_exchange_info(NOWHERE)


@_play("get_klines")
async def get_klines(scene: Scene) -> Any:
    """The last candles, and those of a span of time."""
    async with scene.open() as client:
        last = await client.get_klines(SYMBOL, "1m", limit=10)
        span = (last[2].open_time, last[5].open_time)
        return last, await client.get_klines(SYMBOL, "1m", 500, *span)


@_play("get_klines", fails=BinanceRequestError)
async def get_klines_failure(scene: Scene) -> Any:
    """An interval that does not exist."""
    async with scene.open() as client:
        await client.get_klines(SYMBOL, "7m", limit=10)


@_play("get_ticker")
async def get_ticker(scene: Scene) -> Any:
    """A day's statistics."""
    async with scene.open() as client:
        return await client.get_ticker(SYMBOL)


@_play("get_ticker", fails=BinanceRateLimitError, faults=(_fault("too_many", "GET", "/api/v3/ticker/24hr", ms=7000),))
async def get_ticker_failure(scene: Scene) -> Any:
    """Too many requests: it is not tried again."""
    async with scene.open() as client:
        await client.get_ticker(SYMBOL)


@_play("get_24hr_ticker")
async def get_24hr_ticker(scene: Scene) -> Any:
    """A day's statistics, under the other name."""
    async with scene.open() as client:
        return await client.get_24hr_ticker(SYMBOL)


@_play("get_24hr_ticker", fails=BinanceRequestError)
async def get_24hr_ticker_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_24hr_ticker(NOWHERE)


@_play("get_order_book")
async def get_order_book(scene: Scene) -> Any:
    """The best five of each side."""
    async with scene.open() as client:
        return await client.get_order_book(SYMBOL, 5)


@_play("get_order_book", fails=BinanceBannedError, faults=(_fault("ban", "GET", "/api/v3/depth"),))
async def get_order_book_failure(scene: Scene) -> Any:
    """An address that is banned."""
    async with scene.open() as client:
        await client.get_order_book(SYMBOL, 5)


@_play("health_check")
async def health_check(scene: Scene) -> Any:
    """The exchange answers."""
    async with scene.open() as client:
        return await client.health_check()


@_play("health_check", faults=(_fault("server_error", "GET", "/api/v3/ping"),))
async def health_check_failure(scene: Scene) -> Any:
    """It does not, which is an answer and no error."""
    async with scene.open() as client:
        return await client.health_check()


# ---------------------------------------------------------------------- account


@_play("get_account_info", ACCOUNT)
async def get_account_info(scene: Scene) -> Any:
    """The account and its balances."""
    async with scene.open() as client:
        return await client.get_account_info()


@_play("get_account_info", ACCOUNT, fails=BinanceAuthError)
async def get_account_info_failure(scene: Scene) -> Any:
    """A secret that is not the key's."""
    async with scene.open(api_secret="no-secret-of-anybody") as client:  # noqa: S106
        await client.get_account_info()


@_play("get_account_info", ACCOUNT, faults=(_fault("clock", "GET", "/api/v3/account", count=1),))
async def get_account_info_late(scene: Scene) -> Any:
    """The clocks are said to differ: they are compared, and it is asked once more."""
    async with scene.open() as client:
        return await client.get_account_info()


@_play("get_account_info", ACCOUNT, fails=BinanceTimestampError, faults=(_fault("clock", "GET", "/api/v3/account"),))
async def get_account_info_late_failure(scene: Scene) -> Any:
    """Once, not for ever."""
    async with scene.open() as client:
        await client.get_account_info()


@_play("get_order", ACCOUNT, fails=BinanceOrderNotFoundError)
async def get_order_failure(scene: Scene) -> Any:
    """An order that does not exist."""
    async with scene.open() as client:
        await client.get_order(SYMBOL, _MISSING_ID)


@_play("get_open_orders", ACCOUNT, fails=BinanceRequestError)
async def get_open_orders_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_open_orders(NOWHERE)


@_play("get_order_history", ACCOUNT, fails=BinanceRequestError)
async def get_order_history_failure(scene: Scene) -> Any:
    """A symbol that is not listed."""
    async with scene.open() as client:
        await client.get_order_history(NOWHERE)


@_play("cancel_order", ACCOUNT, fails=BinanceOrderNotFoundError)
async def cancel_order_failure(scene: Scene) -> Any:
    """An order that does not exist."""
    async with scene.open() as client:
        await client.cancel_order(SYMBOL, client_order_id=_own(_MISSING))


@_play("resolve_order", ACCOUNT, repeats=True)
async def resolve_order_failure(scene: Scene) -> Any:
    """An order that was never sent: certain once it can no longer come."""
    async with scene.open(recv_window=_SHORT_WINDOW) as client:
        return await client.resolve_order(SYMBOL, _own(_MISSING))


# ---------------------------------------------------------------------- trading


async def _resting(client: BinanceClient, name: str = "first") -> Any:
    """A small order to buy, far below the market."""
    ticker = await client.get_ticker(SYMBOL)
    price = Decimal(ticker["lastPrice"]) * _FAR_BELOW
    return await client.place_order(
        SYMBOL, "BUY", "LIMIT", _affordable(price), price, round="down", client_order_id=_own(name)
    )


def _own(name: str) -> str:
    """A client order id; told, so that the answers of a cassette are about the orders that are placed in its replay."""
    return f"exec-plugin-{name}"


def _affordable(price: Decimal) -> Decimal:
    return (_WORTH / price).quantize(Decimal("1e-8"), ROUND_UP)


@_play("place_order", TRADING)
async def place_order(scene: Scene) -> Any:
    """A limit order rests, and is cancelled."""
    async with scene.open() as client:
        order = await _resting(client)
        return order, await client.cancel_order(SYMBOL, order.id)


@_play("place_order", TRADING)
async def place_order_market(scene: Scene) -> Any:
    """A market order trades, and what it bought is sold."""
    async with scene.open() as client:
        bought = await client.place_order(
            SYMBOL, "BUY", "MARKET", quote_quantity=_WORTH, client_order_id=_own("bought")
        )
        sold = await client.place_order(SYMBOL, "SELL", "MARKET", bought.filled_quantity, round="down")
        return bought, sold


@_play("place_order", TRADING, fails=BinanceInsufficientBalanceError)
async def place_order_failure(scene: Scene) -> Any:
    """An order that the account cannot pay."""
    async with scene.open() as client:
        price = Decimal((await client.get_ticker(SYMBOL))["lastPrice"]) * _FAR_BELOW
        account = await client.get_account_info()
        free = next(Decimal(held["free"]) for held in account["balances"] if held["asset"] == _QUOTE)
        too_much = _affordable(price) + free / price
        await client.place_order(SYMBOL, "BUY", "LIMIT", too_much.quantize(Decimal("1e-8")), price, round="down")


@_play("place_order", TRADING, fails=BinanceFilterError)
async def place_order_checked(scene: Scene) -> Any:
    """A price between two ticks is refused before it is sent."""
    async with scene.open() as client:
        await client.place_order(SYMBOL, "BUY", "LIMIT", Decimal("0.001"), Decimal("20000.00000001"))


@_play("place_order", TRADING, fails=BinanceFilterError)
async def place_order_unchecked(scene: Scene) -> Any:
    """Unchecked, the exchange refuses it."""
    async with scene.open() as client:
        await client.place_order(SYMBOL, "BUY", "LIMIT", Decimal("0.001"), Decimal("20000.00000001"), validate=False)


@_play("place_order", TRADING, faults=(_fault("timeout", "POST", _ORDER, executed=True, count=1),))
async def place_order_lost_answer(scene: Scene) -> Any:
    """The order was accepted and the answer lost: it is found, and not placed again."""
    async with scene.open() as client:
        order = await _resting(client)
        return order, await client.get_open_orders(SYMBOL)


@_play(
    "place_order",
    TRADING,
    faults=(_fault("server_error", "POST", _ORDER, count=1),),
)
async def place_order_lost_request(scene: Scene) -> Any:
    """The order did not arrive: placed again once it is certain that the first can no longer come."""
    async with scene.open(recv_window=_SHORT_WINDOW, retry_delay=0.05) as client:
        order = await _resting(client)
        return order, await client.get_open_orders(SYMBOL)


@_play("place_order", TRADING, fails=BinanceTimeoutError, faults=(_fault("timeout", "POST", _ORDER),))
async def place_order_lost_failure(scene: Scene) -> Any:
    """It never arrives, and that is what is told, for certain."""
    async with scene.open(recv_window=_SHORT_WINDOW, retry_delay=0.05, max_retries=0) as client:
        await _resting(client)


@_play("cancel_order", TRADING)
async def cancel_order(scene: Scene) -> Any:
    """By the exchange's id, and by one's own."""
    async with scene.open() as client:
        first, second = await _resting(client), await _resting(client, "second")
        return (
            await client.cancel_order(SYMBOL, first.id),
            await client.cancel_order(SYMBOL, client_order_id=_own("second")),
            second,
        )


@_play("cancel_order", TRADING, faults=(_fault("timeout", "DELETE", _ORDER, executed=True, count=1),))
async def cancel_order_lost_answer(scene: Scene) -> Any:
    """Cancelled and the answer lost: that nothing is left to cancel is explained by a look at the order."""
    async with scene.open(retry_delay=0.05) as client:
        order = await _resting(client)
        return await client.cancel_order(SYMBOL, order.id)


@_play("get_order", TRADING)
async def get_order(scene: Scene) -> Any:
    """By either id, while it rests and afterwards."""
    async with scene.open() as client:
        order = await _resting(client)
        resting = await client.get_order(SYMBOL, client_order_id=_own("first"))
        await client.cancel_order(SYMBOL, order.id)
        return order, resting, await client.get_order(SYMBOL, order.id)


@_play("get_open_orders", TRADING)
async def get_open_orders(scene: Scene) -> Any:
    """Of one symbol, and of all."""
    async with scene.open() as client:
        order = await _resting(client)
        of_one, of_all = await client.get_open_orders(SYMBOL), await client.get_open_orders()
        await client.cancel_order(SYMBOL, order.id)
        return order, of_one, of_all, await client.get_open_orders(SYMBOL)


@_play("get_order_history", TRADING)
async def get_order_history(scene: Scene) -> Any:
    """The newest orders, and all from one on."""
    async with scene.open() as client:
        first = await _resting(client)
        await client.cancel_order(SYMBOL, first.id)
        second = await _resting(client, "second")
        await client.cancel_order(SYMBOL, second.id)
        last = await client.get_order_history(SYMBOL, 2)
        return first, second, last, await client.get_order_history(SYMBOL, from_id=int(second.id))


@_play("resolve_order", TRADING)
async def resolve_order(scene: Scene) -> Any:
    """An order that was placed."""
    async with scene.open() as client:
        order = await _resting(client)
        found = await client.resolve_order(SYMBOL, _own("first"))
        await client.cancel_order(SYMBOL, order.id)
        return order, found
