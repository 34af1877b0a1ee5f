"""Reading FOCUS files: our fetch beside the bare DuckDB query that adds up the same.

    python -m benchmarks.focus [--rows 10000000] [--runs 5]

The data (90 days by the hour, 40 services, 50 accounts, tags) are made once, under benchmarks/.data: Parquet with tags
as a map and as JSON text, and CSV. Both sides group by day, currency, charge category, service, account and one tag,
sum two costs as decimals, and have the same memory and threads. They take turns, each time in a process of its own;
the ratio of the medians is what counts. What the fetch does beside: rows that cannot be read, deliveries, watermark.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

import duckdb
import pyarrow as pa

from cloudcircuit.clock import Deadline
from cloudcircuit.model import SpendQuery
from cloudcircuit.testing import adapter_context
from cloudcircuit_focus import Options, plugin

DATA = Path(__file__).parent / ".data"
START, END = datetime(2025, 7, 1, tzinfo=UTC), datetime(2025, 9, 29, tzinfo=UTC)
MEMORY, THREADS = 200_000_000, 2
MAX_RSS = 350


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of file: where it lies, how a bare query reads it and takes the tag, and what ratio we aim at."""

    name: str
    file: str
    reader: str
    tag: str
    start: str
    goal: float


JSON_TAG = "json_extract_string(Tags, '$.team')"
CASES = (
    Case(
        "Parquet, tags as a map",
        "map.parquet",
        "read_parquet",
        "map_extract_value(Tags, 'team')",
        "ChargePeriodStart",
        1.8,
    ),
    Case("Parquet, tags as JSON", "json.parquet", "read_parquet", JSON_TAG, "ChargePeriodStart", 1.8),
    Case("CSV", "json.csv", "read_csv", JSON_TAG, "CAST(ChargePeriodStart AS TIMESTAMP)", 1.4),
)

ROWS = """
SELECT '1111' || lpad(CAST(account % 3 AS VARCHAR), 8, '0') AS BillingAccountId,
  lpad(CAST(account AS VARCHAR), 12, '0') AS SubAccountId, 'account ' || account AS SubAccountName,
  'USD' AS BillingCurrency, date_trunc('month', instant) AS BillingPeriodStart,
  date_trunc('month', instant) + INTERVAL 1 MONTH AS BillingPeriodEnd,
  instant AS ChargePeriodStart, instant + INTERVAL 1 HOUR AS ChargePeriodEnd,
  CASE service WHEN 37 THEN 'Purchase' WHEN 38 THEN 'Tax' WHEN 39 THEN 'Credit' ELSE 'Usage' END AS ChargeCategory,
  CASE service % 9 WHEN 8 THEN 'Used' END AS CommitmentDiscountStatus, 'AWS' AS ProviderName,
  'Service ' || service AS ServiceName, 'region-' || (hash(n + 3) % 12) AS RegionId,
  'arn:aws:thing:' || (hash(n + 4) % 200000) AS ResourceId, 'sku-' || (hash(n + 5) % 900) AS SkuId,
  round((hash(n + 6) % 1000000) / 9973.0, 10) AS BilledCost,
  round((hash(n + 6) % 1000000) / 12007.0, 10) AS EffectiveCost, {tags} AS Tags
FROM (SELECT n, TIMESTAMP '2025-07-01' + to_hours(CAST(n * 2160 // {rows} AS BIGINT)) AS instant,
  hash(n) % 50 AS account, hash(n + 2) % 40 AS service FROM range({rows}) r(n))"""

MAP_TAGS = "MAP {'team': 'team-' || account % 20, 'environment': 'env-' || hash(n + 7) % 4, 'owner': 'o' || account}"
JSON_TAGS = (
    """'{"team": "team-' || account % 20 || '", "environment": "env-' || hash(n + 7) % 4"""
    """ || '", "owner": "o' || account || '"}'"""
)


