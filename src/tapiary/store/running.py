"""A query at work, which others may break off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tapiary.errors import Conflict, InternalError, TooLarge, Unavailable

if TYPE_CHECKING:
    import duckdb

#: How often a query that is to end is told so: between two steps of it, nothing hears.
_AGAIN_S = 0.05


class Running:
    """One query, for one call of `Store.query`; `stop` and `progress` may be called from any thread.

    timeout_s: after so many seconds it is broken off, also while nobody reads its rows.
    """

    def __init__(self, timeout_s: float | None = None) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._cursor: duckdb.DuckDBPyConnection | None = None
        self._release: Callable[[], None] | None = None
        self._ended = threading.Event()
        self._stopped = threading.Event()
        self._late = False
        self._unlimited = False

    def stop(self) -> None:
        """Break the query off: whoever waits for its rows gets Conflict, with the code `query_cancelled`."""
        self._stopped.set()
        threading.Thread(target=self._interrupt, name="query-stop", daemon=True).start()

    def lift_limit(self) -> None:
        """Let it take what time it takes from now on: its rows go to somebody who may read slowly."""
        self._unlimited = True

    def progress(self) -> float | None:
        """How much is done, from 0 to 100, as far as the engine can tell."""
        with self._lock:
            done = self._cursor.query_progress() if self._cursor is not None else -1.0
        return done if done >= 0 else None

    def begin(self, cursor: duckdb.DuckDBPyConnection, release: Callable[[], None]) -> None:
        """Take charge of a cursor; `release` is called at the end."""
        with self._lock:
            if self._release is not None or self._ended.is_set():
                raise InternalError("each query needs a `Running` of its own")
            self._cursor, self._release = cursor, release
        if self._timeout_s is not None:
            threading.Thread(target=self._watch, name="query-timeout", daemon=True).start()

    def end(self) -> None:
        """Give the cursor back; may be called twice."""
        with self._lock:
            release, self._release, self._cursor = self._release, None, None
            self._ended.set()
        if release is not None:
            release()

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Around each step: raises Conflict or TooLarge (`query_timeout`) when the query was broken off.

        Raises Unavailable (`table_changed`) when a file was deleted under it: its index was dropped, or files that were
        replaced outlived the time for which they are kept.
        """
        self._check(None)
        try:
            yield
        except StopIteration:
            raise
        except Exception as error:
            self._check(error)
            if _is_deletion(error):
                text = "files of a table were deleted while they were read: ask again"
                raise Unavailable(text, code="table_changed") from error
            raise

    def _check(self, cause: Exception | None) -> None:
        if self._stopped.is_set():
            if self._late:
                text = f"the query took longer than {self._timeout_s:g} s: ask for less, such as a shorter time"
                raise TooLarge(text, code="query_timeout") from cause
            raise Conflict("the query was cancelled", code="query_cancelled") from cause

    def _watch(self) -> None:
        if not self._ended.wait(self._timeout_s) and not self._stopped.is_set() and not self._unlimited:
            self._late = True
            self._stopped.set()
            self._interrupt()

    def _interrupt(self) -> None:
        while not self._ended.is_set():
            with self._lock:  # a cursor that was given back has another query
                if self._cursor is not None:
                    self._cursor.interrupt()
            self._ended.wait(_AGAIN_S)


def _is_deletion(error: Exception) -> bool:
    import duckdb

    # In the course of a stream, pyarrow hands DuckDB's error on as one of the system.
    told = isinstance(error, duckdb.IOException | OSError)
    return told and any(text in str(error) for text in ("No such file", "No files found"))
