//! Autocovariance at all lags by the fast Fourier transform.

use std::f64::consts::PI;

/// (1/n) Σ_i (x_i − x̄)(x_{i+t} − x̄) for t in 0..n.
pub(super) fn autocovariance(x: &[f64]) -> Vec<f64> {
    let n = x.len();
    let mean = x.iter().sum::<f64>() / n as f64;
    let size = (2 * n).next_power_of_two();
    let mut re: Vec<f64> = x
        .iter()
        .map(|v| v - mean)
        .chain(std::iter::repeat(0.0))
        .take(size)
        .collect();
    let mut im = vec![0.0; size];
    transform(&mut re, &mut im);
    re.iter_mut().zip(&mut im).for_each(|(r, i)| {
        *r = *r * *r + *i * *i;
        *i = 0.0;
    });
    // The power spectrum is real and even, so a second forward transform inverts it, up to the size.
    transform(&mut re, &mut im);
    re.truncate(n);
    re.iter_mut().for_each(|v| *v /= size as f64 * n as f64);
    re
}

/// Radix-2 transform in place; the length is a power of two.
fn transform(re: &mut [f64], im: &mut [f64]) {
    let n = re.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = if bits == 0 {
            i
        } else {
            i.reverse_bits() >> (usize::BITS - bits)
        };
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let turns: Vec<(f64, f64)> = (0..n / 2)
        .map(|k| (-2.0 * PI * k as f64 / n as f64).sin_cos())
        .collect();
    let mut half = 1;
    while half < n {
        let stride = n / (2 * half);
        for start in (0..n).step_by(2 * half) {
            for k in 0..half {
                let (sin, cos) = turns[k * stride];
                let (a, b) = (start + k, start + k + half);
                let (r, i) = (re[b] * cos - im[b] * sin, re[b] * sin + im[b] * cos);
                (re[b], im[b]) = (re[a] - r, im[a] - i);
                (re[a], im[a]) = (re[a] + r, im[a] + i);
            }
        }
        half *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_sum() {
        let x: Vec<f64> = (0..37)
            .map(|i| f64::from(i * i % 11) - 0.3 * f64::from(i))
            .collect();
        let mean = x.iter().sum::<f64>() / 37.0;
        for (t, c) in autocovariance(&x).into_iter().enumerate() {
            let direct: f64 = (0..37 - t)
                .map(|i| (x[i] - mean) * (x[i + t] - mean))
                .sum::<f64>()
                / 37.0;
            assert!((c - direct).abs() < 1e-10, "{t}: {c} {direct}");
        }
    }
}
