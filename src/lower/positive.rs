//! What a graph shows to be at least 0, whatever the noise.

use crate::dist::Univariate;
use crate::ir::{BinaryFn, Law, Op, UnaryFn};
use crate::trace::{NodeId, NoiseGraph};

/// How many operations back the question is followed.
const DEPTH: usize = 12;

/// Whether no element of a node is ever negative.
pub(super) fn is_positive(graph: &NoiseGraph, id: NodeId) -> bool {
    within(graph, id, DEPTH)
}

fn within(graph: &NoiseGraph, id: NodeId, depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let node = graph.node(id);
    let at = |i: usize| within(graph, node.args[i], depth);
    match &node.op {
        Op::Const(values) => values.iter().all(|x| *x >= 0.0),
        Op::Unary(f) => match f {
            UnaryFn::Exp | UnaryFn::Sqrt | UnaryFn::Abs | UnaryFn::Square => true,
            UnaryFn::InvLogit | UnaryFn::Softplus | UnaryFn::Phi => true,
            UnaryFn::Fixed | UnaryFn::Cbrt => at(0),
            _ => false,
        },
        Op::Binary(BinaryFn::Add | BinaryFn::Mul | BinaryFn::Div | BinaryFn::Min) => at(0) && at(1),
        Op::Binary(BinaryFn::Max) => at(0) || at(1),
        Op::Binary(BinaryFn::Pow) => at(0),
        Op::Take(_) | Op::Gather { .. } | Op::Reduce(..) => at(0),
        Op::Select => at(1) && at(2),
        Op::Pack => (0..node.args.len()).all(at),
        Op::Transport(law) => starts_at_zero(graph, law, &node.args),
        _ => false,
    }
}

/// Whether a law has no negative values: by its parameters where they are known, whatever they are otherwise.
fn starts_at_zero(graph: &NoiseGraph, law: &Law, args: &[NodeId]) -> bool {
    let parameters = &args[..args.len() - 1];
    [1.0, 0.5].iter().all(|unknown| {
        let known = |id: &NodeId| graph.constant(*id).map_or(*unknown, |values| values[0]);
        let p: Vec<f64> = parameters.iter().map(known).collect();
        let all_known = parameters.iter().all(|id| {
            let known = graph.constant(*id);
            known.is_some_and(|values| values.len() == 1)
        });
        let lower = law.support(&p).0;
        lower == 0.0 || (all_known && lower > 0.0)
    })
}
