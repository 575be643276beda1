"""The state table is sound, and the diagram says the same."""

from __future__ import annotations

import pytest

from tapiary.jobs.states import STATES, TRANSITIONS, diagram, ended, sources, target


def test_every_state_is_named_and_reachable() -> None:
    assert {t.source for t in TRANSITIONS} - {""} <= set(STATES)
    assert {t.target for t in TRANSITIONS} == set(STATES)


def test_every_event_leads_to_one_state() -> None:
    for transition in TRANSITIONS:
        assert target(transition.event) == transition.target
        assert transition.source in sources(transition.event)


def test_ended_states_are_left_by_nothing() -> None:
    assert ended() == {"finished", "failed", "cancelled"}


def test_an_unknown_event_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        sources("explode")


def test_the_diagram_has_a_line_for_each_step() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert len(lines) == 1 + len(TRANSITIONS) + len(ended())
    assert "    queued --> in_progress: claim" in lines
