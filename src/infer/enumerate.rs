//! The `enumerate` engine: every execution of a finite discrete program, each with its exact weight.
//!
//! ```text
//! sites in the program's order:   rain ∈ {0,1} ─▶ sprinkler ∈ {0,1} ─▶ …     a site's probabilities need only earlier ones
//! a value of probability 0 ends its branch; a site that is not reached has one (free) value
//! ```

use std::time::Instant;

use rand::RngExt;

use super::{
    Diagnostics, Engine, Evaluations, InferError, LogZ, Noise, OptionSpec, Outcome, Settings,
};
use crate::draws::log_sum_exp;
use crate::lower::{DiscreteSite, Target};

/// Partial executions evaluated together.
const BATCH: usize = 4096;
/// Evaluations for each execution that is allowed, at most: branches may end without weight.
const EVALUATIONS: u64 = 10;
/// Ways through the program that are walked to estimate how many there are.
const WALKS: usize = 256;
/// Numbers that the walks hold at a time, about.
const MOST_NUMBERS: usize = 4_000_000;

/// Exact enumeration.
#[derive(Clone, Copy, Debug)]
pub struct Enumerate;

impl Engine for Enumerate {
    fn name(&self) -> &'static str {
        "enumerate"
    }

    fn summary(&self) -> &'static str {
        "Exact: every execution of a program that is finite and discrete, with its weight"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[OptionSpec {
            name: "executions",
            default: "10000000",
            help: "executions with positive weight, at most; more are an error",
        }]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        let start = Instant::now();
        let sizes = finite_sites(target).map_err(|why| InferError::CannotServe {
            engine: "enumerate",
            why,
        })?;
        let most = settings
            .options
            .count("executions", 1)?
            .unwrap_or(10_000_000);
        let mut search = Enumeration {
            target,
            sizes,
            most,
            states: Vec::new(),
            log_weights: Vec::new(),
            evaluations: 0,
        };
        let about = search.estimate(settings);
        if about > EVALUATIONS as f64 * most as f64 {
            return Err(too_many("executions (an estimate)", about, most as f64));
        }
        search.run(settings)?;
        let mut outcome = search.outcome()?;
        outcome.timing.sample_s = start.elapsed().as_secs_f64();
        outcome.interrupted = settings.budget.interrupted();
        Ok(outcome)
    }
}

/// The number of values of each site; or why the program cannot be enumerated.
pub(crate) fn finite_sites(target: &dyn Target) -> Result<Vec<usize>, String> {
    let sites = &target.structure().discrete;
    if let Some(site) = sites.iter().find(|s| s.n_values.is_none()) {
        return Err(format!(
            "`{}` has no largest value, so there is no end to its executions; try `--infer smc`",
            site.name
        ));
    }
    // Noise beyond the unrolling bound is for executions that run past it; there may be none, which enumerating shows.
    let beyond = target.structure().tail;
    let continuous = (0..target.dim())
        .filter(|j| beyond != Some(*j) && sites.iter().all(|s| s.coordinate != *j));
    let (count, first) = (continuous.clone().count(), continuous.min());
    match first {
        Some(j) => Err(format!(
            "{count} of its {} noise coordinates are continuous (the first is coordinate {j}), and only finitely many executions can be enumerated; try `--infer smc`",
            target.dim()
        )),
        None => Ok(sites.iter().map(|s| s.n_values.unwrap_or(0)).collect()),
    }
}

struct Enumeration<'a> {
    target: &'a dyn Target,
    sizes: Vec<usize>,
    most: usize,
    /// Values of complete executions, `[n, dim]`.
    states: Vec<f64>,
    log_weights: Vec<f64>,
    evaluations: u64,
}

/// Executions of which the first `depth` sites have values (the others stand at their first one).
struct Partial {
    depth: usize,
    /// `[n, dim]`.
    values: Vec<f64>,
    /// log of the probability of the values so far, `[n]`.
    log_p: Vec<f64>,
}

