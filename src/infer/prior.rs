//! The `prior` engine: noise as it is, the evidence ignored.

use std::time::Instant;

use super::gaussian::fill_normal;
use super::{Engine, InferError, Noise, OptionSpec, Outcome, Settings, Timing};
use crate::lower::Target;

/// Draws from the prior.
#[derive(Clone, Copy, Debug)]
pub struct Prior;

impl Engine for Prior {
    fn name(&self) -> &'static str {
        "prior"
    }

    fn summary(&self) -> &'static str {
        "Draws from the prior: the program runs as if nothing had been observed"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        let start = Instant::now();
        let (n, dim) = (settings.n_draws, target.dim());
        settings.afford(n.saturating_mul(dim), "ask for fewer draws (--draws N)")?;
        let mut z = vec![0.0; n * dim];
        fill_normal(&mut z, &mut settings.seed.stream("prior", 0));
        Ok(Outcome {
            noise: Noise {
                z,
                n,
                dim,
                chains: 1,
                ..Noise::default()
            },
            timing: Timing {
                sample_s: start.elapsed().as_secs_f64(),
                ..Timing::default()
            },
            reliable: true,
            equal_weight_ess: Some(n as f64),
            interrupted: settings.budget.interrupted(),
            ..Outcome::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::funnel;

    #[test]
    fn the_evidence_is_ignored() {
        let case = funnel();
        let out = Prior
            .run(&case.target, &Settings::new(4000, Seed(1)))
            .unwrap();
        let mean = out.noise.z.iter().sum::<f64>() / 40_000.0;
        let square = out.noise.z.iter().map(|z| z * z).sum::<f64>() / 40_000.0;
        // Standard errors .005 and .007; 5 of them.
        assert!(mean.abs() < 0.025 && (square - 1.0).abs() < 0.036);
        assert_eq!((case.target.evaluated(), out.log_z), (0, None));
    }
}
