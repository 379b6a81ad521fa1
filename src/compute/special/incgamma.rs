//! The incomplete gamma function in logs, both tails, and its inverse.
//!
//! P(a, x) is the distribution function of a gamma variable of shape a, Q = 1 − P. Which expansion serves where:
//!
//! ```text
//!   a > 20 and x within 30 % of a      Temme's uniform expansion, exp(−aη²/2) kept apart so that tails stay in logs
//!   x ≤ max(1, a)                      power series of P           (and of Q, where Q is small because a is)
//!   x > max(1, a)                      continued fraction of Q
//! ```

use super::dual::{Dual, Number};
use super::temme::TEMME;
use super::{
    HALF_LN_2PI, LN_2, digamma, erfcx, lgamma1p, log_gamma_kernel, log_minus_digamma, log1mexp,
    log1pmx,
};

/// P(a, x) for a > 0, x ≥ 0.
pub fn gamma_p(a: f64, x: f64) -> f64 {
    log_gamma_p(a, x).exp()
}

/// Q(a, x) = 1 − P(a, x).
pub fn gamma_q(a: f64, x: f64) -> f64 {
    log_gamma_q(a, x).exp()
}

/// ln P(a, x).
pub fn log_gamma_p(a: f64, x: f64) -> f64 {
    log_gamma_tails(a, x, x.ln()).0
}

/// ln Q(a, x).
pub fn log_gamma_q(a: f64, x: f64) -> f64 {
    log_gamma_tails(a, x, x.ln()).1
}

/// (ln P(a, x), ln Q(a, x)); `log_x` is ln x, which may be known where x underflows.
///
/// # Source
/// Temme's expansion: DLMF 8.12.3 to 8.12.12. Series: DLMF 8.7.1 and 8.11.4. Continued fraction: DLMF 8.9.2.
pub fn log_gamma_tails(a: f64, x: f64, log_x: f64) -> (f64, f64) {
    tails(a, x, log_x)
}

/// The same with their derivatives in a, each relatively accurate to about 1e−13. Those in ln x are
/// exp([`log_gamma_kernel`] − ln P) and −exp([`log_gamma_kernel`] − ln Q).
pub fn d_log_gamma_tails(a: f64, x: f64, log_x: f64) -> (Dual<1>, Dual<1>) {
    tails(Dual::variable(a, 0), x, log_x)
}

fn tails<T: Number>(shape: T, x: f64, log_x: f64) -> (T, T) {
    let (a, known) = (shape.value(), |lower, upper| {
        (T::constant(lower), T::constant(upper))
    });
    if !(a > 0.0 && a.is_finite() && x >= 0.0) {
        return known(f64::NAN, f64::NAN);
    }
    if log_x == f64::NEG_INFINITY {
        return known(f64::NEG_INFINITY, 0.0);
    }
    if x == f64::INFINITY {
        return known(0.0, f64::NEG_INFINITY);
    }
    if a > 20.0 && (x - a).abs() < 0.3 * a {
        return uniform_expansion(shape, x);
    }
    if x > a.max(1.0) {
        let kernel = T::of_one(shape, log_gamma_kernel(a, x, log_x), || {
            d_log_gamma_kernel(a, x, log_x)
        });
        let upper = kernel + continued_fraction(shape, x).ln();
        return (upper.log1mexp(), upper);
    }
    let kernel = T::of_one(shape, log_gamma_kernel(a, x, log_x) - a.ln(), || {
        if a < 10.0 {
            log_x - digamma(a + 1.0) // ψ(a) and 1/a nearly cancel
        } else {
            d_log_gamma_kernel(a, x, log_x) - 1.0 / a
        }
    });
    let lower = kernel + power_series(shape, x).ln();
    if lower.value() > -0.1 && a < 1.0 {
        let upper = small_shape_upper(shape, x, log_x);
        return ((-upper).ln_1p(), upper.ln());
    }
    (lower, lower.log1mexp())
}

