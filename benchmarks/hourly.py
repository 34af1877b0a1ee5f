"""Labelled hourly spend: the dict of effects.generate with `dates` as datetime64[h]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FAMILIES = {"office": 0.35, "flat": 0.2, "batch": 0.2, "bursty": 0.15, "idle": 0.1}


def rhythm(rng: np.random.Generator, family: str, hour: NDArray[np.int64], dow: NDArray[np.int64]) -> Floats:
    """The expected share of each hour; the mean is about 1."""
    shape: Floats = np.ones(len(hour))
    if family in {"office", "bursty"}:
        peak, wide = rng.uniform(10, 17), rng.uniform(3, 6)
        away = np.minimum(np.abs(hour - peak), 24 - np.abs(hour - peak))
        shape *= 0.3 + rng.uniform(0.5, 3) * np.exp(-0.5 * (away / wide) ** 2)
        shape *= np.where(dow >= 5, rng.uniform(0.35, 1.0), 1.0)
    if family == "batch":
        start, lasts = rng.integers(24), rng.integers(1, 5)
        on = (hour - start) % 24 < lasts
        if rng.random() < 0.3:
            on &= dow == rng.integers(7)
        shape += on * rng.uniform(1, 8)
    return np.asarray(shape / shape.mean())


def correlated(rng: np.random.Generator, sigma: float, count: int) -> Floats:
    phi = rng.uniform(0.2, 0.8)
    steps = rng.standard_t(rng.uniform(3.5, 7), count) * sigma * np.sqrt(1 - phi**2) * 0.7
    for t in range(1, count):
        steps[t] += phi * steps[t - 1]
    return np.asarray(np.exp(np.clip(steps, -6 * sigma, 6 * sigma)))


def clean(rng: np.random.Generator, hour: NDArray[np.int64], dow: NDArray[np.int64]) -> tuple[str, Floats]:
    family = str(rng.choice(list(FAMILIES), p=list(FAMILIES.values())))
    count = len(hour)
    base = float(np.exp(rng.normal(np.log(20), 1.6)))
    if family == "idle":
        return family, base / 20 * rng.gamma(1.0, 1.0, count) * (rng.random(count) < rng.uniform(0.02, 0.5))
    sigma = {"bursty": rng.uniform(0.2, 0.45), "batch": rng.uniform(0.03, 0.15)}.get(family, rng.uniform(0.01, 0.1))
    level = base * np.exp(np.cumsum(rng.normal(rng.normal(0, 0.02) / 720, 0.001, count)))
    values = level * rhythm(rng, family, hour, dow) * correlated(rng, sigma, count)
    if rng.random() < 0.3:  # a release: the level moves a little and stays
        values[rng.integers(count) :] *= rng.uniform(0.85, 1.2)
    return family, values


def shape(rng: np.random.Generator) -> tuple[str, Floats, float]:
    """Kind, share added in each hour, size: spikes of 1-3 hours, levels of 6-48, leaks of 24-48."""
    kind = str(rng.choice(["spike", "level", "leak"], p=[0.4, 0.4, 0.2]))
    low, high = {"spike": (1, 4), "level": (6, 49), "leak": (24, 49)}[kind]
    lasts = int(rng.integers(low, high))
    if kind == "leak":
        factor = rng.uniform(1.5, 4)
        return kind, (factor - 1) * np.minimum(np.arange(1, lasts + 1) / (0.85 * lasts), 1), factor
    factor = float(np.exp(rng.uniform(np.log(1.4), np.log(10 if kind == "spike" else 5))))
    return kind, np.full(lasts, factor - 1), factor


def generate(
    n: int = 150, hours: int = 1008, warm: int = 336, seed: int = 1, start: str = "2025-01-01T00"
) -> dict[str, Any]:
    """`hours` hours of `n` series, about two events in each 28 days after hour `warm`."""
    rng = np.random.default_rng([seed, 24])
    dates = np.datetime64(start, "h") + np.arange(hours)
    hour = dates.astype(np.int64) % 24
    dow = (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    values, excess = np.zeros((n, hours)), np.zeros((n, hours))
    events: list[dict[str, Any]] = []
    flags: list[set[str]] = []
    for i in range(n):
        family, values[i] = clean(rng, hour, dow)
        flags.append({family})
        events += inject(rng, i, values[i], excess[i], warm)
    final = values + excess
    share = np.where(rng.random(n) < 0.4, rng.uniform(0.85, 0.98, n), 1.0)
    noise = np.where(share < 1, 0.02, 0.0)[:, None] * rng.normal(0, 1, (n, hours))
    first = final * np.clip(share[:, None] + noise, 0.3, 1)
    return {
        "first": first,
        "final": final,
        "full": final,
        "clean": values,
        "excess": excess,
        "events": events,
        "dates": dates,
        "dow": dow,
        "warm": warm,
        "flags": flags,
        "typ": np.zeros(n, int),
        "truth": None,
        "seed": seed,
    }


def inject(rng: np.random.Generator, index: int, values: Floats, excess: Floats, warm: int) -> list[dict[str, Any]]:
    events = []
    free = warm + 2
    for _ in range(rng.poisson(2 * max(0, len(values) - warm) / 672)):
        kind, added, factor = shape(rng)
        if free + len(added) + 2 >= len(values):
            break
        start = int(rng.integers(free, len(values) - len(added) - 2))
        window = slice(start, start + len(added))
        usual = np.maximum(values[window], values.mean())  # at night it is the mean that is lost
        excess[window] += added * usual
        money = excess[window]
        told = {"i": index, "start": start, "end": start + len(added) - 1, "kind": kind, "factor": factor}
        events.append(told | {"impact": float(money.sum()), "daily": float(money.mean())})
        free = start + len(added) + 72
    return events
