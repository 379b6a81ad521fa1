//! Two numbers against each other: the darker a cell, the more draws are in it.

use odp::OutputKind;

use super::super::elements::Element;
use super::Canvas;
use super::axis::Axis;

const ROWS: usize = 18;
/// Columns to the left of the picture.
const LEFT: usize = 11;

/// Draws of `x` to the right and of `y` upwards.
pub fn scatter(x: &Element, y: &Element, canvas: Canvas) -> String {
    let both = |(x, y): (&f64, &f64)| (x.is_finite() && y.is_finite()).then_some((*x, *y));
    let points: Vec<(f64, f64)> = x.values.iter().zip(&y.values).filter_map(both).collect();
    let sorted = |of: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = points.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let columns = canvas.columns() - LEFT - 2;
    let across = Axis::over(&sorted(|p| p.0), columns);
    let heights = sorted(|p| p.1);
    let whole = match y.kind {
        OutputKind::Real => None,
        OutputKind::Int | OutputKind::Bool => Axis::whole(&heights, ROWS),
    };
    let up = whole.or_else(|| Axis::over(&heights, ROWS));
    let Some((across, up)) = across.zip(up) else {
        return "nothing finite to draw\n".to_string();
    };
    let mut counts = vec![vec![0usize; columns]; up.cells];
    let mut outside = 0;
    for (x, y) in &points {
        match across.cell(*x).zip(up.cell(*y)) {
            Some((c, r)) => counts[r][c] += 1,
            None => outside += 1,
        }
    }
    let most = counts.iter().flatten().copied().max().unwrap_or(0).max(1);
    let marks = up.ticks(up.cells.div_ceil(4));
    let mut text = format!("{:>LEFT$}\n", y.name);
    for (r, row) in counts.iter().enumerate().rev() {
        let line: String = row.iter().map(|n| shade(*n, most, canvas)).collect();
        let side = if canvas.unicode { '│' } else { '|' };
        let label = marks
            .iter()
            .find(|(cell, _)| *cell == r)
            .map_or("", |(_, t)| t);
        text.push_str(format!("{label:>LEFT$} {side}{line}").trim_end());
        text.push('\n');
    }
    text.push_str(&across.drawn(LEFT + 2, canvas));
    text.push_str(&format!("{:>1$}\n", x.name, LEFT + 2 + columns));
    if outside > 0 {
        let share = odp::significant(100.0 * outside as f64 / points.len() as f64, 2);
        text.push_str(&format!("beyond the picture: {share} % of the draws\n"));
    }
    text
}

/// A cell with `n` draws of at most `most`. The scale is that of the square root, so that single draws are seen.
fn shade(n: usize, most: usize, canvas: Canvas) -> char {
    const BLOCKS: [char; 5] = ['·', '░', '▒', '▓', '█'];
    const SIGNS: [char; 5] = ['.', ':', 'o', 'O', '#'];
    if n == 0 {
        return ' ';
    }
    let share = (n as f64 / most as f64).sqrt();
    let level = ((share * 5.0).ceil() as usize).clamp(1, 5) - 1;
    if canvas.unicode {
        BLOCKS[level]
    } else {
        SIGNS[level]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_points_is_a_diagonal() {
        let element = |values: Vec<f64>| Element {
            name: "x".to_string(),
            kind: OutputKind::Real,
            values,
        };
        let line = element((0..500).map(f64::from).collect());
        let canvas = Canvas {
            width: 60,
            unicode: false,
        };
        let text = scatter(&line, &line, canvas);
        let first: Vec<Option<usize>> = text
            .lines()
            .skip(1)
            .take(ROWS)
            .map(|l| l[LEFT + 2..].find(['#', 'O', 'o']))
            .collect();
        assert!(first.windows(2).all(|w| w[0] > w[1]), "{text}");
        let none = element(vec![f64::NAN; 3]);
        assert_eq!(scatter(&none, &line, canvas), "nothing finite to draw\n");
        let constant = element(vec![2.0; 500]);
        assert!(scatter(&constant, &line, canvas).lines().count() > ROWS);
    }
}
