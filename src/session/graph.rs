//! The noise graph for people: DOT, and a drawing of it as SVG.
//!
//! The drawing is layered: a node stands below everything that it reads, and each layer is ordered by where its
//! neighbours stand (the barycentre heuristic).
//!
//! # Source
//! Sugiyama, Tagawa & Toda 1981, without the splitting of long edges.

use std::fmt::Write;

/// What a node of the graph is; decides its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// Given.
    Data,
    /// A continuous `sample`.
    Continuous,
    /// A discrete `sample`.
    Discrete,
    /// Computed from others.
    Computed,
    /// An `observe`, `factor` or `condition`.
    Weight,
    /// An output.
    Output,
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// A few words: `mu ~ Normal`.
    pub label: String,
    /// What it is.
    pub kind: NodeKind,
}

/// A graph without cycles: an edge `(a, b)` says that b reads a.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphView {
    /// The program's name.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<GraphNode>,
    /// The edges, between indices of nodes.
    pub edges: Vec<(usize, usize)>,
}

impl GraphView {
    /// The graph in Graphviz's language.
    pub fn dot(&self) -> String {
        let mut out = format!(
            "digraph \"{}\" {{\n",
            escaped(&self.name, &[('\\', "\\\\"), ('"', "\\\"")])
        );
        out.push_str("  node [fontname=\"sans-serif\", fontsize=11];\n");
        for (i, node) in self.nodes.iter().enumerate() {
            let label = escaped(&node.label, &[('\\', "\\\\"), ('"', "\\\""), ('\n', "\\n")]);
            let _ = writeln!(
                out,
                "  n{i} [label=\"{label}\", {}];",
                node.kind.dot_style()
            );
        }
        for (a, b) in &self.edges {
            let _ = writeln!(out, "  n{a} -> n{b};");
        }
        out.push_str("}\n");
        out
    }

