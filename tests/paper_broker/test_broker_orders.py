"""Orders: every way to name one, Binance's refusals, cancelling and finding."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import pytest
from stand import holdings, tick

from exec_plugin.core.errors import ConfigError, FilterFailure, OrderRejected, RequestRejected, UnknownOrder

FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "9000", "stepSize": "0.001"},
    {"filterType": "NOTIONAL", "minNotional": "5"},
]
LISTED = [{"symbol": "BTCUSDC", "baseAsset": "BTC", "quoteAsset": "USDC", "filters": FILTERS}]


class Side(Enum):
    """An enum as strategies have them."""

    BUY = "buy"
    SELL = 2


async def place(broker, side="BUY", kind="LIMIT", quantity="0.1", price="49000", **more):
    """Place an order that rests."""
    quantity, price = (value if value is None else Decimal(value) for value in (quantity, price))
    return await broker.place_order("BTCUSDC", side, kind, quantity, price, **more)


@pytest.mark.parametrize("side", ["BUY", "buy", Side.BUY])
@pytest.mark.parametrize("kind", ["LIMIT", "Limit"])
async def test_names(broker, side, kind):
    """Sides and types are read in any case, and from enums."""
    order = await place(broker, side, kind, time_in_force="gtc")
    assert (order.side, order.type, order.time_in_force) == ("BUY", "LIMIT", "GTC")


async def test_enum_name(broker):
    """An enum whose value says nothing is read by its name."""
    assert (await place(broker, Side.SELL, price="51000")).side == "SELL"


async def test_symbol_with_slash(broker):
    """Both spellings of a symbol are one symbol."""
    await broker.place_order("BTC/USDC", "BUY", "LIMIT", 1, "5000")
    assert [order.symbol for order in await broker.get_open_orders("BTCUSDC")] == ["BTCUSDC"]


async def test_amount_forms(broker):
    """Amounts may be Decimals, ints and texts."""
    order = await broker.place_order("BTCUSDC", "BUY", "LIMIT", "0.1", 49_000)
    assert (order.quantity, order.price) == (Decimal("0.1"), 49_000)


async def test_quote_quantity(broker):
    """A market order by value spends at most that."""
    order = await place(broker, kind="MARKET", quantity=None, price=None, quote_order_quantity=Decimal(1000))
    assert order.filled_quantity == Decimal("0.01999600")
    assert order.filled_quote <= 1000


@pytest.mark.parametrize(("tif", "status"), [("IOC", "EXPIRED"), ("FOK", "EXPIRED"), ("GTC", "NEW")])
async def test_time_in_force(broker, tif, status):
    """What cannot trade at once rests or expires."""
    assert (await place(broker, time_in_force=tif)).status == status


async def test_maker_only(broker):
    """A LIMIT_MAKER order that would trade is refused with the nearest price that rests."""
    with pytest.raises(OrderRejected, match="would immediately match"):
        await place(broker, kind="LIMIT_MAKER", price="50010")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"side": "HOLD"}, -1117),
        ({"kind": "TWAP"}, -1116),
        ({"time_in_force": "GTX"}, -1115),
        ({"price": None}, -1102),
        ({"quantity": None}, -1102),
        ({"kind": "MARKET"}, -1106),
        ({"kind": "MARKET", "price": None, "time_in_force": "IOC"}, -1106),
        ({"kind": "STOP_LOSS", "price": None}, -1102),
        ({"stop_price": Decimal(1)}, -1106),
        ({"quote_order_quantity": Decimal(1)}, -1106),
        ({"kind": "MARKET", "price": None, "quote_order_quantity": Decimal(1)}, -1128),
        ({"quantity": "0"}, -1013),
        ({"price": "0"}, -1013),
        ({"quantity": "-1"}, -1100),
        ({"price": "NaN"}, -1100),
        ({"price": "sNaN"}, -1100),
        ({"quantity": "Infinity"}, -1100),
        ({"quantity": "0.123456789"}, -1111),
        ({"quantity": "1e30"}, -1108),
        ({"quantity": "1e999999"}, -1108),
        ({"client_order_id": "no spaces"}, -1100),
        ({"client_order_id": ""}, -1100),
    ],
)
async def test_bad_order(broker, change, code):
    """A malformed order is refused with Binance's code and changes nothing."""
    before = await holdings(broker)
    with pytest.raises(RequestRejected) as caught:
        await place(broker, **change)
    assert caught.value.code == code
    assert caught.value.hint
    assert (await holdings(broker), await broker.get_open_orders()) == (before, [])


@pytest.mark.parametrize("argument", ["quantity", "price", "stop_price", "quote_order_quantity"])
async def test_float(broker, argument):
    """Floats are refused by name, whatever they carry."""
    amounts = {"quantity": Decimal(1), "price": Decimal(1)} | {argument: 0.1 + 0.2}
    kinds = {"stop_price": "STOP_LOSS_LIMIT", "quote_order_quantity": "MARKET"}
    if argument == "quote_order_quantity":
        amounts |= {"quantity": None, "price": None}
    with pytest.raises(TypeError, match=r"0\.30000000000000004"):
        await broker.place_order("BTCUSDC", "BUY", kinds.get(argument, "LIMIT"), **amounts)


