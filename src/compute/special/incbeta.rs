//! The incomplete beta function in logs, both tails, and its inverse.
//!
//! I(x; a, b) is the distribution function of a beta variable. A point of (0, 1) is held as [`Odds`], so that neither end
//! loses digits: with a shape of 0.01 a tenth of the mass lies closer to an end than 1e−100. In w = ln(x / (1 − x)) the
//! density is log-concave, which makes Newton's method on ln I safe from any start; near the end its steps are Halley's.
//!
//! ```text
//!   x < (a + 1)/(a + b + 2)   continued fraction of I, the other tail by complement
//!   beyond it                 the same with the ends exchanged
//!   complement nearly 0       power series in x, or the continued fraction from the other end
//! ```

use super::dual::{Dual, Number};
use super::{
    HALF_LN_2PI, LN_2, digamma, digamma_difference, lbeta, lgamma1p, log_gamma_ratio,
    log_minus_digamma, log1mexp, log1pmx, softplus, stirling_remainder, trigamma,
};

/// A point x of (0, 1), with 1 − x and the logs of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odds {
    /// x.
    pub x: f64,
    /// 1 − x.
    pub y: f64,
    /// ln x.
    pub log_x: f64,
    /// ln(1 − x).
    pub log_y: f64,
}

impl Odds {
    /// From x itself.
    pub fn from_x(x: f64) -> Odds {
        Odds {
            x,
            y: 1.0 - x,
            log_x: x.ln(),
            log_y: (-x).ln_1p(),
        }
    }

    /// From w = ln(x / (1 − x)).
    pub fn from_logit(w: f64) -> Odds {
        let (log_x, log_y) = (-softplus(-w), -softplus(w));
        Odds {
            x: log_x.exp(),
            y: log_y.exp(),
            log_x,
            log_y,
        }
    }

    /// From u = x / (1 − x).
    pub fn from_ratio(u: f64) -> Odds {
        let (log_x, log_y) = (-(1.0 / u).ln_1p(), -u.ln_1p());
        let (x, y) = (
            if u > 1.0 {
                1.0 / (1.0 + 1.0 / u)
            } else {
                u / (1.0 + u)
            },
            1.0 / (1.0 + u),
        );
        Odds {
            x,
            y,
            log_x: if x == 0.0 { u.ln() } else { log_x },
            log_y,
        }
    }

    /// x and 1 − x exchanged.
    pub fn flip(self) -> Odds {
        Odds {
            x: self.y,
            y: self.x,
            log_x: self.log_y,
            log_y: self.log_x,
        }
    }

    /// ln(x / (1 − x)).
    pub fn logit(self) -> f64 {
        self.log_x - self.log_y
    }
}

/// I(x; a, b), the regularised incomplete beta function, for a, b > 0 and x in [0, 1].
pub fn beta_inc(a: f64, b: f64, x: f64) -> f64 {
    log_beta_inc(a, b, x).exp()
}

/// ln I(x; a, b).
pub fn log_beta_inc(a: f64, b: f64, x: f64) -> f64 {
    log_beta_tails(a, b, Odds::from_x(x)).0
}

/// ln(1 − I(x; a, b)).
pub fn log_beta_inc_upper(a: f64, b: f64, x: f64) -> f64 {
    log_beta_tails(a, b, Odds::from_x(x)).1
}

/// (ln I, ln(1 − I)) at a point.
///
/// # Source
/// Continued fraction: DLMF 8.17.22, evaluated as in DiDonato and Morris, "Algorithm 708", ACM TOMS 18 (1992), `BFRAC`.
pub fn log_beta_tails(a: f64, b: f64, at: Odds) -> (f64, f64) {
    tails(a, b, at)
}

/// The same with their derivatives in a and b, each relatively accurate to about 1e−13, or 1e−16 times the larger shape where
/// that is more. Those in ln(x / (1 − x)) are exp([`log_kernel`] − ln I) and −exp([`log_kernel`] − ln(1 − I)).
pub fn d_log_beta_tails(a: f64, b: f64, at: Odds) -> (Dual<2>, Dual<2>) {
    tails(Dual::variable(a, 0), Dual::variable(b, 1), at)
}

fn tails<T: Number>(first: T, second: T, at: Odds) -> (T, T) {
    let known = |lower, upper| (T::constant(lower), T::constant(upper));
    let (a, b) = (first.value(), second.value());
    if !(a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite() && at.x >= 0.0 && at.y >= 0.0) {
        return known(f64::NAN, f64::NAN);
    }
    if at.log_x == f64::NEG_INFINITY {
        return known(f64::NEG_INFINITY, 0.0);
    }
    if at.log_y == f64::NEG_INFINITY {
        return known(0.0, f64::NEG_INFINITY);
    }
    let kernel = log_kernel(a, b, at);
    if at.x * (b + 1.0) <= at.y * (a + 1.0) {
        near_tail(first, second, at, kernel)
    } else {
        let (upper, lower) = near_tail(second, first, at.flip(), kernel);
        (lower, upper)
    }
}

