//! Noise graph to functions: f(z) for the outputs, and log r(z) for each independent component.

mod adjoint;
mod arms;
mod beyond;
mod blame;
mod centre;
mod collapsed;
mod component;
mod conjugate;
mod discrete;
mod family;
mod fill;
mod gaussian;
mod gradient;
mod guard;
mod inner;
mod left;
mod margin;
mod marginal;
mod overflow;
mod passes;
mod pointwise;
mod positive;
mod probes;
mod pushforward;
mod quadratic;
mod related;
mod roll;
mod singles;
mod smooth;
mod split;
mod stretch;
mod tape;
mod target;

pub use centre::Centred;
pub use component::Component;
pub use inner::{Inner, Marginalize};
#[cfg(test)]
pub use left::WithoutSome;
pub use overflow::Overflow;
pub use passes::{PASSES, Passes};
pub use pointwise::{Pointwise, Scores};
pub use pushforward::Pushforward;
pub use related::{Block, Related, Relations};
pub use stretch::Stretch;
pub use target::{DiscreteSite, Jump, Structure, Target};

use std::sync::Arc;

use crate::trace::{NoiseGraph, TermKind, Traced};

/// A program as functions of its noise.
pub struct Lowered {
    /// Number of noise coordinates.
    pub dim: usize,
    /// The independent components of the log-weight.
    pub components: Vec<Arc<Component>>,
    /// Log-weight that no noise reaches.
    pub constant: f64,
    /// The outputs.
    pub pushforward: Pushforward,
    /// Whether log Z is up to a constant.
    pub improper: bool,
    /// The graph, for printing.
    pub graph: Arc<NoiseGraph>,
    /// What the program printed while it was traced.
    pub printed: Vec<String>,
    /// What the program returned, as the language writes it, where it is known.
    pub result: Option<String>,
}

/// Lowers a traced program. `overflow` goes on where unrolling ends; where `joint`, the log-weight is not taken apart.
pub fn lower(traced: Traced, overflow: Overflow, passes: Passes, joint: bool) -> Lowered {
    let mut graph = traced.graph;
    let grain = match (joint, passes.has("split")) {
        (true, _) => split::Grain::Joint,
        (_, false) => split::Grain::Coarse,
        (_, true) => split::Grain::Fine,
    };
    let parts = split::split(&graph, grain);
    let constants = parts.constant.iter().map(|&t| constant_weight(&graph, t));
    let constant = constants.sum::<f64>() + parts.offset;
    let beyond = graph.overflow.is_some().then(|| overflow.clone());
    let mut components: Vec<Component> = match &parts.components[..] {
        [one] if parts.whole => {
            let terms: Vec<usize> = one.shares.iter().map(|s| s.term).collect();
            let coordinates = one.coordinates.clone();
            let mut whole = Component::new(&mut graph, coordinates, &terms, beyond.clone(), passes);
            whole.seek(&graph, &terms, passes);
            vec![whole]
        }
        several => {
            let alone = several.iter().map(|p| narrowed(&graph, p, passes));
            alone.collect()
        }
    };
    let graph = Arc::new(graph);
    let program = related::Program::new(graph.clone());
    components.iter_mut().for_each(|c| c.relate(&program));
    let components: Vec<Arc<Component>> = components.into_iter().map(Arc::new).collect();
    let beyond = beyond.zip(components.first().cloned()).map(|(o, c)| (c, o));
    let pushforward = Pushforward::new(&graph, traced.outputs, beyond);
    Lowered {
        dim: graph.dim,
        components,
        constant,
        pushforward,
        improper: graph.improper,
        graph,
        printed: traced.printed,
        result: traced.result,
    }
}

/// One of several components, lowered from a graph of its own.
fn narrowed(graph: &NoiseGraph, part: &split::Part, passes: Passes) -> Component {
    let (mut own, kept) = split::narrow(graph, part);
    let terms: Vec<usize> = (0..own.terms.len()).collect();
    let columns = (0..own.dim).collect();
    let of = |all: &Vec<usize>| kept.iter().map(|k| all[*k]).collect();
    let mut component = Component::new(&mut own, columns, &terms, None, passes);
    component.seek(&own, &terms, passes);
    component.coordinates = of(&part.coordinates);
    component.copies = part.copies.iter().map(of).collect();
    component
}

/// A term whose operands are known.
fn constant_weight(graph: &NoiseGraph, t: usize) -> f64 {
    let term = &graph.terms[t];
    let scalar = |id| graph.constant(id).map_or(f64::NAN, |v| v[0]);
    if term.mask.is_some_and(|m| scalar(m) == 0.0) {
        return 0.0;
    }
    let x = scalar(term.node);
    match term.kind {
        TermKind::Condition => {
            if x == 0.0 {
                f64::NEG_INFINITY
            } else {
                0.0
            }
        }
        TermKind::Fault | TermKind::Failure => {
            if x == 0.0 {
                0.0
            } else {
                f64::NAN
            }
        }
        _ => x,
    }
}
