//! The noise graph: a program with its data, as a function of standard Gaussian noise.
//!
//! ```text
//!   Noise ──► Transport ──► … ──► outputs
//!                  └────► LogDensity ──► terms of log r
//! ```
//! Operands come before their users, so that the order of indices is an order of evaluation. Equal operations on equal
//! operands are one node, and operations on known numbers are done at once.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use petgraph::graph::NodeIndex;

use crate::base::{Shape, Span, indexed};
use crate::ir::Op;
use crate::ir::kernel::{self, Arg};

/// A node of the graph.
pub type NodeId = NodeIndex<u32>;

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// What it does.
    pub op: Op,
    /// Its operands.
    pub args: Vec<NodeId>,
    /// Shape of its value.
    pub shape: Shape,
    /// The piece of the program that asked for it.
    pub span: Span,
}

/// What a term of the log-weight comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TermKind {
    /// `observe`.
    Observe,
    /// `factor`.
    Factor,
    /// `condition`: the node is the condition's truth, not yet its logarithm.
    Condition,
    /// The correction of an improper prior.
    Improper,
    /// An execution that fails where the node is true (`assert`, an index out of range).
    Fault,
    /// An execution that fails numerically where the node is true (a solver that is out of steps).
    Failure,
}

/// One summand of the log-weight: a scalar node.
#[derive(Clone, Debug)]
pub struct Term {
    /// What it comes from.
    pub kind: TermKind,
    /// The node; what it means depends on `kind`.
    pub node: NodeId,
    /// Where the term counts: `None` for every execution.
    pub mask: Option<NodeId>,
    /// The statement.
    pub span: Span,
    /// For faults, what went wrong.
    pub message: Option<Arc<str>>,
    /// For observations, the name of the variable that is observed, where there is one.
    pub observed: Option<Arc<str>>,
}

impl Term {
    /// A summand of every execution's log-weight.
    pub fn factor(node: NodeId, span: Span) -> Term {
        Term {
            kind: TermKind::Factor,
            node,
            mask: None,
            span,
            message: None,
            observed: None,
        }
    }
}

/// A block of noise that one `sample` reads.
#[derive(Clone, Debug)]
pub struct NoiseSite {
    /// Its name for people: `theta`, `k[3]`.
    pub name: String,
    /// First coordinate.
    pub first: usize,
    /// Number of coordinates.
    pub len: usize,
    /// The transported value.
    pub value: NodeId,
    /// Whether its values are whole numbers or bools.
    pub discrete: bool,
    /// Which executions reach it: `None` for all.
    pub mask: Option<NodeId>,
    /// Which elements of the site as it was written these are, where they are not all.
    pub elements: Option<Vec<u32>>,
    /// The statement.
    pub span: Span,
}

impl NoiseSite {
    /// The name of one of its elements.
    pub fn element_name(&self, element: usize) -> String {
        match &self.elements {
            Some(all) => indexed(&self.name, &[all[element].to_string()]),
            None if self.len == 1 => self.name.clone(),
            None => indexed(&self.name, &[element.to_string()]),
        }
    }
}

/// The whole function.
#[derive(Clone, Debug, Default)]
pub struct NoiseGraph {
    nodes: Vec<Node>,
    /// Nodes that can be shared, by their hash; one whose place was taken stands at the next number that was free.
    known: HashMap<u64, NodeId, BuildHasherDefault<Mix>>,
    /// Number of noise coordinates.
    pub dim: usize,
    /// Blocks of noise in the program's order.
    pub sites: Vec<NoiseSite>,
    /// Summands of the log-weight.
    pub terms: Vec<Term>,
    /// True where an execution runs past the unrolling bound.
    pub overflow: Option<NodeId>,
    /// The coordinate that keys the noise beyond that bound: it travels with its execution, and moving it draws the rest
    /// of the execution anew.
    pub tail: Option<usize>,
    /// Address of every noise block: (first, len).
    pub layout: HashMap<u128, (usize, usize)>,
    /// Whether an improper prior is used: log Z is up to a constant.
    pub improper: bool,
    /// Where known numbers first gave a NaN, and from what.
    pub nan_origin: Option<(Span, String)>,
    /// How large whole numbers can be, where it was asked.
    pub(super) sizes: HashMap<NodeId, f64>,
}

/// Coordinates from here on are no program's.
const STAND_IN: usize = 1 << 40;

/// A quick hash: a graph looks up every operation that a program makes.
#[derive(Clone, Copy, Debug, Default)]
struct Mix(u64);

impl Mix {
    fn add(&mut self, x: u64) {
        self.0 = (self.0.rotate_left(5) ^ x).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut eight = [0; 8];
            eight[..part.len()].copy_from_slice(part);
            self.add(u64::from_le_bytes(eight));
        }
    }
    fn write_u64(&mut self, x: u64) {
        self.add(x);
    }
    fn write_usize(&mut self, x: usize) {
        self.add(x as u64);
    }
    fn finish(&self) -> u64 {
        // The product's best bits are its highest, and a table looks at the lowest.
        self.0.rotate_left(26)
    }
}

