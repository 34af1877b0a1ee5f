"""The words: every closed vocabulary, each in one enum."""

from __future__ import annotations

from enum import StrEnum


class Grain(StrEnum):
    """How fine a source reports."""

    DAY = "day"
    HOUR = "hour"


class Cost(StrEnum):
    """FOCUS BilledCost (what the invoice says) or EffectiveCost (commitments spread over their term)."""

    BILLED = "billed"
    EFFECTIVE = "effective"

    @property
    def column(self) -> str:
        return "BilledCost" if self is Cost.BILLED else "EffectiveCost"


class Period(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Mode(StrEnum):
    OBSERVE = "observe"
    ENFORCE = "enforce"


class Action(StrEnum):
    """What a program may do; in order of strictness."""

    ALLOW = "allow"
    THROTTLE = "throttle"
    BLOCK = "block"

    @property
    def rank(self) -> int:
        return {"allow": 0, "throttle": 1, "block": 2}[self.value]


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return {"info": 0, "warning": 1, "critical": 2}[self.value]


class Condition(StrEnum):
    """What `enforce` can list: the first two block, the others throttle."""

    BUDGET = "budget"
    BREAKER = "breaker"
    WARNING = "warning"
    ANOMALY = "anomaly"
    BURN_RATE = "burn_rate"
    FORECAST = "forecast"


class WhenStale(StrEnum):
    HOLD = "hold"
    ALLOW = "allow"
    THROTTLE = "throttle"
    BLOCK = "block"


class Phase(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Reason(StrEnum):
    """Why: one enum that is log field, metric label and alert text alike."""

    HEALTHY = "healthy"
    BUDGET_BREACHED = "budget_breached"
    BUDGET_WARNING = "budget_warning"
    BREAKER_OPEN = "breaker_open"
    BREAKER_HALF_OPEN = "breaker_half_open"
    NEW_PERIOD_AFTER_BREACH = "new_period_after_breach"
    ANOMALY = "anomaly"
    BURN_RATE = "burn_rate"
    FORECAST_BREACH = "forecast_breach"
    BELOW_MIN_IMPACT = "below_min_impact"
    TOO_EARLY = "too_early"
    SHORT_HISTORY = "short_history"
    LINGERING = "lingering"
    NEGATIVE_DAY = "negative_day"
    EXPECTED_SPEND = "expected_spend"
    EFFECTIVE_FROM_BILLED = "effective_from_billed"
    NO_DATA = "no_data"
    STALE = "stale"
    CURRENCY_MISMATCH = "currency_mismatch"
    NOT_JUDGED = "not_judged"
    STATE_DAMAGED = "state_damaged"
    OVERRIDE = "override"
    HELD_BACK = "held_back"


class AlertKind(StrEnum):
    ANOMALY = "anomaly"
    BUDGET_WARNING = "budget_warning"
    FORECAST = "forecast"
    TRIPPED = "tripped"
    ESCALATED = "escalated"
    REMINDER = "reminder"
    RESOLVED = "resolved"
    CLOSED_OVER = "closed_over"
    SOURCE_BLIND = "source_blind"
    SOURCE_BACK = "source_back"
    RESTATED = "restated"
    BROKEN_ROWS = "broken_rows"
    CURRENCY = "currency"
    CONFIG_REJECTED = "config_rejected"
    BLOCKS_HELD = "blocks_held"
    UNLISTED = "unlisted"
    STATE_FAILING = "state_failing"
    CLOCK_JUMPED = "clock_jumped"
    TEST = "test"


class ReportStatus(StrEnum):
    COMPLETE = "complete"
    PARTIAL = "partial"
    SUSPICIOUS = "suspicious"
