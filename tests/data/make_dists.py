"""Tables of log-densities and log tails, made with mpmath, against which `src/dist/tests.rs` holds the distributions.

Run from this folder: `python make_dists.py` (mpmath 1.3; a few minutes). Writes

  dists/univariate.csv    name,parameters,x,log_density,log_cdf,log_ccdf
  dists/multivariate.csv  name,parameters,x,log_density      parameters: arrays, `;` between them, spaces within
  dists/slopes.csv        name,parameters,z,x,dx/dz,dx/dp    of the transport that carries z to x; p: every parameter

`python make_dists.py slopes` writes the last one alone.

Every number is a shortest decimal that reads back to the same f64. Points x lie at tail probabilities from 1e-300 to one
half on both sides; formulas are the textbook ones at 60 digits, tails that have none are integrated or summed.
"""

import sys

from mpmath import mp, mpf, inf, pi, log, sqrt, erf, erfc, atan, cos, loggamma, log1p, expm1, besseli, quad, matrix, det, inverse, fsum, floor

mp.dps = 60
TAILS = ["1e-300", "1e-100", "1e-30", "1e-8", "1e-3", "0.2", "0.49"]


def exp(x):
    """mpmath's, where the result has any meaning here."""
    return mpf(0) if x < -1e6 else inf if x > 1e6 else mp.exp(x)


def lgam(x):
    return loggamma(mpf(x))


def lbeta(a, b):
    return lgam(a) + lgam(b) - lgam(a + b)


def ln(x):
    return log(x) if x > 0 else -inf


# ---- continuous: log-density, both tails ------------------------------------------------------------------------------

def std(lpdf, tails):
    """Location mu = p[0] and scale = p[1] from the standard form."""
    def full(p, x):
        t = (x - p[0]) / p[1]
        return lpdf(t) - log(p[1]), *tails(t)
    return full


def half(lpdf, lower, tails):
    """Folded at 0, scale p[-1]; lpdf and tails are those of the symmetric standard form, lower is P(|T| <= t)."""
    def full(p, x):
        t = x / p[-1]
        return lpdf(p[:-1], t) + log(2) - log(p[-1]), lower(p[:-1], t), 2 * tails(p[:-1], t)[1]
    return full


def normal_tails(t):
    return erfc(-t / sqrt(2)) / 2, erfc(t / sqrt(2)) / 2


def normal_lpdf(t):
    return -t * t / 2 - log(2 * pi) / 2


def student_lpdf(nu, t):
    return lgam((nu + 1) / 2) - lgam(nu / 2) - log(nu * pi) / 2 - (nu + 1) / 2 * log1p(t * t / nu)


def ibeta(a, b, x, y=None):
    """Regularised I_x(a, b) with relative accuracy, by its continued fraction or by its complement."""
    y = 1 - x if y is None else y
    if x <= 0:
        return mpf(0)
    if y <= 0:
        return mpf(1)
    if x > (a + 1) / (a + b + 2):
        return 1 - ibeta(b, a, y, x)
    # DLMF 8.17.22 by Lentz's method
    d, c, f, m = mpf(0), mpf(1), mpf(1), 0
    while True:
        for step in (2 * m, 2 * m + 1):
            if step == 0:
                num = mpf(1)
            elif step % 2 == 0:
                num = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            else:
                num = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            d = 1 / (1 + num * d)
            c = 1 + num / c
            f *= c * d
        m += 1
        if abs(c * d - 1) < mpf(10) ** (-mp.dps + 5):
            return exp(a * log(x) + b * log(y) - lbeta(a, b)) / a * (f - 1)


def igamma_pair(a, x):
    """P and Q, each relatively accurate: the power series of P, or Q integrated as a continued fraction."""
    if x <= 0:
        return mpf(0), mpf(1)
    k = exp(a * log(x) - x - lgam(a))
    if x < a + 1:
        term = total = 1 / a
        n = 0
        while term > total * mpf(10) ** (-mp.dps - 5):
            n += 1
            term *= x / (a + n)
            total += term
        return k * total, 1 - k * total
    b, c = x + 1 - a, mpf(10) ** 300
    d = 1 / b
    h = d
    i = 0
    while True:
        i += 1
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b)
        c = b + an / c
        h *= d * c
        if abs(d * c - 1) < mpf(10) ** (-mp.dps + 5):
            return 1 - k * h, k * h


