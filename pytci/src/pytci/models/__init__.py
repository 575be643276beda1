"""What a hive tells, as frozen dataclasses whose members are called as in its JSON."""

from __future__ import annotations

from pytci._model import Model
from pytci.models.accounts import Application, Audit, AuthorizationLevel, Identity, Permission, User
from pytci.models.alerts import Alert, Delivery, Finding, Trial, Trigger
from pytci.models.drones import Drone, DroneJob, DroneQueue
from pytci.models.jobs import Job, JobBrief, JobDrone, JobOptions, Priority, Processing
from pytci.models.live import Live, LiveCount, LiveDrone, LiveFlow
from pytci.models.others import Destination, Log, Script

__all__ = [
    "Alert",
    "Application",
    "Audit",
    "AuthorizationLevel",
    "Delivery",
    "Destination",
    "Drone",
    "DroneJob",
    "DroneQueue",
    "Finding",
    "Identity",
    "Job",
    "JobBrief",
    "JobDrone",
    "JobOptions",
    "Live",
    "LiveCount",
    "LiveDrone",
    "LiveFlow",
    "Log",
    "Model",
    "Permission",
    "Priority",
    "Processing",
    "Script",
    "Trial",
    "Trigger",
    "User",
]
