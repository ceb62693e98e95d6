"""Places: how many of something there are at a time, in all and of each. Pure.

Law: what is counted is what was taken and not left, so memory is bounded by the places; taking one takes the same time
however many there are.
"""

from __future__ import annotations

from collections.abc import Hashable


class Place:
    """One that was taken. Like a lane, it lives as long as it has users: who took it is the first; each `leave`s."""

    __slots__ = ("_places", "_users", "_who")

    def __init__(self, places: Places, who: Hashable | None) -> None:
        self._places, self._who, self._users = places, who, 1

    def enter(self) -> None:
        """One more user."""
        self._users += 1

    def leave(self) -> None:
        self._users -= 1
        if not self._users:
            self._places.give_back(self._who)


class Places:
    """`most` of them. `count` are taken."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._of: dict[Hashable, int] = {}
        self.count = 0

    @property
    def full(self) -> bool:
        return self.count >= self._most

    def of(self, who: Hashable) -> int:
        """How many of them are that one's."""
        return self._of.get(who, 0)

    def take(self, who: Hashable | None, most: int) -> Place | None:
        """For one who may have `most`; None where there is none for them. Without a name they count among all alone."""
        if self.full or (who is not None and self.of(who) >= most):
            return None
        self.count += 1
        if who is not None:
            self._of[who] = self.of(who) + 1
        return Place(self, who)

    def give_back(self, who: Hashable | None) -> None:
        """For `Place` alone."""
        self.count -= 1
        if who is not None and self._of[who] > 1:
            self._of[who] -= 1
        elif who is not None:
            del self._of[who]
