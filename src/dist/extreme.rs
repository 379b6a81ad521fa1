//! Extreme values: Gumbel, Fréchet and Weibull.
//!
//! With E exponential of rate 1, −ln E is Gumbel, E^(−1/alpha) Fréchet, E^(1/alpha) Weibull.

use super::Univariate;
use super::location_scale::Standard;
use super::params::{is_positive, not_below_zero, positive, positive_finite, real};
use super::slopes::{is_clamped, none, step, undefined};
use crate::compute::special::{lgamma1p, log_phi, log1mexp, normal_hazard};

describe!(
    Gumbel,
    Real,
    "The Gumbel (extreme value) distribution of location mu and scale beta.",
    [real("mu"), positive("beta")]
);
describe!(
    Frechet,
    Real,
    "The Fréchet distribution of shape alpha and scale sigma.",
    [positive("alpha"), positive("sigma")]
);
describe!(
    Weibull,
    Real,
    "The Weibull distribution of shape alpha and scale sigma.",
    [positive("alpha"), positive("sigma")]
);

/// −ln(−ln Φ(z)): noise to a standard Gumbel variable.
fn gumbel_of_noise(z: f64) -> f64 {
    if z > 8.0 {
        -log_phi(-z)
    } else {
        -(-log_phi(z)).ln()
    }
}

/// ln(1 − exp(−e⁻ᵗ)): the upper tail of a standard Gumbel variable.
fn log_upper(t: f64) -> f64 {
    if t > 40.0 { -t } else { log1mexp(-(-t).exp()) }
}

/// Its derivative, (φ(z)/Φ(z)) / −ln Φ(z).
fn gumbel_slope(z: f64) -> f64 {
    if z > 8.0 {
        normal_hazard(-z)
    } else {
        normal_hazard(z) / -log_phi(z)
    }
}

/// d ln(1 − e^−E) / d ln E, E = e⁻ᵗ: from 1 for small E down to 0.
fn upper_share(t: f64) -> f64 {
    let e = (-t).exp();
    if e < 1e-300 {
        1.0
    } else if e > 800.0 {
        0.0
    } else {
        e / e.exp_m1()
    }
}

fn valid(p: &[f64]) -> bool {
    is_positive(p[0]) && is_positive(p[1])
}

impl Standard for Gumbel {
    const MEAN: f64 = 0.5772156649015329; // Euler's constant
    const SD: f64 = 1.282549830161864; // π/√6
    fn of_noise(z: f64) -> f64 {
        gumbel_of_noise(z)
    }
    fn log_shape(t: f64) -> f64 {
        if t == f64::NEG_INFINITY {
            t
        } else {
            -t - (-t).exp()
        }
    }
    fn score(t: f64) -> f64 {
        (-t).exp() - 1.0
    }
    fn log_lower(t: f64) -> f64 {
        -(-t).exp()
    }
    fn log_upper(t: f64) -> f64 {
        log_upper(t)
    }
    fn noise_slope(z: f64, _t: f64) -> f64 {
        gumbel_slope(z)
    }
    fn lower_slope(t: f64) -> f64 {
        let e = (-t).exp();
        if e == f64::INFINITY { 0.0 } else { e }
    }
    fn upper_slope(t: f64) -> f64 {
        upper_share(t)
    }
}

/// The derivatives in shape, scale and x of ±alpha ln(x/σ), times a factor: written and returned.
fn of_power(p: &[f64], sign: f64, x: f64, factor: f64, dp: &mut [f64]) -> f64 {
    dp[0] = sign * (x / p[1]).ln() * factor;
    dp[1] = -sign * p[0] / p[1] * factor;
    sign * p[0] / x * factor
}

/// Derivatives of the log-density, which is ln alpha + ln E − E − ln x with E = (x/σ)^(±alpha).
fn d_power_density(p: &[f64], sign: f64, x: f64, dp: &mut [f64]) -> f64 {
    let e = (sign * p[0] * (x / p[1]).ln()).exp();
    if e == f64::INFINITY {
        return none(dp); // the density underflows
    }
    let dx = of_power(p, sign, x, 1.0 - e, dp);
    dp[0] += 1.0 / p[0];
    dx - 1.0 / x
}

/// Derivatives of −E, the log of the tail that falls with E = (x/σ)^(±alpha).
fn d_falling_tail(p: &[f64], sign: f64, x: f64, dp: &mut [f64]) -> f64 {
    let e = (sign * p[0] * (x / p[1]).ln()).exp();
    if e == f64::INFINITY {
        return none(dp);
    }
    of_power(p, sign, x, -e, dp)
}

/// Derivatives of ln(1 − e^−E), the log of the other tail.
fn d_rising_tail(p: &[f64], sign: f64, x: f64, dp: &mut [f64]) -> f64 {
    let share = upper_share(-sign * p[0] * (x / p[1]).ln());
    of_power(p, sign, x, share, dp)
}

