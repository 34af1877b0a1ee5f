"""What a configuration comes to."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cloudcircuit.config import Config, load
from cloudcircuit.errors import ConfigError
from cloudcircuit.model import (
    AnomalyPolicy,
    BreakerPolicy,
    Budget,
    BurnRatePolicy,
    Condition,
    Cost,
    Fx,
    Grain,
    Match,
    Mode,
    Monitor,
    Period,
    Severity,
    WhenStale,
)
from tests.config.registry import PLUGINS, Options, find

HEAD = """
[sources.aws]
adapter = "fake"
path = "bill.csv"

[notifiers.ops]
type = "console"
"""


def read(folder: Path, text: str, head: str = HEAD) -> Config:
    file = folder / "cloudcircuit.toml"
    file.write_text(head + text, encoding="utf-8")
    return load(file, find)


def monitor(folder: Path, text: str, head: str = HEAD) -> Monitor:
    (only,) = read(folder, text, head).monitors
    return only


def test_the_least_that_is_a_configuration(tmp_path: Path) -> None:
    config = read(tmp_path, '[monitors.production]\nbudget = { amount = 4000, currency = "USD" }\n')

    assert config.file == tmp_path / "cloudcircuit.toml"
    assert config.root == tmp_path
    assert config.daemon.state == tmp_path / "state/cloudcircuit.db"
    assert (config.daemon.keep, config.daemon.max_blocks_per_hour) == (timedelta(days=400), 20)
    assert (config.daemon.link, config.daemon.log, config.daemon.channels) == (None, "console", ("ops",))
    source = config.sources["aws"]
    assert (source.name, source.adapter, source.plugin) == ("aws", "fake", PLUGINS["fake"])
    assert source.options == Options(path="bill.csv")
    assert (source.every, source.lag, source.timeout) == (
        timedelta(hours=6),
        timedelta(hours=24),
        timedelta(minutes=5),
    )
    assert (source.zone, source.grain, source.restated_share) == ("UTC", Grain.DAY, 0.05)
    notifier = config.notifiers["ops"]
    assert (notifier.type, notifier.url, notifier.secret) == ("console", None, None)
    assert (notifier.min_severity, notifier.fallback, notifier.allow_http) == (Severity.INFO, None, False)
    assert config.fx == ()
    # What is not written is what the model says: the defaults stand in one place.
    assert config.monitors == (
        Monitor("production", ("aws",), "USD", budget=Budget(Decimal(4000), "USD"), channels=("ops",)),
    )


def test_every_key_of_a_monitor_arrives(tmp_path: Path) -> None:
    (tmp_path / "owners.csv").write_text("service,tag:team,amount\nS3,web,10\n")
    found = monitor(
        tmp_path,
        """
[monitors."data platform"]
sources = ["aws"]
where = { service = ["AmazonEC2", "Amazon*"], "tag:team" = "x", not = { charge_category = "Tax" } }
per = ["service", "tag:team"]
environment = "staging"
currency = "EUR"
mode = "enforce"
enforce = ["budget", "anomaly", "burn_rate"]
budget = { amount = "4000.10", currency = "EUR", period = "quarter", cost = "effective", warning = 0.8 }
budgets = "owners.csv"
anomaly = { method = "mad", lookback = 28, min_days = 10, spike_multiplier = 2, \
z_threshold = 3, min_mad = 1.5, percentile = 0.9, min_baseline = 5, new_level_after = 7 }
burn_rate = { hot_multiplier = 1.25, lookback = 10, min_days = 5 }
forecast = false
breaker = { failure_threshold = 3, cooldown = "3d", cooldown_max = "1w" }
run_rate = { cost = "billed", charges = ["Usage", "Tax"] }
min_impact = 12.5
stale_after = "4d"
when_stale = "block"
channels = []
owner = "Ann"
remind_every = false
""",
    )

    assert found.book is not None
    assert found == Monitor(
        name="data platform",
        sources=("aws",),
        currency="EUR",
        where=(
            Match("service", ("AmazonEC2", "Amazon*")),
            Match("tag:team", ("x",)),
            Match("charge_category", ("Tax",), negate=True),
        ),
        per=("service", "tag:team"),
        environment="staging",
        mode=Mode.ENFORCE,
        enforce=frozenset({Condition.BUDGET, Condition.ANOMALY, Condition.BURN_RATE}),
        budget=Budget(Decimal("4000.10"), "EUR", Period.QUARTER, Cost.EFFECTIVE, 0.8),
        book=found.book,
        anomaly=AnomalyPolicy(
            "mad",
            lookback=28,
            min_days=10,
            spike_multiplier=2.0,
            z_threshold=3.0,
            min_mad=1.5,
            percentile=0.9,
            min_baseline=5.0,
            new_level_after=7,
        ),
        burn_rate=BurnRatePolicy(1.25, 10, 5),
        forecast=False,
        breaker=BreakerPolicy(3, timedelta(days=3), timedelta(weeks=1)),
        run_rate_cost=Cost.BILLED,
        run_rate_charges=("Usage", "Tax"),
        min_impact=Decimal("12.5"),
        stale_after=timedelta(days=4),
        when_stale=WhenStale.BLOCK,
        channels=(),
        owner="Ann",
        remind_every=None,
    )


def test_every_key_of_the_other_tables_arrives(tmp_path: Path) -> None:
    head = """
