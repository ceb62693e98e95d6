from typing import Self

class Pool:
    def __new__(cls, workers: int) -> Self: ...
