"""What is done to labelled series alike: the shapes of anomalies (kinds and sizes of bench/gen.py), and late days."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LENGTHS = {"spike": (1, 3), "level": (5, 29), "leak": (14, 36), "burst": (1, 6), "onset": (5, 29)}
SIZES = {"spike": (1.5, 10), "level": (1.3, 5), "leak": (1.5, 3.5), "burst": (20, 200), "onset": (5, 500)}


def shape(rng: np.random.Generator, kind: str) -> tuple[Floats, float]:
    """What an anomaly adds on each of its days, in shares of the spend of that day (onset: in money), and its size."""
    lasts = int(rng.integers(*LENGTHS[kind]))
    day, (least, most) = np.arange(1, lasts + 1), SIZES[kind]
    factor = float(rng.uniform(least, most) if kind == "leak" else np.exp(rng.uniform(np.log(least), np.log(most))))
    added = np.full(lasts, factor - 1)
    if kind == "leak":
        added *= np.minimum(day / max(8, lasts * 0.85), 1)
    elif kind == "onset":
        added = factor * np.minimum(day / rng.integers(1, 4), 1) * np.exp(rng.normal(0, 0.1, lasts))
    elif kind == "burst":
        added = factor * rng.uniform(0.6, 1.2, lasts)
    elif kind == "spike":
        added[1:] *= rng.uniform(0.3, 1)
    elif rng.random() < 0.5:
        added[0] *= rng.uniform(0.2, 0.9)  # the level rises within the day
    return added, factor


def seen_first(rng: np.random.Generator, final: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """What each day showed when it had just ended: two series of five are late, by 2 to 20 percent; rarely nothing."""
    n, days = final.shape
    late = np.asarray(rng.random(n) < 0.4)
    mean, spread = np.where(late, rng.uniform(0.8, 0.98, n), 1.0), np.where(late, rng.uniform(0.01, 0.06, n), 0.0)
    share = np.clip(rng.normal(mean[:, None], spread[:, None], (n, days)), 0.3, 1.0)
    outage = rng.random((n, days)) < 0.002
    return np.where(outage, 0.0, np.where(final > 0, final * share, final)), late
