"""The live page as it is served: its headers to the letter, its files, and that nothing in them is from elsewhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from smarttree.http import dashboard
from tests.http.server import Server

STATIC = Path(dashboard.__file__).with_name("static")
NAMES = sorted(path.name for path in STATIC.iterdir())
SOURCES = {name: (STATIC / name).read_text() for name in NAMES}
GOLDEN = {
    "accept-ranges": "bytes",
    "cache-control": "no-cache",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
}
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def path_of(name: str) -> str:
    return "/" if name == "index.html" else f"/page/{name}"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_served_with_these_headers_and_no_others(server: Server, name: str) -> None:
    status, headers, body = server.get(path_of(name))
    assert (status, body.decode()) == (200, SOURCES[name])
    tag = headers["etag"]
    changing = {"etag", "date", "server", "content-length", "content-type", "connection"}
    assert {key: value for key, value in headers.items() if key not in changing} == GOLDEN
    assert headers["content-type"] == TYPES[Path(name).suffix]
    assert server.get(path_of(name), If_None_Match=tag)[0] == 304


def test_nothing_else_is(server: Server) -> None:
    for path in (
        "/page/",
        "/page/index.html",
        "/page/nothing.js",
        "/page/..%2fapp.py",
        "/page/../app.py",
        "/page/app.js/",
    ):
        assert server.get(path)[0] == 404


def test_it_is_there_before_the_tree_is(project: Path) -> None:
    with Server(project, scan=False) as server:
        assert server.get("/")[0] == 200
        server.begin_scan()


def test_it_names_nothing_from_outside_and_has_nothing_inline() -> None:
    for name, text in SOURCES.items():
        addresses = set(re.findall(r"(?:[a-z]+:)?//[\w.]+", re.sub(r"//(?= )[^\n]*", "", text)))
        assert addresses <= {"http://www.w3.org"}, name
    page = SOURCES["index.html"]
    assert not re.search(r"<style|<script(?![^>]* src=)|\sstyle=|\son\w+=|javascript:", page)
    loaded = set(re.findall(r'(?:src|href)="page/([^"]+)"', page))
    imported = {each for text in SOURCES.values() for each in re.findall(r"from '\./([^']+)'", text)}
    assert loaded | imported | {"index.html"} == set(NAMES)


def test_text_never_becomes_markup_there() -> None:
    """The policy forbids it too: trusted types, of which there are none."""
    ways = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\b|Function\("
    )
    assert {name for name, text in SOURCES.items() if re.search(ways, text)} == set()


def test_labels_lead_somewhere() -> None:
    page = SOURCES["index.html"]
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for name in re.findall(r'(?:aria-labelledby|for)="([^"]+)"', page) + re.findall(r'href="#([^"]+)"', page):
        assert name in ids
    for name, text in SOURCES.items():
        assert set(re.findall(r"find\('([\w-]+)'\)", text)) <= set(ids), name


def test_its_files_are_in_the_package() -> None:
    """In a wheel, and so in a source distribution: setuptools takes what these patterns name."""
    root = STATIC.parents[2]
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["smarttree"]
    packed = {path for pattern in patterns for path in (root / "smarttree").glob(pattern)}
    assert set(STATIC.iterdir()) <= packed
