"""The house rules that no off-the-shelf tool checks: each law here is one that CONTRIBUTING.md states.

import-linter reads no Cython, so the layers of the .pyx and .pxd files are checked here, against the very contracts
in pyproject.toml that it reads. The rest are bounds on size, names, and what a stranger's clone may contain.
"""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import os
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

import smarttree

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "smarttree"
SETTINGS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONTRACTS: dict[str, dict[str, Any]] = {c["name"]: c for c in SETTINGS["tool"]["importlinter"]["contracts"]}
LAYERS = [re.findall(r"\w+", layer) for layer in CONTRACTS["Layers"]["layers"]]

MADE = {".git", ".venv", "build", "dist", "node_modules", "__pycache__", "smarttree.egg-info"}
CACHES = {".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache"}
BINARY = {".so", ".pyd", ".pyc", ".png", ".ico", ".qtn", ".bin"}

FUNCTION_LINES_MAX = 49
FILE_LINES_MAX = 399
BANNED_STEMS = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}


def project_files() -> Iterator[Path]:
    """Every file of the project that people write: what a clone holds, and what is about to be committed."""
    for directory, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in MADE | CACHES]
        yield from (Path(directory, name) for name in files if Path(name).suffix not in BINARY)


FILES = sorted(project_files())
CODE = [path for path in FILES if path.suffix in {".py", ".pyx", ".pxd", ".pyi"}]
PYTHON = [path for path in CODE if path.suffix == ".py"]
CYTHON = [path for path in CODE if path.suffix in {".pyx", ".pxd"}]
MODULES = [path for path in CODE if path.is_relative_to(PACKAGE) and path.suffix in {".py", ".pyx"}]


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


# ---------------------------------------------------------------- layers


def cython_imports(source: str) -> Iterator[str]:
    """The modules that a .pyx or .pxd imports or cimports, absolute; of the package itself, the names taken from it."""
    one_line_each = re.sub(r"\([^()]*\)", lambda found: found[0].replace("\n", " ").strip("()"), source)
    for line in one_line_each.splitlines():
        code = line.split("#")[0]
        if found := re.match(r"\s*from\s+([\w.]+)\s+c?import\s+(.+)", code):
            # All kernels lie in the top package, so a relative import starts there.
            module = re.sub(r"^\.(?=\w)", "smarttree.", re.sub(r"^\.$", "smarttree", found[1]))
            names = [name.split()[0] for name in found[2].split(",") if name.strip()]
            yield from [f"smarttree.{name}" for name in names] if module == "smarttree" else [module]
        elif found := re.match(r"\s*c?import\s+(.+)", code):
            yield from (name.split()[0] for name in found[1].split(",") if name.strip())


def test_layers_cython_imports_are_read() -> None:
    source = (
        "from . import a, b as c\nfrom .d cimport (\n    e,\n    f,\n)\nimport g.h as i, j  # k\n    cimport numpy\n"
    )
    assert [*cython_imports(source)] == ["smarttree.a", "smarttree.b", "smarttree.d", "g.h", "j", "numpy"]
    assert [*cython_imports("from smarttree import (\n    service,\n)\nfrom smarttree.http.app import x\n")] == [
        "smarttree.service",
        "smarttree.http.app",
    ]


@pytest.mark.parametrize("path", CYTHON, ids=shown)
def test_layers_kernels_import_only_kernels_and_the_bottom(path: Path) -> None:
    bottom = LAYERS[-1]
    own = [name.split(".")[1] for name in cython_imports(path.read_text()) if name.startswith("smarttree.")]
    upwards = [name for name in own if not name.startswith("_") and name not in bottom]
    assert not upwards, f"kernels import kernels and {bottom}; this one imports {upwards}"


@pytest.mark.parametrize("name", LAYERS[-1])
def test_layers_the_bottom_imports_no_kernel(name: str) -> None:
    """The kernels stand above it, and import-linter can't see them there."""
    assert not re.search(r"^\s*from smarttree(\.| import (\w+, )*)_[a-z]", (PACKAGE / f"{name}.py").read_text(), re.M)


