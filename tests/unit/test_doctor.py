"""`st doctor`: what is made of which facts, by faked ones; and the facts of this machine."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from smarttree import watch
from smarttree.cli import main
from smarttree.cli.doctor import as_json, as_text
from smarttree.cli.facts import Facts, InUse, MountFacts, RootFacts, SystemFacts, collect, look_at_system
from smarttree.cli.findings import NOTE, WARNING, Finding, is_fine, judge
from smarttree.disk.base import Reader
from smarttree.disk.linux import LinuxDisk
from smarttree.watch import limits
from smarttree.watch.limits import Limit
from smarttree.watch.linux import InotifyWatcher

FINE = SystemFacts(
    platform="linux",
    release="6.18.4-generic",
    watches=Limit("fs.inotify.max_user_watches", 100_000),
    instances=Limit("fs.inotify.max_user_instances", 128),
    queued_events=Limit("fs.inotify.max_queued_events", 16_384),
    descriptors=1024,
    descriptors_hard=1 << 20,
    cap_sys_admin=True,
    tick_ns=4_000_000,
)
ROOT = RootFacts(path=b"/srv", kind="ext4", watcher="fanotify", why="it is allowed", entries=1000, dirs=100)
BARE = replace(FINE, cap_sys_admin=False, fanotify="Operation not permitted")
PLAIN = replace(ROOT, watcher="inotify", why="it needs the capability")


def found(system: SystemFacts, *roots: RootFacts) -> dict[str, Finding]:
    return {finding.code: finding for finding in judge(Facts(system=system, roots=roots))}


def text(system: SystemFacts, *roots: RootFacts) -> str:
    facts = Facts(system=system, roots=roots)
    return b"".join(as_text(facts, judge(facts))).decode()


def test_where_all_is_well_that_is_said() -> None:
    assert found(FINE, ROOT) == {}
    assert text(FINE, ROOT).endswith("\nAll is well.\n")


@pytest.mark.parametrize(
    ("dirs", "used", "verdict"),
    [
        (80_000, 0, ""),
        (70_000, 15_000, "nearly"),
        (90_000, 0, "nearly"),
        (100_001, 0, "more than"),
        (60_000, 50_000, "more than"),
    ],
)
def test_watches_that_are_too_few(dirs: int, used: int, verdict: str) -> None:
    """Those of others count; each command can be pasted, and leaves room."""
    told = found(replace(BARE, in_use=InUse(used, 3)), replace(PLAIN, dirs=dirs)).get("inotify-watches")
    assert (told is not None) == bool(verdict)
    if told is not None:
        assert told.level == WARNING
        assert verdict in told.text
        assert told.remedy == "sudo sysctl fs.inotify.max_user_watches=262144"
        assert told.keep.startswith("echo fs.inotify.max_user_watches=262144 | sudo tee /etc/sysctl.d/")


def test_fanotify_needs_no_watches() -> None:
    assert "inotify-watches" not in found(FINE, replace(ROOT, dirs=1_000_000))
    assert "inotify-watches" not in found(FINE, replace(ROOT, watcher="polling", dirs=1_000_000))


@pytest.mark.parametrize(
    ("system", "code", "level", "part"),
    [
        (replace(BARE, inotify="Too many open files"), "inotify-instances", WARNING, "max_user_instances=1024"),
        (replace(BARE, inotify="no", instances=None), "inotify-instances", WARNING, "polled"),
        (replace(BARE, queued_events=Limit("q", 16)), "inotify-queue", NOTE, "q=16384"),
        (replace(FINE, descriptors_hard=512), "descriptors", WARNING, "ulimit -Hn"),
        (BARE, "fanotify", NOTE, "CAP_SYS_ADMIN is not there"),
        (replace(FINE, fanotify="Function not implemented"), "fanotify", NOTE, "Function not implemented"),
        (replace(FINE, release="6.8.0"), "coarse-times", NOTE, "tick of 4 ms"),
        (SystemFacts(platform="darwin", release="23"), "portable", NOTE, "watchdog"),
    ],
)
def test_what_is_to_be_said_of_a_system(system: SystemFacts, code: str, level: str, part: str) -> None:
    told = found(system, PLAIN)[code]
    assert told.level == level
    assert part in " ".join((told.text, told.remedy, told.keep))


@pytest.mark.parametrize(
    ("root", "code", "part"),
    [
        (replace(ROOT, watcher="polling", kind="nfs4", why="it is on NFS"), "polled", "it is on NFS"),
        (replace(ROOT, watcher="polling", kind="fuse.sshfs"), "polled", "inode numbers may not last"),
        (
            replace(ROOT, mounts=(MountFacts(path=b"/srv/n", kind="cifs", polled="it is SMB"),)),
            "polled",
            "/srv/n is polled",
        ),
        (replace(ROOT, linked_outside=3), "links-outside", "--hardlink-poll-s"),
        (replace(ROOT, ahead_s=100.0), "clock", "100 s in the future"),
        (replace(ROOT, unreadable=7), "unreadable", "7 entries"),
        (replace(ROOT, kind="proc"), "made-up", "the kernel makes up"),
    ],
)
def test_what_is_to_be_said_of_a_root(root: RootFacts, code: str, part: str) -> None:
    told = found(FINE, root)[code]
    assert told.level == NOTE
    assert part in told.text


def test_warnings_come_first_and_stand_in_the_text_with_their_commands() -> None:
    system = replace(BARE, watches=Limit("user.max_inotify_watches", 10))
    codes = list(found(system, replace(PLAIN, linked_outside=1)))
    assert codes[0] == "inotify-watches"
    told = text(system, PLAIN)
    assert "Warning: the directories need 100 inotify watches" in told
    assert "\n  now: sudo sysctl user.max_inotify_watches=65536\n" in told
    assert "All is well" not in told


@pytest.mark.parametrize(
    ("release", "kind", "fine"),
    [
        ("6.13.0", "ext4", True),
        ("6.12.9", "ext4", False),
        ("7.0", "xfs", True),
        ("6.18", "nfs", False),
        ("odd", "ext4", False),
    ],
)
def test_granularity_of_times(release: str, kind: str, fine: bool) -> None:
    assert is_fine(release, kind) is fine


def test_the_report_for_scripts() -> None:
    mount = MountFacts(path=b"/srv/\xff", kind="nfs", polled="it is NFS")
    facts = Facts(system=BARE, roots=(replace(PLAIN, path=b"/srv", mounts=(mount,)),))
    told = json.loads(b"".join(as_json(facts, judge(facts))))
    assert told["well"] is True
    assert told["watches_needed"] == 100
    assert told["system"]["watches"] == {"setting": "fs.inotify.max_user_watches", "value": 100_000}
    (root,) = told["roots"]
    assert (root["path"], root["watcher"], root["dirs"]) == ("/srv", "inotify", 100)
    assert root["mounts"][0]["polled"] == "it is NFS"
    assert {finding["code"] for finding in told["findings"]} == {"fanotify", "polled"}


# ---------------------------------------------------------------- this machine


def facts_of(*roots: Path) -> Facts:
    return collect([os.fsencode(root) for root in roots], threads=1, report=lambda entries, dirs: None)


def test_what_is_counted_in_a_root(tmp_path: Path) -> None:
    for directory in ("in/deep", "out"):
        (tmp_path / directory).mkdir(parents=True)
    for name in ("in/a", "in/b", "in/c"):
        (tmp_path / name).write_text("x")
    (tmp_path / "in/b2").hardlink_to(tmp_path / "in/b")  # both names are inside
    (tmp_path / "out/c2").hardlink_to(tmp_path / "in/c")
    (root,) = facts_of(tmp_path / "in").roots
    assert (root.entries, root.dirs, root.linked_outside, root.unreadable) == (5, 2, 1, 0)
    assert root.kind


def test_the_watcher_that_is_named_is_the_one_that_is_chosen(tmp_path: Path) -> None:
    places: Sequence[Path] = [tmp_path, Path("/proc/sys/net")]
    for place in places:
        chosen = watch.choose([bytes(place)], reader=Reader(LinuxDisk()), poll_s=1.0)
        chosen.close()
        assert [root.watcher for root in facts_of(place).roots] == [chosen.name]


def test_limits_and_what_is_in_use() -> None:
    before = look_at_system()
    assert before.descriptors == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert before.watches is not None
    assert before.watches.value == limits.lowest(limits.WATCHES).value
    watcher = InotifyWatcher()
    assert look_at_system().in_use.instances >= 1
    watcher.close()


def test_the_lowest_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"a": 9, "b": 4, "c": None}
    monkeypatch.setattr(limits, "read", values.get)
    assert limits.lowest(("a", "b", "c")) == ("b", 4)
    assert limits.lowest(("c",)) == ("c", None)
    assert [limits.enough_for(n) for n in (0, 32_768, 32_769)] == [65_536, 65_536, 131_072]


def test_the_command(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "f").write_text("x")
    status = main(["doctor", "-q", "--json", str(tmp_path)])
    told = json.loads(capfd.readouterr().out)
    assert told["well"] is (status == 0)
    assert told["roots"][0]["entries"] == 1
    assert main(["doctor", "-q", str(tmp_path)]) == status
    assert f"{tmp_path}: " in capfd.readouterr().out
    assert main(["doctor", str(tmp_path / "none")]) == 2
    assert main(["doctor", "--mode", "json"]) == 2
    assert main(["--json", str(tmp_path)]) == 2
