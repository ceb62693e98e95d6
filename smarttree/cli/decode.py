"""`st decode FILE`: what a QTN1 document or marqant container says, in a form for people (classic) or scripts (json).

A snapshot is printed as `st PATH` prints a tree, in any mode; a delta or batch as its records and a manifest as its
chunks, one a line; of marqant the text itself is printed, which json tells with what its container says.
"""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smarttree import codec, marqant, modes, wire
from smarttree.cli.output import harmless, print_pieces, print_view
from smarttree.cli.paths import refusal
from smarttree.clock import Clock
from smarttree.config import DecodeConfig
from smarttree.errors import BadParameter, MarqantError, QtnError, TooLarge
from smarttree.modes import View
from smarttree.printable import name_fields, printable
from smarttree.row import kind_of
from smarttree.tree import SERVICE_ID

if TYPE_CHECKING:
    from smarttree._records import Record, Records

_STDIN: Final = "-"
_MODES: Final = ("classic", "json")


def decode(config: DecodeConfig) -> int:
    """Prints to standard output. Raises QtnError with the file's name and the offset in its text, and MarqantError and
    TooLarge with the name.
    """
    data = _read(config.path)
    where = "standard input" if config.path == _STDIN else printable(config.path)
    try:
        if data.startswith(marqant.MAGIC):
            _print_text(marqant.decode(data, config.max_bytes), config)
        else:
            _print(_binary(data), config)
    except QtnError as error:
        raise error.of(where) from error
    except MarqantError as error:
        raise MarqantError(f"{where}: {error}") from error
    except TooLarge as error:
        raise TooLarge(f"{where}: {error}; --max-bytes allows more") from error
    return 0


def _read(path: str) -> bytes:
    if path == _STDIN:
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except IsADirectoryError as error:
        raise BadParameter(f"{printable(path)} is a directory: `st {printable(path)}` prints it") from error
    except OSError as error:
        raise refusal(path, error) from error


def _binary(data: bytes) -> bytes:
    """The document itself, from either of its forms. Space around the text form is not minded."""
    text = data.strip()
    if not text.startswith(wire.PREFIX_SNAPSHOT.encode("ascii")):
        return data
    try:
        return codec.from_text(text.decode("ascii"))
    except UnicodeDecodeError as error:
        raise QtnError("base64", error.start) from None


def _print_text(decoded: marqant.Decoded, config: DecodeConfig) -> None:
    _require_no_tree(config)
    pieces = iter((decoded.text,))
    if config.mode == "json":
        told = {"document": "marqant", "time": decoded.time, "size": len(decoded.text), "flags": decoded.flags}
        pieces = iter((json.dumps({**told, "text": decoded.text.decode()}).encode(), b"\n"))
    elif sys.stdout is not None and sys.stdout.isatty():
        pieces = harmless(pieces)
    print_pieces(pieces)


def _require_no_tree(config: DecodeConfig) -> None:
    if config.mode not in _MODES or config.depth is not None:
        raise BadParameter(f"all but a snapshot is told by --mode {' or '.join(_MODES)}, and has no depth")


def _print(data: bytes, config: DecodeConfig) -> None:
    if data.startswith((wire.MAGIC_DELTA, wire.MAGIC_BATCH, wire.MAGIC_MANIFEST)):
        _require_no_tree(config)
        as_json = config.mode == "json"
        told = _manifest if data.startswith(wire.MAGIC_MANIFEST) else _records
        print_pieces(told(data, as_json=as_json))
        return
    if not data.startswith(wire.MAGIC_SNAPSHOT):
        raise BadParameter(
            f"{printable(config.path)}: no QTN1 document, which begins with 01 02 or {wire.PREFIX_SNAPSHOT}, and no "
            f"marqant, which begins with {marqant.MAGIC.decode()}"
        )
    snapshot = codec.decode_snapshot(data)
    view = View(snapshot.clock, snapshot.tree, snapshot.tree.digest(SERVICE_ID))
    print_view(view, snapshot.top, modes.find(config.mode), config.depth)


