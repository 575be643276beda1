"""Tapiary: from packet captures to labelled, enriched, queryable flows."""

__version__ = "0.1.0"
