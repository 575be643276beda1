"""What each route of the dialect asks of its caller, by the route's function."""

from __future__ import annotations

from tapiary.accounts import ADMINISTER, READ, WRITE, Right

RIGHTS: dict[str, Right | None] = {
    "files_list": READ,
    "files_process": WRITE,
    "files_upload": WRITE,
    "files_download": READ,
    "files_delete": WRITE,
    "upload_create": WRITE,
    "upload_status": WRITE,
    "upload_append": WRITE,
    "upload_discard": WRITE,
    "file_status": READ,
    "file_details": READ,
    "file_statistics": READ,
    "file_statistics_labels": READ,
    "file_statistics_ip": READ,
    "file_flows_labels": READ,
    "file_flows": READ,
    "file_progress": READ,
    "file_download": READ,
    "file_pcap": READ,
    "file_export": READ,
    "file_cancel": WRITE,
    "file_delete": WRITE,
    "labels_list": READ,
    "server_status": ADMINISTER,
}

#: Routes whose answers may hold countries, cities or networks.
PLACES = frozenset(
    {"file_statistics", "file_statistics_labels", "file_statistics_ip", "file_flows", "file_export"}
)

#: Routes whose bodies are captures, limited by repository.max_upload_bytes alone.
UPLOADS = frozenset({"files_upload", "upload_append"})
