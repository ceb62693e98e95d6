"""The crate `marqant`, which is not ours, reads what we write, exactly; what it writes we read as it does, or refuse.

It is built from its public source, by a lock, in a program that only tests use.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from smarttree.errors import MarqantError
from smarttree.marqant import ENCODE_BYTES_MAX, decode, encode
from tests.nursery import PROJECT
from tests.prose import ODD, generated, markdown
from tests.toolchains import built_by_cargo

REAL_MIN = 100  # what pip, npm and cargo have brought by the time that this runs; other machines have a thousand
GENERATED = 300
THEIRS_BYTES_MAX = 8000  # their encoder takes time by the square of a text
Reference = Callable[..., None]


@pytest.fixture(scope="module")
def reference() -> Reference:
    program = built_by_cargo(Path(PROJECT, "tests", "marqant"), "reference")

    def run(*arguments: str | Path) -> None:
        subprocess.run([program, *arguments], check=True, timeout=300)

    return run


@pytest.fixture(scope="module")
def corpus(reference: Reference) -> list[bytes]:
    """After the reference: cargo has brought what it needs by then."""
    real = [path.read_bytes() for path in markdown()]
    assert len(real) >= REAL_MIN
    return [*real, *(text.encode() for text in ODD.values()), *(generated(seed).encode() for seed in range(GENERATED))]


def test_the_reference_reads_what_we_write(reference: Reference, corpus: list[bytes], tmp_path: Path) -> None:
    for number, text in enumerate(corpus):
        (tmp_path / f"{number}.mq").write_bytes(encode(text, number))
    reference("decode", tmp_path)
    assert list(tmp_path.glob("*.refused")) == []
    assert [n for n, text in enumerate(corpus) if (tmp_path / f"{n}.text").read_bytes() != text] == []


@pytest.mark.parametrize(
    "flags", ["", "-zlib", "-semantic", "-std:std-static-v1", "-zlib -semantic -std:std-static-v1"]
)
def test_we_read_what_the_reference_writes_or_refuse_it(
    reference: Reference, corpus: list[bytes], tmp_path: Path, flags: str
) -> None:
    texts = [text for text in corpus if len(text) < THEIRS_BYTES_MAX]
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.text").write_bytes(text)
    reference("encode", tmp_path, *([flags] if flags else []))
    containers = {path: path.read_bytes() for path in tmp_path.glob("*.mq")}
    reference("decode", tmp_path)
    read = 0
    for path, container in containers.items():
        theirs, text = path.with_suffix(".text").read_bytes(), texts[int(path.stem)]
        try:
            ours = decode(container, ENCODE_BYTES_MAX).text
        except MarqantError:
            assert theirs != text, "it holds its text, and was refused"
        else:
            assert ours in (theirs, theirs + b"\n")
            read += ours == text  # of what was lost when it was made, the size shows most
    assert read > len(texts) / 4, "nearly all of it was refused"