    /// The graph as a drawing that needs nothing else.
    pub fn svg(&self) -> String {
        let layers = self.layers();
        let boxes = self.boxes(&layers);
        let right = boxes
            .iter()
            .map(|b| b.x + b.width / 2.0)
            .fold(0.0, f64::max)
            + MARGIN;
        let bottom = boxes.iter().map(|b| b.y + HEIGHT / 2.0).fold(0.0, f64::max) + MARGIN;
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {right:.0} {bottom:.0}\" width=\"{right:.0}\" height=\"{bottom:.0}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\">\
             <path d=\"M0 0 8 4 0 8z\" fill=\"#777\"/></marker></defs>\n"
        );
        for &(a, b) in &self.edges {
            let (from, to) = (&boxes[a], &boxes[b]);
            let (y0, y1) = (from.y + HEIGHT / 2.0, to.y - HEIGHT / 2.0);
            let bend = (y1 - y0) / 2.0;
            let _ = writeln!(
                out,
                "<path d=\"M{:.1} {y0:.1}C{:.1} {:.1} {:.1} {:.1} {:.1} {y1:.1}\" fill=\"none\" stroke=\"#777\" marker-end=\"url(#tip)\"/>",
                from.x,
                from.x,
                y0 + bend,
                to.x,
                y1 - bend,
                to.x
            );
        }
        for (node, b) in self.nodes.iter().zip(&boxes) {
            let _ = writeln!(out, "{}", node.svg(b));
        }
        out.push_str("</svg>\n");
        out
    }

    /// Nodes by layer: each below all that it reads.
    fn layers(&self) -> Vec<Vec<usize>> {
        let mut depth = vec![0usize; self.nodes.len()];
        // Longest paths: at most one round per layer, and a last one in which nothing moves.
        for _ in 0..self.nodes.len() {
            let mut moved = false;
            for &(a, b) in &self.edges {
                if depth[b] <= depth[a] {
                    depth[b] = depth[a] + 1;
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        let mut layers = vec![Vec::new(); depth.iter().max().map_or(0, |d| d + 1)];
        depth
            .iter()
            .enumerate()
            .for_each(|(node, &d)| layers[d].push(node));
        for _ in 0..4 {
            self.order_by_neighbours(&mut layers);
        }
        layers
    }

    fn order_by_neighbours(&self, layers: &mut [Vec<usize>]) {
        let mut place = vec![0.0; self.nodes.len()];
        let mut neighbours = vec![Vec::new(); self.nodes.len()];
        for &(a, b) in &self.edges {
            neighbours[a].push(b);
            neighbours[b].push(a);
        }
        let spread = |layer: &[usize], place: &mut Vec<f64>| {
            layer
                .iter()
                .enumerate()
                .for_each(|(i, &n)| place[n] = (i as f64 + 0.5) / layer.len() as f64);
        };
        layers.iter().for_each(|layer| spread(layer, &mut place));
        for layer in layers {
            let mean = |n: &usize| match neighbours[*n].len() {
                0 => place[*n],
                k => neighbours[*n].iter().map(|&m| place[m]).sum::<f64>() / k as f64,
            };
            let mut keyed: Vec<(f64, usize)> = layer.iter().map(|n| (mean(n), *n)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            *layer = keyed.into_iter().map(|(_, n)| n).collect();
            spread(layer, &mut place);
        }
    }

    fn boxes(&self, layers: &[Vec<usize>]) -> Vec<Box2> {
        let width = |n: &usize| 7.0 * self.nodes[*n].label.chars().count() as f64 + 24.0;
        let total =
            |layer: &Vec<usize>| layer.iter().map(width).sum::<f64>() + GAP * layer.len() as f64;
        let widest = layers.iter().map(total).fold(0.0, f64::max);
        let mut boxes = vec![Box2::default(); self.nodes.len()];
        for (row, layer) in layers.iter().enumerate() {
            let mut left = MARGIN + (widest - total(layer)) / 2.0;
            for n in layer {
                let y = MARGIN + HEIGHT / 2.0 + row as f64 * (HEIGHT + 44.0);
                boxes[*n] = Box2 {
                    x: left + (width(n) + GAP) / 2.0,
                    y,
                    width: width(n),
                };
                left += width(n) + GAP;
            }
        }
        boxes
    }
}

const HEIGHT: f64 = 28.0;
const GAP: f64 = 18.0;
const MARGIN: f64 = 16.0;

/// A node's place: its middle, and its width.
#[derive(Clone, Copy, Debug, Default)]
struct Box2 {
    x: f64,
    y: f64,
    width: f64,
}

impl GraphNode {
    fn svg(&self, b: &Box2) -> String {
        let label = escaped(
            &self.label,
            &[
                ('&', "&amp;"),
                ('<', "&lt;"),
                ('>', "&gt;"),
                ('"', "&quot;"),
            ],
        );
        let (fill, round) = match self.kind {
            NodeKind::Data => ("#e8e8e8", 0.0),
            NodeKind::Continuous => ("#dcebff", HEIGHT / 2.0),
            NodeKind::Discrete => ("#ffe9cc", HEIGHT / 2.0),
            NodeKind::Computed => ("#ffffff", 4.0),
            NodeKind::Weight => ("#ffd9d9", 0.0),
            NodeKind::Output => ("#ddf3dd", 4.0),
        };
        let (x, y) = (b.x - b.width / 2.0, b.y - HEIGHT / 2.0);
        format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{HEIGHT}\" rx=\"{round}\" fill=\"{fill}\" stroke=\"#555\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>",
            b.width,
            b.x,
            b.y + 4.0
        )
    }
}

impl NodeKind {
    fn dot_style(self) -> &'static str {
        match self {
            NodeKind::Data => "shape=box, style=filled, fillcolor=\"#e8e8e8\"",
            NodeKind::Continuous => "shape=ellipse, style=filled, fillcolor=\"#dcebff\"",
            NodeKind::Discrete => "shape=ellipse, style=filled, fillcolor=\"#ffe9cc\"",
            NodeKind::Computed => "shape=box, style=rounded",
            NodeKind::Weight => "shape=box, style=filled, fillcolor=\"#ffd9d9\"",
            NodeKind::Output => "shape=box, style=\"rounded,filled\", fillcolor=\"#ddf3dd\"",
        }
    }
}

fn escaped(text: &str, rules: &[(char, &str)]) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match rules.iter().find(|(from, _)| *from == c) {
            Some((_, to)) => out.push_str(to),
            None => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph() -> GraphView {
        let node = |label: &str, kind| GraphNode {
            label: label.to_string(),
            kind,
        };
        GraphView {
            name: "m\"".into(),
            nodes: vec![
                node("mu ~ Normal", NodeKind::Continuous),
                node("a < b", NodeKind::Computed),
                node("observe y", NodeKind::Weight),
            ],
            edges: vec![(0, 1), (1, 2), (0, 2)],
        }
    }

    #[test]
    fn every_node_stands_below_what_it_reads() {
        assert_eq!(graph().layers(), [[0], [1], [2]]);
        let empty = GraphView::default();
        assert!(empty.svg().contains("</svg>") && empty.layers().is_empty());
    }

    #[test]
    fn labels_are_escaped() {
        assert!(graph().svg().contains("a &lt; b"));
        assert!(
            graph().dot().starts_with("digraph \"m\\\"\" {\n")
                && graph().dot().contains("n0 -> n2;")
        );
    }
}
