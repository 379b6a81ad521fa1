//! The root of an increasing function of one variable.

/// Newton's method from `start` for f(x) = 0, where f gives value and slope; kept between bounds (which may be infinite) by
/// bisection of what is left when a step leaves them.
pub fn increasing(
    start: f64,
    (mut low, mut high): (f64, f64),
    f: impl Fn(f64) -> (f64, f64),
) -> f64 {
    let mut x = start;
    for _ in 0..200 {
        let (value, slope) = f(x);
        if value.is_nan() {
            return f64::NAN;
        }
        if value < 0.0 {
            low = x
        } else {
            high = x
        }
        let step = -value / slope;
        let mut next = x + step;
        if !(low..=high).contains(&next) || !step.is_finite() {
            next = middle(low, high, x);
        }
        let moved = (next - x).abs();
        x = next;
        if moved <= 1e-10 * x.abs().max(1e-3) && value.abs() < 1e-3 || moved == 0.0 {
            break; // the next step would be its square
        }
    }
    x
}

fn middle(low: f64, high: f64, x: f64) -> f64 {
    match (low.is_finite(), high.is_finite()) {
        (true, true) => low + 0.5 * (high - low),
        (true, false) => x + (1.0 + x.abs()),
        _ => x - (1.0 + x.abs()),
    }
}