[daemon]
state = "/var/lib/cc.db"
keep = "1w3d12h"
max_blocks_per_hour = 5
link = "https://costs.example.com/c?name={circuit}"
log = "json"
channels = []

[sources.gcp]
adapter = "fake"
path = "x"
delivery = "append"
ratio = 0.25
login = { user = "me" }
every = "90m"
lag = "36h"
timezone = "America/Los_Angeles"
timeout = "30s"
grain = "hour"
restated_share = 1

[notifiers.hook]
type = "webhook"
url = "env:HOOK"
secret = "file:key"
min_severity = "critical"
fallback = "last"
allow_http = true

[notifiers.last]
type = "console"

[[fx]]
currency = "EUR"
into = "USD"
rate = 1.0837
from = 2026-01-01
"""
    config = read(tmp_path, '[monitors.m]\ncurrency = "USD"\nanomaly = { lookback = 7 }\n', head)

    assert config.daemon.state == Path("/var/lib/cc.db")
    assert config.daemon.keep == timedelta(days=10, hours=12)
    assert (config.daemon.max_blocks_per_hour, config.daemon.log, config.daemon.channels) == (5, "json", ())
    assert config.daemon.link == "https://costs.example.com/c?name={circuit}"
    source = config.sources["gcp"]
    assert source.options == Options.model_validate(
        {"path": "x", "delivery": "append", "ratio": 0.25, "login": {"user": "me"}}
    )
    assert (source.every, source.lag, source.timeout) == (
        timedelta(minutes=90),
        timedelta(hours=36),
        timedelta(seconds=30),
    )
    assert (source.zone, source.grain, source.restated_share) == ("America/Los_Angeles", Grain.HOUR, 1.0)
    hook = config.notifiers["hook"]
    assert hook.url is not None
    assert hook.secret is not None
    assert (hook.url.reference, hook.secret.reference) == ("env:HOOK", "file:key")
    assert (hook.min_severity, hook.fallback, hook.allow_http) == (Severity.CRITICAL, "last", True)
    assert config.fx == (Fx("EUR", "USD", Decimal("1.0837"), date(2026, 1, 1)),)


def test_defaults_lie_under_monitors_key_by_key(tmp_path: Path) -> None:
    found = monitor(
        tmp_path,
        """
[defaults]
currency = "EUR"
owner = "FinOps"
budget = { period = "week", warning = 0.5 }
anomaly = { method = "mad", lookback = 20 }
burn_rate = true
breaker = { cooldown = "72h" }

