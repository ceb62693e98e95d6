from smarttree.errors import SmarttreeError

SHORT: frozenset[int]
CLOSED: frozenset[int]

def open_beneath(root: bytes, relative: bytes, by_names: bool = False) -> int: ...
def refusal(error: int, path: bytes) -> SmarttreeError: ...
