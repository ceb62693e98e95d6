"""`python -m tests.golden.write`: the golden documents, written anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from smarttree import modes
from tests.golden.project import golden, plant, view_of


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        plant(Path(directory))
        view, top = view_of(Path(directory))
        for name in modes.MODES:
            if name != "quantum":  # its vectors are in spec/vectors
                golden(name).write_bytes(b"".join(modes.find(name).render(view, top, depth=None)))


if __name__ == "__main__":
    main()
