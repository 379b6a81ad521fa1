//! A tape's operations, each in the executions that it is for.
//!
//! ```text
//! lanes of the block      0 1 2 3 4 5 6 7
//! guard "k = 3" holds in    1     4   6      a register under it has three lanes, side by side
//! read by what is for all 0 x 0 0 x 0 x 0    moved to where it is read; the other lanes are not looked at
//! ```
//! An arm of chance that a tenth of the executions take costs a tenth of what it costs in every lane. Values are the same bit for
//! bit, since an operation gives a lane the same value whichever lanes stand beside it.

use std::collections::HashMap;

use super::guard::{EVERYONE, Guards};
use super::tape::{Block, Instruction, Members, Operand, Tape, with_views};
use crate::ir::Op;
use crate::ir::kernel;
use crate::trace::NodeId;

/// What runs, in order.
#[derive(Debug)]
enum Step {
    /// Finds the executions of a guard: any of some arms, each of which is some registers with what they must be.
    Find {
        guard: usize,
        arms: Vec<Vec<Literal>>,
    },
    /// Input columns.
    Load {
        columns: Vec<usize>,
        guard: usize,
        offset: usize,
    },
    /// A register to the executions of another guard.
    Move {
        from: (usize, usize),
        len: usize,
        guard: usize,
        offset: usize,
    },
    /// An operation.
    Run {
        op: Op,
        args: Vec<Operand>,
        guard: usize,
        offset: usize,
        len: usize,
    },
}

/// A condition's register, its guard, and whether it must hold.
#[derive(Clone, Copy, Debug)]
struct Literal {
    offset: usize,
    guard: usize,
    holds: bool,
}

/// A tape by arms.
#[derive(Debug)]
pub(super) struct Arms {
    steps: Vec<Step>,
    registers: usize,
    /// Of them, those of every execution.
    shared: usize,
    guards: usize,
    /// Where outputs stand, in every lane.
    pub outputs: Vec<Operand>,
}

/// What has been laid out so far.
struct Layout<'a> {
    guards: &'a Guards,
    arms: Arms,
    /// For each guard of the table, its number here once its executions are found.
    numbers: HashMap<usize, usize>,
    /// Where a node's value stands, by guard of the table.
    places: HashMap<(NodeId, usize), usize>,
}

impl Arms {
    /// The steps of a tape whose instructions compute `nodes`.
    pub fn new(tape: &Tape, nodes: &[NodeId], guards: &Guards) -> Arms {
        let arms = Arms {
            steps: Vec::new(),
            registers: 0,
            shared: 0,
            guards: 1,
            outputs: Vec::new(),
        };
        let mut layout = Layout {
            guards,
            arms,
            numbers: HashMap::from([(EVERYONE, 0)]),
            places: HashMap::new(),
        };
        // Registers of the tape to the nodes that they hold.
        let mut held: HashMap<usize, NodeId> = HashMap::new();
        for (instruction, &node) in tape.instructions.iter().zip(nodes) {
            layout.add(instruction, node, &held);
            let (offset, len) = instruction.place();
            if len > 0 {
                held.insert(offset, node);
            }
        }
        let outputs = tape.outputs.iter();
        let outputs = outputs
            .map(|o| layout.operand(o, EVERYONE, &held))
            .collect();
        layout.arms.outputs = outputs;
        layout.arms
    }

    /// Numbers that an execution usually takes: a quarter of those that are not every execution's.
    pub fn usual(&self) -> usize {
        self.shared + (self.registers - self.shared) / 4
    }

    /// Evaluates `block.lanes` rows.
    pub fn run(&self, tape: &Tape, rows: &[f64], block: &mut Block) {
        let lanes = block.lanes;
        block.make_room(self.registers);
        block.members.resize_with(self.guards, Members::default);
        block.members[0].fill((0..lanes).collect(), lanes);
        for step in &self.steps {
            step.run(tape, rows, block);
        }
    }
}

impl Members {
    fn fill(&mut self, lanes: Vec<usize>, all: usize) {
        self.place.clear();
        self.place.resize(all, None);
        lanes
            .iter()
            .enumerate()
            .for_each(|(i, &l)| self.place[l] = Some(i));
        self.lanes = lanes;
    }
}

