//! `tables`: the transport of a law whose shape is known is looked up.

use crate::ir::{Law, Op, Tabled};
use crate::trace::{NodeId, NoiseGraph};

/// The operation as it should run. Equal laws of one graph share their table, the last that was made.
pub(super) fn looked_up(graph: &NoiseGraph, op: Op, args: &[NodeId], last: &mut Vec<Law>) -> Op {
    let Op::Transport(law) = &op else { return op };
    let known = |i: usize| match graph.constant(args[i]).map(|x| &x[..]) {
        Some([first, rest @ ..]) if rest.iter().all(|x| x == first) => Some(*first),
        _ => None,
    };
    let Some(tabled) = Tabled::of(law, known) else {
        return op;
    };
    let tabled = Law::Tabled(tabled);
    if let Some(shared) = last.iter().find(|l| **l == tabled) {
        return Op::Transport(shared.clone());
    }
    last.push(tabled.clone());
    Op::Transport(tabled)
}
