"""The tables of the store: their columns, how these lie in the files, and which have statistics in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tapiary.schema import FLOW_COLUMNS, INDEX_COLUMNS, Column, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

#: Numbers that have few distinct values: a dictionary makes them smallest, and DuckDB filters on it.
_DICTIONARY_NUMBERS = frozenset({
    "ip_version", "protocol", "vlan", "client_mac", "server_mac", "server_port", "risks", "client_asn", "server_asn",
})
#: Columns with minima and maxima for each row group in the files: those that people filter by ranges. For all columns
#: they would cost a fifth of the writing time; for texts they cost more than their encoding and leave out nothing, as
#: nearly every row group holds a label early and one late in the alphabet.
_FILTERED = frozenset({
    "run_id", "job_id", "flow_id", "protocol", "client_ip", "server_ip", "client_port", "server_port", "first_seen",
    "last_seen", "risks", "client_asn", "server_asn", "first_frame",
})
#: Numbers without pattern: differences between neighbours take more time and no less space than the numbers.
_PLAIN_NUMBERS = frozenset({"packet_times"})

_DUCKDB = {
    "int16": "SMALLINT", "int32": "INTEGER", "int64": "BIGINT", "float64": "DOUBLE", "bool": "BOOLEAN",
    "string": "VARCHAR", "timestamp": "TIMESTAMPTZ", "address": "BLOB", "binary": "BLOB", "mac": "BIGINT",
    "list<int32>": "INTEGER[]", "list<string>": "VARCHAR[]", "date": "DATE",
}


@dataclass(frozen=True)
class Table:
    """What is fixed about one table."""

    name: str
    columns: tuple[Column, ...]
    #: The column of dates by which the table is partitioned, which only the paths and the log hold; empty for none.
    partition: str
    #: Columns with minimum and maximum of each file in the Delta log; by those of the first one, whole files are left
    #: out of what is read.
    in_log: tuple[str, ...]
    #: Properties of the Delta table beside those of all our tables.
    configuration: Mapping[str, str] = field(default_factory=dict)
    #: Whether every so many commits end in a checkpoint; else a keeper makes them meanwhile.
    checkpoints: bool = True

    @cached_property
    def stored(self) -> pa.Schema:
        """The Arrow schema of a file, as written: strings as dictionaries, all columns nullable but the core ones."""
        import pyarrow as pa

        return pa.schema([
            pa.field(f.name, pa.dictionary(pa.int32(), pa.string()), f.nullable) if pa.types.is_string(f.type) else f
            for f in arrow_schema(self.columns)
        ])

    @cached_property
    def declared(self) -> pa.Schema:
        """The Arrow schema of the Delta table: the file's columns and the partition's."""
        import pyarrow as pa

        schema = arrow_schema(self.columns)
        return schema.append(pa.field(self.partition, pa.date32())) if self.partition else schema

    @cached_property
    def duckdb_types(self) -> dict[str, str]:
        """DuckDB's type of every column that a query may name."""
        types = {c.name: _DUCKDB[c.type] for c in self.columns}
        return types | {self.partition: "DATE"} if self.partition else types

    @property
    def bounded_by(self) -> str:
        """The column by which whole files are left out."""
        return self.in_log[0]

    @property
    def partition_by(self) -> list[str]:
        """The Delta table's partition columns."""
        return [self.partition] if self.partition else []

    def parquet_options(self, compression: str) -> dict[str, Any]:
        """Arguments of pyarrow's ParquetWriter, chosen by measuring 160 k generated flows with 86 filled columns.

        DELTA_BINARY_PACKED integers with LZ4 took 213 ms and 32 MB, plain ones 266 ms and 37 MB, plain with ZSTD 346 ms
        and 24 MB, pyarrow's own defaults 422 ms and 35 MB. Byte stream split was as fast as delta, but fewer engines
        read it for integers.
        """
        encoding, dictionary = {}, []
        for column in self.columns:
            if column.name in _PLAIN_NUMBERS:
                continue
            if column.type == "string" or column.name in _DICTIONARY_NUMBERS:
                dictionary.append(column.name)
            elif column.type in ("int16", "int32", "int64", "mac", "timestamp"):
                encoding[column.name] = "DELTA_BINARY_PACKED"
            elif column.type == "list<int32>":
                encoding[f"{column.name}.list.element"] = "DELTA_BINARY_PACKED"
        return {
            "compression": compression, "compression_level": 1 if compression == "zstd" else None,
            "use_dictionary": dictionary, "column_encoding": encoding, "store_schema": False,
            "write_statistics": [c.name for c in self.columns if c.name in _FILTERED],
        }


TABLES: dict[str, Table] = {
    "flows": Table("flows", FLOW_COLUMNS, "day", ("run_id", "job_id", "flow_id", "first_seen", "last_seen")),
    "packets": Table("packets", INDEX_COLUMNS, "", ("run_id", "flow_id", "first_frame")),
}
