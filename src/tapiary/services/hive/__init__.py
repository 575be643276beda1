"""The hive's runtime in the server process: connected drones, their reports, and the orders that follow."""

from __future__ import annotations

from tapiary.services.hive.hive import Hive, token_hash
from tapiary.services.hive.links import Channel
from tapiary.services.hive.parts import Parts, WrongOffset

__all__ = ["Channel", "Hive", "Parts", "WrongOffset", "token_hash"]
