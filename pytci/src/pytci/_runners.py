"""Performs plans: in the caller's thread, or in the caller's task."""

from __future__ import annotations

import ssl
import threading
import time
from typing import Any, Callable, TypeVar, Union

import anyio  # httpx brings it
import anyio.to_thread
import httpx

from pytci._effects import FOR_EVER, Acquire, Close, Effect, Plan, Read, Request, Run, Sleep, Wire
from pytci._session import Session, exchange
from pytci._version import __version__

T = TypeVar("T")
Verify = Union[bool, str, ssl.SSLContext]
#: Bytes that a download asks for at once.
CHUNK = 1 << 18


def options(verify: Verify, timeout: float | None) -> dict[str, Any]:
    """What an httpx client of ours is made with; verify may name a file of certificates to trust."""
    if isinstance(verify, str):
        verify = ssl.create_default_context(cafile=verify)
    headers = {"User-Agent": f"pytci/{__version__}", "Accept": "application/json, */*;q=0.5"}
    return {"verify": verify, "timeout": timeout, "headers": headers}


def wire_request(client: httpx.Client | httpx.AsyncClient, session: Session, wire: Wire) -> httpx.Request:
    """The request as httpx sends it."""
    request = wire.request
    headers = dict(request.headers)
    if wire.authorization:
        headers["Authorization"] = wire.authorization
    timeout = client.timeout
    if request.patience == FOR_EVER:
        timeout = httpx.Timeout(None, connect=timeout.connect, write=timeout.write, pool=timeout.pool)
    url = session.url(request.path)
    return client.build_request(
        request.method, url, params=request.params or None, json=request.json, headers=headers, timeout=timeout
    )


def _kept(response: httpx.Response, begin: Callable[[int], Any]) -> Any:
    """The iterator over an answer's bytes, begun once."""
    if "pytci" not in response.extensions:
        response.extensions["pytci"] = begin(CHUNK)
    return response.extensions["pytci"]


class SyncRunner:
    """Performs plans in the caller's thread."""

    _client: httpx.Client
    _session: Session
    _lock: threading.Lock

    def _run(self, plan: Plan[T]) -> T:
        outcome: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = plan.send(outcome) if error is None else plan.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            outcome = error = None
            try:
                outcome = self._perform(effect)
            except BaseException as raised:  # noqa: BLE001  (the plan cleans up, and raises it again)
                error = raised

    def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Request):
            return self._run(exchange(self._session, effect))
        if isinstance(effect, Wire):
            return self._wire(effect)
        if isinstance(effect, Read):
            return next(_kept(effect.response, effect.response.iter_raw), b"")
        if isinstance(effect, Close):
            return effect.response.close()
        if isinstance(effect, Sleep):
            return time.sleep(effect.seconds)
        if isinstance(effect, Run):
            return effect.function()
        if isinstance(effect, Acquire):
            return self._lock.acquire()
        return self._session

    def _wire(self, wire: Wire) -> httpx.Response:
        response = self._client.send(wire_request(self._client, self._session, wire), stream=wire.request.stream)
        if wire.request.stream and response.status_code >= 300:
            response.read()
        return response


class AsyncRunner:
    """Performs plans in the caller's task."""

    _client: httpx.AsyncClient
    _session: Session
    _lock: anyio.Lock

    async def _run(self, plan: Plan[T]) -> T:
        outcome: Any = None
        error: BaseException | None = None
        while True:
            try:
                effect = plan.send(outcome) if error is None else plan.throw(error)
            except StopIteration as stop:
                result: T = stop.value
                return result
            outcome = error = None
            try:
                outcome = await self._perform(effect)
            except BaseException as raised:  # noqa: BLE001  (the plan cleans up, and raises it again)
                error = raised

    async def _perform(self, effect: Effect) -> Any:
        if isinstance(effect, Request):
            return await self._run(exchange(self._session, effect))
        if isinstance(effect, Wire):
            return await self._wire(effect)
        if isinstance(effect, Read):
            try:
                return await _kept(effect.response, effect.response.aiter_raw).__anext__()
            except StopAsyncIteration:
                return b""
        if isinstance(effect, Close):
            with anyio.CancelScope(shield=True):
                return await effect.response.aclose()
        if isinstance(effect, Sleep):
            return await anyio.sleep(effect.seconds)
        if isinstance(effect, Run):
            return await anyio.to_thread.run_sync(effect.function)
        if isinstance(effect, Acquire):
            return await self._lock.acquire()
        return self._session

    async def _wire(self, wire: Wire) -> httpx.Response:
        request = wire_request(self._client, self._session, wire)
        response = await self._client.send(request, stream=wire.request.stream)
        if wire.request.stream and response.status_code >= 300:
            await response.aread()
        return response
