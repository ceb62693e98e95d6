"""What can go wrong with a tree that is watched, one test after each fault, on every watcher.

Law: through each of them every witness holds what `find` sees, at each barrier at which nothing changes, and two of the
witnesses live on what was told of changes alone. The clock stands in `test_faults_of_time.py`, what times and
sizes hide in `test_faults_hidden.py`, watchdog in `test_faults_of_watchdog.py`.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.clients.plain import get_json
from tests.disk import difference, listing, mirror_listing
from tests.integration.edits import exchange, grow
from tests.integration.process import SERVE, Process
from tests.limited import limited, needs_limits
from tests.mirror.watching import STORM, see_at_work, serving, unprivileged, watching
from tests.mounting import mounted
from tests.storm.perform import remove
from tests.storm.small_queue import SETTINGS
from tests.storm.witness import ResumingFollower
from tests.watchers import BY_NAME

on_every_watcher = pytest.mark.parametrize("watcher", BY_NAME)
WATCHES = 30
ROOM = 16
CHANGES = "?events=tree,quantum,change,message"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """An empty directory. It is removed here, as there may be more in it than pytest should keep."""
    path = tmp_path / "root"
    path.mkdir()
    yield path
    with suppress(FileNotFoundError):
        remove(bytes(path))


# ---------------------------------------------------------------- limits of the kernel


@needs_limits
def test_the_limit_is_reached_in_the_middle_of_the_first_scan(root: Path) -> None:
    """It is said with what raises it; what can't be watched is polled, also where it moves between the two kinds."""
    for number in range(100):
        (root / f"d{number:02}" / "in").mkdir(parents=True)
    with watching("auto", root, command=limited(SERVE, WATCHES)) as witnesses:
        log = witnesses.server.log().splitlines()
        (said,) = [line for line in log if " WARNING " in line and "running as root" not in line]
        for part in (f"user.max_inotify_watches is {WATCHES}", "polled", "sudo sysctl user.max_inotify_watches=65536"):
            assert part in said
            assert part in witnesses.degraded()
        assert get_json(f"{witnesses.url}/clock")["degraded"]
        for number in range(100):
            (root / f"d{number:02}" / "in" / "f").write_text("x")
        told = witnesses.see("written everywhere")
        assert {("created", f"d{number:02}/in/f") for number in range(100)} <= told
        (root / "d99").rename(root / "d00" / "moved")
        (root / "d00" / "moved" / "in" / "f").write_text("xx")
        # What is polled is not told of when the kernel tells of what was left: it may be gone for a moment.
        assert witnesses.see("moved") & {("renamed", "d00/moved"), ("created", "d00/moved")}
        (root / "d00").rename(root / "d98" / "in" / "back")
        (root / "d98" / "in" / "back" / "moved" / "in" / "f").write_text("xxx")
        assert witnesses.see("and back") & {("renamed", "d98/in/back"), ("created", "d98/in/back")}


@needs_limits
def test_the_limit_of_inotify_is_none_of_polling(root: Path) -> None:
    for number in range(2 * WATCHES):
        (root / f"d{number:02}").mkdir()
    with watching("polling", root, command=limited(SERVE, WATCHES)) as witnesses:
        for number in range(2 * WATCHES):
            (root / f"d{number:02}" / "f").touch()
        told = witnesses.see("written everywhere")
        assert {("created", f"d{number:02}/f") for number in range(2 * WATCHES)} <= told
        assert witnesses.degraded() == ""


@needs_limits
def test_where_a_limit_can_be_had_fanotify_can_not_and_says_why(root: Path) -> None:
    """It has one mark for all of a file system, so no scan reaches a limit; what it needs, a namespace has not."""
    with Process(root, "--watcher", "fanotify", command=limited(SERVE, WATCHES)) as server:
        assert server.end()[0] == 3
        assert "CAP_SYS_ADMIN" in server.log()


MANY_EVENTS = """
for number in range(30):
    os.makedirs(f"d{number}/in", exist_ok=True)
    for name in ("a", "b", "c"):
        open(f"d{number}/in/{name}", "a").write("x" * (count % 7))
    os.replace(f"d{number}/in/a", f"d{number}/{count % 5}")
    if (count + number) % 3 == 0:
        shutil.rmtree(f"d{number}")
"""


