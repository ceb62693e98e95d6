class Defect(Exception):
    code: str
    where: int
    def __init__(self, code: str, where: int) -> None: ...
