"""`dataset`: a capture's labelled flows as Parquet, with a manifest that says what they are and whence they came."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from tapiary import __version__
from tapiary.config import MeterConfig
from tapiary.errors import InvalidInput, TapiaryError
from tapiary.meter import MeterResult, meter, ndpi_version
from tapiary.schema import FORMAT_VERSION, Column, arrow_schema, flow_columns
from tapiary.services.export import readable
from tapiary.services.formats import flat_schema, flattened

#: Number of the manifest's format.
MANIFEST_VERSION = 1
#: Columns that mean something only inside of one server.
_OWN = ("run_id", "job_id")
_PIECE = 1 << 20


def columns_for(config: MeterConfig, *, personal: bool) -> list[Column]:
    """The columns of a data set: those that the settings fill; what tells of persons only when it is wanted."""
    return [
        column for column in flow_columns(tuple(config.statistics))
        if column.name not in _OWN and column.group != "geo" and (personal or not column.personal)
    ]


class DataSet:
    """The files of one data set, being written."""

    def __init__(self, folder: Path, columns: list[Column], *, with_csv: bool) -> None:
        self._columns = columns
        self._schema = readable(pa.RecordBatch.from_pylist([], schema=arrow_schema(tuple(columns)))).schema
        self.files = [folder / "flows.parquet"] + ([folder / "flows.csv"] if with_csv else [])
        self._parquet = pq.ParquetWriter(self.files[0], self._described(), compression="zstd")
        self._flat = flat_schema(self._schema)
        self._csv = csv.CSVWriter(str(self.files[1]), self._flat) if with_csv else None
        self.rows = 0
        self.labels: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()

    def add(self, flows: pa.RecordBatch) -> None:
        """Adds flows as the meter gives them."""
        batch = readable(flows.select(self._schema.names)).cast(self._schema)
        self._parquet.write_batch(batch)
        if self._csv is not None:
            self._csv.write_batch(flattened(batch, self._flat))
        self.rows += batch.num_rows
        for counts, name in ((self.labels, "label"), (self.categories, "category")):
            for found in batch.column(name).value_counts().to_pylist():
                counts[found["values"]] += found["counts"]

    def close(self) -> None:
        """Completes the files."""
        self._parquet.close()
        if self._csv is not None:
            self._csv.close()

    def _described(self) -> pa.Schema:
        """The schema with each column's unit and meaning, for readers that have the table alone."""
        return pa.schema([
            field.with_metadata({"description": column.doc, "unit": column.unit})
            for field, column in zip(self._schema, self._columns, strict=True)
        ])


def write(source: Path, folder: Path, config: MeterConfig, *, name: str, with_csv: bool, personal: bool) -> int:
    """Writes the data set of a capture; returns how many flows it has. Raises what the meter raises."""
    columns = columns_for(config, personal=personal)
    data = DataSet(folder, columns, with_csv=with_csv)
    run = meter(source, config)
    told = time.monotonic()
    for batch in run:
        if batch.flows is not None:
            data.add(batch.flows)
            if time.monotonic() - told > 2:
                told = time.monotonic()
                print(f"{data.rows} flows", flush=True)  # noqa: T201 - goes to the log
    data.close()
    result = run.result
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "name": name,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "capture": _about_capture(source, result),
        "flows": data.rows,
        "labels": _sorted(data.labels),
        "categories": _sorted(data.categories),
        "personal_columns": personal,
        "columns": [
            {"name": c.name, "type": str(data_type), "unit": c.unit, "personal": c.personal, "description": c.doc}
            for c, data_type in zip(columns, _types(data), strict=True)
        ],
        "files": [_about(file) for file in data.files],
        "made_by": _tools(),
        "settings": {"meter": msgspec.to_builtins(msgspec.structs.replace(config, rules_file="", rules=[]))},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return data.rows


def _types(data: DataSet) -> Iterator[pa.DataType]:
    return iter(data._schema.types)


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _about(file: Path) -> dict[str, Any]:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while piece := opened.read(_PIECE):
            digest.update(piece)
    return {"name": file.name, "bytes": file.stat().st_size, "sha256": digest.hexdigest()}


def _about_capture(source: Path, result: MeterResult) -> dict[str, Any]:
    return {
        **{key: value for key, value in _about(source).items() if key != "name"},
        "format": result.format, "packets": result.packets, "packet_bytes": result.bytes,
        "time_start": _time(result.time_start), "time_end": _time(result.time_end),
        "link_types": dict(result.link_types), "anomalies": dict(result.anomalies),
    }


def _time(microseconds: int | None) -> str | None:
    return None if microseconds is None else datetime.fromtimestamp(microseconds / 1e6, UTC).isoformat()


def _tools() -> dict[str, str]:
    return {
        "tapiary": __version__, "table_format": str(FORMAT_VERSION), "ndpi": ndpi_version(),
        "nfstream": metadata.version("nfstream"), "pyarrow": pa.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
    }


def main() -> None:
    """The program: INPUT OUTPUT_DIR [csv] [personal]; exits with 2 when it cannot do it."""
    try:
        words = sys.argv[3:]
        if len(sys.argv) < 3 or set(words) - {"csv", "personal"}:
            raise InvalidInput("usage: dataset INPUT OUTPUT_DIR [csv] [personal]", field="args")
        config = msgspec.json.decode(os.environ.get("SCRIPT_METER", "{}"), type=MeterConfig)
        config = msgspec.structs.replace(config, index=False)
        flows = write(
            Path(sys.argv[1]), Path(sys.argv[2]), config, name=os.environ.get("SCRIPT_CAPTURE", Path(sys.argv[1]).name),
            with_csv="csv" in words, personal="personal" in words,
        )
        print(f"{flows} flows")  # noqa: T201 - goes to the log
    except TapiaryError as error:
        print(f"dataset: {error.message}", file=sys.stderr)  # noqa: T201 - goes to the log
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
