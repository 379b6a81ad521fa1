#!/usr/bin/env python3
"""Write the honesty set: NAME.odp and NAME.json (the truth, by closed form, enumeration or quadrature) beside this file.

A truth holds `params` (name -> mean, sd), `log_z`, `smooth` (whether gradients serve it) and `why` (what makes it hard).
Needs numpy and scipy; nothing here runs odp.
"""
import itertools, json, math, pathlib
import numpy as np
from scipy import integrate, special, stats

HERE = pathlib.Path(__file__).resolve().parent
ALL = {}


def program(name, why, text, params, log_z, smooth=True, options=None):
    ALL[name] = dict(why=why, smooth=smooth, log_z=float(log_z), options=options or {},
                     params={k: dict(zip(("mean", "sd", "kurtosis"), map(float, v))) for k, v in params.items()})
    (HERE / f"{name}.odp").write_text(f"/// {why}\n" + text.strip() + "\n")


def share(p): return p, math.sqrt(p * (1 - p))


def moments(w, v):
    """Mean, sd and kurtosis of values v with probabilities w."""
    m = (w * v).sum(); s2 = (w * (v - m) ** 2).sum()
    return m, math.sqrt(s2), (w * (v - m) ** 4).sum() / max(s2 * s2, 1e-300)


def from_grid(log_w, values, cell):
    """log Z and (mean, sd) of each of `values` under exp(log_w) on a grid of cells of volume `cell`."""
    top = log_w.max(); w = np.exp(log_w - top); total = w.sum()
    return top + math.log(total * cell), {k: moments(w / total, v) for k, v in values.items()}


def normal(x, m, s): return stats.norm.logpdf(x, m, s)


def gaussians(name, why, weights, centres, sds, outputs, prior=5.0, options=None):
    """Separated Gaussians under a broad prior, as a factor: log Z = 0. `outputs`: name -> (expression, set of components)."""
    d = len(centres[0])
    rows = ", ".join("[" + ", ".join(f"{c:.6g}" for c in row) + "]" for row in centres)
    lists = lambda v: "[" + ", ".join(f"{x:.6g}" for x in v) + "]"
    k = len(weights)
    text = f"""
let centres = [{rows}]
let sds = {lists(map(float, sds))}
let weights = {lists(map(float, weights))}
sample x[i in 0..{d}] ~ Normal(0, {prior})
let terms = [log(weights[k]) + sum([log_prob(Normal(centres[k, i], sds[k]), x[i]) for i in 0..{d}]) for k in 0..{k}]
let base = sum([log_prob(Normal(0, {prior}), x[i]) for i in 0..{d}])
factor logsumexp(terms) - base
return {{ first: x[0], last: x[{d - 1}]{"".join(f", {o}: {e}" for o, (e, _) in outputs.items())} }}
"""
    w, c, s = np.array(weights) / sum(weights), np.array(centres), np.array(sds)
    def mv(j):
        m = (w * c[:, j]).sum()
        return m, math.sqrt((w * (s ** 2 + c[:, j] ** 2)).sum() - m * m)
    params = {"first": mv(0), "last": mv(d - 1)}
    for o, (_, which) in outputs.items(): params[o] = share(w[list(which)].sum())
    program(name, why, text, params, math.log(sum(weights)), options=options)


# Separated modes
gaussians("modes_two", "Two narrow modes, one with three tenths of the mass.", [0.3, 0.7], [[6, -4], [-6, 4]], [0.1, 0.1],
          {"right": ("real(x[0] > 0)", [0])})
gaussians("modes_rare", "A mode with a fiftieth of the mass, far from the others.", [0.02, 0.49, 0.49], [[8, 8], [-4, 0], [0, -4]], [0.3] * 3,
          {"rare": ("real(x[0] > 4)", [0])})
gaussians("modes_spike_d4", "Four fifths of the mass in a spike that three prior draws in ten thousand touch, in four dimensions.", [0.8, 0.2], [[3] * 4, [-1] * 4], [0.4, 1.0],
          {"spike": ("real(sum(x) > 5)", [0])}, prior=3.0)
gaussians("modes_two_d8", "Two modes of unequal mass, far apart in eight dimensions.", [0.7, 0.3], [[2.5] * 8, [-1.5] * 8], [0.7, 0.7],
          {"right": ("real(sum(x) > 4)", [0])}, prior=3.0)
gaussians("modes_needle", "A needle of width 0.05 with half of the mass.", [0.5, 0.5], [[3, 2], [-1, -1]], [0.05, 0.7],
          {"needle": ("real(x[0] > 2 and x[1] > 1)", [0])}, prior=1.5)
gaussians("modes_scales", "One place, four scales from 1 to 0.001.", [0.25] * 4, [[1, 1]] * 4, [1, 0.1, 0.01, 0.001], {}, prior=1.5)
gaussians("modes_five_d3", "Five modes of unequal weights and widths in three dimensions.", [0.05, 0.1, 0.2, 0.25, 0.4],
          [[7, 0, 0], [-7, 0, 3], [0, 7, -3], [0, -7, 0], [5, 5, 5]], [0.2, 0.4, 0.3, 0.6, 0.1], {"rare": ("real(x[0] > 6 and x[1] < 2.5)", [0])})
