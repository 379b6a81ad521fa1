//! `truncate`, `censor` and `zero_inflated`: of laws over numbers, and of what is made of them.
//!
//! | of | is |
//! |---|---|
//! | a law over numbers | the law wrapped |
//! | a mixture | the mixture of its wrapped parts; truncation weighs each by its mass between the bounds |
//! | a categorical | the categorical of the changed probabilities |
//! | an invertible transform | the transform of the law truncated at the bounds' origins |

use std::sync::Arc;

use super::distribution::{Given, missing_argument};
use super::error::{Result, TraceError};
use super::machine::Machine;
use super::transform::is_discrete;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Distribution};
use crate::ir::{Axis, BinaryFn, DistRef, Law, LawFn, Op, ReduceFn, ScanFn, UnaryFn};

/// Which combinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrap {
    Truncate,
    Censor,
    ZeroInflate,
}

impl Wrap {
    pub fn of(which: DistRef) -> Option<Wrap> {
        match which {
            DistRef::Truncate => Some(Wrap::Truncate),
            DistRef::Censor => Some(Wrap::Censor),
            DistRef::ZeroInflated => Some(Wrap::ZeroInflate),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Wrap::Truncate => "truncate",
            Wrap::Censor => "censor",
            Wrap::ZeroInflate => "zero_inflated",
        }
    }

    fn law(self, law: Law) -> Law {
        match self {
            Wrap::Truncate => Law::Truncated(Arc::new(law)),
            Wrap::Censor => Law::Censored(Arc::new(law)),
            Wrap::ZeroInflate => Law::ZeroInflated(Arc::new(law)),
        }
    }
}

