"""The command of a trigger: its arguments, its environment, its run.

Law: one run at a time. The command is a group of processes of its own, so that a Ctrl-C in the terminal reaches it only
through us; it never gets the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from typing import Final

from ..events import told_path
from .output import json_lines
from .triggers import Trigger

__all__ = ["Command"]

TOKEN_VARIABLE: Final = "STREE_TOKEN"
PLACE: Final = "{}"
# Of paths on a command line: a quarter of the least that Linux allows for arguments and environment together.
PATHS_MAX_BYTES: Final = 512 << 10
RETRY_S: Final = 1.0


class Command:
    """`words`: the command; each `{}` among them stands for the changed paths, an argument each."""

    def __init__(self, words: Sequence[str], *, retries: int) -> None:
        self._words = [*words]
        self._retries = retries
        self._process: asyncio.subprocess.Process | None = None
        self._ended = False

    def end(self) -> None:
        """Asks the run under way to end; it is not run again."""
        self._ended = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGTERM)

    async def run(self, trigger: Trigger) -> int:
        """Runs it, again where it fails and that is asked for; the last exit status, 128 + N for signal N."""
        status = await self._run_once(trigger)
        for attempt in range(self._retries):
            if status == 0 or self._ended:
                break
            print(f"st-follow: the command has failed with {status}: trying again", file=sys.stderr, flush=True)
            await asyncio.sleep(RETRY_S * 2**attempt)
            status = await self._run_once(trigger)
        return status

    async def _run_once(self, trigger: Trigger) -> int:
        with tempfile.NamedTemporaryFile("w", prefix="st-follow-", suffix=".jsonl") as file:
            file.writelines(f"{line}\n" for line in json_lines(trigger))
            file.flush()
            try:
                self._process = await asyncio.create_subprocess_exec(
                    *self.arguments(trigger),
                    env=self.environment(trigger, file.name),
                    stdin=asyncio.subprocess.DEVNULL,
                    process_group=0,
                )
            except OSError as error:
                print(f"st-follow: {self._words[0]}: {error.strerror}", file=sys.stderr, flush=True)
                return 127
            status = await self._process.wait()
            return status if status >= 0 else 128 - status

    def arguments(self, trigger: Trigger) -> list[str]:
        """Paths that are too many for a command line are left out, which is said."""
        if PLACE not in self._words:
            return self._words
        paths = list(dict.fromkeys(told_path(change) for change in trigger.changes))
        if sum(len(os.fsencode(path)) + 9 for path in paths) > PATHS_MAX_BYTES:
            print(
                f"st-follow: {len(paths)} paths are too many for {{}}: see $STREE_CHANGES", file=sys.stderr, flush=True
            )
            paths = []
        return [one for word in self._words for one in (paths if word == PLACE else [word])]

    def environment(self, trigger: Trigger, changes: str) -> dict[str, str]:
        """`STREE_CHANGES` is a file with a line of JSON for each change."""
        told = {name: value for name, value in os.environ.items() if name not in (TOKEN_VARIABLE, "STREE_REBASED")}
        told |= {
            "STREE_CLOCK": trigger.clock,
            "STREE_SINCE": trigger.since,
            "STREE_COUNT": str(len(trigger.changes)),
            "STREE_CHANGES": changes,
        }
        if trigger.rebased:
            told["STREE_REBASED"] = "1"
        return told
