"""The log as JSON: each line of standard error is an object, whatever happens; requests are told by their endpoint."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smarttree.cli.logs import start_logging, tell_end
from smarttree.config import LogConfig
from tests.clients.plain import get
from tests.integration.process import COMMAND, Process


def objects(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    for each in found:
        assert {"ts", "level", "logger", "message"} <= each.keys()
        assert datetime.fromisoformat(each["ts"]).utcoffset() is not None
    return found


def test_a_server_logs_objects_alone(project: Path) -> None:
    with Process(project, "--log-format", "json", "--access-log", "--verbose") as server:
        server.await_ready()
        assert get(f"{server.url}/tree?path=/src&mode=json")[0] == 200
        assert get(f"{server.url}/chunk/secret?secret=1")[0] == 400
        assert get(f"{server.url}/secret?secret=1")[0] == 404
        server.end(signal.SIGTERM)
        told = objects(server.log())
    assert "watching by" in " ".join(each["message"] for each in told)
    streams = ("smarttree.http.access", "/events")
    requests = [each for each in told if each["logger"] == streams[0] and each["endpoint"] != streams[1]]
    found = [(each["method"], each["endpoint"], each["status"]) for each in requests]
    assert found == [("GET", "/tree", 200), ("GET", "/chunk/{hash}", 400), ("GET", "other", 404)]
    assert all(each["ms"] >= 0 and each["bytes"] > 0 and each["peer"] for each in requests)
    assert "secret" not in server.first_line.decode() + str(requests)


def test_the_end_is_an_object_too(project: Path) -> None:
    """A port in use is found out once the log stands."""
    with Process(project) as server:
        command = [*COMMAND, "--serve", str(project), "--log-format", "json", "--port", str(server.port), "--no-state"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert objects(done.stderr)[-1]["level"] == "critical"


def test_text_stays_text(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smarttree", str(project), "--depth", "-1"], capture_output=True, check=False
    )
    assert done.stderr.startswith(b"st: ")


def test_a_bug_is_one_object_with_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("smarttree.test")
    try:
        start_logging(LogConfig(format="json"))
        try:
            raise ValueError("a\nb\udcff")
        except ValueError:
            logger.exception("it failed at %s", "x\ny\udcff")
        tell_end("it ended")
    finally:
        root = logging.getLogger()
        for handler in [h for h in root.handlers if type(h).__module__ == "smarttree.cli.logs"]:
            root.removeHandler(handler)
        logging.getLogger("smarttree").setLevel(logging.NOTSET)
    failed, ended = objects(capsys.readouterr().err)
    assert (failed["level"], failed["logger"], failed["message"]) == (
        "error",
        "smarttree.test",
        "it failed at x\ny\udcff",
    )
    assert failed["traceback"].startswith("Traceback")
    assert (ended["level"], ended["message"]) == ("critical", "it ended")
