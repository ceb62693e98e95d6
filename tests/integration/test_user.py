"""`--user`: a server that root started is somebody else from before it reads anything, in every thread and for good; a
small process that it can ask for one thing alone keeps the one right that fanotify needs.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from urllib.request import urlopen

import pytest

from smarttree import rights
from smarttree._fanotify import Fanotify
from smarttree.cli import user
from smarttree.watch import marker
from tests.clients.plain import get_json
from tests.integration.process import DEADLINE_S, SERVE, Process
from tests.integration.test_https import DOMAIN, TOKEN, Authority, is_signed
from tests.integration.test_https import ask as connect
from tests.mounting import mounted
from tests.unprivileged import NOBODY, needs_root, open_directory, readable
from tests.watchers import needs_fanotify

pytestmark = needs_root

SECRET = "a-secret-of-the-environment"


@pytest.fixture
def open_top() -> Iterator[Path]:
    """A tree of nobody's, and beside it room for a state."""
    with open_directory() as place:
        (place / "tree" / "sub").mkdir(parents=True)
        (place / "tree" / "file").write_text("x")
        yield place


@contextmanager
def served(place: Path, *arguments: str) -> Iterator[Process]:
    command = [*readable(), *SERVE]
    with Process(place / "tree", "--user", "nobody", "--state", place / "state", *arguments, command=command) as server:
        assert server.port, server.log()
        server.await_ready()
        yield server


def status_of(path: Path) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in path.read_text().splitlines())}


