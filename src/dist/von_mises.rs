//! The von Mises distribution on the circle, its values in (−π, π].
//!
//! Values are ordered as numbers, from −π up, so that the distribution function depends on where the circle is cut:
//!
//! ```text
//!       cut       mu                        cut
//!   −π  |      ··∙█∙··        |  π          the density, unrolled around mu: 0 at mu, ±π opposite to it
//! ```

use super::Univariate;
use super::params::{non_negative, real};
use super::root;
use super::slopes::{noise_slope, none, tail_slope, undefined};
use crate::compute::special::{
    LN_2, bessel_i0_scaled, bessel_i1_scaled, cap_log, gauss_legendre, inv_log_phi, log_add_exp,
    log_phi, log_sub_exp, log1mexp, tanh_sinh,
};
use std::f64::consts::PI;

describe!(
    VonMises,
    Real,
    "The von Mises distribution of angles around mu with concentration kappa, in (-pi, pi].",
    [real("mu"), non_negative("kappa")]
);

fn valid(p: &[f64]) -> bool {
    p[0].is_finite() && p[1] >= 0.0 && p[1].is_finite()
}

/// An angle's representative in (−π, π].
fn wrap(angle: f64) -> f64 {
    let r = angle - 2.0 * PI * (angle / (2.0 * PI)).round();
    if r <= -PI { PI } else { r }
}

/// κ (cos t − 1), without cancellation near 0.
fn log_shape(kappa: f64, t: f64) -> f64 {
    let s = (0.5 * t).sin();
    -2.0 * kappa * s * s
}

/// The angle, at most 1 further, at which exp(κ cos u) has fallen by another exp(−6).
fn next_panel(kappa: f64, from: f64) -> f64 {
    let sine = ((0.5 * from).sin().powi(2) + 3.0 / kappa).sqrt();
    if sine < 1.0 { 2.0 * sine.asin() } else { PI }
        .min(from + 1.0)
        .min(PI)
}

/// ln ∫ exp(κ(cos u − 1)) du from t to π, 0 ≤ t ≤ π: the mass between an angle and the trough on its side.
fn log_side(kappa: f64, t: f64) -> f64 {
    let mut area = 0.0;
    let mut from = t;
    while from < PI {
        let to = next_panel(kappa, from);
        // cos u − cos t = −2 sin((u + t)/2) sin((u − t)/2)
        let fall = |u: f64| (-2.0 * kappa * (0.5 * (u + t)).sin() * (0.5 * (u - t)).sin()).exp();
        let panel = gauss_legendre(from, to, fall);
        area += panel;
        if panel < 1e-17 * area {
            break;
        }
        from = to;
    }
    log_shape(kappa, t) + area.ln()
}

/// ln ∫ over half the circle.
fn log_half(kappa: f64) -> f64 {
    (PI * bessel_i0_scaled(kappa)).ln()
}

/// A point of the circle: the log of the mass between it and the trough opposite to mu, on the side where it lies.
#[derive(Clone, Copy)]
enum Place {
    /// Before mu: the mass from the trough up to here.
    Before(f64),
    /// After mu: the mass from here on to the trough.
    After(f64),
}
use Place::{After, Before};

/// Where the angle u from mu, in [−π, π], lies.
fn place(kappa: f64, u: f64) -> Place {
    if u <= 0.0 {
        Before(log_side(kappa, -u))
    } else {
        After(log_side(kappa, u))
    }
}

/// ln of the mass from one point on to another, where that is less than a turn; `total` is ln of a turn's.
fn log_forward(from: Place, to: Place, total: f64) -> f64 {
    let within = |high: f64, low: f64| {
        if high >= low {
            log_sub_exp(high, low)
        } else {
            log_sub_exp(total, log_sub_exp(low, high))
        }
    };
    match (from, to) {
        (Before(a), Before(b)) => within(b, a),
        (After(a), After(b)) => within(a, b),
        (Before(a), After(b)) => log_sub_exp(total, log_add_exp(a, b)),
        (After(a), Before(b)) => log_add_exp(a, b),
    }
}

