//! A component whose coordinates are latent values in the place of their noise.
//!
//! ```text
//! x = a + b·e,  e ~ N(0, 1),  a or b > 0 drawn:    x = x₀ + s₀·w,   e = (x − a) / b
//! N(e; 0, 1) r de  =  N(w; 0, 1) r' dw,            log r' = log r + ½ w² − ½ e² − log b + log s₀
//! ```
//! The same program with the same log Z: only the coordinates differ. Where data settle x, and a and b are still open, e is driven
//! by both of these; x is not. Where data say little it is the other way round. Which values are moved is decided by draws: for an
//! independent Gaussian coordinate the variance of its draws times the mean square of its score is 1, and more for any other.
//!
//! # Source
//! Papaspiliopoulos, Roberts & Sköld 2007 (centred and non-centred); Gorinova, Moore & Hoffman 2020 (chosen by a machine); the
//! product of the two moments: the diagonal Fisher divergence that `nuts-rs` fits its metric by.

use std::collections::HashSet;
use std::sync::Arc;

use super::component::Component;
use super::positive::is_positive;
use super::related::Program;
use super::roll::roll;
use super::tape::{Block, Tape};
use super::target::Target;
use super::{Passes, quadratic};
use crate::base::{Shape, Span};
use crate::compute::special::HALF_LN_2PI;
use crate::dist::{self, Distribution};
use crate::ir::{Axis, BinaryFn, Law, Op, ReduceFn, UnaryFn};
use crate::trace::{NodeId, NoiseGraph, Term};

/// Operations of a graph above which it is not kept for this.
const MOST_NODES: usize = 200_000;
/// Draws that the choice is made by.
const PILOT: usize = 400;

/// The latent values of a component that can take their noise's place, and what they are computed by.
#[derive(Debug)]
pub(super) struct Latent {
    graph: NoiseGraph,
    terms: Vec<usize>,
    /// The program's coordinates that are `0..dim`.
    coordinates: Vec<usize>,
    values: Vec<Value>,
    passes: Passes,
}

/// An array whose elements are affine in one coordinate each.
#[derive(Clone, Debug)]
struct Value {
    node: NodeId,
    /// Whose elements the coordinates are, and which element of it each.
    noise: NodeId,
    elements: Vec<u32>,
    /// From the noise to the value.
    steps: Vec<Step>,
}

/// One operation on the way from noise to a value.
#[derive(Clone, Debug)]
enum Step {
    Plus(Operand),
    Minus(Operand),
    MinusFrom(Operand),
    Times(Operand),
    Over(Operand),
    Negated,
    /// The transport of a normal law: mean and scale.
    Normal(Operand, Operand),
}

/// What a step reads beside the value: a node, or some of its elements.
#[derive(Clone, Debug)]
struct Operand {
    node: NodeId,
    picked: Option<Arc<[u32]>>,
}

/// A component over latent values.
pub struct Centred {
    target: Component,
    /// The values from noise, and the noise from coordinates here.
    values: Tape,
    noise: Tape,
    moved: Vec<Moved>,
}

/// What the weights of coordinates that are latent values stand beside.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Base {
    /// N(w; 0, 1).
    Gaussian,
    /// Lebesgue's measure, over √(2π).
    Lebesgue,
}

/// A coordinate that is a latent value here: x₀ + s₀·w.
#[derive(Clone, Copy, Debug)]
struct Moved {
    column: usize,
    /// Where its value is among the values, and its noise among the noises.
    value: (usize, usize),
    noise: (usize, usize),
    middle: f64,
    scale: f64,
}

impl Latent {
    /// What there is of it in the graph of some terms; `None` where there is nothing.
    pub fn of(
        graph: &NoiseGraph,
        coordinates: &[usize],
        terms: &[usize],
        passes: Passes,
    ) -> Option<Latent> {
        if graph.overflow.is_some() || graph.len() > MOST_NODES || !coordinates.is_sorted() {
            return None;
        }
        let values = Chains::new(graph, terms).values();
        (!values.is_empty()).then(|| Latent {
            graph: graph.clone(),
            terms: terms.to_vec(),
            coordinates: coordinates.to_vec(),
            values,
            passes,
        })
    }

