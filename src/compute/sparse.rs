//! Sparse symmetric positive definite matrices: Cholesky factors, and their inverses where the factors have entries.
//!
//! One pattern serves matrices of all values: what is looked up is looked up once.
//!
//! # Source
//! Ordering by least degree: Tinney & Walker 1967. Columns from the left: Davis 2006, "Direct Methods for Sparse Linear Systems".
//! Entries of the inverse: Takahashi, Fagan & Chen 1973.

use std::collections::{BTreeSet, HashMap};

/// Entries of a factor above which a matrix is not sparse enough.
const MOST: usize = 1 << 18;

/// Where matrices and their factors have entries.
///
/// Their values are arrays of [`Pattern::len`] numbers, in whose places [`Pattern::place`] finds its way.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// Which row of the matrix each of the factor's rows is.
    order: Vec<usize>,
    /// Where each column of the factor begins; its diagonal stands first.
    start: Vec<usize>,
    /// The rows of the entries, ascending in each column.
    row: Vec<usize>,
    /// For each row, the columns before the diagonal that have an entry in it, and its place.
    left: Vec<Vec<(usize, usize)>>,
    places: HashMap<(usize, usize), usize>,
}

impl Pattern {
    /// Of n × n matrices with a diagonal and entries at `(row, column)` of some pairs; `None` where factors have too many.
    pub fn new(n: usize, entries: impl IntoIterator<Item = (usize, usize)>) -> Option<Pattern> {
        let mut near = vec![BTreeSet::new(); n];
        for (i, j) in entries.into_iter().filter(|(i, j)| i != j) {
            near[i].insert(j);
            near[j].insert(i);
        }
        let (order, columns) = eliminated(near)?;
        let mut position = vec![0; n];
        order.iter().enumerate().for_each(|(p, &i)| position[i] = p);
        let (mut start, mut row, mut left) = (vec![0], Vec::new(), vec![Vec::new(); n]);
        let mut places = HashMap::new();
        for (j, column) in columns.iter().enumerate() {
            let mut rows: Vec<usize> = column.iter().map(|&i| position[i]).collect();
            rows.push(j);
            rows.sort_unstable();
            for r in rows {
                places.insert((order[r], order[j]), row.len());
                places.insert((order[j], order[r]), row.len());
                if r > j {
                    left[r].push((j, row.len()));
                }
                row.push(r);
            }
            start.push(row.len());
        }
        Some(Pattern {
            order,
            start,
            row,
            left,
            places,
        })
    }

    /// Numbers of a matrix or a factor.
    pub fn len(&self) -> usize {
        self.row.len()
    }

    /// Multiplications that a factor takes.
    pub fn cost(&self) -> usize {
        self.start.windows(2).map(|c| (c[1] - c[0]).pow(2)).sum()
    }

    /// Where an entry of a matrix, or of an inverse, is among its numbers.
    pub fn place(&self, row: usize, column: usize) -> Option<usize> {
        self.places.get(&(row, column)).copied()
    }

    fn n(&self) -> usize {
        self.order.len()
    }

    /// Puts a matrix's factor in its place: the least share of its diagonal that a pivot keeps, whose digits are so many fewer; `None` where
    /// the matrix is not positive definite.
    pub fn factor(&self, numbers: &mut [f64]) -> Option<f64> {
        let mut column = vec![0.0; self.n()];
        let mut kept = 1f64;
        for j in 0..self.n() {
            let own = self.start[j]..self.start[j + 1];
            for p in own.clone() {
                column[self.row[p]] = numbers[p];
            }
            for &(k, at) in &self.left[j] {
                let times = numbers[at];
                for p in at..self.start[k + 1] {
                    column[self.row[p]] -= times * numbers[p];
                }
            }
            let square = column[j];
            if !(square > 0.0 && square.is_finite()) {
                return None;
            }
            kept = kept.min(square / numbers[own.start]);
            let diagonal = square.sqrt();
            numbers[own.start] = diagonal;
            for p in own.start + 1..own.end {
                numbers[p] = column[self.row[p]] / diagonal;
            }
        }
        Some(kept)
    }