def children_of(pid: int) -> list[int]:
    return [int(number) for number in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def until(condition: object) -> None:
    deadline = monotonic() + DEADLINE_S
    while not condition():  # type: ignore[operator]
        assert monotonic() < deadline


def in_namespace_of(server: Process, *command: str | Path) -> None:
    subprocess.run(["nsenter", "-t", str(server.popen.pid), "-m", *command], check=True)


def told(server: Process) -> set[str]:
    """Paths of the tree after a barrier, below the root."""
    server.sync()
    return {line.split("\t")[0] for line in get_json(f"{server.url}/tree?mode=tsv")["text"].splitlines()}


@pytest.mark.parametrize("watcher", ["auto", "inotify"])
def test_no_thread_has_a_right_and_changes_are_seen(open_top: Path, watcher: str) -> None:
    (open_top / "state").mkdir()
    os.chown(open_top / "state", NOBODY.uid, NOBODY.gid)
    with served(open_top, "--watcher", watcher) as server:
        tasks = [*Path(f"/proc/{server.popen.pid}/task").iterdir()]
        assert len(tasks) > 3
        for task in tasks:
            told_of = status_of(task / "status")
            assert told_of["Uid"].split() == [str(NOBODY.uid)] * 4
            assert told_of["Gid"].split() == [str(NOBODY.gid)] * 4
            assert "0" not in told_of["Groups"].split()
            assert {told_of[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {"0" * 16}
            assert told_of["NoNewPrivs"] == "1"
        (open_top / "tree" / "sub" / "news").write_text("x")
        assert any(path.endswith("sub/news") for path in told(server))
        assert {path.stat().st_uid for path in (open_top / "state").iterdir()} == {NOBODY.uid}
        figures = urlopen(f"{server.url}/metrics").read().decode()
        assert re.search(r"^smarttree_process_open_fds [1-9]", figures, re.M)  # of its own it may ask
        assert "running as nobody, with no capability" in server.log()
        assert server.end(signal.SIGTERM)[0] == 0
        assert "Traceback" not in server.log()


@needs_fanotify
def test_a_file_system_that_comes_later_is_watched_by_fanotify(open_top: Path) -> None:
    with served(open_top) as server:
        [helper] = children_of(server.popen.pid)
        told_of = status_of(Path(f"/proc/{helper}/status"))
        assert told_of["Uid"].split() == [str(NOBODY.uid)] * 4
        only = f"{1 << rights.CAP_SYS_ADMIN:016x}"
        assert {told_of[f"Cap{which}"] for which in ("Prm", "Eff", "Bnd")} == {only}
        assert {told_of[f"Cap{which}"] for which in ("Inh", "Amb")} == {"0" * 16}
        assert Path(f"/proc/{helper}/environ").read_bytes() == b""
        point = open_top / "tree" / "sub"
        in_namespace_of(server, "mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", point)
        in_namespace_of(server, "touch", point / "first")
        assert any(path.endswith("sub/first") for path in told(server))
        in_namespace_of(server, "touch", point / "second")
        assert any(path.endswith("sub/second") for path in told(server))
        watcher = get_json(f"{server.url}/stats")["watcher"]
        assert watcher["name"] == "fanotify", watcher


@needs_fanotify
def test_a_user_with_the_capability_gives_it_up_as_well(open_top: Path) -> None:
    """As systemd starts it, by AmbientCapabilities."""
    (open_top / "state").mkdir()
    os.chown(open_top / "state", NOBODY.uid, NOBODY.gid)
    who = ["--reuid", "nobody", "--regid", str(NOBODY.gid), "--clear-groups", "--no-new-privs"]
    caps = [f"--{which}=-all,+sys_admin" for which in ("inh-caps", "ambient-caps", "bounding-set")]
    command = [*readable(), "setpriv", *who, *caps, *SERVE]
    with Process(open_top / "tree", "--user", "nobody", "--state", open_top / "state", command=command) as server:
        server.await_ready()
        for task in Path(f"/proc/{server.popen.pid}/task").iterdir():
            assert {status_of(task / "status")[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
        assert len(children_of(server.popen.pid)) == 1
        (open_top / "tree" / "sub" / "news").write_text("x")
        assert any(path.endswith("sub/news") for path in told(server))
        assert get_json(f"{server.url}/stats")["watcher"]["name"] == "fanotify"


@needs_fanotify
def test_without_the_helper_what_comes_later_is_polled_and_that_is_said(open_top: Path) -> None:
    with served(open_top) as server:
        [helper] = children_of(server.popen.pid)
        os.kill(helper, signal.SIGKILL)
        point = open_top / "tree" / "sub"
        in_namespace_of(server, "mount", "-t", "tmpfs", "-o", "mode=777", "tmpfs", point)
        in_namespace_of(server, "touch", point / "first")
        assert any(path.endswith("sub/first") for path in told(server))
        until(lambda: f"process {helper} has ended" in server.log())
        assert children_of(server.popen.pid) == []
        until(lambda: "has ended" in (get_json(f"{server.url}/stats")["watcher"]["degraded"] or ""))
        in_namespace_of(server, "touch", point / "second")
        assert any(path.endswith("sub/second") for path in told(server))


@needs_fanotify
def test_a_helper_that_is_of_no_use_is_not_kept(open_top: Path) -> None:
    """Where the file system of the tree can't be marked at all, and inotify watches."""
    with mounted(open_top / "tree", "ramfs", options="mode=755"), served(open_top) as server:
        until(lambda: children_of(server.popen.pid) == [])
        (open_top / "tree" / "news").touch()
        assert any(path.endswith("tree/news") for path in told(server))
        assert get_json(f"{server.url}/stats")["watcher"] == {"name": "inotify", "degraded": None}
        assert "has ended" not in server.log()


@needs_fanotify
def test_the_helper_ends_with_its_server_however_that_ends(open_top: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with served(open_top) as server:
            [helper] = children_of(server.popen.pid)
            server.end(number)
            until(lambda helper=helper: not Path(f"/proc/{helper}").exists() or is_over(helper))


def is_over(pid: int) -> bool:
    """It may be a zombie for whoever is its parent now."""
    try:
        return status_of(Path(f"/proc/{pid}/status"))["State"].startswith("Z")
    except OSError:
        return True


def test_a_certificate_is_the_users_own_and_is_renewed(open_top: Path) -> None:
    """By an authority that asks at a port which was opened before."""
    (open_top / "authority").mkdir()
    authority = Authority(open_top / "authority")
    try:
        authority.start()
        root = authority.root()
        told_of = ("--https", "--domain", DOMAIN, "--acme-directory", authority.url, "--acme-ca-file", authority.pem)
        more = ("--acme-http-port", str(authority.challenge_port), "--acme-retry-s", "0.3", "--auth-token", TOKEN)
        state = ("--user", "nobody", "--state", open_top / "state")
        with Process(open_top / "tree", *told_of, *more, *state, command=[*readable(), *SERVE]) as server:
            assert server.port, server.log()
            until(lambda: is_signed(server, root))
            first = connect(server.port, DOMAIN, root)[1]
            until(lambda: connect(server.port, DOMAIN, None)[1] != first)
            for key in (open_top / "state" / "tls").rglob("*"):
                assert (key.stat().st_uid, key.stat().st_mode & 0o077) == (NOBODY.uid, 0)
            assert "Traceback" not in server.log()
    finally:
        authority.close()


# ---------------------------------------------------------------- what the helper can be asked


@contextmanager
def asked(*bases: Path) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    """A helper for a group of ours, as the user that the tests are allowed to read their packages as."""
    group = Fanotify()
    code = (
        "import os, socket, sys; from smarttree.watch import marker; from smarttree.config import Account; "
        "channel, process = marker.start(Account(name='nobody', uid=int(sys.argv[3]), gid=int(sys.argv[4])), "
        "int(sys.argv[1]), [os.fsencode(base) for base in sys.argv[5:]]); "
        "socket.send_fds(socket.socket(fileno=int(sys.argv[2])), [b'x'], [channel.fileno()]); channel.close(); "
        "sys.exit(process.wait())"
    )
    ours, theirs = socket.socketpair()
    who = [str(NOBODY.uid), str(NOBODY.gid)]
    process = subprocess.Popen(
        [*readable(), sys.executable, "-c", code, str(group.fd), str(theirs.fileno()), *who, *map(str, bases)],
        pass_fds=(group.fd, theirs.fileno()),
    )
    theirs.close()
    with ours:
        ours.settimeout(DEADLINE_S)
        _, [fd], _, _ = socket.recv_fds(ours, 1, 1)
    channel = socket.socket(fileno=fd)
    try:
        yield channel, process
    finally:
        channel.close()
        assert process.wait(DEADLINE_S) == 0  # the end of who asks is its end, and no error
        group.close()


def as_seen_by(process: subprocess.Popen[bytes], path: Path) -> Path:
    """On the mounts that it has, which are others than ours."""
    return Path(f"/proc/{process.pid}/root", *path.parts[1:])


def ask(channel: socket.socket, said: bytes, *fds: int) -> tuple[int, int]:
    if fds:
        socket.send_fds(channel, [said], fds)
    else:
        channel.send(said)
    problem, fresh = struct.unpack("=iI", channel.recv(8))
    return problem, fresh


@needs_fanotify
def test_the_helper_does_nothing_else(open_top: Path) -> None:
    with asked(open_top / "tree") as (channel, process):
        inside = os.open(as_seen_by(process, open_top / "tree" / "sub"), os.O_PATH)
        elsewhere = os.open(as_seen_by(process, Path("/proc")), os.O_PATH)
        assert ask(channel, marker.ASK, inside)[0] == 0
        assert ask(channel, marker.ASK, inside) == (0, 0)  # and it is marked already
        assert ask(channel, marker.ASK, elsewhere)[0] == errno.EPERM
        assert ask(channel, b"x", inside)[0] == errno.EINVAL
        assert ask(channel, marker.ASK)[0] == errno.EINVAL
        assert ask(channel, marker.ASK, inside, inside)[0] == errno.EINVAL
        assert ask(channel, marker.ASK, *[inside] * 9)[0] == errno.EINVAL
        assert ask(channel, marker.ASK * 100, inside)[0] == errno.EINVAL
        closed = os.open(as_seen_by(process, open_top / "tree" / "file"), os.O_RDONLY)
        assert ask(channel, marker.ASK, closed)[0] == errno.ENOTDIR
        for fd in (inside, elsewhere, closed):
            os.close(fd)


@needs_fanotify
def test_a_namespace_of_ones_own_does_not_bring_others_below_a_base(open_top: Path) -> None:
    """Whoever took the server over can mount what they like where they like, in a namespace that only they are in."""
    script = (
        "mount --bind /dev/shm {0} && exec {1} -c 'import os, socket, sys; "
        'fd = os.open("{0}", os.O_PATH); '
        'socket.send_fds(socket.socket(fileno=int(sys.argv[1])), [b"x"], [fd])\' "$0"'
    )
    with asked(open_top / "tree") as (channel, _):
        ours, theirs = socket.socketpair()
        subprocess.run(
            [
                "unshare",
                "-m",
                "sh",
                "-c",
                script.format(open_top / "tree" / "sub", sys.executable),
                str(theirs.fileno()),
            ],
            pass_fds=(theirs.fileno(),),
            check=True,
        )
        with ours, theirs:
            _, [fd], _, _ = socket.recv_fds(ours, 1, 1)
        assert os.fstat(fd).st_dev == os.stat("/dev/shm").st_dev
        assert ask(channel, marker.ASK, fd)[0] == errno.EPERM
        os.close(fd)


# ---------------------------------------------------------------- what can't be is said


def refused(place: Path, *arguments: str) -> str:
    command = [*readable(), *SERVE, str(place / "tree"), "--port", "0", "--no-state", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=DEADLINE_S)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_the_user_may_not_read_is_said_at_the_start(open_top: Path) -> None:
    (open_top / "tree").chmod(0o700)
    assert "cannot be read by this user" in refused(open_top, "--user", "nobody")
    (open_top / "tree").chmod(0o755)
    (open_top / "tokens").write_text("a-token-of-the-tests\n")
    (open_top / "tokens").chmod(0o600)
    assert "cannot read the token file" in refused(
        open_top, "--user", "nobody", "--auth-token-file", str(open_top / "tokens")
    )


def test_only_roots_own_places_are_made_for_a_user(open_top: Path) -> None:
    """Elsewhere somebody could have put a link, or another directory, in the way."""
    user._make_for(NOBODY, bytes(open_top / "made"))
    about = (open_top / "made").stat()
    assert (about.st_uid, about.st_gid, about.st_mode & 0o777) == (NOBODY.uid, NOBODY.gid, 0o700)
    (open_top / "precious").mkdir()
    (open_top / "link").symlink_to(open_top / "precious")
    (open_top / "shared").mkdir()
    (open_top / "shared").chmod(0o777)
    (open_top / "theirs").mkdir()
    os.chown(open_top / "theirs", NOBODY.uid, NOBODY.gid)
    for path in ("link", "precious", "shared/new", "theirs/new", "nothing/new"):
        user._make_for(NOBODY, bytes(open_top / path))
    assert (open_top / "precious").stat().st_uid == 0
    assert not any((open_top / place / "new").exists() for place in ("shared", "theirs", "nothing"))


@pytest.mark.parametrize(
    ("who", "says"),
    [("root", "gives nothing up"), ("no-such-user", "there is no user"), ("nobody:no-such-group", "no group")],
)
def test_who_can_not_be_become(open_top: Path, who: str, says: str) -> None:
    assert says in refused(open_top, "--user", who)


def test_that_it_is_root_is_said(open_top: Path) -> None:
    with Process(open_top / "tree") as server:
        assert "running as root, with all of its rights: --user NAME gives them up" in server.log()


def test_rights_are_not_given_up_by_halves() -> None:
    """Where there are threads, and none would know."""
    code = (
        "import threading; from smarttree import rights; "
        "threading.Thread(target=threading.Event().wait, daemon=True).start(); rights.give_up(65534, 65534, [])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "there are threads already" in done.stderr


def test_the_helper_knows_the_events_of_the_kernel_headers() -> None:
    """The same as `_fanotify` marks by itself: what one mark says, the other does not take away."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.fanotify_mark(-1, 0, ctypes.c_uint64(0), -1, b".") == -1
    made = Fanotify()
    fd = os.open("/dev/shm", os.O_PATH)
    try:
        made.mark(fd)
        by_itself = Path(f"/proc/self/fdinfo/{made.fd}").read_text()
        assert marker._mark(libc, made.fd, fd, [b"/dev/shm"]) == (0, 0)
        assert Path(f"/proc/self/fdinfo/{made.fd}").read_text() == by_itself
    finally:
        os.close(fd)
        made.close()
