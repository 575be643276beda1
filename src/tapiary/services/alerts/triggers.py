"""What users do with triggers: write, change, share, try and delete them. They are elements of a category of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from tapiary.accounts import LOCAL, Actor, Permission
from tapiary.database import TriggerState, User
from tapiary.errors import Conflict, Forbidden, InvalidInput
from tapiary.services.alerts import posting
from tapiary.services.alerts.asking import check
from tapiary.services.alerts.definition import Definition, config_of, definition_of
from tapiary.services.alerts.delivery import order_of
from tapiary.services.alerts.rows import TRIGGER
from tapiary.services.alerts.runner import Runner
from tapiary.services.alerts.running import Running
from tapiary.services.alerts.views import TrialView, TriggerView

if TYPE_CHECKING:
    from tapiary.services import Services
    from tapiary.services.elements import ElementView

#: Members whose change lets a trigger begin anew, with what comes from then on.
BEGINS = ("active", "query", "interval_s", "on_new_data", "window_s")


class Triggers:
    """The triggers. Methods take who asks, and raise Forbidden and NotFound as elements do."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._running = Running(services)
        self.runner = Runner(services, self._running)

    def list(self, actor: Actor) -> list[TriggerView]:
        """The triggers that the actor may see, the oldest first."""
        return [self._view(element) for element in self._services.elements.of(actor, TRIGGER)]

    def get(self, actor: Actor, trigger_id: str) -> TriggerView:
        """One trigger."""
        return self._view(self._services.elements.get(actor, trigger_id, category=TRIGGER))

    def create(self, actor: Actor, config: Mapping[str, Any]) -> TriggerView:
        """Make a trigger of the actor's own. Raises InvalidInput (the member at fault), Forbidden, Conflict."""
        if actor.user_id is None:
            raise Forbidden("a trigger runs with its owner's rights: log in, or use a token of yours")
        definition = definition_of(config)
        self._check(actor, definition)
        element = self._services.elements.create(actor, TRIGGER, definition.name, config_of(definition))
        self._running.begin(element.id)
        return self._view(element)

    def edit(self, actor: Actor, trigger_id: str, changes: Mapping[str, Any]) -> TriggerView:
        """Change some members. Raises NotFound, Forbidden, InvalidInput, Conflict.

        It runs with its owner's rights, so only the owner may change what it does, and who has ADMIN and is not
        outranked by the owner; others with EDIT may switch it on and off.
        """
        element = self._services.elements.get(actor, trigger_id, "EDIT", TRIGGER)
        definition = definition_of({**element.config, **changes})
        former = definition_of(element.config)
        owner = None
        if msgspec.structs.replace(definition, active=former.active) != former:
            owner = self._owner(actor, element)
            self._check(owner, definition)

        def unchanged(found: ElementView) -> None:
            if found.config != element.config:
                raise Conflict("somebody changed the trigger at the same moment; look at it and try again")
            if owner is not None:
                self._owner(actor, found)

        values = {"name": definition.name, "config": config_of(definition)}
        element = self._services.elements.edit(actor, trigger_id, values, category=TRIGGER, check=unchanged)
        if definition.active and any(getattr(definition, name) != getattr(former, name) for name in BEGINS):
            self._running.begin(element.id)
        return self._view(element)

    def delete(self, actor: Actor, trigger_id: str) -> None:
        """Delete a trigger; its alerts stay."""
        self._services.elements.delete(actor, trigger_id, category=TRIGGER)

    def run(self, actor: Actor, trigger_id: str, *, last_s: int | None = None) -> TrialView:
        """What a trigger finds in the latest seconds (else its window, or an hour); nothing comes of it.

        The rows are what its owner may see. Raises Forbidden without EXECUTE, and what the query raises.
        """
        element = self._services.elements.get(actor, trigger_id, "EXECUTE", TRIGGER)
        return self._running.trial(element.id, last_s)

    def _owner(self, actor: Actor, element: ElementView) -> Actor:
        """The owner of a trigger that the actor may rewrite, as the one who acts. Raises Forbidden."""
        if element.owner_id is not None and element.owner_id == actor.user_id:
            return actor
        with self._services.database.session(write=False) as session:
            owner = session.get(User, element.owner_id) if element.owner_id is not None else None
        if owner is None:
            raise Forbidden("the trigger's owner is gone, so it does not run; make one of your own")
        may = actor.means == LOCAL.means or (actor.has(Permission.ADMIN) and actor.level <= owner.level)
        found = self._services.accounts.users.actor(owner.id, means=f"trigger:{element.id}") if may else None
        if found is None:
            raise Forbidden(
                "it runs with its owner's rights, so only its owner may change it; you may switch it on and off "
                "(active), or make one of your own")
        return replace(found, address=actor.address)

    def _check(self, actor: Actor, definition: Definition) -> None:
        """Raise InvalidInput or Forbidden for what could never work."""
        for n, hook in enumerate(definition.webhooks):
            posting.check_url(hook.url, self._services.config.alerts.webhook_hosts, f"webhooks[{n}].url")
        check(self._services, actor, definition)
        if definition.capture is not None:
            # Which addresses will stand in the filter is not known: it is checked as libpcap reads it at the order.
            order = order_of(definition.capture, definition.name)
            if "${" in order.filter:
                order = replace(order, filter="")
            try:
                self._services.captures.examine(actor, order)
            except (InvalidInput, Forbidden) as error:
                known = bool(error.field) and error.message.startswith(f"{error.field}: ")
                message = f"capture.{error.message}" if known else f"capture: {error.message}"
                field = f"capture.{error.field}" if error.field else "capture"
                raise type(error)(message, field=field) from None

    def _view(self, element: ElementView) -> TriggerView:
        definition = definition_of(element.config)
        with self._services.database.session(write=False) as session:
            state = session.get(TriggerState, element.id)
            owner = session.get(User, element.owner_id) if element.owner_id is not None else None
        scheduled = state is not None and definition.active and definition.interval_s
        return TriggerView(
            id=element.id, owner=owner.name if owner else "", owner_id=element.owner_id, definition=definition,
            created_at=element.created_at, modified_at=element.modified_at, modified_by=element.modified_by,
            ran_at=state.ran_at if state else None, fired_at=state.fired_at if state else None,
            next_at=state.next_at if state and scheduled else None, runs=state.runs if state else 0,
            error=state.error if state else "",
        )
