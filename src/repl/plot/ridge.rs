//! The elements of an array: a line each, over one axis.
//!
//! ```text
//!   theta[0]   ▁▂▄▆█▇▅▃▂▁
//!   theta[1]      ▁▂▅██▆▄▂▁
//!             ┬──────┬──────┬
//! ```

use super::super::elements::Element;
use super::Canvas;
use super::axis::Axis;

/// Lines that are drawn.
const MOST: usize = 40;

/// The elements' histograms below each other.
pub fn ridge(elements: &[Element], canvas: Canvas) -> String {
    let shown = &elements[..elements.len().min(MOST)];
    let mut all: Vec<f64> = shown.iter().flat_map(Element::present).collect();
    all.sort_by(f64::total_cmp);
    let names = shown
        .iter()
        .map(|e| e.name.chars().count())
        .max()
        .unwrap_or(0);
    let columns = canvas.columns().saturating_sub(names + 6).max(16);
    let Some(axis) = Axis::over(&all, columns) else {
        return "nothing finite to draw\n".to_string();
    };
    let mut text = String::new();
    for element in shown {
        let counts = axis.counts(&element.present());
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        let cell = |n: &usize| canvas.eighths((n * 8).div_ceil(most));
        let line: String = counts.iter().map(cell).collect();
        text.push_str(format!("  {:names$}  {line}", element.name).trim_end());
        text.push('\n');
    }
    text.push_str(&axis.drawn(names + 4, canvas));
    text.push_str(&axis.left_out(all.len()));
    if let more @ 1.. = elements.len() - shown.len() {
        text.push_str(&format!("… and {more} more\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use odp::OutputKind;

    #[test]
    fn each_element_has_a_line() {
        let element = |i: u32| Element {
            name: format!("x[{i}]"),
            kind: OutputKind::Real,
            values: (0..100).map(|k| f64::from(k % 10 + i)).collect(),
        };
        let canvas = Canvas {
            width: 60,
            unicode: true,
        };
        let text = ridge(&(0..3).map(element).collect::<Vec<_>>(), canvas);
        assert_eq!(text.lines().count(), 5, "{text}");
        assert!(text.lines().all(|l| l.chars().count() < 70), "{text}");
        let text = ridge(&(0..50).map(element).collect::<Vec<_>>(), canvas);
        assert!(text.ends_with("and 10 more\n"), "{text}");
    }
}
