//! Truncation, censoring and zero inflation: their own laws, over distributions whose plain laws hold.

use super::super::*;
use super::{NOISE, scalar};
use crate::compute::special::{log_add_exp, log_phi, log_sub_exp, tanh_sinh};

fn bounds(lower: f64, upper: f64) -> Bounds {
    Bounds { lower, upper }
}

const INF: f64 = f64::INFINITY;

const TRUNCATED: &[(&str, &[f64], f64, f64)] = &[
    ("Normal", &[0.0, 1.0], -1.0, 2.0),
    ("Normal", &[0.0, 1.0], 30.0, 31.0),
    ("Normal", &[0.0, 1.0], -40.0, -35.0),
    ("Normal", &[0.0, 1.0], 8.0, INF),
    ("Normal", &[0.0, 1.0], -INF, 3.0),
    ("StudentT", &[3.0, 0.0, 1.0], -1.0, 1e3),
    ("Gamma", &[2.0, 1.0], 0.5, 40.0),
    ("Exponential", &[1.0], 100.0, INF),
    ("Cauchy", &[0.0, 1.0], 1e6, 2e6),
    ("Flat", &[0.0, 1.0], -3.0, 5.0),
    ("HalfFlat", &[1.0], 2.0, INF),
    ("Poisson", &[3.0], 2.0, 5.0),
    ("Poisson", &[3.0], 50.0, INF),
    ("Binomial", &[20.0, 0.3], 0.0, 0.0),
    ("Geometric", &[0.1], 2.5, 9.5),
];

#[test]
fn truncated_transport_follows_the_truncated_law() {
    for &(name, p, lower, upper) in TRUNCATED {
        let (d, b) = (scalar(name), bounds(lower, upper));
        assert_eq!(check_bounds(d, p, b), Ok(()));
        let mut last = f64::NEG_INFINITY;
        for &z in NOISE {
            let x = truncated_transport(d, p, b, z);
            assert!(
                lower <= x && x <= upper && x >= last,
                "{name} in [{lower}, {upper}]: {x} at {z}"
            );
            last = x;
            let tail = |x| {
                if z <= 0.0 {
                    truncated_log_cdf(d, p, b, x)
                } else {
                    truncated_log_ccdf(d, p, b, x)
                }
            };
            let (want, got) = (log_phi(-z.abs()), tail(x));
            if d.is_discrete() {
                let before = tail(x - 1.0);
                let (low, high) = if z <= 0.0 {
                    (before, got)
                } else {
                    (got, before)
                };
                assert!(
                    low <= want + 1e-11 && want <= high + 1e-11,
                    "{name} in [{lower}, {upper}]: {x} at {z}: {low} {want} {high}"
                );
            } else {
                let slack = 64.0 * f64::EPSILON * x.abs(); // noise held as z costs z² roundings
                let rounding = (tail(x + slack) - tail(x - slack)).abs();
                if rounding < 1e-3 {
                    assert!(
                        (want - got).abs() < 1e-10 * (1.0 + want.abs()) + 2.0 * rounding,
                        "{name} in [{lower}, {upper}]: {x} at {z}: {got} {want}"
                    );
                }
            }
        }
    }
}

#[test]
fn truncated_densities_integrate_to_one() {
    for &(name, p, lower, upper) in TRUNCATED {
        let (d, b) = (scalar(name), bounds(lower, upper));
        if d.is_improper() {
            let x = truncated_transport(d, p, b, 0.4);
            assert_eq!(truncated_log_density(d, p, b, x), 0.0);
            // The correction is minus the log-density of the truncated base, of which log_cdf is the integral.
            let slope = (truncated_log_cdf(d, p, b, x * 1.0001).exp()
                - truncated_log_cdf(d, p, b, x).exp())
                / (x * 0.0001);
            assert!(
                (slope.ln() + truncated_improper_correction(d, p, b, x)).abs() < 1e-3,
                "{name}"
            );
        } else if d.is_discrete() {
            let first = lower.ceil();
            let sum: f64 = (0..400)
                .map(|i| truncated_log_density(d, p, b, first + f64::from(i)).exp())
                .sum();
            assert!(
                (sum - 1.0).abs() < 1e-12,
                "{name} in [{lower}, {upper}]: {sum}"
            );
        } else {
            let edges =
                [-8.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0].map(|z| truncated_transport(d, p, b, z));
            let piece = |w: &[f64]| {
                tanh_sinh(w[1] - w[0], |t, _| {
                    truncated_log_density(d, p, b, w[0] + t).exp()
                })
            };
            let sum: f64 = edges.windows(2).map(piece).sum();
            assert!(
                (sum - 1.0).abs() < 1e-9,
                "{name} in [{lower}, {upper}]: {sum}"
            );
        }
        assert_eq!(
            truncated_log_density(d, p, b, upper + 1.0),
            f64::NEG_INFINITY
        );
        assert_eq!(
            truncated_log_density(d, p, b, lower - 1.0),
            f64::NEG_INFINITY
        );
    }
}