impl Enumeration<'_> {
    fn sites(&self) -> &[DiscreteSite] {
        &self.target.structure().discrete
    }

    /// How many executions have positive probability, about: the mean, over random walks, of the product of how many ways
    /// went on from each site (Knuth 1975).
    fn estimate(&mut self, settings: &Settings) -> f64 {
        let combinations: f64 = self.sizes.iter().map(|n| *n as f64).product();
        if combinations <= self.most as f64 {
            return combinations;
        }
        let mut stream = settings.seed.stream("enumerate.estimate", 0);
        let (dim, n_sites) = (self.target.dim(), self.sizes.len());
        let widest = self.sizes.iter().copied().max().unwrap_or(1);
        let walks = (MOST_NUMBERS / (widest * dim)).clamp(1, WALKS);
        let mut rows = self.root().repeat(walks);
        let mut log_ways = vec![0.0f64; walks];
        for (depth, site) in self.sites().to_vec().into_iter().enumerate() {
            let size = self.sizes[depth];
            let mut grown = Vec::with_capacity(rows.len() * size);
            for row in rows.chunks_exact(dim) {
                for k in 0..size {
                    let at = grown.len() + site.coordinate;
                    grown.extend_from_slice(row);
                    grown[at] = (site.first + k as i64) as f64;
                }
            }
            let n = walks * size;
            let (mut log_r, mut log_p) = (vec![0.0; n], vec![0.0; n * n_sites]);
            self.target.log_r_given(&grown, &mut log_r, &mut log_p);
            self.evaluations += n as u64;
            for (walk, ways) in log_ways.iter_mut().enumerate() {
                let possible: Vec<usize> = (0..size)
                    .filter(|k| {
                        probability(log_p[(walk * size + k) * n_sites + depth], *k).is_some()
                    })
                    .collect();
                *ways += (possible.len() as f64).ln();
                let Some(k) = possible.get(stream.random_range(0..possible.len().max(1))) else {
                    continue;
                };
                let at = (walk * size + k) * dim;
                rows[walk * dim..(walk + 1) * dim].copy_from_slice(&grown[at..at + dim]);
            }
        }
        (log_sum_exp(&log_ways) - (walks as f64).ln()).exp().round()
    }

    /// Every site at its first value.
    fn root(&self) -> Vec<f64> {
        let mut root = vec![0.0; self.target.dim()];
        self.sites()
            .iter()
            .for_each(|s| root[s.coordinate] = s.first as f64);
        root
    }

    /// Depth first, so that few partial executions wait at a time.
    fn run(&mut self, settings: &Settings) -> Result<(), InferError> {
        let root = self.root();
        if self.sizes.is_empty() {
            return self.finish(Partial {
                depth: 0,
                values: root,
                log_p: vec![0.0],
            });
        }
        let mut waiting = vec![Partial {
            depth: 0,
            values: root,
            log_p: vec![0.0],
        }];
        while let Some(partial) = waiting.pop() {
            if settings.budget.exhausted() {
                let why = "time ran out before all executions were seen, and a part of them is no posterior";
                return Err(InferError::Diverged {
                    engine: "enumerate",
                    why: why.to_string(),
                });
            }
            let grown = self.grow(partial)?;
            // The states, and the noise they are turned into.
            settings.afford(
                2 * self.states.len(),
                "draw from the program instead, by `--infer smc`",
            )?;
            let message = format!("{} executions", self.log_weights.len());
            settings
                .progress
                .update("enumerating", self.log_weights.len(), None, &message);
            waiting.extend(grown.into_iter().flat_map(halves));
        }
        Ok(())
    }

    /// Gives the next site each of its values; complete executions are kept, the others returned.
    fn grow(&mut self, p: Partial) -> Result<Option<Partial>, InferError> {
        let dim = self.target.dim();
        let site = self.sites()[p.depth].clone();
        let (size, n_sites) = (self.sizes[p.depth], self.sizes.len());
        let mut values = Vec::with_capacity(p.values.len() * size);
        for row in p.values.chunks_exact(dim) {
            for k in 0..size {
                let at = values.len() + site.coordinate;
                values.extend_from_slice(row);
                values[at] = (site.first + k as i64) as f64;
            }
        }
        let n = values.len() / dim;
        let (mut log_r, mut log_p) = (vec![0.0; n], vec![0.0; n * n_sites]);
        self.target.log_r_given(&values, &mut log_r, &mut log_p);
        self.evaluations += n as u64;
        let allowed = EVALUATIONS * self.most as u64;
        if self.evaluations > allowed {
            return Err(too_many(
                "partial executions",
                self.evaluations as f64,
                allowed as f64,
            ));
        }
        let last = p.depth + 1 == n_sites;
        if last && self.target.structure().tail.is_some() {
            let real = |i: &usize| probability(log_p[i * n_sites + p.depth], i % size).is_some();
            let rows = (0..n)
                .filter(real)
                .flat_map(|i| &values[i * dim..(i + 1) * dim]);
            self.demand_an_end(&rows.copied().collect::<Vec<_>>())?;
        }
        let mut grown = Partial {
            depth: p.depth + 1,
            values: Vec::new(),
            log_p: Vec::new(),
        };
        for (i, row) in values.chunks_exact(dim).enumerate() {
            let Some(step) = probability(log_p[i * n_sites + p.depth], i % size) else {
                continue;
            };
            let so_far = p.log_p[i / size] + step;
            match last {
                true => self.keep(row, so_far + log_r[i])?,
                false => {
                    grown.values.extend_from_slice(row);
                    grown.log_p.push(so_far);
                }
            }
        }
        Ok((!grown.log_p.is_empty()).then_some(grown))
    }

    /// Refuses complete executions of which one runs past the unrolling bound: it has no end, or one that is too far.
    fn demand_an_end(&mut self, values: &[f64]) -> Result<(), InferError> {
        let n = values.len() / self.target.dim();
        let (mut log_r, mut log_p) = (vec![0.0; n], vec![0.0; n * self.sizes.len()]);
        let before = self.target.counts()[2];
        self.target.log_r_given(values, &mut log_r, &mut log_p);
        self.evaluations += n as u64;
        match self.target.counts()[2] > before {
            true => Err(InferError::CannotServe {
                engine: "enumerate",
                why: "executions run past the unrolling bound, so there is no end to them; try `--infer smc`".to_string(),
            }),
            false => Ok(()),
        }
    }

    /// A program without chance has one execution.
    fn finish(&mut self, p: Partial) -> Result<(), InferError> {
        let mut log_r = vec![0.0];
        self.target.log_r(&p.values, &mut log_r);
        self.evaluations += 1;
        self.keep(&p.values, log_r[0])
    }

    fn keep(&mut self, row: &[f64], log_weight: f64) -> Result<(), InferError> {
        if log_weight.is_nan() || log_weight == f64::NEG_INFINITY {
            return Ok(());
        }
        self.states.extend_from_slice(row);
        self.log_weights.push(log_weight);
        let n = self.log_weights.len();
        match n > self.most {
            true => Err(too_many(
                "executions with positive weight",
                n as f64,
                self.most as f64,
            )),
            false => Ok(()),
        }
    }

    fn outcome(mut self) -> Result<Outcome, InferError> {
        let n = self.log_weights.len();
        if n == 0 {
            let (failed, evaluated) = self.target.failures();
            return Err(match failed > 0 && failed == evaluated {
                true => InferError::AllFailed { failed },
                false => InferError::ImpossibleEvidence {
                    tried: self.evaluations,
                },
            });
        }
        if !self.sizes.is_empty() {
            self.target
                .fill(&mut self.states, &vec![0.5; n * self.sizes.len()]);
        }
        let log_z = log_sum_exp(&self.log_weights);
        Ok(Outcome {
            noise: Noise {
                z: self.states,
                n,
                dim: self.target.dim(),
                chains: 1,
                log_weights: Some(self.log_weights),
                lineage: None,
            },
            log_z: Some(LogZ {
                estimate: log_z,
                se: 0.0,
                elbo: Some(log_z),
                eubo: Some(log_z),
            }),
            diagnostics: Diagnostics {
                violation_rate: Some(0.0),
                ..Diagnostics::default()
            },
            evaluations: Evaluations {
                log_r: self.evaluations,
                gradient: 0,
            },
            reliable: true,
            exact: true,
            ..Outcome::default()
        })
    }
}

