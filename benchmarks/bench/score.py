"""Score a detector or a forecaster on generated cloud spend.

    python score.py detect   --target pkg.module:function [--seeds 2 3 4] [--series 400] [--threshold X]
    python score.py forecast --target pkg.module:function [--seeds 2 3 4] [--series 400]

detect(final, first, dates, warm) -> scores (n, T), higher = more anomalous, any unit that is comparable between series.
    The score of day t may use final[:, :t] and first[:, :t + 1], nothing else: this is checked.
    final (n, T) is what a day's spend settles at, first (n, T) what was reported when the day had just ended (late data: may be partial),
    dates (T,) datetime64[D], warm = the first day that is judged. NaN or -inf = no opinion. T is 360, and works for any.
forecast(final, first, dates, start, origin, end, limits) -> (q10, q50, q90, p_breach), each (n,)
    For the period [start, end) of day indices, known up to day `origin` inclusive (first[:, origin], final[:, :origin]): quantiles of the
    period's total, and the probability that the total exceeds limits (n,).
"""

from __future__ import annotations

import argparse
import importlib
import time

import numpy as np

from benchmarks.bench import gen

GRACE = MERGE = 7
ORIGINS = (5, 10, 15, 20, 25)


def masks(b):
    n, T = b["final"].shape
    inside, after = np.zeros((n, T), bool), np.zeros((n, T), bool)
    for e in b["events"]:
        inside[e["i"], e["start"] : e["end"] + 1] = True
        after[e["i"], e["end"] + 1 : e["end"] + 1 + GRACE] = True
    return inside, after & ~inside


def false_incidents(alerts):
    """Alert days outside events; alerts within MERGE days of an incident's first alert belong to it."""
    n, T = alerts.shape
    last, count = np.full(n, -(10**6)), np.zeros(n, int)
    for t in range(T):
        new = alerts[:, t] & (t - last >= MERGE)
        count += new
        last = np.where(new, t, last)
    return int(count.sum())


class Judge:
    def __init__(self, b, scores):
        self.b, self.S = b, np.where(np.isfinite(scores), scores, -np.inf).astype(float)
        inside, after = masks(b)
        self.quiet = np.where(inside | after, -np.inf, self.S)[:, b["warm"] :]
        self.spans = (b["final"].shape[1] - b["warm"]) / 90.0 * len(self.S)

    def at(self, threshold):
        b = self.b
        cap = np.quantile([e["impact"] for e in b["events"]], 0.9)
        hits, delays, total, avoided, kinds = 0, [], 0.0, 0.0, {}
        for e in b["events"]:
            s = self.S[e["i"], e["start"] : e["end"] + 1]
            hit = np.nonzero(s > threshold)[0]
            k = kinds.setdefault(e["kind"], [0, 0])
            k[1] += 1
            weight = min(1.0, cap / e["impact"])
            total += weight * e["impact"]
            if hit.size:
                hits += 1
                k[0] += 1
                delays.append(int(hit[0]))
                avoided += weight * b["excess"][e["i"], e["start"] + hit[0] + 1 : e["end"] + 1].sum()
        false = false_incidents(self.quiet > threshold)
        return dict(threshold=float(threshold), fa90=false / self.spans, recall=hits / len(b["events"]),
                    precision=hits / max(1, hits + false), delay=float(np.mean(delays)) if delays else np.nan,
                    avoidable=avoided / total, kinds={k: v[0] / v[1] for k, v in kinds.items()})

    def at_budget(self, fa90):
        """The lowest threshold whose false incidents per series and 90 days stay within fa90."""
        values = np.unique(self.quiet[np.isfinite(self.quiet)])
        lo, hi = 0, len(values) - 1
        while lo < hi:
            mid = (lo + hi) // 2
            if false_incidents(self.quiet > values[mid]) / self.spans <= fa90:
                hi = mid
            else:
                lo = mid + 1
        return self.at(values[lo])


def check_detect_is_causal(f):
    b = gen.generate(n=60, seed=5)
    t0, rng = 230, np.random.default_rng(0)
    final, first = b["final"].copy(), b["first"].copy()
    final[:, t0:] *= rng.uniform(0.1, 9, final[:, t0:].shape)
    first[:, t0 + 1 :] *= rng.uniform(0.1, 9, first[:, t0 + 1 :].shape)
    a = np.nan_to_num(f(b["final"], b["first"], b["dates"], b["warm"]))[:, b["warm"] : t0 + 1]
    c = np.nan_to_num(f(final, first, b["dates"], b["warm"]))[:, b["warm"] : t0 + 1]
    if not np.allclose(a, c):
        raise SystemExit("NOT CAUSAL: a score moved when only the future was changed")