def student_tails(nu, t):
    outer = ibeta(nu / 2, mpf(1) / 2, nu / (nu + t * t)) / 2
    return (outer, 1 - outer) if t < 0 else (1 - outer, outer)


def cauchy_tails(t):
    low = lambda t: atan(-1 / t) / pi if t < 0 else mpf(1) / 2 + atan(t) / pi
    return low(t), low(-t)


def lognormal(p, x):
    t = (log(x) - p[0]) / p[1]
    return normal_lpdf(t) - log(p[1]) - log(x), *normal_tails(t)


def uniform(p, x):
    w = p[1] - p[0]
    return -log(w), (x - p[0]) / w, (p[1] - x) / w


def exponential(p, x):
    return log(p[0]) - p[0] * x, -expm1(-p[0] * x), exp(-p[0] * x)


def gamma_(p, x):
    a, b = p
    return a * log(b) + (a - 1) * log(x) - b * x - lgam(a), *igamma_pair(a, b * x)


def invgamma(p, x):
    a, b = p
    low, up = igamma_pair(a, b / x)
    return a * log(b) - (a + 1) * log(x) - b / x - lgam(a), up, low


def beta_(p, x):
    a, b = p
    return (a - 1) * log(x) + (b - 1) * log1p(-x) - lbeta(a, b), ibeta(a, b, x), ibeta(b, a, 1 - x, x)


def laplace_tails(t):
    low = lambda t: exp(t) / 2 if t < 0 else 1 - exp(-t) / 2
    return low(t), low(-t)


def logistic_tails(t):
    return 1 / (1 + exp(-t)), 1 / (1 + exp(t))


def gumbel_tails(t):
    return exp(-exp(-t)), -expm1(-exp(-t))


def frechet(p, x):
    a, s = p
    e = (x / s) ** (-a)
    return log(a / s) + (-1 - a) * log(x / s) - e, exp(-e), -expm1(-e)


def weibull(p, x):
    a, s = p
    e = (x / s) ** a
    return log(a / s) + (a - 1) * log(x / s) - e, -expm1(-e), exp(-e)


def swept(t, alpha):
    """P(T <= t) for alpha >= 0, less that for alpha = inf: the integral of -dF/dalpha = exp(-t^2 (1 + s^2) / 2) / (pi (1 + s^2)).

    (The Rust tests integrate the density directly.) mpmath's quad stops at an absolute error, so its integrand is scaled.
    """
    scale = exp(-t * t * (1 + alpha ** 2) / 2)
    f = lambda s: exp(-t * t * (s * s - alpha * alpha) / 2) / (1 + s * s) / pi
    h = t * t / 2
    far = 90 / (h * alpha + sqrt(h * h * alpha * alpha + 90 * h))  # where the exponent has fallen by 90
    ends = [alpha, alpha + min(far, 1) / 8]
    while ends[-1] < alpha + far:
        ends.append(min(alpha + far, alpha + 4 * (ends[-1] - alpha)))
    old, mp.dps = mp.dps, 30
    area = quad(f, ends)
    mp.dps = old
    return scale * area


def skew_tails(t, alpha):
    if alpha < 0:
        return skew_tails(-t, -alpha)[::-1]
    sweep = swept(t, alpha)
    return (sweep, 1 - sweep) if t < 0 else (erf(t / sqrt(2)) + sweep, erfc(t / sqrt(2)) - sweep)


def skew_normal(p, x):
    xi, omega, alpha = p
    t = (x - xi) / omega
    lpdf = log(2 / omega) + normal_lpdf(t) + log(erfc(-alpha * t / sqrt(2)) / 2)
    return lpdf, *skew_tails(t, alpha)


def chi_square(p, x):
    return gamma_([p[0] / 2, mpf(1) / 2], x)


def inv_chi_square(p, x):
    return invgamma([p[0] / 2, mpf(1) / 2], x)


def pareto(p, x):
    y, a = p
    return log(a) + a * log(y) - (a + 1) * log(x), -expm1(a * log(y / x)), (y / x) ** a


def beta_proportion(p, x):
    # The shapes are rounded to f64 by the implementation too; the table takes them as they are.
    return beta_([p[0] * p[1], (1 - p[0]) * p[1]], x)


