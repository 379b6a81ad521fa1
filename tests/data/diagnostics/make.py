#!/usr/bin/env python3
"""Writes diagnostics.json: awkward series and log-likelihoods with ArviZ's figures (pip install arviz==0.23.4)."""
import json
import os
import warnings

import arviz as az
import numpy as np

warnings.filterwarnings("ignore")
rng = np.random.default_rng(7)
PROBS = [0.05, 0.5, 0.9]


def ar(rho, chains=4, n=200, shift=0.0):
    x = np.zeros((chains, n))
    x[:, 0] = rng.normal(size=chains)
    for t in range(1, n):
        x[:, t] = rho * x[:, t - 1] + np.sqrt(1 - rho**2) * rng.normal(size=chains)
    return x + shift * np.arange(chains)[:, None]


stuck = ar(0.2, chains=3, n=60)
stuck[1] = 0.5
SERIES = {
    "independent": ar(0.0),
    "autocorrelated": ar(0.9),
    "antithetic": ar(-0.8),
    "one chain": ar(0.5, chains=1, n=151),
    "two chains apart": ar(0.3, chains=2, shift=3.0),
    "different scales": ar(0.1) * np.array([1.0, 1.0, 1.0, 6.0])[:, None],
    "heavy tails": rng.standard_cauchy(size=(4, 150)),
    "skew": np.exp(2.0 * ar(0.4)),
    "odd length": ar(0.4, chains=3, n=77),
    "short": ar(0.2, chains=4, n=5),
    "four draws": ar(0.0, chains=2, n=4),
    "constant": np.full((4, 20), 2.5),
    "one chain stuck": stuck,
    "bits": (rng.uniform(size=(4, 90)) < 0.3).astype(float),
    "rare bits": (rng.uniform(size=(2, 200)) < 0.02).astype(float),
    "counts": rng.poisson(3.0, size=(2, 123)).astype(float),
    "far from zero": 1e6 + 1e-2 * ar(0.3),
    "tiny": 1e-6 * ar(0.3, chains=2, n=80),
}


def number(x):
    x = float(x)
    return x if np.isfinite(x) else None


def figures(x):
    return {
        "x": x.tolist(),
        "ess_bulk": number(az.ess(x, method="bulk")),
        "ess_tail": number(az.ess(x, method="tail")),
        "ess_mean": number(az.ess(x, method="mean")),
        "ess_sd": number(az.ess(x, method="sd")),
        "ess_quantile": [number(az.ess(x, method="quantile", prob=p)) for p in PROBS],
        "rhat": None if x.shape[0] < 2 else number(az.rhat(x)),
        "mcse_mean": number(az.mcse(x, method="mean")),
        "mcse_sd": number(az.mcse(x, method="sd")),
        "mcse_quantile": [number(az.mcse(x, method="quantile", prob=p)) for p in PROBS],
    }


def criteria(log_lik, reff):
    """log_lik: [chain, draw, observation]."""
    data = az.from_dict(posterior={"x": log_lik[..., 0]}, log_likelihood={"y": log_lik})
    loo = az.loo(data, pointwise=True, reff=reff)
    waic = az.waic(data, pointwise=True)
    return {
        "log_lik": log_lik.tolist(),
        "reff": reff,
        "elpd_loo": number(loo.elpd_loo),
        "loo_se": number(loo.se),
        "p_loo": number(loo.p_loo),
        "loo_i": np.asarray(loo.loo_i).tolist(),
        "khat": [number(k) for k in np.asarray(loo.pareto_k)],
        "good_k": number(loo.good_k),
        "elpd_waic": number(waic.elpd_waic),
        "waic_se": number(waic.se),
        "p_waic": number(waic.p_waic),
        "waic_i": np.asarray(waic.waic_i).tolist(),
    }


def normal_model(chains, draws, y, spread):
    mu = rng.normal(0.0, spread, size=(chains, draws, 1))
    return np.round(-0.5 * (y - mu) ** 2 - 0.5 * np.log(2 * np.pi), 6)


def rounded(x):
    # Enough digits that the file is small, few enough that it stays exact.
    return x if np.abs(x).max() < 1e-4 or np.abs(x).max() > 1e5 else np.round(x, 5)


CRITERIA = {
    "well behaved": (normal_model(4, 60, rng.normal(size=6), 0.3), 0.8),
    "one outlier": (normal_model(2, 150, np.array([0.1, -0.4, 6.0]), 0.5), 1.0),
    "heavy": (np.round(-np.abs(rng.standard_t(2, size=(1, 200, 4))), 5), 1.0),
}
golden = {
    "probs": PROBS,
    "series": {name: figures(rounded(x)) for name, x in SERIES.items()},
    "criteria": {name: criteria(*c) for name, c in CRITERIA.items()},
}
place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "diagnostics.json")
with open(place, "w") as f:
    json.dump(golden, f)
    f.write("\n")
