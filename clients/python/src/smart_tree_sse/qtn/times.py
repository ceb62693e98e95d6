"""QTN1, section 3, columns 9 and 10: a table of times and indices into it, or times one by one.

Law: the same for the entries of a chunk and for the records of a batch, which stand bare.
"""

from __future__ import annotations

import numpy as np

from .columns import I64, Column, signed

__all__ = ["read_table", "times_of"]


def read_table(column: Column, count: int) -> tuple[I64, int]:
    """The table of times that the column begins with, and where it ends."""
    size, at = column.some_varints(1)
    if int(size[0]) > count:
        column.fail("time-table")
    told, end = column.some_varints(int(size[0]), at)
    if not told.size:
        return np.empty(0, np.int64), end
    table = np.cumsum(np.concatenate([signed(told[:1]), told[1:].astype(np.uint64).view(np.int64)]))
    if np.any(table[1:] <= table[:-1]):  # a rise past the last time there is wraps, and so goes down
        column.fail("time-table")
    return table, end


def times_of(column: Column, table: I64, zigzags: np.ndarray) -> I64:
    """The times that the table and the column of times say."""
    moved = np.cumsum(signed(zigzags))  # modulo 2^64
    if not table.size:
        return moved
    if moved.size and (int(moved.min()) < 0 or int(moved.max()) >= table.size):
        column.fail("time-index")
    return table[moved]
