"""/files/upload and /files/uploads: captures on their way in.

A whole file comes as the body of one request, or as a form. Large ones come in pieces that survive a broken
connection and a restart of the server, by the core of the tus protocol 1.0.0 (https://tus.io/protocols/resumable-upload)
with its creation and termination extensions: clients of tus work as they are.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, BinaryIO, cast

from flask import Response, request
from flask_openapi3 import APIBlueprint
from pydantic import ValidationError
from werkzeug.datastructures import FileStorage

from tapiary.api import errors
from tapiary.api.tractor import models
from tapiary.api.tractor.context import FILES, actor, services
from tapiary.api.tractor.wire import file_of, reply, upload_of
from tapiary.errors import InvalidInput
from tapiary.services import FileView, UploadView

TUS = {"Tus-Resumable": "1.0.0", "Cache-Control": "no-store"}


def files_upload(query: models.UploadQuery) -> Response:
    """Upload a file in one request

    The body is the file, with its name in the parameter `name`; or a form (multipart/form-data) with a file in it. The
    file is queued for processing at once, unless repository.auto_process is off. A checksum may come as the parameter
    sha256 or as Repr-Digest or Content-Digest (RFC 9530).
    """
    if request.mimetype == "multipart/form-data":
        return reply(file_of(_from_form(query)), 201)
    if not query.name:
        raise InvalidInput("name: is missing; give the file's name as in /files/upload?name=trace.pcap", field="name")
    services().access.name(actor(), query.name)
    view = services().uploads.put(
        query.name,
        cast(BinaryIO, request.stream),
        size=request.content_length,
        sha256=_checksum(query),
        overwrite=query.overwrite,
    )
    return reply(file_of(view), 201)


def upload_create() -> Response:
    """Begin a resumable upload

    Takes {"name", "size"} as JSON, or tus headers (Upload-Length; Upload-Metadata with filename, and sha256 if wanted).
    The answer's Location is where the bytes go, by PATCH requests with Upload-Offset.
    """
    try:
        wanted = (
            _announced_by_tus()
            if "Upload-Length" in request.headers
            else models.NewUpload.model_validate(request.get_json(silent=True))
        )
    except ValidationError as error:
        return errors.invalid(error)
    services().access.name(actor(), wanted.name)
    view = services().uploads.create(wanted.name, wanted.size, sha256=wanted.sha256, overwrite=wanted.overwrite)
    return _reply(view, 201, {"Location": f"{request.path.rstrip('/')}/{view.id}"})


def upload_status(path: models.UploadPath) -> Response:
    """Get how far an upload is

    HEAD gives the same as headers alone.
    """
    return _reply(services().uploads.status(path.upload_id))


def upload_append(path: models.UploadPath) -> Response:
    """Add the body's bytes to an upload

    Upload-Offset must be where the upload ends. The last byte completes the file, which then is queued for processing.
    Bytes that arrived before a connection broke are kept.
    """
    text = request.headers.get("Upload-Offset", "")
    if not (text.isascii() and text.isdecimal()):
        raise InvalidInput(
            "Upload-Offset: is missing or not a number; HEAD tells where to go on", field="Upload-Offset"
        )
    return _reply(services().uploads.append(path.upload_id, int(text), cast(BinaryIO, request.stream)))


def upload_discard(path: models.UploadPath) -> Response:
    """Give an upload up"""
    services().uploads.discard(path.upload_id)
    return Response(status=204, headers=TUS)


def _from_form(query: models.UploadQuery) -> FileView:
    forms: list[FileStorage] = [file for _, file in request.files.items(multi=True)]
    if len(forms) != 1:
        raise InvalidInput("file: the form must have one file, as in curl -F file=@trace.pcap", field="file")
    name = query.name or forms[0].filename or ""
    services().access.name(actor(), name)
    return services().uploads.put(name, cast(BinaryIO, forms[0].stream), sha256=query.sha256, overwrite=query.overwrite)


def _checksum(query: models.UploadQuery) -> str | None:
    """The body's SHA-256 as hexadecimal digits, wherever the request has it."""
    if query.sha256:
        return query.sha256
    for header in ("Repr-Digest", "Content-Digest"):
        for member in request.headers.get(header, "").split(","):
            algorithm, _, value = member.strip().partition("=")
            if algorithm.lower() == "sha-256":
                try:
                    return base64.b64decode(value.strip().strip(":"), validate=True).hex()
                except binascii.Error:
                    raise InvalidInput(f"{header}: the value is not :base64:", field=header) from None
    return None


def _announced_by_tus() -> models.NewUpload:
    fields: dict[str, str] = {}
    for pair in request.headers.get("Upload-Metadata", "").split(","):
        key, _, value = pair.strip().partition(" ")
        if key:
            try:
                fields[key] = base64.b64decode(value.strip(), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                raise InvalidInput(
                    f"Upload-Metadata: the value of {key} is not base64 of UTF-8", field="Upload-Metadata"
                ) from None
    name = fields.get("name") or fields.get("filename")
    return models.NewUpload.model_validate(
        {
            **({"name": name} if name is not None else {}),
            "size": request.headers["Upload-Length"],
            "sha256": fields.get("sha256"),
            "overwrite": fields.get("overwrite", "false"),
        }
    )


def _reply(view: UploadView, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    offsets = {"Upload-Offset": str(view.offset)}
    if view.size is not None:
        offsets["Upload-Length"] = str(view.size)
    if request.method == "PATCH":
        return Response(status=204, headers={**TUS, **offsets})
    return reply(upload_of(view), status, {**TUS, **offsets, **(headers or {})})


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""
    octets = {"schema": {"type": "string", "format": "binary"}}
    form = {"schema": {"type": "object", "properties": {"file": octets["schema"]}, "required": ["file"]}}
    taken: dict[str | int, Any] = {409: models.Error, 413: models.Error, 503: models.Error}
    blueprint.post(
        "/files/upload",
        tags=[FILES],
        responses={201: models.File, **taken},
        openapi_extensions={
            "requestBody": {
                "required": True,
                "content": {"application/octet-stream": octets, "multipart/form-data": form},
            }
        },
    )(files_upload)
    blueprint.post(
        "/files/uploads",
        tags=[FILES],
        responses={201: models.Upload, **taken},
        openapi_extensions={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": models.NewUpload.model_json_schema()}},
            }
        },
    )(upload_create)
    blueprint.get("/files/uploads/<upload_id>", tags=[FILES], responses={200: models.Upload})(upload_status)
    blueprint.patch(
        "/files/uploads/<upload_id>",
        tags=[FILES],
        responses={204: None, **taken},
        openapi_extensions={
            "requestBody": {"required": True, "content": {"application/offset+octet-stream": octets}},
        },
    )(upload_append)
    blueprint.delete("/files/uploads/<upload_id>", tags=[FILES], responses={204: None})(upload_discard)
