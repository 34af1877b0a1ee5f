"""Days that stood out before: what recurs on a day of the month, before its end, or every so many weeks is expected."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cloudcircuit.engine.detect.calendar import month_place
from cloudcircuit.engine.detect.state import NEVER, Floats, State

Ints = NDArray[np.int64]
Places = NDArray[np.int32]
Kinds = NDArray[np.uint8]
Bools = NDArray[np.bool_]

LIKE = 0.6

JITTER = 2
"""Days by which a monthly fee may come earlier or later, near the turn of the month."""

BLOCK = 4096
"""Series that are looked at in one go: their events take memory."""

HORIZON = 400
"""Days after which an event is no precedent any more."""

WEEKLY, SURE, ALONE, TWICE = 1, 2, 4, 8
"""Kinds of precedent, of days that many before: one or two weeks; the same day of an earlier month; nearly the same,
if no event lies beside it; nearly the same, if there are two of them."""


def due(state: State, index: Ints, number: int) -> tuple[Floats, Bools]:
    """Of the series `index`: the money that earlier periods lead one to expect now on top, and whether weekly so."""
    blocks = range(0, max(len(index), 1), BLOCK)
    amounts, by_week = zip(*(_due(state, index[first : first + BLOCK], number) for first in blocks), strict=True)
    return np.concatenate(amounts), np.concatenate(by_week)


def _due(state: State, index: Ints, number: int) -> tuple[Floats, Bools]:
    amount, by_week = np.zeros(len(index), np.float32), np.zeros(len(index), np.bool_)
    per_day = state.pace.per_day
    some = np.flatnonzero(state.eventful[index])
    gap = number - state.event_at[index[some]]
    kinds = _kinds_of(gap, number // per_day, per_day)
    maybe = np.flatnonzero(kinds.any(axis=1))
    if not len(maybe):
        return amount, by_week
    some = some[maybe]
    gap, kinds, money = _upright(gap[maybe]), _upright(kinds[maybe]), _upright(state.event_money[index[some]])
    weekly = kinds & WEEKLY > 0
    weekly &= (weekly.sum(axis=0) > 1) | (state.age[index[some]] < 3 * 7 * per_day)
    alone, twice = _alone(gap, per_day), kinds & TWICE > 0
    monthly = (kinds & SURE > 0) | (alone & (kinds & ALONE > 0)) | (twice & (twice.sum(axis=0) > 1))
    monthly &= ~_paid(monthly & alone, gap, money, per_day)
    amount[some] = np.where(monthly | weekly, money, np.float32(0)).max(axis=0)
    by_week[some] = np.where(weekly, money, np.float32(0)).max(axis=0) >= amount[some]
    return amount, by_week


def _upright(rows: NDArray[Any]) -> NDArray[Any]:
    """A column a series, as everything else has it."""
    return np.ascontiguousarray(rows.T)


def _kinds_of(gap: Places, today: int, per_day: int) -> Kinds:
    """The kinds of precedent that events so many periods back may be."""
    days = gap if per_day == 1 else (gap + per_day // 2) // per_day
    kinds: Kinds = np.take(_kinds(today), days, mode="clip")  # the last one stands for all that is older
    if per_day > 1:
        kinds[np.abs(gap - days * per_day) > 1] = 0
    return kinds


@lru_cache(maxsize=512)
def _kinds(today: int) -> Kinds:
    """The kinds of precedent that an event may be, by the days since; none of today's week, none beyond `HORIZON`."""
    since = np.arange(HORIZON + 2)
    month, place, left = month_place(today - since)
    earlier = month < month[0]
    turn = place[0] <= 9 or left[0] <= 4
    away = np.abs(place - place[0])
    end = np.abs(left - left[0]) <= (1 if turn else 0)
    sure = (earlier & ((away <= (1 if turn else 0)) | end)) | np.isin(since, (14, 28))
    kinds = np.where(sure, SURE, 0) | np.where(earlier & (away <= (JITTER if turn else 0)), ALONE, 0)
    kinds |= np.where(earlier & (away <= 1), TWICE, 0) | np.where(np.isin(since, (7, 14)), WEEKLY, 0)
    kinds[:6], kinds[-1] = 0, 0
    return kinds.astype(np.uint8)


def _alone(gap: Places, per_day: int) -> Bools:
    """Whether no event lies on the next or the last day."""
    alone = np.ones(gap.shape, np.bool_)
    far = np.abs(gap[1:] - gap[:-1]) >= 2 * per_day
    alone[1:] &= far
    alone[:-1] &= far
    return alone


def _paid(which: Bools, gap: Places, money: Floats, per_day: int) -> Bools:
    """Whether what the events `which` lead one to expect has come in the last days already."""
    paid = np.zeros(which.shape, np.bool_)
    recent = (gap > 0) & (gap <= 6 * per_day) & which.any(axis=0)
    for row in np.flatnonzero(recent.any(axis=1)):
        some = np.flatnonzero(recent[row])
        amount, before = money[row, some], money[:, some]
        paid[:, some] |= (amount > 0.5 * before) & (amount < 2 * before)
    return paid & which


def like(state: State, index: Ints, number: int, money: Floats) -> tuple[Floats, Floats]:
    """How often (nearly) this money came along before without a precedent: at all, and on two days or more."""
    count = np.zeros((2, len(index)), np.float32)
    some = np.flatnonzero(state.event_at[index, -2] > NEVER)  # a single one is no habit
    if not len(some):
        return count[0], count[1]
    which, day = index[some], state.pace.per_day
    at = _upright(state.event_at[which])
    old = (at > NEVER) & (number - at >= 7 * day) & _upright(state.event_new[which])
    old &= _upright(state.event_money[which]) > LIKE * money[some]
    follows = (at[1:] - at[:-1] <= 2 * day) & old[:-1] & old[1:]  # days in a row are one event
    first, longer = old.copy(), np.zeros_like(old)
    first[1:] &= ~follows
    longer[1:] = follows
    longer[2:] &= ~follows[:-1]
    count[0, some], count[1, some] = first.sum(axis=0), longer.sum(axis=0)
    return count[0], count[1]


def remember(state: State, index: Ints, at: Ints | int, money: Floats, new: Bools | bool = True) -> None:
    """Add an event to the series `index`; the oldest falls out."""
    state.eventful[index] = True
    for events, value in ((state.event_at, at), (state.event_money, money), (state.event_new, new)):
        events[index, :-1] = events[index, 1:]
        events[index, -1] = value


def forget(state: State, index: Ints, since: int, below: Floats) -> None:
    """What has lasted is no event: drop those from `since` on of less money than `below`."""
    at = state.event_at[index]
    lasting = (at >= since) & (state.event_money[index] < below[:, None])
    state.event_at[index] = np.where(lasting, NEVER, at)
