#!/usr/bin/env python3
"""Compare the networks of the diffusion engine's policy (`-O net=`) on programs with structure, and write the table of docs/benchmarks.md.

    python3 benches/nets.py ODP [--shared ../shared] [--only deblur,radon] [--nets mlp,graph,unet] [--seeds 1,2] [--steps 100] [--threads 2]
                            [--options particles=4096,T=10]

Every run of one program and seed learns from the same particles. CPU seconds are user and system time of the run, warm-up included. The gap is
EUBO − ELBO; log Z is held to `truth` where a closed form or a long run is known.
"""
import argparse, importlib.util, json, math, pathlib, random, resource, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
spec = importlib.util.spec_from_file_location("truths", HERE / "truths.py")
truths = importlib.util.module_from_spec(spec)
spec.loader.exec_module(truths)

# Name -> (program, log Z where it is known).
PROGRAMS = {
    "deblur8": (HERE / "nets/deblur.odp", None),
    "deblur12": (HERE / "nets/deblur.odp", None),
    "groups": (HERE / "nets/groups.odp", None),
    "walk": (HERE / "nets/walk.odp", None),
    "radon": (HERE / "truths/posteriordb/radon.odp", None),
    "sv": (HERE / "truths/posteriordb/sv.odp", None),
    "sonar": (HERE / "truths/targets/sonar.odp", -108.37),
    "manywell32": (HERE / "truths/targets/manywell32_sum.odp", 164.6957),
}
# Kept in one piece, so that there is something to learn.
JOINT = {"manywell32": "fold,cse,dead,simplify,stats,gemm,plates"}


def poisson(r, rate):
    k, p, u = 0, math.exp(-rate), r.random()
    total = p
    while u > total and k < 10_000:
        k += 1; p *= rate / k; total += p
    return k


def made(name, shared):
    """A program's data: a file, or a document."""
    r = random.Random(5)
    if name.startswith("deblur"):
        n = int(name[6:]); m, c = n - 2, n / 12
        phase = lambda i, j: 1 if (i / c - 5) ** 2 + (j / c - 6) ** 2 < 14 or (i > 8 * c and j < 4 * c) else -1
        z = [[phase(i, j) + .15 * r.gauss(0, 1) for j in range(n)] for i in range(n)]
        mean = lambda i, j: sum(z[i + a][j + b] for a in range(3) for b in range(3)) / 9
        return dict(n=n, m=m, y=[[mean(i, j) + .15 * r.gauss(0, 1) for j in range(m)] for i in range(m)])
    if name == "groups":
        rows = []
        for j in range(100):
            a, b = .5 + .7 * r.gauss(0, 1), -.3 + .4 * r.gauss(0, 1)
            for _ in range(1 + int(12 * r.random() ** 3)):
                x = r.gauss(0, 1); rows.append((j, x, poisson(r, math.exp(a + b * x))))
        group, x, y = map(list, zip(*rows))
        return dict(group=group, x=x, y=y, N=len(rows))
    if name == "walk":
        h, y = .5, []
        for _ in range(150):
            h += .25 * r.gauss(0, 1); y.append(poisson(r, math.exp(h)))
        return dict(T=150, y=y)
    if name == "radon": return shared / "posteriordb/inference_gym/data_radon_minnesota.json"
    return truths.data_of(name, shared / "posteriordb")


def run(odp, name, options, seed, a, folder):
    data = made(name, a.shared)
    if isinstance(data, dict):
        path = folder / f"{name}.json"; path.write_text(json.dumps(data)); data = path
    command = [odp, "run", str(PROGRAMS[name][0]), "--infer", "diffusion", "--seed", str(seed), "--json", "--quiet", "--threads", str(a.threads)]
    if data: command += ["--data", str(data)]
    if name in JOINT: options = options | {"passes": JOINT[name]}
    for k, v in options.items(): command += ["-O", f"{k}={v}"]
    used = lambda: (lambda u: u.ru_utime + u.ru_stime)(resource.getrusage(resource.RUSAGE_CHILDREN))
    before = used()
    p = subprocess.run(command, capture_output=True, text=True)
    if p.returncode: return dict(why=p.stderr[-300:])
    d = json.loads(p.stdout)
    z = d["log_z"]
    gap = z["eubo"] - z["elbo"] if z["eubo"] is not None and z["elbo"] is not None else None
    return dict(cpu=used() - before, ess=d["diagnostics"]["is_ess"], khat=d["diagnostics"]["khat"], gap=gap, log_z=z["estimate"], se=z["se"], timing=d["timing"])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("odp"); p.add_argument("--shared", type=pathlib.Path, default=ROOT.parent / "shared")
    p.add_argument("--only", default=",".join(PROGRAMS)); p.add_argument("--nets", default="mlp,graph,unet")
    p.add_argument("--seeds", default="1"); p.add_argument("--steps", default=None); p.add_argument("--threads", type=int, default=2)
    p.add_argument("--options", default="")
    a = p.parse_args()
    more = dict(o.split("=", 1) for o in a.options.split(",") if o)
    if a.steps: more |= {"steps": a.steps}
    print("| program | network | seed | CPU s | effective paths | EUBO − ELBO | log Z | k̂ |\n|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in a.only.split(","):
            for seed in a.seeds.split(","):
                for net in a.nets.split(","):
                    if net == "unet" and not name.startswith("deblur"): continue
                    r = run(a.odp, name, {"net": net} | more, int(seed), a, pathlib.Path(folder))
                    if "why" in r: print(f"| {name} | {net} | {seed} | {r['why']!r} |", flush=True); continue
                    truth = PROGRAMS[name][1]
                    off = f" ({r['log_z'] - truth:+.3f})" if truth is not None else ""
                    gap = "" if r["gap"] is None else f"{r['gap']:.2f}"
                    print(f"| {name} | {net} {a.options} {a.steps or ''} | {seed} | {r['cpu']:.0f} ({r['timing']['warmup_s']:.0f}+{r['timing']['train_s']:.0f}+{r['timing']['sample_s']:.0f}) | {r['ess']:.0f} | {gap} | {r['log_z']:.3f} ± {r['se']:.3f}{off} | {r['khat']:.2f} |", flush=True)


if __name__ == "__main__":
    main()
