//! One independent component of a program as a [`Target`].

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use rayon::prelude::*;

use super::adjoint::Workspace;
use super::centre::{Centred, Latent};
use super::conjugate::Conjugate;
use super::discrete::{self, DiscreteLaw};
use super::gaussian::Gaussian;
use super::gradient::Sweep;
use super::overflow::Overflow;
use super::quadratic::{self, Quadratic};
use super::related::Program;
use super::smooth;
use super::tape::{Block, Tape};
use super::target::{DiscreteSite, Structure, Target};
use super::{Passes, Related, Stretch, fill, margin, passes};
use crate::base::Span;
use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph, TermKind, TraceError};

/// How a term enters the sum: its kind, and its outputs on the tape.
#[derive(Clone, Debug)]
pub(super) struct Weighed {
    pub(super) kind: TermKind,
    pub(super) node: usize,
    mask: Option<usize>,
    margin: Option<usize>,
    pub(super) span: Span,
}

/// One element of a discrete site, as the tapes see it.
#[derive(Clone, Debug)]
pub(super) struct SiteElement {
    pub(super) column: usize,
    pub(super) value: usize,
    pub(super) element: usize,
    mask: Option<usize>,
    log_p: usize,
    low: usize,
    high: usize,
}

/// log r over the coordinates of one component.
pub struct Component {
    /// The program's coordinates that are this component's `0..dim`.
    pub coordinates: Vec<usize>,
    /// Coordinates of the components that are the same function of theirs: what is inferred here holds for each of them.
    pub copies: Vec<Vec<usize>>,
    /// Coordinates that can be integrated out.
    pub quadratic: Quadratic,
    /// How that is done; made when it is asked for.
    gaussian: OnceLock<Option<Gaussian>>,
    /// Values that can be integrated out by a formula.
    pub conjugate: Option<Box<Conjugate>>,
    /// Values that can take their noise's place.
    latent: Option<Latent>,
    structure: Structure,
    pub(super) terms: Vec<Weighed>,
    pub(super) sites: Vec<SiteElement>,
    overflow_output: Option<usize>,
    /// The tape of what says whether an execution runs past the unrolling bound, and of nothing else.
    pub(super) bound: Option<Tape>,
    pub(super) noise: Tape,
    /// The tape that loads values at discrete sites; where there are none, it is the other one.
    given: Option<Tape>,
    /// Made when a gradient is asked for.
    sweep: OnceLock<Sweep>,
    /// Registers that one-block gradients have used and will use again.
    pub(super) spaces: Mutex<Vec<Workspace>>,
    /// Registers that evaluations have used and will use again.
    blocks: Mutex<Vec<Block>>,
    pub(super) overflow: Option<Overflow>,
    failed: AtomicU64,
    pub(super) evaluated: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) error: Mutex<Option<TraceError>>,
}

/// What a row of inputs holds at discrete sites.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Inputs {
    Noise,
    Values,
}

