"""A batch job that asks before each batch whether it may still spend.

    python examples/library_batch_job.py

It slows down on `throttle` and stops on `block`, instead of finding out from the invoice. Here the meter is a
list; in life it is what your cluster or your model provider says the last batch cost.
"""

from collections.abc import Iterable

from cloudcircuit import (
    PolicyDecision,
    check_anomaly_spike,
    check_budget,
    evaluate_circuit_breaker,
    evaluate_spend_policy,
)

BUDGET = 100.0  # dollars for the whole run
METER = [9.5, 10.0, 9.8, 10.4, 9.9, 10.2, 24.0, 11.0, 10.0, 10.0]  # what each batch cost


def may_spend(costs: list[float]) -> PolicyDecision:
    """Judge the run so far. Two batches are too few to tell a spike, so there is no opinion on one."""
    return evaluate_spend_policy(
        check_budget(sum(costs), BUDGET, warning_ratio=0.8),
        check_anomaly_spike(costs, spike_multiplier=2.0) if len(costs) > 2 else None,
        evaluate_circuit_breaker(0),
    )


def run(meter: Iterable[float]) -> list[str]:
    """Work through the batches, and keep a log of what was decided."""
    costs: list[float] = []
    log: list[str] = []
    for number, cost in enumerate(meter, start=1):
        decision = may_spend(costs)
        log.append(f"batch {number}: {decision.action} after ${sum(costs):.2f} ({decision.reason})")
        if decision.action == "block":
            break
        workers = 1 if decision.action == "throttle" else 8
        costs.append(process_batch(number, workers, cost))
    return log


def process_batch(number: int, workers: int, cost: float) -> float:
    """Stand in for the real work; gives back what it cost."""
    print(f"processing batch {number} with {workers} workers")
    return cost


if __name__ == "__main__":
    print("\n".join(run(METER)))
