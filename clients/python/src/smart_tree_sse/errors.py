"""Every error of this library is a `SmartTreeError` with a stable `code`; none ever holds a token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["ConnectionLostError", "ProblemError", "QtnError", "SmartTreeError", "StreamEndedError"]


class SmartTreeError(Exception):
    """What all errors of this library are. `code` is stable; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class QtnError(SmartTreeError):
    """A document that breaks its format, or a batch that can't be applied.

    `code` is one of those in section 8 of QTN1.md. `offset` is a byte of the document (in a compressed column, its
    first), or, where a batch can't be applied, the index of the record.
    """

    def __init__(self, code: str, offset: int) -> None:
        super().__init__(code, f"QTN1: {code} at {offset}")
        self.offset = offset


class ProblemError(SmartTreeError):
    """The server has answered a call with an error: `status`, `code` and `detail` are the server's.

    `document` is the whole of its problem document, such as `clock` of a 410 `unknown-clock`.
    """

    def __init__(self, status: int, code: str, detail: str, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, f"{status} {code}: {detail}" if detail else f"{status} {code}")
        self.status = status
        self.detail = detail
        self.document: Mapping[str, Any] = document or {}


class ConnectionLostError(SmartTreeError):
    """There was no answer: no connection, a cut one, or none within the time. Asking again may help."""

    def __init__(self, why: str) -> None:
        super().__init__("no-answer", why)


class StreamEndedError(SmartTreeError):
    """A stream is over for good: coming back would not help.

    `code` is `http-STATUS`, `not-a-stream`, `protocol` (the server speaks a later version) or `too-large`.
    `problem` is what the server said, where it said something.
    """

    def __init__(self, code: str, message: str, problem: ProblemError | None = None) -> None:
        super().__init__(code, message)
        self.problem = problem
