"""Which rules hold in which directory, as the disk has them now: made for one window, and forgotten with it.

Nothing is kept, so nothing can be stale, and rules take no memory that grows with the tree. Where no rule depends on
the place (none is asked for, or names alone), nothing is read either.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping

from smarttree.disk.base import Directory, Disk
from smarttree.disk.rulefile import obeyed
from smarttree.ignore import EXCLUDE, GIT, INFO, RULE_FILES, Rules
from smarttree.reconcile import Reconciliation
from smarttree.tree import SERVICE_ID, Tree
from smarttree.watch.base import Place

_BOOKS = frozenset({*RULE_FILES, INFO, EXCLUDE})


def ruled_anew(tree: Tree, names: Mapping[int, set[bytes]]) -> Iterator[int]:
    """The directories whose own rules may have changed, as these names in these directories (all alive) have."""
    for directory, inside in names.items():
        if inside.isdisjoint(_BOOKS):
            continue
        if not inside.isdisjoint(RULE_FILES):
            yield directory
        above, name = tree.parent(directory), tree.name(directory)
        if INFO in inside and name == GIT:
            yield above
        if EXCLUDE in inside and name == INFO and above != SERVICE_ID and tree.name(above) == GIT:
            yield tree.parent(above)


def sort_out(rules: Rules, names: Iterable[bytes]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    """Names in a directory: those to be looked at, those left out whatever they are, and those left out either as a
    directory or as anything else.
    """
    if rules.closed:
        return [], [], []
    if rules.says_nothing:
        return list(names), [], []
    told: list[bytes] = []
    silent: list[bytes] = []
    doubtful: list[bytes] = []
    for name in names:
        as_dir, as_file = rules.ignores(name, True), rules.ignores(name, False)
        (doubtful if as_dir != as_file else silent if as_dir else told).append(name)
    return told, silent, doubtful


class RuleBook:
    """Answers for the places that directories have in one `Reconciliation`."""

    def __init__(self, base: Rules, tree: Tree, disk: Disk, found: Reconciliation) -> None:
        self._base, self._tree, self._disk, self._found = base, tree, disk, found
        self._within: dict[int, Rules] = {}
        self._moved = 0  # how many directories were found elsewhere when the last answer was given

    def at(self, place: Place) -> Rules:
        """What holds in the directory at a place, but for rule files in it. Raises FileNotFoundError as `within`."""
        parent, name = place
        return self._base if parent == SERVICE_ID else self.within(parent).enter(name)

    def within(self, directory: int) -> Rules:
        """What holds in a directory. Raises FileNotFoundError where it, or one above it, is not where it should be."""
        if not self._base.depends_on_place:
            parent, name = self._found.place_of(directory)
            return self._base if parent == SERVICE_ID else self._base.enter(name)
        if self._moved != len(self._found.moved_dirs):
            self._within.clear()
            self._moved = len(self._found.moved_dirs)
        chain = []
        while directory != SERVICE_ID and directory not in self._within:
            chain.append(directory)
            directory = self._found.place_of(directory)[0]
        for each in reversed(chain):
            parent, name = self._found.place_of(each)
            above = self._base if parent == SERVICE_ID else self._within[parent].enter(name)
            directory = each
            self._within[each] = self._obeyed(above, each, is_root=parent == SERVICE_ID)
        return self._within[directory]

    def _obeyed(self, rules: Rules, directory: int, *, is_root: bool) -> Rules:
        if not rules.reads_files:
            return rules
        path = self._found.path_of(directory)
        if path is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        opened = self._open(path, follow=is_root)
        try:
            # What is at its place for a moment is not asked: its answer would be kept for the whole window.
            known = directory in self._tree and not is_root
            if known and opened.row().identity != self._tree.row(directory).identity:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return obeyed(rules, opened)
        finally:
            opened.close()

    def _open(self, path: bytes, *, follow: bool) -> Directory:
        try:
            return self._disk.open(path, follow=follow)
        except OSError as error:
            raise FileNotFoundError(errno.ENOENT, error.strerror, path) from error
