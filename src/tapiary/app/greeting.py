"""What is said when the server has started: where it is, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tapiary.app.tls import Tls
    from tapiary.config import Config


#: Ten seconds of what the machine's own lines carry.
LOCAL_JOB = '{"name": "first", "duration": 10, "max_capture_data": 100000000, "drones": ["local"], "filter": ""}'


def local_address(socket_address: Any, tls: Tls | None) -> str:
    """The server's address as programs on its own machine reach it."""
    host, port = socket_address[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{'https' if tls else 'http'}://{local}:{port}"


def greeting(config: Config, socket_address: Any, password: str | None, tls: Tls | None) -> str:
    """The message. `password`: the one-time password of `admin`, when it was just made."""
    address = local_address(socket_address, tls)
    public = config.server.url.rstrip("/") or address
    lines = [
        f"Tapiary serves {address} (the API: {address}/docs)",
        f"Captures put into {config.repository_path} are processed"
        if config.repository.auto_process
        else f"Captures: {config.repository_path}",
    ]
    if config.server.url:
        lines.insert(1, f"Users reach it as {public}")
    if tls is not None:
        own = "self-signed, " if tls.self_signed else ""
        lines.append(f"TLS certificate: {tls.certificate} ({own}SHA-256 {tls.fingerprint})")
        if tls.client_ca is not None:
            lines.append(f"Clients must show a certificate of {tls.client_ca}")
    if password:
        lines += [
            "",
            "The first administrator; the password is shown this once, and to be changed at the first login:",
            "  user:     admin",
            f"  password: {password}",
            f"  login:    {public}/login",
        ]
    trust = f"--cacert {tls.certificate} " if tls is not None and tls.self_signed else ""
    bearer = "" if config.server.anonymous else '-H "Authorization: Bearer $TOKEN" '
    curl = f"curl {trust}{bearer}"
    lines += ["", "Next:"]
    if not config.server.anonymous:
        lines.append("  export TOKEN=$(tapiary token create me --scope admin)")
    lines += [
        f"  {curl}--data-binary @trace.pcap '{address}/files/upload?name=trace.pcap'",
        f"  {curl}{address}/file/1/statistics",
    ]
    if config.capture.local_drone:
        lines += [
            f"The drone \"local\" captures {', '.join(config.capture.local_drone)} of this machine; ten seconds of it:",
            f"  {curl}--json '{LOCAL_JOB}' {address}/api/v1/jobs",
            f"  {curl}{address}/api/v1/jobs/1/live",
        ]
    elif not config.server.anonymous:
        ca = f" --ca-cert {tls.certificate.name}" if tls is not None and tls.self_signed else ""
        lines += [
            "To capture, add a drone; its token is shown this once. Then start the drone at the line:",
            f"  {curl}--json '{{\"name\": \"probe\", \"description\": \"\"}}' {address}/api/v1/drones",
            f"  TAPIARY_DRONE_TOKEN=… tapiary drone --hive {public} --interface eth0{ca}",
        ]
    return "\n".join([*lines, "", ""])
