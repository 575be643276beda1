"""The two clients, which have the same methods."""

from __future__ import annotations

import threading
from types import TracebackType

import anyio  # httpx brings it
import httpx

from pytci import _async, _sync
from pytci._runners import Verify, options
from pytci._session import Session

#: How often a request that is safe to repeat is repeated, and the port of TCI's hive and of ours.
RETRIES, PORT = 3, 8080


class PyTCI(_sync.Methods):
    """A hive as a user sees it, by its REST API.

    host is a name or an address, scheme http or https. verify is True, the path of a file of certificates to trust,
    an `ssl.SSLContext` (which may have a certificate of one's own), or False to trust anybody. timeout is seconds for
    connecting and for each part of an answer, None for no limit. retries is how often reading requests, and others as
    long as nothing of them was sent, are repeated when the connection fails or the hive is busy; 0 is never.

    One client may serve many threads. `close()` it, or use it in a `with` statement.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        scheme: str = "http",
        verify: Verify = True,
        timeout: float | None = 30.0,
        retries: int = RETRIES,
    ) -> None:
        self._lock = threading.Lock()
        self._session = Session(host, port, scheme, retries, self._lock)
        self._client = httpx.Client(**options(verify, timeout))

    def set_access_token(self, token: str | None) -> None:
        """Use a token from now on: an application token, which the hive's pages make, or an access token of a login.

        None forgets the present one. Raises PyTCIError for what can be no token.
        """
        self._session.use(token)

    @property
    def address(self) -> str:
        """The hive's address, as http://localhost:8080."""
        return self._session.address

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def __enter__(self) -> PyTCI:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<PyTCI {self.address}>"


class AsyncPyTCI(_async.Methods):
    """A hive as a user sees it, by its REST API, for asyncio and trio: the methods of `PyTCI`, to be awaited.

    The arguments are those of `PyTCI`. One client may serve many tasks of one event loop. `await close()` it, or use
    it in an `async with` statement.
    """

    def __init__(
        self,
        host: str,
        port: int = PORT,
        *,
        scheme: str = "http",
        verify: Verify = True,
        timeout: float | None = 30.0,
        retries: int = RETRIES,
    ) -> None:
        self._lock = anyio.Lock()
        self._session = Session(host, port, scheme, retries, self._lock)
        self._client = httpx.AsyncClient(**options(verify, timeout))

    def set_access_token(self, token: str | None) -> None:
        """Use a token from now on: an application token, which the hive's pages make, or an access token of a login.

        None forgets the present one. Nothing is to be awaited here. Raises PyTCIError for what can be no token.
        """
        self._session.use(token)

    @property
    def address(self) -> str:
        """The hive's address, as http://localhost:8080."""
        return self._session.address

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def __aenter__(self) -> AsyncPyTCI:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncPyTCI {self.address}>"
