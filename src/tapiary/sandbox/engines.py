"""Which engine runs what: as the setting `scripts.sandbox` says, and as is there."""

from __future__ import annotations

from typing import Literal

from tapiary.config import ScriptsConfig
from tapiary.errors import Unavailable

from . import bubblewrap, docker

Engine = Literal["docker", "bubblewrap"]
_CHECKS = {"docker": docker.check, "bubblewrap": bubblewrap.check}


def find_engine(config: ScriptsConfig, *, needs_program: bool = False) -> tuple[Engine, str]:
    """The engine to use and its version; raises Unavailable with what is missing.

    needs_program: the command needs this program's own Python, which only bubblewrap can show it.
    """
    if config.sandbox == "none":
        raise Unavailable("scripts do not run on this server: the setting scripts.sandbox is none")
    order: tuple[Engine, ...] = ("docker", "bubblewrap")
    if config.sandbox != "auto":
        order = (config.sandbox,)
    elif needs_program:
        order = ("bubblewrap", "docker")
    reasons = []
    for engine in order:
        try:
            return engine, _CHECKS[engine]()
        except Unavailable as error:
            reasons.append(error.message)
    raise Unavailable(f"there is no sandbox for scripts: {'; '.join(reasons)}")


def engine_of(config: ScriptsConfig) -> str:
    """What `find_engine` found, in words; raises Unavailable."""
    engine, version = find_engine(config)
    return f"{engine} {version}"
