"""The engine's judgement, with the signatures of the benchmark's scorer."""

from __future__ import annotations

from benchmarks._detecting import THRESHOLD, detect
from benchmarks._forecasting import forecast

__all__ = ["THRESHOLD", "detect", "forecast"]
