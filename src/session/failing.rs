//! Draws whose outputs fail numerically: they have weight 0, as executions have whose log-weight fails.
//!
//! ```text
//! noise of an engine's draws ──► outputs ──► which fail? ──► those that do not, as many as were asked for
//! ```
//! An engine draws from p(z) r(z) / Z′, where r knows nothing of what reaches no weight. Be A the noise at which no output
//! fails. The posterior is p(z) r(z) 1\[z ∈ A\] / Z: draws in A are draws from it, and Z = Z′ P′(A), where P′(A) is the
//! share of the engine's draws that do not fail.

use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use super::{Bound, ExitKind, Failure};
use crate::base::{Report, Seed, Stream};
use crate::draws::{Draws, normalized, summarize, systematic};
use crate::infer::Outcome;

/// A larger share of failing draws is a warning.
const MANY: f64 = 0.001;
/// How often draws from the prior that fail are drawn again, before others stand for them.
const ROUNDS: usize = 20;

/// Which draws fail.
struct Failing {
    /// For each draw.
    draws: Vec<bool>,
    /// Their share, by weight.
    share: f64,
    /// The output that fails most often, and in which share of the draws.
    worst: (String, f64),
    /// The first draw in which it does.
    first: usize,
}

impl Bound {
    /// The noise of an engine's draws and their outputs, without draws that fail; what there is to tell of those.
    ///
    /// # Errors
    /// Every draw fails.
    pub(super) fn without_failing(
        &self,
        mut z: Vec<f64>,
        outcome: &mut Outcome,
        seed: Seed,
        prior: bool,
    ) -> Result<(Vec<f64>, Draws, Option<Report>), Failure> {
        let mut draws = self.pushed(&z, outcome);
        let Some(failing) = self.failing(&draws) else {
            return Ok((z, draws, None));
        };
        let report = self.report_failing(&failing, &z);
        if failing.share >= 1.0 {
            return Err(self.failure(report, ExitKind::Numerical));
        }
        let rate = outcome.diagnostics.failed_rate.unwrap_or(0.0);
        outcome.diagnostics.failed_rate = Some(rate.max(failing.share));
        let told = (failing.worst.1 > MANY).then_some(report);
        weigh(&failing, outcome);
        let left = match prior {
            true => self.redrawn(failing, &mut z, &mut draws, outcome, seed),
            false => Some(failing),
        };
        if let Some(failing) = left {
            replace(&failing.draws, &mut z, &mut draws, outcome, seed);
        }
        Ok((z, draws, told))
    }

    /// Draws from the prior that fail are drawn anew: what still fails in the end.
    fn redrawn(
        &self,
        mut failing: Failing,
        z: &mut [f64],
        draws: &mut Draws,
        outcome: &Outcome,
        seed: Seed,
    ) -> Option<Failing> {
        let dim = self.dim().max(1);
        for round in 0..ROUNDS {
            let mut stream = seed.stream("redrawn", round as u64);
            let rows = z.chunks_exact_mut(dim).zip(&failing.draws);
            rows.filter(|(_, fails)| **fails)
                .for_each(|(row, _)| refill(row, &mut stream));
            *draws = self.pushed(z, outcome);
            failing = self.failing(draws)?;
        }
        Some(failing)
    }

