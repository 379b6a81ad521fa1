//! Distributions as values: made from their arguments, checked, and repeated.

use std::sync::Arc;

use super::combine::Wrap;
use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Describe, Distribution, Domain, Multivariate, ValueKind};
use crate::ir::{DistRef, Expr, Law};

/// An argument and where it stands.
pub(super) type Given = Option<(Value, Span)>;

/// The argument that says how large a value is, where it depends on chance.
fn random_dimension(which: DistRef, args: &[Given]) -> Option<(usize, Tensor)> {
    let i = match which {
        DistRef::Ordered => 1,
        DistRef::Registered("LKJCorr" | "LKJCholesky") => 0,
        _ => return None,
    };
    match args.get(i)? {
        Some((Value::Num(n), _)) if n.is_scalar() && n.known().is_none() => Some((i, n.clone())),
        _ => None,
    }
}

impl Machine<'_> {
    pub(super) fn distribution(
        &mut self,
        which: DistRef,
        args: &[Option<Expr>],
        span: Span,
    ) -> Result<Value> {
        let mut given = Vec::with_capacity(args.len());
        for a in args {
            given.push(match a {
                Some(e) => Some((self.eval(e)?, e.span)),
                None => None,
            });
        }
        self.make(which, given, span)
    }

    /// A distribution of given arguments.
    pub(super) fn make(&mut self, which: DistRef, args: Vec<Given>, span: Span) -> Result<Value> {
        for (i, a) in args.iter().enumerate() {
            let Some((v, at)) = a else { continue };
            if matches!(v, Value::Bottom) {
                return Ok(Value::Bottom);
            }
            if let Some((c, x, y)) = self.opened(v, *at)? {
                let with = |v: Value| {
                    let mut args = args.clone();
                    args[i] = Some((v, *at));
                    args
                };
                let (first, second) = (with(x), with(y));
                return self.both(
                    c,
                    span,
                    |m| m.make(which, first, span),
                    |m| m.make(which, second, span),
                );
            }
        }
        if let Some((i, n)) = random_dimension(which, &args) {
            return self.by_value(&n, span, &mut |m, k| {
                let mut args = args.clone();
                args[i] = Some((Value::Num(Tensor::int(k)), span));
                m.make(which, args, span)
            });
        }
        let kind = match which {
            DistRef::Registered(name) => {
                match dist::find(name).expect("check only lets registered names through") {
                    Distribution::Scalar(d) => self.scalar_dist(Law::Plain(d), args, span)?,
                    Distribution::Array(d) => self.array_dist(d, args, span)?,
                }
            }
            DistRef::User(id) => self.user_dist(id, args, span)?,
            DistRef::Iid => return self.iid_of(args, span),
            DistRef::Truncate | DistRef::Censor | DistRef::ZeroInflated => {
                let wrap = Wrap::of(which).expect("matched just now");
                let mut args = args;
                if wrap == Wrap::ZeroInflate {
                    // `zero_inflated(p, D)` has its distribution last.
                    args.swap(0, 1);
                }
                self.wrapped(wrap, args, span)?
            }
            DistRef::Mixture => self.mixture(args, span)?,
            DistRef::Transform => self.transform(args, span)?,
            DistRef::Ordered => self.ordered(args, span)?,
            DistRef::OrderedOf => self.ordered_of(args, span)?,
        };
        Ok(Value::Dist(Arc::new(DistValue { kind, span })))
    }

    pub(super) fn scalar_dist(
        &mut self,
        law: Law,
        args: Vec<Given>,
        span: Span,
    ) -> Result<DistKind> {
        let described = law.base().params();
        let mut params = Vec::with_capacity(described.len());
        let mut spans = Vec::with_capacity(described.len());
        for (i, p) in described.iter().enumerate() {
            match args.get(i).cloned().flatten() {
                Some((v, at)) => {
                    params.push(self.number(&v, at)?);
                    spans.push(at);
                }
                None => {
                    let default = p
                        .default
                        .ok_or_else(|| missing_argument(law.base().name(), p.name, span))?;
                    params.push(Tensor::real(default));
                    spans.push(span);
                }
            }
        }
        let shape = self.common_shape(&params, &spans, span)?;
        self.refuse_invalid(law.base(), &params, &spans)?;
        Ok(DistKind::Scalar { law, params, shape })
    }

    pub(super) fn common_shape(
        &self,
        params: &[Tensor],
        spans: &[Span],
        span: Span,
    ) -> Result<Shape> {
        let mut shape = Shape::scalar();
        for (p, at) in params.iter().zip(spans) {
            shape = shape.broadcast(&p.shape).ok_or_else(|| {
                TraceError::model(
                    "odp::trace::shape_mismatch",
                    "the arguments' shapes do not fit each other",
                    *at,
                    format!("this is {}", p.shape),
                )
                .label(span, format!("the arguments before it are {shape}"))
            })?;
        }
        Ok(shape)
    }

    /// Parameters that are known, whatever is drawn, must be valid.
    fn refuse_invalid(
        &mut self,
        d: &'static dyn dist::Univariate,
        params: &[Tensor],
        spans: &[Span],
    ) -> Result<()> {
        if !self.is_tracing() || self.mask.is_some() {
            return Ok(());
        }
        let known: Vec<Option<Arc<[f64]>>> = params.iter().map(|t| t.known()).collect();
        for (i, values) in known.iter().enumerate() {
            let Some(values) = values else { continue };
            if let Some(e) = values
                .iter()
                .position(|&x| !inside(d.params()[i].domain, x))
            {
                let why = format!("{} cannot be {}", d.params()[i].name, values[e]);
                return Err(invalid_parameter(
                    d,
                    &why,
                    spans[i],
                    (values.len() > 1).then_some(e),
                ));
            }
        }
        let Some(all) = known.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let n = all.iter().map(|v| v.len()).max().unwrap_or(0);
        if !all.iter().all(|v| v.len() == 1 || v.len() == n) {
            return Ok(());
        }
        let scalar = Shape::scalar();
        let shapes = vec![&scalar; all.len()];
        for e in 0..n {
            let p: Vec<[f64; 1]> = all
                .iter()
                .map(|v| [v[if v.len() == 1 { 0 } else { e }]])
                .collect();
            let p: Vec<&[f64]> = p.iter().map(|x| &x[..]).collect();
            if let Err((i, why)) = dist::check_params(&Distribution::Scalar(d), &p, &shapes) {
                return Err(invalid_parameter(d, &why, spans[i], (n > 1).then_some(e)));
            }
        }
        Ok(())
    }

    pub(super) fn array_dist(
        &mut self,
        d: &'static dyn Multivariate,
        args: Vec<Given>,
        span: Span,
    ) -> Result<DistKind> {
        let described = d.params();
        let (mut params, mut shapes, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        let mut batch = Shape::scalar();
        for (i, p) in described.iter().enumerate() {
            let (v, at) = match (args.get(i).cloned().flatten(), p.default) {
                (Some(given), _) => given,
                (None, Some(x)) => (Value::real(x), span),
                (None, None) => return Err(missing_argument(d.name(), p.name, span)),
            };
            let t = self.number(&v, at)?;
            let Some(split) = t.shape.rank().checked_sub(p.rank) else {
                let need = if p.rank == 1 { "a vector" } else { "a matrix" };
                return Err(TraceError::model(
                    "odp::trace::parameter_rank",
                    format!("`{}` of {} is {need}", p.name, d.name()),
                    at,
                    format!("this is {}", super::words(&t)),
                ));
            };
            let (outer, inner) = t.shape.dims().split_at(split);
            let outer = Shape(outer.to_vec());
            batch = batch.broadcast(&outer).ok_or_else(|| {
                TraceError::model(
                    "odp::trace::shape_mismatch",
                    "the arguments' shapes do not fit each other",
                    at,
                    format!("this is {}", t.shape),
                )
            })?;
            shapes.push(Shape(inner.to_vec()));
            params.push(t);
            spans.push(at);
        }
        let refs: Vec<&Shape> = shapes.iter().collect();
        // Numbers that depend on chance stand in as NaN: no size may depend on them.
        let known: Vec<Vec<f64>> = params
            .iter()
            .zip(&shapes)
            .map(|(t, s)| {
                t.known().map_or(vec![f64::NAN; s.len()], |v| {
                    v[..s.len().min(v.len())].to_vec()
                })
            })
            .collect();
        let known: Vec<&[f64]> = known.iter().map(|v| &v[..]).collect();
        let (event, noise) = d.layout(&known, &refs).map_err(|(i, why)| {
            TraceError::model(
                "odp::trace::parameter_shape",
                format!("{} cannot have these arguments: {why}", d.name()),
                spans[i.min(spans.len() - 1)],
                why.clone(),
            )
        })?;
        let params = self.spread_batch(&params, &shapes, &batch, span);
        self.refuse_invalid_array(d, &params, &shapes, &spans)?;
        Ok(DistKind::Array {
            dist: d,
            params,
            shapes: shapes.into(),
            batch,
            event,
            noise,
        })
    }

    /// Parameters with a batch get all of it; those without stay as they are.
    pub(super) fn spread_batch(
        &mut self,
        params: &[Tensor],
        shapes: &[Shape],
        batch: &Shape,
        span: Span,
    ) -> Vec<Tensor> {
        params
            .iter()
            .zip(shapes)
            .map(|(t, s)| {
                if t.shape.rank() == s.rank() {
                    return t.clone();
                }
                let mut sizes = batch.dims().to_vec();
                sizes.extend_from_slice(s.dims());
                self.spread(t, &Shape(sizes), span)
            })
            .collect()
    }

    fn refuse_invalid_array(
        &mut self,
        d: &'static dyn Multivariate,
        params: &[Tensor],
        shapes: &[Shape],
        spans: &[Span],
    ) -> Result<()> {
        if !self.is_tracing() || self.mask.is_some() {
            return Ok(());
        }
        let Some(known) = params.iter().map(|t| t.known()).collect::<Option<Vec<_>>>() else {
            return Ok(());
        };
        let parts: Vec<&[f64]> = known
            .iter()
            .zip(shapes)
            .map(|(v, s)| &v[..s.len().min(v.len())])
            .collect();
        let refs: Vec<&Shape> = shapes.iter().collect();
        match dist::check_params(&Distribution::Array(d), &parts, &refs) {
            Ok(()) => Ok(()),
            Err((i, why)) => Err(invalid_parameter(
                d,
                &why,
                spans[i.min(spans.len() - 1)],
                None,
            )),
        }
    }

    fn iid_of(&mut self, args: Vec<Given>, span: Span) -> Result<Value> {
        let mut args = args.into_iter().flatten();
        let Some((base, at)) = args.next() else {
            return Err(missing_argument("iid", "D", span));
        };
        let mut sizes = Vec::new();
        for (v, at) in args {
            let n = self.int_value(&v, at)?;
            if let Some(n) = n.known_int().filter(|n| *n < 0) {
                let error = TraceError::model(
                    "odp::trace::negative_size",
                    format!("a size cannot be {n}"),
                    at,
                    "negative",
                );
                return self.fault(error);
            }
            sizes.push(n);
        }
        let Value::Dist(mut d) = base else {
            return Err(TraceError::model(
                "odp::trace::not_a_distribution",
                "`iid` repeats a distribution",
                at,
                format!("this is {}", base.describe()),
            ));
        };
        // From the last size to the first, runs of known ones at once.
        let mut known = Vec::new();
        for n in sizes.into_iter().rev() {
            match n.known_int() {
                Some(n) => known.insert(0, n as usize),
                None => {
                    d = Arc::new(self.iid(&d, &std::mem::take(&mut known), span));
                    d = Arc::new(DistValue {
                        span: d.span,
                        kind: DistKind::Ragged { base: d, length: n },
                    });
                }
            }
        }
        if known.is_empty() {
            return Ok(Value::Dist(d));
        }
        let span = d.span;
        let kind = DistKind::Iid {
            base: d,
            sizes: known,
        };
        Ok(Value::Dist(Arc::new(DistValue { kind, span })))
    }

    /// Copies as one wider distribution, where there is one.
    pub(super) fn flat(&mut self, d: &Arc<DistValue>, span: Span) -> Arc<DistValue> {
        match &d.kind {
            DistKind::Iid { base, sizes } => {
                let base = self.flat(base, span);
                Arc::new(self.iid(&base, sizes, span))
            }
            _ => d.clone(),
        }
    }

    /// Independent copies of a distribution, along new first axes.
    pub(super) fn iid(&mut self, d: &Arc<DistValue>, sizes: &[usize], span: Span) -> DistValue {
        if sizes.is_empty() {
            return (**d).clone();
        }
        let grown = |shape: &Shape| Shape(sizes.iter().chain(shape.dims()).copied().collect());
        let kind = match &d.kind {
            DistKind::Scalar { law, params, shape } => DistKind::Scalar {
                law: law.clone(),
                params: params.clone(),
                shape: grown(shape),
            },
            DistKind::Array {
                dist,
                params,
                shapes,
                batch,
                event,
                noise,
            } => {
                let batch = grown(batch);
                let params = self.spread_batch(params, shapes, &batch, span);
                DistKind::Array {
                    dist: *dist,
                    params,
                    shapes: shapes.clone(),
                    batch,
                    event: event.clone(),
                    noise: *noise,
                }
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } if parts
                .iter()
                .all(|p| matches!(p.kind, DistKind::Scalar { .. })) =>
            {
                DistKind::Mixture {
                    weights: weights.clone(),
                    parts: parts.clone(),
                    shape: grown(shape),
                }
            }
            _ => DistKind::Iid {
                base: d.clone(),
                sizes: sizes.to_vec(),
            },
        };
        DistValue { kind, span: d.span }
    }

    fn mixture(&mut self, args: Vec<Given>, span: Span) -> Result<DistKind> {
        let mut args = args.into_iter().flatten();
        let (Some((weights, at)), Some((parts, parts_at))) = (args.next(), args.next()) else {
            return Err(missing_argument("mixture", "w", span));
        };
        let weights = self.number(&weights, at)?;
        let items = match &parts {
            Value::List(items) => items.clone(),
            other => {
                return Err(TraceError::model(
                    "odp::trace::mixture_parts",
                    "`mixture` takes an array of distributions",
                    parts_at,
                    format!("this is {}", other.describe()),
                )
                .help("write `mixture(w, [Normal(m, 1) for m in mus])`"));
            }
        };
        let mut dists = Vec::with_capacity(items.len());
        let mut shape = Shape::scalar();
        for item in items.iter() {
            let Value::Dist(d) = item else {
                return Err(TraceError::model(
                    "odp::trace::mixture_parts",
                    "`mixture` takes an array of distributions",
                    parts_at,
                    format!("one is {}", item.describe()),
                ));
            };
            if let DistKind::Scalar { shape: s, .. } = &d.kind {
                shape = shape.broadcast(s).ok_or_else(|| {
                    TraceError::model(
                        "odp::trace::shape_mismatch",
                        "the parts of a mixture have different shapes",
                        parts_at,
                        format!("{shape} and {s}"),
                    )
                })?;
            }
            dists.push(d.clone());
        }
        let k = weights.shape.dims().last().copied().unwrap_or(0);
        if k != dists.len() || k == 0 {
            return Err(TraceError::model(
                "odp::trace::mixture_weights",
                format!("{k} weights for {} parts", dists.len()),
                at,
                format!("this has {k}"),
            )
            .label(parts_at, format!("this has {}", dists.len())));
        }
        if weights.shape.rank() > 1 {
            let outer = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
            shape = shape.broadcast(&outer).ok_or_else(|| {
                TraceError::model(
                    "odp::trace::shape_mismatch",
                    "the weights do not fit the parts",
                    at,
                    format!("this is {}", weights.shape),
                )
            })?;
        }
        if let (Some(w), true, true) = (weights.known(), self.is_tracing(), self.mask.is_none()) {
            let total: f64 = w[..k].iter().sum();
            if w.iter().any(|x| *x < 0.0 || x.is_nan()) || (total - 1.0).abs() > 1e-8 {
                return Err(TraceError::model(
                    "odp::trace::invalid_parameter",
                    "the weights of a mixture are non-negative and sum to 1",
                    at,
                    format!("these sum to {total}"),
                ));
            }
        }
        Ok(DistKind::Mixture {
            weights,
            parts: dists,
            shape,
        })
    }
}

