//! The noise of a run's draws, kept so that more can be computed from them without running again.

use std::collections::HashMap;

use super::bound::standard_normals;
use crate::base::Seed;

/// The noise of a run's draws, by the addresses of the choices that read it.
#[derive(Clone, Debug)]
pub struct NoiseDraws {
    pub(super) n: usize,
    pub(super) chains: usize,
    /// How many equally weighted draws were asked for.
    pub(super) n_draws: usize,
    pub(super) log_weights: Option<Vec<f64>>,
    /// `[n, dim]`.
    pub(super) z: Vec<f64>,
    pub(super) dim: usize,
    pub(super) layout: HashMap<u128, (usize, usize)>,
    /// What the program weighs: observations, factors, conditions.
    pub(super) n_terms: usize,
    pub(super) seed: Seed,
}

impl NoiseDraws {
    /// The noise in another program's layout; what it has beside is standard Gaussian.
    ///
    /// # Shapes
    /// `[n, dim]`.
    pub(super) fn laid_out(&self, layout: &HashMap<u128, (usize, usize)>, dim: usize) -> Vec<f64> {
        let mut z = standard_normals(self.seed, "beside", self.n * dim);
        for (address, &(to, len)) in layout {
            let Some(&(from, kept)) = self.layout.get(address) else {
                continue;
            };
            let len = len.min(kept);
            for draw in 0..self.n {
                let (to, from) = (draw * dim + to, draw * self.dim + from);
                z[to..to + len].copy_from_slice(&self.z[from..from + len]);
            }
        }
        z
    }

    /// Whether every choice of a layout was made here.
    pub(super) fn covers(&self, layout: &HashMap<u128, (usize, usize)>) -> bool {
        layout.iter().all(|(address, (_, len))| {
            let here = self.layout.get(address);
            here.is_some_and(|(_, kept)| kept >= len)
        })
    }

    /// The same without the numbers.
    pub(super) fn clone_without_noise(&self) -> NoiseDraws {
        NoiseDraws {
            z: Vec::new(),
            log_weights: None,
            layout: self.layout.clone(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::session::{InferRequest, Limits, Session};
    use crate::store::{Inputs, NoFiles};

    #[test]
    fn more_is_computed_from_the_same_draws() {
        let text = "sample x ~ Normal(0, 1)\nobserve 2.0 ~ Normal(x, 0.1)\n";
        let program = Session::compile("m.odp", text, Arc::new(NoFiles)).unwrap();
        let bind = |p: &crate::session::Program| p.bind(&Inputs::default(), &Limits::default());
        let request = InferRequest {
            keep_noise: true,
            ..InferRequest::new("smc", 1)
        };
        let answer = bind(&program).unwrap().infer(&request).unwrap();
        let kept = answer.kept.unwrap();
        let x = &answer.record.draws.outputs[0].values;
        let other = bind(&program.returning("2 * x").unwrap())
            .unwrap()
            .at(&kept);
        assert_eq!(other.outputs[0].name, "value");
        assert!(
            x.iter()
                .zip(&other.outputs[0].values)
                .all(|(x, y)| 2.0 * x == *y)
        );
        // A choice that the run did not make has its prior: mean 5, and 5 standard errors of 1/√4000 are 0.08.
        let fresh = bind(&program.returning("sample Normal(5, 1)").unwrap())
            .unwrap()
            .at(&kept);
        let values = &fresh.outputs[0].values;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        assert!((mean - 5.0).abs() < 0.08, "{mean}");
    }

    #[test]
    fn weights_of_exact_answers_are_heeded() {
        let text = "sample k ~ Categorical([0.1, 0.9])\nobserve true ~ Flip(if k == 1 { 1.0 } else { 0.0 })\n";
        let program = Session::compile("m.odp", text, Arc::new(NoFiles)).unwrap();
        let bind = |p: &crate::session::Program| p.bind(&Inputs::default(), &Limits::default());
        let request = InferRequest {
            keep_noise: true,
            draws: 100,
            ..InferRequest::new("enumerate", 1)
        };
        let kept = bind(&program)
            .unwrap()
            .infer(&request)
            .unwrap()
            .kept
            .unwrap();
        let draws = bind(&program.returning("k").unwrap()).unwrap().at(&kept);
        assert_eq!((draws.n, draws.log_weights.is_none()), (100, true));
        assert!(draws.outputs[0].values.iter().all(|k| *k == 1.0));
    }
}
