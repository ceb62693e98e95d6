"""The pure part of a mirror: which batch is applied, which is skipped, and what can't be gone on from.

Law: what is held is at every moment the tree of one clock. `OutOfStep` says why it has to be replaced.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .draft import Draft
from .errors import QtnError
from .events import TreeEvent
from .qtn.manifest import Manifest, address, assemble, decode_manifest, groups_of, is_addressed
from .qtn.records import decode_batch
from .qtn.snapshot import decode_snapshot
from .qtn.text import from_text
from .told import TreeChange, draft_changes
from .tree import Tree

__all__ = [
    "Group", "OutOfStepError", "Part", "Prepared", "RebaseReason", "is_group", "known_groups", "lacking", "part_of",
    "prepare", "whole_tree",
]  # fmt: skip

RebaseReason = Literal["initial", "server", "gap", "epoch", "digest", "damaged"]
Group = tuple[int, int]  # address and stored size


class OutOfStepError(Exception):
    """What came does not lead on from what is held."""

    def __init__(self, why: RebaseReason) -> None:
        super().__init__(why)
        self.why: RebaseReason = why


# --- a batch


@dataclass(slots=True)
class Prepared:
    """A batch worked out, and what subscribers are to be told of it. Nothing has changed yet."""

    draft: Draft
    to_seq: int
    changes: list[TreeChange]

    def commit(self) -> None:
        self.draft.commit()
        self.draft.tree.seq = self.to_seq


def prepare(tree: Tree | None, text: str, *, tell: bool) -> Prepared | None:
    """What a `quantum` event does to the tree; None where it is known already."""
    try:
        batch = decode_batch(from_text(text))
        if tree is None:
            raise OutOfStepError("gap")
        if batch.epoch != tree.epoch:
            raise OutOfStepError("epoch")
        if batch.to_seq <= tree.seq:
            return None
        if batch.from_seq > tree.seq:
            raise OutOfStepError("gap")
        draft = Draft(tree, batch.records)
    except QtnError as error:
        raise OutOfStepError("damaged") from error
    if batch.digest_low is not None and batch.digest_low != draft.digest_low:
        raise OutOfStepError("digest")
    return Prepared(draft, batch.to_seq, draft_changes(draft) if tell else [])


# --- an opening


@dataclass(frozen=True, slots=True)
class Part:
    """A root as an opening tells it: its snapshot, or the manifest of that."""

    document: bytes
    manifest: Manifest | None


def part_of(event: TreeEvent) -> Part:
    """What a `tree` event brings."""
    text = event.compressed or event.manifest
    try:
        document = from_text(text or "")
        return Part(document, None if event.compressed else decode_manifest(document))
    except QtnError as error:
        raise OutOfStepError("damaged") from error


def known_groups(documents: Sequence[bytes]) -> dict[int, bytes]:
    """The groups of snapshots, by their addresses."""
    return {address(group): group for document in documents for group in groups_of(document)}


def lacking(parts: Sequence[Part], known: Mapping[int, bytes]) -> list[Group]:
    """The groups that manifests name and that are not known, each once."""
    named = (group for part in parts if part.manifest for group in part.manifest.addresses())
    return list(dict.fromkeys(group for group in named if group[0] not in known))


def whole_tree(parts: Sequence[Part], known: Mapping[int, bytes]) -> tuple[Tree, list[bytes]]:
    """The tree that an opening tells, and the snapshots it is made of."""
    try:
        documents = [_snapshot(part, known) for part in parts]
        return Tree([decode_snapshot(document) for document in documents]), documents
    except QtnError as error:
        raise OutOfStepError("damaged") from error


def _snapshot(part: Part, known: Mapping[int, bytes]) -> bytes:
    if part.manifest is None:
        return part.document
    return assemble(part.manifest, [known.get(named, b"") for named, _ in part.manifest.addresses()])


def is_group(body: bytes, group: Group) -> bool:
    """Whether what was fetched is the group."""
    return is_addressed(body, *group)