    /// The component over those values that draws `z: [n, dim]` of `whole` say should be moved; `None` where they are none.
    pub fn centred(&self, whole: &Component, z: &[f64], limit: f64) -> Option<Centred> {
        let dim = self.coordinates.len();
        let (n, rows) = (z.len() / dim, PILOT);
        let z: Vec<f64> = (0..rows.min(n))
            .flat_map(|i| &z[i * n / rows.min(n) * dim..][..dim])
            .copied()
            .collect();
        let moved = self.moved(&z);
        if moved.is_empty() {
            return None;
        }
        let all = self.over(&moved, Base::Gaussian);
        let mut w = z.clone();
        w.chunks_exact_mut(dim).for_each(|row| all.enter(row));
        let (before, after) = (spread(whole, &z), spread(&all.target, &w));
        let chosen: Vec<Moved> = moved
            .into_iter()
            .filter(|m| after[m.column] < limit * before[m.column])
            .collect();
        match chosen.len() {
            0 => None,
            n if n == all.moved.len() => Some(all),
            _ => Some(self.over(&chosen, Base::Gaussian)),
        }
    }

    /// The values that are affine in the coordinates `inner` of their noise, given all others, in its place: x = w, by Lebesgue's
    /// measure instead of N(w; 0, 1), and ½ log 2π more for each. `None` where there are none.
    pub fn in_place_of(&self, inner: &[usize]) -> Option<Centred> {
        let column = |c: usize| self.coordinates.binary_search(&c).ok();
        let needed = quadratic::needed(&self.graph, &self.terms);
        let is_inner = |id: &NodeId| match self.graph.node(*id).op {
            Op::Noise { first } => column(first).is_some_and(|c| inner.contains(&c)),
            _ => false,
        };
        let noise: HashSet<NodeId> = needed.iter().copied().filter(is_inner).collect();
        let degree = quadratic::degrees(&self.graph, &needed, &noise);
        let mut moved = Vec::new();
        for (k, value) in self.values.iter().enumerate() {
            let affine = degree[value.node.index()] == 1;
            let columns = value.coordinates(&self.graph).map(column).enumerate();
            let own = columns.filter_map(|(i, c)| Some((i, c.filter(|_| affine)?)));
            moved.extend(own.map(|(i, column)| Moved {
                column,
                value: (k, i),
                noise: (0, 0),
                middle: 0.0,
                scale: 1.0,
            }));
        }
        moved.retain(|m| inner.binary_search(&m.column).is_ok());
        (!moved.is_empty()).then(|| self.over(&moved, Base::Lebesgue))
    }

    /// All of them, with the means and standard deviations of the values at some noise.
    fn moved(&self, z: &[f64]) -> Vec<Moved> {
        let tape = self.values_tape();
        let dim = self.coordinates.len();
        let mut block = Block::default();
        let mut seen: Vec<Vec<f64>> = Vec::new();
        for row in z.chunks_exact(dim) {
            tape.run_lanes(row, 1, &mut block);
            let each = self.values.iter().enumerate();
            let values = each.flat_map(|(k, v)| (0..v.elements.len()).map(move |i| (k, i)));
            seen.push(values.map(|(k, i)| tape.value(&block, k, i, 0)).collect());
        }
        let mut moved = Vec::new();
        let mut at = 0;
        for (k, value) in self.values.iter().enumerate() {
            for (i, coordinate) in value.coordinates(&self.graph).enumerate() {
                let column: Vec<f64> = seen.iter().map(|row| row[at]).collect();
                at += 1;
                let (middle, scale) = crate::draws::mean_sd(&column, None);
                let own = self.coordinates.binary_search(&coordinate);
                if let (Ok(column), true) = (own, scale.is_normal() && middle.is_finite()) {
                    moved.push(Moved {
                        column,
                        value: (k, i),
                        noise: (0, 0),
                        middle,
                        scale,
                    });
                }
            }
        }
        moved
    }

