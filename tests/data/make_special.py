"""A table of special functions made with mpmath, against which `src/compute/special/tests.rs` holds them.

Run from this folder: `python make_special.py` (mpmath 1.3; seconds). Writes special.csv: function,arguments,value.
Inverses are listed as the function they invert: the test carries the value back.
"""

from mpmath import mp, mpf, log, sqrt, erf, erfc, erfinv, exp, log1p, loggamma, psi, pi, besseli, quad

from make_dists import ibeta, igamma_pair

mp.dps = 80


def ln_phi(x):
    return log(erfc(-x / sqrt(2)) / 2) if x < 5 else log1p(-erfc(x / sqrt(2)) / 2)


def slope(f, v):
    """f'(v) of an analytic f > 0 that is known to 75 digits: the error of the step is its square."""
    h = mpf(v) * mpf(10) ** -22
    return (f(mpf(v) + h) - f(mpf(v) - h)) / (2 * h)


def rows():
    for x in (-300, -40, -30, -10, -5, -2, -1.41, -1.39, -1, -0.5, -1e-3, 0, 1e-5, 0.5, 1, 2, 5, 8, 20, 30):
        yield "log_phi", [x], ln_phi(mpf(x))
    for x in (-37, -8, -1, 0, 1e-9, 0.5, 3):
        yield "phi", [x], erfc(-mpf(x) / sqrt(2)) / 2
    for x in (1e-300, 1e-10, -0.1, 0.3, 0.8, 0.86, 0.99, 0.9999999):
        yield "inv_erf", [x], erfinv(mpf(x)) if abs(x) > 1e-100 else mpf(x) * sqrt(pi) / 2
    for x in (0, 0.5, 1, 1.5, 3, 7.9, 8.1, 100, 1e4):
        yield "erfcx", [x], exp(mpf(x) ** 2) * erfc(mpf(x)) if x < 50 else quad(lambda t: exp(-t * t / (4 * mpf(x) ** 2) - t), [0, 20, 60, 200]) / (mpf(x) * sqrt(pi))
    for x in (-0.45, -0.1, -1e-10, 1e-20, 0.3, 0.45, 0.46, 3):
        yield "lgamma1p", [x], loggamma(1 + mpf(x))
    for x in (-3.3, -0.5, 1e-8, 0.1, 1, 1.5, 5, 9.9, 10, 100, 1e10):
        yield "digamma", [x], psi(0, mpf(x))
        yield "trigamma", [x], psi(1, mpf(x))
    for a, b in ((1e-8, 1e8), (1e15, 1e15), (0.3, 8), (2.5, 12), (100, 1e4), (1e-4, 1e-4), (1, 3)):
        yield "lbeta", [a, b], loggamma(mpf(a)) + loggamma(mpf(b)) - loggamma(mpf(a) + mpf(b))
    for b, a in ((1e-3, 1e-6), (1e9, 1e-6), (1e9, 1e9), (3.3, 1e-7), (0.5, 0.5), (50, 3)):
        yield "log_gamma_ratio", [b, a], loggamma(mpf(a) + mpf(b)) - loggamma(mpf(b))
    for n, k in ((5, 2), (60, 30), (100, 1), (100, 50), (1e6, 3), (1e9, 5e8)):
        yield "log_choose", [n, k], loggamma(mpf(n) + 1) - loggamma(mpf(k) + 1) - loggamma(mpf(n) - mpf(k) + 1)
    for a in (0.01, 0.5, 1, 3, 10, 19.9, 20.1, 199, 1e3, 1e5):
        for f in (1e-3, 0.1, 0.5, 0.69, 0.71, 0.9, 1, 1.1, 1.29, 1.31, 2):
            x = a * f
            if a * (f - 1) ** 2 < 200:
                p, q = igamma_pair(mpf(a), mpf(x))
                yield "log_gamma_p", [a, x], log(p)
                yield "log_gamma_q", [a, x], log(q)
    for a in (1e-3, 0.3, 1, 8, 100, 1e4):
        for b in (1e-3, 0.3, 2.5, 12, 1e4):
            m = mpf(a) / (a + b)
            s = sqrt(m * (1 - m) / (a + b + 1))
            for z in (-8, -3, -1, 0, 1, 3, 8):
                x = mpf(float(m + z * s))
                if 0 < x < 1:
                    yield "log_beta_inc", [a, b, x], log(ibeta(mpf(a), mpf(b), x))
                    yield "log_beta_inc_upper", [a, b, x], log(ibeta(mpf(b), mpf(a), 1 - x, x))
    for a in (1e-8, 1e-3, 0.3, 1, 3, 19, 21, 1e3, 1e5):
        for f in (1e-3, 0.1, 0.5, 0.69, 0.71, 0.999, 1, 1.01, 1.29, 1.31, 2, 10, 1e3, 1e9):
            x = a * f
            if x < 400 and a * (f - 1) ** 2 < 900 or a * (f - 1) ** 2 < 200:
                p, q = igamma_pair(mpf(a), mpf(x))
                for i, (name, tail, rest) in enumerate((("d_log_gamma_p", p, q), ("d_log_gamma_q", q, p))):
                    if rest > 1e-30:  # what is nearly 1 is a complement, with 80 digits
                        yield name, [a, x], slope(lambda v: igamma_pair(v, mpf(x))[i], a) / tail
    for a in (1e-6, 1e-3, 0.3, 1, 8, 100, 1e4):
        for b in (1e-6, 1e-3, 0.5, 1, 2.5, 12, 1e4):
            m = mpf(a) / (a + b)
            s = sqrt(m * (1 - m) / (a + b + 1))
            for z in (-30, -8, -1, 0, 1, 8, 30):
                x = mpf(float(m + z * s))
                if 0 < x < 1:
                    p, q = ibeta(mpf(a), mpf(b), x), ibeta(mpf(b), mpf(a), 1 - x, x)
                    lower, upper = lambda v, w: ibeta(v, w, x), lambda v, w: ibeta(w, v, 1 - x, x)
                    for name, f, tail, rest in (("d_log_beta_inc", lower, p, q), ("d_log_beta_inc_upper", upper, q, p)):
                        if rest > 1e-30:
                            yield name + "_a", [a, b, x], slope(lambda v: f(v, mpf(b)), a) / tail
                            yield name + "_b", [a, b, x], slope(lambda v: f(mpf(a), v), b) / tail
    for b, a in ((1e-3, 1e-6), (1e9, 1e-6), (1e9, 1e9), (3.3, 1e-7), (0.5, 0.5), (50, 3), (20, 1e-9)):
        yield "digamma_difference", [b, a], psi(0, mpf(a) + mpf(b)) - psi(0, mpf(b))
        yield "digamma_excess", [b, a], psi(0, mpf(a) + mpf(b)) - psi(0, mpf(b)) - log1p(mpf(a) / mpf(b))
    for x in (0, 0.5, 7.9, 8.1, 100, 1e5):
        yield "bessel_i0_scaled", [x], besseli(0, mpf(x)) * exp(-mpf(x))
        yield "bessel_i1_scaled", [x], besseli(1, mpf(x)) * exp(-mpf(x))
    for x in (-0.39, -0.41, -1e-9, 1e-12, 0.3, 0.69, 0.71, 5):
        yield "log1pmx", [x], log1p(mpf(x)) - mpf(x)


def main():
    with open("special.csv", "w") as out:
        out.write("function,arguments,value\n")
        for name, args, value in rows():
            out.write(f"{name},{' '.join(repr(float(a)) for a in args)},{float(value)!r}\n")


if __name__ == "__main__":
    main()
