"""The command line: the seed's lines are understood, a mistake is one helpful line and status 2, output streams."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smarttree import __version__
from smarttree.cli import main
from smarttree.cli.logs import start_logging
from smarttree.cli.options import OPTIONS
from smarttree.cli.parser import read_argv
from smarttree.cli.paths import open_root, open_roots, refusal
from smarttree.cli.settings import read_settings
from smarttree.config import LogConfig
from smarttree.errors import BadParameter, NotADirectory, PathError, RootsOverlap, Unreadable
from smarttree.progress import ScanProgress

Capture = pytest.CaptureFixture[str]
NOBODY = 65534


def st(*argv: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[bytes]:
    """The command as a person runs it: a process of its own."""
    command = [sys.executable, "-m", "smarttree", *argv]
    return subprocess.run(command, capture_output=True, timeout=60, check=False, env=os.environ | (environ or {}))


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user to whom permission bits apply. As root, becomes nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A directory that every user can reach (pytest's own are closed to others)."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ("--serve /path/to/watch", ["/path/to/watch"]),
        ("--serve /path/to/watch --port 3000 --mode quantum", ["/path/to/watch"]),
        ("--serve /project1 /project2 --mode summary-ai", ["/project1", "/project2"]),
        ("--serve . --cors * --compress", ["."]),
        ("--serve . --auth-token SECRET", ["."]),
        ("--serve . --https --domain tree.example.com", ["."]),
        ("--serve . --allow 192.168.1.0/24,10.0.0.0/8", ["."]),
        ("--port 3000 a --serve b --mode=json c", ["a", "b", "c"]),
        ("a -v -- --serve -q", ["a", "--serve", "-q"]),
        ("-- -", ["-"]),
        ("", []),
    ],
)
def test_every_form_of_the_seed_is_parsed(line: str, paths: list[str]) -> None:
    assert list(read_argv(line.split()).paths) == paths


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--prot 3", "did you mean --port?"),
        ("--prot=3", "did you mean --port?"),
        ("--xyzzy", "st --help"),
        ("--port", "expected one argument"),
        ("--port x --serve {here}", "--port: 'x' is not a whole number"),
        ("--port 65536 --serve {here}", "0 to 65535"),
        ("--serv {here}", "did you mean --serve?"),
        ("--serve", "st --serve ."),
        ("--serve {here} {here}", "give it once"),
        ("--serve {here} {here}/sub", "leave one of them out"),
        ("--serve {here}/sub {here}", "leave one of them out"),
        ("--serve {here} {here}/loop/..", "in a circle"),
        ("{here}/nowhere", "does not exist"),
        ("{here}/dangling", "does not exist"),
        ("{here}/file", "is not a directory"),
        ("{here}/file/x", "is not a directory"),
        ("{here}/fifo", "is not a directory"),
        ("{here} {here}", "one PATH at a time"),
        ("--mode nonsense {here}", "the modes are ai, classic, csv, digest, json"),
        ("--mode quantum --depth 1 {here}", "--depth does not go with --mode quantum"),
        ("--host 0.0.0.0 --serve {here}", "--insecure"),
        ("--serve {here} --cert x --https", "--cert and --key go together"),
        ("--serve {here} --domain a.example", "with --https"),
        ("--serve {here} --https --domain a.example --cert x --key y", "leave one out"),
        ("--serve {here} --https --domain a.example --no-state", "leave --no-state out"),
        ("--serve {here} --allow 10.0.0.1/8", "no network"),
        ("--cors nonsense --serve {here}", "https://app.example.com"),
        ("--config {here}/nowhere {here}", "cannot read the configuration file"),
        ("doctor {here}/file", "not a directory"),
        ("doctor --depth 1", "--depth only means something where a tree is printed"),
        ("decode", "one FILE"),
        ("decode {here}", "is a directory: `st "),
        ("decode {here}/file", "no QTN1 document"),
        ("decode {here}/nothing", "does not exist"),
        ("decode --mode quantum --depth 1 {here}/file", "--depth does not go with --mode quantum"),
        ("decode --port 1 {here}/file", "--port only means something together with --serve"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(tmp_path: Path, capsys: Capture, line: str, told: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    assert main(line.format(here=tmp_path).split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("st: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


def test_roots_are_real_paths_in_the_order_given(tmp_path: Path) -> None:
    for name in ("b", "a", "ab"):
        (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to("a")
    here = os.fsencode(tmp_path.resolve())
    roots = open_roots([str(tmp_path / "b"), str(tmp_path / "link"), str(tmp_path / "b/../ab/")])
    assert roots == (here + b"/b", here + b"/a", here + b"/ab")
    assert open_roots(["/"]) == (b"/",)
    with pytest.raises(RootsOverlap):
        open_roots([str(tmp_path / "a"), str(tmp_path / "link")])
    with pytest.raises(RootsOverlap):
        open_roots(["/", str(tmp_path)])


def test_a_root_may_have_any_name(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path.resolve()) + b"/\xff\n"
    os.mkdir(name)
    assert open_root(os.fsdecode(name)) == name
    with pytest.raises(PathError, match=r"\\xff\\n/x does not exist"):
        open_root(os.fsdecode(name) + "/x")
    for wrong in ("", "a\0b"):
        with pytest.raises(BadParameter):
            open_root(wrong)


@pytest.mark.parametrize("mode", [0o000, 0o111, 0o444])
def test_a_root_that_may_not_be_read(open_to_all: Path, mode: int) -> None:
    closed = open_to_all / "closed"
    closed.mkdir()
    closed.chmod(mode)
    with unprivileged(), pytest.raises(Unreadable, match="chmod"):
        open_root(str(closed))
    closed.chmod(0o555)
    with unprivileged():
        assert open_root(str(closed)) == os.fsencode(closed.resolve())


def test_what_cannot_be_read_below_is_told_and_is_no_failure(
    open_to_all: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (open_to_all / "seen").mkdir()
    for number in range(30):
        (open_to_all / f"closed{number}").mkdir(mode=0)
    assert main([str(open_to_all / "seen")]) == 0  # loads what nobody may not be able to load
    capfd.readouterr()
    with unprivileged():
        assert main([str(open_to_all)]) == 0
    out, err = capfd.readouterr()
    assert "31 directories, 0 files, 0B" in out
    lines = err.splitlines()
    assert len(lines) == 21
    assert lines[0].startswith(f"st: {open_to_all.resolve()}/closed")
    assert lines[0].endswith(os.strerror(errno.EACCES))
    assert lines[-1] == "st: and 10 more that could not be read"


@pytest.mark.parametrize(
    ("number", "kind"),
    [(errno.ENOENT, PathError), (errno.ENOTDIR, NotADirectory), (errno.EACCES, Unreadable), (errno.EIO, Unreadable)],
)
def test_every_refusal_names_the_path(number: int, kind: type[PathError]) -> None:
    error = refusal(b"/a\xff", OSError(number, os.strerror(number)))
    assert type(error) is kind
    assert "/a\\xff" in str(error)


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(PathError, match="too long"):
        open_root("/" + "a" * 300)
    with pytest.raises(PathError) as caught:
        open_root("/a" * 5000)
    assert len(str(caught.value)) < 1000


def test_a_listing_goes_to_standard_output(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12345")
    classic = st(str(tmp_path))
    assert (classic.returncode, classic.stderr) == (0, b"")
    assert classic.stdout.decode().splitlines()[1:] == ["└── a [5B]", "0 directories, 1 file, 5B"]
    told = st("--mode", "json", str(tmp_path), "--depth", "1")
    assert json.loads(told.stdout)["children"][0]["name"] == "a"
    assert st(str(tmp_path), environ={"SMARTTREE_MODE": "json"}).stdout == told.stdout


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number:0200}").touch()
    with subprocess.Popen(
        [sys.executable, "-m", "smarttree", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 128 + signal.SIGPIPE


@pytest.mark.parametrize("entries", [0, 3, 300, 3_000])
def test_a_full_disk_is_told(tmp_path: Path, entries: int) -> None:
    """However much of the output still stands in a buffer when the disk is found to be full."""
    for number in range(entries):
        (tmp_path / f"{number}").touch()
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "smarttree", str(tmp_path)]
        buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False, env=buffered)
    assert done.returncode == 1
    assert done.stderr.startswith(b"st: cannot write to standard output: ")
    assert b"Traceback" not in done.stderr


def test_an_interrupt_is_quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    def interrupted(_config: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("smarttree.cli.show.show", interrupted)
    assert main([str(tmp_path)]) == 130
    assert capsys.readouterr().err == ""


def test_a_port_in_use_is_a_mistake_like_the_others(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = st("--serve", str(tmp_path), "--port", str(port))
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.startswith(f"st: port {port} is in use".encode())
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serving_ends_by_a_signal_with_status_0(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "smarttree", "--serve", str(tmp_path), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline().decode()
        assert line.startswith(f"serving {tmp_path} on http://localhost:")
        process.send_signal(number)
        said = process.stderr.read()
        assert process.wait(60) == 0
    assert b"Traceback" not in said


def test_version_is_one_line_with_what_is_in_use(capsys: Capture) -> None:
    assert main(["--version", "--port", "nonsense"]) == 0
    line = capsys.readouterr().out
    assert line.startswith(f"smarttree {__version__} (")
    assert line.count("\n") == 1
    assert "missing" not in line
    for word in ("protocol 1", "Python 3.", "scan statx", "watch fanotify or inotify", "aiohttp ", "zstandard "):
        assert word in line


def test_help_names_every_option(capsys: Capture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    for option in OPTIONS:
        assert option.flag in text
    for word in ("(default: 8973)", "(default: 256M)", "SMARTTREE_BATCH_MS", "exit status"):
        assert word in text


def test_help_and_listing_load_no_server(tmp_path: Path) -> None:
    code = "import sys; from smarttree.cli import main; main(sys.argv[1:]); sys.exit('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_settings_for_a_listing_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    show = read_settings([], {}).show
    assert show is not None
    assert show.path == os.fsencode(tmp_path.resolve())


def test_a_log_message_stays_on_its_line(capsys: Capture) -> None:
    try:
        start_logging(LogConfig())
        start_logging(LogConfig())
        logging.getLogger("smarttree.test").info("a\nb")
        logging.getLogger("smarttree.test").debug("not shown")
        logging.getLogger("elsewhere").info("not shown")
    finally:
        root = logging.getLogger()
        for handler in [h for h in root.handlers if type(h).__module__ == "smarttree.cli.logs"]:
            root.removeHandler(handler)
        logging.getLogger("smarttree").setLevel(logging.NOTSET)
    assert capsys.readouterr().err.endswith(" INFO a\\nb\n")


def test_progress_without_a_terminal_is_a_line_every_two_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smarttree")
    progress = ScanProgress(terminal=False)
    for tenth in range(50):
        progress.update(1000 * tenth, 10 * tenth, tenth / 10)
    progress.finish(50_000, 500, 5.0)
    assert [record.getMessage() for record in caplog.records] == [
        "scanning: 20,000 entries in 200 directories in 2.0 s, 10,000 a second",
        "scanning: 40,000 entries in 400 directories in 4.0 s, 10,000 a second",
        "scanned 50,000 entries in 500 directories in 5.0 s, 10,000 a second",
    ]


def test_progress_on_a_terminal_is_a_moving_line_that_goes_away(
    capsys: Capture, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "smarttree")
    monkeypatch.setenv("COLUMNS", "120")
    progress = ScanProgress(terminal=True)
    progress.update(1000, 10, 0.5)
    progress.finish(2000, 20, 1.0)
    progress.close()
    assert [record.getMessage() for record in caplog.records] == [
        "scanned 2,000 entries in 20 directories in 1.0 s, 2,000 a second"
    ]
    assert capsys.readouterr().out == ""


def test_quiet_progress_says_nothing_on_the_way(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "smarttree")
    progress = ScanProgress(terminal=False, quiet=True)
    progress.update(1000, 10, 3.0)
    assert caplog.records == []
