"""Capture jobs: ordering, steering, merging, and what came of them."""

from __future__ import annotations

from tapiary.services.captures.captures import Captures
from tapiary.services.captures.views import CaptureView, Deliverable, DroneShare, DroneView, Order, Processing

__all__ = ["CaptureView", "Captures", "Deliverable", "DroneShare", "DroneView", "Order", "Processing"]
