"""`st PATH`: scan, print one document, end. Pieces go out as they are made; no entry is held as a Python object."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from smarttree import modes
from smarttree.cli.output import print_view
from smarttree.cli.paths import refusal
from smarttree.clock import Clock
from smarttree.config import ShowConfig
from smarttree.modes import View
from smarttree.printable import printable

_PROBLEMS_SHOWN: Final = 20

# What is printed once belongs to no service, and so to no epoch.
_NO_CLOCK: Final = Clock(0, 0)


def show(config: ShowConfig) -> int:
    """Prints to standard output. Problems go to standard error and do not change the status, which is 0:
    a directory that could not be read is a fact about the disk, not a failure to tell the rest."""
    mode = modes.find(config.mode)
    view, top, problems = _scan(config)
    print_view(view, top, mode, config.depth)
    _tell(problems)
    return 0


def _scan(config: ShowConfig) -> tuple[View, int, list[tuple[bytes, int]]]:
    """The tree, the id of its top, and what could not be read: (path, errno)."""
    from smarttree import disk
    from smarttree.ignore import command_rules
    from smarttree.tree import SERVICE_ID, Tree

    reader = disk.choose()
    progress = reader.progress()
    # The scan does not hold the GIL and so cannot see an interrupt; this thread, which waits for it, does.
    with ThreadPoolExecutor(1, thread_name_prefix="scan") as scanner:
        try:
            opened = reader.open(config.path, follow=True)
            rules = command_rules(config.exclude, config.include, rule_files=config.gitignore)
            scanning = scanner.submit(
                opened.scan, watch=None, threads=config.scan_threads, depth=0, progress=progress, rules=rules
            )
            listing = scanning.result()
            opened.close()
        except KeyboardInterrupt:
            progress.cancel()
            raise
        except OSError as error:  # it could be opened a moment ago: the disk has changed since
            raise refusal(config.path, error) from error
    tree = Tree()
    top = tree.graft(listing, config.path)
    # A listing counts from its top, and a graft gives consecutive ids.
    problems = [(os.path.join(tree.path(top + at), name), number) for at, name, number in listing.problems]
    return View(_NO_CLOCK, tree, tree.digest(SERVICE_ID)), top, problems


def _tell(problems: Sequence[tuple[bytes, int]]) -> None:
    for path, number in problems[:_PROBLEMS_SHOWN]:
        print(f"st: {printable(path.removesuffix(b'/'))}: {os.strerror(number)}", file=sys.stderr)
    if len(problems) > _PROBLEMS_SHOWN:
        print(f"st: and {len(problems) - _PROBLEMS_SHOWN:,} more that could not be read", file=sys.stderr)