def run_detect(f, seeds, n, threshold):
    check_detect_is_causal(f)
    rows = []
    for seed in seeds:
        b = gen.generate(n=n, seed=seed)
        t = time.perf_counter()
        judge = Judge(b, f(b["final"], b["first"], b["dates"], b["warm"]))
        us = (time.perf_counter() - t) / (n * (b["final"].shape[1] - b["warm"])) * 1e6
        cases = {f"FA<={x}": judge.at_budget(x) for x in (0.5, 0.1, 0.02)}
        if threshold is not None:
            cases[f"threshold {threshold:g}"] = judge.at(threshold)
        for name, r in cases.items():
            kinds = " ".join(f"{k}:{v:.2f}" for k, v in sorted(r["kinds"].items()))
            print(f"seed {seed} {name:14s} thr {r['threshold']:8.3g} FA/90 {r['fa90']:5.3f} recall {r['recall']:.3f} precision {r['precision']:.2f}"
                  f" delay {r['delay']:.1f} $avoidable {r['avoidable']:.2f}  {kinds}  {us:.1f} us/check", flush=True)
            rows.append((name, r))
    for name in dict.fromkeys(k for k, _ in rows):
        rs = [r for k, r in rows if k == name]
        print(f"MEAN {name:14s} FA/90 {np.mean([r['fa90'] for r in rs]):.3f} recall {np.mean([r['recall'] for r in rs]):.3f}"
              f" $avoidable {np.mean([r['avoidable'] for r in rs]):.3f} leak {np.mean([r['kinds'].get('leak', np.nan) for r in rs]):.3f}")


def run_forecast(f, seeds, n):
    out = {d: dict(ape=[], err=0.0, act=0.0, pin=[], cov=[], brier=[], hard=[]) for d in ORIGINS}
    cost, calls = 0.0, 0
    for seed in seeds:
        b = gen.generate(n=n, seed=seed)
        factors = np.random.default_rng(99).choice([0.95, 1.05, 1.15], (n, 12))
        for m in range(4, 11):
            days = np.where(b["month"] == m)[0]
            limits = np.mean([b["final"][:, b["month"] == k].sum(1) for k in (m - 1, m - 2)], 0) * factors[:, m]
            actual = b["final"][:, days].sum(1)
            ok = (actual > 10) & (b["final"][:, days].mean(1) > 0.3)
            for d in ORIGINS:
                o = int(days[d - 1])
                known, seen = b["final"].copy(), b["first"].copy()
                known[:, o:], seen[:, o + 1 :] = np.nan, np.nan  # the future is not there to be read
                t = time.perf_counter()
                q10, q50, q90, p = f(known, seen, b["dates"], int(days[0]), o, int(days[-1]) + 1, limits)
                cost += time.perf_counter() - t
                calls += n
                so_far = b["final"][:, days[: d - 1]].sum(1) + b["first"][:, o]
                r, a = out[d], actual[ok]
                r["ape"] += list(np.minimum(np.abs(a - q50[ok]) / a, 2))
                r["err"] += np.abs(a - q50[ok]).sum()
                r["act"] += a.sum()
                for x, q in ((0.1, q10[ok]), (0.5, q50[ok]), (0.9, q90[ok])):
                    u = a - q
                    r["pin"] += list(np.minimum(np.maximum(x * u, (x - 1) * u) / a, 2))
                r["cov"] += list((a >= q10[ok]) & (a <= q90[ok]))
                open_ = ok & (so_far < limits) & (limits > 5)
                y = actual > limits
                r["brier"] += list(((p - y) ** 2)[open_])
                r["hard"] += list(((1.0 * (q50 >= limits) - y) ** 2)[open_])
    for d in ORIGINS:
        r = out[d]
        print(f"day {d:2d} MAPE% {np.mean(r['ape'])*100:5.1f} WAPE% {r['err']/r['act']*100:5.1f} pinball% {np.mean(r['pin'])*100:5.2f} cov80 {np.mean(r['cov']):.3f} Brier {np.mean(r['brier']):.3f}")
    avg = lambda g: np.mean([g(out[d]) for d in ORIGINS])
    print(f"MEAN   MAPE% {avg(lambda r: np.mean(r['ape']))*100:5.1f} WAPE% {avg(lambda r: r['err']/r['act'])*100:5.1f} pinball% {avg(lambda r: np.mean(r['pin']))*100:5.2f}"
          f" cov80 {avg(lambda r: np.mean(r['cov'])):.3f} Brier {avg(lambda r: np.mean(r['brier'])):.3f} as yes/no {avg(lambda r: np.mean(r['hard'])):.3f}  {cost/calls*1e6:.1f} us/series")


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("what", choices=["detect", "forecast"])
    ap.add_argument("--target", required=True)
    ap.add_argument("--seeds", type=int, nargs="+", default=[2, 3, 4])
    ap.add_argument("--series", type=int, default=400)
    ap.add_argument("--threshold", type=float)
    a = ap.parse_args()
    module, name = a.target.split(":")
    f = getattr(importlib.import_module(module), name)
    if a.what == "detect":
        run_detect(f, a.seeds, a.series, a.threshold)
    else:
        run_forecast(f, a.seeds, a.series)
