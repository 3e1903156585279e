"""
Random requests of every endpoint: sensible ones that reach deep, near misses of them, and nonsense.

They are made by a plain generator of numbers, whose seed a property draws: so a step costs next to nothing, and a
sequence of many is one example.
"""

from __future__ import annotations

from copy import deepcopy
from random import Random

from protocol.signing_client import FILTERS, NOW, SETUP

from exec_plugin.core.orders import STOP_KINDS
from exec_plugin.core.symbols import ORDER_TYPES, STP_MODES
from exec_plugin.endpoints import ENDPOINTS

#: A market with every kind of filter, near enough to be met, and three accounts' money.
CROWDED = {
    **SETUP,
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "baseAsset": "BTC",
            "quoteAsset": "USDT",
            "filters": [
                *(item for item in FILTERS if not item["filterType"].startswith("MAX_NUM")),
                {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "50", "stepSize": "0"},
                {"filterType": "ICEBERG_PARTS", "limit": 4},
                {
                    "filterType": "TRAILING_DELTA",
                    "minTrailingAboveDelta": 10,
                    "maxTrailingAboveDelta": 2000,
                    "minTrailingBelowDelta": 10,
                    "maxTrailingBelowDelta": 2000,
                },
                {
                    "filterType": "PERCENT_PRICE_BY_SIDE",
                    "bidMultiplierUp": "1.2",
                    "bidMultiplierDown": "0.8",
                    "askMultiplierUp": "1.2",
                    "askMultiplierDown": "0.8",
                    "avgPriceMins": 1,
                },
                {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 9},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
                {"filterType": "MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3},
                {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 3},
                {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 2},
                {"filterType": "MAX_POSITION", "maxPosition": "40"},
            ],
        },
        {"symbol": "LTCBTC", "baseAsset": "LTC", "quoteAsset": "BTC"},
        {"symbol": "BNBUSDT", "baseAsset": "BNB", "quoteAsset": "USDT", "icebergAllowed": False, "amendAllowed": False},
        {"symbol": "ETHUSDT", "baseAsset": "ETH", "quoteAsset": "USDT", "status": "HALT"},
    ],
    "exchangeFilters": [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 11},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 6},
        {"filterType": "EXCHANGE_MAX_NUM_ICEBERG_ORDERS", "maxNumIcebergOrders": 3},
        {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 4},
    ],
    "assetFilters": [{"asset": "BTC", "limit": "30"}],
    "balances": {"USDT": "1000", "BTC": "10", "BNB": "0.01", "LTC": "3"},
    "commission": {
        "standard": {"maker": "0.001", "taker": "0.002"},
        "special": {"taker": "0.0003"},
        "tax": {"seller": "0.00007"},
        "discount": {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"},
    },
}

#: What no parameter takes, or hardly any.
NONSENSE = (
    "", " ", "null", "[]", "{}", "[[[[", "[" * 100_000, "9" * 5000, "1e999", "-0", "0", "0.1" + "0" * 5000 + "1", "\x00",
    "%00", "\ud800", "\udfff\ud800", "٣", "NaN", "Infinity", "9223372036854775807", "9223372036854775808", "1" * 20,
    "18446744073709551616", "true", "' OR 1=1", "../../", "BTC/USDT", "btcusdt", "0.30000000000000004", "9" * 20, "-1",
    "&", "=", "+", "%", "%zz", "a&b=c", "\u202e", "\U0001f600", '["\ud800"]', "[null]", "0x10", "1_000", "\uff11",
)  # fmt: skip
#: JSON values at the edges of what is expected.
ODD_VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**30, -(10**30), 0.5, -0.0, 1e-9, 1e308, float("nan"),
    float("inf"), float("-inf"), 253402300800000, 8640000000000001, [], {}, [[]], [[1, 2, 3]], {"": None}, "",
)  # fmt: skip
ELSEWHERE = ("symbol", "timestamp", "recvWindow", "signature", "limit", "returnRateLimits", "apiKey", "x", "")

