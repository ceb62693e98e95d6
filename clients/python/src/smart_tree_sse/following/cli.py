"""The command line of `st-follow`.

Law: it is told how it ended by its exit status: 0 asked to end, or done; 1 the command has failed; 2 the command line;
3 the server has refused; 4 the state can't be used.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from .. import __version__
from ..client import SmartTreeSSE
from ..errors import SmartTreeError
from .command import TOKEN_VARIABLE, Command
from .output import json_lines, text_lines
from .state import State, StateError
from .triggers import Trigger, triggers

__all__ = ["main"]

DONE, FAILED, USAGE, REFUSED, STATE = 0, 1, 2, 3, 4

DESCRIPTION: Final = """\
Follows a directory tree that a smarttree server watches. Prints each change, or runs a
command for what has changed; and, with --state, goes on where it left off, also after a
restart of itself or of the server: nothing is missed, and nothing is told twice."""

EPILOG: Final = """\
the command
  It is run once for everything that has changed since it was last run, one run at a time, and
  only when nothing larger is under way: a checkout, say, triggers once. It is not given to
  a shell: for one say --exec "sh -c 'make && ./deploy'". Each word {} becomes the changed paths.
    STREE_CHANGES  a file with a line of JSON for each change: type, path, old_path, kind, size
    STREE_COUNT    how many there are
    STREE_CLOCK    the clock this run leads to; STREE_SINCE: the one before
    STREE_REBASED  1: the server can't tell what has changed since, so everything may have; there
                   are no paths then
  When it fails, st-follow ends with status 1, and its next start runs it for the same changes
  and what came since (--retry and --keep-going do otherwise).

what is sure
  The clock is kept after the command has succeeded, or the lines were written. Who is killed
  between the two (SIGKILL, a power cut) repeats that one trigger at the next start, and misses none.
  On SIGTERM and Ctrl-C a command under way may finish, and counts; a second signal ends it, and
  then it is run again at the next start.

exit status
  0  it was asked to end, or --once is done       3  the server refuses, or speaks a later protocol
  1  the command has failed                       4  the state can't be used: another one does, say
  2  the command line is wrong

environment
  STREE_TOKEN    the token, in the place of --token-file; the command does not get it"""


def parser() -> argparse.ArgumentParser:
    """Every option; a token is none, as other users see command lines."""
    made = argparse.ArgumentParser(
        "st-follow", description=DESCRIPTION, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("url", metavar="URL", help="the server: http://localhost:8973")
    what = made.add_argument_group("what to follow")
    what.add_argument("--path", help="this directory alone")
    what.add_argument("--include", metavar="GLOB", action="append", default=[], help="only what this names; repeatable")
    what.add_argument("--exclude", metavar="GLOB", action="append", default=[], help="not what this names; repeatable")
    what.add_argument(
        "--types", metavar="TYPE", action="append", default=[], help="file, dir, symlink, other; repeatable"
    )
    what.add_argument("--only-content", action="store_true", help="not files written with the content they had")
    do = made.add_argument_group("what to do")
    do.add_argument("--exec", metavar="CMD", help="run this command, instead of printing")
    do.add_argument("--retry", metavar="N", type=_count, default=0, help="run a command that fails up to N times more")
    do.add_argument("--keep-going", action="store_true", help="a command that fails was dealt with all the same")
    do.add_argument("--json", action="store_true", help="print a line of JSON for each change")
    do.add_argument("--once", action="store_true", help="deal with what has changed by now, then end")
    where = made.add_argument_group("where to begin")
    where.add_argument("--state", metavar="FILE", type=Path, help="keep the clock here, and begin at it")
    where.add_argument("--since", metavar="CLOCK", help="begin at this clock while there is no state (default: now)")
    access = made.add_argument_group("access")
    access.add_argument("--token-file", metavar="FILE", type=Path, help="its first line is the token")
    access.add_argument("--ca-file", metavar="FILE", type=Path, help="trust these certificates, not the system's")
    made.add_argument("--version", action="version", version=f"st-follow {__version__}")
    return made


def _count(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError("0 to 100")
    return number


def token_of(options: argparse.Namespace) -> str | None:
    """From the file or the environment. Raises OSError."""
    if options.token_file is not None:
        return str(options.token_file.read_text().partition("\n")[0].strip())
    return os.environ.get(TOKEN_VARIABLE) or None


def part_of(options: argparse.Namespace) -> dict[str, Any]:
    """The part of the tree, as `changes` takes it."""
    told: dict[str, Any] = {name: getattr(options, name) for name in ("path", "include", "exclude")}
    told["types"] = [",".join(options.types)] if options.types else ()
    told["only"] = "content" if options.only_content else None
    return told


def show(trigger: Trigger, *, as_json: bool) -> None:
    """Prints it, and returns once it is handed over to whoever reads."""
    for line in json_lines(trigger) if as_json else text_lines(trigger):
        sys.stdout.write(line + "\n")
    sys.stdout.flush()


class Following:
    """One run of the program."""

    def __init__(self, options: argparse.Namespace, client: SmartTreeSSE, state: State) -> None:
        words = shlex.split(options.exec) if options.exec is not None else []
        self._options = options
        self._client = client
        self._state = state
        self._command = Command(words, retries=options.retry) if words else None
        self._busy = False
        self._ending = False

    async def run(self) -> int:
        """Until it is asked to end, or the command has failed."""
        task = asyncio.ensure_future(self._follow())
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._asked_to_end, task)
        try:
            return await task
        except asyncio.CancelledError:
            return DONE

    def _asked_to_end(self, task: asyncio.Future[int]) -> None:
        if self._ending and self._command is not None:
            self._command.end()
        self._ending = True
        if not self._busy:
            task.cancel()

    async def _follow(self) -> int:
        since = self._state.clock or self._options.since
        found = triggers(self._client, since, part_of(self._options), once=self._options.once, kept=self._state.save)
        async with aclosing(found):
            async for trigger in found:
                self._busy = True
                status = await self._deal_with(trigger)
                self._busy = False
                if status or self._ending:
                    return FAILED if status else DONE
        return DONE

    async def _deal_with(self, trigger: Trigger) -> int:
        """The clock is kept once all is well; the command's status."""
        if trigger.rebased:
            print("st-follow: rebased: everything may have changed", file=sys.stderr, flush=True)
        if self._command is None:
            show(trigger, as_json=self._options.json)
            self._state.save(trigger.clock)
            return 0
        status = await self._command.run(trigger)
        if status and not self._options.keep_going:
            print(f"st-follow: the command has failed with {status}", file=sys.stderr, flush=True)
            return status
        self._state.save(trigger.clock)
        return 0


async def follow(options: argparse.Namespace, state: State, token: str | None) -> int:
    async with SmartTreeSSE(options.url, token=token, ca_file=options.ca_file) as client:
        return await Following(options, client, state).run()


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status."""
    options = parser().parse_args(argv)
    if options.exec is not None and not options.exec.strip():
        parser().error("--exec names no command")
    try:
        token = token_of(options)
        with State(options.state) as state:
            return asyncio.run(follow(options, state, token))
    except StateError as error:
        return _said(error, STATE)
    except SmartTreeError as error:
        return _said(error, REFUSED)
    except BrokenPipeError:  # who read what is printed has gone; the clock was not kept
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (OSError, ValueError) as error:
        return _said(error, USAGE)


def _said(error: Exception, status: int) -> int:
    print(f"st-follow: {error}", file=sys.stderr)
    return status
