#!/usr/bin/env python3
"""The tail of `sv`, without a Markov chain: importance sampling with a particle filter's likelihood.

    python3 benches/truths/sv.py [--shared ../shared] [--draws 20000] [--seed 1] [--out benches/truths/sv.json]

A filter's estimate of the likelihood of (persistence, shock scale, mean) is unbiased, whatever the number of particles, so that weights with it are as
exact as with the likelihood itself (Andrieu & Roberts 2009). Proposals are wider than the posterior, a t law with 4 degrees of freedom for the mean;
the standard errors are a bootstrap's. Needs numpy and scipy, and three minutes for 20,000 draws.
"""
import argparse, json, pathlib, sys

import numpy as np
from scipy import stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import truths

PARTICLES, TOGETHER = 1000, 500


def log_likelihood(r, m, p, s, rng):
    """An estimate for each row of m, p, s: `[n, 1]`."""
    n = len(m)
    sd = s / np.sqrt(1 - p**2)
    # The first state: its prior times a normal law about log r² of one return.
    seen = np.log(r[0] ** 2 + 1e-12) + 1.27
    v = 1 / (1 / sd**2 + 1 / 2.5**2)
    middle, wide = v * (m / sd**2 + seen / 2.5**2), 1.1 * np.sqrt(v)
    h = middle + wide * rng.standard_normal((n, PARTICLES))
    log_w = stats.norm.logpdf(h, m, sd) - stats.norm.logpdf(h, middle, wide)
    total = np.zeros(n)
    for t, x in enumerate(r):
        if t: h, log_w = m + p * (h - m) + s * rng.standard_normal((n, PARTICLES)), 0.0
        log_w = log_w - 0.5 * h - 0.5 * x**2 * np.exp(-h) - 0.5 * np.log(2 * np.pi)
        top = log_w.max(1, keepdims=True)
        w = np.exp(log_w - top)
        total += (top + np.log(w.mean(1, keepdims=True)))[:, 0]
        edges = np.cumsum(w / w.sum(1, keepdims=True), 1)
        u = (np.arange(PARTICLES) + rng.random((n, 1))) / PARTICLES
        pick = np.stack([np.searchsorted(e, v) for e, v in zip(edges, u)])
        h = np.take_along_axis(h, np.minimum(pick, PARTICLES - 1), 1)
    return total


def weighted(r, n, rng):
    """`n` draws of (mean, persistence, scale) and their weights."""
    b = rng.beta(30, 1.4, n); p = 2 * b - 1
    log_s = rng.normal(np.log(0.52), 0.33, n); s = np.exp(log_s)
    wide = np.sqrt(0.25 + s**2 / (100 * (1 - p) ** 2 + 1 - p**2))
    m = -7.72 + wide * rng.standard_t(4, n)
    log_q = stats.beta.logpdf(b, 30, 1.4) + stats.norm.logpdf(log_s, np.log(0.52), 0.33) - log_s + stats.t.logpdf((m + 7.72) / wide, 4) - np.log(wide)
    log_p = stats.beta.logpdf(b, 20, 1.5) + stats.cauchy.logpdf(m, 0, 5) + stats.halfcauchy.logpdf(s, 0, 2)
    for i in range(0, n, TOGETHER):
        rows = slice(i, i + TOGETHER)
        log_p[rows] += log_likelihood(r, m[rows, None], p[rows, None], s[rows, None], rng)
    w = np.exp(log_p - log_q - (log_p - log_q).max())
    return dict(mean_log_volatility=m, persistence_of_volatility=p, white_noise_shock_scale=s), w / w.sum()


def moments(values, w):
    mean = (w * values).sum() / w.sum()
    return mean, np.sqrt((w * (values - mean) ** 2).sum() / w.sum())


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--shared", type=pathlib.Path, default=truths.ROOT.parent / "shared"); ap.add_argument("--draws", type=int, default=20000)
    ap.add_argument("--seed", type=int, default=1); ap.add_argument("--out", type=pathlib.Path)
    a = ap.parse_args()
    rng = np.random.default_rng(a.seed)
    draws, w = weighted(np.array(truths.data_of("sv", a.shared / "posteriordb")["r"]), a.draws, rng)
    again = [rng.integers(0, a.draws, a.draws) for _ in range(300)]
    params = {}
    for name, values in draws.items():
        (mean, sd), errors = moments(values, w), np.std([moments(values[i], w[i]) for i in again], 0)
        params[name] = dict(mean=round(mean, 5), mcse_mean=round(errors[0], 5), sd=round(sd, 5), mcse_sd=round(errors[1], 5))
    out = dict(generator=f"benches/truths/sv.py --draws {a.draws} --seed {a.seed}", ess=round(1 / (w**2).sum()), params=params)
    print(json.dumps(out, indent=1))
    if a.out: a.out.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__": main()