    /// log |L|.
    pub fn log_diagonal(&self, factor: &[f64]) -> f64 {
        let diagonal = self.start[..self.n()].iter();
        diagonal.map(|&p| factor[p].ln()).sum()
    }

    /// x with L Lᵀ x = b.
    pub fn solve(&self, factor: &[f64], b: &mut [f64]) {
        let mut x: Vec<f64> = self.order.iter().map(|&i| b[i]).collect();
        for j in 0..self.n() {
            x[j] /= factor[self.start[j]];
            for p in self.start[j] + 1..self.start[j + 1] {
                x[self.row[p]] -= factor[p] * x[j];
            }
        }
        self.back(factor, &mut x);
        self.order.iter().zip(x).for_each(|(&i, x)| b[i] = x);
    }

    /// Lᵀ⁻¹ e: of covariance (L Lᵀ)⁻¹ where e is standard normal.
    pub fn spread(&self, factor: &[f64], e: &mut [f64]) {
        let mut x = e.to_vec();
        self.back(factor, &mut x);
        self.order.iter().zip(x).for_each(|(&i, x)| e[i] = x);
    }

    fn back(&self, factor: &[f64], x: &mut [f64]) {
        for j in (0..self.n()).rev() {
            for p in self.start[j] + 1..self.start[j + 1] {
                x[j] -= factor[p] * x[self.row[p]];
            }
            x[j] /= factor[self.start[j]];
        }
    }

    /// The entries of (L Lᵀ)⁻¹ that have a place.
    pub fn inverse(&self, factor: &[f64]) -> Vec<f64> {
        let n = self.n();
        let mut inverse = vec![0.0; self.len()];
        let (mut of_column, mut sum, mut within) = (vec![0.0; n], vec![0.0; n], vec![false; n]);
        for j in (0..n).rev() {
            let (first, below) = (self.start[j], self.start[j] + 1..self.start[j + 1]);
            for p in below.clone() {
                let i = self.row[p];
                (of_column[i], sum[i], within[i]) = (factor[p], 0.0, true);
            }
            for i in self.row[below.clone()].iter().copied() {
                sum[i] += of_column[i] * inverse[self.start[i]];
                let others = self.start[i] + 1..self.start[i + 1];
                for (&r, z) in self.row[others.clone()].iter().zip(&inverse[others]) {
                    if within[r] {
                        sum[i] += of_column[r] * z;
                        sum[r] += of_column[i] * z;
                    }
                }
            }
            let diagonal = factor[first];
            let mut own = diagonal.recip();
            for p in below {
                let i = self.row[p];
                inverse[p] = -sum[i] / diagonal;
                own -= factor[p] * inverse[p];
                within[i] = false;
            }
            inverse[first] = own / diagonal;
        }
        inverse
    }
}

