"""Laws of every implementation of QTN1, over `spec/vectors/`: what is right says what its JSON says, what is wrong is
refused with its code, and nothing but a refusal ever comes of damage."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from smarttree import qtn
from spec import qtn1, qtn1_parts, vectors
from tests.plain_encoder import seal
from tests.vectors.compiled import Compiled
from tests.vectors.implementations import Implementation, Json, Plain, Refused

VECTORS = vectors.VECTORS
SMALL_BYTES, TINY_BYTES = 1_500, 160
MAGICS = {qtn1.SNAPSHOT: "snapshot", qtn1.MANIFEST: "manifest", qtn1.BATCH: "batch", qtn1.DELTA: "delta"}


def found(pattern: str) -> list[Path]:
    """The vectors of that name, which are there: an empty list would test nothing."""
    paths = sorted(VECTORS.glob(pattern))
    assert paths, pattern
    return paths


def stem(path: Path) -> str:
    """What a vector is called, without what it is of it."""
    return path.name.partition(".")[0]


def beside(path: Path, ending: str) -> Path:
    """Another file of the same vector."""
    return path.with_name(stem(path) + ending)


def title(path: Path) -> str:
    """What pytest calls a test."""
    return f"{path.parent.name}/{path.name}"


def decoder(implementation: Implementation, kind: str) -> Callable[[bytes], Json]:
    """What decodes documents of a kind."""
    decoders = {
        "snapshot": implementation.decode_snapshot,
        "manifest": implementation.decode_manifest,
        "batch": implementation.decode_batch,
        "delta": implementation.decode_delta,
    }
    return decoders[kind]


SNAPSHOTS, MANIFESTS = found("snapshot/*.qtn"), found("manifest/*.qtn")
TRIPLES = found("batch/*.batch.qtn") + found("delta/*.delta.qtn")
RIGHT = SNAPSHOTS + MANIFESTS + TRIPLES + found("batch/*.before.qtn") + found("batch/*.after.qtn")
UNFIT = [path for path in found("invalid/*.batch.qtn") if beside(path, ".before.qtn").exists()]
ADDRESSES = found("invalid/address--*.manifest.qtn")
WRONG = [
    path
    for path in found("invalid/*.qtn")
    if not beside(path, ".before.qtn").exists() and not path.name.startswith("address--")
]
CANONICAL = [path for path in RIGHT if not path.name.startswith("other-")]


@pytest.fixture(params=[Plain(), Compiled()], ids=lambda implementation: implementation.name)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """Each of them."""
    chosen: Implementation = request.param
    return chosen


def refusal(decode: Callable[[], object]) -> Refused:
    """How it is refused."""
    with pytest.raises(Refused) as caught:
        decode()
    return caught.value


@pytest.mark.parametrize("path", SNAPSHOTS + MANIFESTS + TRIPLES, ids=title)
def test_it_says_what_the_json_says(implementation: Implementation, path: Path) -> None:
    data = path.read_bytes()
    expected = json.loads(beside(path, ".json").read_bytes())
    assert decoder(implementation, MAGICS[data[:3]])(data) == expected


@pytest.mark.parametrize("path", TRIPLES, ids=title)
def test_before_becomes_after(implementation: Implementation, path: Path) -> None:
    after = implementation.apply(beside(path, ".before.qtn").read_bytes(), path.read_bytes())
    assert after == implementation.decode_snapshot(beside(path, ".after.qtn").read_bytes())


@pytest.mark.parametrize("path", found("text/*.txt"), ids=title)
def test_a_text_form_is_its_document(implementation: Implementation, path: Path) -> None:
    assert implementation.from_text(path.read_text()) == beside(path, ".qtn").read_bytes()


@pytest.mark.parametrize("path", MANIFESTS, ids=title)
def test_a_manifest_and_its_groups_are_the_snapshot(implementation: Implementation, path: Path) -> None:
    document = (VECTORS / "snapshot" / path.name).read_bytes()
    assert implementation.assemble(path.read_bytes(), qtn1_parts.groups_of(document)) == document


@pytest.mark.parametrize("path", WRONG, ids=title)
def test_what_is_wrong_is_refused_with_its_code(implementation: Implementation, path: Path) -> None:
    data = path.read_bytes()
    refused = refusal(lambda: decoder(implementation, path.name.split(".")[1])(data))
    assert refused.code == path.name.partition("--")[0]
    assert 0 <= refused.offset <= len(data)


@pytest.mark.parametrize("path", UNFIT, ids=title)
def test_what_does_not_fit_is_refused_with_its_code(implementation: Implementation, path: Path) -> None:
    before, batch = beside(path, ".before.qtn").read_bytes(), path.read_bytes()
    implementation.decode_snapshot(before)
    records = implementation.decode_batch(batch)["records"]
    refused = refusal(lambda: implementation.apply(before, batch))
    assert refused.code == path.name.partition("--")[0]
    assert 0 <= refused.offset < len(records)


@pytest.mark.parametrize("path", ADDRESSES, ids=title)
def test_other_groups_are_refused(implementation: Implementation, path: Path) -> None:
    groups = qtn1_parts.groups_of(beside(path, ".snapshot.qtn").read_bytes())
    assert refusal(lambda: implementation.assemble(path.read_bytes(), groups)).code == "address"


@pytest.mark.parametrize("path", found("invalid/*.txt"), ids=title)
def test_a_wrong_text_is_refused_with_its_code(implementation: Implementation, path: Path) -> None:
    refused = refusal(lambda: implementation.from_text(path.read_bytes().decode()))
    assert refused.code == path.name.partition("--")[0]


@pytest.mark.parametrize("path", [p for p in RIGHT if p.stat().st_size <= SMALL_BYTES], ids=title)
def test_damage_is_refused(implementation: Implementation, path: Path) -> None:
    data = path.read_bytes()
    decode = decoder(implementation, MAGICS[data[:3]])
    for at in range(len(data)):
        flipped = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        assert refusal(lambda flipped=flipped: decode(flipped)).code  # type: ignore[misc]
        assert refusal(lambda at=at: decode(data[:at])).code  # type: ignore[misc]


@pytest.mark.parametrize("path", [p for p in RIGHT if p.stat().st_size <= TINY_BYTES], ids=title)
def test_damage_behind_a_right_check_is_a_document_or_refused(implementation: Implementation, path: Path) -> None:
    data = path.read_bytes()
    check_size = 8 if MAGICS[data[:3]] in ("snapshot", "manifest") else 4
    decode, body = decoder(implementation, MAGICS[data[:3]]), data[:-check_size]
    for at in range(len(body)):
        for wrong in (1, 2, 0x80, 0xFF):
            with suppress(Refused):
                decode(seal(body[:at] + bytes([body[at] ^ wrong]) + body[at + 1 :], check_size))
        with suppress(Refused):
            decode(seal(body[:at], check_size))


# ---------------------------------------------------------------- of the folder itself, and of the plain encoder


def test_every_code_of_the_page_has_a_vector() -> None:
    page = (VECTORS.parent / "QTN1.md").read_text(encoding="utf-8")
    section = page.partition("## 8. Errors")[2].partition("**What a document may cost.**")[0]
    codes = set(re.findall(r"`([a-z0-9-]+)`", section))
    assert codes == {path.name.partition("--")[0] for path in (VECTORS / "invalid").iterdir()}


def test_a_published_vector_is_not_written_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert vectors.main() == 1
    assert "stays as it is" in capsys.readouterr().err


@pytest.mark.parametrize("path", [p for p in CANONICAL if p.name.endswith(".raw.qtn")], ids=title)
def test_the_plain_encoder_gives_the_canonical_bytes(path: Path) -> None:
    data, packed = path.read_bytes(), beside(path, ".qtn").read_bytes()
    assert qtn1.encode_snapshot(qtn1.decode_snapshot(packed), uncompressed=True) == data
    assert [*map(qtn1_parts.address, qtn1_parts.groups_of(packed))] == [
        *map(qtn1_parts.address, qtn1_parts.groups_of(data))
    ]


@pytest.mark.parametrize("path", [p for p in SNAPSHOTS if not p.name.startswith("other-")], ids=title)
def test_the_compiled_encoder_gives_the_canonical_bytes(path: Path) -> None:
    """Of the uncompressed twin by the addresses of its groups: the compiled encoder always compresses."""
    found = qtn.decode(path.read_bytes())
    again = qtn.encode(found.tree, found.top, found.clock)
    assert again == beside(path, ".qtn").read_bytes()
    assert again == qtn1.encode_snapshot(qtn1.decode_snapshot(path.read_bytes()))


@pytest.mark.parametrize("path", [p for p in TRIPLES if p in CANONICAL and "large" not in p.name], ids=title)
def test_the_plain_encoder_gives_these_batches(path: Path) -> None:
    data = path.read_bytes()
    again = (
        qtn1.encode_batch(qtn1.decode_batch(data))
        if data[:3] == qtn1.BATCH
        else qtn1.encode_delta(qtn1.decode_delta(data))
    )
    assert again == data
