# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""The methods that are awaited for the hive's answers."""

from __future__ import annotations

from pytci._async.alerts import Alerts
from pytci._async.applications import Applications
from pytci._async.destinations import Destinations
from pytci._async.drones import Drones
from pytci._async.files import Files
from pytci._async.jobs import Jobs
from pytci._async.logs import Logs
from pytci._async.queries import Queries
from pytci._async.scripts import Scripts
from pytci._async.session import Session
from pytci._async.users import Users

__all__ = ["Methods"]


class Methods(Session, Jobs, Files, Queries, Alerts, Drones, Scripts, Destinations, Users, Applications, Logs):
    """All of them."""
