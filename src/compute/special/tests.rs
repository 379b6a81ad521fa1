//! Special functions against a table made with mpmath, and inverses against what they invert.

use super::*;

/// A function of the table and how far, in relative terms, it may be off. Logs that pass through 0 are relative to what they
/// stand for.
fn evaluate(name: &str, v: &[f64]) -> f64 {
    match name {
        "log_phi" => log_phi(v[0]),
        "phi" => phi(v[0]),
        "inv_erf" => inv_erf(v[0]),
        "erfcx" => erfcx(v[0]),
        "lgamma1p" => lgamma1p(v[0]),
        "digamma" => digamma(v[0]),
        "trigamma" => trigamma(v[0]),
        "lbeta" => lbeta(v[0], v[1]),
        "log_gamma_ratio" => log_gamma_ratio(v[0], v[1]),
        "log_choose" => log_choose(v[0], v[1]),
        "log_gamma_p" => log_gamma_p(v[0], v[1]),
        "log_gamma_q" => log_gamma_q(v[0], v[1]),
        "log_beta_inc" => log_beta_inc(v[0], v[1], v[2]),
        "log_beta_inc_upper" => log_beta_inc_upper(v[0], v[1], v[2]),
        "d_log_gamma_p" => d_log_gamma_tails(v[0], v[1], v[1].ln()).0.slopes[0],
        "d_log_gamma_q" => d_log_gamma_tails(v[0], v[1], v[1].ln()).1.slopes[0],
        "d_log_beta_inc_a" => d_log_beta_tails(v[0], v[1], Odds::from_x(v[2])).0.slopes[0],
        "d_log_beta_inc_b" => d_log_beta_tails(v[0], v[1], Odds::from_x(v[2])).0.slopes[1],
        "d_log_beta_inc_upper_a" => d_log_beta_tails(v[0], v[1], Odds::from_x(v[2])).1.slopes[0],
        "d_log_beta_inc_upper_b" => d_log_beta_tails(v[0], v[1], Odds::from_x(v[2])).1.slopes[1],
        "digamma_difference" => digamma_difference(v[0], v[1]),
        "digamma_excess" => digamma_excess(v[0], v[1]),
        "bessel_i0_scaled" => bessel_i0_scaled(v[0]),
        "bessel_i1_scaled" => bessel_i1_scaled(v[0]),
        "log1pmx" => log1pmx(v[0]),
        _ => panic!("{name} is not in the test"),
    }
}

#[test]
fn table() {
    for line in include_str!("../../../tests/data/special.csv")
        .lines()
        .skip(1)
    {
        let fields: Vec<&str> = line.split(',').collect();
        let arguments: Vec<f64> = fields[1].split(' ').map(|v| v.parse().unwrap()).collect();
        let want: f64 = fields[2].parse().unwrap();
        let got = evaluate(fields[0], &arguments);
        let incomplete = fields[0].starts_with("log_gamma_p")
            || fields[0].starts_with("log_gamma_q")
            || fields[0].starts_with("log_beta");
        let tolerance = if incomplete {
            1e-13 * (1.0 + want.abs())
        } else {
            2e-11 * want.abs()
        };
        assert!((got - want).abs() <= tolerance, "{line}: {got:e}");
    }
}

#[test]
fn gaussian_quantiles_invert() {
    for log_p in [
        -1e-300, -1e-20, -1e-3, -0.08, -0.5, -0.69, -0.7, -2.5, -2.6, -25.1, -676.0, -1e3, -1e5,
        -1e8,
    ] {
        let z = inv_log_phi(log_p);
        let slope = (normal_log_density(z) - log_phi(z)).exp();
        // Relative error of z, 1e-15, and of ln Φ.
        let tolerance = 1e-15 * (z.abs().max(1e-2) * slope + log_p.abs()) * 8.0;
        assert!(
            (log_phi(z) - log_p).abs() <= tolerance,
            "{log_p}: {z}, back to {}",
            log_phi(z)
        );
    }
    assert_eq!(
        (inv_log_phi(0.0), inv_log_phi(f64::NEG_INFINITY)),
        (f64::INFINITY, f64::NEG_INFINITY)
    );
    assert_eq!(
        (inv_phi(0.0), inv_phi(1.0), inv_phi(0.5)),
        (f64::NEG_INFINITY, f64::INFINITY, 0.0)
    );
    assert!(
        inv_log_phi(0.1).is_nan()
            && inv_phi(1.1).is_nan()
            && inv_phi(-0.1).is_nan()
            && inv_log_phi(f64::NAN).is_nan()
    );
    assert!((inv_phi(0.975) - 1.9599639845400543).abs() < 1e-15);
}

