#!/usr/bin/env python3
"""Run every engine that applies on every program whose answer is known, and write the tables of docs/truths.md.

    python3 benches/truths.py ODP [--shared ../shared] [--engines diffusion,auto,nuts,smc,pt,elliptical] [--only GLOB] [--seed 1]
                              [--threads 2] [--timeout 120] [--raw FILE] [--markdown]

Two sets: the reference posteriors of SHARED/posteriordb (programs in benches/truths/posteriordb and examples/), held to its check.py (`right`: by
figures of benches/truths/NAME.json where that is short), and the targets with a known log Z (benches/truths/targets, which make.py writes, and examples with an exact answer). Runs go one after the other, each
with --threads threads. Answers are kept in --raw and not run again. `off` is the largest error of a mean or of log Z in its own standard errors.
"""
import argparse, csv, fnmatch, json, math, pathlib, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
EXAMPLES = ROOT / "examples"

# Name of the program -> (folder or file of posteriordb, the program).
POSTERIORS = {
    "ar5": ("arK-arK", EXAMPLES / "ar5/model.odp"),
    "blr": ("sblrc-blr", None),
    "brownian": ("inference_gym/brownian_motion_missing_middle_observations", None),
    "earnings": ("earnings-logearn_height", None),
    "eight_schools": ("eight_schools-eight_schools_noncentered", EXAMPLES / "eight_schools/model.odp"),
    "eight_schools_centered": ("eight_schools-eight_schools_centered", EXAMPLES / "eight_schools/model.odp"),
    "german": ("inference_gym/german_credit_numeric_logistic_regression", None),
    "gp_regression": ("gp_pois_regr-gp_regr", EXAMPLES / "gp_regression/model.odp"),
    "gymschools": ("inference_gym/eight_schools", None),
    "hmm": ("hmm_example-hmm_example", EXAMPLES / "hmm/model.odp"),
    "kidscore": ("kidiq-kidscore_interaction", EXAMPLES / "kidscore/model.odp"),
    "lotka_volterra": ("hudson_lynx_hare-lotka_volterra", EXAMPLES / "lotka_volterra/model.odp"),
    "m0": ("M0_data-M0_model", EXAMPLES / "m0/model.odp"),
    "mesquite": ("mesquite-mesquite", EXAMPLES / "mesquite/model.odp"),
    "nes": ("nes2000-nes", None),
    "radon": ("inference_gym/radon_contextual_effects_minnesota", None),
    "sv": ("inference_gym/stochastic_volatility_log_sp500_small", None),
    "wells": ("wells_data-wells_dist100_model", None),
}
# Examples with an exact answer; theirs is in expect.json.
EXACT = ["branching", "coin", "funnel", "linear_gaussian", "sprinkler", "geometric", "clusters"]
SMOOTH_ONLY = {"nuts", "hmc"}


def standardised(column, digits=8):
    mean = sum(column) / len(column)
    sd = math.sqrt(sum((v - mean) ** 2 for v in column) / len(column))
    return [round((v - mean) / sd, digits) if sd > 0 else 0.0 for v in column]


def transposed(columns): return [list(row) for row in zip(*columns)]


def data_of(name, posteriordb):
    """A program's data, where they have to be made of a file of another shape."""
    gym = posteriordb / "inference_gym"
    if name == "brownian":
        d = json.loads((gym / "data_brownian_motion_missing_middle_observations.json").read_text())
        seen = [None if v is None or v != v else v for v in d["observed_loc"]]
        return dict(innovation_noise=d["innovation_noise"], observation_noise=d["observation_noise"], n=len(seen), observed_loc=seen)
    if name == "german":
        d = json.loads((gym / "data_german_credit_numeric.json").read_text())
        columns = [standardised(list(c), 17) for c in zip(*d["features"])] + [[1.0] * 1000]
        return dict(N=1000, X=transposed(columns), y=[c - 1 for c in d["class_1good_2bad"]])
    if name == "sv":
        p = json.loads((gym / "data_sp500_closing_prices.json").read_text())["closing_prices"]
        r = [math.log(b / a) for a, b in zip(p, p[1:])][-100:]
        return dict(T=100, r=[v - sum(r) / 100 for v in r])
    if name in ("sonar", "ionosphere"):
        rows = [r for r in csv.reader((HERE / "truths/data" / f"{name}.csv").open()) if r]
        columns = [[1.0] * len(rows)] + [standardised([float(r[j]) for r in rows]) for j in range(len(rows[0]) - 1)]
        return dict(N=len(rows), d=len(columns), X=transposed(columns), y=[int(r[-1] in ("M", "g")) for r in rows])
    return None


def posterior(name, posteriordb):
    folder, program = POSTERIORS[name]
    gym = folder.startswith("inference_gym")
    data = posteriordb / folder / "data.json" if not gym else posteriordb / "inference_gym/data_radon_minnesota.json" if name == "radon" else None
    reference = posteriordb / (folder + ".json" if gym else folder + "/reference.json")
    return dict(name=name, set="posteriordb", program=program or HERE / "truths/posteriordb" / f"{name}.odp", data=data, reference=reference)


