"""The tables of a configuration, key by key. What several tables must agree on is in checks.py.

The defaults are those of the model's values: they are written down once, there.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, GetJsonSchemaHandler, Tag, model_validator

from cloudcircuit.config.fields import (
    DISTINCT,
    ON,
    SWITCHED,
    TAGGED,
    Amount,
    ConditionWord,
    CostWord,
    Currency,
    Days,
    Dimension,
    Duration,
    FalseAlerts,
    FilePath,
    GrainWord,
    Interval,
    Lag,
    Link,
    ModeWord,
    NotifierName,
    Number,
    Off,
    Patterns,
    PeriodWord,
    PositiveAmount,
    SecretReference,
    SeverityWord,
    Share,
    SourceName,
    Table,
    Text,
    WhenStaleWord,
    Zone,
)
from cloudcircuit.model import (
    DIMENSIONS,
    SEASONAL_LOOKBACK,
    SIMPLE_LOOKBACK,
    AnomalyPolicy,
    BreakerPolicy,
    Budget,
    BurnRatePolicy,
    Grain,
    Monitor,
    Severity,
)

_ANOMALY = AnomalyPolicy()
_BURN = BurnRatePolicy()
_BREAKER = BreakerPolicy()
_MONITOR = Monitor(name="", sources=(), currency="")
_BUDGET = Budget(Decimal(1), "")

IS = "<is>"
"""The alias under which `WhereTable` keeps the keys that must match; no operator writes it."""


class DaemonTable(Table):
    state: FilePath = Field(default="state/cloudcircuit.db", description="The SQLite file that holds the state.")
    keep: Duration = Field(default=timedelta(days=400), description="How long charges and history are kept.")
    max_blocks_per_hour: int = Field(
        default=20, ge=1, le=100_000, description="New blocks beyond it are held back, and people are paged."
    )
    link: Link | None = Field(default=None, description="Where an alert links to; {circuit} is the circuit's name.")
    log: Literal["console", "json"] = Field(default="console", description="Log lines for people or for machines.")
    channels: Annotated[list[NotifierName], DISTINCT] | None = Field(
        default=None,
        description="Who hears of sources and of the daemon itself; every notifier that is nobody's fallback.",
    )


class SourceTable(Table):
    """Beside these keys stand the options of the adapter."""

    adapter: Text = Field(description="Which adapter reads it, such as focus.")
    every: Interval = Field(default=timedelta(hours=6), description="How often it is read.")
    lag: Lag = Field(default=timedelta(hours=24), description="How late its charges are: younger days are provisional.")
    timezone: Zone = Field(
        default="UTC", validate_default=True, description="The zone whose midnights cut its charge days."
    )
    timeout: Duration = Field(default=timedelta(minutes=5), description="The longest that one reading may take.")
    grain: GrainWord = Field(default=Grain.DAY, description="How fine it reports: day or hour.")
    restated_share: Share = Field(
        default=0.05, description="A past that changes by more than this share raises an alert."
    )


class ConsoleTable(Table):
    type: Literal["console"]
    min_severity: SeverityWord = Field(default=Severity.INFO, description="Quieter messages are not sent here.")
    fallback: NotifierName | None = Field(default=None, description="Who gets the messages when this channel is dead.")


class SlackTable(ConsoleTable):
    type: Literal["slack"]  # type: ignore[assignment]  # each kind of notifier has its own word
    url: SecretReference = Field(description="Where it posts to: env:NAME or file:PATH.")


class WebhookTable(SlackTable):
    type: Literal["webhook"]  # type: ignore[assignment]
    secret: SecretReference | None = Field(default=None, description="Signs each message (Standard Webhooks).")
    allow_http: bool = Field(default=False, description="Accept a URL without TLS.")


NOTIFIERS: dict[str, type[ConsoleTable]] = {"console": ConsoleTable, "slack": SlackTable, "webhook": WebhookTable}


class WhereTable(Table):
    """`{ service = ["AmazonEC2"], "tag:team" = "x", not = { charge_category = "Tax" } }`."""

    matches: dict[Dimension, Patterns] = Field(default={}, alias="<is>")
    negated: dict[Dimension, Patterns] = Field(default={}, alias="not")

    @model_validator(mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        matches = {key: item for key, item in value.items() if key != "not"}
        return {IS: matches} | ({"not": value["not"]} if "not" in value else {})

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        parts = handler.resolve_ref_schema(handler(schema))["properties"]
        known: list[dict[str, Any]] = [{"enum": [*DIMENSIONS]}, {"pattern": "^tag:."}]
        keys = {"type": "object", "additionalProperties": parts["not"]["additionalProperties"]}
        inner = {**keys, "propertyNames": {"anyOf": known}}
        return {**keys, "properties": {"not": inner}, "propertyNames": {"anyOf": [*known, {"const": "not"}]}}


class BudgetTable(Table):
    amount: PositiveAmount | None = Field(default=None, description="The limit of one period, in `currency`.")
    currency: Currency | None = Field(default=None, description="Three letters; the monitor's, unless given.")
    period: PeriodWord = Field(default=_BUDGET.period, description="day, week, month, quarter or year.")
    cost: CostWord = Field(default=_BUDGET.cost, description="billed (the invoice) or effective (commitments spread).")
    warning: Share = Field(default=_BUDGET.warning_ratio, description="The share of the limit from which on it warns.")


class AnomalyTable(Table):
    method: Literal["seasonal", "spike", "mad", "percentile"] = Field(
        default="seasonal", description="How a day is told from the others."
    )
    false_alerts: FalseAlerts = Field(
        default=_ANOMALY.false_alerts,
        description='seasonal: false alerts accepted per circuit and quarter, or "2/week" for a whole channel.',
    )
    lookback: Days | None = Field(
        default=None,
        description=f"Days that are looked at: {SEASONAL_LOOKBACK} for seasonal, {SIMPLE_LOOKBACK} for the others.",
    )
    min_days: Days = Field(default=_ANOMALY.min_days, description="With fewer settled days nothing is judged.")
    spike_multiplier: Number = Field(default=_ANOMALY.spike_multiplier, gt=1, description="spike: times the mean.")
    z_threshold: Number = Field(default=_ANOMALY.z_threshold, gt=0, description="mad: deviations above the median.")
    min_mad: Number = Field(default=_ANOMALY.min_mad, ge=0, description="mad: the least deviation, in money.")
    percentile: Number = Field(
        default=_ANOMALY.percentile, gt=0, lt=1, description="percentile: which one of the baseline."
    )
    min_baseline: Number = Field(default=_ANOMALY.min_baseline, ge=0, description="The least baseline, in money.")
    new_level_after: Days = Field(
        default=_ANOMALY.new_level_after, description="Days after which a new level is taken for normal."
    )


class BurnRateTable(Table):
    hot_multiplier: Number = Field(
        default=_BURN.hot_multiplier, gt=1, description="Times the mean from which on it is hot."
    )
    lookback: Days = Field(default=_BURN.lookback, description="Settled days that make the baseline.")
    min_days: Days = Field(default=_BURN.min_days, description="With fewer settled days nothing is judged.")


class BreakerTable(Table):
    failure_threshold: int = Field(
        default=_BREAKER.failure_threshold, ge=1, le=365, description="Failures in a row that open it."
    )
    cooldown: Duration = Field(
        default=_BREAKER.cooldown, description="How long it stays open; twice that after each trip."
    )
    cooldown_max: Duration = Field(default=_BREAKER.cooldown_max, description="The longest that it stays open.")


ChargeCategory = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]


class RunRateTable(Table):
    cost: CostWord = Field(default=_MONITOR.run_rate_cost, description="billed or effective.")
    charges: Annotated[list[ChargeCategory], Field(min_length=1), DISTINCT] = Field(
        default=["Usage"], description="The charge categories that count."
    )


class DefaultsTable(Table):
    """What every monitor has unless it says otherwise, table by table and key by key."""

    environment: Text = Field(default=_MONITOR.environment, description="A word for alerts, such as production.")
    owner: Text | None = Field(default=None, description="Whose money it is; stands in the alert.")
    currency: Currency | None = Field(default=None, description="Three letters; the budget's, unless given.")
    channels: Annotated[list[NotifierName], DISTINCT] | None = Field(
        default=None, description="Who is told; every notifier that is nobody's fallback."
    )
    remind_every: Annotated[Annotated[Duration, Tag(ON)] | Off, TAGGED] = Field(
        default=timedelta(days=7), description="How often what is still open is told again; false for never."
    )
    mode: ModeWord = Field(default=_MONITOR.mode, description="observe (the default), or enforce.")
    enforce: Annotated[list[ConditionWord], Field(min_length=1), DISTINCT] = Field(
        default=sorted(_MONITOR.enforce, reverse=True),
        description="What decides: budget and breaker block; warning, anomaly, burn_rate, forecast throttle.",
    )
    budget: Annotated[Annotated[BudgetTable, Tag(ON)] | Off, TAGGED, SWITCHED] = Field(
        default=False, description="A limit for one period; with `per`, for each circuit."
    )
    anomaly: Annotated[Annotated[AnomalyTable, Tag(ON)] | Off, TAGGED, SWITCHED] = Field(
        default_factory=AnomalyTable, description="The anomaly check, or false."
    )
    burn_rate: Annotated[Annotated[BurnRateTable, Tag(ON)] | Off, TAGGED, SWITCHED] = Field(
        default=False, description="The burn rate check, true for its defaults."
    )
    forecast: bool = Field(default=_MONITOR.forecast, description="Whether a budget is forecast.")
    breaker: BreakerTable = Field(default_factory=BreakerTable, description="When the breaker opens, and for how long.")
    run_rate: RunRateTable = Field(
        default_factory=RunRateTable, description="What anomaly, burn rate and forecast look at."
    )
    min_impact: Amount = Field(
        default=_MONITOR.min_impact, description="An excess below it is no failure; in money a day."
    )
    stale_after: Duration = Field(
        default=_MONITOR.stale_after, description="The age of data from which on when_stale rules."
    )
    when_stale: WhenStaleWord = Field(default=_MONITOR.when_stale, description="hold, allow, throttle or block.")


class MonitorTable(DefaultsTable):
    ITS_OWN: ClassVar[tuple[str, ...]] = ("sources", "where", "per", "budgets")

    sources: Annotated[list[SourceName], Field(min_length=1), DISTINCT] | None = Field(
        default=None, description="Which sources it looks at; all of them, unless given."
    )
    where: WhereTable = Field(default_factory=WhereTable, description="Which charges it looks at: all keys must hold.")
    per: Annotated[list[Dimension], Field(max_length=8), DISTINCT] = Field(
        default=[], description="A circuit for each value of these dimensions."
    )
    budgets: FilePath | None = Field(default=None, description="A CSV of budgets, owners and channels by circuit.")


class FxTable(Table):
    currency: Currency = Field(description="The currency that the charges are in.")
    into: Currency = Field(description="The currency of the monitors.")
    rate: PositiveAmount = Field(description="What one unit of `currency` is worth.")
    since: date = Field(alias="from", description="The day from which on the rate holds.")


TABLES: dict[str, type[Table]] = {
    "daemon": DaemonTable,
    "defaults": DefaultsTable,
    "sources": SourceTable,
    "monitors": MonitorTable,
    "fx": FxTable,
}
