//! Ints and bools: a bar for each value.
//!
//! ```text
//!   0  ██████████████▌        0.29
//!   1  █████████████████████  0.42
//! ```

use odp::{OutputKind, significant};

use super::super::elements::Element;
use super::Canvas;
use super::axis::Axis;

/// More values than this are put together.
const MOST_BARS: usize = 24;

/// The bars of one int or bool.
pub fn bars(element: &Element, canvas: Canvas) -> String {
    let here = element.present();
    let groups = groups(element, &here);
    if groups.is_empty() {
        return "nothing finite to draw\n".to_string();
    }
    let counts: Vec<f64> = groups
        .iter()
        .map(|(_, low, high)| here.iter().filter(|x| (low..=high).contains(x)).count() as f64)
        .collect();
    let names = groups
        .iter()
        .map(|(name, ..)| name.chars().count())
        .max()
        .unwrap_or(0);
    let room = canvas.columns().saturating_sub(names + 12).max(8);
    let most = counts.iter().copied().fold(1.0, f64::max);
    let line = |((name, ..), count): (&(String, f64, f64), &f64)| {
        let bar = bar(count / most * room as f64, canvas);
        let pad = " ".repeat(room - bar.chars().count());
        let share = significant(count / here.len() as f64, 3);
        format!("  {name:>names$}  {bar}{pad}  {share}\n")
    };
    groups.iter().zip(&counts).map(line).collect()
}

/// What each bar is of: a name, the least and the greatest value.
fn groups(element: &Element, here: &[f64]) -> Vec<(String, f64, f64)> {
    if element.kind == OutputKind::Bool {
        return vec![
            ("false".to_string(), 0.0, 0.0),
            ("true".to_string(), 1.0, 1.0),
        ];
    }
    let mut sorted = here.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(axis) = Axis::over(&sorted, 1) else {
        return Vec::new();
    };
    // An int's range begins and ends with one; a single value has room around it that is not its own.
    let (low, high) = match (sorted.first(), sorted.last()) {
        (Some(a), Some(b)) if a == b => (*a, *b),
        _ => (axis.low.ceil(), axis.high.floor()),
    };
    let step = ((high - low + 1.0) / MOST_BARS as f64).ceil();
    let n = ((high - low + 1.0) / step).ceil() as usize;
    let group = |i: usize| {
        let from = low + i as f64 * step;
        let to = (from + step - 1.0).min(high);
        let name = if from == to {
            format!("{from}")
        } else {
            format!("{from} to {to}")
        };
        (name, from, to)
    };
    let mut all: Vec<_> = (0..n).map(group).collect();
    if axis.beyond.0 > 0 {
        all.insert(0, ("below".to_string(), f64::NEG_INFINITY, low - 1.0));
    }
    if axis.beyond.1 > 0 {
        all.push(("above".to_string(), high + 1.0, f64::INFINITY));
    }
    all
}

/// A bar of so many columns, to an eighth of one.
fn bar(length: f64, canvas: Canvas) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (length * 8.0).round() as usize;
    match canvas.unicode {
        true => "█".repeat(eighths / 8) + PARTS[eighths % 8],
        false => "#".repeat(length.round() as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(kind: OutputKind, values: Vec<f64>, width: usize) -> String {
        let name = "k".to_string();
        let canvas = Canvas {
            width,
            unicode: false,
        };
        bars(&Element { name, kind, values }, canvas)
    }

    #[test]
    fn every_value_has_its_share() {
        let text = drawn(OutputKind::Bool, vec![0.0, 1.0, 1.0, 1.0], 40);
        let shares: Vec<&str> = text
            .lines()
            .filter_map(|l| l.split_whitespace().last())
            .collect();
        assert_eq!(shares, ["0.25", "0.75"]);
        let text = drawn(OutputKind::Int, vec![7.0, 7.0], 40);
        assert!(
            text.trim_start().starts_with("7  #") && text.trim_end().ends_with('1'),
            "{text}"
        );
    }

    #[test]
    fn many_values_are_put_together() {
        let text = drawn(OutputKind::Int, (0..1000).map(f64::from).collect(), 60);
        assert_eq!(text.lines().count(), 24, "{text}");
        let shares = text
            .lines()
            .filter_map(|l| l.split_whitespace().last()?.parse::<f64>().ok());
        assert!((shares.sum::<f64>() - 1.0).abs() < 0.01);
        let far = drawn(
            OutputKind::Int,
            vec![i64::MIN as f64, 0.0, i64::MAX as f64],
            60,
        );
        assert!(far.lines().count() <= 26, "{far}");
        assert_eq!(
            drawn(OutputKind::Int, vec![f64::NAN], 60),
            "nothing finite to draw\n"
        );
    }
}
