"""Corpora: the trees that tables are measured on. Each is made once, whole or not at all, and kept.

They lie below $SMARTTREE_CORPORA, or build/corpus. `linux` is Debian's linux-source-6.1, unpacked with fresh times;
`linux-tarball` the same with the tarball's times; `linux-scattered` with times by chance; `linux-checkouts` after git
has gone from that release to 6.12 and back, five times; `node_modules` what npm has just installed of what bench/node
pins; `usr` this machine's /usr, as it is; `synthetic` is made of 50,000 directories and 501,000 files, by a fixed seed.

The tables of watching change what they are measured on, and have their own: `watch-small`, `watch-550k`, `watch-2m`,
made as `synthetic` is; and `linux-repository`, the two releases as branches `one` and `two`, the first checked out. So
is `rest-84k`, whose snapshot has one megabyte.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.programs import MissingError

TARBALL = Path("/usr/src/linux-source-6.1.tar.xz")
LATER_TARBALL = Path("/usr/src/linux-source-6.12.tar.xz")
CHECKOUTS = 5
NODE = Path(__file__).resolve().parent / "node"
SYNTHETIC_DIRS = 50_000
SYNTHETIC_FILES = 501_000
SEED = 20_250_716
WORDS = "api app auth build cache client config core data event hook index list main model page route store test view"
EXTENSIONS = ["ts", "js", "py", "rs", "go", "c", "h", "json", "md", "yaml", "html", "css", "png", "d.ts", "map"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A tree on disk. Its path is for running only, and is never put into a result."""

    name: str
    path: Path
    what: str


def corpora_folder() -> Path:
    """Where corpora are kept."""
    named = os.environ.get("SMARTTREE_CORPORA")
    return Path(named) if named else Path(__file__).resolve().parent.parent / "build" / "corpus"


def corpus(name: str, folder: Path) -> Corpus:
    """A corpus by name, made first if need be. Raises MissingError, where what it is made of is missing."""
    if name == "usr":
        return Corpus(name=name, path=Path("/usr"), what="/usr of this machine")
    make, what = MADE[name]
    place = folder / name
    if not place.exists():
        unfinished = folder / f"{name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        print(f"making the corpus {name} …", flush=True)
        make(unfinished)
        unfinished.rename(place)
    return Corpus(name=name, path=place, what=what)


def unpack(place: Path, *options: str, tarball: Path | None = None) -> None:
    """Unpacks the Linux sources. Raises MissingError."""
    tarball = tarball or TARBALL
    if not tarball.exists():
        raise MissingError(f"{tarball.name} is missing: `make bench-packages` installs it")
    subprocess.run(["tar", "--no-same-owner", *options, "-xJf", str(tarball), "-C", str(place)], check=True)


