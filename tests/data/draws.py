#!/usr/bin/env python3
"""Writes draws.json: series and weights with ArviZ's figures for them (pip install arviz==0.23.4)."""
import json
import os

import numpy as np
import arviz as az

rng = np.random.default_rng(1)


def ar(rho, chains=4, n=100, shift=0.0):
    x = np.zeros((chains, n))
    x[:, 0] = rng.normal(size=chains)
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=chains)
    return x + shift * np.arange(chains)[:, None]


series = {
    "independent": ar(0.0),
    "autocorrelated": ar(0.8, n=150),
    "antithetic": ar(-0.7),
    "chains apart": ar(0.3, shift=0.5),
    "heavy tails": rng.standard_t(1.5, size=(4, 100)),
    "counts with ties": rng.poisson(1.5, size=(3, 101)).astype(float),
    "one chain": ar(0.5, chains=1, n=200),
    "odd length": ar(0.4, chains=2, n=77),
}
golden = {"series": {}, "weights": {}}
for name, x in series.items():
    x = np.round(x, 4)
    golden["series"][name] = {
        "x": x.tolist(),
        "mean": x.mean(),
        "sd": x.std(ddof=1),
        "ess_bulk": float(az.ess(x, method="bulk")),
        "ess_tail": float(az.ess(x, method="tail")),
        "ess_mean": float(az.ess(x, method="mean")),
        "mcse_mean": float(az.mcse(x, method="mean")),
        "rhat": None if x.shape[0] < 2 else float(az.rhat(x)),
        "quantiles": np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist(),
    }
weights = {
    "light": rng.normal(size=200) * 0.5,
    "moderate": rng.normal(size=400) * 1.5,
    "heavy": rng.standard_t(3, size=300) * 2.0,
    "huge offset": rng.exponential(size=250) * 1.2 - 1000.0,
    "some impossible": np.where(rng.uniform(size=300) < 0.3, -np.inf, rng.normal(size=300)),
}
for name, w in weights.items():
    w = np.round(w, 4)
    smoothed, khat = az.psislw(w.copy(), normalize=False)
    golden["weights"][name] = {
        "log_w": [None if np.isinf(v) else v for v in w.tolist()],
        "smoothed": [None if np.isinf(v) else round(v, 9) for v in np.asarray(smoothed).tolist()],
        "khat": float(khat),
    }
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "draws.json"), "w") as f:
    json.dump(golden, f)
