"""The release, in step with Tapiary's own."""

__version__ = "0.1.0"
