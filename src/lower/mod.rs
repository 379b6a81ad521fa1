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

use std::collections::HashMap;
use std::sync::Arc;

use crate::trace::{NodeId, NoiseGraph, TermKind, Traced};
use tape::Tape;

/// A program as functions of its noise.
pub struct Lowered {
    /// Number of noise coordinates.
    pub dim: usize,
    /// The independent components of the log-weight.
    pub components: Vec<Arc<Component>>,
    /// Log-weight that no noise reaches.
    pub constant: f64,
    /// The first term of those that ends every execution: its index, and its weight (−∞, or NaN where it fails).
    pub ends: Option<(usize, f64)>,
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
    let constants = constant_weights(&graph, &parts.constant);
    let constant = constants.iter().sum::<f64>() + parts.offset;
    let weighed = parts.constant.iter().copied().zip(constants);
    let ends = weighed.into_iter().find(|(_, weight)| !weight.is_finite());
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
        ends,
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

/// The log-weights of terms that no noise reaches. Elements of arrays whose others depend on chance are known too, but are
/// no constants of the graph: they are computed, at the median of all noise.
fn constant_weights(graph: &NoiseGraph, terms: &[usize]) -> Vec<f64> {
    let operands = |t: &usize| [Some(graph.terms[*t].node), graph.terms[*t].mask];
    let mut roots: Vec<NodeId> = terms.iter().flat_map(operands).flatten().collect();
    roots.sort_unstable();
    roots.dedup();
    let tape = Tape::new(graph, &roots, graph.dim, |c| c, &HashMap::new());
    let mut block = tape::Block::default();
    tape.run_lanes(&vec![0.0; graph.dim], 1, &mut block);
    let scalar = |id: NodeId| {
        let root = roots.binary_search(&id).expect("an operand is a root");
        tape.value(&block, root, 0, 0)
    };
    let weigh = |t: &usize| {
        let term = &graph.terms[*t];
        match term.mask.is_some_and(|m| scalar(m) == 0.0) {
            true => 0.0,
            false => constant_weight(term.kind, scalar(term.node)),
        }
    };
    terms.iter().map(weigh).collect()
}

fn constant_weight(kind: TermKind, x: f64) -> f64 {
    match (kind, x == 0.0) {
        (TermKind::Condition, true) => f64::NEG_INFINITY,
        (TermKind::Condition, false) | (TermKind::Fault | TermKind::Failure, true) => 0.0,
        (TermKind::Fault | TermKind::Failure, false) => f64::NAN,
        _ => x,
    }
}
