//! One execution at a time: operations on few numbers run as stretches of singles (`ir/single.rs`), the others by their kernels.
//!
//! ```text
//! instructions   Load  Take  Mul  Add  Transport  Mul  Add  …      ─▶      kernel │ singles 3 │ kernel │ singles 2 │ …
//! ```
//! Known numbers that singles read stand behind the registers.

use std::collections::HashMap;
use std::ops::Range;

use super::tape::{Instruction, Operand, Tape};
use crate::ir::single::{Back, Element, Single, elements};

/// A stretch of a tape or of the way back over it.
#[derive(Debug)]
pub(super) enum Stretch {
    /// An instruction, or a step back, of its own.
    Whole(usize),
    /// Some of the singles.
    Singles(Range<usize>),
}

/// A tape for one lane.
#[derive(Debug, Default)]
pub(super) struct Singles {
    pub stretches: Vec<Stretch>,
    pub code: Vec<Single>,
    /// Known numbers, behind the registers.
    pub known: Vec<f64>,
    /// The singles of each instruction; none for one that runs by its kernel.
    of: Vec<Range<usize>>,
}

impl Singles {
    /// A tape's instructions for one lane.
    pub fn new(tape: &Tape) -> Singles {
        let mut singles = Singles::default();
        let mut index = HashMap::new();
        for (i, instruction) in tape.instructions.iter().enumerate() {
            let start = singles.code.len();
            match taken_apart(tape, instruction) {
                Some(elements) => singles.add(tape, instruction, &elements, &mut index),
                None => singles.stretches.push(Stretch::Whole(i)),
            }
            singles.of.push(start..singles.code.len());
        }
        singles
    }

    /// How many instructions run by their kernels.
    pub fn kernels(&self) -> usize {
        let whole = |s: &&Stretch| matches!(s, Stretch::Whole(_));
        self.stretches.iter().filter(whole).count()
    }

    /// Adds an instruction's elements. `index` has the known numbers so far by their bits.
    fn add(
        &mut self,
        tape: &Tape,
        instruction: &Instruction,
        elements: &[Element],
        index: &mut HashMap<u64, usize>,
    ) {
        let Instruction::Run { args, offset, .. } = instruction else {
            return;
        };
        let mut place = |operand, element| match operand {
            Operand::Register { offset, .. } => offset + element,
            Operand::Known { at } => {
                let value: f64 = tape.known[at][element];
                tape.registers
                    + *index.entry(value.to_bits()).or_insert_with(|| {
                        self.known.push(value);
                        self.known.len() - 1
                    })
            }
        };
        let start = self.code.len();
        for (e, element) in elements.iter().enumerate() {
            let mut args_at = [0; 3];
            for (k, at) in args_at.iter_mut().enumerate().take(element.n_sources()) {
                let (operand, from) = element.sources[k];
                *at = place(args[operand], from) as u32;
            }
            self.code.push(Single {
                function: element.function,
                args: args_at,
                out: (offset + e) as u32,
            });
        }
        lengthen(&mut self.stretches, start..self.code.len());
    }
}

/// The way back over a tape for one lane.
#[derive(Debug, Default)]
pub(super) struct BackSingles {
    pub stretches: Vec<Stretch>,
    pub code: Vec<Back>,
}

impl BackSingles {
    /// Adds step `step`, back over `instruction`, whose result's bar begins at `bar` and its operands' at `at`. `nowhere` is a
    /// place that nobody reads.
    pub fn push(
        &mut self,
        tape: &Tape,
        [step, instruction, bar]: [usize; 3],
        at: &[Option<usize>],
        nowhere: usize,
    ) {
        let singles = tape.singles();
        let own = &singles.code[singles.of[instruction].clone()];
        let elements = match own {
            [] => None,
            _ => taken_apart(tape, &tape.instructions[instruction]),
        };
        let Some(elements) = elements else {
            return self.stretches.push(Stretch::Whole(step));
        };
        let start = self.code.len();
        for (e, (of, element)) in own.iter().zip(elements).enumerate() {
            let mut to = [nowhere as u32; 3];
            for (k, to) in to.iter_mut().enumerate().take(element.n_sources()) {
                let (operand, from) = element.sources[k];
                *to = at[operand].map_or(nowhere, |bar| bar + from) as u32;
            }
            self.code.push(Back {
                of: *of,
                bar: (bar + e) as u32,
                to,
            });
        }
        lengthen(&mut self.stretches, start..self.code.len());
    }
}

/// An instruction's elements, where it has few.
fn taken_apart(tape: &Tape, instruction: &Instruction) -> Option<Vec<Element>> {
    let Instruction::Run { op, args, len, .. } = instruction else {
        return None;
    };
    let len_of = |a: &Operand| match a {
        Operand::Register { len, .. } => *len,
        Operand::Known { at } => tape.known[*at].len(),
    };
    let lens: Vec<usize> = args.iter().map(len_of).collect();
    elements(op, &lens, *len)
}

/// Adds singles to the last stretch, or begins one.
fn lengthen(stretches: &mut Vec<Stretch>, more: Range<usize>) {
    match stretches.last_mut() {
        Some(Stretch::Singles(range)) => range.end = more.end,
        _ => stretches.push(Stretch::Singles(more)),
    }
}
