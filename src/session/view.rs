//! The noise graph as it is shown to a person.

use std::collections::HashMap;

use super::graph::{GraphNode, GraphView, NodeKind};
use crate::ir::Op;
use crate::lower::Lowered;
use crate::trace::{NodeId, TermKind};

/// The graph's nodes that lead to a weight or an output, and what reads what.
pub(super) fn view(name: &str, lowered: &Lowered) -> GraphView {
    let graph = &lowered.graph;
    let terms = graph
        .terms
        .iter()
        .flat_map(|t| [Some(t.node), t.mask].into_iter().flatten());
    let outputs = lowered.pushforward.nodes();
    let needed = graph.ancestors(terms.chain(outputs.iter().map(|(_, id)| *id)));
    let sites: HashMap<NodeId, &crate::trace::NoiseSite> =
        graph.sites.iter().map(|s| (s.value, s)).collect();
    let mut view = GraphView {
        name: name.to_string(),
        ..GraphView::default()
    };
    let mut places: HashMap<NodeId, usize> = HashMap::new();
    for id in graph.ids().filter(|id| needed[id.index()]) {
        let node = graph.node(id);
        // Noise is part of the site that reads it.
        if matches!(node.op, Op::Noise { .. }) {
            continue;
        }
        let (label, kind) = match (sites.get(&id), &node.op) {
            (Some(site), op) => (
                format!(
                    "{} ~ {}{}",
                    site.name,
                    law_name(op),
                    shape_text(&node.shape)
                ),
                if site.discrete {
                    NodeKind::Discrete
                } else {
                    NodeKind::Continuous
                },
            ),
            (None, Op::Const(v)) if v.len() == 1 => (format!("{}", v[0]), NodeKind::Data),
            (None, Op::Const(_)) => (format!("known {}", node.shape), NodeKind::Data),
            (None, op) => (
                format!("{}{}", op_name(op), shape_text(&node.shape)),
                NodeKind::Computed,
            ),
        };
        let at = view.nodes.len();
        view.nodes.push(GraphNode { label, kind });
        places.insert(id, at);
        view.edges
            .extend(node.args.iter().filter_map(|a| Some((*places.get(a)?, at))));
    }
    for term in &graph.terms {
        let label = match term.kind {
            TermKind::Observe => "observe",
            TermKind::Factor => "factor",
            TermKind::Condition => "condition",
            TermKind::Improper => "improper",
            TermKind::Fault => "fault",
            TermKind::Failure => "failure",
        };
        leaf(
            &mut view,
            label.to_string(),
            NodeKind::Weight,
            [Some(term.node), term.mask].into_iter().flatten(),
            &places,
        );
    }
    for (output, id) in outputs {
        leaf(&mut view, output, NodeKind::Output, [id], &places);
    }
    view
}

fn leaf(
    view: &mut GraphView,
    label: String,
    kind: NodeKind,
    reads: impl IntoIterator<Item = NodeId>,
    places: &HashMap<NodeId, usize>,
) {
    let at = view.nodes.len();
    view.nodes.push(GraphNode { label, kind });
    view.edges.extend(
        reads
            .into_iter()
            .filter_map(|id| Some((*places.get(&id)?, at))),
    );
}

fn shape_text(shape: &crate::base::Shape) -> String {
    if shape.rank() == 0 {
        String::new()
    } else {
        shape.to_string()
    }
}

fn law_name(op: &Op) -> String {
    match op {
        Op::Transport(law) => law.label(),
        Op::ArrayTransport(law) => crate::dist::Describe::name(law.dist).to_string(),
        _ => "noise".to_string(),
    }
}

fn op_name(op: &Op) -> String {
    match op {
        Op::Unary(f) => format!("{f:?}").to_lowercase(),
        Op::Binary(f) => format!("{f:?}").to_lowercase(),
        Op::Reduce(f, _) => format!("{f:?}").to_lowercase(),
        Op::Scan(f, _) => format!("{f:?}").to_lowercase(),
        Op::LogDensitySum(law, _) | Op::LogDensity(law) => {
            format!("log density of {}", law.label())
        }
        Op::ArrayLogDensity(law) => {
            format!("log density of {}", crate::dist::Describe::name(law.dist))
        }
        Op::LawFn(law, f) => format!("{f:?} of {}", law.label()),
        Op::MatMul { .. } => "@".to_string(),
        other => {
            let text = format!("{other:?}").to_lowercase();
            text.split(|c: char| !c.is_alphabetic())
                .next()
                .unwrap_or_default()
                .to_string()
        }
    }
}
