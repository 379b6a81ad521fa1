//! A real: a histogram, and over it a smooth density.
//!
//! ```text
//!               ▄ •▇▆•▄
//!            ▃•█▇██████•▂
//!      ▁▂▃•▅▇████████████▆•▃▂▁
//!      ┬──────────┬──────────┬
//!     -3          0          3
//! ```

use std::f64::consts::PI;

use super::super::elements::Element;
use super::Canvas;
use super::axis::Axis;

const ROWS: usize = 10;
/// Points of the density's kernel beyond which it is nothing.
const REACH: f64 = 5.0;

/// The histogram of one real.
pub fn histogram(element: &Element, canvas: Canvas) -> String {
    let mut sorted = element.present();
    sorted.sort_by(f64::total_cmp);
    let columns = canvas.columns() - 4;
    let Some(axis) = Axis::over(&sorted, columns) else {
        return "nothing finite to draw\n".to_string();
    };
    let per_bin = columns.div_ceil(bins(&sorted, &axis)).max(1);
    let bars = binned(&axis.counts(&sorted), per_bin);
    let curve = density(&sorted, &axis);
    let scale = bars.iter().chain(&curve).copied().fold(0.0, f64::max);
    let mut text = String::new();
    for row in (0..ROWS).rev() {
        let cell = |c: usize| {
            let eighths = |x: f64| (x / scale * 8.0 * ROWS as f64).round() as usize;
            let on_curve = curve
                .get(c)
                .is_some_and(|d| eighths(*d).saturating_sub(1) / 8 == row && eighths(*d) > 0);
            match on_curve {
                true if canvas.unicode => '•',
                true => '*',
                false => canvas.eighths(eighths(bars[c]).saturating_sub(8 * row)),
            }
        };
        let line: String = (0..columns).map(cell).collect();
        text.push_str(&format!("  {}\n", line.trim_end()));
    }
    text + &axis.drawn(2, canvas) + &axis.left_out(sorted.len())
}

/// How many bins there are to a range.
///
/// # Source
/// Freedman & Diaconis 1981: a width of 2 IQR n^(-1/3).
fn bins(sorted: &[f64], axis: &Axis) -> usize {
    let at = |p: f64| sorted[((sorted.len() - 1) as f64 * p) as usize];
    let width = 2.0 * (at(0.75) - at(0.25)) / (sorted.len() as f64).cbrt();
    let bins = (axis.high - axis.low) / width;
    match bins.is_finite() {
        true => (bins.ceil() as usize).clamp(8, axis.cells),
        false => axis.cells.min(40),
    }
}

/// Counts per column, averaged over the columns of a bin.
fn binned(counts: &[usize], per_bin: usize) -> Vec<f64> {
    let bin = |bin: &[usize]| {
        let mean = bin.iter().sum::<usize>() as f64 / bin.len() as f64;
        std::iter::repeat_n(mean, bin.len())
    };
    counts.chunks(per_bin).flat_map(bin).collect()
}

/// A Gaussian kernel estimate, in counts per column; empty where there is no spread to choose a bandwidth by.
///
/// # Source
/// Silverman 1986, eq. 3.31.
fn density(sorted: &[f64], axis: &Axis) -> Vec<f64> {
    let at = |p: f64| sorted[((sorted.len() - 1) as f64 * p) as usize];
    let inside: Vec<f64> = sorted
        .iter()
        .copied()
        .filter(|x| axis.cell(*x).is_some())
        .collect();
    let (_, sd) = super::super::elements::moments(&inside);
    let iqr = (at(0.75) - at(0.25)) / 1.34;
    let spread = if iqr > 0.0 { sd.min(iqr) } else { sd };
    let h = 0.9 * spread * (sorted.len() as f64).powf(-0.2);
    if !(h > 0.0 && h.is_finite()) {
        return Vec::new();
    }
    let step = (axis.high - axis.low) / axis.cells as f64;
    let kernel = |x: f64, c: f64| (-0.5 * ((x - c) / h).powi(2)).exp() / (h * (2.0 * PI).sqrt());
    let height = |c: usize| {
        let c = axis.middle(c);
        let from = sorted.partition_point(|x| *x < c - REACH * h);
        let to = sorted.partition_point(|x| *x <= c + REACH * h);
        sorted[from..to].iter().map(|x| kernel(*x, c)).sum::<f64>() * step
    };
    (0..axis.cells).map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use odp::OutputKind;

    fn element(values: Vec<f64>) -> Element {
        Element {
            name: "x".to_string(),
            kind: OutputKind::Real,
            values,
        }
    }

    #[test]
    fn any_values_can_be_drawn() {
        let heavy: Vec<f64> = (1..999)
            .map(|i| (PI * (f64::from(i) / 999.0 - 0.5)).tan())
            .collect();
        let odd = [
            vec![],
            vec![1.0],
            vec![0.1; 50],
            vec![f64::NAN, f64::INFINITY, -f64::INFINITY],
            vec![1e300, -1e300, 0.0],
            vec![f64::MIN_POSITIVE, 0.0],
            heavy,
        ];
        for values in odd {
            for width in [0, 1, 40, 80, 500] {
                for unicode in [true, false] {
                    let text = histogram(&element(values.clone()), Canvas { width, unicode });
                    assert!(!text.is_empty() && (unicode || text.is_ascii()));
                }
            }
        }
    }

    #[test]
    fn the_density_has_the_mass_of_the_draws() {
        let mut values: Vec<f64> = (0..1000)
            .map(|i| f64::from(i * 7919 % 1000) / 1000.0)
            .collect();
        values.sort_by(f64::total_cmp);
        let axis = Axis::over(&values, 60).unwrap();
        let mass: f64 = density(&values, &axis).iter().sum();
        // Some of it leaks over the ends.
        assert!((900.0..=1000.0).contains(&mass), "{mass}");
    }
}
