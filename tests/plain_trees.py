"""Trees for tests of QTN1: named ones, and hypothesis strategies for any.

Law: everything here is a valid tree within the format's limits.
"""

from __future__ import annotations

from hypothesis import strategies as st

from spec.qtn1 import Entry, Snapshot
from tests.plain_encoder import Choices, digest_of, directory_order

DIRECTORY, FILE, LINK, PIPE = 0o040755, 0o100644, 0o120777, 0o010600
TOP = 7
SPREAD = 1 << 15  # of scattered ids: far apart, yet cheap for a reader that indexes arrays with them

Row = tuple[int, bytes, int, int, int]  # parent (0: the top, else the how-manieth row), name, mode, size, mtime_ns


def snapshot(rows: list[Row], *, path: bytes = b"/srv/tree", top: int = TOP, scattered: bool = False) -> Snapshot:
    """The snapshot of the rows; ids follow the top's in directory order, or are scattered."""
    entries = [Entry(n, *row) for n, row in enumerate(rows, 1)]
    order, _ = directory_order(entries, 0)
    step = 2_654_435_761 if scattered else 1  # odd, so that ids stay distinct modulo a power of two
    new_id = {entry.id: top + 1 + at * step % SPREAD for at, entry in enumerate(order)} | {0: top}
    renumbered = [Entry(new_id[e.id], new_id[e.parent], e.name, e.mode, e.size, e.mtime_ns) for e in order]
    digest = digest_of(renumbered, top)
    return Snapshot(0xFEDC_BA98_7654_3210, 41, top, path, DIRECTORY, -1, digest, {e.id: e for e in renumbered})


EMPTY: list[Row] = []
ONE_FILE: list[Row] = [(0, b"a", FILE, 1, 0)]
EVERY_KIND: list[Row] = [
    (0, b"dir", DIRECTORY, 0, 1_700_000_000_123_456_789),
    (0, b"file", FILE, 1 << 40, -1),
    (0, b"link", LINK, 3, 0),
    (0, b"pipe", PIPE, 0, 2**63 - 1),
    (1, b"inside", FILE, (1 << 63) - 1, -(2**63)),
    (1, b"empty", DIRECTORY, 0, 5),
]
NON_UTF8: list[Row] = [
    (0, b"\xff\xfe", FILE, 0, 0),
    (0, b"\x01", FILE, 0, 0),
    (0, "é".encode("latin-1"), DIRECTORY, 0, 0),
]
EXTENSIONS: list[Row] = [
    (0, name, FILE, n, n % 3)
    for n, name in enumerate(b"a.c b.c .c a.b.c c.tar.gz d.gz x. y. z.. long.extension-of-17b".split())
]
DEEP: list[Row] = [(n, b"d", DIRECTORY, 0, n) for n in range(512)]
WIDE: list[Row] = [(0, b"%05d.txt" % n, FILE, n * n, 1000 + n // 7) for n in range(3_000)]
LONG_NAMES: list[Row] = [(0, b"n" * 1020 + b"%04d" % n, FILE, 0, 0) for n in range(20)]
TREES = {
    "EMPTY": EMPTY, "ONE_FILE": ONE_FILE, "EVERY_KIND": EVERY_KIND, "NON_UTF8": NON_UTF8, "EXTENSIONS": EXTENSIONS,
    "DEEP": DEEP, "WIDE": WIDE, "LONG_NAMES": LONG_NAMES,
}  # fmt: skip

names = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.from_regex(rb"[ab]{1,3}(\.[a-c]{0,2}){0,2}", fullmatch=True),
).filter(lambda name: name not in (b".", b"..") and b"/" not in name and b"\0" not in name)
modes = st.sampled_from([DIRECTORY, DIRECTORY | 0o2000, FILE, FILE | 0o111, LINK, PIPE, 0xF000, 0xFFFF])
times = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(0, 3))
file_sizes = st.one_of(st.integers(0, (1 << 63) - 1), st.integers(0, 9))
choices = st.builds(
    Choices,
    chunk=st.integers(1, 8),
    zstd=st.booleans(),
    prefixes=st.booleans(),
    extensions=st.booleans(),
    time_table=st.booleans(),
    always_runs=st.booleans(),
    longest_run=st.integers(1, 4),
    always_below=st.booleans(),
)


@st.composite
def rows(draw: st.DrawFn) -> list[Row]:
    """The rows of any small tree."""
    result: list[Row] = []
    directories, taken = [0], set()
    for name, mode, size, mtime_ns in draw(st.lists(st.tuples(names, modes, file_sizes, times), max_size=24)):
        parent = draw(st.sampled_from(directories))
        if (parent, name) in taken:
            continue
        taken.add((parent, name))
        is_directory = mode & 0xF000 == 0x4000
        result.append((parent, name, mode, 0 if is_directory else size, mtime_ns))
        if is_directory:
            directories.append(len(result))
    return result


snapshots = st.builds(snapshot, rows(), scattered=st.booleans(), path=st.sampled_from([b"/", b"/srv/tree", b"/\xff"]))
