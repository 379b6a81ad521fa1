//! How a model fits, from a run's draws: the log-likelihood of each observation, PSIS-LOO and WAIC from it, and new
//! observations drawn at each draw.
//!
//! ```text
//! the draws' noise ──► Bound::log_likelihood ──► loo, waic
//!                └───► the program that simulates its data, at the same noise ──► posterior predictive
//! ```

use serde::Serialize;

use super::answer::{Figure, finite};
use super::{Answer, Bound, Limits, NoiseDraws, Program, equally_weighted};
use crate::base::Shape;
use crate::draws::{self, Criterion, Draws, Output, OutputKind};
use crate::lower::{Pointwise, Scores};
use crate::store::Inputs;

/// More numbers than this (0.4 GB) are not kept beside the draws.
const MOST_NUMBERS: usize = 50_000_000;

/// How well the model predicts observations that it has not seen, in nats: the more the better.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LooFacts {
    /// Observations.
    pub observations: usize,
    /// Expected log predictive density by leave-one-out cross-validation, with its standard error.
    pub elpd_loo: Figure,
    /// See `elpd_loo`.
    pub se: Figure,
    /// Effective number of parameters.
    pub p_loo: Figure,
    /// The largest Pareto k̂ of an observation.
    pub khat_max: Figure,
    /// The largest k̂ that is to be trusted with as many draws.
    pub khat_limit: f64,
    /// Observations above it.
    pub khat_high: usize,
    /// The same by the widely applicable information criterion.
    pub elpd_waic: Figure,
    /// See `elpd_waic`.
    pub waic_se: Figure,
    /// Effective number of parameters, by WAIC.
    pub p_waic: Figure,
    /// Observations whose log-likelihood varies too much for WAIC.
    pub waic_high: usize,
}

impl Program {
    /// Adds to an answer, whose noise was kept, what only the program knows: the log-likelihood of each observation and
    /// new observations drawn at each draw, in the record; the information criteria; the noise graph. What a program
    /// does not have, or what would be too large, is left out.
    pub fn examine(&self, inputs: &Inputs, limits: &Limits, bound: &Bound, answer: &mut Answer) {
        let Some(kept) = answer.kept.take() else {
            return;
        };
        let graph = bound.graph();
        if (1..=MOST_NODES).contains(&graph.nodes.len()) {
            answer
                .record
                .attributes
                .push(("graph".to_string(), graph.svg().into()));
        }
        if answer.record.prior {
            return;
        }
        answer.record.log_likelihood = bound.log_likelihood(&kept);
        answer.loo = criteria(answer);
        if let Ok(simulated) = self.simulate(inputs, limits) {
            answer.record.predictive = simulated.observations_at(&kept);
        }
    }
}

/// Larger graphs are no picture any more.
const MOST_NODES: usize = 150;

impl Bound {
    /// The log-likelihood of each observation at a run's draws, equally weighted: an output for each observed variable,
    /// in the variable's shape where all of it is observed once. Empty where nothing is observed, where executions run
    /// past the unrolling bound, and where it would be too large.
    pub fn log_likelihood(&self, kept: &NoiseDraws) -> Vec<Output> {
        let pointwise = Pointwise::new(&self.lowered.graph);
        if self.may_overflow() || pointwise.len().saturating_mul(kept.n) > MOST_NUMBERS {
            return Vec::new();
        }
        let z = kept.laid_out(&self.lowered.graph.layout, self.lowered.dim);
        let scores = pointwise.scores(&z, kept.n);
        let outputs = scores.into_iter().map(|s| self.scored(s)).collect();
        self.weighed_equally(kept, outputs)
    }

    fn scored(&self, scores: Scores) -> Output {
        let name = match &scores.observed {
            Some(name) => name.to_string(),
            None => format!("observe@{}", self.model.sources.line_col(scores.span).0),
        };
        let observed = self.observed.iter().find(|(n, _)| *n == name);
        let shape = match observed.map(|(_, e)| e.shape.clone()) {
            Some(shape) if shape.len() == scores.len => shape,
            _ if scores.len == 1 => Shape::scalar(),
            _ => Shape::vector(scores.len),
        };
        Output {
            name,
            shape,
            kind: OutputKind::Real,
            values: scores.values,
            present: Vec::new(),
        }
    }

