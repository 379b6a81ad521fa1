//! The reverse sweep over a tape: from the terms of log r back to the noise.
//!
//! ```text
//! noise ─▶ … ─▶ terms          forward, by the tape: every value stays in its register
//! noise ◀─ … ◀─ 1 per term     backward: one bar (a gradient) for each register that lies between the two
//! ```
//!
//! Which registers take part is known from the tape alone: those that noise moves, and that move a term.

use std::sync::OnceLock;

use super::singles::{BackSingles, Stretch};
use super::tape::{Block, Instruction, Operand, Tape, lanes, with_views};
use crate::ir::adjoint::{self, Bars};
use crate::ir::single;

/// Below so many executions together, finding an operation's operands and bars takes longer than one number at a time.
const FEW_LANES: usize = 16;

/// One operation of the sweep.
#[derive(Debug)]
struct Step {
    instruction: usize,
    /// Where the result's bar begins.
    bar: usize,
    /// Where the operands' bars begin.
    at: Vec<Option<usize>>,
}

/// A tape's reverse sweep.
#[derive(Debug)]
pub struct Adjoint {
    /// In the order of the sweep: results before their operands.
    steps: Vec<Step>,
    /// Noise that takes part: its input columns, and where its bars begin.
    loads: Vec<(Vec<usize>, usize)>,
    /// Elements of all bars.
    elements: usize,
    /// For each seed, where its bar is; `None` where it depends on no noise.
    seeds: Vec<Option<usize>>,
    /// The same for one lane, made when it is first asked for.
    singles: OnceLock<BackSingles>,
    /// Executions evaluated together.
    pub lanes: usize,
}

/// Registers and bars of one block, reused from block to block.
#[derive(Default)]
pub struct Workspace {
    /// The values.
    pub block: Block,
    bars: Vec<f64>,
}

impl Adjoint {
    /// The sweep of `tape` from the outputs in `seeds`, each one number.
    pub fn new(tape: &Tape, seeds: &[usize]) -> Adjoint {
        let homes = homes(tape);
        let home = |o: &Operand| match o {
            Operand::Register { offset, .. } => homes[*offset],
            Operand::Known { .. } => None,
        };
        let taking_part = taking_part(tape, seeds, home);
        let mut bars: Vec<Option<usize>> = vec![None; tape.instructions.len()];
        let (mut steps, mut loads, mut elements) = (Vec::new(), Vec::new(), 0);
        for (i, instruction) in tape.instructions.iter().enumerate() {
            if !taking_part[i] {
                continue;
            }
            let bar = elements;
            bars[i] = Some(bar);
            match instruction {
                Instruction::Load { columns, .. } => {
                    elements += columns.len();
                    loads.push((columns.clone(), bar));
                }
                Instruction::Run { op, args, len, .. } => {
                    elements += len;
                    let carried = |(k, a): (usize, &Operand)| {
                        let carries = adjoint::carries(op, k, args.len());
                        home(a).filter(|_| carries).and_then(|h| bars[h])
                    };
                    let at = args.iter().enumerate().map(carried).collect();
                    steps.push(Step {
                        instruction: i,
                        bar,
                        at,
                    });
                }
            }
        }
        steps.reverse();
        let seeds = seeds
            .iter()
            .map(|&s| home(&tape.outputs[s]).and_then(|h| bars[h]))
            .collect();
        let lanes = match lanes(tape.registers + elements) {
            few if few < FEW_LANES && tape.is_single() => 1,
            lanes => lanes,
        };
        Adjoint {
            steps,
            loads,
            elements,
            seeds,
            singles: OnceLock::new(),
            lanes,
        }
    }

    /// The steps for one lane; its known numbers stand behind the registers.
    fn sweep_single(&self, tape: &Tape, registers: &[f64], bars: &mut [f64]) {
        let singles = self.singles.get_or_init(|| {
            let mut all = BackSingles::default();
            for (s, step) in self.steps.iter().enumerate() {
                let which = [s, step.instruction, step.bar];
                all.push(tape, which, &step.at, self.elements);
            }
            all
        });
        for stretch in &singles.stretches {
            match stretch {
                Stretch::Whole(s) => self.steps[*s].run(tape, registers, bars, 1),
                Stretch::Singles(range) => {
                    single::run_adjoint(&singles.code[range.clone()], registers, bars)
                }
            }
        }
    }

