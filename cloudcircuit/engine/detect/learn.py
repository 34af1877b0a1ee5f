"""What a settled period teaches."""

from __future__ import annotations

from dataclasses import dataclass

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

FAR, STANDS_OUT = F(2.5), F(3.5)
"""Deviations, in spreads, from which on a period is far from the level, and an event."""

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


@dataclass(frozen=True, slots=True)
class Lesson:
    """A settled period; arrays (N,).

    money    0 where it is unknown
    known    whether it is known, of a series that is no longer young
    strange  whether it shall not be learned at once
    held     whether it shall not be learned however long it lasts
    slots    rows of the profile
    """

    money: Floats
    known: Bools
    strange: Bools
    held: Bools
    slots: Slots


def learn(state: State, money: Floats, slots: Slots, number: int, out: Bools | None = None) -> None:
    """Take over the settled money of one period (NaN = unknown); `out` keeps series from learning it."""
    known = np.isfinite(money)
    grown = known & (state.age >= state.pace.youth)
    held = np.zeros_like(known) if out is None else out & grown
    if not known.all():
        money = np.where(known, money, F(0))
    state.youngest = float(state.age.min(initial=np.inf))
    seen = look(state, money, slots)
    found = find(state, seen, number)
    strange = (found.rate < STRANGE) & grown | held
    _events(state, seen, found, grown, number)
    money = _without_dues(state, seen, found, money, slots)
    _adapt(state, seen, Lesson(money, grown, strange, held, slots))
    grow_up(state, money, known & ~grown, number)
    state.age += known
    state.position = (state.position + 1) % state.pace.long


def _without_dues(state: State, seen: Look, found: Found, money: Floats, slots: Slots) -> Floats:
    """What is due by precedent is paid and says nothing of the level: the rest of the money is looked at again."""
    paid = np.flatnonzero((found.due > 0) & ~found.weekly & (money > 0))
    if len(paid):
        money = money.copy()
        money[paid] = np.maximum(money[paid] - found.due[paid], 0)
        seen.put(paid, look(state, money[paid], slots, of=paid))
    return money


def _events(state: State, seen: Look, found: Found, known: Bools, number: int) -> None:
    """Note what stands out; what then lasts was no event."""
    wide = np.sqrt(STANDS_OUT**2 * WIDER * state.variance)
    index = np.flatnonzero(known & ((seen.deviation > wide) | (state.strange > 2)))
    if not len(index):
        return
    per_day = state.pace.per_day
    renewing = state.strange[index] > 2
    log, rises = seen.log[index], state.rises[index]
    base = np.where(renewing, state.new_level[index] + seen.week[index], seen.base[index])
    high = (log - base > np.maximum(wide[index], SMALL_MOVE)) & (renewing | (rises < 6 * per_day))
    precedents.remember(state, index[high], number, (np.exp(log) - np.exp(base))[high], found.due[index[high]] <= 0)
    lasting = (rises == 6 * per_day) & (seen.deviation[index] > FAR / STANDS_OUT * wide[index])
    precedents.forget(state, index[lasting], number - 8 * per_day, 2 * np.exp(log[lasting]))


def _adapt(state: State, seen: Look, lesson: Lesson) -> None:
    """Bring every estimate forward: periods without spend teach an intermittent series no level, strange ones none."""
    pace, known = state.pace, lesson.known
    far = np.sqrt(FAR**2 * WIDER * state.variance)
    idle = without_spend(state, lesson.money)
    skip = idle & ((state.alive > F(0.15)) | (state.strange > 0))
    state.alive += F(0.04) * ((known & ~idle) - known * state.alive)
    strange = lesson.strange & ~skip
    _count_strange(state, seen, strange, known & ~idle)
    hot = strange & ((state.strange <= pace.patience) | lesson.held)
    use = known & ~skip
    low, high = use & (seen.deviation < -far), use & (seen.deviation > far)
    _count_runs(state, seen.deviation, use, low, high)
    cool = ~hot & use
    calm = cool & ((state.age < 4 * pace.week) | ((state.falls < 2) & (state.rises < 2)))
    _level(state, seen, use, cool, far * (LEVEL_REACH / FAR), lesson.slots)
    _scale(state, seen, calm)
    _tail(state, seen, calm | (hot & (state.strange <= 1)))
    _reference(state, seen, use, ~hot, far)
    state.lean *= F(0.5) * ~use
    state.lean += seen.deviation * (use & ~(low | high))
    state.before[0] = state.before[1]
    np.multiply(seen.u, known, out=state.before[1])
    _move(state, use & ~lesson.held)
    _count_negative(state, lesson.money, known)


def _gain(state: State, after: float, least: float) -> Floats | np.float32:
    """What a running mean of `age + after` periods believes of its newest; no less than `least`."""
    if (state.youngest + after) * least >= 1:
        return F(least)
    gain: Floats = np.maximum(1 / np.maximum(state.age + F(after), 1), F(least))
    return gain


