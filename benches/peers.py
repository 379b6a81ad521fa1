"""One table of odp beside the tools that its users would otherwise pick: the same models, data and priors.

    python benches/peers.py --shared ../shared/peers --venvs VENVS --raw RAW [--runs 3] [--models gp,hmm] [--tools odp_nuts,stan]

VENVS holds the peers' virtual environments (they are made first where it is empty). Runs that already have a file in RAW
are not repeated; the table is made of all files that are there. Times are wall seconds from the command to finished
draws, compilation included; cpu_s is user and system time of the process tree, which says more on a busy machine. ESS
and R-hat are ArviZ's for every tool alike.
"""
import argparse
import glob
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
MODELS = ["eight_schools", "logistic", "gp", "hmm", "gmm1d", "coal", "funnel10", "gmm25", "manywell32", "unknown_k"]
# tool -> (engine, models); the peers' own lists follow what their scripts offer.
ODP = {
    "odp_nuts": ("nuts", ["eight_schools", "logistic", "gp", "hmm", "gmm1d"]),
    "odp_auto": ("auto", MODELS),
    "odp_diffusion": ("diffusion", [m for m in MODELS if m != "funnel10"]),
    "odp_smc": ("smc", ["gmm25", "manywell32", "unknown_k", "coal"]),
}
PEERS = {
    "stan": ["eight_schools", "logistic", "gp", "hmm", "gmm1d", "coal", "funnel10", "gmm25", "manywell32"],
    "numpyro": ["eight_schools", "logistic", "gp", "hmm", "gmm1d", "coal", "funnel10", "gmm25", "manywell32"],
    "nutpie": ["eight_schools", "logistic", "gp", "hmm", "gmm1d", "funnel10", "gmm25", "manywell32"],
    "pymc": ["coal"],
    "webppl": ["eight_schools", "coal", "unknown_k"],
}
TO_NPZ = """
import json, re, sys
import numpy as np
arrays = {}
for name, chains in json.load(open(sys.argv[1]))["parameters"].items():
    base, at = re.match(r"([^\\[]*)(?:\\[(.*)\\])?$", name).groups()
    arrays.setdefault(base, {})[tuple(int(i) for i in at.split(",")) if at else ()] = np.array(chains, dtype=float)
out = {}
for base, parts in arrays.items():
    first = next(iter(parts.values()))
    shape = tuple(np.max(list(parts), axis=0) + 1) if () not in parts else ()
    whole = np.full(first.shape + tuple(int(n) for n in shape), np.nan)
    for at, draws in parts.items():
        whole[(slice(None), slice(None)) + at] = draws
    out[base] = whole
np.savez(sys.argv[2], **out)
"""


