# cython: language_level=3
"""From the codes that kernels return to the one exception they raise."""
from smarttree import wire

cdef tuple CODES = tuple(wire.ERRORS)


class Defect(Exception):
    """What spec/QTN1.md refuses: `code` is its word for it.

    `where`: of a chunk or body the column, counted from 1, or 0 for all of it; of records applied a record's index.
    """

    def __init__(self, str code, Py_ssize_t where):
        super().__init__(code)
        self.code, self.where = code, where


cdef int fail(int error, Py_ssize_t where) except -1:
    """Raise what a kernel's return value stands for: one of the E_… of `_wire`, or less than 0 for no memory."""
    if error < 0:
        raise MemoryError
    raise Defect(CODES[error - 1], where)
