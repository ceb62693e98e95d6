"""What `st PATH` prints to a terminal: nothing there but what is meant for it, whatever the names are."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

from smarttree import modes


def to_a_pipe(*argv: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", "smarttree", *argv], stdout=subprocess.PIPE, timeout=60, check=True
    ).stdout


def test_quantum_is_binary_to_a_pipe_and_text_to_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert to_a_pipe("--mode", "quantum", str(tmp_path)).startswith(b"\x01\x02\x03")
    shown = on_a_terminal("--mode", "quantum", str(tmp_path))
    assert shown.startswith(b"QTN1:AQID")
    assert shown.endswith(b"\r\n")


def test_colour_is_for_terminals_that_want_it(tmp_path: Path) -> None:
    assert b"\x1b[" in on_a_terminal(str(tmp_path), TERM="xterm")
    assert b"\x1b[" not in on_a_terminal(str(tmp_path), TERM="xterm", NO_COLOR="1")
    assert b"\x1b[" not in on_a_terminal(str(tmp_path), TERM="dumb")
    assert b"\x1b[" not in to_a_pipe(str(tmp_path))


def test_no_mode_drives_a_terminal(tmp_path: Path) -> None:
    """Also csv, which has names as they are where it goes to a file or a program."""
    (tmp_path / "esc\x1b[31m\rx\u202e").touch()
    for mode in modes.MODES:
        shown = on_a_terminal(str(tmp_path), "--mode", mode, NO_COLOR="1").decode().replace("\r\n", "\n")
        assert {char for char in shown if not char.isprintable()} <= {"\n", "\t"}
    assert b"\x1b[31m\rx" in to_a_pipe(str(tmp_path), "--mode", "csv")


def on_a_terminal(*argv: str, **environ: str) -> bytes:
    """What the command prints where standard output is a terminal."""
    ours, theirs = os.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-m", "smarttree", *argv], stdin=theirs, stdout=theirs, env=inherited | environ
    ) as process:
        os.close(theirs)
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            said = bytearray()
            while piece := _read(terminal.fileno()):
                said += piece
        assert process.wait(60) == 0
    return bytes(said)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno != errno.EIO:  # which is how a terminal says that its other end was closed
            raise
        return b""
