//! Plates that stay vectorised: an expression over plate indices becomes one over arrays.
//!
//! A value inside a plate is either *flat* (the same for all elements) or *batched*: an array whose first axes are the
//! plate's (each of the plate's size or 1) and whose other axes are the value's own. What has no rule here gives `None`,
//! and the plate is run element by element.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Bug, Shape, Span, bites, counted};
use crate::ir::{
    Axis, BinaryOp, Builtin, DistRef, Expr, ExprKind, IndexArg, Op, Place, PlateIndex, ReduceFn,
};

/// The indices of a plate.
pub(super) struct Plate {
    /// Their variables.
    pub places: Vec<Place>,
    /// First value of each.
    pub starts: Vec<i64>,
    /// How many of each.
    pub sizes: Vec<usize>,
}

impl Plate {
    pub fn len(&self) -> usize {
        self.sizes.iter().product()
    }

    pub fn shape(&self) -> Shape {
        Shape(self.sizes.clone())
    }

    /// The values of the indices at element k.
    pub fn index(&self, k: usize) -> Vec<i64> {
        let mut rest = k;
        let mut index: Vec<i64> = self
            .sizes
            .iter()
            .zip(&self.starts)
            .rev()
            .map(|(&n, &start)| {
                let i = (rest % n) as i64;
                rest /= n;
                start + i
            })
            .collect();
        index.reverse();
        index
    }
}

/// A plate of draws begins at 0.
pub(super) fn from_first(lo: &Tensor, index: &PlateIndex) -> Result<()> {
    let at = match lo.known_int() {
        Some(0) => return Ok(()),
        Some(first) => first.to_string(),
        None => "where chance says".into(),
    };
    Err(TraceError::model(
        "odp::trace::plate_start",
        format!("a plate starts at 0, `{}` starts at {at}", index.name),
        index.lo.span,
        "write 0 here",
    )
    .help("shift the index inside the distribution"))
}

/// A value inside a plate.
enum Inside {
    Flat(Value),
    Batched(Tensor),
    Dist(Arc<DistValue>),
}

/// Whether an expression reads one of some variables.
pub(super) fn mentions(e: &Expr, places: &[Place]) -> bool {
    anywhere(e, &|e| match &e.kind {
        ExprKind::Place(p) => places.contains(p),
        _ => false,
    })
}

/// Whether an expression indexes a variable.
pub(super) fn picks_of(e: &Expr, place: Place) -> bool {
    anywhere(e, &|e| match &e.kind {
        ExprKind::Index(of, _) => mentions(of, &[place]),
        _ => false,
    })
}

/// Whether `here` holds of an expression or of a part of it; of calls, closures, branches and draws that is assumed.
fn anywhere(e: &Expr, here: &dyn Fn(&Expr) -> bool) -> bool {
    let inside = |e: &Expr| anywhere(e, here);
    let any = |es: &[Expr]| es.iter().any(inside);
    if here(e) {
        return true;
    }
    match &e.kind {
        ExprKind::Place(_)
        | ExprKind::Bool(_)
        | ExprKind::Int(_)
        | ExprKind::Real(_)
        | ExprKind::Str(_)
        | ExprKind::Asset(_)
        | ExprKind::Builtin(_) => false,
        ExprKind::Array(es) | ExprKind::Tuple(es) => any(es),
        ExprKind::Record(fields) => fields.iter().any(|(_, e)| inside(e)),
        ExprKind::Field(e, ..) | ExprKind::Unary(_, e) => inside(e),
        ExprKind::Index(of, args) => {
            inside(of)
                || args.iter().any(|a| match a {
                    IndexArg::At(e) => inside(e),
                    IndexArg::Slice { lo, hi, .. } => lo.iter().chain(hi).any(&inside),
                })
        }
        ExprKind::CallBuiltin { args, named, .. } => {
            any(args) || named.iter().any(|(_, e)| inside(e))
        }
        ExprKind::Dist { args, .. } => args.iter().flatten().any(inside),
        ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) => inside(a) || inside(b),
        _ => true,
    }
}