/// A hash of what makes two nodes equal; of a distribution's operations only which operation it is.
fn hash_of(op: &Op, args: &[NodeId], shape: &Shape) -> u64 {
    let mut mix = Mix::default();
    std::mem::discriminant(op).hash(&mut mix);
    match op {
        Op::Const(values) => values.iter().for_each(|x| mix.add(x.to_bits())),
        Op::Noise { first } => mix.write_usize(*first),
        Op::Unary(f) => f.hash(&mut mix),
        Op::Binary(f) => f.hash(&mut mix),
        Op::Reduce(f, axis) => (*f, *axis).hash(&mut mix),
        Op::Take(indices) => indices.iter().for_each(|&i| mix.add(u64::from(i))),
        _ => {}
    }
    args.iter().for_each(|a| mix.write_usize(a.index()));
    shape.dims().iter().for_each(|&n| mix.write_usize(n));
    mix.finish()
}

/// Whether two operations are the same. Constants are compared by their bits.
fn same(a: &Op, b: &Op) -> bool {
    match (a, b) {
        (Op::Const(a), Op::Const(b)) => {
            let equal = |(a, b): (&f64, &f64)| a.to_bits() == b.to_bits();
            Arc::ptr_eq(a, b) || (a.len() == b.len() && a.iter().zip(b.iter()).all(equal))
        }
        // Laid out once for its operation: another layout is another matrix.
        (Op::Dense(x, n), Op::Dense(y, m)) => Arc::ptr_eq(x, y) && n == m,
        (a, b) => a == b,
    }
}

/// How much of a graph there was at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    nodes: usize,
    terms: usize,
    sites: usize,
    has_nan: bool,
}

impl NoiseGraph {
    /// How much there is.
    pub(super) fn extent(&self) -> Extent {
        Extent {
            nodes: self.nodes.len(),
            terms: self.terms.len(),
            sites: self.sites.len(),
            has_nan: self.nan_origin.is_some(),
        }
    }

    /// Gives what came after to one piece of the program: its own pieces are of another text.
    pub(super) fn relocate(&mut self, after: Extent, span: Span) {
        let nodes = self.nodes[after.nodes..].iter_mut();
        nodes.for_each(|n| n.span = span);
        self.terms[after.terms..]
            .iter_mut()
            .for_each(|t| t.span = span);
        self.sites[after.sites..]
            .iter_mut()
            .for_each(|s| s.span = span);
        let nan = self.nan_origin.as_mut().filter(|_| !after.has_nan);
        nan.into_iter().for_each(|(at, _)| *at = span);
    }

    /// A graph without nodes that has room for some.
    pub fn with_room(nodes: usize) -> NoiseGraph {
        let mut graph = NoiseGraph::default();
        graph.nodes.reserve(nodes);
        graph.known.reserve(nodes);
        graph
    }

    /// A node by its id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// All ids, operands before users.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len() as u32).map(NodeId::from)
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The known value of a node, if it has one.
    pub fn constant(&self, id: NodeId) -> Option<&Arc<[f64]>> {
        match &self.nodes[id.index()].op {
            Op::Const(values) => Some(values),
            _ => None,
        }
    }

    /// A node with known numbers.
    pub fn constant_node(&mut self, values: Arc<[f64]>, shape: Shape, span: Span) -> NodeId {
        self.intern(true, Op::Const(values), Vec::new(), shape, span)
    }

    /// A block of noise coordinates.
    pub fn noise(&mut self, first: usize, shape: Shape, span: Span) -> NodeId {
        self.intern(true, Op::Noise { first }, Vec::new(), shape, span)
    }

    /// A node like that of another graph, on operands here.
    pub fn copy(&mut self, node: &Node, args: Vec<NodeId>) -> NodeId {
        let (shape, span) = (node.shape.clone(), node.span);
        match &node.op {
            Op::Const(values) => self.constant_node(values.clone(), shape, span),
            Op::Noise { first } => self.noise(*first, shape, span),
            op => self.add(op.clone(), args, shape, span),
        }
    }

    /// An operation; folded where all operands are known, shared where it is already there.
    pub fn add(&mut self, op: Op, args: Vec<NodeId>, shape: Shape, span: Span) -> NodeId {
        match self.folded(&op, &args, &shape) {
            Some(values) => self.constant_node(values, shape, span),
            None => self.shared(op, args, shape, span),
        }
    }

    /// An operation; shared where it is already there.
    pub fn shared(&mut self, op: Op, args: Vec<NodeId>, shape: Shape, span: Span) -> NodeId {
        self.intern(true, op, args, shape, span)
    }

    /// An operation of its own.
    pub fn push(&mut self, op: Op, args: Vec<NodeId>, shape: Shape, span: Span) -> NodeId {
        self.intern(false, op, args, shape, span)
    }

