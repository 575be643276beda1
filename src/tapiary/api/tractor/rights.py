"""What each route of the dialect asks of its caller, by the route's function."""

from __future__ import annotations

from tapiary.accounts import Right

RIGHTS: dict[str, Right] = {
    "files_list": "read",
    "files_process": "write",
    "files_upload": "write",
    "files_download": "read",
    "files_delete": "write",
    "upload_create": "write",
    "upload_status": "write",
    "upload_append": "write",
    "upload_discard": "write",
    "file_status": "read",
    "file_details": "read",
    "file_statistics": "read",
    "file_statistics_labels": "read",
    "file_statistics_ip": "read",
    "file_flows_labels": "read",
    "file_flows": "read",
    "file_progress": "read",
    "file_download": "read",
    "file_pcap": "read",
    "file_export": "read",
    "file_cancel": "write",
    "file_delete": "write",
    "labels_list": "read",
    "server_status": "admin",
}

#: Routes whose answers may hold countries, cities or networks.
PLACES = frozenset(
    {"file_statistics", "file_statistics_labels", "file_statistics_ip", "file_flows", "file_export"}
)

#: Routes whose bodies are captures, limited by repository.max_upload_bytes alone.
UPLOADS = frozenset({"files_upload", "upload_append"})
