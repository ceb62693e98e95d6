"""`packed.py DIST`: that what would be published is whole, and stands alone.

Law: the wheel holds every module, the marker of types, the licence and the program; installed by itself in an empty
folder, it imports, and nothing of the server comes with it.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / "src"
CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
import smart_tree_sse
import smart_tree_sse.following.cli
assert smart_tree_sse.__file__.startswith(sys.argv[1]), smart_tree_sse.__file__
assert all(hasattr(smart_tree_sse, name) for name in smart_tree_sse.__all__)
foreign = {name.partition(".")[0] for name in sys.modules} & {"smarttree", "spec", "tests"}
assert not foreign, foreign
"""


def main(dist: str) -> None:
    (wheel,) = Path(dist).glob("*.whl")
    (sdist,) = Path(dist).glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        wanted = {str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.py")} | {"smart_tree_sse/py.typed"}
        assert wanted <= names, wanted - names
        assert any(name.endswith("licenses/LICENSE") for name in names), "no licence"
        (points,) = [packed.read(name).decode() for name in names if name.endswith("entry_points.txt")]
        assert "st-follow" in points
        with tempfile.TemporaryDirectory() as folder:
            packed.extractall(folder)
            subprocess.run([sys.executable, "-c", CHECK, folder], check=True, cwd=folder)
    with tarfile.open(sdist) as source:
        held = {name.partition("/")[2] for name in source.getnames()}
        assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml"} <= held, held
    print(f"{wheel.name} and {sdist.name} are whole")


if __name__ == "__main__":
    main(*sys.argv[1:])
