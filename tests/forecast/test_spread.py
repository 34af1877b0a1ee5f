"""The distribution by itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cloudcircuit.engine.forecast.spread import FITTED, Doubts, joined, spread

N = 5


def doubts(**changes: float) -> Doubts:
    plain = dict.fromkeys(("ahead", "level", "day", "noise", "trials", "variance", "raised", "due", "newest"), 0.0)
    amounts = plain | {"ahead": 20.0, "level": 1.0, "day": 1.0, "noise": 0.1} | changes
    return Doubts(**{name: np.full(N, x) for name, x in amounts.items()}, rough=np.zeros(N, bool))


@pytest.mark.parametrize("p", [0.05, 0.1, 0.5, 0.9, 0.95])
def test_quantiles_invert_the_probability(p: float) -> None:
    about = spread(np.full(N, 30.0), doubts())
    assert about.under(about.quantile(np.full(N, p))) == pytest.approx(p, abs=1e-6)


def test_probability_rises_from_nothing_to_one() -> None:
    about = spread(np.zeros(N), doubts())
    chances = np.array([about.under(np.full(N, x)) for x in np.linspace(-60, 1e6, 4001)])
    assert (np.diff(chances, axis=0) >= 0).all()
    assert chances[0] == pytest.approx(0, abs=1e-4)
    assert chances[-1] == pytest.approx(1, abs=1e-4)


def test_half_of_the_usual_lies_below_the_center_and_surges_lie_above() -> None:
    about = spread(np.full(N, 30.0), doubts())
    assert about.under(about.center) == pytest.approx((1 - about.surge) / 2)
    assert about.surge == pytest.approx(1 - np.exp(-FITTED.surges * 20))


def test_the_t_distribution_is_students() -> None:
    calm = spread(np.zeros(N), doubts(), FITTED._replace(surges=0.0, skew=0.0))
    table = {0.741: 0.75, 1.533: 0.90, 2.132: 0.95, 2.776: 0.975, 4.604: 0.995}  # t with 4 degrees of freedom
    for z, p in table.items():
        assert calm.under(z * calm.above) == pytest.approx(p, abs=2e-4)
        assert calm.under(-z * calm.below) == pytest.approx(1 - p, abs=2e-4)


@pytest.mark.parametrize("name", ["noise", "trials", "variance", "raised", "due", "newest", "ahead"])
def test_every_doubt_widens(name: str) -> None:
    more = spread(np.zeros(N), doubts(**{name: 40.0}))
    assert (more.below + more.above > (lambda s: s.below + s.above)(spread(np.zeros(N), doubts()))).all()


def test_the_upper_side_is_the_wider_one_and_more_so_the_less_is_known() -> None:
    narrow, wide = (spread(np.zeros(N), doubts(noise=noise)) for noise in (0.05, 1.5))
    assert (narrow.above >= narrow.below).all()
    assert (wide.above / wide.below > narrow.above / narrow.below).all()


def test_rough_series_surge_more_often() -> None:
    rough = replace(doubts(), rough=np.ones(N, bool))
    assert (spread(np.zeros(N), rough).surge > spread(np.zeros(N), doubts()).surge).all()


def test_money_and_joining_keep_the_probabilities() -> None:
    about = spread(np.full(N, 30.0), doubts())
    both = joined([about.times(np.full(N, 1000.0)), about])
    totals = np.concatenate([np.full(N, 32_000.0), np.full(N, 32.0)])
    assert both.under(totals) == pytest.approx(both.under(totals)[0])