async def test_money_hint(broker):
    """A refusal for want of money tells what is needed, what is there, and what it is enough for."""
    with pytest.raises(OrderRejected, match=r"14700 USDC needed, 10000 free; that is enough for 0\.20408163 BTC"):
        await place(broker, quantity="0.3")
    with pytest.raises(OrderRejected, match="that is enough for 1 BTC"):
        await place(broker, "SELL", quantity="2")


@pytest.mark.parametrize(
    ("change", "name", "nearest"),
    [
        ({"price": "49000.004"}, "PRICE_FILTER", "49000"),
        ({"quantity": "0.0014"}, "LOT_SIZE", "0.001"),
        ({"quantity": "0.001", "price": "1000"}, "NOTIONAL", "0.005"),
    ],
)
async def test_filters(make, change, name, nearest):
    """With exchange information its filters hold, and name the nearest legal value."""
    broker = make(exchange_info=LISTED)
    tick(broker)
    with pytest.raises(FilterFailure, match=f"{name}.*nearest legal .* {nearest}"):
        await place(broker, **change)


async def test_listed_only(make):
    """With exchange information only its symbols exist, and only its order types."""
    broker = make(exchange_info=[LISTED[0] | {"orderTypes": ["LIMIT"]}])
    with pytest.raises(RequestRejected, match="Invalid symbol"):
        tick(broker, symbol="ETHUSDC")
    with pytest.raises(OrderRejected, match="Market orders are not supported"):
        await place(broker, kind="MARKET", price=None)


async def test_cancel(broker):
    """A cancelled order gives its money back; the answer is true and reads like the exchange's."""
    order = await place(broker, client_order_id="mine")
    answer = await broker.cancel_order("BTCUSDC", order.id)
    assert answer
    assert answer.order.status == "CANCELED"
    assert {key: answer[key] for key in ("symbol", "orderId", "origClientOrderId", "price", "status")} == {
        "symbol": "BTCUSDC",
        "orderId": order.id,
        "origClientOrderId": "mine",
        "price": "49000.00000000",
        "status": "CANCELED",
    }
    assert dict(answer).keys() == set(answer)
    assert await holdings(broker) == {"USDC": (10_000, 0), "BTC": (1, 0)}


async def test_cancel_closed(broker):
    """Cancelling twice, or a filled order, is answered with false and the reason."""
    resting = await place(broker)
    filled = await place(broker, kind="MARKET", price=None)
    assert await broker.cancel_order(resting.id)
    for order, status in ((resting, "CANCELED"), (filled, "FILLED")):
        answer = await broker.cancel_order(order.id)
        assert not answer
        assert (answer["status"], answer.reason) == (status, f"order {order.id} is {status}")
        assert status in repr(answer)


@pytest.mark.parametrize("name", ["paper_1", "1", 1, "mine"])
async def test_find(broker, name):
    """An order is found by its id, the number in it, or its client id."""
    order = await place(broker, client_order_id="mine")
    assert await broker.get_order("BTCUSDC", name) == await broker.get_order(name) == order


async def test_find_by_client_id(broker):
    """A client id may be given by its own name, for queries and cancels."""
    order = await place(broker, client_order_id="mine")
    assert await broker.get_order("BTCUSDC", client_order_id="mine") == order
    assert await broker.cancel_order(client_order_id="mine")


@pytest.mark.parametrize("name", ["paper_2", "2", "x", "9" * 5000, "²", ""])
async def test_unknown(broker, name):
    """An unknown id is an error to queries and a false answer to cancels."""
    await place(broker)
    with pytest.raises(UnknownOrder, match="there is no order"):
        await broker.get_order("BTCUSDC", name)
    answer = await broker.cancel_order("BTCUSDC", name)
    assert (bool(answer), len(answer), answer.order) == (False, 0, None)


async def test_other_symbol(broker):
    """An order of another symbol is not found under this one."""
    order = await place(broker)
    assert not await broker.cancel_order("ETHUSDC", order.id)
    assert await broker.get_open_orders("ETHUSDC") == []
    assert await broker.get_order_history("ETHUSDC") == []


async def test_no_id(broker):
    """Without any id there is nothing to look for."""
    with pytest.raises(ConfigError, match="neither was given"):
        await broker.cancel_order()
    with pytest.raises(ConfigError, match="neither was given"):
        await broker.get_order()


async def test_duplicate(broker):
    """A client id is unique among the open orders."""
    await place(broker, client_order_id="mine")
    with pytest.raises(OrderRejected, match="Duplicate"):
        await place(broker, client_order_id="mine")


async def test_history_states(broker):
    """The history holds orders in every state, of its symbol alone, oldest first."""
    await place(broker)
    await place(broker, kind="MARKET", price=None)
    await broker.cancel_order("1")
    await broker.place_order("ETHUSDC", "BUY", "LIMIT", 1, 1)
    history = await broker.get_order_history("BTCUSDC")
    assert [(order.id, order.status) for order in history] == [("paper_1", "CANCELED"), ("paper_2", "FILLED")]


async def test_history_limit(broker):
    """A limit below 1 is refused."""
    with pytest.raises(ConfigError, match="limit=0"):
        await broker.get_order_history("BTCUSDC", 0)
