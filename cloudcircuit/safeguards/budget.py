"""Spend so far against a budget."""

from dataclasses import dataclass

from cloudcircuit.safeguards._numbers import require_finite


@dataclass(frozen=True, slots=True)
class BudgetCheckResult:
    """Where spend stands in its budget. Money is in the caller's unit; `usage_ratio` is 1.0 at the limit."""

    current_spend: float
    budget_limit: float
    usage_ratio: float
    remaining_budget: float
    is_warning: bool
    is_breached: bool


def check_budget(
    current_spend: float,
    budget_limit: float,
    warning_ratio: float = 0.9,
) -> BudgetCheckResult:
    """Compare spend with a budget: a warning from `warning_ratio` of the limit on, a breach from the limit on.

    `remaining_budget` is negative after a breach. `usage_ratio` is infinite when the limit is so small that the
    ratio leaves the range of a float.

    Raises ValueError when a number is not finite, `budget_limit` <= 0, `warning_ratio` is not in (0, 1], or
    `current_spend` < 0.

    >>> check_budget(920.0, 1000.0).is_warning
    True
    >>> check_budget(1000.0, 1000.0).is_breached
    True
    """
    require_finite(current_spend=current_spend, budget_limit=budget_limit, warning_ratio=warning_ratio)
    if budget_limit <= 0:
        raise ValueError("budget_limit must be > 0")
    if not (0 < warning_ratio <= 1):
        raise ValueError("warning_ratio must be in (0, 1]")
    if current_spend < 0:
        raise ValueError("current_spend must be >= 0")

    usage_ratio = current_spend / budget_limit
    return BudgetCheckResult(
        current_spend=current_spend,
        budget_limit=budget_limit,
        usage_ratio=usage_ratio,
        remaining_budget=budget_limit - current_spend,
        is_warning=usage_ratio >= warning_ratio,
        is_breached=current_spend >= budget_limit,
    )
