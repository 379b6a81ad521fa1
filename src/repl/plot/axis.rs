//! What part of a line is shown, and the marks below it.

use odp::significant;

use super::Canvas;

/// A range of numbers over a number of columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Axis {
    /// Its left end.
    pub low: f64,
    /// Its right end.
    pub high: f64,
    /// Columns, or rows.
    pub cells: usize,
    /// Values beyond the left and the right end.
    pub beyond: (usize, usize),
}

/// A tail that is longer than this many times the bulk is cut.
const LONGEST_TAIL: f64 = 0.5;
/// An axis that begins this near to 0, by its length, begins there.
const NEAR_ZERO: f64 = 0.05;
/// What counts as the bulk.
const BULK: (f64, f64) = (0.005, 0.995);

impl Axis {
    /// An axis that shows the bulk of some sorted values; `None` where none is finite.
    pub fn over(sorted: &[f64], cells: usize) -> Option<Axis> {
        let finite: Vec<f64> = sorted.iter().copied().filter(|x| x.is_finite()).collect();
        let (&least, &most) = (finite.first()?, finite.last()?);
        let at = |p: f64| finite[((finite.len() - 1) as f64 * p).round() as usize];
        let (low, high) = (at(BULK.0), at(BULK.1));
        let longest = match low < high {
            true => LONGEST_TAIL * (high - low),
            // Nearly all draws are one value: the others are what there is to see.
            false => f64::INFINITY,
        };
        let low = if low - least > longest { low } else { least };
        let high = if most - high > longest { high } else { most };
        let (low, high) = match low < high {
            // A positive quantity is seen to be one.
            true if low > 0.0 && low < NEAR_ZERO * high => (0.0, high),
            true => (low, high),
            // One value: some room on both sides.
            false => (
                low - low.abs().max(1.0) / 2.0,
                high + high.abs().max(1.0) / 2.0,
            ),
        };
        let beyond = (
            sorted.iter().filter(|x| **x < low).count(),
            sorted.iter().filter(|x| **x > high).count(),
        );
        Axis::between(low, high, cells, beyond)
    }

    /// An axis for whole numbers with a cell for each; `None` where there are too many for that.
    pub fn whole(sorted: &[f64], cells: usize) -> Option<Axis> {
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let values = most - least + 1.0;
        let fits = values <= cells as f64;
        fits.then(|| Axis::between(least - 0.5, most + 0.5, values as usize, (0, 0)))?
    }

    fn between(low: f64, high: f64, cells: usize, beyond: (usize, usize)) -> Option<Axis> {
        // Ends far apart, as ±1e308 are, have no width.
        (high - low).is_finite().then_some(Axis {
            low,
            high,
            cells,
            beyond,
        })
    }

    /// The cell of a value, where it is shown.
    pub fn cell(&self, x: f64) -> Option<usize> {
        let inside = (self.low..=self.high).contains(&x);
        let share = (x - self.low) / (self.high - self.low);
        inside.then(|| ((share * self.cells as f64) as usize).min(self.cells - 1))
    }

    /// How many values each cell has.
    pub fn counts(&self, values: &[f64]) -> Vec<usize> {
        let mut counts = vec![0; self.cells];
        values
            .iter()
            .filter_map(|x| self.cell(*x))
            .for_each(|c| counts[c] += 1);
        counts
    }

    /// The middle of a cell.
    pub fn middle(&self, cell: usize) -> f64 {
        self.low + (cell as f64 + 0.5) / self.cells as f64 * (self.high - self.low)
    }

    /// Round numbers on the axis, at most `n` or so: their cells, and their texts.
    pub fn ticks(&self, n: usize) -> Vec<(usize, String)> {
        let step = round_step((self.high - self.low) / n.max(1) as f64);
        let first = (self.low / step).ceil();
        let tick = |i: usize| {
            let x = (first + i as f64) * step;
            Some((self.cell(x)?, text(x, step)))
        };
        (0..2 * n + 2).filter_map(tick).collect()
    }