impl Layout<'_> {
    fn add(&mut self, instruction: &Instruction, node: NodeId, held: &HashMap<usize, NodeId>) {
        let guard = self.guards.of[node.index()];
        let number = self.number(guard);
        match instruction {
            Instruction::Load { columns, .. } => {
                let offset = self.reserve(columns.len(), guard);
                self.arms.steps.push(Step::Load {
                    columns: columns.clone(),
                    guard: number,
                    offset,
                });
                self.places.insert((node, guard), offset);
            }
            Instruction::Run { op, args, len, .. } => {
                let args = args.iter().map(|a| self.operand(a, guard, held)).collect();
                let offset = self.reserve(*len, guard);
                self.arms.steps.push(Step::Run {
                    op: op.clone(),
                    args,
                    guard: number,
                    offset,
                    len: *len,
                });
                self.places.insert((node, guard), offset);
            }
        }
    }

    fn reserve(&mut self, len: usize, guard: usize) -> usize {
        self.arms.registers += len;
        if guard == EVERYONE {
            self.arms.shared += len;
        }
        self.arms.registers - len
    }

    /// A guard's number; where it is new, a step finds its executions.
    fn number(&mut self, guard: usize) -> usize {
        if let Some(&number) = self.numbers.get(&guard) {
            return number;
        }
        let literal = |&(condition, holds): &(NodeId, bool)| {
            let own = self.guards.of[condition.index()];
            Literal {
                offset: self.places[&(condition, own)],
                guard: self.numbers[&own],
                holds,
            }
        };
        let arms = self.guards.table[guard].iter();
        let arms = arms.map(|arm| arm.iter().map(literal).collect()).collect();
        let number = self.arms.guards;
        self.arms.guards += 1;
        self.arms.steps.push(Step::Find {
            guard: number,
            arms,
        });
        self.numbers.insert(guard, number);
        number
    }

    /// Where an operand of the tape stands for the executions of a guard.
    fn operand(
        &mut self,
        operand: &Operand,
        guard: usize,
        held: &HashMap<usize, NodeId>,
    ) -> Operand {
        let &Operand::Register { offset, len } = operand else {
            return *operand;
        };
        let Some(&node) = held.get(&offset).filter(|_| len > 0) else {
            return Operand::Register { offset: 0, len: 0 };
        };
        if let Some(&offset) = self.places.get(&(node, guard)) {
            return Operand::Register { offset, len };
        }
        let own = self.guards.of[node.index()];
        let from = (self.places[&(node, own)], self.numbers[&own]);
        let number = self.number(guard);
        let offset = self.reserve(len, guard);
        self.arms.steps.push(Step::Move {
            from,
            len,
            guard: number,
            offset,
        });
        self.places.insert((node, guard), offset);
        Operand::Register { offset, len }
    }
}

impl Step {
    fn run(&self, tape: &Tape, rows: &[f64], block: &mut Block) {
        let lanes = block.lanes;
        match self {
            Step::Find { guard, arms } => {
                let taken = |lane: &usize| {
                    let any = |arm: &Vec<Literal>| arm.iter().all(|l| l.is_met(block, *lane));
                    arms.iter().any(any)
                };
                let found = (0..lanes).filter(taken).collect();
                block.members[*guard].fill(found, lanes);
            }
            Step::Load {
                columns,
                guard,
                offset,
            } => {
                let members = &block.members[*guard].lanes;
                let used = members.len();
                for (e, column) in columns.iter().enumerate() {
                    let row = &mut block.registers[offset * lanes + e * used..][..used];
                    row.iter_mut()
                        .zip(members)
                        .for_each(|(x, lane)| *x = rows[lane * tape.width + column]);
                }
            }
            Step::Move {
                from,
                len,
                guard,
                offset,
            } => moved(block, *from, *len, *guard, *offset),
            Step::Run {
                op,
                args,
                guard,
                offset,
                len,
            } => {
                let used = block.members[*guard].lanes.len();
                if used == 0 {
                    return;
                }
                let (before, rest) = block.registers.split_at_mut(offset * lanes);
                with_views(args, before, &tape.known, [lanes, used], |args| {
                    kernel::run(op, args, &mut rest[..len * used], used);
                });
            }
        }
    }
}

impl Literal {
    /// Where a condition was not computed, what it guards is not for that execution.
    fn is_met(&self, block: &Block, lane: usize) -> bool {
        let members = &block.members[self.guard];
        let Some(place) = members.place[lane] else {
            return false;
        };
        let x = block.registers[self.offset * block.lanes + place];
        match self.holds {
            true => x != 0.0,
            false => x == 0.0,
        }
    }
}

/// Copies a register for the executions of another guard; those that it has no value for get a 0, which nothing reads.
fn moved(block: &mut Block, from: (usize, usize), len: usize, guard: usize, offset: usize) {
    let (lanes, held) = (block.lanes, block.members[from.1].lanes.len());
    let (to, place) = (&block.members[guard].lanes, &block.members[from.1].place);
    let (before, rest) = block.registers.split_at_mut(offset * lanes);
    let used = to.len();
    for e in 0..len {
        let source = &before[from.0 * lanes + e * held..][..held];
        let row = &mut rest[e * used..][..used];
        row.iter_mut()
            .zip(to)
            .for_each(|(x, &lane)| *x = place[lane].map_or(0.0, |i| source[i]));
    }
}