/// Whether a number lies in the domain of a number.
fn inside(domain: Domain, x: f64) -> bool {
    match domain {
        Domain::Positive => x > 0.0 && x < f64::INFINITY,
        Domain::NonNegative => (0.0..f64::INFINITY).contains(&x),
        Domain::Unit => (0.0..=1.0).contains(&x),
        Domain::Count => x >= 0.0 && x.trunc() == x,
        Domain::Integer => x.trunc() == x,
        _ => !x.is_nan(),
    }
}

/// The axes along which a distribution is an array of independent ones.
pub(super) fn copies(d: &DistValue) -> Vec<usize> {
    match &d.kind {
        DistKind::Scalar { shape, .. } | DistKind::Mixture { shape, .. } => shape.dims().to_vec(),
        DistKind::Array { batch, .. } => batch.dims().to_vec(),
        DistKind::Iid { base, sizes } => [&sizes[..], &copies(base)[..]].concat(),
        DistKind::User {
            shape: Some(shape), ..
        } => shape.dims().to_vec(),
        _ => Vec::new(),
    }
}

pub(super) fn value_kind(kind: ValueKind) -> Kind {
    match kind {
        ValueKind::Real => Kind::Real,
        ValueKind::Int => Kind::Int,
        ValueKind::Bool => Kind::Bool,
    }
}

pub(super) fn missing_argument(dist: &str, name: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::missing_argument",
        format!("{dist} needs `{name}`"),
        span,
        "an argument is missing",
    )
}

fn invalid_parameter(
    d: &dyn Describe,
    why: &str,
    span: Span,
    element: Option<usize>,
) -> TraceError {
    let at = element.map_or(String::new(), |e| format!(" (element {e})"));
    let names: Vec<&str> = d.params().iter().map(|p| p.name).collect();
    TraceError::model(
        "odp::trace::invalid_parameter",
        format!("{}: {why}{at}", d.name()),
        span,
        why,
    )
    .help(format!(
        "the parameters are {}({})",
        d.name(),
        names.join(", ")
    ))
}
