//! Executions of a component that run past the unrolling bound.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::component::{Component, Inputs, NO_PANIC};
use super::tape::{Block, Tape};
use crate::trace::TraceError;

impl Component {
    /// Share of executions that ran past the unrolling bound.
    pub fn overflow_rate(&self) -> f64 {
        let n = self.evaluated.load(Ordering::Relaxed);
        if n == 0 {
            0.0
        } else {
            self.overflowed.load(Ordering::Relaxed) as f64 / n as f64
        }
    }

    /// The first fault or limit that stopped an execution beyond the bound.
    pub fn error(&self) -> Option<TraceError> {
        self.error.lock().expect(NO_PANIC).clone()
    }

    /// Whether one execution runs past the unrolling bound, and the key of its noise beyond it.
    pub fn overflow_key(&self, z: &[f64]) -> Option<u64> {
        let (bound, mut block) = (self.bound.as_ref()?, Block::default());
        bound.run_lanes(z, 1, &mut block);
        if bound.value(&block, 0, 0, 0) == 0.0 {
            return None;
        }
        self.noise.run_lanes(z, 1, &mut block);
        Some(self.key(&self.noise, &block, z, 0, Inputs::Noise))
    }

    /// How many executions run past the unrolling bound of those whose noise `rows` gives, block by block, until it gives
    /// none or there are `enough`.
    pub fn overflowing(
        &self,
        enough: usize,
        mut rows: impl FnMut(usize) -> Option<Vec<f64>>,
    ) -> usize {
        let Some(tape) = &self.bound else { return 0 };
        let (mut block, mut over) = (Block::default(), 0);
        while over < enough
            && let Some(z) = rows(tape.lanes)
        {
            let n = z.len() / self.coordinates.len().max(1);
            tape.run_lanes(&z, n, &mut block);
            over += (0..n)
                .filter(|&lane| tape.value(&block, 0, 0, lane) != 0.0)
                .count();
        }
        over
    }

    /// An execution past the bound: finished by the interpreter, with prior noise of its own.
    pub(super) fn beyond(
        &self,
        tape: &Tape,
        block: &Block,
        lane: usize,
        row: &[f64],
        kind: Inputs,
    ) -> f64 {
        self.overflowed.fetch_add(1, Ordering::Relaxed);
        if self.error.lock().expect(NO_PANIC).is_some() {
            // The run ends with the first execution's fault: there is no need to find it again.
            return f64::NAN;
        }
        let overflow = self
            .overflow
            .as_ref()
            .expect("a tape that can overflow knows how to go on");
        let key = self.key(tape, block, row, lane, kind);
        let values: HashMap<usize, f64> = match kind {
            Inputs::Noise => HashMap::new(),
            Inputs::Values => self
                .sites
                .iter()
                .map(|s| (self.coordinates[s.column], row[s.column]))
                .collect(),
        };
        match overflow.log_weight(&self.coordinates, row, key, &values) {
            Ok(w) => w,
            Err(e) => {
                self.error.lock().expect(NO_PANIC).get_or_insert(e);
                f64::NAN
            }
        }
    }

    /// Names an execution by its continuous noise and its discrete values, whichever way those are given.
    fn key(&self, tape: &Tape, block: &Block, row: &[f64], lane: usize, kind: Inputs) -> u64 {
        let mut is_site = vec![false; row.len()];
        let mut h = 0xcbf2_9ce4_8422_2325u64;
        let mut add = |x: u64| h = (h ^ x).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
        for s in &self.sites {
            is_site[s.column] = true;
            if self.reached(tape, block, s, lane) {
                let k = if kind == Inputs::Values {
                    row[s.column]
                } else {
                    tape.value(block, s.value, s.element, lane)
                };
                add((k as i64) as u64 ^ ((s.column as u64) << 40));
            }
        }
        row.iter()
            .zip(is_site)
            .filter(|(_, site)| !site)
            .for_each(|(x, _)| add(x.to_bits()));
        h
    }
}