def von_mises(p, x):
    mu, kappa = p
    norm = 2 * pi * besseli(0, kappa)
    f = lambda t: exp(kappa * (cos(t - mu) - cos(x - mu)))  # scaled: quad stops at an absolute error
    width = 1 / (4 + kappa)
    turn = mu - 2 * pi * floor((mu + pi) / (2 * pi))
    # Break points that crowd where the integrand has its scale: at x, at the peak.
    near = [c + s * width * mpf(4) ** k for c in (x, turn) for k in range(0, 10) for s in (-1, 1)] + [turn]
    old, mp.dps = mp.dps, 30
    low = quad(f, [-pi] + sorted(c for c in near if -pi < c < x) + [x])
    up = quad(f, [x] + sorted(c for c in near if x < c < pi) + [pi])
    mp.dps = old
    here = exp(kappa * cos(x - mu)) / norm
    return log(here), here * low, here * up


def triangular(p, x):
    a, c, b = p
    if x < c:
        low = (x - a) ** 2 / ((b - a) * (c - a))
        return log(2 * (x - a) / ((b - a) * (c - a))), low, 1 - low
    up = (b - x) ** 2 / ((b - a) * (b - c))
    return log(2 * (b - x) / ((b - a) * (b - c))), 1 - up, up


def student(p, x):
    t = (x - p[1]) / p[2]
    return student_lpdf(p[0], t) - log(p[2]), *student_tails(p[0], t)


CONTINUOUS = {
    "StdNormal": (lambda p, x: (normal_lpdf(x), *normal_tails(x)), [[]]),
    "Normal": (std(normal_lpdf, normal_tails), [[0, 1], [-3.5, 0.01], [1e6, 30]]),
    "LogNormal": (lognormal, [[0, 1], [2, 0.3], [-1, 4]]),
    "HalfNormal": (half(lambda p, t: normal_lpdf(t), lambda p, t: erf(t / sqrt(2)), lambda p, t: normal_tails(t)), [[1], [250]]),
    "StudentT": (student, [[3, 0, 1], [0.5, 2, 3], [40, -1, 0.2], [1e7, 0, 1]]),
    "HalfStudentT": (half(lambda p, t: student_lpdf(p[0], t), lambda p, t: ibeta(mpf(1) / 2, p[0] / 2, t * t / (p[0] + t * t)), lambda p, t: student_tails(p[0], t)), [[3, 1], [0.7, 5], [100, 0.1]]),
    "Cauchy": (std(lambda t: -log(pi) - log1p(t * t), cauchy_tails), [[0, 1], [-4, 0.1]]),
    "HalfCauchy": (half(lambda p, t: -log(pi) - log1p(t * t), lambda p, t: 2 * atan(t) / pi, lambda p, t: cauchy_tails(t)), [[1], [25]]),
    "Uniform": (uniform, [[0, 1], [-7, 3]]),
    "Exponential": (exponential, [[1], [0.02]]),
    "Gamma": (gamma_, [[1, 1], [0.1, 2], [3.5, 0.5], [2e4, 10], [0.01, 1]]),
    "InvGamma": (invgamma, [[1, 1], [0.1, 2], [3.5, 0.5], [500, 10]]),
    "Beta": (beta_, [[1, 1], [0.5, 0.5], [2, 7], [0.05, 3], [3e3, 2e4]]),
    "Laplace": (std(lambda t: -abs(t) - log(2), laplace_tails), [[0, 1], [5, 0.1]]),
    "Logistic": (std(lambda t: -t - 2 * log1p(exp(-t)), logistic_tails), [[0, 1], [5, 0.1]]),
    "Gumbel": (std(lambda t: -t - exp(-t), gumbel_tails), [[0, 1], [3, 0.2]]),
    "Frechet": (frechet, [[1, 1], [4, 0.1]]),
    "Weibull": (weibull, [[1, 1], [0.4, 3], [20, 0.5]]),
    "SkewNormal": (skew_normal, [[0, 1, 0], [1, 2, 3], [0, 1, -0.5], [-5, 0.1, -40]]),
    "ChiSquare": (chi_square, [[1], [0.3], [300]]),
    "InvChiSquare": (inv_chi_square, [[1], [8]]),
    "Pareto": (pareto, [[1, 1], [0.2, 5]]),
    "BetaProportion": (beta_proportion, [[0.5, 2], [0.25, 30]]),
    "VonMises": (von_mises, [[0, 1], [2.5, 4], [9, 0.5], [1, 1e4]]),
    "Triangular": (triangular, [[0, 0.25, 1], [-1, -1, 2], [-1, 2, 2]]),
}
POSITIVE = {"LogNormal", "HalfNormal", "HalfStudentT", "HalfCauchy", "Exponential", "Gamma", "InvGamma", "Beta", "Frechet",
            "Weibull", "ChiSquare", "InvChiSquare", "BetaProportion"}
