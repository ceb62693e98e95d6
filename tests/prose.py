"""Texts to carry: the Markdown that packages bring, texts made of what is awkward, and texts that have everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from random import Random

from smarttree.marqant import ENCODE_BYTES_MAX
from tests.nursery import PROJECT

EVERY_ASCII = "".join(map(chr, range(128)))
ODD: dict[str, str] = {
    "EMPTY": "",
    "ONE_LETTER": "a",
    "NO_LAST_FEED": "one\ntwo",
    "FEEDS": "\n\n\n",
    "CRLF": "# one\r\n\r\ntwo\r\n" * 20,
    "CRLF_LAST": "one\r\n",
    "CR_LAST": "one\r",
    "CRS": "\r\r\r\n\r\r\n\n\r",
    "MAC": "one\rtwo\rthree\r" * 20,
    "FEED_SPELT": "a \\n b \\\\n c \\\n" * 20,
    "BACKSLASHES": "\\\\\\\n\\n\\" * 9,
    "EQUALS": "a=b==c=\n=\n" * 9,
    "RULES": "---\n---\n\n---",
    "NUL": "a\0b\0\n" * 9,
    "BOM": "\ufeff# one\n",
    "LINES_OF_UNICODE": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg\n" * 9,
    "EVERY_ASCII": EVERY_ASCII * 3,
    "NO_SHORT_TOKEN": "".join(map(chr, range(0x800))) + "the same phrase " * 9 + "\r\n\r",
    "NO_TOKEN_OF_THE_PLANE": "".join(chr(n) for n in range(0x10000) if not 0xD800 <= n < 0xE000) + " and so on" * 9,
    "ITSELF": "MARQANT 0 3 4 -zlib\n\x01=a\n---\n\x01\n" * 3,
    "RUNS": "-" * 5000 + "=-" * 3000 + "aab" * 2000,
    "ONE_LONG_LINE": "word " * 20_000,
    "CJK": "道可道非常道名可名非常名" * 40,
    "EMOJI": "🌊⚡🚀🎸 " * 40,
}
_PIECES = [
    "\n",
    "\r\n",
    "\r",
    "\\n",
    "\\",
    "n",
    "=",
    "---",
    "\x01",
    "\x02",
    "\x7f",
    "\x80",
    "é",
    "道",
    "🌊",
    " ",
    "the ",
    "a",
    "\t",
    "```",
]


def generated(seed: int) -> str:
    """A text of awkward pieces, some of which repeat as wholes."""
    random = Random(seed)
    texts = ["".join(random.choices(_PIECES, k=random.randrange(1, 30))) for _ in range(random.randrange(1, 9))]
    return "".join(random.choices(texts, k=random.randrange(1, 60)))


def _places() -> Iterator[Path]:
    yield Path(sysconfig.get_paths()["purelib"])
    yield Path(PROJECT, "tests", "node", "node_modules")
    yield Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo", "registry", "src")
    yield Path("/usr/share/doc")
    if npm := shutil.which("npm"):
        told = subprocess.run([npm, "root", "-g"], capture_output=True, text=True, check=True)
        yield Path(told.stdout.strip())


def markdown() -> Iterator[Path]:
    """Files of up to 100 KB, each content once. What is there depends on the machine."""
    seen: set[bytes] = set()
    for place in _places():
        for path in sorted(place.rglob("*.md")):
            if path.is_file() and path.stat().st_size <= min(100_000, ENCODE_BYTES_MAX):
                content = path.read_bytes()
                if content not in seen and _is_text(content):
                    seen.add(content)
                    yield path


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
