//! log r and its gradient over the noise of a component.

use std::sync::atomic::Ordering;

use rayon::prelude::*;

use super::adjoint::{Adjoint, Workspace};
use super::component::{Component, Inputs, NO_PANIC, Weighed, reused};
use super::tape::Tape;
use crate::trace::TermKind;

/// The terms whose values are log-weights themselves, by their place in the sum, and the sweep back from them.
pub(super) struct Sweep {
    terms: Vec<usize>,
    adjoint: Adjoint,
}

impl Sweep {
    /// The sweep of a tape with these terms.
    pub(super) fn new(tape: &Tape, terms: &[Weighed]) -> Sweep {
        let is_weight = |t: &Weighed| !matches!(t.kind, TermKind::Condition | TermKind::Fault);
        let chosen: Vec<usize> = (0..terms.len()).filter(|&t| is_weight(&terms[t])).collect();
        let outputs: Vec<usize> = chosen.iter().map(|&t| terms[t].node).collect();
        Sweep {
            adjoint: Adjoint::new(tape, &outputs),
            terms: chosen,
        }
    }
}

impl Component {
    /// See [`log_r_gradient`](super::Target::log_r_gradient).
    pub(super) fn gradient_of_rows(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        let (dim, lanes) = (self.coordinates.len(), self.sweep().adjoint.lanes);
        self.evaluated
            .fetch_add(log_r.len() as u64, Ordering::Relaxed);
        if log_r.len() <= lanes {
            let mut space = reused(&self.spaces);
            self.gradient_of_block(z, log_r, gradient, &mut space);
            return self.spaces.lock().expect(NO_PANIC).push(space);
        }
        log_r
            .par_chunks_mut(lanes)
            .zip(gradient.par_chunks_mut(lanes * dim))
            .zip(z.par_chunks(lanes * dim))
            .for_each_init(Workspace::default, |space, ((log_r, gradient), rows)| {
                self.gradient_of_block(rows, log_r, gradient, space);
            });
    }

    fn gradient_of_block(
        &self,
        rows: &[f64],
        log_r: &mut [f64],
        gradient: &mut [f64],
        space: &mut Workspace,
    ) {
        let (dim, lanes) = (self.coordinates.len(), log_r.len());
        if lanes == 0 {
            return;
        }
        // The way back reads every register.
        self.noise.run_whole(rows, lanes, &mut space.block);
        for (lane, o) in log_r.iter_mut().enumerate() {
            let row = &rows[lane * dim..(lane + 1) * dim];
            *o = self.finished(&self.noise, &space.block, lane, row, Inputs::Noise, None);
        }
        gradient.fill(0.0);
        let live: Vec<bool> = log_r.iter().map(|w| *w != f64::NEG_INFINITY).collect();
        let Sweep { terms, adjoint } = self.sweep();
        let counts = |block: &super::tape::Block, seed: usize, lane: usize| {
            live[lane] && self.is_reached(block, &self.terms[terms[seed]], lane)
        };
        adjoint.sweep(&self.noise, space, lanes, counts, gradient);
    }
}
