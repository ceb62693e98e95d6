"""The events of a stream, each as a frozen value; `type` says which it is.

Law: `data` is the event's data as it came, also what this version has no field for; a field that did not come has a
default. `clock` is that of the batch it belongs to, which is whole by the time that its first event is handed on.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

from .batches import Batch
from .errors import StreamEndedError
from .sse import Frame
from .told import ChangeType, Kind

__all__ = ["PROTOCOL", "ChangeEvent", "Event", "MessageEvent", "OtherEvent", "QuantumEvent", "StatsEvent", "TreeEvent"]

PROTOCOL = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeEvent:
    """A root with everything below it, at the stream's start or because everything held is to be replaced by it."""

    type: ClassVar[Literal["tree"]] = "tree"
    clock: str
    data: Mapping[str, Any]
    path: str
    mode: str
    reason: str
    compressed: str | None
    manifest: str | None
    digest: str | None
    filtered: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change. A path that is not UTF-8 is as `os.fsdecode` gives it. `delta` is QTN1, for `decompress`."""

    type: ClassVar[Literal["change"]] = "change"
    clock: str
    data: Mapping[str, Any]
    change: ChangeType
    path: str
    old_path: str | None
    kind: Kind
    size: int
    timestamp: str
    delta: str | None
    content: Literal["same", "changed"] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantumEvent:
    """Every change of a batch, once, as QTN1, for `decompress`."""

    type: ClassVar[Literal["quantum"]] = "quantum"
    clock: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsEvent:
    """How a root changes: its fields are in `data`."""

    type: ClassVar[Literal["stats"]] = "stats"
    clock: str
    data: Mapping[str, Any]
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent:
    """What ends each batch. `more`: a piece of something larger, whose next piece follows: act on False."""

    type: ClassVar[Literal["message"]] = "message"
    clock: str
    data: Mapping[str, Any]
    changes: int
    more: bool
    digest: str | None
    vcs: Mapping[str, Any] | None
    root: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherEvent:
    """An event that this version does not know, or whose data is none that it knows; a text where that is not JSON."""

    type: str
    clock: str
    data: Any


Event = TreeEvent | ChangeEvent | QuantumEvent | StatsEvent | MessageEvent | OtherEvent


def told_path(data: Mapping[str, Any], field: str = "path") -> str:
    """A path exactly: where it is not UTF-8, its bytes are beside it as base64."""
    encoded = data.get(f"{field}_b64")
    return os.fsdecode(base64.b64decode(encoded)) if isinstance(encoded, str) else str(data.get(field, ""))


def _tree(data: Mapping[str, Any], clock: str) -> TreeEvent:
    check_protocol(data)
    return TreeEvent(
        clock=clock,
        data=data,
        path=told_path(data),
        mode=data.get("mode", ""),
        reason=data.get("reason", "initial"),
        compressed=data.get("compressed"),
        manifest=data.get("manifest"),
        digest=data.get("digest"),
        filtered=bool(data.get("filtered")),
    )


def _change(data: Mapping[str, Any], clock: str) -> ChangeEvent:
    return ChangeEvent(
        clock=clock,
        data=data,
        change=data.get("type", "modified"),
        path=told_path(data),
        old_path=told_path(data, "old_path") if "old_path" in data else None,
        kind=data.get("kind", "other"),
        size=data.get("size", 0),
        timestamp=data.get("timestamp", ""),
        delta=data.get("delta"),
        content=data.get("content"),
    )


def _stats(data: Mapping[str, Any], clock: str) -> StatsEvent:
    return StatsEvent(clock=clock, data=data, path=told_path(data))


def _message(data: Mapping[str, Any], clock: str) -> MessageEvent:
    return MessageEvent(
        clock=clock,
        data=data,
        changes=data.get("changes", 0),
        more=bool(data.get("more")),
        digest=data.get("digest"),
        vcs=data.get("vcs"),
        root=data.get("root"),
    )


READERS: dict[str, Callable[[Mapping[str, Any], str], Event]] = {
    "tree": _tree, "change": _change, "stats": _stats, "message": _message,
}  # fmt: skip


def check_protocol(data: Mapping[str, Any]) -> None:
    """Refuses what a later protocol tells: it may mean something else."""
    protocol = data.get("protocol", PROTOCOL)
    if protocol > PROTOCOL:
        message = f"the server speaks protocol {protocol}, and this library {PROTOCOL}: install a newer smart-tree-sse"
        raise StreamEndedError("protocol", message)


def events_of(batch: Batch) -> list[Event]:
    """The events of a batch, in order."""
    return [_event(frame, batch.clock) for frame in batch.frames]


def _event(frame: Frame, clock: str) -> Event:
    text = frame.data or ""
    if frame.event == "quantum":
        return QuantumEvent(clock=clock, data=text)
    try:
        data = json.loads(text)
    except ValueError:
        return OtherEvent(type=frame.event, clock=clock, data=text)
    read = READERS.get(frame.event)
    if read is None or not isinstance(data, dict):
        return OtherEvent(type=frame.event, clock=clock, data=data)
    return read(cast(dict[str, Any], data), clock)
