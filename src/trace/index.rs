//! Indexing: elements, slices, gathers by known and by random indices, and assignment to elements.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::{Machine, cell_tensor};
use super::value::{Cell, DistKind, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, BinaryOp, Expr, IndexArg, Op, Place, ReduceFn};

/// One place between the brackets, evaluated.
enum Along {
    /// One element: the axis goes.
    One(usize),
    /// These elements.
    Many(Vec<usize>),
    /// An index (or array of indices) that depends on chance.
    Random(Tensor, Span),
    /// Known indices in an array of more than one axis: the axis becomes theirs.
    Array(Vec<usize>, Shape),
}

impl Machine<'_> {
    pub(super) fn index_expression(
        &mut self,
        of: &Expr,
        args: &[IndexArg],
        span: Span,
    ) -> Result<Value> {
        let v = self.eval(of)?;
        self.index_value(v, args, span, of.span)
    }

    fn index_value(&mut self, v: Value, args: &[IndexArg], span: Span, of: Span) -> Result<Value> {
        match v {
            Value::Num(t) => self.index_tensor(t, args, span, of),
            Value::List(items) => self.index_list(&items, args, span, of),
            Value::Bottom => Ok(Value::Bottom),
            Value::Dist(d) => self.index_dist(d, args, span),
            Value::Ragged(_) | Value::Choice(_) => {
                if let Value::Ragged(r) = &v
                    && let Some(one) = self.ragged_item(&r.clone(), args, span, of)?
                {
                    return Ok(one);
                }
                let Some((c, a, b)) = self.opened(&v, span)? else {
                    unreachable!("these two can be opened")
                };
                self.both(
                    c,
                    span,
                    |m| m.index_value(a, args, span, of),
                    |m| m.index_value(b, args, span, of),
                )
            }
            other => Err(TraceError::model(
                "odp::trace::not_indexable",
                "only arrays can be indexed",
                of,
                format!("this is {}", other.describe()),
            )),
        }
    }

    /// One element of an array of random length; `None` where the first index is no single number.
    fn ragged_item(
        &mut self,
        r: &super::value::Ragged,
        args: &[IndexArg],
        span: Span,
        of: Span,
    ) -> Result<Option<Value>> {
        let (IndexArg::At(e), rest) = (&args[0], &args[1..]) else {
            return Ok(None);
        };
        let i = match self.eval(e)? {
            Value::Num(t) if t.is_scalar() && t.kind == Kind::Int => t,
            _ => return Ok(None),
        };
        let below = self.elementwise(BinaryFn::Lt, &i, &Tensor::int(0), Kind::Bool, e.span)?;
        let above = self.elementwise(BinaryFn::Ge, &i, &r.length, Kind::Bool, e.span)?;
        let outside = self.elementwise(BinaryFn::Or, &below, &above, Kind::Bool, e.span)?;
        if let Payload::Node(id) = outside.payload
            && self.implied(id) != Some(false)
        {
            self.fault_where(id, "an index is outside of this array".into(), e.span);
        }
        let item = match i.known_int() {
            Some(k) => match usize::try_from(k).ok().and_then(|k| r.items.get(k)) {
                Some(item) => item.clone(),
                None => Value::Bottom,
            },
            None => self.random_item(&r.items, &i, e.span)?,
        };
        if rest.is_empty() {
            return Ok(Some(item));
        }
        self.index_value(item, rest, span, of).map(Some)
    }

    /// `x[lo..hi, …]` with bounds that depend on chance, along the first axis.
    fn random_slice(
        &mut self,
        t: &Tensor,
        (lo, hi): (Tensor, Tensor),
        rest: &[IndexArg],
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

    /// The bounds of a first index that is a slice whose length depends on chance.
    fn random_bounds(&mut self, a: &IndexArg, n: usize) -> Result<Option<(Tensor, Tensor, Span)>> {
        let IndexArg::Slice { lo, hi, span } = a else {
            return Ok(None);
        };
        let lo = match lo {
            Some(e) => self.int_scalar(e)?,
            None => Tensor::int(0),
        };
        let hi = match hi {
            Some(e) => self.int_scalar(e)?,
            None => Tensor::int(n as i64),
        };
        let known = lo.known_int().is_some() && hi.known_int().is_some();
        Ok((!known).then_some((lo, hi, *span)))
    }

    /// `x[mask]` with a mask that depends on chance: as many elements as it has trues.
    fn random_mask(&mut self, t: &Tensor, mask: &Tensor, span: Span) -> Result<Value> {
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

    /// One of an array of independent distributions.
    fn index_dist(&mut self, d: Arc<DistValue>, args: &[IndexArg], span: Span) -> Result<Value> {
        let d = self.flat(&d, span);
        let outer = super::distribution::copies(&d);
        if outer.len() < args.len() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} indices for a distribution that is an array of {} axes",
                    args.len(),
                    outer.len()
                ),
                span,
                "an element of a draw is `(sample D)[i]`",
            )
            .label(d.span, "this distribution"));
        }
        let outer = Shape(outer);
        let kind = match &d.kind {
            DistKind::Scalar { law, params, .. } => {
                let Some((params, shape)) = self.index_all(params, &outer, args, span, d.span)?
                else {
                    return Ok(Value::Bottom);
                };
                DistKind::Scalar {
                    law: law.clone(),
                    params,
                    shape,
                }
            }
            DistKind::Array {
                dist,
                params,
                shapes,
                event,
                noise,
                ..
            } => {
                let params = self.spread_batch(params, shapes, &outer, span);
                let mut picked = Vec::with_capacity(params.len());
                let mut batch = Shape::scalar();
                for (p, s) in params.into_iter().zip(shapes.iter()) {
                    if p.shape.rank() == s.rank() {
                        picked.push(p);
                        continue;
                    }
                    let Value::Num(t) = self.index_tensor(p, args, span, d.span)? else {
                        return Ok(Value::Bottom);
                    };
                    batch = Shape(t.shape.dims()[..t.shape.rank() - s.rank()].to_vec());
                    picked.push(t);
                }
                DistKind::Array {
                    dist: *dist,
                    params: picked,
                    shapes: shapes.clone(),
                    batch,
                    event: event.clone(),
                    noise: *noise,
                }
            }
            _ => {
                return Err(TraceError::model(
                    "odp::trace::not_indexable",
                    "this distribution is no array of distributions over numbers",
                    d.span,
                    format!("this is {}", Value::Dist(d.clone()).describe()),
                )
                .help("index the draw: `(sample D)[i]`"));
            }
        };
        let span = d.span;
        Ok(Value::Dist(Arc::new(DistValue { kind, span })))
    }

    /// The same elements of several arrays, all seen with one shape.
    fn index_all(
        &mut self,
        all: &[Tensor],
        shape: &Shape,
        args: &[IndexArg],
        span: Span,
        of: Span,
    ) -> Result<Option<(Vec<Tensor>, Shape)>> {
        let mut picked = Vec::with_capacity(all.len());
        for t in all {
            let t = self.spread(t, shape, span);
            match self.index_tensor(t, args, span, of)? {
                Value::Num(t) => picked.push(t),
                _ => return Ok(None),
            }
        }
        let shape = picked.first().map_or(Shape::scalar(), |t| t.shape.clone());
        Ok(Some((picked, shape)))
    }

    fn index_list(
        &mut self,
        items: &[Value],
        args: &[IndexArg],
        span: Span,
        of: Span,
    ) -> Result<Value> {
        let shape = Shape::vector(items.len());
        let (first, rest) = args.split_first().expect("an index has arguments");
        let picked = match self.along(first, &shape, 0, of)? {
            Some(Along::One(i)) => items[i].clone(),
            Some(Along::Many(is) | Along::Array(is, _)) => {
                let values = is.iter().map(|&i| items[i].clone()).collect();
                self.array_of(values, span)?
            }
            Some(Along::Random(index, at)) => self.random_item(items, &index, at)?,
            None => return Ok(Value::Bottom),
        };
        if rest.is_empty() {
            Ok(picked)
        } else {
            self.index_value(picked, rest, span, of)
        }
    }

    /// An element of a list by a random index: each under its own condition.
    fn random_item(&mut self, items: &[Value], index: &Tensor, span: Span) -> Result<Value> {
        if !index.is_scalar() {
            return Err(TraceError::model(
                "odp::trace::random_gather",
                "values that are not numbers of one shape are picked one by one",
                span,
                "an array of indices that depend on chance",
            )
            .help("write a comprehension: `[xs[i] for i in index]`"));
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

    pub(super) fn index_tensor(
        &mut self,
        t: Tensor,
        args: &[IndexArg],
        span: Span,
        of: Span,
    ) -> Result<Value> {
        if args.len() > t.shape.rank() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} indices for an array of {} axes",
                    args.len(),
                    t.shape.rank()
                ),
                span,
                format!("this is {}", super::words(&t)),
            ));
        }
        if let Some((first, rest)) = args.split_first()
            && let Some((lo, hi, at)) = self.random_bounds(first, t.shape.dims()[0])?
        {
            return self.random_slice(&t, (lo, hi), rest, at, span);
        }
        if let [IndexArg::At(e)] = args
            && let Value::Num(mask) = self.eval(e)?
            && mask.kind == Kind::Bool
            && mask.shape.dims() == &t.shape.dims()[..1]
            && mask.known().is_none()
        {
            return self.random_mask(&t, &mask, e.span);
        }
        let mut along = Vec::with_capacity(t.shape.rank());
        for (k, a) in args.iter().enumerate() {
            match self.along(a, &t.shape, k, of)? {
                Some(x) => along.push(x),
                None => return Ok(Value::Bottom),
            }
        }
        along.extend(
            (args.len()..t.shape.rank()).map(|k| Along::Many((0..t.shape.dims()[k]).collect())),
        );
        if along.iter().any(|a| matches!(a, Along::Random(..))) {
            return self.random_gather(&t, along, args.len(), span);
        }
        let picked = self.known_gather(&t, &along, span);
        if let Payload::Cells(cells) = &picked.payload
            && cells.contains(&Cell::Unset)
        {
            return Err(TraceError::model(
                "odp::trace::unset",
                "an element is read that is not drawn yet",
                span,
                "a chain reads what stands before it",
            )
            .help("its elements are drawn in order, from index 0"));
        }
        Ok(Value::Num(picked))
    }

    fn known_gather(&mut self, t: &Tensor, along: &[Along], span: Span) -> Tensor {
        let mut flat = vec![0usize];
        let mut sizes = Vec::new();
        for (k, a) in along.iter().enumerate() {
            let n = t.shape.dims()[k];
            let one;
            let picks: &[usize] = match a {
                Along::One(i) => {
                    one = [*i];
                    &one
                }
                Along::Many(is) => {
                    sizes.push(is.len());
                    is
                }
                Along::Array(is, shape) => {
                    sizes.extend_from_slice(shape.dims());
                    is
                }
                Along::Random(..) => unreachable!("handled by random_gather"),
            };
            flat = flat
                .iter()
                .flat_map(|f| picks.iter().map(move |i| f * n + i))
                .collect();
        }
        let missing = t
            .missing
            .as_ref()
            .map(|m| flat.iter().map(|&i| m[i]).collect::<Arc<[bool]>>());
        let bare = Tensor {
            missing: None,
            ..t.clone()
        };
        let mut picked = self.pick(
            &bare,
            flat.into_iter().map(|i| i as u32).collect(),
            Shape(sizes),
            span,
        );
        picked.missing = missing.filter(|m| m.contains(&true));
        picked
    }

    /// With random indices among the first `n_args` axes: known ones are applied first, then one gather.
    fn random_gather(
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
    fn random_axis(
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

    fn axis_pick(
        &mut self,
        t: &Tensor,
        axis: usize,
        picks: &[usize],
        drop: bool,
        span: Span,
    ) -> Tensor {
        let d = t.shape.dims();
        let (outer, n, inner): (usize, usize, usize) = (
            d[..axis].iter().product(),
            d[axis],
            d[axis + 1..].iter().product(),
        );
        let indices: Vec<u32> = (0..outer)
            .flat_map(|o| {
                picks
                    .iter()
                    .flat_map(move |&i| (0..inner).map(move |k| ((o * n + i) * inner + k) as u32))
            })
            .collect();
        let mut sizes = d.to_vec();
        if drop {
            sizes.remove(axis);
        } else {
            sizes[axis] = picks.len();
        }
        self.pick(t, indices, Shape(sizes), span)
    }

    /// `x[i, j, …]` with index tensors that broadcast to one shape, over the first axes of x.
    pub(super) fn pick_at(
        &mut self,
        x: &Tensor,
        indices: &[(Tensor, Span)],
        span: Span,
    ) -> Result<Value> {
        let dims = x.shape.dims();
        let row: usize = dims[indices.len()..].iter().product();
        let rows: usize = dims[..indices.len()].iter().product();
        let mut linear: Option<Tensor> = None;
        for (k, (index, at)) in indices.iter().enumerate() {
            if let Some(v) = index.known_ints() {
                if let Some(&bad) = v.iter().find(|&&i| i < 0 || i >= dims[k] as i64) {
                    return self.fault(out_of_range(bad, dims[k], *at));
                }
            } else {
                self.inside_or_fault(index, dims[k], *at)?;
            }
            linear = Some(match linear {
                None => index.clone(),
                Some(before) => {
                    let scaled = self.int_arithmetic(
                        BinaryOp::Mul,
                        &before,
                        &Tensor::int(dims[k] as i64),
                        *at,
                    )?;
                    let scaled = self.number(&scaled, *at)?;
                    let sum = self.int_arithmetic(BinaryOp::Add, &scaled, index, *at)?;
                    self.number(&sum, *at)?
                }
            });
        }
        let linear = linear.expect("at least one index");
        let shape = Shape([linear.shape.dims(), &dims[indices.len()..]].concat());
        if let Some(known) = linear.known_ints() {
            let flat = known
                .iter()
                .flat_map(|&i| (0..row).map(move |k| (i as usize * row + k) as u32))
                .collect();
            return Ok(Value::Num(self.pick(x, flat, shape, span)));
        }
        Ok(Value::Num(self.emit(
            Op::Gather { rows, row },
            &[x, &linear],
            shape,
            x.kind,
            span,
        )))
    }

    /// A random index must lie in `0..n`: executions where it does not are at fault.
    fn inside_or_fault(&mut self, index: &Tensor, n: usize, span: Span) -> Result<()> {
        let Payload::Node(id) = index.payload else {
            return Ok(());
        };
        if self.bounded_by(id).is_some_and(|top| top <= n as f64) {
            return Ok(());
        }
        let low = self.elementwise(BinaryFn::Lt, index, &Tensor::int(0), Kind::Bool, span)?;
        let high = self.elementwise(
            BinaryFn::Ge,
            index,
            &Tensor::int(n as i64),
            Kind::Bool,
            span,
        )?;
        let outside = self.elementwise(BinaryFn::Or, &low, &high, Kind::Bool, span)?;
        let outside = self.reduce_all(ReduceFn::Any, &outside, Kind::Bool, span);
        let node = self.node_of(&outside, span);
        self.fault_where(node, format!("an index is outside of 0..{n}").into(), span);
        Ok(())
    }

    /// One more than the largest value of an index node that cannot be negative, where its distribution says so.
    fn bounded_by(&self, id: super::graph::NodeId) -> Option<f64> {
        self.graph.lowest(id).filter(|low| *low >= 0)?;
        self.graph.highest(id).map(|top| top as f64 + 1.0)
    }

    fn along(
        &mut self,
        a: &IndexArg,
        shape: &Shape,
        axis: usize,
        of: Span,
    ) -> Result<Option<Along>> {
        let n = shape.dims()[axis];
        match a {
            IndexArg::Slice { lo, hi, span } => {
                let mut bound = |e: &Option<Expr>, default: usize| -> Result<Option<i64>> {
                    match e {
                        Some(e) => Ok(self.int_scalar(e)?.known_int()),
                        None => Ok(Some(default as i64)),
                    }
                };
                let (Some(a), Some(b)) = (bound(lo, 0)?, bound(hi, n)?) else {
                    return Err(TraceError::model(
                        "odp::trace::random_length",
                        "a slice whose length depends on chance must be the first index",
                        *span,
                        "its bounds depend on chance",
                    )
                    .help("transpose the array, or gather with an array of indices"));
                };
                if a < 0 || b > n as i64 || a > b {
                    let error = TraceError::model(
                        "odp::trace::index_out_of_range",
                        format!("the slice {a}..{b} of an axis of size {n}"),
                        *span,
                        format!("allowed are bounds in 0..={n}"),
                    )
                    .label(of, format!("its shape is {shape}"));
                    self.fault(error)?;
                    return Ok(None);
                }
                Ok(Some(Along::Many((a as usize..b as usize).collect())))
            }
            IndexArg::At(e) => {
                let v = self.eval(e)?;
                if matches!(v, Value::Bottom) {
                    return Ok(None);
                }
                let t = self.number(&v, e.span)?;
                if t.kind == Kind::Bool && t.shape.rank() == 1 && t.shape.dims()[0] == n {
                    let Some(mask) = t.known() else {
                        return Err(TraceError::model(
                            "odp::trace::random_length",
                            "a mask that depends on chance must be the only index",
                            e.span,
                            "how many elements it selects depends on chance",
                        )
                        .help("use `where_(mask, x, 0)` to keep the shape"));
                    };
                    return Ok(Some(Along::Many(
                        (0..n).filter(|&i| mask[i] != 0.0).collect(),
                    )));
                }
                let empty = t.shape.is_empty() && t.known().is_some();
                if t.kind != Kind::Int && !empty {
                    return Err(TraceError::model(
                        "odp::trace::index_kind",
                        "an index is an int",
                        e.span,
                        format!("this is {}", super::words(&t)),
                    )
                    .help("convert it with `int(…)`"));
                }
                let Some(known) = (if empty {
                    Some(Arc::from([]))
                } else {
                    t.known_ints()
                }) else {
                    return Ok(Some(Along::Random(t, e.span)));
                };
                if let Some(&bad) = known.iter().find(|&&i| i < 0 || i >= n as i64) {
                    self.fault(
                        out_of_range(bad, n, e.span).label(of, format!("its shape is {shape}")),
                    )?;
                    return Ok(None);
                }
                Ok(Some(match t.shape.rank() {
                    0 => Along::One(known[0] as usize),
                    1 => Along::Many(known.iter().map(|&i| i as usize).collect()),
                    _ => Along::Array(known.iter().map(|&i| i as usize).collect(), t.shape.clone()),
                }))
            }
        }
    }

    // ---- assignment ----

    pub(super) fn assign_element(
        &mut self,
        place: Place,
        name: &str,
        indices: &[IndexArg],
        op: Option<BinaryOp>,
        new: Value,
        span: Span,
    ) -> Result<()> {
        if matches!(new, Value::Bottom) {
            return Ok(());
        }
        let old = self.get(place, span)?;
        let (Value::Num(whole), Value::Num(_)) = (&old, &new) else {
            return self.assign_list_element(place, name, indices, op, old, new, span);
        };
        let whole = whole.clone();
        drop(old);
        let mut along = Vec::with_capacity(indices.len());
        if indices.len() > whole.shape.rank() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} indices for `{name}`, which is {}",
                    indices.len(),
                    super::words(&whole)
                ),
                span,
                "assigned here",
            ));
        }
        for (k, a) in indices.iter().enumerate() {
            match self.along(a, &whole.shape, k, span)? {
                Some(x) => along.push(x),
                None => return Ok(()),
            }
        }
        if let Some(Along::Random(..)) = along.iter().find(|a| matches!(a, Along::Random(..))) {
            return self.assign_random(place, &whole, along, op, new, span);
        }
        along.extend(
            (indices.len()..whole.shape.rank())
                .map(|k| Along::Many((0..whole.shape.dims()[k]).collect())),
        );
        let positions = positions_tensor(&whole.shape);
        let chosen = self.known_gather(&positions, &along, span);
        let flat = chosen.known_ints().expect("positions are known");
        let value = match op {
            Some(op) => {
                let before = self.known_gather(&whole, &along, span);
                self.binary_values(op, Value::Num(before), new, span)?
            }
            None => new,
        };
        let value = self.number(&value, span)?;
        if value.shape.broadcast(&chosen.shape).as_ref() != Some(&chosen.shape) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!(
                    "{} cannot be assigned to a part of shape {}",
                    super::words(&value),
                    chosen.shape
                ),
                span,
                "assigned here",
            ));
        }
        let value = self.spread(&value, &chosen.shape, span);
        self.write_cells(place, whole, &flat, &value, span)
    }

    /// Writes cells in place where the array belongs to nobody else.
    fn write_cells(
        &mut self,
        place: Place,
        whole: Tensor,
        flat: &[i64],
        value: &Tensor,
        span: Span,
    ) -> Result<()> {
        let kind = whole.kind.max(value.kind);
        let new = self.cells_of(value, span);
        let owned = match (self.take(place), &self.mask) {
            (Some(Value::Num(t)), _) => {
                drop(whole);
                t
            }
            _ => whole,
        };
        let shape = owned.shape.clone();
        let mut cells = match owned.payload {
            Payload::Cells(cells) => cells,
            _ => Arc::new(self.cells_of(&owned, span)),
        };
        let mask = self.mask.filter(|_| !self.bound_here(place));
        let target = Arc::make_mut(&mut cells);
        for (&i, &cell) in flat.iter().zip(&new) {
            let i = i as usize;
            let old = target[i];
            target[i] = match mask {
                Some(m) if old != Cell::Unset => {
                    let (a, b) = (cell_tensor(cell, kind), cell_tensor(old, kind));
                    match self.merge(m, Value::Num(a), Value::Num(b), span)? {
                        Value::Num(t) => t.cells().expect("a scalar has cells")[0],
                        _ => unreachable!("numbers merge to numbers"),
                    }
                }
                _ => cell,
            };
        }
        let t = Tensor {
            shape,
            kind,
            payload: Payload::Cells(cells),
            missing: None,
        };
        self.put(place, Value::Num(t));
        Ok(())
    }

    /// Assignment at random indices: every element selects.
    fn assign_random(
        &mut self,
        place: Place,
        whole: &Tensor,
        along: Vec<Along>,
        op: Option<BinaryOp>,
        new: Value,
        span: Span,
    ) -> Result<()> {
        if let [Along::Random(index, at)] = &along[..]
            && index.shape.rank() == 1
        {
            return self.assign_each_random(place, index, op, new, *at, span);
        }
        let dims = whole.shape.dims().to_vec();
        let (mut here, mut kept) = (None, Vec::with_capacity(dims.len()));
        for (k, &n) in dims.iter().enumerate() {
            let (index, at) = match along.get(k) {
                None => {
                    kept.push(n);
                    continue;
                }
                Some(Along::One(i)) => (Tensor::int(*i as i64), span),
                Some(Along::Random(index, at)) if index.is_scalar() => (index.clone(), *at),
                Some(_) => {
                    return Err(TraceError::model(
                        "odp::trace::random_assignment",
                        "beside an index that depends on chance, the others are single numbers",
                        span,
                        "assigned here",
                    )
                    .help("assign element by element in a `for`"));
                }
            };
            kept.push(1);
            self.inside_or_fault(&index, n, at)?;
            let mut sizes = vec![1; dims.len()];
            sizes[k] = n;
            let positions = Tensor::ints((0..n as i64).collect::<Vec<_>>(), Shape(sizes));
            let equal = self.elementwise(BinaryFn::Eq, &positions, &index, Kind::Bool, at)?;
            here = Some(match here {
                None => equal,
                Some(before) => self.elementwise(BinaryFn::And, &before, &equal, Kind::Bool, at)?,
            });
        }
        let here = here.expect("one index is random");
        // The axes that are indexed are one long in what is assigned.
        let aligned = |t: Tensor| match t.shape.len() == kept.iter().product::<usize>() {
            true => t.reshaped(Shape(kept.clone())),
            false => t,
        };
        let new = self.number(&new, span)?;
        let new = Value::Num(aligned(new));
        let value = match op {
            Some(op) => self.binary_values(op, Value::Num(whole.clone()), new, span)?,
            None => new,
        };
        let value = self.number(&value, span)?;
        if value.shape.broadcast(&whole.shape).as_ref() != Some(&whole.shape) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("{} cannot be assigned here", super::words(&value)),
                span,
                "assigned here",
            ));
        }
        let kind = whole.kind.max(value.kind);
        let value = self.broadcast(&value, &whole.shape, span);
        let here = self.broadcast(&here, &whole.shape, span);
        let merged = self.emit(
            Op::Select,
            &[&here, &value, whole],
            whole.shape.clone(),
            kind,
            span,
        );
        self.assign(place, Value::Num(merged), span)
    }

    /// `x[idx] = v` with an array of random indices: one after the other.
    fn assign_each_random(
        &mut self,
        place: Place,
        index: &Tensor,
        op: Option<BinaryOp>,
        new: Value,
        at: Span,
        span: Span,
    ) -> Result<()> {
        let n = index.shape.len();
        let values = match &new {
            Value::Num(t) if t.is_scalar() => vec![new.clone(); n],
            _ => self.parts_of(&new, span)?,
        };
        if values.len() != n {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("{} values for {n} indices", values.len()),
                span,
                "assigned here",
            ));
        }
        for (k, value) in values.into_iter().enumerate() {
            let Value::Num(whole) = self.get(place, span)? else {
                unreachable!("the caller found numbers")
            };
            let one = self.pick(index, vec![k as u32], Shape::scalar(), at);
            self.assign_random(place, &whole, vec![Along::Random(one, at)], op, value, span)?;
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn assign_list_element(
        &mut self,
        place: Place,
        name: &str,
        indices: &[IndexArg],
        op: Option<BinaryOp>,
        old: Value,
        new: Value,
        span: Span,
    ) -> Result<()> {
        let mut items = match &old {
            Value::List(items) => items.to_vec(),
            Value::Num(t) if t.shape.rank() > 0 => self.parts_of(&old, span)?,
            other => {
                return Err(TraceError::model(
                    "odp::trace::not_indexable",
                    format!("elements of `{name}` cannot be assigned"),
                    span,
                    format!("it is {}", other.describe()),
                ));
            }
        };
        let shape = Shape::vector(items.len());
        let along = self.along(&indices[0], &shape, 0, span)?;
        if indices.len() > 1 {
            return Err(element_assignment(name, span));
        }
        let i = match along {
            Some(Along::One(i)) => i,
            Some(Along::Random(index, at)) if index.is_scalar() && op.is_none() => {
                for (k, item) in items.iter_mut().enumerate() {
                    let here = self.elementwise(
                        BinaryFn::Eq,
                        &index,
                        &Tensor::int(k as i64),
                        Kind::Bool,
                        at,
                    )?;
                    let c = self.node_of(&here, at);
                    *item = self.merge(c, new.clone(), item.clone(), span)?;
                }
                self.inside_or_fault(&index, items.len(), at)?;
                let whole = self.array_of(items, span)?;
                return self.assign(place, whole, span);
            }
            None => return Ok(()),
            _ => return Err(element_assignment(name, span)),
        };
        items[i] = match op {
            Some(op) => self.binary_values(op, items[i].clone(), new, span)?,
            None => new,
        };
        let whole = self.array_of(items, span)?;
        self.assign(place, whole, span)
    }

    fn bound_here(&mut self, place: Place) -> bool {
        let mask = self.mask;
        let (frame, i) = match place {
            Place::Global(i) => (&self.frames[0], i as usize),
            Place::Local(i) => (
                self.frames.last().expect("a frame is always open"),
                i as usize,
            ),
        };
        frame.masks[i] == mask
    }

    /// Puts a value back without touching the mask it was bound under.
    fn put(&mut self, place: Place, value: Value) {
        let (frame, i) = match place {
            Place::Global(i) => (&mut self.frames[0], i as usize),
            Place::Local(i) => (
                self.frames.last_mut().expect("a frame is always open"),
                i as usize,
            ),
        };
        frame.slots[i] = Some(value);
    }
}

fn element_assignment(name: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::nested_assignment",
        format!("`{name}` holds values that are not numbers; one of them is assigned as a whole"),
        span,
        "this assigns inside of one, or several at once",
    )
    .help("build the new element first, then assign it by one index")
}

fn positions_tensor(shape: &Shape) -> Tensor {
    Tensor::ints((0..shape.len() as i64).collect::<Vec<_>>(), shape.clone())
}

fn out_of_range(i: i64, n: usize, span: Span) -> TraceError {
    let error = TraceError::model(
        "odp::trace::index_out_of_range",
        format!("index {i} is outside of 0..{n}"),
        span,
        format!("this is {i}"),
    );
    if i == n as i64 {
        error.help("indices start at 0: the last one is the size minus 1")
    } else {
        error
    }
}
