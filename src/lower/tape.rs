//! A flat list of operations over blocks of lanes.
//!
//! A block evaluates many executions at once. Its registers are one array of f64: each node of the graph has a range of
//! elements, each element a row of lanes, so that an operation runs over contiguous rows. The number of lanes is chosen
//! so that a block's registers stay in cache.

use std::collections::HashMap;
use std::sync::Arc;

use crate::ir::Op;
use crate::ir::kernel::{self, Arg};
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

/// A straight-line program from rows of inputs to the values of some nodes.
#[derive(Debug)]
pub struct Tape {
    pub(super) instructions: Vec<Instruction>,
    pub(super) known: Vec<Arc<[f64]>>,
    pub(super) registers: usize,
    pub(super) outputs: Vec<Operand>,
    width: usize,
    /// Executions evaluated together.
    pub lanes: usize,
}

/// Registers of one block, reused from block to block.
#[derive(Default)]
pub struct Block {
    pub(super) registers: Vec<f64>,
    lanes: usize,
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
        block.lanes = lanes;
        block.registers.resize(self.registers * lanes, 0.0);
        for instruction in &self.instructions {
            match instruction {
                Instruction::Load { columns, offset } => {
                    let target =
                        &mut block.registers[offset * lanes..(offset + columns.len()) * lanes];
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
                    let (before, rest) = block.registers.split_at_mut(offset * lanes);
                    with_views(args, before, &self.known, lanes, |args| {
                        kernel::run(op, args, &mut rest[..len * lanes], lanes);
                    });
                }
            }
        }
    }

    /// Element `element` of output `output` in one lane of the last run.
    pub fn value(&self, block: &Block, output: usize, element: usize, lane: usize) -> f64 {
        match self.outputs[output] {
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

/// Calls `f` with an operation's operands; few of them need no allocation.
pub(super) fn with_views(
    operands: &[Operand],
    registers: &[f64],
    known: &[Arc<[f64]>],
    lanes: usize,
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
    lanes: usize,
) -> Arg<'a> {
    match operand {
        Operand::Register { offset, len } => Arg {
            data: &registers[offset * lanes..(offset + len) * lanes],
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