impl Component {
    /// Lowers the given terms of a graph, which read the given coordinates. `overflow` finishes executions that run past
    /// the unrolling bound.
    pub fn new(
        graph: &mut NoiseGraph,
        coordinates: Vec<usize>,
        chosen: &[usize],
        overflow: Option<Overflow>,
        passes: Passes,
    ) -> Component {
        let columns: HashMap<usize, usize> = coordinates
            .iter()
            .enumerate()
            .map(|(i, &c)| (c, i))
            .collect();
        let mut roots: Vec<NodeId> = Vec::new();
        let mut output = |id: NodeId| {
            roots.push(id);
            roots.len() - 1
        };
        let mut terms = Vec::with_capacity(chosen.len());
        for &t in chosen {
            let term = graph.terms[t].clone();
            let margin =
                (term.kind == TermKind::Condition).then(|| margin::margin(graph, term.node));
            terms.push(Weighed {
                kind: term.kind,
                node: output(term.node),
                mask: term.mask.map(&mut output),
                margin: margin.map(&mut output),
                span: term.span,
            });
        }
        let overflow_output = overflow.as_ref().and(graph.overflow).map(&mut output);
        let mut given: HashMap<NodeId, Vec<usize>> = HashMap::new();
        let (mut sites, mut discrete) = (Vec::new(), Vec::new());
        for site in graph.sites.clone() {
            let Some(law) = DiscreteLaw::of(graph, site.value).filter(|_| site.discrete) else {
                continue;
            };
            if !(site.first..site.first + site.len).all(|c| columns.contains_key(&c)) {
                continue;
            }
            let (log_p, low, high) = law.scores(graph, site.value, site.span);
            let (value, mask) = (output(site.value), site.mask.map(&mut output));
            let (log_p, low, high) = (output(log_p), output(low), output(high));
            given.insert(
                site.value,
                (site.first..site.first + site.len)
                    .map(|c| columns[&c])
                    .collect(),
            );
            let (first, n_values) = discrete::range(graph, site.value);
            for element in 0..site.len {
                let column = columns[&(site.first + element)];
                sites.push(SiteElement {
                    column,
                    value,
                    element,
                    mask,
                    log_p,
                    low,
                    high,
                });
                discrete.push(DiscreteSite {
                    coordinate: column,
                    n_values,
                    first,
                    name: site.element_name(element),
                });
            }
        }
        let width = coordinates.len();
        let within = |c: usize| columns.contains_key(&c);
        let mut rewritten = passes::rewrite(passes, graph, &roots, &given, within);
        if !passes.has("dead") {
            rewritten.roots.extend(rewritten.graph.ids());
        }
        let masks = masks(&terms, &rewritten.roots);
        let plain = |roots: &[NodeId], given: &HashMap<NodeId, Vec<usize>>| {
            Tape::new(&rewritten.graph, roots, width, |c| columns[&c], given)
        };
        let tape = |roots: &[NodeId], given: &HashMap<NodeId, Vec<usize>>| {
            let tape = plain(roots, given);
            match passes.has("arms") {
                true => tape.by_arms(&rewritten.graph, roots, &masks, given),
                false => tape,
            }
        };
        // What belongs to values at discrete sites is not computed where noise is given: a stand-in keeps its place.
        let mut from_noise = rewritten.roots.clone();
        for s in &sites {
            for output in [s.log_p, s.low, s.high] {
                from_noise[output] = from_noise[s.value];
            }
        }
        let noise = tape(&from_noise, &HashMap::new());
        let bound = overflow_output.map(|o| plain(&[rewritten.roots[o]], &HashMap::new()));
        let with_values = (!given.is_empty()).then(|| tape(&rewritten.roots, &rewritten.given));
        let stretched = stretched(graph, &columns);
        let excluded = |c: usize| {
            let column = columns.get(&c);
            column.is_none_or(|c| {
                stretched.iter().any(|(s, _)| s == c) || discrete.iter().any(|d| d.coordinate == *c)
            })
        };
        let mut quadratic = quadratic::quadratic(graph, chosen, &excluded);
        quadratic
            .coordinates
            .iter_mut()
            .for_each(|c| *c = columns[c]);
        quadratic.coordinates.sort_unstable();
        let hard = terms.iter().any(|t| t.kind == TermKind::Condition);
        let jumps = smooth::jumps(graph, chosen, overflow_output.is_some());
        Component {
            coordinates,
            copies: Vec::new(),
            quadratic,
            gaussian: OnceLock::new(),
            conjugate: None,
            latent: None,
            structure: Structure {
                discrete,
                smooth: jumps.is_empty(),
                dear_gradient: false,
                jumps,
                stretched,
                tail: graph.tail.and_then(|c| columns.get(&c).copied()),
                hard_constraints: hard,
                size: noise.registers,
                operations: noise.instructions.len(),
                related: Related::default(),
            },
            sweep: OnceLock::new(),
            spaces: Mutex::default(),
            blocks: Mutex::default(),
            terms,
            sites,
            overflow_output,
            bound,
            noise,
            given: with_values,
            overflow,
            failed: AtomicU64::new(0),
            evaluated: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
            error: Mutex::new(None),
        }
    }

