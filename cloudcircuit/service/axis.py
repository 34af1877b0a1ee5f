"""The charge periods under the series: days or hours, and what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pyarrow as pa

from cloudcircuit.engine.periods import day_end, day_start
from cloudcircuit.model import Grain
from cloudcircuit.service.cells import HOUR, STAMP, Bools, Ints, SourceImage, charge_days

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of charge days."""

    start: date
    end: date

    @property
    def first(self) -> int:
        """The ordinal of the first day."""
        return self.start.toordinal()

    @property
    def days(self) -> int:
        return max(0, (self.end - self.start).days)

    def ordinals(self) -> Ints:
        return np.arange(self.first, self.first + self.days)


@dataclass(frozen=True, slots=True)
class Axis:
    """What is known of a row of charge periods, for all sources of a monitor together.

    `any` where some source has a row, `known` where every source has one, `passed` where the period was over at
    every source's watermark, `settled` where it is known, passed, and its day is broken in no source.
    """

    any: Bools
    known: Bools
    passed: Bools
    settled: Bools


def lay_out(span: Span, images: Collection[SourceImage], grain: Grain) -> Ints:
    """The periods of a span: its days as ordinals, or the hours since 1970 that its days cover in any zone."""
    if grain is Grain.DAY:
        return span.ordinals()
    begins = [(day_start(span.start, image.zone) - _EPOCH) // _ONE_HOUR for image in images]
    ends = [-((_EPOCH - day_start(span.end, image.zone)) // _ONE_HOUR) for image in images]
    return np.arange(min(begins), max(ends))


def know(periods: Ints, grain: Grain, images: Collection[SourceImage], complete: bool) -> Axis:
    """Judge the periods; where a source of the monitor is missing (not `complete`), none is known or settled."""
    some, every = np.zeros(len(periods), dtype=np.bool_), np.full(len(periods), complete)
    passed, whole = every.copy(), every.copy()
    for image in images:
        present = np.isin(periods, image.known[grain])
        some, every = some | present, every & present
        passed &= _passed(periods, grain, image)
        whole &= ~_broken(periods, grain, image)
    return Axis(some, every, passed, every & passed & whole)


def names_of(periods: Ints, grain: Grain) -> tuple[datetime, ...]:
    """What periods are called: an hour is its instant, a charge day is midnight UTC of its date, in whatever zone."""
    if grain is Grain.HOUR:
        return tuple(_EPOCH + hour * _ONE_HOUR for hour in periods.tolist())
    return tuple(datetime.combine(date.fromordinal(day), time(), tzinfo=UTC) for day in periods.tolist())


def numbers_of(names: Iterable[datetime], grain: Grain) -> Ints:
    """The numbers of periods, from what they are called."""
    if grain is Grain.HOUR:
        numbers = [(at - _EPOCH) // _ONE_HOUR for at in names]
    else:
        numbers = [at.astimezone(UTC).toordinal() for at in names]
    return np.array(numbers, dtype=np.int64)


def _passed(periods: Ints, grain: Grain, image: SourceImage) -> Bools:
    watermark = image.watermark
    if watermark is None:
        return np.zeros(len(periods), dtype=np.bool_)
    if grain is Grain.HOUR:
        return periods < (watermark - _EPOCH) // _ONE_HOUR
    ends = (day_end(date.fromordinal(day), image.zone) for day in periods.tolist())
    return np.array([end <= watermark for end in ends], dtype=np.bool_)


def _broken(periods: Ints, grain: Grain, image: SourceImage) -> Bools:
    broken = np.array([day.toordinal() for day in image.broken], dtype=np.int64)
    days = periods if grain is Grain.DAY else charge_days(pa.chunked_array([periods * HOUR], STAMP), image.zone)
    return np.isin(days, broken)
