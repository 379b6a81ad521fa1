//! Executions that run past the unrolling bound: the reference interpreter finishes them, with prior noise keyed by
//! (seed, execution, address).

use std::collections::HashMap;
use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use crate::base::Seed;
use crate::ir::Model;
use crate::trace::{Execution, Inputs, Limits, RunNoise, TraceError, run};

/// What the interpreter needs to run an execution again.
#[derive(Clone)]
pub struct Overflow {
    /// The program.
    pub model: Arc<Model>,
    /// Its data.
    pub inputs: Arc<Inputs>,
    /// The hard limits.
    pub limits: Limits,
    /// Where each address has its coordinates.
    pub layout: Arc<HashMap<u128, (usize, usize)>>,
    /// Number of coordinates.
    pub dim: usize,
    /// Keys noise beyond the layout.
    pub seed: Seed,
}

impl Overflow {
    /// Runs one execution whose coordinates are all given.
    ///
    /// # Errors
    /// Faults and limits of the execution.
    pub fn execution(
        &self,
        z: &[f64],
        key: u64,
        values: &HashMap<usize, f64>,
    ) -> Result<Execution, TraceError> {
        let seed = self.seed.child("beyond", key);
        let beyond = |address: u128, out: &mut [f64]| {
            let mut stream = seed.stream("noise", address as u64 ^ (address >> 64) as u64);
            out.iter_mut()
                .for_each(|x| *x = StandardNormal.sample(&mut stream));
        };
        let lookup = |c: usize| values.get(&c).copied();
        let noise = RunNoise {
            layout: &self.layout,
            z,
            beyond: &beyond,
            values: (!values.is_empty()).then_some(&lookup),
        };
        run(&self.model, &self.inputs, self.limits, noise)
    }

    /// log r of an execution of which a component's coordinates are given; the others reach no weight.
    ///
    /// # Errors
    /// Faults and limits of the execution.
    pub fn log_weight(
        &self,
        coordinates: &[usize],
        row: &[f64],
        key: u64,
        values: &HashMap<usize, f64>,
    ) -> Result<f64, TraceError> {
        let mut z = vec![0.0; self.dim];
        coordinates.iter().zip(row).for_each(|(&c, &x)| z[c] = x);
        Ok(self.execution(&z, key, values)?.log_weight())
    }
}