rng = np.random.default_rng(40)
for d in (5, 10):
    gaussians(f"modes_forty_d{d}", f"Forty modes in {d} dimensions.", [1 / 40] * 40, np.round(rng.uniform(-10, 10, (40, d)), 3).tolist(), [1.0] * 40, {}, prior=7.0)
grid = [[a, b] for a in (-10, -5, 0, 5, 10) for b in (-10, -5, 0, 5, 10)]
gaussians("modes_little_training", "Twenty-five modes and next to no training.", [1 / 25] * 25, grid, [0.5477226] * 25,
          {"corner": ("real(x[0] > 7.5 and x[1] > 7.5)", [24])}, prior=7.0,
          options={"diffusion": ["-O", "pre=5", "-O", "steps=5", "-O", "particles=300"], "auto": ["-O", "pre=5", "-O", "steps=5", "-O", "particles=300"],
                   "smc": ["-O", "particles=300", "-O", "moves=1"]})


def wells(d):
    z, _ = integrate.quad(lambda x: math.exp(-x ** 4 + 6 * x * x + 0.5 * x), -5, 5)
    p, _ = integrate.quad(lambda x: math.exp(-x ** 4 + 6 * x * x + 0.5 * x), 0, 5)
    m = integrate.quad(lambda x: x * math.exp(-x ** 4 + 6 * x * x + 0.5 * x), -5, 5)[0] / z
    m2 = integrate.quad(lambda x: x * x * math.exp(-x ** 4 + 6 * x * x + 0.5 * x), -5, 5)[0] / z
    return d // 2 * (math.log(z) + 0.5 * math.log(2 * math.pi)), (m, math.sqrt(m2 - m * m)), share(p / z)


for d, one in ((8, True), (16, False), (32, False)):
    log_z, x0, p = wells(d)
    term = "-x[2 * i] ^ 4 + 6 * x[2 * i] ^ 2 + 0.5 * x[2 * i] - 0.5 * x[2 * i + 1] ^ 2 - log_prob(Normal(0, 2), x[2 * i]) - log_prob(Normal(0, 2), x[2 * i + 1])"
    body = f"factor sum([{term} for i in 0..{d // 2}])" if one else f"for i in 0..{d // 2} {{\n  factor {term}\n}}"
    q = p[0]
    program(f"wells_d{d}" + ("_sum" if one else ""), f"Many wells, d {d}: {2 ** (d // 2)} modes of unequal weights" + (", as one factor." if one else ", a factor for each pair."),
            f"sample x[i in 0..{d}] ~ Normal(0, 2)\n{body}\nreturn {{ x0: x[0], up: real(x[0] > 0), both: real(x[0] > 0 and x[2] > 0) }}",
            {"x0": x0, "up": p, "both": share(q * q)}, log_z)

f = lambda x: math.exp(5 * math.cos(3 * x)) * math.exp(-x * x / 18) / math.sqrt(2 * math.pi * 9)
z1 = integrate.quad(f, -15, 15, limit=400)[0]
v1 = integrate.quad(lambda x: x * x * f(x), -15, 15, limit=400)[0] / z1
c1 = integrate.quad(f, -math.pi / 3, math.pi / 3)[0] / z1
program("modes_cosine", "Dozens of modes that multiply.", "sample x[i in 0..3] ~ Normal(0, 3)\nfactor 5 * sum(cos(3 * x))\nreturn { x0: x[0], x2: x[2], middle: real(abs(x[1]) < pi / 3) }",
        {"x0": (0, math.sqrt(v1)), "x2": (0, math.sqrt(v1)), "middle": share(c1)}, 3 * math.log(z1))

# Hard constraints
r0, e0 = 2.0, 0.01
lo, hi = stats.chi.cdf(r0 - e0, 3), stats.chi.cdf(r0 + e0, 3)
program("shell_thin", "A thin shell.", "sample x[i in 0..3] ~ Normal(0, 1)\ncondition abs(sqrt(sum(x ^ 2)) - 2) < 0.01\nreturn { x0: x[0], up: real(x[1] > 0) }",
        {"x0": (0, 2 / math.sqrt(3)), "up": share(0.5)}, math.log(hi - lo), smooth=False)
# E over radius of the cap x0 > 1: x0 = r c, c's density (2/pi) sqrt(1 - c^2) on S^3.
cap = lambda r, k: integrate.quad(lambda c: (r * c) ** k * 2 / math.pi * math.sqrt(1 - c * c), 1 / r, 1)[0]
mass = lambda k: integrate.quad(lambda r: stats.chi.pdf(r, 4) * cap(r, k), 1.9, 2.1)[0]
m0, m1, m2 = mass(0), mass(1), mass(2)
r2 = integrate.quad(lambda r: stats.chi.pdf(r, 4) * r * r * cap(r, 0), 1.9, 2.1)[0] / m0
program("shell_half", "A shell cut by a half-space.", "sample x[i in 0..4] ~ Normal(0, 1)\ncondition abs(sqrt(sum(x ^ 2)) - 2) < 0.1\ncondition x[0] > 1\nreturn { x0: x[0], x1: x[1] }",
        {"x0": (m1 / m0, math.sqrt(m2 / m0 - (m1 / m0) ** 2)), "x1": (0, math.sqrt((r2 - m2 / m0) / 3))}, math.log(m0), smooth=False)
