//! Indexing: elements, slices, gathers by known and by random indices.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Cell, DistKind, DistValue, Kind, Payload, Tensor, Value, known_gaps};
use crate::base::{Shape, Span, counted};
use crate::ir::{BinaryFn, BinaryOp, Expr, IndexArg, Op, ReduceFn};

/// What stands between the brackets, evaluated once: an index may draw and observe.
pub(super) enum At {
    One(Value, Span),
    Slice {
        lo: Option<Tensor>,
        hi: Option<Tensor>,
        span: Span,
    },
}

/// Which elements along one axis.
pub(super) enum Along {
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
        let at = self.index_args(args)?;
        self.index_value(v, &at, span, of.span)
    }

    pub(super) fn index_args(&mut self, args: &[IndexArg]) -> Result<Vec<At>> {
        args.iter().map(|a| self.index_arg(a)).collect()
    }

    fn index_arg(&mut self, a: &IndexArg) -> Result<At> {
        Ok(match a {
            IndexArg::At(e) => At::One(self.eval(e)?, e.span),
            IndexArg::Slice { lo, hi, span } => At::Slice {
                lo: lo.as_ref().map(|e| self.int_scalar(e)).transpose()?,
                hi: hi.as_ref().map(|e| self.int_scalar(e)).transpose()?,
                span: *span,
            },
        })
    }

    pub(super) fn index_value(
        &mut self,
        v: Value,
        args: &[At],
        span: Span,
        of: Span,
    ) -> Result<Value> {
        if let Some(gathered) = self.index_open(&v, args, span, of)? {
            return Ok(gathered);
        }
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

    /// One of an array of independent distributions.
    fn index_dist(&mut self, d: Arc<DistValue>, args: &[At], span: Span) -> Result<Value> {
        let d = self.flat(&d, span);
        let outer = super::distribution::copies(&d);
        if outer.len() < args.len() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} for a distribution that is an array of {}",
                    counted(args.len(), "index", "indices"),
                    counted(outer.len(), "axis", "axes")
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
        args: &[At],
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

    fn index_list(&mut self, items: &[Value], args: &[At], span: Span, of: Span) -> Result<Value> {
        let shape = Shape::vector(items.len());
        let (first, rest) = args.split_first().expect("an index has arguments");
        let picked = match self.along(first, &shape, 0, of)? {
            Some(Along::One(i)) if matches!(items[i], Value::Unit) => return Err(not_drawn(span)),
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

    pub(super) fn index_tensor(
        &mut self,
        t: Tensor,
        args: &[At],
        span: Span,
        of: Span,
    ) -> Result<Value> {
        if args.len() > t.shape.rank() {
            return Err(TraceError::model(
                "odp::trace::too_many_indices",
                format!(
                    "{} for an array of {}",
                    counted(args.len(), "index", "indices"),
                    counted(t.shape.rank(), "axis", "axes")
                ),
                span,
                format!("this is {}", super::words(&t)),
            ));
        }
        if let Some((first, rest)) = args.split_first()
            && let Some((lo, hi, at)) = random_bounds(first, t.shape.dims()[0])
        {
            return self.random_slice(&t, (lo, hi), rest, at, span);
        }
        if let [At::One(Value::Num(mask), at)] = args
            && mask.kind == Kind::Bool
            && mask.shape.dims() == &t.shape.dims()[..1]
            && mask.known().is_none()
        {
            return self.random_mask(&t, mask, *at);
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
            return Err(not_drawn(span));
        }
        Ok(Value::Num(picked))
    }

    pub(super) fn known_gather(&mut self, t: &Tensor, along: &[Along], span: Span) -> Tensor {
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
            .and_then(|m| known_gaps(flat.iter().map(|&i| m[i]).collect()));
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
        picked.missing = missing;
        picked
    }

    pub(super) fn axis_pick(
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
    pub(super) fn inside_or_fault(&mut self, index: &Tensor, n: usize, span: Span) -> Result<()> {
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

    pub(super) fn along(
        &mut self,
        at: &At,
        shape: &Shape,
        axis: usize,
        of: Span,
    ) -> Result<Option<Along>> {
        match at {
            At::Slice { lo, hi, span } => self.along_slice([lo, hi], shape, axis, (*span, of)),
            At::One(Value::Bottom, _) => Ok(None),
            At::One(v, span) => self.along_value(v, shape, axis, (*span, of)),
        }
    }

    fn along_slice(
        &mut self,
        [lo, hi]: [&Option<Tensor>; 2],
        shape: &Shape,
        axis: usize,
        (span, of): (Span, Span),
    ) -> Result<Option<Along>> {
        let n = shape.dims()[axis] as i64;
        let known = |bound: &Option<Tensor>, default: i64| match bound {
            Some(t) => t.known_int(),
            None => Some(default),
        };
        let (Some(a), Some(b)) = (known(lo, 0), known(hi, n)) else {
            return Err(TraceError::model(
                "odp::trace::random_length",
                "a slice whose length depends on chance must be the first index",
                span,
                "its bounds depend on chance",
            )
            .help("transpose the array, or gather with an array of indices"));
        };
        if a < 0 || b > n || a > b {
            let error = TraceError::model(
                "odp::trace::index_out_of_range",
                format!("the slice {a}..{b} of an axis of size {n}"),
                span,
                format!("allowed are bounds in 0..={n}"),
            );
            self.fault(error.label(of, format!("its shape is {shape}")))?;
            return Ok(None);
        }
        Ok(Some(Along::Many((a as usize..b as usize).collect())))
    }

    fn along_value(
        &mut self,
        v: &Value,
        shape: &Shape,
        axis: usize,
        (span, of): (Span, Span),
    ) -> Result<Option<Along>> {
        let n = shape.dims()[axis];
        let t = self.number(v, span)?;
        if t.kind == Kind::Bool && t.shape.dims() == [n] {
            return along_mask(&t, span).map(Some);
        }
        let empty = t.shape.is_empty() && t.known().is_some();
        if t.kind != Kind::Int && !empty {
            return Err(TraceError::model(
                "odp::trace::index_kind",
                "an index is an int",
                span,
                format!("this is {}", super::words(&t)),
            )
            .help("convert it with `int(…)`"));
        }
        let known = match empty {
            true => Some(Arc::from([])),
            false => t.known_ints(),
        };
        let Some(known) = known else {
            return Ok(Some(Along::Random(t, span)));
        };
        if let Some(&bad) = known.iter().find(|&&i| i < 0 || i >= n as i64) {
            self.fault(out_of_range(bad, n, span).label(of, format!("its shape is {shape}")))?;
            return Ok(None);
        }
        let picks: Vec<usize> = known.iter().map(|&i| i as usize).collect();
        Ok(Some(match t.shape.rank() {
            0 => Along::One(picks[0]),
            1 => Along::Many(picks),
            _ => Along::Array(picks, t.shape.clone()),
        }))
    }
}

/// The places where a known mask is true.
fn along_mask(mask: &Tensor, span: Span) -> Result<Along> {
    let Some(known) = mask.known() else {
        return Err(TraceError::model(
            "odp::trace::random_length",
            "a mask that depends on chance must be the only index",
            span,
            "how many elements it selects depends on chance",
        )
        .help("use `where_(mask, x, 0)` to keep the shape"));
    };
    Ok(Along::Many(
        (0..known.len()).filter(|&i| known[i] != 0.0).collect(),
    ))
}

/// The bounds of a slice whose length depends on chance.
fn random_bounds(at: &At, n: usize) -> Option<(Tensor, Tensor, Span)> {
    let At::Slice { lo, hi, span } = at else {
        return None;
    };
    let lo = lo.clone().unwrap_or(Tensor::int(0));
    let hi = hi.clone().unwrap_or(Tensor::int(n as i64));
    let known = lo.known_int().is_some() && hi.known_int().is_some();
    (!known).then_some((lo, hi, *span))
}

fn not_drawn(span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::unset",
        "an element is read that is not drawn yet",
        span,
        "a chain reads what stands before it",
    )
    .help("its elements are drawn in order, from index 0")
}

pub(super) fn out_of_range(i: i64, n: usize, span: Span) -> TraceError {
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
