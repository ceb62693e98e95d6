"""What a client of a server with `--gitignore` holds is what git lists, also after rule files have changed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.clients.plain import Follower, get
from tests.disk import difference, listing, mirror_listing
from tests.integration.consumers import ByWords, shape_of
from tests.integration.process import Process
from tests.rule_sets import git

WATCHERS = ["auto", "inotify"]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    for name in ("src/deep", "build/objects", "docs"):
        (top / name).mkdir(parents=True)
    for name in ("src/a.c", "src/a.o", "src/deep/b.o", "build/log", "build/objects/x", "docs/index", "keep.o"):
        (top / name).write_text(name)
    (top / ".gitignore").write_text("*.o\n!/keep.o\n/build/\n")
    git(top, "init", "-q")
    return top


class Client:
    """One who follows everything, and one who lives on the changes alone; both are compared with git's list."""

    def __init__(self, server: Process, top: Path) -> None:
        self.server, self.top, self.follower = server, top, server.follow()
        self.words = ByWords(shape_of(mirror_listing(self.follower.mirror)), [bytes(top)])
        self.taken = len(self.follower.turns)
        self.look()

    def look(self) -> set[tuple[str, str]]:
        """What was told since the last look: (type, path below the top)."""
        self.follower.until_clock(self.server.sync())
        changes = [it for turn in self.follower.turns[self.taken :] for it in turn.named("change")]
        self.taken = len(self.follower.turns)
        for change in changes:
            self.words.take(change)
        held = mirror_listing(self.follower.mirror)
        listed = git(self.top, "ls-files", "-z", "--others", "--exclude-standard").split(b"\0")
        base = bytes(self.top) + b"/"
        assert {path.removeprefix(base) for path, seen in held.items() if seen.kind != "dir"} == {*listed} - {b""}
        disk = {path: seen for path, seen in listing(bytes(self.top)).items() if path in held}
        assert difference(disk, held) == ""
        assert self.words.shape == shape_of(held)
        assert self.follower.mirror.digest() == self.follower.mirror.service_digest
        return {(it["type"], it["path"].removeprefix(f"{self.top}/")) for it in changes}


@contextmanager
def served(top: Path, *flags: str) -> Iterator[Client]:
    with Process(top, *flags) as server:
        server.await_ready()
        client = Client(server, top)
        yield client
        client.follower.close()
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("watcher", WATCHERS)
def test_rules_that_change_while_a_client_follows(watcher: str, repository: Path) -> None:
    top = repository
    with served(top, "--gitignore", "--watcher", watcher) as client:
        (top / "build" / "more").touch()
        (top / "src" / "c.o").touch()
        assert client.look() == set()
        os.truncate(top / ".gitignore", len("*.o\n!/keep.o\n"))
        opened = {
            ("created", path) for path in ("build", "build/log", "build/more", "build/objects", "build/objects/x")
        }
        assert opened <= client.look()
        (top / "src" / ".gitignore").write_text("!a.o\n")
        assert {("created", "src/.gitignore"), ("created", "src/a.o")} <= client.look()
        with open(top / ".git" / "info" / "exclude", "a") as exclude:
            exclude.write("docs\n")
        assert ("deleted", "docs") in client.look()
        (top / ".gitignore").rename(top / "src" / "rules")
        assert {("created", "src/c.o"), ("created", "src/deep/b.o"), ("renamed", "src/rules")} <= client.look()
        (top / "src" / "rules").rename(top / ".gitignore")
        assert ("deleted", "src/c.o") in client.look()


def test_what_is_left_out_can_not_be_asked_for(repository: Path) -> None:
    with served(repository, "--gitignore") as client:
        for path in ("build", "build/objects", ".git/refs"):
            assert get(f"{client.server.url}/tree?path=/{path}&mode=classic")[0] == 404
        assert get(f"{client.server.url}/tree?path=/src&mode=classic")[0] == 200


def test_a_storm_of_git_itself_takes_the_lock_and_tells_the_heads(repository: Path) -> None:
    """Nothing below `.git` is in the tree, and the hold hears of it all the same."""
    top = repository
    git(top, "add", "src/a.c")
    with Process(top) as server:
        server.await_ready()
        with server.follow() as follower:
            who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
            for _ in range(2):
                git(top, *who, "commit", "-q", "--allow-empty", "-m", "x")
                head = git(top, "rev-parse", "HEAD").strip().decode()
                follower.until(partial(_tells, head))
            assert not [path for path, _ in follower.mirror.paths() if b"/.git/" in path]


def _tells(head: str, follower: Follower) -> bool:
    switches = [message["vcs"] for turn in follower.turns for message in turn.named("message") if message.get("vcs")]
    return any(switch["to"] == head for switch in switches)


def test_an_option_that_says_nothing_is_refused(repository: Path) -> None:
    with Process(repository, "--exclude", "!x") as server:
        assert server.popen.wait(20) == 2
        assert "use --include" in server.log()
