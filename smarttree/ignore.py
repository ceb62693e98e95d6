"""What is left out of a tree: the command line's globs and, where asked for, the rule files git and ripgrep know.

The syntax is that of a `.gitignore`, and what comes first decides: `--include` and `--exclude` (relative to each root;
an include brings back what an exclude, or a file, leaves out), `.ignore` files, `.gitignore` files, each the deepest
first, then `.git/info/exclude`. Within a file the last line that fits counts. What lies below an ignored directory
can't be brought back. A directory with a `.git` in it begins a repository: git's files above it don't hold in it.
`.git` itself is an entry without children unless included; then rule files don't count in it.

The matcher is our own, in C (`_wildmatch`, `_ignore`), as a scan asks it about every entry without the GIL. Measured on
a checkout of Linux (92,450 entries, 358 rule files; 2 cores, busy, best of several), per entry: `_ignore` 0.05 to
0.3 µs with the call from Python; pathspec 1.1 with google-re2 2.3 µs and in pure Python 39 µs, for the root's file
only; `git check-ignore` 4.0 µs. A scan costs about 1 µs an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Final

from smarttree._ignore import Rules

__all__ = [
    "EXCLUDE",
    "GIT",
    "GIT_EXCLUDE",
    "GLOB_BYTES_MAX",
    "INFO",
    "RULE_FILES",
    "RULE_FILE_BYTES_MAX",
    "Rules",
    "command_rules",
    "obey",
]

RULE_FILE_BYTES_MAX: Final = 1 << 20
"""A larger rule file is a problem (EFBIG), and its rules don't hold."""

GLOB_BYTES_MAX: Final = 4095
"""A longer glob matches nothing."""

_IGNORE, _GITIGNORE, _REPOSITORY = 1, 2, 3  # as `Rules.extend` has them

GIT, INFO, EXCLUDE = b".git", b"info", b"exclude"
GIT_EXCLUDE: Final = b".git/info/exclude"

RULE_FILES: Final = (GIT, b".gitignore", b".ignore")
"""Names that change what holds in their directory."""


def command_rules(exclude: Iterable[bytes] = (), include: Iterable[bytes] = (), *, rule_files: bool = False) -> Rules:
    """The rules that hold in a root, but for rule files in it. No glob may begin with `!` or hold a newline."""
    return Rules(b"\n".join([*map(_line, exclude), *(b"!" + glob for glob in include)]), reads_files=rule_files)


def _line(glob: bytes) -> bytes:
    """A glob as it must stand in a rule file: there, # begins a comment."""
    return b"\\" + glob if glob.startswith(b"#") else glob


def obey(rules: Rules, present: Collection[bytes], read: Callable[[bytes], bytes | int | None]) -> Rules:
    """What holds in a directory with the rule files in it. `present`: which of `RULE_FILES` there are; `read`: one's
    content by its path from the directory, or None or an errno, and its rules don't hold.
    """
    if not rules.reads_files:
        return rules
    sources = [(_GITIGNORE, b".gitignore"), (_IGNORE, b".ignore")]
    wanted = [(source, path) for source, path in sources if path in present]
    if GIT in present:
        rules = rules.begin_repository()
        wanted.insert(0, (_REPOSITORY, GIT_EXCLUDE))
    for source, path in wanted:
        content = read(path)
        if isinstance(content, bytes) and content:
            rules = rules.extend(source, content)
    return rules
