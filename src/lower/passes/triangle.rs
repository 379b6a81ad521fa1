//! The triangle of a tall sparse matrix beside a column of data: [X│y] = Q [R c; 0 ρ].
//!
//! Rows that begin in the same column are factored together; what is left of them begins further right.
//!
//! ```text
//!   x . . │ h          x . . │ h   R: one row for each group,
//!   x . . │ h          . x . │ h      and the columns that all share at the end
//!   . x . │ h    ──▶   . . x │ h
//!   . . x │ h                │ h
//! ```
//!
//! # Source
//! George & Heath 1980 (row merging).

use faer::Mat;

/// Rows that are factored together.
const TOGETHER: usize = 2048;

/// A matrix by its rows.
pub(super) trait Rows {
    /// Calls `f(column, number)` for the numbers of a row; a column may come several times, and be 0.
    fn each(&self, row: usize, f: &mut dyn FnMut(usize, f64));
}

/// The numbers of a row that are not 0, by their columns, ascending.
pub(super) type Row = Vec<(usize, f64)>;

/// Rows of R with their c, and ρ.
pub(super) struct Triangle {
    pub rows: Vec<(Row, f64)>,
    pub rho: f64,
}

/// The triangle of a matrix of `columns` columns; `None` where it has more than `most` rows, or where more than `wide` columns
/// and data meet in rows that are factored together.
pub(super) fn triangle(
    x: &dyn Rows,
    columns: usize,
    y: &[f64],
    most: usize,
    wide: usize,
) -> Option<Triangle> {
    let mut begins: Vec<Vec<u32>> = vec![Vec::new(); columns];
    let mut rho = 0f64;
    for (i, y) in y.iter().enumerate() {
        let mut first = columns;
        x.each(i, &mut |j, x| {
            if x != 0.0 {
                first = first.min(j);
            }
        });
        match begins.get_mut(first) {
            Some(rows) => rows.push(i as u32),
            None => rho = rho.hypot(*y),
        }
    }
    let mut left: Vec<Vec<(Row, f64)>> = vec![Vec::new(); columns];
    let mut met = Met {
        place: vec![NONE; columns],
        columns: Vec::new(),
    };
    let mut rows = Vec::new();
    for column in 0..columns {
        let (own, mut above) = (&begins[column], std::mem::take(&mut left[column]));
        if own.is_empty() && above.len() <= 1 {
            rows.extend(above.pop());
        } else {
            let mut found = met.factored(x, own, y, above, wide)?.into_iter();
            rows.extend(found.next());
            for (row, c) in found {
                match row.first() {
                    Some(&(first, _)) => left[first].push((row, c)),
                    None => rho = rho.hypot(c),
                }
            }
        }
        if rows.len() > most {
            return None;
        }
    }
    Some(Triangle { rows, rho })
}

/// The columns that meet in some rows.
struct Met {
    /// Which of them each column is.
    place: Vec<usize>,
    columns: Vec<usize>,
}

/// The place of a column that is not among them.
const NONE: usize = usize::MAX;

impl Met {
    fn add(&mut self, column: usize) {
        if self.place[column] == NONE {
            self.place[column] = 0;
            self.columns.push(column);
        }
    }

    /// Some rows of X, and others above them, as a triangle: without rows that are 0.
    fn factored(
        &mut self,
        x: &dyn Rows,
        own: &[u32],
        y: &[f64],
        above: Vec<(Row, f64)>,
        wide: usize,
    ) -> Option<Vec<(Row, f64)>> {
        for column in self.columns.drain(..) {
            self.place[column] = NONE;
        }
        above
            .iter()
            .flat_map(|(row, _)| row)
            .for_each(|e| self.add(e.0));
        for &i in own {
            x.each(i as usize, &mut |j, _| self.add(j));
            if self.columns.len() > wide {
                break;
            }
        }
        let width = self.columns.len();
        if width > wide {
            return None;
        }
        self.columns.sort_unstable();
        let each = self.columns.iter().enumerate();
        each.for_each(|(k, &j)| self.place[j] = k);
        let mut block = Block::new(width + 1);
        for (row, c) in &above {
            let numbers = block.row();
            row.iter().for_each(|(j, x)| numbers[self.place[*j]] = *x);
            numbers[width] = *c;
        }
        for &i in own {
            let numbers = block.row();
            x.each(i as usize, &mut |j, x| numbers[self.place[j]] += x);
            numbers[width] = y[i as usize];
        }
        let factor = block.factor();
        let rows = (0..factor.nrows()).map(|i| {
            let number = |k: usize| (self.columns[k], factor[(i, k)]);
            let row: Row = (i..width).map(number).filter(|e| e.1 != 0.0).collect();
            (row, factor[(i, width)])
        });
        Some(
            rows.filter(|(row, c)| !row.is_empty() || *c != 0.0)
                .collect(),
        )
    }
}

/// Rows that are factored whenever they are many.
struct Block {
    width: usize,
    rows: Vec<f64>,
}

