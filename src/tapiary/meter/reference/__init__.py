"""The slow, obvious twin of the compiled meter: the tests' oracle. No labels, no speed, no library (Zstandard aside).

It was written from the specifications, not from the compiled core, so that a difference between
the two is a bug in one of them.
"""

from tapiary.meter.reference.meter import ReferenceResult, Settings, meter_file

__all__ = ["ReferenceResult", "Settings", "meter_file"]
