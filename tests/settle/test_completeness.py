"""How much of what days settle at was shown: known answers, and what no data may do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from cloudcircuit.engine.settle import completeness

Floats = NDArray[np.float64]


def late_series(share: float, sd: float, days: int, rows: int = 40, seed: int = 3) -> tuple[Floats, Floats]:
    """Spend of all sizes, of which a share is shown at first."""
    random = np.random.default_rng(seed)
    settled = random.lognormal(random.uniform(-2, 8, (rows, 1)), 0.5, (rows, days))
    return settled * np.clip(random.normal(share, sd, settled.shape), 0, 1), settled


@pytest.mark.parametrize("share", [0.8, 0.85, 0.9, 0.97])
def test_a_planted_lateness_is_recovered_from_thirty_days(share: float) -> None:
    shown, settled = late_series(share, 0.02, 30)

    found, spread = completeness(shown, settled)

    assert np.abs(found - share).max() <= 0.02
    assert spread.mean() == pytest.approx(0.02, abs=0.005)


def test_days_of_an_outage_do_not_spoil_it() -> None:
    shown, settled = late_series(0.85, 0.02, 30)
    shown[:, [3, 11, 20]] = 0.0

    found, spread = completeness(shown, settled)

    assert np.abs(found - 0.85).max() <= 0.02
    assert spread.max() < 0.06


def test_a_source_that_is_late_on_four_days_in_ten_is_whole_by_its_median_and_has_a_spread() -> None:
    settled = np.full((1, 30), 100.0)
    shown = settled.copy()
    shown[0, ::5] = shown[0, 1::5] = 80.0

    found, spread = completeness(shown, settled)

    assert found[0] == 1.0
    assert spread[0] > 0.09


def test_few_days_teach_little_and_fewer_than_five_nothing() -> None:
    learned = [completeness(np.full((1, days), 80.0), np.full((1, days), 100.0))[0][0] for days in (4, 5, 10, 20, 60)]

    assert learned == pytest.approx([1.0, 0.9, 0.84, 0.8118, 0.8014], abs=0.0001)


def test_a_source_that_is_whole_at_once_needs_no_correction() -> None:
    settled = late_series(1.0, 0.0, 30)[1]

    found, spread = completeness(settled, settled)

    assert (found == 1.0).all() and (spread == 0.0).all()


def test_days_of_no_money_credits_and_unknown_days_do_not_tell() -> None:
    settled = np.full((1, 30), 100.0)
    shown = settled * 0.9
    settled[0, :4], shown[0, :4] = 0.0, 0.0
    settled[0, 4:8], shown[0, 4:8] = -50.0, -10.0
    settled[0, 8:10], shown[0, 8:10] = 0.01, 0.0
    shown[0, 10:12] = np.nan
    settled[0, 12:14] = np.nan

    found, _ = completeness(shown, settled)

    assert found[0] == pytest.approx(1 - 0.1 * 16**2 / (16**2 + 25))


def test_no_rows_and_no_days_are_no_trouble() -> None:
    for shape in ((0, 0), (0, 5), (3, 0)):
        share, spread = completeness(np.zeros(shape), np.zeros(shape))
        assert share.tolist() == [1.0] * shape[0]
        assert spread.tolist() == [0.0] * shape[0]


WILD = st.floats(allow_nan=True, allow_infinity=True, width=64)
SHAPES = st.tuples(st.integers(0, 4), st.integers(0, 24))


@given(
    SHAPES.flatmap(
        lambda shape: st.tuples(arrays(np.float64, shape, elements=WILD), arrays(np.float64, shape, elements=WILD))
    )
)
def test_whatever_the_data_the_answer_is_a_share(pair: tuple[Floats, Floats]) -> None:
    share, spread = completeness(*pair)

    assert ((share > 0) & (share <= 1.2)).all()
    assert (np.isfinite(spread) & (spread >= 0)).all()


@given(arrays(np.float64, (3, 20), elements=st.floats(0.1, 1.0)), st.floats(0.001, 1e6))
def test_neither_the_currency_nor_the_neighbours_matter(ratios: Floats, scale: float) -> None:
    settled = np.tile(np.linspace(50, 150, 20), (3, 1))

    whole = completeness(ratios * settled, settled)
    alone = completeness(ratios[1:2] * settled[1:2] * scale, settled[1:2] * scale)

    assert alone[0] == pytest.approx(whole[0][1:2])
    assert alone[1] == pytest.approx(whole[1][1:2], abs=1e-9)


@given(
    st.floats(0.6, 0.99),
    st.lists(st.tuples(st.integers(0, 29), st.floats(0, 10)), max_size=4, unique_by=lambda one: one[0]),
)
def test_four_odd_days_in_thirty_move_it_by_little(share: float, odd: list[tuple[int, float]]) -> None:
    """Outages, restatements, refunds: whatever they show."""
    settled = np.full((1, 30), 100.0)
    shown = settled * np.linspace(share - 0.01, share + 0.01, 30)
    for day, ratio in odd:
        shown[0, day] = 100 * ratio

    found, spread = completeness(shown, settled)

    assert abs(found[0] - share) < 0.02
    assert spread[0] < 0.03
