"""Makes the sample tables of a format: `python -m tests.store.samples.make`, once a format; never for an older one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tapiary.config import StoreConfig
from tapiary.schema import FORMAT_VERSION, address_bytes
from tapiary.store import Store
from tests.store.rows import DAY_US, NOON_US, flows, packets

if __name__ == "__main__":
    # The log keeps the folder's name: not one of a developer's own.
    folder = Path("/tmp/tapiary")
    shutil.rmtree(folder, ignore_errors=True)
    store = Store(StoreConfig(path=str(folder)))
    for run_id in (1, 2):
        with store.writer(run_id, run_id * 10) as run:
            run.write("flows", flows(
                3, label=["TLS.Google", "DNS", "Unknown"], first_seen=[NOON_US, NOON_US + DAY_US, NOON_US],
                client_ip=[address_bytes(a) for a in ("192.0.2.1", "2001:db8::1", "10.0.0.1")],
                server_name=["example.org", None, None]))
            run.write("packets", packets(4))
            run.commit()
    store.close()
    for name in ("_writers", "_tmp"):
        shutil.rmtree(folder / name, ignore_errors=True)
    target = Path(__file__).parent / str(FORMAT_VERSION)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(folder, target)
