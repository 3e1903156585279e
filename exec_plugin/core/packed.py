"""Rows of numbers kept column by column: as small as numbers can be."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    #: One number of every row; a list where one of them did not fit into 64 bits.
    Column = array[int] | list[int]


class Packed:
    """
    Rows of so many integers each, oldest first; ``columns`` holds one array for each.

    Volumes of cheap coins and amounts in cheap currencies may outgrow 64 bits; their column is a list from then on.
    """

    __slots__ = ("columns",)

    def __init__(self, width: int) -> None:
        self.columns: list[Column] = [array("q") for _ in range(width)]

    def __len__(self) -> int:
        return len(self.columns[0])

    def append(self, row: Iterable[int]) -> None:
        """Take in one row."""
        for place, (column, number) in enumerate(zip(self.columns, row, strict=True)):
            try:
                column.append(number)
            except OverflowError:
                self.columns[place] = [*column, number]

    def extend(self, place: int, numbers: Sequence[int]) -> None:
        """Take in numbers of many rows in one column; the caller does so in every one, from the first on."""
        try:
            self.columns[place].extend(array("q", numbers))
        except OverflowError:
            self.columns[place] = [*self.columns[place], *numbers]

    def after(self, count: int) -> list[Column]:
        """The columns without the oldest rows."""
        return [column[count:] for column in self.columns]

    def with_rows(self, rows: Iterable[Sequence[int]]) -> list[Column]:
        """The columns with more rows, which are given column by column."""
        more = Packed(0)
        more.columns = self.after(0)
        for place, numbers in enumerate(rows):
            more.extend(place, numbers)
        return more.columns
