"""A decision as a dictionary for logs, chat and webhooks."""

from collections.abc import Mapping
from dataclasses import fields

from cloudcircuit.safeguards._json import mapping_as_json
from cloudcircuit.safeguards.burn_rate import BurnRateResult
from cloudcircuit.safeguards.forecast import ForecastResult
from cloudcircuit.safeguards.policy import PolicyDecision

_BUDGET = ("current_spend", "budget_limit", "usage_ratio", "remaining_budget")
_ANOMALY = ("latest_spend", "baseline_mean", "threshold", "is_spike")
_BREAKER = ("is_open", "allow_operation", "retry_after_steps")
_BURN_RATE = tuple(field.name for field in fields(BurnRateResult))
_FORECAST = tuple(field.name for field in fields(ForecastResult))


def make_alert_payload(
    policy: PolicyDecision,
    service: str,
    environment: str,
    *,
    burn_rate: BurnRateResult | None = None,
    forecast: ForecastResult | None = None,
    details: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Build a payload that any receiver can read: it is valid JSON whatever the results hold.

    Its keys are service, environment, action, severity, reason, budget, anomaly and breaker, then burn_rate and
    forecast when given here or carried by the policy, then those of `details`. A check that was not made is null.
    A number that is not finite is null, a Decimal a string in plain notation, a date or datetime its ISO form.

    Raises ValueError when `service` or `environment` is empty or `details` would replace a key of the payload, and
    TypeError, with the path of the key, for a value that JSON cannot express.

    >>> from cloudcircuit import check_budget, evaluate_circuit_breaker, evaluate_spend_policy
    >>> policy = evaluate_spend_policy(check_budget(50.0, 100.0), None, evaluate_circuit_breaker(0))
    >>> payload = make_alert_payload(policy, "billing", "prod", details={"owner": "data"})
    >>> payload["action"], payload["anomaly"], payload["owner"]
    ('allow', None, 'data')
    """
    if not service:
        raise ValueError("service must be non-empty")
    if not environment:
        raise ValueError("environment must be non-empty")
    payload: dict[str, object] = {
        "service": service,
        "environment": environment,
        "action": policy.action,
        "severity": policy.severity,
        "reason": policy.reason,
        "budget": _pick(policy.budget, _BUDGET),
        "anomaly": _pick(policy.anomaly, _ANOMALY),
        "breaker": _pick(policy.breaker, _BREAKER),
        "burn_rate": _pick(policy.burn_rate if burn_rate is None else burn_rate, _BURN_RATE),
        "forecast": _pick(policy.forecast if forecast is None else forecast, _FORECAST),
    }
    details = {} if details is None else details
    for key in details:
        if key in payload:
            raise ValueError(f"details must not replace the payload's own key {key!r}")
    for key in ("burn_rate", "forecast"):  # what 0.3.x did not have is left out, not null
        if payload[key] is None:
            del payload[key]
    return mapping_as_json({**payload, **details}, "payload")


def _pick(result: object, names: tuple[str, ...]) -> dict[str, object] | None:
    return None if result is None else {name: getattr(result, name) for name in names}