ring = lambda c, r, e: stats.ncx2.cdf((r + e) ** 2, 3, c * c) - stats.ncx2.cdf((r - e) ** 2, 3, c * c)
pa, pb = ring(2.5, 0.5, 0.01), ring(2.0, 0.5, 0.03)
program("shells_two", "Two thin shells of unequal mass, far apart.", """
sample x[i in 0..3] ~ Normal(0, 1)
let a = sqrt((x[0] - 2.5) ^ 2 + x[1] ^ 2 + x[2] ^ 2)
let b = sqrt((x[0] + 2) ^ 2 + x[1] ^ 2 + x[2] ^ 2)
condition abs(a - 0.5) < 0.01 or abs(b - 0.5) < 0.03
return { right: real(x[0] > 0), up: real(x[1] > 0) }""", {"right": share(pa / (pa + pb)), "up": share(0.5)}, math.log(pa + pb), smooth=False)
t = 4.9
m = math.exp(stats.norm.logpdf(t) - stats.norm.logsf(t)); v = 1 + t * m - m * m
program("half_space", "A half-space with mass 5e-7.", f"sample x[i in 0..6] ~ Normal(0, 1)\ncondition sum(x) / sqrt(6.0) > {t}\nreturn {{ s: sum(x) / sqrt(6.0), x0: x[0] }}",
        {"s": (m, math.sqrt(v)), "x0": (m / math.sqrt(6), math.sqrt(v / 6 + 5 / 6))}, stats.norm.logsf(t), smooth=False)
program("box_small", "Three conditions with a joint chance of one in a million.", "sample u[i in 0..3] ~ Uniform(0, 1)\nfor i in 0..3 {\n  condition abs(u[i] - 0.3) < 0.005\n}\nreturn { a: u[0], c: u[2] }",
        {"a": (0.3, 0.01 / math.sqrt(12)), "c": (0.3, 0.01 / math.sqrt(12))}, math.log(1e-6), smooth=False)
order = 6
x = np.linspace(-8, 8, 160001); dens = stats.norm.pdf(x); cdf = stats.norm.cdf(x)
def order_stat(k):
    g = math.comb(order, k) * (order - k) * cdf ** k * (1 - cdf) ** (order - k - 1) * dens
    z = np.trapezoid(g, x); m = np.trapezoid(x * g, x) / z
    return m, math.sqrt(np.trapezoid(x * x * g, x) / z - m * m)
program("order_six", "Six draws in increasing order.", "sample x[i in 0..6] ~ Normal(0, 1)\nfor i in 1..6 {\n  condition x[i - 1] < x[i]\n}\nreturn { low: x[0], next: x[1], high: x[5] }",
        {"low": order_stat(0), "next": order_stat(1), "high": order_stat(5)}, -math.log(720), smooth=False)
# Corners: |x_i| > 2 with factor x0: tilt of the Gaussian.
def tail(a): return stats.norm.sf(2 - a) + stats.norm.cdf(-2 - a)
log_z = 0.5 * 0.25 + math.log(tail(0.5)) + 2 * math.log(2 * stats.norm.sf(2))
m2 = math.exp(stats.norm.logpdf(2) - stats.norm.logsf(2))
program("corners", "Eight corners, half of them four times as heavy and more.", "sample x[i in 0..3] ~ Normal(0, 1)\nfor i in 0..3 {\n  condition abs(x[i]) > 2\n}\nfactor 0.5 * x[0]\nreturn { right: real(x[0] > 0), up: real(x[1] > 0), x2: x[2] }",
        {"right": share(stats.norm.sf(1.5) / tail(0.5)), "up": share(0.5), "x2": (0, math.sqrt(1 + 2 * m2))}, log_z, smooth=False)
# Support that depends on chance.
g = np.linspace(1.9, 2.5, 400001)
lw = stats.gamma.logpdf(g, 2, scale=1) - 1000 * np.log(g); lw[g < 1.999] = -np.inf
log_z, mom = from_grid(lw, {"theta": g}, g[1] - g[0])
program("edge", "The edge of a support, pressed by a thousand data.", "let y = [2 * (i + 0.5) / 1000 for i in 0..1000]\nsample theta ~ Gamma(2, 1)\nobserve y ~ Uniform(0, theta)\nreturn { theta }", mom, log_z)

