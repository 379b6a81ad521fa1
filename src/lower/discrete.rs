//! The laws of discrete sites: what is asked of them when their values are given.

use crate::base::Span;
use crate::ir::{BinaryFn, Op};
use crate::trace::{NodeId, NoiseGraph};

/// The law of a discrete site.
pub(super) struct DiscreteLaw {
    op: Op,
    params: Vec<NodeId>,
}

impl DiscreteLaw {
    /// The law that draws a node's value, if one does.
    pub(super) fn of(graph: &NoiseGraph, value: NodeId) -> Option<DiscreteLaw> {
        let node = graph.node(value);
        match &node.op {
            op @ (Op::Transport(_) | Op::ArrayTransport(_)) => {
                let params = node.args[..node.args.len() - 1].to_vec();
                Some(DiscreteLaw {
                    op: op.clone(),
                    params,
                })
            }
            _ => None,
        }
    }

    /// Adds log p(k), and the noise at the lower and upper edge of k's cell.
    pub(super) fn scores(
        &self,
        graph: &mut NoiseGraph,
        value: NodeId,
        span: Span,
    ) -> (NodeId, NodeId, NodeId) {
        let (score, edge) = match &self.op {
            Op::Transport(law) => (Op::LogDensity(law.clone()), Op::CellEdge(law.clone())),
            Op::ArrayTransport(law) => (
                Op::ArrayLogDensity(law.clone()),
                Op::ArrayCellEdge(law.clone()),
            ),
            _ => unreachable!("only transports become discrete laws"),
        };
        let shape = graph.node(value).shape.clone();
        let one = graph.constant_node([1.0].into(), crate::base::Shape::scalar(), span);
        let below = graph.add(
            Op::Binary(BinaryFn::Sub),
            vec![value, one],
            shape.clone(),
            span,
        );
        let with = |x: NodeId| self.params.iter().copied().chain([x]).collect::<Vec<_>>();
        let log_p = graph.add(score, with(value), shape.clone(), span);
        let low = graph.add(edge.clone(), with(below), shape.clone(), span);
        let high = graph.add(edge, with(value), shape, span);
        (log_p, low, high)
    }
}

/// More values than this are not counted one by one.
const MANY_VALUES: i64 = 1 << 20;

/// Smallest value of a discrete site, and the number of its values where it is finite and known.
pub(super) fn range(graph: &NoiseGraph, value: NodeId) -> (i64, Option<usize>) {
    let lowest = graph.lowest(value);
    let n = graph
        .highest(value)
        .zip(lowest)
        .and_then(|(high, low)| high.checked_sub(low))
        .filter(|n| (0..MANY_VALUES).contains(n));
    (lowest.unwrap_or(0), n.map(|n| n as usize + 1))
}
