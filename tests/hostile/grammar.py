"""What hostile clients send: well-formed requests of every endpoint, ambiguous ones, mutants of both, and raw bytes.

Law: what number N of a seed sends depends on these two and on what is served alone, so it can be sent again. Each has a
mark in its queries, headers and bodies that no other has: wherever another's mark turns up, something leaked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from random import Random
from typing import Any, Final, NamedTuple
from urllib.parse import quote_from_bytes
from zlib import crc32

from tests.hostile.words import HEADERS, LINES, MANY, METHODS, NUMBERS, RAW, SPECIAL, TARGETS, VERSIONS, WORDS
from tests.http.test_smuggling import AMBIGUOUS, HIDDEN

MARK: Final = re.compile(rb"zq(\d+)x([0-9a-f]{8})zq")
PIECES_MAX: Final = 4
REQUESTS_MAX: Final = 5
ENDLESS: Final = "/events"
WATCH: Final = "/watch"


class Sent(NamedTuple):
    """What one connection sends: requests that are well-formed, and are answered each (`heads` tells which are HEAD),
    then the `rest`, which, with `is_refused`, gets one answer, 400, and then the end.
    """

    number: int
    pieces: tuple[bytes, ...]
    heads: tuple[bool, ...]
    rest: bytes = b""
    is_refused: bool = False

    @property
    def is_endless(self) -> bool:
        """Whether the server would go on for ever: a stream."""
        return b" " + ENDLESS.encode() in b"".join(self.pieces)


class Served(NamedTuple):
    """What there is to be asked for: operations with their parameters, real paths, those that may come and go as roots
    without harming anyone, a clock, and a good token.
    """

    operations: tuple[tuple[str, str, tuple[str, ...]], ...]
    paths: tuple[bytes, ...]
    movable: tuple[bytes, ...]
    clock: str
    token: str | None


def operations_of(description: Mapping[str, Any]) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """Those of an OpenAPI document."""
    found = [
        (method.upper(), path, tuple(each["name"] for each in told["parameters"] if each["in"] == "query"))
        for path, methods in description["paths"].items()
        for method, told in methods.items()
    ]
    return tuple(sorted(found))


class Grammar:
    """Makes what is sent, number by number."""

    def __init__(self, seed: int, served: Served) -> None:
        self._seed, self._served = seed, served
        kinds: list[tuple[int, Callable[[Random, int], Sent]]] = [
            (5, self._sound), (2, self._ambiguous), (8, self._mutant), (1, self._raw),
        ]  # fmt: skip
        self._kinds, self._weights = [kind for _, kind in kinds], [weight for weight, _ in kinds]

    def make(self, number: int) -> Sent:
        rng = Random(f"{self._seed}/{number}")
        sent: Sent = rng.choices(self._kinds, self._weights)[0](rng, number)
        return sent

    # --- one request

    def _value(self, rng: Random, mark: bytes, paths: Sequence[bytes]) -> bytes:
        kind = rng.randrange(7)
        if kind < 2:
            return rng.choice(paths) + rng.choice((b"", b"/", b"/" + mark, b"/../" + mark))
        if kind == 2:
            return rng.choice(NUMBERS)
        if kind == 3:
            return self._served.clock.encode()
        return mark if kind == 4 else rng.choice(WORDS)

    def _target(self, rng: Random, mark: bytes) -> tuple[str, bytes]:
        method, path, names = rng.choice(self._served.operations)
        if method == "GET" and rng.random() < 0.1:
            method = "HEAD"
        path = path.replace("{hash}", rng.choice(("0" * 32, "f" * 31, "%2e%2e", "x" * 300)))
        query: list[bytes] = []
        for _ in range(rng.choice((0, 1, 1, 2, 3, 70))):
            name = rng.choice((*names, "path", "since", "nonsense", "")) if names else "path"
            value = self._value(rng, mark, self._served.movable if path == WATCH else self._served.paths)
            query.append(name.encode() + b"=" + quote_from_bytes(value, safe=rng.choice(("", "/*!"))).encode())
        target = path.encode() + (b"?" + b"&".join(query) if query else b"")
        return method, target[:7000]

    def _body(self, rng: Random, mark: bytes) -> bytes:
        path = rng.choice(self._served.movable).decode("utf-8", "replace")
        told: Any = rng.choice(
            ({"path": path}, {"path": path + "/x"}, {"path": 1}, {"path_b64": "/w=="}, [], None, {"a": 1})
        )
        texts = (
            json.dumps(told).encode(),
            b"[" * 20_000,
            b'{"path":' * 999,
            b"\x1f\x8b\x08" + bytes(99),
            b"\xff",
            HIDDEN,
        )
        return rng.choice(texts)

    def request(self, rng: Random, number: int, *, last: bool) -> tuple[bytes, bool]:
        """A well-formed one, and whether it is a HEAD."""
        mark = mark_of(number)
        method, target = self._target(rng, mark)
        while not last and target.startswith(ENDLESS.encode()):
            method, target = self._target(rng, mark)
        lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: localhost", b"X-Mark: " + mark]
        if self._served.token is not None and rng.random() < 0.8:
            lines.append(b"Authorization: Bearer " + self._served.token.encode())
            extra = [line for line in HEADERS if not line.startswith(b"Authorization")]
        else:
            extra = list(HEADERS)
        if not last:
            extra = [line for line in extra if not line.startswith((b"Upgrade", b"Expect"))]
        if last:
            extra = [line for line in extra if not line.startswith(b"Connection")]
        chosen = {line.partition(b":")[0]: line for line in rng.sample(extra, rng.choice((0, 1, 2, 4)))}
        lines += [*chosen.values(), *([b"Connection: close"] if last else [])]
        body = b""
        if method in ("POST", "DELETE") or rng.random() < 0.1:
            body = self._body(rng, mark)
            if rng.random() < 0.5:
                lines.append(b"Content-Length: %d" % len(body))
            else:
                lines.append(b"Transfer-Encoding: chunked")
                body = chunked(rng, body)
        return b"\r\n".join(lines) + b"\r\n\r\n" + body, method == "HEAD"

    # --- what one connection sends

    def _sound(self, rng: Random, number: int) -> Sent:
        count = rng.choice((1, 1, 2, REQUESTS_MAX))
        made = [self.request(rng, number, last=n == count - 1) for n in range(count)]
        heads = tuple(head for _, head in made)
        return Sent(number, pieces_of(rng, b"".join(data for data, _ in made)), heads)

    def _before(self, rng: Random, number: int) -> tuple[bytes, tuple[bool, ...]]:
        made = [self.request(rng, number, last=False) for _ in range(rng.choice((0, 0, 1, 3)))]
        return b"".join(data for data, _ in made), tuple(head for _, head in made)

    def _ambiguous(self, rng: Random, number: int) -> Sent:
        before, heads = self._before(rng, number)
        rest = AMBIGUOUS[rng.choice(sorted(AMBIGUOUS))]
        return Sent(number, pieces_of(rng, before + rest), heads, rest, is_refused=True)

    def _mutant(self, rng: Random, number: int) -> Sent:
        before, heads = self._before(rng, number)
        data, _ = self.request(rng, number, last=rng.random() < 0.5)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            data = mutated(rng, data)
        return Sent(number, pieces_of(rng, before + data), heads, data)

    def _raw(self, rng: Random, number: int) -> Sent:
        data = rng.choice(RAW) if rng.random() < 0.7 else rng.randbytes(rng.choice((1, 30, 3000)))
        return Sent(number, pieces_of(rng, data), (), data)


def mark_of(number: int) -> bytes:
    return b"zq%dx%08xzq" % (number, crc32(b"%d" % number))


def marks_in(data: bytes) -> set[int]:
    """The numbers whose marks are there; a mark that was mutated is none."""
    return {int(number) for number, code in MARK.findall(data) if int(code, 16) == crc32(number)}


def chunked(rng: Random, body: bytes) -> bytes:
    """In chunks of any length, some with extensions."""
    told = b""
    while body:
        size = rng.choice((1, 7, 1000, len(body)))
        part, body = body[:size], body[size:]
        told += b"%x" % len(part) + rng.choice((b"", b"", b";a=b", b';a="b c"')) + b"\r\n" + part + b"\r\n"
        if told.count(b"\r\n") > 200:
            told, body = told + b"%x\r\n" % len(body) + body + b"\r\n" if body else told, b""
    return told + b"0\r\n" + rng.choice((b"", b"", b"X-Trailer: 1\r\n")) + b"\r\n"


def mutated(rng: Random, data: bytes) -> bytes:
    """One mistake more: in a byte, a span, a line, or the first line."""
    at = rng.randrange(len(data) + 1)
    head, blank, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    kind = rng.randrange(10)
    if kind == 0:
        return data[:at] + rng.choice(SPECIAL) + data[at:]
    if kind == 1:
        return data[:at] + rng.randbytes(1) + data[at + 1 :]
    if kind == 2:
        return data[:at] + data[at + rng.choice((1, 2, 10, 100)) :]
    if kind == 3:
        return data[:at]
    if kind == 4:
        return data.replace(b"\r\n", rng.choice((b"\n", b"\r", b"\r\r\n", b"\n\r")), rng.choice((1, 2, -1)))
    if kind == 5:
        return MARKED_NUMBER.sub(rng.choice(NUMBERS), data, count=1)
    if kind == 6:
        lines.insert(rng.randrange(len(lines) + 1), rng.choice((*LINES, MANY)))
    elif kind == 7:
        rng.shuffle(lines)
    elif kind == 8:
        lines += [rng.choice(lines)] * rng.choice((1, 2, 150))
    else:
        lines[0] = first_line(rng, lines[0])
    return b"\r\n".join(lines) + blank + body


MARKED_NUMBER: Final = re.compile(rb"(?<=: )\d+")


def first_line(rng: Random, line: bytes) -> bytes:
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    kind = rng.randrange(3)
    if kind == 0:
        method = rng.choice(METHODS)
    elif kind == 1:
        form = rng.choice(TARGETS)
        target = form % target if form.count(b"%s") else form.replace(b"%%", b"%")
    else:
        version = rng.choice(VERSIONS)
    return rng.choice((b" ", b" ", b"  ", b"\t")).join((method, target, version))


def pieces_of(rng: Random, data: bytes) -> tuple[bytes, ...]:
    """Cut where the dice fall: a line may come in halves."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.choice((0, 0, 1, PIECES_MAX - 1))))
    edges = [0, *cuts, len(data)]
    return tuple(data[low:high] for low, high in pairwise(edges))