# Heavy tails
g = np.tan(np.linspace(-math.pi / 2, math.pi / 2, 2000003)[1:-1]); jac = 1 / 2000002.0
lw = normal(10, g, 1); log_z, mom = from_grid(lw, {"x": g}, jac)
program("cauchy_conflict", "A datum far out in a Cauchy prior's tail.", "sample x ~ Cauchy(0, 1)\nobserve 10.0 ~ Normal(x, 1)\nreturn { x }", mom, log_z)
lw = stats.cauchy.logpdf(30, g, 1); log_z, mom = from_grid(lw, {"near": (g > 15) * 1.0, "angle": np.arctan(g)}, jac)
program("cauchy_both", "A Cauchy prior and a Cauchy datum thirty scales apart: two modes with heavy tails.", "sample x ~ Cauchy(0, 1)\nobserve 30.0 ~ Cauchy(x, 1)\nreturn { near: real(x > 15), angle: atan(x) }", mom, log_z)
g = np.linspace(-60, 60, 1200001)
ys = [-8.0, -7.4, 9.0, 9.2]
lw = normal(g, 0, 10) + sum(stats.t.logpdf(y, 2, g, 0.5) for y in ys)
log_z, mom = from_grid(lw, {"mu": g, "left": (g < 0) * 1.0}, g[1] - g[0])
program("outliers", "Two groups of data under a heavy-tailed likelihood: a location with two modes.", f"let y = {ys}\nsample mu ~ Normal(0, 10)\nobserve y ~ StudentT(2, mu, 0.5)\nreturn {{ mu, left: real(mu < 0) }}", mom, log_z)

# Random scales
for d in (4, 10):
    program(f"funnel_d{d}", f"Neal's funnel over a broad prior, d {d}.", f"""
sample v ~ Normal(0, 3)
sample x[i in 0..{d - 1}] ~ Normal(0, 5)
factor sum([log_prob(Normal(0, exp(v / 2)), x[i]) - log_prob(Normal(0, 5), x[i]) for i in 0..{d - 1}])
return {{ v, neck: real(v < -3), angle: atan(x[0]) }}""",
            {"v": (0, 3), "neck": share(stats.norm.cdf(-1)), "angle": (0, math.sqrt(integrate.quad(
                lambda v: stats.norm.pdf(v, 0, 3) * integrate.quad(lambda e: stats.norm.pdf(e) * math.atan(math.exp(v / 2) * e) ** 2, -9, 9)[0], -15, 15)[0]))}, 0.0)
ys = [0.3, -0.5, 0.8, -0.1, 0.4, 2.5]
v = np.linspace(-18, 18, 360001); lw = normal(v, 0, 3) + sum(normal(y, 0, np.sqrt(np.exp(v) + 0.25)) for y in ys)
log_z, mom = from_grid(lw, {"v": v}, v[1] - v[0])
program("funnel_seen", "A funnel with weak observations.", f"let y = {ys}\nsample v ~ Normal(0, 3)\nsample x[i in 0..6] ~ Normal(0, exp(v / 2))\nobserve y ~ Normal(x, 0.5)\nreturn {{ v }}", mom, log_z)
ys = [28, 8, -3, 7, -1, 1, 18, 12, 5, -6, 9, 3, 14, -2, 6, 11, 0, 20, 4, 8]
ss = [15, 10, 16, 11, 9, 11, 10, 18] * 2 + [12, 14, 9, 10]
tau = np.tan(np.linspace(0, math.pi / 2, 200003)[1:-1]) * 5
prec = sum(1 / (tau ** 2 + s * s) for s in ss) + 1 / 25; mean = sum(y / (tau ** 2 + s * s) for y, s in zip(ys, ss)) / prec
quad = sum(y * y / (tau ** 2 + s * s) for y, s in zip(ys, ss)) - mean ** 2 * prec
lw = -0.5 * quad - 0.5 * np.log(prec * 25) - 0.5 * sum(np.log(2 * math.pi * (tau ** 2 + s * s)) for s in ss)
log_z, mom = from_grid(lw, {"tau": tau, "mu": mean}, 1 / 200002.0)
w = np.exp(lw - lw.max()); w /= w.sum()
mom["mu"] = (mom["mu"][0], math.sqrt(mom["mu"][1] ** 2 + (w / prec).sum()))
program("schools_twenty", "Twenty schools: a random scale that the data hardly bound from below.", f"""
let y = {[float(a) for a in ys]}
let s = {[float(a) for a in ss]}
sample mu ~ Normal(0, 5)
sample tau ~ HalfCauchy(5)
sample theta[j in 0..20] ~ Normal(mu, tau)
observe y ~ Normal(theta, s)
return {{ mu, tau }}""", mom, log_z)
ys = [0.2, -0.4, 5.0, 0.1, -0.7]
u = np.linspace(0, math.pi / 2, 1202)[1:-1]; T = np.tan(u)[:, None]; L = np.tan(u)[None, :]
lw = np.zeros(len(u)); kept = []
for y in ys:
    lp = normal(y, 0, np.sqrt(1 + (T * L) ** 2)); top = lp.max(1)
    inner = np.exp(lp - top[:, None]); lw = lw + top + np.log(inner.mean(1))
    k = (T * L) ** 2 / (1 + (T * L) ** 2); kept.append(((inner * k).sum(1) / inner.sum(1), y))
log_z, mom = from_grid(lw, {"angle": u, "b2": kept[2][0] * kept[2][1], "b0": kept[0][0] * kept[0][1]}, 1 / len(u))
w = np.exp(lw - lw.max()); w /= w.sum()
for i, name in ((2, "b2"), (0, "b0")):
    y = ys[i]; lp = normal(y, 0, np.sqrt(1 + (T * L) ** 2)); inner = np.exp(lp - lp.max(1)[:, None]); inner /= inner.sum(1)[:, None]
    k = (T * L) ** 2 / (1 + (T * L) ** 2); second = (w * (inner * (k + (k * y) ** 2)).sum(1)).sum()
    mom[name] = (mom[name][0], math.sqrt(second - mom[name][0] ** 2))
