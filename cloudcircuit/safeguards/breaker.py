"""The circuit breaker's arithmetic, without state or clock."""

from dataclasses import dataclass

from cloudcircuit.safeguards._numbers import require_finite


@dataclass(frozen=True, slots=True)
class CircuitBreakerDecision:
    """Whether the operation may run, and in how many steps to ask again if not."""

    is_open: bool
    allow_operation: bool
    retry_after_steps: int


def evaluate_circuit_breaker(
    consecutive_failures: int,
    failure_threshold: int = 3,
    cooldown_steps_remaining: int = 0,
) -> CircuitBreakerDecision:
    """Open the breaker at `failure_threshold` failures in a row, and keep it open while a cooldown lasts.

    The caller counts failures and steps; a step is whatever passes between two calls. `retry_after_steps` is the
    cooldown that is left, 0 when closed.

    Raises ValueError when a number is not finite, `consecutive_failures` < 0, `failure_threshold` <= 0, or
    `cooldown_steps_remaining` < 0.

    >>> evaluate_circuit_breaker(0, cooldown_steps_remaining=2)
    CircuitBreakerDecision(is_open=True, allow_operation=False, retry_after_steps=2)
    """
    require_finite(
        consecutive_failures=consecutive_failures,
        failure_threshold=failure_threshold,
        cooldown_steps_remaining=cooldown_steps_remaining,
    )
    if consecutive_failures < 0:
        raise ValueError("consecutive_failures must be >= 0")
    if failure_threshold <= 0:
        raise ValueError("failure_threshold must be > 0")
    if cooldown_steps_remaining < 0:
        raise ValueError("cooldown_steps_remaining must be >= 0")

    is_open = consecutive_failures >= failure_threshold or cooldown_steps_remaining > 0
    return CircuitBreakerDecision(
        is_open=is_open,
        allow_operation=not is_open,
        retry_after_steps=cooldown_steps_remaining if is_open else 0,
    )