/// Derivatives of the transport σ exp(g/alpha), from g and dg/dz.
fn d_power_transport(p: &[f64], x: f64, g: f64, slope: f64, dp: &mut [f64]) -> f64 {
    if !valid(p) || g.is_nan() {
        return undefined(dp);
    }
    if is_clamped(x) {
        return none(dp);
    }
    dp[0] = -x * (g / p[0]) / p[0];
    dp[1] = x / p[1];
    x / p[0] * slope
}

/// What the derivatives of both Weibull's and Fréchet's logs are at an x without a density, or not a number.
fn no_density(p: &[f64], x: f64) -> Option<f64> {
    if !valid(p) || x.is_nan() {
        Some(f64::NAN)
    } else if x <= 0.0 || x == f64::INFINITY {
        Some(f64::NEG_INFINITY)
    } else {
        None
    }
}

/// ln of the density of σ E^(1/shape) at x > 0, E = `e` = (x/σ)^shape, where `shape` is negative for Fréchet.
fn log_power_density(shape: f64, x: f64, log_ratio: f64) -> f64 {
    let log_e = shape * log_ratio;
    shape.abs().ln() + log_e - log_e.exp() - x.ln()
}

/// Γ(1 + a), and the standard deviation of E^a over it, for a > −½.
fn moments(a: f64) -> (f64, f64) {
    let mean = lgamma1p(a).exp();
    (
        mean,
        mean * (lgamma1p(2.0 * a) - 2.0 * lgamma1p(a)).exp_m1().sqrt(),
    )
}

impl Univariate for Weibull {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            positive_finite(p[1] * (-gumbel_of_noise(-z) / p[0]).exp())
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            f64::NAN
        } else if x < 0.0 || x == f64::INFINITY {
            f64::NEG_INFINITY
        } else if x == 0.0 {
            if p[0] == 1.0 {
                -p[1].ln()
            } else {
                (1.0 - p[0]) * f64::INFINITY
            }
        } else {
            log_power_density(p[0], x, (x / p[1]).ln())
        }
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_upper(-p[0] * (not_below_zero(x) / p[1]).ln())
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            -(p[0] * (not_below_zero(x) / p[1]).ln()).exp()
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[1] * moments(1.0 / p[0]).0
        } else {
            f64::NAN
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        if valid(p) {
            p[1] * moments(1.0 / p[0]).1
        } else {
            f64::NAN
        }
    }
    /// At 0, where a shape of 1 alone has a finite density, that in alpha is given as 0.
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        if x == 0.0 && valid(p) && p[0] == 1.0 {
            (dp[0], dp[1]) = (0.0, -1.0 / p[1]);
            return -1.0 / p[1];
        }
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_power_density(p, 1.0, x, dp),
        }
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        d_power_transport(p, x, -gumbel_of_noise(-z), gumbel_slope(-z), dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_rising_tail(p, 1.0, x, dp),
        }
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_falling_tail(p, 1.0, x, dp),
        }
    }
}

impl Univariate for Frechet {
    fn transport(&self, p: &[f64], z: f64) -> f64 {
        if valid(p) {
            positive_finite(p[1] * (gumbel_of_noise(z) / p[0]).exp())
        } else {
            f64::NAN
        }
    }
    fn log_density(&self, p: &[f64], x: f64) -> f64 {
        if !valid(p) || x.is_nan() {
            return f64::NAN;
        }
        if x <= 0.0 || x == f64::INFINITY {
            return f64::NEG_INFINITY;
        }
        let density = log_power_density(-p[0], x, (x / p[1]).ln());
        if density.is_nan() {
            f64::NEG_INFINITY
        } else {
            density
        } // ∞ − ∞ far below the scale
    }
    fn log_cdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            -(-p[0] * (not_below_zero(x) / p[1]).ln()).exp()
        } else {
            f64::NAN
        }
    }
    fn log_ccdf(&self, p: &[f64], x: f64) -> f64 {
        if valid(p) {
            log_upper(p[0] * (not_below_zero(x) / p[1]).ln())
        } else {
            f64::NAN
        }
    }
    fn support(&self, p: &[f64]) -> (f64, f64) {
        if valid(p) {
            (0.0, f64::INFINITY)
        } else {
            (f64::NAN, f64::NAN)
        }
    }
    fn mean(&self, p: &[f64]) -> f64 {
        match valid(p) {
            true if p[0] > 1.0 => p[1] * moments(-1.0 / p[0]).0,
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn sd(&self, p: &[f64]) -> f64 {
        match valid(p) {
            true if p[0] > 2.0 => p[1] * moments(-1.0 / p[0]).1,
            true => f64::INFINITY,
            false => f64::NAN,
        }
    }
    fn d_log_density(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_power_density(p, -1.0, x, dp),
        }
    }
    fn d_transport(&self, p: &[f64], z: f64, x: f64, dp: &mut [f64]) -> f64 {
        d_power_transport(p, x, gumbel_of_noise(z), gumbel_slope(z), dp)
    }
    fn d_log_cdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_falling_tail(p, -1.0, x, dp),
        }
    }
    fn d_log_ccdf(&self, p: &[f64], x: f64, dp: &mut [f64]) -> f64 {
        match no_density(p, x) {
            Some(value) => step(value, dp),
            None => d_rising_tail(p, -1.0, x, dp),
        }
    }
}