program("horseshoe", "The horseshoe: random scales under a random scale.", f"""
let y = {ys}
sample tau ~ HalfCauchy(1)
sample lambda[j in 0..5] ~ HalfCauchy(1)
sample b[j in 0..5] ~ Normal(0, tau * lambda[j])
observe y ~ Normal(b, 1)
return {{ angle: atan(tau), b0: b[0], b2: b[2] }}""", mom, log_z)

# Labels, switches, branches
rng = np.random.default_rng(7)
ys = np.round(np.concatenate([rng.normal(-2, 1, 9), rng.normal(2.5, 1, 16)]), 3)
a = np.linspace(-8, 8, 1201); A, B = np.meshgrid(a, a, indexing="ij")
lw = normal(A, 0, 5) + normal(B, 0, 5)
for y in ys: lw = lw + np.logaddexp(math.log(0.35) + normal(y, A, 1), math.log(0.65) + normal(y, B, 1))
log_z, mom = from_grid(lw, {"a": A, "b": B, "swapped": (A > B) * 1.0}, (a[1] - a[0]) ** 2)
program("labels_two", "Two labels with unequal shares: the swapped ones are a small second mode.", f"""
let y = {ys.tolist()}
sample m[k in 0..2] ~ Normal(0, 5)
for i in 0..{len(ys)} {{
  factor logsumexp([log(0.35) + log_prob(Normal(m[0], 1), y[i]), log(0.65) + log_prob(Normal(m[1], 1), y[i])])
}}
return {{ a: m[0], b: m[1], swapped: real(m[0] > m[1]) }}""", mom, log_z)
ys = np.round(np.concatenate([rng.normal(-5, 0.7, 5), rng.normal(0, 0.7, 6), rng.normal(6, 0.7, 4)]), 3)
a = np.linspace(-9, 9, 241); A, B, C = np.meshgrid(a, a, a, indexing="ij")
lw = normal(A, 0, 5) + normal(B, 0, 5) + normal(C, 0, 5)
for y in ys: lw = lw + np.logaddexp(np.logaddexp(normal(y, A, 0.7), normal(y, B, 0.7)), normal(y, C, 0.7)) - math.log(3)
log_z, mom = from_grid(lw, {"a": A, "c": C, "up": (A < B) * 1.0}, (a[1] - a[0]) ** 3)
program("labels_three", "Three labels: six modes alike.", f"""
let y = {ys.tolist()}
sample m[k in 0..3] ~ Normal(0, 5)
for i in 0..{len(ys)} {{
  factor logsumexp([log_prob(Normal(m[k], 0.7), y[i]) for k in 0..3]) - log(3.0)
}}
return {{ a: m[0], c: m[2], up: real(m[0] < m[1]) }}""", mom, log_z)


def linear_switches():
    X = np.array([[1, .98, .1, -.3], [2, 2.03, -.4, .2], [-1, -.97, .3, .5], [.5, .52, -1, -.6], [-1.5, -1.49, .6, -.2], [.3, .31, .9, .8]])
    y = np.array([2.1, 3.9, -2.2, 0.7, -3.1, 1.0]); rows = []
    for k in itertools.product([0, 1], repeat=4):
        cov = 0.16 * np.eye(6) + 4 * X @ np.diag(k) @ X.T
        rows.append((k, sum(math.log(.3 if i else .7) for i in k) + stats.multivariate_normal.logpdf(y, np.zeros(6), cov)))
    lw = np.array([r[1] for r in rows]); z = special.logsumexp(lw); w = np.exp(lw - z)
    p = {f"k{j}": share(sum(wi for wi, r in zip(w, rows) if r[0][j])) for j in range(3)}
    program("switches", "Spike and slab over two columns that are all but equal: one, the other, or both.", f"""
let X = {X.tolist()}
let y = {y.tolist()}
sample k[j in 0..4] ~ Bernoulli(0.3)
sample b[j in 0..4] ~ Normal(0, 2)
observe y ~ Normal(X @ (k * b), 0.4)
return {{ k0: k[0], k1: k[1], k2: k[2] }}""", p, z, smooth=False)


