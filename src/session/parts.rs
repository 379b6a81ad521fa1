//! Independent components, each inferred alone, as one answer.

use rand::RngExt;

use crate::base::Seed;
use crate::draws::{normalized, systematic};
use crate::infer::{Diagnostics, Distilled, Evaluations, LogZ, Noise, Outcome, Timing};
use crate::lower::{Structure, Target};

/// Most executions of a program whose components are enumerated, one by one.
const MOST_EXECUTIONS: usize = 1 << 16;

/// The engine that `auto` chose, and why.
type Chosen = Option<(&'static str, String)>;

/// What an engine found for one component.
pub(super) struct Alone {
    /// The engine's answer.
    pub outcome: Outcome,
    /// Components that it holds for.
    pub alike: usize,
    /// Draws that were asked for, for all of them.
    pub n_draws: usize,
    /// The component's seed.
    pub seed: Seed,
}

/// All components as one; `None` where there are none.
pub(super) fn together(mut all: Vec<Alone>) -> Option<Outcome> {
    if let [one] = &mut all[..]
        && one.alike == 1
    {
        return Some(std::mem::take(&mut one.outcome));
    }
    if let Some(exact) = product(&all) {
        return Some(exact);
    }
    let each = all
        .into_iter()
        .map(|a| dealt(equal_weights(a.outcome, a.n_draws, a.seed), a.alike));
    each.reduce(combine)
}

/// Components whose draws are all there is, as one of that kind, if it is not too large.
fn product(all: &[Alone]) -> Option<Outcome> {
    let members = || all.iter().flat_map(|a| std::iter::repeat_n(a, a.alike));
    let mut n = 1usize;
    for a in members() {
        n = n.checked_mul(a.outcome.noise.n)?;
        if !a.outcome.exact || n > MOST_EXECUTIONS {
            return None;
        }
    }
    let noise = members().map(|a| a.outcome.noise.clone()).reduce(crossed)?;
    let whole = members().map(|a| a.outcome.clone()).reduce(combine)?;
    Some(Outcome { noise, ..whole })
}

/// Every draw of one beside every draw of the other.
fn crossed(a: Noise, b: Noise) -> Noise {
    let weight = |x: &Noise, i: usize| x.log_weights.as_ref().map_or(0.0, |w| w[i]);
    let (mut z, mut weights) = (Vec::new(), Vec::new());
    for i in 0..a.n {
        for j in 0..b.n {
            z.extend_from_slice(&a.z[i * a.dim..(i + 1) * a.dim]);
            z.extend_from_slice(&b.z[j * b.dim..(j + 1) * b.dim]);
            weights.push(weight(&a, i) + weight(&b, j));
        }
    }
    Noise {
        z,
        n: a.n * b.n,
        dim: a.dim + b.dim,
        chains: 1,
        log_weights: Some(weights),
        lineage: None,
    }
}

/// Two independent components' outcomes as one.
fn combine(a: Outcome, b: Outcome) -> Outcome {
    let least = |x: Option<f64>, y: Option<f64>| x.zip(y).map(|(x, y)| x.min(y)).or(x).or(y);
    let most = |x: Option<f64>, y: Option<f64>| x.zip(y).map(|(x, y)| x.max(y)).or(x).or(y);
    let log_z = a.log_z.zip(b.log_z).map(|(x, y)| LogZ {
        estimate: x.estimate + y.estimate,
        se: x.se.hypot(y.se),
        elbo: x.elbo.zip(y.elbo).map(|(x, y)| x + y),
        eubo: x.eubo.zip(y.eubo).map(|(x, y)| x + y),
    });
    let (d, e) = (a.diagnostics, b.diagnostics);
    let diagnostics = Diagnostics {
        is_ess: least(d.is_ess, e.is_ess),
        khat: most(d.khat, e.khat),
        violation_rate: most(d.violation_rate, e.violation_rate),
        failed_rate: most(d.failed_rate, e.failed_rate),
        rhat_max: most(d.rhat_max, e.rhat_max),
        ess_bulk_min: least(d.ess_bulk_min, e.ess_bulk_min),
        ess_tail_min: least(d.ess_tail_min, e.ess_tail_min),
        divergences: d
            .divergences
            .map_or(e.divergences, |x| Some(x + e.divergences.unwrap_or(0))),
        acceptance: least(d.acceptance, e.acceptance),
    };
    let noise = side_by_side(a.noise, &b.noise);
    let mut warnings = a.warnings;
    warnings.extend(
        b.warnings
            .into_iter()
            .filter(|w| !warnings.contains(w))
            .collect::<Vec<_>>(),
    );
    Outcome {
        log_z,
        diagnostics,
        evaluations: Evaluations {
            log_r: a.evaluations.log_r + b.evaluations.log_r,
            gradient: a.evaluations.gradient + b.evaluations.gradient,
        },
        timing: Timing {
            warmup_s: a.timing.warmup_s + b.timing.warmup_s,
            train_s: a.timing.train_s + b.timing.train_s,
            sample_s: a.timing.sample_s + b.timing.sample_s,
        },
        reliable: a.reliable && b.reliable,
        warnings,
        interrupted: a.interrupted || b.interrupted,
        equal_weight_ess: least(a.equal_weight_ess, b.equal_weight_ess),
        noise,
        exact: a.exact && b.exact,
        // The curves of one part: those of several have no common axis.
        training: if a.training.is_empty() {
            b.training
        } else {
            a.training
        },
        path_log_weights: match a.path_log_weights.is_empty() {
            true => b.path_log_weights,
            false => a.path_log_weights,
        },
        distilled: match (a.distilled, b.distilled) {
            (Some(a), Some(b)) => Some(a.and(b)),
            (a, b) => a.or(b),
        },
        chosen: named(a.chosen, b.chosen),
    }
}

/// The engine that is named for parts that two answered, and the other beside it. An exact part makes nothing exact.
fn named(a: Chosen, b: Chosen) -> Chosen {
    let (Some(a), Some(b)) = (a.clone(), b.clone()) else {
        return a.or(b);
    };
    let ((engine, why), (other, _)) = match a.0 {
        "enumerate" => (b, a),
        _ => (a, b),
    };
    let told = engine == other || why.contains(&format!("`{other}`"));
    let why = match told {
        true => why,
        false => format!("{why}; `{other}` for other independent parts"),
    };
    Some((engine, why))
}

/// The coordinates of both for each draw. Draws that are independent of each other are as good in any chain: beside
/// chains they are dealt out to these.
fn side_by_side(a: Noise, b: &Noise) -> Noise {
    let chains = match (a.chains.max(1), b.chains.max(1)) {
        (1, k) | (k, 1) => k,
        (j, k) if j == k => k,
        _ => 1,
    };
    // A chain's draws stand one after the other: each chain is cut to the same length.
    let length = |x: &Noise| x.n / chains;
    let each = length(&a).min(length(b));
    let at = |x: &Noise, chain: usize, draw: usize| (chain * length(x) + draw) * x.dim;
    let mut z = Vec::with_capacity(chains * each * (a.dim + b.dim));
    for chain in 0..chains {
        for draw in 0..each {
            for x in [&a, b] {
                let from = at(x, chain, draw);
                z.extend_from_slice(&x.z[from..from + x.dim]);
            }
        }
    }
    Noise {
        z,
        n: chains * each,
        dim: a.dim + b.dim,
        chains,
        log_weights: None,
        lineage: None,
    }
}

/// The outcome of `k` components that are one function of their noise, from an outcome of k·n draws of one of them.
///
/// Every draw goes to one component only, so that the components' draws are as independent of each other as the draws of
/// one are: of chains each gets its own stretch, of other draws (which are in random order) its own share. The
/// components' log Z are one estimate, k times: its error counts k times, not √k times.
fn dealt(mut outcome: Outcome, k: usize) -> Outcome {
    if k == 1 {
        return outcome;
    }
    let times = k as f64;
    outcome.log_z = outcome.log_z.map(|z| LogZ {
        estimate: z.estimate * times,
        se: z.se * times,
        elbo: z.elbo.map(|x| x * times),
        eubo: z.eubo.map(|x| x * times),
    });
    outcome.distilled = outcome.distilled.map(|d| Distilled {
        kl: d.kl * times,
        teacher_kl: d.teacher_kl * times,
        ..d
    });
    // Sums over the components see the error of all k·n draws k times.
    let each = |x: Option<f64>| x.map(|x| x / times);
    outcome.equal_weight_ess = each(outcome.equal_weight_ess);
    outcome.diagnostics.ess_bulk_min = each(outcome.diagnostics.ess_bulk_min);
    outcome.diagnostics.ess_tail_min = each(outcome.diagnostics.ess_tail_min);
    let noise = &outcome.noise;
    let (dim, chains) = (noise.dim, noise.chains.max(1));
    let length = noise.n / chains;
    let own = length / k;
    // More may have been weighed than was drawn.
    let most = (chains * own) as f64;
    outcome.diagnostics.is_ess = outcome.diagnostics.is_ess.map(|x| (x / times).min(most));
    let mut z = Vec::with_capacity(chains * own * k * dim);
    for chain in 0..chains {
        for draw in 0..own {
            for member in 0..k {
                let at = (chain * length + member * own + draw) * dim;
                z.extend_from_slice(&noise.z[at..at + dim]);
            }
        }
    }
    outcome.noise = Noise {
        z,
        n: chains * own,
        dim: dim * k,
        chains: noise.chains,
        log_weights: None,
        lineage: None,
    };
    outcome
}

/// Draws of equal weight in a random order, so that independent components can be put side by side.
fn equal_weights(mut outcome: Outcome, n: usize, seed: Seed) -> Outcome {
    let noise = &outcome.noise;
    let mut chosen: Vec<usize> = match &noise.log_weights {
        Some(w) => match normalized(w) {
            Some(weights) => systematic(&weights, n, &mut seed.stream("offset", 0)),
            None => Vec::new(),
        },
        None if noise.chains > 1 => return outcome,
        None => (0..noise.n).collect(),
    };
    let mut rng = seed.stream("shuffle", 0);
    for i in (1..chosen.len()).rev() {
        chosen.swap(i, rng.random_range(0..=i));
    }
    let dim = noise.dim;
    let rows = chosen.iter().map(|&i| &noise.z[i * dim..(i + 1) * dim]);
    outcome.noise.z = rows.flatten().copied().collect();
    outcome.noise.n = chosen.len();
    outcome.exact = false;
    outcome.noise.log_weights = None;
    outcome.noise.lineage = None;
    outcome
}

/// The target of a program without evidence: no coordinates, weight 1.
pub(super) struct Nothing {
    structure: Structure,
}

impl Nothing {
    pub(super) fn new() -> Self {
        Nothing {
            structure: Structure {
                smooth: true,
                ..Default::default()
            },
        }
    }
}

impl Target for Nothing {
    fn dim(&self) -> usize {
        0
    }
    fn structure(&self) -> &Structure {
        &self.structure
    }
    fn log_r(&self, _: &[f64], out: &mut [f64]) {
        out.fill(0.0);
    }
    fn log_r_gradient(&self, _: &[f64], log_r: &mut [f64], _: &mut [f64]) {
        log_r.fill(0.0);
    }
    fn log_r_given(&self, _: &[f64], log_r: &mut [f64], _: &mut [f64]) {
        log_r.fill(0.0);
    }
    fn fill(&self, _: &mut [f64], _: &[f64]) {}
    fn discrete_values(&self, _: &[f64], _: &mut [i64], _: &mut [bool]) {}
}
