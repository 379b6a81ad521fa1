//! Sums and differences of numbers that are held as logs.

/// ln(1 + x) − x, without the cancellation near 0.
///
/// # Source
/// With r = x / (2 + x): ln(1 + x) = 2 artanh r = 2r (1 + r²/3 + r⁴/5 + …), and 2r − x = −r x.
pub fn log1pmx(x: f64) -> f64 {
    if !(-0.4..=0.7).contains(&x) {
        return x.ln_1p() - x;
    }
    let r = x / (2.0 + x);
    let y = r * r;
    let (mut sum, mut power, mut odd) = (0.0, y, 3.0);
    loop {
        let term = power / odd;
        sum += term;
        if term <= 1e-17 * sum || term == 0.0 {
            return r * (2.0 * sum - x);
        }
        power *= y;
        odd += 2.0;
    }
}

/// ln(1 − eˣ) for x ≤ 0: from the log of a probability to that of its complement.
#[inline]
pub fn log1mexp(x: f64) -> f64 {
    if x > -std::f64::consts::LN_2 {
        (-x.exp_m1()).ln()
    } else {
        (-x.exp()).ln_1p()
    }
}

/// x, or 0 above: brings a log-probability back from what rounding added. NaN stays.
#[inline]
pub fn cap_log(x: f64) -> f64 {
    if x > 0.0 { 0.0 } else { x }
}

/// ln(eᵃ + eᵇ).
#[inline]
pub fn log_add_exp(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY || high == f64::INFINITY {
        high
    } else {
        high + (low - high).exp().ln_1p()
    }
}

/// ln(eᵃ − eᵇ) for a ≥ b; NaN for a < b.
#[inline]
pub fn log_sub_exp(a: f64, b: f64) -> f64 {
    if b == f64::NEG_INFINITY {
        a
    } else {
        a + log1mexp(b - a)
    }
}

/// ln Σ exp(xᵢ); −∞ for no elements.
pub fn logsumexp(x: &[f64]) -> f64 {
    let high = x.iter().fold(
        f64::NEG_INFINITY,
        |m, &v| if v > m || v.is_nan() { v } else { m },
    );
    if !high.is_finite() {
        high
    } else {
        high + x.iter().map(|v| (v - high).exp()).sum::<f64>().ln()
    }
}

/// ln(p / (1 − p)).
#[inline]
pub fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

/// 1 / (1 + e⁻ˣ).
#[inline]
pub fn inv_logit(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// ln(1 + eˣ).
#[inline]
pub fn softplus(x: f64) -> f64 {
    if x > 0.0 {
        x + (-x).exp().ln_1p()
    } else {
        x.exp().ln_1p()
    }
}

/// ln inv_logit(x).
#[inline]
pub fn log_inv_logit(x: f64) -> f64 {
    -softplus(-x)
}

/// x ln y, with 0 ln 0 = 0.
#[inline]
pub fn xlogy(x: f64, y: f64) -> f64 {
    if x == 0.0 && !y.is_nan() {
        0.0
    } else {
        x * y.ln()
    }
}
