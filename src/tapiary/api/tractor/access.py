"""Files that came of captures are for those alone who may see the capture; all other files are shared."""

from __future__ import annotations

from flask import request
from pydantic import ValidationError

from tapiary.api.context import actor, services
from tapiary.api.tractor.models import JobPath


def check_job() -> None:
    """Refuse a request that names a job in its path whose file is not the caller's to see.

    Runs before every route of the dialect, so that none can forget it.
    """
    arguments = request.view_args or {}
    if "job_id" not in arguments:
        return
    try:
        # Read by the same model as in the routes: what they take for a number is one here.
        job_id = JobPath.model_validate(arguments).job_id
    except ValidationError:
        return  # the route says what is wrong with it
    services().access.job(actor(), job_id)
