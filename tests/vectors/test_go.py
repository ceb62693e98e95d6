"""A second decoder, in Go, written from the page alone (`spec/go`): it builds by itself, takes every vector, and reads
what the compiled codec writes of a thousand trees by chance.

Go is a tool of `make test`: without it this fails, it is not skipped.
"""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from smarttree import qtn
from smarttree.tree import Tree
from tests.trees import CLOCK, random_forest

ROOT = Path(__file__).resolve().parents[2]
TREES = 1000
NAMES = [b"a", b"b.c", b"long name.c", b".c", b"x.tar.gz", b"\xff\n", "é".encode(), b"n" * 255]


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("go") / "qtn1"
    subprocess.run(["go", "build", "-o", program, "./cmd/qtn1"], cwd=ROOT / "spec/go", check=True)
    return program


def test_its_own_tests_pass() -> None:
    subprocess.run(["go", "vet", "./..."], cwd=ROOT / "spec/go", check=True)
    subprocess.run(["go", "test", "-count=1", "./..."], cwd=ROOT / "spec/go", check=True)


def test_it_takes_every_vector(go: Path) -> None:
    run = subprocess.run([go, "check", ROOT / "spec/vectors"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:]
    passed = int(run.stdout.splitlines()[-1].split()[0])
    assert passed >= 100


def tree_by_chance(seed: int) -> tuple[Tree, int]:
    """Of up to 60 entries, with ids in any order."""
    rng = Random(seed)
    kinds = [rng.random() < 0.3 for _ in range(rng.randrange(60))]
    tree = random_forest(rng, kinds, NAMES).tree(len(kinds) + 1)
    return tree, tree.roots()[0]


def told(data: bytes) -> dict[str, Any]:
    """What the compiled codec reads, as spec/vectors/README.md writes it."""
    found = qtn.decode(data)
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


def test_it_reads_a_thousand_trees_by_chance(go: Path, tmp_path: Path) -> None:
    documents = [qtn.encode(*tree_by_chance(seed), CLOCK) for seed in range(TREES)]
    paths = [tmp_path / f"{seed}.qtn" for seed in range(TREES)]
    for path, data in zip(paths, documents, strict=True):
        path.write_bytes(data)
    run = subprocess.run([go, "json", *paths], capture_output=True, text=True, check=True)
    assert [json.loads(line) for line in run.stdout.splitlines()] == [told(data) for data in documents]
    assert sum(len(told(data)["entries"]) for data in documents) > 10 * TREES
