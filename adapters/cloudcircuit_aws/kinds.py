"""What a record type means: Cost Explorer's RECORD_TYPE (the console's "charge type") in the words of FOCUS.

The values are those of the API, https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/manage-cost-categories.html
("Term comparisons"), the line item types of the Cost and Usage Report, from which they come,
https://docs.aws.amazon.com/cur/latest/userguide/Lineitem-columns.html, and the names that the console uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

USED, UNUSED = "Used", "Unused"
ZERO = Decimal(0)


class Kind(StrEnum):
    """What record types have in common.

    covered     usage that a commitment pays for; its negation takes back what it would have cost on demand
    commitment  fees of commitments: what is billed is a purchase, what is amortized is the part that nobody used
    """

    USAGE = "usage"
    COVERED = "covered usage"
    COMMITMENT = "commitments"
    PURCHASE = "purchases"
    TAX = "tax"
    CREDIT = "credits"
    ADJUSTMENT = "adjustments"


_TYPES: Mapping[Kind, str] = {
    Kind.USAGE: "Usage, Discount",
    Kind.COVERED: "DiscountedUsage, Reservation applied usage, SavingsPlanCoveredUsage, SavingsPlanNegation",
    Kind.COMMITMENT: (
        "RIFee, Recurring, Recurring reservation fee, Upfront, Upfront reservation fee, SavingsPlanRecurringFee,"
        " SavingsPlanUpfrontFee"
    ),
    Kind.PURCHASE: (
        "Fee, Support, Support fee, Marketplace fee, Other out-of-cycle charges, FlatRateSubscription, Subscription"
    ),
    Kind.TAX: "Tax",
    Kind.CREDIT: "Credit",
    Kind.ADJUSTMENT: "Refund",
}


def _plain(name: str) -> str:
    """API and console write the same names with and without blanks: BundledDiscount, Bundled Discount."""
    return re.sub(r"[\s_-]", "", name).lower()


_KINDS = {_plain(name): kind for kind, names in _TYPES.items() for name in names.split(",")}


def kind_of(record_type: str) -> Kind:
    """The kind of a record type.

    Discounts (EdpDiscount, Private Rate Card Discount, RiVolumeDiscount, …) lower the price of usage. A type that
    nobody knows is an adjustment: it stays out of run rates, and counts in what is billed.
    """
    plain = _plain(record_type)
    return _KINDS.get(plain, Kind.USAGE if plain.endswith("discount") else Kind.ADJUSTMENT)


def is_known(record_type: str) -> bool:
    return _plain(record_type) in _KINDS or _plain(record_type).endswith("discount")


def by_kind(record_types: Iterable[str], *, apart: bool) -> dict[Kind, tuple[str, ...]]:
    """Record types by kind; covered usage goes with the usage unless the two are to be told apart."""
    found: dict[Kind, tuple[str, ...]] = {}
    for name in sorted(record_types):
        kind = kind_of(name)
        kind = Kind.USAGE if kind is Kind.COVERED and not apart else kind
        found[kind] = (*found.get(kind, ()), name)
    return found


_CATEGORIES = {
    Kind.USAGE: "Usage",
    Kind.COVERED: "Usage",
    Kind.PURCHASE: "Purchase",
    Kind.TAX: "Tax",
    Kind.CREDIT: "Credit",
    Kind.ADJUSTMENT: "Adjustment",
}

Part = tuple[str, str | None, Decimal, Decimal | None]
"""Charge category, commitment status, billed, effective."""


def parts(kind: Kind, billed: Decimal, effective: Decimal | None) -> tuple[Part, ...]:
    """The charges of FOCUS that a group of Cost Explorer is.

    FOCUS: the purchase of a commitment has an EffectiveCost of 0, and the part of it that was not used is usage.
    """
    if kind is not Kind.COMMITMENT:
        return ((_CATEGORIES[kind], USED if kind is Kind.COVERED else None, billed, effective),)
    purchase: Part = ("Purchase", None, billed, None if effective is None else ZERO)
    if not effective:
        return (purchase,)
    unused: Part = ("Usage", UNUSED, ZERO, effective)
    return (purchase, unused) if billed else (unused,)
