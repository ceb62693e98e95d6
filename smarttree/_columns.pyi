class Columns:
    """The memory that `_tree.Tree` adds its methods to."""

    @property
    def nbytes(self) -> int: ...
    @property
    def names_nbytes(self) -> int: ...
