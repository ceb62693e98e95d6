"""The law of a tree with rules: after any storm, also of edits of rule files, it is what a fresh scan finds, and git.

The storm knows nothing of rules. `Run.sync` compares with a fresh scan; real git says which files are not ignored.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from smarttree.tree import Tree
from tests.rule_sets import git
from tests.running import Begin, Run, begin

__all__ = ["begin"]

FRESH = secrets.randbits(32)  # it stands in the test's name, and what failed is repeated by IGNORE_SEEDS=
SEEDS = [int(seed) for seed in os.environ.get("IGNORE_SEEDS", f"1,2,{FRESH}").split(",")]
NAMES = ["a", "b", "c.o", "d"]
LINES = ["a", "!a", "b/", "*.o", "!*.o", "/d", "a/b", "!a/b", "**/d", "d/**", "!d/", "/a/*", "*", "!*", ".*", "# none"]


def churn(top: Path, rng: Random, steps: int, *, repositories: bool) -> None:
    """Operations on few names and on rule files among them; most fail, which is their own affair."""
    for _ in range(steps):
        one, other = (top.joinpath(*rng.choices(NAMES, k=rng.randrange(1, 4))) for _ in range(2))
        with suppress(OSError):
            match rng.randrange(13):
                case 0 | 1 | 2:
                    one.mkdir(parents=True)
                case 3 | 4:
                    one.write_text("x" * rng.randrange(4))
                case 5 | 6 | 7:
                    one.rename(other)
                case 8:
                    shutil.rmtree(one) if one.is_dir() else one.unlink()
                case 9 | 10:
                    write_rules(one.parent, rng, repositories=repositories)
                case 11:
                    (one.parent / ".gitignore").unlink()
                case 12:
                    (one.parent / ".gitignore").rename(other.parent / rng.choice([".gitignore", "b"]))


def write_rules(directory: Path, rng: Random, *, repositories: bool) -> None:
    text = "\n".join(rng.choices(LINES, k=rng.randrange(1, 4)))
    kind = rng.randrange(6)
    if kind == 0:  # as editors save
        (directory / "d").write_text(text)
        (directory / "d").rename(directory / ".gitignore")
    elif kind == 1 and repositories:
        exclude = directory / ".git" / "info" / "exclude"
        exclude.parent.mkdir(parents=True, exist_ok=True)
        exclude.write_text(text)
    elif kind == 2 and repositories:
        (directory / ".git").rename(directory / rng.choice(["a", "b"]))
    elif kind == 3 and repositories:
        (directory / ".git" / "info").rename(directory / ".git" / "other")
    elif kind == 4 and repositories:
        (directory / ".ignore").write_text(text)
    else:
        (directory / ".gitignore").write_text(text)


def files_in(tree: Tree, root: int) -> set[bytes]:
    """Paths of what is no directory, relative to the root."""
    base = len(tree.path(root)) + 1
    return {tree.path(eid)[base:] for eid in tree.below(root).tolist() if not tree.is_dir(eid)}


def files_by_git(top: Path) -> set[bytes]:
    listed = git(top, "ls-files", "-z", "--others", "--exclude-standard")
    return set(listed.split(b"\0")) - {b""}


def storm(run: Run, top: Path, rng: Random, *, by_git: bool) -> None:
    for _ in range(12):
        churn(top, rng, 40, repositories=not by_git)
        run.sync()
        if by_git:
            view = run.service.view()
            assert files_in(view.tree, view.tree.resolve(os.fsencode(top))) == files_by_git(top)


@pytest.mark.parametrize("by_git", [True, False], ids=["git", "repositories"])
@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_storm_the_tree_is_a_fresh_scan(seed: int, by_git: bool, begin: Begin, tmp_path: Path) -> None:
    print(f"seed {seed}")
    top = tmp_path / "top"
    top.mkdir()
    git(top, "init", "-q", "--template=")
    storm(begin(top, gitignore=True, batch_ms=0), top, Random(seed), by_git=by_git)


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_of_the_command_line_hold_in_any_storm(seed: int, begin: Begin, tmp_path: Path) -> None:
    print(f"seed {seed}")
    top = tmp_path / "top"
    top.mkdir()
    rng = Random(seed)
    exclude = tuple(rng.choices([b"*.o", b"a/b", b"/d", b"b/", b"**/a/c.o", b".git*"], k=3))
    run = begin(top, exclude=exclude, include=(b"a/b/c.o", b".git"), gitignore=rng.random() < 0.5, batch_ms=0)
    storm(run, top, rng, by_git=False)
