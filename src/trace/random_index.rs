//! Indices, slices and masks that depend on chance.

use super::error::{Result, TraceError};
use super::index::{Along, At};
use super::machine::Machine;
use super::value::{Kind, Payload, Ragged, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, Op, ReduceFn};

impl Machine<'_> {
    /// One element of an array of random length; `None` where the first index is no single number.
    pub(super) fn ragged_item(
        &mut self,
        r: &Ragged,
        args: &[At],
        span: Span,
        of: Span,
    ) -> Result<Option<Value>> {
        let Some((At::One(Value::Num(i), at), rest)) = args.split_first() else {
            return Ok(None);
        };
        if !i.is_scalar() || i.kind != Kind::Int {
            return Ok(None);
        }
        let item = self.ragged_at(r, i, *at)?;
        if rest.is_empty() {
            return Ok(Some(item));
        }
        self.index_value(item, rest, span, of).map(Some)
    }

    /// The element of an array of random length at one index; executions that have no such place are at fault.
    pub(super) fn ragged_at(&mut self, r: &Ragged, i: &Tensor, at: Span) -> Result<Value> {
        let below = self.elementwise(BinaryFn::Lt, i, &Tensor::int(0), Kind::Bool, at)?;
        let above = self.elementwise(BinaryFn::Ge, i, &r.length, Kind::Bool, at)?;
        let outside = self.elementwise(BinaryFn::Or, &below, &above, Kind::Bool, at)?;
        if let Payload::Node(id) = outside.payload
            && self.implied(id) != Some(false)
        {
            self.fault_where(id, "an index is outside of this array".into(), at);
        }
        match i.known_int() {
            Some(k) => match usize::try_from(k).ok().and_then(|k| r.items.get(k)) {
                Some(item) => Ok(item.clone()),
                None => Ok(Value::Bottom),
            },
            None => self.random_item(&r.items, i, at),
        }
    }

    /// `x[lo..hi, …]` with bounds that depend on chance, along the first axis.
    pub(super) fn random_slice(
        &mut self,
        t: &Tensor,
        (lo, hi): (Tensor, Tensor),
        rest: &[At],
        at: Span,
        span: Span,
    ) -> Result<Value> {
        let n = t.shape.dims()[0];
        let size = Tensor::int(n as i64);
        let length = self.elementwise(BinaryFn::Sub, &hi, &lo, Kind::Int, at)?;
        for (a, b) in [(&lo, &Tensor::int(0)), (&size, &hi), (&hi, &lo)] {
            let outside = self.elementwise(BinaryFn::Lt, a, b, Kind::Bool, at)?;
            if let Payload::Node(id) = outside.payload {
                self.fault_where(id, format!("a slice is outside of 0..{n}").into(), at);
            }
        }
        let before = self.mask;
        let mut items = Vec::with_capacity(n);
        for k in 0..n {
            if !self.enter_place(&length, k, before, at)? {
                break;
            }
            let place =
                self.elementwise(BinaryFn::Add, &lo, &Tensor::int(k as i64), Kind::Int, at)?;
            let row = self.pick_at(t, &[(place, at)], span)?;
            let row = match rest {
                [] => Ok(row),
                rest => self.index_value(row, rest, span, at),
            };
            self.mask = before;
            items.push(row?);
        }
        Ok(self.ragged(items, length))
    }

    /// `x[mask]` with a mask that depends on chance: as many elements as it has trues.
    pub(super) fn random_mask(&mut self, t: &Tensor, mask: &Tensor, span: Span) -> Result<Value> {
        let n = mask.shape.len();
        let axis = super::expression::axis_view(&mask.shape, 0);
        let length = self.reduce_all(ReduceFn::Sum, mask, Kind::Int, span);
        let ranks = self.emit(
            Op::Scan(crate::ir::ScanFn::CumSum, axis),
            &[mask],
            mask.shape.clone(),
            Kind::Int,
            span,
        );
        let mut items = Vec::with_capacity(n);
        for k in 0..n as i64 {
            let ranked =
                self.elementwise(BinaryFn::Eq, &ranks, &Tensor::int(k + 1), Kind::Bool, span)?;
            let here = self.elementwise(BinaryFn::And, &ranked, mask, Kind::Bool, span)?;
            let place = self.emit(
                Op::Reduce(ReduceFn::ArgMax, axis),
                &[&here],
                Shape::scalar(),
                Kind::Int,
                span,
            );
            items.push(self.pick_at(t, &[(place, span)], span)?);
        }
        Ok(self.ragged(items, length))
    }

    /// An element of a list by a random index: each under its own condition.
    pub(super) fn random_item(
        &mut self,
        items: &[Value],
        index: &Tensor,
        span: Span,
    ) -> Result<Value> {
        if !index.is_scalar() {
            return Err(TraceError::model(
                "odp::trace::random_gather",
                "values that are not numbers of one shape are picked one by one",
                span,
                "an array of indices that depend on chance",
            )
            .help("write a comprehension: `[xs[i] for i in index]`"));
        }
        if let Some(i) = index.known_int() {
            return match usize::try_from(i).ok().and_then(|i| items.get(i)) {
                Some(item) => Ok(item.clone()),
                None => self.fault(super::index::out_of_range(i, items.len(), span)),
            };
        }
        self.inside_or_fault(index, items.len(), span)?;
        let mut result = Value::Bottom;
        for (i, item) in items.iter().enumerate().rev() {
            let here = self.elementwise(
                BinaryFn::Eq,
                index,
                &Tensor::int(i as i64),
                Kind::Bool,
                span,
            )?;
            let Payload::Node(c) = here.payload else {
                return Ok(item.clone());
            };
            result = self.merge(c, item.clone(), result, span)?;
        }
        Ok(result)
    }

    /// With random indices among the first `n_args` axes: known ones are applied first, then one gather.
    pub(super) fn random_gather(
        &mut self,
        t: &Tensor,
        along: Vec<Along>,
        n_args: usize,
        span: Span,
    ) -> Result<Value> {
        if t.missing.is_some() {
            return Err(TraceError::model(
                "odp::trace::missing_read",
                "an index that depends on chance may meet a missing element",
                span,
                "some elements here are missing in the data",
            )
            .help("observe the array first; from there on it has its imputed values"));
        }
        let all_scalar = along[..n_args]
            .iter()
            .all(|a| matches!(a, Along::One(_) | Along::Random(..)));
        if all_scalar {
            let mut indices = Vec::with_capacity(n_args);
            for a in along.into_iter().take(n_args) {
                indices.push(match a {
                    Along::One(i) => (Tensor::int(i as i64), span),
                    Along::Random(index, at) => (index, at),
                    _ => unreachable!("checked above"),
                });
            }
            return self.pick_at(t, &indices, span);
        }
        // Slices beside random indices: apply the known parts, then index what is left axis by axis.
        let mut result = t.clone();
        let mut axis = 0;
        for a in along.into_iter().take(n_args) {
            result = match a {
                Along::One(i) => self.axis_pick(&result, axis, &[i], true, span),
                Along::Many(is) => {
                    let next = self.axis_pick(&result, axis, &is, false, span);
                    axis += 1;
                    next
                }
                Along::Array(is, shape) if shape.rank() == 1 => {
                    let next = self.axis_pick(&result, axis, &is, false, span);
                    axis += 1;
                    next
                }
                Along::Random(index, at) if axis == 0 => {
                    let rank = index.shape.rank();
                    let Value::Num(next) = self.pick_at(&result, &[(index, at)], span)? else {
                        return Ok(Value::Bottom);
                    };
                    axis += rank;
                    next
                }
                Along::Random(index, at) => {
                    let next = self.random_axis(&result, axis, &index, at)?;
                    axis += index.shape.rank();
                    next
                }
                Along::Array(is, shape) => {
                    let flat = self.axis_pick(&result, axis, &is, false, span);
                    let d = flat.shape.dims();
                    let sizes = [&d[..axis], shape.dims(), &d[axis + 1..]].concat();
                    axis += shape.rank();
                    flat.reshaped(Shape(sizes))
                }
            };
        }
        Ok(Value::Num(result))
    }

    /// Random indices along an inner axis: the axis is brought to the front first.
    pub(super) fn random_axis(
        &mut self,
        t: &Tensor,
        axis: usize,
        index: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let d = t.shape.dims();
        let (outer, n, inner): (usize, usize, usize) = (
            d[..axis].iter().product(),
            d[axis],
            d[axis + 1..].iter().product(),
        );
        let order: Vec<u32> = (0..n)
            .flat_map(|i| {
                (0..outer)
                    .flat_map(move |o| (0..inner).map(move |k| ((o * n + i) * inner + k) as u32))
            })
            .collect();
        let rest: Vec<usize> = d[..axis].iter().chain(&d[axis + 1..]).copied().collect();
        let front = self.pick(t, order, Shape([&[n], &rest[..]].concat()), span);
        let picked = match self.pick_at(&front, &[(index.clone(), span)], span)? {
            Value::Num(t) => t,
            _ => return Ok(Tensor::real(f64::NAN)),
        };
        if index.is_scalar() {
            return Ok(picked);
        }
        // The indices' own axes go behind those that were before this one.
        let (k, inner) = (index.shape.len(), d[axis + 1..].iter().product::<usize>());
        let order: Vec<u32> = (0..outer)
            .flat_map(|o| {
                (0..k).flat_map(move |i| {
                    (0..inner).map(move |j| ((i * outer + o) * inner + j) as u32)
                })
            })
            .collect();
        let sizes = [&d[..axis], index.shape.dims(), &d[axis + 1..]].concat();
        Ok(self.pick(&picked, order, Shape(sizes), span))
    }
}