[monitors.m]
owner = "Ann"
budget = { amount = 10 }
anomaly = { lookback = 30 }
burn_rate = false
breaker = { failure_threshold = 1 }
""",
    )

    assert (found.currency, found.owner) == ("EUR", "Ann")
    assert found.budget == Budget(Decimal(10), "EUR", Period.WEEK, warning_ratio=0.5)
    assert found.anomaly == AnomalyPolicy(method="mad", lookback=30)
    assert found.burn_rate is None
    assert found.breaker == BreakerPolicy(failure_threshold=1, cooldown=timedelta(hours=72))


def test_a_check_that_the_defaults_switch_off_can_be_switched_on(tmp_path: Path) -> None:
    text = '[defaults]\ncurrency = "USD"\nanomaly = false\n[monitors.m]\nanomaly = true\n'

    assert monitor(tmp_path, text).anomaly == AnomalyPolicy()


def test_a_default_budget_can_be_declined_and_one_without_amount_is_none(tmp_path: Path) -> None:
    declined = '[defaults]\nbudget = { amount = 5, currency = "USD" }\n[monitors.m]\nbudget = false\ncurrency = "USD"\n'
    partial = '[defaults]\nbudget = { currency = "USD" }\n[monitors.m]\n'

    assert monitor(tmp_path, declined).budget is None
    assert monitor(tmp_path, partial).budget is None
    assert monitor(tmp_path, partial).currency == "USD"


def test_a_problem_of_the_defaults_is_told_once_and_there(tmp_path: Path) -> None:
    text = '[defaults]\ncurrency = "USD"\nbreaker = { cooldown = "1h" }\n[monitors.a]\n[monitors.b]\n'

    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)

    assert [problem.path for problem in caught.value.problems] == ["defaults.breaker.cooldown"]


def test_who_is_told_unless_said_otherwise_is_nobodys_fallback(tmp_path: Path) -> None:
    head = HEAD + 'fallback = "last"\n\n[notifiers.last]\ntype = "console"\n\n[notifiers.more]\ntype = "console"\n'
    config = read(tmp_path, '[monitors.m]\ncurrency = "USD"\n', head)

    assert config.monitors[0].channels == ("ops", "more")
    assert config.daemon.channels == ("ops", "more")


def test_a_monitor_looks_at_all_sources_unless_it_says_which(tmp_path: Path) -> None:
    head = HEAD + '[sources.gcp]\nadapter = "fake"\npath = "x"\n'
    config = read(tmp_path, '[monitors.a]\ncurrency = "USD"\n[monitors.b]\ncurrency = "USD"\nsources = ["gcp"]\n', head)

    assert [found.sources for found in config.monitors] == [("aws", "gcp"), ("gcp",)]


def test_amounts_are_exact_whatever_their_notation(tmp_path: Path) -> None:
    def amount(written: str) -> Decimal:
        budget = monitor(tmp_path, f'[monitors.m]\nbudget = {{ amount = {written}, currency = "USD" }}\n').budget
        assert budget is not None
        return budget.amount

    assert str(amount("0.1")) == "0.1"
    assert str(amount("123456789012345.123456789012345678")) == "123456789012345.123456789012345678"
    assert str(amount('"0.10"')) == "0.10"
    assert str(amount("1_200_000")) == "1200000"
    assert str(amount("1e3")) == "1000"


def test_the_digest_changes_with_the_file_and_with_the_owners_table(tmp_path: Path) -> None:
    text = '[monitors.m]\ncurrency = "USD"\nper = ["service"]\nbudgets = "owners.csv"\n'
    owners = tmp_path / "owners.csv"
    owners.write_text("service,amount\nS3,10\n")
    first = read(tmp_path, text).digest

    assert read(tmp_path, text).digest == first
    assert read(tmp_path, text + "# a word\n").digest != first
    owners.write_text("service,amount\nS3,11\n")
    assert read(tmp_path, text).digest != first


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "bom.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (HEAD + '[monitors.m]\ncurrency = "USD"\n').encode())

    assert load(file, find).monitors[0].name == "m"


def test_a_relative_path_is_resolved_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(tmp_path, '[monitors.m]\ncurrency = "USD"\n')
    monkeypatch.chdir(tmp_path)

    config = load(Path("cloudcircuit.toml"), find)

    assert config.root == tmp_path
    assert config.daemon.state.is_absolute()


def test_an_enforcing_monitor_in_another_currency_may_stand_beside_a_conversion(tmp_path: Path) -> None:
    fx = '\n[[fx]]\ncurrency = "EUR"\ninto = "USD"\nrate = 1.1\nfrom = 2026-01-01\n'
    config = read(tmp_path, '[monitors.m]\nmode = "enforce"\nbudget = { amount = 1, currency = "EUR" }\n' + fx)

    assert config.monitors[0].mode is Mode.ENFORCE


@pytest.mark.parametrize(
    ("adapter", "written", "zone"),
    [
        ("fake", "", "UTC"),
        ("pacific", "", "America/Los_Angeles"),
        ("pacific", 'timezone = "UTC"\n', "UTC"),
        ("fixed", 'timezone = "UTC"\n', "UTC"),
    ],
)
def test_a_source_cuts_days_as_its_provider_does_unless_told(
    tmp_path: Path, adapter: str, written: str, zone: str
) -> None:
    file = tmp_path / "c.toml"
    source = f'[sources.s]\nadapter = "{adapter}"\npath = "bill.csv"\n{written}'
    file.write_text(f'{source}[notifiers.c]\ntype = "console"\n[monitors.m]\ncurrency = "USD"\n')
    assert load(file, find).sources["s"].zone == zone


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("true", AnomalyPolicy()),
        ("{ false_alerts = 0.5 }", AnomalyPolicy(false_alerts=0.5)),
        ('{ false_alerts = "2/week" }', AnomalyPolicy(false_alerts_a_week=2.0)),
        ('{ method = "spike" }', AnomalyPolicy("spike", lookback=14)),
        ("{ lookback = 60 }", AnomalyPolicy(lookback=60)),
    ],
)
def test_the_seasonal_method_is_the_default_and_each_method_has_its_lookback(
    tmp_path: Path, written: str, policy: AnomalyPolicy
) -> None:
    assert monitor(tmp_path, f'[monitors.m]\ncurrency = "USD"\nanomaly = {written}\n').anomaly == policy