/// The derivative in a of [`log_gamma_kernel`], ln x − ψ(a), without cancellation when a is large.
pub fn d_log_gamma_kernel(a: f64, x: f64, log_x: f64) -> f64 {
    if a < 10.0 {
        return log_x - digamma(a);
    }
    let d = (x - a) / a;
    let log_ratio = if d < -0.5 { log_x - a.ln() } else { d.ln_1p() };
    log_ratio + log_minus_digamma(a)
}

/// ln of the x with ln P(a, x) = log_p, and x itself (0 where it underflows).
pub fn inv_log_gamma_p(a: f64, log_p: f64) -> (f64, f64) {
    if !(a > 0.0 && a.is_finite() && log_p <= 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if log_p > -LN_2 {
        return inv_log_gamma_q(a, log1mexp(log_p));
    }
    let leading = (log_p + lgamma1p(a)) / a;
    if leading < -40.0 {
        return (leading, leading.exp());
    }
    let z = logs_to_z(log_p);
    newton(a, start(a, z, leading), |kernel, tails| {
        let slope = (kernel - tails.0).exp();
        (log_p - tails.0) / slope
    })
}

/// ln of the x with ln Q(a, x) = log_q, and x itself.
pub fn inv_log_gamma_q(a: f64, log_q: f64) -> (f64, f64) {
    if !(a > 0.0 && a.is_finite() && log_q <= 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if log_q > -LN_2 {
        return inv_log_gamma_p(a, log1mexp(log_q));
    }
    if log_q == f64::NEG_INFINITY {
        return (f64::INFINITY, f64::INFINITY);
    }
    let leading = (log1mexp(log_q) + lgamma1p(a)) / a;
    if leading < -40.0 {
        return (leading, leading.exp());
    }
    let z = -logs_to_z(log_q);
    newton(a, start(a, z, leading), |kernel, tails| {
        let slope = (kernel - tails.1).exp();
        (tails.1 - log_q) / slope
    })
}

fn logs_to_z(log_p: f64) -> f64 {
    super::inv_log_phi(log_p)
}

/// A first guess at x: Wilson and Hilferty's cube, or the first term of the power series where the cube is no use.
fn start(a: f64, z: f64, leading: f64) -> f64 {
    let cube = {
        let c = 1.0 / (9.0 * a);
        let root = 1.0 - c + z * c.sqrt();
        a * root * root * root
    };
    let first = leading.exp();
    if a >= 0.5 && cube > 0.2 * a {
        cube
    } else if first < 0.5 * (a + 1.0) || z < 0.0 {
        first
    } else {
        let far = 0.5 * z * z + (a - 1.0) * (0.5 * z * z).max(1.0).ln();
        far.max(0.1)
    }
}

/// Newton's method in ln x. Both ln P and ln Q are concave in ln x, so that it converges from any start; steps are held
/// to a factor e² so that a start too far to the left does not overflow.
fn newton(a: f64, start: f64, step: impl Fn(f64, (f64, f64)) -> f64) -> (f64, f64) {
    let mut x = start.clamp(1e-290, 1e290);
    for _ in 0..100 {
        let log_x = x.ln();
        let delta =
            step(log_gamma_kernel(a, x, log_x), log_gamma_tails(a, x, log_x)).clamp(-2.0, 2.0);
        if delta.is_nan() {
            return (f64::NAN, f64::NAN);
        }
        x *= delta.exp();
        if delta.abs() < 1e-10 {
            break; // the next step would be its square
        }
    }
    (x.ln(), x)
}

fn uniform_expansion<T: Number>(shape: T, x: f64) -> (T, T) {
    let a = shape.value();
    let half_eta_squared = -log1pmx((x - a) / a);
    let y = a * half_eta_squared;
    let eta = (2.0 * half_eta_squared).sqrt().copysign(x - a);
    let sum = TEMME
        .iter()
        .rev()
        .fold(0.0, |sum, row| sum / a + polynomial(row, eta));
    let correction = sum / (2.0 * std::f64::consts::PI * a).sqrt();
    let tail = |sign: f64| -y + (0.5 * erfcx(y.sqrt()) + sign * correction).ln();
    // Both derivatives are those of Q, over the tail.
    let slope = |tail: f64| {
        (-y - HALF_LN_2PI - 0.5 * a.ln() - tail).exp() * expansion_slope(a, (x - a) / a, eta, sum)
    };
    if x > a {
        let upper = tail(1.0);
        let upper = T::of_one(shape, upper, || slope(upper));
        (upper.log1mexp(), upper)
    } else {
        let lower = tail(-1.0);
        let lower = T::of_one(shape, lower, || -slope(lower));
        (lower, lower.log1mexp())
    }
}

/// dQ/da over exp(−y)/√(2πa), where Q = ½ erfc(√y) + exp(−y) S(η, a)/√(2πa), y = aη²/2, and with μ = x/a − 1
/// dy/da = −ln(1 + μ), dη/da = −μ/(aη).
fn expansion_slope(a: f64, mu: f64, eta: f64, sum: f64) -> f64 {
    let eta_ratio = if eta == 0.0 { 1.0 } else { mu / eta };
    let (mut in_eta, mut in_a, mut power) = (0.0, 0.0, 1.0);
    for (k, row) in TEMME.iter().enumerate() {
        let rising: f64 = (1..row.len())
            .rev()
            .fold(0.0, |s, i| s * eta + i as f64 * row[i]);
        in_eta += power * rising;
        in_a -= power * k as f64 / a * polynomial(row, eta);
        power /= a;
    }
    eta_ratio - 0.5 * eta + mu.ln_1p() * sum - 0.5 * sum / a - in_eta * eta_ratio / a + in_a
}

fn polynomial(row: &[f64], x: f64) -> f64 {
    row.iter().rev().fold(0.0, |s, c| s * x + c)
}

/// Σ xⁿ / ((a + 1) … (a + n)).
fn power_series<T: Number>(a: T, x: f64) -> T {
    let (mut sum, mut term, mut n) = (T::constant(1.0), T::constant(1.0), 1.0);
    while !term.is_within(1e-17, sum) {
        term = term * x / (a + n);
        sum = sum + term;
        n += 1.0;
    }
    sum
}

/// Q for a < 1 and x ≤ 1, where it is small because xᵃ/Γ(a + 1) is nearly 1.
fn small_shape_upper<T: Number>(a: T, x: f64, log_x: f64) -> T {
    let v = a.value();
    let log_lead = T::of_one(a, v * log_x - lgamma1p(v), || log_x - digamma(v + 1.0));
    let (mut sum, mut term, mut n) = (T::constant(0.0), 1.0, 1.0);
    loop {
        term *= -x / n;
        let add = T::constant(term) / (a + n);
        sum = sum + add;
        if add.is_within(1e-17, sum) {
            break;
        }
        n += 1.0;
    }
    -log_lead.exp_m1() - log_lead.exp() * a * sum
}

/// Γ(a, x) / (xᵃ e⁻ˣ), by Lentz's method.
fn continued_fraction<T: Number>(a: T, x: f64) -> T {
    const TINY: f64 = 1e-300;
    let away_from_zero = |v: T| {
        if v.value().abs() < TINY {
            T::constant(TINY)
        } else {
            v
        }
    };
    let mut b = -a + (x + 1.0);
    let mut c = T::constant(1.0 / TINY);
    let mut d = b.recip();
    let mut h = d;
    let mut last = 100_000;
    for n in 1..100_000 {
        let i = f64::from(n);
        let an = (a - i) * i;
        b = b + 2.0;
        d = away_from_zero(an * d + b).recip();
        c = away_from_zero(b + an / c);
        let factor = d * c;
        h = h * factor;
        if (factor.value() - 1.0).abs() < 2e-16 {
            last = last.min(2 * n + 500); // slopes settle later; rounding may keep them from it
            if factor.slopes_within(1e-14, h * h.value().recip()) || n >= last {
                break;
            }
        }
    }
    h
}
