"""The law of the ignore rules: they are git's. Random rule files over random trees, and real git says what is right."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from random import Random

import pytest

from smarttree.disk.base import Disk
from smarttree.disk.linux import LinuxDisk
from smarttree.disk.portable import PortableDisk
from smarttree.ignore import Rules, command_rules
from tests.rule_sets import Case, begin_repositories, git, ignored_by_git, kept_by_git, plant, random_case, random_line

FRESH = secrets.randbits(32)  # it stands in the test's name, and what failed is repeated by IGNORE_SEEDS=
SEEDS = [int(seed) for seed in os.environ.get("IGNORE_SEEDS", f"1,2,{FRESH}").split(",")]
CASES = 100


def ignored_by_us(cases: list[Case], exclude: tuple[bytes, ...] = ()) -> set[bytes]:
    """The same by our rules: directory by directory, and nothing is asked about what is below an ignored one."""
    top = Rules(b"", reads_files=True).begin_repository().extend(3, b"\n".join(exclude))
    ignored: set[bytes] = set()
    for case in cases:
        if top.ignores(case.name, True):
            ignored |= {case.name + b"/" + path for path in case.paths}
            continue
        rules = {b"": _inside(top.enter(case.name), case, b"")}
        for path, is_dir in case.paths.items():
            above, name = os.path.split(path)
            if above not in rules or rules[above].ignores(name, is_dir):
                ignored.add(case.name + b"/" + path)
            elif is_dir:
                rules[path] = _inside(rules[above].enter(name), case, path + b"/")
    return ignored


def _inside(rules: Rules, case: Case, directory: bytes) -> Rules:
    lines = case.rules.get(directory + b".gitignore")
    return rules if lines is None else rules.extend(2, b"\n".join(lines))


def shrunk(case: Case, top: Path) -> Case:
    """The case with as few lines as still show a difference."""
    for number, smaller in enumerate(case.smaller()):
        at = top / f"less{number}"
        plant(at, [smaller])
        if ignored_by_git(at, [smaller]) != ignored_by_us([smaller]):
            return shrunk(smaller, at)
    return case


@pytest.mark.parametrize("seed", SEEDS)
def test_what_git_ignores_is_ignored(seed: int, tmp_path: Path) -> None:
    print(f"seed {seed}")
    rng = Random(seed)
    cases = [random_case(rng, b"case%d" % number) for number in range(CASES)]
    exclude = (*(random_line(rng) for _ in range(4)), b"!case*", b"case0/*a")
    plant(tmp_path / "all", cases, exclude)
    by_git, by_us = ignored_by_git(tmp_path / "all", cases), ignored_by_us(cases, exclude)
    assert by_git
    for case in cases:
        wrong = {path for path in by_git ^ by_us if path.startswith(case.name + b"/")}
        if wrong:
            least = shrunk(case, tmp_path)
            pytest.fail(f"seed {seed}, git's exclude file {exclude}: we and git differ on {wrong}\n{least.rules}")


DISKS = [LinuxDisk(), PortableDisk()]


@pytest.mark.parametrize("disk", DISKS, ids=lambda disk: disk.name)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_scan_leaves_out_what_git_ignores(seed: int, disk: Disk, tmp_path: Path) -> None:
    """With repositories in the repository, each with a rule file of git's own."""
    print(f"seed {seed}")
    rng, top = Random(seed), tmp_path / "all"
    cases = [random_case(rng, b"case%d" % number) for number in range(30)]
    plant(top, cases, (*(random_line(rng) for _ in range(4)), b"!case*", b"case0/*a"))
    repositories = begin_repositories(rng, top, cases)
    opened = disk.open(os.fsencode(top))
    rules = command_rules(rule_files=True)
    found = opened.scan(watch=None, threads=1, depth=0, progress=disk.progress(), rules=rules)
    opened.close()
    paths = {found.path(index) for index in range(1, len(found)) if found.name(index) != b".git"}
    assert paths == kept_by_git(top, cases, repositories)
    assert len(repositories) > 3


@pytest.mark.parametrize(
    ("glob", "name"),
    [
        (b"a*" * 60 + b"b", b"a" * 255),
        (b"*a" * 100, b"a" * 254 + b"b"),
        (b"[a-z]*" * 600 + b"!", b"a" * 255),
        (b"x/" + b"**/a*/" * 300 + b"b", b"a" * 255),
        (b"?*" * 2000, b"a" * 255),
    ],
    ids=lambda it: f"{len(it)}",
)
def test_no_glob_takes_exponential_time(glob: bytes, name: bytes) -> None:
    """Each of these would keep a matcher that tries one way after the other busy for longer than anyone waits."""
    rules = Rules(b"", reads_files=True).extend(2, glob)
    for _ in range(8):
        rules.ignores(name, False)
        rules = rules.enter(name).enter(b"x")


def test_a_glob_that_is_too_long_matches_nothing() -> None:
    rules = Rules(b"", reads_files=True).extend(2, b"*" * 4095 + b"\n" + b"*" * 4096 + b"x\n" + b"?" * 5000)
    assert rules.ignores(b"a", False)
    assert not Rules(b"", reads_files=True).extend(2, b"*" * 4096).ignores(b"a", False)


def test_git_is_the_one_on_this_machine(tmp_path: Path) -> None:
    assert git(tmp_path, "--version").startswith(b"git version ")
