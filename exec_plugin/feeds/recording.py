"""Opening a recorded market, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .capture import CaptureFeed

if TYPE_CHECKING:
    import os

    from .base import Feed, OnBad, Wanted


def open_recording(path: str | os.PathLike[str], symbol: Wanted = None, on_bad: OnBad = "raise") -> Feed:
    """
    A feed of a recorded file; its content decides how it is read.

    Raises:
        FeedError: when the file is missing, empty or of no known format.
    """
    return CaptureFeed(Path(path), symbol, on_bad)
