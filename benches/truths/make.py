#!/usr/bin/env python3
"""Write the targets of docs/truths.md whose truth is a formula, a sum or a quadrature: python3 benches/truths/make.py

Each target is NAME.odp with NAME.json beside it in targets/: params (mean, sd of every output), log_z, published (figure and where).
Targets without a truth for log Z have null there. Forty-mode means are drawn once by this script with a fixed seed.
"""
import json, math, pathlib, random

HERE = pathlib.Path(__file__).resolve().parent


def write(name, program, params, log_z, published=None, log_z_se=0.0, is_ess=None, note=None):
    (HERE / "targets" / f"{name}.odp").write_text(program)
    truth = dict(params=params, log_z=log_z, log_z_se=log_z_se, published=published, aim_is_ess=is_ess, note=note)
    (HERE / "targets" / f"{name}.json").write_text(json.dumps(truth, indent=1) + "\n")


def stat(mean, sd, kurtosis=3.0): return dict(mean=mean, sd=sd, kurtosis=kurtosis)


def share(p): return stat(p, math.sqrt(p * (1 - p)), (1 - 3 * p + 3 * p * p) / (p * (1 - p)))


def integrate(f, low, high, n=200_001):
    h = (high - low) / (n - 1)
    return h * sum(f(low + i * h) * (0.5 if i in (0, n - 1) else 1.0) for i in range(n))


def moments(log_density, low, high):
    """log of the integral, mean, sd, kurtosis, and the share above 0 of a density on a line."""
    top = max(log_density(low + (high - low) * i / 5000) for i in range(5001))
    p = lambda x: math.exp(log_density(x) - top)
    z = integrate(p, low, high)
    mean = integrate(lambda x: x * p(x), low, high) / z
    var = integrate(lambda x: (x - mean) ** 2 * p(x), low, high) / z
    fourth = integrate(lambda x: (x - mean) ** 4 * p(x), low, high) / z
    return math.log(z) + top, mean, math.sqrt(var), fourth / var ** 2, integrate(p, max(low, 0.0), high) / z


def gmm25():
    var = 50 + 0.3
    kurtosis = ((2 * 10_000 + 2 * 625) / 5 + 6 * 50 * 0.3 + 3 * 0.09) / var ** 2
    program = """/// 25 separated modes on a grid: {-10, -5, 0, 5, 10} squared, variance 0.3.
let grid = [-10.0, -5, 0, 5, 10]
fn along(u) { logsumexp([log_prob(Normal(m, sqrt(0.3)), u) for m in grid]) - log(5) }
sample x ~ Normal(0, 8)
sample y ~ Normal(0, 8)
let (row, column) = (floor(x / 5 + 0.5), floor(y / 5 + 0.5))
factor log(exp(along(x) + along(y))) - log_prob(Normal(0, 8), x) - log_prob(Normal(0, 8), y)
return { x, y, corner: real(row == -2 and column == 2), middle: real(row == 0 and column == 0), edge: real(row == 2 and column == 0) }
"""
    write("gmm25", program, dict(x=stat(0, math.sqrt(var), kurtosis), y=stat(0, math.sqrt(var), kurtosis), corner=share(.04), middle=share(.04), edge=share(.04)), 0.0,
          ".171, reweighted .004 (Sendera et al. 2024, TB with exploration and local search, 25,000 iterations)")


