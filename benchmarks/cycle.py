"""A steady-state cycle: one new day is read, written into the ledger, judged and committed.

    python -m benchmarks.cycle [--circuits 100 1000 10000] [--rows 10]

For each size a FOCUS Parquet file of 60 days is made, one service a circuit, ten rows a service and day. The state
has seen all days but the last two. A process of its own then does what a daemon does: the cycle of the last but one
day is its first after a restart, the cycle of the last day is the steady one. Both are timed, publishing included;
the peak is that of the whole process. Beside it stand a bare DuckDB query that sums the same file, and the library's
own loop over the same series: the ratios are what counts.
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

DAYS = 60
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


def make(folder: Path, circuits: int, rows: int) -> Path:
    path = folder / "charges.parquet"
    with duckdb.connect() as db:
        db.execute(MAKE.format(days=DAYS, circuits=circuits, rows=rows, path=path))
    (folder / "cloudcircuit.toml").write_text(CONFIG)
    return path


def opened(folder: Path, at: datetime) -> Opened:
    config = load(folder / "cloudcircuit.toml", plugins.load)
    return open_house(config, stdout=sys.stderr, clock=FixedClock(at))


def timed_cycle(house: Opened, at: datetime) -> float:
    started = time.perf_counter()
    result = run_cycle(house.house, "bench", at)
    house.open_publisher().publish(decisions(house.house, at), at)
    if not result.ok:
        raise SystemExit(f"the cycle failed: {result.error}")
    return time.perf_counter() - started


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


def prepare(folder: Path, circuits: int, rows: int) -> None:
    """The file, and a state that has seen all days but the last two; then what the cycle is compared with."""
    path = make(folder, circuits, rows)
    at = START + timedelta(days=DAYS - 2)
    house = opened(folder, at)
    first = timed_cycle(house, at)
    house.close()
    bare, loop = bare_read(path), library_loop(circuits)
    print(f"{circuits:7,} circuits, {rows} rows a day   first cycle {first:6.2f} s", end="")
    print(f"   bare DuckDB read {bare:5.2f} s   library loop {loop:6.3f} s", end="", flush=True)


def measure(folder: Path, circuits: int) -> None:
    """The cycles of the last two days, in one process, as a daemon that was restarted before them."""
    days = [START + timedelta(days=day) for day in (DAYS - 1, DAYS)]
    house = opened(folder, days[-1])
    restarted, steady = (timed_cycle(house, at) for at in days)
    house.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"   after a restart {restarted:6.2f} s   steady cycle {steady:6.2f} s "
        f"({steady / circuits * 1e3:5.3f} ms a circuit)   peak {peak:5.0f} MiB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--circuits", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--rows", type=int, default=10, help="rows a circuit and day")
    parser.add_argument("--prepare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.prepare is not None:
        prepare(asked.prepare, asked.circuits[0], asked.rows)
    elif asked.measure is not None:
        measure(asked.measure, asked.circuits[0])
    else:
        for circuits in asked.circuits:
            apart(circuits, asked.rows)


def apart(circuits: int, rows: int) -> None:
    """Each part in a process of its own, so that the peak is that of the cycles."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("--prepare", "--measure"):
            sizes = ["--circuits", str(circuits), "--rows", str(rows)]
            subprocess.run([sys.executable, "-m", "benchmarks.cycle", part, folder, *sizes], check=True)


if __name__ == "__main__":
    main()
