"""`st decode` says what `st PATH` said, and of a delta or batch what the plain decoder reads in it."""

from __future__ import annotations

import base64
import json
import os
import resource
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from zstandard import ZstdCompressor

from smarttree import codec, marqant, qtn, wire
from smarttree.cli import main
from smarttree.cli.output import harmless
from smarttree.clock import Clock
from spec import qtn1
from tests.plain_encoder import seal, varint
from tests.trees import pair

Capture = pytest.CaptureFixture[bytes]
ODD = b"new\nline\xff\x1b[31m"


def printed(capture: Capture, *argv: str | Path) -> bytes:
    """What a run that ends well prints."""
    capture.readouterr()
    assert main([str(word) for word in argv]) == 0
    out, err = capture.readouterr()
    assert err == b""
    return out


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """A small tree with a name that must not reach a terminal as it is."""
    root = tmp_path / "root"
    (root / "d" / "e").mkdir(parents=True)
    (root / "d" / "file.txt").write_bytes(b"five!")
    (root / os.fsdecode(ODD)).touch()
    (root / "link").symlink_to("nowhere")
    return root


@pytest.mark.parametrize("form", ["binary", "text"])
@pytest.mark.parametrize("mode", [["classic"], ["json"], ["json", "--depth", "1"], ["quantum"]], ids=" ".join)
def test_a_snapshot_is_told_as_its_directory_is(
    grown: Path, tmp_path: Path, mode: list[str], form: str, capfdbinary: Capture
) -> None:
    document = printed(capfdbinary, "--mode", "quantum", grown)
    file = tmp_path / "tree.qtn"
    file.write_bytes(document if form == "binary" else codec.to_text("QTN1:", document).encode() + b"\n")
    assert printed(capfdbinary, "decode", "--mode", *mode, file) == printed(capfdbinary, "--mode", *mode, grown)


def test_standard_input(grown: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture) -> None:
    document = printed(capfdbinary, "--mode", "quantum", grown)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(document)))
    assert printed(capfdbinary, "decode", "-") == printed(capfdbinary, grown)


def records_of(told: list[dict[str, Any]]) -> list[qtn1.Record]:
    """The records that the JSON tells, read back."""
    found = []
    for one in told:
        parts = {"deleted": 1, "parent": 2, "st_mode": 4, "size": 8, "mtime_ns": 16}
        name = base64.b64decode(one["name_b64"]) if "name_b64" in one else one.get("name", "").encode()
        found.append(
            qtn1.Record(
                one["id"],
                sum(bit for key, bit in parts.items() if key in one),
                one.get("parent", 0),
                name,
                one.get("st_mode", 0),
                one.get("size", 0),
                int(one.get("mtime_ns", 0)),
            )
        )
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_batch_and_a_delta_are_told_record_by_record(seed: int, tmp_path: Path, capfdbinary: Capture) -> None:
    before, after, ids = pair(seed)
    records = codec.diff(before.tree(ids), after.tree(ids))
    file = tmp_path / "document"
    file.write_bytes(codec.encode_batch(Clock(10, 7), 5, None if seed == 0 else 1 << 64 | 255, records))
    told = json.loads(printed(capfdbinary, "decode", "--mode", "json", file))
    assert records_of(told.pop("records")) == qtn1.decode_batch(file.read_bytes()).records
    digest = None if seed == 0 else "00000000000000ff"
    assert told == {"document": "batch", "from": str(Clock(10, 5)), "clock": str(Clock(10, 7)), "digest": digest}
    lines = printed(capfdbinary, "decode", file).splitlines()
    assert len(lines) == len(records) + 1
    assert all(line.isascii() or line.decode().isprintable() for line in lines)
    if len(records):
        file.write_text(codec.to_text(wire.PREFIX_DELTA, codec.encode_delta(records)))
        told = json.loads(printed(capfdbinary, "decode", "--mode", "json", file))
        assert (
            records_of(told["records"]) == qtn1.decode_batch(codec.encode_batch(Clock(1, 1), 0, None, records)).records
        )


def test_a_manifest_is_told_chunk_by_chunk(grown: Path, tmp_path: Path, capfdbinary: Capture) -> None:
    parts = qtn.encode_parts(*qtn.scan(grown))
    file = tmp_path / "manifest"
    file.write_text(codec.to_text(wire.PREFIX_MANIFEST, parts.manifest()))
    told = json.loads(printed(capfdbinary, "decode", "--mode", "json", file))
    assert (told["document"], told["path"], told["entries"]) == ("manifest", str(grown), 5)
    ((entries, groups),) = parts.chunks
    assert told["chunks"] == [
        {"entries": entries, "groups": [{"address": f"{g.address:032x}", "size": len(g.stored)} for g in groups]}
    ]
    head, line = printed(capfdbinary, "decode", file).decode().splitlines()
    assert "entries 5" in head
    assert line.startswith(f"5: {groups[0].address:032x}")


