"""What a member may spend while it does not see the others who share the budget."""

from __future__ import annotations

from math import inf


class Alone:
    """
    A fair part of each window, by the window's name.

    Of the window in which the others were lost it is a part of what was left, of those after it a part of the whole.
    """

    def __init__(self) -> None:
        #: By name the window's number, what was used when we were left alone, and what we have spent since.
        self.parts: dict[str, tuple[float, float, float]] = {}

    def room(self, name: str, index: float, limit: float, share: float, *, used: float, mine: float) -> float:
        """What is left of our part of a window in which so much is known to be ``used``, and ``mine`` of it is ours."""
        part = self.parts.get(name)
        if part is None:
            part = self.parts[name] = (index, used, 0.0)
        elif part[0] != index:
            # what we have in flight when a window begins may count in it, and we may have known late that it began
            part = self.parts[name] = (index, 0.0, mine)
        _, before, spent = part
        # the first request of a whole window leaves, were it larger than our part
        return share * (limit - before) - spent if before or spent else inf

    def spend(self, name: str, amount: float) -> None:
        """A request leaves."""
        if name in self.parts:
            index, before, spent = self.parts[name]
            self.parts[name] = (index, before, spent + amount)

    def over(self) -> None:
        """The others are seen again."""
        self.parts.clear()
