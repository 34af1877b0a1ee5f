"""What holds of any series."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cloudcircuit.engine.forecast import Outlook, forecast
from tests.forecast.world import AUGUST, DATES, JULY, Floats, july, steady

amounts = st.one_of(
    st.floats(-1e6, 1e6), st.just(0.0), st.just(np.nan), st.sampled_from([np.inf, -np.inf, 1e15, -1e15, 1e-12])
)


def answers(outlook: Outlook) -> list[Floats]:
    limits = np.linspace(1, 5000, len(outlook.median))
    return [outlook.low, outlook.median, outlook.high, outlook.breach(limits), *outlook.fan()]


def same(one: Outlook, two: Outlook, factor: float = 1.0) -> None:
    for name in ("low", "median", "high", "path", "certain", "known"):
        np.testing.assert_allclose(getattr(two, name), factor * getattr(one, name), rtol=1e-9, atol=1e-9 * factor)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Floats, int, int, int]:
    days = draw(st.integers(1, 60))
    rows = draw(arrays(float, (draw(st.integers(0, 4)), days), elements=amounts))
    origin = draw(st.integers(0, days - 1))
    start = draw(st.integers(0, origin + 1))
    return rows, start, origin, draw(st.integers(max(start, origin) + 1, days + 40))


@settings(max_examples=80, deadline=None)
@given(questions())
def test_any_series_gets_ordered_finite_answers(question: tuple[Floats, int, int, int]) -> None:
    rows, start, origin, end = question
    outlook = forecast(rows, DATES[: rows.shape[1]], start, origin, end)
    known = np.isfinite(rows[:, : origin + 1]).any(1)
    spans = np.stack([outlook.low, outlook.median, outlook.high])[:, known]
    assert np.isfinite(spans).all()
    assert (np.diff(spans, axis=0) >= 0).all()
    assert (outlook.low[known] >= outlook.certain[known]).all()
    chances = [outlook.breach(np.full(len(rows), limit))[known] for limit in (-1e9, 0.0, 10.0, 1e5, 1e20)]
    assert (np.diff(chances, axis=0) <= 1e-8).all()  # far out, rounding is all that is left
    assert (np.array(chances) >= 0).all()
    assert (np.array(chances) <= 1).all()
    assert np.isfinite([x[known] for x in outlook.fan()]).all()


@settings(max_examples=30, deadline=None)
@given(questions(), st.floats(-1e9, 1e9))
def test_the_future_is_not_looked_at(question: tuple[Floats, int, int, int], other: float) -> None:
    rows, start, origin, end = question
    changed = rows.copy()
    changed[:, origin + 1 :] = other
    dates = DATES[: rows.shape[1]]
    for a, b in zip(
        answers(forecast(rows, dates, start, origin, end)),
        answers(forecast(changed, dates, start, origin, end)),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def mixed(n: int) -> Floats:
    """Steady, rough, shifted, gappy and sleeping series."""
    random = np.random.default_rng(7)
    rows = np.stack([steady(10.0 ** random.uniform(-1, 4), random.uniform(0.01, 0.6), seed) for seed in range(n)])
    rows[::5] *= random.random((len(rows[::5]), 365)) < 0.4
    rows[1::5, 150:] *= 2
    rows[2::5][random.random((len(rows[2::5]), 365)) < 0.1] = np.nan
    rows[3::5, :100] = 0.0
    return rows


def test_a_series_answer_does_not_depend_on_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = mixed(40)
    together = july(rows)
    alone = [july(row) for row in rows]
    for name in ("low", "median", "high", "path"):
        np.testing.assert_array_equal(getattr(together, name), np.concatenate([getattr(x, name) for x in alone]))
    monkeypatch.setattr("cloudcircuit.engine.forecast.outlook.CHUNK", 7)
    for a, b in zip(answers(together), answers(july(rows)), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("factor", [0.01, 1e3, 1e9])
def test_money_has_no_unit(factor: float) -> None:
    rows = mixed(40)
    same(july(rows), july(rows * factor), factor)
    limits = np.nansum(rows[:, JULY:AUGUST], axis=1)
    np.testing.assert_allclose(july(rows).breach(limits), july(rows * factor).breach(limits * factor), atol=1e-9)


def test_inputs_are_left_alone_and_may_have_any_layout() -> None:
    rows = mixed(10)
    before = rows.copy()
    one = july(rows)
    np.testing.assert_array_equal(rows, before)
    same(one, july(np.asfortranarray(rows)))
    same(one, july(np.repeat(rows, 2, axis=1)[:, ::2]))


def test_bands_hold_what_they_promise_and_chances_are_honest() -> None:
    random = np.random.default_rng(11)
    noise = np.exp(random.normal(0, random.uniform(0.02, 0.3, (600, 1)), (600, 365)))
    rows = np.where((np.arange(365) % 7) < 2, 60.0, 100.0) * noise
    totals, outlook = rows[:, JULY:AUGUST].sum(1), july(rows, 10)
    inside = ((totals >= outlook.low) & (totals <= outlook.high)).mean()
    assert 0.78 < inside < 0.99  # these series know no surges and no shifts, for which the band has room
    limits = totals * random.choice([0.97, 1.03], 600)
    chance = outlook.breach(limits)
    assert ((chance - (totals > limits)) ** 2).mean() < 0.17


def test_hostile_shapes_raise_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rows in (np.zeros((3, 200)), np.full((2, 200), 1e150), np.full((2, 200), -1e-300), np.zeros((0, 200))):
            outlook = forecast(rows, DATES[:200], 180, 190, 200)
            assert np.isfinite(answers(outlook)[0]).all()