@pytest.mark.parametrize("path", CYTHON, ids=shown)
def test_layers_kernels_import_nothing_reserved(path: Path) -> None:
    """What is allowed in one Python place only, and the clock, is not for kernels either."""
    forbidden = chain.from_iterable(contract.get("forbidden_modules", ()) for contract in CONTRACTS.values())
    reserved = {"time", "datetime", *forbidden}
    found = {name.split(".")[0] for name in cython_imports(path.read_text())}
    assert not found & reserved


def test_layers_nothing_below_the_service_reads_a_wall_clock() -> None:
    """Times are passed in, so that whatever depends on them can be tested by naming a time."""
    service = next(number for number, layer in enumerate(LAYERS) if "service" in layer)
    above = {name for layer in LAYERS[: service + 1] for name in layer}
    clocks = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow"), ("date", "today")}
    readings = []
    for path in MODULES:
        if path.suffix == ".py" and path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in above:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and (ast.unparse(node.value).split(".")[-1], node.attr) in clocks:
                    readings.append(f"{shown(path)}:{node.lineno}")
                elif isinstance(node, ast.ImportFrom) and node.module == "time":
                    readings += [f"{shown(path)}:{node.lineno}" for a in node.names if ("time", a.name) in clocks]
    assert not readings


# ---------------------------------------------------------------- size and names


CYTHON_HEAD = re.compile(r"(\s*)(?:def|cdef|cpdef|async def)\s+(?!class\b|struct\b|enum\b|extern\b)([^=]*?)(\w+)\(")


def python_functions(source: str) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            yield node.name, node.end_lineno - node.lineno + 1


def cython_functions(source: str) -> Iterator[tuple[str, int]]:
    """Functions by their indentation: a header up to its colon, then every line that is blank or stands deeper."""
    lines = source.splitlines()
    for start, line in enumerate(lines):
        head = CYTHON_HEAD.match(line)
        if head is None:
            continue
        opened, body = 0, start
        for body in range(start, len(lines)):
            opened += lines[body].count("(") - lines[body].count(")")
            if opened == 0:
                break
        if not lines[body].split("#")[0].rstrip().endswith(":"):
            continue  # a declaration without a body
        last = body
        for number in range(body + 1, len(lines)):
            if lines[number].strip():
                if len(lines[number]) - len(lines[number].lstrip()) <= len(head[1]):
                    break
                last = number
        yield head[3], last - start + 1


@pytest.mark.parametrize("path", [path for path in CODE if path.suffix != ".pyi"], ids=shown)
def test_functions_and_files_are_short(path: Path) -> None:
    source = path.read_text()
    functions = python_functions(source) if path.suffix == ".py" else cython_functions(source)
    long = {name: lines for name, lines in functions if lines > FUNCTION_LINES_MAX}
    assert not long, f"split these functions by law: {long}"
    assert len(source.splitlines()) <= FILE_LINES_MAX, "split this file by law"


def test_function_lengths_are_measured() -> None:
    """The two rulers agree on what both can read, and the Cython one knows a declaration from a function."""
    source = (
        "class A:\n    def one(self):\n        x = 1\n\n        return x\n\n"
        + "def two(\n    a,\n):\n    pass\n\n\ny = 2\n"
    )
    assert sorted(python_functions(source)) == sorted(cython_functions(source)) == [("one", 4), ("two", 4)]
    declared = "cdef int f(int a) noexcept nogil\n"
    method = "cdef class B(A):\n    cdef inline int g(self) nogil:  # why\n        return 0\n"
    assert list(cython_functions(declared + method)) == [("g", 2)]


def test_setup_stays_short() -> None:
    assert len((ROOT / "setup.py").read_text().splitlines()) <= 60


def test_no_drawer_for_odds_and_ends() -> None:
    """A file is named after its law; what has none lives beside its caller."""
    parts = {part for path in CODE for part in path.relative_to(ROOT).with_suffix("").parts}
    assert not parts & BANNED_STEMS


