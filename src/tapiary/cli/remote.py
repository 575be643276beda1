"""A server that commands ask instead of the data on this machine."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import click

from tapiary import __version__
from tapiary.errors import Conflict, Forbidden, InvalidInput, NotFound, TapiaryError, Unauthenticated, Unavailable

if TYPE_CHECKING:
    from urllib.parse import SplitResult

F = TypeVar("F", bound=Callable[..., Any])
#: Bytes that are read at once, and flow numbers in one address (the server takes no more).
PIECE, FLOWS = 1 << 18, 1000
_KINDS: dict[int, type[TapiaryError]] = {
    400: InvalidInput, 401: Unauthenticated, 403: Forbidden, 404: NotFound, 409: Conflict, 413: InvalidInput,
}


def remote_options(function: F) -> F:
    """The options that name a server; `remote` makes one of their values."""
    options = [
        click.option("--server", metavar="URL", help="Ask this server, as http://hive:8080; else this machine's data."),
        click.option("--token", envvar="TAPIARY_TOKEN", show_envvar=True, metavar="TOKEN",
                     help="Token for the server (`tapiary token create`)."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


class Remote:
    """A server by its address. What it answers with is told as our own errors."""

    def __init__(self, server: str, token: str | None) -> None:
        url: SplitResult = urlsplit(server if "://" in server else f"http://{server}")
        if url.scheme not in ("http", "https") or not url.hostname:
            raise InvalidInput(f"server: {server!r} is no address such as http://hive:8080", field="server")
        if not token:
            raise InvalidInput("token: a server wants one; give --token or set TAPIARY_TOKEN", field="token")
        self._url = url
        self._token = token

    def query(self, body: Mapping[str, Any], accept: str) -> Iterator[bytes]:
        """The answer to a query, in pieces."""
        given = {name: value for name, value in body.items() if value is not None}
        return self._ask(
            "POST", "/api/v1/query", json.dumps(given).encode(), {"Content-Type": "application/json", "Accept": accept}
        )

    def packets(self, job_id: int, flow_ids: tuple[int, ...]) -> Iterator[bytes]:
        """The packets of at most `FLOWS` flows of a job as a capture, in pieces."""
        numbers = urlencode([("flow", str(number)) for number in flow_ids])
        return self._ask("GET", f"/api/v1/file/{job_id}/pcap?{numbers}")

    def inject(self, index: str, file: IO[bytes], size: int, kind: str) -> int:
        """Send a file's rows into a custom index; how many there are."""
        headers = {"Content-Type": kind, "Content-Length": str(size)}
        answer = b"".join(self._ask("POST", f"/npm/api/v1/index/inject/{quote(index, safe='')}", file, headers))
        try:
            return int(json.loads(answer)["rows"])
        except (ValueError, KeyError, TypeError):
            raise Unavailable(f"{self._url.geturl()}: what answers is no Tapiary") from None

    def _ask(
        self, method: str, path: str, body: bytes | IO[bytes] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Iterator[bytes]:
        with closing(self._connection()) as connection:
            asked = {"Authorization": f"Bearer {self._token}", "User-Agent": f"tapiary/{__version__}"}
            try:
                connection.request(method, self._url.path.rstrip("/") + path, body, asked | dict(headers or {}))
                response = connection.getresponse()
                if response.status != 200:
                    raise _error(response)
                while piece := response.read(PIECE):
                    yield piece
            except http.client.IncompleteRead:
                raise Unavailable("the server broke the answer off: it could not finish; its log says why") from None
            except (OSError, http.client.HTTPException) as error:
                raise Unavailable(f"{self._url.geturl()}: {error or type(error).__name__}") from None

    def _connection(self) -> http.client.HTTPConnection:
        host = self._url.hostname or ""
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        try:
            return kind(host, self._url.port)
        except (ValueError, http.client.InvalidURL) as error:
            raise InvalidInput(f"server: {error}", field="server") from None


def remote(server: str | None, token: str | None) -> Remote | None:
    """The server that the options name, None for the data on this machine."""
    return Remote(server, token) if server is not None else None


def _error(response: http.client.HTTPResponse) -> TapiaryError:
    raw = response.read(1 << 16)
    try:
        message = str(json.loads(raw)["message"])
    except (ValueError, KeyError, TypeError):
        message = f"the server answered {response.status} {response.reason}"
    return _KINDS.get(response.status, Unavailable)(message)
