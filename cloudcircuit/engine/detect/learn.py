"""What a settled period teaches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect import precedents
from cloudcircuit.engine.detect.begin import grow_up, renew, restart
from cloudcircuit.engine.detect.calendar import day_slots
from cloudcircuit.engine.detect.find import Found, find
from cloudcircuit.engine.detect.look import CAP, WIDER, Look, look, without_spend
from cloudcircuit.engine.detect.state import Bools, Floats, State
from cloudcircuit.engine.detect.tails import BODY

Slots = NDArray[np.int64]
F = np.float32

FAR = F(2.5)
"""Deviations, in spreads, from which on a period is far from the level."""

LEAST_SPREAD = F(0.015)

SMALL_MOVE, SOON, FALL = F(0.22), 5, 6
"""A rise of the log level by less than this is taken over after `SOON` days, a fall of any size after `FALL`."""

BORN = 5
"""Days after which a series that cost nothing before has a level of its own."""

STRANGE = F(0.1)
"""False alerts a quarter below which a period does not enter what is learned."""

BELIEVED, TAIL_GAIN = F(8), F(0.03)
"""A surprise beyond the body teaches the tail no more than so many times what is usual there, by this part."""

LEVEL_REACH = F(2.0)
"""A deviation, in spreads, moves the level no more than one of this size does."""

FALL_REACH, RISE_REACH, UNCUT = F(1.5), F(2.5), F(1.15)
"""Where surprises are cut before they enter the variance, in spreads, and what the cutting of normal ones costs."""

NEW = F(2.5)
"""How far below the level a place of a profile may lie that is not known yet; also above."""

PRIOR_WEEK = F(0.35)
"""The spread of weekday effects that is expected of a series nobody has seen yet."""


def learn(state: State, money: Floats, slots: Slots, number: int, out: Bools | None = None) -> None:
    """Take over the settled money of one period (NaN = unknown); `out` keeps series from learning it."""
    known = np.isfinite(money)
    grown = known & (state.age >= state.pace.youth)
    money = np.where(known, money, F(0))
    seen = look(state, money, slots)
    found = find(state, seen, number)
    strange = found.rate < STRANGE if out is None else (found.rate < STRANGE) | out
    strange &= grown
    wide = np.sqrt(WIDER * state.variance)
    _events(state, seen, found, grown, wide, number)
    paid = (found.due > 0) & ~found.weekly & (money > 0)
    if paid.any():
        money = np.where(paid, np.maximum(money - found.due, 0), money)
        seen = look(state, money, slots)
    _adapt(state, seen, money, grown, strange, slots)
    grow_up(state, money, known & ~grown, number)
    state.age += known
    state.position = (state.position + 1) % state.pace.long


def _events(state: State, seen: Look, found: Found, known: Bools, wide: Floats, number: int) -> None:
    """Note what stands out; what then lasts was no event."""
    index = np.flatnonzero(known & ((seen.deviation > F(3.5) * wide) | (state.strange > 2)))
    if not len(index):
        return
    per_day = state.pace.per_day
    renewing = state.strange[index] > 2
    log, rises = seen.log[index], state.rises[index]
    base = np.where(renewing, state.new_level[index] + seen.week[index], seen.base[index])
    high = (log - base > np.maximum(F(3.5) * wide[index], SMALL_MOVE)) & (renewing | (rises < 6 * per_day))
    precedents.remember(state, index[high], number, (np.exp(log) - np.exp(base))[high], found.due[index[high]] <= 0)
    lasting = (rises == 6 * per_day) & (seen.deviation[index] > FAR * wide[index])
    precedents.forget(state, index[lasting], number - 8 * per_day, 2 * np.exp(log[lasting]))


def _adapt(state: State, seen: Look, money: Floats, known: Bools, strange: Bools, slots: Slots) -> None:
    """Bring every estimate forward: periods without spend teach an intermittent series no level, strange ones none."""
    wide = np.sqrt(WIDER * state.variance)
    pace = state.pace
    idle = without_spend(state, money)
    skip = idle & ((state.alive > F(0.15)) | (state.strange > 0))
    state.alive += F(0.04) * known * (~idle - state.alive)
    strange &= ~skip
    _count_strange(state, seen, known, strange, idle)
    hot = strange & (state.strange <= pace.patience)
    use = known & ~skip
    low, high = use & (seen.deviation < -FAR * wide), use & (seen.deviation > FAR * wide)
    _count_runs(state, seen.deviation, use, low, high)
    cool = ~hot & use
    calm = cool & ((state.age < 4 * pace.week) | ((state.falls < 2) & (state.rises < 2)))
    _level(state, seen, use, cool, wide, slots)
    _scale(state, seen, calm, calm | (hot & (state.strange <= 1)))
    _windows(state, seen, use, calm, ~hot, FAR * wide)
    state.lean = np.where(use, seen.deviation * ~(low | high), F(0.5) * state.lean)
    state.before[0], state.before[1] = state.before[1], seen.u * known
    _move(state, use)
    _count_negative(state, money, known)


def _level(state: State, seen: Look, use: Bools, cool: Bools, wide: Floats, slots: Slots) -> None:
    """Level and profile; what is strange teaches only a profile that is not known yet."""
    pace = state.pace
    youngest = state.age.min(initial=np.inf)
    reach = LEVEL_REACH * wide
    if youngest < 3 * pace.week:
        reach *= np.maximum(F(1), 4 - state.age / F(pace.week))
    pull = np.minimum(np.maximum(seen.deviation, -reach), reach) * cool
    step = np.maximum(1 / np.maximum(state.age, 1), F(pace.level)) * pull
    state.level += step
    rest = pull - step
    for row in slots:
        period = F(pace.week if pace.per_day == 1 or row < day_slots(pace.per_day) else 7 * pace.per_day)
        if youngest < 3 * period and pace.per_day > 1:
            rest = np.where(use & (state.age < 3 * period), np.minimum(np.maximum(seen.deviation, -NEW), NEW), rest)
        share = 1 / (np.maximum(state.age / period, 1) + state.variance * F(1 / PRIOR_WEEK**2))
        learned = rest * np.minimum(np.maximum(share, F(pace.profile)), F(0.7))
        state.week[row] += learned
        rest -= learned


def _scale(state: State, seen: Look, calm: Bools, told: Bools) -> None:
    """Variance and tail; the first day of what is strange teaches the tail as well."""
    pace = state.pace
    since = state.age - F(pace.rhythm)  # before, most of what surprises is a rhythm that is not known yet
    gain = np.maximum(1 / np.maximum(since + 8, 8), F(pace.scale)) * (calm & (since >= 0))
    state.variance = _variance(state.variance, seen.surprise, gain)
    beyond = np.flatnonzero(told & (seen.u > BODY) & (state.age > 2 * pace.week))
    if len(beyond):
        tail = state.tail[beyond]
        state.tail[beyond] = tail + TAIL_GAIN * (np.minimum(seen.u[beyond] - F(BODY), BELIEVED * tail) - tail)


def _variance(variance: Floats, value: Floats, gain: Floats) -> Floats:
    """A robust running mean of squares; falls count less, for what falls is not judged."""
    spread = np.sqrt(variance)
    pull = np.minimum(np.maximum(value, -FALL_REACH * spread), RISE_REACH * spread)
    pull *= pull
    pull *= UNCUT
    pull -= variance
    pull *= gain
    pull += variance
    return np.maximum(pull, F(LEAST_SPREAD**2))


def _windows(state: State, seen: Look, use: Bools, calm: Bools, cool: Bools, far: Floats) -> None:
    pace = state.pace
    gain = np.maximum(1 / (state.age + 8), F(pace.scale)) * (calm & (state.age > 2 * pace.week))
    state.short_variance = _variance(state.short_variance, seen.short, gain)
    state.long_variance = _variance(state.long_variance, seen.long, gain)
    oldest = state.ring[state.position]
    pull = np.minimum(np.maximum(oldest - state.reference, -far), far)
    reference = state.reference + F(pace.reference) * pull * cool
    if state.age.min(initial=np.inf) <= 2 * pace.long:
        reference = np.where(state.age > 2 * pace.long, reference, state.level)
    state.ring[state.position] = np.where(use, np.minimum(seen.log - seen.week, reference + CAP), reference)
    state.reference = reference


def _count_runs(state: State, deviation: Floats, use: Bools, low: Bools, high: Bools) -> None:
    """How often in a row a period lay far below or above the level, and how far on average."""
    for run, mean, far in ((state.falls, state.fallen, low), (state.rises, state.risen, high)):
        run[use & ~far] = 0
        index = np.flatnonzero(far)
        if len(index):
            run[index] += 1
            mean[index] += (deviation[index] - mean[index]) / run[index]


def _count_negative(state: State, money: Floats, known: Bools) -> None:
    """Series that credits have drawn below nothing are begun anew, with an offset."""
    below = known & (money + state.offset < -state.floor)
    if below.any() or state.negative.any():
        state.negative = np.where(known, (state.negative + 1) * below, state.negative)
        restart(state, state.negative >= state.pace.patience)


def _count_strange(state: State, seen: Look, known: Bools, strange: Bools, idle: Bools) -> None:
    """Strange periods in a row; quiet ones take some back, idle ones none. Their level is kept beside."""
    index = np.flatnonzero(strange)
    before = state.strange[index]
    if len(index) or state.strange.any():
        state.strange = np.where(known & ~idle, np.maximum(state.strange - 2, 0), state.strange)
    if not len(index):
        return
    state.strange[index] = before + 1
    share = np.maximum(1 / (before + 1), F(0.2))
    gap = (seen.log - seen.week)[index] - state.new_level[index]
    spread = state.new_spread[index]
    state.new_level[index] += share * gap
    state.new_spread[index] = np.where(before == 0, F(0), spread + share * (np.abs(gap) - spread))


def _move(state: State, use: Bools) -> None:
    """Take over a level that has lasted."""
    days, patience = state.pace.per_day, state.pace.patience
    fallen = np.flatnonzero(state.falls >= FALL * days)
    state.level[fallen] += state.fallen[fallen]
    risen = np.flatnonzero((state.rises >= SOON * days) & (state.risen < SMALL_MOVE))
    state.level[risen] += state.risen[risen]
    state.reference[risen] = state.level[risen]
    for moved, run in ((fallen, state.falls), (risen, state.rises)):
        run[moved] = 0
        state.lean[moved] = 0
    if (state.strange > 0).any():
        born = (state.strange >= BORN * days) & (state.level < np.log(2 * state.floor))
        lasting = born | (state.strange >= patience) | ((state.rises >= patience) & (state.strange > 0))
        renew(state, np.flatnonzero(use & lasting))
