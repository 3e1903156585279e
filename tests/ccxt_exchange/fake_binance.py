"""A paper account that answers canned Binance JSON and remembers what it was asked."""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from exec_plugin.protocol.faults import CLEAR, Way

NOW = 1_723_075_200_000
FEE = "0.00100000"


class Reply(NamedTuple):
    """The shape of an answer."""

    status: int
    reason: str
    headers: dict[str, str]
    text: str


class Asked(NamedTuple):
    """One request, taken apart."""

    method: str
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    url: str


def symbol(name: str, base: str, quote: str) -> dict[str, Any]:
    """An entry of exchangeInfo."""
    return {
        "symbol": name,
        "status": "TRADING",
        "baseAsset": base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True, "maxNotional": "9000000.00"},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_MAKER"],
    }


def order(**changed: Any) -> dict[str, Any]:
    """An order as Binance shows it."""
    return {
        "symbol": "BTCUSDT",
        "orderId": 7,
        "orderListId": -1,
        "clientOrderId": "mine",
        "transactTime": NOW,
        "price": "50000.00000000",
        "origQty": "0.00100000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "stopPrice": "0.00000000",
        "icebergQty": "0.00000000",
        "time": NOW,
        "updateTime": NOW,
        "isWorking": True,
        "workingTime": NOW,
        "fills": [],
        "selfTradePreventionMode": "EXPIRE_MAKER",
        **changed,
    }


TRADE = {
    "symbol": "BTCUSDT",
    "id": 28,
    "orderId": 7,
    "orderListId": -1,
    "price": "50000.00",
    "qty": "0.001",
    "quoteQty": "50.00",
    "commission": "0.05",
    "commissionAsset": "USDT",
    "time": NOW,
    "isBuyer": True,
    "isMaker": False,
    "isBestMatch": True,
}

TICKER = {
    "symbol": "BTCUSDT",
    "priceChange": "-94.99",
    "priceChangePercent": "-0.19",
    "weightedAvgPrice": "50100.0",
    "prevClosePrice": "50100.00",
    "lastPrice": "50005.01",
    "lastQty": "0.2",
    "bidPrice": "50005.00",
    "bidQty": "1.0",
    "askPrice": "50005.01",
    "askQty": "2.0",
    "openPrice": "50100.00",
    "highPrice": "50900.00",
    "lowPrice": "49900.00",
    "volume": "1200.3",
    "quoteVolume": "60000000.0",
    "openTime": NOW - 86_400_000,
    "closeTime": NOW,
    "firstId": 1,
    "lastId": 9,
    "count": 9,
}

AGG_TRADE = {"a": 1, "p": "50005.01", "q": "0.2", "f": 1, "l": 1, "T": NOW, "m": True, "M": True}
KLINE = [NOW, "1.0", "2.0", "0.5", "1.5", "100.0", NOW + 59_999, "150.0", 7, "60.0", "90.0", "0"]
FILL = {"price": "50005.01", "qty": "0.001", "commission": "0.000001", "commissionAsset": "BTC", "tradeId": 29}
FILLED = {"status": "FILLED", "executedQty": "0.00100000", "cummulativeQuoteQty": "50.00501"}
RATES = {"maker": FEE, "taker": FEE, "buyer": "0.00000000", "seller": "0.00000000"}