/// Rows in the order in which they are eliminated, those with the fewest neighbours first, and the neighbours that each had then.
fn eliminated(mut near: Vec<BTreeSet<usize>>) -> Option<(Vec<usize>, Vec<BTreeSet<usize>>)> {
    let n = near.len();
    let mut open: BTreeSet<(usize, usize)> = (0..n).map(|i| (near[i].len(), i)).collect();
    let (mut order, mut columns) = (Vec::with_capacity(n), Vec::with_capacity(n));
    let mut entries = 0;
    while let Some((_, i)) = open.pop_first() {
        let own = std::mem::take(&mut near[i]);
        entries += own.len() + 1;
        if entries > MOST {
            return None;
        }
        for &j in &own {
            open.remove(&(near[j].len(), j));
            near[j].remove(&i);
            near[j].extend(own.iter().filter(|k| **k != j));
            open.insert((near[j].len(), j));
        }
        order.push(i);
        columns.push(own);
    }
    Some((order, columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::linalg;

    /// A symmetric matrix with a heavy diagonal and entries at some pairs.
    fn matrix(n: usize, pairs: &[(usize, usize)]) -> Vec<f64> {
        let mut m = vec![0.0; n * n];
        for (t, &(i, j)) in pairs.iter().enumerate() {
            let x = ((t * 37 + 11) % 17) as f64 / 8.0 - 1.0;
            m[i * n + j] = x;
            m[j * n + i] = x;
        }
        for i in 0..n {
            let off: f64 = (0..n).map(|j| m[i * n + j].abs()).sum();
            m[i * n + i] = off + 0.3 + i as f64 / n as f64;
        }
        m
    }

    fn patterns() -> Vec<(usize, Vec<(usize, usize)>)> {
        let chain = (1..20).map(|i| (i, i - 1)).collect();
        let arrow = (1..20).map(|i| (i, 0)).collect();
        let grid = (0..25).flat_map(|i| {
            let right = (i % 5 < 4).then_some((i + 1, i));
            let down = (i < 20).then_some((i + 5, i));
            right.into_iter().chain(down)
        });
        let dense = (0..9).flat_map(|i| (0..i).map(move |j| (i, j)));
        vec![
            (1, vec![]),
            (7, vec![]),
            (20, chain),
            (20, arrow),
            (25, grid.collect()),
            (9, dense.collect()),
        ]
    }

    #[test]
    fn factors_solve_and_inverses_agree_with_dense_ones() {
        for (n, pairs) in patterns() {
            let m = matrix(n, &pairs);
            let pattern = Pattern::new(n, pairs.iter().copied()).unwrap();
            let mut factor = vec![0.0; pattern.len()];
            for (i, j) in pairs.iter().copied().chain((0..n).map(|i| (i, i))) {
                factor[pattern.place(i, j).unwrap()] = m[i * n + j];
            }
            assert!(pattern.factor(&mut factor).is_some());
            let dense = linalg::cholesky(&m, n).unwrap();
            let (own, other) = (
                pattern.log_diagonal(&factor),
                linalg::log_diagonal(&dense, n),
            );
            assert!((own - other).abs() < 1e-12 * (1.0 + other.abs()));
            let inverse = linalg::inverse_from_cholesky(&dense, n);
            let found = pattern.inverse(&factor);
            for (i, j) in pairs.iter().copied().chain((0..n).map(|i| (i, i))) {
                let found = found[pattern.place(i, j).unwrap()];
                assert!((found - inverse[i * n + j]).abs() < 1e-12, "{i} {j}");
            }
            let x: Vec<f64> = (0..n).map(|i| (i as f64).sin()).collect();
            let mut b: Vec<f64> = (0..n)
                .map(|i| (0..n).map(|j| m[i * n + j] * x[j]).sum())
                .collect();
            pattern.solve(&factor, &mut b);
            assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-12));
        }
    }

    #[test]
    fn what_is_spread_has_the_inverse_as_its_covariance() {
        for (n, pairs) in patterns() {
            let m = matrix(n, &pairs);
            let pattern = Pattern::new(n, pairs.iter().copied()).unwrap();
            let mut factor = vec![0.0; pattern.len()];
            for (i, j) in pairs.iter().copied().chain((0..n).map(|i| (i, i))) {
                factor[pattern.place(i, j).unwrap()] = m[i * n + j];
            }
            assert!(pattern.factor(&mut factor).is_some());
            let inverse = linalg::inverse_from_cholesky(&linalg::cholesky(&m, n).unwrap(), n);
            let mut covariance = vec![0.0; n * n];
            for k in 0..n {
                let mut e = vec![0.0; n];
                e[k] = 1.0;
                pattern.spread(&factor, &mut e);
                for (at, c) in covariance.iter_mut().enumerate() {
                    *c += e[at / n] * e[at % n];
                }
            }
            let close = covariance.iter().zip(&inverse);
            assert!(close.clone().all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn a_chain_and_an_arrow_fill_nothing_in() {
        for (n, pairs) in &patterns()[2..4] {
            let pattern = Pattern::new(*n, pairs.iter().copied()).unwrap();
            assert_eq!(pattern.len(), n + pairs.len());
        }
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        let pattern = Pattern::new(2, [(1, 0)]).unwrap();
        let mut numbers = vec![0.0; 3];
        for (i, j, x) in [(0, 0, 1.0), (1, 1, 1.0), (1, 0, 2.0)] {
            numbers[pattern.place(i, j).unwrap()] = x;
        }
        assert!(pattern.factor(&mut numbers).is_none());
    }
}
