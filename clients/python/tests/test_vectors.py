"""The published documents, right and wrong: what this library says of them, by the suite of all implementations."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smart_tree_sse import QtnError
from smart_tree_sse.qtn import assemble, decode, decode_batch, decode_delta, decode_manifest, decode_snapshot, from_text
from smart_tree_sse.qtn.manifest import groups_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract"))
from says import applied, says

VECTORS = Path(__file__).resolve().parents[3] / "spec" / "vectors"
DECODERS: dict[str, Callable[[bytes], object]] = {
    "snapshot": decode_snapshot,
    "manifest": decode_manifest,
    "batch": decode_batch,
    "delta": decode_delta,
}


def found(pattern: str) -> list[Path]:
    paths = sorted(VECTORS.glob(pattern))
    assert paths, pattern
    return paths


RIGHT = [*found("snapshot/*.qtn"), *found("manifest/*.qtn"), *found("batch/*.batch.qtn"), *found("delta/*.delta.qtn")]
TRIPLES = [*found("batch/*.batch.qtn"), *found("delta/*.delta.qtn")]
UNFIT = {path.name.partition(".")[0] for path in found("invalid/*.before.qtn")}
WRONG = [
    path
    for path in found("invalid/*.qtn")
    if path.name.partition(".")[0] not in UNFIT and not path.name.startswith("address--")
]


def beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name.partition(".")[0] + suffix)


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.name)
def test_it_says_what_the_json_says(path: Path) -> None:
    assert says(path.read_bytes()) == json.loads(beside(path, ".json").read_bytes())


@pytest.mark.parametrize("path", TRIPLES, ids=lambda path: path.name)
def test_before_becomes_after(path: Path) -> None:
    after = says(beside(path, ".after.qtn").read_bytes())
    assert applied(beside(path, ".before.qtn").read_bytes(), path.read_bytes()) | {"seq": ""} == after | {"seq": ""}


@pytest.mark.parametrize("path", found("manifest/*.qtn"), ids=lambda path: path.name)
def test_a_manifest_and_its_groups_are_the_snapshot(path: Path) -> None:
    snapshot = (VECTORS / "snapshot" / path.name).read_bytes()
    assert assemble(decode_manifest(path.read_bytes()), groups_of(snapshot)) == snapshot


@pytest.mark.parametrize("path", found("text/*.txt"), ids=lambda path: path.name)
def test_a_text_is_its_document(path: Path) -> None:
    assert from_text(path.read_text()) == path.with_suffix(".qtn").read_bytes()


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.name)
def test_what_is_wrong_has_its_code(path: Path) -> None:
    with pytest.raises(QtnError) as refused:
        DECODERS[path.name.split(".")[1]](path.read_bytes())
    assert refused.value.code == path.name.partition("--")[0]


@pytest.mark.parametrize("path", found("invalid/*.txt"), ids=lambda path: path.name)
def test_a_wrong_text_has_its_code(path: Path) -> None:
    with pytest.raises(QtnError) as refused:
        from_text(path.read_text())
    assert refused.value.code == path.name.partition("--")[0]


@pytest.mark.parametrize("path", found("invalid/*.before.qtn"), ids=lambda path: path.name)
def test_what_does_not_fit_has_its_code(path: Path) -> None:
    with pytest.raises(QtnError) as refused:
        applied(path.read_bytes(), beside(path, ".batch.qtn").read_bytes())
    assert refused.value.code == path.name.partition("--")[0]


@pytest.mark.parametrize("path", found("invalid/address--*.manifest.qtn"), ids=lambda path: path.name)
def test_another_group_is_refused(path: Path) -> None:
    groups = groups_of(beside(path, ".snapshot.qtn").read_bytes())
    with pytest.raises(QtnError, match="address"):
        assemble(decode_manifest(path.read_bytes()), groups)


def test_what_is_cut_is_refused() -> None:
    whole = (VECTORS / "snapshot" / "every-kind.qtn").read_bytes()
    for size in range(len(whole)):
        with pytest.raises(QtnError):
            decode(whole[:size])
