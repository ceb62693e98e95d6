"""Places: how many of something there are at a time, in all and of each. Pure.

Law: what is counted is what was taken and not given back, so memory is bounded by that; to take one takes the same time
however many there are.
"""

from __future__ import annotations

from collections.abc import Hashable


class Places:
    """`most` of them, of which `count` are taken. Who has no name (None) counts among all, and not by itself."""

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

    def take(self, who: Hashable | None, most: int) -> bool:
        """One for who may have `most`; False: there is none for them."""
        if self.full or (who is not None and self.of(who) >= most):
            return False
        self.count += 1
        if who is not None:
            self._of[who] = self.of(who) + 1
        return True

    def give_back(self, who: Hashable | None) -> None:
        """One that was taken."""
        self.count -= 1
        if who is not None and self._of[who] > 1:
            self._of[who] -= 1
        elif who is not None:
            del self._of[who]
