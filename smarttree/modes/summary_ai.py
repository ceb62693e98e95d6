"""Mode `summary-ai`: SUMMARY_AI_V1, a project in some ten short lines for programs that feed language models.

    SUMMARY_AI_V1:
    PATH:/srv/project
    STATS:F4d2D38S4b3f8ce                         entries that are no directory, directories, bytes below; hexadecimal
    TYPE:CODE[Rust]T1D0                           what it is, see below
    KEY:Cargo.toml:12,main.rs,README.md           only with CODE: ten telling file names; how many, where more than one
    EXT:rs:400,toml:12                            the ten extensions with most files, and how many
    DIRS:src[440,608b7],docs[68,5a6ea]            ten directories right below: entries (itself too), bytes
    LARGE:st-banner.png:4a077e                    the five largest files
    END_SUMMARY_AI

Every line is there (but KEY), with nothing after the colon where there is nothing to tell; it ends in LF. Names are
percent-encoded (RFC 3986: letters, digits and `-._~`, and here `/ @ + =`, stand as they are, every other byte as %XX),
so the document is ASCII, and a name can hold neither a line nor one of `: , [ ]`. They are data, whatever they say.

TYPE is decided by numbers of files, by their extensions in small or capital letters: CODE[language] where a project
file (Cargo.toml, package.json, ...) is right in the path, or code is a quarter of all files and no other sort has more;
then PHOTO[files], DOCS[files], MEDIA[Vvideos,Aaudios] or DATA[Nnotebooks,Dtables], whichever has most files and a
quarter of all; else MIXED[files]. The language is the one with most files, Unknown without any; headers (.h) count for
none. T1: a directory is named for tests, or a file as a test (`test_x.py`, `x_test.go`, `x.spec.ts`); D1: a directory
is named for docs.

What the first implementations of this format did otherwise: names stood as they were; KEY had each such file, without a
bound; one .rs file made any tree Rust; T was set by `latest` and the like, anywhere in a path; DIRS had files too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from smarttree import census
from smarttree.census import Census, Sought
from smarttree.errors import BadParameter
from smarttree.tree import NO_ID

if TYPE_CHECKING:
    from smarttree.modes import View
    from smarttree.tree import Tree

NAME: Final = "summary-ai"
CONTENT_TYPE: Final = "text/plain; charset=utf-8"
CUTS: Final = False
SMALL: Final = True

KEYS_MAX: Final = 10
EXTENSIONS_MAX: Final = 10
DIRECTORIES_MAX: Final = 10
LARGEST_MAX: Final = 5

_PROJECT: Final = (
    b"Cargo.toml", b"package.json", b"pyproject.toml", b"setup.py", b"requirements.txt", b"go.mod", b"pom.xml",
    b"build.gradle", b"build.gradle.kts", b"CMakeLists.txt", b"meson.build", b"MODULE.bazel", b"WORKSPACE", b"Gemfile",
    b"composer.json", b"mix.exs", b"Package.swift", b"configure.ac", b"Makefile",
)  # fmt: skip
_KEY: Final = (
    *_PROJECT, b"main.rs", b"lib.rs", b"__main__.py", b"main.py", b"index.ts", b"index.js", b"main.go", b"Main.java",
    b"main.c", b"main.cpp", b"Dockerfile", b"README.md", b"README", b"README.rst", b"LICENSE",
)  # fmt: skip
_TESTS: Final = (b"test", b"tests", b"spec", b"specs", b"__tests__", b"e2e")
_DOCS: Final = (b"doc", b"docs", b"documentation", b"Documentation")
_SOUGHT: Final = Sought(
    files=_KEY, directories=_TESTS + _DOCS, beginnings=(b"test_",), endings=(b"_test", b".test", b"_spec", b".spec")
)

# Of languages with equally many files, the first.
_LANGUAGES: Final[dict[str, tuple[bytes, ...]]] = {
    "Rust": (b".rs",),
    "Python": (b".py", b".pyi", b".pyx"),
    "TypeScript": (b".ts", b".tsx", b".mts", b".cts"),
    "JavaScript": (b".js", b".jsx", b".mjs", b".cjs", b".vue", b".svelte"),
    "Go": (b".go",),
    "Java": (b".java",),
    "Kotlin": (b".kt", b".kts"),
    "Scala": (b".scala",),
    "C": (b".c",),
    "Cpp": (b".cpp", b".cc", b".cxx", b".hpp", b".hh", b".hxx"),
    "CSharp": (b".cs",),
    "Swift": (b".swift",),
    "Ruby": (b".rb",),
    "Php": (b".php",),
    "Elixir": (b".ex", b".exs"),
    "Haskell": (b".hs",),
    "Lua": (b".lua",),
    "Zig": (b".zig",),
    "Shell": (b".sh", b".bash"),
}
_PHOTOS: Final = (b".jpg", b".jpeg", b".png", b".gif", b".bmp", b".raw", b".dng", b".heic", b".webp", b".tif", b".tiff")
_TEXTS: Final = (b".pdf", b".doc", b".docx", b".txt", b".odt", b".rtf", b".md", b".rst", b".tex", b".epub")
_VIDEOS: Final = (b".mp4", b".avi", b".mkv", b".mov", b".wmv", b".flv", b".webm")
_AUDIOS: Final = (b".mp3", b".wav", b".flac", b".aac", b".ogg", b".opus", b".m4a")
_NOTEBOOKS: Final = (b".ipynb",)
_TABLES: Final = (b".csv", b".tsv", b".parquet", b".feather", b".arrow", b".h5", b".npy", b".npz")


def render(view: View, top: int, *, depth: int | None) -> Iterator[bytes]:
    """See `smarttree.modes.Mode.render`. One pass over the columns: some 25 ns an entry, without the GIL."""
    if depth is not None:
        raise BadParameter("depth does not go with mode summary-ai, which always tells of the whole tree")
    tree = view.tree
    found = census.take(tree, top, max(DIRECTORIES_MAX, LARGEST_MAX), _SOUGHT)
    sighted = dict(zip((*_KEY, *_TESTS, *_DOCS), found.sighted(), strict=True))
    files, dirs, size = tree.totals(top)
    kind = _kind(tree, top, found)
    lines = ["SUMMARY_AI_V1:", f"PATH:{encoded(tree.path(top))}", f"STATS:F{files:x}D{dirs:x}S{size:x}"]
    if kind.startswith("CODE"):
        tests = found.marked or any(sighted[name] for name in _TESTS)
        docs = any(sighted[name] for name in _DOCS)
        keys = [(name, sighted[name]) for name in _KEY if sighted[name]][:KEYS_MAX]
        lines.append(f"TYPE:{kind}T{tests:d}D{docs:d}")
        lines.append("KEY:" + ",".join(f"{encoded(name)}:{n}" if n > 1 else encoded(name) for name, n in keys))
    else:
        lines.append(f"TYPE:{kind}")
    lines += ["EXT:" + _extensions(found), "DIRS:" + _directories(tree, found), "LARGE:" + _largest(tree, found)]
    return iter(("\n".join((*lines, "END_SUMMARY_AI", "")).encode("ascii"),))


def encoded(name: bytes) -> str:
    """A name or path as it stands in the document; `urllib.parse.unquote_to_bytes` undoes it."""
    return quote(name, safe="/@+=")


def _kind(tree: Tree, top: int, found: Census) -> str:
    counts = {language: found.files_of(*extensions) for language, extensions in _LANGUAGES.items()}
    language = max(counts, key=counts.__getitem__)
    photos, texts = found.files_of(*_PHOTOS), found.files_of(*_TEXTS)
    videos, audios = found.files_of(*_VIDEOS), found.files_of(*_AUDIOS)
    notebooks, tables = found.files_of(*_NOTEBOOKS), found.files_of(*_TABLES)
    sorts = {
        f"CODE[{language if counts[language] else 'Unknown'}]": sum(counts.values()),
        f"PHOTO[{photos}]": photos,
        f"DOCS[{texts}]": texts,
        f"MEDIA[V{videos},A{audios}]": videos + audios,
        f"DATA[N{notebooks},D{tables}]": notebooks + tables,
    }
    total = tree.totals(top).files
    most = max(sorts, key=sorts.__getitem__)
    if tree.is_dir(top) and any(tree.child(top, name) != NO_ID for name in _PROJECT):
        return next(iter(sorts))
    return most if total and 4 * sorts[most] >= total else f"MIXED[{total}]"


def _extensions(found: Census) -> str:
    rows = [row for row in found.by_files(EXTENSIONS_MAX + 2) if len(row.extension) > 1]
    return ",".join(f"{encoded(row.extension[1:])}:{row.files}" for row in rows[:EXTENSIONS_MAX])


def _directories(tree: Tree, found: Census) -> str:
    rows = [(tree.name(entry), tree.totals(entry)) for entry in found.directories[:DIRECTORIES_MAX]]
    return ",".join(f"{encoded(name)}[{below.files + below.dirs + 1},{below.size:x}]" for name, below in rows)


def _largest(tree: Tree, found: Census) -> str:
    rows = [(tree.name(entry), tree.row(entry).size) for entry in found.largest[:LARGEST_MAX]]
    return ",".join(f"{encoded(name)}:{size:x}" for name, size in rows)
