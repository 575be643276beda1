"""The settings of what users keep and ask: custom indexes, queries, alerts."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class IndexesConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Custom indexes and what is injected into them."""

    max_body_bytes: Annotated[
        int, Meta(ge=1 << 10, description="Largest JSON body of an injection, unpacked")
    ] = 64 << 20
    max_upload_bytes: Annotated[
        int, Meta(ge=1 << 10, description="Largest NDJSON, Arrow or Parquet upload of an injection, unpacked")
    ] = 4 << 30
    max_fields: Annotated[int, Meta(ge=1, description="Fields that an index may have")] = 500
    retention_days: Annotated[
        int, Meta(ge=0, description="Rows older than this go, where the index does not say; 0: none go")
    ] = 0
    retention_bytes: Annotated[
        int, Meta(ge=0, description="Size at which an index loses its oldest rows, where it does not say; 0: none")
    ] = 0


class QueriesConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """NQL queries and their results."""

    timeout_s: Annotated[float, Meta(gt=0, description="Seconds after which a query is broken off")] = 300.0
    keep_s: Annotated[float, Meta(gt=0, description="Seconds that a result can be paged after it was last asked")] = (
        600.0
    )
    max_rows: Annotated[int, Meta(ge=1, description="Rows that a result for paging may have")] = 1_000_000
    max_running: Annotated[int, Meta(ge=1, description="Queries at work at the same time; more of them wait")] = 4
    max_kept: Annotated[int, Meta(ge=1, description="Results kept for paging; the longest unused one goes first")] = 200


class AlertsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Triggers, and what they do."""

    interval_s: Annotated[float, Meta(gt=0, description="Seconds between two looks for triggers that are due")] = 1.0
    webhook_hosts: Annotated[
        list[str], Meta(description="Hosts (`hooks.example`, `hooks.example:8443`) that webhooks may go to; `[]`: none")
    ] = []
    webhook_timeout_s: Annotated[float, Meta(gt=0, description="Seconds that a webhook may take to answer")] = 10.0
    max_captures: Annotated[
        int, Meta(ge=0, description="Captures that triggers ordered and that have not ended; no more are ordered then")
    ] = 8
    keep_days: Annotated[int, Meta(ge=0, description="Days that alerts are kept; 0: for ever")] = 365