def git(place: Path, git_dir: Path, *arguments: str) -> str:
    """What git prints; run as on a machine where no one has set it up. Raises CalledProcessError."""
    where = [f"--git-dir={git_dir}", f"--work-tree={place}"]
    fast = ["-c", "gc.auto=0", "-c", "core.compression=0", "-c", "core.fsync=none"]
    who = {f"GIT_{role}_{what}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *where, *fast, *arguments]
    environment = os.environ | who | alone
    return subprocess.run(command, check=True, cwd=place, stdout=subprocess.PIPE, text=True, env=environment).stdout


def commit_releases(place: Path, git_dir: Path) -> None:
    """Commits two releases, as branches `one` and `two`; the second is checked out then. Raises MissingError."""
    git(place, git_dir, "init", "-q")
    for release, tarball in (("one", TARBALL), ("two", LATER_TARBALL)):
        git(place, git_dir, "checkout", "-q", "--orphan", release)
        git(place, git_dir, "rm", "-rqf", "--ignore-unmatch", ".")
        unpack(place, "--touch", "--strip-components=1", tarball=tarball)
        git(place, git_dir, "add", "--all", "--force")
        git(place, git_dir, "commit", "-q", "-m", release)


def check_out(place: Path) -> None:
    """Commits two releases to a repository beside the tree, and goes back and forth. Raises MissingError."""
    git_dir = place.with_name(f"{place.name}.git")
    shutil.rmtree(git_dir, ignore_errors=True)
    commit_releases(place, git_dir)
    for _ in range(CHECKOUTS):
        git(place, git_dir, "checkout", "-q", "one")
        git(place, git_dir, "checkout", "-q", "two")
    shutil.rmtree(git_dir)


def keep_repository(place: Path) -> None:
    """Commits two releases to a repository in the tree, where it usually is. Raises MissingError."""
    commit_releases(place, place / ".git")
    git(place, place / ".git", "checkout", "-q", "one")


def install(place: Path) -> None:
    """Has npm install what is pinned; what that depends on is what npm finds today. Raises MissingError."""
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is missing: `make system-packages` installs it")
    for name in ("package.json", ".npmrc"):
        shutil.copy(NODE / name, place)
    command = [npm, "install", "--ignore-scripts", "--no-package-lock"]
    subprocess.run(command, cwd=place, check=True, stdout=subprocess.DEVNULL)


def scatter(place: Path) -> None:
    """Unpacks the Linux sources and gives every entry an mtime of its own within one hour: the worst for any format."""
    unpack(place, "--touch")
    chance, hour_ns = random.Random(SEED), 3600 * 10**9
    latest_ns = place.stat().st_mtime_ns
    for top, dirs, files in os.walk(place, topdown=False):
        for name in sorted([*dirs, *files]):
            mtime_ns = latest_ns - chance.randrange(hour_ns)
            os.utime(os.path.join(top, name), ns=(mtime_ns, mtime_ns), follow_symlinks=False)


def grow(place: Path, directories: int = 0, files: int = 0) -> None:
    """Grows a synthetic tree, of that many entries or of as many as `synthetic` has. Parents are by chance among all
    directories, so it is bushy, and about 25 levels deep.

    Files are holes of their size, so that it takes inodes, not space.
    """
    chance, words = random.Random(SEED), WORDS.split()
    dirs = [place]
    for number in range(directories or SYNTHETIC_DIRS):
        dirs.append(chance.choice(dirs) / f"{chance.choice(words)}-{number}")
        dirs[-1].mkdir()
    for number in range(files or SYNTHETIC_FILES):
        name = f"{chance.choice(words)}_{chance.choice(words)}{number % 997}-{number}.{chance.choice(EXTENSIONS)}"
        fd = os.open(chance.choice(dirs) / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        try:
            os.truncate(fd, int(chance.lognormvariate(8, 2)))
        finally:
            os.close(fd)


MADE: dict[str, tuple[Callable[[Path], None], str]] = {
    "linux": (lambda place: unpack(place, "--touch"), "Linux 6.1, freshly unpacked"),
    "linux-tarball": (unpack, "Linux 6.1, with the tarball's times"),
    "linux-scattered": (scatter, "Linux 6.1, every mtime by chance within one hour"),
    "linux-checkouts": (check_out, "Linux, after ten checkouts between 6.1 and 6.12"),
    "node_modules": (
        install,
        "@angular/cli, babel, eslint, jest, next, storybook, typescript and webpack, just installed",
    ),
    "synthetic": (grow, "made from a fixed seed"),
    "watch-small": (lambda place: grow(place, 300, 2_700), "made from a fixed seed"),
    "watch-550k": (grow, "made from a fixed seed"),
    "watch-2m": (lambda place: grow(place, 150_000, 1_850_000), "made from a fixed seed"),
    "rest-84k": (lambda place: grow(place, 8_000, 76_000), "made from a fixed seed"),
    "linux-repository": (keep_repository, "Linux 6.1 and 6.12 in one repository"),
}
NAMES = [*MADE, "usr"]
