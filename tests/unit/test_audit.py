"""The audit of what is pinned: what an index tells is told, and what it does not tell is, too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

AUDIT = Path(__file__).parents[2] / ".ci" / "audit.py"
WEAK = {"id": "PYSEC-1", "summary": "it leaks", "withdrawn": None}


class Index(ThreadingHTTPServer):
    """A package index that has these documents, by address."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answering)
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/simple"

    def release(self, name: str, version: str, *weak: dict[str, Any], **told: Any) -> None:
        self.documents[f"/pypi/{name}/{version}/json"] = document(version, *weak, **told)


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Index)
        self.server.asked.append(self.path)
        told = self.server.documents.get(self.path)
        self.send_response(200 if told is not None else 404)
        self.end_headers()
        self.wfile.write(json.dumps(told).encode() if told is not None else b"")

    def log_message(self, *_: object) -> None:
        """Nobody needs to read it."""


def document(version: str, *weak: dict[str, Any], **told: Any) -> dict[str, Any]:
    return {"info": {"version": version, **told}, "vulnerabilities": weak}


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


def audit(tmp_path: Path, url: str, *pins: str, ci: bool = False) -> tuple[int, str]:
    """Of a project of its own, so that what it keeps is, too."""
    project = tmp_path / "project"
    (project / ".ci").mkdir(parents=True, exist_ok=True)
    (project / ".ci" / "audit.py").write_bytes(AUDIT.read_bytes())
    (project / "pyproject.toml").write_text('[tool.audit.accepted]\nPYSEC-9 = "only on another system"\n')
    (project / "pins.txt").write_text("\n".join(("# pinned", *pins)))
    environment = {**os.environ, "PIP_INDEX_URL": url, "CI": "true" if ci else "", "no_proxy": "127.0.0.1"}
    command = [sys.executable, ".ci/audit.py", "pins.txt"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_what_is_weak_fails_and_is_named(index: Index, tmp_path: Path) -> None:
    index.release("sound", "1.0")
    index.release("leaky", "2.0", WEAK)
    index.release("gone", "3.0", yanked=True, yanked_reason="broken")
    index.release("mended", "4.0", {**WEAK, "withdrawn": "2026-01-01"}, {**WEAK, "id": "PYSEC-9"})
    status, told = audit(tmp_path, index.url, "sound==1.0", "leaky==2.0", "gone==3.0", "mended==4.0")
    assert status == 1
    assert told.splitlines() == [
        "WEAK: gone 3.0: yanked: broken",
        "WEAK: leaky 2.0: PYSEC-1: it leaks",
        "4 packages are known, 2 of them to be weak",
    ]


def test_a_mirror_that_tells_of_projects_alone(index: Index, tmp_path: Path) -> None:
    """It tells of the newest release, and what it does not tell is named."""
    index.documents["/pypi/newest/json"] = document("2.0")
    index.documents["/pypi/older/json"] = document("2.0")
    status, told = audit(tmp_path, index.url, "newest==2.0", "older==1.0", ci=True)
    assert status == 0
    assert "nothing is known of 1 of 2 packages" in told
    assert "older 1.0" in told
    assert "1 packages are known, 0 of them to be weak" in told


def test_without_an_index_the_last_answers_count(index: Index, tmp_path: Path) -> None:
    index.release("leaky", "2.0", WEAK)
    nowhere = "http://127.0.0.1:1/simple"
    assert audit(tmp_path, nowhere, "leaky==2.0")[0] == 0
    status, told = audit(tmp_path, nowhere, "leaky==2.0", ci=True)
    assert (status, "nothing is known of 1 of 1 packages, as the index does not answer" in told) == (1, True)
    assert audit(tmp_path, index.url, "leaky==2.0")[0] == 1
    assert audit(tmp_path, index.url, "leaky==2.0")[0] == 1
    assert len(index.asked) == 1
    status, told = audit(tmp_path, nowhere, "leaky==2.0", "another==1.0")
    assert (status, "the answers are of " in told, "another 1.0" in told) == (1, True, True)