def test_what_is_cut_off_is_one_line_with_its_place(grown: Path, tmp_path: Path, capfdbinary: Capture) -> None:
    document = printed(capfdbinary, "--mode", "quantum", grown)
    file = tmp_path / "cut"
    for length in range(len(document)):
        file.write_bytes(document[:length])
        assert main(["decode", str(file)]) == 2
        out, err = capfdbinary.readouterr()
        assert out == b""
        assert err.startswith(b"st: %s: " % os.fsencode(file))
        assert err.count(b"\n") == 1


def test_a_batch_has_no_depth_and_no_other_mode(tmp_path: Path, capfdbinary: Capture) -> None:
    file = tmp_path / "batch"
    before, after, ids = pair(1)
    file.write_bytes(codec.encode_batch(Clock(1, 1), 0, None, codec.diff(before.tree(ids), after.tree(ids))))
    for more in (["--depth", "1"], ["--mode", "quantum"]):
        assert main(["decode", *more, str(file)]) == 2
        assert b"classic or json" in capfdbinary.readouterr().err


TEXT = "# One\r\n\nthe same words, the same words, the same words\n\x1b[31m\ttabbed\n"


@pytest.fixture
def marked(tmp_path: Path) -> Path:
    file = tmp_path / "one.mq"
    file.write_bytes(marqant.encode(TEXT.encode(), 7))
    return file


def test_marqant_is_its_text(marked: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: Capture) -> None:
    assert printed(capfdbinary, "decode", marked) == TEXT.encode()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=BytesIO(marked.read_bytes())))
    assert json.loads(printed(capfdbinary, "decode", "--mode", "json", "-")) == {
        "document": "marqant",
        "time": "7",
        "size": len(TEXT),
        "flags": [],
        "text": TEXT,
    }


def test_marqant_drives_no_terminal() -> None:
    assert b"".join(harmless(iter((TEXT.encode(),)))).decode() == TEXT.replace("\r\n", "\n").replace("\x1b", "\ufffd")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--max-bytes", "10"], b"may have 10; --max-bytes allows more"),
        (["--depth", "1"], b"classic or json"),
        (["--mode", "ndjson"], b"classic or json"),
    ],
)
def test_marqant_is_refused(marked: Path, words: list[str], told: bytes, capfdbinary: Capture) -> None:
    assert main(["decode", *words, str(marked)]) == 2
    out, err = capfdbinary.readouterr()
    assert (out, told in err, err.count(b"\n")) == (b"", True, 1)


def test_marqant_that_is_damaged_is_one_line(marked: Path, capfdbinary: Capture) -> None:
    marked.write_bytes(marked.read_bytes()[:-9])
    assert main(["decode", str(marked)]) == 2
    out, err = capfdbinary.readouterr()
    assert (out, err.count(b"\n")) == (b"", 1)
    assert err.startswith(b"st: %s: the text has " % os.fsencode(marked))


def test_a_bound_of_bytes_is_for_decoding_alone(tmp_path: Path, capfdbinary: Capture) -> None:
    assert main(["--max-bytes", "10", str(tmp_path)]) == 2
    assert b"--max-bytes only means something in `st decode`" in capfdbinary.readouterr().err


def _head(kind: int) -> bytes:
    return b"\x01\x02" + bytes((kind, 0))


_SNAPSHOT = _head(3) + bytes(8) + b"\x01\x07\x02/t\xed\x83\x01\x00" + bytes(16)
_ZEROS = ZstdCompressor(level=1).compress(bytes(64 << 20))


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        (seal(_SNAPSHOT + b"\x01\x01\x01\x01" + varint(8 << 20) + varint(len(_ZEROS)) + _ZEROS, 8), b"truncated"),
        (seal(_SNAPSHOT + varint(50_000_001), 8), b"too-many-entries"),
        (seal(_SNAPSHOT + varint(50_000_000) + varint(50_000_000), 8), b"truncated"),
        (seal(_head(4) + varint(50_000_001), 4), b"too-many-records"),
        (seal(b"\x01\x02\x04\x01\x01" + varint((1 << 30) + 1), 4), b"column-too-large"),
        (b"QTN1:" + b"A" * (1 << 20), b""),
    ],
)
def test_a_bomb_is_refused_before_memory_is_spent(bomb: bytes, code: bytes, tmp_path: Path) -> None:
    """In a process that may not have much."""
    file = tmp_path / "bomb"
    file.write_bytes(bomb)

    def little() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (256 << 20, 256 << 20))

    command = [sys.executable, "-m", "smarttree", "decode", str(file)]
    done = subprocess.run(command, capture_output=True, check=False, preexec_fn=little)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1), done.stderr
    assert code in done.stderr
