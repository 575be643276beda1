"""Measures Tapiary against other tools on generated traces: ``python -m benchmarks --help``."""
