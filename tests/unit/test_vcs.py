"""Holds: one end for one piece of work, bounded, whatever the order of looks; and git itself as the judge of HEAD."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from smarttree.stream.batch import Switch
from smarttree.vcs import QUIET_MIDWAY_S, QUIET_S, Hold, Repository, State

A, B, C = "a" * 40, "b" * 40, "c" * 40
SETTLE_S = 30.0
ROOT = b"/r"


def idle(head: str | None = A) -> State:
    return State(locked=False, midway=False, head=head)


def at_work(head: str | None = A, *, locked: bool = True) -> State:
    return State(locked=locked, midway=not locked, head=head)


def test_a_checkout_is_one_hold_that_ends_with_both_heads() -> None:
    hold = Hold(ROOT, A, SETTLE_S)
    hold.see(0.0, at_work())
    assert hold.is_active()
    hold.see(5.0, at_work())
    hold.see(5.1, idle(A))  # the index is there, HEAD comes next
    assert hold.is_active()
    assert hold.take_end() is None
    hold.see(5.2 + QUIET_S, idle(B))
    assert not hold.is_active()
    assert hold.take_end() == Switch(ROOT, A, B)
    assert hold.take_end() is None


def test_commands_that_follow_each_other_are_one_hold() -> None:
    hold = Hold(ROOT, A, SETTLE_S)
    for n in range(10):
        hold.see(n * QUIET_S, at_work(B if n else A))
        hold.see((n + 0.5) * QUIET_S, idle(B))
        assert hold.is_active()
    hold.see(20 * QUIET_S, idle(C))
    assert hold.take_end() == Switch(ROOT, A, C)


def test_between_the_steps_of_a_rebase_there_is_more_patience() -> None:
    hold = Hold(ROOT, A, SETTLE_S)
    hold.see(0.0, at_work())
    hold.see(0.1, at_work(locked=False))
    hold.see(0.1 + QUIET_MIDWAY_S / 2, at_work(locked=False))
    assert hold.is_active()
    hold.see(0.2 + QUIET_MIDWAY_S, at_work(B, locked=False))
    assert not hold.is_active()
    assert hold.take_end() == Switch(ROOT, A, B)


def test_a_hold_is_bounded() -> None:
    """A lock that someone forgot holds nothing back for ever; its end is told when it comes."""
    hold = Hold(ROOT, A, SETTLE_S)
    hold.see(0.0, at_work())
    hold.see(SETTLE_S - 1, at_work())
    assert not hold.is_overdue()
    hold.see(SETTLE_S, at_work())
    assert hold.is_overdue()
    assert hold.is_active()
    hold.see(SETTLE_S + 1, idle(B))
    assert not hold.is_active()
    assert hold.take_end() == Switch(ROOT, A, B)


def test_work_that_was_over_before_anyone_looked_is_told_too() -> None:
    hold = Hold(ROOT, None, SETTLE_S)
    hold.see(0.0, idle(A))
    hold.see(1.0, idle(B))
    assert not hold.is_active()
    assert hold.take_end() == Switch(ROOT, None, B)


def test_work_that_leaves_head_alone_has_no_switch() -> None:
    hold = Hold(ROOT, A, SETTLE_S)
    hold.see(0.0, at_work())
    hold.see(0.1, idle())
    hold.see(1.0, idle())
    assert not hold.is_active()
    assert hold.take_end() is None


# ---------------------------------------------------------------- a real repository


def git(where: Path, *words: str) -> str:
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(where), *who, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def found(where: Path) -> State:
    repository = Repository.of(os.fsencode(where))
    assert repository is not None
    return repository.look()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    return tmp_path


def test_head_is_what_git_says(repository: Path) -> None:
    assert found(repository) == State(locked=False, midway=False, head=None)
    (repository / "sub").mkdir()
    (repository / "sub" / "f").write_text("1")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "1")
    head = git(repository, "rev-parse", "HEAD")
    assert found(repository / "sub").head == head
    git(repository, "gc", "-q")  # the ref is packed now
    assert found(repository).head == head
    git(repository, "checkout", "-q", "--detach")
    assert found(repository).head == head
    git(repository, "worktree", "add", "-q", str(repository / "other"), "-b", "side")
    (repository / "other" / "f2").write_text("2")
    git(repository / "other", "add", ".")
    git(repository / "other", "commit", "-q", "-m", "2")
    assert found(repository / "other").head == git(repository / "other", "rev-parse", "HEAD") != head


def test_a_lock_and_a_rebase_are_seen(repository: Path) -> None:
    (repository / ".git" / "index.lock").touch()
    assert found(repository).locked
    (repository / ".git" / "index.lock").unlink()
    for name in "base", "ours", "theirs":
        (repository / "f").write_text(name)
        git(repository, "add", ".")
        git(repository, "commit", "-q", "-m", name)
        if name == "base":
            git(repository, "branch", "-q", "theirs")
        if name == "ours":
            git(repository, "checkout", "-q", "theirs")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "rebase", "main")
    assert found(repository).midway
    git(repository, "rebase", "--abort")
    assert found(repository) == State(locked=False, midway=False, head=git(repository, "rev-parse", "HEAD"))


def test_elsewhere_there_is_none(tmp_path: Path) -> None:
    if Repository.of(os.fsencode(tmp_path.parent)) is None:
        assert Repository.of(os.fsencode(tmp_path)) is None
