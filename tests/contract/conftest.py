"""The contract is tested over the same app as the routes."""

from tests.api.conftest import face, processed, reader
from tests.contract.house import house, office
from tests.contract.npm import npm, shared_npm

__all__ = ["face", "house", "npm", "office", "processed", "reader", "shared_npm"]
