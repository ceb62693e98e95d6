"""Globs, the same in every language: the cases of globs.json, and random ones against a reader of the page."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from clients.contract.adapters import Adapter

CASES = json.loads(Path(__file__).with_name("globs.json").read_text())
TRIALS = 3000


def matches(glob: bytes, path: bytes) -> bool:
    """As README.md tells, by recursion and with no thought of speed."""
    parts = glob.split(b"/")
    if len(parts) == 1 and glob != b"**":
        return of_name(glob, path.rpartition(b"/")[2])
    return of_names(parts[1:] if parts[0] == b"" else parts, path.split(b"/"))


def of_names(globs: list[bytes], names: list[bytes]) -> bool:
    if not globs:
        return not names
    if globs[0] == b"**":
        return any(of_names(globs[1:], names[at:]) for at in range(len(names) + 1))
    return bool(names) and of_name(globs[0], names[0]) and of_names(globs[1:], names[1:])


def of_name(glob: bytes, name: bytes) -> bool:
    if not glob:
        return not name
    first, rest = glob[:1], glob[1:]
    if first == b"*":
        return any(of_name(rest, name[at:]) for at in range(len(name) + 1))
    if not name:
        return False
    if first == b"?":
        return of_name(rest, name[1:])
    if first == b"\\" and rest:
        return name[:1] == rest[:1] and of_name(rest[1:], name[1:])
    if first == b"[" and (found := of_class(rest, name[0])) is not None:
        return found[0] and of_name(rest[found[1] :], name[1:])
    return name[:1] == first and of_name(rest, name[1:])


def of_class(glob: bytes, byte: int) -> tuple[bool, int] | None:
    """Whether the byte is in the class that begins here, and where that ends; None: there is no end, so it is none."""
    at = 1 if glob[:1] == b"!" else 0
    within, first = False, True
    while at < len(glob) and (first or glob[at] != 0x5D):
        first = False
        low = glob[at]
        if low == 0x5C and at + 1 < len(glob):
            at += 1
            low = glob[at]
        high = low
        if glob[at + 1 : at + 2] == b"-" and glob[at + 2 : at + 3] not in (b"", b"]"):
            at += 2
            high = glob[at]
            if high == 0x5C and at + 1 < len(glob):
                at += 1
                high = glob[at]
        within = within or low <= byte <= high
        at += 1
    if at >= len(glob):
        return None
    return within != (glob[:1] == b"!"), at + 1


def test_the_cases_of_the_page(adapter: Adapter) -> None:
    cases = [(glob, path.encode(), wanted) for glob, path, wanted in CASES["cases"]]
    cases += [(glob, bytes.fromhex(path), wanted) for glob, path, wanted in CASES["bytes"]]
    answers = adapter.ask_all([{"do": "glob", "glob": glob, "path": path.hex()} for glob, path, _ in cases])
    wrong = [case for case, answer in zip(cases, answers, strict=True) if answer != {"matches": case[2]}]
    assert wrong == []


def test_the_judge_knows_the_cases() -> None:
    slow = "*a*a*a"
    for glob, path, wanted in CASES["cases"]:
        if slow not in glob and glob.count("**") < 3:
            assert matches(glob.encode(), path.encode()) == wanted, (glob, path)


def test_random_ones(adapter: Adapter) -> None:
    rng = Random("globs")
    pieces = ["a", "b", "*", "?", "**", "/", "[ab]", "[!a]", "[", "]", "-", "\\", "!", "[a-", "**/"]
    cases = [
        (
            "".join(rng.choices(pieces, k=rng.randrange(1, 6))),
            "/".join("".join(rng.choices("ab[]-\\!", k=rng.randrange(1, 3))) for _ in range(rng.randrange(1, 4))),
        )
        for _ in range(TRIALS)
    ]
    answers = adapter.ask_all([{"do": "glob", "glob": glob, "path": path.encode().hex()} for glob, path in cases])
    wanted = [{"matches": matches(glob.encode(), path.encode())} for glob, path in cases]
    wrong = [(case, want) for case, answer, want in zip(cases, answers, wanted, strict=True) if answer != want]
    assert wrong == []
