"""The contract is tested over the same app as the routes."""

from tests.api.conftest import face, processed, reader
from tests.contract.house import house, office

__all__ = ["face", "house", "office", "processed", "reader"]