/// The point that lies a mass of e^`log_mass` after another.
fn forward(from: Place, log_mass: f64, half: f64) -> Place {
    let total = half + LN_2;
    let side = |before: f64| {
        if before <= half {
            Before(before)
        } else {
            After(log_sub_exp(total, before))
        }
    };
    match from {
        Before(a) => {
            let sum = log_add_exp(a, log_mass);
            if sum <= total {
                side(sum)
            } else {
                Before(log_sub_exp(sum, total))
            }
        }
        After(a) if log_mass <= a => After(log_sub_exp(a, log_mass)),
        After(a) => side(log_sub_exp(log_mass, a)),
    }
}

/// The same point seen in the mirror.
fn mirror(at: Place) -> Place {
    match at {
        Before(m) => After(m),
        After(m) => Before(m),
    }
}

/// The angle t in [0, π] from which on to π the log of the mass is this.
fn angle_of_side(kappa: f64, log_mass: f64, half: f64) -> f64 {
    let share = log_mass - half - LN_2;
    let start = if kappa < 1.0 {
        PI * (1.0 - (log_mass - half).exp())
    } else {
        -inv_log_phi(share.min(-LN_2)) / kappa.sqrt()
    };
    root::increasing(start.clamp(1e-9, PI - 1e-3), (0.0, PI), |t| {
        let side = log_side(kappa, t);
        (log_mass - side, (log_shape(kappa, t) - side).exp())
    })
}

/// (ln P(X ≤ x), ln P(X > x)).
fn tails(p: &[f64], x: f64) -> (f64, f64) {
    if !valid(p) || x.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    if x <= -PI {
        return (f64::NEG_INFINITY, 0.0);
    }
    if x >= PI {
        return (0.0, f64::NEG_INFINITY);
    }
    let (cut, here) = (place(p[1], wrap(PI - p[0])), place(p[1], wrap(x - p[0])));
    let total = log_half(p[1]) + LN_2;
    let (lower, upper) = (
        cap_log(log_forward(cut, here, total) - total),
        cap_log(log_forward(here, cut, total) - total),
    );
    // The larger one follows from the smaller: together they are exactly 1.
    if lower < upper {
        (lower, log1mexp(lower))
    } else {
        (log1mexp(upper), upper)
    }
}

/// 1 − I₁(κ)/I₀(κ), by its asymptotic series where that is a difference of nearly equal numbers.
fn cosine_deficit(kappa: f64) -> f64 {
    if kappa < 500.0 {
        return 1.0 - bessel_i1_scaled(kappa) / bessel_i0_scaled(kappa);
    }
    let r = 1.0 / kappa;
    r * (0.5 + r * (0.125 + r * (0.125 + r * (25.0 / 128.0 + r * (13.0 / 32.0)))))
}

/// cos t − I₁(κ)/I₀(κ): the derivative of the log-density in κ at the angle t from mu.
fn excess_cosine(kappa: f64, t: f64) -> f64 {
    let s = (0.5 * t).sin();
    cosine_deficit(kappa) - 2.0 * s * s
}

/// ∫ over (0, t) of the density's derivative in κ, over the density at t, for 0 ≤ t ≤ π. The integrand changes sign once and
/// its integral over (0, π) is 0, so that either side of t serves: the one that holds one sign.
fn swept(kappa: f64, t: f64) -> f64 {
    let fall = |u: f64| (-2.0 * kappa * (0.5 * (u + t)).sin() * (0.5 * (u - t)).sin()).exp();
    let integrand = |u: f64| excess_cosine(kappa, u) * fall(u);
    if excess_cosine(kappa, t) >= 0.0 {
        return gauss_legendre(0.0, t, integrand);
    }
    let (mut area, mut from) = (0.0, t);
    while from < PI {
        let to = next_panel(kappa, from);
        let panel = gauss_legendre(from, to, integrand);
        area -= panel;
        if panel.abs() < 1e-17 * area {
            break;
        }
        from = to;
    }
    area
}

/// Derivatives of a value at fixed probability.
struct Shift {
    mu: f64,
    kappa: f64,
}