    /// Of a program that simulates its data: the observations at the noise of a run's draws.
    fn observations_at(&self, kept: &NoiseDraws) -> Vec<Output> {
        let is_data = |name: &str| {
            let bare = name.split('[').next().unwrap_or(name);
            bare.starts_with("observe@") || self.model.data.iter().any(|d| d.name == bare)
        };
        let numbers: usize = self.lowered.dim.saturating_mul(kept.n);
        if numbers > MOST_NUMBERS {
            return Vec::new();
        }
        let outputs = self.at(kept).outputs;
        outputs.into_iter().filter(|o| is_data(&o.name)).collect()
    }

    fn weighed_equally(&self, kept: &NoiseDraws, outputs: Vec<Output>) -> Vec<Output> {
        let draws = Draws {
            n: kept.n,
            chains: kept.chains,
            outputs,
            log_weights: kept.log_weights.clone(),
        };
        equally_weighted(draws, kept.n_draws, kept.seed).outputs
    }

    /// log r of executions with the given noise, all components together. `z: [n, dim]`, all of the program's noise.
    pub(super) fn log_weights_at(&self, z: &[f64], n: usize) -> Vec<f64> {
        let (lowered, dim) = (&self.lowered, self.lowered.dim);
        let mut total = vec![lowered.constant; n];
        for component in &lowered.components {
            for member in component.members() {
                let own = |draw: usize| member.iter().map(move |c| z[draw * dim + c]);
                let rows: Vec<f64> = (0..n).flat_map(own).collect();
                let mut log_r = vec![0.0; n];
                crate::lower::Target::log_r(&**component, &rows, &mut log_r);
                total.iter_mut().zip(log_r).for_each(|(t, x)| *t += x);
            }
        }
        total
    }
}

fn criteria(answer: &Answer) -> Option<LooFacts> {
    let outputs = &answer.record.log_likelihood;
    let column = |o: &Output, e: usize| -> Vec<f64> {
        o.values.chunks_exact(o.shape.len()).map(|r| r[e]).collect()
    };
    let columns: Vec<Vec<f64>> = outputs
        .iter()
        .flat_map(|o| (0..o.shape.len()).map(move |e| column(o, e)))
        .collect();
    let n = columns.first().map(Vec::len)?;
    let loo = draws::loo(&columns, efficiency(answer))?;
    let waic = draws::waic(&columns)?;
    Some(facts(&loo, &waic, columns.len(), n))
}

fn facts(loo: &Criterion, waic: &Criterion, observations: usize, n: usize) -> LooFacts {
    LooFacts {
        observations,
        elpd_loo: finite(loo.elpd),
        se: finite(loo.se),
        p_loo: finite(loo.p),
        khat_max: loo
            .khat
            .iter()
            .flatten()
            .copied()
            .reduce(f64::max)
            .and_then(finite),
        khat_limit: draws::khat_threshold(n),
        khat_high: loo.untrusted,
        elpd_waic: finite(waic.elpd),
        waic_se: finite(waic.se),
        p_waic: finite(waic.p),
        waic_high: waic.untrusted,
    }
}

/// How many independent draws one draw is worth, over all parameters.
fn efficiency(answer: &Answer) -> f64 {
    let draws = &answer.record.draws;
    let worth: Vec<f64> = match draws.chains {
        0 | 1 => answer
            .parameters
            .iter()
            .filter_map(|(_, f)| f.ess_bulk)
            .collect(),
        chains => draws
            .outputs
            .iter()
            .flat_map(|o| (0..o.shape.len()).map(move |e| (o, e)))
            .filter_map(|(o, e)| {
                let x: Vec<f64> = o.values.chunks_exact(o.shape.len()).map(|r| r[e]).collect();
                draws::ess_mean(&x, chains)
            })
            .collect(),
    };
    match worth.len() {
        0 => 1.0,
        k => (worth.iter().sum::<f64>() / k as f64 / draws.n.max(1) as f64).max(1e-3),
    }
}

