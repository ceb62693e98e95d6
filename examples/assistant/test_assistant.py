"""The assistant, end to end: a real tree and its server, and a chat-completions server that streams its answers."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from clients.python.tests.conftest import serving as serving
from clients.python.tests.serving import DEADLINE_S, Serving, environment

PROGRAM = Path(__file__).with_name("assistant.py")


class Endpoint:
    """Keeps what it is asked, and answers in pieces, once it may."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[tuple[dict[str, str], dict[str, Any]]] = asyncio.Queue()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.status = 200

    async def complete(self, request: web.Request) -> web.StreamResponse:
        await self.asked.put((dict(request.headers), await request.json()))
        await self.may_answer.wait()
        if self.status != 200:
            return web.Response(status=self.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for text in ("It seems ", "that\x1b[2J ", "all is well.\n"):
            chunk = json.dumps({"choices": [{"delta": {"content": text}}]})
            await response.write(f"data: {chunk}\n\n".encode())
        await response.write(b'data: {"choices": []}\n\ndata: [DONE]\n\n')
        return response

    async def question(self) -> tuple[dict[str, str], str]:
        """The next one: its headers, and what the user says."""
        headers, body = await asyncio.wait_for(self.asked.get(), DEADLINE_S)
        assert (body["model"], body["stream"]) == ("m", True)
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        return headers, user["content"]


@asynccontextmanager
async def watching(serving: Serving) -> AsyncGenerator[tuple[Endpoint, asyncio.subprocess.Process]]:
    endpoint, app = Endpoint(), web.Application()
    app.router.add_post("/v1/chat/completions", endpoint.complete)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PROGRAM), serving.url, stdout=-1, stderr=-1,
        env=environment(OPENAI_BASE_URL=base, OPENAI_MODEL="m", OPENAI_API_KEY="sk-test"),
    )  # fmt: skip
    try:
        yield endpoint, process
    finally:
        process.kill()
        await process.communicate()
        await runner.cleanup()


async def until_asked(endpoint: Endpoint, serving: Serving) -> tuple[dict[str, str], str]:
    """The first question: the program's stream may begin at any time, so something changes until it does."""
    number = 0
    while endpoint.asked.empty():
        number += 1
        assert number < 10 * DEADLINE_S
        (serving.top / f"first{number}").write_text("hello")
        await asyncio.sleep(0.1)
    return await endpoint.question()


async def line_of(process: asyncio.subprocess.Process, text: str) -> str:
    assert process.stdout is not None
    while text not in (line := (await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)).decode()):
        assert line, "the program has ended"
    return line


async def test_it_asks_about_what_changes_and_prints_the_answer(serving: Serving) -> None:
    async with watching(serving) as (endpoint, process):
        headers, question = await until_asked(endpoint, serving)
        assert headers["Authorization"] == "Bearer sk-test"
        told = json.loads(question.splitlines()[0])
        assert (told["change"], told["kind"]) == ("created", "file")
        assert told["path"].startswith(f"{serving.top}/first")
        assert told["delta"]["size"] in (0, 5)  # it may be told of as it was just made
        assert "It seems that�[2J all is well." in await line_of(process, "It seems")


async def test_what_changes_while_it_answers_is_one_bounded_question(serving: Serving) -> None:
    async with watching(serving) as (endpoint, process):
        endpoint.may_answer.clear()
        await until_asked(endpoint, serving)
        for number in range(100):
            (serving.top / f"n{number}").touch()
        await asyncio.to_thread(serving.sync)
        endpoint.may_answer.set()
        await line_of(process, "all is well")
        lines = [""]
        while "earlier changes are left out" not in lines[0]:  # a batch tells its creations in no order of time
            lines = (await endpoint.question())[1].splitlines()
        assert len(lines) == 41
        assert max(map(len, lines)) <= 400


async def test_an_endpoint_that_fails_is_said_and_asked_again(serving: Serving) -> None:
    async with watching(serving) as (endpoint, process):
        endpoint.status = 500
        await until_asked(endpoint, serving)
        assert process.stderr is not None
        said = (await asyncio.wait_for(process.stderr.readline(), DEADLINE_S)).decode()
        assert "can't be asked: 500" in said
        assert "sk-test" not in said
        endpoint.status = 200
        (serving.top / "again").touch()
        await line_of(process, "all is well")