/// Whether an expression is plain: no calls of users' functions, no branches, no draws.
pub(super) fn is_plain(e: &Expr) -> bool {
    !mentions(e, &[])
}

impl Machine<'_> {
    pub(super) fn open_plate(&mut self, indices: &[PlateIndex], from_zero: bool) -> Result<Plate> {
        let mut plate = Plate {
            places: Vec::new(),
            starts: Vec::new(),
            sizes: Vec::new(),
        };
        for index in indices {
            let (lo, hi) = (self.int_scalar(&index.lo)?, self.int_scalar(&index.hi)?);
            let bounds = (lo.known_int(), hi.known_int());
            let (Some(a), Some(b)) = bounds else {
                unreachable!("plates whose bounds depend on chance have gone another way")
            };
            if from_zero {
                from_first(&lo, index)?;
            }
            let n = usize::try_from(b.saturating_sub(a)).unwrap_or(0);
            self.room_for(plate.len().saturating_mul(n), index.hi.span)?;
            self.bind(index.place, Value::Num(Tensor::int(a)));
            plate.places.push(index.place);
            plate.starts.push(a);
            plate.sizes.push(n);
        }
        Ok(plate)
    }

    /// Leaves the index variables at their last values, as a loop would.
    pub(super) fn close_plate(&mut self, plate: &Plate) {
        for (place, (&start, &n)) in plate
            .places
            .iter()
            .zip(plate.starts.iter().zip(&plate.sizes))
        {
            self.bind(*place, Value::Num(Tensor::int(start + n as i64 - 1)));
        }
    }

    /// The distribution of all elements at once, if there is a rule for it.
    pub(super) fn plate_distribution(
        &mut self,
        plate: &Plate,
        dist: &Expr,
    ) -> Result<Option<Arc<DistValue>>> {
        if !is_plain(dist) {
            return Ok(None);
        }
        let Some(inside) = self.inside(plate, dist)? else {
            return Ok(None);
        };
        let shape = plate.shape();
        Ok(match inside {
            Inside::Flat(Value::Dist(d)) => Some(Arc::new(self.iid(&d, &plate.sizes, dist.span))),
            Inside::Dist(d) => self.widened(&d, &shape),
            _ => None,
        })
    }

    /// A distribution whose batch is (part of) the plate, over all of it.
    fn widened(&mut self, d: &Arc<DistValue>, plate: &Shape) -> Option<Arc<DistValue>> {
        let d = &self.flat(d, d.span);
        let kind = match &d.kind {
            DistKind::Scalar { law, params, shape }
                if shape.broadcast(plate).as_ref() == Some(plate) =>
            {
                DistKind::Scalar {
                    law: law.clone(),
                    params: params.clone(),
                    shape: plate.clone(),
                }
            }
            DistKind::Array {
                dist,
                params,
                shapes,
                batch,
                event,
                noise,
            } if batch.broadcast(plate).as_ref() == Some(plate) => {
                let params = self.spread_batch(params, shapes, plate, d.span);
                DistKind::Array {
                    dist: *dist,
                    params,
                    shapes: shapes.clone(),
                    batch: plate.clone(),
                    event: event.clone(),
                    noise: *noise,
                }
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } if shape.broadcast(plate).as_ref() == Some(plate) => DistKind::Mixture {
                weights: weights.clone(),
                parts: parts.clone(),
                shape: plate.clone(),
            },
            _ => return None,
        };
        Some(Arc::new(DistValue { kind, span: d.span }))
    }

    /// The rows of an array that a plate walks over.
    pub(super) fn plate_rows(&mut self, plate: &Plate, whole: &Value, span: Span) -> Result<Value> {
        let t = self.number(whole, span)?;
        if t.shape.rank() < plate.sizes.len() {
            return Err(TraceError::model(
                "odp::trace::plate_rank",
                format!(
                    "a plate over {} observes an array of {}",
                    counted(plate.sizes.len(), "index", "indices"),
                    t.shape
                ),
                span,
                "too few axes",
            ));
        }
        let outer = &t.shape.dims()[..plate.sizes.len()];
        for ((&n, &size), &start) in outer.iter().zip(&plate.sizes).zip(&plate.starts) {
            if start < 0 || start as usize + size > n {
                return Err(TraceError::model(
                    "odp::trace::index_out_of_range",
                    format!(
                        "indices {start}..{} of an axis of size {n}",
                        start + size as i64
                    ),
                    span,
                    format!("this is {}", t.shape),
                ));
            }
        }
        if outer == plate.sizes {
            return Ok(Value::Num(t));
        }
        let row: usize = t.shape.dims()[plate.sizes.len()..].iter().product();
        let mut indices = Vec::with_capacity(plate.len() * row);
        for k in 0..plate.len() {
            let flat = plate
                .index(k)
                .iter()
                .zip(outer)
                .fold(0, |acc, (&i, &n)| acc * n + i as usize);
            indices.extend((flat * row..(flat + 1) * row).map(|i| i as u32));
        }
        let shape = Shape([&plate.sizes, &t.shape.dims()[plate.sizes.len()..]].concat());
        Ok(Value::Num(self.pick(&t, indices, shape, span)))
    }

    fn inside(&mut self, plate: &Plate, e: &Expr) -> Result<Option<Inside>> {
        if let ExprKind::Place(p) = &e.kind
            && let Some(axis) = plate.places.iter().position(|q| q == p)
        {
            return Ok(Some(Inside::Batched(index_tensor(plate, axis))));
        }
        if !mentions(e, &plate.places) {
            return Ok(Some(Inside::Flat(self.eval(e)?)));
        }
        match &e.kind {
            ExprKind::Unary(op, a) => {
                let Some(Inside::Batched(t)) = self.inside(plate, a)? else {
                    return Ok(None);
                };
                let v = self.unary_value(*op, Value::Num(t), e.span)?;
                self.batched(v)
            }
            ExprKind::Binary(BinaryOp::And | BinaryOp::Or, ..) => Ok(None),
            ExprKind::Binary(op, a, b) => {
                let (a, b) = (self.inside(plate, a)?, self.inside(plate, b)?);
                self.inside_binary(plate, *op, a, b, e.span)
            }
            ExprKind::CallBuiltin {
                builtin,
                args,
                named,
            } if named.is_empty() => self.inside_builtin(plate, *builtin, args, e.span),
            ExprKind::Index(of, args) => self.inside_index(plate, of, args, e.span),
            ExprKind::Array(items) => self.inside_array(plate, items),
            ExprKind::Dist { dist, args } => self.inside_dist(plate, *dist, args, e.span),
            _ => Ok(None),
        }
    }

    fn batched(&self, v: Value) -> Result<Option<Inside>> {
        Ok(match v {
            Value::Num(t) => Some(Inside::Batched(t)),
            _ => None,
        })
    }

    /// Two operands with their own axes aligned: a batched one gets axes of size 1 after the plate's.
    fn aligned(
        &self,
        plate: &Plate,
        a: Option<Inside>,
        b: Option<Inside>,
    ) -> Option<(Tensor, Tensor)> {
        let p = plate.sizes.len();
        let own = |x: &Inside| match x {
            Inside::Flat(Value::Num(t)) if t.missing.is_none() => Some(t.shape.rank()),
            Inside::Batched(t) => Some(t.shape.rank() - p),
            _ => None,
        };
        let (a, b) = (a?, b?);
        let rank = own(&a)?.max(own(&b)?);
        let stretch = |x: Inside| match x {
            Inside::Flat(Value::Num(t)) => t,
            Inside::Batched(t) => {
                let (outer, inner) = t.shape.dims().split_at(p);
                let ones = vec![1; rank - inner.len()];
                let shape = Shape([outer, &ones, inner].concat());
                t.reshaped(shape)
            }
            _ => unreachable!("refused above"),
        };
        Some((stretch(a), stretch(b)))
    }

    fn inside_binary(
        &mut self,
        plate: &Plate,
        op: BinaryOp,
        a: Option<Inside>,
        b: Option<Inside>,
        span: Span,
    ) -> Result<Option<Inside>> {
        if op == BinaryOp::MatMul {
            return self.inside_dot(plate, a, b, span);
        }
        let Some((x, y)) = self.aligned(plate, a, b) else {
            return Ok(None);
        };
        if x.shape.broadcast(&y.shape).is_none() {
            return Ok(None);
        }
        let v = self.binary_tensors(op, &x, &y, span)?;
        self.batched(v)
    }

    /// Product and sum over the last axis of two vectors.
    fn inside_dot(
        &mut self,
        plate: &Plate,
        a: Option<Inside>,
        b: Option<Inside>,
        span: Span,
    ) -> Result<Option<Inside>> {
        let p = plate.sizes.len();
        let is_vector = |x: &Option<Inside>| match x {
            Some(Inside::Flat(Value::Num(t))) => t.shape.rank() == 1,
            Some(Inside::Batched(t)) => t.shape.rank() == p + 1,
            _ => false,
        };
        if !is_vector(&a) || !is_vector(&b) {
            return Ok(None);
        }
        // Rows of a known matrix by a vector: one matrix product.
        if let (Some(Inside::Batched(x)), Some(Inside::Flat(Value::Num(y)))) = (&a, &b) {
            let (k, rows) = (y.shape.len(), Shape(x.shape.dims()[..p].to_vec()));
            if x.shape.dims()[p] == k {
                let kind = x.kind.max(y.kind).max(Kind::Int);
                let t = self.emit(
                    Op::MatMul {
                        m: rows.len(),
                        k,
                        n: 1,
                    },
                    &[x, y],
                    rows,
                    kind,
                    span,
                );
                return Ok(Some(Inside::Batched(t)));
            }
        }
        let Some((x, y)) = self.aligned(plate, a, b) else {
            return Ok(None);
        };
        let Value::Num(product) = self.binary_tensors(BinaryOp::Mul, &x, &y, span)? else {
            return Ok(None);
        };
        Ok(Some(Inside::Batched(self.sum_own(plate, &product, span))))
    }

    /// The sum over all of a batched value's own axes.
    fn sum_own(&mut self, plate: &Plate, t: &Tensor, span: Span) -> Tensor {
        let (outer, inner) = t.shape.dims().split_at(plate.sizes.len());
        let axis = Axis {
            outer: outer.iter().product(),
            n: inner.iter().product(),
            inner: 1,
        };
        self.emit(
            Op::Reduce(ReduceFn::Sum, axis),
            &[t],
            Shape(outer.to_vec()),
            t.kind,
            span,
        )
    }

    fn inside_builtin(
        &mut self,
        plate: &Plate,
        builtin: Builtin,
        args: &[Expr],
        span: Span,
    ) -> Result<Option<Inside>> {
        let mut inside = Vec::with_capacity(args.len());
        for a in args {
            inside.push(self.inside(plate, a)?);
        }
        let mut inside = inside.into_iter();
        match (builtin, args.len()) {
            (Builtin::Dot, 2) => self.inside_dot(
                plate,
                inside.next().flatten(),
                inside.next().flatten(),
                span,
            ),
            (Builtin::Sum, 1) => {
                let Some(Some(Inside::Batched(t))) = inside.next() else {
                    return Ok(None);
                };
                Ok(Some(Inside::Batched(self.sum_own(plate, &t, span))))
            }
            (b, 1) if super::builtin::is_elementwise(b) => {
                let Some(Some(Inside::Batched(t))) = inside.next() else {
                    return Ok(None);
                };
                let v = self.call_builtin(b, vec![Value::Num(t)], Vec::new(), span)?;
                self.batched(v)
            }
            (Builtin::Min | Builtin::Max | Builtin::Div | Builtin::Atan2, 2) => {
                let Some((x, y)) =
                    self.aligned(plate, inside.next().flatten(), inside.next().flatten())
                else {
                    return Ok(None);
                };
                if x.shape.broadcast(&y.shape).is_none() {
                    return Ok(None);
                }
                let v = self.call_builtin(
                    builtin,
                    vec![Value::Num(x), Value::Num(y)],
                    Vec::new(),
                    span,
                )?;
                self.batched(v)
            }
            _ => Ok(None),
        }
    }

    /// `x[i]`, `X[i, j]`, `X[group[i]]` of an array that is the same for all elements.
    fn inside_index(
        &mut self,
        plate: &Plate,
        of: &Expr,
        args: &[IndexArg],
        span: Span,
    ) -> Result<Option<Inside>> {
        let p = plate.sizes.len();
        let Some(Inside::Flat(Value::Num(x))) = self.inside(plate, of)? else {
            return Ok(None);
        };
        if x.missing.is_some() || args.len() > x.shape.rank() {
            return Ok(None);
        }
        let mut indices = Vec::with_capacity(args.len());
        for a in args {
            let IndexArg::At(e) = a else { return Ok(None) };
            match self.inside(plate, e)? {
                Some(Inside::Batched(t)) if t.shape.rank() == p && t.kind == Kind::Int => {
                    indices.push((t, e.span))
                }
                Some(Inside::Flat(Value::Num(t))) if t.is_scalar() && t.kind == Kind::Int => {
                    indices.push((t.reshaped(Shape(vec![1; p])), e.span));
                }
                _ => return Ok(None),
            }
        }
        self.pick_at(&x, &indices, span).map(|v| match v {
            Value::Num(t) => Some(Inside::Batched(t)),
            _ => None,
        })
    }

    fn inside_array(&mut self, plate: &Plate, items: &[Expr]) -> Result<Option<Inside>> {
        // Arrays of distributions are the parts of a mixture; arrays of numbers have no rule.
        let mut dists = Vec::with_capacity(items.len());
        for e in items {
            match self.inside(plate, e)? {
                Some(Inside::Dist(d)) => dists.push(Value::Dist(d)),
                Some(Inside::Flat(Value::Dist(d))) => dists.push(Value::Dist(d)),
                _ => return Ok(None),
            }
        }
        Ok(Some(Inside::Flat(Value::List(Arc::new(dists)))))
    }

    fn inside_dist(
        &mut self,
        plate: &Plate,
        dist: DistRef,
        args: &[Option<Expr>],
        span: Span,
    ) -> Result<Option<Inside>> {
        let supported = matches!(
            dist,
            DistRef::Registered(_)
                | DistRef::Truncate
                | DistRef::Censor
                | DistRef::ZeroInflated
                | DistRef::Mixture
        );
        if !supported {
            return Ok(None);
        }
        let mut given = Vec::with_capacity(args.len());
        for (i, a) in args.iter().enumerate() {
            let Some(e) = a else {
                given.push(None);
                continue;
            };
            let own_rank = match dist {
                DistRef::Registered(name) => {
                    crate::dist::find(name).map_or(0, |d| d.describe().params()[i].rank)
                }
                DistRef::Mixture if i == 0 => 1,
                _ => 0,
            };
            let v = match self.inside(plate, e)? {
                Some(Inside::Batched(t)) if t.shape.rank() == plate.sizes.len() + own_rank => {
                    Value::Num(t)
                }
                Some(Inside::Flat(Value::Num(t))) if t.shape.rank() == own_rank => Value::Num(t),
                Some(Inside::Flat(v @ (Value::Dist(_) | Value::List(_)))) => v,
                Some(Inside::Dist(d)) => Value::Dist(d),
                _ => return Ok(None),
            };
            given.push(Some((v, e.span)));
        }
        Ok(match self.make(dist, given, span)? {
            Value::Dist(d) => Some(Inside::Dist(d)),
            _ => None,
        })
    }
}

/// The values of index `axis` over a plate: its own size along its axis, 1 along the others.
fn index_tensor(plate: &Plate, axis: usize) -> Tensor {
    let mut sizes = vec![1; plate.sizes.len()];
    sizes[axis] = plate.sizes[axis];
    let start = plate.starts[axis];
    let off = i64::from(bites(Bug::PlateOffByOne));
    let values: Vec<i64> = (0..plate.sizes[axis] as i64)
        .map(|i| start + (i - off).max(0))
        .collect();
    Tensor::ints(values, Shape(sizes))
}
