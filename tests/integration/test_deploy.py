"""What deploy/ has for systemd: its tools find no fault in the unit, and a server lives with what the unit allows."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.clients.plain import get_json
from tests.integration.process import DEADLINE_S, SERVE, Process
from tests.nursery import PROJECT
from tests.toolchains import tool
from tests.unprivileged import needs_root, open_directory, readable

UNIT = Path(PROJECT, "deploy", "systemd", "smarttree.service")
EXPOSURE_MAX = 20  # tenths; what is left of it are a network and fanotify


def settings(name: str) -> list[str]:
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{name}=")]


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is there."""
    copy = tmp_path / UNIT.name
    program = Path(sys.executable).with_name("st")
    copy.write_text(UNIT.read_text().replace("/opt/smarttree/bin/st", str(program)))
    return copy


def test_systemd_finds_no_fault_in_the_unit(unit: Path) -> None:
    done = subprocess.run([tool("systemd-analyze"), "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_calls_the_unit_safe(unit: Path) -> None:
    command = [tool("systemd-analyze"), "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}"]
    done = subprocess.run([*command, str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level" in done.stdout


def test_no_secret_is_in_the_unit_or_on_its_command_line() -> None:
    [command] = settings("ExecStart")
    assert "--auth-token-file ${CREDENTIALS_DIRECTORY}/tokens" in command
    assert settings("LoadCredential") == ["tokens:/etc/smarttree/tokens"]
    assert "--auth-token " not in command


# ---------------------------------------------------------------- as the unit allows it


def allowed_calls() -> list[str]:
    """The unit's filter of system calls, as names, after systemd's own lists."""
    told = subprocess.run(
        [tool("systemd-analyze"), "--no-pager", "syscall-filter"], capture_output=True, text=True
    ).stdout
    groups: dict[str, list[str]] = {}
    for line in told.splitlines():
        if line.startswith("@"):
            groups[line.strip()] = entries = []
        elif line.strip() and not line.strip().startswith("#"):
            entries.append(line.strip())

    def named(words: str) -> Iterator[str]:
        for word in words.split():
            yield from named(" ".join(groups[word])) if word.startswith("@") else [word]

    allowed: set[str] = set(named("@default"))
    for value in settings("SystemCallFilter"):
        change = allowed.difference_update if value.startswith("~") else allowed.update
        change(named(value.removeprefix("~")))
    return sorted(allowed)


CONFINED = """
import ctypes, errno, os, sys
seccomp, libc = ctypes.CDLL("libseccomp.so.2"), ctypes.CDLL(None, use_errno=True)
seccomp.seccomp_init.restype = ctypes.c_void_p
filter = ctypes.c_void_p(seccomp.seccomp_init(0x00050000 | errno.EPERM))
for name in sys.argv[1].split(","):
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:
        seccomp.seccomp_rule_add(filter, 0x7FFF0000, number, 0)
libc.prctl(65, 1, 0, 0, 0)  # PR_SET_MDWE, Linux 6.3: MemoryDenyWriteExecute
if seccomp.seccomp_load(filter):
    sys.exit("no filter")
os.execvp(sys.argv[2], sys.argv[2:])
"""


@needs_root
def test_a_server_lives_with_what_the_unit_allows() -> None:
    """Its filter of system calls, memory that is not written and run, no right but one, and who it says it is."""
    assert settings("MemoryDenyWriteExecute") == ["yes"]
    assert settings("AmbientCapabilities") == settings("CapabilityBoundingSet") == ["CAP_SYS_ADMIN"]
    with open_directory() as place:
        (place / "tree").mkdir()
        (place / "state").mkdir()
        os.chown(place / "state", 65534, 65534)
        (place / "tokens").write_text("reader read a-token-of-the-tests\n")
        [command] = settings("ExecStart")
        arguments = [
            word.replace("${STATE_DIRECTORY}", str(place / "state")).replace("${CREDENTIALS_DIRECTORY}", str(place))
            for word in shlex.split(command)[2:]
        ]
        arguments = [{"/srv/tree": str(place / "tree"), "smarttree": "nobody"}.get(word, word) for word in arguments]
        caps = [f"--{which}=-all,+sys_admin" for which in ("inh-caps", "ambient-caps", "bounding-set")]
        who = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "--no-new-privs"]
        confined = [sys.executable, "-c", CONFINED, ",".join(allowed_calls())]
        chain = [*readable(), "setpriv", *who, *caps, *confined, *SERVE]
        with Process(*arguments, "-v", command=chain) as server:
            assert server.port, server.log()
            token = {"Authorization": "Bearer a-token-of-the-tests"}
            until_ready(server)
            status = Path(f"/proc/{server.popen.pid}/status").read_text()
            assert re.search(r"^Seccomp:\s*2$", status, re.M)
            (place / "tree" / "news").write_text("x")
            ask(server, "/clock?sync=1", token)
            assert b"news" in ask(server, "/tree?mode=json", token)
            assert b'"name":"fanotify"' in ask(server, "/stats", token).replace(b": ", b":")
            assert b"TODO" not in ask(server, "/search?q=x", token)
            assert server.end(signal.SIGTERM)[0] == 0, server.log()
            assert "Traceback" not in server.log()


def until_ready(server: Process) -> None:
    deadline = monotonic() + DEADLINE_S
    while b"ready" not in ask(server, "/readyz", {}):
        assert monotonic() < deadline, server.log()


def ask(server: Process, target: str, headers: dict[str, str]) -> bytes:
    told = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(["curl", "-q", "-sS", *told, server.url + target], capture_output=True, check=True)
    return done.stdout


# ---------------------------------------------------------------- watching over it


def test_the_alerts_of_the_page_are_on_figures_that_there_are(tmp_path: Path) -> None:
    page = Path(PROJECT, "docs", "deploy.md").read_text()
    named = set(re.findall(r"\bsmarttree_\w+", page))
    assert len(named) >= 8
    with Process(tmp_path) as server:
        server.await_ready()
        ask(server, "/stats", {})
        figures = ask(server, "/metrics", {}).decode()
        assert not [name for name in named if not re.search(rf"^{name}[ {{]", figures, re.M)]


# ---------------------------------------------------------------- what a supervisor is told


def test_a_supervisor_is_told_what_the_server_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by a name of the kernel's own; the server's helpers have the variable no more."""
    (tmp_path / "tree").mkdir()
    for address, given in ((str(tmp_path / "notify"), None), (f"\0smarttree-{os.getpid()}", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            heard.bind(address)
            heard.settimeout(DEADLINE_S)
            monkeypatch.setenv("NOTIFY_SOCKET", address if given is None else given + address[1:])
            monkeypatch.setenv("WATCHDOG_USEC", "200000")
            with Process(tmp_path / "tree") as server:
                lines: list[str] = []
                while "READY=1" not in lines:
                    lines += heard.recv(4096).decode().splitlines()
                assert lines[0] == f"STATUS=scanning {tmp_path / 'tree'}"
                assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in lines)
                assert get_json(f"{server.url}/readyz")["status"] == "ready"
                while lines.count("WATCHDOG=1") < 3:
                    lines += heard.recv(4096).decode().splitlines()
                server.popen.send_signal(signal.SIGTERM)
                while "STOPPING=1" not in lines:
                    lines += heard.recv(4096).decode().splitlines()
                assert server.popen.wait(DEADLINE_S) == 0
                assert f"STATUS=serving {tmp_path / 'tree'}" in lines


def test_a_supervisor_that_is_gone_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    monkeypatch.setenv("WATCHDOG_USEC", "not a number")
    with Process(tmp_path) as server:
        server.await_ready()
        assert server.end(signal.SIGTERM)[0] == 0
        assert "Traceback" not in server.log()
