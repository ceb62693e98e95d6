"""audit.py FILE...: what is known to be weak among the packages that these files pin; exit status 1 if anything is.

Law: it is never silent about what it does not know. The package index that pip uses is asked for what it publishes of
each release (`vulnerabilities`, which `pip-audit` reads too), once a day; a mirror that tells of projects alone knows
those pins that are a project's newest release. Without an index, the last answers are taken, with their age. Whatever
nobody has told is named; in CI, to know nothing at all is a failure.
"""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from pip._internal.models.index import PyPI  # where pip looks if it is told nothing

ROOT: Final = Path(__file__).resolve().parents[1]
KEPT: Final = ROOT / "build" / "audit.json"
FRESH_S: Final = 24 * 3600
TIMEOUT_S: Final = 10
AT_A_TIME: Final = 8
BYTES_MAX: Final = 64 << 20


class Pin(NamedTuple):
    name: str
    version: str


class Told(NamedTuple):
    """What an index says of a pin, and when it did. `weak`: ids with what they are about."""

    weak: dict[str, str]
    when: float


def pinned(files: list[str]) -> list[Pin]:
    lines = {line.strip() for file in files for line in Path(file).read_text().splitlines()}
    return sorted(Pin(*line.split("==")) for line in lines if line and not line.startswith("#"))


def of_pip(key: str) -> str:
    """A setting of pip's, wherever it comes from; empty if it has none."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "get"]
    asked = subprocess.run([*command, f"global.{key}"], capture_output=True, text=True, check=False)
    return os.environ.get(f"PIP_{key.replace('-', '_').upper()}") or asked.stdout.strip()


class Index:
    """The one that pip uses, asked in JSON."""

    def __init__(self) -> None:
        self._url = (of_pip("index-url") or str(PyPI.simple_url)).rstrip("/").removesuffix("/simple") + "/pypi"
        if urlsplit(self._url).scheme not in ("http", "https"):
            raise OSError("pip's index is no address of the web")
        self._trusted = ssl.create_default_context(cafile=of_pip("cert") or None)

    def _get(self, *parts: str) -> Any:
        """The document; None where there is none. Raises OSError where nobody answers."""
        url = "/".join((self._url, *parts, "json"))
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=self._trusted) as answer:
                return json.loads(answer.read(BYTES_MAX))
        except urllib.error.HTTPError as error:
            error.close()
            return None
        except ValueError:
            return None

    def ask(self, pin: Pin) -> Told | None:
        """None where it does not tell. Raises OSError."""
        document = self._get(*pin)
        if document is None:
            document = self._get(pin.name)
            if document is None or document["info"]["version"] != pin.version:
                return None
        if "vulnerabilities" not in document:
            return None
        known = [each for each in document["vulnerabilities"] if not each.get("withdrawn")]
        weak = {each["id"]: (each.get("summary") or each.get("details") or "")[:200] for each in known}
        if document["info"].get("yanked"):
            weak["yanked"] = document["info"].get("yanked_reason") or "taken back by its authors"
        return Told(weak, time.time())


def kept() -> dict[Pin, Told]:
    try:
        return {Pin(*pin): Told(*told) for pin, told in json.loads(KEPT.read_text())}
    except (OSError, ValueError, TypeError):
        return {}


def learn(pins: list[Pin], known: dict[Pin, Told]) -> str:
    """Ask for what is not known, or not of today. Why nobody answers, if nobody does."""
    wanted = [pin for pin in pins if pin not in known or known[pin].when < time.time() - FRESH_S]
    if not wanted:
        return ""
    try:
        index = Index()
        first = index.ask(wanted[0])  # one who can't be reached is asked once
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            told = [first, *pool.map(index.ask, wanted[1:])]
    except OSError as error:
        return f"the index does not answer ({error})"
    known.update({pin: each for pin, each in zip(wanted, told, strict=True) if each is not None})
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps([*known.items()]))
    return ""


def main(files: list[str]) -> int:
    with open(ROOT / "pyproject.toml", "rb") as file:
        accepted = tomllib.load(file).get("tool", {}).get("audit", {}).get("accepted", {})
    pins, known = pinned(files), kept()
    why = learn(pins, known)
    unknown = [pin for pin in pins if pin not in known]
    weak = [(pin, *each) for pin in pins if pin in known for each in known[pin].weak.items() if each[0] not in accepted]
    for pin, name, about in weak:
        print(f"WEAK: {pin.name} {pin.version}: {name}: {about}")
    if unknown:
        names = ", ".join(f"{pin.name} {pin.version}" for pin in unknown)
        told = why or "the index tells of newer releases only"
        print(f"NOTE: nothing is known of {len(unknown)} of {len(pins)} packages, as {told}: {names}")
    if why and len(unknown) < len(pins):
        oldest = min(known[pin].when for pin in pins if pin in known)
        print(f"NOTE: {why}; the answers are of {time.strftime('%Y-%m-%d', time.gmtime(oldest))}")
    print(f"{len(pins) - len(unknown)} packages are known, {len({pin for pin, *_ in weak})} of them to be weak")
    return 1 if weak or (len(unknown) == len(pins) and os.environ.get("CI")) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
