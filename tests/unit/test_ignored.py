"""What is left out of a service's tree, and what changes of rules lead to. `Run.sync` compares with a fresh scan."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smarttree.tree import NO_ID
from tests.running import Begin, Run, begin, top

__all__ = ["begin", "top"]

PROJECT = Path(__file__).parents[2]
UNPRIVILEGED = PROJECT / "tests" / "storm" / "unprivileged.py"


def held(run: Run) -> set[str]:
    """Paths in the tree, relative to the only root."""
    view, root = run.service.view(), run.service.config.roots[0]
    paths = (view.tree.path(eid) for eid in view.tree.below(view.tree.resolve(root)).tolist())
    return {os.fsdecode(path.removeprefix(root + b"/")) for path in paths}


def told(run: Run) -> set[tuple[str, str]]:
    """What is told up to now, but for times of directories."""
    return {(kind, path) for kind, path in run.changes() if kind != "modified" or "." in path}


@pytest.fixture
def ruled(top: Path, begin: Begin) -> Run:
    """A repository, served under the rules in it."""
    (top / ".git" / "info").mkdir(parents=True)
    (top / ".gitignore").write_text("*.o\n/out/\n")
    (top / "d" / "x.o").touch()
    (top / "out").mkdir()
    (top / "out" / "inner").touch()
    return begin(top, gitignore=True, batch_ms=0)


# ---------------------------------------------------------------- .git


def test_git_is_an_entry_without_children(top: Path, begin: Begin) -> None:
    for place in (top, top / "d"):
        (place / ".git" / "refs").mkdir(parents=True)
    run = begin(top)
    assert {path for path in held(run) if ".git" in path} == {".git", "d/.git"}
    (top / ".git" / "HEAD").touch()
    assert run.changes() == []  # the time of a directory alone is no change, and is right: `changes` compares
    (top / "e" / ".git" / "refs").mkdir(parents=True)
    assert told(run) == {("created", "e/.git")}


def test_a_directory_that_is_called_git_from_now_on_is_closed_and_the_other_way_round(top: Path, begin: Begin) -> None:
    run = begin(top)
    (top / "d").rename(top / ".git")
    assert ("renamed", ".git") in told(run)
    assert held(run) == {".git", "a", "b", "e"}
    (top / ".git").rename(top / "d")
    assert ("renamed", "d") in told(run)
    assert held(run) == {"a", "b", "d", "d/deep", "d/deep/g", "d/f", "e"}


def test_what_is_in_git_can_be_asked_for(top: Path, begin: Begin) -> None:
    (top / ".git" / "info").mkdir(parents=True)
    run = begin(top, include=(b".git",), gitignore=True)
    (top / ".git" / "HEAD").mkdir()
    (top / ".git" / "x.o").mkdir()
    assert told(run) == {("created", ".git/HEAD"), ("created", ".git/x.o")}
    (top / ".git" / "info" / "exclude").write_text("a\n*.o\n")
    assert {("created", ".git/info/exclude"), ("deleted", "a")} <= told(run)
    assert ".git/x.o" in held(run)


def test_git_can_be_left_out_whole(top: Path, begin: Begin) -> None:
    (top / ".git").mkdir()
    run = begin(top, exclude=(b".git",))
    (top / ".git" / "HEAD").mkdir()
    assert run.changes() == []
    assert ".git" not in held(run)


# ---------------------------------------------------------------- the command line


def test_globs_are_those_of_a_gitignore(top: Path, begin: Begin) -> None:
    run = begin(top, exclude=(b"/d/*", b"b", b"#x"), include=(b"deep",))
    assert held(run) == {"a", "d", "d/deep", "d/deep/g", "e"}
    for name in ("#x", "e/b", "d/fresh", "d/deep/fresh"):
        (top / name).mkdir()
    assert told(run) == {("created", "d/deep/fresh")}


def test_a_rename_into_and_out_of_what_is_left_out(top: Path, begin: Begin) -> None:
    run = begin(top, exclude=(b"*.o",))
    (top / "a").rename(top / "a.o")
    (top / "d").rename(top / "d.o")
    assert told(run) == {("deleted", "a"), ("deleted", "d")}
    (top / "a.o").rename(top / "a")
    (top / "d.o").rename(top / "n")
    assert told(run) == {("created", path) for path in ("a", "n", "n/f", "n/deep", "n/deep/g")}
    (top / "e" / "x.o").mkdir()
    (top / "e" / "x.o").rename(top / "y.o")
    assert told(run) == set()


# ---------------------------------------------------------------- rule files


def test_what_rule_files_say_is_left_out(ruled: Run, top: Path) -> None:
    assert held(ruled) == {".git", ".gitignore", "a", "b", "d", "d/deep", "d/deep/g", "d/f", "e"}
    (top / "out" / "more").touch()
    (top / "e" / "y.o").touch()
    assert told(ruled) == set()
    (top / "e" / "out").mkdir()
    assert told(ruled) == {("created", "e/out")}


Edit = Callable[[Path], object]
OPEN = {"d/x.o", "out", "out/inner"}


def _replace(top: Path) -> None:
    (top / "fresh").write_text("/out/\n")
    (top / "fresh").rename(top / ".gitignore")


def _link(top: Path) -> None:
    (top / ".gitignore").rename(top / "elsewhere")
    (top / ".gitignore").symlink_to("elsewhere")  # as git does: no link is followed


EDITS: list[tuple[Edit, set[str], set[str]]] = [
    (lambda top: (top / ".gitignore").unlink(), {".gitignore"}, OPEN),
    (lambda top: (top / ".gitignore").write_text("*.o\n!x.o\n"), set(), OPEN),
    (lambda top: (top / ".gitignore").write_text("*.o\nE\n.gitignore"), {".gitignore"}, OPEN - {"d/x.o"}),
    (lambda top: (top / ".gitignore").write_bytes(b"\xff*\r\nout\r\nd/deep/\r\n"), {"d/deep", "d/deep/g"}, {"d/x.o"}),
    (_replace, set(), {"d/x.o"}),
    (_link, set(), OPEN | {"elsewhere"}),
    (lambda top: (top / "d" / ".gitignore").write_text("!*.o"), set(), {"d/.gitignore", "d/x.o"}),
    (lambda top: (top / ".ignore").write_text("!*.o\na"), {"a"}, {".ignore", "d/x.o"}),
    (lambda top: (top / ".git" / "info" / "exclude").write_text("b\n"), {"b"}, set()),
]


@pytest.mark.parametrize(("edit", "lost", "gained"), EDITS)
def test_a_change_of_rules_is_told_as_what_it_leads_to(
    edit: Edit, lost: set[str], gained: set[str], ruled: Run, top: Path
) -> None:
    before = held(ruled)
    edit(top)
    kinds = ruled.changes()
    assert (before - held(ruled), held(ruled) - before) == (lost, gained)
    ended = {path for kind, path in kinds if kind == "deleted"}
    assert {path for path in lost if path.rpartition("/")[0] not in lost} <= ended


def test_the_directory_of_gits_own_file_comes_goes_and_comes(top: Path, begin: Begin) -> None:
    (top / ".git").mkdir()
    run, info = begin(top, gitignore=True), top / ".git" / "info"
    for _ in range(2):
        info.mkdir()
        run.sync()
        (info / "exclude").write_text("a")
        assert ("deleted", "a") in told(run)
        info.rename(top / ".git" / "other")
        assert ("created", "a") in told(run)
        (top / ".git" / "other").rename(info)
        assert ("deleted", "a") in told(run)
        shutil.rmtree(info)
        assert ("created", "a") in told(run)


def test_a_repository_begins_and_ends_while_running(ruled: Run, top: Path) -> None:
    (top / "d" / ".git").mkdir()
    assert told(ruled) == {("created", "d/.git"), ("created", "d/x.o")}
    (top / "d" / ".git" / "info").mkdir()
    (top / "d" / ".git" / "info" / "exclude").write_text("f\n")
    assert ("deleted", "d/f") in told(ruled)
    shutil.rmtree(top / "d" / ".git")
    assert told(ruled) - {("modified", "d/.git")} == {("deleted", "d/.git"), ("deleted", "d/x.o"), ("created", "d/f")}


def test_a_repository_that_arrives_whole_brings_its_rules(ruled: Run, top: Path, tmp_path: Path) -> None:
    info = tmp_path / "outside" / "inner" / ".git" / "info"
    info.mkdir(parents=True)
    (info / "exclude").write_text("*.c\n")
    for name in ("x.o", "x.c"):
        (tmp_path / "outside" / "inner" / name).touch()
    (tmp_path / "outside").rename(top / "e" / "o")
    paths = ("e/o", "e/o/inner", "e/o/inner/.git", "e/o/inner/x.o")
    assert told(ruled) == {("created", path) for path in paths}
    (top / "e" / "o" / "inner" / ".git" / "info" / "exclude").write_text("*.o\n")
    assert told(ruled) == {("deleted", "e/o/inner/x.o"), ("created", "e/o/inner/x.c")}


def test_a_directory_that_moves_is_told_under_the_rules_of_its_place(ruled: Run, top: Path) -> None:
    (top / "e" / ".gitignore").write_text("f\n!x.o\n")
    ruled.sync()
    (top / "d").rename(top / "e" / "d")
    assert {("renamed", "e/d"), ("created", "e/d/x.o")} <= told(ruled)
    assert {path for path in held(ruled) if path.startswith("e/d/")} == {"e/d/deep", "e/d/deep/g", "e/d/x.o"}


# ---------------------------------------------------------------- rule files that can't be used


@pytest.mark.parametrize("name", [".gitignore", ".ignore"])
def test_a_rule_file_that_is_too_large_is_a_problem(name: str, top: Path, begin: Begin) -> None:
    (top / name).write_bytes(b"a\n" * (1 << 19) + b"#")
    run = begin(top, gitignore=True)
    assert [(it.path, it.errno) for it in run.service.problems] == [(os.fsencode(top / name), errno.EFBIG)]
    assert "a" in held(run)
    os.truncate(top / name, 1 << 20)
    assert ("deleted", "a") in told(run)
    assert run.service.problems == []


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_no_rule_file(make: Callable[[Path], None], top: Path, begin: Begin) -> None:
    make(top / ".gitignore")
    run = begin(top, gitignore=True)
    assert {"a", ".gitignore"} <= held(run)
    assert run.service.problems == []


def test_a_rule_file_that_may_not_be_read_is_a_problem(top: Path) -> None:
    (top / ".gitignore").write_text("a\n")
    (top / ".gitignore").chmod(0)
    root = os.geteuid() == 0
    command = [sys.executable, UNPRIVILEGED] if root else [sys.executable, "-m", "smarttree"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run([*command, top, "--gitignore"], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == f"st: {top}/.gitignore: {os.strerror(errno.EACCES)}\n"
    assert "─ a [" in done.stdout


def test_rule_files_do_not_count_unless_asked_for(top: Path, begin: Begin) -> None:
    (top / ".gitignore").write_text("a\n")
    run = begin(top)
    assert "a" in held(run)
    (top / ".gitignore").write_text("b\n")
    assert "b" in held(run)
    assert run.service.view().tree.resolve(os.fsencode(top / "b")) != NO_ID
