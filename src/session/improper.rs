//! Whether a posterior integrates: where a prior is improper, evidence alone bounds it.
//!
//! The improper measures read their noise through a heavy-tailed base, of which 1e30 of its scales lie 11.5 units of noise
//! away. Evidence that bounds a value keeps its posterior far from there; a posterior that does not integrate has all of its
//! mass at the end of the numbers, whatever engine draws from what the numbers' range leaves of it.

use super::Bound;
use crate::draws::normalized;
use crate::infer::Outcome;
use crate::ir::Op;

/// Noise that stands for 1e30 of the base's scales, or 1e-30 of them for a positive number: Φ(−11.5) is 7e-31.
const FAR: f64 = 11.5;
/// A posterior that integrates, with a tail as heavy as P(|x| > t) = t^(−1/15), has this share there.
const SHARE: f64 = 0.01;

impl Bound {
    /// Distrusts draws of which an improper prior's value lies beyond all scales. `z: [n, dim]`.
    pub(super) fn judge_propriety(&self, z: &[f64], outcome: &mut Outcome) {
        let dim = self.dim().max(1);
        let weights = outcome.noise.log_weights.as_deref().and_then(normalized);
        let n = (z.len() / dim).max(1) as f64;
        let share = |c: usize| {
            let far = z.chunks_exact(dim).enumerate();
            let far = far.filter(|(_, row)| row[c].abs() > FAR);
            far.map(|(i, _)| weights.as_ref().map_or(1.0 / n, |w| w[i]))
                .sum::<f64>()
        };
        let all = self.improper_noise().into_iter().map(|c| (c, share(c)));
        let Some((c, share)) = all.reduce(|a, b| if b.1 > a.1 { b } else { a }) else {
            return;
        };
        if share > SHARE {
            let (name, share) = (self.name_of(c), 100.0 * share);
            outcome.distrust(format!(
                "the posterior may be improper: {share:.0} % of the draws have `{name}` beyond all scales, where its prior does not end and no evidence bounds it; give it a proper prior"
            ));
        }
    }

    /// The coordinates that improper measures read.
    fn improper_noise(&self) -> Vec<usize> {
        let graph = &self.lowered.graph;
        let mut all: Vec<usize> = Vec::new();
        for id in graph.ids() {
            let node = graph.node(id);
            let Op::Transport(law) = &node.op else {
                continue;
            };
            let noise = node.args.last().map(|z| graph.node(*z));
            if let Some(noise) = noise
                && crate::dist::Univariate::is_improper(law)
                && let Op::Noise { first } = noise.op
            {
                all.extend(first..first + noise.shape.len());
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::session::{InferRequest, Limits, Session};
    use crate::store::{Inputs, NoFiles};

    fn told(text: &str, engine: &str) -> (bool, Option<String>) {
        let bound = Session::compile("m.odp", text, Arc::new(NoFiles))
            .and_then(|p| p.bind(&Inputs::default(), &Limits::default()))
            .unwrap();
        let request = InferRequest {
            draws: 1000,
            ..InferRequest::new(engine, 1)
        };
        let answer = bound.infer(&request).unwrap();
        let words = answer.warnings.iter().find(|w| w.contains("improper"));
        (answer.reliable, words.cloned())
    }

    #[test]
    fn what_nothing_bounds_is_told() {
        for (engine, text) in [
            ("smc", "sample x ~ Flat()\n"),
            ("elliptical", "sample x ~ Flat()\n"),
            ("smc", "sample x ~ Flat()\nobserve 1 ~ BernoulliLogit(x)\n"),
            (
                "smc",
                "sample a ~ Normal(0, 1)\nsample x[i in 0..2] ~ Flat()\nobserve 1.0 ~ Normal(a + x[1], 1)\n",
            ),
            // Of a single value the scale's posterior falls as 1 / s, and does not integrate.
            ("smc", "sample x ~ HalfFlat()\nobserve 1.0 ~ Normal(0, x)\n"),
        ] {
            let (reliable, words) = told(text, engine);
            let named = words.is_some_and(|w| w.contains("have `x"));
            assert!(!reliable && named, "{engine}: {text}");
        }
    }

    #[test]
    fn what_evidence_bounds_is_not() {
        for engine in ["smc", "nuts"] {
            for text in [
                "sample x ~ Flat()\nobserve 1e6 ~ Normal(x, 1)\n",
                // Tails of s^−2, and of a Cauchy.
                "sample s ~ HalfFlat()\nobserve [1.0, -1.0] ~ Normal(0, s)\nsample x ~ Flat()\nobserve 3.0 ~ Cauchy(x, 1)\n",
                "sample x ~ truncate(Flat(), lower = 0, upper = 1)\n",
            ] {
                assert_eq!(told(text, engine).1, None, "{engine}: {text}");
            }
        }
    }
}
