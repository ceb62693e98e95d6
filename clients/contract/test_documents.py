"""Every vector of `spec/vectors/`, through each library, and what is damaged: refused, never a crash."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from clients.contract.adapters import Adapter, ByAdapter, said, text
from smarttree import qtn
from spec import qtn1_parts
from tests.plain_encoder import seal
from tests.trees import CLOCK, random_forest
from tests.vectors.implementations import Json, Plain, Refused
from tests.vectors.test_vectors import (
    ADDRESSES,
    MAGICS,
    MANIFESTS,
    RIGHT,
    SMALL_BYTES,
    SNAPSHOTS,
    TINY_BYTES,
    TRIPLES,
    UNFIT,
    VECTORS,
    WRONG,
    beside,
    decoder,
    found,
    refusal,
    title,
)

SMALL = [path for path in RIGHT if path.stat().st_size <= SMALL_BYTES]
TINY = [path for path in RIGHT if path.stat().st_size <= TINY_BYTES]
PLAIN = Plain()
TREES = 1000
NAMES = [b"a", b"b.c", b"long name.c", b".c", b"x.tar.gz", b"\xff\n", "é".encode(), b"n" * 255]


def is_of_another_kind(path: Path) -> bool:
    """Whether it is wrong only as it was asked for as something else: an adapter is not told as what to decode it."""
    return MAGICS.get(path.read_bytes()[:3], path.name.split(".")[1]) != path.name.split(".")[1]


@pytest.fixture
def library(adapter: Adapter) -> ByAdapter:
    return ByAdapter(adapter)


@pytest.mark.parametrize("path", SNAPSHOTS + MANIFESTS + TRIPLES, ids=title)
def test_it_says_what_the_json_says(library: ByAdapter, path: Path) -> None:
    data = path.read_bytes()
    assert decoder(library, MAGICS[data[:3]])(data) == json.loads(beside(path, ".json").read_bytes())


def test_what_the_server_writes_of_a_thousand_trees_by_chance(adapter: Adapter) -> None:
    documents = by_chance()
    answers = adapter.ask_all([asked(document) for document, _ in documents])
    assert [what_it_says(answer) for answer in answers] == [says for _, says in documents]


@pytest.mark.parametrize("path", TRIPLES, ids=title)
def test_before_becomes_after(library: ByAdapter, path: Path) -> None:
    after = library.apply(beside(path, ".before.qtn").read_bytes(), path.read_bytes())
    assert after == library.decode_snapshot(beside(path, ".after.qtn").read_bytes())


@pytest.mark.parametrize("path", found("text/*.txt"), ids=title)
def test_a_text_form_is_its_document(library: ByAdapter, path: Path) -> None:
    assert library.from_text(path.read_text()) == beside(path, ".qtn").read_bytes()


@pytest.mark.parametrize("path", MANIFESTS, ids=title)
def test_a_manifest_and_its_groups_are_the_snapshot(library: ByAdapter, path: Path) -> None:
    document = (VECTORS / "snapshot" / path.name).read_bytes()
    assert library.assemble(path.read_bytes(), qtn1_parts.groups_of(document)) == document


@pytest.mark.parametrize("path", [path for path in WRONG if not is_of_another_kind(path)], ids=title)
def test_what_is_wrong_is_refused_with_its_code(library: ByAdapter, path: Path) -> None:
    data = path.read_bytes()
    refused = refusal(lambda: decoder(library, path.name.split(".")[1])(data))
    assert refused.code == path.name.partition("--")[0]
    assert 0 <= refused.offset <= len(data)


@pytest.mark.parametrize("path", UNFIT, ids=title)
def test_what_does_not_fit_is_refused_with_its_code(library: ByAdapter, path: Path) -> None:
    before, batch = beside(path, ".before.qtn").read_bytes(), path.read_bytes()
    refused = refusal(lambda: library.apply(before, batch))
    assert refused.code == path.name.partition("--")[0]
    assert 0 <= refused.offset < len(library.decode_batch(batch)["records"])


@pytest.mark.parametrize("path", ADDRESSES, ids=title)
def test_other_groups_are_refused(library: ByAdapter, path: Path) -> None:
    groups = qtn1_parts.groups_of(beside(path, ".snapshot.qtn").read_bytes())
    assert refusal(lambda: library.assemble(path.read_bytes(), groups)).code == "address"


@pytest.mark.parametrize("path", found("invalid/*.txt"), ids=title)
def test_a_wrong_text_is_refused_with_its_code(library: ByAdapter, path: Path) -> None:
    refused = refusal(lambda: library.from_text(path.read_bytes().decode()))
    assert refused.code == path.name.partition("--")[0]


@pytest.mark.parametrize("path", SMALL, ids=title)
def test_damage_is_refused(adapter: Adapter, path: Path) -> None:
    data = path.read_bytes()
    flipped = [data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :] for at in range(len(data))]
    cut = [data[:at] for at in range(len(data))]
    answers = adapter.ask_all([asked(damaged) for damaged in flipped + cut])
    assert [answer for answer in answers if not answer.get("refused")] == []


@pytest.mark.parametrize("path", TINY, ids=title)
def test_damage_behind_a_right_check_is_a_document_or_refused(adapter: Adapter, path: Path) -> None:
    data = path.read_bytes()
    check_size = 8 if MAGICS[data[:3]] in ("snapshot", "manifest") else 4
    body = data[:-check_size]
    damaged = [
        body[:at] + bytes([body[at] ^ wrong]) + body[at + 1 :] for at in range(len(body)) for wrong in (1, 2, 0x80)
    ]
    damaged += [body[:at] for at in range(len(body))]
    sealed = [seal(document, check_size) for document in damaged]
    for answer, document in zip(adapter.ask_all([asked(one) for one in sealed]), sealed, strict=True):
        assert what_it_says(answer) == plainly(document), document.hex()


@cache
def by_chance() -> list[tuple[bytes, Json]]:
    """Snapshots of up to 60 entries, with ids in any order, and what the compiled codec reads of them."""
    made = []
    for seed in range(TREES):
        rng = Random(seed)
        kinds = [rng.random() < 0.3 for _ in range(rng.randrange(60))]
        tree = random_forest(rng, kinds, NAMES).tree(len(kinds) + 1)
        document = qtn.encode(tree, tree.roots()[0], CLOCK)
        made.append((document, compiled(document)))
    return made


def compiled(document: bytes) -> Json:
    """What the compiled codec reads, as spec/vectors/README.md writes it."""
    found = qtn.decode(document)
    columns, names = found.columns, found.columns.names.tobytes()
    places = pairwise([0, *columns.name_ends.tolist()])
    values = columns.ids, columns.parents, columns.modes, columns.sizes, columns.mtimes_ns
    rows = zip(places, *(column.tolist() for column in values), strict=True)
    return {
        "document": "snapshot",
        "epoch": f"{found.clock.epoch:016x}",
        "seq": str(found.clock.seq),
        "top": {"id": found.top, "path": found.path.hex(), "mode": found.mode, "mtime_ns": str(found.mtime_ns)},
        "digest": f"{found.digest:032x}",
        "entries": [
            [eid, parent, names[start:end].hex(), mode, str(size), str(mtime_ns)]
            for (start, end), eid, parent, mode, size, mtime_ns in rows
        ],
    }


def asked(document: bytes) -> Json:
    return {"do": "decode", "document": text(document)}


def what_it_says(answer: Json) -> Json | None:
    """None: it is refused. With which code is open where there may be two defects: no order of checks is promised."""
    try:
        says: Json = said(answer)["says"]
    except Refused:
        return None
    return says


def plainly(document: bytes) -> Json | None:
    """The same of the plain codec, which is the judge."""
    try:
        return decoder(PLAIN, MAGICS.get(document[:3], "snapshot"))(document)
    except Refused:
        return None
