"""Series of minutes: the same time of day, both ways, told once."""

from __future__ import annotations

import numpy as np
import pytest

from cloudcircuit.engine.detect.minutes import judge_minutes

PER_DAY = 288
DAYS = 14


def load(seed: int = 1) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Every five minutes for two weeks: 80 by day, 20 by night, and noise."""
    rng = np.random.default_rng(seed)
    day = np.where((np.arange(PER_DAY) >= 108) & (np.arange(PER_DAY) < 216), 80.0, 20.0)
    return np.tile(day, DAYS)[None, :] + rng.normal(0, 1, (1, PER_DAY * DAYS))


AT = 10 * PER_DAY + 150  # a noon


@pytest.mark.parametrize("amount", [160.0, 20.0], ids=["twice", "as by night"])
def test_a_rise_and_a_fall_are_the_strangest_of_all(amount: float) -> None:
    values = load()
    values[0, AT : AT + 30] = amount
    scores = judge_minutes(values, PER_DAY)[0]
    assert AT <= int(np.argmax(scores[PER_DAY * 2 :])) + PER_DAY * 2 < AT + 30
    assert np.isneginf(scores[AT + 5 : AT + 30]).all(), "and are told once"


def test_nothing_ahead_is_looked_at_and_neighbours_do_not_matter() -> None:
    values = np.vstack([load(1), load(2)])
    whole = judge_minutes(values, PER_DAY)
    changed = values.copy()
    changed[:, AT + 1 :] *= 7
    assert np.array_equal(judge_minutes(changed, PER_DAY)[:, : AT + 1], whole[:, : AT + 1])
    assert np.array_equal(judge_minutes(values[:1], PER_DAY), whole[:1])


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 5)), np.zeros((1, 0)), np.full((2, 700), np.nan), np.full((1, 700), 3.0), -load(), load() * 1e12],
    ids=["no series", "no time", "unknown", "constant", "negative", "huge"],
)
def test_odd_shapes_are_no_trouble(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    scores = judge_minutes(values, PER_DAY)
    assert scores.shape == values.shape
    assert not np.isnan(scores).any()