    /// Draws with an output that is no number where it exists. What is no number in any draw, and is computed from missing data,
    /// is missing, too.
    fn failing(&self, draws: &Draws) -> Option<Failing> {
        let weights = draws.log_weights.as_deref().and_then(normalized);
        let weight = |draw: usize| weights.as_ref().map_or(1.0 / draws.n as f64, |w| w[draw]);
        let mut fails = vec![false; draws.n];
        let mut worst: Option<(String, f64, usize)> = None;
        for output in &draws.outputs {
            let width = output.shape.len();
            for e in 0..width {
                let here = |i: &usize| output.present.get(*i) != Some(&false);
                let places = (0..draws.n).map(|draw| draw * width + e).filter(here);
                let (nan, numbers): (Vec<usize>, Vec<usize>) =
                    places.partition(|&i| output.values[i].is_nan());
                if nan.is_empty() || numbers.is_empty() && !self.is_computed(&output.name) {
                    continue;
                }
                nan.iter().for_each(|i| fails[i / width] = true);
                let share: f64 = nan.iter().map(|i| weight(i / width)).sum();
                if share > worst.as_ref().map_or(0.0, |w| w.1) {
                    worst = Some((output.element_name(e), share, nan[0] / width));
                }
            }
        }
        let (name, share, first) = worst?;
        let all = (0..draws.n).filter(|&d| fails[d] || weight(d) == 0.0);
        let share_of_all = match all.clone().count() == draws.n {
            true => 1.0,
            false => all.map(weight).sum(),
        };
        Some(Failing {
            draws: fails,
            share: share_of_all,
            worst: (name, share),
            first,
        })
    }

    /// Whether an output depends on chance, and on no data that is missing.
    fn is_computed(&self, name: &str) -> bool {
        let graph = &self.lowered.graph;
        let nodes = self.lowered.pushforward.nodes();
        let node = nodes.into_iter().find(|(n, _)| n == name);
        node.is_some_and(|(_, node)| {
            let needed = graph.ancestors([node]);
            let mut known = graph
                .ids()
                .filter(|id| needed[id.index()])
                .filter_map(|id| graph.constant(id));
            !known.any(|v| v.iter().any(|x| x.is_nan()))
        })
    }

    fn report_failing(&self, failing: &Failing, z: &[f64]) -> Report {
        let (name, share) = (&failing.worst.0, 100.0 * failing.worst.1);
        let report = match failing.share >= 1.0 {
            true => Report::error(
                "odp::infer::numeric",
                format!(
                    "every execution of this program fails numerically: `{name}` is not a number"
                ),
            ),
            false => Report::warning(
                "odp::infer::numeric",
                format!(
                    "`{name}` fails numerically in {share:.1} % of the draws: they have weight 0, and others stand for them"
                ),
            ),
        };
        let dim = self.dim();
        let row = &z[failing.first * dim..(failing.first + 1) * dim];
        let outputs = &self.lowered.pushforward;
        match outputs.origin_of_failure(&self.lowered.graph, name, row) {
            Some((span, why)) => report.label(span, why).help(
                "restrict what is drawn to where this is defined, for example with `truncate`",
            ),
            None => report,
        }
    }
}

fn refill(row: &mut [f64], stream: &mut impl Rng) {
    row.iter_mut()
        .for_each(|z| *z = StandardNormal.sample(stream));
}

/// log Z = log Z′ + log s for the share s that does not fail. Its estimate's error is independent of that of Z′ in the first
/// order, and by the delta method the standard error of s over s.
fn weigh(failing: &Failing, outcome: &mut Outcome) {
    let succeeds: Vec<f64> = failing
        .draws
        .iter()
        .map(|f| f64::from(u8::from(!f)))
        .collect();
    let weights = outcome.noise.log_weights.as_deref().and_then(normalized);
    let summary = summarize(&succeeds, outcome.dependence(weights.as_deref()));
    let share = 1.0 - failing.share;
    // Draws of which nothing is known count as independent.
    let binomial = (share * failing.share / succeeds.len() as f64).sqrt();
    let error = match outcome.exact {
        true => 0.0,
        false => summary
            .and_then(|s| s.mcse)
            .filter(|e| e.is_finite())
            .unwrap_or(binomial),
    };
    if let Some(z) = &mut outcome.log_z {
        z.estimate += share.ln();
        z.se = z.se.hypot(error / share);
        // The engine's own law reaches executions of weight 0; what bounds Z from above is not known of the rest alone.
        (z.elbo, z.eubo) = (None, None);
    }
}