    /// Finds what else is known of its values, in the graph that it was lowered from.
    pub(super) fn seek(&mut self, graph: &NoiseGraph, chosen: &[usize], passes: Passes) {
        let excluded = |c: usize| {
            let column = self.coordinates.iter().position(|o| *o == c);
            let stretched = self.structure.stretched.iter();
            column.is_none_or(|c| stretched.clone().any(|(s, _)| *s == c))
        };
        self.conjugate =
            Conjugate::of(graph, &self.coordinates, chosen, &excluded, passes).map(Box::new);
        if self.structure.smooth {
            self.latent = Latent::of(graph, &self.coordinates, chosen, passes);
        }
    }

    /// How the noise in which it is quadratic is integrated out; `None` where too much of it meets.
    pub(super) fn gaussian(&self) -> Option<&Gaussian> {
        let inner = &self.quadratic.coordinates;
        let in_its_place = || self.latent.as_ref()?.in_place_of(inner);
        let found = self
            .gaussian
            .get_or_init(|| Gaussian::new(self, inner, in_its_place));
        found.as_ref()
    }

    /// The way back from its terms to its noise.
    pub(super) fn sweep(&self) -> &Sweep {
        self.sweep
            .get_or_init(|| Sweep::new(&self.noise, &self.terms))
    }

    /// Says which program its coordinates are of.
    pub(super) fn relate(&mut self, program: &Arc<Program>) {
        self.structure.related = Related::new(program, &self.coordinates);
    }

    /// The program's coordinates that are `0..dim`, of this component and of those that are alike.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &[usize]> {
        let of = |k: usize| match k {
            0 => &self.coordinates[..],
            k => &self.copies[k - 1][..],
        };
        (0..1 + self.copies.len()).map(of)
    }

    /// Whether some of its operations run in some executions only.
    #[cfg(test)]
    pub fn runs_by_arms(&self) -> bool {
        self.noise.has_arms()
    }

    /// Forgets what was counted so far.
    pub fn reset_counts(&self) {
        self.set_counts([0; 3]);
    }

    /// Which of some rows fail numerically on the tape, before anything gives them weight 0.
    pub fn failing(&self, z: &[f64]) -> Vec<bool> {
        let (dim, lanes) = (self.coordinates.len().max(1), self.noise.lanes);
        let mut block = Block::default();
        let mut failing = Vec::with_capacity(z.len() / dim);
        for rows in z.chunks(lanes * dim) {
            let n = rows.len() / dim;
            self.noise.run_lanes(rows, n, &mut block);
            failing.extend((0..n).map(|lane| self.lane(&self.noise, &block, lane, None).is_nan()));
        }
        failing
    }

    /// Whether a term is part of an execution's sum.
    pub(super) fn is_reached(&self, block: &Block, t: &Weighed, lane: usize) -> bool {
        t.mask
            .is_none_or(|m| self.noise.value(block, m, 0, lane) != 0.0)
    }

    /// A term's log-weight in one lane.
    pub(super) fn weight(
        &self,
        tape: &Tape,
        block: &Block,
        t: &Weighed,
        lane: usize,
        penalty: Option<f64>,
    ) -> f64 {
        if let Some(mask) = t.mask {
            let m = tape.value(block, mask, 0, lane);
            if m == 0.0 {
                return 0.0;
            }
            if m.is_nan() {
                return f64::NAN;
            }
        }
        let x = tape.value(block, t.node, 0, lane);
        match t.kind {
            TermKind::Condition if x.is_nan() => f64::NAN,
            TermKind::Condition if x != 0.0 => 0.0,
            TermKind::Condition => match (penalty, t.margin) {
                (Some(p), Some(m)) => -p * tape.value(block, m, 0, lane).max(1e-12),
                _ => f64::NEG_INFINITY,
            },
            TermKind::Fault | TermKind::Failure if x == 0.0 => 0.0,
            TermKind::Fault | TermKind::Failure => f64::NAN,
            // A density can be infinite at a point; an infinite weight is a failure, not an answer.
            _ if x == f64::INFINITY => f64::NAN,
            _ => x,
        }
    }

    /// log r in one lane; NaN where the execution fails. A weight of 0 ends the sum: what follows cannot fail any more.
    fn lane(&self, tape: &Tape, block: &Block, lane: usize, penalty: Option<f64>) -> f64 {
        let mut total = 0.0;
        for t in &self.terms {
            total += self.weight(tape, block, t, lane, penalty);
            if total == f64::NEG_INFINITY || total.is_nan() {
                return total;
            }
        }
        total
    }

    /// Evaluates rows, calling `each(tape, block, lane, log r, row of inputs, index of the row)`.
    fn evaluate(&self, rows: &[f64], out: &mut [f64], kind: Inputs, penalty: Option<f64>) {
        let (tape, dim) = (
            if kind == Inputs::Noise {
                &self.noise
            } else {
                self.with_values()
            },
            self.dim(),
        );
        let n = out.len();
        self.evaluated.fetch_add(n as u64, Ordering::Relaxed);
        let each = |block: &mut Block, rows: &[f64], out: &mut [f64]| {
            tape.run_lanes(rows, out.len(), block);
            for (lane, o) in out.iter_mut().enumerate() {
                let row = &rows[lane * dim..(lane + 1) * dim];
                *o = self.finished(tape, block, lane, row, kind, penalty);
            }
        };
        let lanes = tape.lanes;
        let in_room = |rows: &[f64], out: &mut [f64]| {
            let mut block = reused(&self.blocks);
            each(&mut block, rows, out);
            self.blocks.lock().expect(NO_PANIC).push(block);
        };
        if n <= lanes {
            return in_room(rows, out);
        }
        out.par_chunks_mut(lanes)
            .zip(rows.par_chunks((lanes * dim).max(1)))
            .for_each(|(out, rows)| in_room(rows, out));
    }

    fn with_values(&self) -> &Tape {
        self.given.as_ref().unwrap_or(&self.noise)
    }

    /// Numbers that one execution's evaluation computes.
    pub fn size(&self) -> usize {
        self.noise.registers
    }

    pub(super) fn finished(
        &self,
        tape: &Tape,
        block: &Block,
        lane: usize,
        row: &[f64],
        kind: Inputs,
        penalty: Option<f64>,
    ) -> f64 {
        let over = self
            .overflow_output
            .is_some_and(|o| tape.value(block, o, 0, lane) != 0.0);
        let log_r = if over {
            self.beyond(tape, block, lane, row, kind)
        } else {
            self.lane(tape, block, lane, penalty)
        };
        if log_r.is_nan() {
            self.failed.fetch_add(1, Ordering::Relaxed);
            return f64::NEG_INFINITY;
        }
        log_r
    }

    pub(super) fn reached(&self, tape: &Tape, block: &Block, s: &SiteElement, lane: usize) -> bool {
        s.mask.is_none_or(|m| tape.value(block, m, 0, lane) == 1.0)
    }
}

