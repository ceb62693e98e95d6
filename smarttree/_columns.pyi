class Columns:
    """Nothing for Python to call: the memory that `_tree.Tree` adds its methods to."""
