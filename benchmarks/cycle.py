"""A steady-state cycle: one new day is read, written into the ledger, judged and committed.

    python -m benchmarks.cycle [--circuits 100 1000 10000]

For each size a FOCUS Parquet file of 60 days is made, one service a circuit, ten rows a service and day. The state
has seen all days but the last; then the cycle of the last day is timed, in a process of its own. Beside it stand a
bare DuckDB query that sums the same file, and the library's own loop over the same series: the ratios are what counts.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from cloudcircuit import check_anomaly_spike, plugins
from cloudcircuit.clock import FixedClock
from cloudcircuit.compose import Opened, open_house
from cloudcircuit.config import load
from cloudcircuit.service.cycle import run_cycle
from cloudcircuit.service.serve import decisions

DAYS, ROWS_A_DAY = 60, 10
START = datetime(2026, 1, 1, tzinfo=UTC)

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
budget = { amount = 100000, currency = "USD" }
channels = ["console"]
"""

MAKE = """
COPY (
  SELECT 'payer' AS BillingAccountId, 'USD' AS BillingCurrency, 'Usage' AS ChargeCategory,
         date_trunc('month', day) AS BillingPeriodStart,
         day AS ChargePeriodStart, 'service-' || lpad(service::VARCHAR, 6, '0') AS ServiceName,
         'account-' || part AS SubAccountId,
         (10 + hash(service) % 90 + hash(service, part, day) % 7)::DECIMAL(18, 6)
           AS BilledCost,
         BilledCost AS EffectiveCost
  FROM (SELECT unnest(generate_series(TIMESTAMP '2026-01-01', TIMESTAMP '2026-01-01' + INTERVAL ({days} - 1) DAY,
                                      INTERVAL 1 DAY)) AS day),
       range({circuits}) AS s(service), range({rows}) AS p(part)
  ORDER BY day
) TO '{path}' (FORMAT parquet)
"""


def make(folder: Path, circuits: int) -> Path:
    path = folder / "charges.parquet"
    with duckdb.connect() as db:
        db.execute(MAKE.format(days=DAYS, circuits=circuits, rows=ROWS_A_DAY, path=path))
    (folder / "cloudcircuit.toml").write_text(CONFIG)
    return path


def opened(folder: Path, at: datetime) -> Opened:
    config = load(folder / "cloudcircuit.toml", plugins.load)
    return open_house(config, stdout=sys.stderr, clock=FixedClock(at))


def timed_cycle(folder: Path, at: datetime) -> float:
    house = opened(folder, at)
    started = time.perf_counter()
    result = run_cycle(house.house, "bench", at)
    house.open_publisher().publish(decisions(house.house, at), at)
    seconds = time.perf_counter() - started
    house.close()
    if not result.ok:
        raise SystemExit(f"the cycle failed: {result.error}")
    return seconds


def bare_read(path: Path) -> float:
    """The same sums, by DuckDB alone."""
    started = time.perf_counter()
    with duckdb.connect() as db:
        db.sql(
            "SELECT ChargePeriodStart, ServiceName, ChargeCategory, BillingCurrency, sum(BilledCost), "
            f"sum(EffectiveCost) FROM '{path}' GROUP BY ALL"
        ).to_arrow_table()
    return time.perf_counter() - started


def library_loop(circuits: int) -> float:
    """The library's spike check, once for each circuit, and nothing else."""
    series = [[50.0 + (day * place) % 7 for day in range(15)] for place in range(min(circuits, 1000))]
    started = time.perf_counter()
    for place in range(circuits):
        check_anomaly_spike(series[place % len(series)])
    return time.perf_counter() - started


def measure(folder: Path, circuits: int) -> None:
    path = make(folder, circuits)
    first = timed_cycle(folder, START + timedelta(days=DAYS - 1))
    steady = timed_cycle(folder, START + timedelta(days=DAYS))
    bare, loop = bare_read(path), library_loop(circuits)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{circuits:7,} circuits   first cycle {first:7.2f} s   steady cycle {steady:7.2f} s "
        f"({steady / circuits * 1e3:6.3f} ms a circuit)   bare DuckDB read {bare:6.2f} s (x {steady / bare:5.1f})   "
        f"library loop {loop:6.3f} s (x {steady / loop:6.0f})   peak {peak:5.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circuits", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here is not None:
        measure(asked.here, asked.circuits[0])
        return
    for circuits in asked.circuits:
        with tempfile.TemporaryDirectory() as folder:
            again = [sys.executable, "-m", "benchmarks.cycle", "--here", folder, "--circuits", str(circuits)]
            subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
