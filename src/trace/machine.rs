//! The state of one walk through a program.
//!
//! One machine serves two purposes. With symbolic noise it *traces*: values that depend on noise are graph nodes, a
//! branch on chance runs both arms, each under its mask, and log-weights become terms. With the noise of one execution
//! it *runs*: everything is known, nothing is masked. What runs past the unrolling bound of a trace is finished by a run.
//!
//! **Masks.** `mask` says which executions are at this point: `None` for all of them. Assignments under a mask select
//! between the new value and the old; a `return`, `break` or `continue` under a mask takes its executions away from what
//! follows (they *depart*).

use std::collections::HashMap;
use std::sync::Arc;

use super::address::Address;
use super::error::{Result, TraceError};
use super::graph::{NodeId, NoiseGraph, Term, TermKind, compute};
use super::outputs::SiteOutput;
use super::posterior::Embedded;
use super::statement::Departures;
use super::value::{Cell, FnValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, Model, Op, Place, ReduceFn, UnaryFn};

/// Memory that one operation takes while a program is traced, about.
const NODE_BYTES: u64 = 600;
/// Operations that are looked at to find that chosen elements are known.
const KNOWN_LOOKS: usize = 32;

/// How far a program may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Nested calls.
    pub max_depth: usize,
    /// Statements, iterations and calls of one execution.
    pub max_steps: u64,
    /// Noise coordinates.
    pub max_noise: usize,
    /// How often a loop or a recursion that depends on chance is unrolled.
    pub unroll: usize,
    /// Nodes of the graph.
    pub max_nodes: usize,
    /// Bytes that the run may use.
    pub max_mem: u64,
    /// Whether loops over data without carried state become plates.
    pub plates: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_depth: 1000,
            max_steps: 10_000_000,
            max_noise: 100_000,
            unroll: 32,
            max_nodes: 20_000_000,
            max_mem: u64::MAX,
            plates: true,
        }
    }
}

/// Where noise comes from.
pub enum Mode<'a> {
    /// Symbolic.
    Trace,
    /// That of one execution.
    Run(RunNoise<'a>),
}

/// The noise of one execution.
pub struct RunNoise<'a> {
    /// Where each address of the trace has its coordinates.
    pub layout: &'a HashMap<u128, (usize, usize)>,
    /// All coordinates.
    pub z: &'a [f64],
    /// Noise at an address that the layout lacks.
    pub beyond: &'a dyn Fn(u128, &mut [f64]),
    /// Values of discrete sites that replace their noise: by coordinate, where given.
    pub values: Option<&'a dyn Fn(usize) -> Option<f64>>,
}

/// What a run has weighed: (kind, log-weight, place) in order.
pub type Weighed = Vec<(TermKind, f64, Span)>;

/// One function's variables.
pub(super) struct Frame {
    pub slots: Vec<Option<Value>>,
    /// The mask under which each slot was bound.
    pub masks: Vec<Option<NodeId>>,
    /// Value of the `return`s so far.
    pub returned: Option<Value>,
    pub function: Option<Arc<FnValue>>,
}

/// See the page's head.
pub struct Machine<'a> {
    pub(super) model: &'a Model,
    pub(super) mode: Mode<'a>,
    pub(super) limits: Limits,
    /// The graph so far.
    pub graph: NoiseGraph,
    /// Log-weights of a run.
    pub weighed: Weighed,
    pub(super) frames: Vec<Frame>,
    pub(super) mask: Option<NodeId>,
    /// Masks of executions that have left the current block for good, newest last; loops and functions cut it back.
    pub(super) departed: Vec<Option<NodeId>>,
    pub(super) address: Address,
    pub(super) steps: u64,
    /// For each function, the masks of its running activations.
    pub(super) active: HashMap<usize, Vec<Option<NodeId>>>,
    /// What memoised functions remember: by table, by argument.
    pub(super) memo: HashMap<u128, HashMap<String, (Option<NodeId>, Value)>>,
    pub(super) sites: Vec<SiteOutput>,
    /// Lines of `print`.
    pub(super) printed: Vec<String>,
    /// Simulated observations.
    pub(super) simulated: Vec<SiteOutput>,
    /// Which elements of each data variable have been simulated.
    pub(super) simulated_at: HashMap<u64, super::simulate::Seen>,
    /// The variable that is being observed.
    pub(super) observing: Option<Arc<str>>,
    pub(super) loops: Vec<i64>,
    /// Masks of the running function's `return`s.
    pub(super) returns: Vec<Option<NodeId>>,
    pub(super) loop_departures: Vec<Departures>,
    pub(super) inputs: &'a super::bind::Inputs,
    /// The noise that a sampler draws for this program, where it runs inside another one.
    pub(super) embedded: Option<Embedded>,
}