#[test]
fn bounds_without_mass_are_refused() {
    let d = scalar("Exponential");
    assert!(
        check_bounds(d, &[1.0], bounds(-3.0, -1.0))
            .unwrap_err()
            .contains("no mass")
    );
    assert!(
        check_bounds(d, &[1.0], bounds(2.0, 1.0))
            .unwrap_err()
            .contains("below upper")
    );
    assert!(check_bounds(d, &[1.0], bounds(1.0, f64::NAN)).is_err());
    assert!(truncated_transport(d, &[1.0], bounds(-3.0, -1.0), 0.0).is_nan());
    assert!(truncated_log_density(d, &[1.0], bounds(-3.0, -1.0), -2.0).is_nan());
    assert!(truncated_transport(d, &[-1.0], bounds(0.0, 1.0), 0.0).is_nan());
}

#[test]
fn censored_values_carry_the_tails() {
    for (name, p, lower, upper) in [
        ("Normal", &[0.0, 1.0][..], -1.0, 0.5),
        ("Poisson", &[4.0], 2.0, 6.0),
    ] {
        let (d, b) = (scalar(name), bounds(lower, upper));
        let at = |x| censored_log_density(d, p, b, x).exp();
        let inside = if d.is_discrete() {
            (3..=5).map(|k| at(f64::from(k))).sum()
        } else {
            tanh_sinh(upper - lower, |t, _| at(lower + t * (1.0 - 1e-15) + 1e-300))
        };
        assert!(
            (at(lower) + at(upper) + inside - 1.0).abs() < 1e-9,
            "{name}: {} {inside} {}",
            at(lower),
            at(upper)
        );
        assert!((at(lower).ln() - d.log_cdf(p, lower)).abs() < 1e-14);
        assert_eq!(censored_log_cdf(d, p, b, upper), 0.0);
        assert_eq!(censored_log_ccdf(d, p, b, lower), d.log_ccdf(p, lower));
        assert_eq!(censored_log_cdf(d, p, b, lower - 0.1), -INF);
        assert_eq!(
            (
                censored_transport(d, p, b, -9.0),
                censored_transport(d, p, b, 9.0)
            ),
            (lower, upper)
        );
        assert_eq!(at(upper + 1.0), 0.0);
    }
    assert!(censored_log_density(scalar("Normal"), &[0.0, 1.0], bounds(1.0, 0.0), 0.5).is_nan());
}

#[test]
fn zero_inflation_adds_a_zero() {
    for (name, p, zero) in [
        ("Poisson", &[3.0][..], 0.4),
        ("Normal", &[1.0, 2.0], 0.25),
        ("Poisson", &[3.0], 0.0),
        ("Gamma", &[2.0, 1.0], 1.0),
    ] {
        let d = scalar(name);
        let mut last = -INF;
        for &z in NOISE {
            let x = zero_inflated_transport(d, p, zero, z);
            assert!(x >= last, "{name}: {x} at {z}");
            last = x;
            let (cdf, ccdf) = (
                |x| zero_inflated_log_cdf(d, p, zero, x),
                |x| zero_inflated_log_ccdf(d, p, zero, x),
            );
            // Φ(z) lies between F just below x and F(x).
            let step = if d.is_discrete() {
                1.0
            } else {
                1e-9 * (1.0 + x.abs())
            };
            let holds = if z <= 0.0 {
                cdf(x - step) <= log_phi(z) && log_phi(z) <= cdf(x) + 1e-6
            } else {
                ccdf(x) <= log_phi(-z) + 1e-6 && log_phi(-z) <= ccdf(x - step)
            };
            assert!(holds, "{name} {zero}: {x} at {z}");
        }
    }
    let d = scalar("Poisson");
    let sum = (0..100)
        .map(|k| zero_inflated_log_density(d, &[3.0], 0.4, f64::from(k)).exp())
        .sum::<f64>();
    assert!((sum - 1.0).abs() < 1e-13);
    assert!(
        (zero_inflated_log_density(d, &[3.0], 0.4, 0.0) - (0.4 + 0.6 * (-3f64).exp()).ln()).abs()
            < 1e-14
    );
    assert!(
        (zero_inflated_log_density(scalar("Normal"), &[0.0, 1.0], 0.4, 0.0) - 0.4f64.ln()).abs()
            < 1e-14
    );
    assert!(
        zero_inflated_log_density(d, &[3.0], 1.5, 0.0).is_nan()
            && zero_inflated_transport(d, &[-3.0], 0.5, 0.0).is_nan()
    );
}

#[test]
fn intervals_and_quantiles() {
    let d = scalar("Normal");
    // P(10 < Z < 11), a difference that 1 − F loses altogether.
    let want = log_sub_exp(log_phi(-10.0), log_phi(-11.0));
    assert!((log_interval(d, &[0.0, 1.0], bounds(10.0, 11.0)) - want).abs() < 1e-13);
    let both = log_add_exp(
        log_interval(d, &[0.0, 1.0], bounds(-2.0, 0.5)),
        log_interval(d, &[0.0, 1.0], bounds(0.5, INF)),
    );
    assert!((both - log_phi(2.0)).abs() < 1e-15);
    assert!((quantile(d, &[1.0, 2.0], 0.975) - (1.0 + 2.0 * 1.959963984540054)).abs() < 1e-13);
    assert_eq!(quantile(scalar("Poisson"), &[3.0], 0.0), 0.0);
    assert_eq!(quantile(scalar("Exponential"), &[1.0], 1.0), INF);
    assert!(quantile(d, &[0.0, 1.0], 1.2).is_nan());
}