linear_switches()
counts = [4, 5, 4, 0, 1, 4, 3, 4, 0, 6, 3, 3, 4, 0, 2, 6, 3, 3, 5, 4, 1, 1, 0, 2, 1, 0, 3, 1, 0, 1]
def segment(c): return special.gammaln(2 + sum(c)) - (2 + sum(c)) * math.log(1 + len(c)) - sum(special.gammaln(x + 1) for x in c)
lw = np.array([segment(counts[:t]) + segment(counts[t:]) - math.log(31) for t in range(31)])
z = special.logsumexp(lw); w = np.exp(lw - z); ts = np.arange(31)
program("change_point", "A change point with rates for each side.", f"""
let y = {counts}
sample t ~ DiscreteUniform(0, 30)
sample early ~ Gamma(2, 1)
sample late ~ Gamma(2, 1)
for i in 0..30 {{
  observe y[i] ~ Poisson(if i < t {{ early }} else {{ late }})
}}
return {{ t }}""", {"t": moments(w, ts)}, z, smooth=False)
la = math.log(0.001) + normal(8, 8, math.hypot(.1, .1)); lb = math.log(.999) + normal(8, 0, math.hypot(1, .1)) ; z = np.logaddexp(la, lb); pa = math.exp(la - z)
xa, xb, va, vb = 8.0, 8 / 1.01, .005, .01 / 1.01; m = pa * xa + (1 - pa) * xb
program("branch_rare", "An arm with a chance of one in a thousand explains everything.", """
sample rare ~ Flip(0.001)
let x = if rare { sample a ~ Normal(8, 0.1); a } else { sample b ~ Normal(0, 1); b }
observe 8.0 ~ Normal(x, 0.1)
return { rare, x }""", {"rare": share(pa), "x": (m, math.sqrt(pa * (va + xa ** 2) + (1 - pa) * (vb + xb ** 2) - m * m))}, z, smooth=False)
la = math.log(0.4) + normal(6, 0, math.hypot(3, .05)); lb = math.log(.6) + normal(6, 0, math.hypot(.05, math.sqrt(8) * 2)); z = np.logaddexp(la, lb)
program("branch_dims", "Two arms of different dimension, one and eight.", """
sample one ~ Flip(0.4)
let s = if one { sample a ~ Normal(0, 3); a } else { sample b[i in 0..8] ~ Normal(0, 2); sum(b) }
observe 6.0 ~ Normal(s, 0.05)
return { one }""", {"one": share(math.exp(la - z))}, z, smooth=False)
ks = np.arange(0, 60); pois = stats.poisson.pmf(ks, 3.0)
program("poisson_sum", "Counts without a bound that must add up.", "sample k[i in 0..4] ~ Poisson(3)\ncondition sum(k) == 25\nreturn { k0: k[0], k3: k[3] }",
        {n: (25 / 4, math.sqrt(25 * 3 / 16)) for n in ("k0", "k3")}, stats.poisson.logpmf(25, 12), smooth=False)


def ising(n, J, h):
    pairs = [(i * n + j, i * n + j + 1) for i in range(n) for j in range(n - 1)] + [(i * n + j, i * n + j + n) for i in range(n - 1) for j in range(n)]
    s = 2 * ((np.arange(2 ** (n * n))[:, None] >> np.arange(n * n)) & 1) - 1
    lw = J * sum(s[:, a] * s[:, b] for a, b in pairs) + h * s.sum(1) - n * n * math.log(2)
    z = special.logsumexp(lw); w = np.exp(lw - z); m = s.mean(1); mm = (w * m).sum()
    program("ising", "A cold magnet: all up, or all down.", f"""
sample s[i in 0..{n * n}] ~ Bernoulli(0.5)
let m = 2 * s - 1
factor {J} * (sum([sum([m[i * {n} + j] * m[i * {n} + j + 1] for j in 0..{n - 1}]) for i in 0..{n}]) + sum([sum([m[i * {n} + j] * m[i * {n} + j + {n}] for j in 0..{n}]) for i in 0..{n - 1}]))
factor {h} * sum(m)
return {{ mean: mean(m), s0: s[0] }}""", {"mean": (mm, math.sqrt((w * (m - mm) ** 2).sum())), "s0": share((w * (s[:, 0] > 0)).sum())}, z, smooth=False)


ising(4, 0.6, 0.03)

# Tight data, ridges, curves
N = 10000; q = special.ndtri((np.arange(N) + 0.5) / N); y = 3 + 2 * q
post = 1 / (1 / 100 + N / 4); m = post * y.sum() / 4
log_z = -0.5 * N * math.log(2 * math.pi * 4) + 0.5 * math.log(post / 100) - 0.5 * ((y ** 2).sum() / 4 - m * m / post)
program("tight_mean", "Ten thousand data on a mean.", f"let y = [3 + 2 * inv_Phi((i + 0.5) / {N}) for i in 0..{N}]\nsample mu ~ Normal(0, 10)\nobserve y ~ Normal(mu, 2)\nreturn {{ mu }}", {"mu": (m, math.sqrt(post))}, log_z)
N = 2500
x = (np.arange(N) + 0.5) / N - 0.5; y = 1 + 2 * x + 0.5 * special.ndtri(((np.arange(N) * 7919) % N + 0.5) / N)
X = np.stack([np.ones(N), x], 1); G, c, yy = X.T @ X, X.T @ y, y @ y
ls = np.linspace(math.log(.42), math.log(.58), 4001); lw = []; means = []; covs = []
for l in ls:
    s2 = math.exp(2 * l); P = np.eye(2) / 25 + G / s2; mu = np.linalg.solve(P, c / s2)
    lw.append(normal(l, 0, 1) - N * (l + .5 * math.log(2 * math.pi)) - math.log(25) - .5 * np.linalg.slogdet(P)[1] - .5 * (yy / s2 - mu @ P @ mu)); means.append(mu); covs.append(np.diag(np.linalg.inv(P)))
