"""The four programs of docs/clients.md, each run as it stands against a real server: it tells of a file that is new."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

from clients.contract.adapters import LANGUAGES, PROJECT
from tests.integration.process import Process
from tests.toolchains import tool

PAGE = PROJECT / "docs" / "clients.md"
CLIENTS = PROJECT / "clients"
URL = "http://localhost:8973"
DEADLINE_S = 180.0


def programs() -> dict[str, str]:
    """By their language."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {language: text for language, text in blocks if language in LANGUAGES}


def in_js(text: str, folder: Path) -> tuple[list[str], Path]:
    """Within the package, which then knows itself by its name."""
    place = CLIENTS / "js" / "build" / "page.mjs"
    place.parent.mkdir(exist_ok=True)
    place.write_text(text)
    return [tool("node"), str(place)], folder


def in_python(text: str, folder: Path) -> tuple[list[str], Path]:
    (folder / "page.py").write_text(text)
    return [sys.executable, "page.py"], folder


def in_rust(text: str, folder: Path) -> tuple[list[str], Path]:
    """A crate of its own, with what the library was built with."""
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text(text)
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "page"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n[dependencies]\n'
        f'smart_tree_sse = {{ path = "{CLIENTS / "rust"}" }}\n'
        'tokio = { version = "1", features = ["macros", "rt-multi-thread"] }\n'
    )
    shutil.copy(CLIENTS / "rust" / "Cargo.lock", folder)
    return [tool("cargo"), "run", "-q", "--offline"], folder


def in_go(text: str, folder: Path) -> tuple[list[str], Path]:
    (folder / "page.go").write_text(text)
    return [tool("go"), "run", str(folder / "page.go")], CLIENTS / "go"


RUN: dict[str, Callable[[str, Path], tuple[list[str], Path]]] = {
    "js": in_js,
    "python": in_python,
    "rust": in_rust,
    "go": in_go,
}


def lines(program: subprocess.Popen[bytes]) -> Iterator[str]:
    """What it prints, as it comes."""
    assert program.stdout is not None
    fd, deadline, rest = program.stdout.fileno(), monotonic() + DEADLINE_S, b""
    while select.select([fd], [], [], max(0.0, deadline - monotonic()))[0] and (more := os.read(fd, 4096)):
        *whole, rest = (rest + more).split(b"\n")
        yield from (line.decode() for line in whole)


@pytest.mark.parametrize("language", RUN)
def test_it_runs_as_it_stands(language: str, tmp_path: Path) -> None:
    top, folder = tmp_path / "top", tmp_path / "program"
    top.mkdir()
    folder.mkdir()
    with Process(str(top)) as server:
        command, place = RUN[language](programs()[language].replace(URL, server.url), folder)
        environment = {**os.environ, "CARGO_TARGET_DIR": str(PROJECT / "build" / "clients" / "rust" / "target")}
        with subprocess.Popen(
            command, cwd=place, env=environment, stdout=subprocess.PIPE, start_new_session=True
        ) as program:
            try:
                told = lines(program)
                assert re.fullmatch(r"1 entries at [0-9a-f]{16}-\d+", next(told))
                (top / "main.rs").touch()
                assert next(line for line in told if "main.rs" in line).lower() == f"created {top}/main.rs"
            finally:
                os.killpg(program.pid, 9)
