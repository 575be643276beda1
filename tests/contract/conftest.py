"""The contract is tested over the same app as the routes."""

from tests.api.conftest import face, processed, reader
from tests.contract.house import house

__all__ = ["face", "house", "processed", "reader"]
