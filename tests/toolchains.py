"""Other people's tools that tests run or build with: one that is missing skips its test, and in CI fails it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.nursery import PROJECT


def tool(*names: str) -> str:
    """The first of them that is there."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing = f"{names[0]} is missing: run `make system-packages`"
    return pytest.fail(missing, pytrace=False) if os.environ.get("CI") else pytest.skip(missing)


def built_by_cargo(crate: Path, program: str) -> str:
    """A Rust program of ours. What is built stays below build/, by the name of the program."""
    target = Path(PROJECT, "build", "cargo", program)
    command = [tool("cargo"), "build", "-q", "--locked", "--target-dir", str(target)]
    rustup = Path(pwd.getpwuid(os.getuid()).pw_dir, ".rustup")  # its toolchain is there, also where HOME is another
    known = {"RUSTUP_HOME": str(rustup)} if rustup.is_dir() else {}
    subprocess.run(command, cwd=crate, env=known | os.environ, check=True)
    return str(target / "debug" / program)
