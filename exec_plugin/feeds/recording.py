"""Opening a recorded market, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exec_plugin.core.errors import FeedError

from .archive import AggTradesFeed, TradesFeed
from .capture import CaptureFeed
from .lines import batches
from .messages import SHOWN
from .ohlcv import CandleFeed, JsonCandleFeed
from .tables import fields, is_header

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from .base import OnBad, Wanted

    Recording = CaptureFeed | TradesFeed | CandleFeed
    Reader = Callable[..., Recording]

#: How many lines at the begin may be bad before a file's format counts as unknown.
MOST_BAD = 20

_TABLES: dict[int, Reader] = {
    TradesFeed.columns: TradesFeed,
    AggTradesFeed.columns: AggTradesFeed,
    6: CandleFeed,
    12: CandleFeed,
}


def open_recording(path: str | os.PathLike[str], symbol: Wanted = None, on_bad: OnBad = "raise") -> Recording:
    """
    A feed of a recorded file; its content decides how it is read.

    Known are captures of Binance's streams (``.gz`` or plain JSON lines), trades, aggTrades and klines of Binance's
    public archive (``.csv`` or ``.zip``), and candles with ccxt's six columns (CSV or JSON).

    Args:
        path: the file.
        symbol: one symbol by name, or whole with its filters; by default what the file is about.
        on_bad: ``"raise"`` a FeedError at a line that cannot be read, or ``"skip"``, count and log it.

    Raises:
        FeedError: when the file is missing, empty or of no known format.
    """
    path = Path(path)
    begin = _begin(path)
    for line in begin:
        reader = _reader(line)
        if reader is not None:
            return reader(path, symbol, on_bad)
    msg = f"{path} is no recording that can be read: it begins with {begin[0][:SHOWN]!r}"
    raise FeedError(msg)


def _begin(path: Path) -> list[str]:
    """The first lines that are not blank."""
    begin: list[str] = []
    try:
        for lines in batches(path):
            begin += [line for line in map(str.strip, lines) if line]
            if len(begin) > MOST_BAD:
                break
    except EOFError as error:
        if not begin:
            msg = f"{path} is no recording that can be read: {error}"
            raise FeedError(msg) from error
    return begin[:MOST_BAD] or [""]


def _reader(line: str) -> Reader | None:
    """What reads a file with such a line."""
    if line.startswith("["):
        return JsonCandleFeed
    if "{" in line:
        return CaptureFeed
    record = fields(line)
    if is_header(record) and {"open", "high", "low", "close"} <= {name.lower() for name in record}:
        return CandleFeed
    return _TABLES.get(len(record))
