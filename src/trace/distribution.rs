//! Distributions as values: made, drawn from, and scored.

use std::sync::Arc;

use super::combine::Wrap;
use super::error::{Result, TraceError};
use super::graph::{NoiseSite, TermKind};
use super::machine::{Machine, Mode};
use super::value::{DistKind, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Describe, Distribution, Domain, Multivariate, ValueKind};
use crate::ir::{ArrayLaw, Axis, BinaryFn, DistRef, Expr, Law, LawFn, Op, ReduceFn, UnaryFn};

/// An argument and where it stands.
pub(super) type Given = Option<(Value, Span)>;

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
        let kind = match which {
            DistRef::Registered(name) => {
                match dist::find(name).expect("check only lets registered names through") {
                    Distribution::Scalar(d) => self.scalar_dist(Law::Plain(d), args, span)?,
                    Distribution::Array(d) => self.array_dist(d, args, span)?,
                }
            }
            DistRef::User(id) => DistKind::User {
                id,
                args: args.into_iter().flatten().map(|(v, _)| v).collect(),
            },
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

    fn scalar_dist(&mut self, law: Law, args: Vec<Given>, span: Span) -> Result<DistKind> {
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

    fn common_shape(&self, params: &[Tensor], spans: &[Span], span: Span) -> Result<Shape> {
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

    // ---- drawing ----

    /// A draw. `addresses` are those of the elements of a plate, or one.
    pub(super) fn draw(
        &mut self,
        d: &Arc<DistValue>,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Value> {
        let d = &self.flat(d, span);
        match &d.kind {
            DistKind::Scalar { law, params, shape } => self
                .draw_scalar(law, params, shape, addresses, name, span)
                .map(Value::Num),
            DistKind::Array {
                dist,
                params,
                shapes,
                batch,
                event,
                noise,
            } => {
                let law = self.array_law(*dist, shapes, batch, event, *noise);
                let mut noise_shape = batch.dims().to_vec();
                noise_shape.push(law.noise);
                let z = self.noise(addresses, *dist, Shape(noise_shape), span)?;
                let value_shape = Shape(batch.dims().iter().chain(event.dims()).copied().collect());
                let kind = value_kind(dist.kind());
                let discrete = dist.kind() != ValueKind::Real && event.rank() == 0;
                self.transport(
                    Op::ArrayTransport(law),
                    params,
                    z,
                    value_shape,
                    kind,
                    discrete,
                    name,
                    span,
                )
                .map(Value::Num)
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } => self.draw_mixture(weights, parts, shape, addresses, name, span),
            DistKind::Iid { base, sizes } => {
                let n: usize = sizes.iter().product();
                let own = if addresses.len() == n {
                    addresses.to_vec()
                } else {
                    grid(addresses, sizes)
                };
                let mut values = Vec::with_capacity(n);
                for (i, a) in own.into_iter().enumerate() {
                    let a = self.element_addresses(base, &[a], 0);
                    values.push(self.draw(base, &a, &format!("{name}[{i}]"), span)?);
                }
                let flat = self.array_of(values, span)?;
                self.unflatten(flat, sizes)
            }
            DistKind::Ragged { base, length } => {
                let (base, length) = (base.clone(), length.clone());
                let n = self.random_size(&length, span)?;
                let before = self.mask;
                let mut items = Vec::with_capacity(n);
                for i in 0..n {
                    if !self.enter_place(&length, i, before, span)? {
                        break;
                    }
                    let a = self.element_addresses(&base, &[child(addresses[0], i as u64)], 0);
                    let x = self.draw(&base, &a, &format!("{name}[{i}]"), span);
                    self.mask = before;
                    items.push(x?);
                }
                Ok(self.ragged(items, length))
            }
            DistKind::Transform { base, f } => {
                let (base, f) = (base.clone(), f.clone());
                let addresses = self.element_addresses(&base, addresses, 0);
                let x = self.draw(&base, &addresses, name, span)?;
                self.call(&f, vec![x], span)
            }
            DistKind::Bounded { base, lower, upper } => {
                let (base, lower, upper) = (base.clone(), lower.clone(), upper.clone());
                self.draw_bounded(&base, &lower, &upper, addresses, name, span)
                    .map(Value::Num)
            }
            DistKind::Ordered { law, params, n } => self
                .draw_ordered(law, params, *n, addresses, name, span)
                .map(Value::Num),
            DistKind::OrderedOf { parts } => self
                .draw_ordered_of(parts, addresses, name, span)
                .map(Value::Num),
            DistKind::User { id, args } => {
                let function = self.model.distributions[*id].sample;
                self.address
                    .push_absolute(&[addresses[0] as u64, (addresses[0] >> 64) as u64]);
                let f = Value::Fn(Arc::new(super::value::FnValue::Closure {
                    id: function,
                    captured: Vec::new(),
                }));
                let value = self.call(&f, args.clone(), span);
                self.address.pop();
                value
            }
        }
    }

    fn unflatten(&mut self, flat: Value, sizes: &[usize]) -> Result<Value> {
        Ok(match flat {
            Value::Num(t) => {
                let shape = Shape(sizes.iter().chain(&t.shape.dims()[1..]).copied().collect());
                Value::Num(t.reshaped(shape))
            }
            other => other,
        })
    }

    fn array_law(
        &self,
        dist: &'static dyn Multivariate,
        shapes: &Arc<[Shape]>,
        batch: &Shape,
        event: &Shape,
        noise: usize,
    ) -> ArrayLaw {
        ArrayLaw {
            dist,
            batch: batch.len(),
            shapes: shapes.clone(),
            event: event.len(),
            noise,
        }
    }

    fn draw_scalar(
        &mut self,
        law: &Law,
        params: &[Tensor],
        shape: &Shape,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        if law.base().name() == "Delta" && matches!(law, Law::Plain(_)) {
            return Ok(self.spread(&params[0], shape, span));
        }
        let z = self.noise(addresses, law, shape.clone(), span)?;
        let params: Vec<Tensor> = params
            .iter()
            .map(|p| self.broadcast(p, shape, span))
            .collect();
        let kind = value_kind(law.base().kind());
        let discrete = law.is_discrete();
        let x = self.transport(
            Op::Transport(law.clone()),
            &params,
            z,
            shape.clone(),
            kind,
            discrete,
            name,
            span,
        )?;
        if dist::Univariate::is_improper(law) {
            self.graph.improper = true;
            let mut args: Vec<&Tensor> = params.iter().collect();
            args.push(&x);
            let each = self.emit(
                Op::LawFn(law.clone(), LawFn::ImproperCorrection),
                &args,
                shape.clone(),
                Kind::Real,
                span,
            );
            let total = self.reduce_all(ReduceFn::Sum, &each, Kind::Real, span);
            self.weigh(TermKind::Improper, &total, span);
        }
        Ok(x)
    }

    #[allow(clippy::too_many_arguments)]
    fn transport(
        &mut self,
        op: Op,
        params: &[Tensor],
        z: Noise,
        shape: Shape,
        kind: Kind,
        discrete: bool,
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        if let (true, Mode::Run(run)) = (discrete, &self.mode) {
            // A value that is given in noise's place.
            let given: Option<Vec<f64>> = run
                .values
                .and_then(|v| z.coordinates.iter().map(|&c| c.and_then(v)).collect());
            if let Some(given) = given {
                return Ok(super::machine::from_known(given.into(), shape, kind));
            }
        }
        let mut args: Vec<&Tensor> = params.iter().collect();
        args.push(&z.value);
        let x = self.emit(op, &args, shape, kind, span);
        self.note(&z, &x, discrete, name, span);
        Ok(x)
    }

    /// Keeps where a draw's noise stands and which node has its value.
    pub(super) fn note(&mut self, z: &Noise, x: &Tensor, discrete: bool, name: &str, span: Span) {
        if let (Payload::Node(value), Some(first)) =
            (&x.payload, z.coordinates.first().copied().flatten())
            && self.is_tracing()
            && !self
                .graph
                .sites
                .iter()
                .rev()
                .take(64)
                .any(|s| s.first == first)
        {
            let mask = self.mask;
            self.graph.sites.push(NoiseSite {
                name: name.into(),
                first,
                len: z.coordinates.len(),
                value: *value,
                discrete,
                mask,
                span,
            });
        }
    }

    /// The addresses of the elements of a draw. The first `outer` axes have theirs already.
    pub(super) fn element_addresses(
        &self,
        d: &DistValue,
        addresses: &[u128],
        outer: usize,
    ) -> Vec<u128> {
        let sizes = copies(d);
        grid(addresses, &sizes[outer.min(sizes.len())..])
    }

    /// The noise of a draw: `shape.len()` coordinates, as many for each address. `law` keeps the noise of different
    /// laws apart that one statement draws from in different executions.
    pub(super) fn noise(
        &mut self,
        addresses: &[u128],
        law: &dyn Describe,
        shape: Shape,
        span: Span,
    ) -> Result<Noise> {
        let n = shape.len();
        let each = n / addresses.len().max(1);
        let key = super::expression::fnv(law.name()) ^ each as u64;
        let mut addresses: Vec<u128> = addresses.iter().map(|a| child(*a, key)).collect();
        // A discrete coordinate has one value node; a second draw at its address has coordinates of its own.
        let taken = |a: &u128| self.graph.layout.contains_key(a);
        if law.is_discrete() && self.is_tracing() && addresses.iter().any(taken) {
            let salt = self.graph.dim as u64;
            addresses.iter_mut().for_each(|a| *a = child(*a, salt));
        }
        if let Mode::Run(run) = &self.mode {
            let mut values = vec![0.0; n];
            let mut coordinates = vec![None; n];
            for (i, a) in addresses.iter().enumerate() {
                let part = i * each..(i + 1) * each;
                match run.layout.get(a) {
                    Some(&(first, len)) if len == each => {
                        values[part.clone()].copy_from_slice(&run.z[first..first + each]);
                        part.enumerate()
                            .for_each(|(k, at)| coordinates[at] = Some(first + k));
                    }
                    _ => (run.beyond)(*a, &mut values[part]),
                }
            }
            return Ok(Noise {
                value: Tensor::reals(values, shape),
                coordinates,
            });
        }
        let firsts = self.places_of(&addresses, each, span)?;
        let coordinates: Vec<usize> = firsts.iter().flat_map(|&f| f..f + each).collect();
        let in_order = coordinates.windows(2).all(|w| w[1] == w[0] + 1);
        let value = if in_order {
            let id = self.graph.noise(
                coordinates.first().copied().unwrap_or(0),
                shape.clone(),
                span,
            );
            Tensor::node(id, shape, Kind::Real)
        } else {
            let pieces: Vec<Tensor> = firsts
                .iter()
                .map(|&first| {
                    let id = self.graph.noise(first, Shape::vector(each), span);
                    Tensor::node(id, Shape::vector(each), Kind::Real)
                })
                .collect();
            self.pack(&pieces, shape, Kind::Real, span)
        };
        Ok(Noise {
            value,
            coordinates: coordinates.into_iter().map(Some).collect(),
        })
    }

    /// First coordinate of each address; those that are new get the next ones.
    fn places_of(&mut self, addresses: &[u128], each: usize, span: Span) -> Result<Vec<usize>> {
        let mut firsts = Vec::with_capacity(addresses.len());
        for a in addresses {
            if let Some(&(first, _)) = self.graph.layout.get(a) {
                firsts.push(first);
                continue;
            }
            if self.graph.dim + each > self.limits.max_noise {
                return Err(TraceError::limit(
                    "odp::limit::noise",
                    format!(
                        "this program needs more than {} noise coordinates",
                        self.limits.max_noise
                    ),
                    span,
                    "the draw that goes beyond",
                )
                .help("raise the limit with --max-noise"));
            }
            firsts.push(self.graph.dim);
            self.graph.layout.insert(*a, (self.graph.dim, each));
            self.graph.dim += each;
        }
        Ok(firsts)
    }

    fn draw_mixture(
        &mut self,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        shape: &Shape,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Value> {
        let which: Vec<u128> = addresses.iter().map(|a| child(*a, 0)).collect();
        let Some(Distribution::Array(categorical)) = dist::find("Categorical") else {
            unreachable!("Categorical is registered over arrays")
        };
        let given = vec![Some((Value::Num(weights.clone()), span))];
        let kind = self.array_dist(categorical, given, span)?;
        let mut picker = DistValue { kind, span };
        if let DistKind::Array { batch, .. } = &picker.kind
            && batch != shape
        {
            let extra: Vec<usize> = shape.dims()[..shape.rank() - batch.rank()].to_vec();
            picker = self.iid(&Arc::new(picker), &extra, span);
        }
        let k = self.draw(
            &Arc::new(picker),
            &which,
            &format!("{name}.component"),
            span,
        )?;
        let k = self.number(&k, span)?;
        let laws: Option<Vec<(&Law, &Vec<Tensor>)>> = parts
            .iter()
            .map(|p| match &p.kind {
                DistKind::Scalar { law, params, .. } => Some((law, params)),
                _ => None,
            })
            .collect();
        let Some(laws) = laws else {
            return self.draw_parts(&k, parts, addresses, name, span);
        };
        // Only one part counts: all read the same noise.
        let own: Vec<u128> = addresses.iter().map(|a| child(*a, 1)).collect();
        let mut result: Option<Tensor> = None;
        for (j, (law, params)) in laws.into_iter().enumerate() {
            let x = self.draw_scalar(law, params, shape, &own, name, span)?;
            result = Some(match result {
                None => x,
                Some(before) => {
                    let here = self.elementwise(
                        BinaryFn::Eq,
                        &k,
                        &Tensor::int(j as i64),
                        Kind::Bool,
                        span,
                    )?;
                    let kind = x.kind.max(before.kind);
                    self.emit(Op::Select, &[&here, &x, &before], shape.clone(), kind, span)
                }
            });
        }
        Ok(Value::Num(result.expect("a mixture has parts")))
    }

    /// Parts that are not over numbers: each drawn under its own mask, with noise of its own.
    fn draw_parts(
        &mut self,
        k: &Tensor,
        parts: &[Arc<DistValue>],
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Value> {
        if !k.is_scalar() {
            let mut values = Vec::with_capacity(k.shape.len());
            for (e, address) in addresses.iter().enumerate() {
                let one = self.pick(k, vec![e as u32], Shape::scalar(), span);
                values.push(self.draw_parts(&one, parts, &[*address], name, span)?);
            }
            let sizes = k.shape.dims().to_vec();
            let flat = self.array_of(values, span)?;
            return self.unflatten(flat, &sizes);
        }
        let mut result = Value::Bottom;
        for (j, part) in parts.iter().enumerate() {
            let here =
                self.elementwise(BinaryFn::Eq, k, &Tensor::int(j as i64), Kind::Bool, span)?;
            let address = self.element_addresses(part, &[child(addresses[0], 2 + j as u64)], 0);
            match here.payload {
                Payload::Node(c) => {
                    let before = self.mask;
                    self.mask = Some(self.and_mask(before, c, span));
                    let x = self.draw(part, &address, name, span)?;
                    self.mask = before;
                    result = self.merge(c, x, result, span)?;
                }
                _ if here.known_scalar() == Some(1.0) => {
                    result = self.draw(part, &address, name, span)?
                }
                _ => {}
            }
        }
        Ok(result)
    }

    // ---- scoring ----

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
                self.log_prob_bounded(&base, &lower, &upper, &x, span)
            }
            DistKind::Ordered { law, params, n } => {
                let x = self.number(x, span)?;
                self.log_prob_ordered(law, params, *n, &x, span)
            }
            DistKind::OrderedOf { parts } => {
                let x = self.number(x, span)?;
                self.log_prob_ordered_of(parts, &x, span)
            }
            DistKind::User { id, args } => {
                let (id, args) = (*id, args.clone());
                self.log_prob_user(id, &args, x, each, span)
            }
        }
    }

    fn observed_shape(
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

    fn log_prob_mixture(
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
        let mut scores = Vec::with_capacity(k);
        for (j, part) in parts.iter().enumerate() {
            let joint = matches!(part.kind, DistKind::Iid { .. } | DistKind::Transform { .. });
            let score = self.log_prob(part, x, !joint, span)?;
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

    /// Copies whose number depends on chance; executions with another number than x has are at fault.
    fn log_prob_ragged(
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

    fn log_prob_iid(
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

/// Noise of a draw: its numbers, and the coordinates where they stand.
pub(super) struct Noise {
    pub value: Tensor,
    coordinates: Vec<Option<usize>>,
}

/// The axes along which a distribution is an array of independent ones.
pub(super) fn copies(d: &DistValue) -> Vec<usize> {
    match &d.kind {
        DistKind::Scalar { shape, .. } | DistKind::Mixture { shape, .. } => shape.dims().to_vec(),
        DistKind::Array { batch, .. } => batch.dims().to_vec(),
        DistKind::Iid { base, sizes } => [&sizes[..], &copies(base)[..]].concat(),
        _ => Vec::new(),
    }
}

/// The addresses of the elements of an array at each of some addresses, axis by axis.
pub(super) fn grid(addresses: &[u128], sizes: &[usize]) -> Vec<u128> {
    sizes.iter().fold(addresses.to_vec(), |all, &n| {
        all.iter()
            .flat_map(|a| (0..n).map(move |i| child(*a, i as u64)))
            .collect()
    })
}

/// The address of a part of a draw.
pub(super) fn child(address: u128, part: u64) -> u128 {
    let mut a = super::address::Address::default();
    a.push_absolute(&[address as u64, (address >> 64) as u64, part]);
    a.here()
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

fn observed_mismatch(x: &Tensor, shape: &Shape, dist_span: Span, span: Span) -> TraceError {
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
