# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Scripts that may be run over captures."""

from __future__ import annotations

import os
from pathlib import Path

from pytci._calls import scripts as _calls
from pytci._calls.scripts import Source
from pytci._runners import AsyncRunner
from pytci.models import Script


class Scripts(AsyncRunner):
    """Scripts that may be run over captures."""

    async def get_scripts(self) -> list[Script]:
        """The scripts that one may use."""
        return await self._run(_calls.get_scripts())

    async def get_script(self, name: str) -> Script:
        """A script. Needs SCRIPT_MASTER; BadRequest when there is none of that name."""
        return await self._run(_calls.get_script(name))

    async def create_script(
        self,
        name: str,
        authorization_level: int,
        file: Source,
        description: str | None = None,
    ) -> Script:
        """Bring a script. Needs SCRIPT_MASTER.

        file is a path, or the script itself as bytes: below 1 MiB, with a line #! at its head. Users of the given
        level and of higher rank (smaller numbers) may use it.
        """
        return await self._run(_calls.create_script(name, authorization_level, file, description))

    async def download_script(self, name: str, path: str | os.PathLike[str]) -> Path:
        """Write a script into a file, or into a folder under its own name; an existing file is replaced. Returns where
        it is. Needs SCRIPT_MASTER.
        """
        return await self._run(_calls.download_script(name, path))

    async def delete_script(self, name: str) -> None:
        """Delete a script that no job speaks of. Needs SCRIPT_MASTER."""
        return await self._run(_calls.delete_script(name))
