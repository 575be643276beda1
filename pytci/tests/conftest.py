"""A hive of the test's own, and each client over it."""

from __future__ import annotations

import inspect
import os
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

HERE = Path(__file__).parent
for folder in (HERE, HERE.parent / "src"):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))

# From the folder above, pytest takes this very folder's parent for a package called pytci.
if getattr(sys.modules.get("pytci"), "__file__", None) is None:
    sys.modules.pop("pytci", None)

import pytest  # noqa: E402
from anyio.from_thread import start_blocking_portal  # noqa: E402

from hive_stub import TOKEN, Hive  # noqa: E402
from pytci import AsyncPyTCI, PyTCI, _retry  # noqa: E402

#: Reading the certificates of all authorities takes longer than most tests, which are over plain HTTP.
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

#: PYTCI_TRIO=1 tries all of it under trio, too; it takes half as long again.
KINDS = ["sync", "asyncio", *(["trio"] if os.environ.get("PYTCI_TRIO") else [])]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies of the machine are not for what listens on it."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repetitions come at once: how long the pauses are is a test of its own."""
    monkeypatch.setattr(_retry, "FIRST_S", 0.01)


@pytest.fixture
def hive() -> Iterator[Hive]:
    """A hive on a free port."""
    hive = Hive()
    yield hive
    hive.close()


class Blocking:
    """An asynchronous client whose methods are called as those of the synchronous one."""

    def __init__(self, portal: Any, client: AsyncPyTCI) -> None:
        self._portal, self.client = portal, client

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.client, name)
        if not inspect.iscoroutinefunction(found):
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._portal.call(lambda: found(*args, **kwargs))

        return call


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes clients of each kind, with the same arguments, to be used in the same way."""
    if request.param == "sync":
        made: list[PyTCI] = []

        def new(*args: Any, **kwargs: Any) -> PyTCI:
            made.append(PyTCI(*args, **{"verify": CONTEXT, **kwargs}))
            return made[-1]

        yield new
        for client in made:
            client.close()
        return
    with start_blocking_portal(request.param) as portal:
        clients: list[Blocking] = []

        def new_async(*args: Any, **kwargs: Any) -> Any:
            clients.append(Blocking(portal, AsyncPyTCI(*args, **{"verify": CONTEXT, **kwargs})))
            return clients[-1]

        yield new_async
        for each in clients:
            each.close()


@pytest.fixture
def tci(make: Callable[..., Any], hive: Hive) -> Any:
    """A client of the hive, of each kind, with a token."""
    client = make("127.0.0.1", hive.port)
    client.set_access_token(TOKEN)
    return client