def _records(data: bytes, *, as_json: bool) -> Iterator[bytes]:
    """A delta or batch, piece by piece."""
    head, records = _head_and_records(data)
    if as_json:
        return _json(head, "records", map(_fields, records))
    return _lines({**head, "records": len(records)}, map(_line, records))


def _manifest(data: bytes, *, as_json: bool) -> Iterator[bytes]:
    """A manifest, piece by piece."""
    header, chunks = codec.decode_manifest(data)
    head: dict[str, object] = {
        "document": "manifest",
        "clock": str(header.clock),
        "digest": f"{header.digest:032x}",
        "entries": header.entries,
    }
    if as_json:
        head |= name_fields("path", header.path)
        return _json(head, "chunks", map(_chunk_fields, chunks))
    shown = {**head, "path": printable(header.path), "chunks": len(chunks)}
    return _lines(
        shown, (f"{n}: " + ", ".join(f"{g.address:032x} {g.size:,}" for g in groups) + "\n" for n, groups in chunks)
    )


def _chunk_fields(chunk: tuple[int, Sequence[codec.Reference]]) -> dict[str, object]:
    entries, groups = chunk
    return {
        "entries": entries,
        "groups": [{"address": f"{group.address:032x}", "size": group.size} for group in groups],
    }


def _lines(head: dict[str, object], lines: Iterable[str]) -> Iterator[bytes]:
    yield (" ".join(f"{key} {value}" for key, value in head.items()) + "\n").encode()
    for line in lines:
        yield line.encode()


def _json(head: dict[str, object], name: str, items: Iterable[dict[str, object]]) -> Iterator[bytes]:
    """One object, whose last member is a list with an item a line."""
    yield (json.dumps(head, separators=(",", ":"))[:-1] + f',"{name}":[').encode("ascii")
    for number, item in enumerate(items):
        yield (",\n" if number else "\n").encode("ascii") + json.dumps(item, separators=(",", ":")).encode()
    yield b"\n]}\n"


def _head_and_records(data: bytes) -> tuple[dict[str, object], Records]:
    if data.startswith(wire.MAGIC_DELTA):
        return {"document": "delta"}, codec.decode_delta(data)
    batch = codec.decode_batch(data)
    head: dict[str, object] = {
        "document": "batch",
        "from": str(Clock(batch.epoch, batch.from_seq)),
        "clock": str(Clock(batch.epoch, batch.to_seq)),
        "digest": None if batch.digest is None else f"{batch.digest:016x}",
    }
    return head, batch.records


def _line(record: Record) -> str:
    """One record for a person: what it does not say is left out."""
    if record.mask & wire.MASK_DELETED:
        return f"{record.id}: deleted\n"
    said = []
    if record.mask & wire.MASK_PLACE:
        said.append(f"is {printable(record.name)} in {record.parent or 'the service'}")
    if record.mask & wire.MASK_MODE:
        said.append(stat.filemode(record.mode))
    if record.mask & wire.MASK_SIZE:
        said.append(f"{record.size:,} bytes")
    if record.mask & wire.MASK_MTIME:
        seconds, rest = divmod(record.mtime_ns, 10**9)
        said.append(f"mtime {seconds}.{rest:09d}")
    return f"{record.id}: {', '.join(said)}\n"


def _fields(record: Record) -> dict[str, object]:
    """One record for a program, with the fields of mode `json`; `st_mode` also tells apart what that calls `other`."""
    if record.mask & wire.MASK_DELETED:
        return {"id": record.id, "deleted": True}
    fields: dict[str, object] = {"id": record.id}
    if record.mask & wire.MASK_PLACE:
        fields |= {"parent": record.parent, **name_fields("name", record.name)}
    if record.mask & wire.MASK_MODE:
        permissions = format(stat.S_IMODE(record.mode), "04o")
        fields |= {"kind": kind_of(record.mode), "mode": permissions, "st_mode": record.mode}
    if record.mask & wire.MASK_SIZE:
        fields["size"] = record.size
    if record.mask & wire.MASK_MTIME:
        fields["mtime_ns"] = str(record.mtime_ns)
    return fields