def forty(d):
    rng = random.Random(40 + d)
    means = [[round(rng.uniform(-40, 40), 2) for _ in range(d)] for _ in range(40)]
    sd = 1.3133  # softplus(1), as published
    program = f"""/// Forty modes in {d} dimensions, their means uniform in [-40, 40], one width.
let means = {means}
sample x ~ iid(Normal(0, 25), {d})
let near = [sum((x - means[k]) ^ 2) for k in 0..40]
factor logsumexp(-near / {2 * sd * sd:.10f}) - log(40) - {d * math.log(sd):.10f} + sum((x / 25) ^ 2) / 2 + {d * math.log(25):.10f}
let nearest = argmin(near)
return {{ first: x[0], last: x[{d - 1}], mode: [real(nearest == k) for k in 0..40] }}
"""
    params = {f"mode[{k}]": share(1 / 40) for k in range(40)}
    for name, i in (("first", 0), ("last", d - 1)):
        column = [m[i] for m in means]; mean = sum(column) / 40
        var = sum((c - mean) ** 2 for c in column) / 40 + sd * sd
        fourth = sum((c - mean) ** 4 + 6 * (c - mean) ** 2 * sd * sd + 3 * sd ** 4 for c in column) / 40
        params[name] = stat(mean, math.sqrt(var), fourth / var ** 2)
    # Neighbours closer than a few widths share draws by distance; the nearest pair is told apart.
    gap = min(math.dist(a, b) for i, a in enumerate(means) for b in means[:i])
    if gap < 8 * sd: params = {k: v for k, v in params.items() if not k.startswith("mode") or min(math.dist(means[int(k[5:-1])], m) for j, m in enumerate(means) if j != int(k[5:-1])) > 8 * sd}
    write(f"gmm40_d{d}", program, params, 0.0, {2: "all modes, Sinkhorn 6.46 (Choi et al. 2025)", 5: "Sinkhorn 83.3 (Choi et al. 2025)"}.get(d))


def many_well(form):
    a = moments(lambda x: -x ** 4 + 6 * x * x + x / 2, -6, 6)
    z = 16 * (a[0] + 0.5 * math.log(2 * math.pi))
    both = a[4] ** 2
    head = f"/// Sixteen double wells, each beside a Gaussian: 65536 modes ({'a factor for each pair' if form == 'pairs' else 'one summed factor'}).\nsample x ~ iid(Normal(0, 2), 32)\n"
    body = {"pairs": """for i in 0..16 {
  let (a, b) = (x[2 * i], x[2 * i + 1])
  factor -a ^ 4 + 6 * a ^ 2 + a / 2 - b ^ 2 / 2 - log_prob(Normal(0, 2), a) - log_prob(Normal(0, 2), b)
}
""", "sum": """let a = [x[2 * i] for i in 0..16]
let b = [x[2 * i + 1] for i in 0..16]
factor sum(-a ^ 4 + 6 * a ^ 2 + a / 2) - sum(b ^ 2) / 2 - sum([log_prob(Normal(0, 2), u) for u in x])
"""}[form]
    tail = "let up = [real(x[2 * i] > 0) for i in 0..16]\nreturn { first: x[0], last: x[30], flat: x[31], up, both: [up[i] * up[(i + 1) % 16] for i in 0..16], all_four: up[0] * up[5] * up[10] * up[15], ups: sum(up) }\n"
    params = {"first": stat(*a[1:4]), "last": stat(*a[1:4]), "flat": stat(0, 1)}
    params |= {f"up[{i}]": share(a[4]) for i in range(16)} | {f"both[{i}]": share(both) for i in range(16)}
    params["all_four"] = share(a[4] ** 4); params["ups"] = stat(16 * a[4], math.sqrt(16 * a[4] * (1 - a[4])))
    write(f"manywell32_{form}", head + body + tail, params, z, "3.85 (PIS), reweighted .02 (VarGrad with all, Sendera et al. 2024)")


def many_well5():
    a = moments(lambda x: -(x * x - 4) ** 2, -5, 5)
    program = """/// Five double wells: 32 equal modes.
sample x ~ iid(Normal(0, 2), 5)
factor sum([-(u ^ 2 - 4) ^ 2 - log_prob(Normal(0, 2), u) for u in x])
return { x, same: real(x[0] * x[1] > 0), all_up: real(x[0] > 0 and x[1] > 0 and x[2] > 0 and x[3] > 0 and x[4] > 0) }
"""
    write("manywell5", program, {f"x[{i}]": stat(a[1], a[2], a[3]) for i in range(5)} | dict(same=share(.5), all_up=share(1 / 32)), 5 * a[0], "Sinkhorn .15 (ASBS)")