def run_odp(a, tool, model, run, raw):
    engine, _ = ODP[tool]
    folder = tempfile.mkdtemp(prefix="peer-")
    draws, npz = os.path.join(folder, "draws.json"), os.path.join(folder, "draws.npz")
    command = [a.odp, "run", os.path.join(HERE, "peers", model + ".odp"),
               "--data", os.path.join(a.shared, "data", model + ".json"), "--infer", engine, "--seed", str(run),
               "--json", "--quiet", "--out", draws, "--format", "json"]
    load = os.getloadavg()[0]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.time()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    wall = time.time() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {"peer": tool, "model": model, "rc": process.returncode, "load_before": load, "total_s": round(wall, 3),
              "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 3)}
    if process.returncode == 0:
        answer = json.loads(out)
        timing = answer["timing"]
        result.update(engine=answer["engine"], reliable=answer["reliable"], log_z=answer["log_z"]["estimate"],
                      compile_s=timing["compile_s"], sample_s=round(timing["total_s"] - timing["compile_s"], 4))
        python = os.path.join(a.venvs, "stan", "bin", "python")
        subprocess.check_call([python, "-c", TO_NPZ, draws, npz])
        diag = subprocess.run([python, os.path.join(a.shared, "diag.py"), model, npz], capture_output=True, text=True)
        result.update(json.loads(diag.stdout) if diag.returncode == 0 else {"diag_error": diag.stderr[-500:]})
    else:
        result["log_tail"] = err.decode()[-500:]
    # The largest process so far of this script's children: odp's runs come before the peers'.
    peak = subprocess.run([sys.executable, "-c", PEAK] + command, capture_output=True, text=True) if run == 1 else None
    if peak and peak.returncode == 0:
        result["peak_rss_mb"] = float(peak.stdout.split()[-1])
    with open(raw, "w") as file:
        json.dump(result, file, indent=1)


PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, 1))
"""


def run_peer(a, tool, model, run, raw):
    cold = ["--cold"] if run == 1 else []
    subprocess.run([sys.executable, os.path.join(a.shared, "run.py"), "--peer", tool, "--model", model, "--out", raw,
                    "--venvs", a.venvs, "--cache", a.cache, "--seed", str(run), "--timeout", "900"] + cold,
                   # Stan leaves what it compiles where it stands.
                   cwd=a.cache)


def median(runs, key):
    values = [r[key] for r in runs if isinstance(r.get(key), (int, float)) and not isinstance(r.get(key), bool)]
    return statistics.median(values) if values else None


def table(raw):
    groups = {}
    for path in sorted(glob.glob(os.path.join(raw, "*.json"))):
        with open(path) as file:
            r = json.load(file)
        groups.setdefault((r["model"], r["peer"]), []).append(r)
    print("| model | tool | wall s | CPU s | of it compiling, s | min ESS | ESS per CPU s | max R-hat | MB | notes |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    rank = lambda item: (MODELS.index(item[0][0]), not item[0][1].startswith("odp"), item[0][1])
    for (model, tool), runs in sorted(groups.items(), key=rank):
        good = [r for r in runs if r["rc"] == 0]
        if not good:
            print("| %s | %s | – | – | – | – | – | – | – | failed: %s |" % (model, tool, runs[0]["rc"]))
            continue
        ess, cpu = median(good, "min_ess_bulk"), median(good, "cpu_s")
        show = lambda v, d=2: "–" if v is None else ("%.*f" % (d, v)).replace("0.", ".", 1) if abs(v) < 1 else "%.*f" % (d, v)
        print("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |" % (
            model, tool, show(median(good, "total_s")), show(cpu), show(median(good, "compile_s"), 3), show(ess, 0),
            show(ess / cpu if ess and cpu else None, 0), show(median(good, "max_rhat"), 3),
            show(median(good, "peak_rss_mb"), 0), notes(good)))


def notes(runs):
    last = runs[-1]
    said = []
    if last["peer"] == "odp_auto":
        said.append("chose " + last["engine"])
    if last.get("reliable") is False:
        said.append("says unreliable")
    if "modes_found" in last:
        said.append("%s of %s modes" % (last["modes_found"], last.get("modes_total", last.get("modes_iid"))))
    said.append("%d runs" % len(runs))
    return ", ".join(said)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--shared", required=True)
    p.add_argument("--venvs", required=True)
    p.add_argument("--raw", required=True)
    p.add_argument("--cache", default=None)
    p.add_argument("--odp", default=os.path.join(HERE, "..", "target", "release", "odp"))
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--models", default=",".join(MODELS))
    p.add_argument("--tools", default=",".join(list(ODP) + list(PEERS)))
    p.add_argument("--table-only", action="store_true")
    a = p.parse_args()
    a.shared, a.venvs, a.raw = (os.path.abspath(folder) for folder in (a.shared, a.venvs, a.raw))
    a.cache = os.path.abspath(a.cache or os.path.join(a.raw, "cache"))
    os.makedirs(a.cache, exist_ok=True)
    tools = a.tools.split(",")
    if not a.table_only:
        if not os.path.exists(os.path.join(a.venvs, "stan")):
            subprocess.check_call([sys.executable, os.path.join(a.shared, "setup_venvs.py"), a.venvs])
        for run in range(1, a.runs + 1):
            for model in a.models.split(","):
                for tool in tools:
                    models = ODP[tool][1] if tool in ODP else PEERS[tool]
                    raw = os.path.join(a.raw, "%s.%s.%d.json" % (tool, model, run))
                    if model in models and not os.path.exists(raw):
                        (run_odp if tool in ODP else run_peer)(a, tool, model, run, raw)
    table(a.raw)


if __name__ == "__main__":
    main()
