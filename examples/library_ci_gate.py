"""A budget gate for a pipeline: it fails the step when the deployment would run over budget.

    echo '{"daily_spend": [210, 190, 205], "budget": 9000, "days_in_month": 30}' |
        python examples/library_ci_gate.py payments prod

Exit code 0 allows, 10 throttles, 20 blocks; 2 says that the input is wrong.
"""

import json
import sys
from typing import TextIO

from cloudcircuit import (
    PolicyDecision,
    check_anomaly_robust,
    check_budget,
    check_burn_rate,
    evaluate_circuit_breaker,
    evaluate_spend_policy,
    forecast_budget_breach,
    make_alert_payload,
)

EXIT_CODES = {"allow": 0, "throttle": 10, "block": 20}


def judge(daily_spend: list[float], budget: float, days_in_month: int) -> PolicyDecision:
    """Judge the month so far, one number for each day of it."""
    spent, days = sum(daily_spend), len(daily_spend)
    return evaluate_spend_policy(
        check_budget(spent, budget),
        check_anomaly_robust(daily_spend, min_mad=0.05 * spent / days),
        evaluate_circuit_breaker(0),
        burn_rate=check_burn_rate(daily_spend),
        forecast=forecast_budget_breach(spent, budget, days, days_in_month),
    )


def main(arguments: list[str], source: TextIO) -> int:
    try:
        service, environment = arguments
        month = json.load(source)
        decision = judge(month["daily_spend"], month["budget"], month["days_in_month"])
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        print(f"cannot judge: {error!r}", file=sys.stderr)
        return 2
    print(json.dumps(make_alert_payload(decision, service, environment), indent=2))
    return EXIT_CODES[decision.action]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], sys.stdin))
