//! Scoring: the log-density of a value under a distribution.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{DistKind, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, Op, ReduceFn, UnaryFn};

impl Machine<'_> {
    /// The joint log-density of a value, or with `each` its elements apart.
    pub(super) fn log_prob(
        &mut self,
        d: &Arc<DistValue>,
        x: &Value,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let d = &self.flat(d, span);
        match &d.kind {
            DistKind::Scalar { law, params, shape } => {
                let x = self.number(x, span)?;
                let all = match shape.broadcast(&x.shape).filter(|_| each) {
                    Some(all) => all,
                    None => self.observed_shape(shape, &x, d.span, span)?,
                };
                let mut args: Vec<Tensor> = params
                    .iter()
                    .map(|p| self.broadcast(p, &all, span))
                    .collect();
                args.push(self.broadcast(&x, &all, span));
                let refs: Vec<&Tensor> = args.iter().collect();
                if each {
                    return Ok(self.emit(
                        Op::LogDensity(law.clone()),
                        &refs,
                        all,
                        Kind::Real,
                        span,
                    ));
                }
                Ok(self.emit(
                    Op::LogDensitySum(law.clone(), all.len()),
                    &refs,
                    Shape::scalar(),
                    Kind::Real,
                    span,
                ))
            }
            DistKind::Array {
                dist,
                params,
                shapes,
                batch,
                event,
                noise,
            } => {
                let x = self.number(x, span)?;
                let mismatch = || {
                    observed_mismatch(
                        &x,
                        &Shape(batch.dims().iter().chain(event.dims()).copied().collect()),
                        d.span,
                        span,
                    )
                };
                let split = x
                    .shape
                    .rank()
                    .checked_sub(event.rank())
                    .ok_or_else(mismatch)?;
                let (outer, inner) = x.shape.dims().split_at(split);
                if inner != event.dims() {
                    return Err(mismatch());
                }
                let all = batch
                    .broadcast(&Shape(outer.to_vec()))
                    .ok_or_else(mismatch)?;
                let law = self.array_law(*dist, shapes, &all, event, *noise);
                let mut args = self.spread_batch(params, shapes, &all, span);
                args.push(if split == 0 {
                    x.clone()
                } else {
                    self.spread(
                        &x,
                        &Shape(all.dims().iter().chain(inner).copied().collect()),
                        span,
                    )
                });
                let refs: Vec<&Tensor> = args.iter().collect();
                let apart = self.emit(Op::ArrayLogDensity(law), &refs, all, Kind::Real, span);
                Ok(if each {
                    apart
                } else {
                    self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span)
                })
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } => self.log_prob_mixture(weights, parts, shape, x, each, span),
            DistKind::Iid { base, sizes } => self.log_prob_iid(base, sizes, x, each, d.span, span),
            DistKind::Ragged { base, length } => {
                self.log_prob_ragged(base, length, x, each, d.span, span)
            }
            DistKind::Transform { base, f } => {
                let (base, f, y) = (base.clone(), f.clone(), self.number(x, span)?);
                self.log_prob_transform(&base, &f, &y, each, span)
            }
            DistKind::Bounded { base, lower, upper } => {
                let (base, lower, upper) = (base.clone(), lower.clone(), upper.clone());
                let x = self.number(x, span)?;
                self.log_prob_bounded(&base, &lower, &upper, &x, each, span)
            }
            DistKind::Censored { base, lower, upper } => {
                let (base, bounds) = (base.clone(), (lower.clone(), upper.clone()));
                let x = self.number(x, span)?;
                self.log_prob_censored(&base, &bounds, &x, each, span)
            }
            DistKind::Ordered { base, n } => {
                let (base, n, x) = (base.clone(), *n, self.number(x, span)?);
                self.log_prob_ordered(&base, n, &x, span)
            }
            DistKind::OrderedOf { parts } => {
                let x = self.number(x, span)?;
                self.log_prob_ordered_of(parts, &x, span)
            }
            DistKind::User { .. } => self.log_prob_user(d, x, each, span),
        }
    }

    pub(super) fn observed_shape(
        &self,
        shape: &Shape,
        x: &Tensor,
        dist_span: Span,
        span: Span,
    ) -> Result<Shape> {
        match shape.broadcast(&x.shape) {
            Some(all) if all == x.shape => Ok(all),
            _ => Err(observed_mismatch(x, shape, dist_span, span)),
        }
    }

    pub(super) fn log_prob_mixture(
        &mut self,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        shape: &Shape,
        x: &Value,
        each: bool,
        span: Span,
    ) -> Result<Tensor> {
        let log_w = self.unary(UnaryFn::Log, weights, Kind::Real, span);
        let k = parts.len();
        let at_point = self.at_a_point(parts, x, span)?;
        let mut scores = Vec::with_capacity(k);
        for (j, part) in parts.iter().enumerate() {
            let mut score = self.log_prob_part(part, x, span)?;
            if let Some(at) = at_point.as_ref().filter(|_| is_continuous(part)) {
                score = self.nothing_there(at, &score, span);
            }
            let rows = weights.shape.len() / k;
            let outer = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
            let w = self.pick(
                &log_w,
                (0..rows).map(|r| (r * k + j) as u32).collect(),
                outer,
                span,
            );
            scores.push(self.elementwise(BinaryFn::Add, &score, &w, Kind::Real, span)?);
        }
        let inner = scores
            .iter()
            .fold(shape.clone(), |s, t| s.broadcast(&t.shape).unwrap_or(s));
        let spread: Vec<Tensor> = scores
            .iter()
            .map(|s| self.spread(s, &inner, span))
            .collect();
        let stacked = self.pack(
            &spread,
            Shape([&[k], inner.dims()].concat()),
            Kind::Real,
            span,
        );
        let axis = Axis {
            outer: 1,
            n: k,
            inner: inner.len(),
        };
        let apart = self.emit(
            Op::Reduce(ReduceFn::LogSumExp, axis),
            &[&stacked],
            inner,
            Kind::Real,
            span,
        );
        Ok(if each {
            apart
        } else {
            self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span)
        })
    }

    /// The log-densities of values under a part of a mixture, one for each draw of a component: each number, or for a part
    /// whose draw is an array as a whole each of the arrays along the value's first axes.
    fn log_prob_part(&mut self, part: &Arc<DistValue>, x: &Value, span: Span) -> Result<Tensor> {
        let Some(draw) = shape_as_a_whole(part) else {
            return self.log_prob(part, x, true, span);
        };
        let Value::Num(t) = x else {
            return self.log_prob(part, x, false, span);
        };
        let Some(outer) = t.shape.rank().checked_sub(draw.rank()) else {
            return self.log_prob(part, x, false, span);
        };
        let (rows, inner) = t.shape.dims().split_at(outer);
        if outer == 0 || inner != draw.dims() {
            return self.log_prob(part, x, false, span);
        }
        let rows = Shape(rows.to_vec());
        let wide = self.flat(part, span);
        if matches!(wide.kind, DistKind::Scalar { .. } | DistKind::Array { .. }) {
            let apart = self.log_prob(&wide, x, true, span)?;
            return Ok(self.sum_behind(&apart, rows, span));
        }
        let scores = self.log_prob_rows(t, &rows, &draw, span, |m, row| {
            m.log_prob(part, &Value::Num(row), false, span)
        })?;
        Ok(self.pack(&scores, rows, Kind::Real, span))
    }

    /// What a score gives for each of the arrays of one shape along an array's first axes.
    pub(super) fn log_prob_rows(
        &mut self,
        t: &Tensor,
        rows: &Shape,
        row: &Shape,
        span: Span,
        mut score: impl FnMut(&mut Self, Tensor) -> Result<Tensor>,
    ) -> Result<Vec<Tensor>> {
        let n = row.len();
        let mut scores = Vec::with_capacity(rows.len());
        for r in 0..rows.len() {
            self.step(span)?;
            let places = (r * n..(r + 1) * n).map(|i| i as u32).collect();
            let one = self.pick(t, places, row.clone(), span);
            scores.push(score(self, one)?);
        }
        Ok(scores)
    }

    /// Sums over all axes behind some first ones.
    fn sum_behind(&mut self, t: &Tensor, first: Shape, span: Span) -> Tensor {
        let outer = first.len();
        let axis = Axis {
            outer,
            n: t.shape.len().checked_div(outer).unwrap_or(0),
            inner: 1,
        };
        let sum = Op::Reduce(ReduceFn::Sum, axis);
        self.emit(sum, &[t], first, Kind::Real, span)
    }

    /// Where x is the value of a part that is a single point; `None` where no part is one, or all are discrete.
    fn at_a_point(
        &mut self,
        parts: &[Arc<DistValue>],
        x: &Value,
        span: Span,
    ) -> Result<Option<Tensor>> {
        let points: Vec<Tensor> = parts
            .iter()
            .filter_map(|p| match &p.kind {
                DistKind::Scalar { law, params, .. } if is_point(law) => Some(params[0].clone()),
                _ => None,
            })
            .collect();
        if points.is_empty() || !parts.iter().any(|p| is_continuous(p)) {
            return Ok(None);
        }
        let x = self.number(x, span)?;
        let mut at: Option<Tensor> = None;
        for point in &points {
            let here = self.elementwise(BinaryFn::Eq, &x, point, Kind::Bool, span)?;
            at = Some(match at {
                Some(before) => self.elementwise(BinaryFn::Or, &before, &here, Kind::Bool, span)?,
                None => here,
            });
        }
        Ok(at)
    }

    /// A density beside a mass counts for nothing.
    fn nothing_there(&mut self, at: &Tensor, score: &Tensor, span: Span) -> Tensor {
        let shape = score.shape.broadcast(&at.shape);
        let shape = shape.unwrap_or_else(|| score.shape.clone());
        let (at, score) = (
            self.broadcast(at, &shape, span),
            self.broadcast(score, &shape, span),
        );
        let nothing = Tensor::real(f64::NEG_INFINITY);
        self.emit(
            Op::Select,
            &[&at, &nothing, &score],
            shape,
            Kind::Real,
            span,
        )
    }

    /// Copies whose number depends on chance; executions with another number than x has are at fault.
    pub(super) fn log_prob_ragged(
        &mut self,
        base: &Arc<DistValue>,
        length: &Tensor,
        x: &Value,
        each: bool,
        dist_span: Span,
        span: Span,
    ) -> Result<Tensor> {
        let walk = self.walk_of(x, span)?;
        let n = walk
            .length
            .clone()
            .unwrap_or(Tensor::int(walk.items.len() as i64));
        let other = self.elementwise(BinaryFn::Ne, &n, length, Kind::Bool, span)?;
        if let Payload::Node(id) = other.payload {
            self.fault_where(id, "another number of values than of draws".into(), span);
        }
        if walk.length.is_none() {
            return self.log_prob_iid(base, &[walk.items.len()], x, each, dist_span, span);
        }
        let base = base.clone();
        let scores = self.each_item(walk, span, |m, item| {
            m.log_prob(&base, &item, false, span).map(Value::Num)
        })?;
        let Value::Ragged(scores) = scores else {
            unreachable!("a walk of random length gives an array of random length")
        };
        let total = self.reduced_ragged(ReduceFn::Sum, &scores, span)?;
        Ok(total.expect("scores are numbers"))
    }

    pub(super) fn log_prob_iid(
        &mut self,
        base: &Arc<DistValue>,
        sizes: &[usize],
        x: &Value,
        each: bool,
        dist_span: Span,
        span: Span,
    ) -> Result<Tensor> {
        let mut items = vec![x.clone()];
        for &n in sizes {
            let mut next = Vec::new();
            for item in &items {
                let parts = self.parts_of(item, span)?;
                if parts.len() != n {
                    return Err(TraceError::model(
                        "odp::trace::observed_shape",
                        format!("{} values for {n} draws", parts.len()),
                        span,
                        "observed here",
                    )
                    .label(dist_span, "by this"));
                }
                next.extend(parts);
            }
            items = next;
        }
        let mut scores = Vec::with_capacity(items.len());
        for item in &items {
            scores.push(self.log_prob(base, item, false, span)?);
        }
        let apart = self.pack(&scores, Shape(sizes.to_vec()), Kind::Real, span);
        Ok(if each {
            apart
        } else {
            self.reduce_all(ReduceFn::Sum, &apart, Kind::Real, span)
        })
    }
}

