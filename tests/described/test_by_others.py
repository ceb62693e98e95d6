"""The described API, judged by other people's tools on a live server: schemathesis, openapi-spec-validator, jsonschema.

They live in an environment of their own, because schemathesis brings a program named `st`. Law: what is described is
what is answered, to good requests and bad ones. `/events` is endless, so schemathesis meets a full house there: its
parameters are judged as ever, and then it is told to come back later. What a stream tells is judged by its schemas.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.request import Request, urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families as read_metrics

from spec.qtn1 import from_text
from spec.qtn1_parts import decode_manifest
from tests.clients.plain import DEADLINE_S, get_json
from tests.integration.process import PROJECT, Process

TESTER = Path(PROJECT, "build", "described", "bin")
HERE = Path(PROJECT, "tests", "described")


def program(name: str) -> str:
    """A program of the tester's environment. Where it was not made the test is skipped, and in CI it fails."""
    if (TESTER / name).exists():
        return str(TESTER / name)
    missing = f"{name} is missing: run `make described`"
    return pytest.fail(missing, pytrace=False) if os.environ.get("CI") else pytest.skip(missing)


def closed(schema: Any) -> Any:
    """A description in which an object has no field but those that are described: what is told and not, is found."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and schema.get("type") in ("object", ["object", "null"]):
        told.setdefault("additionalProperties", False)
    return told


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """base/{project/{README.md, src/{main.rs, caf\\xe9}, empty/, latest -> src}, more/, again/}"""
    base = tmp_path / "base"
    (base / "project" / "src").mkdir(parents=True)
    (base / "project" / "empty").mkdir()
    (base / "more").mkdir()
    (base / "again").mkdir()
    (base / "project" / "README.md").write_bytes(b"# read me\n")
    (base / "project" / "src" / "main.rs").write_bytes(b"fn main() {}\n")
    (base / "project" / "src" / os.fsdecode(b"caf\xe9")).write_bytes(b"\n")
    (base / "project" / "latest").symlink_to("src")
    return base


@pytest.fixture
def server(base: Path) -> Iterator[Process]:
    with Process(base / "project", "--watch-base", base, "--max-connections", "1", "--content-hash") as running:
        running.await_ready()
        deadline = monotonic() + DEADLINE_S
        while get_json(f"{running.url}/stats")["clients"]:  # the place of who has waited is free again
            assert monotonic() < deadline
        yield running
        assert "Traceback" not in running.log(), running.log()


@pytest.fixture
def description(server: Process, tmp_path: Path) -> Path:
    """The description as it is served, closed."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(closed(get_json(f"{server.url}/openapi.json"))))
    return file


def chunks_of(manifest: str) -> list[str]:
    return [f"{address:032x}" for _, named in decode_manifest(from_text(manifest)).chunks for address, _ in named]


def judge(description: Path, told: list[tuple[str, Any]]) -> None:
    lines = "".join(f"{json.dumps(each)}\n" for each in told)
    command = [program("python"), str(HERE / "judge.py"), str(description)]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_description_is_openapi(description: Path) -> None:
    judge(description, [])


def test_a_stream_tells_what_is_described(server: Process, base: Path, description: Path) -> None:
    with server.follow() as follower:
        (base / "project" / "src" / "main.rs").write_bytes(b"fn main() { }\n")
        (base / "project" / "empty").rename(base / "project" / "full")
        (base / "project" / "README.md").unlink()
        (base / "project" / os.fsdecode(b"new\xff")).mkdir()
        follower.until_clock(server.sync())
        told = [
            (f"{frame.event.capitalize()}Event", json.loads(frame.data))
            for turn in follower.turns
            for frame in turn.frames
            if frame.data is not None and frame.event != "quantum"
        ]
    assert {name for name, _ in told} == {"TreeEvent", "ChangeEvent", "StatsEvent", "MessageEvent"}
    judge(description, told)


There = dict[str, list[str]]