impl LooFacts {
    /// The criteria in words, and what is wrong with them where something is.
    pub fn words(&self) -> String {
        let number = |x: Figure| x.map_or("-".to_string(), |x| format!("{x:.2}"));
        let mut text = format!(
            "elpd (PSIS-LOO) {} ± {}, {} effective parameters, {} observations\nelpd (WAIC)     {} ± {}\n",
            number(self.elpd_loo),
            number(self.se),
            number(self.p_loo),
            self.observations,
            number(self.elpd_waic),
            number(self.waic_se)
        );
        if self.khat_high > 0 {
            text.push_str(&format!(
                "PSIS-LOO is not to be trusted for {} of them: Pareto k̂ above {:.2} (largest {}); leave those out and run again to be sure\n",
                self.khat_high,
                self.khat_limit,
                number(self.khat_max)
            ));
        }
        if self.waic_high > 0 {
            text.push_str(&format!(
                "WAIC is not to be trusted for {} of them (variance of the log-likelihood above 0.4): prefer PSIS-LOO\n",
                self.waic_high
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::session::{InferRequest, Limits, Session};
    use crate::store::{Inputs, NoFiles};

    fn answer(text: &str, data: &str) -> crate::session::Answer {
        let program = Session::compile("m.odp", text, Arc::new(NoFiles)).unwrap();
        let inputs = Inputs::from_bytes("d.json", data.as_bytes().to_vec(), 1 << 20).unwrap();
        let limits = Limits::default();
        let bound = program.bind(&inputs, &limits).unwrap();
        let request = InferRequest {
            keep_noise: true,
            draws: 1000,
            ..InferRequest::new("smc", 1)
        };
        let mut answer = bound.infer(&request).unwrap();
        program.examine(&inputs, &limits, &bound, &mut answer);
        answer
    }

    #[test]
    fn every_observation_has_its_likelihood() {
        let program = "data y: real[n]\nsample mu ~ Normal(0, 1)\nobserve y ~ Normal(mu, 2)\n";
        let answer = answer(program, "{\"y\": [0.5, 1.5, -0.2]}");
        let (mu, of_y) = (
            &answer.record.draws.outputs[0],
            &answer.record.log_likelihood[0],
        );
        assert_eq!((of_y.name.as_str(), of_y.shape.len()), ("y", 3));
        for (draw, row) in of_y.values.chunks_exact(3).enumerate() {
            let density = |y: f64| {
                let u = (y - mu.values[draw]) / 2.0;
                -0.5 * u * u - 2f64.ln() - 0.5 * (2.0 * std::f64::consts::PI).ln()
            };
            assert!(
                (row[1] - density(1.5)).abs() < 1e-12 && (row[2] - density(-0.2)).abs() < 1e-12
            );
        }
        let loo = answer.loo.unwrap();
        // Conjugate: leaving one of three out, elpd is a sum of normal densities.
        let exact: f64 = [0.5, 1.5, -0.2]
            .iter()
            .map(|y| {
                let rest: f64 = 1.8 - y;
                let (precision, mean) = (1.0 + 2.0 / 4.0, rest / 4.0 / 1.5);
                let variance: f64 = 1.0 / precision + 4.0;
                -0.5 * (y - mean).powi(2) / variance
                    - 0.5 * (2.0 * std::f64::consts::PI * variance).ln()
            })
            .sum();
        // The posterior's sd of a log density is below .3 at each of three observations: 5 standard errors of 1000 draws.
        assert!(
            (loo.elpd_loo.unwrap() - exact).abs() < 0.15,
            "{loo:?} {exact}"
        );
        assert_eq!((loo.observations, loo.khat_high), (3, 0));
        let predicted = &answer.record.predictive[0];
        let mean = predicted.values.iter().sum::<f64>() / predicted.values.len() as f64;
        // 3000 predictions with sd √(4 + 4/7): a standard error of .06 with their common mu; 5 of them.
        assert!(
            predicted.name == "y" && (mean - 1.8 / 4.0 / 1.75).abs() < 0.3,
            "{mean}"
        );
    }

    #[test]
    fn statements_and_loops_keep_their_elements() {
        let program = "data y: int[n]\nsample p ~ Beta(1, 1)\nfor i in 0..n { observe y[i] ~ Bernoulli(p) }\nobserve 3 ~ Binomial(5, p)\n";
        let answer = answer(program, "{\"y\": [1, 0, 1, 1]}");
        let names: Vec<(&str, usize)> = answer
            .record
            .log_likelihood
            .iter()
            .map(|o| (o.name.as_str(), o.shape.len()))
            .collect();
        assert_eq!(names, [("y", 4), ("observe@4", 1)]);
        let (p, y) = (
            &answer.record.draws.outputs[0].values,
            &answer.record.log_likelihood[0].values,
        );
        assert!((y[0] - p[0].ln()).abs() < 1e-12 && (y[1] - (1.0 - p[0]).ln()).abs() < 1e-12);
    }
}
