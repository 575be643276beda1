"""Requests made from the OpenAPI document: what comes back is what it says."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

#: Requests for each operation, half of them about things that are there; more by TAPIARY_API_EXAMPLES.
EXAMPLES = int(os.environ.get("TAPIARY_API_EXAMPLES", "12"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
LIMITS: dict[str, Any] = {
    "deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True, "database": None,
    "phases": [Phase.explicit, Phase.generate],
}


def check_answers(operation: Any, token: str, fill_in: Callable[[Any], None], *, succeeds: bool) -> None:
    """Try an operation as the caller of a token; `fill_in` lets a request speak of what is there."""
    seen: set[int] = set()
    good = operation.as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE)

    def attempt(case: Any, known: bool) -> None:
        if known:
            fill_in(case)
        response = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(response, checks=CHECKS)
        seen.add(response.status_code)

    settings(max_examples=EXAMPLES, **LIMITS)(given(case=operation.as_strategy(), known=st.booleans())(attempt))()
    if succeeds and not any(status < 300 for status in seen):
        # Most of what can be said is refused: only what fits the document, about what is there, until one is taken.
        settings(max_examples=EXAMPLES * 20, **LIMITS)(given(case=good, known=st.just(True))(attempt))()
    assert any(status < 300 for status in seen) == succeeds, seen
