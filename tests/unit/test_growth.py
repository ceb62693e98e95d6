"""The law of growing: at whatever size a Tree's columns are widened, each of them has room for all the ids."""

from __future__ import annotations

import pytest

from smarttree.tree import SERVICE_ID, Tree
from tests.trees import ROOT_PATH, row


@pytest.mark.parametrize("size", [20_000, 150_000, 600_000])
def test_a_tree_of_any_size_takes_more(size: int) -> None:
    """The widest columns pass what counts as much memory first, the narrowest at half a million."""
    tree = Tree()
    root = tree.issue()
    tree.insert(root, SERVICE_ID, ROOT_PATH, row(0o040755))
    for _ in range(size):
        tree.issue()
    last = tree.issue()
    tree.insert(last, root, b"last", row(0o100644, 7, 8, ino=9, birth=10, ctime_ns=11))
    assert tree.row(last) == row(0o100644, 7, 8, ino=9, birth=10, ctime_ns=11)
    assert tree.path(last) == ROOT_PATH + b"/last"
    assert tree.memory().tree_bytes < 80 * size + 2_000_000