impl<'a> Machine<'a> {
    /// A machine at the start of a program.
    pub fn new(
        model: &'a Model,
        inputs: &'a super::bind::Inputs,
        limits: Limits,
        mode: Mode<'a>,
    ) -> Self {
        let n = model.globals.len();
        let file = Frame {
            slots: vec![None; n],
            masks: vec![None; n],
            returned: None,
            function: None,
        };
        Machine {
            model,
            mode,
            limits,
            graph: NoiseGraph::default(),
            weighed: Vec::new(),
            frames: vec![file],
            mask: None,
            departed: Vec::new(),
            address: Address::default(),
            steps: 0,
            active: HashMap::new(),
            memo: HashMap::new(),
            sites: Vec::new(),
            printed: Vec::new(),
            simulated: Vec::new(),
            simulated_at: HashMap::new(),
            observing: None,
            loops: Vec::new(),
            returns: Vec::new(),
            loop_departures: Vec::new(),
            inputs,
            embedded: None,
        }
    }

    pub(super) fn is_tracing(&self) -> bool {
        matches!(self.mode, Mode::Trace)
    }

    /// Counts one step.
    pub(super) fn step(&mut self, span: Span) -> Result<()> {
        self.steps += 1;
        if self.graph.len() > self.limits.max_nodes {
            return Err(TraceError::limit(
                "odp::limit::nodes",
                format!(
                    "this program needs more than {} operations",
                    self.limits.max_nodes
                ),
                span,
                "tracing here when the limit was reached",
            )
            .help("unroll less with -O unroll=N, or use less data"));
        }
        let bytes = (self.graph.len() as u64).saturating_mul(NODE_BYTES);
        if bytes > self.limits.max_mem {
            return Err(TraceError::limit(
                "odp::limit::memory",
                format!(
                    "the operations of this program need more than {} MB",
                    bytes / 1_000_000
                ),
                span,
                "tracing here when the limit was reached",
            )
            .help(
                "unroll less with -O unroll=N, use less data, or allow more with --max-mem BYTES",
            ));
        }
        if self.steps <= self.limits.max_steps {
            return Ok(());
        }
        Err(TraceError::limit(
            "odp::limit::steps",
            format!(
                "this program takes more than {} steps",
                self.limits.max_steps
            ),
            span,
            "running here when the limit was reached",
        )
        .help("does this loop end? raise the limit with --max-steps if it does"))
    }

    /// The numbers of what every execution has and knows before it begins: what is wrong with them is refused at once.
    pub(super) fn known_always(&self, t: &Tensor) -> Option<Arc<[f64]>> {
        let always = self.is_tracing() && self.mask.is_none();
        t.known().filter(|_| always)
    }

    /// Refuses an array that would not fit into the memory which the run may use.
    pub(super) fn room_for(&self, n: usize, span: Span) -> Result<()> {
        self.room_for_copies(n, 1, span)
    }

    /// Refuses an array that would not fit beside what it is made from, as large as some copies of it in all.
    pub(super) fn room_for_copies(&self, n: usize, copies: u64, span: Span) -> Result<()> {
        let bytes = (n as u64).saturating_mul(8 * copies);
        if bytes <= self.limits.max_mem {
            return Ok(());
        }
        Err(TraceError::limit(
            "odp::limit::memory",
            format!("an array of {n} elements needs {}", in_bytes(bytes)),
            span,
            "too large for the memory that this run may use",
        )
        .help("make it smaller, or allow more with --max-mem BYTES"))
    }