/// The point where ln I = log_p.
pub fn inv_log_beta_inc(a: f64, b: f64, log_p: f64) -> Odds {
    if !(a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite() && log_p <= 0.0) {
        return Odds {
            x: f64::NAN,
            y: f64::NAN,
            log_x: f64::NAN,
            log_y: f64::NAN,
        };
    }
    if log_p > -LN_2 {
        inv_lower(b, a, log1mexp(log_p)).flip()
    } else {
        inv_lower(a, b, log_p)
    }
}

/// For log_p ≤ ln ½, so that ln I keeps its digits.
fn inv_lower(a: f64, b: f64, log_p: f64) -> Odds {
    if log_p == f64::NEG_INFINITY {
        return Odds {
            x: 0.0,
            y: 1.0,
            log_x: f64::NEG_INFINITY,
            log_y: 0.0,
        };
    }
    if let Some(at) = closed_inverse(a, b, log_p) {
        return at;
    }
    let log_x = (log_p + log_a_beta(a, b)) / a;
    if log_x < -40.0 - (1.0 + b).ln() {
        return Odds {
            x: log_x.exp(),
            y: 1.0,
            log_x,
            log_y: -log_x.exp(),
        };
    }
    let log_rest = (log1mexp(log_p) + log_a_beta(b, a)) / b;
    if log_rest < -40.0 - (1.0 + a).ln() {
        return Odds {
            x: 1.0,
            y: log_rest.exp(),
            log_x: -log_rest.exp(),
            log_y: log_rest,
        };
    }
    let z = super::inv_log_phi(log_p);
    let sd = (trigamma(a) + trigamma(b)).sqrt();
    let mut w = digamma(a) - digamma(b) + z * sd;
    for _ in 0..100 {
        let at = Odds::from_logit(w);
        let lower = log_beta_tails(a, b, at).0;
        let hazard = (log_kernel(a, b, at) - lower).exp();
        let newton = (log_p - lower) / hazard;
        // Halley's correction: the slope of ln(hazard), over the step.
        let bend = 0.5 * newton * (a * at.y - b * at.x - hazard);
        let delta = match bend.abs() < 0.5 {
            true => newton / (1.0 + bend),
            false => newton,
        };
        w += delta.clamp(-1e3, 1e3);
        if delta.abs() < 2e-6 * sd.min(1.0) || delta.is_nan() {
            break; // the next step would be its cube
        }
    }
    Odds::from_logit(w)
}

/// The inverse where a shape is 1: I is xᵃ, or 1 − (1 − x)ᵇ.
fn closed_inverse(a: f64, b: f64, log_p: f64) -> Option<Odds> {
    let (log_x, log_y) = if b == 1.0 {
        (log_p / a, log1mexp(log_p / a))
    } else if a == 1.0 && log_p > -600.0 {
        let log_y = log1mexp(log_p) / b;
        (log1mexp(log_y), log_y)
    } else {
        return None;
    };
    Some(Odds {
        x: log_x.exp(),
        y: log_y.exp(),
        log_x,
        log_y,
    })
}

/// (ln I, ln(1 − I)) for x on the side of the lower tail.
fn near_tail<T: Number>(a: T, b: T, at: Odds, kernel: f64) -> (T, T) {
    let lower = tail_by_fraction(a, b, at, kernel);
    if lower.value() < -0.1 {
        return (lower, lower.log1mexp());
    }
    if at.x * b.value().max(1.0) <= 0.7 {
        let upper = small_shape_upper(a, b, at);
        return ((-upper).ln_1p(), upper.ln());
    }
    let upper = tail_by_fraction(b, a, at.flip(), kernel);
    (upper.log1mexp(), upper)
}

/// ln I by the continued fraction, at most 0.
fn tail_by_fraction<T: Number>(a: T, b: T, at: Odds, kernel: f64) -> T {
    let (v, w) = (a.value(), b.value());
    let kernel = T::of_two(a, b, kernel - v.ln(), || {
        let (in_a, in_b) = d_log_kernel(v, w, at);
        if v < 10.0 {
            (at.log_x - digamma(v + 1.0) + digamma(v + w), in_b) // ψ(v) and 1/v nearly cancel
        } else {
            (in_a - 1.0 / v, in_b)
        }
    });
    let tail = kernel - continued_fraction(a, b, at).ln();
    T::of_one(tail, tail.value().min(0.0), || 1.0)
}

