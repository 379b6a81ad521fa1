#!/usr/bin/env python3
"""Run the honesty set (tests/honesty) and count wrong answers called reliable.

    python3 benches/honesty.py ODP [--engines auto,diffusion,smc,nuts,elliptical] [--only GLOB] [--seed 1] [--timeout 120]
                               [--jobs 2] [--json RESULTS] [--markdown]

An answer is *wrong* where a mean is off by more than 0.1 sd and 4.5 of its standard errors (of the effective draws that the answer
claims), an sd by more than 10 % and 4.5 of its standard errors (by the true kurtosis), or log Z by more than 4.5 of its own standard errors and 0.02.
An answer that is not called reliable is held to 400 effective draws at least: one that claims next to none is not right for that.
"""
import argparse, concurrent.futures, fnmatch, json, math, pathlib, subprocess, time

SET = pathlib.Path(__file__).resolve().parent.parent / "tests" / "honesty"


def run(odp, name, truth, engine, seed, timeout):
    cmd = [odp, "run", str(SET / f"{name}.odp"), "--infer", engine, "--seed", str(seed), "--json", "--quiet", "--threads", "1", *truth["options"].get(engine, [])]
    start = time.time()
    try: p = subprocess.run(cmd, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired: return dict(verdict="slow", seconds=timeout)
    if p.returncode != 0: return dict(verdict="error", why=p.stderr[:300], seconds=time.time() - start)
    out = judge(truth, json.loads(p.stdout))
    out["seconds"] = time.time() - start
    return out


def judge(truth, doc):
    worst, bad = 0.0, []
    least = 1 if doc["reliable"] else 400
    for name, want in truth["params"].items():
        got = doc["parameters"][name]
        n = max(min(got["ess_bulk"] or 1, doc["draws"]["n"]), least) if doc["engine"] != "enumerate" else 1e12
        error = want["sd"] / math.sqrt(n)
        off = abs(got["mean"] - want["mean"])
        worst = max(worst, off / max(error, 1e-300))
        if off > max(0.1 * want["sd"], 4.5 * error) + 1e-9: bad.append(f"{name} {got['mean']:.4g}, not {want['mean']:.4g} ({off / want['sd']:.2f} sd)")
        wide = abs(got["sd"] / want["sd"] - 1) if want["sd"] > 1e-9 else 0
        if want["sd"] > 1e-9 and wide > max(0.1, 4.5 * math.sqrt((want.get("kurtosis", 3) - 1) / (4 * n))) and not is_share(want): bad.append(f"sd of {name} {got['sd']:.4g}, not {want['sd']:.4g}")
    z = doc["log_z"]; off_z = None
    if z["estimate"] is not None:
        off_z = (z["estimate"] - truth["log_z"]) / max(z["se"], 1e-9) if z["se"] else 0.0
        if abs(z["estimate"] - truth["log_z"]) > 4.5 * z["se"] + 0.02: bad.append(f"log Z {z['estimate']:.3f} +- {z['se']:.3f}, not {truth['log_z']:.3f}")
    verdict = ("right" if not bad else "wrong") + ("" if doc["reliable"] else " and says so" if bad else ", called unreliable")
    return dict(verdict=verdict, bad=bad, worst=worst, log_z=z["estimate"], se=z["se"], off_z=off_z, engine=doc["engine"],
                ess=doc["diagnostics"]["is_ess"], evaluations=doc["evaluations"], warnings=doc["warnings"])


def is_share(want):
    return abs(want["mean"] * (1 - want["mean"]) - want["sd"] ** 2) < 1e-9


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("odp"); ap.add_argument("--engines", default="auto,diffusion,smc,nuts,elliptical"); ap.add_argument("--only", default="*")
    ap.add_argument("--seed", type=int, default=1); ap.add_argument("--timeout", type=float, default=120); ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--json"); ap.add_argument("--markdown", action="store_true")
    a = ap.parse_args()
    truths = {p.stem: json.loads(p.read_text()) for p in sorted(SET.glob("*.json")) if fnmatch.fnmatch(p.stem, a.only)}
    work = [(n, e) for e in a.engines.split(",") for n, t in truths.items() if t["smooth"] or e not in ("nuts", "hmc")]
    results = {}
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        futures = {pool.submit(run, a.odp, n, truths[n], e, a.seed, a.timeout): (n, e) for n, e in work}
        for f in concurrent.futures.as_completed(futures):
            (n, e), r = futures[f], f.result()
            results[f"{n} {e}"] = r
            if not a.markdown and r["verdict"] != "right":
                print(f"{e:10} {n:24} {r['verdict']:26} {r['seconds']:6.1f} s  {r.get('engine', '')} {'; '.join(r.get('bad', []))[:160]} {r.get('why', '')} | {'; '.join(r.get('warnings', []))[:200]}", flush=True)
            if a.json: pathlib.Path(a.json).write_text(json.dumps(results, indent=1))
    if a.markdown: table(results, truths, a.engines.split(","))
    totals(results, a.engines.split(","))


def table(results, truths, engines):
    print("| program | " + " | ".join(engines) + " |\n|---|" + "---|" * len(engines))
    for n in truths:
        cells = []
        for e in engines:
            r = results.get(f"{n} {e}")
            if r is None: cells.append("–"); continue
            z = "" if r.get("off_z") is None else f", log Z {r['off_z']:+.1f}"
            cells.append(r["verdict"] + (f" ({r['worst']:.1f}{z})" if "worst" in r else ""))
        print(f"| `{n}` | " + " | ".join(cells) + " |")
    print()


def totals(results, engines):
    print("| engine | runs | right | right, called unreliable | wrong and says so | wrong, called reliable | slow | error |\n|---|---|---|---|---|---|---|---|")
    for e in engines:
        v = [r["verdict"] for k, r in results.items() if k.endswith(" " + e)]
        print(f"| `{e}` | {len(v)} | " + " | ".join(str(v.count(x)) for x in ("right", "right, called unreliable", "wrong and says so", "wrong", "slow", "error")) + " |")


main()
