"""Runs of triggers: a query over a stretch of time, and the alerts that its rows deserve.

What a run finds and how far it has looked are written in one transaction, so that a killed server neither loses an
alert nor writes it twice; what alerts set going is done afterwards (`delivery`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from tapiary.accounts import Actor
from tapiary.database import Element, TriggerState
from tapiary.errors import InvalidInput, NotFound, TapiaryError
from tapiary.services.alerts.arrivals import Arrivals, Stretch, merged
from tapiary.services.alerts.asking import ask, compiled
from tapiary.services.alerts.definition import Definition, definition_of
from tapiary.services.alerts.evaluation import Finding, findings
from tapiary.services.alerts.rows import TRIGGER
from tapiary.services.alerts.templates import title
from tapiary.services.alerts.views import TrialView, WouldBe
from tapiary.services.alerts.writing import MAX_ALERTS, write
from tapiary.telemetry import counter, logger

if TYPE_CHECKING:
    from tapiary.services import Services

log = logger("alerts")
_runs, _written = counter("alerts", "runs"), counter("alerts", "alerts")

#: Rows may come so late, in milliseconds, and still be seen by a run by the clock.
LATE_MS = 120_000
#: Seconds that a trigger rests after a run that failed; then it looks at the same rows again.
REST_S = 10.0
#: Seconds that a trial looks back where there is no window.
TRIAL_S = 3600


@dataclass(frozen=True, slots=True)
class Loaded:
    """A trigger as it is when a run begins."""

    id: str
    config: dict[str, Any]
    definition: Definition
    owner: Actor
    created_ms: int
    state: TriggerState


class Running:
    """Runs triggers. Safe to share between threads, as long as none runs the same trigger at once."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._arrivals = Arrivals(services)
        #: The streams of a trigger's query, by trigger, with the query that they are of.
        self._streams: dict[str, tuple[str, frozenset[str]]] = {}
        #: Until when triggers rest whose runs failed.
        self._rests: dict[str, float] = {}

    def candidates(self) -> list[str]:
        """The triggers that may have to run: those whose time has come, and those that look at new data."""
        now = time.time()
        query = (
            select(Element.id, Element.config, TriggerState.next_at)
            .outerjoin(TriggerState, TriggerState.element_id == Element.id).where(Element.category == TRIGGER)
        )
        with self._services.database.session(write=False) as session:
            rows = list(session.execute(query).all())
        self._rests = {key: end for key, end in self._rests.items() if end > now}
        return [
            key for key, config, next_at in rows
            if config.get("active") and key not in self._rests
            and (next_at is None or config.get("on_new_data") or (config.get("interval_s") and next_at <= now))
        ]

    def step(self, trigger_id: str) -> int:
        """Run a trigger if it is due; returns how many alerts were written. What fails is told by its state."""
        try:
            trigger = self._load(trigger_id)
            return 0 if trigger is None else self._run(trigger)
        except TapiaryError as error:
            self._fail(trigger_id, error.message)
        except Exception:
            log.exception("trigger %s failed", trigger_id)
            self._fail(trigger_id, "an internal error; the server's log has the details")
        return 0

    def begin(self, trigger_id: str) -> None:
        """Let a new trigger, or one that was switched on or rewritten, look at what comes from now on."""
        with self._services.database.session(write=False) as session:
            element = session.get_one(Element, trigger_id)
        definition = definition_of(element.config)
        owner, now = self._owner(element), time.time()
        marks = self._arrivals.since(owner, self._reads(trigger_id, owner, definition), {}).marks
        with self._services.database.session() as session:
            state = session.get(TriggerState, trigger_id)
            if state is None:
                state = TriggerState(element_id=trigger_id, runs=0)
                session.add(state)
            state.next_at, state.seen_ms, state.marks = now + definition.interval_s, int(now * 1000), marks

    def trial(self, trigger_id: str, last_s: int | None = None) -> TrialView:
        """What the trigger finds in the latest seconds; nothing is written. Raises what the query raises."""
        with self._services.database.session(write=False) as session:
            element = session.get(Element, trigger_id)
        if element is None:
            raise NotFound(f"id: there is no trigger {trigger_id!r}", field="id")
        definition, end_ms, began = definition_of(element.config), int(time.time() * 1000), time.monotonic()
        start_ms = end_ms - (last_s or definition.window_s or TRIAL_S) * 1000
        rows, total = ask(self._services, self._owner(element), definition.query, start_ms, end_ms)
        found = findings(definition, rows, total, end_ms)
        shown = tuple(
            WouldBe(title(definition.title or definition.name, each.row), each.event_ms, each.row, each.rows)
            for each in found[:MAX_ALERTS])
        return TrialView(start_ms, end_ms, total, time.monotonic() - began, shown, len(found) - len(shown))

    def _run(self, trigger: Loaded) -> int:
        now = time.time()
        definition, state = trigger.definition, trigger.state
        stretches: list[Stretch] = []
        marks: dict[str, Any] = {}
        due = bool(definition.interval_s) and state.next_at <= now
        if definition.on_new_data:
            reads = self._reads(trigger.id, trigger.owner, definition)
            arrived = self._arrivals.since(trigger.owner, reads, state.marks)
            stretches, marks = [self._widened(definition, each) for each in merged(arrived.stretches)], arrived.marks
            due = due or arrived.unknown
        if due:
            stretches.append(self._by_clock(trigger, int(now * 1000)))
        if not definition.window_s:
            stretches = merged(stretches)
        if not stretches:
            self._remember(state, marks)
            return 0
        found: list[Finding] = []
        for start_ms, end_ms in stretches:
            rows, total = ask(self._services, trigger.owner, definition.query, start_ms, end_ms)
            found += findings(definition, rows, total, end_ms)
        _runs.add()
        written = write(self._services, trigger.id, trigger.config, definition, state, found, marks, now, due=due)
        _written.add(written)
        return written

    def _remember(self, state: TriggerState, marks: dict[str, Any]) -> None:
        """Note how far the streams' commits have been looked at, where these brought no rows."""
        if marks != state.marks:
            same = (TriggerState.element_id == state.element_id, TriggerState.runs == state.runs)
            with self._services.database.session() as session:
                session.execute(update(TriggerState).where(*same).values(marks=marks))

    def _by_clock(self, trigger: Loaded, now_ms: int) -> Stretch:
        """What a run by the clock looks at: the window, or what is new, with what comes a little late."""
        if trigger.definition.window_s:
            return Stretch(now_ms - trigger.definition.window_s * 1000, now_ms)
        return Stretch(max(trigger.state.seen_ms - LATE_MS, trigger.created_ms), now_ms)

    @staticmethod
    def _widened(definition: Definition, new: Stretch) -> Stretch:
        """The times of new rows, and the window before their end."""
        return Stretch(min(new.start_ms, new.end_ms - definition.window_s * 1000), new.end_ms)

    def _load(self, trigger_id: str) -> Loaded | None:
        with self._services.database.session(write=False) as session:
            element, state = session.get(Element, trigger_id), session.get(TriggerState, trigger_id)
        if element is None:
            return None
        if state is None:
            self.begin(trigger_id)
            return None
        return Loaded(trigger_id, element.config, definition_of(element.config), self._owner(element),
                      int(element.created_at * 1000), state)

    def _owner(self, element: Element) -> Actor:
        """The trigger's owner, with the rights of now. Raises InvalidInput when there is none any more."""
        found = None
        if element.owner_id is not None:
            found = self._services.accounts.users.actor(element.owner_id, means=f"trigger:{element.id}")
        if found is None:
            raise InvalidInput("the trigger's owner is gone, so it does not run")
        return found

    def _reads(self, trigger_id: str, owner: Actor, definition: Definition) -> frozenset[str]:
        """The streams that the query reads."""
        known = self._streams.get(trigger_id)
        if known is None or known[0] != definition.query:
            known = (definition.query, compiled(self._services, owner, definition.query).streams)
            self._streams[trigger_id] = known
        return known[1]

    def _fail(self, trigger_id: str, message: str) -> None:
        """Tell why a run failed; the next one looks at the same rows again."""
        self._rests[trigger_id] = time.time() + REST_S
        log.warning("trigger %s: %s", trigger_id, message)
        with self._services.database.session() as session:
            state = session.get(TriggerState, trigger_id)
            if state is not None:
                state.error, state.ran_at = message, time.time()
