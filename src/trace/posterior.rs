//! Another program's posterior inside this one: its sampler takes noise to that program's noise, and the program runs on it.
//!
//! ```text
//! standard noise at the call ─▶ the sampler's network ─▶ noise at that program's addresses ─▶ that program ─▶ its result
//! ```
//! What that program observes is in its sampler already and weighs nothing here. Choices that reach none of its data were not
//! learned; they draw noise of their own.

use std::collections::HashMap;
use std::sync::Arc;

use super::address::Address;
use super::bind::Inputs;
use super::distribution::Given;
use super::draw::Noise;
use super::error::{Result, TraceError};
use super::machine::{Machine, Mode, RunNoise};
use super::value::{DistValue, Kind, Tensor, Value};
use super::walk;
use crate::base::{Shape, Span};
use crate::dist::{self, Describe, Distribution};
use crate::ir::{Law, Posterior};

/// What a program inside another one draws its noise from.
pub(super) struct Embedded {
    /// Where the sampler's numbers are: by address and coordinate within.
    places: HashMap<(u128, usize), u32>,
    /// The sampler's numbers.
    noise: Tensor,
    /// Where the call stands.
    outer: Address,
}

impl Machine<'_> {
    /// A draw from a posterior: the result of its program.
    pub(super) fn call_posterior(
        &mut self,
        posterior: &Arc<Posterior>,
        inputs: &Arc<Inputs>,
        constants: &[Tensor],
        args: &[Value],
        span: Span,
    ) -> Result<Value> {
        if !args.is_empty() {
            let message = format!("a draw from `{}` takes no argument", posterior.file);
            return Err(TraceError::model(
                "odp::trace::arity",
                message,
                span,
                "called here",
            ));
        }
        let noise = self.sampled(posterior, constants, span)?;
        let mut outer = self.address.clone();
        outer.push(tag(span));
        let mode = match &self.mode {
            Mode::Trace => Mode::Trace,
            Mode::Run(run) => Mode::Run(RunNoise { ..*run }),
        };
        let mut inner = Machine::new(&posterior.model, inputs, self.limits, mode);
        inner.embedded = Some(Embedded {
            places: (0..)
                .zip(&posterior.places)
                .map(|(i, place)| (*place, i))
                .collect(),
            noise,
            outer: self.absolute(outer),
        });
        inner.steps = self.steps;
        let before = self.graph.extent();
        std::mem::swap(&mut inner.graph, &mut self.graph);
        let result = walk(&mut inner).map(|result| match result {
            Some(value) => value,
            None => inner.sites_as_record(),
        });
        std::mem::swap(&mut inner.graph, &mut self.graph);
        self.steps = inner.steps;
        self.printed.append(&mut inner.printed);
        self.graph.relocate(before, span);
        result.map_err(|error| inside(&error, posterior, span))
    }

    /// The noise of the posterior's program, as its sampler draws it.
    fn sampled(
        &mut self,
        posterior: &Posterior,
        constants: &[Tensor],
        span: Span,
    ) -> Result<Tensor> {
        let d = posterior.places.len();
        let Some(Distribution::Scalar(normal)) = dist::find("Normal") else {
            unreachable!("the normal distribution is registered")
        };
        let given = |x: f64| -> Given {
            let numbers = Tensor::reals(vec![x; d], Shape::vector(d));
            Some((Value::Num(numbers), span))
        };
        let law = Law::Plain(normal);
        let kind = self.scalar_dist(law, vec![given(0.0), given(1.0)], span)?;
        let normals = Arc::new(DistValue { kind, span });
        self.address.push(tag(span) ^ 1);
        let addresses: Vec<u128> = (0..d).map(|i| self.address.child(i as u64)).collect();
        self.address.pop();
        let noise = self.draw(&normals, &addresses, &posterior.file, span)?;
        let drawn = self.call_network(&posterior.noise, constants, vec![noise], span)?;
        self.number(&drawn, span)
    }

    /// An address as it stands in the outermost program.
    fn absolute(&self, address: Address) -> Address {
        match &self.embedded {
            Some(inside) => inside.outer.under(address.here()),
            None => address,
        }
    }

    /// Where the noise of a choice stands in this graph; `None` where a sampler draws it.
    pub(super) fn own_address(&self, address: u128) -> Option<u128> {
        match &self.embedded {
            None => Some(address),
            Some(inside) if inside.places.contains_key(&(address, 0)) => None,
            Some(inside) => Some(inside.outer.under(address).here()),
        }
    }

    /// The noise of a draw of a program that runs inside another one.
    pub(super) fn noise_inside(
        &mut self,
        addresses: &[u128],
        each: usize,
        law: &dyn Describe,
        shape: Shape,
        span: Span,
    ) -> Result<Noise> {
        let mut pieces = Vec::with_capacity(addresses.len());
        let mut coordinates = Vec::with_capacity(shape.len());
        for &address in addresses {
            let piece = self.piece_inside(address, each, law, span)?;
            pieces.push(piece.value);
            coordinates.extend(piece.coordinates);
        }
        let value = match pieces.len() {
            1 => pieces.remove(0).reshaped(shape),
            _ => self.pack(&pieces, shape, Kind::Real, span),
        };
        Ok(Noise { value, coordinates })
    }

    fn piece_inside(
        &mut self,
        address: u128,
        each: usize,
        law: &dyn Describe,
        span: Span,
    ) -> Result<Noise> {
        let inside = self.embedded.as_ref().expect("only called inside");
        let learned: Vec<Option<u32>> = (0..each)
            .map(|k| inside.places.get(&(address, k)).copied())
            .collect();
        let (noise, own) = (inside.noise.clone(), inside.outer.under(address).here());
        let places: Option<Vec<u32>> = learned.iter().copied().collect();
        if let Some(places) = places {
            return Ok(Noise {
                value: self.pick(&noise, places, Shape::vector(each), span),
                coordinates: vec![None; each],
            });
        }
        let mut fresh = self.noise_at(vec![own], each, law, Shape::vector(each), span)?;
        if learned.iter().any(Option::is_some) {
            let one = |(k, place): (usize, &Option<u32>)| match place {
                Some(place) => self.pick(&noise, vec![*place], Shape::scalar(), span),
                None => self.pick(&fresh.value, vec![k as u32], Shape::scalar(), span),
            };
            let parts: Vec<Tensor> = learned.iter().enumerate().map(one).collect();
            fresh.value = self.pack(&parts, Shape::vector(each), Kind::Real, span);
            let all = fresh.coordinates.iter_mut().zip(&learned);
            all.filter(|(_, place)| place.is_some())
                .for_each(|(c, _)| *c = None);
        }
        Ok(fresh)
    }

    /// Every named site of the file, where a program returns nothing.
    fn sites_as_record(&mut self) -> Value {
        let mut fields: Vec<(String, Value)> = Vec::new();
        for site in std::mem::take(&mut self.sites) {
            match fields.iter_mut().find(|(name, _)| *name == site.name) {
                Some(field) => field.1 = site.value,
                None => fields.push((site.name, site.value)),
            }
        }
        Value::Record(Arc::new(fields))
    }
}

/// One part of a call's address: each call in the text draws anew.
fn tag(span: Span) -> u64 {
    u64::from(span.start) << 16 ^ 0x706f_7374_6572
}

/// What went wrong in a text that is not at hand, at the call.
fn inside(error: &TraceError, posterior: &Posterior, span: Span) -> TraceError {
    let message = format!(
        "in the program of `{}`: {}",
        posterior.file, error.report.message
    );
    TraceError {
        class: error.class,
        ..TraceError::model("odp::trace::posterior", message, span, "drawn here")
    }
}
