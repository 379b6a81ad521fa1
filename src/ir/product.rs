//! Matrix products over lanes.

use super::kernel::{Arg, Row};
use super::matrix;
use crate::compute::wide::{self, Panels};

/// X B with X known: the n columns of B in every lane stand side by side.
pub(super) fn dense(x: &Panels, n: usize, b: Arg, out: &mut [f64], lanes: usize) {
    if !b.uniform {
        out.fill(0.0);
        return wide::add_product(x, b.data, n * lanes, out);
    }
    let mut once = vec![0.0; x.m * n];
    wide::add_product(x, b.data, n, &mut once);
    let rows = out.chunks_exact_mut(lanes).zip(once);
    rows.for_each(|(o, y)| o.fill(y));
}

pub(super) fn matmul([m, k, n]: [usize; 3], a: Arg, b: Arg, out: &mut [f64], lanes: usize) {
    if lanes == 1 {
        return matrix::product([m, k, n], a.data, b.data, out);
    }
    for i in 0..m {
        for j in 0..n {
            let o = &mut out[(i * n + j) * lanes..][..lanes];
            o.fill(0.0);
            for l in 0..k {
                match (element(a, i * k + l, lanes), element(b, l * n + j, lanes)) {
                    (Row::One(x), Row::One(y)) => o.iter_mut().for_each(|o| *o += x * y),
                    (Row::One(x), Row::Many(ys)) => {
                        o.iter_mut().zip(ys).for_each(|(o, &y)| *o += x * y)
                    }
                    (Row::Many(xs), Row::One(y)) => {
                        o.iter_mut().zip(xs).for_each(|(o, &x)| *o += x * y)
                    }
                    (Row::Many(xs), Row::Many(ys)) => {
                        o.iter_mut()
                            .zip(xs.iter().zip(ys))
                            .for_each(|(o, (&x, &y))| *o += x * y);
                    }
                }
            }
        }
    }
}

fn element(a: Arg<'_>, e: usize, lanes: usize) -> Row<'_> {
    if a.uniform {
        Row::One(a.data[e])
    } else {
        Row::Many(&a.data[e * lanes..(e + 1) * lanes])
    }
}
