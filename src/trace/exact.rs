//! Known whole numbers: exact and checked, where the general way would go through reals.

use std::sync::Arc;

use super::value::{Kind, Tensor};
use crate::ir::{Axis, BinaryFn, ReduceFn, ScanFn, UnaryFn};

/// The result, or what went wrong with it; `None` where the general way is exact already.
type Exact<T> = Option<Result<T, &'static str>>;

const OVERFLOW: &str = "integer overflow";
/// Whole numbers up to here are exact as reals.
const LARGEST: u64 = 1 << 53;

/// Known ints of which some would not be exact as reals.
fn large(t: &Tensor) -> Option<Arc<[i64]>> {
    let v = (t.kind == Kind::Int).then(|| t.known_ints())??;
    v.iter().any(|x| x.unsigned_abs() > LARGEST).then_some(v)
}

fn ints(t: &Tensor) -> Option<Arc<[i64]>> {
    (t.kind == Kind::Int).then(|| t.known_ints()).flatten()
}

/// Comparisons, minimum and maximum.
pub(super) fn elementwise(f: BinaryFn, x: &Tensor, y: &Tensor) -> Option<Tensor> {
    large(x).or_else(|| large(y))?;
    let (a, b) = (ints(x)?, ints(y)?);
    let shape = x.shape.broadcast(&y.shape)?;
    let pairs = shape
        .broadcast_indices(&x.shape)
        .into_iter()
        .zip(shape.broadcast_indices(&y.shape))
        .map(|(i, j)| (a[i as usize], b[j as usize]));
    let truths = |f: fn(&i64, &i64) -> bool| -> Vec<f64> {
        pairs
            .clone()
            .map(|(a, b)| f64::from(u8::from(f(&a, &b))))
            .collect()
    };
    let values = match f {
        BinaryFn::Min => {
            return Some(Tensor::ints(
                pairs.map(|(a, b)| a.min(b)).collect::<Vec<_>>(),
                shape,
            ));
        }
        BinaryFn::Max => {
            return Some(Tensor::ints(
                pairs.map(|(a, b)| a.max(b)).collect::<Vec<_>>(),
                shape,
            ));
        }
        BinaryFn::Eq => truths(i64::eq),
        BinaryFn::Ne => truths(i64::ne),
        BinaryFn::Lt => truths(i64::lt),
        BinaryFn::Le => truths(i64::le),
        BinaryFn::Gt => truths(i64::gt),
        BinaryFn::Ge => truths(i64::ge),
        _ => return None,
    };
    Some(Tensor {
        kind: Kind::Bool,
        ..Tensor::reals(values, shape)
    })
}

/// The absolute value.
pub(super) fn unary(f: UnaryFn, t: &Tensor) -> Exact<Tensor> {
    if f != UnaryFn::Abs {
        return None;
    }
    let v = large(t)?;
    let all: Option<Vec<i64>> = v.iter().map(|x| x.checked_abs()).collect();
    Some(
        all.map(|v| Tensor::ints(v, t.shape.clone()))
            .ok_or(OVERFLOW),
    )
}

/// Sums and products, and the least and greatest, along an axis.
pub(super) fn reduce(f: ReduceFn, t: &Tensor, axis: Axis) -> Exact<Vec<i64>> {
    let v = ints(t)?;
    let along = |o: usize, i: usize| (0..axis.n).map(move |k| (o * axis.n + k) * axis.inner + i);
    let one = |o: usize, i: usize| -> Option<i64> {
        let mut values = along(o, i).map(|e| v[e]);
        let best = |better: fn(&i64, &i64) -> bool| {
            let all: Vec<i64> = along(o, i).map(|e| v[e]).collect();
            (1..all.len()).fold(0, |b, k| if better(&all[k], &all[b]) { k } else { b }) as i64
        };
        match f {
            ReduceFn::Sum => values.try_fold(0i64, |a, x| a.checked_add(x)),
            ReduceFn::Prod => values.try_fold(1i64, |a, x| a.checked_mul(x)),
            ReduceFn::Min => values.min(),
            ReduceFn::Max => values.max(),
            ReduceFn::ArgMin => Some(best(i64::lt)),
            _ => Some(best(i64::gt)),
        }
    };
    if matches!(f, ReduceFn::LogSumExp | ReduceFn::Any | ReduceFn::All) {
        return None;
    }
    let all: Option<Vec<i64>> = (0..axis.outer)
        .flat_map(|o| (0..axis.inner).map(move |i| (o, i)))
        .map(|(o, i)| one(o, i))
        .collect();
    Some(all.ok_or(OVERFLOW))
}

/// Cumulative sums and sorting along an axis.
pub(super) fn scan(f: ScanFn, t: &Tensor, axis: Axis) -> Exact<Tensor> {
    if !matches!(f, ScanFn::CumSum | ScanFn::Sort) {
        return None;
    }
    let v = ints(t)?;
    let mut out = v.to_vec();
    for o in 0..axis.outer {
        for i in 0..axis.inner {
            let places: Vec<usize> = (0..axis.n)
                .map(|k| (o * axis.n + k) * axis.inner + i)
                .collect();
            let mut values: Vec<i64> = places.iter().map(|&p| v[p]).collect();
            if f == ScanFn::Sort {
                values.sort_unstable();
            } else {
                for k in 1..values.len() {
                    match values[k - 1].checked_add(values[k]) {
                        Some(sum) => values[k] = sum,
                        None => return Some(Err(OVERFLOW)),
                    }
                }
            }
            places.iter().zip(values).for_each(|(&p, x)| out[p] = x);
        }
    }
    Some(Ok(Tensor::ints(out, t.shape.clone())))
}

/// `[m, k] @ [k, n]`.
pub(super) fn matmul(x: &Tensor, y: &Tensor, (m, k, n): (usize, usize, usize)) -> Exact<Vec<i64>> {
    let (a, b) = (ints(x)?, ints(y)?);
    let dot = |i: usize, j: usize| -> Option<i64> {
        (0..k).try_fold(0i64, |sum, l| {
            sum.checked_add(a[i * k + l].checked_mul(b[l * n + j])?)
        })
    };
    let all: Option<Vec<i64>> = (0..m)
        .flat_map(|i| (0..n).map(move |j| (i, j)))
        .map(|(i, j)| dot(i, j))
        .collect();
    Some(all.ok_or(OVERFLOW))
}