ANSWERS: dict[str, Any] = {
    "GET /api/v3/ping": {},
    "GET /api/v3/time": {"serverTime": NOW},
    "GET /api/v3/exchangeInfo": {
        "timezone": "UTC",
        "serverTime": NOW,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [symbol("BTCUSDT", "BTC", "USDT"), symbol("ETHBTC", "ETH", "BTC")],
    },
    "GET /api/v3/ticker/24hr": TICKER,
    "GET /api/v3/ticker/price": [{"symbol": "BTCUSDT", "price": "50005.01"}],
    "GET /api/v3/ticker/bookTicker": [
        {"symbol": "BTCUSDT", "bidPrice": "50005.00", "bidQty": "1.0", "askPrice": "50005.01", "askQty": "2.0"}
    ],
    "GET /api/v3/depth": {"lastUpdateId": 5, "bids": [["50005.00", "1.0"]], "asks": [["50005.01", "2.0"]]},
    "GET /api/v3/aggTrades": [AGG_TRADE],
    "GET /api/v3/trades": [
        {"id": 1, "price": "5.1", "qty": "2", "quoteQty": "10.2", "time": NOW, "isBuyerMaker": True}
    ],
    "GET /api/v3/klines": [KLINE],
    "POST /api/v3/order": order(),
    "POST /api/v3/order/test": {},
    "GET /api/v3/order": order(**FILLED),
    "DELETE /api/v3/order": order(status="CANCELED"),
    "POST /api/v3/order/cancelReplace": {
        "cancelResult": "SUCCESS",
        "newOrderResult": "SUCCESS",
        "cancelResponse": order(status="CANCELED"),
        "newOrderResponse": order(orderId=8),
    },
    "GET /api/v3/openOrders": [order()],
    "DELETE /api/v3/openOrders": [order(status="CANCELED")],
    "GET /api/v3/allOrders": [order(), order(orderId=8, **FILLED)],
    "GET /api/v3/myTrades": [TRADE],
    "GET /api/v3/account": {
        "makerCommission": 10,
        "takerCommission": 10,
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": RATES,
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "updateTime": NOW,
        "accountType": "SPOT",
        "balances": [{"asset": "USDT", "free": "900.00000000", "locked": "100.00000000"}],
        "permissions": ["SPOT"],
        "uid": 1,
    },
    "GET /api/v3/account/commission": {
        "symbol": "BTCUSDT",
        "standardCommission": RATES,
        "taxCommission": RATES,
        "discount": {"enabledForAccount": True, "enabledForSymbol": True, "discountAsset": "BNB", "discount": "0.75"},
    },
    "GET /api/v3/rateLimit/order": [
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 160_000, "count": 0}
    ],
    "GET /api/v3/avgPrice": {"mins": 5, "price": "50005.00", "closeTime": NOW},
    "GET /sapi/v1/asset/tradeFee": [{"symbol": "BTCUSDT", "makerCommission": FEE, "takerCommission": FEE}],
    "GET /sapi/v1/system/status": {"status": 0, "msg": "normal"},
}

UNKNOWN = Reply(404, "Not Found", {"Content-Type": "application/json"}, '{"code":-1,"msg":"no such path"}')


class FakeAccount:
    """Speaks the contract of a paper account: request, milliseconds, sleep_plan."""

    is_remote = False

    def __init__(self, *, real_time: bool = False) -> None:
        self.asked: list[Asked] = []
        self.answers = dict(ANSWERS)
        self.now = NOW
        self.slept: list[float] = []
        self.real_time = real_time

    def request(self, method: str, url: str, headers: Any, body: str | bytes | None) -> Reply:
        """Answer from the table."""
        parts = urlsplit(url)
        text = body.decode() if isinstance(body, bytes) else body
        params = dict(parse_qsl(text or parts.query, keep_blank_values=True))
        self.asked.append(Asked(method, parts.path, params, dict(headers), url))
        answer = self.answers.get(f"{method} {parts.path}", UNKNOWN)
        if isinstance(answer, Reply):
            return answer
        return Reply(200, "OK", {"Content-Type": "application/json;charset=UTF-8"}, json.dumps(answer))

    async def request_soon(self, method: str, url: str, headers: Any, body: str | bytes | None) -> Reply:
        return self.request(method, url, headers, body)

    def milliseconds(self) -> int:
        """The time of the replay."""
        return self.now

    is_over = False

    def legs(self) -> tuple[float, float]:
        return 0.0, 0.0

    def way(self, method: str, url: str) -> Way:
        """Nothing goes wrong."""
        return CLEAR

    def sleep_plan(self, ms: float) -> float:
        """Move the market, or tell to wait."""
        self.slept.append(ms)
        if self.real_time:
            return ms / 1_000
        self.now += int(ms)
        return 0.0

    def refuse(self, status: int, code: int, msg: str, reason: str = "Bad Request") -> None:
        """From now on answer every path with one error."""
        reply = Reply(status, reason, {"Content-Type": "application/json"}, json.dumps({"code": code, "msg": msg}))
        self.answers = dict.fromkeys(self.answers, reply)

    def paths(self) -> list[str]:
        """Method and path of everything asked so far."""
        return [f"{asked.method} {asked.path}" for asked in self.asked]


class FakeBank:
    """Stands where accounts are opened: one account for each key, all of them remembered."""

    def __init__(self) -> None:
        self.accounts: dict[Any, FakeAccount] = {}
        self.opened: list[tuple[dict[str, Any], str | None, str | None]] = []

    def open(self, options: Any, api_key: str | None, secret: str | None) -> FakeAccount:
        """As exec_plugin.account.open_account does."""
        self.opened.append((dict(options), api_key, secret))
        name = options.get("account") or api_key or "default"
        return self.accounts.setdefault(name, FakeAccount())

    @property
    def default(self) -> FakeAccount:
        """The account of those who name none."""
        return self.accounts.setdefault("default", FakeAccount())
