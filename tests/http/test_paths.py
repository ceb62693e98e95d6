"""From a request's path to a place below a root, and to nowhere else."""

from __future__ import annotations

import pytest

from smarttree.errors import AmbiguousPath, BadParameter
from smarttree.http.paths import locate

ONE = (b"/srv/project",)
TWO = (b"/srv/project", b"/srv/other")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (None, b"/srv/project"),
        (b"/", b"/srv/project"),
        (b".", b"/srv/project"),
        (b"/src", b"/srv/project/src"),
        (b"src//a/./b/", b"/srv/project/src/a/b"),
        (b"/srv/project", b"/srv/project"),
        (b"/srv/project/src", b"/srv/project/src"),
        (b"/srv//project/", b"/srv/project"),
        (b"/srv/projects", b"/srv/project/srv/projects"),
        (b"/etc/passwd", b"/srv/project/etc/passwd"),
        (b"\xff", b"/srv/project/\xff"),
    ],
)
def test_one_root(path: bytes | None, place: bytes) -> None:
    assert locate(ONE, path) == place


@pytest.mark.parametrize(("path", "place"), [(b"/", b"/"), (b"/etc", b"/etc"), (b"etc", b"/etc"), (None, b"/")])
def test_the_root_of_the_file_system(path: bytes | None, place: bytes) -> None:
    assert locate((b"/",), path) == place


@pytest.mark.parametrize("path", [None, b"/", b"src", b"/srv", b"/srv/projects", b"/srv/project2/a"])
def test_several_roots_are_listed_where_one_could_be_meant(path: bytes | None) -> None:
    with pytest.raises(AmbiguousPath, match="/srv/project, /srv/other"):
        locate(TWO, path)


def test_several_roots_are_told_apart() -> None:
    assert locate(TWO, b"/srv/other/a") == b"/srv/other/a"


@pytest.mark.parametrize("path", [b"", b"..", b"/..", b"a/../b", b"/srv/project/../other", b"a\0b"])
@pytest.mark.parametrize("roots", [ONE, TWO])
def test_what_is_no_path(roots: tuple[bytes, ...], path: bytes) -> None:
    with pytest.raises(BadParameter):
        locate(roots, path)


def test_dots_in_names_are_names() -> None:
    assert locate(ONE, b"/..a/b..") == b"/srv/project/..a/b.."
