"""Orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from exec_plugin.binance import BinanceFilterError, BinanceInsufficientBalanceError, BinanceTimeoutError
from exec_plugin.cassettes.plays.base import (
    ORDER,
    SHORT_WINDOW,
    SYMBOL,
    TRADING,
    WORTH,
    affordable,
    fault,
    own,
    play,
    price_below,
    resting,
)

if TYPE_CHECKING:
    from exec_plugin.binance import BinanceClient
    from exec_plugin.cassettes.scene import Scene


@play("place_order", TRADING)
async def place_order(scene: Scene) -> Any:
    """A limit order rests, and is cancelled."""
    async with scene.open() as client:
        order = await resting(client)
        return order, await client.cancel_order(SYMBOL, order.id)


@play("place_order", TRADING)
async def place_order_market(scene: Scene) -> Any:
    """A market order trades, and what it bought is sold."""
    async with scene.open() as client:
        bought = await _bought(client)
        sold = await client.place_order(SYMBOL, "SELL", "MARKET", bought.filled_quantity, round="down")
        return bought, sold


@play("place_order", TRADING, fails=BinanceInsufficientBalanceError)
async def place_order_failure(scene: Scene) -> Any:
    """An order that the account cannot pay."""
    async with scene.open() as client:
        price = await price_below(client)
        account = await client.get_account_info()
        free = next(Decimal(held["free"]) for held in account["balances"] if held["asset"] == "USDT")
        too_much = affordable(price) + free / price
        await client.place_order(SYMBOL, "BUY", "LIMIT", too_much.quantize(Decimal("1e-8")), price, round="down")


@play("place_order", TRADING, fails=BinanceFilterError)
async def place_order_checked(scene: Scene) -> Any:
    """A price between two ticks is refused before it is sent."""
    async with scene.open() as client:
        await client.place_order(SYMBOL, "BUY", "LIMIT", Decimal("0.001"), Decimal("20000.00000001"))


@play("place_order", TRADING, fails=BinanceFilterError)
async def place_order_unchecked(scene: Scene) -> Any:
    """Unchecked, the exchange refuses it."""
    async with scene.open() as client:
        await client.place_order(SYMBOL, "BUY", "LIMIT", Decimal("0.001"), Decimal("20000.00000001"), validate=False)


@play("place_order", TRADING, faults=(fault("timeout", "POST", ORDER, executed=True, count=1),))
async def place_order_lost_answer(scene: Scene) -> Any:
    """The order was accepted and the answer lost: it is found, and not placed again."""
    async with scene.open() as client:
        order = await resting(client)
        return order, await client.get_open_orders(SYMBOL)


@play(
    "place_order",
    TRADING,
    faults=(fault("server_error", "POST", ORDER, count=1),),
    repeats=True,
)
async def place_order_lost_request(scene: Scene) -> Any:
    """The order did not arrive: placed again once it is certain that the first can no longer come."""
    async with scene.open(recv_window=SHORT_WINDOW, retry_delay=0.05) as client:
        order = await resting(client)
        return order, await client.get_open_orders(SYMBOL)


@play("place_order", TRADING, fails=BinanceTimeoutError, faults=(fault("timeout", "POST", ORDER),), repeats=True)
async def place_order_lost_failure(scene: Scene) -> Any:
    """It never arrives, and that is what is told, for certain."""
    async with scene.open(recv_window=SHORT_WINDOW, retry_delay=0.05, max_retries=0) as client:
        await resting(client)


@play("cancel_order", TRADING)
async def cancel_order(scene: Scene) -> Any:
    """By the exchange's id, and by one's own."""
    async with scene.open() as client:
        first, second = await resting(client), await resting(client, "second")
        return (
            await client.cancel_order(SYMBOL, first.id),
            await client.cancel_order(SYMBOL, client_order_id=own("second")),
            second,
        )


@play("cancel_order", TRADING, faults=(fault("timeout", "DELETE", ORDER, executed=True, count=1),))
async def cancel_order_lost_answer(scene: Scene) -> Any:
    """Cancelled and the answer lost: that nothing is left to cancel is explained by a look at the order."""
    async with scene.open(retry_delay=0.05) as client:
        order = await resting(client)
        return await client.cancel_order(SYMBOL, order.id)


@play("get_order", TRADING)
async def get_order(scene: Scene) -> Any:
    """By either id, while it rests and afterwards."""
    async with scene.open() as client:
        order = await resting(client)
        shown = await client.get_order(SYMBOL, client_order_id=own("first"))
        await client.cancel_order(SYMBOL, order.id)
        return order, shown, await client.get_order(SYMBOL, order.id)


@play("get_open_orders", TRADING)
async def get_open_orders(scene: Scene) -> Any:
    """Of one symbol, and of all."""
    async with scene.open() as client:
        order = await resting(client)
        of_one, of_all = await client.get_open_orders(SYMBOL), await client.get_open_orders()
        await client.cancel_order(SYMBOL, order.id)
        return order, of_one, of_all, await client.get_open_orders(SYMBOL)


@play("get_order_history", TRADING)
async def get_order_history(scene: Scene) -> Any:
    """The newest orders, and all from one on."""
    async with scene.open() as client:
        first = await resting(client)
        await client.cancel_order(SYMBOL, first.id)
        second = await resting(client, "second")
        await client.cancel_order(SYMBOL, second.id)
        last = await client.get_order_history(SYMBOL, 2)
        return first, second, last, await client.get_order_history(SYMBOL, from_id=int(second.id))


@play("resolve_order", TRADING)
async def resolve_order(scene: Scene) -> Any:
    """An order that was placed."""
    async with scene.open() as client:
        order = await resting(client)
        found = await client.resolve_order(SYMBOL, own("first"))
        await client.cancel_order(SYMBOL, order.id)
        return order, found


@play("iter_order_history", TRADING)
async def iter_order_history(scene: Scene) -> Any:
    """Every order from one on, told page by page."""
    told: list[Any] = []
    async with scene.open() as client:
        first = await resting(client)
        await client.cancel_order(SYMBOL, first.id)
        second = await resting(client, "second")
        await client.cancel_order(SYMBOL, second.id)
        history = client.iter_order_history(SYMBOL, from_id=int(first.id), progress=told.append)
        return first, second, await history.rows(), told


@play("get_my_trades", TRADING)
async def get_my_trades(scene: Scene) -> Any:
    """What an order traded."""
    async with scene.open() as client:
        order = await _bought(client)
        return order, await client.get_my_trades(SYMBOL, order_id=order.id)


@play("iter_my_trades", TRADING)
async def iter_my_trades(scene: Scene) -> Any:
    """From an execution on."""
    async with scene.open() as client:
        order = await _bought(client)
        known = await client.get_my_trades(SYMBOL, order_id=order.id)
        return order, known, await client.iter_my_trades(SYMBOL, from_id=int(known[0].id)).rows()


async def _bought(client: BinanceClient) -> Any:
    return await client.place_order(SYMBOL, "BUY", "MARKET", quote_quantity=WORTH, client_order_id=own("bought"))