def target(name):
    if name in EXACT:
        folder = EXAMPLES / name
        want = json.loads((folder / "expect.json").read_text())
        data = folder / "data.json"
        z = want.get("log_z", {}).get("value")
        return dict(name=name, set="targets", program=folder / "model.odp", data=data if data.exists() else None,
                    truth=dict(params=want.get("params", {}), log_z=z, log_z_se=0.0, published=want.get("source"), aim_is_ess=None), unroll=want.get("unroll"))
    return dict(name=name, set="targets", program=HERE / "truths/targets" / f"{name}.odp", data=None, truth=json.loads((HERE / "truths/targets" / f"{name}.json").read_text()))


def run(odp, case, engine, a, folder):
    made = data_of(case["name"], a.shared / "posteriordb")
    data = case["data"]
    if made is not None:
        data = folder / f"{case['name']}.json"; data.write_text(json.dumps(made))
    command = [odp, "run", str(case["program"]), "--infer", engine, "--seed", str(a.seed), "--json", "--quiet", "--threads", str(a.threads)]
    if data: command += ["--data", str(data)]
    start = time.time()
    try: p = subprocess.run(command, capture_output=True, text=True, timeout=a.timeout)
    except subprocess.TimeoutExpired: return dict(verdict="slow", seconds=a.timeout)
    seconds = time.time() - start
    if p.returncode: return dict(verdict="refused" if p.returncode == 1 else f"exit {p.returncode}", seconds=seconds, why=p.stderr[:400])
    doc = json.loads(p.stdout)
    out = held_to_reference(doc, case, folder, a) if case["set"] == "posteriordb" else held_to_truth(doc, case["truth"])
    d = doc["diagnostics"]
    return out | dict(seconds=seconds, engine=doc["engine"], reliable=doc["reliable"], ess=d["is_ess"] or d["ess_bulk_min"], khat=d["khat"], n=doc["draws"]["n"],
                      log_z=doc["log_z"], evaluations=doc["evaluations"], warnings=doc["warnings"], timing=doc["timing"])


def held_to_reference(doc, case, folder, a):
    answer = folder / "answer.json"; answer.write_text(json.dumps(doc))
    check = lambda reference: subprocess.run([sys.executable, str(a.shared / "posteriordb/check.py"), str(answer), str(reference)], capture_output=True, text=True)
    p = check(case["reference"])
    verdict, own = "pass" if p.returncode == 0 else "short", HERE / "truths" / f"{case['name']}.json"
    if verdict == "short" and own.exists():
        # A reference that a computation of another kind contradicts in some figures: held to that one's.
        better, reference = folder / "better.json", json.loads(case["reference"].read_text())
        reference["params"] |= json.loads(own.read_text())["params"]
        better.write_text(json.dumps(reference))
        if check(better).returncode == 0: verdict = "right"
    return dict(verdict=verdict, detail=p.stdout.strip().splitlines()[-1:] , lines=p.stdout.strip().splitlines()[:6])


def held_to_truth(doc, truth):
    """Wrong: a mean off by more than 4.5 standard errors and .1 sd, an sd by 10 % and 4.5, log Z by 4.5 of its own and .02."""
    worst, bad = 0.0, []
    for name, want in truth["params"].items():
        got = doc["parameters"].get(name)
        if got is None: bad.append(f"{name} is absent"); continue
        if "sd" not in want: continue
        if want["sd"] == 0: continue
        n = max(min(got["ess_bulk"] or doc["draws"]["n"], doc["draws"]["n"]), 100)
        error = want["sd"] / math.sqrt(n)
        off = abs(got["mean"] - want["mean"])
        worst = max(worst, off / error)
        if off > max(4.5 * error, 0.1 * want["sd"] if "kurtosis" in want and want["kurtosis"] > 10 else 0.02 * want["sd"]): bad.append(f"{name} {got['mean']:.4g}, not {want['mean']:.4g} ({off / want['sd']:.2f} sd)")
        wide = abs(got["sd"] / want["sd"] - 1)
        # The sd of a yes or no says what its mean says.
        if not is_share(want) and wide > max(0.1, 4.5 * math.sqrt(max(want.get("kurtosis", 3) - 1, .1) / (4 * n))): bad.append(f"sd of {name} {got['sd']:.4g}, not {want['sd']:.4g}")
    z, off_z = doc["log_z"], None
    if z["estimate"] is not None and truth["log_z"] is not None:
        error = math.hypot(z["se"] or 0.0, truth["log_z_se"])
        off_z = z["estimate"] - truth["log_z"]
        if abs(off_z) > 4.5 * error + 0.02: bad.append(f"log Z {z['estimate']:.3f} ± {z['se']:.3f}, not {truth['log_z']:.3f}")
    return dict(verdict="right" if not bad else "wrong", bad=bad, worst=worst, off_z=off_z)


