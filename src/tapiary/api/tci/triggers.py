"""/triggers: saved queries that watch for something; ours."""

from __future__ import annotations

import msgspec
from flask import Response
from flask_openapi3 import APIBlueprint, Tag

from tapiary.accounts import READ, WRITE, Right
from tapiary.api.context import actor, services
from tapiary.api.tci import trigger_models as models
from tapiary.api.tci.answers import nothing, reply
from tapiary.services import TriggerView

TRIGGERS = Tag(name="triggers", description="Saved queries that watch for something")

RIGHTS: dict[str, Right] = {
    "triggers_list": READ,
    "trigger_get": READ,
    "trigger_create": WRITE,
    "trigger_edit": WRITE,
    "trigger_delete": WRITE,
    "trigger_run": READ,
}


def triggers_list() -> Response:
    """List the triggers that one may see"""
    return reply(models.Triggers([_trigger(view) for view in services().triggers.list(actor())]))


def trigger_get(path: models.TriggerPath) -> Response:
    """Get a trigger"""
    return reply(_trigger(services().triggers.get(actor(), path.trigger_id)))


def trigger_create(body: models.NewTrigger) -> Response:
    """Make a trigger

    It looks at what comes from now on, with the rights that its owner has at each run.
    """
    return reply(_trigger(services().triggers.create(actor(), body.model_dump())))


def trigger_edit(path: models.TriggerPath, body: models.TriggerChange) -> Response:
    """Change a trigger

    Only its owner changes what it does; others who may edit it switch it on and off.
    """
    changes = body.model_dump(include=body.model_fields_set)
    return reply(_trigger(services().triggers.edit(actor(), path.trigger_id, changes)))


def trigger_delete(path: models.TriggerPath) -> Response:
    """Delete a trigger; its alerts stay"""
    services().triggers.delete(actor(), path.trigger_id)
    return nothing()


def trigger_run(path: models.TriggerPath, query: models.TrialQuery) -> Response:
    """Try a trigger: what would it find? Nothing comes of it"""
    view = services().triggers.run(actor(), path.trigger_id, last_s=query.last_s)
    return reply(models.Trial.model_validate_json(msgspec.json.encode(view)))


def _trigger(view: TriggerView) -> models.Trigger:
    return models.Trigger.model_validate({
        **msgspec.to_builtins(view.definition), "id": view.id, "owner": view.owner, "created_at": view.created_at,
        "modified_at": view.modified_at, "modified_by": view.modified_by, "ran_at": view.ran_at,
        "fired_at": view.fired_at, "next_at": view.next_at, "runs": view.runs, "error": view.error,
    })


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    blueprint.get("/triggers", tags=[TRIGGERS], responses={200: models.Triggers})(triggers_list)
    blueprint.post("/triggers", tags=[TRIGGERS], responses={200: models.Trigger})(trigger_create)
    one = "/triggers/<trigger_id>"
    blueprint.get(one, tags=[TRIGGERS], responses={200: models.Trigger})(trigger_get)
    blueprint.put(one, tags=[TRIGGERS], responses={200: models.Trigger})(trigger_edit)
    blueprint.delete(one, tags=[TRIGGERS], responses={204: None})(trigger_delete)
    blueprint.post(f"{one}/run", tags=[TRIGGERS], responses={200: models.Trial})(trigger_run)
