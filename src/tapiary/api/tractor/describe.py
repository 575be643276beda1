"""The parameters that routes take by column, in the documentation: one for each column of the schema."""

from __future__ import annotations

from flask_openapi3 import APIBlueprint
from flask_openapi3.models.parameter import Parameter
from flask_openapi3.models.schema import Schema

from tapiary.services import filterable

#: Paths that take flow filters.
PATHS = ("/file/{job_id}/flows", "/file/{job_id}/pcap", "/file/{job_id}/export")


def describe_offset(blueprint: APIBlueprint) -> None:
    """Document the header that says where an upload's bytes belong."""
    operation = blueprint.paths["/files/uploads/{upload_id}"].patch
    offset = Schema(type="integer", minimum=0)
    operation.parameters.append(
        Parameter(**{"name": "Upload-Offset", "in": "header", "required": True, "schema": offset})
    )


def describe_columns(blueprint: APIBlueprint) -> None:
    """Document a parameter for each column of the flow table wherever flows can be filtered."""
    for path in PATHS:
        operation = blueprint.paths[path].get
        named = {parameter.name for parameter in operation.parameters}
        for name, meaning in filterable().items():
            if name not in named:
                operation.parameters.append(
                    Parameter(
                        **{
                            "name": name,
                            "in": "query",
                            "required": False,
                            "description": meaning,
                            "schema": Schema(type="string"),
                        }
                    )
                )