/// Gives failing draws weight 0: by their weights where they have some, by other draws of their chain where they have none.
fn replace(fails: &[bool], z: &mut Vec<f64>, draws: &mut Draws, outcome: &mut Outcome, seed: Seed) {
    if let Some(weights) = &mut outcome.noise.log_weights {
        let failing = weights.iter_mut().zip(fails).filter(|(_, fails)| **fails);
        failing.for_each(|(w, _)| *w = f64::NEG_INFINITY);
        draws.log_weights = Some(weights.clone());
        return;
    }
    let mut stream = seed.stream("failing", 0);
    let (picked, lost) = picked(fails, outcome.noise.chains, &mut stream);
    if let Some(chain) = lost {
        outcome.distrust(format!(
            "every draw of chain {chain} fails numerically; draws of other chains stand for them"
        ));
    }
    let dim = z.len() / draws.n;
    let rows = picked.iter().map(|&i| &z[i * dim..(i + 1) * dim]);
    *z = rows.flatten().copied().collect();
    *draws = std::mem::take(draws).picked(&picked);
    if let Some(lineage) = &mut outcome.noise.lineage {
        *lineage = picked.iter().map(|&i| lineage[i]).collect();
    }
    // Kish's share: Σc = n draws that are Σc² / n copies each are worth n² / Σc².
    let mut copies = vec![0.0; draws.n];
    picked.iter().for_each(|&i| copies[i] += 1.0);
    let worth = draws.n as f64 / copies.iter().map(|c| c * c).sum::<f64>();
    outcome.equal_weight_ess = outcome.equal_weight_ess.map(|ess| ess * worth);
}

