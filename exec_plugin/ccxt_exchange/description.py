"""What ``binancepaper`` says about itself: Binance's description narrowed to a spot account on paper."""

from __future__ import annotations

# typing's own would cost each start of an interpreter 12 ms
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Class name, id and attribute in every namespace; ccxt shares markets only between instances of one id.
EXCHANGE_ID = "binancepaper"

#: Fills ``apiKey`` and ``secret`` where the user gives none: ccxt signs with them and fails on an empty value.
NO_CREDENTIAL = "paper"


def _words(text: str) -> list[str]:
    return text.split()


# Capabilities of Binance that need another market, another wallet or a bank: nothing of it exists on paper.
_ABSENT = _words("""
margin swap future option
addMargin borrowCrossMargin borrowIsolatedMargin borrowMargin reduceMargin repayCrossMargin repayIsolatedMargin
cancelOrders createConvertTrade createOrders createReduceOnlyOrder editOrders
fetchADLRank fetchAllGreeks fetchBorrowInterest fetchBorrowRateHistories fetchBorrowRateHistory
fetchConvertCurrencies fetchConvertQuote fetchConvertTrade fetchConvertTradeHistory
fetchCrossBorrowRate fetchCrossBorrowRates fetchCurrencies
fetchDepositAddress fetchDepositWithdrawFee fetchDepositWithdrawFees fetchDeposits
fetchFundingHistory fetchFundingInterval fetchFundingIntervals
fetchFundingRate fetchFundingRateHistory fetchFundingRates fetchGreeks fetchIndexOHLCV
fetchIsolatedBorrowRate fetchIsolatedBorrowRates fetchLedger fetchLedgerEntry
fetchLeverage fetchLeverageTiers fetchLeverages fetchLongShortRatioHistory
fetchMarginAdjustmentHistory fetchMarginMode fetchMarginModes fetchMarkOHLCV fetchMarkPrice fetchMarkPrices
fetchMarketLeverageTiers fetchMyLiquidations fetchMySettlementHistory
fetchOpenInterest fetchOpenInterestHistory fetchOpenOrder fetchOption
fetchPosition fetchPositionADLRank fetchPositionMode fetchPositions fetchPositionsADLRank fetchPositionsRisk
fetchPremiumIndexOHLCV fetchSettlementHistory fetchTransactionFee fetchTransactionFees fetchTransfers
fetchWithdrawals setLeverage setMargin setMarginMode setPositionMode transfer withdraw
""")

# Hosts compare these with ``is True``; ccxt itself marks some of them "emulated" or leaves them out.
_PRESENT = _words("""
spot cancelAllOrders cancelOrder createLimitOrder createMarketOrder createOrder createStopLimitOrder createStopOrder
fetchBalance fetchL2OrderBook fetchMyTrades fetchOHLCV fetchOpenOrders fetchOrder fetchOrderBook fetchOrders
fetchTicker fetchTickers fetchTime fetchTrades fetchTradingFee
""")

# What of ccxt's streams and WebSocket requests there is on a spot market.
_STREAMS = _words("""
ws watchBalance watchBidsAsks watchMyTrades watchOHLCV watchOHLCVForSymbols watchOrderBook watchOrderBookForSymbols
watchOrders watchOrdersForSymbols watchTicker watchTickers watchTrades watchTradesForSymbols
unWatchBidsAsks unWatchOHLCV unWatchOHLCVForSymbols unWatchOrderBook unWatchOrderBookForSymbols
unWatchTicker unWatchTickers unWatchTrades unWatchTradesForSymbols
cancelAllOrdersWs cancelOrderWs createLimitOrderWs createMarketOrderWs createOrderWs editOrderWs
fetchBalanceWs fetchMyTradesWs fetchOHLCVWs fetchOpenOrdersWs fetchOrderWs fetchOrdersWs fetchTradesWs
""")

_CREDENTIALS = _words("apiKey secret uid login password twofa privateKey walletAddress token")


def paper_description(parent: dict[str, Any]) -> dict[str, Any]:
    """What to lay over the description of ccxt's own Binance class."""
    return {
        "id": EXCHANGE_ID,
        "name": "Binance paper",
        "alias": False,
        "certified": False,
        "pro": True,
        "apiKey": NO_CREDENTIAL,
        "secret": NO_CREDENTIAL,
        "enableRateLimit": False,
        "requiredCredentials": dict.fromkeys(_CREDENTIALS, False),
        "has": {**no_streams(parent["has"]), **dict.fromkeys(_ABSENT, False), **dict.fromkeys(_PRESENT, True)},
        "options": _options(parent["options"]),
    }


def _options(parent: dict[str, Any]) -> dict[str, Any]:
    # ccxt 4.4 keeps a plain list of market types here, later versions a table with "types" in it
    types: Any = {"types": ["spot"]} if isinstance(parent["fetchMarkets"], dict) else ["spot"]
    return {
        "defaultType": "spot",
        "fetchCurrencies": False,
        "fetchMargins": False,
        "fetchMarkets": types,
        # two names of one setting: later versions look at the second only
        "warnOnFetchOpenOrdersWithoutSymbol": False,
        "fetchOpenOrders": {"warnWithoutSymbol": False},
    }


def spot_streams(has: dict[str, Any]) -> dict[str, bool]:
    """What the pro class can do over a WebSocket: as much of a spot market as this version of ccxt has."""
    return {**no_streams(has), **{name: True for name in _STREAMS if has.get(name)}}


def no_streams(has: dict[str, Any]) -> dict[str, bool]:
    """Every capability that needs a WebSocket, denied."""
    return {name: False for name in has if name == "ws" or name.startswith(("watch", "unWatch")) or name.endswith("Ws")}
