"""The README's examples, each run as it stands against a real server."""

from __future__ import annotations

import ast
import asyncio
import re
import time
from pathlib import Path

import pytest

from clients.python.tests.serving import DEADLINE_S, Serving

README = Path(__file__).resolve().parents[1] / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_works(serving: Serving, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    (serving.top / "docs").mkdir()
    (serving.top / "docs" / "x.py").write_text("# TODO\n")
    serving.sync()
    source = EXAMPLES[number].replace("http://localhost:8973", serving.url)
    source = re.sub(r"\n +ca_file=.*", "", source)
    code = compile(source, "README", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    running = eval(code, {})
    if running is None:  # it awaits nothing
        return
    task, deadline, said = asyncio.ensure_future(running), time.monotonic() + DEADLINE_S, ""
    lines = 3 if "in changes" in source else 1
    while not task.done() and said.count("\n") < lines:
        assert time.monotonic() < deadline, said
        await asyncio.to_thread((serving.top / "docs" / f"{time.monotonic_ns()}.py").touch)
        await asyncio.wait([task], timeout=0.1)
        said += capsys.readouterr().out
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert said + capsys.readouterr().out
    assert task.cancelled() or task.exception() is None
