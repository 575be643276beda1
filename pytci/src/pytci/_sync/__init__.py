# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""The methods that wait for the hive's answers."""

from __future__ import annotations

from pytci._sync.alerts import Alerts
from pytci._sync.applications import Applications
from pytci._sync.destinations import Destinations
from pytci._sync.drones import Drones
from pytci._sync.files import Files
from pytci._sync.jobs import Jobs
from pytci._sync.logs import Logs
from pytci._sync.queries import Queries
from pytci._sync.scripts import Scripts
from pytci._sync.session import Session
from pytci._sync.users import Users

__all__ = ["Methods"]


class Methods(Session, Jobs, Files, Queries, Alerts, Drones, Scripts, Destinations, Users, Applications, Logs):
    """All of them."""
