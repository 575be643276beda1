"""A server over HTTPS with a certificate of its own, as Sycope's clients expect one, and a user of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import requests

from tapiary.accounts import LOCAL
from tapiary.config import load
from tapiary.services import Services
from tests.end_to_end.server import Server, ten_megabytes, wait_for

USERNAME, PASSWORD = "script", "qwertz uiop"
LOGIN = {"username": USERNAME, "password": PASSWORD}
API = "/npm/api/v1/"
LOOKUPS = 'config-elements?offset=0&limit=2147483647&filter=category = "lookup.lookup"'
INDEXES = 'config-elements?filter=category="userIndex.index"'


def serve(folder: Path, **settings: str) -> Server:
    """A server that is not started, with the user USERNAME, who has no permissions."""
    server = Server(folder / "data", TAPIARY_SERVER_TLS="true", **settings)
    services = Services(load(None, {"TAPIARY_DATA_DIR": str(server.data)}))
    services.accounts.users.first(password=False)
    services.accounts.levels.create(LOCAL, level=50, name="scripts", permissions=0)
    services.accounts.users.create(LOCAL, username=USERNAME, email="s@example.org", password=PASSWORD, level=50)
    services.close()
    return server


@contextmanager
def serve_flows(folder: Path) -> Iterator[Server]:
    """A server that has the flows of `ten_megabytes`: 10 of each server 192.0.2.n, all of 2023-11-14 22:13 UTC."""
    with serve(folder) as server, server.client() as client:
        job = client.post("/files/upload?name=ten.pcap", content=ten_megabytes()).json()["status"]["job_id"]
        assert wait_for(client, job)["state"] == "finished"
        yield server


class Session(requests.Session):
    """A session as the clients have one: no certificate is checked, paths are below the server's address."""

    def __init__(self, server: Server, base: str = "") -> None:
        super().__init__()
        self._base = server.address + base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        """A request for a path."""
        return super().request(method, self._base + url, *args, timeout=60, verify=False, **kwargs)

    def log_in(self) -> Session:
        """Log in as USERNAME."""
        answer = self.post("/npm/api/v1/login", json={"username": USERNAME, "password": PASSWORD})
        assert answer.json()["status"] == 200
        return self


def run(session: Session, nql: str, limit: int = 50_000, **range: str) -> tuple[str, int]:
    """Start a query as all scripts do; its job and its total, which none of them asks for again."""
    payload = {**range, "nql": nql, "fsActive": False, "waitTime": 30000, "limit": limit}
    answer = session.post(f"{API}pipeline/run", json=payload).json()
    return answer["jobId"], answer["data"]["total"]


def page(session: Session, job: str, limit: int, offset: int) -> list[dict[str, Any]]:
    answer = session.post(f"{API}pipeline/{job}/data", json={"limit": limit, "offset": offset}).json()
    rows: list[dict[str, Any]] = answer["data"]
    return rows


def pages(session: Session, nql: str, limit: int = 50_000, **range_: str) -> list[dict[str, Any]]:
    """All rows, by total // limit + 1 pages: the last one begins behind the last row when limit divides total."""
    job, total = run(session, nql, limit, **range_)
    rows: list[dict[str, Any]] = []
    for number in range(total // limit + 1):
        rows.extend(page(session, job, limit, number * limit))
    assert len(rows) == total
    return rows


def local(moment: datetime) -> str:
    """A moment with an offset and whole seconds."""
    return "@" + moment.astimezone().isoformat("T", "seconds")
