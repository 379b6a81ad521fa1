//! Simulations as training wants them: figures and noise, in batches, failed ones left out.

use rayon::prelude::*;

use super::summary::Summary;
use super::{Pairs, Simulator};
use crate::base::Seed;
use crate::infer::InferError;

/// Simulations drawn at a time.
const CHUNK: usize = 8192;
/// A simulation that computes more numbers than this is used more than once.
const CHEAP: usize = 20_000;
/// No simulation is used more often.
const MOST_USES: usize = 8;
/// Attempts at as many whole simulations as are asked for.
const ATTEMPTS: u64 = 8;

/// Figures `[n, width]` and noise `[n, dim]`.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub f: Vec<f64>,
    pub z: Vec<f64>,
    pub n: usize,
}

/// Batches without end.
pub(super) struct Supply<'a> {
    simulator: &'a dyn Simulator,
    seed: Seed,
    chunk: Rows,
    chunks: u64,
    at: usize,
    uses: usize,
    pub simulations: u64,
}

impl<'a> Supply<'a> {
    pub fn new(simulator: &'a dyn Simulator, seed: Seed) -> Supply<'a> {
        Supply {
            simulator,
            seed,
            chunk: Rows::default(),
            chunks: 0,
            at: 0,
            uses: 0,
            simulations: 0,
        }
    }

    /// The next `n` rows.
    ///
    /// # Errors
    /// `AllFailed` where simulations keep failing.
    pub fn next(&mut self, summary: &Summary, n: usize) -> Result<Rows, InferError> {
        let uses = (self.simulator.size() / CHEAP).clamp(1, MOST_USES);
        if self.at + n > self.chunk.n {
            self.uses += 1;
            self.at = 0;
            if self.uses >= uses || n > self.chunk.n {
                let seed = self.seed.child("chunk", self.chunks);
                self.chunks += 1;
                self.uses = 0;
                self.chunk = self.rows(summary, CHUNK.max(n), seed)?;
            }
        }
        let (f, z) = (summary.width(), self.simulator.dim());
        let rows = Rows {
            f: self.chunk.f[self.at * f..(self.at + n) * f].to_vec(),
            z: self.chunk.z[self.at * z..(self.at + n) * z].to_vec(),
            n,
        };
        self.at += n;
        Ok(rows)
    }

    /// `n` rows of their own.
    ///
    /// # Errors
    /// As [`Supply::next`].
    pub fn rows(&mut self, summary: &Summary, n: usize, seed: Seed) -> Result<Rows, InferError> {
        let pairs = self.whole(n, seed)?;
        let numbers = summary.numbers().max(1);
        let f: Vec<f64> = pairs
            .y
            .par_chunks_exact(numbers)
            .flat_map_iter(|y| summary.of(y))
            .collect();
        Ok(Rows { f, z: pairs.z, n })
    }

    /// `n` simulations whose data are all numbers.
    ///
    /// # Errors
    /// As [`Supply::next`].
    pub fn whole(&mut self, n: usize, seed: Seed) -> Result<Pairs, InferError> {
        let d = self.simulator.dim();
        let numbers: usize = self
            .simulator
            .arrays()
            .iter()
            .map(|s| s.iter().product::<usize>())
            .sum();
        let mut all = Pairs::default();
        for attempt in 0..ATTEMPTS {
            let pairs = self.simulator.pairs(n, seed.child("simulate", attempt));
            self.simulations += n as u64;
            let rows = pairs
                .y
                .chunks_exact(numbers.max(1))
                .zip(pairs.z.chunks_exact(d));
            for (y, z) in rows.filter(|(y, _)| y.iter().all(|v| v.is_finite())) {
                if all.z.len() < n * d {
                    all.y.extend(y);
                    all.z.extend(z);
                }
            }
            if all.z.len() == n * d {
                return Ok(all);
            }
        }
        Err(InferError::AllFailed {
            failed: self.simulations,
        })
    }
}
