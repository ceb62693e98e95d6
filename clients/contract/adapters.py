"""The adapters of the client libraries: programs that read a JSON object a line and answer with lines (README.md).

Law: every wait has a deadline, and a program that ends, or says what is no JSON, fails the test that asked. What it
writes to standard error is shown then.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, Self

from tests.vectors.implementations import Json, Refused

PROJECT = Path(__file__).resolve().parents[2]
LANGUAGES = ("js", "python", "rust", "go")
DEADLINE_S = 60.0
READ_BYTES = 1 << 20


def built(language: str) -> Path:
    """Where `make adapter` leaves it."""
    return PROJECT / "build" / "clients" / language / "adapter"


class Adapter:
    """One program, under way. As a context, it is dead when that ends."""

    def __init__(self, language: str) -> None:
        self.name = language
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the program
        self._rest = b""
        self._popen = subprocess.Popen(
            [built(language)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors
        )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def say(self, request: Json) -> None:
        """Sends a request and waits for nothing."""
        assert self._popen.stdin is not None
        self._popen.stdin.write(json.dumps(request).encode() + b"\n")
        self._popen.stdin.flush()

    def line(self, within_s: float = DEADLINE_S) -> Json:
        """The next line it says."""
        assert self._popen.stdout is not None
        fd, deadline, pieces = self._popen.stdout.fileno(), monotonic() + within_s, [self._rest]
        while b"\n" not in pieces[-1]:
            if not select.select([fd], [], [], max(0.0, deadline - monotonic()))[0]:
                self._rest = b"".join(pieces)
                raise TimeoutError(f"{self.name} said nothing for {within_s} s; {self.errors()}")
            more = os.read(fd, READ_BYTES)
            if not more:
                raise EOFError(f"{self.name} has ended; {self.errors()}")
            pieces.append(more)
        line, _, self._rest = b"".join(pieces).partition(b"\n")
        told: Json = json.loads(line)
        return told

    def ask(self, request: Json) -> Json:
        """One request and its one answer."""
        self.say(request)
        return self.line()

    def ask_all(self, requests: Sequence[Json]) -> list[Json]:
        """Many at once, so that neither waits for the other."""
        writer = threading.Thread(target=self._say_all, args=(requests,))
        writer.start()
        try:
            return [self.line() for _ in requests]
        finally:
            writer.join()

    def _say_all(self, requests: Sequence[Json]) -> None:
        for request in requests:
            self.say(request)

    def errors(self) -> str:
        """What it has written to standard error, the end of it."""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), 4000, max(0, size - 4000)).decode("utf-8", "replace")

    def end(self) -> int:
        """Closes its input: it ends by itself. The exit status."""
        assert self._popen.stdin is not None
        self._popen.stdin.close()
        return self._popen.wait(DEADLINE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._errors):
            assert pipe is not None
            with suppress(BrokenPipeError):  # what it did not take any more
                pipe.close()


class ByAdapter:
    """A library's decoder as the suite of vectors asks for one (tests/vectors/implementations.py)."""

    def __init__(self, adapter: Adapter) -> None:
        self.name = adapter.name
        self._adapter = adapter

    def _ask(self, **request: Any) -> Json:
        return said(self._adapter.ask(request))

    def decode_snapshot(self, data: bytes) -> Json:
        return self._says("snapshot", data)

    def decode_manifest(self, data: bytes) -> Json:
        return self._says("manifest", data)

    def decode_batch(self, data: bytes) -> Json:
        return self._says("batch", data)

    def decode_delta(self, data: bytes) -> Json:
        return self._says("delta", data)

    def _says(self, kind: str, data: bytes) -> Json:
        says: Json = self._ask(do="decode", document=text(data))["says"]
        assert says["document"] == kind, f"{self.name} takes it for a {says['document']}"
        return says

    def from_text(self, text: str) -> bytes:
        return b64decode(self._ask(do="text", text=text)["document"])

    def apply(self, before: bytes, told: bytes) -> Json:
        says: Json = self._ask(do="apply", before=text(before), change=text(told))["says"]
        return says

    def assemble(self, manifest: bytes, groups: list[bytes]) -> bytes:
        asked = {"do": "assemble", "manifest": text(manifest), "groups": [*map(text, groups)]}
        return b64decode(self._ask(**asked)["document"])


def text(data: bytes) -> str:
    """Bytes as the lines carry them."""
    return b64encode(data).decode()


def said(answer: Json) -> Json:
    """An answer about a document; Refused if it is refused."""
    if "refused" in answer:
        raise Refused(answer["refused"], answer["offset"])
    assert "error" not in answer, answer
    return answer


class Session:
    """A stream or a mirror that an adapter keeps for us."""

    def __init__(self, adapter: Adapter, **request: Any) -> None:
        self._adapter = adapter
        self.lines: list[Json] = []
        adapter.say(request)

    def until(self, law: Callable[[Json], bool], within_s: float = DEADLINE_S) -> Json:
        """Reads on to the first line of which it is true; that line."""
        deadline = monotonic() + within_s
        while True:
            try:
                self.lines.append(self._adapter.line(deadline - monotonic()))
            except (TimeoutError, EOFError) as error:
                raise AssertionError(f"{error}; its last lines: {self.lines[-6:]}") from error
            if law(self.lines[-1]):
                return self.lines[-1]

    def until_told(self, key: str, value: object = None, within_s: float = DEADLINE_S) -> Json:
        """Reads on to a line with this key, and this value if one is given."""
        return self.until(lambda line: key in line and value in (None, line[key]), within_s)

    def told(self, key: str) -> list[Any]:
        """What has been said under this key so far."""
        return [line[key] for line in self.lines if key in line]

    def listed(self) -> list[list[Any]]:
        """Every entry of the mirror: path, mode, size and mtime, as they are in this moment."""
        self._adapter.say({"do": "list"})
        entries: list[list[Any]] = self.until(lambda line: isinstance(line.get("entries"), list))["entries"]
        return entries

    def stop(self) -> None:
        """The session ends; the adapter is free for another one."""
        self._adapter.say({"do": "stop"})
        self.until_told("stopped", True)
