# Written by tools/make_methods.py: change the calls that it follows from, then run it.
"""Files of jobs: captures and results, flows as tables, packets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, overload

from pytci._calls import files as _calls
from pytci._calls._base import JobRef
from pytci._calls.files import Filter
from pytci._download import BytesProgress, Where
from pytci._runners import AsyncRunner


class Files(AsyncRunner):
    """Files of jobs: captures and results, flows as tables, packets."""

    async def download_job(
        self,
        job: JobRef,
        path: Where = None,
        *,
        progress: bool | BytesProgress = False,
        resume: bool = True,
    ) -> Path:
        """Download a job's file: the result of its script as zip, without a script the capture. Returns where it is.

        path is a file, which is replaced, or a folder (without it, the current one) in which the hive's name is taken.
        Bytes go into a `.part` file that gets its name when it is whole. After a broken connection, also one of an
        earlier run, the rest alone is fetched, provided that the file is still the same; resume=False begins anew.

        progress=True shows one line on standard error, if that is a terminal; a function is called with the bytes that
        are there and those of the whole.
        """
        return await self._run(_calls.download_job(job, path, progress=progress, resume=resume))

    async def download_job_from_url(
        self,
        url: str,
        path: Where = None,
        *,
        progress: bool | BytesProgress = False,
        resume: bool = True,
    ) -> Path:
        """Download a job's file by an address that `generate_job_url` made, as `download_job` does.

        The address tells all: no token is sent.
        """
        return await self._run(_calls.download_job_from_url(url, path, progress=progress, resume=resume))

    async def packets(
        self,
        job: JobRef,
        path: Where = None,
        *,
        label: str | None = None,
        ip: str | None = None,
        progress: bool | BytesProgress = False,
        **filters: Filter,
    ) -> Path:
        """Cut the packets of some flows out of a job's capture, into a file of the same format. Returns where it is.

        Which flows, is said as in `flows`; without that, all of them. path and progress are those of `download_job`.
        """
        return await self._run(_calls.packets(job, path, label=label, ip=ip, progress=progress, **filters))

    @overload
    async def flows(
        self,
        job: JobRef,
        as_: Literal['rows'],
        *,
        label: str | None = None,
        ip: str | None = None,
        columns: Sequence[str] | None = None,
        **filters: Filter,
    ) -> list[dict[str, Any]]: ...

    @overload
    async def flows(
        self,
        job: JobRef,
        as_: Literal['arrow', 'pandas', 'polars'] = 'arrow',
        *,
        label: str | None = None,
        ip: str | None = None,
        columns: Sequence[str] | None = None,
        **filters: Filter,
    ) -> Any: ...

    @overload
    async def flows(
        self,
        job: JobRef,
        as_: str,
        *,
        label: str | None = None,
        ip: str | None = None,
        columns: Sequence[str] | None = None,
        **filters: Filter,
    ) -> Any: ...

    async def flows(
        self,
        job: JobRef,
        as_: str = 'arrow',
        *,
        label: str | None = None,
        ip: str | None = None,
        columns: Sequence[str] | None = None,
        **filters: Filter,
    ) -> Any:
        """The labelled flows of a job as a table: as_ is arrow, pandas, polars or rows (a list of dicts).

        label is a full label (TLS.Google), an application (Google) or a group (Web); ip an address or a network at
        either end. Any other column of the flow table may be given too: `server_port=443`, `bytes=">1000"`,
        `server_name="*.example.com"`; a list means any of its values, None or "" that it is not known. columns are the
        ones to have, all without it.

        Needs pyarrow, pandas with pyarrow, or polars (`pip install 'pytci[pandas]'`); rows need nothing. Raises
        PyTCIError when the job was not processed into flows, BadRequest for a column that does not exist.
        """
        return await self._run(_calls.flows(job, as_, label=label, ip=ip, columns=columns, **filters))
