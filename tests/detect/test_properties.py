"""What holds of any series."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cloudcircuit.engine.detect import Detector, batch, detector, judge
from tests.detect.spend import Floats, days, hours, usual

MONEY = st.one_of(
    st.floats(-1e6, 1e6, allow_subnormal=True),
    st.sampled_from([0.0, -0.0, np.nan, np.inf, -np.inf, 1e-310, 1e300, -1e300, 5.0]),
)
SERIES = st.integers(0, 60).flatmap(lambda count: arrays(np.float64, (3, count), elements=MONEY))


def mixed(count: int, seed: int = 4) -> Floats:
    """Series of many kinds, gaps among them."""
    rng = np.random.default_rng(seed)
    rows = [usual(count, weekend=w, noise=s, seed=k) for k, (w, s) in enumerate([(1, 0.02), (0.4, 0.1), (0.8, 0.3)])]
    rows.append(rng.gamma(1, 5, count) * (rng.random(count) > 0.5))
    rows.append(np.zeros(count))
    rows.append(usual(count) - 150)
    rows.append(np.where(np.arange(count) < count // 2, 0.0, usual(count)))
    rows.append(np.where(rng.random(count) < 0.2, np.nan, usual(count)))
    rows.append(usual(count) + np.where(np.arange(count) % 30 == 2, 500, 0))
    values = np.array(rows)
    values[:, count * 3 // 4] *= 3
    return values


@settings(max_examples=60, deadline=None)
@given(SERIES)
def test_no_series_is_refused_and_every_answer_is_a_number_or_none(values: Floats) -> None:
    at = range(values.shape[1])
    for t, answer in judge(values, days(values.shape[1]), at).items():
        unknown = ~np.isfinite(values[:, t])
        assert np.isnan(answer.score[unknown]).all()
        assert not np.isposinf(answer.score).any()
        known = np.isfinite(values[:, :t]).sum(axis=1) >= 8
        assert np.isfinite(answer.score[known & ~unknown]).all()


@pytest.mark.parametrize("shape", [(0, 0), (0, 9), (4, 0), (1, 1)])
def test_empty_shapes(shape: tuple[int, int]) -> None:
    answers = judge(np.ones(shape), days(shape[1]), range(shape[1]))
    assert all(len(answer.score) == shape[0] for answer in answers.values())


@pytest.mark.parametrize("fill", [0.0, 7.25, -7.25, 1e-12, 1e15, np.nan])
def test_constant_series_are_quiet(fill: float) -> None:
    answers = judge(np.full((2, 90), fill), days(90), range(20, 90))
    assert all(not (answer.score > 0).any() for answer in answers.values())


def test_the_future_changes_nothing() -> None:
    values = mixed(120)
    changed = values.copy()
    changed[:, 81:] *= np.random.default_rng(0).uniform(0.1, 9, changed[:, 81:].shape)
    at = range(60, 81)
    one, other = judge(values, days(120), at), judge(changed, days(120), at)
    for t in at:
        np.testing.assert_array_equal(one[t].score, other[t].score)


def test_the_judged_value_is_not_learned_from_before_it_is_judged() -> None:
    values = mixed(90)
    before = judge(values, days(90), [80])[80]
    values[:, 80] *= 7
    after = judge(values, days(90), [80])[80]
    np.testing.assert_array_equal(before.spread, after.spread)


def test_a_series_does_not_depend_on_its_batch_mates() -> None:
    values = mixed(130)
    at = range(10, 130, 3)
    together = judge(values, days(130), at)
    for i in range(len(values)):
        alone = judge(values[i : i + 1], days(130), at)
        for t in at:
            np.testing.assert_allclose(alone[t].score, together[t].score[i : i + 1], rtol=2e-3, atol=2e-3)


def test_parts_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    values = mixed(100)
    whole = judge(values, days(100), [70, 99])
    monkeypatch.setattr(batch, "PART", 2)
    parted = judge(values, days(100), [70, 99])
    for t in (70, 99):
        np.testing.assert_allclose(parted[t].score, whole[t].score, rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("part", [4, 100])
def test_a_carried_state_says_what_the_replay_says(monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    monkeypatch.setattr(detector, "PART", part)
    values, starts = mixed(110), days(110)
    carried = Detector(len(values))
    replayed = judge(values, starts, range(110))
    for t in range(110):
        answer = carried.score(values[:, t], starts[t])
        np.testing.assert_allclose(answer.score, replayed[t].score, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(answer.expected, replayed[t].expected, rtol=2e-3, atol=2e-2)
        carried.learn(values[:, t], starts[t])


@pytest.mark.parametrize("factor", [1e-3, 1e3, 1e6])
def test_money_in_another_unit_scores_the_same(factor: float) -> None:
    values = mixed(120)
    at = range(30, 120, 5)
    one, other = judge(values, days(120), at), judge(values * factor, days(120), at, small=factor)
    for t in at:
        np.testing.assert_allclose(other[t].score, one[t].score, rtol=0.02, atol=0.02)
        np.testing.assert_allclose(other[t].expected, one[t].expected * factor, rtol=0.01, atol=0.02 * factor)


def test_more_money_never_scores_lower() -> None:
    values = mixed(100)
    last = np.full(len(values), -np.inf)
    for more in (0, 5, 20, 100, 500):
        changed = values.copy()
        changed[:, 99] = np.nan_to_num(values[:, 99]) + more
        found = judge(changed, days(100), [99])[99].score
        assert (found >= last - 1e-3).all()
        last = found


def test_a_double_of_the_hour_is_found_after_three_days() -> None:
    rng = np.random.default_rng(2)
    values = 10 * (1 + 0.5 * np.sin(np.arange(90) / 24 * 2 * np.pi)) * rng.lognormal(0, 0.05, 90)
    values[80] *= 2.5
    found = judge(values[None], hours(90), [40, 79, 80])
    assert np.isnan(found[40].score[0])
    assert found[79].score[0] < 1 < found[80].score[0]


def test_a_nightly_job_is_known_by_its_hour() -> None:
    rng = np.random.default_rng(2)
    values = np.where(np.arange(24 * 21) % 24 == 2, 60.0, 10.0) * rng.lognormal(0, 0.05, 24 * 21)
    answers = judge(values[None], hours(len(values)), range(24 * 7, len(values)))
    assert max(answer.score[0] for answer in answers.values()) < 1
    values[-20] = 60  # by day
    assert judge(values[None], hours(len(values)), [len(values) - 20])[len(values) - 20].score[0] > 1


def test_weeks_and_five_minutes_are_periods_too() -> None:
    weekly = judge(mixed(60), np.datetime64("2024-01-01") + 7 * np.arange(60), [59])[59]
    assert np.isfinite(weekly.score[:3]).all()
    five = np.datetime64("2025-01-01T00:00", "m") + 5 * np.arange(400)
    assert np.isfinite(judge(mixed(400), five, [399])[399].score[:3]).all()


@pytest.mark.parametrize("silent", [*range(1, 131, 10), 7, 14, 52, 55, 56])
def test_unknown_periods_before_the_first_change_nothing(silent: int) -> None:
    rng = np.random.default_rng(silent)
    values = np.stack([usual(64, seed=seed) for seed in range(4)])
    values[:, -1] *= [1, 1.5, 2, 3]
    values[1, rng.integers(1, 60, 5)] = np.nan
    longer = np.concatenate([np.full((4, silent), np.nan), values], axis=1)
    starts = days(silent + 64)
    alone = judge(values, starts[silent:], [63])[63]
    behind = judge(longer, starts, [63 + silent])[63 + silent]
    for name in ("score", "expected", "spread", "tail", "high"):
        np.testing.assert_allclose(getattr(behind, name), getattr(alone, name), rtol=1e-4, err_msg=name)


def test_a_young_series_among_old_ones_is_judged_as_if_alone() -> None:
    values = np.stack([usual(80, seed=seed) for seed in range(3)])
    values[1, :65] = np.nan
    values[1, -1] *= 2
    together = judge(values, days(80), [79])[79]
    alone = judge(values[1:2, 65:], days(80)[65:], [14])[14]
    assert together.score[1] == pytest.approx(alone.score[0], rel=1e-4)
    assert together.expected[1] == pytest.approx(alone.expected[0], rel=1e-4)
