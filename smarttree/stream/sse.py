"""Server-Sent Events framing, and nothing else: text in, bytes out.

A frame is `event:` (unless it is a message), one `data:` line, and `id:` as its last line. A reader keeps an id only
when the blank line after it arrives, so a connection cut inside a batch leaves the id of the batch before.
"""

from __future__ import annotations

import random


def frame(data: str | None, *, event: str | None = None, id: str | None = None) -> bytes:
    """One frame. Without `data` it fires no event: it only moves the reader's last id. `data` must be one line.

    Raises ValueError for a line break in any field: that would forge frames.
    """
    lines = []
    if event is not None:
        lines.append(f"event: {event}\n")
    if data is not None:
        lines.append(f"data: {data}\n")
    if id is not None:
        lines.append(f"id: {id}\n")
    text = "".join(lines)
    if text.count("\n") != len(lines) or "\r" in text:
        raise ValueError("a field of a frame is one line")
    return text.encode() + b"\n"


def heartbeat(id: str) -> bytes:
    """Repeats an id. It keeps the connection open, fires no event, and moves the place to resume from."""
    return frame(None, id=id)


def comment(text: str) -> bytes:
    """A comment: seen by people with curl, and by nobody else."""
    return "".join(f": {line}\n" for line in text.splitlines() or [""]).encode() + b"\n"


def retry(delay_ms: int) -> bytes:
    """After how long a reader shall come back when the connection ends."""
    return b"retry: %d\n\n" % delay_ms


def jitter_ms(min_ms: int, max_ms: int) -> int:
    """A delay for `retry`: random, so that thousands of clients do not come back in the same millisecond."""
    return random.randint(min_ms, max_ms)  # nosec B311  # no secret
