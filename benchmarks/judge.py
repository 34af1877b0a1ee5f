"""The tables of docs/detection.md: `python -m benchmarks.judge [detect|forecast] [--seeds 41 42 43] [--series 400]`.

Detector: the share of anomalies found, of slow leaks, and of the money that was still to be saved when they were found,
at a given number of false alerts a series and quarter, and how many false alerts there really are at the shipped
setting. Forecast: errors of a month's end, known up to five days of the month. On the generator of bench/, on series
with effects that it lacks, and (the detector) by the hour.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import effects, hourly
from benchmarks.bench import gen, score

Bed = dict[str, Any]
Floats = NDArray[np.float64]
scorer: Any = score  # it has no types

BUDGETS = (0.5, 0.1, 0.02)
NOMINAL = 0.1  # false alerts a series and quarter at the shipped setting
BEDS: dict[str, Callable[..., Bed]] = {
    "generator": gen.generate,
    "effects": effects.generate,
    "hourly": hourly.generate,
}
MONTHS = range(4, 11)


def judge(bed: Bed, scores: Floats) -> Any:
    """The scorer's Judge, for any step: false alerts are counted by days, as it merges and counts them."""
    made, per = scorer.Judge(bed, scores), periods_a_day(bed)
    whole = made.quiet.shape[1] // per * per
    made.quiet = made.quiet[:, :whole].reshape(len(scores), -1, per).max(axis=2)
    made.spans /= per
    return made


def periods_a_day(bed: Bed) -> int:
    step = bed["dates"][1] - bed["dates"][0]
    return int(np.timedelta64(1, "D") / step)


def judged(bed: Bed, detect: Callable[..., Floats], threshold: float) -> dict[str, dict[str, Any]]:
    answered = judge(bed, detect(bed["final"], bed["first"], bed["dates"], bed["warm"]))
    return {str(budget): answered.at_budget(budget) for budget in BUDGETS} | {"shipped": answered.at(threshold)}


def figures(results: list[dict[str, Any]]) -> list[float]:
    """Mean over seeds of: recall, recall of leaks, money avoidable, real false alerts."""
    leaks = [r["kinds"].get("leak", np.nan) for r in results]
    rows = [[r["recall"], leak, r["avoidable"], r["fa90"]] for r, leak in zip(results, leaks, strict=True)]
    return [float(x) for x in np.nanmean(rows, axis=0)]


def table_of_detection(seeds: list[int], series: int) -> None:
    from benchmarks.judgement import THRESHOLD, detect

    print("| series | false alerts | recall | of leaks | money avoidable | real false alerts | real ÷ nominal |")
    print("|---|---|---|---|---|---|---|")
    for name, generate in BEDS.items():
        runs = [judged(generate(n=series, seed=seed), detect, THRESHOLD) for seed in seeds]
        for case in runs[0]:
            recall, leaks, money, real = figures([run[case] for run in runs])
            ratio = f"{real / NOMINAL:.2f}" if case == "shipped" else ""
            print(f"| {name} | {case} | {recall:.3f} | {leaks:.3f} | {money:.3f} | {real:.3f} | {ratio} |", flush=True)


def asked(bed: Bed, forecast: Callable[..., tuple[Floats, ...]], month: int, origin: int) -> Floats:
    """Rows (actual, q10, q50, q90, probability, limit, open) of the series that spend, known up to day `origin`."""
    full = bed["full"] if "full" in bed else bed["final"]  # without gaps
    n = len(full)
    factors = np.random.default_rng(99).choice([0.95, 1.05, 1.15], (n, 12))[:, month]
    before = [full[:, bed["month"] == m].sum(axis=1) for m in (month - 1, month - 2)]
    limits = np.mean(before, axis=0) * factors
    days = np.flatnonzero(bed["month"] == month)
    start, now, end = int(days[0]), int(days[origin - 1]), int(days[-1]) + 1
    known, seen = bed["final"].copy(), bed["first"].copy()
    known[:, now:], seen[:, now + 1 :] = np.nan, np.nan
    actual = full[:, days].sum(axis=1)
    so_far = full[:, start:now].sum(axis=1) + np.nan_to_num(seen[:, now])
    answers = forecast(known, seen, bed["dates"], start, now, end, limits)
    rows = np.column_stack([actual, *answers, limits, (so_far < limits) & (limits > 5)])
    return np.asarray(rows[(actual > 10) & (actual / len(days) > 0.3)])


def errors(rows: Floats) -> list[float]:
    """MAPE %, WAPE %, pinball %, share within the band, Brier score, as `score` counts them."""
    actual, low, median, high, breach, limits, is_open = rows.T
    off = np.abs(actual - median)
    pinball = [
        np.maximum(q * (actual - x), (q - 1) * (actual - x)) / actual
        for q, x in zip((0.1, 0.5, 0.9), (low, median, high), strict=True)
    ]
    brier = ((breach - (actual > limits)) ** 2)[is_open > 0]
    return [
        100 * float(np.minimum(off / actual, 2).mean()),
        100 * float(off.sum() / actual.sum()),
        100 * float(np.minimum(pinball, 2).mean()),
        float(((low <= actual) & (actual <= high)).mean()),
        float(brier.mean()),
    ]


def table_of_forecast(seeds: list[int], series: int) -> None:
    from benchmarks.judgement import forecast

    print("| series | known up to day | MAPE % | WAPE % | pinball % | within the 80 % band | Brier of P(breach) |")
    print("|---|---|---|---|---|---|---|")
    for name in ("generator", "effects"):
        beds = [BEDS[name](n=series, seed=seed) for seed in seeds]
        each = []
        for origin in scorer.ORIGINS:
            each.append(errors(np.concatenate([asked(bed, forecast, m, origin) for bed in beds for m in MONTHS])))
            print(row(name, str(origin), each[-1]), flush=True)
        print(row(name, "mean", [float(x) for x in np.mean(each, axis=0)]), flush=True)


def row(name: str, origin: str, found: list[float]) -> str:
    mape, wape, pinball, within, brier = found
    return f"| {name} | {origin} | {mape:.1f} | {wape:.1f} | {pinball:.2f} | {within:.3f} | {brier:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["detect", "forecast"], help="one of the tables; without it, both")
    parser.add_argument("--seeds", type=int, nargs="+", default=[41, 42, 43])
    parser.add_argument("--series", type=int, default=400)
    args = parser.parse_args()
    for what, table in (("detect", table_of_detection), ("forecast", table_of_forecast)):
        if args.what in {None, what}:
            table(args.seeds, args.series)
            print()


if __name__ == "__main__":
    main()
