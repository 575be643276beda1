"""POST to a host that the settings allow, and to nothing else.

The host must be listed; its name is looked up once, and the connection goes to the address that was checked (a name
may answer otherwise the second time). Redirects are not followed.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from tapiary import __version__
from tapiary.errors import InvalidInput, Unavailable

_PORTS = {"http": 80, "https": 443}


def check_url(url: str, hosts: Sequence[str], field: str = "url") -> SplitResult:
    """The parts of a webhook's address. Raises InvalidInput when it is none or `hosts` does not have its host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidInput(f"{field}: {url!r} is no address", field=field) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidInput(f"{field}: must be as https://hooks.example/path", field=field)
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(f"{field}: must be plain ASCII; write other characters as %XX", field=field)
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(f"{field}: must have no name and password in it", field=field)
    if not _is_listed(parts.hostname, port or _PORTS[parts.scheme], _PORTS[parts.scheme], hosts):
        known = ", ".join(hosts) or "none"
        raise InvalidInput(
            f"{field}: {parts.netloc} is no host that webhooks may go to (setting alerts.webhook_hosts: {known})",
            field=field)
    return parts


def post(url: str, body: bytes, hosts: Sequence[str], timeout_s: float) -> int:
    """Send a JSON body; returns the status. Raises InvalidInput for what may not be, Unavailable when none answers."""
    parts = check_url(url, hosts)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    address = _address(host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = {"Content-Type": "application/json", "User-Agent": f"tapiary/{__version__}", "Connection": "close"}
    # A timeout of a socket is one of each step alone; the guard's is one of the whole.
    guard = _Guard(timeout_s)
    try:
        with guard:
            connection = guard.connect(parts.scheme == "https", host, address, port, timeout_s)
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        if guard.rang:
            raise Unavailable(f"{parts.netloc}: no answer within {timeout_s:g} s") from None
        raise Unavailable(f"{parts.netloc}: {str(error) or type(error).__name__}") from None


class _Guard:
    """Breaks a connection off after a while, whatever it is doing."""

    def __init__(self, seconds: float) -> None:
        self.rang = False
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._ring)

    def connect(
        self, tls: bool, host: str, address: str, port: int, timeout_s: float
    ) -> http.client.HTTPConnection:
        """A connection to the address, in the name of the host."""
        self._socket = socket.create_connection((address, port), timeout=timeout_s)
        if not tls:
            connection = http.client.HTTPConnection(host, port)
        else:
            connection = http.client.HTTPSConnection(host, port)
            context = ssl.create_default_context()
            secured = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
            self._socket = secured
            secured.do_handshake()
        connection.sock = self._socket
        return connection

    def __enter__(self) -> _Guard:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._socket is not None:
            self._socket.close()

    def _ring(self) -> None:
        self.rang = True
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def _is_listed(host: str, port: int, usual: int, hosts: Sequence[str]) -> bool:
    shown = f"[{host}]" if ":" in host else host
    allowed = {entry.lower().rstrip(".") for entry in hosts}
    if port == usual and ({host, shown} & allowed):
        return True
    return f"{shown}:{port}" in allowed


def _address(host: str, port: int) -> str:
    """The address of a host. Raises Unavailable, and InvalidInput where a name leads to this machine or its link.

    A host that is listed as an address, or as `localhost`, is meant as it is.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable(f"{host}: {error}") from None
    address = str(found[0][4][0])
    if host == "localhost" or host == address:
        return address
    number = ip_address(address.partition("%")[0])
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    if number.is_loopback or number.is_link_local or number.is_unspecified or number.is_multicast:
        raise InvalidInput(f"url: {host} leads to {address}, which webhooks may not go to", field="url")
    return address
