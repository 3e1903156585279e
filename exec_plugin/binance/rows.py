"""Lists that become tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class Rows(list[T]):
    """What a query answered, in its order: a list that ``to_frame`` makes a table of."""

    def to_frame(self) -> pd.DataFrame:
        """A pandas DataFrame with freqtrade's column names."""
        raise NotImplementedError