impl Block {
    fn new(width: usize) -> Block {
        Block {
            width,
            rows: Vec::new(),
        }
    }

    /// One row more, of zeros.
    fn row(&mut self) -> &mut [f64] {
        if self.rows.len() >= (TOGETHER + self.width) * self.width {
            let left = self.factor();
            self.rows.clear();
            for i in 0..left.nrows() {
                self.rows.extend((0..self.width).map(|j| left[(i, j)]));
            }
        }
        let at = self.rows.len();
        self.rows.resize(at + self.width, 0.0);
        &mut self.rows[at..]
    }

    /// Its triangle.
    fn factor(&self) -> Mat<f64> {
        let (n, width) = (self.rows.len() / self.width, self.width);
        let qr = Mat::from_fn(n, width, |i, j| self.rows[i * width + j]).qr();
        let factor = qr.R();
        Mat::from_fn(n.min(width), width, |i, j| match i <= j {
            true => factor[(i, j)],
            false => 0.0,
        })
    }
}

impl Triangle {
    /// The least-squares fit of `n` numbers; 0 where it is not determined.
    pub fn solved(&self, n: usize) -> Vec<f64> {
        let mut b = vec![0.0; n];
        let diagonal = |row: &Row| row.first().map_or(0.0, |e| e.1.abs());
        let largest = self.rows.iter().map(|(row, _)| diagonal(row));
        let least = 1e-9 * largest.fold(0.0, f64::max);
        for (row, c) in self.rows.iter().rev() {
            let Some(((first, x), others)) = row.split_first() else {
                continue;
            };
            if x.abs() <= least || b[*first] != 0.0 {
                return vec![0.0; n];
            }
            let known: f64 = others.iter().map(|(j, x)| x * b[*j]).sum();
            b[*first] = (c - known) / x;
        }
        match b.iter().all(|b| b.is_finite()) {
            true => b,
            false => vec![0.0; n],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Rows for Vec<Row> {
        fn each(&self, row: usize, f: &mut dyn FnMut(usize, f64)) {
            self[row].iter().for_each(|(j, x)| f(*j, *x));
        }
    }

    /// Groups with a slope of their own, and a column that all share.
    fn grouped(n: usize, groups: usize) -> (Vec<Row>, Vec<f64>) {
        let noise = |i: usize| ((i * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        let row = |i: usize| {
            let g = (i * 5 + i / 3) % groups;
            vec![
                (2 * g, 1.0),
                (2 * g + 1, noise(i)),
                (2 * groups, noise(i + 57)),
            ]
        };
        let y = (0..n).map(|i| 100.0 + noise(3 * i)).collect();
        ((0..n).map(row).collect(), y)
    }

    fn off(row: &Row, c: f64, b: &[f64]) -> f64 {
        let mean: f64 = row.iter().map(|(j, x)| x * b[*j]).sum();
        (c - mean).powi(2)
    }

    #[test]
    fn sums_of_squares_are_kept_at_all_numbers() {
        for (n, groups) in [(400, 1), (400, 7), (90, 30), (5000, 2)] {
            let (rows, y) = grouped(n, groups);
            let columns = 2 * groups + 1;
            let found = triangle(&rows, columns, &y, n, 64).unwrap();
            assert!(found.rows.len() <= columns);
            for seed in 0..3 {
                let b: Vec<f64> = (0..columns).map(|j| (j * 3 + seed) as f64 % 7.0).collect();
                let plain: f64 = rows.iter().zip(&y).map(|(row, y)| off(row, *y, &b)).sum();
                let few: f64 = found.rows.iter().map(|(row, c)| off(row, *c, &b)).sum();
                let few = few + found.rho.powi(2);
                assert!((plain - few).abs() < 1e-11 * plain, "{n}, {groups}");
            }
        }
    }

    #[test]
    fn rows_of_a_group_have_its_columns_and_the_shared_ones() {
        let (rows, y) = grouped(400, 20);
        let found = triangle(&rows, 41, &y, 400, 64).unwrap();
        assert!(found.rows.iter().all(|(row, _)| row.len() <= 3));
    }

    #[test]
    fn a_fit_leaves_nothing_that_the_columns_explain() {
        let (rows, _) = grouped(300, 6);
        let b: Vec<f64> = (0..13).map(|j| j as f64 - 5.5).collect();
        let mean = |row: &Row| row.iter().map(|(j, x)| x * b[*j]).sum();
        let y: Vec<f64> = rows.iter().map(mean).collect();
        let found = triangle(&rows, 13, &y, 300, 64).unwrap();
        let fit = found.solved(13);
        assert!(fit.iter().zip(&b).all(|(f, b)| (f - b).abs() < 1e-10));
        assert!(found.rho < 1e-10);
    }

    #[test]
    fn too_many_rows_and_too_wide_ones_are_left() {
        let (rows, y) = grouped(400, 30);
        assert!(triangle(&rows, 61, &y, 50, 64).is_none());
        assert!(triangle(&rows, 61, &y, 400, 2).is_none());
    }
}
