"""Tables with freqtrade's column names."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest

from exec_plugin.binance.rows import Rows
from exec_plugin.binance.values import fill_of, kline_of, order_of, trade_of

KLINE = [1_767_614_400_000, "1.5", "2", "1", "1.75", "10", 1_767_614_459_999, "17", 3, "4", "7", "0"]
TRADE = {"id": 28, "price": "4.00000100", "qty": "12.0", "quoteQty": "48.000012", "time": 1499, "isBuyerMaker": True}
AGGREGATE = {"a": 26, "p": "0.01", "q": "4.5", "f": 1, "l": 2, "T": 1498, "m": False, "M": True}
FILL = {
    "symbol": "BNBBTC", "id": 28457, "orderId": 100234, "price": "4.00000100", "qty": "12.00000000",
    "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB", "time": 1499865549590,
    "isBuyer": True, "isMaker": False,
}  # fmt: skip
ORDER = {
    "symbol": "LTCBTC", "orderId": 1, "clientOrderId": "mine", "price": "0.1", "origQty": "1.0", "executedQty": "0.5",
    "cummulativeQuoteQty": "0.05", "status": "PARTIALLY_FILLED", "timeInForce": "GTC", "type": "LIMIT", "side": "BUY",
    "stopPrice": "0.0", "time": 1499827319559, "updateTime": 1499827319559,
}  # fmt: skip


def test_klines():
    """Candles have what freqtrade calls its dataframe."""
    pytest.importorskip("pandas")
    table = Rows([kline_of(KLINE)] * 2).to_frame()
    assert list(table) == ["date", "open", "high", "low", "close", "volume"]
    assert str(table["date"].dtype).endswith("UTC]")
    assert table["date"][0].isoformat() == "2026-01-05T12:00:00+00:00"
    assert table["close"][1] == 1.75
    assert table["open"].dtype == float


def test_trades():
    """Trades have what freqtrade stores of them."""
    pytest.importorskip("pandas")
    table = Rows([trade_of(TRADE, "BTCUSDT"), trade_of(AGGREGATE, "BTCUSDT")]).to_frame()
    assert list(table) == ["timestamp", "id", "type", "side", "price", "amount", "cost"]
    assert list(table["side"]) == ["sell", "buy"]
    assert list(table["id"]) == ["28", "26"]
    assert list(table["cost"]) == [48.000012, 0.045]


def test_fills_and_orders():
    """Own fills and orders have more of the kind."""
    pytest.importorskip("pandas")
    fills = Rows([fill_of(FILL)]).to_frame()
    assert (fills["order"][0], fills["fee"][0], fills["fee_asset"][0]) == ("100234", 10.1, "BNB")
    orders = Rows([order_of(ORDER)]).to_frame()
    assert (orders["filled"][0], orders["remaining"][0], orders["average"][0]) == (0.5, 0.5, 0.1)
    assert orders["stop_price"][0] is None
    assert orders["side"][0] == "buy"


def test_nothing():
    """No rows are an empty table."""
    pytest.importorskip("pandas")
    assert len(Rows().to_frame()) == 0


def test_without_pandas(monkeypatch):
    """Without pandas the line that installs it is told."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'exec-plugin\[pandas\]'"):
        Rows([kline_of(KLINE)]).to_frame()


def test_values():
    """A trade's value is price times quantity where nobody tells it."""
    trade = trade_of(AGGREGATE, "BTCUSDT")
    assert trade.quote_quantity == Decimal("0.045")
    assert trade.symbol == "BTCUSDT"
    assert fill_of(FILL).side == "BUY"