@on_every_watcher
def test_a_queue_for_sixteen_events(watcher: str, root: Path) -> None:
    """It overflows again and again. No client is told the tree anew: to them it is batches like any other."""
    if not all(os.access(setting, os.W_OK) for setting in SETTINGS.values()):
        pytest.skip("the kernel's setting may not be changed here")
    before = [Path(setting).read_text() for setting in SETTINGS.values()]
    command = (sys.executable, str(STORM / "small_queue.py"), str(ROOM), "--serve")
    with watching(watcher, root, command=command) as witnesses:
        names = [f"f{number}." for number in range(2 * ROOM)]
        for number in range(3):
            with witnesses.paused():
                for name in names:
                    (root / f"{name}{number}").touch()
                grow(root / f"grown{number}")
            told = witnesses.see("more than there is room for")
            assert {("created", f"{name}{number}") for name in (*names, "grown")} <= told
        overflows = witnesses.server.log().count("overflowed")
        assert overflows == 0 if watcher == "polling" else overflows >= 3
        see_at_work(witnesses, MANY_EVENTS, root)
        (root / "quiet").mkdir()
        assert witnesses.see("it goes on") == {("created", "quiet")}
    assert [Path(setting).read_text() for setting in SETTINGS.values()] == before


# ---------------------------------------------------------------- directories that come, go and move


BRIEF = """
for number in range(20):
    os.makedirs(f"d{number}/in/deep")
    open(f"d{number}/in/deep/f", "w").close()
for number in range(20):
    shutil.rmtree(f"d{number}")
"""


@on_every_watcher
def test_directories_made_and_deleted_in_a_tight_loop(watcher: str, root: Path) -> None:
    (root / "loop").mkdir()
    with watching(watcher, root) as witnesses:
        see_at_work(witnesses, BRIEF, root / "loop", looks=6)
        shutil.rmtree(root / "loop")
        assert ("deleted", "loop") in witnesses.see("and all of it is gone")


AROUND = """
os.rename("one/back", "two/x")
os.rename("two/x", "three/x")
os.rename("three/x", "one/back")
"""