RANGE = {"Uniform": lambda p: (p[0], p[1]), "Triangular": lambda p: (p[0], p[2]), "VonMises": lambda p: (-pi, pi),
         "Beta": lambda p: (0, 1), "BetaProportion": lambda p: (0, 1), "Pareto": lambda p: (p[0], inf)}


def f64(x):
    return mpf(float(x))


def points(name, f, p):
    """f64s near the quantiles of TAILS, found by bisection over f64-like positions (in logs from the lower end)."""
    low, high = RANGE.get(name, lambda p: (0, inf) if name in POSITIVE else (-inf, inf))(p)
    low, high = mpf(low), mpf(high)

    def place(u):  # u in (-1, 1) covers the support, logarithmically towards both ends
        if low > -inf and high < inf:
            w = high - low
            return low + w * exp(720 * u) / 2 if u < 0 else high - w * exp(-720 * u) / 2
        if low > -inf:
            return low + exp(700 * u)
        return -exp(-720 * u - 10) if u < 0 else exp(720 * u - 10)

    found = []
    for side in (1, 2):
        for tail in TAILS:
            a, b = mpf(-1), mpf(1)
            for _ in range(80):
                m = (a + b) / 2
                x = place(m)
                try:
                    t = f(p, x)[side]
                except (ZeroDivisionError, ValueError, OverflowError):
                    t = mpf(0) if (m < 0) == (side == 1) else mpf(1)
                if (t < mpf(tail)) == (side == 1):
                    a = m
                else:
                    b = m
                if mpf(tail) / 2 < t < mpf(tail) * 2:
                    break
            x = f64(x)
            near = name == "VonMises" and min(x - low, high - x) < 1e-3  # f64s too sparse for a relative tail
            if low < x < high and not near and abs(x) > mpf("1e-305") and x not in found:
                found.append(x)
    return sorted(found)


# ---- derivatives of transports ------------------------------------------------------------------------------------------

SLOPES = {  # parameter sets, and the share of a parameter by which it is moved: the root of the tails' relative error
    "Gamma": ([[1e-3, 1], [0.1, 2], [0.9, 1], [3.5, 0.5], [25, 1], [1e3, 1e-3], [2e4, 10]], "1e-20"),
    "InvGamma": ([[0.1, 2], [40, 10]], "1e-20"),
    "Beta": ([[1e-3, 1e-3], [1e-3, 50], [0.5, 0.5], [2, 7], [30, 0.2], [1e3, 1e3], [3e3, 2e4]], "1e-20"),
    "StudentT": ([[0.5, 0, 1], [3, 0.5, 2], [40, -1, 0.2], [99, 0, 1], [101, 0, 1], [200, 0, 1], [1e4, 0, 1], [1e7, 0, 1]], "1e-20"),
    "VonMises": ([[0, 1], [2.5, 4], [9, 0.5], [1, 1e4]], "1e-10"),
    "SkewNormal": ([[0, 1, 0], [1, 2, 3], [0, 1, -0.5], [-5, 0.1, -40]], "1e-10"),
}


LOCATION = {"StudentT": 1, "VonMises": 0, "SkewNormal": 0}


def noise(low, up):
    """The z whose tails these are."""
    tail = min(low, up)
    z = -sqrt(-2 * log(tail)) if tail < mpf("0.1") else mpf(0)
    for _ in range(12):
        p = erfc(-z / sqrt(2)) / 2
        z -= (log(p) - log(tail)) * p / exp(normal_lpdf(z))
    return z if low <= up else -z


def known_points(name, p):
    """The points of a distribution that the other table has: finding them takes long where tails are integrals."""
    with open("dists/univariate.csv") as table:
        rows = [line.split(",") for line in table]
    return [mpf(float(r[2])) for r in rows if r[:2] == [name, " ".join(map(show, p))]]


