# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Destinations: folders of the hive to which files of finished jobs are moved."""

from __future__ import annotations

from pytci._calls import destinations as _calls
from pytci._runners import AsyncRunner
from pytci.models import Destination


class Destinations(AsyncRunner):
    """Destinations: folders of the hive to which files of finished jobs are moved."""

    async def get_destinations(self) -> list[Destination]:
        """One's own destinations."""
        return await self._run(_calls.get_destinations())

    async def get_destination(self, destination_id: int) -> Destination:
        """A destination."""
        return await self._run(_calls.get_destination(destination_id))

    async def create_destination(self, name: str, path: str) -> Destination:
        """Make a destination of a folder of the hive that exists and may be written. Needs SCRIPT_MASTER."""
        return await self._run(_calls.create_destination(name, path))

    async def edit_destination(
        self,
        destination_id: int,
        *,
        name: str | None = None,
        path: str | None = None,
    ) -> Destination:
        """Change a destination's name or folder. Needs SCRIPT_MASTER."""
        return await self._run(_calls.edit_destination(destination_id, name=name, path=path))

    async def delete_destination(self, destination_id: int) -> None:
        """Delete a destination that no job uses. Needs SCRIPT_MASTER."""
        return await self._run(_calls.delete_destination(destination_id))
