"""Lists that become tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from exec_plugin.binance.values import Trade
from exec_plugin.core.models import Fill, KlineData, Order

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

T = TypeVar("T")

_KLINES = ("date", "open", "high", "low", "close", "volume")
_TRADES = ("timestamp", "id", "type", "side", "price", "amount", "cost")
_FILLS = (*_TRADES, "order", "symbol", "fee", "fee_asset", "is_maker")
_ORDERS = (
    "date", "id", "client_order_id", "symbol", "type", "side", "status",
    "price", "stop_price", "amount", "filled", "remaining", "cost", "average",
)  # fmt: skip


class Rows(list[T]):
    """What a query answered, in its order: a list that ``to_frame`` makes a table of."""

    def to_frame(self) -> pd.DataFrame:
        """
        A pandas DataFrame with freqtrade's column names, amounts as floats.

        Candles have ``date`` (UTC), ``open``, ``high``, ``low``, ``close``, ``volume``; trades ``timestamp`` (ms),
        ``id``, ``type``, ``side``, ``price``, ``amount``, ``cost``; own fills and orders more of the kind.

        Raises:
            ImportError: without pandas, with the line that installs it.
        """
        return frame(self)


def frame(rows: list[Any]) -> pd.DataFrame:
    """
    A table of candles, trades, fills or orders; of no rows, one without columns.

    Raises:
        ImportError: without pandas, with the line that installs it.
    """
    try:
        import pandas as pd
    except ImportError as error:
        msg = "tables need pandas: pip install 'exec-plugin[pandas]'"
        raise ImportError(msg) from error
    if not rows:
        return pd.DataFrame()
    columns, cells = _SHAPES[type(rows[0])]
    table = pd.DataFrame([cells(row) for row in rows], columns=list(columns))
    if "date" in table:
        table["date"] = pd.to_datetime(table["date"], unit="ms", utc=True)
    return table


def _kline(row: KlineData) -> tuple[Any, ...]:
    return (row.open_time, *map(float, (row.open, row.high, row.low, row.close, row.volume)))


def _trade(row: Trade) -> tuple[Any, ...]:
    # freqtrade writes sides in lower case, and no type, which a trade of the market has not
    return (row.time, row.id, None, row.side.lower(), float(row.price), float(row.quantity), float(row.quote_quantity))


def _fill(row: Fill) -> tuple[Any, ...]:
    return (
        row.time, row.id, None, row.side.lower(), float(row.price), float(row.quantity), float(row.quote_quantity),
        row.order_id, row.symbol, float(row.commission), row.commission_asset, row.is_maker,
    )  # fmt: skip


def _order(row: Order) -> tuple[Any, ...]:
    price, stop, average = (
        None if each is None else float(each) for each in (row.price, row.stop_price, row.average_price)
    )
    return (
        row.created_at, row.id, row.client_order_id, row.symbol, row.type.lower(), row.side.lower(), row.status,
        price, stop, float(row.quantity), float(row.filled_quantity), float(row.remaining_quantity),
        float(row.filled_quote), average,
    )  # fmt: skip


_SHAPES: Mapping[type, tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]] = {
    KlineData: (_KLINES, _kline),
    Trade: (_TRADES, _trade),
    Fill: (_FILLS, _fill),
    Order: (_ORDERS, _order),
}
