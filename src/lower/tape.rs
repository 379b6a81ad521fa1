//! A flat list of operations over blocks of lanes.
//!
//! A block evaluates many executions at once. Its registers are one array of f64: each node of the graph has a range of
//! elements, each element a row of lanes, so that an operation runs over contiguous rows. The number of lanes is chosen
//! so that a block's registers stay in cache.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::arms::Arms;
use super::guard;
use super::singles::{Singles, Stretch};
use crate::ir::Op;
use crate::ir::kernel::{self, Arg};
use crate::ir::single;
use crate::trace::{NodeId, NoiseGraph};

/// Registers of one block are kept below about this many numbers (2 MiB).
const CACHE_ELEMENTS: usize = 1 << 18;

/// Registers of one block are kept below this many numbers (128 MiB) where one lane allows it, cache or not.
const MOST_ELEMENTS: usize = 1 << 24;

/// Where an operand stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    /// Elements of the registers.
    Register { offset: usize, len: usize },
    /// Known numbers, the same in all lanes: which of them.
    Known { at: usize },
}

#[derive(Debug)]
pub(super) enum Instruction {
    /// Input columns into a register.
    Load { columns: Vec<usize>, offset: usize },
    /// An operation.
    Run {
        op: Op,
        args: Vec<Operand>,
        offset: usize,
        len: usize,
    },
}

impl Instruction {
    /// Where its result begins in the registers, and how many elements it has.
    pub(super) fn place(&self) -> (usize, usize) {
        match self {
            Instruction::Load { columns, offset } => (*offset, columns.len()),
            Instruction::Run { offset, len, .. } => (*offset, *len),
        }
    }
}

/// A straight-line program from rows of inputs to the values of some nodes.
#[derive(Debug)]
pub struct Tape {
    pub(super) instructions: Vec<Instruction>,
    pub(super) known: Vec<Arc<[f64]>>,
    pub(super) registers: usize,
    pub(super) outputs: Vec<Operand>,
    pub(super) width: usize,
    /// How the same is computed with each arm of chance in its own executions only, where that pays.
    arms: Option<Arms>,
    /// The same for one lane, made when it is first asked for.
    singles: OnceLock<Singles>,
    /// Executions evaluated together.
    pub lanes: usize,
}

/// Registers of one block, reused from block to block.
#[derive(Default)]
pub struct Block {
    pub(super) registers: Vec<f64>,
    pub(super) lanes: usize,
    /// Whether the registers are those of [`Arms`].
    by_arms: bool,
    /// For each guard of the arms, its executions.
    pub(super) members: Vec<Members>,
}

impl Block {
    /// Room for some numbers of every lane; what is there is kept, since filling it with zeros takes time.
    pub(super) fn make_room(&mut self, registers: usize) {
        let wanted = registers * self.lanes;
        if self.registers.len() < wanted {
            self.registers.resize(wanted, 0.0);
        }
    }
}

/// Some of a block's executions.
#[derive(Default)]
pub(super) struct Members {
    /// Their lanes, in order.
    pub lanes: Vec<usize>,
    /// For each lane of the block, its place among them.
    pub place: Vec<Option<usize>>,
}