/// For each root, the mask without which a term does not read it.
fn masks(terms: &[Weighed], roots: &[NodeId]) -> Vec<Option<NodeId>> {
    let mut masks = vec![None; roots.len()];
    for t in terms {
        let mask = t.mask.map(|m| roots[m]);
        masks[t.node] = mask;
        t.margin.into_iter().for_each(|m| masks[m] = mask);
    }
    masks
}

/// Why a lock is always free again.
pub(super) const NO_PANIC: &str = "no thread panics while it holds this";

/// Room that another evaluation has left, or new.
pub(super) fn reused<T: Default>(room: &Mutex<Vec<T>>) -> T {
    room.lock().expect(NO_PANIC).pop().unwrap_or_default()
}

/// The columns that hold the noise of improper measures.
fn stretched(graph: &NoiseGraph, columns: &HashMap<usize, usize>) -> Vec<(usize, Stretch)> {
    let mut found = Vec::new();
    for (z, stretch) in graph.ids().filter_map(|id| Stretch::of(graph, id)) {
        let node = graph.node(z);
        if let Op::Noise { first } = node.op {
            let own = (first..first + node.shape.len()).filter_map(|c| columns.get(&c));
            found.extend(own.map(|&c| (c, stretch)));
        }
    }
    found.sort_by_key(|(c, _)| *c);
    found.dedup_by_key(|(c, _)| *c);
    found
}