/// The shape of a draw that one component of a mixture gives as a whole; `None` for a part over numbers, or over arrays by
/// itself, whose `log_prob_each` is apart already.
fn shape_as_a_whole(part: &DistValue) -> Option<Shape> {
    match &part.kind {
        DistKind::Transform { .. } => super::transform::value_shape(part).filter(|s| s.rank() > 0),
        DistKind::Iid { .. } => super::transform::value_shape(part),
        _ => None,
    }
}

fn is_point(law: &crate::ir::Law) -> bool {
    matches!(law, crate::ir::Law::Plain(d) if d.name() == "Delta")
}

fn is_continuous(d: &DistValue) -> bool {
    !super::quantile::has_atoms(d) && !super::transform::is_discrete(d)
}

pub(super) fn observed_mismatch(
    x: &Tensor,
    shape: &Shape,
    dist_span: Span,
    span: Span,
) -> TraceError {
    TraceError::model(
        "odp::trace::observed_shape",
        format!(
            "{} cannot be observed by a distribution over {}",
            super::words(x),
            if shape.rank() == 0 {
                "numbers".to_string()
            } else {
                shape.to_string()
            }
        ),
        span,
        format!("this is {}", super::words(x)),
    )
    .label(dist_span, format!("this is a distribution over {shape}"))
}
