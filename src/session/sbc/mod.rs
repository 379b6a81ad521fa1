//! Simulation-based calibration: does an engine draw from the posterior that a program has?
//!
//! ```text
//! program ──► (true values, data) from the prior, `sims` times ──► infer each ──► rank of the true values among `ranks`
//! draws ──► uniform? ──► Calibration
//! ```
//!
//! Parameters drawn from the prior, with data drawn from them, are draws from the joint distribution; so the truth is
//! one more draw from the posterior, and its rank among the engine's draws is uniform, whatever the test quantity.
//!
//! # Source
//! Talts et al. 2018; data-dependent test quantities (the log-likelihood) after Modrák et al. 2023.

mod data;
mod judge;
mod rank;

pub use judge::{Calibration, QuantityFacts};

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::simulated::refuse_weights;
use super::{Bound, Failure, InferRequest, Limits, NoiseDraws, Program};
use crate::base::Seed;
use crate::store::Inputs;
use data::Simulator;

/// What a calibration asks for.
#[derive(Clone)]
pub struct SbcRequest {
    /// The engine, its options, draws and seed: what each simulation is inferred with.
    pub infer: InferRequest,
    /// Simulations.
    pub sims: usize,
    /// Draws that the truth is ranked among.
    pub ranks: usize,
    /// Probability that a right engine fails, over all quantities and tests.
    pub alpha: f64,
}

/// One simulation, inferred.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// Its number, from 0.
    pub sim: usize,
    /// Whether the engine called its draws reliable.
    pub reliable: bool,
    /// The smallest bulk ESS of a parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ess: Option<f64>,
    /// Why there are no ranks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// For each test quantity, how many draws lie below the truth.
    pub ranks: BTreeMap<String, usize>,
}

impl Program {
    /// Calibrates an engine on this program. The inputs give sizes and what is not observed; observed data is simulated.
    /// Simulations in `done` are not run again; each new one is given to `tell` when it is finished, in no certain
    /// order. The result depends on neither.
    ///
    /// # Errors
    /// A program without observations of its data, or with `factor`, `condition`, improper priors or missing data, whose
    /// weights cannot be simulated. Failures of single runs are counted in the calibration.
    pub fn calibrate(
        &self,
        inputs: &Inputs,
        limits: &Limits,
        request: &SbcRequest,
        done: Vec<Simulation>,
        tell: &(dyn Fn(&Simulation) + Sync),
    ) -> Result<Calibration, Failure> {
        let simulator = Simulator::new(self, inputs, limits, request)?;
        let first = simulator.inputs(0);
        refuse_weights(&self.bind(&first, limits)?, "calibration")?;
        let held: Vec<usize> = done.iter().map(|s| s.sim).collect();
        let missing: Vec<usize> = (0..request.sims).filter(|i| !held.contains(i)).collect();
        let finished = Mutex::new(held.len());
        let one = |&sim: &usize| {
            let simulation = self.simulation(sim, &simulator, limits, request)?;
            let mut count = finished.lock().unwrap_or_else(|e| e.into_inner());
            *count += 1;
            tell(&simulation);
            let progress = &request.infer.progress;
            progress.update("calibrating", *count, Some(request.sims), "");
            Some(simulation)
        };
        let fresh: Vec<Simulation> = missing.par_iter().filter_map(one).collect();
        let mut all = done;
        all.retain(|s| s.sim < request.sims);
        all.extend(fresh);
        all.sort_by_key(|s| s.sim);
        Ok(judge::judge(self.name(), request, all))
    }

    /// One simulation; `None` where the user interrupted it.
    fn simulation(
        &self,
        sim: usize,
        simulator: &Simulator,
        limits: &Limits,
        request: &SbcRequest,
    ) -> Option<Simulation> {
        let stop = &request.infer.stop;
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let simulation = self.inferred(sim, simulator, limits, request);
        // What an interrupt cut short is no evidence.
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        Some(simulation.unwrap_or_else(|failure| Simulation {
            sim,
            failed: Some(failure.to_string()),
            ..Simulation::default()
        }))
    }

    fn inferred(
        &self,
        sim: usize,
        simulator: &Simulator,
        limits: &Limits,
        request: &SbcRequest,
    ) -> Result<Simulation, Failure> {
        let bound = self.bind(&simulator.inputs(sim), limits)?;
        let seed = Seed(request.infer.seed).child("sbc", sim as u64);
        let run = InferRequest {
            seed: seed.0,
            keep_noise: true,
            checkpoint: None,
            progress: std::sync::Arc::new(crate::infer::NoProgress),
            ..request.infer.clone()
        };
        let answer = bound.infer(&run)?;
        let truth = simulator.truth(sim);
        if !truth.covers(&bound.lowered.graph.layout) {
            return Err(data::other_choices());
        }
        let kept = answer.kept.as_ref().expect("the request asked for it");
        let picked = rank::picked(kept, request.ranks, seed);
        Ok(Simulation {
            sim,
            reliable: answer.reliable,
            ess: answer.diagnostics.ess_bulk_min,
            failed: None,
            ranks: rank::ranks(
                &bound.quantities(kept),
                &bound.quantities(&truth),
                &picked,
                seed,
            ),
        })
    }
}

/// Test quantities over draws: names, and for each its values.
pub(super) type Quantities = Vec<(String, Vec<f64>)>;

impl Bound {
    /// The test quantities at the noise of draws: every element of every output that depends on chance, the
    /// log-likelihood, and the product of the first two. A value that is absent counts as below all others.
    fn quantities(&self, kept: &NoiseDraws) -> Quantities {
        let (graph, n) = (&self.lowered.graph, kept.n);
        let z = kept.laid_out(&graph.layout, self.lowered.dim);
        let by_chance = self.lowered.pushforward.nodes();
        let outputs = self.lowered.pushforward.outputs(&z, n);
        let mut all: Quantities = Vec::new();
        for output in outputs {
            if !by_chance.iter().any(|(name, _)| *name == output.name) {
                continue;
            }
            for e in 0..output.shape.len() {
                let rows = output.values.chunks_exact(output.shape.len());
                let value = |row: &[f64]| {
                    if row[e].is_nan() {
                        f64::NEG_INFINITY
                    } else {
                        row[e]
                    }
                };
                all.push((output.element_name(e), rows.map(value).collect()));
            }
        }
        let product = match &all[..] {
            [(a, x), (b, y), ..] => {
                let values = x.iter().zip(y).map(|(x, y)| x * y);
                let present = |p: f64| if p.is_nan() { f64::NEG_INFINITY } else { p };
                Some((format!("{a} * {b}"), values.map(present).collect()))
            }
            _ => None,
        };
        all.push(("log r".to_string(), self.log_weights_at(&z, n)));
        all.extend(product);
        all
    }
}

#[cfg(test)]
mod tests;