    fn values_tape(&self) -> Tape {
        let roots: Vec<NodeId> = self.values.iter().map(|v| v.node).collect();
        self.tape(&self.graph, &roots)
    }

    fn tape(&self, graph: &NoiseGraph, roots: &[NodeId]) -> Tape {
        let column = |c: usize| {
            let own = self.coordinates.binary_search(&c);
            own.expect("a component reads its own coordinates")
        };
        Tape::new(
            graph,
            roots,
            self.coordinates.len(),
            column,
            &Default::default(),
        )
    }

    /// The component over some of the values.
    fn over(&self, moved: &[Moved], base: Base) -> Centred {
        let mut rewriting = Rewriting {
            latent: self,
            base,
            graph: NoiseGraph::with_room(self.graph.len()),
            places: vec![None; self.graph.len()],
            noises: Vec::new(),
            corrections: Vec::new(),
            known: 0.0,
        };
        let moved = rewriting.run(moved);
        let Rewriting {
            mut graph, noises, ..
        } = rewriting;
        graph.dim = self.graph.dim;
        let noise = self.tape(&graph, &noises);
        roll(&mut graph);
        let terms: Vec<usize> = (0..graph.terms.len()).collect();
        let coordinates = self.coordinates.clone();
        let mut target = Component::new(&mut graph, coordinates, &terms, None, self.passes);
        target.relate(&Program::new(Arc::new(graph)));
        Centred {
            target,
            values: self.values_tape(),
            noise,
            moved,
        }
    }
}

/// For each coordinate, the variance of draws times the mean square of their score.
fn spread(target: &dyn Target, z: &[f64]) -> Vec<f64> {
    let dim = target.dim();
    let n = z.len() / dim;
    let (mut log_r, mut gradient) = (vec![0.0; n], vec![0.0; z.len()]);
    target.log_r_gradient(z, &mut log_r, &mut gradient);
    let column = |j: usize| {
        let own: Vec<f64> = z.iter().skip(j).step_by(dim).copied().collect();
        let sd = crate::draws::mean_sd(&own, None).1;
        let scores = gradient.iter().skip(j).step_by(dim).zip(&own);
        let square = scores.map(|(g, z)| (g - z).powi(2)).sum::<f64>() / n as f64;
        sd * sd * square
    };
    (0..dim).map(column).collect()
}

impl Centred {
    /// The posterior over these coordinates.
    pub fn target(&self) -> &Component {
        &self.target
    }

    /// The coordinates that are latent values here.
    pub fn columns(&self) -> impl Iterator<Item = usize> {
        self.moved.iter().map(|m| m.column)
    }

    /// Noise `[dim]` to its place here.
    pub fn enter(&self, z: &mut [f64]) {
        let mut block = Block::default();
        self.values.run_lanes(z, 1, &mut block);
        for m in &self.moved {
            let x = self.values.value(&block, m.value.0, m.value.1, 0);
            z[m.column] = (x - m.middle) / m.scale;
        }
    }

    /// A place here to its noise.
    pub fn leave(&self, w: &mut [f64]) {
        let mut block = Block::default();
        self.noise.run_lanes(w, 1, &mut block);
        for m in &self.moved {
            w[m.column] = self.noise.value(&block, m.noise.0, m.noise.1, 0);
        }
    }
}

impl Value {
    /// The program's coordinates that its elements are affine in.
    fn coordinates(&self, graph: &NoiseGraph) -> impl Iterator<Item = usize> {
        let Op::Noise { first } = graph.node(self.noise).op else {
            unreachable!("values begin at noise");
        };
        self.elements.iter().map(move |&e| first + e as usize)
    }

    fn is_drawn(&self, graph: &NoiseGraph) -> bool {
        let drawn = |o: &Operand| graph.constant(o.node).is_none();
        self.steps.iter().any(|s| s.operands().any(drawn))
    }
}

