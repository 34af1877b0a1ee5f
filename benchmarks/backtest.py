"""A backtest: a year of a bill, replayed day by day.

    python -m benchmarks.backtest [--circuits 100 1000] [--days 365]

For each size a FOCUS Parquet file is made, one service a circuit, with weekdays, noise and a few anomalies; then it is
read once and replayed through the cycle, as `cloudcircuit backtest` does, in a process of its own. Beside it stand a
bare DuckDB query that sums the same file, and the reading alone.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from cloudcircuit import plugins
from cloudcircuit.cli.logs import for_commands
from cloudcircuit.compose import assemble
from cloudcircuit.config import load
from cloudcircuit.service.backtest.replay import Library, Span, backtest, moments, wanted
from cloudcircuit.service.backtest.tape import Tape
from cloudcircuit.stores import memory_store

CONFIG = """
[daemon]
state = "state.db"
[sources.bench]
adapter = "focus"
path = "charges.parquet"
[notifiers.console]
type = "console"
[monitors.services]
per = ["service"]
currency = "USD"
budget = { amount = 4000, currency = "USD" }
channels = ["console"]
"""

MAKE = """
COPY (
  SELECT 'payer' AS BillingAccountId, 'USD' AS BillingCurrency, 'Usage' AS ChargeCategory,
         date_trunc('month', day) AS BillingPeriodStart,
         day AS ChargePeriodStart, 'service-' || lpad(service::VARCHAR, 6, '0') AS ServiceName,
         ((20 + hash(service) % 90) * (CASE WHEN isodow(day) > 5 THEN 0.7 ELSE 1 END)
          * (1 + (hash(service, day) % 1000) / 10000.0)
          * (CASE WHEN hash(service, date_trunc('week', day), 7) % 400 = 0 THEN 2 ELSE 1 END))::DECIMAL(18, 6)
           AS BilledCost,
         BilledCost AS EffectiveCost
  FROM (SELECT unnest(generate_series(TIMESTAMP '2025-01-01', TIMESTAMP '2025-01-01' + INTERVAL ({days} - 1) DAY,
                                      INTERVAL 1 DAY)) AS day),
       range({circuits}) AS s(service)
  ORDER BY day
) TO '{path}' (FORMAT parquet)
"""


def make(folder: Path, circuits: int, days: int) -> Path:
    path = folder / "charges.parquet"
    with duckdb.connect() as db:
        db.execute(MAKE.format(days=days, circuits=circuits, path=path))
    (folder / "cloudcircuit.toml").write_text(CONFIG)
    return path


def bare_read(path: Path) -> float:
    """The same sums, by DuckDB alone."""
    started = time.perf_counter()
    with duckdb.connect() as db:
        db.sql(
            "SELECT ChargePeriodStart, ServiceName, ChargeCategory, BillingCurrency, sum(BilledCost), "
            f"sum(EffectiveCost) FROM '{path}' GROUP BY ALL"
        ).to_arrow_table()
    return time.perf_counter() - started


def measure(folder: Path, circuits: int, days: int) -> None:
    path = make(folder, circuits, days)
    config = load(folder / "cloudcircuit.toml", plugins.load)
    house = assemble(config, Tape(), stdout=sys.stderr).house
    span = Span(None, None, datetime(2030, 1, 1, tzinfo=UTC))
    started = time.perf_counter()
    histories = Library(memory_store(), {}).learn(house, wanted([house], span))
    read = time.perf_counter() - started
    when = moments([histories], house.monitors, span)
    result = backtest(house, histories, (), when)
    seconds = time.perf_counter() - started
    bare, peak = bare_read(path), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{circuits:6,} circuits, {len(when):4} days   {seconds:7.2f} s ({seconds / len(when) * 1e3:6.1f} ms a day)   "
        f"the reading {read:5.2f} s   bare DuckDB read {bare:5.2f} s (x {seconds / bare:6.0f})   "
        f"{result.summary.alerts:5,} alerts   peak {peak:5.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circuits", type=int, nargs="+", default=[100, 1_000])
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here is not None:
        for_commands(debug=False)
        measure(asked.here, asked.circuits[0], asked.days)
        return
    for circuits in asked.circuits:
        with tempfile.TemporaryDirectory() as folder:
            again = ["--here", folder, "--circuits", str(circuits), "--days", str(asked.days)]
            subprocess.run([sys.executable, "-m", "benchmarks.backtest", *again], check=True)


if __name__ == "__main__":
    main()
