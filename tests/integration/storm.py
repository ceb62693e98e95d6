"""A program that changes a tree at random, as fast as it can: `python storm.py ROOT SEED COUNT`.

Law: it needs nothing but the standard library, does the same for the same seed and tree, and minds no refusal: half of
what it tries is impossible at that moment, and two of them may work on one tree. It makes no hard links: of a write
through a second name that came and went between two looks, the kernel tells nothing of the first name.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

NAMES = [str(number) for number in range(12)]


def start(root: Path, seed: int, count: int) -> subprocess.Popen[bytes]:
    """It, in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, str(root), str(seed), str(count)])


def rage(seed: int, count: int) -> None:
    """`count` attempts in the working directory."""
    dice = random.Random(seed)

    def write(path: str, _: str) -> None:
        with open(path, dice.choice("wa")) as file:
            file.write("x" * dice.randrange(9))

    acts: list[tuple[int, Callable[[str, str], object]]] = [
        (4, write),
        (4, os.rename),
        (3, lambda path, _: os.mkdir(path)),
        (1, lambda path, _: os.unlink(path)),
        (1, lambda path, _: shutil.rmtree(path)),
        (1, lambda path, other: os.symlink(other, path)),
        (1, lambda path, _: os.chmod(path, dice.randrange(512) | 0o700)),
        (1, lambda path, _: os.utime(path, ns=(0, dice.randrange(1 << 62)))),
    ]
    weights = [weight for weight, _ in acts]
    for _ in range(count):
        one, other = (os.path.join(*dice.choices(NAMES, k=dice.choice((1, 2, 2, 3)))) for _ in range(2))
        with suppress(OSError):
            dice.choices(acts, weights)[0][1](one, other)


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    rage(int(sys.argv[2]), int(sys.argv[3]))
