"""Captures, packets and exports: what comes as a file."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from flask import Response, send_file
from flask_openapi3 import APIBlueprint

from tapiary.api.tractor import models
from tapiary.api.tractor.context import FILE, FILES, actor, services
from tapiary.api.tractor.flows import flow_filter
from tapiary.services import FORMATS, FileView

#: By the first bytes' meaning, not by the name: IANA has registered the one and not the other.
PCAP, PCAPNG, OTHER = "application/vnd.tcpdump.pcap", "application/x-pcapng", "application/octet-stream"


def files_download(query: models.FileQuery) -> Response:
    """Download a file, whole or in part (Range)"""
    return _send(services().access.file(actor(), services().files.get(query.file_name)))


def file_download(path: models.JobPath) -> Response:
    """Download the job's file, whole or in part (Range)"""
    return _send(services().files.by_job(path.job_id))


def file_pcap(path: models.JobPath, query: models.FlowQuery) -> Response:
    """Get the packets of some flows as a capture

    Takes the same parameters as /file/{job_id}/flows to say which flows; without any, the packets of all of them. The
    answer has the format of the stored capture (pcap or pcapng), unpacked.
    """
    pieces = services().packets.cut(path.job_id, flow_filter(query))
    view = services().files.by_job(path.job_id)
    ending = services().packets.ending(view)
    return _stream(pieces, f"{_stem(view)}-job{path.job_id}.{ending}", PCAPNG if ending == "pcapng" else PCAP)


def file_export(path: models.JobPath, query: models.ExportQuery) -> Response:
    """Get flows as Parquet, CSV or newline-delimited JSON

    Takes the same parameters as /file/{job_id}/flows to say which flows; without any, all of them, with all columns.
    """
    pieces = services().export.stream(path.job_id, query.format, flow_filter(query))
    view = services().files.by_job(path.job_id)
    return _stream(pieces, f"{_stem(view)}-job{path.job_id}.{query.format}", FORMATS[query.format])


def _send(view: FileView) -> Response:
    path = services().files.path(view)
    kind = {"pcap": PCAP, "pcapng": PCAPNG}.get(view.extension.lower(), OTHER)
    return send_file(
        path.resolve(),
        kind,
        as_attachment=True,
        download_name=PurePosixPath(view.name).name,
        conditional=True,
        etag=True,
        max_age=0,
    )


def _stream(pieces: Iterator[bytes], name: str, kind: str) -> Response:
    """Pieces as a file. The first one is made before the answer begins, so that what fails early is told properly."""
    first = next(pieces, b"")
    response = Response(chain([first], pieces), mimetype=None, content_type=kind)
    # Flask's own form of a name beyond ASCII: RFC 6266, with RFC 8187 for the name itself.
    response.headers.set("Content-Disposition", "attachment", **_names(name))
    return response


def _stem(view: FileView) -> str:
    name = PurePosixPath(view.name).name
    return name.removesuffix("." + view.extension) if view.extension else name


def _names(name: str) -> dict[str, str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return {"filename": name} if plain == name else {"filename": plain, "filename*": f"UTF-8''{quote(name, safe='')}"}


def add_routes(blueprint: APIBlueprint) -> None:
    """Add this module's routes."""

    def binary(*kinds: str) -> dict[str, object]:
        return {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds}}

    files: dict[str | int, Any] = {200: binary(PCAP, PCAPNG, OTHER), 206: binary(PCAP, PCAPNG, OTHER)}
    blueprint.get("/files/download", tags=[FILES], responses=files)(files_download)
    blueprint.get("/file/<job_id>/download", tags=[FILE], responses=files)(file_download)
    blueprint.get("/file/<job_id>/pcap", tags=[FILE], responses={200: binary(PCAP, PCAPNG), 409: models.Error})(
        file_pcap
    )
    blueprint.get("/file/<job_id>/export", tags=[FILE], responses={200: binary(*FORMATS.values())})(file_export)