/// For each draw the one that stands in its place, and a chain that has none of its own, counted from 1.
///
/// A chain's draws that do not fail are repeated equally often, but for a remainder by chance, in their order: copies are
/// neighbours, so that a chain's effective sample size sees them.
fn picked(fails: &[bool], chains: usize, stream: &mut Stream) -> (Vec<usize>, Option<usize>) {
    let length = fails.len() / chains.max(1);
    let spread = |own: &[bool], n: usize, stream: &mut Stream| {
        let count = own.iter().filter(|f| !**f).count();
        let weight = |f: &bool| f64::from(u8::from(!f)) / count as f64;
        let weights: Vec<f64> = own.iter().map(weight).collect();
        (count > 0).then(|| systematic(&weights, n, stream))
    };
    let (mut all, mut lost) = (Vec::with_capacity(fails.len()), None);
    for (chain, own) in fails.chunks(length.max(1)).enumerate() {
        let start = chain * length.max(1);
        match spread(own, own.len(), stream) {
            Some(found) => all.extend(found.iter().map(|i| start + i)),
            None => {
                lost = lost.or(Some(chain + 1));
                all.extend(spread(fails, own.len(), stream).unwrap_or_default());
            }
        }
    }
    (all, lost)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::session::{Answer, InferRequest, Limits, Session};
    use crate::store::{Inputs, NoFiles};

    fn run(text: &str, engine: &str, draws: usize) -> Result<Answer, Failure> {
        let program = Session::compile("m.odp", text, Arc::new(NoFiles))?;
        let bound = program.bind(&Inputs::default(), &Limits::default())?;
        let request = InferRequest {
            draws,
            keep_noise: true,
            ..InferRequest::new(engine, 5)
        };
        bound.infer(&request)
    }

    const UNOBSERVED: &str = "sample r ~ Uniform(-1, 2)\nsample x ~ Normal(0, r)\nsample w ~ Normal(0, 1)\nobserve 0.0 ~ Normal(w, 1)\n";

    #[test]
    fn a_third_fails_and_two_thirds_are_the_posterior() {
        // r is uniform on (0, 2); log Z = log N(0; 0, √2) + log(2/3).
        let truth = -0.5 * (4.0 * std::f64::consts::PI).ln() + (2.0f64 / 3.0).ln();
        for engine in ["smc", "nuts", "importance", "diffusion", "pt", "prior"] {
            let answer = run(UNOBSERVED, engine, 4000).unwrap();
            let of = |name: &str| answer.parameters.iter().find(|(n, _)| n == name).unwrap().1;
            let (r, x) = (of("r"), of("x"));
            // sd(r) = 1/√3 and sd(x) = √(4/3); 2400 of the 4000 draws at least count.
            let off = (r.mean.unwrap() - 1.0).abs();
            assert!(off < 5.0 * 0.578 / 49.0, "{engine}: {r:?}");
            let off = (r.sd.unwrap() - 0.5774).abs();
            assert!(off < 0.035, "{engine}: {r:?}");
            assert!(
                x.mean.unwrap().abs() < 5.0 * 1.155 / 49.0,
                "{engine}: {x:?}"
            );
            assert_eq!((r.present, x.present), (1.0, 1.0), "{engine}");
            let told = answer.warnings.join("\n");
            assert!(
                told.contains("m.odp:2:12: `x` fails numerically in 3"),
                "{engine}: {told}"
            );
            let rate = answer.diagnostics.failed_rate.unwrap();
            assert!((rate - 1.0 / 3.0).abs() < 0.04, "{engine}: {rate}");
            if let Some(z) = answer.log_z.estimate {
                let se = answer.log_z.se.unwrap();
                // The share alone has an error of √(1/2 / 4000) = .011.
                assert!(se > 0.008 && se < 0.06, "{engine}: {se}");
                assert!((z - truth).abs() < 5.0 * se, "{engine}: {z} ± {se}");
                assert_eq!(answer.log_z.elbo, None);
            }
            let values = &answer.record.draws.outputs;
            assert!(values.iter().all(|o| o.values.iter().all(|v| !v.is_nan())));
            let kept = answer.kept.unwrap();
            assert_eq!(kept.z.len(), 4000 * 3, "{engine}");
        }
    }

    #[test]
    fn rows_of_an_enumeration_have_weight_zero() {
        // k is uniform on 0, 1, 2, 3, and 2 and 3 are left: Z = P(y | k) summed over those.
        let text = "sample k ~ DiscreteUniform(0, 3)\nobserve true ~ Flip((1 + k) / 10)\nreturn { k, l: sqrt(k - 1.5) }\n";
        let answer = run(text, "enumerate", 100).unwrap();
        let k = answer.parameters[0].1;
        assert!((k.mean.unwrap() - (2.0 * 0.3 + 3.0 * 0.4) / 0.7).abs() < 1e-12);
        assert_eq!(k.mcse, Some(0.0));
        let z = answer.log_z;
        assert!((z.estimate.unwrap() - (0.7f64 / 4.0).ln()).abs() < 1e-12);
        assert_eq!(z.se, Some(0.0));
    }

    #[test]
    fn what_always_fails_is_an_error_at_its_place() {
        let text = "sample r ~ Uniform(-2, -1)\nsample x ~ Normal(0, r)\n";
        for engine in ["smc", "prior", "enumerate"] {
            let text = match engine {
                "enumerate" => "sample k ~ Flip(0.5)\nlet x = sqrt(-1 - int(k))\nreturn { k, x }\n",
                _ => text,
            };
            let failure = run(text, engine, 100).unwrap_err();
            assert_eq!(failure.exit, ExitKind::Numerical, "{engine}");
            let report = &failure.reports[0];
            let place = failure.sources.line_col(report.labels[0].span);
            assert!(report.message.contains("every execution"), "{failure}");
            assert_eq!(place.0, 2, "{engine}: {report:?}");
        }
    }

    #[test]
    fn copies_stand_in_their_chain_beside_each_other() {
        let fails = [true, false, false, true, true, false, true, true, true];
        let mut stream = Seed(1).stream("test", 0);
        let (all, lost) = picked(&fails, 3, &mut stream);
        assert_eq!(lost, Some(3));
        assert!(all[..3].iter().all(|i| [1, 2].contains(i)) && all[..3].is_sorted());
        assert_eq!(all[3..6], [5, 5, 5]);
        assert!(all[6..].iter().all(|i| !fails[*i]));
    }
}
