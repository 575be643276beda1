"""What all tests share: no settings of the machine leak in, and where the captures are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tapiary.config import OTHER_VARIABLES, Config

ROOT = Path(__file__).parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"

# Two busy cores make deadlines a game of chance; the same examples every time keep CI's answer the same.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(autouse=True, scope="session")
def _no_settings_of_this_machine(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Neither TAPIARY_ variables nor the user's own data folder may reach a test, or the other way round."""
    for name in [name for name in os.environ if name.startswith("TAPIARY_") and name not in OTHER_VARIABLES]:
        del os.environ[name]
    os.environ.pop("TAPIARY_CONFIG", None)
    os.environ["TAPIARY_DATA_DIR"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Settings whose data folder is this test's own; nothing exists in it yet."""
    return Config(data_dir=str(tmp_path / "data")).resolve()


@pytest.fixture(scope="session")
def sample() -> Path:
    """The small capture that the project ships."""
    return ROOT / "examples" / "sample.pcap"


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of reference captures; the test is skipped where it is not there."""
    if not CORPUS.is_dir():
        pytest.skip("no reference captures beside the project")
    return CORPUS
