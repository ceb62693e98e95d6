"""Two releases of Linux, as Debian packs them, in one git repository: a tree that changes as real ones do.

Law: the files are new ones, with the time at which they were unpacked, as after a download; git is run as on a machine
where no one has set it up.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

RELEASES = ("6.1", "6.12")
PACKED = ("linux-source-*.tar.*", "linux-source-*/linux-source-*.tar.*")
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
WHO = {f"GIT_{role}_{what}": "a@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def archives() -> list[Path]:
    """All packed sources of Linux that are installed, of whatever release."""
    return sorted(path for pattern in PACKED for path in Path("/usr/src").glob(pattern) if path.is_file())


def archive(release: str) -> Path | None:
    """The packed source of a release, if its package is installed."""
    return next((path for path in archives() if path.name.startswith(f"linux-source-{release}.tar")), None)


def git(repository: Path, *arguments: str) -> None:
    fast = ("-c", "gc.auto=0", "-c", "core.compression=0", "-c", "core.fsync=none")
    command = ["git", "-C", str(repository), *fast, *arguments]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | QUIET | WHO)


def commit_whole(repository: Path, release: str) -> None:
    """A release as a branch of its own name: nothing else is in the work tree then."""
    _empty_branch(repository, release)
    options = ("--touch", "--strip-components=1", "--no-same-owner")
    subprocess.run(["tar", "-xf", archive(release) or "missing", *options, "-C", repository], check=True)
    _commit(repository, release)


def commit_part(repository: Path, release: str, most: int) -> None:
    """The same with only the first files; where a release is not installed, another, or other files of the same one."""
    _empty_branch(repository, release)
    found = archives()
    assert found, "no packed Linux source in /usr/src: run `make system-packages`"
    at = RELEASES.index(release)
    _unpack_part(archive(release) or found[-1 if at else 0], repository, most, leave=at if len(found) == 1 else 0)
    _commit(repository, release)


def _empty_branch(repository: Path, name: str) -> None:
    git(repository, "checkout", "-q", "--orphan", name)
    git(repository, "rm", "-rqf", "--ignore-unmatch", ".")


def _commit(repository: Path, name: str) -> None:
    git(repository, "add", "--all", "--force")  # whatever its .gitignore says
    git(repository, "commit", "-q", "-m", name)


def _unpack_part(packed: Path, into: Path, most: int, leave: int) -> None:
    """The first files of the archive, but for every third one if some are to be left; it is read no further."""
    with tarfile.open(packed, "r|*") as members:
        count = 0
        for member in members:
            path = into / Path(*Path(member.name).parts[1:])
            count += member.isfile()
            if count > most:
                return
            if member.isfile() and not (leave and count % 3 == 0):
                path.parent.mkdir(parents=True, exist_ok=True)
                content = members.extractfile(member)
                assert content is not None
                path.write_bytes(content.read() + b"changed\n" * (leave and count % 2))
