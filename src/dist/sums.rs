//! Distribution functions of discrete distributions that have none in closed form: sums of their mass.
//!
//! From k outward each term follows from the last by a ratio, so that a sum costs a few operations a term and has only
//! positive terms.

/// ln Σ of mass(j) over j = k, k − 1, …, first, from ln mass(k).
///
/// `down(j)` is mass(j − 1) / mass(j). With `unimodal`, the sum stops once terms fall below 1e−18 of it.
pub fn log_sum_down(
    log_mass: f64,
    k: f64,
    first: f64,
    unimodal: bool,
    down: impl Fn(f64) -> f64,
) -> f64 {
    log_mass + sum(k - first, unimodal, |i| down(k - i)).ln()
}

/// ln Σ of mass(j) over j = k, k + 1, …, last. `up(j)` is mass(j + 1) / mass(j).
pub fn log_sum_up(
    log_mass: f64,
    k: f64,
    last: f64,
    unimodal: bool,
    up: impl Fn(f64) -> f64,
) -> f64 {
    log_mass + sum(last - k, unimodal, |i| up(k + i)).ln()
}

/// Mean, weighted by mass, of two derivatives of the log-mass over a first value and the `n` after it: the derivatives of the log
/// of their sum. `next(i)` is the ratio of the masses of value i + 1 and value i, and by how much the derivatives differ.
pub fn mean_of_scores(
    first: [f64; 2],
    n: f64,
    unimodal: bool,
    next: impl Fn(f64) -> (f64, [f64; 2]),
) -> [f64; 2] {
    let (mut scores, mut sums) = (first, first);
    let (mut total, mut term, mut i) = (1.0, 1.0, 0.0);
    while i < n {
        let (ratio, change) = next(i);
        term *= ratio;
        total += term;
        for j in 0..2 {
            scores[j] += change[j];
            sums[j] += term * scores[j];
        }
        if unimodal && ratio < 1.0 && term < 1e-18 * total {
            break;
        }
        i += 1.0;
    }
    sums.map(|s| s / total)
}

/// 1 + r₀ + r₀ r₁ + …, `n` ratios.
fn sum(n: f64, unimodal: bool, ratio: impl Fn(f64) -> f64) -> f64 {
    let (mut total, mut term, mut i) = (1.0, 1.0, 0.0);
    while i < n {
        let r = ratio(i);
        term *= r;
        total += term;
        if unimodal && r < 1.0 && term < 1e-18 * total {
            break;
        }
        i += 1.0;
    }
    total
}
