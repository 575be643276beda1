"""One chunk of a capture in TCI's protocol."""

from __future__ import annotations

import base64
from pathlib import Path

from tapiary.capture.messages import CHUNK_BYTES, Upload


def chunk_of(path: Path | None, job_id: int, number: int) -> Upload:
    """The chunk of that number, from 1; no file is like an empty one, of one empty chunk. Raises OSError."""
    size = path.stat().st_size if path is not None else 0
    data = b""
    if path is not None:
        with path.open("rb") as file:
            file.seek((number - 1) * CHUNK_BYTES)
            data = file.read(CHUNK_BYTES)
    total = max(1, -(-size // CHUNK_BYTES))
    return Upload(chunk_number=number, chunk_bytes=base64.b64encode(data).decode(), job_id=job_id,
                  total_number_of_chunks=total)
