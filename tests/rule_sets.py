"""Random rule files and the trees they are about, and what real git says of every path: the oracle of the ignore rules.

A case is a directory of its own with rule files at random places in it; many cases share one work tree, so that one
`git check-ignore` answers for all of them.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

LETTERS = [
    b"a",
    b"b",
    b"ab",
    b"foo",
    b"foo.o",
    b"x.c",
    b"B",
    b"a b",
    b"1",
    b"\xff\xfe",
    b"\xc3\xa4",
    b"-",
    b"a-b",
    b"]",
]
ODD = [
    b"a ",
    b"#x",
    b"!x",
    b"a\\",
    b"[a]",
    b"*",
    b"**",
    b"?",
    b"^",
    b"\t",
    b"a\x0bb",
    b".o",
    b".",
    b"{a}",
    b"a,b",
    b"a\rb",
]
NAMES = [name for name in LETTERS * 4 + ODD if name != b"."]
EMPTY = [b"", b"#", b"# a", b"!", b"/", b"//", b"!/", b" ", b"\\", b"\xef\xbb\xbfa", b"a\x00b", b"\r"]
BRACKETS = [
    *[
        b"[ab]",
        b"[a-c]",
        b"[!a]",
        b"[^b]",
        b"[]a]",
        b"[]-a]",
        b"[!]]",
        b"[a-]",
        b"[-a]",
        b"[a\\-z]",
        b"[\\]]",
        b"[+--]",
    ],
    *[b"[[:alpha:]]", b"[[:digit:][:space:]]", b"[^[:upper:]x]", b"[[:bogus:]]", b"[[:]", b"[[:a]", b"[a", b"[", b"[!"],
    *[
        b"[[::]]",
        b"[a-[:alpha:]]",
        b"[[:punct:]-z]",
        b"[[:cntrl:]]",
        b"[\\a-\\c]",
        b"[b-a]",
        b"[a/b]",
        b"[^/]",
        b"[\xff]",
    ],
    *[
        b"[[:print:]]",
        b"[[:graph:]]",
        b"[[:blank:]]",
        b"[[:xdigit:]]",
        b"[[:alnum:]]",
        b"[[:lower:]]",
        b"[\x80-\xff]",
        b"[]-a]",
    ],
]


@dataclass(frozen=True)
class Case:
    """`paths`: every entry below the case's directory, parents first; True for a directory. `rules`: lines by file."""

    name: bytes
    paths: dict[bytes, bool] = field(default_factory=dict)
    rules: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)

    def smaller(self) -> Iterator[Case]:
        """The same with one line less."""
        for file, lines in self.rules.items():
            for at in range(len(lines)):
                yield replace(self, rules=self.rules | {file: lines[:at] + lines[at + 1 :]})


def random_case(rng: Random, name: bytes) -> Case:
    """About thirty entries in up to four levels, and one to five rule files of up to eight lines."""
    paths: dict[bytes, bool] = {}
    directories = [b""]
    for _ in range(rng.randrange(8, 40)):
        inside = rng.choice(directories)
        path = inside + rng.choice(NAMES)
        if path not in paths and path.count(b"/") < 5:
            paths[path] = rng.random() < 0.5
            if paths[path]:
                directories.append(path + b"/")
    files = {b".gitignore", *(inside + b".gitignore" for inside in rng.sample(directories, min(3, len(directories))))}
    rules = {}
    for file in sorted(files):
        base = file.removesuffix(b".gitignore")
        below = [path.removeprefix(base) for path in paths if path.startswith(base)] or NAMES
        rules[file] = tuple(random_line(rng, below) for _ in range(rng.randrange(1, 9)))
    for file in rules:
        paths[file] = False
    return Case(name, paths, rules)


def random_line(rng: Random, paths: Sequence[bytes] = NAMES) -> bytes:
    """One line of a rule file, with all that git's syntax knows, well formed or not; mostly about one of `paths`."""
    if rng.random() < 0.03:
        return rng.choice(
            [b"", b"#", b"# a", b"!", b"/", b"//", b"!/", b" ", b"\\", b"\xef\xbb\xbfa", b"a\x00b", b"\r"]
        )
    if rng.random() < 0.75:
        parts = [_like(rng, part) for part in rng.choice(paths).split(b"/")]
        parts = parts[rng.choice([0, 0, 1, -1]) :] or parts
    else:
        parts = [_part(rng) for _ in range(rng.choice([1, 1, 1, 2, 2, 3, 4]))]
    line = b"/".join(parts)
    line = b"/" * (rng.random() < 0.2) + line + b"/" * (rng.random() < 0.2)
    line = b"!" * (rng.random() < 0.3) + line
    ending = rng.random()
    if ending < 0.1:
        line += rng.choice([b" ", b"  ", b"\\ ", b"\\  ", b" \\ ", b"\r", b" \r", b"\\", b"\t"])
    return line


