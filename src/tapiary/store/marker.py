"""Signs of living writers: lock files that the kernel frees when their process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path


class Marker:
    """A lock file that is held until `close`; its token is part of the name of every file that the writer makes."""

    def __init__(self, folder: Path, prefix: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.token = f"{prefix}-{uuid.uuid4().hex[:12]}"
        self._path = _path(folder, self.token)
        while True:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            try:
                # A sweep may have removed the file between the two calls above.
                if os.stat(self._path).st_ino == os.fstat(self._descriptor).st_ino:
                    return
            except FileNotFoundError:
                pass
            os.close(self._descriptor)

    def close(self) -> None:
        """Say that the writer has ended; may be called twice."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        if getattr(self, "_descriptor", -1) >= 0:
            self.close()


def is_live(folder: Path, token: str) -> bool:
    """Whether the writer of this token lives; the sign of a dead one is removed."""
    path = _path(folder, token)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)
        return False
    finally:
        os.close(descriptor)


def live_tokens(folder: Path) -> set[str]:
    """The tokens of all living writers."""
    if not folder.is_dir():
        return set()
    return {p.stem for p in folder.glob("*.lock") if is_live(folder, p.stem)}


def _path(folder: Path, token: str) -> Path:
    return folder / f"{token}.lock"
