"""What Azure's figures leave out, in words for the operator."""

from __future__ import annotations


def what_it_leaves_out(*, amortized: bool) -> tuple[str, ...]:
    """From "Understand Cost Management data", learn.microsoft.com/azure/cost-management-billing/costs."""
    lines = [
        "taxes, support charges and credits are not in Azure's query figures; refunds are only under a Microsoft "
        "Customer Agreement",
        "purchases of reservations are in them under an Enterprise or a Microsoft Customer Agreement alone, those of "
        "the Marketplace under neither MSDN nor Visual Studio offers",
        "all costs are estimates until the invoice is made, up to five days after the month",
    ]
    if not amortized:
        lines.append("amortized = false: EffectiveCost is not told, so a reservation is a spike on the day it is paid")
    return tuple(lines)