def _like(rng: Random, name: bytes) -> bytes:
    """Something that matches a name, or nearly does."""
    if rng.random() < 0.15:
        return rng.choice([b"**", b"*"])
    glob = b""
    for at in range(len(name)):
        byte = name[at : at + 1]
        kind = rng.random()
        if kind < 0.1:
            glob += rng.choice([b"*", b"?", b"**", b"*" + byte, b"", b"[!" + byte + b"]"])
        elif kind < 0.2:
            glob += b"[" + rng.choice([b"", b"a-", b"x"]) + byte + rng.choice([b"", b"-z"]) + b"]"
        else:
            glob += b"\\" * (byte in b"*?[\\" or rng.random() < 0.05) + byte
    return glob


def _part(rng: Random) -> bytes:
    """What stands between two slashes."""
    kind = rng.random()
    if kind < 0.35:
        return rng.choice(NAMES)
    if kind < 0.5:
        return rng.choice([b"**", b"**", b"*", b"*", b"***", b"?"])
    atoms = [_atom(rng) for _ in range(rng.randrange(1, 4))]
    return b"".join(atoms)


def _atom(rng: Random) -> bytes:
    kind = rng.random()
    if kind < 0.3:
        return rng.choice([b"a", b"b", b"f", b"o", b"oo", b"x", b".", b"foo", b"."])
    if kind < 0.6:
        return rng.choice([b"*", b"*", b"?", b"**"])
    if kind < 0.85:
        return rng.choice(BRACKETS)
    return b"\\" + rng.choice([b"a", b"b", b"*", b"?", b"[", b"\\", b"#", b"!", b"-", b" "])


# ---------------------------------------------------------------- the oracle


def git(top: Path, *words: str, given: bytes = b"") -> bytes:
    """What git prints, whatever this machine's or user's configuration says."""
    alone = {"PATH": os.environ["PATH"], "HOME": str(top), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", *words], cwd=top, env=alone, input=given, capture_output=True, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1: check-ignore found nothing
    return done.stdout


def plant(top: Path, cases: Iterable[Case], exclude: tuple[bytes, ...] = ()) -> None:
    """Make a new work tree of the cases, with `exclude` as git's own rule file."""
    top.mkdir()
    git(top, "init", "-q")
    (top / ".git" / "info").mkdir(exist_ok=True)
    (top / ".git" / "info" / "exclude").write_bytes(b"\n".join(exclude))
    for case in cases:
        base = os.path.join(os.fsencode(top), case.name)
        os.mkdir(base)
        for path, is_dir in case.paths.items():
            if is_dir:
                os.mkdir(os.path.join(base, path))
            else:
                with open(os.path.join(base, path), "wb") as file:
                    file.write(b"\n".join(case.rules.get(path, ())))


def begin_repositories(rng: Random, top: Path, cases: Iterable[Case]) -> list[bytes]:
    """Make work trees of their own of some directories, with git's own rule file; their paths, relative to `top`."""
    begun = []
    for case in cases:
        directories = [path for path, is_dir in case.paths.items() if is_dir]
        if directories and rng.random() < 0.3:
            path = case.name + b"/" + rng.choice(directories)
            inner = top / os.fsdecode(path)
            git(inner, "init", "-q", "--template=")
            (inner / ".git" / "info").mkdir()
            (inner / ".git" / "info" / "exclude").write_bytes(b"\n".join(random_line(rng) for _ in range(4)))
            begun.append(path)
    return begun


def kept_by_git(top: Path, cases: Iterable[Case], repositories: Sequence[bytes]) -> set[bytes]:
    """The paths, relative to `top`, that are not ignored by the innermost repository, nor below one that is."""
    paths = sorted(case.name + b"/" + path for case in cases for path in case.paths)
    inside: dict[bytes, list[bytes]] = {}
    for path in paths:
        owners = [owner for owner in repositories if path.startswith(owner + b"/")]
        inside.setdefault(max(owners, key=len, default=b""), []).append(path)
    ignored = set[bytes]()
    for owner, own in inside.items():
        base = owner + b"/" if owner else b""
        told = ignored_of(top / os.fsdecode(owner), [path.removeprefix(base) for path in own])
        ignored |= {base + path for path in told}
    kept = {case.name for case in cases}
    for path in paths:  # sorted, so that a directory comes before what is in it
        if path.rpartition(b"/")[0] in kept and path not in ignored:
            kept.add(path)
    return kept


def ignored_by_git(top: Path, cases: Iterable[Case]) -> set[bytes]:
    """The paths, relative to the work tree, that git ignores."""
    return ignored_of(top, [case.name + b"/" + path for case in cases for path in case.paths])


def ignored_of(top: Path, paths: Sequence[bytes]) -> set[bytes]:
    """Which of these, relative to the work tree `top`, git ignores."""
    told = git(top, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n", given=b"\0".join([*paths, b""]))
    fields = told.split(b"\0")
    assert len(fields) == 4 * len(paths) + 1, "git told something of each path"
    rows = zip(fields[2::4], fields[3::4], strict=False)
    return {path for pattern, path in rows if pattern and not pattern.startswith(b"!")}
