"""The bare package works without the server's dependencies, and the command line starts without loading them."""

import subprocess
import sys
import textwrap

import pytest

HEAVY = ("alembic", "deltalake", "duckdb", "flask", "gunicorn", "maxminddb", "nfstream", "numpy", "pandas", "pyarrow",
         "pydantic", "rich", "sqlalchemy", "cryptography")

BLOCK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", BLOCK + textwrap.dedent(code)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("door", ["schema", "errors", "telemetry", "config", "meter", "enrich", "store",
                                  "database", "jobs", "accounts", "services", "cli", "capture", "capture.drone"])
def test_doors_open_without_the_servers_dependencies(door: str) -> None:
    done = run(f"import tapiary.{door}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["process", "--help"], ["serve", "--help"],
                                       ["drone", "--help"], ["drone", "--systemd-unit"]])
def test_help_needs_none_of_them(arguments: list[str]) -> None:
    done = run(f"from tapiary.cli import main; sys.exit(main({arguments!r}))")
    assert done.returncode == 0, done.stderr
    assert "tapiary" in done.stdout


def test_a_command_that_needs_them_says_how_to_get_them() -> None:
    done = run("from tapiary.cli import main; sys.exit(main(['process', 'nothing.pcap']))")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr


def test_a_drone_runs_without_the_servers_dependencies() -> None:
    done = run("""
        import tapiary.capture.drone as drone, tempfile
        from tapiary.cli.drone import meter_command
        settings = drone.load(None, {"hive.url": "http://127.0.0.1:9", "hive.token": "x",
                                     "output_folder": tempfile.mkdtemp()}, environ={})
        agent = drone.Agent(settings, meter=meter_command())
        agent.stop()
        agent.run()
        assert meter_command() == []
    """)
    assert done.returncode == 0, done.stderr
