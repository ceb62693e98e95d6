import numpy as np
import numpy.typing as npt

from smarttree._tree import Tree

def next_cut(tree: Tree, ids: npt.NDArray[np.uint32], start: int) -> int: ...
def encode_chunk(tree: Tree, ids: npt.NDArray[np.uint32], last: int) -> list[bytes]: ...
