# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Destinations: folders of the hive to which files of finished jobs are moved."""

from __future__ import annotations

from pytci._calls import destinations as _calls
from pytci._runners import SyncRunner
from pytci.models import Destination


class Destinations(SyncRunner):
    """Destinations: folders of the hive to which files of finished jobs are moved."""

    def get_destinations(self) -> list[Destination]:
        """One's own destinations."""
        return self._run(_calls.get_destinations())

    def get_destination(self, destination_id: int) -> Destination:
        """A destination."""
        return self._run(_calls.get_destination(destination_id))

    def create_destination(self, name: str, path: str) -> Destination:
        """Make a destination of a folder of the hive that exists and may be written. Needs SCRIPT_MASTER."""
        return self._run(_calls.create_destination(name, path))

    def edit_destination(self, destination_id: int, *, name: str | None = None, path: str | None = None) -> Destination:
        """Change a destination's name or folder. Needs SCRIPT_MASTER."""
        return self._run(_calls.edit_destination(destination_id, name=name, path=path))

    def delete_destination(self, destination_id: int) -> None:
        """Delete a destination that no job uses. Needs SCRIPT_MASTER."""
        return self._run(_calls.delete_destination(destination_id))