def is_share(want):
    return abs(want["mean"] * (1 - want["mean"]) - want["sd"] ** 2) < 1e-9


def line(case, engine, r):
    z = r.get("log_z") or {}
    said = "" if "reliable" not in r else "" if r["reliable"] else " UNRELIABLE"
    figure = lambda v, f: "-" if v is None else format(v, f)
    return (f"{case:22} {engine:10} {r['verdict'] + said:18} {r['seconds']:6.1f} s  {r.get('engine', ''):10} ess {figure(r.get('ess'), '.0f')} k {figure(r.get('khat'), '.2f')} "
            f"log Z {figure(z.get('estimate'), '.3f')} ± {figure(z.get('se'), '.3f')} off {figure(r.get('off_z'), '+.3f')} gap {figure(None if z.get('elbo') is None else (z.get('estimate') or 0) - z['elbo'], '.3f')} "
            f"{'; '.join(r.get('detail') or r.get('bad', []))[:130]} {r.get('why', '')[:120]} | {'; '.join(r.get('warnings', []))[:160]}")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("odp"); ap.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    ap.add_argument("--engines", default="diffusion,auto,nuts,smc,pt,elliptical"); ap.add_argument("--only", default="*"); ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--threads", type=int, default=2); ap.add_argument("--timeout", type=float, default=120)
    ap.add_argument("--raw", type=pathlib.Path); ap.add_argument("--markdown", action="store_true")
    a = ap.parse_args()
    cases = [posterior(n, a.shared / "posteriordb") for n in POSTERIORS] + [target(p.stem) for p in sorted((HERE / "truths/targets").glob("*.odp"))] + [target(n) for n in EXACT]
    cases = [c for c in cases if any(fnmatch.fnmatch(c["name"], g) or g == c["set"] for g in a.only.split(","))]
    raw = json.loads(a.raw.read_text()) if a.raw and a.raw.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for engine in a.engines.split(","):
            for case in cases:
                key = f"{case['name']} {engine} {a.seed}"
                if key in raw: continue
                raw[key] = run(a.odp, case, engine, a, pathlib.Path(folder))
                if a.raw: a.raw.write_text(json.dumps(raw, indent=1))
                if not a.markdown: print(line(case["name"], engine, raw[key]), flush=True)
    if a.markdown: tables(cases, raw, a)


def tables(cases, raw, a):
    engines = a.engines.split(",")
    titles = {"posteriordb": "Reference posteriors", "targets": "Targets with a known answer"}
    for kind, title in titles.items():
        rows = [c for c in cases if c["set"] == kind]
        if not rows: continue
        last = ["published"] if kind == "targets" else []
        print(f"### {title}\n\n| program | " + " | ".join(engines + last) + " |\n|---|" + "---|" * len(engines + last))
        for c in rows:
            figures = [cell(raw.get(f"{c['name']} {e} {a.seed}")) for e in engines]
            if last: figures.append(c["truth"]["published"] or "–")
            print(f"| `{c['name']}` | " + " | ".join(figures) + " |")
        print()
    if "auto" in engines: regret(cases, raw, a)


def good(r): return r is not None and r.get("reliable") and r["verdict"] in ("pass", "right")


def regret(cases, raw, a):
    """Seconds to an answer that is reliable and right: `auto` against the fastest engine."""
    print("### Regret of `auto`\n\n| program | `auto` took | s | the fastest | s | ratio |\n|---|---|---|---|---|---|")
    ratios = []
    for c in cases:
        runs = {e: raw.get(f"{c['name']} {e} {a.seed}") for e in a.engines.split(",")}
        best = min((e for e in runs if e != "auto" and good(runs[e])), key=lambda e: runs[e]["seconds"], default=None)
        if best is None or runs["auto"] is None: continue
        mine, fastest = runs["auto"], runs[best]["seconds"]
        ratio = mine["seconds"] / fastest if good(mine) else None
        if ratio: ratios.append(ratio)
        print(f"| `{c['name']}` | {mine.get('engine', mine['verdict'])} | {mine['seconds']:.1f} | {best} | {fastest:.1f} | {'no good answer' if ratio is None else f'{ratio:.1f}'} |")
    ratios.sort()
    if ratios: print(f"\nMedian ratio {ratios[len(ratios) // 2]:.1f}, largest {ratios[-1]:.1f}, over {len(ratios)} programs.")


def cell(r):
    if r is None: return "–"
    if "engine" not in r: return r["verdict"]
    words = r["verdict"] + ("" if r["reliable"] else ", says unreliable")
    z = "" if r.get("off_z") is None else f", log Z {r['off_z']:+.3f} ± {r['log_z']['se'] or 0:.3f}"
    off = f", {r['worst']:.1f} se" if r.get("worst") else ""
    ess = "" if r["ess"] is None else f", ESS {r['ess']:.0f}"
    n = sum(r["evaluations"].values())
    return f"{words}{z}{off}{ess}, {n / 1000:.0f}k, {r['seconds']:.0f} s"


if __name__ == "__main__": main()
