"""`st doctor [PATH...]`: whether this system will do for watching these directories, and what to change where not.

Status 0: all is well; 1: there is a warning.
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
        "system": asdict(facts.system),
        "watches_needed": watches_needed(facts),
        "roots": [_root_fields(root) for root in facts.roots],
        "findings": [finding._asdict() for finding in findings],
    }
    yield json.dumps(told, indent=2).encode("ascii")
    yield b"\n"


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
        if finding.remedy:
            yield f"  {finding.remedy}\n".encode()
    if is_well(findings):
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
        f"inotify: {needed:,} watches needed of {_number(system.watches_max)}, instances at most "
        f"{_number(system.instances_max)}, queue of {_number(system.queued_events_max)} events"
    )
    capability = {True: "yes", False: "no", None: "unknown"}[system.cap_sys_admin]
    yield f"fanotify: {system.fanotify or 'permitted'}; CAP_SYS_ADMIN: {capability}"
    if system.tick_ns is not None:
        yield f"coarse clock of the kernel: a tick of {system.tick_ns / 1e6:g} ms"


def _number(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"