#[test]
fn gamma_quantiles_invert() {
    for a in [1e-8, 1e-3, 0.1, 0.9, 1.0, 3.0, 20.0, 1e4, 1e8] {
        for log_p in [-1e-10, -1e-3, -0.3, -0.6, -0.8, -2.0, -10.0, -690.0, -1e4] {
            let ((log_x, x), (log_y, y)) = (inv_log_gamma_p(a, log_p), inv_log_gamma_q(a, log_p));
            let tolerance = 2e-12 * (1.0 + log_p.abs());
            assert!(
                (log_gamma_tails(a, x, log_x).0 - log_p).abs() < tolerance,
                "P: {a} {log_p}: {x:e}"
            );
            assert!(
                (log_gamma_tails(a, y, log_y).1 - log_p).abs() < tolerance,
                "Q: {a} {log_p}: {y:e}"
            );
        }
    }
}

#[test]
fn beta_quantiles_invert() {
    for a in [1e-3, 0.1, 1.0, 3.0, 50.0, 1e6] {
        for b in [1e-3, 0.1, 1.0, 8.0, 1e4] {
            for log_p in [-1e-10, -1e-3, -0.3, -0.6, -0.8, -2.0, -10.0, -690.0] {
                let at = inv_log_beta_inc(a, b, log_p);
                let got = log_beta_tails(a, b, at).0;
                assert!(
                    (got - log_p).abs() < 1e-12 * (1.0 + log_p.abs()),
                    "{a} {b} {log_p}: {at:?}, back to {got}"
                );
            }
        }
    }
}

#[test]
fn beta_quantiles_of_a_shape_of_one() {
    // Of Beta(1, b): 1 − (1 − p)^(1/b); of Beta(a, 1): p^(1/a). Both ends keep their digits.
    for p in [1e-200, 1e-9, 0.1, 0.5, 0.9, 1.0 - 1e-9] {
        let (log_p, log_q) = (f64::ln(p), f64::ln_1p(-p));
        let rounding = 4e-15 + f64::EPSILON * log_p.abs(); // what the last digit of ln p is worth
        let near = |got: f64, want: f64| (got - want).abs() <= rounding * want.abs();
        for shape in [0.3, 1.0, 2.0, 7.0, 1e4] {
            let at = inv_log_beta_inc(1.0, shape, log_p);
            assert!(near(at.log_y, log_q / shape), "1 {shape} {p}: {at:?}");
            assert!(
                near(at.x, -f64::exp_m1(log_q / shape)),
                "1 {shape} {p}: {at:?}"
            );
            let at = inv_log_beta_inc(shape, 1.0, log_p);
            assert!(near(at.log_x, log_p / shape), "{shape} 1 {p}: {at:?}");
            assert!(
                near(at.y, -f64::exp_m1(log_p / shape)),
                "{shape} 1 {p}: {at:?}"
            );
        }
    }
}

#[test]
fn sums_of_logs() {
    assert_eq!(logsumexp(&[]), f64::NEG_INFINITY);
    assert_eq!(logsumexp(&[1e3, 1e3]), 1e3 + LN_2);
    assert!(logsumexp(&[0.0, f64::NAN, 1.0]).is_nan());
    assert_eq!(
        log_add_exp(f64::NEG_INFINITY, f64::NEG_INFINITY),
        f64::NEG_INFINITY
    );
    assert!((log_sub_exp(2f64.ln(), 0.0)).abs() < 1e-15);
    assert_eq!(log1mexp(0.0), f64::NEG_INFINITY);
    assert!(
        (log1mexp(-1e-20) - 1e-20f64.ln()).abs() < 1e-13
            && (log1mexp(-50.0) + (-50f64).exp()).abs() < 1e-35
    );
    assert_eq!(
        (softplus(800.0), softplus(-800.0), inv_logit(-800.0)),
        (800.0, 0.0, 0.0)
    );
    assert!(
        (logit(inv_logit(-3.0)) + 3.0).abs() < 1e-14
            && (log_inv_logit(-800.0) + 800.0).abs() < 1e-12
    );
    assert_eq!((xlogy(0.0, 0.0), xlogy(2.0, 1.0)), (0.0, 0.0));
    assert!(
        (beta_fn(2.0, 3.0) - 1.0 / 12.0).abs() < 1e-15
            && (log_bessel_i0(800.0) - 795.738_9).abs() < 1e-3
    );
}

#[test]
fn integrals() {
    assert!((tanh_sinh(1.0, |x, _| x.powf(-0.5)) - 2.0).abs() < 1e-12);
    assert!((gauss_legendre(0.0, 2.0, f64::exp) - 1f64.exp().powi(2) + 1.0).abs() < 1e-14);
}
