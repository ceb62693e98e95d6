"""`make soak`: every form of the mirror law, large, for SOAK_MINUTES (60), each at least once; prints seeds and counts.

Law: it goes on after a defect, with another seed, and tells all of them at the end; exit status 1 if there is any.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import monotonic

from tests.storm.campaign import FLAGS, Outcome, Plan, campaign
from tests.storm.perform import remove
from tests.storm.releases import RELEASES, archive
from tests.storm.team import PROJECT
from tests.storm.witness import LawBroken

MINUTES = float(os.environ.get("SOAK_MINUTES") or 60)
SEED = int(os.environ.get("STORM_SEED") or secrets.randbits(32))


class Soak:
    """What has been done so far, and what was found."""

    def __init__(self) -> None:
        self.began = monotonic()
        self.outcome, self.storms = Outcome(), 0
        self.defects: list[str] = []

    def say(self, text: str) -> None:
        print(f"{monotonic() - self.began:7.0f} s  {text}", flush=True)

    def is_over(self) -> bool:
        return monotonic() - self.began > MINUTES * 60

    def storm(self, what: str, plan: Plan) -> None:
        try:
            outcome = campaign(plan)
        except LawBroken as error:
            self.note(f"{what}, seed {plan.seed}: {error}")
            return
        self.storms += 1
        self.outcome += outcome
        told = ", ".join(f"{number:,} {name}" for name, number in vars(outcome).items())
        self.say(f"{what}, seed {plan.seed}, {' '.join(plan.flags)}: {told}")

    def suite(self, *arguments: str, **environment: str) -> None:
        """Tests that are there anyway, with these settings."""
        command = [sys.executable, "-m", "pytest", "-q", "-o", "faulthandler_timeout=0", *arguments]
        settings = os.environ | {"STORM_SEED": str(secrets.randbits(32))} | environment
        run = subprocess.run(command, cwd=PROJECT, env=settings, stdout=subprocess.PIPE, text=True, check=False)
        self.say(f"{' '.join(arguments)}: {(run.stdout.splitlines() or [''])[-1]}")
        if run.returncode:
            self.note(f"{' '.join(arguments)}, STORM_SEED={settings['STORM_SEED']}\n{run.stdout[-6000:]}")

    def note(self, defect: str) -> None:
        self.defects.append(defect)
        self.say(f"DEFECT {len(self.defects)}: {defect}")


POLLED = ("--batch-ms", "5", "--watcher", "polling", "--poll-s", "0.1")


def small(seeds: Iterator[int]) -> Iterator[tuple[str, Plan]]:
    """Storms on a small tree, where everything meets everything: each kind of server, with and without cuts."""
    for flags in (*FLAGS, POLLED):
        yield "storm", Plan(seed=next(seeds), rounds=25, steps=1000, workers=4, flags=flags)
        yield "cuts", Plan(seed=next(seeds), rounds=15, steps=800, cutters=6, slow=2, flags=flags)
    flags = (*FLAGS[0], "--retention-bytes", "2K")
    yield "little kept", Plan(seed=next(seeds), rounds=15, steps=500, cutters=4, slow=2, flags=flags)


def large(root: Path, seeds: Iterator[int]) -> Iterator[tuple[str, Plan]]:
    """Storms in a whole release of Linux, which is different after each."""
    yield "storm in linux", Plan(seed=next(seeds), rounds=4, steps=2000, workers=3, changes=False, root=root)
    cuts = Plan(seed=next(seeds), rounds=3, steps=1000, cutters=2, slow=1, changes=False, root=root)
    yield "cuts in linux", cuts


def unpack(into: Path) -> Path:
    missing = [f"linux-source-{release}" for release in RELEASES if archive(release) is None]
    if missing:
        sys.exit(f"the large forms need Debian's {' and '.join(missing)}: apt-get install {' '.join(missing)}")
    packed = archive(RELEASES[0]) or "missing"
    subprocess.run(["tar", "-xf", packed, "--touch", "--no-same-owner", "-C", into], check=True)
    (tree,) = into.iterdir()
    (tree / "held").mkdir()
    return tree


def main() -> int:
    soak, seeds = Soak(), count(SEED)
    soak.say(f"{MINUTES:g} minutes, seeds from {SEED}; repeat with STORM_SEED={SEED}")
    with tempfile.TemporaryDirectory(prefix="smarttree-soak-", ignore_cleanup_errors=True) as scratch:
        tree = unpack(Path(scratch))
        for cycle in count():
            for what, plan in (*small(seeds), *large(tree, seeds)):
                soak.storm(what, plan)
                if cycle and soak.is_over():
                    break
            soak.suite("tests/mirror", "--deselect", "tests/mirror/test_git_burst.py")
            if cycle == 0:
                soak.suite("tests/mirror/test_git_burst.py", BURST="all")
            if soak.is_over():
                break
        remove(bytes(tree))
    totals = ", ".join(f"{number:,} {name}" for name, number in vars(soak.outcome).items())
    soak.say(f"{soak.storms} storms, seeds {SEED} to {next(seeds) - 1}: {totals}; {len(soak.defects)} defects")
    for number, defect in enumerate(soak.defects, 1):
        print(f"\n=== defect {number}\n{defect}")
    return 1 if soak.defects else 0


if __name__ == "__main__":
    sys.exit(main())
