"""The first sample of the seed, in Node, as written: an EventSource that is told of the tree and its changes.

`make test` installs the `eventsource` package into tests/node; without it this fails, it is not skipped.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from smarttree.errors import PortInUse
from smarttree.http.listen import open_sockets
from smarttree.wire import DEFAULT_PORT
from tests.clients.plain import DEADLINE_S
from tests.http.server import Server

NODE = Path(__file__).parents[1] / "node"

SAMPLE = """
const eventSource = new EventSource('http://localhost:8973/events');
eventSource.onmessage = (event) => {
const data = JSON.parse(event.data);
console.log('Tree update:', data);
};
eventSource.addEventListener('quantum', (event) => {
// Quantum-compressed update
const compressed = event.data;
// Decompress and process...
});
"""
BEFORE = "import { EventSource } from 'eventsource';"
AFTER = """
for (const name of ['tree', 'stats', 'change', 'quantum'])
  eventSource.addEventListener(name, (event) => console.log('Event:', name, event.data.slice(0, 11)));
"""


def free_port() -> int:
    """The sample's own port, unless somebody has it."""
    try:
        sockets = open_sockets(None, DEFAULT_PORT)
    except PortInUse:
        sockets = open_sockets(None, 0)
    port: int = sockets[0].getsockname()[1]
    for each in sockets:
        each.close()
    return port


@contextmanager
def node(script: str) -> Iterator[subprocess.Popen[str]]:
    """A script's output, line by line; it is killed at the deadline, so that reading ends."""
    command = ["node", "--input-type=module", "--eval", script]
    with subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        timer = Timer(2 * DEADLINE_S, process.kill)
        timer.start()
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()


def read_until(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """The lines up to the one that begins with `wanted`."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if line.startswith(wanted):
            return lines
    raise AssertionError(f"{wanted!r} never came:\n" + "\n".join(lines))


def test_the_seeds_sample_runs(project: Path) -> None:
    port = free_port()
    script = BEFORE + SAMPLE.replace(str(DEFAULT_PORT), str(port)) + AFTER
    with Server(project, port=port) as server, node(script) as running:
        opening = read_until(running, "Tree update:")
        assert [line.split()[1] for line in opening if line.startswith("Event:")] == ["tree", "stats"]
        (project / "new").write_bytes(b"new")
        server.sync()
        batch = read_until(running, "Tree update:")
        names = [line for line in batch if line.startswith("Event:")]
        assert names[0].startswith("Event: change {")
        assert names[-1] == "Event: quantum QTN1:BATCH:"