def _level(state: State, seen: Look, use: Bools, cool: Bools, reach: Floats, slots: Slots) -> None:
    """Level and profile; what is strange teaches only a profile that is not known yet."""
    pace = state.pace
    if state.youngest < 3 * pace.week:
        reach = reach * np.maximum(F(1), 4 - state.age / F(pace.week))
    rest = np.minimum(seen.deviation, reach)
    np.maximum(rest, -reach, out=rest)
    rest *= cool
    step = _gain(state, 0, pace.level) * rest
    state.level += step
    rest -= step
    for row in slots:
        period = F(pace.week if pace.per_day == 1 or row < day_slots(pace.per_day) else 7 * pace.per_day)
        if state.youngest < 3 * period and pace.per_day > 1:
            rest = np.where(use & (state.age < 3 * period), np.minimum(np.maximum(seen.deviation, -NEW), NEW), rest)
        learned = rest * _profile_gain(state, period)
        state.week[row] += learned
        rest -= learned


def _profile_gain(state: State, period: np.float32) -> Floats | np.float32:
    """The part of a surprise that a place of the profile believes: much while it is known from few periods."""
    least = F(state.pace.profile)
    if state.youngest * least >= period:
        return least
    share: Floats = state.variance * F(1 / PRIOR_WEEK**2)
    share += np.maximum(state.age / period, 1)
    np.divide(1, share, out=share)
    np.maximum(share, least, out=share)
    np.minimum(share, F(0.7), out=share)
    return share


def _scale(state: State, seen: Look, calm: Bools) -> None:
    """Variances: robust running means of squares; falls count less, for what falls is not judged."""
    pace = state.pace
    pull = np.minimum(seen.units, RISE_REACH)
    np.maximum(pull, -FALL_REACH, out=pull)
    pull *= pull
    pull -= 1 / UNCUT
    # before `rhythm`, most of what surprises is a rhythm that is not known yet
    pull[0] *= UNCUT * _gain(state, 8 - pace.rhythm, pace.scale) * (calm & (state.age >= pace.rhythm))
    pull[1:] *= UNCUT * _gain(state, 8, pace.scale) * (calm & (state.age > 2 * pace.week))
    pull += 1
    state.variances *= pull
    np.maximum(state.variances, F(LEAST_SPREAD**2), out=state.variances)


def _tail(state: State, seen: Look, told: Bools) -> None:
    """The mean reach beyond the body; the first day of what is strange teaches it as well."""
    beyond = np.flatnonzero(told & (seen.u > BODY) & (state.age > 2 * state.pace.week))
    if len(beyond):
        tail = state.tail[beyond]
        state.tail[beyond] = tail + TAIL_GAIN * (np.minimum(seen.u[beyond] - F(BODY), BELIEVED * tail) - tail)


def _reference(state: State, seen: Look, use: Bools, cool: Bools, far: Floats) -> None:
    """The reference follows what leaves the long window; the newest period enters it. Youth keeps its money there."""
    pace, reference, row = state.pace, state.reference, state.ring[state.position]
    young = np.flatnonzero(state.age < pace.youth) if state.youngest < pace.youth else None
    kept = None if young is None else row[young]
    row -= reference
    np.minimum(row, far, out=row)
    np.maximum(row, -far, out=row)
    row *= F(pace.reference) * cool
    reference += row
    if state.youngest <= 2 * pace.long:
        np.copyto(reference, state.level, where=state.age <= 2 * pace.long)
    np.subtract(seen.log, seen.week, out=row)
    row -= reference
    np.minimum(row, CAP, out=row)
    row *= use
    row += reference
    if young is not None:
        row[young] = kept


def _count_runs(state: State, deviation: Floats, use: Bools, low: Bools, high: Bools) -> None:
    """How often in a row a period lay far below or above the level, and how far on average."""
    for run, mean, far in ((state.falls, state.fallen, low), (state.rises, state.risen, high)):
        np.multiply(run, far | ~use, out=run)
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


def _count_strange(state: State, seen: Look, strange: Bools, active: Bools) -> None:
    """Strange periods in a row; quiet ones take some back, idle ones none. Their level is kept beside."""
    index = np.flatnonzero(strange)
    before = state.strange[index]
    state.strange -= F(2) * active
    np.maximum(state.strange, 0, out=state.strange)
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
    for run, mean, after in ((state.falls, state.fallen, FALL), (state.rises, state.risen, SOON)):
        lasting = run >= after * days
        if not lasting.any():
            continue
        if run is state.rises:
            lasting &= (mean < SMALL_MOVE) & (state.strange == 0)
        moved = np.flatnonzero(lasting)
        state.level[moved] += mean[moved]
        run[moved], state.lean[moved] = 0, 0
        if run is state.rises:
            state.reference[moved] = state.level[moved]
    index = np.flatnonzero(use & (state.strange > 0))
    strange = state.strange[index]
    born = (strange >= BORN * days) & (state.level[index] < np.log(2 * state.floor[index]))
    renew(state, index[born | (strange >= patience) | (state.rises[index] >= patience)])
