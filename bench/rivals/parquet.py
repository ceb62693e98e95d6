"""Parquet, by pyarrow, as its users would have it for this table at the best: the smallest layout of many.

The layouts: paths whole, or a directory and a name; and for each column the encoding that makes it smallest, found by
trial. Columns of a Parquet file are packed each by itself, so what is best for each is best for all. Pages are cut by
pyarrow at 20,000 rows, so that a part can be read by itself, as it can of ours; where each column is one page there is
nothing but the whole, and it is smaller. Both are rivals.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from bench.facts import Fact
from bench.programs import library_version
from bench.rivals.rival import LEVEL, ZSTD, Rival

PAGED, WHOLE = f"Parquet, {ZSTD}", f"Parquet, one page, {ZSTD}"
DEFAULT_PAGES: dict[str, int] = {}
ONE_PAGE = {"max_rows_per_page": 1 << 30, "data_page_size": 1 << 30}
DICTIONARY = "DICTIONARY"
OF_BYTES = (DICTIONARY, "PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY")
OF_NUMBERS = (DICTIONARY, "PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT")

Encodings = dict[str, str]
"""Column: how it is encoded."""


def parquet(facts: Sequence[Fact]) -> Iterator[Rival]:
    """The rivals that are columns, as we are."""
    import pyarrow as pa
    from pyarrow.parquet import read_table

    made = list(tables(facts))
    for name, pages in ((PAGED, DEFAULT_PAGES), (WHOLE, ONE_PAGE)):
        layouts = [(table, best(table, pages)) for table in made]
        sizes = [len(written(table, encodings, pages)) for table, encodings in layouts]
        table, encodings = layouts[sizes.index(min(sizes))]
        yield Rival(
            name=name,
            version=f"pyarrow {library_version('pyarrow')}",
            encode=partial(written, table, encodings, pages),
            decode=lambda data: read_table(pa.BufferReader(data), use_threads=False),
            facts=decoded,
            layout=", ".join(f"{column} {encoding}" for column, encoding in encodings.items()),
        )


def tables(facts: Sequence[Fact]) -> Iterator[Any]:
    """Arrow tables of both layouts."""
    import pyarrow as pa

    values = {
        "mode": pa.array([fact.mode for fact in facts], pa.int32()),
        "size": pa.array([fact.size for fact in facts], pa.int64()),
        "mtime": pa.array([fact.mtime_ns for fact in facts], pa.int64()),
    }
    yield pa.table({"path": pa.array([fact.path for fact in facts], pa.binary()), **values})
    heads, tails = zip(*(os.path.split(fact.path) for fact in facts), strict=True)
    names = {"dir": pa.array(heads, pa.binary()).dictionary_encode(), "name": pa.array(tails, pa.binary())}
    yield pa.table({**names, **values})


def best(table: Any, pages: dict[str, int]) -> Encodings:
    """The encoding of each column that makes it smallest."""
    found = {}
    for column in table.column_names:
        alone = table.select([column])
        choices = OF_NUMBERS if column in ("mode", "size", "mtime") else OF_BYTES
        sizes = {choice: len(written(alone, {column: choice}, pages)) for choice in choices}
        found[column] = min(sizes, key=sizes.__getitem__)
    return found


def written(table: Any, encodings: Encodings, pages: dict[str, int]) -> bytes:
    """A Parquet file, without statistics, which nobody asks for here."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    sink = pa.BufferOutputStream()
    write_table(
        table,
        sink,
        compression="zstd",
        compression_level=LEVEL,
        use_dictionary=[column for column, encoding in encodings.items() if encoding == DICTIONARY],
        column_encoding={column: encoding for column, encoding in encodings.items() if encoding != DICTIONARY},
        write_statistics=False,
        **pages,
    )
    return bytes(sink.getvalue())


def decoded(table: Any) -> Iterator[Fact]:
    """What is in either layout."""
    columns = table.to_pydict()
    paths = columns.get("path") or map(os.path.join, columns["dir"], columns["name"])
    return map(Fact, paths, columns["mode"], columns["size"], columns["mtime"])
