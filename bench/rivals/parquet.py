"""Parquet, by pyarrow: as it comes, and as one would have it who knows it well.

In each case paths are whole, or a directory and a name, whatever is smaller. Tuned, each column has the encoding that
makes it smallest, found by trial: columns of a Parquet file are packed each by itself, so what is best for each is best
for all. Pages are cut by pyarrow at 20,000 rows, so that a part can be read alone, as it can of ours; where each column
is one page there is nothing but the whole, and it is smaller.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from bench.facts import Fact
from bench.programs import library_version
from bench.rivals.rival import LEVEL, ZSTD, Rival

PLAIN, PAGED, WHOLE = (f"Parquet{how}, {ZSTD}" for how in (", as it comes", ", tuned", ", tuned, one page"))
ONE_PAGE = {"max_rows_per_page": 1 << 30, "data_page_size": 1 << 30}
DICTIONARY = "DICTIONARY"
OF_BYTES = (DICTIONARY, "PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY")
OF_NUMBERS = (DICTIONARY, "PLAIN", "DELTA_BINARY_PACKED", "BYTE_STREAM_SPLIT")

Options = dict[str, Any]
"""What pyarrow is told beside the table and its compression."""


def parquet(facts: Sequence[Fact]) -> Iterator[Rival]:
    """The rivals that are columns, as we are."""
    import pyarrow as pa
    from pyarrow.parquet import read_table

    made = list(tables(facts))
    ways: dict[str, Callable[[Any], Options]] = {
        PLAIN: lambda _: {},
        PAGED: partial(tuned, pages={}),
        WHOLE: partial(tuned, pages=ONE_PAGE),
    }
    for name, options_for in ways.items():
        layouts = [(table, options_for(table)) for table in made]
        sizes = [len(written(*layout)) for layout in layouts]
        table, options = layouts[sizes.index(min(sizes))]
        yield Rival(
            name=name,
            version=f"pyarrow {library_version('pyarrow')}",
            encode=partial(written, table, options),
            decode=lambda data: read_table(pa.BufferReader(data), use_threads=False),
            facts=decoded,
            layout=_shown(table, options),
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


def tuned(table: Any, pages: Mapping[str, int]) -> Options:
    """With the encoding of each column that makes it smallest, and no statistics, which nobody asks for here."""
    best: dict[str, str] = {}
    for column in table.column_names:
        alone = table.select([column])
        choices = OF_NUMBERS if column in ("mode", "size", "mtime") else OF_BYTES
        sizes = {choice: len(written(alone, {**_encoded({column: choice}), **pages})) for choice in choices}
        best[column] = min(sizes, key=sizes.__getitem__)
    return {**_encoded(best), **pages}


def written(table: Any, options: Options) -> bytes:
    """A Parquet file."""
    import pyarrow as pa
    from pyarrow.parquet import write_table

    sink = pa.BufferOutputStream()
    write_table(table, sink, compression="zstd", compression_level=LEVEL, **options)
    return bytes(sink.getvalue())


def _encoded(encodings: Mapping[str, str]) -> Options:
    return {
        "use_dictionary": [column for column, encoding in encodings.items() if encoding == DICTIONARY],
        "column_encoding": {column: encoding for column, encoding in encodings.items() if encoding != DICTIONARY},
        "write_statistics": False,
    }


def _shown(table: Any, options: Options) -> str:
    """The columns, and how each is encoded if that is our choice."""
    if not options:
        return ", ".join(table.column_names)
    return ", ".join(f"{name} {options['column_encoding'].get(name, DICTIONARY)}" for name in table.column_names)


def decoded(table: Any) -> Iterator[Fact]:
    """What is in either layout."""
    columns = table.to_pydict()
    paths = columns.get("path") or map(os.path.join, columns["dir"], columns["name"])
    return map(Fact, paths, columns["mode"], columns["size"], columns["mtime"])