def slope_rows(name, f, p, share):
    for x in known_points(name, p) or points(name, f, p):
        lpdf, low, up = f(p, x)
        if abs(lpdf) > 5000:
            continue
        z = noise(low, up)
        side = 1 if low <= up else 2
        slopes = [exp(normal_lpdf(z) - lpdf)]
        for i in range(len(p)):
            is_location = name in LOCATION and i == LOCATION[name]
            h = mpf(share) * (max(1, abs(x)) if is_location else abs(p[i]) or 1)
            more, less = ([*p[:i], p[i] + s * h, *p[i + 1:]] for s in (1, -1))
            change = (f(more, x)[side] - f(less, x)[side]) / (2 * h)
            slopes.append((-1) ** side * change / exp(lpdf))
        yield z, x, slopes[0], slopes[1:]


# ---- discrete: log-mass, tails by summing ------------------------------------------------------------------------------

def lbinom(n, k):
    return lgam(n + 1) - lgam(k + 1) - lgam(n - k + 1)


DISCRETE = {  # name: (log-mass, range, closed tails or None, parameter sets)
    "Flip": (lambda p, k: ln(p[0]) if k else ln(1 - p[0]), lambda p: (0, 1), [[0.25], [1e-12]]),
    "Bernoulli": (lambda p, k: ln(p[0]) if k else ln(1 - p[0]), lambda p: (0, 1), [[0.3]]),
    "BernoulliLogit": (lambda p, k: -log1p(exp(-p[0] if k else p[0])), lambda p: (0, 1), [[0], [-2], [30]]),
    "Binomial": (lambda p, k: lbinom(p[0], k) + k * log(p[1]) + (p[0] - k) * log1p(-p[1]), lambda p: (0, p[0]), [[10, 0.3], [1, 0.9], [5e3, 0.02]]),
    "BinomialLogit": (lambda p, k: lbinom(p[0], k) - k * log1p(exp(-p[1])) - (p[0] - k) * log1p(exp(p[1])), lambda p: (0, p[0]), [[10, 0.3], [5e3, -3]]),
    "BetaBinomial": (lambda p, k: lbinom(p[0], k) + lbeta(k + p[1], p[0] - k + p[2]) - lbeta(p[1], p[2]), lambda p: (0, p[0]), [[10, 2, 3], [50, 0.3, 0.2], [1000, 5, 80]]),
    "Hypergeometric": (lambda p, k: lbinom(p[1], k) + lbinom(p[0] - p[1], p[2] - k) - lbinom(p[0], p[2]), lambda p: (max(0, p[1] + p[2] - p[0]), min(p[1], p[2])), [[20, 7, 12], [1e6, 3e5, 1e3]]),
    "Poisson": (lambda p, k: k * log(p[0]) - p[0] - lgam(k + 1), lambda p: (0, inf), [[3], [1e-4], [75], [1e4]]),
    "PoissonLog": (lambda p, k: k * p[0] - exp(p[0]) - lgam(k + 1), lambda p: (0, inf), [[1], [-5], [6]]),
    "NegBinomial2": (lambda p, k: lgam(k + p[1]) - lgam(p[1]) - lgam(k + 1) + p[1] * log(p[1] / (p[0] + p[1])) + k * log(p[0] / (p[0] + p[1])), lambda p: (0, inf), [[3, 2], [100, 0.3], [5, 1e8]]),
    "NegBinomial": (lambda p, k: lgam(k + p[0]) - lgam(p[0]) - lgam(k + 1) + p[0] * log(p[1] / (1 + p[1])) - k * log1p(p[1]), lambda p: (0, inf), [[3, 2], [0.1, 0.01]]),
    "Geometric": (lambda p, k: log(p[0]) + k * log1p(-p[0]), lambda p: (0, inf), [[0.3], [0.01]]),
    "DiscreteUniform": (lambda p, k: -log(p[1] - p[0] + 1), lambda p: (p[0], p[1]), [[0, 5], [-1000, 1000]]),
}


def discrete_rows(lmass, bounds, p):
    """All values of which a tail is one of TAILS or that lie at an end, with tails by summing the mass outwards."""
    first, last = bounds(p)
    masses, k, total = [], mpf(first), mpf(0)
    while k <= last:
        m = exp(lmass(p, k))
        masses.append(m)
        total += m
        if last == inf and total > mpf(1) / 2 and m < mpf(10) ** -310 * mpf(10) ** -25:
            break
        k += 1
    n = len(masses)
    lower, upper = [mpf(0)] * n, [mpf(0)] * n
    s = mpf(0)
    for i in range(n):
        s += masses[i]
        lower[i] = s
    s = mpf(0)
    for i in reversed(range(n)):
        upper[i] = s
        s += masses[i]
    assert abs(s - 1) < mpf(10) ** -40, (p, s)
    wanted = {0, n - 1} if last < inf else {0}
    for tail in map(mpf, TAILS):
        wanted |= set([i for i in range(n) if lower[i] >= tail][:1] + [i for i in range(n) if upper[i] >= tail][-1:])
    for i in sorted(wanted):
        yield first + i, log(masses[i]), ln(lower[i]), ln(upper[i])