lw, means, covs = np.array(lw), np.array(means), np.array(covs)
log_z, mom = from_grid(lw, {"sigma": np.exp(ls), "b": means[:, 1]}, ls[1] - ls[0]); w = np.exp(lw - lw.max()); w /= w.sum()
mom["b"] = (mom["b"][0], math.sqrt(mom["b"][1] ** 2 + (w * covs[:, 1]).sum()))
program("tight_line", "Thousands of data on a line and its scale.", f"""
let x = [(i + 0.5) / {N} - 0.5 for i in 0..{N}]
let y = [1 + 2 * x[i] + 0.5 * inv_Phi(((i * 7919) % {N} + 0.5) / {N}) for i in 0..{N}]
sample a ~ Normal(0, 5)
sample b ~ Normal(0, 5)
sample sigma ~ LogNormal(0, 1)
observe y ~ Normal(a + b * x, sigma)
return {{ b, sigma }}""", mom, log_z)
g = np.linspace(-6, 6, 6001)
lw = np.zeros(g.shape); a2 = []
# For fixed a, b is Gaussian: N(0, 1) prior, datum 2 ~ N(a b, .05).
s2 = .05 ** 2; vb = 1 / (1 + g * g / s2); mb = vb * g * 2 / s2; lw = normal(g, 0, 1) + normal(2, 0, np.sqrt(s2 + g * g))
log_z, mom = from_grid(lw, {"a": g, "b": mb, "plus": (g > 0) * 1.0, "size": np.abs(g)}, g[1] - g[0]); w = np.exp(lw - lw.max()); w /= w.sum()
mom["b"] = (mom["b"][0], math.sqrt(mom["b"][1] ** 2 + (w * vb).sum()))
program("product", "Only a product is seen: two thin curved ridges.", "sample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nobserve 2.0 ~ Normal(a * b, 0.05)\nreturn { a, b, plus: real(a > 0), size: abs(a) }", mom, log_z)
v = 200 + 1e-4
program("ridge", "Only a sum is seen: a ridge a thousand times as long as wide.", "sample a ~ Normal(0, 10)\nsample b ~ Normal(0, 10)\nobserve 1.0 ~ Normal(a + b, 0.01)\nreturn { a, sum: a + b }",
        {"a": (100 / v, math.sqrt(100 - 1e4 / v)), "sum": (200 / v, math.sqrt(200 - 4e4 / v))}, normal(1, 0, math.sqrt(v)))
lw = normal(g, 0, 1) + normal(0, -g * g + 0, math.hypot(1, .05)); k = 1 / 1.0025
log_z, mom = from_grid(lw, {"x": g, "y": k * g * g}, g[1] - g[0]); w = np.exp(lw - lw.max()); w /= w.sum()
mom["y"] = (mom["y"][0], math.sqrt(mom["y"][1] ** 2 + .0025 * k))
program("banana", "A thin banana.", "sample x ~ Normal(0, 1)\nsample y ~ Normal(0, 1)\nobserve 0.0 ~ Normal(y - x ^ 2, 0.05)\nreturn { x, y }", mom, log_z)
d = 20; S = np.array([10.0 ** (-4 * i / (d - 1)) for i in range(d)]); rot = np.array([[math.sin(1.7 * i * j + i + 2 * j) for j in range(d)] for i in range(d)]); Q, _ = np.linalg.qr(rot)
Q = np.round(Q, 6); y = Q @ np.ones(d) * 0.5; cov = Q @ Q.T + np.diag(S)
gain = Q.T @ np.linalg.inv(cov); post = np.eye(d) - gain @ Q; mu = gain @ y
program("linear_d20", "Twenty dimensions with scales from 1 to 0.01.", f"""
let Q = {Q.tolist()}
let y = {np.round(y, 9).tolist()}
sample x[i in 0..{d}] ~ Normal(0, 1)
observe y ~ Normal(Q @ x, {np.round(np.sqrt(S), 9).tolist()})
return {{ x0: x[0], x19: x[19] }}""", {"x0": (mu[0], math.sqrt(post[0, 0])), "x19": (mu[19], math.sqrt(post[19, 19]))}, stats.multivariate_normal.logpdf(y, np.zeros(d), cov))
n = 400; xs = [np.sin(1.3 * np.arange(n)), np.cos(2.1 * np.arange(n))]; yb = ((0.5 + 1.5 * xs[0] - xs[1] + 1.2 * np.sin(5.7 * np.arange(n))) > 0).astype(int)
ga = [np.linspace(-.5, 2, 121), np.linspace(.8, 4.2, 121), np.linspace(-3.2, -.2, 121)]
A, B, C = np.meshgrid(*ga, indexing="ij"); lw = normal(A, 0, 2) + normal(B, 0, 2) + normal(C, 0, 2)
for i in range(n):
    e = A + B * xs[0][i] + C * xs[1][i]; lw = lw - np.logaddexp(0, -e if yb[i] else e)
log_z, mom = from_grid(lw, {"a": A, "b": B, "c": C}, math.prod(h[1] - h[0] for h in ga))
program("logistic", "A logistic regression of four hundred data.", f"""
let u = [sin(1.3 * i) for i in 0..{n}]
let v = [cos(2.1 * i) for i in 0..{n}]
let y = {yb.tolist()}
sample a ~ Normal(0, 2)
sample b ~ Normal(0, 2)
sample c ~ Normal(0, 2)
observe y ~ BernoulliLogit(a + b * u + c * v)
return {{ a, b, c }}""", mom, log_z)