    /// The value of an operation whose operands are all known.
    pub fn folded(&self, op: &Op, args: &[NodeId], shape: &Shape) -> Option<Arc<[f64]>> {
        // Most operations read something else: that is found out before anything is collected.
        if args.iter().any(|&a| self.constant(a).is_none()) {
            return None;
        }
        let known: Vec<&Arc<[f64]>> = args.iter().filter_map(|&a| self.constant(a)).collect();
        Some(compute(op, &known, shape.len()))
    }

    /// Elements of a node that are known though others depend on chance: those that elementwise operations and choices of
    /// elements lead to from known numbers. Looks at no more than `looks` operations.
    pub fn known_elements(&self, id: NodeId, which: &[u32], looks: &mut usize) -> Option<Vec<f64>> {
        let node = &self.nodes[id.index()];
        if let Op::Const(values) = &node.op {
            let value = |&e: &u32| values[if values.len() == 1 { 0 } else { e as usize }];
            return Some(which.iter().map(value).collect());
        }
        *looks = looks.checked_sub(1)?;
        match &node.op {
            Op::Take(from) => {
                let which: Vec<u32> = which.iter().map(|&e| from[e as usize]).collect();
                self.known_elements(node.args[0], &which, looks)
            }
            Op::Pack if node.args.len() == node.shape.len() => {
                let element = |&e: &u32| Some(self.constant(node.args[e as usize])?[0]);
                which.iter().map(element).collect()
            }
            op @ (Op::Unary(_) | Op::Binary(_) | Op::Select) => {
                let mut args: Vec<Arc<[f64]>> = Vec::with_capacity(node.args.len());
                for &a in &node.args {
                    let which = match self.nodes[a.index()].shape.len() {
                        1 => &[0],
                        _ => which,
                    };
                    args.push(self.known_elements(a, which, looks)?.into());
                }
                let args: Vec<&Arc<[f64]>> = args.iter().collect();
                Some(compute(op, &args, which.len()).to_vec())
            }
            _ => None,
        }
    }

    fn intern(
        &mut self,
        shared: bool,
        op: Op,
        args: Vec<NodeId>,
        shape: Shape,
        span: Span,
    ) -> NodeId {
        let id = NodeId::new(self.nodes.len());
        if shared {
            let mut hash = hash_of(&op, &args, &shape);
            while let Some(&other) = self.known.get(&hash) {
                let node = &self.nodes[other.index()];
                if same(&node.op, &op) && node.args == args && node.shape == shape {
                    return other;
                }
                hash = hash.wrapping_add(1);
            }
            self.known.insert(hash, id);
        }
        self.nodes.push(Node {
            op,
            args,
            shape,
            span,
        });
        id
    }

    /// The values of some nodes under given noise. `given` has the nodes that are known already, and gets all others.
    pub fn evaluate(
        &self,
        roots: &[NodeId],
        z: &dyn Fn(usize) -> f64,
        given: &mut HashMap<NodeId, Arc<[f64]>>,
    ) {
        // Depth first, without recursion: a node is entered, then left when its operands are known.
        let mut stack: Vec<(NodeId, bool)> = roots.iter().map(|&r| (r, false)).collect();
        while let Some((id, entered)) = stack.pop() {
            if given.contains_key(&id) {
                continue;
            }
            let node = &self.nodes[id.index()];
            if !entered {
                stack.push((id, true));
                stack.extend(node.args.iter().map(|&a| (a, false)));
                continue;
            }
            let value = match &node.op {
                Op::Const(values) => values.clone(),
                Op::Noise { first } => (*first..first + node.shape.len()).map(z).collect(),
                op => {
                    let args: Vec<&Arc<[f64]>> = node.args.iter().map(|a| &given[a]).collect();
                    compute(op, &args, node.shape.len())
                }
            };
            given.insert(id, value);
        }
    }

    /// A node that stands for a value which is given later; no program's noise is at its coordinates.
    pub fn stand_in(&mut self, shape: Shape, span: Span) -> NodeId {
        let first = STAND_IN + self.len();
        self.noise(first, shape, span)
    }

    /// Which nodes the given ones depend on, themselves included.
    pub fn ancestors(&self, roots: impl IntoIterator<Item = NodeId>) -> Vec<bool> {
        let mut needed = vec![false; self.len()];
        roots.into_iter().for_each(|r| needed[r.index()] = true);
        for id in self.ids().rev() {
            if needed[id.index()] {
                self.nodes[id.index()]
                    .args
                    .iter()
                    .for_each(|a| needed[a.index()] = true);
            }
        }
        needed
    }
}

/// The value of an operation on known operands.
pub fn compute(op: &Op, args: &[&Arc<[f64]>], len: usize) -> Arc<[f64]> {
    let args: Vec<Arg> = args
        .iter()
        .map(|a| Arg {
            data: a,
            len: a.len(),
            uniform: true,
        })
        .collect();
    let mut out = vec![0.0; len];
    kernel::run(op, &args, &mut out, 1);
    out.into()
}