impl Tape {
    /// The tape that computes `roots` from rows of `width` inputs.
    ///
    /// `column(c)` says which input holds noise coordinate c. Nodes in `given` are not computed but loaded from the
    /// inputs that it names.
    pub fn new(
        graph: &NoiseGraph,
        roots: &[NodeId],
        width: usize,
        column: impl Fn(usize) -> usize,
        given: &HashMap<NodeId, Vec<usize>>,
    ) -> Tape {
        let needed = needed(graph, roots, given);
        let count = needed.iter().filter(|n| **n).count();
        let mut tape = Tape {
            instructions: Vec::with_capacity(count),
            known: Vec::new(),
            registers: 0,
            outputs: Vec::new(),
            width,
            arms: None,
            singles: OnceLock::new(),
            lanes: 1,
        };
        let mut places: Vec<Option<Operand>> = vec![None; graph.len()];
        let at = |places: &[Option<Operand>], id: NodeId| {
            places[id.index()].expect("operands stand before their users")
        };
        for id in graph.ids().filter(|id| needed[id.index()]) {
            let node = graph.node(id);
            let len = node.shape.len();
            let place = match (&node.op, given.get(&id)) {
                (_, Some(columns)) => tape.load(columns.clone()),
                (Op::Const(values), None) => {
                    tape.known.push(values.clone());
                    Operand::Known {
                        at: tape.known.len() - 1,
                    }
                }
                (Op::Noise { first }, None) => {
                    tape.load((*first..first + len).map(&column).collect())
                }
                (op, None) => {
                    let args = node.args.iter().map(|a| at(&places, *a)).collect();
                    let offset = tape.reserve(len);
                    tape.instructions.push(Instruction::Run {
                        op: op.clone(),
                        args,
                        offset,
                        len,
                    });
                    Operand::Register { offset, len }
                }
            };
            places[id.index()] = Some(place);
        }
        tape.outputs = roots.iter().map(|r| at(&places, *r)).collect();
        tape.lanes = lanes(tape.registers);
        tape
    }

    /// The same tape, running each arm of chance in the executions that take it. `masks[i]` is not 0 where root i is read;
    /// without one it always is.
    pub fn by_arms(
        mut self,
        graph: &NoiseGraph,
        roots: &[NodeId],
        masks: &[Option<NodeId>],
        given: &HashMap<NodeId, Vec<usize>>,
    ) -> Tape {
        let needed = needed(graph, roots, given);
        let computed = |id: &NodeId| {
            needed[id.index()] && (given.contains_key(id) || graph.constant(*id).is_none())
        };
        let nodes: Vec<NodeId> = graph.ids().filter(computed).collect();
        let masked: Vec<_> = roots.iter().copied().zip(masks.iter().copied()).collect();
        if let Some(guards) = guard::guards(graph, &masked, given) {
            let arms = Arms::new(&self, &nodes, &guards);
            self.lanes = lanes(arms.usual());
            self.arms = Some(arms);
        }
        self
    }

    /// Whether it runs arms of chance apart.
    #[cfg(test)]
    pub fn has_arms(&self) -> bool {
        self.arms.is_some()
    }

    fn reserve(&mut self, len: usize) -> usize {
        self.registers += len;
        self.registers - len
    }

    fn load(&mut self, columns: Vec<usize>) -> Operand {
        let len = columns.len();
        let offset = self.reserve(len);
        self.instructions
            .push(Instruction::Load { columns, offset });
        Operand::Register { offset, len }
    }

    /// Evaluates `lanes` rows. `rows: [lanes, width]`.
    pub fn run_lanes(&self, rows: &[f64], lanes: usize, block: &mut Block) {
        match &self.arms {
            Some(arms) => {
                block.lanes = lanes;
                block.by_arms = true;
                arms.run(self, rows, block);
            }
            None => self.run_whole(rows, lanes, block),
        }
    }

    /// The same with every operation in every lane, so that all registers are filled.
    pub(super) fn run_whole(&self, rows: &[f64], lanes: usize, block: &mut Block) {
        block.lanes = lanes;
        block.by_arms = false;
        if lanes == 1 {
            return self.run_single(rows, block);
        }
        block.make_room(self.registers);
        let all = self.instructions.iter();
        all.for_each(|i| self.step(i, rows, lanes, &mut block.registers));
    }

    /// Whether nine operations of ten run as singles where there is one lane.
    pub(super) fn is_single(&self) -> bool {
        10 * self.singles().kernels() <= self.instructions.len()
    }

    /// The tape for one lane.
    pub(super) fn singles(&self) -> &Singles {
        self.singles.get_or_init(|| Singles::new(self))
    }

