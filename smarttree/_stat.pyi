from collections.abc import Iterable

from smarttree._looks import Looks
from smarttree.row import Row

def look(fd: int, names: list[bytes], hidden: Iterable[tuple[int, int]] = ()) -> Looks: ...
def look_at(fd: int) -> Row: ...