impl Target for Component {
    fn dim(&self) -> usize {
        self.coordinates.len()
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn log_r(&self, z: &[f64], out: &mut [f64]) {
        self.evaluate(z, out, Inputs::Noise, None);
    }

    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        self.gradient_of_rows(z, log_r, gradient);
    }

    fn log_r_soft(&self, z: &[f64], penalty: f64, out: &mut [f64]) {
        self.evaluate(z, out, Inputs::Noise, Some(penalty));
    }

    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]) {
        let (dim, n_sites, lanes) = (self.dim(), self.sites.len(), self.with_values().lanes);
        self.evaluated
            .fetch_add(log_r.len() as u64, Ordering::Relaxed);
        log_r
            .par_chunks_mut(lanes)
            .zip(log_p.par_chunks_mut((lanes * n_sites).max(1)))
            .enumerate()
            .for_each_init(Block::default, |block, (b, (out, log_p))| {
                let start = b * lanes;
                let rows = &zk[start * dim..(start + out.len()) * dim];
                self.with_values().run_lanes(rows, out.len(), block);
                for (lane, o) in out.iter_mut().enumerate() {
                    let row = &rows[lane * dim..(lane + 1) * dim];
                    *o = self.finished(self.with_values(), block, lane, row, Inputs::Values, None);
                    for (j, s) in self.sites.iter().enumerate() {
                        let reached = self.reached(self.with_values(), block, s, lane);
                        let p = self.with_values().value(block, s.log_p, s.element, lane);
                        log_p[lane * n_sites + j] = match reached {
                            false => f64::NAN,
                            true if p.is_nan() => f64::NEG_INFINITY,
                            true => p,
                        };
                    }
                }
            });
    }

    fn fill(&self, zk: &mut [f64], u: &[f64]) {
        let (dim, n_sites, lanes) = (self.dim(), self.sites.len(), self.with_values().lanes);
        if n_sites == 0 {
            return;
        }
        let values = zk.to_vec();
        zk.par_chunks_mut(lanes * dim)
            .zip(u.par_chunks(lanes * n_sites))
            .enumerate()
            .for_each_init(Block::default, |block, (b, (rows, u))| {
                let start = b * lanes * dim;
                let n = rows.len() / dim;
                self.with_values()
                    .run_lanes(&values[start..start + rows.len()], n, block);
                for lane in 0..n {
                    for (j, s) in self.sites.iter().enumerate() {
                        let u = u[lane * n_sites + j];
                        let (low, high) = match self.reached(self.with_values(), block, s, lane) {
                            true => (
                                self.with_values().value(block, s.low, s.element, lane),
                                self.with_values().value(block, s.high, s.element, lane),
                            ),
                            false => (f64::NEG_INFINITY, f64::INFINITY),
                        };
                        rows[lane * dim + s.column] = fill::truncated_normal(low, high, u);
                    }
                }
            });
    }

    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        let (dim, n_sites, lanes) = (self.dim(), self.sites.len(), self.noise.lanes);
        if n_sites == 0 {
            return;
        }
        let chunk = lanes * n_sites;
        k.par_chunks_mut(chunk)
            .zip(active.par_chunks_mut(chunk))
            .enumerate()
            .for_each_init(Block::default, |block, (b, (k, active))| {
                let n = k.len() / n_sites;
                let start = b * lanes * dim;
                self.noise.run_lanes(&z[start..start + n * dim], n, block);
                for lane in 0..n {
                    for (j, s) in self.sites.iter().enumerate() {
                        k[lane * n_sites + j] =
                            self.noise.value(block, s.value, s.element, lane) as i64;
                        active[lane * n_sites + j] = self.reached(&self.noise, block, s, lane);
                    }
                }
            });
    }

    fn centred(&self, z: &[f64], limit: f64) -> Option<Centred> {
        self.latent.as_ref()?.centred(self, z, limit)
    }

    fn counts(&self) -> [u64; 3] {
        [&self.failed, &self.evaluated, &self.overflowed].map(|c| c.load(Ordering::Relaxed))
    }

    fn set_counts(&self, counts: [u64; 3]) {
        [&self.failed, &self.evaluated, &self.overflowed]
            .into_iter()
            .zip(counts)
            .for_each(|(c, n)| c.store(n, Ordering::Relaxed));
    }
}
