//! Draws of a program's parameters, each with the data that it leads to.

use super::{NoiseDraws, SbcRequest};
use crate::base::{Report, Seed};
use crate::draws::Output;
use crate::session::simulated::{Column, columns};
use crate::session::{ExitKind, Failure, InferRequest, Limits, Program};
use crate::store::Inputs;

/// Draws of a program's parameters and data.
pub(super) struct Simulator {
    inputs: Inputs,
    truths: NoiseDraws,
    columns: Vec<Column>,
    outputs: Vec<Output>,
}

impl Simulator {
    /// Draws `request.sims` sets.
    pub fn new(
        program: &Program,
        inputs: &Inputs,
        limits: &Limits,
        request: &SbcRequest,
    ) -> Result<Simulator, Failure> {
        let simulated = program.simulate(inputs, limits)?;
        let prior = InferRequest {
            draws: request.sims,
            keep_noise: true,
            options: Vec::new(),
            time_budget: None,
            seed: Seed(request.infer.seed).child("simulate", 0).0,
            progress: std::sync::Arc::new(crate::infer::NoProgress),
            ..InferRequest::new("prior", 0)
        };
        let answer = simulated.infer(&prior)?;
        let outputs = answer.record.draws.outputs;
        let columns = columns(&program.model, inputs, &outputs)
            .and_then(|columns| complete(columns, inputs))
            .map_err(|what| unobserved(program, what))?;
        Ok(Simulator {
            inputs: inputs.clone(),
            truths: answer.kept.expect("the request asked for it"),
            columns,
            outputs,
        })
    }

    /// The inputs of one simulation.
    pub fn inputs(&self, sim: usize) -> Inputs {
        let mut inputs = self.inputs.clone();
        for column in &self.columns {
            let numbers = column.numbers(&column.within(&self.outputs), sim);
            inputs.levels.retain(|l| l.name != column.key);
            inputs
                .data
                .insert(column.key.clone(), column.entry(&numbers));
        }
        inputs
    }

    /// The noise of one simulation, as draws of their own.
    pub fn truth(&self, sim: usize) -> NoiseDraws {
        let dim = self.truths.dim;
        NoiseDraws {
            n: 1,
            chains: 1,
            n_draws: 1,
            log_weights: None,
            z: self.truths.z[sim * dim..(sim + 1) * dim].to_vec(),
            ..self.truths.clone_without_noise()
        }
    }
}

fn complete(columns: Vec<Column>, inputs: &Inputs) -> Result<Vec<Column>, String> {
    let has_gaps = |c: &&Column| {
        let given = inputs.data.get(&c.key);
        given.is_some_and(|e| e.missing.contains(&true))
    };
    match columns.iter().find(has_gaps) {
        Some(c) => Err(format!(
            "`{}` has missing elements: calibration needs complete data",
            c.name
        )),
        None => Ok(columns),
    }
}

fn unobserved(program: &Program, what: String) -> Failure {
    let report = Report::error("odp::session::nothing_simulated", what).help(
        "calibration draws the observed data from the program: declare what is observed with `data` and `observe` it by its name",
    );
    Failure {
        reports: vec![report],
        exit: ExitKind::Model,
        sources: program.sources().clone(),
    }
}

/// The choices of a program may depend on its data; then a simulation's own do not tell the truth.
pub(super) fn other_choices() -> Failure {
    let report = Report::error(
        "odp::session::other_choices",
        "with simulated data the program makes choices that the simulation did not make: its sites depend on what it observes",
    );
    Failure::plain(ExitKind::Model, report)
}
