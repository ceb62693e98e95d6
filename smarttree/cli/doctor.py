"""`st doctor [PATH...]`: whether this system will do for watching these directories, and what to change where not.

Status 0: all is well, or there are notes only; 1: there is a warning.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Final

from smarttree import __version__
from smarttree.cli.facts import Facts, MountFacts, RootFacts, SystemFacts, collect
from smarttree.cli.findings import NOTE, WARNING, Finding, is_fine, is_well, judge, watches_needed
from smarttree.cli.output import print_pieces
from smarttree.config import DoctorConfig
from smarttree.printable import name_fields, printable
from smarttree.progress import ScanProgress
from smarttree.watch.limits import Limit

_HEADS: Final = {WARNING: "Warning", NOTE: "Note"}


def doctor(config: DoctorConfig, *, quiet: bool = False) -> int:
    """Prints to standard output. Raises PathError where a root can't be read."""
    began, bar = time.monotonic(), ScanProgress(quiet=quiet)
    try:
        facts = collect(
            config.roots,
            threads=config.scan_threads,
            report=lambda entries, dirs: bar.update(entries, dirs, time.monotonic() - began),
        )
    finally:
        bar.close()
    findings = judge(facts)
    print_pieces(as_json(facts, findings) if config.json else as_text(facts, findings))
    return 0 if is_well(findings) else 1


def as_json(facts: Facts, findings: list[Finding]) -> Iterator[bytes]:
    """One object; its keys are stable."""
    told = {
        "smarttree": __version__,
        "well": is_well(findings),
        "system": _system_fields(facts.system),
        "watches_needed": watches_needed(facts),
        "roots": [_root_fields(root) for root in facts.roots],
        "findings": [finding._asdict() for finding in findings],
    }
    yield json.dumps(told, indent=2).encode("ascii")
    yield b"\n"


def _system_fields(system: SystemFacts) -> dict[str, object]:
    fields: dict[str, object] = asdict(system)
    for name in ("watches", "instances", "queued_events"):
        limit: Limit | None = getattr(system, name)
        fields[name] = limit and limit._asdict()
    fields["in_use"] = system.in_use._asdict()
    return fields


def _root_fields(root: RootFacts) -> dict[str, object]:
    fields: dict[str, object] = asdict(root)
    del fields["path"]
    fields["mounts"] = [_mount_fields(mount) for mount in root.mounts]
    return {**name_fields("path", root.path), **fields}


def _mount_fields(mount: MountFacts) -> dict[str, object]:
    return {**name_fields("path", mount.path), "kind": mount.kind, "polled": mount.polled}


def as_text(facts: Facts, findings: list[Finding]) -> Iterator[bytes]:
    """Facts first, a line each; then what is to be said of them."""
    for line in _facts(facts):
        yield f"{line}\n".encode()
    for finding in findings:
        yield f"\n{_HEADS[finding.level]}: {finding.text}.\n".encode()
        for head, command in (("now", finding.remedy), ("for good", finding.keep)):
            if command:
                yield f"  {head}: {command}\n".encode()
    if not findings:
        yield b"\nAll is well.\n"


def _facts(facts: Facts) -> Iterator[str]:
    system = facts.system
    yield f"smarttree {__version__} on {system.platform} {system.release}"
    if system.platform == "linux":
        yield from _linux(system, watches_needed(facts))
    yield f"open files: {_number(system.descriptors)} (at most {_number(system.descriptors_hard)})"
    for root in facts.roots:
        yield f"{printable(root.path)}: {root.kind or 'unknown file system'}, watched by {root.watcher} ({root.why})"
        times = "fine" if is_fine(facts.system.release, root.kind) else "perhaps coarse"
        yield f"  {root.entries:,} entries, {root.dirs:,} directories; times are {times}"
        for mount in root.mounts:
            yield f"  {printable(mount.path)}: {mount.kind}{', polled' if mount.polled else ''}"


def _linux(system: SystemFacts, needed: int) -> Iterator[str]:
    yield (
        f"inotify: {needed:,} directories; watches: {system.in_use.watches:,} of {_limit(system.watches)} in use; "
        f"instances: {system.in_use.instances:,} of {_limit(system.instances)}; queue of "
        f"{_limit(system.queued_events)} events"
    )
    capability = {True: "yes", False: "no", None: "unknown"}[system.cap_sys_admin]
    yield f"fanotify: {system.fanotify or 'permitted'}; CAP_SYS_ADMIN: {capability}"
    if system.tick_ns is not None:
        yield f"coarse clock of the kernel: a tick of {system.tick_ns / 1e6:g} ms"


def _limit(limit: Limit | None) -> str:
    return _number(limit.value if limit else None)


def _number(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