    /// The line below a picture and the numbers below that, `indent` columns from the left.
    pub fn drawn(&self, indent: usize, canvas: Canvas) -> String {
        let (line, tick) = if canvas.unicode {
            ('─', '┬')
        } else {
            ('-', '+')
        };
        let mut rule = vec![line; self.cells];
        let mut numbers = vec![' '; indent + self.cells + 12];
        let mut free = 0;
        for (at, text) in self.ticks(self.cells / 14) {
            let length = text.chars().count();
            let from = (indent + at).saturating_sub(length / 2);
            if from >= free && from + length <= numbers.len() {
                rule[at] = tick;
                text.chars()
                    .enumerate()
                    .for_each(|(i, c)| numbers[from + i] = c);
                free = from + length + 2;
            }
        }
        let rule: String = rule.into_iter().collect();
        let numbers: String = numbers.into_iter().collect();
        format!("{}{rule}\n{}\n", " ".repeat(indent), numbers.trim_end())
    }

    /// What the picture leaves out, if anything.
    pub fn left_out(&self, n: usize) -> String {
        let share = |count: usize| significant(100.0 * count as f64 / n as f64, 2);
        match self.beyond {
            (0, 0) => String::new(),
            (a, b) => format!(
                "beyond the picture: {} % to the left, {} % to the right\n",
                share(a),
                share(b)
            ),
        }
    }
}

/// The nearest of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let round = match step / power {
        rest if rest < 1.5 => 1.0,
        rest if rest < 3.5 => 2.0,
        rest if rest < 7.5 => 5.0,
        _ => 10.0,
    };
    round * power
}

/// A number with the digits that its neighbours a step away call for.
fn text(x: f64, step: f64) -> String {
    let decimals = -step.log10().floor();
    match (-6.0..=5.0).contains(&decimals) && x.abs() < 1e7 {
        // A zero has no sign.
        true => format!("{:.*}", decimals.max(0.0) as usize, x + 0.0),
        false if x == 0.0 => "0".to_string(),
        false => format!("{x:e}")
            .split_once('e')
            .map_or(String::new(), |(_, e)| {
                let digits = significant(x / 10f64.powf(e.parse().unwrap_or(0.0)), 3);
                format!("{digits}e{e}")
            }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_tails_are_cut_and_told() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values.push(1e9);
        let axis = Axis::over(&values, 10).unwrap();
        assert!(axis.high < 1000.0 && axis.beyond.1 > 0, "{axis:?}");
        assert!(axis.left_out(1001).contains("to the right"));
        assert_eq!(Axis::over(&values[..1000], 10).unwrap().beyond, (0, 0));
    }

    #[test]
    fn marks_are_round() {
        let axis = |low, high| Axis::between(low, high, 60, (0, 0)).unwrap();
        let texts = |a: Axis| a.ticks(4).into_iter().map(|(_, t)| t).collect::<Vec<_>>();
        assert_eq!(texts(axis(-1.26, 5.89)), ["0", "2", "4"]);
        assert_eq!(
            texts(axis(-0.1, 0.1)),
            ["-0.10", "-0.05", "0.00", "0.05", "0.10"]
        );
        assert_eq!(
            texts(axis(1e8, 3e8)),
            ["1e8", "1.5e8", "2e8", "2.5e8", "3e8"]
        );
        assert_eq!(texts(axis(1e300, 3e300)).len(), 5);
    }

    #[test]
    fn whole_numbers_have_cells_of_their_own() {
        let axis = Axis::whole(&[2.0, 3.0, 5.0], 10).unwrap();
        assert_eq!(axis.counts(&[2.0, 3.0, 5.0]), [1, 1, 0, 1]);
        assert_eq!(Axis::whole(&[0.0, 50.0], 10), None);
    }

    #[test]
    fn every_value_shown_has_a_cell() {
        let values = [-1.0, -0.5, 0.0, 0.99, 1.0];
        let axis = Axis::over(&values, 4).unwrap();
        assert_eq!(axis.counts(&values), [1, 1, 1, 2]);
        assert_eq!(Axis::over(&[3.0, 3.0], 4).unwrap().cell(3.0), Some(2));
        assert_eq!(Axis::over(&[f64::INFINITY], 4), None);
        assert_eq!(Axis::over(&[-f64::MAX, f64::MAX], 4), None);
    }
}