# ---- multivariate -------------------------------------------------------------------------------------------------------

def square(flat):
    n = int(round(len(flat) ** 0.5))
    return matrix(n, n) + matrix([[mpf(flat[i * n + j]) for j in range(n)] for i in range(n)])


def trace(m):
    return fsum(m[i, i] for i in range(m.rows))


def mvn(mu, cov, x):
    r = matrix([mpf(a) - mpf(b) for a, b in zip(x, mu)])
    return -(r.T * inverse(cov) * r)[0] / 2 - log(det(cov)) / 2 - len(x) * log(2 * pi) / 2


def mvt(nu, mu, cov, x):
    n = len(x)
    r = matrix([mpf(a) - mpf(b) for a, b in zip(x, mu)])
    q = (r.T * inverse(cov) * r)[0]
    return lgam((nu + n) / mpf(2)) - lgam(mpf(nu) / 2) - log(nu * pi) * n / 2 - log(det(cov)) / 2 - (nu + n) / mpf(2) * log1p(q / nu)


def lmgamma(d, a):
    return log(pi) * d * (d - 1) / 4 + fsum(lgam(mpf(a) - mpf(i) / 2) for i in range(d))


def wishart(nu, s, w):
    d = s.rows
    return (nu - d - 1) / mpf(2) * log(det(w)) - trace(inverse(s) * w) / 2 - log(2) * nu * d / mpf(2) - log(det(s)) * nu / mpf(2) - lmgamma(d, mpf(nu) / 2)


def inv_wishart(nu, s, w):
    d = s.rows
    return log(det(s)) * nu / mpf(2) - (nu + d + 1) / mpf(2) * log(det(w)) - trace(s * inverse(w)) / 2 - log(2) * nu * d / mpf(2) - lmgamma(d, mpf(nu) / 2)


def lkj_norm(d, eta):
    # Joe (2006), as in Stan's manual: product over k of [2^(2b-1) B(b, b)]^(d-k), written with its own gamma functions
    return fsum((d - k) * ((2 * (eta + mpf(d - 1 - k) / 2) - 1) * log(2) + lbeta(eta + mpf(d - 1 - k) / 2, eta + mpf(d - 1 - k) / 2)) for k in range(1, d))


def dirichlet(a, x):
    return lgam(sum(a)) - fsum(lgam(v) for v in a) + fsum((mpf(v) - 1) * log(mpf(t)) for v, t in zip(a, x))


def ordered(eta, cuts, k):
    f = lambda c: 1 / (1 + exp(mpf(eta) - c))
    return log((f(mpf(cuts[k])) if k < len(cuts) else 1) - (f(mpf(cuts[k - 1])) if k else 0))


S2, S3 = [2, 0.5, 0.5, 1], [2, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 0.75]
L3 = [1.5, 0, 0, 0.25, 0.5, 0, -1, 2, 3]
R3 = [1, 0.5, -0.25, 0.5, 1, 0.125, -0.25, 0.125, 1]