    // ---- variables ----

    fn frame(&mut self, place: Place) -> (&mut Frame, usize) {
        match place {
            Place::Global(i) => (&mut self.frames[0], i as usize),
            Place::Local(i) => (
                self.frames.last_mut().expect("a frame is always open"),
                i as usize,
            ),
        }
    }

    /// The value of a slot.
    pub(super) fn get(&mut self, place: Place, span: Span) -> Result<Value> {
        let (frame, i) = self.frame(place);
        if let Some(value) = &frame.slots[i] {
            let value = value.clone();
            return Ok(self.decided(value));
        }
        let name = match place {
            Place::Global(i) => format!("`{}`", self.model.globals[i as usize]),
            Place::Local(_) => "this name".to_string(),
        };
        Err(TraceError::model(
            "odp::trace::unset",
            format!("{name} has no value yet"),
            span,
            "used here before it is set",
        ))
    }

    /// The side of a choice that everybody here has, where the mask says which.
    fn decided(&self, mut value: Value) -> Value {
        while let Value::Choice(choice) = &value {
            value = match self.implied(choice.0) {
                Some(true) => choice.1.clone(),
                Some(false) => choice.2.clone(),
                None => break,
            };
        }
        value
    }

    /// Takes a slot's value out, so that it can be changed in place.
    pub(super) fn take(&mut self, place: Place) -> Option<Value> {
        let (frame, i) = self.frame(place);
        frame.slots[i].take()
    }

    /// Binds a slot anew.
    pub(super) fn bind(&mut self, place: Place, value: Value) {
        let mask = self.mask;
        let (frame, i) = self.frame(place);
        frame.slots[i] = Some(value);
        frame.masks[i] = mask;
    }

    /// Changes a slot, for the executions that are here.
    pub(super) fn assign(&mut self, place: Place, value: Value, span: Span) -> Result<()> {
        let mask = self.mask;
        let (frame, i) = self.frame(place);
        let (old, bound_under) = (frame.slots[i].take(), frame.masks[i]);
        let merged = match (mask, old) {
            (Some(m), Some(old)) if bound_under != mask => self.merge(m, value, old, span)?,
            _ => value,
        };
        let (frame, i) = self.frame(place);
        frame.slots[i] = Some(merged);
        Ok(())
    }

    // ---- masks ----

    pub(super) fn and_mask(&mut self, mask: Option<NodeId>, c: NodeId, span: Span) -> NodeId {
        match mask {
            None => c,
            Some(m) if m == c => m,
            Some(m) => self
                .graph
                .add(Op::Binary(BinaryFn::And), vec![m, c], Shape::scalar(), span),
        }
    }

    pub(super) fn not_mask(&mut self, c: NodeId, span: Span) -> NodeId {
        self.graph
            .add(Op::Unary(UnaryFn::Not), vec![c], Shape::scalar(), span)
    }

    pub(super) fn or_mask(
        &mut self,
        a: Option<NodeId>,
        b: Option<NodeId>,
        span: Span,
    ) -> Option<NodeId> {
        let (a, b) = (a?, b?);
        if a == b {
            return Some(a);
        }
        Some(
            self.graph
                .add(Op::Binary(BinaryFn::Or), vec![a, b], Shape::scalar(), span),
        )
    }

    /// `mask` without the executions of `gone`; `None` in the result's place means that nobody is left.
    pub(super) fn without(
        &mut self,
        mask: Option<NodeId>,
        gone: &[Option<NodeId>],
        span: Span,
    ) -> Option<Option<NodeId>> {
        let mut left = mask;
        for g in gone {
            if *g == left {
                return None;
            }
            let stay = self.not_mask((*g)?, span);
            left = Some(self.and_mask(left, stay, span));
        }
        Some(left)
    }

    // ---- weights ----

