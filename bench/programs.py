"""Programs that a table needs. One that is missing makes the table fail by name: a table never shrinks in silence."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from bench.machine import first_line


class MissingError(Exception):
    """Something that a table compares with, or measures on, is not there; the text says how to get it."""


class Timed(NamedTuple):
    """One run of a command: time from before it was started until after it ended, and processor time of all threads."""

    wall_ns: int
    cpu_ns: int


def program(name: str) -> str:
    """Where a program lies. The environment variable of its name in capitals (`BFS=…`) wins over PATH.

    Raises MissingError.
    """
    wanted = os.environ.get(name.upper(), name)
    found = shutil.which(wanted)
    if found is None:
        raise MissingError(f"{wanted} is missing: `make bench-packages` installs what the benchmarks compare with")
    return found


def program_version(path: str) -> str:
    """The first line that the program says of itself. Raises MissingError where it says nothing."""
    try:
        return first_line([path, "--version"])
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingError(f"{Path(path).name} does not tell its version: {error}") from error


def library_version(name: str) -> str:
    """The version of an installed Python package. Raises MissingError."""
    try:
        return version(name)
    except PackageNotFoundError as error:
        raise MissingError(f"the Python package {name} is missing: make installs it with the table") from error


def debian_version(package: str) -> str:
    """A Debian package and its version. Raises MissingError where it is not installed."""
    try:
        return f"{package} {first_line(['dpkg-query', '-W', '-f', '${Version}', package])}"
    except (OSError, subprocess.CalledProcessError) as error:
        raise MissingError(
            f"{package} is missing: `make bench-packages` installs what the benchmarks compare with"
        ) from error


def timed(command: list[str], cwd: Path) -> Timed:
    """Runs a command with its output thrown away. Raises CalledProcessError, unless it ends with status 0."""
    start = time.perf_counter_ns()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        wall_ns = time.perf_counter_ns() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Timed(wall_ns, int((usage.ru_utime + usage.ru_stime) * 1e9))
