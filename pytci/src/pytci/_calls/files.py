"""Files of jobs: captures and results, flows as tables, packets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Union, overload

from pytci import _tables
from pytci._calls._base import JobRef, call, number
from pytci._download import BytesProgress, Where, download
from pytci._effects import Plan, run
from pytci._model import one
from pytci._session import PREFIX
from pytci.errors import PyTCIError
from pytci.models import Job

Filter = Union[str, int, float, bool, None, Sequence[Union[str, int, float]]]


def download_job(
    job: JobRef,
    path: Where = None,
    *,
    progress: bool | BytesProgress = False,
    resume: bool = True,
) -> Plan[Path]:
    """Download a job's file: the result of its script as zip, without a script the capture. Returns where it is.

    path is a file, which is replaced, or a folder (without it, the current one) in which the hive's name is taken.
    Bytes go into a `.part` file that gets its name when it is whole. After a broken connection, also one of an
    earlier run, the rest alone is fetched, provided that the file is still the same; resume=False begins anew.

    progress=True shows one line on standard error, if that is a terminal; a function is called with the bytes that
    are there and those of the whole.
    """
    return download(f"{PREFIX}/jobs/{number(job)}/file", path, progress=progress, resume=resume)


def download_job_from_url(
    url: str,
    path: Where = None,
    *,
    progress: bool | BytesProgress = False,
    resume: bool = True,
) -> Plan[Path]:
    """Download a job's file by an address that `generate_job_url` made, as `download_job` does.

    The address tells all: no token is sent.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError("url must be a whole address, as generate_job_url() gives it")
    return download(url, path, progress=progress, resume=resume, authorization="")


def packets(
    job: JobRef,
    path: Where = None,
    *,
    label: str | None = None,
    ip: str | None = None,
    progress: bool | BytesProgress = False,
    **filters: Filter,
) -> Plan[Path]:
    """Cut the packets of some flows out of a job's capture, into a file of the same format. Returns where it is.

    Which flows, is said as in `flows`; without that, all of them. path and progress are those of `download_job`.
    """
    processing_id = yield from _processing(job)
    params = _params({"label": label, "ip": ip, **filters})
    place = f"{PREFIX}/file/{processing_id}/pcap"
    return (yield from download(place, path, params=params, progress=progress, resume=False, patient=True))


@overload
def flows(
    job: JobRef,
    as_: Literal["rows"],
    *,
    label: str | None = None,
    ip: str | None = None,
    columns: Sequence[str] | None = None,
    **filters: Filter,
) -> Plan[list[dict[str, Any]]]: ...
@overload
def flows(
    job: JobRef,
    as_: Literal["arrow", "pandas", "polars"] = "arrow",
    *,
    label: str | None = None,
    ip: str | None = None,
    columns: Sequence[str] | None = None,
    **filters: Filter,
) -> Plan[Any]: ...
@overload
def flows(
    job: JobRef,
    as_: str,
    *,
    label: str | None = None,
    ip: str | None = None,
    columns: Sequence[str] | None = None,
    **filters: Filter,
) -> Plan[Any]: ...
def flows(
    job: JobRef,
    as_: str = "arrow",
    *,
    label: str | None = None,
    ip: str | None = None,
    columns: Sequence[str] | None = None,
    **filters: Filter,
) -> Plan[Any]:
    """The labelled flows of a job as a table: as_ is arrow, pandas, polars or rows (a list of dicts).

    label is a full label (TLS.Google), an application (Google) or a group (Web); ip an address or a network at
    either end. Any other column of the flow table may be given too: `server_port=443`, `bytes=">1000"`,
    `server_name="*.example.com"`; a list means any of its values, None or "" that it is not known. columns are the
    ones to have, all without it.

    Needs pyarrow, pandas with pyarrow, or polars (`pip install 'pytci[pandas]'`); rows need nothing. Raises
    PyTCIError when the job was not processed into flows, BadRequest for a column that does not exist.
    """
    read = _tables.reader(as_, columns)
    return _flows(job, read, _params({"label": label, "ip": ip, **filters}))


def _flows(job: JobRef, read: _tables.Reader, params: tuple[tuple[str, str], ...]) -> Plan[Any]:
    processing_id = yield from _processing(job)
    with tempfile.TemporaryDirectory(prefix="pytci-") as folder:
        path = yield from download(
            f"{PREFIX}/file/{processing_id}/export",
            Path(folder, f"flows.{read.format}"),
            params=(("format", read.format), *params),
            resume=False,
            patient=True,
        )
        return (yield from run(lambda: read(path)))


def _processing(job: JobRef) -> Plan[int]:
    """The number under which the job's capture was processed."""
    processing = job.processing if isinstance(job, Job) else None
    if processing is None:
        found: Job = yield from call("GET", f"/jobs/{number(job)}", one(Job))
        processing = found.processing
        if processing is None:
            raise PyTCIError(f"job {found.id} has no flows: it is {found.status}, and was not processed into any")
    return processing.job_id


def _params(filters: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for name, value in filters.items():
        if value is None and name in ("label", "ip"):
            continue
        values: Iterable[Any] = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        pairs += [(name, _word(each)) for each in values]
    return tuple(pairs)


def _word(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