impl Step {
    fn operands(&self) -> impl Iterator<Item = &Operand> {
        let (a, b) = match self {
            Step::Negated => (None, None),
            Step::Plus(o) | Step::Minus(o) | Step::MinusFrom(o) => (Some(o), None),
            Step::Times(o) | Step::Over(o) => (Some(o), None),
            Step::Normal(m, s) => (Some(m), Some(s)),
        };
        a.into_iter().chain(b)
    }

    /// The step for some of the elements.
    fn picked(mut self, graph: &NoiseGraph, indices: &Arc<[u32]>) -> Step {
        let pick = |o: &mut Operand| {
            o.picked = match &o.picked {
                _ if graph.node(o.node).shape.len() == 1 => None,
                None => Some(indices.clone()),
                Some(before) => Some(indices.iter().map(|&i| before[i as usize]).collect()),
            };
        };
        match &mut self {
            Step::Negated => {}
            Step::Plus(o) | Step::Minus(o) | Step::MinusFrom(o) => pick(o),
            Step::Times(o) | Step::Over(o) => pick(o),
            Step::Normal(m, s) => {
                pick(m);
                pick(s);
            }
        }
        self
    }
}

/// The search for values.
struct Chains<'a> {
    graph: &'a NoiseGraph,
    /// Who reads each node, of what the terms need; a term reads its own.
    users: Vec<Vec<Option<NodeId>>>,
    /// Operations that belong to a value.
    taken: HashSet<NodeId>,
}

impl<'a> Chains<'a> {
    fn new(graph: &'a NoiseGraph, terms: &[usize]) -> Chains<'a> {
        let mut users = vec![Vec::new(); graph.len()];
        for id in quadratic::needed(graph, terms) {
            let args = &graph.node(id).args;
            args.iter().for_each(|a| users[a.index()].push(Some(id)));
        }
        for term in terms.iter().map(|&t| &graph.terms[t]) {
            users[term.node.index()].push(None);
            term.mask.iter().for_each(|m| users[m.index()].push(None));
        }
        Chains {
            graph,
            users,
            taken: HashSet::new(),
        }
    }

    /// Noise that is drawn later first: of a mean and what is drawn about it, the latter gets the sum.
    fn values(mut self) -> Vec<Value> {
        let graph = self.graph;
        let is_noise = |id: &NodeId| matches!(graph.node(*id).op, Op::Noise { .. });
        let used = |id: &NodeId| !self.users[id.index()].is_empty();
        let noises: Vec<NodeId> = graph.ids().filter(is_noise).filter(used).collect();
        let mut found = Vec::new();
        for &noise in noises.iter().rev() {
            let elements = (0..graph.node(noise).shape.len() as u32).collect();
            let steps = Vec::new();
            self.follow(
                Value {
                    node: noise,
                    noise,
                    elements,
                    steps,
                },
                &mut found,
            );
        }
        found
    }

    /// Follows a value to the last operation that is affine in its noise, where nothing else reads those before.
    fn follow(&mut self, mut value: Value, found: &mut Vec<Value>) {
        let mut passed = Vec::new();
        while let [Some(user)] = self.users[value.node.index()][..]
            && !self.taken.contains(&user)
            && let Some(next) = self.after(&value, user)
        {
            value = next;
            passed.push(user);
        }
        let users = &self.users[value.node.index()];
        if users.len() > 1 && self.taken_apart(users) {
            for user in users.clone().into_iter().flatten() {
                if let Some(next) = self.after(&value, user) {
                    self.follow(next, found);
                }
            }
        } else if value.is_drawn(self.graph) {
            self.taken.extend(passed);
            found.push(value);
        }
    }

    /// Whether several readers read different elements.
    fn taken_apart(&self, users: &[Option<NodeId>]) -> bool {
        let taken = |user: &Option<NodeId>| match user.map(|u| &self.graph.node(u).op) {
            Some(Op::Take(indices)) => Some(&indices[..]),
            _ => None,
        };
        let all: Option<Vec<&[u32]>> = users.iter().map(taken).collect();
        all.is_some_and(|all| are_distinct(all.into_iter().flatten()))
    }

    /// The value after one more operation; `None` where it is not affine in one coordinate for each element, with a positive
    /// or known factor.
    fn after(&self, value: &Value, user: NodeId) -> Option<Value> {
        let node = self.graph.node(user);
        let len = node.shape.len();
        let operand = |node: NodeId| Operand { node, picked: None };
        let mut next = Value {
            node: user,
            ..value.clone()
        };
        if let Op::Take(indices) = &node.op {
            if !are_distinct(indices.iter()) {
                return None;
            }
            let picked = |s: Step| s.picked(self.graph, indices);
            next.steps = next.steps.into_iter().map(picked).collect();
            next.elements = indices
                .iter()
                .map(|&i| value.elements[i as usize])
                .collect();
            return Some(next);
        }
        if len != value.elements.len() {
            return None;
        }
        if matches!(&node.op, Op::Transport(Law::Plain(d)) if d.name() == "StdNormal") {
            return Some(next);
        }
        let first = node.args.first() == Some(&value.node);
        let other = || node.args[usize::from(first)];
        next.steps.push(match &node.op {
            Op::Unary(UnaryFn::Neg) => Step::Negated,
            Op::Binary(BinaryFn::Add) => Step::Plus(operand(other())),
            Op::Binary(BinaryFn::Sub) if first => Step::Minus(operand(other())),
            Op::Binary(BinaryFn::Sub) => Step::MinusFrom(operand(other())),
            Op::Binary(BinaryFn::Mul) if self.scales(other()) => Step::Times(operand(other())),
            Op::Binary(BinaryFn::Div) if first && self.scales(other()) => {
                Step::Over(operand(other()))
            }
            Op::Transport(Law::Plain(d)) if d.name() == "Normal" => match node.args[..] {
                [mean, sd, z] if z == value.node => Step::Normal(operand(mean), operand(sd)),
                _ => return None,
            },
            _ => return None,
        });
        Some(next)
    }

    fn scales(&self, id: NodeId) -> bool {
        match self.graph.constant(id) {
            Some(known) => known.iter().all(|x| x.is_normal()),
            None => is_positive(self.graph, id),
        }
    }
}

fn are_distinct<'a>(mut indices: impl Iterator<Item = &'a u32>) -> bool {
    let mut seen = Vec::new();
    indices.all(|&i| {
        let i = i as usize;
        if seen.len() <= i {
            seen.resize(i + 1, false);
        }
        !std::mem::replace(&mut seen[i], true)
    })
}

