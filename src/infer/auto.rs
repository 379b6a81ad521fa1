//! The `auto` engine: picks another by what the compiler knows, and says which and why.

use super::enumerate::finite_sites;
use super::{Engine, InferError, OptionSpec, Outcome, Settings, find};
use crate::lower::Target;

/// Executions up to which enumeration is the first choice.
const FEW: f64 = 1e6;

/// Picks an engine.
#[derive(Clone, Copy, Debug)]
pub struct Auto;

impl Engine for Auto {
    fn name(&self) -> &'static str {
        "auto"
    }

    fn summary(&self) -> &'static str {
        "Picks an engine by what is known of the program, and says why (options are those of the engine it picks)"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[]
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let (name, why) = choose(target);
        let mut outcome = find(name)?.run(target, settings)?;
        outcome.chosen = Some((name, why));
        if outcome.reliable
            || outcome.interrupted
            || settings.budget.exhausted()
            || name == "enumerate"
        {
            return Ok(outcome);
        }
        // A second opinion that shares nothing with the first: chains without tuning.
        let second = find(SECOND)?.run(target, settings)?;
        if !second.reliable {
            return Ok(outcome);
        }
        let why = format!(
            "{name} could not be trusted here, and chains of {SECOND} agree with each other"
        );
        Ok(Outcome {
            chosen: Some((SECOND, why)),
            ..second
        })
    }
}

/// What is tried where the first choice is not reliable.
const SECOND: &str = "elliptical";

/// Noise dimensions up to which the diffusion sampler is the first choice.
const MANY: usize = 60;

/// The engine for a target, and why.
pub fn choose(target: &dyn Target) -> (&'static str, String) {
    if target.dim() == 0 {
        return (
            "enumerate",
            "the program draws nothing that bears on the evidence".to_string(),
        );
    }
    let executions =
        finite_sites(target).map(|sizes| sizes.iter().map(|&k| k as f64).product::<f64>());
    match executions {
        Ok(n) if n <= FEW => (
            "enumerate",
            format!("all noise is discrete, with at most {n} executions: exact"),
        ),
        Ok(n) => (
            "smc",
            format!("all noise is discrete, but {n:.1e} executions are too many to enumerate"),
        ),
        Err(_) if target.dim() > MANY => (
            "smc",
            format!(
                "{} noise dimensions are many for a network; SMC copes with several modes and gives log Z",
                target.dim()
            ),
        ),
        Err(_) => (
            "diffusion",
            "it copes with branches and several modes, and its weights say how far to trust it"
                .to_string(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::{Written, branches};

    #[test]
    fn small_finite_programs_are_enumerated_and_others_sampled() {
        let coin = Written::new(1, |z| z[0]).site(0, &[0.5; 2]);
        let out = Auto.run(&coin, &Settings::new(10, Seed(1))).unwrap();
        assert_eq!(out.chosen.as_ref().unwrap().0, "enumerate");
        assert!(out.exact);
        assert_eq!(choose(&branches().target).0, "diffusion");
        assert_eq!(choose(&Written::new(0, |_| 0.0)).0, "enumerate");
    }
}