/// ln(xᵃ (1 − x)ᵇ / B(a, b)): the density of ln(x / (1 − x)).
pub fn log_kernel(a: f64, b: f64, at: Odds) -> f64 {
    if a < 10.0 || b < 10.0 {
        return a * at.log_x + b * at.log_y - lbeta(a, b);
    }
    let total = a + b;
    let gap = at.x * b - at.y * a; // (x − a/(a + b)) (a + b)
    let drop = log_power(a, gap / a, at.log_x, total) + log_power(b, -gap / b, at.log_y, total);
    let remainder = stirling_remainder(total) - stirling_remainder(a) - stirling_remainder(b);
    drop + 0.5 * (a.ln() + (b / total).ln()) - HALF_LN_2PI + remainder
}

/// The derivatives of [`log_kernel`] in a and b, without cancellation when a shape is large: ln x + ψ(a + b) − ψ(a), and the same
/// from the other end.
pub fn d_log_kernel(a: f64, b: f64, at: Odds) -> (f64, f64) {
    let gap = at.x * b - at.y * a;
    (
        end_slope(a, b, at.log_x, gap),
        end_slope(b, a, at.log_y, -gap),
    )
}

fn end_slope(shape: f64, other: f64, log_x: f64, gap: f64) -> f64 {
    if shape < 10.0 {
        return log_x + digamma_difference(shape, other);
    }
    let total = shape + other;
    let log_ratio = if gap > -0.4 * shape {
        (gap / shape).ln_1p()
    } else {
        log_x + (total / shape).ln()
    };
    log_ratio + log_minus_digamma(shape) - log_minus_digamma(total)
}

/// a ln(x (a + b) / a) minus its linear part a d, where d = x (a + b) / a − 1. The linear parts of both ends cancel.
fn log_power(a: f64, d: f64, log_x: f64, total: f64) -> f64 {
    if d > -0.4 {
        a * log1pmx(d)
    } else {
        a * (log_x + (total / a).ln() - d)
    }
}

/// ln(a B(a, b)), accurate in relative terms for small a.
fn log_a_beta(a: f64, b: f64) -> f64 {
    lgamma1p(a) - log_gamma_ratio(b, a)
}

/// 1 − I where it is small because a is: I = xᵃ/(a B) · [1 + a Σ (1 − b)ₙ xⁿ / (n! (a + n))].
fn small_shape_upper<T: Number>(a: T, b: T, at: Odds) -> T {
    let (v, w) = (a.value(), b.value());
    let log_lead = T::of_two(a, b, v * at.log_x - log_a_beta(v, w), || {
        let in_a = at.log_x - digamma(1.0 + v) + digamma(v + w);
        (in_a, digamma_difference(w, v))
    });
    let (mut sum, mut term, mut n) = (T::constant(0.0), T::constant(1.0), 1.0);
    loop {
        term = (-b + n) * term * (at.x / n);
        let add = term / (a + n);
        sum = sum + add;
        if add.is_within(1e-17, sum) {
            break;
        }
        n += 1.0;
    }
    -log_lead.exp_m1() - log_lead.exp() * a * sum
}

/// The f with I = xᵃ (1 − x)ᵇ / (a B f), by Lentz's method.
fn continued_fraction<T: Number>(a: T, b: T, at: Odds) -> T {
    let Odds { x, y, .. } = at;
    let gap = a * y - b * x + 1.0; // a − (a + b) x + 1
    let first = gap / (a + 1.0);
    let (mut f, mut c, mut d) = (first, first, T::constant(0.0));
    let mut last = 1_000_000;
    for i in 1..1_000_000 {
        let n = f64::from(i);
        let (below, above) = (a + (2.0 * n - 1.0), a + (2.0 * n + 1.0));
        let rest = (-b + n) * (-n * x);
        // The first numerator has a factor a, which is left out as it is from the first denominator.
        let lead = if i == 1 {
            T::constant(1.0)
        } else {
            a + (n - 1.0)
        };
        let numerator = lead * (a + b + (n - 1.0)) * rest * x / (below * below);
        let denominator = rest / below + (a + n) * (gap + n * (1.0 + y)) / above + n;
        d = (denominator + numerator * d).recip();
        c = denominator + numerator / c;
        let factor = c * d;
        f = f * factor;
        if (factor.value() - 1.0).abs() < 2e-16 {
            last = last.min(2 * i + 500); // slopes settle later; rounding may keep them from it
            if factor.slopes_within(1e-14, f * f.value().recip()) || i >= last {
                break;
            }
        }
    }
    f
}