    /// Adds a summand of the log-weight, or a condition.
    pub(super) fn weigh(&mut self, kind: TermKind, t: &Tensor, span: Span) {
        // What was observed in a program inside another one is in its sampler.
        let weightless = self.inputs.simulate || self.embedded.is_some();
        if weightless && !matches!(kind, TermKind::Fault | TermKind::Failure) {
            return;
        }
        if let Mode::Run(_) = self.mode {
            let x = t.known_scalar().expect("a run knows every number");
            let weight = match kind {
                TermKind::Condition if x.is_nan() => f64::NAN,
                TermKind::Condition => {
                    if x != 0.0 {
                        0.0
                    } else {
                        f64::NEG_INFINITY
                    }
                }
                TermKind::Fault => f64::NAN,
                TermKind::Failure if x != 0.0 => f64::NAN,
                TermKind::Failure => 0.0,
                _ => x,
            };
            self.weighed.push((kind, weight, span));
            return;
        }
        let node = self.node_of(t, span);
        self.graph.terms.push(Term {
            kind,
            node,
            mask: self.mask,
            span,
            message: None,
            observed: self.observing.clone().filter(|_| kind == TermKind::Observe),
        });
    }

    /// An execution that gets here is at fault: an error if all do, else those that do have weight 0 and are reported.
    pub(super) fn fault(&mut self, error: TraceError) -> Result<Value> {
        let Some(mask) = self.mask else {
            return Err(error);
        };
        let span = error
            .report
            .labels
            .first()
            .map_or(Span::default(), |l| l.span);
        self.fault_where(mask, error.report.message.into(), span);
        Ok(Value::Bottom)
    }

    /// Executions where the node is true have failed numerically.
    pub(super) fn failure_where(&mut self, node: NodeId, message: Arc<str>, span: Span) {
        let mask = self.mask;
        self.graph.terms.push(Term {
            kind: TermKind::Failure,
            node,
            mask,
            span,
            message: Some(message),
            observed: None,
        });
    }

    pub(super) fn fault_where(&mut self, node: NodeId, message: Arc<str>, span: Span) {
        let mask = self.mask;
        self.graph.terms.push(Term {
            kind: TermKind::Fault,
            node,
            mask,
            span,
            message: Some(message),
            observed: None,
        });
    }

    // ---- operations ----

    /// A node that has a tensor's value.
    pub(super) fn node_of(&mut self, t: &Tensor, span: Span) -> NodeId {
        match &t.payload {
            Payload::Node(id) => *id,
            Payload::Cells(cells) => {
                if let Some(values) = t.known() {
                    return self.graph.constant_node(values, t.shape.clone(), span);
                }
                let args: Vec<NodeId> = cells
                    .clone()
                    .iter()
                    .map(|c| self.cell_node(*c, span))
                    .collect();
                self.graph.add(Op::Pack, args, t.shape.clone(), span)
            }
            _ => {
                let values = t.known().expect("neither node nor cells");
                self.graph.constant_node(values, t.shape.clone(), span)
            }
        }
    }

    fn cell_node(&mut self, cell: Cell, span: Span) -> NodeId {
        match cell {
            Cell::Node(id) => id,
            c => self.graph.constant_node(
                Arc::new([c.known().unwrap_or(f64::NAN)]),
                Shape::scalar(),
                span,
            ),
        }
    }

    /// The value of an operation: at once where everything is known, else a node.
    pub(super) fn emit(
        &mut self,
        op: Op,
        args: &[&Tensor],
        shape: Shape,
        kind: Kind,
        span: Span,
    ) -> Tensor {
        let computed = |t: &&Tensor| matches!(t.payload, Payload::Node(_));
        let known: Option<Vec<Arc<[f64]>>> = match args.iter().any(computed) {
            true => None,
            false => args.iter().map(|t| t.known()).collect(),
        };
        if let Some(known) = known {
            let refs: Vec<&Arc<[f64]>> = known.iter().collect();
            let values = compute(&op, &refs, shape.len());
            self.note_nan(&values, &known, span);
            return from_known(values, shape, kind);
        }
        let nodes: Vec<NodeId> = args.iter().map(|t| self.node_of(t, span)).collect();
        let id = self.graph.add(op, nodes, shape.clone(), span);
        Tensor::node(id, shape, kind)
    }

