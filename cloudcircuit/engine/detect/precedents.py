"""Days that stood out before: what recurs on a day of the month, before its end, or every so many weeks is expected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.calendar import month_place
from cloudcircuit.engine.detect.state import NEVER, Floats, State

Ints = NDArray[np.int64]
Places = NDArray[np.int32]
Bools = NDArray[np.bool_]

LIKE = 0.6

JITTER = 2
"""Days by which a monthly fee may come earlier or later, near the turn of the month."""


def due(state: State, index: Ints, number: int) -> tuple[Floats, Bools]:
    """Of the series `index`: the money that earlier periods lead one to expect now on top, and whether weekly so."""
    amount, by_week = np.zeros(len(index), np.float32), np.zeros(len(index), np.bool_)
    at = state.event_at[:, index]
    per_day = state.pace.per_day
    gap = number - at
    known = (at > NEVER) & (gap >= 6 * per_day)
    if per_day > 1:
        known &= np.abs((gap + per_day // 2) % per_day - per_day // 2) <= 1
    some = np.flatnonzero(known.any(axis=0))
    if not len(some):
        return amount, by_week
    at, gap, known = at[:, some], gap[:, some], known[:, some]
    money = state.event_money[:, index[some]]
    days = (gap + per_day // 2) // per_day
    weekly = known & ((days == 7) | (days == 14))
    weekly &= (weekly.sum(axis=0) > 1) | (state.age[index[some]] < 3 * 7 * per_day)
    alone = _alone(at, per_day)
    monthly = known & (_monthly(number // per_day, at // per_day, alone) | (days == 14) | (days == 28))
    monthly &= ~(alone & _paid(at, money, number, per_day))
    amount[some] = np.where(monthly | weekly, money, np.float32(0)).max(axis=0)
    by_week[some] = np.where(weekly, money, np.float32(0)).max(axis=0) >= amount[some]
    return amount, by_week


def _monthly(today: int, days: Places, alone: Bools) -> Bools:
    month, place, left = month_place(np.maximum(days, 0).astype(np.int64))
    (this_month,), (this_place,), (this_left,) = month_place(np.array([today]))
    earlier = this_month > month
    turn = this_place <= 9 or this_left <= 4
    reach = np.where(alone, JITTER, 1) if turn else 0
    same = np.abs(place - this_place) <= reach
    end = np.abs(left - this_left) <= (1 if turn else 0)
    twice = (np.abs(place - this_place) <= 1) & earlier
    found: Bools = earlier & (same | end | (twice & (twice.sum(axis=0) > 1)))
    return found


def _alone(at: Places, per_day: int) -> Bools:
    """Whether no event lies on the next or the last day."""
    alone = np.ones(at.shape, np.bool_)
    for when in at:
        distance = np.abs(when - at)
        alone &= (distance == 0) | (distance >= 2 * per_day)
    return alone


def _paid(at: Places, money: Floats, number: int, per_day: int) -> Bools:
    """Whether what an event leads one to expect has come in the last days already."""
    paid = np.zeros(at.shape, np.bool_)
    for when, amount in zip(at, money, strict=True):
        recent = (when > NEVER) & (number - when <= 6 * per_day) & (number > when)
        paid |= recent & (amount > 0.5 * money) & (amount < 2 * money)
    return paid


def like(state: State, index: Ints, number: int, money: Floats) -> tuple[Floats, Floats]:
    """How often (nearly) this money came along before without a precedent: at all, and on two days or more."""
    at, day = state.event_at[:, index], state.pace.per_day
    old = (at > NEVER) & (number - at >= 7 * day) & state.event_new[:, index]
    old &= state.event_money[:, index] > LIKE * money
    first, longer = old.copy(), np.zeros_like(old)
    follows = (at[1:] - at[:-1] <= 2 * day) & old[:-1] & old[1:]  # days in a row are one event
    first[1:] &= ~follows
    longer[1:] = follows
    longer[2:] &= ~follows[:-1]
    return first.sum(axis=0).astype(np.float32), longer.sum(axis=0).astype(np.float32)


def remember(state: State, index: Ints, at: Ints | int, money: Floats, new: Bools | bool = True) -> None:
    """Add an event to the series `index`; the oldest falls out."""
    if not len(index):
        return
    state.event_at[:-1, index] = state.event_at[1:, index]
    state.event_money[:-1, index] = state.event_money[1:, index]
    state.event_new[:-1, index] = state.event_new[1:, index]
    state.event_at[-1, index] = at
    state.event_new[-1, index] = new
    state.event_money[-1, index] = money


def forget(state: State, index: Ints, since: int, below: Floats) -> None:
    """What has lasted is no event: drop those from `since` on of less money than `below`."""
    if len(index):
        at = state.event_at[:, index]
        state.event_at[:, index] = np.where((at >= since) & (state.event_money[:, index] < below), NEVER, at)
