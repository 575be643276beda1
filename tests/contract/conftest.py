"""The contract is tested over the same app as the routes."""

from tests.api.conftest import face, processed, reader

__all__ = ["face", "processed", "reader"]
