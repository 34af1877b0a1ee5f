"""What kind of cause is behind an excess, as far as the charges show it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from cloudcircuit.service.prices import Effects

_KIND = "charge_category"
_COVER = "commitment_status"
_KINDS = frozenset({_KIND, "charge_class", _COVER})


@dataclass(frozen=True, slots=True)
class Change:
    """What one value cost a period in the baseline, and how much more it costs in the anomalous periods."""

    baseline: Decimal
    excess: Decimal


NOTHING = Change(Decimal(0), Decimal(0))


def find_cause(
    found: Mapping[str, Mapping[str | None, Change]], excess: Decimal, effects: Effects | None = None
) -> str | None:
    """The kind of cause behind an excess, from the changes of the values of each dimension; the first that holds.

    - `credit`: at least half of it is credits that shrank;
    - `commitment`: at least half of it is commitments that lie unused, or charges moved from covered to on demand;
    - `price`: where quantities are told, at least half of it is units that cost more than they did (see `prices`);
    - `usage`: at least half of it is more units; or it comes from values that cost nothing before, which no price can
      bring about, and they did not merely take over from others.
    """
    half = excess / 2
    if found.get(_KIND, {}).get("Credit", NOTHING).excess >= half:
        return "credit"
    cover = found.get(_COVER, {})
    if cover.get("Unused", NOTHING).excess >= half or _lost_cover(cover.get("Used", NOTHING), cover.get(None, NOTHING)):
        return "commitment"
    if effects is not None and max(effects.price, effects.quantity) >= float(half):
        return "price" if effects.price >= effects.quantity else "usage"
    values = (changes.values() for name, changes in found.items() if name not in _KINDS)
    return "usage" if any(_is_new(changes, half) for changes in values) else None


def _is_new(changes: Collection[Change], half: Decimal) -> bool:
    fresh = sum(change.excess for change in changes if change.baseline == 0)
    fallen = -sum(change.excess for change in changes if change.excess < 0)
    return fresh >= half >= fallen


def _lost_cover(used: Change, on_demand: Change) -> bool:
    """Half of what was covered is gone, and it makes up a good part of what is now paid on demand."""
    lost = -used.excess
    return lost > 0 and 2 * lost >= used.baseline and 4 * lost >= on_demand.excess > 0
