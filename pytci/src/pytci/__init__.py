"""Client of Tapiary's hive, and of any other that speaks TCI's REST API.

    from pytci import PyTCI

    tci = PyTCI("localhost", 8080)
    tci.set_access_token("...")
    for job in tci.get_jobs():
        print(job.name, job.status)
"""

from __future__ import annotations

from pytci._version import __version__
from pytci.clients import AsyncPyTCI, PyTCI
from pytci.errors import (
    APIError,
    BadRequest,
    Conflict,
    ConnectionFailed,
    Forbidden,
    JobFailed,
    NotFound,
    PyTCIError,
    RateLimited,
    ServerError,
    Timeout,
    Unauthorized,
    UnexpectedAnswer,
)
from pytci.models import (
    Application,
    Audit,
    AuthorizationLevel,
    Destination,
    Drone,
    DroneQueue,
    Identity,
    Job,
    JobBrief,
    JobDrone,
    Live,
    Log,
    Permission,
    Priority,
    Processing,
    Script,
    User,
)

__all__ = [
    "APIError",
    "Application",
    "AsyncPyTCI",
    "Audit",
    "AuthorizationLevel",
    "BadRequest",
    "Conflict",
    "ConnectionFailed",
    "Destination",
    "Drone",
    "DroneQueue",
    "Forbidden",
    "Identity",
    "Job",
    "JobBrief",
    "JobDrone",
    "JobFailed",
    "Live",
    "Log",
    "NotFound",
    "Permission",
    "Priority",
    "Processing",
    "PyTCI",
    "PyTCIError",
    "RateLimited",
    "Script",
    "ServerError",
    "Timeout",
    "Unauthorized",
    "UnexpectedAnswer",
    "User",
    "__version__",
]