    /// Keeps the first place where known numbers give a NaN.
    fn note_nan(&mut self, values: &[f64], args: &[Arc<[f64]>], span: Span) {
        let has_nan = |v: &[f64]| v.iter().any(|x| x.is_nan());
        if self.graph.nan_origin.is_some() || !has_nan(values) || args.iter().any(|a| has_nan(a)) {
            return;
        }
        let at = values.iter().position(|x| x.is_nan()).unwrap_or(0);
        let shown: Vec<String> = args
            .iter()
            .filter(|a| a.len() == 1 || a.len() == values.len())
            .map(|a| format!("{}", a[if a.len() == 1 { 0 } else { at }]))
            .collect();
        let text = match shown.is_empty() {
            true => "not a number".to_string(),
            false => format!("not a number: it was computed from {}", shown.join(", ")),
        };
        self.graph.nan_origin = Some((span, text));
    }

    /// Elementwise, one operand.
    pub(super) fn unary(&mut self, f: UnaryFn, a: &Tensor, kind: Kind, span: Span) -> Tensor {
        self.emit(Op::Unary(f), &[a], a.shape.clone(), kind, span)
    }

    /// Elementwise, two operands of shapes that broadcast.
    pub(super) fn elementwise(
        &mut self,
        f: BinaryFn,
        a: &Tensor,
        b: &Tensor,
        kind: Kind,
        span: Span,
    ) -> Result<Tensor> {
        if a.shape == b.shape {
            let shape = a.shape.clone();
            return Ok(self.emit(Op::Binary(f), &[a, b], shape, kind, span));
        }
        let Some(shape) = a.shape.broadcast(&b.shape) else {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                format!("shapes {} and {} do not fit", a.shape, b.shape),
                span,
                format!("{} with {}", super::words(a), super::words(b)),
            )
            .help("sizes must be equal, or 1, counted from the last axis"));
        };
        let (a, b) = (
            self.broadcast(a, &shape, span),
            self.broadcast(b, &shape, span),
        );
        Ok(self.emit(Op::Binary(f), &[&a, &b], shape, kind, span))
    }

    /// `t` stretched to `shape`; one element stays one element, which every elementwise operation stretches itself.
    pub(super) fn broadcast(&mut self, t: &Tensor, shape: &Shape, span: Span) -> Tensor {
        if t.shape == *shape || t.shape.len() == 1 {
            return t.clone();
        }
        let indices = shape.broadcast_indices(&t.shape);
        self.pick(t, indices, shape.clone(), span)
    }

    /// `t` with exactly the elements of `shape`.
    pub(super) fn spread(&mut self, t: &Tensor, shape: &Shape, span: Span) -> Tensor {
        if t.shape.len() == 1 && shape.len() != 1 {
            return self.pick(t, vec![0; shape.len()], shape.clone(), span);
        }
        let t = self.broadcast(t, shape, span);
        t.reshaped(shape.clone())
    }

    /// A fixed choice of elements.
    pub(super) fn pick(
        &mut self,
        t: &Tensor,
        indices: Vec<u32>,
        shape: Shape,
        span: Span,
    ) -> Tensor {
        match &t.payload {
            Payload::Float(v) => {
                let values: Arc<[f64]> = indices.iter().map(|&i| v[i as usize]).collect();
                Tensor {
                    shape,
                    kind: t.kind,
                    payload: Payload::Float(values),
                    missing: None,
                }
            }
            Payload::Int(v) => {
                let values: Arc<[i64]> = indices.iter().map(|&i| v[i as usize]).collect();
                Tensor {
                    shape,
                    kind: t.kind,
                    payload: Payload::Int(values),
                    missing: None,
                }
            }
            Payload::Cells(cells) => {
                let picked: Vec<Cell> = indices.iter().map(|&i| cells[i as usize]).collect();
                from_cells(picked, shape, t.kind)
            }
            Payload::Node(id) => {
                let identity = indices.len() == t.shape.len()
                    && indices.iter().enumerate().all(|(i, &j)| i == j as usize);
                if identity {
                    return Tensor::node(*id, shape, t.kind);
                }
                let mut looks = KNOWN_LOOKS;
                if let Some(known) = self.graph.known_elements(*id, &indices, &mut looks) {
                    return from_known(known.into(), shape, t.kind);
                }
                self.emit(Op::Take(indices.into()), &[t], shape, t.kind, span)
            }
        }
    }

    /// All elements of `parts` in order.
    pub(super) fn pack(
        &mut self,
        parts: &[Tensor],
        shape: Shape,
        kind: Kind,
        span: Span,
    ) -> Tensor {
        let exact = kind == Kind::Int && parts.iter().all(|p| matches!(p.payload, Payload::Int(_)));
        if exact {
            let ints: Vec<i64> = parts
                .iter()
                .flat_map(|p| p.known_ints().expect("known").to_vec())
                .collect();
            return Tensor::ints(ints, shape);
        }
        let refs: Vec<&Tensor> = parts.iter().collect();
        self.emit(Op::Pack, &refs, shape, kind, span)
    }

    /// A reduction of all elements.
    pub(super) fn reduce_all(&mut self, f: ReduceFn, t: &Tensor, kind: Kind, span: Span) -> Tensor {
        let axis = Axis {
            outer: 1,
            n: t.shape.len(),
            inner: 1,
        };
        self.emit(Op::Reduce(f, axis), &[t], Shape::scalar(), kind, span)
    }
}