SYMBOL = ("BTCUSDT",) * 12 + ("LTCBTC", "BNBUSDT", "ETHUSDT", "XXXUSDT")
PRICE = (*map(str, range(94, 107)), "98.5", "101.25", "90", "110")
NEARLY_PRICE = ("70", "130", "0.01", "0.001", "1000000", "1000001", "99.999", "0", "0.123456789")
SIZE = ("0.5", "1", "1", "1.5", "2", "3", "0.33333")
NEARLY_SIZE = ("0.00001", "0.000001", "9", "30", "9000", "9001", "0", "0.123456789", "12.00000000")
NAME = ("a", "b", "c", "paper_1", "paper_list_1", "web_A.1:/-" + "x" * 26)
NUMBER = tuple(map(str, range(40)))
#: Legal and nearly legal values by the kind that the endpoint table gives a parameter.
KINDS = {
    "symbol": SYMBOL,
    "symbols": ('["BTCUSDT"]', '["BTCUSDT","LTCBTC"]', '["BTCUSDT","BTCUSDT"]', "[]", '["X"]', "[1]"),
    "texts": ('["SPOT"]', "SPOT", '["MARGIN","SPOT"]', "[]", '"SPOT"'),
    "text": (
        "1m", "1s", "1M", "1d", "3d", "a", "FULL", "MINI", "TRADING", "HALT", "+08:00", "-12:00", "+14:01", "ONLY_NEW",
        "ONLY_PARTIALLY_FILLED", "STOP_ON_FAILURE", "ALLOW_FAILURE", "DO_NOTHING", "CANCEL_ONLY", "PRIMARY_PEG",
        "MARKET_PEG", "PRICE_LEVEL", "15m", "8d", "paper_1",
    ),
    "int": ("0", "1", "2", "5", "100", "101", "1000", "1001", "1000000", "5000", "4294967296"),
    "long": NUMBER,
    "time": (*(str(NOW + shift) for shift in (-86_400_001, -1, 0, 1, 30_000, 86_400_000)), "0", "1" * 16),
    "bool": ("true", "false", "TRUE", "1"),
    "quantity": SIZE * 3 + NEARLY_SIZE,
    "iceberg": ("0.5", "0.25", "1") * 3 + NEARLY_SIZE,
    "amount": ("50", "100", "333.33", "0.1", "0.001", "100000", "0"),
    "price": PRICE * 2 + NEARLY_PRICE,
    "client_id": NAME,
    "side": ("BUY", "SELL"),
    "order_type": ORDER_TYPES,
    "tif": ("GTC", "GTC", "GTC", "IOC", "FOK"),
    "resp_type": ("ACK", "RESULT", "FULL"),
    "stp": ("NONE", *STP_MODES),
}  # fmt: skip
BY_NAME = {row.name: row for row in ENDPOINTS.values()}
_LIMITED = ("LIMIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")
_PLACING = ("order.place", "order.test", "order.cancelReplace", "sor.order.place", "sor.order.test")
_STOPS, _OTHERS = ("STOP_LOSS", "STOP_LOSS_LIMIT"), ("LIMIT_MAKER", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
#: What is asked most, because it changes most.
_OFTEN = (
    *("order.place",) * 60, *("orderList.place.oco", "orderList.place.oto", "orderList.place.otoco") * 8,
    *("orderList.place.opo", "orderList.place.opoco", "order.cancelReplace") * 8, *("order.cancel",) * 14,
    *("order.amend.keepPriority",) * 16, *("orderList.place", "orderList.cancel", "sor.order.place") * 3,
    "openOrders.cancelAll",
)  # fmt: skip


class Maker:
    """Makes requests, frames and market events out of a seeded generator."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.pick = self.rng.choice
        #: ids of orders and lists that are worth naming
        self.ids = NUMBER

    def sometimes(self, one_in):
        """True once in so many times."""
        return not self.rng.randrange(one_in)

    def text(self):
        """A few characters of any kind, also half ones."""
        return "".join(
            chr(self.rng.choice((65, 0, 34, 92, 0xD800, 0xE9, 0x1F600)) + self.rng.randrange(9)) for _ in range(3)
        )

    def nonsense(self):
        """A text that is hardly ever right."""
        return self.text() if self.sometimes(4) else self.pick(NONSENSE)

    # ------------------------------------------------------------------ orders

    def leg(self, kinds, *, buys, names=str):
        """The parameters of one order that makes sense; ``names`` says what a list calls a parameter of it."""
        kind = self.pick(kinds)
        found = {"type": kind}
        if kind in _LIMITED:
            found["timeInForce"] = self.pick(KINDS["tif"])
        if kind in _LIMITED or kind == "LIMIT_MAKER":
            found["price"] = self.pick(PRICE)
            if self.sometimes(4):
                found["icebergQty"] = self.pick(KINDS["iceberg"])
                if "timeInForce" in found:
                    found["timeInForce"] = "GTC"
            if self.sometimes(6):
                self._peg(found)
        if kind in STOP_KINDS:
            above = kind.startswith("STOP") is buys
            which = self.pick(("stop", "stop", "stop", "trail", "both"))
            if which != "trail":
                found["stopPrice"] = str(self.rng.randint(100, 106) if above else self.rng.randint(94, 100))
            if which != "stop":
                found["trailingDelta"] = self.pick(("9", "10", "50", "100", "300", "2000", "2001"))
        if self.sometimes(4):
            found["newClientOrderId"] = self.pick(NAME)
        return {names(name): value for name, value in found.items()}

    def _peg(self, found):
        found["pegPriceType"] = self.pick(("PRIMARY_PEG", "MARKET_PEG"))
        if self.sometimes(2):
            found["pegOffsetType"] = "PRICE_LEVEL"
            found["pegOffsetValue"] = self.pick(("0", "1", "3", "100", "101"))
        if self.sometimes(2):
            del found["price"]

    def order(self):
        """The parameters of a single order that makes sense."""
        side = self.pick(KINDS["side"])
        kinds = ("LIMIT",) * 5 + ("MARKET",) * 2 + ORDER_TYPES
        found = self.leg(kinds, buys=side == "BUY") | {"symbol": self.pick(SYMBOL), "side": side}
        if found["type"] == "MARKET" and self.sometimes(2):
            found["quoteOrderQty"] = self.pick(KINDS["amount"])
        else:
            found["quantity"] = self.pick(SIZE)
        for name, kind in (("newOrderRespType", "resp_type"), ("selfTradePreventionMode", "stp")):
            if self.sometimes(2):
                found[name] = self.pick(KINDS[kind])
        return found

    def order_list(self, name):
        """The parameters of an order list that makes sense."""
        found = {"symbol": self.pick(SYMBOL), "newOrderRespType": self.pick(KINDS["resp_type"])}
        if self.sometimes(4):
            found["listClientOrderId"] = self.pick(NAME)
        if self.sometimes(3):
            found["selfTradePreventionMode"] = self.pick(KINDS["stp"])
        after, pays = name != "oco", name in {"opo", "opoco"}
        side = "SELL" if pays else self.pick(KINDS["side"])
        buys = side == "BUY"
        if after:
            first = "BUY" if pays else self.pick(KINDS["side"])
            found |= self.leg(("LIMIT", "LIMIT", "LIMIT_MAKER"), buys=first == "BUY", names=_leg_name("working"))
            found |= {"workingSide": first, "workingQuantity": self.pick(SIZE), "pendingSide": side}
            found.setdefault("workingPrice", "99")
            if not pays:
                found["pendingQuantity"] = self.pick(SIZE)
        else:
            found |= {"side": side, "quantity": self.pick(SIZE)}
        if name in {"oco", "otoco", "opoco"}:
            above, below = (_STOPS, _OTHERS) if buys else (_OTHERS, _STOPS)
            found |= self.leg(above, buys=buys, names=_leg_name("pendingAbove" if after else "above"))
            found |= self.leg(below, buys=buys, names=_leg_name("pendingBelow" if after else "below"))
        else:
            found |= self.leg(("LIMIT", "MARKET", *ORDER_TYPES), buys=buys, names=_leg_name("pending"))
        return found

    def old_oco(self):
        """The parameters of an OCO by the deprecated endpoint."""
        side = self.pick(KINDS["side"])
        price, stop = ("95", "105") if side == "BUY" else ("105", "95")
        found = {"symbol": "BTCUSDT", "side": side, "quantity": self.pick(SIZE), "price": price, "stopPrice": stop}
        if self.sometimes(2):
            found |= {"stopLimitPrice": stop, "stopLimitTimeInForce": self.pick(KINDS["tif"])}
        return found

    # ------------------------------------------------------------------ requests

    def table(self, name):
        """Parameters as the endpoint table has them: all that are mandatory and some others."""
        kinds = BY_NAME[name].params
        found = {}
        for parameter, kind in kinds.items():
            if kind.endswith("!") or self.sometimes(4):
                found[parameter] = self.pick(self.ids if kind.startswith("long") else KINDS[kind.rstrip("!")])
        if name.startswith("order.") and "orderId" in kinds and not self.sometimes(4):
            kept = {key: value for key, value in found.items() if key in {"symbol", "newQty"}}
            found = kept | {"symbol": "BTCUSDT", "orderId": self.pick(self.ids)}
            if name == "order.cancel" and self.sometimes(5):
                found["cancelRestrictions"] = self.pick(("ONLY_NEW", "ONLY_PARTIALLY_FILLED"))
            if "newQty" in found:
                found["newQty"] = self.pick(SIZE)
        return found

    def sensible(self, name):
        """The parameters of a request that an endpoint may well accept."""
        if name == "orderList.place":
            return self.old_oco()
        if name.startswith("orderList.place."):
            return self.order_list(name.rpartition(".")[2])
        if name not in _PLACING:
            return self.table(name)
        found = self.order()
        if name.startswith("sor"):
            found = {key: value for key, value in found.items() if key in BY_NAME[name].params}
        if name == "order.cancelReplace":
            found["cancelReplaceMode"] = self.pick(("STOP_ON_FAILURE", "ALLOW_FAILURE"))
            found["cancelOrderId"] = self.pick(self.ids)
        return found

    def request(self):
        """A method and its parameters, now and then with something left out, replaced or added."""
        name = self.pick((*_OFTEN, *BY_NAME))
        params = self.sensible(name)
        for _ in range(self.pick((0, 0, 0, 0, 0, 0, 0, 1, 1, 2))):
            parameter = self.pick(ELSEWHERE) if self.sometimes(3) else self.pick((*BY_NAME[name].params, "symbol"))
            change = self.pick("dnnx")
            if change == "d":
                params.pop(parameter, None)
            elif change == "n":
                params[parameter] = self.pick(KINDS[BY_NAME[name].params.get(parameter, "text").rstrip("!")])
            else:
                params[parameter] = self.nonsense()
        return name, params

    # ------------------------------------------------------------------ JSON

    def json(self, depth=3):
        """Any JSON value, and some that only Python's reader takes for one."""
        kind = self.rng.randrange(9 if depth else 6)
        if kind < 3:
            return self.nonsense()
        if kind < 6:
            return self.pick(ODD_VALUES)
        if kind < 8:
            return [self.json(depth - 1) for _ in range(self.rng.randrange(4))]
        return {self.nonsense(): self.json(depth - 1) for _ in range(self.rng.randrange(4))}

    def bent(self, value):
        """A JSON value with one place in it replaced, left out or doubled."""
        value = deepcopy(value)
        places = [(value, key) for key in _keys(value)]
        for holder, key in places:
            places.extend((holder[key], inner) for inner in _keys(holder[key]))
        if not places:
            return self.json()
        holder, key = self.pick(places)
        change = self.rng.randrange(5)
        if change == 0:
            del holder[key]
        elif change == 1 and isinstance(holder, list):
            holder.append(deepcopy(holder[key]))
        elif change == 1:
            holder[self.nonsense()] = self.json()
        else:
            holder[key] = self.json()
        return value

    def torn(self, text):
        """A text with some characters replaced, left out or doubled."""
        characters = list(text)
        for _ in range(self.rng.randint(1, 3)):
            place = self.rng.randrange(len(characters) + 1)
            characters[place : place + self.rng.randrange(3)] = self.pick(
                (
                    "",
                    '"',
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "\\",
                    "\x00",
                    "\\ud800",
                    "9" * 400,
                    "e",
                    "-",
                    "\ufeff",
                    "NaN",
                    '"id":1,',
                )
            )
        return "".join(characters)

    # ------------------------------------------------------------------ the market

    def event(self):
        """A new book around 100, or a trade."""
        if self.sometimes(2):
            price, qty = self.pick(PRICE), self.pick(("0.5", "1", "4", "9"))
            symbol = "BNBUSDT" if self.sometimes(9) else "BTCUSDT"
            return {"type": "trade", "symbol": symbol, "price": price, "qty": qty, "taker": self.pick(KINDS["side"])}
        middle = self.rng.randint(96, 104)
        return {
            "type": "book",
            "symbol": "BTCUSDT",
            "bids": self._levels(middle - 6, middle),
            "asks": self._levels(middle + 1, middle + 7),
        }

    def _levels(self, low, high):
        prices = self.rng.sample(range(low, high + 1), self.rng.randint(0, 4))
        return [[str(price), self.pick(("0.5", "1", "2", "7"))] for price in prices]


def _leg_name(prefix):
    return lambda name: prefix + (name.removeprefix("new") if name.startswith("new") else name[0].upper() + name[1:])


def _keys(value):
    if isinstance(value, dict):
        return list(value)
    return range(len(value)) if isinstance(value, list) else ()
