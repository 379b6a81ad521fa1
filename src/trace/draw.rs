//! Draws: noise at addresses, and its transport to values.

use std::sync::Arc;

use super::distribution::{copies, value_kind};
use super::error::{Result, TraceError};
use super::graph::{NoiseSite, TermKind};
use super::machine::{Machine, Mode};
use super::value::{DistKind, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Describe, Distribution, Multivariate, ValueKind};
use crate::ir::{ArrayLaw, BinaryFn, DistRef, Expr, ExprKind, Law, LawFn, Op, ReduceFn};

impl Machine<'_> {
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
                let noise_shape = Shape(noise_shape);
                let value_shape = Shape(batch.dims().iter().chain(event.dims()).copied().collect());
                let kind = value_kind(dist.kind());
                let discrete = dist.kind() != ValueKind::Real && event.rank() == 0;
                let op = Op::ArrayTransport(law.clone());
                let shapes = (&value_shape, &noise_shape);
                if let (true, Some(x)) = (
                    discrete,
                    self.drawn_before(&op, params, (addresses, *dist), shapes, span),
                ) {
                    return Ok(Value::Num(Tensor::node(x, value_shape, kind)));
                }
                let z = self.noise(addresses, *dist, noise_shape, span)?;
                if super::multinomial::is_chain(dist.name(), batch, event) {
                    return self
                        .draw_counts(params, &z, batch, event.len(), name, span)
                        .map(Value::Num);
                }
                self.transport(op, params, z, value_shape, kind, discrete, name, span)
                    .map(Value::Num)
            }
            DistKind::Mixture {
                weights,
                parts,
                shape,
            } => self.draw_mixture(weights, parts, shape, addresses, name, span),
            DistKind::Iid { base, sizes } => {
                let n: usize = sizes.iter().product();
                let each: usize = super::distribution::copies(base).iter().product();
                let own = match addresses.len() {
                    len if len == n * each => addresses.to_vec(),
                    len if len == n => self.element_addresses(base, addresses, 0),
                    _ => self.element_addresses(base, &grid(addresses, sizes), 0),
                };
                let mut values = Vec::with_capacity(n);
                for i in 0..n {
                    let a = &own[i * each..(i + 1) * each];
                    values.push(self.draw(base, a, &format!("{name}[{i}]"), span)?);
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
            DistKind::Censored { base, lower, upper } => {
                let (base, bounds) = (base.clone(), (lower.clone(), upper.clone()));
                let x = self.draw(&base, addresses, name, span)?;
                let x = self.number(&x, span)?;
                self.clamped(&x, &bounds, span).map(Value::Num)
            }
            DistKind::Ordered { base, n } => {
                let (base, n) = (base.clone(), *n);
                self.draw_ordered(&base, n, addresses, name, span)
                    .map(Value::Num)
            }
            DistKind::OrderedOf { parts } => self
                .draw_ordered_of(parts, addresses, name, span)
                .map(Value::Num),
            DistKind::User { .. } => self.draw_user(d, addresses, span),
        }
    }

    pub(super) fn unflatten(&mut self, flat: Value, sizes: &[usize]) -> Result<Value> {
        Ok(match flat {
            Value::Num(t) => {
                let shape = Shape(sizes.iter().chain(&t.shape.dims()[1..]).copied().collect());
                Value::Num(t.reshaped(shape))
            }
            other => other,
        })
    }

    pub(super) fn array_law(
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

    pub(super) fn draw_scalar(
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
        let params: Vec<Tensor> = params
            .iter()
            .map(|p| self.broadcast(p, shape, span))
            .collect();
        let kind = value_kind(law.base().kind());
        let discrete = law.is_discrete();
        let op = Op::Transport(law.clone());
        if let Some(x) = self.drawn_before(&op, &params, (addresses, law), (shape, shape), span) {
            return Ok(Tensor::node(x, shape.clone(), kind));
        }
        let z = self.noise(addresses, law, shape.clone(), span)?;
        let x = self.transport(op, &params, z, shape.clone(), kind, discrete, name, span)?;
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
    pub(super) fn transport(
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
                elements: None,
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
        let own = addresses.iter().map(|a| address_of(*a, law, each));
        let addresses: Vec<u128> = own.collect();
        match self.embedded.is_some() {
            true => self.noise_inside(&addresses, each, law, shape, span),
            false => self.noise_at(addresses, each, law, shape, span),
        }
    }

    /// The noise of a program's own coordinates.
    pub(super) fn noise_at(
        &mut self,
        mut addresses: Vec<u128>,
        each: usize,
        law: &dyn Describe,
        shape: Shape,
        span: Span,
    ) -> Result<Noise> {
        let n = shape.len();
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

    /// One of the numbers of some noise.
    pub(super) fn part_of_noise(&mut self, z: &Noise, i: usize, span: Span) -> Noise {
        Noise {
            value: self.pick(&z.value, vec![i as u32], Shape::scalar(), span),
            coordinates: vec![z.coordinates[i]],
        }
    }

    /// First coordinate of each address; those that are new get the next ones.
    pub(super) fn places_of(
        &mut self,
        addresses: &[u128],
        each: usize,
        span: Span,
    ) -> Result<Vec<usize>> {
        let mut firsts = Vec::with_capacity(addresses.len());
        for a in addresses {
            if let Some(&(first, _)) = self.graph.layout.get(a) {
                firsts.push(first);
                continue;
            }
            if self.graph.dim + each > self.limits.max_noise {
                return Err(self.too_much_noise(span));
            }
            firsts.push(self.graph.dim);
            self.graph.layout.insert(*a, (self.graph.dim, each));
            self.graph.dim += each;
        }
        Ok(firsts)
    }

    fn too_much_noise(&self, span: Span) -> TraceError {
        TraceError::limit(
            "odp::limit::noise",
            format!(
                "this program needs more than {} noise coordinates",
                self.limits.max_noise
            ),
            span,
            "the draw that goes beyond",
        )
        .help("raise the limit with --max-noise")
    }

    /// Refuses a draw that alone goes beyond the limit, before its addresses are made.
    pub(super) fn refuse_noise(&self, d: &DistValue, span: Span) -> Result<()> {
        match self.is_tracing() && least_noise(d) > self.limits.max_noise {
            true => Err(self.too_much_noise(span)),
            false => Ok(()),
        }
    }

    /// Refuses a plate of more elements than there may be coordinates, before its arguments are evaluated.
    pub(super) fn refuse_plate(&self, n: usize, dist: &Expr) -> Result<()> {
        let draws = matches!(&dist.kind, ExprKind::Dist { dist: DistRef::Registered(name), .. } if *name != "Delta");
        match self.is_tracing() && draws && n > self.limits.max_noise {
            true => Err(self.too_much_noise(dist.span)),
            false => Ok(()),
        }
    }

    pub(super) fn draw_mixture(
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
    pub(super) fn draw_parts(
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
}

/// How many coordinates a draw has at least.
fn least_noise(d: &DistValue) -> usize {
    match &d.kind {
        DistKind::Scalar { law, .. } if law.base().name() == "Delta" => 0,
        DistKind::Scalar { shape, .. } | DistKind::Mixture { shape, .. } => shape.len(),
        DistKind::Array { batch, noise, .. } => batch.len().saturating_mul(*noise),
        DistKind::Iid { base, sizes } => sizes
            .iter()
            .fold(least_noise(base), |n, &k| n.saturating_mul(k)),
        _ => 0,
    }
}

/// Noise of a draw: its numbers, and the coordinates where they stand.
pub(super) struct Noise {
    pub value: Tensor,
    pub coordinates: Vec<Option<usize>>,
}

/// The addresses of the elements of an array at each of some addresses, axis by axis.
pub(super) fn grid(addresses: &[u128], sizes: &[usize]) -> Vec<u128> {
    sizes.iter().fold(addresses.to_vec(), |all, &n| {
        all.iter()
            .flat_map(|a| (0..n).map(move |i| child(*a, i as u64)))
            .collect()
    })
}

/// The address of the noise of a law at an address, `each` coordinates of it.
pub(super) fn address_of(address: u128, law: &dyn Describe, each: usize) -> u128 {
    child(address, super::expression::fnv(law.name()) ^ each as u64)
}

/// The address of a part of a draw.
pub(super) fn child(address: u128, part: u64) -> u128 {
    let mut a = super::address::Address::default();
    a.push_absolute(&[address as u64, (address >> 64) as u64, part]);
    a.here()
}