    /// Adds the gradient of the sum of the seeds to `gradient: [lanes, width]`, after the tape has run.
    ///
    /// `counts(seed, lane)` says whether a seed is part of that execution's sum.
    pub fn sweep(
        &self,
        tape: &Tape,
        space: &mut Workspace,
        lanes: usize,
        counts: impl Fn(&Block, usize, usize) -> bool,
        gradient: &mut [f64],
    ) {
        let bars = &mut space.bars;
        bars.clear();
        // Behind them, where what is lost goes.
        bars.resize((self.elements + 1) * lanes, 0.0);
        for (s, seed) in self.seeds.iter().enumerate() {
            let Some(at) = seed else { continue };
            for lane in (0..lanes).filter(|&lane| counts(&space.block, s, lane)) {
                bars[at * lanes + lane] += 1.0;
            }
        }
        let registers = &space.block.registers;
        match lanes {
            1 => self.sweep_single(tape, registers, bars),
            _ => {
                let all = self.steps.iter();
                all.for_each(|step| step.run(tape, registers, bars, lanes));
            }
        }
        let width = gradient.len() / lanes;
        for (columns, at) in &self.loads {
            for (column, bar) in columns.iter().zip(bars[at * lanes..].chunks_exact(lanes)) {
                bar.iter()
                    .enumerate()
                    .for_each(|(lane, b)| gradient[lane * width + column] += b);
            }
        }
    }
}

impl Step {
    fn run(&self, tape: &Tape, registers: &[f64], bars: &mut [f64], lanes: usize) {
        let Instruction::Run {
            op,
            args,
            offset,
            len,
        } = &tape.instructions[self.instruction]
        else {
            return;
        };
        // Operands stand before their users, and so do their bars.
        let (before, rest) = bars.split_at_mut(self.bar * lanes);
        let bar = &rest[..len * lanes];
        if bar.iter().all(|b| *b == 0.0) {
            return;
        }
        let mut operands = Bars {
            file: before,
            at: &self.at,
            lanes,
        };
        let out = &registers[offset * lanes..(offset + len) * lanes];
        with_views(args, registers, &tape.known, [lanes; 2], |args| {
            adjoint::run(op, args, out, bar, &mut operands, lanes);
        });
    }
}

/// The instruction that fills each register from its first on; registers without elements have none.
fn homes(tape: &Tape) -> Vec<Option<usize>> {
    let mut homes = vec![None; tape.registers + 1];
    for (i, instruction) in tape.instructions.iter().enumerate() {
        let (offset, len) = instruction.place();
        if len > 0 {
            homes[offset] = Some(i);
        }
    }
    homes
}

/// Which instructions noise moves, and move a seed.
fn taking_part(
    tape: &Tape,
    seeds: &[usize],
    home: impl Fn(&Operand) -> Option<usize>,
) -> Vec<bool> {
    let n = tape.instructions.len();
    let carried = |i: usize| {
        let (op, args) = match &tape.instructions[i] {
            Instruction::Load { .. } => (None, &[][..]),
            Instruction::Run { op, args, .. } => (Some(op), &args[..]),
        };
        let carries = move |k: usize| op.is_some_and(|op| adjoint::carries(op, k, args.len()));
        let own = (0..args.len()).filter(move |&k| carries(k));
        own.filter_map(|k| home(&args[k]))
    };
    let mut moved = vec![false; n];
    let mut moves = vec![false; n];
    for i in 0..n {
        let is_noise = matches!(tape.instructions[i], Instruction::Load { .. });
        moved[i] = is_noise || carried(i).any(|a| moved[a]);
    }
    seeds
        .iter()
        .filter_map(|&s| home(&tape.outputs[s]))
        .for_each(|h| moves[h] = true);
    for i in (0..n).rev() {
        if moved[i] && moves[i] {
            carried(i).for_each(|a| moves[a] = true);
        }
    }
    moved.iter().zip(moves).map(|(a, b)| *a && b).collect()
}
