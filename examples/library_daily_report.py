"""A morning report over many services, as one JSON line each, for a log pipeline or a webhook.

    python examples/library_daily_report.py

A service may have no budget, or too short a history to tell an anomaly: then there is no opinion on it, and
`null` in the payload. Further facts travel in `details`; a Decimal in there stays exact, as a string.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloudcircuit import (
    check_anomaly_robust,
    check_budget,
    check_burn_rate,
    evaluate_circuit_breaker,
    evaluate_spend_policy,
    make_alert_payload,
)


@dataclass(frozen=True)
class Service:
    name: str
    owner: str
    month_to_date: float
    budget: float | None
    daily_spend: list[float]
    last_invoice: Decimal


SERVICES = [
    Service("checkout", "shop", 812.4, 1000.0, [101.0, 99.5, 102.3, 98.7, 100.9], Decimal("2961.18")),
    Service("search", "discovery", 955.0, 1000.0, [88.0, 90.1, 91.4, 89.2, 190.0], Decimal("980.02")),
    Service("sandbox", "research", 41.07, None, [0.0, 0.0, 41.07], Decimal("0.00")),
    Service("archive", "platform", 3.1, 50.0, [3.1], Decimal("0.00")),
]


def report(services: list[Service], day: date) -> Iterator[dict[str, object]]:
    for service in services:
        enough = len(service.daily_spend) >= 2
        decision = evaluate_spend_policy(
            None if service.budget is None else check_budget(service.month_to_date, service.budget),
            check_anomaly_robust(service.daily_spend, min_mad=1.0) if enough else None,
            evaluate_circuit_breaker(0),
            burn_rate=check_burn_rate(service.daily_spend) if enough else None,
        )
        details = {"owner": service.owner, "day": day, "last_invoice": service.last_invoice}
        yield make_alert_payload(decision, service.name, "prod", details=details)


if __name__ == "__main__":
    for payload in report(SERVICES, date(2025, 3, 8)):
        print(json.dumps(payload, allow_nan=False))
