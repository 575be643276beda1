"""Where this program itself lies: the interpreter, the libraries and the package, and nothing beside them."""

from __future__ import annotations

import site
import sys
from pathlib import Path

import tapiary


def program_paths() -> list[Path]:
    """Folders and files that this program's Python needs to run our modules, each under its own name.

    Not the whole of an environment's folder: settings and data may lie in it as well.
    """
    places: list[Path] = []
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        places += [Path(prefix) / part for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    user = site.getusersitepackages()
    if user in sys.path:
        places.append(Path(user))
    places.append(Path(tapiary.__file__).parent)
    return [place for place in places if place.exists() and not place.is_symlink()]


def program_environment() -> dict[str, str]:
    """What tells a script which Python that is."""
    return {"SCRIPT_PYTHON": sys.executable, "PYTHONDONTWRITEBYTECODE": "1"}