def funnel10():
    program = """/// Neal's funnel as a factor over a broad prior.
sample v ~ Normal(0, 3)
sample x ~ iid(Normal(0, 5), 9)
factor sum([log_prob(Normal(0, exp(v / 2)), u) - log_prob(Normal(0, 5), u) for u in x])
return { v, neck: real(v < -3), mouth: real(v > 3), angle: atan(x[0]) }
"""
    phi = 0.5 * math.erfc(1 / math.sqrt(2))
    write("funnel_d10", program, dict(v=stat(0, 3), neck=share(phi), mouth=share(phi)), 0.0, ".424 (DDS), reweighted .051 (TB with Langevin, Sendera et al. 2024)")


def nine_of_25():
    weights = [4, 10, 4, 5, 10, 5, 4, 15, 4]
    program = """/// A prior of 25 modes; the constraint keeps nine of them with weights of its own.
let grid = [-10.0, -5, 0, 5, 10]
let weights = [4.0, 10, 4, 5, 10, 5, 4, 15, 4]
sample mode ~ DiscreteUniform(0, 24)
let centre = [grid[div(mode, 5)], grid[mode % 5]]
sample x ~ Normal(centre, sqrt(0.3))
fn kept(k) { log(weights[k]) + log_prob(Normal(5.0 * div(k, 3) - 5, sqrt(0.3)), x[0]) + log_prob(Normal(5.0 * (k % 3) - 5, sqrt(0.3)), x[1]) }
let prior = logsumexp([log_prob(Normal(m, sqrt(0.3)), x[0]) for m in grid]) + logsumexp([log_prob(Normal(m, sqrt(0.3)), x[1]) for m in grid]) - log(25)
factor logsumexp([kept(k) for k in 0..9]) - prior
let (row, column) = (floor(x[0] / 5 + 1.5), floor(x[1] / 5 + 1.5))
return { share: [real(row == div(k, 3) and column == k % 3) for k in 0..9] }
"""
    write("nine_of_25", program, {f"share[{k}]": share(w / 61) for k, w in enumerate(weights)}, math.log(61), "no figure (Venkatraman et al., RTB 2024)")


def ring():
    program = """/// A thin shell in two coordinates and a half-space in a third.
sample z ~ iid(StdNormal(), 4)
let radius = sqrt(z[0] ^ 2 + z[1] ^ 2)
condition radius > 2.4 and radius < 2.6
condition z[2] > 1.5
return { radius, across: z[0], beyond: z[2], free: z[3], right: real(z[0] > 0) }
"""
    p = (math.exp(-2.4 ** 2 / 2) - math.exp(-2.6 ** 2 / 2)) * 0.5 * math.erfc(1.5 / math.sqrt(2))
    r = moments(lambda u: math.log(u) - u * u / 2, 2.4, 2.6); t = moments(lambda u: -u * u / 2, 1.5, 12.0)
    across = math.sqrt((r[2] ** 2 + r[1] ** 2) / 2)
    write("ring", program, dict(radius=stat(*r[1:4]), across=stat(0, across, 1.5), beyond=stat(*t[1:4]), free=stat(0, 1), right=share(.5)), math.log(p),
          "fails with the paper's recipe: IS-ESS .001", is_ess=.25)


def logistic(name, log_z, se, published, d, is_ess=None):
    program = f"/// Logistic regression on {name.capitalize()}, standardised, with an intercept.\ndata X: real[N, d]\ndata y: int[N]\nsample beta ~ iid(StdNormal(), d)\nobserve y ~ BernoulliLogit(X @ beta)\nreturn {{ beta }}\n"
    write(name, program, {}, log_z, published, log_z_se=se, is_ess=is_ess)


gmm25(); [forty(d) for d in (2, 5, 10)]; many_well("pairs"); many_well("sum"); many_well5(); funnel10(); nine_of_25(); ring()
logistic("ionosphere", -111.61, .04, "none read", 35)
logistic("sonar", -108.37, .02, "ELBO −108.83 (arXiv 2506.10982)", 61, is_ess=.3)
