"""From a request's `path`, `include`, `exclude`, `types` and `only` to criteria: the same wherever they are taken."""

from __future__ import annotations

from collections.abc import Sequence

from smarttree.errors import BadParameter
from smarttree.http.params import Query
from smarttree.http.paths import locate
from smarttree.ignore import GLOB_BYTES_MAX
from smarttree.stream.batch import ALL_KINDS, Criteria


def criteria(query: Query, roots: Sequence[bytes]) -> Criteria | None:
    """What a request wants to see; None: everything. Raises BadParameter, AmbiguousPath."""
    path = query.octets("path")
    below = None if path is None else locate(roots, path)
    asked = Criteria(
        None if [below] == list(roots) else below,
        tuple(sorted({checked_glob("include", glob) for glob in query.octets_all("include")})),
        tuple(sorted({checked_glob("exclude", glob) for glob in query.octets_all("exclude")})),
        _kinds(query.all("types")),
    )
    return None if asked == Criteria() else asked


def only_content(query: Query, *, contents: bool) -> bool:
    """Whether changes that leave contents as they were are to be left out. Raises BadParameter."""
    only = query.text("only")
    if only is not None and only != "content":
        raise BadParameter(f"only is content, not {only!r}")
    if only is not None and not contents:
        raise BadParameter("only=content needs a server that compares contents: start it with --content-hash")
    return only is not None


def checked_glob(name: str, glob: bytes) -> bytes:
    """The glob. Raises BadParameter for what is none, by the name of its parameter."""
    if not glob or glob.startswith(b"!") or b"\n" in glob or b"\0" in glob:
        raise BadParameter(f"{name} is a glob as in a .gitignore, not empty, without ! before it or a line break in it")
    if len(glob) > GLOB_BYTES_MAX:
        raise BadParameter(f"{name} has at most {GLOB_BYTES_MAX} bytes")
    return glob


def _kinds(values: Sequence[str]) -> frozenset[str]:
    kinds = frozenset(kind for value in values for kind in value.split(","))
    if unknown := sorted(kinds - ALL_KINDS):
        raise BadParameter(f"there is no type {unknown[0]!r}; the types are {', '.join(sorted(ALL_KINDS))}")
    return kinds or ALL_KINDS
