"""Paths that have the prefix twice: two public clients put the API's path before a path that has it already."""

from __future__ import annotations

from flask import redirect, request
from flask_openapi3 import APIBlueprint
from werkzeug.wrappers import Response

from tapiary.accounts import Right
from tapiary.api.dialect import PUBLIC
from tapiary.api.sycope.answers import PREFIX

RIGHTS: dict[str, Right | None] = {"doubled": PUBLIC}


def doubled(rest: str) -> Response:
    """Lead to the same path with the prefix once; 308 keeps method and body (RFC 9110, 15.4.9)."""
    query = request.query_string.decode("latin-1")
    return redirect(f"{PREFIX}/{rest}" + (f"?{query}" if query else ""), 308)


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's route, of which the documentation says nothing."""
    blueprint.add_url_rule(f"{PREFIX}/<path:rest>", "doubled", doubled, methods=["GET", "POST", "PUT", "DELETE"])
