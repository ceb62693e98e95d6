"""`st state [PATH...]`: what is kept of earlier runs, for which directories, and who uses it; `--remove` ends one."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from smarttree import __version__
from smarttree.admission import is_within
from smarttree.cli.output import print_pieces
from smarttree.config import StatesConfig
from smarttree.errors import BadParameter, PathError, SmarttreeError
from smarttree.modes.classic import human_size
from smarttree.printable import name_fields, printable
from smarttree.state.survey import Survey, is_state, look, remove, states_in

_UNITS: Final = ((86_400, "days"), (3600, "hours"), (60, "minutes"), (1, "seconds"))


def states(config: StatesConfig) -> int:
    """Prints to standard output. Raises PathError for a PATH of which nothing is kept, StateInUse, SmarttreeError."""
    try:
        found = [look(path) for path in _wanted(config)]
        if config.remove:
            return _remove(found[0], asks=not config.yes)
    except OSError as error:
        raise SmarttreeError(f"the state can't be read, or removed: {error}") from error
    print_pieces(_as_json(found) if config.json else _as_text(found, printable(config.family)))
    return 0


def _wanted(config: StatesConfig) -> Iterator[Path]:
    """A PATH is a state directory, or what is served: then, unless it is to be removed, the states that have it."""
    if not config.paths:
        yield from states_in(Path(os.fsdecode(config.family)))
    for given in config.paths:
        path = Path(given)
        if config.remove or is_state(path):
            if not is_state(path) or path.is_symlink():
                raise PathError(f"{printable(given)} is no state directory, or a link to one: `st state` shows them")
            yield Path(os.path.abspath(path))
            continue
        real, some = os.fsencode(os.path.realpath(path)), False
        for each in states_in(Path(os.fsdecode(config.family))):
            if any(is_within(real, root) for root in look(each).roots):
                some = True
                yield each
        if not some:
            raise PathError(f"nothing is kept for {printable(given)}, and it is no state directory")


def _remove(survey: Survey, *, asks: bool) -> int:
    shown, what = printable(survey.directory), " ".join(map(printable, survey.roots)) or "no directory that can be told"
    if asks:
        if sys.stdin is None or not sys.stdin.isatty():
            raise BadParameter(f"--remove asks before it removes {shown}, and nobody is there to answer: add --yes")
        answer = input(f"Remove {shown}, {human_size(survey.nbytes)} of history of {what}? [y/N] ")
        if answer.strip().lower() not in ("y", "yes"):
            print("nothing was removed")
            return 1
    left = remove(Path(os.fsdecode(survey.directory)))
    print(f"removed {survey.files} files of {shown}; clients of {what} will fetch the tree anew")
    if left:
        print(f"left there, as it is not the history's: {', '.join(map(printable, left))}")
    return 0


def _as_json(found: Sequence[Survey]) -> Iterator[bytes]:
    """One object; its keys are stable."""
    told = {"smarttree": __version__, "states": [_fields(survey) for survey in found]}
    yield json.dumps(told, indent=2).encode("ascii")
    yield b"\n"


def _fields(survey: Survey) -> dict[str, object]:
    return {
        **name_fields("directory", survey.directory),
        "roots": [name_fields("path", root) for root in survey.roots],
        "bytes": survey.nbytes,
        "files": survey.files,
        "epoch": None if survey.clock is None else f"{survey.clock.epoch:016x}",
        "clock": None if survey.clock is None else str(survey.clock),
        "changed_ns": str(survey.changed_ns),
        "in_use": survey.holder is not None,
        "process": int(survey.holder) if survey.holder is not None and survey.holder.isdecimal() else None,
        "stopped_cleanly": survey.is_clean,
        "log_version": survey.log_version,
        "tree_version": survey.tree_version,
        "trouble": survey.trouble or None,
    }


def _as_text(found: Sequence[Survey], family: str) -> Iterator[bytes]:
    for survey in found:
        for line in _lines(survey):
            yield f"{line}\n".encode()
    if not found:
        yield f"nothing is kept in {family}\n".encode()


def _lines(survey: Survey) -> Iterator[str]:
    yield printable(survey.directory)
    for root in survey.roots:
        yield f"  of {printable(root)}"
    clock = "no clock that can be told" if survey.clock is None else f"clock {survey.clock}"
    yield f"  {human_size(survey.nbytes)} in {survey.files} files, {clock}, changed {_age(survey.changed_ns)} ago"
    use = "in use by nobody" if survey.holder is None else f"in use by process {survey.holder}"
    end = "" if survey.holder is not None else ", stopped cleanly" if survey.is_clean else ", not stopped cleanly"
    yield f"  {use}{end}; log version {_number(survey.log_version)}, tree version {_number(survey.tree_version)}"
    if survey.trouble:
        yield f"  {survey.trouble}: a server will begin a new epoch"


def _number(version: int | None) -> str:
    return "unknown" if version is None else str(version)


def _age(changed_ns: int) -> str:
    seconds = max(0, time.time_ns() - changed_ns) // 1_000_000_000
    size, name = next((unit for unit in _UNITS if seconds >= 2 * unit[0]), _UNITS[-1])
    return f"{seconds // size} {name}"
