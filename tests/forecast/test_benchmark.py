"""What the benchmark puts around the engine."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import forecast_spread
from benchmarks._forecasting import forecast, lateness
from cloudcircuit.engine.forecast.spread import FITTED
from tests.forecast.world import AUGUST, DATES, JULY, steady, total


def test_lateness_is_the_usual_share_and_its_spread() -> None:
    final = np.full((3, 40), 10.0)
    shares = np.tile([0.8, 0.9, 1.0, 0.9], 10)
    first = final * np.stack([shares, np.ones(40), np.zeros(40)])
    usual, spread = lateness(final, first)
    assert usual == pytest.approx([0.9, 1.0, 1.0])
    assert spread == pytest.approx([0.05 * 1.4826, 0.0, 0.0])
    assert [x.tolist() for x in lateness(final[:, :0], first[:, :0])] == [[1.0] * 3, [0.0] * 3]


def test_the_scorer_always_gets_numbers() -> None:
    final = np.stack([steady(), np.full(365, np.nan)])
    first = final * 0.9
    low, median, high, breach = forecast(final, first, DATES, JULY, JULY + 9, AUGUST, np.array([100.0, 100.0]))
    assert low[0] < median[0] < high[0]
    assert median[0] == pytest.approx(total(steady()), rel=0.02)
    assert breach.tolist() == [1.0, 0.0]
    assert [low[1], median[1], high[1]] == [0.0, 0.0, 0.0]


def test_the_fit_finds_widths_that_are_wrong_by_half() -> None:
    ends = forecast_spread.together(list(forecast_spread.month_ends(seed=10, series=30)))
    wrong = FITTED._replace(noise=FITTED.noise / 2, level=FITTED.level / 2)
    fitted = forecast_spread.fit(ends, wrong, rounds=4)
    surprises = [forecast_spread.surprise(ends, constants) for constants in (fitted, wrong)]
    assert surprises[0] < surprises[1] - 0.02
