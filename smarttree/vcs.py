"""Version control: while git changes a root's files, their changes are held back and come out as one, with both HEADs.

    git:     index.lock made │ files written … │ index.lock renamed to index │ HEAD written
    here:          ── held ──────────────────────────────────────────────────── quiet ──▶ the hold ends

`Hold` decides, from what was seen and when: pure, times are passed in. `Repository` looks. `Holds` are all roots'.
"""

from __future__ import annotations

import os
from typing import Final, NamedTuple

from smarttree.stream.batch import Switch

QUIET_S: Final = 0.05  # without a lock, after which git is done: HEAD is written last, and commands follow each other
QUIET_MIDWAY_S: Final = 0.5  # the same between the steps of a rebase
LOOK_AGAIN_S: Final = 0.01  # how often a hold looks whether it has ended
REF_DEPTH_MAX: Final = 5  # symbolic refs that lead to symbolic refs, as git allows
_MIDWAY: Final = (b"rebase-merge", b"rebase-apply", b"sequencer")


class State(NamedTuple):
    """What a repository looks like from outside. `head` is a commit's hash, None where there is none yet."""

    locked: bool
    midway: bool  # in the middle of a rebase, or of several picks
    head: str | None


class Repository:
    """The git repository that a directory is in. Looks at four files, about 20 µs; missing ones are no error."""

    def __init__(self, git: bytes) -> None:
        self._git = git
        common = _text(os.path.join(git, b"commondir"))
        self._common = os.path.join(git, os.fsencode(common)) if common else git

    @classmethod
    def of(cls, directory: bytes) -> Repository | None:
        """The innermost repository that holds a directory, or None."""
        while True:
            dot_git = os.path.join(directory, b".git")
            if os.path.isdir(dot_git):
                return cls(dot_git)
            named = _text(dot_git)  # a work tree or submodule has a file that names its directory
            if named.startswith("gitdir: "):
                return cls(os.path.join(directory, os.fsencode(named.removeprefix("gitdir: "))))
            if directory == (above := os.path.dirname(directory)):
                return None
            directory = above

    def look(self) -> State:
        """Its state now; while it is locked, that is all that is looked for."""
        if os.path.lexists(os.path.join(self._git, b"index.lock")):
            return State(locked=True, midway=False, head=None)
        midway = any(os.path.isdir(os.path.join(self._git, name)) for name in _MIDWAY)
        return State(False, midway, self.head())

    def head(self) -> str | None:
        """The commit it is at."""
        value = _text(os.path.join(self._git, b"HEAD"))
        for _ in range(REF_DEPTH_MAX):
            if not value.startswith("ref: "):
                return value or None
            ref = value.removeprefix("ref: ")
            value = _text(os.path.join(self._common, os.fsencode(ref))) or self._packed(ref)
        return None

    def _packed(self, ref: str) -> str:
        """A ref that `git gc` has put with the others into one file."""
        lines = _text(os.path.join(self._common, b"packed-refs")).splitlines()
        return next((line.partition(" ")[0] for line in lines if line.endswith(f" {ref}")), "")


def _text(path: bytes) -> str:
    """A small file's text, "" where there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().strip()
    except OSError:
        return ""


class Hold:
    """Whether one repository's work holds batches back. Give it each look; `settle_s` bounds how long it does.

    Active: git is at work, or was a moment ago. Overdue: for longer than the bound, so that what waits is told, as part
    of something larger. `take_end` gives each change of HEAD once, when it is over.
    """

    def __init__(self, root: bytes, head: str | None, settle_s: float) -> None:
        self._root, self._settle_s = root, settle_s
        self._head = head
        self._began: float | None = None
        self._quiet_since: float | None = None
        self._now = 0.0
        self._ended: Switch | None = None

    def is_active(self) -> bool:
        return self._began is not None

    def is_overdue(self) -> bool:
        return self._began is not None and self._now - self._began >= self._settle_s

    def see(self, now: float, state: State) -> None:
        """The repository was looked at; `now` is in seconds, of any clock that only goes forward."""
        self._now = now
        if state.locked:
            self._began = now if self._began is None else self._began
            self._quiet_since = None
        elif self._began is None:
            self._note_head(state.head)
        else:
            self._quiet_since = now if self._quiet_since is None else self._quiet_since
            patience_s = QUIET_MIDWAY_S if state.midway else QUIET_S
            if now - self._quiet_since >= patience_s or self.is_overdue():
                self._began = self._quiet_since = None
                self._note_head(state.head)

    def has_ended(self) -> bool:
        return self._ended is not None

    def take_end(self) -> Switch | None:
        """From which HEAD to which the work that has ended went; None where it left HEAD alone, and the second time."""
        ended, self._ended = self._ended, None
        return ended

    def _note_head(self, head: str | None) -> None:
        if head != self._head:
            old = self._ended.old if self._ended else self._head
            self._ended, self._head = Switch(self._root, old, head), head


class Holds:
    """The holds of all roots: `look` now and then; batches wait while `is_on`, and are followed by `take_ends`."""

    def __init__(self, settle_s: float) -> None:
        self._settle_s = settle_s
        self._of: dict[bytes, tuple[Repository, Hold]] = {}

    def find(self, root: bytes) -> None:
        """Take in the repository that a root is in, if there is one and it is not known; without a bound, none."""
        repository = Repository.of(root) if self._settle_s and root not in self._of else None
        if repository is not None:
            self._of[root] = repository, Hold(root, repository.head(), self._settle_s)

    def drop(self, root: bytes) -> None:
        """Leave out what a root is in; what it held back is told with the next batch."""
        self._of.pop(root, None)

    def look(self, now: float) -> bool:
        """See how each repository is doing; `now` in seconds of a clock that only goes forward. Whether git was at work
        before, and is no more.
        """
        was_on = self.is_on()
        for repository, hold in self._of.values():
            hold.see(now, repository.look())
        return was_on and not self.is_on()

    def is_on(self) -> bool:
        """Whether git is at work somewhere."""
        return any(hold.is_active() for _, hold in self._of.values())

    def is_overdue(self) -> bool:
        """Whether what waits has waited long enough."""
        return any(hold.is_overdue() for _, hold in self._of.values())

    def has_ended(self) -> bool:
        """Whether `take_ends` has something."""
        return any(hold.has_ended() for _, hold in self._of.values())

    def take_ends(self) -> list[Switch]:
        """What has changed HEAD since the last call, and is over."""
        return [end for _, hold in self._of.values() if (end := hold.take_end()) is not None]