def run(server: Process, description: Path, there: There, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Schemathesis, on one server, which has no place for another stream."""
    settings = ("--config-file", str(HERE / "schemathesis.toml"))
    with server.follow():
        return subprocess.run(
            [program("st"), *settings, "run", str(description), "--url", server.url, *arguments],
            env={**os.environ, "SMARTTREE_THERE": json.dumps(there), "PYTHONHASHSEED": "0"},
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )


def served(server: Process) -> set[str]:
    """What was answered with success so far, as `GET /tree`: a judge who was only ever refused has seen little."""
    families = read_metrics(urlopen(f"{server.url}/metrics").read().decode())
    samples = [sample for family in families for sample in family.samples]
    return {
        f"{sample.labels['method']} {sample.labels['endpoint']}"
        for sample in samples
        if sample.name == "smarttree_http_requests_total" and sample.labels["status"] == "2xx"
    }


def described(description: Path, *, watch: bool) -> set[str]:
    paths = json.loads(description.read_text())["paths"]
    return {f"{method.upper()} {path}" for path in paths for method in paths[path] if (path == "/watch") == watch}


def test_the_described_api_is_what_answers(server: Process, base: Path, description: Path) -> None:
    there = {
        "paths": ["/", "src", f"{base}/project/src", "/empty"],
        "files": ["/README.md", "src/main.rs", "/nothing"],
        "clocks": [get_json(f"{server.url}/clock")["clock"]],
        "chunks": chunks_of(get_json(f"{server.url}/tree?tree=manifest")["manifest"]),
    }
    done = run(server, description, there, "--exclude-path", "/watch", "--max-time", "45")
    assert done.returncode == 0, done.stdout + done.stderr
    assert described(description, watch=False) - served(server) == {"POST /session"}  # where there are no tokens


def test_roots_come_and_go_as_described(server: Process, base: Path, description: Path) -> None:
    """By itself: with a second root, a path that is not absolute is ambiguous."""
    there = {"roots": [str(base / name) for name in ("project", "more", "again", "nothing", "project/src")]}
    for name in ("more", "again"):  # so that there is something to remove
        body = json.dumps({"path": str(base / name)}).encode()
        assert urlopen(Request(f"{server.url}/watch", body, {"Content-Type": "application/json"})).status == 201
    done = run(server, description, there, "--include-path", "/watch", "--max-time", "20")
    assert done.returncode == 0, done.stdout + done.stderr
    assert described(description, watch=True) - served(server) == set()


def is_told_too_much(operation: Any) -> None:
    """Of depth, which is larger than it may be."""
    next(each for each in operation["parameters"] if each["name"] == "depth")["schema"]["maximum"] += 1


def is_a_field_short(operation: Any) -> None:
    """Of what is told, `mode` is not described."""
    told = ("path", "compressed", "stats", "clock", "digest", "filtered", "protocol", "version")
    schema = {"type": "object", "properties": {name: {} for name in told}, "additionalProperties": False}
    operation["responses"]["200"]["content"]["application/json"] = {"schema": schema}


def is_a_status_short(operation: Any) -> None:
    """That there may be no such path is not described."""
    del operation["responses"]["404"]


def is_a_parameter_short(operation: Any) -> None:
    """`sync` goes by another name."""
    next(each for each in operation["parameters"] if each["name"] == "sync")["name"] = "synced"


LIES: list[tuple[Callable[[Any], None], str]] = [
    (is_told_too_much, "Schema-valid request rejected"),
    (is_a_field_short, "Response violates schema"),
    (is_a_status_short, "Undocumented status code"),
    (is_a_parameter_short, "Schema-valid request rejected"),
]


@pytest.mark.parametrize(("lie", "found"), LIES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_lie_is_found(server: Process, description: Path, lie: Callable[[Any], None], found: str) -> None:
    told = json.loads(description.read_text())
    lie(told["paths"]["/tree"]["get"])
    description.write_text(json.dumps(told))
    there = {"paths": ["/"], "chunks": []}
    done = run(server, description, there, "--include-name", "GET /tree", "--phases", "coverage", "--max-time", "15")
    assert done.returncode == 1, done.stdout + done.stderr
    assert found in done.stdout, done.stdout