@pytest.mark.parametrize("path", [path for path in CODE if path.suffix in {".py", ".pyx"}], ids=shown)
def test_every_module_states_its_law_first(path: Path) -> None:
    if path.suffix == ".py":
        assert ast.get_docstring(ast.parse(path.read_text()))
    else:
        code = [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
        assert re.match(r'[rR]?"""', code[0])


# ---------------------------------------------------------------- the surface


@pytest.mark.parametrize("path", [path for path in MODULES if path.suffix == ".pyx"], ids=shown)
def test_every_kernel_has_a_stub(path: Path) -> None:
    assert path.with_suffix(".pyi").exists()


def test_version_is_the_installed_one_and_is_written_once() -> None:
    assert smarttree.__version__ == importlib.metadata.version("smarttree")
    assert "version" not in SETTINGS["project"]


def test_public_names_exist() -> None:
    for path in MODULES:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if parts[-1] != "__main__" and "__all__" in path.read_text():
            module = importlib.import_module(name)
            missing = [public for public in module.__all__ if not hasattr(module, public)]
            assert not missing, f"{name}.__all__ names what it lacks: {missing}"
            assert len(set(module.__all__)) == len(module.__all__)


def named_paths(text: str) -> set[str]:
    """The source paths a page names, with braces expanded: `http/{app,cors}.py` names two."""
    paths = set()
    for before, braced, after in re.findall(r"([\w/.-]*)(?:\{([\w, ]+)\}([\w/]*))?\.pyx?\b", text):
        inner = re.split(r",\s*", braced) if braced else [""]
        paths |= {f"{before}{name.strip()}{after}" for name in inner}
    return paths


def test_architecture_names_every_module_and_no_other() -> None:
    named = named_paths((ROOT / "ARCHITECTURE.md").read_text())
    modules = {str(path.relative_to(PACKAGE).with_suffix("")) for path in MODULES if path.stem != "__init__"}
    assert not modules - named, "modules that ARCHITECTURE.md doesn't name"
    stale = [
        name
        for name in named - modules
        if not any((base / f"{name}{kind}").exists() for base in (ROOT, PACKAGE) for kind in (".py", ".pyx"))
    ]
    assert not stale, "ARCHITECTURE.md names these, and they are not there"


@pytest.mark.parametrize("page", [path for path in FILES if path.suffix == ".md"], ids=shown)
def test_pages_link_to_what_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    assert not [link for link in links if "://" not in link and not (page.parent / link).exists()]


# ---------------------------------------------------------------- what a stranger clones


def test_nothing_names_a_machine_or_a_registry() -> None:
    """The patterns are put together here so that this file passes its own test."""
    places = "|".join(["/" + "home/[a-z]", "/" + "root/", "/" + "Users/[A-Za-z]", "/" + "work/", r"[A-Z]:\\" + "Users"])
    hosts = "|".join([r"pypi\." + "org", r"pythonhosted\." + "org", r"npmjs\." + "(org|com)", r"crates\." + "io/api"])
    pattern = re.compile(f"(?<![\\w.}}])({places})|{hosts}")
    found = []
    for path in FILES:
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if pattern.search(line):
                found.append(f"{shown(path)}:{number}: {line.strip()[:100]}")
    assert not found


def test_locks_pin_exactly_and_name_no_address() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        pins = [line for line in path.read_text().splitlines() if not line.startswith("#")]
        assert pins
        assert [pin for pin in pins if not re.fullmatch(r"[\w.-]+==[\w.+!]+", pin)] == []
    for path in FILES:
        if path.name == "package-lock.json":
            assert "://" not in path.read_text(), f"{shown(path)} holds an address; see .npmrc beside it"


def test_the_tests_that_the_threat_model_names_exist() -> None:
    text = (ROOT / "docs" / "threat-model.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 20
    for file, test in named:
        source = (ROOT / file).read_text()
        assert not test or re.search(rf"^(?:async )?def {test}\(", source, re.M), (file, test)