@on_every_watcher
def test_renames_across_roots(watcher: str, tmp_path: Path) -> None:
    """To the clients it is one tree: what goes to another root is renamed, with all that is in it."""
    one, two, three = roots = [tmp_path / name for name in ("one", "two", "three")]
    for root in roots:
        grow(root / f"of_{root.name}")
    with watching(watcher, *roots) as witnesses:
        (one / "of_one").rename(two / "moved")
        assert ("renamed", "two/moved") in witnesses.see("a directory")
        (two / "moved" / "part0" / "deep" / "0.txt").rename(three / "file")
        assert ("renamed", "three/file") in witnesses.see("a file")
        (two / "moved").rename(three / "of_three" / "moved")
        (three / "of_three" / "moved" / "part1" / "new").write_text("in what moved")
        (three / "of_three").rename(one / "back")
        told = witnesses.see("two in each other, written to meanwhile")
        assert ("renamed", "one/back") in told
        assert any(type == "created" and path.endswith("moved/part1/new") for type, path in told)
        exchange(one / "back", two / "of_two")
        (two / "of_two" / "moved" / "part1" / "new").unlink()
        exchange(three / "file", one / "back")
        witnesses.see("changed places")
        see_at_work(witnesses, AROUND, tmp_path)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory whose only one has 100,000 files; for all the watchers, one after the other."""
    top = tmp_path_factory.mktemp("crowded")
    (top / "many").mkdir()
    inside = os.open(top / "many", os.O_RDONLY)
    for number in range(100_000):
        os.mknod(b"%d.txt" % number, dir_fd=inside)
    os.close(inside)
    yield top
    remove(bytes(top))


@on_every_watcher
def test_a_hundred_thousand_entries_in_one_directory(watcher: str, crowded: Path) -> None:
    """A hundredth is renamed, another deleted, and then all of it is moved."""
    (many,) = crowded.iterdir()
    names = sorted(os.listdir(many))
    with serving(watcher, crowded) as server, closing(ResumingFollower(f"{server.url}/events{CHANGES}")) as follower:
        follower.reach(server.sync())
        follower.turns.clear()
        for old, gone in zip(names[::100], names[1::100], strict=True):
            (many / old).rename(many / f"{old}.{watcher}")
            (many / gone).unlink()
        follower.reach(server.sync())
        many.rename(crowded / watcher)
        follower.reach(server.sync())
        assert difference(listing(bytes(crowded)), mirror_listing(follower.mirror)) == ""
        told = [(it["type"], it["path"]) for turn in follower.turns for it in turn.named("change")]
        assert told[-1] == ("renamed", str(crowded / watcher))
        assert {("renamed", f"{many}/{names[0]}.{watcher}"), ("deleted", f"{many}/{names[1]}")} <= {*told}
        assert (len(told) - 1, follower.rebases) == (len(names[::100]) * 2, 0)
        assert follower.digests_checked > 1


# ---------------------------------------------------------------- disks and doors


def fill(path: Path) -> int:
    """Write until there is no room; how much could be written."""
    written = 0
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            written += file.write(b"x" * 3000)
    return written


def make_directories(path: Path) -> int:
    """As many as there is room for, up to 200; how many."""
    for number in range(200):
        try:
            (path / f"d{number}").mkdir()
        except OSError:
            return number
    return 200


@on_every_watcher
def test_a_file_system_that_fills_up(watcher: str, root: Path) -> None:
    """With bytes, then with entries; and there is room again."""
    with mounted(root, options="size=1m,nr_inodes=200"):
        grow(root / "before")
        with watching(watcher, root) as witnesses:
            assert fill(root / "large") > 0
            assert ("created", "large") in witnesses.see("full")
            with pytest.raises(OSError, match="No space left"):
                (root / "before" / "part0" / "deep" / "0.txt").write_bytes(b"y" * 100_000)
            (root / "none").touch()
            assert fill(root / "none") == 0
            (root / "before" / "part1").rename(root / "part1")
            assert {("created", "none"), ("renamed", "part1")} <= witnesses.see("what can be done all the same")
            os.truncate(root / "large", 5000)
            assert fill(root / "none") > 0
            assert {("modified", "large"), ("modified", "none")} <= witnesses.see("room, and full again")
            assert 9 < make_directories(root / "part1") < 200
            assert ("created", "part1/d9") in witnesses.see("no entry can be made")
            remove(bytes(root / "part1"))
            (root / "after").mkdir()
            assert {("deleted", "part1"), ("created", "after")} <= witnesses.see("room for entries again")


@on_every_watcher
def test_permission_taken_away_and_given_back(watcher: str, root: Path) -> None:
    """What was told of a directory stays, and is a problem by name. Once it may be read, what was missed is told."""
    inner = root / "often" / "inner"
    inner.mkdir(parents=True)
    (inner / "file").touch()
    (root / "never").mkdir(mode=0)
    (root / "never").chmod(0)
    inside = os.open(inner, os.O_RDONLY)
    with watching(watcher, root, command=unprivileged(watcher)) as witnesses:
        for number in range(3):
            (root / "often").chmod(0)
            os.close(os.open(f"unseen{number}", os.O_CREAT, dir_fd=inside))
            os.rename("file", "moved", src_dir_fd=inside, dst_dir_fd=inside)
            (root / f"beside{number}").touch()
            witnesses.follow()
            held_now = mirror_listing(witnesses.full.mirror)
            assert bytes(inner / "file") in held_now
            assert bytes(root / f"beside{number}") in held_now
            # Both are closed now. Which of them a look met first, or whether it met both, is chance.
            shown, often = {one["path"] for one in witnesses.problems()}, {str(inner), str(inner.parent)}
            assert shown - often == ({str(root / "never")} if number == 0 else set())
            assert shown & often
            for name in ("often", "never"):
                (root / name).chmod(0o700)
            (root / "never" / f"now{number}").touch()
            told = witnesses.see("opened")
            assert {("created", f"often/inner/unseen{number}"), ("created", f"never/now{number}")} <= told
            assert told & {("renamed", "often/inner/moved"), ("created", "often/inner/moved")}
            assert witnesses.problems() == []
            (inner / "moved").rename(inner / "file")
            witnesses.see("open, and back at its name")
    os.close(inside)


# ---------------------------------------------------------------- one name, several kinds


def make_file(path: Path) -> None:
    path.write_text("a file")


def make_directory(path: Path) -> None:
    grow(path, 3)


def make_link(path: Path) -> None:
    path.symlink_to("beside")


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        remove(bytes(path))
    else:
        path.unlink(missing_ok=True)


KINDS: tuple[Callable[[Path], None], ...] = (make_file, make_directory, make_link)
SWAPPING = """
from pathlib import Path
from tests.integration.edits import exchange
for other in ("a", "b", "c"):
    exchange(Path("name"), Path(other))
os.unlink("brief") if os.path.lexists("brief") else None
os.mkdir("brief"); os.rmdir("brief")
open("brief", "w").close(); os.unlink("brief")
os.symlink("a", "brief")
"""


@on_every_watcher
def test_a_name_swapped_between_file_directory_and_link(watcher: str, root: Path) -> None:
    """From each kind to each, by what is deleted and made, and by two that change places; then in a tight loop."""
    make_directory(root / "beside")
    path = root / "name"
    with watching(watcher, root) as witnesses:
        for before in KINDS:
            for after in KINDS:
                clear(path)
                before(path)
                witnesses.see(before.__name__)
                clear(path)
                after(path)
                told = witnesses.see(f"{before.__name__}, {after.__name__}")
                if before is not after:
                    assert {("deleted", "name"), ("created", "name")} <= told
        for make, name in zip(KINDS, "abc", strict=True):
            make(root / name)
        witnesses.see("one of each")
        for name in "abcab":
            exchange(path, root / name)
            assert {what for what in witnesses.see(f"exchanged with {name}") if what[1] in ("name", name)}
        see_at_work(witnesses, SWAPPING, root)
