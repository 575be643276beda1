"""Capture for a while on some drones of a hive, and show what was on the lines.

    pip install http://HIVE:8080/pytci/pytci-0.1.0-py3-none-any.whl
    export TCI_TOKEN=...          # made on the hive's page /tokens
    python pytci_capture.py HIVE --filter 'tcp port 443' --seconds 30 --packets-of TLS.Google
"""
# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter

from pytci import Job, PyTCI, PyTCIError


def main() -> int:
    """Order, wait, count, download."""
    options = arguments()
    token = os.environ.get("TCI_TOKEN")
    if not token:
        print("set TCI_TOKEN to an application token of the hive", file=sys.stderr)
        return 2
    try:
        with PyTCI(options.host, options.port, scheme=options.scheme, verify=options.ca_file or True) as tci:
            tci.set_access_token(token)
            job = capture(tci, options)
            count(tci, job)
            print("capture:", tci.download_job(job, progress=True))
            if options.packets_of:
                target = f"job-{job.id}-{options.packets_of}.pcapng"
                print("packets:", tci.packets(job, target, label=options.packets_of))
    except PyTCIError as error:
        print(f"pytci_capture: {error}", file=sys.stderr)
        return 1
    return 0


def capture(tci: PyTCI, options: argparse.Namespace) -> Job:
    """Capture on the drones that were named, else on all that have nothing else to do."""
    drones = options.drone or [drone.name for drone in tci.get_drones() if drone.status == "Sleeping"]
    if not drones:
        raise PyTCIError("no drone of this hive is free")
    job = tci.create_job(
        name=options.name,
        duration=options.seconds,
        max_capture_data=options.megabytes * 1_000_000,
        drones=drones,
        filter=options.filter,
    )
    try:
        return tci.wait(job, progress=True)
    except KeyboardInterrupt:
        print("\nstopping; what was captured is collected", file=sys.stderr)
        tci.stop_job(job)
        return tci.wait(job, progress=True)


def count(tci: PyTCI, job: Job) -> None:
    """Print how many flows and bytes each label has."""
    flows: Counter[str] = Counter()
    octets: Counter[str] = Counter()
    for flow in tci.flows(job, "rows"):
        flows[flow["label"]] += 1
        octets[flow["label"]] += flow["client_bytes"] + flow["server_bytes"]
    print(f"{'label':<30} {'flows':>8} {'bytes':>14}")
    for label, total in octets.most_common():
        print(f"{label:<30} {flows[label]:>8,} {total:>14,}")


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description="Capture on drones of a hive and show what was on the lines.")
    parser.add_argument("host")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--scheme", choices=("http", "https"), default="http")
    parser.add_argument("--ca-file", help="certificates to trust, for a hive with one of its own making")
    parser.add_argument("--name", default="pytci_capture")
    parser.add_argument("--drone", action="append", help="may be given several times; else all that are free")
    parser.add_argument("--filter", default="", help="in the language of libpcap; else everything")
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=100, help="over all drones together")
    parser.add_argument("--packets-of", metavar="LABEL", help="cut the packets of this label out, too")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
