//! The incomplete gamma function in logs, both tails, and its inverse.
//!
//! P(a, x) is the distribution function of a gamma variable of shape a, Q = 1 − P. Which expansion serves where:
//!
//! ```text
//!   a > 20 and x within 30 % of a      Temme's uniform expansion, exp(−aη²/2) kept apart so that tails stay in logs
//!   x ≤ max(1, a)                      power series of P           (and of Q, where Q is small because a is)
//!   x > max(1, a)                      continued fraction of Q
//! ```

use super::temme::TEMME;
use super::{LN_2, erfcx, lgamma1p, log_gamma_kernel, log1mexp, log1pmx};

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
    if !(a > 0.0 && a.is_finite() && x >= 0.0) {
        return (f64::NAN, f64::NAN);
    }
    if log_x == f64::NEG_INFINITY {
        return (f64::NEG_INFINITY, 0.0);
    }
    if x == f64::INFINITY {
        return (0.0, f64::NEG_INFINITY);
    }
    if a > 20.0 && (x - a).abs() < 0.3 * a {
        return uniform_expansion(a, x);
    }
    let kernel = log_gamma_kernel(a, x, log_x);
    if x > a.max(1.0) {
        let upper = kernel + continued_fraction(a, x).ln();
        return (log1mexp(upper), upper);
    }
    let lower = kernel - a.ln() + power_series(a, x).ln();
    if lower > -0.1 && a < 1.0 {
        let upper = small_shape_upper(a, x, log_x);
        return ((-upper).ln_1p(), upper.ln());
    }
    (lower, log1mexp(lower))
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

fn uniform_expansion(a: f64, x: f64) -> (f64, f64) {
    let half_eta_squared = -log1pmx((x - a) / a);
    let y = a * half_eta_squared;
    let eta = (2.0 * half_eta_squared).sqrt().copysign(x - a);
    let sum = TEMME.iter().rev().fold(0.0, |sum, row| {
        sum / a + row.iter().rev().fold(0.0, |s, c| s * eta + c)
    });
    let correction = sum / (2.0 * std::f64::consts::PI * a).sqrt();
    if x > a {
        let upper = -y + (0.5 * erfcx(y.sqrt()) + correction).ln();
        (log1mexp(upper), upper)
    } else {
        let lower = -y + (0.5 * erfcx(y.sqrt()) - correction).ln();
        (lower, log1mexp(lower))
    }
}

/// Σ xⁿ / ((a + 1) … (a + n)).
fn power_series(a: f64, x: f64) -> f64 {
    let (mut sum, mut term, mut n) = (1.0, 1.0, 1.0);
    while term > 1e-17 * sum {
        term *= x / (a + n);
        sum += term;
        n += 1.0;
    }
    sum
}

/// Q for a < 1 and x ≤ 1, where it is small because xᵃ/Γ(a + 1) is nearly 1.
fn small_shape_upper(a: f64, x: f64, log_x: f64) -> f64 {
    let log_lead = a * log_x - lgamma1p(a);
    let (mut sum, mut term, mut n) = (0.0f64, 1.0, 1.0);
    loop {
        term *= -x / n;
        let add = term / (a + n);
        sum += add;
        if add.abs() <= 1e-17 * sum.abs() || add == 0.0 {
            break;
        }
        n += 1.0;
    }
    -log_lead.exp_m1() - log_lead.exp() * a * sum
}

/// Γ(a, x) / (xᵃ e⁻ˣ), by Lentz's method.
fn continued_fraction(a: f64, x: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / TINY;
    let mut d = 1.0 / b;
    let mut h = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        d = 1.0 / if d.abs() < TINY { TINY } else { d };
        c = b + an / c;
        c = if c.abs() < TINY { TINY } else { c };
        let factor = d * c;
        h *= factor;
        if (factor - 1.0).abs() < 2e-16 {
            break;
        }
    }
    h
}
