"""Edits of many entries at once (see `edits`): thousands of files, and what git does to a work tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path


def burst(root: Path, _: Path) -> Iterator[None]:
    for number in range(2000):
        path = root / f"d{number % 40}" / f"file{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * (number % 7))
    yield
    for number in range(2000):
        path = root / f"d{number % 40}" / f"file{number}"
        if number % 3:
            path.write_bytes(b"yy" * (number % 7))
        elif number % 2:
            path.rename(path.with_suffix(".moved"))
        else:
            path.unlink()
    yield
    subprocess.run(["rm", "-rf", *root.iterdir()], check=True)
    yield


def git(root: Path, _: Path) -> Iterator[None]:
    """A checkout between two branches with a few hundred files, and what belongs to it."""
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull}
    identity |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*arguments: str) -> None:
        subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True, env=os.environ | identity)

    def write(numbers: range, text: str) -> None:
        for number in numbers:
            path = root / "src" / f"module{number % 20}" / f"{number}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text} {number}\n" * (number % 9))

    run("init", "-q", "-b", "main")
    write(range(300), "main")
    run("add", ".")
    run("commit", "-q", "-m", "first")
    yield
    run("checkout", "-q", "-b", "other")
    write(range(200, 500), "other")
    run("rm", "-rqf", "src/module3", "src/module4")
    run("mv", "src/module5", "src/renamed")
    run("add", ".")
    run("commit", "-q", "-m", "second")
    yield
    run("checkout", "-q", "main")
    yield
    run("checkout", "-q", "other")
    run("gc", "-q")
    run("checkout", "-q", "main")
    run("clean", "-qfdx")
    yield
    run("merge", "-q", "other")
    run("reset", "-q", "--hard", "HEAD~1")
    yield