/// A graph in which some values are coordinates.
struct Rewriting<'a> {
    latent: &'a Latent,
    base: Base,
    graph: NoiseGraph,
    /// Where the old graph's nodes are in it.
    places: Vec<Option<NodeId>>,
    /// The noise of each value that is moved.
    noises: Vec<NodeId>,
    /// Summands of the log-weight, and what is known of them.
    corrections: Vec<(NodeId, Span)>,
    known: f64,
}

impl Rewriting<'_> {
    fn run(&mut self, moved: &[Moved]) -> Vec<Moved> {
        let old = &self.latent.graph;
        let mut places = Vec::new();
        let values = self.latent.values.iter().enumerate();
        let ends: std::collections::HashMap<NodeId, usize> =
            values.map(|(k, v)| (v.node, k)).collect();
        for id in quadratic::needed(old, &self.latent.terms) {
            let node = old.node(id);
            let args: Vec<NodeId> = node.args.iter().map(|a| self.at(*a)).collect();
            let mut new = self.graph.copy(node, args);
            if let Some(&k) = ends.get(&id) {
                let from = moved.partition_point(|m| m.value.0 < k);
                let until = moved.partition_point(|m| m.value.0 <= k);
                let own = &moved[from..until];
                if !own.is_empty() {
                    let place = self.noises.len();
                    new = self.moved_value(&self.latent.values[k], new, own);
                    let numbered = own.iter().enumerate().map(|(i, m)| Moved {
                        noise: (place, i),
                        ..*m
                    });
                    places.extend(numbered);
                }
            }
            self.places[id.index()] = Some(new);
        }
        self.weigh();
        places
    }

    fn at(&self, old: NodeId) -> NodeId {
        self.places[old.index()].expect("operands stand before their users")
    }

    /// x₀ + s₀·w where elements are moved, `plain` elsewhere.
    fn moved_value(&mut self, value: &Value, plain: NodeId, own: &[Moved]) -> NodeId {
        let node = self.latent.graph.node(value.node);
        let (shape, span) = (node.shape.clone(), node.span);
        let len = shape.len();
        let whole = self.latent.graph.node(value.noise).shape.len();
        let noise = self.at(value.noise);
        let in_order = value
            .elements
            .iter()
            .enumerate()
            .all(|(i, &e)| i == e as usize);
        let w = match in_order && len == whole && shape == self.graph.node(noise).shape {
            true => noise,
            false => {
                let take = Op::Take(value.elements.clone().into());
                self.graph.add(take, vec![noise], shape.clone(), span)
            }
        };
        let (mut middle, mut scale, mut chosen) = (vec![0.0; len], vec![1.0; len], vec![0.0; len]);
        for m in own {
            let i = m.value.1;
            (middle[i], scale[i], chosen[i]) = (m.middle, m.scale, 1.0);
        }
        let mut x = w;
        if self.base == Base::Gaussian {
            let middle = self.graph.constant_node(middle.into(), shape.clone(), span);
            let scale = self.graph.constant_node(scale.into(), shape.clone(), span);
            let scaled = self.binary(BinaryFn::Mul, scale, w);
            x = self.binary(BinaryFn::Add, middle, scaled);
        }
        if own.len() < len {
            let chosen = self.graph.constant_node(chosen.into(), shape.clone(), span);
            x = self
                .graph
                .add(Op::Select, vec![chosen, x, plain], shape, span);
        }
        self.correct(value, x, w, own);
        x
    }

    /// ½ w² − ½ e² − log b + log s₀ of the moved elements, without the first where the base is Lebesgue's.
    fn correct(&mut self, value: &Value, x: NodeId, w: NodeId, own: &[Moved]) {
        let len = value.elements.len();
        let indices: Arc<[u32]> = own.iter().map(|m| m.value.1 as u32).collect();
        let span = self.graph.node(x).span;
        let picks = own.len() < len;
        let pick = |this: &mut Self, id: NodeId| match picks && this.len(id) > 1 {
            true => this.taken(id, &indices),
            false => id,
        };
        let read = |this: &mut Self, o: &Operand| {
            let node = this.at(o.node);
            let node = match &o.picked {
                Some(picked) => this.taken(node, picked),
                None => node,
            };
            pick(this, node)
        };
        let (x, w) = (pick(self, x), pick(self, w));
        let mut e = x;
        let mut logs = Vec::new();
        for step in value.steps.iter().rev() {
            e = match step {
                Step::Negated => self.unary(UnaryFn::Neg, e),
                Step::Plus(o) => {
                    let o = read(self, o);
                    self.binary(BinaryFn::Sub, e, o)
                }
                Step::Minus(o) => {
                    let o = read(self, o);
                    self.binary(BinaryFn::Add, e, o)
                }
                Step::MinusFrom(o) => {
                    let o = read(self, o);
                    self.binary(BinaryFn::Sub, o, e)
                }
                Step::Times(o) => {
                    let o = read(self, o);
                    logs.push((o, 1.0));
                    self.binary(BinaryFn::Div, e, o)
                }
                Step::Over(o) => {
                    let o = read(self, o);
                    logs.push((o, -1.0));
                    self.binary(BinaryFn::Mul, e, o)
                }
                Step::Normal(mean, sd) => {
                    let (mean, sd) = (read(self, mean), read(self, sd));
                    logs.push((sd, 1.0));
                    let off = self.binary(BinaryFn::Sub, e, mean);
                    self.binary(BinaryFn::Div, off, sd)
                }
            };
        }
        self.noises.push(e);
        self.known += own.iter().map(|m| m.scale.ln()).sum::<f64>();
        let mut parts = Vec::new();
        let half_square = |this: &mut Self, id: NodeId, sign: f64| {
            let square = this.unary(UnaryFn::Square, id);
            let half = this.scalar(sign * 0.5, span);
            let total = this.sum(square);
            this.binary(BinaryFn::Mul, half, total)
        };
        if self.base == Base::Gaussian {
            parts.push(half_square(self, w, 1.0));
        }
        if let [Step::Normal(mean, sd)] = &value.steps[..] {
            let args = vec![read(self, mean), read(self, sd), x];
            let Some(Distribution::Scalar(normal)) = dist::find("Normal") else {
                unreachable!("the normal distribution is registered")
            };
            let law = Law::Plain(normal);
            let shape = self.graph.node(x).shape.clone();
            let each = self.graph.add(Op::LogDensity(law), args, shape, span);
            parts.push(self.sum(each));
            self.known += own.len() as f64 * HALF_LN_2PI;
        } else {
            parts.push(half_square(self, e, -1.0));
            for (scale, sign) in logs {
                let size = self.unary(UnaryFn::Abs, scale);
                let log = self.unary(UnaryFn::Log, size);
                // One scale for all of them counts for each.
                let times = if self.len(log) == 1 { own.len() } else { 1 };
                let log = self.sum(log);
                let times = self.scalar(-sign * times as f64, span);
                parts.push(self.binary(BinaryFn::Mul, times, log));
            }
        }
        let add = |total: NodeId, part: NodeId| self.binary(BinaryFn::Add, total, part);
        let total = parts.into_iter().reduce(add).expect("there are some");
        self.corrections.push((total, span));
    }

    /// The terms of the old graph, and what the change of coordinates adds to them.
    fn weigh(&mut self) {
        let old = &self.latent.graph;
        for term in self.latent.terms.iter().map(|&t| &old.terms[t]) {
            let (node, mask) = (self.at(term.node), term.mask.map(|m| self.at(m)));
            self.graph.terms.push(Term {
                node,
                mask,
                ..term.clone()
            });
        }
        let mut corrections = std::mem::take(&mut self.corrections);
        if let Some(&(_, span)) = corrections.first() {
            corrections.push((self.scalar(self.known, span), span));
        }
        let factors = corrections.into_iter();
        let factors = factors.map(|(node, span)| Term::factor(node, span));
        self.graph.terms.extend(factors);
    }

    fn len(&self, id: NodeId) -> usize {
        self.graph.node(id).shape.len()
    }

    fn scalar(&mut self, x: f64, span: Span) -> NodeId {
        self.graph.constant_node([x].into(), Shape::scalar(), span)
    }

    fn taken(&mut self, id: NodeId, indices: &Arc<[u32]>) -> NodeId {
        let span = self.graph.node(id).span;
        let shape = Shape(vec![indices.len()]);
        self.graph
            .add(Op::Take(indices.clone()), vec![id], shape, span)
    }

    fn unary(&mut self, f: UnaryFn, id: NodeId) -> NodeId {
        let node = self.graph.node(id);
        let (shape, span) = (node.shape.clone(), node.span);
        self.graph.add(Op::Unary(f), vec![id], shape, span)
    }

    fn binary(&mut self, f: BinaryFn, a: NodeId, b: NodeId) -> NodeId {
        let longer = if self.len(a) >= self.len(b) { a } else { b };
        let node = self.graph.node(longer);
        let (shape, span) = (node.shape.clone(), node.span);
        self.graph.add(Op::Binary(f), vec![a, b], shape, span)
    }

    fn sum(&mut self, id: NodeId) -> NodeId {
        let n = self.len(id);
        if n == 1 {
            return id;
        }
        let axis = Axis {
            outer: 1,
            n,
            inner: 1,
        };
        let span = self.graph.node(id).span;
        let op = Op::Reduce(ReduceFn::Sum, axis);
        self.graph.add(op, vec![id], Shape::scalar(), span)
    }
}
