"""The settings of capturing, as the hive sees it, and of the scripts that run over captures."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class CaptureConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The hive: capture jobs and the drones that do them."""

    path: Annotated[
        str, Meta(description="Folder of parts that drones send, and of results; empty: `captures` in the data folder")
    ] = ""
    destination_roots: Annotated[
        list[str], Meta(description="Folders inside of which destinations may lie; `[]`: there can be none")
    ] = []
    min_free_bytes: Annotated[
        int, Meta(ge=0, description="Space that the hive leaves free; uploads wait while there is less")
    ] = 1 << 30
    max_drones: Annotated[int, Meta(ge=1, description="Drones that may be connected at the same time")] = 500
    link_s: Annotated[int, Meta(gt=0, description="Seconds that a public link to a job's file is good for")] = 86_400
    local_drone: Annotated[
        list[str], Meta(description="Interfaces that a drone beside the server captures; `[]`: no drone")
    ] = []
    answer_s: Annotated[
        float, Meta(gt=0, description="A connected drone silent about an order for this long is asked again")
    ] = 10.0


class ScriptsConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """User scripts and the sandbox that they run in."""

    sandbox: Annotated[
        Literal["auto", "docker", "bubblewrap", "none"],
        Meta(description="Where scripts run; `auto`: Docker where an engine answers, else bubblewrap; `none`: nowhere"),
    ] = "auto"
    image: Annotated[str, Meta(description="Image for Docker; it needs /bin/sh")] = "debian:stable-slim"
    time_limit_s: Annotated[float, Meta(gt=0, description="Seconds that a script may run")] = 3600.0
    memory_bytes: Annotated[int, Meta(ge=1 << 26, description="Memory that a script may use, all processes")] = 2 << 30
    output_bytes: Annotated[int, Meta(ge=1 << 20, description="Size of all that a script may write")] = 16 << 30
    processes: Annotated[int, Meta(ge=4, description="Processes and threads that a script may have")] = 64
    wait_s: Annotated[
        float, Meta(ge=0, description="Seconds that `PATCH /jobs/ID` waits for the script before it answers")
    ] = 60.0


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Log files, which users with the right may list and download."""

    path: Annotated[str, Meta(description="Folder of the log files; empty: `logs` in the data folder")] = ""
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]+$", description="Name of the present log file")] = "tapiary.log"
    max_bytes: Annotated[int, Meta(ge=1 << 16, description="Size at which a new log file is begun")] = 16 << 20
    keep: Annotated[int, Meta(ge=0, description="Former log files to keep")] = 9