/// A number of bytes, in the largest unit that it fills.
fn in_bytes(bytes: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    match UNITS.iter().find(|(size, _)| bytes >= *size) {
        Some((size, unit)) => format!("{} {unit}", bytes / size),
        None => format!("{bytes} bytes"),
    }
}

/// A known tensor of a kind.
pub(super) fn from_known(values: Arc<[f64]>, shape: Shape, kind: Kind) -> Tensor {
    let exact = kind == Kind::Int
        && values
            .iter()
            .all(|x| x.trunc() == *x && x.abs() <= 9.007_199_254_740_992e15);
    let payload = if exact {
        Payload::Int(values.iter().map(|&x| x as i64).collect())
    } else {
        Payload::Float(values)
    };
    Tensor {
        shape,
        kind,
        payload,
        missing: None,
    }
}

/// A tensor of cells, as plain numbers where all are known.
pub(super) fn from_cells(cells: Vec<Cell>, shape: Shape, kind: Kind) -> Tensor {
    if cells.iter().all(|c| matches!(c, Cell::Int(_))) && kind == Kind::Int {
        let ints: Vec<i64> = cells
            .iter()
            .map(|c| if let Cell::Int(i) = c { *i } else { 0 })
            .collect();
        return Tensor::ints(ints, shape);
    }
    if let Some(values) = cells
        .iter()
        .map(|c| c.known())
        .collect::<Option<Vec<f64>>>()
    {
        return from_known(values.into(), shape, kind);
    }
    if let ([Cell::Node(id)], 0) = (&cells[..], shape.rank()) {
        return Tensor::node(*id, shape, kind);
    }
    Tensor {
        shape,
        kind,
        payload: Payload::Cells(Arc::new(cells)),
        missing: None,
    }
}

/// One cell as a scalar.
pub(super) fn cell_tensor(cell: Cell, kind: Kind) -> Tensor {
    let payload = match cell {
        Cell::Int(i) => Payload::Int(Arc::new([i])),
        Cell::Float(x) => Payload::Float(Arc::new([x])),
        Cell::Node(id) => Payload::Node(id),
        Cell::Unset => Payload::Float(Arc::new([f64::NAN])),
    };
    Tensor {
        shape: Shape::scalar(),
        kind,
        payload,
        missing: None,
    }
}
