# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Drones, which were called lines once."""

from __future__ import annotations

from pytci._calls import drones as _calls
from pytci._calls._base import DroneRef
from pytci._runners import AsyncRunner
from pytci.models import Drone, DroneQueue


class Drones(AsyncRunner):
    """Drones, which were called lines once."""

    async def get_drones(self) -> list[Drone]:
        """The drones by name, with their shares of jobs."""
        return await self._run(_calls.get_drones())

    async def get_lines(self) -> list[Drone]:
        """The drones by name; the same as `get_drones`."""
        return await self._run(_calls.get_lines())

    async def get_drone(self, drone: DroneRef) -> Drone:
        """A drone."""
        return await self._run(_calls.get_drone(drone))

    async def get_drone_queue(self, drone: DroneRef) -> DroneQueue:
        """The job that a drone works on, and those that wait for it."""
        return await self._run(_calls.get_drone_queue(drone))

    async def create_drone(self, name: str, description: str = '') -> Drone:
        """Make a drone; its `token`, which the drone's settings need, is shown this once. Needs ADMIN."""
        return await self._run(_calls.create_drone(name, description))

    async def regenerate_drone_token(self, drone: DroneRef) -> str:
        """A new token for a drone, which is disconnected; the old one is void. Needs ADMIN."""
        return await self._run(_calls.regenerate_drone_token(drone))

    async def change_drone_color(self, drone: DroneRef, color: str) -> Drone:
        """Change what pages paint a drone with, as #RRGGBB. Needs ADMIN."""
        return await self._run(_calls.change_drone_color(drone, color))

    async def delete_drone(self, drone: DroneRef) -> None:
        """Delete a drone that no job speaks of. Needs ADMIN."""
        return await self._run(_calls.delete_drone(drone))

    async def disconnect_drone(self, drone: DroneRef) -> None:
        """Disconnect a drone; it comes back by itself. Needs ADMIN."""
        return await self._run(_calls.disconnect_drone(drone))

    async def disconnect_drones(self) -> None:
        """Disconnect all drones; they come back by themselves. Needs ADMIN."""
        return await self._run(_calls.disconnect_drones())

    async def get_deactivated_drones(self) -> list[Drone]:
        """The drones that may not connect. Needs ADMIN."""
        return await self._run(_calls.get_deactivated_drones())

    async def deactivate_drone(self, drone: DroneRef) -> None:
        """Disconnect a drone and keep it away until it is reactivated. Needs ADMIN."""
        return await self._run(_calls.deactivate_drone(drone))

    async def reactivate_drone(self, drone: DroneRef) -> None:
        """Let a deactivated drone connect again. Needs ADMIN."""
        return await self._run(_calls.reactivate_drone(drone))
