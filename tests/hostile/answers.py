"""What comes back: each answer read as HTTP says, and judged.

Law: an answer has one of our statuses; an error is a problem document with one of our codes, and never a bug; none has
anything in it that another connection sent, or a token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from smarttree.http.described.codes import CODES
from tests.hostile.grammar import Sent, marks_in
from tests.http.test_smuggling import AMBIGUOUS, SMUGGLED

_STATUS: Final = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d) [ -~]+")
_FIELD: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t -~\x80-\xff]*")
_BEGINNING: Final = b"HTTP/1."
UNAUTHORIZED: Final = 401
UNANSWERED: Final = "HTTP/0.9"
SUCCESSES: Final = {200, 201, 204, 206, 304}
ALSO: Final = {("not-available-yet", 501)}
STATUSES: Final = SUCCESSES | {501} | {code.status for name, code in CODES.items() if name != "internal"} - {500}


class Wrong(AssertionError):
    """An answer that should never have been."""


class Answer(NamedTuple):
    """`is_whole`: its body came to its end."""

    status: int
    fields: dict[str, str]
    body: bytes
    is_whole: bool


def read(got: bytes, heads: Sequence[bool]) -> list[Answer]:
    """The answers in what came; those to be continued are left out. Of what is no well-formed request it is not known
    whether it was taken for a HEAD. Raises Wrong for what is no HTTP.
    """
    answers: list[Answer] = []
    while got:
        head, blank, got = got.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        found = _STATUS.fullmatch(lines[0])
        if not blank and _is_beginning(head):
            break
        if found is None or not all(map(_FIELD.fullmatch, lines[1:])):
            raise Wrong(f"this is no answer: {head[:2000]!r}")
        status = int(found[1])
        fields = {
            name.lower(): value for name, _, value in (line.decode("latin-1").partition(": ") for line in lines[1:])
        }
        if status == 100:
            continue
        is_unread = len(answers) >= len(heads) or status == 400
        is_head = _is_beginning(got) if is_unread else heads[len(answers)]
        body, got, is_whole = (b"", got, True) if is_head or status in (204, 304) else _body(fields, got)
        answers.append(Answer(status, fields, body, is_whole))
    return answers


def _is_beginning(got: bytes) -> bool:
    """Of an answer, as far as it goes."""
    return got[: len(_BEGINNING)] == _BEGINNING[: len(got)]


def _body(fields: dict[str, str], got: bytes) -> tuple[bytes, bytes, bool]:
    if "transfer-encoding" in fields:
        return _chunks(got)
    if "content-length" not in fields:
        return got, b"", True
    length = int(fields["content-length"])
    return got[:length], got[length:], len(got) >= length


def _chunks(got: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        size, line_end, after = got.partition(b"\r\n")
        if not line_end:
            return body, b"", False
        length = int(size, 16)
        if len(after) < length + 2:
            return body + after[:length], b"", False
        if after[length : length + 2] != b"\r\n":
            raise Wrong("a chunk without its end")
        body, got = body + after[:length], after[length + 2 :]
        if not length:
            return body, got, True


def judge_one(answer: Answer, number: int, token: str | None) -> None:
    """Raises Wrong."""
    told = answer.body + repr(answer.fields).encode()
    if marks_in(told) - {number}:
        raise Wrong(f"this was sent by another: {told[:2000]!r}")
    if token is not None and token.encode() in told:
        raise Wrong("the token is in an answer")
    if answer.status in SUCCESSES or not answer.body:
        if answer.status not in STATUSES:
            raise Wrong(f"there is no such answer: {answer.status}")
        return
    if not answer.is_whole:
        return
    if answer.fields.get("content-type") != "application/problem+json":
        raise Wrong(f"an error that is no problem document: {answer}")
    problem = json.loads(answer.body)
    code = problem["code"]
    known = CODES.get(code)
    if code == "internal" or known is None or answer.status != problem["status"]:
        raise Wrong(f"{answer.status} {code}: {problem}")
    if answer.status != known.status and (code, answer.status) not in ALSO:
        raise Wrong(f"{code} is a {known.status}, not a {answer.status}")


def judge(sent: Sent, got: bytes, token: str | None, *, was_cut: bool) -> int:
    """All that came to one connection; `was_cut`: by us. How many answers it was. Raises Wrong."""
    answers = read(got, sent.heads)
    for answer in answers:
        judge_one(answer, sent.number, token)
    # What is malformed takes along what came before it in the same packet, and is the end.
    is_over = bool(answers and sent.rest) and answers[-1].status == 400
    few = len(answers) < len(sent.heads) and not was_cut and not is_over
    many = len(answers) > len(sent.heads) and not sent.rest
    if few or many or not (was_cut or all(answer.is_whole for answer in answers)):
        raise Wrong(f"{len(sent.heads)} requests, {len(answers)} answers: {got[-2000:]!r}")
    # Who shows no token is told so before a body that comes later goes wrong.
    is_told = len(answers) == len(sent.heads) + 1 and answers[-1].status == UNAUTHORIZED
    is_silent = len(answers) == len(sent.heads) and sent.rest == AMBIGUOUS[UNANSWERED]  # read by itself
    is_refused = is_told or is_silent or (is_over and len(answers) <= len(sent.heads) + 1)
    is_refused &= SMUGGLED not in got
    if sent.is_refused and not was_cut and not is_refused:
        raise Wrong(f"it should have been refused, and the end: {got[-2000:]!r}")
    return len(answers)
