"""What a command takes before its first evaluation: with a million observations, and for each example.

    python3 benches/growth.py [target/release/odp] [--n 1000000]

`odp check` reads the data, traces, compiles, and looks at executions of the prior. Printed are seconds of wall clock and of
processor, and the most memory held; the fastest of three. On a busy machine the processor's seconds are the ones to read.
"""

import argparse
import array
import pathlib
import random
import resource
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAMS = {
    "logistic": "data a: real[N]\ndata b: real[N]\ndata c: real[N]\ndata k: int[N]\n"
    "sample w ~ iid(Normal(0, 1), 4)\nobserve k ~ BernoulliLogit(w[0] + w[1] * a + w[2] * b + w[3] * c)\n",
    "normal": "data a: real[N]\ndata b: real[N]\ndata c: real[N]\ndata y: real[N]\n"
    "sample w ~ iid(Normal(0, 1), 4)\nsample s ~ HalfNormal(1)\n"
    "observe y ~ Normal(w[0] + w[1] * a + w[2] * b + w[3] * c, s)\n",
}
WALK = (
    "sample x[i in 0..{n}] ~ Normal(if i == 0 {{ 0 }} else {{ x[i - 1] }}, 1)\nobserve zeros({n}) ~ Normal(x, 1)\n"
)
PLATE = "sample m ~ Normal(0, 1)\nsample x[i in 0..{n}] ~ Normal(m, 1)\nobserve zeros({n}) ~ Normal(x, 1)\n"


def columns(n):
    rng = random.Random(1)
    a, b, c = ([round(rng.gauss(0, 1), 5) for _ in range(n)] for _ in range(3))
    y = [round(0.5 + x - z + rng.gauss(0, 1), 5) for x, z in zip(a, c)]
    return {"a": a, "b": b, "c": c, "y": y, "k": [int(v > 0) for v in y]}


def write_json(folder, data):
    text = ", ".join(f'"{name}": [{", ".join(map(str, x))}]' for name, x in data.items())
    (folder / "data.json").write_text("{" + text + "}")


def write_csv(folder, data):
    rows = (",".join(map(str, row)) for row in zip(*data.values()))
    (folder / "data.csv").write_text(",".join(data) + "\n" + "\n".join(rows) + "\n")


def write_npz(folder, data):
    import zipfile

    with zipfile.ZipFile(folder / "data.npz", "w") as z:
        for name, x in data.items():
            whole = name == "k"
            kind = "<i8" if whole else "<f8"
            head = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({len(x)},), }}"
            head += " " * (-(len(head) + 11) % 64) + "\n"
            head = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode()
            z.writestr(f"{name}.npy", head + array.array("q" if whole else "d", x).tobytes())


def measured(command):
    """Wall seconds, processor seconds, MiB: of the run with the least processor time."""
    best = None
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.perf_counter()
        timed = ["/usr/bin/time", "-f", "%M"] + command
        done = subprocess.run(timed, capture_output=True, text=True)
        wall = time.perf_counter() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
        used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        memory = int(done.stderr.split()[-1]) / 1024
        if best is None or used < best[1]:
            best = (wall, used, memory)
    return best


def row(name, command):
    wall, used, memory = measured(command)
    print(f"{name:<28}{wall:>9.3f}{used:>9.3f}{memory:>9.0f}", flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("odp", nargs="?", default=ROOT / "target/release/odp")
    arguments.add_argument("--n", type=int, default=1_000_000)
    chosen = arguments.parse_args()
    odp = str(chosen.odp)
    print(f"{'':<28}{'wall s':>9}{'cpu s':>9}{'MiB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = columns(chosen.n)
        for write in (write_json, write_csv, write_npz):
            write(folder, data)
        for name, text in PROGRAMS.items():
            (folder / f"{name}.odp").write_text(text)
            for ending in ("json", "csv", "npz"):
                command = [odp, "check", str(folder / f"{name}.odp"), "--data", str(folder / f"data.{ending}")]
                row(f"{name} {chosen.n} {ending}", command)
        for name, text in {"walk": WALK, "plate": PLATE}.items():
            for n in (300, 1000, 3000, 10000):
                (folder / "d.odp").write_text(text.format(n=n))
                row(f"{name} {n}", [odp, "check", str(folder / "d.odp")])
    for model in sorted((ROOT / "examples").glob("*/model.odp")):
        data = model.parent / "data.json"
        given = ["--data", str(data)] if data.exists() else []
        row(model.parent.name, [odp, "check", str(model)] + given)


if __name__ == "__main__":
    main()