def make_data(data: Path, rows: int) -> Path:
    """The three files, in a folder each; made once for a number of rows."""
    folder = data / f"focus-{rows}"
    if folder.exists():
        return folder
    unfinished = data / f"focus-{rows}.part"
    connection = duckdb.connect(config={"preserve_insertion_order": False, "threads": THREADS})
    for case, tags in zip(CASES, (MAP_TAGS, JSON_TAGS, JSON_TAGS), strict=True):
        (unfinished / case.file).mkdir(parents=True, exist_ok=True)
        form = "FORMAT parquet" if case.reader == "read_parquet" else "HEADER, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ'"
        select = ROWS.format(tags=tags, rows=rows)
        connection.execute(f"COPY ({select}) TO '{unfinished / case.file / case.file}' ({form})")
    connection.close()
    return unfinished.rename(folder)


def read_bare(case: Case, folder: Path) -> pa.Table:
    """The query that somebody would write by hand."""
    options = ", all_varchar=true" if case.reader == "read_csv" else ""
    costs = ", ".join(f"sum(CAST({cost} AS DECIMAL(38, 18))) AS {cost}" for cost in ("BilledCost", "EffectiveCost"))
    connection = duckdb.connect(
        config={"memory_limit": f"{MEMORY}B", "threads": THREADS, "preserve_insertion_order": False}
    )
    table = connection.sql(
        f"""SELECT CAST({case.start} AS DATE) AS day, BillingCurrency, ChargeCategory, ServiceName, SubAccountId,
        {case.tag} AS team, {costs} FROM {case.reader}('{folder / case.file / case.file}'{options})
        WHERE {case.start} >= TIMESTAMP '{START:%Y-%m-%d}' AND {case.start} < TIMESTAMP '{END:%Y-%m-%d}' GROUP BY ALL"""
    ).to_arrow_table()
    connection.close()
    return table


def read_ours(case: Case, folder: Path) -> pa.Table:
    context = adapter_context(END + timedelta(days=2), root=folder)
    source = plugin.open(Options(path=(case.file,), memory=MEMORY, threads=THREADS), context)  # type: ignore[arg-type]
    query = SpendQuery(START, END, dimensions=("service", "sub_account", "tag:team"), visible_until=context.clock.now())
    report = source.fetch(query, Deadline(600))
    source.close()
    return report.table


def measure(side: str, case: Case, folder: Path) -> None:
    """In a process of its own: one reading, its seconds, its peak memory and what it found, as JSON."""
    import cloudcircuit_focus.client  # noqa: F401 - a daemon loads it once

    started = time.perf_counter()
    table = (read_ours if side == "ours" else read_bare)(case, folder)
    seconds = time.perf_counter() - started
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with localcontext(prec=60):
        total = sum(table.column("BilledCost").to_pylist(), Decimal(0))
    print(json.dumps({"seconds": seconds, "rss": rss, "rows": table.num_rows, "total": f"{total:.4f}"}))


def compare(case: Case, index: int, folder: Path, runs: int) -> bool:
    """Both sides in turns; prints the medians, and says whether the goals are met."""
    results: dict[str, list[dict[str, float]]] = {"bare": [], "ours": []}
    for _ in range(runs):
        for side, found in results.items():
            command = [sys.executable, "-m", "benchmarks.focus", "--measure", side, str(index), str(folder)]
            found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    bare, ours = (statistics.median(each["seconds"] for each in results[side]) for side in ("bare", "ours"))
    rss = {side: max(each["rss"] for each in results[side]) for side in results}
    if len({(each["rows"], each["total"]) for each in results["bare"] + results["ours"]}) != 1:
        raise SystemExit(f"{case.name}: the two sides do not find the same")
    ratio, met = ours / bare, ours / bare <= case.goal and rss["ours"] <= MAX_RSS
    print(
        f"{case.name:24} bare {bare:6.2f} s {rss['bare']:4.0f} MB   ours {ours:6.2f} s {rss['ours']:4.0f} MB   "
        f"ratio {ratio:.2f} (goal {case.goal}, {MAX_RSS} MB: {'met' if met else 'missed'})",
        flush=True,
    )
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--data", type=Path, default=DATA, help="where the data are made")
    parser.add_argument("--measure", nargs=3, metavar=("SIDE", "CASE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        side, index, folder = given.measure
        measure(side, CASES[int(index)], Path(folder))
        return 0
    folder = make_data(given.data, given.rows)
    print(f"DuckDB {duckdb.__version__}, {given.rows:,} rows, {given.runs} runs each, {THREADS} threads")
    for index, case in enumerate(CASES):
        compare(case, index, folder, given.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
