import numpy as np
import numpy.typing as npt

from smarttree._tree import Tree

def cut_chunks(tree: Tree, ids: npt.NDArray[np.uint32]) -> list[int]: ...
def encode_chunk(tree: Tree, ids: npt.NDArray[np.uint32], last: int) -> list[bytes]: ...