def multivariate():
    for p in ([0.25, 0.5, 0.25], [1.0], [1e-300, 0.5, 0.5]):
        for k in range(len(p)):
            yield "Categorical", [p], [k], log(mpf(p[k])) - log(fsum(map(mpf, p)))
    for l in ([0, 1, -2.5], [700, -700, 1]):
        for k in range(3):
            yield "CategoricalLogit", [l], [k], mpf(l[k]) - log(fsum(exp(mpf(v)) for v in l))
    for eta, cuts in ((0.5, [-1, 0, 2.5]), (-40, [0, 1e-3]), (40, [0, 1e-3])):
        for k in range(len(cuts) + 1):
            yield "OrderedLogistic", [[eta], cuts], [k], ordered(eta, cuts, k)
    for n, p, x in ((10, [0.25, 0.5, 0.25], [2, 5, 3]), (5, [0, 0.5, 0.5], [0, 5, 0]), (100, [0.125] * 8, [30, 10, 10, 10, 10, 10, 10, 10])):
        yield "Multinomial", [[n], p], x, lgam(n + 1) + fsum((mpf(c) * log(mpf(q)) if c else 0) - lgam(c + 1) for c, q in zip(x, p))
    for a, x in (([1, 1, 1], [0.25, 0.25, 0.5]), ([0.01, 2, 30], [0.125, 0.125, 0.75]), ([5], [1])):
        yield "Dirichlet", [a], x, dirichlet(a, x)
    for mu, s, x in (([1, -1], S2, [0, 0]), ([0, 0, 0], S3, [3, -20, 1])):
        yield "MultiNormal", [mu, s], x, mvn(mu, square(s), x)
        yield "MultiNormalPrec", [mu, s], x, mvn(mu, inverse(square(s)), x)
        for nu in (0.5, 3, 1000):
            yield "MultiStudentT", [[nu], mu, s], x, mvt(nu, mu, square(s), x)
    yield "MultiNormalCholesky", [[1, 2, 3], L3], [0, 0, 1], mvn([1, 2, 3], square(L3) * square(L3).T, [0, 0, 1])
    for eta in (1, 0.3, 7):
        eta_ = mpf(eta)
        yield "LKJCorr", [[3], [eta]], R3, (eta_ - 1) * log(det(square(R3))) - lkj_norm(3, eta_)
        yield "LKJCorr", [[2], [eta]], [1, 0.5, 0.5, 1], (eta_ - 1) * log(mpf("0.75")) - log(quad(lambda r: (1 - r * r) ** (eta_ - 1), [-1, 0, 1]))
        yield "LKJCholesky", [[2], [eta]], [1, 0, 0.6, 0.8], (2 * eta_ - 2) * log(mpf(0.8)) - log(quad(lambda r: (1 - r * r) ** (eta_ - 1), [-1, 0, 1]))
        yield "LKJCorr", [[1], [eta]], [1], mpf(0)
    for nu in (3.5, 20):
        yield "Wishart", [[nu], S2], [3, 1, 1, 2], wishart(nu, square(S2), square([3, 1, 1, 2]))
        yield "InvWishart", [[nu], S2], [3, 1, 1, 2], inv_wishart(nu, square(S2), square([3, 1, 1, 2]))
        yield "Wishart", [[nu], S3], S3, wishart(nu, square(S3), square(S3))
        yield "InvWishart", [[nu], S3], R3, inv_wishart(nu, square(S3), square(R3))


def show(x):
    x = float(x)
    if abs(x) == float("inf"):
        return str(x)
    return repr(int(x)) if x == int(x) and abs(x) < 1e15 else repr(x)


def write_slopes():
    with open("dists/slopes.csv", "w") as out:
        out.write("name,parameters,z,x,dx/dz,dx/dp\n")
        for name, (sets, share) in SLOPES.items():
            for p in sets:
                p = [mpf(v) for v in p]
                for z, x, in_z, in_p in slope_rows(name, CONTINUOUS[name][0], p, share):
                    out.write(",".join([name, " ".join(map(show, p)), show(z), show(x), show(in_z), " ".join(map(show, in_p))]) + "\n")
            print(name, flush=True)


def main():
    write_slopes()
    if sys.argv[1:] == ["slopes"]:
        return
    with open("dists/univariate.csv", "w") as out:
        out.write("name,parameters,x,log_density,log_cdf,log_ccdf\n")
        for name, (f, sets) in CONTINUOUS.items():
            for p in sets:
                p = [mpf(v) for v in p]
                for x in points(name, f, p):
                    d, low, up = f(p, x)
                    out.write(",".join([name, " ".join(map(show, p)), show(x), show(d), show(ln(low)), show(ln(up))]) + "\n")
            print(name, flush=True)
        for name, (lmass, bounds, sets) in DISCRETE.items():
            for p in sets:
                p = [mpf(v) for v in p]
                for row in discrete_rows(lmass, bounds, p):
                    out.write(",".join([name, " ".join(map(show, p))] + [show(v) for v in row]) + "\n")
            print(name, flush=True)
    with open("dists/multivariate.csv", "w") as out:
        out.write("name,parameters,x,log_density\n")
        for name, p, x, d in multivariate():
            out.write(",".join([name, ";".join(" ".join(map(show, v)) for v in p), " ".join(map(show, x)), show(d)]) + "\n")


if __name__ == "__main__":
    main()