/// log p of a value; 0 for the first value of a site that is not reached (it is free), `None` for its others and for
/// impossible ones.
fn probability(log_p: f64, k: usize) -> Option<f64> {
    match log_p.is_nan() {
        true => (k == 0).then_some(0.0),
        false => (log_p > f64::NEG_INFINITY).then_some(log_p),
    }
}

/// Batches of bounded size, the earliest executions last (they are taken from the end).
fn halves(p: Partial) -> Vec<Partial> {
    let n = p.log_p.len();
    let dim = p.values.len() / n;
    let batch = |c: usize| {
        let (from, to) = (c * BATCH, ((c + 1) * BATCH).min(n));
        Partial {
            depth: p.depth,
            values: p.values[from * dim..to * dim].to_vec(),
            log_p: p.log_p[from..to].to_vec(),
        }
    };
    (0..n.div_ceil(BATCH)).rev().map(batch).collect()
}

fn too_many(what: &str, wanted: f64, limit: f64) -> InferError {
    let help = "allow more (-O executions=N) or draw from the program instead, by `--infer smc`"
        .to_string();
    InferError::Limit {
        what: format!("the number of {what}"),
        wanted,
        limit,
        help,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::Options;
    use crate::infer::testing::{Geometric, Written, branches};

    #[test]
    fn a_finite_program_is_exact() {
        // Two dice of unequal faces, weighted by exp(their sum).
        let (p, q) = ([0.2, 0.3, 0.5], [0.6, 0.4]);
        let log_r = move |z: &[f64]| {
            (crate::infer::testing::value_of(&p, z[0]) + crate::infer::testing::value_of(&q, z[1]))
                as f64
        };
        let target = Written::new(2, log_r).site(0, &p).site(1, &q);
        let out = Enumerate.run(&target, &Settings::new(10, Seed(1))).unwrap();
        let sum = |p: &[f64]| {
            p.iter()
                .enumerate()
                .map(|(k, p)| p * (k as f64).exp())
                .sum::<f64>()
        };
        let truth = (sum(&p) * sum(&q)).ln();
        assert!((out.log_z.unwrap().estimate - truth).abs() < 1e-12);
        assert_eq!((out.noise.n, out.log_z.unwrap().se), (6, 0.0));
        // The noise leads back to the values: log r there is the weight less the prior's.
        let mut log_r = vec![0.0; 6];
        target.log_r(&out.noise.z, &mut log_r);
        let first = p[0].ln() + q[0].ln();
        assert!((out.noise.log_weights.unwrap()[0] - first - log_r[0]).abs() < 1e-12);
    }

    #[test]
    fn sites_that_are_not_reached_count_once() {
        // Coins until the first head, at most 30 of them: 31 executions of 2³⁰ combinations.
        let target = Geometric::new(30, 0.25);
        let out = Enumerate.run(&target, &Settings::new(10, Seed(1))).unwrap();
        assert_eq!(out.noise.n, 31);
        assert!((out.log_z.unwrap().estimate - target.log_z()).abs() < 1e-12);
    }

    #[test]
    fn what_is_not_finite_is_refused_with_a_reason() {
        let refused = Enumerate.run(&branches().target, &Settings::new(10, Seed(1)));
        let Err(InferError::CannotServe { why, .. }) = refused else {
            panic!()
        };
        assert!(
            why.contains("3 of its 5") && why.contains("coordinate 1"),
            "{why}"
        );
    }

    #[test]
    fn too_many_executions_are_a_limit() {
        let mut target = Written::new(30, |_| 0.0);
        for j in 0..30 {
            target = target.site(j, &[0.5; 2]);
        }
        let mut settings = Settings::new(10, Seed(1));
        settings.options = Options::from_pairs([("executions", "1000")]);
        assert!(matches!(
            Enumerate.run(&target, &settings),
            Err(InferError::Limit { .. })
        ));
    }

    #[test]
    fn impossible_evidence_is_an_error_and_no_chance_is_one_execution() {
        let never = Written::new(1, |_| f64::NEG_INFINITY).site(0, &[0.5; 2]);
        let out = Enumerate.run(&never, &Settings::new(10, Seed(1)));
        assert!(matches!(out, Err(InferError::ImpossibleEvidence { .. })));
        let certain = Enumerate
            .run(&Written::new(0, |_| -2.0), &Settings::new(10, Seed(1)))
            .unwrap();
        assert_eq!(
            (certain.noise.n, certain.log_z.unwrap().estimate),
            (1, -2.0)
        );
    }
}
