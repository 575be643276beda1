"""Builds the wheel of pytci/ that the hive serves to its users.

    python -m tools.build_pytci_wheel [FOLDER]

Without a folder it goes where a server that runs from this checkout looks for it. The same sources make the same
bytes. setup.py calls `build` for installations; nothing is fetched, setuptools alone is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "pytci"
#: Relative to the folder of our packages.
PLACE = Path("tapiary", "api", "wheels")
#: What goes into the wheel, or says how it is made.
PARTS = ("pyproject.toml", "README.md", "LICENSE", "src")
#: 1980-01-01, the first time that a zip file can tell.
EPOCH = "315532800"
_BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"


def build(folder: Path) -> Path | None:
    """Build the wheel into a folder, in the place of older ones; None where there are no sources of it."""
    if not (SOURCE / "pyproject.toml").exists():
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pytci-") as scratch:
        tree, made = Path(scratch, "tree"), Path(scratch, "made")
        _copy(tree)
        made.mkdir()
        environ = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH}
        done = subprocess.run(
            [sys.executable, "-c", _BUILD, str(made)], cwd=tree, env=environ, capture_output=True, text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the wheel of pytci could not be built:\n{done.stdout}{done.stderr}")
        (wheel,) = made.glob("*.whl")
        for old in folder.glob("pytci-*.whl"):
            if old.name != wheel.name:
                old.unlink()
        # Under its name at once: a server may be reading the one before.
        fresh = folder / f".{wheel.name}.{os.getpid()}"
        shutil.copyfile(wheel, fresh)
        return fresh.replace(folder / wheel.name)


def _copy(tree: Path) -> None:
    """The sources with the same permissions everywhere, as these go into the wheel."""
    tree.mkdir()
    for name in PARTS:
        part = SOURCE / name
        if part.is_dir():
            shutil.copytree(part, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        else:
            shutil.copyfile(part, tree / name)
    for path in tree.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "src" / PLACE))
