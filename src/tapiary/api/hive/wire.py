"""A connection's socket as a websocket needs it: one thread reads, others write, nobody waits for ever."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from contextlib import suppress

#: Seconds after which a peer that takes no bytes is given up.
SEND_S = 30.0
#: Seconds that a peer has to close its side when ours is closed.
LINGER_S = 2.0


class Wire:
    """Reading and writing of whole messages over a TCP or TLS socket.

    OpenSSL does not allow two calls on one connection at the same time, so the socket does not block: each call is
    under a lock, waiting is not. The socket stays open; its owner, the HTTP server, closes it.
    """

    def __init__(self, sock: socket.socket, silence_s: float) -> None:
        self._sock = sock
        self._silence_s = silence_s
        self._calls = threading.Lock()
        self._writing = threading.Lock()
        sock.setblocking(False)
        # Orders are small and must not wait for the acknowledgement of the one before (Nagle, RFC 896).
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, size: int) -> bytes:
        """The next bytes, at most `size`; none when the peer has closed or was silent for too long. Raises OSError."""
        end = time.monotonic() + self._silence_s
        while True:
            try:
                with self._calls:
                    return self._sock.recv(size)
            except (BlockingIOError, ssl.SSLWantReadError):
                event = select.POLLIN
            except ssl.SSLWantWriteError:
                event = select.POLLOUT
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                return b""
            if not self._wait(event, end):
                return b""

    def send(self, data: bytes) -> None:
        """Send everything. Raises OSError, also when the peer takes nothing for half a minute."""
        view = memoryview(data)
        with self._writing:
            end = time.monotonic() + SEND_S
            while view:
                try:
                    with self._calls:
                        view = view[self._sock.send(view) :]
                    end = time.monotonic() + SEND_S
                    continue
                except (BlockingIOError, ssl.SSLWantWriteError):
                    event = select.POLLOUT
                except ssl.SSLWantReadError:
                    event = select.POLLIN
                if not self._wait(event, end):
                    raise TimeoutError("the peer takes no bytes")

    def finish(self, linger_s: float = LINGER_S) -> None:
        """Send nothing more; a peer that does not close its side soon is cut off."""
        self._shut(socket.SHUT_WR)
        timer = threading.Timer(linger_s, self.cut)
        timer.daemon = True
        timer.start()

    def cut(self) -> None:
        """End both directions, which wakes up whoever reads."""
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        # Not ssl.SSLSocket.shutdown, which would let a reader take ciphertext for text.
        with suppress(OSError):
            socket.socket.shutdown(self._sock, how)

    def _wait(self, event: int, end: float) -> bool:
        left = end - time.monotonic()
        number = self._sock.fileno()
        if left <= 0 or number < 0:
            return False
        poll = select.poll()
        poll.register(number, event)
        return bool(poll.poll(left * 1000))