impl Machine<'_> {
    /// A combinator's distribution: `(D, extra parameters…)`.
    pub(super) fn wrapped(&mut self, wrap: Wrap, args: Vec<Given>, span: Span) -> Result<DistKind> {
        let mut args = args.into_iter();
        let Some(Some((base, at))) = args.next() else {
            return Err(missing_argument(wrap.name(), "D", span));
        };
        let Value::Dist(d) = &base else {
            return Err(TraceError::model(
                "odp::trace::not_a_distribution",
                format!("`{}` takes a distribution", wrap.name()),
                at,
                format!("this is {}", base.describe()),
            ));
        };
        let defaults: &[f64] = match wrap {
            Wrap::ZeroInflate => &[f64::NAN],
            _ => &[f64::NEG_INFINITY, f64::INFINITY],
        };
        let mut extra = Vec::with_capacity(2);
        for &default in defaults {
            extra.push(match args.next().flatten() {
                Some((v, at)) => (self.number(&v, at)?, at),
                None if default.is_nan() => return Err(missing_argument(wrap.name(), "p", span)),
                None => (Tensor::real(default), span),
            });
        }
        if wrap == Wrap::ZeroInflate {
            self.refuse_no_probability(&extra[0].0, extra[0].1)?;
        }
        let d = d.clone();
        self.wrap(wrap, &d, &extra, at, span)
    }

    fn wrap(
        &mut self,
        wrap: Wrap,
        d: &Arc<DistValue>,
        extra: &[(Tensor, Span)],
        at: Span,
        span: Span,
    ) -> Result<DistKind> {
        let d = self.flat(d, span);
        match &d.kind {
            DistKind::Scalar { law, params, shape } => {
                if let [(low, at), (high, _)] = extra {
                    self.refuse_empty_interval(wrap, low, high, *at)?;
                }
                let (mut params, mut shape) = (params.clone(), shape.clone());
                for (t, at) in extra {
                    shape = fitting(&shape, t, *at)?;
                    params.push(t.clone());
                }
                let law = wrap.law(law.clone());
                if wrap == Wrap::Truncate {
                    self.refuse_no_mass(&law, &params, &shape, extra[0].1, span)?;
                }
                Ok(DistKind::Scalar { law, params, shape })
            }
            DistKind::Mixture { parts, shape, .. }
                if wrap == Wrap::Truncate && shape.rank() == 0 && !all_laws(parts) =>
            {
                if is_discrete(&d) || parts.iter().any(|p| !is_invertible(p)) {
                    return Err(cannot_wrap(wrap, at));
                }
                Ok(DistKind::Bounded {
                    base: d.clone(),
                    lower: extra[0].0.clone(),
                    upper: extra[1].0.clone(),
                })
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } => self.wrap_mixture(wrap, weights, parts, shape, extra, at, span),
            DistKind::Array { .. } => match self.probabilities(&d, span)? {
                Some(p) => self.wrap_categorical(wrap, p, extra, span),
                None => Err(cannot_wrap(wrap, at)),
            },
            DistKind::Transform { base, f } if wrap == Wrap::Truncate => {
                self.truncate_transform(base, f, extra, at, span)
            }
            DistKind::User { shape, .. } if wrap == Wrap::Truncate => {
                if shape.as_ref().is_none_or(|s| s.rank() > 0) {
                    return Err(cannot_wrap(wrap, at));
                }
                self.demand_methods(wrap.name(), &d, &["cdf", "quantile"], at)?;
                Ok(DistKind::Bounded {
                    base: d.clone(),
                    lower: extra[0].0.clone(),
                    upper: extra[1].0.clone(),
                })
            }
            DistKind::User { shape, .. } if wrap == Wrap::Censor => {
                if shape.as_ref().is_none_or(|s| s.rank() > 0) {
                    return Err(cannot_wrap(wrap, at));
                }
                self.demand_methods(wrap.name(), &d, &["cdf"], at)?;
                let [(lower, low_at), (upper, _)] = extra else {
                    unreachable!("a censored distribution has two bounds")
                };
                self.refuse_empty_interval(wrap, lower, upper, *low_at)?;
                Ok(DistKind::Censored {
                    base: d.clone(),
                    lower: lower.clone(),
                    upper: upper.clone(),
                })
            }
            _ if wrap == Wrap::ZeroInflate => {
                let one = Tensor::reals([1.0], Shape::vector(1));
                let shape = super::transform::value_shape(&d).unwrap_or(Shape::scalar());
                self.inflate_mixture(&one, &[d], &shape, &extra[0], span)
            }
            _ => Err(cannot_wrap(wrap, at)),
        }
    }

    /// Known bounds leave something between them.
    fn refuse_empty_interval(
        &self,
        wrap: Wrap,
        low: &Tensor,
        high: &Tensor,
        at: Span,
    ) -> Result<()> {
        let (Some(a), Some(b)) = (low.known_scalar(), high.known_scalar()) else {
            return Ok(());
        };
        if a <= b || !self.is_tracing() || self.mask.is_some() {
            return Ok(());
        }
        Err(TraceError::model(
            "odp::trace::invalid_parameter",
            format!("{}: lower {a} is above upper {b}", wrap.name()),
            at,
            format!("nothing lies between {a} and {b}"),
        )
        .help("give the smaller bound as `lower`"))
    }

    /// Known bounds of a known distribution leave some of it between them.
    fn refuse_no_mass(
        &mut self,
        law: &Law,
        params: &[Tensor],
        shape: &Shape,
        at: Span,
        span: Span,
    ) -> Result<()> {
        if params.iter().any(|p| self.known_always(p).is_none()) {
            return Ok(());
        }
        let mut args: Vec<Tensor> = Vec::with_capacity(params.len() + 1);
        for p in params {
            args.push(self.broadcast(p, shape, span));
        }
        args.push(Tensor::real(0.0));
        let refs: Vec<&Tensor> = args.iter().collect();
        let mass = Op::LawFn(law.clone(), LawFn::LogMass);
        let mass = self.emit(mass, &refs, shape.clone(), Kind::Real, span);
        if mass
            .known()
            .is_none_or(|v| v.iter().all(|m| *m != f64::NEG_INFINITY))
        {
            return Ok(());
        }
        let name = law.base().name();
        Err(TraceError::model(
            "odp::trace::invalid_parameter",
            format!("truncate: {name} has nothing between these bounds"),
            at,
            "of probability 0",
        )
        .help("choose bounds inside the support; a single point is `Delta(x)`"))
    }

    /// A known probability is one.
    fn refuse_no_probability(&self, p: &Tensor, at: Span) -> Result<()> {
        let outside = self
            .known_always(p)
            .and_then(|v| v.iter().copied().find(|p| !(0.0..=1.0).contains(p)));
        let Some(p) = outside else {
            return Ok(());
        };
        Err(TraceError::model(
            "odp::trace::invalid_parameter",
            format!("zero_inflated: p cannot be {p}"),
            at,
            "not a probability",
        )
        .help("a probability lies between 0 and 1"))
    }

    #[allow(clippy::too_many_arguments)]
    fn wrap_mixture(
        &mut self,
        wrap: Wrap,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        shape: &Shape,
        extra: &[(Tensor, Span)],
        at: Span,
        span: Span,
    ) -> Result<DistKind> {
        if wrap == Wrap::ZeroInflate {
            return self.inflate_mixture(weights, parts, shape, &extra[0], span);
        }
        let (mut wrapped, mut shape) = (Vec::with_capacity(parts.len()), shape.clone());
        for part in parts {
            let kind = self.wrap(wrap, part, extra, at, span)?;
            if let DistKind::Scalar { shape: own, .. } = &kind {
                shape = shape.broadcast(own).unwrap_or(shape);
            }
            wrapped.push(Arc::new(DistValue {
                kind,
                span: part.span,
            }));
        }
        let weights = match wrap {
            Wrap::Truncate => self.weights_inside(weights, &wrapped, at, span)?,
            _ => weights.clone(),
        };
        Ok(DistKind::Mixture {
            weights,
            parts: wrapped,
            shape,
        })
    }

    /// Weights times each part's mass between the bounds, normalised.
    fn weights_inside(
        &mut self,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        at: Span,
        span: Span,
    ) -> Result<Tensor> {
        let mut masses = Vec::with_capacity(parts.len());
        let mut outer = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
        for part in parts {
            let DistKind::Scalar { law, params, shape } = &part.kind else {
                return Err(cannot_wrap(Wrap::Truncate, at));
            };
            let mut args: Vec<Tensor> = params
                .iter()
                .map(|p| self.broadcast(p, shape, span))
                .collect();
            args.push(Tensor::real(0.0));
            let refs: Vec<&Tensor> = args.iter().collect();
            let mass = Op::LawFn(law.clone(), LawFn::LogMass);
            masses.push(self.emit(mass, &refs, shape.clone(), Kind::Real, span));
            outer = outer.broadcast(shape).unwrap_or(outer);
        }
        let log_mass = self.stack_last(&masses, &outer, span);
        let log_w = self.unary(UnaryFn::Log, weights, Kind::Real, span);
        let joint = self.elementwise(BinaryFn::Add, &log_w, &log_mass, Kind::Real, span)?;
        let axis = Axis {
            outer: outer.len(),
            n: parts.len(),
            inner: 1,
        };
        let shape = joint.shape.clone();
        Ok(self.emit(
            Op::Scan(ScanFn::Softmax, axis),
            &[&joint],
            shape,
            Kind::Real,
            span,
        ))
    }

    /// Arrays side by side along a new last axis.
    fn stack_last(&mut self, parts: &[Tensor], shape: &Shape, span: Span) -> Tensor {
        let (k, n) = (parts.len(), shape.len());
        let spread: Vec<Tensor> = parts.iter().map(|t| self.spread(t, shape, span)).collect();
        let stacked = self.pack(&spread, Shape(vec![k, n]), Kind::Real, span);
        let order = (0..n)
            .flat_map(|e| (0..k).map(move |j| (j * n + e) as u32))
            .collect();
        let sizes = Shape([shape.dims(), &[k]].concat());
        self.pick(&stacked, order, sizes, span)
    }

    /// A zero with probability p, else the mixture: one more part.
    fn inflate_mixture(
        &mut self,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        shape: &Shape,
        (p, at): &(Tensor, Span),
        span: Span,
    ) -> Result<DistKind> {
        let shape = fitting(shape, p, *at)?;
        let k = parts.len();
        let outer = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
        let outer = fitting(&outer, p, *at)?;
        let stay = self.elementwise(BinaryFn::Sub, &Tensor::real(1.0), p, Kind::Real, span)?;
        let mut columns = vec![p.clone()];
        for j in 0..k {
            let rows = weights.shape.len() / k;
            let own = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
            let column = (0..rows).map(|r| (r * k + j) as u32).collect();
            let w = self.pick(weights, column, own, span);
            columns.push(self.elementwise(BinaryFn::Mul, &stay, &w, Kind::Real, span)?);
        }
        let Some(Distribution::Scalar(delta)) = dist::find("Delta") else {
            unreachable!("Delta is registered over numbers")
        };
        let zero = DistKind::Scalar {
            law: Law::Plain(delta),
            params: vec![Tensor::real(0.0)],
            shape: Shape::scalar(),
        };
        let mut all = vec![Arc::new(DistValue { kind: zero, span })];
        all.extend(parts.iter().cloned());
        Ok(DistKind::Mixture {
            weights: self.stack_last(&columns, &outer, span),
            parts: all,
            shape,
        })
    }

    /// The probabilities `[…, K]` of a distribution over 0..K.
    pub(super) fn probabilities(&mut self, d: &DistValue, span: Span) -> Result<Option<Tensor>> {
        let DistKind::Array { dist, params, .. } = &d.kind else {
            return Ok(None);
        };
        let last = |t: &Tensor| {
            let k = t.shape.dims().last().copied().unwrap_or(1);
            Axis {
                outer: t.shape.len() / k.max(1),
                n: k,
                inner: 1,
            }
        };
        Ok(Some(match dist.name() {
            "Categorical" => params[0].clone(),
            "CategoricalLogit" => {
                let t = &params[0];
                self.emit(
                    Op::Scan(ScanFn::Softmax, last(t)),
                    &[t],
                    t.shape.clone(),
                    Kind::Real,
                    span,
                )
            }
            "OrderedLogistic" => self.ordered_probabilities(&params[0], &params[1], span)?,
            _ => return Ok(None),
        }))
    }

    /// P(k) = logit⁻¹(c_k − η) − logit⁻¹(c_{k−1} − η).
    fn ordered_probabilities(&mut self, eta: &Tensor, cuts: &Tensor, span: Span) -> Result<Tensor> {
        let mut sizes = eta.shape.dims().to_vec();
        sizes.push(1);
        let eta = eta.clone().reshaped(Shape(sizes));
        let at = self.elementwise(BinaryFn::Sub, cuts, &eta, Kind::Real, span)?;
        let below = self.unary(UnaryFn::InvLogit, &at, Kind::Real, span);
        let k = cuts.shape.dims().last().copied().unwrap_or(0);
        let outer = Shape(below.shape.dims()[..below.shape.rank() - 1].to_vec());
        let rows = outer.len();
        let mut edges = vec![Tensor::real(0.0)];
        for j in 0..k {
            let column = (0..rows).map(|r| (r * k + j) as u32).collect();
            edges.push(self.pick(&below, column, outer.clone(), span));
        }
        edges.push(Tensor::real(1.0));
        let mut parts = Vec::with_capacity(k + 1);
        for pair in edges.windows(2) {
            parts.push(self.elementwise(BinaryFn::Sub, &pair[1], &pair[0], Kind::Real, span)?);
        }
        Ok(self.stack_last(&parts, &outer, span))
    }

    fn wrap_categorical(
        &mut self,
        wrap: Wrap,
        p: Tensor,
        extra: &[(Tensor, Span)],
        span: Span,
    ) -> Result<DistKind> {
        let k = p.shape.dims().last().copied().unwrap_or(0);
        let changed = match wrap {
            Wrap::ZeroInflate => {
                let first: Vec<f64> = (0..k).map(|j| if j == 0 { 1.0 } else { 0.0 }).collect();
                let first = Tensor::reals(first, Shape::vector(k));
                let q = column(&extra[0].0);
                let stay =
                    self.elementwise(BinaryFn::Sub, &Tensor::real(1.0), &q, Kind::Real, span)?;
                let kept = self.elementwise(BinaryFn::Mul, &stay, &p, Kind::Real, span)?;
                let added = self.elementwise(BinaryFn::Mul, &q, &first, Kind::Real, span)?;
                self.elementwise(BinaryFn::Add, &kept, &added, Kind::Real, span)?
            }
            Wrap::Truncate => self.truncated_probabilities(&p, k, extra, span)?,
            Wrap::Censor => self.censored_probabilities(&p, k, extra, span)?,
        };
        let Some(Distribution::Array(categorical)) = dist::find("Categorical") else {
            unreachable!("Categorical is registered over arrays")
        };
        self.array_dist(categorical, vec![Some((Value::Num(changed), span))], span)
    }

    fn truncated_probabilities(
        &mut self,
        p: &Tensor,
        k: usize,
        bounds: &[(Tensor, Span)],
        span: Span,
    ) -> Result<Tensor> {
        let values = Tensor::ints((0..k as i64).collect::<Vec<_>>(), Shape::vector(k));
        let (low, high) = (column(&bounds[0].0), column(&bounds[1].0));
        let above = self.elementwise(BinaryFn::Ge, &values, &low, Kind::Bool, span)?;
        let below = self.elementwise(BinaryFn::Le, &values, &high, Kind::Bool, span)?;
        let inside = self.elementwise(BinaryFn::And, &above, &below, Kind::Real, span)?;
        let kept = self.elementwise(BinaryFn::Mul, p, &inside, Kind::Real, span)?;
        let last = kept.shape.rank() - 1;
        let total = self.reduce(ReduceFn::Sum, &kept, Some(last), Kind::Real, span);
        self.elementwise(BinaryFn::Div, &kept, &column(&total), Kind::Real, span)
    }

    /// Values beyond a bound are the bound, where the bounds are known.
    fn censored_probabilities(
        &mut self,
        p: &Tensor,
        k: usize,
        bounds: &[(Tensor, Span)],
        span: Span,
    ) -> Result<Tensor> {
        let (Some(low), Some(high)) = (bounds[0].0.known_scalar(), bounds[1].0.known_scalar())
        else {
            return Err(cannot_wrap(Wrap::Censor, span));
        };
        let top = k as f64 - 1.0;
        if low > top || high < 0.0 || low > high {
            return Err(TraceError::model(
                "odp::trace::invalid_parameter",
                format!("the bounds {low} and {high} leave nothing of 0..{k}"),
                bounds[0].1,
                "of a categorical",
            ));
        }
        let (low, high) = (low.max(0.0).ceil() as usize, high.min(top).floor() as usize);
        let moved: Vec<f64> = (0..k * k)
            .map(|e| f64::from(u8::from((e / k).clamp(low, high) == e % k)))
            .collect();
        let moved = Tensor::reals(moved, Shape(vec![k, k]));
        if p.shape.rank() <= 2 {
            return self.matmul(p, &moved, span);
        }
        let rows = p.shape.len() / k;
        let flat = p.clone().reshaped(Shape(vec![rows, k]));
        Ok(self.matmul(&flat, &moved, span)?.reshaped(p.shape.clone()))
    }

    /// f(X) between the bounds is X between their origins.
    fn truncate_transform(
        &mut self,
        base: &Arc<DistValue>,
        f: &Value,
        bounds: &[(Tensor, Span)],
        at: Span,
        span: Span,
    ) -> Result<DistKind> {
        let mut origins = Vec::with_capacity(2);
        let mut increases = true;
        for ((t, bound_at), outside) in bounds.iter().zip([f64::NEG_INFINITY, f64::INFINITY]) {
            let Some(bound) = t.known_scalar() else {
                return Err(cannot_wrap(Wrap::Truncate, at));
            };
            // Any value that f can give shows its direction.
            let undone = self.origin(base, f, t, span)?;
            let Some(sign) = undone.1 else {
                return Err(cannot_wrap(Wrap::Truncate, at));
            };
            increases = sign > 0.0;
            let origin = match bound.is_infinite() {
                true => Tensor::real(outside * sign),
                false => undone.0.unwrap_or(Tensor::real(outside * sign)),
            };
            origins.push((origin, *bound_at));
        }
        if !increases {
            origins.reverse();
        }
        let kind = self.wrap(Wrap::Truncate, base, &origins, at, span)?;
        let span = base.span;
        Ok(DistKind::Transform {
            base: Arc::new(DistValue { kind, span }),
            f: f.clone(),
        })
    }
}

