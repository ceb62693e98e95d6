"""The calls of each library, answered by a real server; and what a server that is no good makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clients.contract.adapters import Adapter, Session
from clients.contract.scripted import Scripted
from tests.integration.process import Process
from tests.integration.test_https import write_pair
from tests.vectors.implementations import Json


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    top = tmp_path_factory.mktemp("calls") / "top"
    (top / "src").mkdir(parents=True)
    (top / "other").mkdir()
    (top / "src" / "main.rs").write_text("fn main() {} // TODO\n")
    (top / "a b&c=d#e%.md").write_text("TODO")
    with Process(str(top), "--watch-base", str(top.parent)) as process:
        process.await_ready()
        process.top = top  # type: ignore[attr-defined]
        yield process


def top(server: Process) -> Path:
    return Path(server.top)  # type: ignore[attr-defined]


def call(adapter: Adapter, server: Process, name: str, options: Json | None = None, **arguments: Any) -> Json:
    asked = {"do": "call", "url": server.url, "call": name, "arguments": arguments, "options": options or {}}
    return adapter.ask(asked)


def answer(adapter: Adapter, server: Process, name: str, **arguments: Any) -> Any:
    told = call(adapter, server, name, **arguments)
    assert "answer" in told, told
    return told["answer"]


def test_tree(adapter: Adapter, server: Process) -> None:
    tree = answer(adapter, server, "tree", mode="quantum")
    assert tree["path"] == str(top(server))
    assert tree["compressed"].startswith("QTN1:")
    part = answer(adapter, server, "tree", path="/src", mode="json", depth=1)
    assert part["path"] == f"{top(server)}/src"


def test_stats_and_clock(adapter: Adapter, server: Process) -> None:
    assert answer(adapter, server, "stats", path="src")["files"] == 1
    told = answer(adapter, server, "clock", sync="1")
    assert told["protocol"] == 1
    assert told["clock"] == server.sync()


def test_changes(adapter: Adapter, server: Process) -> None:
    clock = server.sync()
    assert answer(adapter, server, "changes", since=clock)["changes"] == []
    name = f"{adapter.name} ü.txt"
    (top(server) / name).write_text("x")
    told = answer(adapter, server, "changes", since=clock, wait=10, sync="1")
    assert [(change["type"], change["path"]) for change in told["changes"]] == [("created", f"{top(server)}/{name}")]
    assert told["from"] == clock
    assert answer(adapter, server, "changes", since=clock, include=["*.rs", "*.md"])["changes"] == []


def test_search(adapter: Adapter, server: Process) -> None:
    found = answer(adapter, server, "search", q="TODO")
    paths = {message["data"]["path"]["text"] for message in found if message["type"] == "match"}
    assert paths == {f"{top(server)}/src/main.rs", f"{top(server)}/a b&c=d#e%.md"}
    assert found[-1]["type"] == "summary"


def test_watch(adapter: Adapter, server: Process) -> None:
    roots = answer(adapter, server, "watch-list")["roots"]
    sibling = top(server).parent / adapter.name
    sibling.mkdir()
    answer(adapter, server, "watch-add", path=str(sibling))
    assert str(sibling) in json.dumps(answer(adapter, server, "watch-list"))
    answer(adapter, server, "watch-remove", path=str(sibling))
    assert answer(adapter, server, "watch-list")["roots"] == roots


PROBLEMS = [
    ("tree", {"path": "/nothing"}, 404, "no-such-path"),
    ("tree", {"path": "/../.."}, 400, None),
    ("tree", {"mode": "nonsense"}, 400, "unknown-mode"),
    ("changes", {"since": "x"}, 400, "bad-parameter"),
    ("changes", {"since": "0123456789abcdef-7"}, 410, "unknown-clock"),
    ("watch-add", {"path": "/etc"}, 403, None),
]


@pytest.mark.parametrize(("name", "arguments", "status", "code"), PROBLEMS)
def test_a_problem_has_its_status_and_code(
    adapter: Adapter, server: Process, name: str, arguments: Json, status: int, code: str | None
) -> None:
    problem = call(adapter, server, name, **arguments)["problem"]
    assert problem["status"] == status
    assert problem["code"] == code or code is None


def test_a_path_is_sent_as_it_is(adapter: Adapter, server: Process) -> None:
    problem = call(adapter, server, "tree", path="/a b&c=d#e%.md")["problem"]
    assert problem["code"] == "not-a-directory"


def test_tokens(adapter: Adapter, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with Process(str(tmp_path), "--auth-token", "first-secret-token-of-these-tests") as server:
        assert call(adapter, server, "stats")["problem"]["status"] == 401
        told = call(adapter, server, "stats", {"token": "second-secret"})
        assert told["problem"]["status"] == 401
        assert "second-secret" not in json.dumps(told)
        options = {"token": "first-secret-token-of-these-tests"}
        assert call(adapter, server, "clock", options)["answer"]["protocol"] == 1
        assert call(adapter, server, "ticket", options)["answer"]["ticket"]
        refused = Session(adapter, do="mirror", url=server.url, query={}, globs=[], options={"token": "second-secret"})
        refused.until_told("ended", "http-401")
        refused.stop()
        mirror = Session(adapter, do="mirror", url=server.url, query={}, globs=[], options=options)
        assert mirror.until_told("applied")["entries"] == 2
        mirror.stop()


def test_https_by_a_certificate_that_is_named(adapter: Adapter, tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    certificate, key = write_pair(tmp_path, "own")
    with Process(str(top), "--https", "--cert", str(certificate), "--key", str(key)) as server:
        url = f"https://localhost:{server.port}"
        asked = {"do": "call", "url": url, "call": "clock", "arguments": {}}
        assert "failed" in adapter.ask(asked | {"options": {}}), "it trusts whoever answers"
        options = {"ca_file": str(certificate)}
        assert adapter.ask(asked | {"options": options})["answer"]["protocol"] == 1
        mirror = Session(adapter, do="mirror", url=url, query={}, globs=[], options=options)
        assert mirror.until_told("applied")["entries"] == 1
        mirror.stop()


def test_what_does_not_answer_is_a_failure(adapter: Adapter) -> None:
    with Scripted() as gone:
        pass
    asked = {"do": "call", "url": gone.url, "call": "clock", "arguments": {}, "options": {}}
    assert adapter.ask(asked)["failed"]
    with Scripted() as server:
        server.answers["/clock"] = b"{no json"
        assert adapter.ask(asked | {"url": server.url})["failed"]
        server.answers["/clock"] = b'{"clock": "e-1", "protocol": 2, "version": "9"}'
        assert "protocol" in adapter.ask(asked | {"url": server.url})["failed"]
        assert adapter.ask(asked | {"url": server.url, "call": "stats"})["problem"]["status"] == 404
