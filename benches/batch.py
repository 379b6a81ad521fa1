"""log r of many executions at once, odp beside jitted, vmapped JAX: nanoseconds an execution on the same cores.

    python benches/batch.py        (with jax 0.10 in the environment; needs cargo, too)

odp's figures come from `cargo bench --bench micro -- batch`. JAX computes the same function of the same standard normal
noise; both take the fastest of many runs, one after the other in one go.
"""
import json
import os
import subprocess
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp, ndtr

HERE = os.path.dirname(os.path.abspath(__file__))
BATCHES = [4096, 65536]
HALF_LOG_TAU = 0.5 * np.log(2 * np.pi)


def log_normal(x, mu, sigma):
    return -0.5 * ((x - mu) / sigma) ** 2 - jnp.log(sigma) - HALF_LOG_TAU


def eight_schools():
    path = os.path.join(HERE, "..", "examples", "eight_schools", "data.json")
    with open(path) as file:
        data = json.load(file)
    y, sigma = np.array(data["y"], float), np.array(data["sigma"], float)

    def log_r(z):
        mu, tau = 5 * z[0], 5 * jnp.tan(0.5 * jnp.pi * ndtr(z[1]))
        return log_normal(y.astype(z.dtype), mu + tau * z[2:], sigma.astype(z.dtype)).sum()

    return 10, log_r


def mixture():
    y = np.linspace(-3, 3, 100)

    def log_r(z):
        a, m, s = z[:3], 3 * z[3:6], jnp.exp(0.5 * z[6:])
        weights = jnp.log(jnp.exp(a) / jnp.exp(a).sum())
        return logsumexp(weights + log_normal(y.astype(z.dtype)[:, None], m, s), axis=1).sum()

    return 9, log_r


def fastest(function, z):
    """The least seconds of a call within about two seconds, after compilation."""
    function(z).block_until_ready()
    best, started = np.inf, time.time()
    while time.time() < started + 2:
        before = time.perf_counter()
        function(z).block_until_ready()
        best = min(best, time.perf_counter() - before)
    return best


def jax_rows():
    jax.config.update("jax_enable_x64", True)
    rows = {}
    for name, make in [("eight_schools", eight_schools), ("mixture", mixture)]:
        dim, log_r = make()
        both = {"log r": log_r, "gradient": jax.value_and_grad(log_r)}
        for batch in BATCHES:
            for what, function in both.items():
                for kind in ["float64", "float32"]:
                    z = jnp.asarray(np.random.default_rng(0).standard_normal((batch, dim)), kind)
                    run = jax.jit(jax.vmap(function))
                    wait = run if what == "log r" else lambda z, run=run: run(z)[1]
                    rows[name, batch, what, kind] = 1e9 * fastest(wait, z) / batch
    return rows


def odp_rows():
    out = subprocess.check_output(["cargo", "bench", "--bench", "micro", "--", "batch"], cwd=os.path.join(HERE, ".."), text=True)
    rows = {}
    for line in out.splitlines():
        words = line.split()
        if len(words) == 4 and words[1].isdigit():
            rows[words[0], int(words[1]), "log r"] = float(words[2])
            rows[words[0], int(words[1]), "gradient"] = float(words[3])
    return rows


def main():
    ours, theirs = odp_rows(), jax_rows()
    print("| program | executions | | odp, ns | JAX float64, ns | JAX float32, ns | JAX float64 ÷ odp |")
    print("|---|---|---|---|---|---|---|")
    for (name, batch, what), ns in ours.items():
        wide, narrow = (theirs[name, batch, what, kind] for kind in ["float64", "float32"])
        print("| %s | %d | %s | %.0f | %.0f | %.0f | %.2f |" % (name, batch, what, ns, wide, narrow, wide / ns))


if __name__ == "__main__":
    main()