    /// Evaluates one row.
    fn run_single(&self, row: &[f64], block: &mut Block) {
        let singles = self.singles();
        let behind = self.registers + singles.known.len();
        block.make_room(behind);
        let registers = &mut block.registers[..behind];
        registers[self.registers..].copy_from_slice(&singles.known);
        for stretch in &singles.stretches {
            match stretch {
                Stretch::Whole(i) => self.step(&self.instructions[*i], row, 1, registers),
                Stretch::Singles(range) => single::run(&singles.code[range.clone()], registers),
            }
        }
    }

    fn step(&self, instruction: &Instruction, rows: &[f64], lanes: usize, registers: &mut [f64]) {
        match instruction {
            Instruction::Load { columns, offset } => {
                let target = &mut registers[offset * lanes..(offset + columns.len()) * lanes];
                for (column, row) in columns.iter().zip(target.chunks_exact_mut(lanes)) {
                    row.iter_mut()
                        .enumerate()
                        .for_each(|(lane, x)| *x = rows[lane * self.width + column]);
                }
            }
            Instruction::Run {
                op,
                args,
                offset,
                len,
            } => {
                // Operands stand before their users.
                let (before, rest) = registers.split_at_mut(offset * lanes);
                with_views(args, before, &self.known, [lanes; 2], |args| {
                    kernel::run(op, args, &mut rest[..len * lanes], lanes);
                });
            }
        }
    }

    /// Element `element` of output `output` in one lane of the last run.
    pub fn value(&self, block: &Block, output: usize, element: usize, lane: usize) -> f64 {
        let outputs = match &self.arms {
            Some(arms) if block.by_arms => &arms.outputs,
            _ => &self.outputs,
        };
        match outputs[output] {
            Operand::Register { offset, .. } => {
                block.registers[(offset + element) * block.lanes + lane]
            }
            Operand::Known { at } => self.known[at][element],
        }
    }
}

/// How many executions are evaluated together that need so many numbers each.
pub(super) fn lanes(numbers: usize) -> usize {
    let numbers = numbers.max(1);
    let most = (MOST_ELEMENTS / numbers).max(1);
    (CACHE_ELEMENTS / numbers).clamp(8, 128).min(most)
}

/// Calls `f` with an operation's operands; few of them need no allocation. `[lanes, used]`: the lanes that registers have room
/// for, and those that they hold.
pub(super) fn with_views(
    operands: &[Operand],
    registers: &[f64],
    known: &[Arc<[f64]>],
    lanes: [usize; 2],
    f: impl FnOnce(&[Arg]),
) {
    let none = Arg {
        data: &[],
        len: 0,
        uniform: true,
    };
    let mut few = [none; 8];
    if operands.len() > few.len() {
        let all: Vec<Arg> = operands
            .iter()
            .map(|a| view(*a, registers, known, lanes))
            .collect();
        return f(&all);
    }
    few.iter_mut()
        .zip(operands)
        .for_each(|(o, a)| *o = view(*a, registers, known, lanes));
    f(&few[..operands.len()]);
}

fn view<'a>(
    operand: Operand,
    registers: &'a [f64],
    known: &'a [Arc<[f64]>],
    [lanes, used]: [usize; 2],
) -> Arg<'a> {
    match operand {
        Operand::Register { offset, len } => Arg {
            data: &registers[offset * lanes..][..len * used],
            len,
            uniform: false,
        },
        Operand::Known { at } => Arg {
            data: &known[at],
            len: known[at].len(),
            uniform: true,
        },
    }
}

/// What the roots need, not looking behind given nodes.
fn needed(graph: &NoiseGraph, roots: &[NodeId], given: &HashMap<NodeId, Vec<usize>>) -> Vec<bool> {
    let mut needed = vec![false; graph.len()];
    roots.iter().for_each(|r| needed[r.index()] = true);
    for id in graph.ids().rev() {
        if needed[id.index()] && !given.contains_key(&id) {
            graph
                .node(id)
                .args
                .iter()
                .for_each(|a| needed[a.index()] = true);
        }
    }
    needed
}