/// How the value x moves with mu and κ at a fixed probability: with F = ∫ of the density from the cut to x, by −∂F/∂mu and
/// −∂F/∂κ over the density at x.
fn shift(p: &[f64], x: f64) -> Shift {
    let kappa = p[1];
    let (cut, here) = (wrap(PI - p[0]), wrap(x - p[0]));
    // The density at the cut over that at x.
    let log_ratio = 2.0 * kappa * (0.5 * (here + cut)).sin() * (0.5 * (here - cut)).sin();
    let signed = |u: f64| swept(kappa, u.abs()).copysign(u);
    let ahead = if x < 0.0 { x + PI } else { x - PI }; // from the nearer image of the cut to x
    let in_kappa = if ahead.abs() < 1.0 && log_ratio.abs() < 8.0 {
        gauss_legendre(0.0, ahead, |s| {
            let fall = 2.0 * kappa * (here - 0.5 * s).sin() * (0.5 * s).sin();
            excess_cosine(kappa, here - s) * fall.exp()
        })
    } else {
        signed(here) - signed(cut) * log_ratio.exp()
    };
    Shift {
        mu: -log_ratio.exp_m1(),
        kappa: -in_kappa,
    }
}

/// Derivatives of the log of the lower (`sign` 1) or upper (−1) tail.
fn d_tail(p: &[f64], x: f64, sign: f64, dp: &mut [f64]) -> f64 {
    let (lower, upper) = tails(p, x);
    if lower.is_nan() {
        return undefined(dp);
    }
    if x <= -PI || x >= PI {
        return none(dp);
    }
    let log_density = log_shape(p[1], x - p[0]) - (log_half(p[1]) + LN_2);
    let slope = sign * tail_slope(log_density, if sign > 0.0 { lower } else { upper });
    let shift = shift(p, x);
    (dp[0], dp[1]) = (-slope * shift.mu, -slope * shift.kappa);
    slope
}

impl Univariate for VonMises {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if !valid(p) || z.is_nan() {
            return f64::NAN;
        }
        let half = log_half(p[1]);
        let cut = place(p[1], wrap(PI - p[0]));
        let log_mass = log_phi(-z.abs()) + half + LN_2;
        let at = if z <= 0.0 {
            forward(cut, log_mass, half)
        } else {
            mirror(forward(mirror(cut), log_mass, half))
        };
        let angle = match at {
            Before(side) => -angle_of_side(p[1], side, half),
            After(side) => angle_of_side(p[1], side, half),
        };
        let x = wrap(p[0] + angle);
        // Next to the cut rounding may cross it.
        if z < -1.0 && x > PI - 1e-9 {
            (-PI).next_up()
        } else if z > 1.0 && x < -PI + 1e-9 {
            PI
        } else {
            x
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x > -PI && x <= PI {
            log_shape(p[1], x - p[0]) - (log_half(p[1]) + LN_2)
        } else {
            f64::NEG_INFINITY
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        tails(p, x).0
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        tails(p, x).1
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (-PI, PI)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    /// Of the number in (−π, π], not the circular mean, which is mu.
    fn mean(&self, p: &[f64]) -> f64 {
        if !valid(p) {
            return f64::NAN;
        }
        let mu = wrap(p[0]);
        // mu, less a whole turn for what lies beyond the cut.
        let over = (log_side(p[1], PI - mu.abs()) - (log_half(p[1]) + LN_2)).exp();
        mu - (2.0 * PI * over).copysign(mu)
    }
    fn sd(&self, p: &[f64]) -> f64 {
        let mean = self.mean(p);
        if mean.is_nan() {
            return mean;
        }
        let mu = wrap(p[0]);
        let moment = |from: f64, width: f64| {
            tanh_sinh(width, |t, _| {
                (from + t - mean).powi(2)
                    * (log_shape(p[1], from + t - mu) - (log_half(p[1]) + LN_2)).exp()
            })
        };
        // Split where the density peaks and where it is least, so that each part has its scale at an end.
        let trough = if mu > 0.0 { mu - PI } else { mu + PI };
        let mut ends = [-PI, mu, trough, PI];
        ends.sort_by(f64::total_cmp);
        ends.windows(2)
            .map(|w| moment(w[0], w[1] - w[0]))
            .sum::<f64>()
            .sqrt()
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        if x <= -PI || x > PI {
            return none(dp);
        }
        dp[0] = p[1] * (x - p[0]).sin();
        dp[1] = excess_cosine(p[1], x - p[0]);
        -dp[0]
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        if !valid(p) || x.is_nan() {
            return undefined(dp);
        }
        let shift = shift(p, x);
        dp[0] = shift.mu;
        dp[1] = shift.kappa;
        noise_slope(z, self.log_density(p, x))
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, 1.0, dp)
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        d_tail(p, x, -1.0, dp)
    }
}
