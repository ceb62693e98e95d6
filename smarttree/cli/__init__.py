"""The command `st`: settings in, exit status out. A person's own mistake is one line, never a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from smarttree.errors import SmarttreeError

if TYPE_CHECKING:
    from smarttree.cli.settings import Settings

__all__ = ["main"]

_INTERRUPTED: Final = 130  # what a shell reports for SIGINT
_BROKEN_PIPE: Final = 141  # and for SIGPIPE: as if we had died of it, like every other tool before `| head`


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status. `--help` raises SystemExit(0), as argparse does."""
    try:
        # Imported here, so that an interrupt while modules load is as quiet as one later.
        from smarttree.cli.settings import read_settings

        return _run(read_settings(sys.argv[1:] if argv is None else argv, os.environ))
    except SmarttreeError as error:
        from smarttree.cli.logs import tell_end

        tell_end(str(error))
        return error.exit_status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        return _BROKEN_PIPE


def _raise_descriptor_limit() -> None:
    """A scan holds a descriptor for each level, a server one for each client: take as many as the system allows."""
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):  # where the hard limit is more than the system then grants
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _run(settings: Settings) -> int:
    # What only one of the uses needs is imported there: aiohttp alone takes 350 ms.
    import logging

    from smarttree.cli.logs import start_logging

    start_logging(settings.log)
    _raise_descriptor_limit()
    log = logging.getLogger(__name__)
    for warning in settings.warnings:
        log.warning("%s", warning)
    if settings.show is not None:
        from smarttree.cli.show import show

        return show(settings.show)
    if settings.decode is not None:
        from smarttree.cli.decode import decode

        return decode(settings.decode)
    if settings.doctor is not None:
        from smarttree.cli.doctor import doctor

        return doctor(settings.doctor, quiet=settings.log.verbosity < 0)
    if settings.states is not None:
        from smarttree.cli.states import states

        return states(settings.states)
    if settings.serve is not None:
        from smarttree.cli.serve import serve

        return serve(*settings.serve, log=settings.log)
    from smarttree.cli.version import version_line

    print(version_line())
    return 0
