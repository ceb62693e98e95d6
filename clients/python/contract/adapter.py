"""The contract's adapter: one JSON object a line in, lines of JSON out. See `clients/contract/README.md`.

Law: it holds no logic of its own, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

from says import Json, applied, says
from sessions import Session, mirror_session, options_of, stream_session
from smart_tree_sse import Glob, ProblemError, QtnError, SmartTreeError, SmartTreeSSE
from smart_tree_sse.qtn import assemble, decode_manifest, from_text
from smart_tree_sse.sse import Parser

INPUT_MAX = 1 << 30


def b64(text: str) -> bytes:
    return base64.b64decode(text)


def say(answer: Json) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def parse(request: Json) -> Json:
    parser = Parser()
    events: list[Json] = []
    for piece in request["pieces"]:
        for frame in parser.feed(b64(piece)):
            if frame.data is not None:
                events.append({"event": frame.event, "data": frame.data, "id": frame.last_id})
    return {"events": events, "id": parser.last_id, "retry": parser.retry_ms}


def of_document(request: Json) -> Json:
    """Requests that are answered without a server."""
    try:
        match request["do"]:
            case "decode":
                return {"says": says(b64(request["document"]))}
            case "text":
                return {"document": base64.b64encode(from_text(request["text"])).decode()}
            case "apply":
                return {"says": applied(b64(request["before"]), b64(request["change"]))}
            case "assemble":
                whole = assemble(decode_manifest(b64(request["manifest"])), [b64(group) for group in request["groups"]])
                return {"document": base64.b64encode(whole).decode()}
            case "parse":
                return parse(request)
            case "glob":
                return {"matches": Glob(request["glob"]).matches(bytes.fromhex(request["path"]))}
            case other:
                return {"failed": f"unknown request {other!r}"}
    except QtnError as error:
        return {"refused": error.code, "offset": error.offset}


async def call(request: Json) -> Json:
    arguments: Json = request.get("arguments", {})
    async with SmartTreeSSE(request["url"], options=options_of(request)) as client:
        try:
            if request["call"] == "search":
                return {"answer": [message async for message in client.search(**arguments)]}
            calls = {"watch-list": client.roots, "watch-add": client.watch, "watch-remove": client.unwatch}
            made = calls.get(request["call"]) or getattr(client, request["call"])
            return {"answer": await made(**arguments)}
        except ProblemError as problem:
            return {"problem": {"status": problem.status, "code": problem.code}}
        except SmartTreeError as error:
            return {"failed": str(error)}


async def lines() -> AsyncIterator[str]:
    reader = asyncio.StreamReader(limit=INPUT_MAX)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield line.decode()


async def main() -> None:
    session: Session | None = None
    async for line in lines():
        request: dict[str, Any] = json.loads(line)
        match request["do"]:
            case "call":
                say(await call(request))
            case "stream":
                session = Session(stream_session(request, say))
            case "mirror":
                session = Session(mirror_session(request, say))
            case "list" if session is not None:
                say({"entries": session.entries()})
            case "stop" if session is not None:
                await session.stop()
                say({"stopped": True})
            case _:
                say(of_document(request))
    if session is not None:
        await session.stop()
    os.close(0)


if __name__ == "__main__":
    asyncio.run(main())
