//! Indexing: elements, slices, gathers by known and by random indices, and assignment to elements.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::expression::not_yet;
use super::machine::{Machine, cell_tensor};
use super::value::{Cell, Kind, Payload, Tensor, Value};
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
            Value::Choice(choice) => {
                let (c, a, b) = (*choice).clone();
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

    /// One of an array of independent distributions.
    fn index_dist(
        &mut self,
        d: Arc<super::value::DistValue>,
        args: &[IndexArg],
        span: Span,
    ) -> Result<Value> {
        use super::value::{DistKind, DistValue};
        let DistKind::Scalar { law, params, shape } = &d.kind else {
            return Err(not_yet("indexing this distribution", span));
        };
        let mut picked = Vec::with_capacity(params.len());
        for p in params {
            let p = self.spread(p, shape, span);
            match self.index_tensor(p, args, span, d.span)? {
                Value::Num(t) => picked.push(t),
                _ => return Ok(Value::Bottom),
            }
        }
        let shape = picked.first().map_or(Shape::scalar(), |t| t.shape.clone());
        Ok(Value::Dist(Arc::new(DistValue {
            kind: DistKind::Scalar {
                law: law.clone(),
                params: picked,
                shape,
            },
            span: d.span,
        })))
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
            return Err(not_yet(
                "a random gather of values that are not numbers of one shape",
                span,
            ));
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

    fn index_tensor(
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
        Ok(Value::Num(self.known_gather(&t, &along, span)))
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
            return Err(not_yet(
                "a random index into data with missing elements",
                span,
            ));
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
                Along::Random(index, at) => self.random_axis(&result, axis, &index, at)?,
                Along::Array(..) => return Err(not_yet("this mixture of index arrays", span)),
            };
        }
        Ok(Value::Num(result))
    }

    /// A random scalar index along an inner axis: the axis is brought to the front first.
    fn random_axis(
        &mut self,
        t: &Tensor,
        axis: usize,
        index: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        if !index.is_scalar() {
            return Err(not_yet("an array of random indices behind a slice", span));
        }
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
        match self.pick_at(&front, &[(index.clone(), span)], span)? {
            Value::Num(t) => Ok(t),
            _ => Ok(Tensor::real(f64::NAN)),
        }
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

    /// One more than the largest value of an index node, where its distribution says so.
    fn bounded_by(&self, id: super::graph::NodeId) -> Option<f64> {
        let node = self.graph.node(id);
        match &node.op {
            Op::ArrayTransport(law) => {
                let shapes: Vec<&Shape> = law.shapes.iter().collect();
                law.dist.n_categories(&shapes).map(|n| n as f64)
            }
            Op::Transport(law)
                if matches!(
                    law.label().as_str(),
                    "Bernoulli" | "BernoulliLogit" | "Flip"
                ) =>
            {
                Some(2.0)
            }
            Op::Take(_) => self.bounded_by(node.args[0]),
            Op::Select => Some(
                self.bounded_by(node.args[1])?
                    .max(self.bounded_by(node.args[2])?),
            ),
            Op::Const(v) if v.iter().all(|x| *x >= 0.0) => {
                v.iter().copied().reduce(f64::max).map(|x| x + 1.0)
            }
            _ => None,
        }
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
                    return Err(not_yet("a slice whose length depends on chance", *span));
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
                if matches!(v, Value::Choice(_)) {
                    return Err(not_yet(
                        "an index array whose length depends on chance",
                        e.span,
                    ));
                }
                let t = self.number(&v, e.span)?;
                if t.kind == Kind::Bool && t.shape.rank() == 1 && t.shape.dims()[0] == n {
                    let Some(mask) = t.known() else {
                        return Err(not_yet("a mask that depends on chance as an index", e.span));
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

    /// Assignment at a random index: every element selects.
    fn assign_random(
        &mut self,
        place: Place,
        whole: &Tensor,
        along: Vec<Along>,
        op: Option<BinaryOp>,
        new: Value,
        span: Span,
    ) -> Result<()> {
        let [index] = &along[..] else {
            return Err(not_yet("assignment at several random indices", span));
        };
        let Along::Random(index, at) = index else {
            unreachable!("the caller found a random index")
        };
        if !index.is_scalar() || whole.shape.rank() != 1 {
            return Err(not_yet("assignment at an array of random indices", *at));
        }
        let n = whole.shape.len();
        self.inside_or_fault(index, n, *at)?;
        let positions = Tensor::ints((0..n as i64).collect::<Vec<_>>(), Shape::vector(n));
        let here = self.elementwise(BinaryFn::Eq, &positions, index, Kind::Bool, span)?;
        let value = match op {
            Some(op) => self.binary_values(op, Value::Num(whole.clone()), new, span)?,
            None => new,
        };
        let value = self.number(&value, span)?;
        let kind = whole.kind.max(value.kind);
        let value = self.broadcast(&value, &whole.shape, span);
        let merged = self.emit(
            Op::Select,
            &[&here, &value, whole],
            whole.shape.clone(),
            kind,
            span,
        );
        self.assign(place, Value::Num(merged), span)
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
        let Some(Along::One(i)) = self.along(&indices[0], &shape, 0, span)? else {
            return Err(not_yet(
                "this assignment to elements that are not numbers",
                span,
            ));
        };
        if indices.len() > 1 {
            return Err(not_yet("assignment inside of nested values", span));
        }
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