# Necks: values that could meet all evidence of a drawn scale, so that the posterior has mass at scale 0.
SEEN = [0.4, -0.9, 1.3, 0.2, -0.6]
scales = np.concatenate([np.geomspace(1e-6, .01, 400), np.linspace(.01, 6, 6000)[1:]])
cells = np.gradient(scales)


def neck(name, why, text, y, log_seen):
    """One scale s ~ HalfNormal(1); `log_seen`(y_i, s) is the log-density of one value given s, all else integrated out."""
    lw = math.log(2) + normal(scales, 0, 1) + sum(log_seen(v, scales) for v in y) + np.log(cells)
    log_z, mom = from_grid(lw, {"s": scales}, 1.0)
    program(name, why, text, mom, log_z)


def smoothed(latent, noise):
    """log ∫ latent(x) noise((y − x) / s) / s dx at each s, over quantiles of the noise and of the latent value, whichever is the wider."""
    u = (np.arange(4000) + .5) / 4000
    def at(y, s):
        wide = s[:, None] < 1
        return np.log(np.where(wide[:, 0], latent.pdf(y - s[:, None] * noise.ppf(u)).mean(1), (noise.pdf((y - latent.ppf(u)) / s[:, None]) / s[:, None]).mean(1)))
    return at


for n, name in ((5, "neck_five"), (3, "neck_three")):
    neck(name, f"{n} latent values could meet {n} data exactly: the neck of a drawn scale.",
         f"sample s ~ HalfNormal(1)\nsample x ~ iid(Normal(0, 1), {n})\nobserve {SEEN[:n]} ~ Normal(x, s)\nreturn {{ s }}", SEEN[:n], lambda y, s: normal(y, 0, np.hypot(1, s)))
neck("neck_student_latent", "A neck whose latent values have Student's law.",
     f"sample s ~ HalfNormal(1)\nsample x ~ iid(StudentT(4, 0, 1), 5)\nobserve {SEEN} ~ Normal(x, s)\nreturn {{ s }}", SEEN, smoothed(stats.t(4), stats.norm))
neck("neck_student_noise", "A neck whose noise has Student's law.",
     f"sample s ~ HalfNormal(1)\nsample x ~ iid(Normal(0, 1), 5)\nobserve {SEEN} ~ StudentT(4, x, s)\nreturn {{ s }}", SEEN, smoothed(stats.norm, stats.t(4)))

y = np.array([0.3, 0.5, 0.1, 0.9, 1.2, 0.8, 1.5, 1.1, 1.9, 1.6]); steps = np.arange(1, 11)
w, v = np.linalg.eigh(np.minimum.outer(steps, steps).astype(float)); turned = (v.T @ y) ** 2
S, Q = np.meshgrid((np.arange(800) + .5) / 800 * 4, (np.arange(800) + .5) / 800 * 4)
var = S[..., None] ** 2 + Q[..., None] ** 2 * w
log_z, mom = from_grid(-.5 * (turned / var + np.log(2 * math.pi * var)).sum(-1) + 2 * math.log(2) + normal(S, 0, 1) + normal(Q, 0, 1), {"s": S, "q": Q}, (4 / 800) ** 2)
program("neck_level", "A local level that could meet ten data exactly.", f"sample s ~ HalfNormal(1)\nsample q ~ HalfNormal(1)\nsample e ~ iid(Normal(0, 1), 10)\nlet level = q * cumsum(e)\nobserve {y.tolist()} ~ Normal(level, s)\nreturn {{ s, q }}", mom, log_z)
seen = [-1.2, -0.7, -0.3, 0.0, 0.4, 0.6, 1.1, 1.5]; y = [-0.9, -0.8, 0.1, 0.3, 0.2, 0.9, 1.0, 1.8]
A, B, S = np.meshgrid(np.linspace(-2, 2.4, 133), np.linspace(-1.2, 4, 209), (np.arange(300) + .5) / 300 * 3, indexing="ij")
lw = normal(A, 0, 1) + normal(B, 0, 1) + math.log(2) + normal(S, 0, 1)
for wi, yi in zip(seen, y): lw = lw + normal(wi, 0, math.sqrt(1.25)) + normal(yi, A + .8 * B * wi, np.sqrt(.2 * B * B + S * S))
log_z, mom = from_grid(lw, {"s": S, "b": B}, 4.4 / 132 * 5.2 / 208 * .01)
program("neck_errors", "Measurement errors: true covariates that could meet all data.", f"sample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nsample s ~ HalfNormal(1)\nsample x ~ iid(Normal(0, 1), 8)\nobserve {seen} ~ Normal(x, 0.5)\nobserve {y} ~ Normal(a + b * x, s)\nreturn {{ s, b }}", mom, log_z)

for name, truth in ALL.items():
    (HERE / f"{name}.json").write_text(json.dumps(truth, indent=1) + "\n")
print(len(ALL), "programs")
