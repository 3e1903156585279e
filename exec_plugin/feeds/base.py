"""What every feed offers, and how a feed that reads files tells of what it cannot read."""

from __future__ import annotations

import logging
from collections import deque
from math import gcd
from typing import TYPE_CHECKING, Literal, NoReturn, Protocol

from exec_plugin.core.errors import ConfigError, FeedError
from exec_plugin.core.symbols import Symbol, default_symbol
from exec_plugin.core.units import SCALE, parse_units, to_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from exec_plugin.core.events import Row

logger = logging.getLogger(__name__)

OnBad = Literal["raise", "skip"]

#: What a caller may ask a file for: nothing (all it holds), one symbol or several, by name or whole.
Wanted = str | Symbol | None

#: How many problems are kept to look at; all are counted.
KEPT_PROBLEMS = 100


class Feed(Protocol):
    """A source of market rows."""

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The symbols whose rows it yields."""

    @property
    def start(self) -> int:
        """The time of its first row, in milliseconds since the epoch."""

    def rows(self) -> Iterator[Row]:
        """Its rows in time order; some feeds never end."""


class Problems:
    """
    What was wrong with a file: refused at the first, or counted, logged and the latest kept.

    Args:
        path: the file, for messages.
        on_bad: ``"raise"`` refuses the file with a FeedError, ``"skip"`` leaves the line out.
    """

    def __init__(self, path: Path, on_bad: OnBad) -> None:
        if on_bad not in {"raise", "skip"}:
            msg = f"on_bad was {on_bad!r}; it is 'raise' or 'skip'"
            raise ConfigError(msg)
        self.path = path
        self.on_bad = on_bad
        self.unit = "line"
        self.clear()

    def clear(self) -> None:
        """Forget all, before the file is read again."""
        self.count = 0
        self.kept: deque[str] = deque(maxlen=KEPT_PROBLEMS)

    def bad(self, line: int, reason: object) -> None:
        """A line cannot be used: refuse, or note and go on."""
        if self.on_bad == "raise":
            self.refuse(line, reason)
        self.note(line, f"{reason}; skipped")

    def refuse(self, line: int, reason: object, *, unit: str = "") -> NoReturn:
        """Give up on the file."""
        msg = f"{self.path}, {unit or self.unit} {line}: {reason}"
        raise FeedError(msg)

    def note(self, line: int, reason: object) -> None:
        """Something to know that loses no line."""
        text = f"{self.path}, {self.unit} {line}: {reason}"
        self.count += 1
        self.kept.append(text)
        logger.warning("%s", text)


def milliseconds(stamp: int) -> int:
    """A time since the epoch in s, ms, us or ns, told apart by its size, as milliseconds."""
    if stamp < 10**11:
        return stamp * 1000
    while stamp >= 10**14:
        stamp //= 1000
    return stamp


def whole_number(text: str, what: str) -> int:
    """A number of plain digits."""
    if not (text.isascii() and text.isdigit()):
        msg = f"the {what} was {text[:60]!r}; expected digits"
        raise ValueError(msg)
    return int(text)


def positive_units(text: str) -> int:
    """Units in a decimal text that may not be negative; zero is legal."""
    units = parse_units(text)
    if units < 0:
        msg = f"{text!r} is negative"
        raise ValueError(msg)
    return units


def price_units(text: str) -> int:
    """Units in a decimal text that must be above zero."""
    units = parse_units(text)
    if units <= 0:
        msg = f"{text!r} is not above zero"
        raise ValueError(msg)
    return units


def grid(values: Iterable[int]) -> str:
    """The largest power of ten up to 1 on which all values lie, as text: a tick or step seen in data."""
    common = gcd(*values) or SCALE
    unit = SCALE
    while common % unit:
        unit //= 10
    return to_text(unit)


def inferred_symbol(name: str, prices: Iterable[int], quantities: Iterable[int]) -> Symbol:
    """A symbol whose tick and step are the coarsest that fit what was seen."""
    return default_symbol(name, tick=grid(prices), step=grid(quantities))