/// Whether all parts are laws over numbers, each of which can be truncated by itself.
fn all_laws(parts: &[Arc<DistValue>]) -> bool {
    let is_law = |p: &Arc<DistValue>| matches!(p.kind, DistKind::Scalar { .. });
    parts.iter().all(is_law)
}

/// Whether a part's distribution function and quantiles are at hand.
pub(super) fn is_invertible(d: &DistValue) -> bool {
    match &d.kind {
        DistKind::Scalar { .. }
        | DistKind::Bounded { .. }
        | DistKind::Censored { .. }
        | DistKind::User { .. } => true,
        DistKind::Mixture { parts, .. } => parts.iter().all(|p| is_invertible(p)),
        DistKind::Transform { base, .. } => is_invertible(base),
        _ => false,
    }
}

/// A shape that has room for a bound or a probability.
fn fitting(shape: &Shape, t: &Tensor, at: Span) -> Result<Shape> {
    shape.broadcast(&t.shape).ok_or_else(|| {
        TraceError::model(
            "odp::trace::shape_mismatch",
            "the bound does not fit the distribution",
            at,
            format!("this is {}", t.shape),
        )
    })
}

/// With a last axis of size 1, to stand beside `[…, K]`.
fn column(t: &Tensor) -> Tensor {
    if t.is_scalar() {
        return t.clone();
    }
    let sizes = [t.shape.dims(), &[1]].concat();
    t.clone().reshaped(Shape(sizes))
}

fn cannot_wrap(wrap: Wrap, at: Span) -> TraceError {
    TraceError::model(
        "odp::trace::cannot_wrap",
        format!(
            "`{}` takes a distribution over numbers whose distribution function is known",
            wrap.name()
        ),
        at,
        "this one's is not",
    )
    .help("condition on the bounds instead: `condition x > a`")
}
