//! How many draws a time budget has room for.
//!
//! Most engines ask their budget between iterations, and one iteration works on all draws together: of millions, it alone may take
//! longer than the whole run was to. So a few prior executions are timed before, with all that is done for each draw.

use std::time::{Duration, Instant};

use super::Bound;
use super::bound::{LOOK, standard_normals};
use super::figures::summarise;
use crate::draws::Draws;
use crate::infer::{Noise, Outcome, Settings};
use crate::lower::Target;

/// As many draws are never too many.
const FEW: usize = 4000;
/// How often an engine that moves all draws together evaluates the program for each of them.
const PASSES: f64 = 60.0;
/// Executions that are timed: a few, and more where those took no time.
const LOOKS: [usize; 2] = [16, 1024];
/// A longer look is enough.
const ENOUGH: Duration = Duration::from_millis(5);

impl Bound {
    /// Asks for fewer draws where the budget has no room for all of them; what there is to tell of it.
    pub(super) fn pace(&self, settings: &mut Settings, budget: Option<Duration>) -> Option<String> {
        let budget = budget.filter(|_| settings.n_draws > FEW)?;
        let room = (budget.as_secs_f64() / self.seconds_of_a_draw()) as usize;
        let n = settings.n_draws.min(room.max(FEW));
        let asked = std::mem::replace(&mut settings.n_draws, n);
        (n < asked).then(|| format!("the time budget has room for {n} of {asked} draws, about"))
    }

    /// What a draw takes of an engine that moves them all together, and of the summary.
    fn seconds_of_a_draw(&self) -> f64 {
        let mut each = 0.0;
        for n in LOOKS {
            let started = Instant::now();
            let z = standard_normals(LOOK, "pace", n * self.dim());
            self.evaluate_uncounted(&z, n);
            let evaluated = started.elapsed();
            self.summarise_like_particles(&z, n);
            let all = started.elapsed();
            each = (PASSES * evaluated.as_secs_f64() + (all - evaluated).as_secs_f64()) / n as f64;
            if all > ENOUGH {
                break;
            }
        }
        each.max(1e-9)
    }

    /// The engine's own evaluations are counted, and none beside.
    fn evaluate_uncounted(&self, z: &[f64], n: usize) {
        let components = &self.lowered.components;
        let counts: Vec<[u64; 3]> = components.iter().map(|c| c.counts()).collect();
        self.log_weights_at(z, n);
        for (component, counts) in components.iter().zip(counts) {
            component.set_counts(counts);
        }
    }

    fn summarise_like_particles(&self, z: &[f64], n: usize) {
        let draws = Draws {
            n,
            chains: 1,
            outputs: self.lowered.pushforward.outputs(z, n),
            log_weights: None,
        };
        let outcome = Outcome {
            noise: Noise {
                lineage: Some((0..n as u32).collect()),
                ..Noise::default()
            },
            ..Outcome::default()
        };
        summarise(&draws, &outcome);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::session::{ExitKind, InferRequest, Limits, Session};
    use crate::store::{Inputs, NoFiles};

    const NORMAL: &str = "sample mu ~ Normal(0, 1)\nobserve 1.0 ~ Normal(mu, 1)\n";

    fn infer(request: &InferRequest) -> Result<crate::session::Answer, crate::session::Failure> {
        let program = Session::compile("m.odp", NORMAL, Arc::new(NoFiles))?;
        program
            .bind(&Inputs::default(), &Limits::default())?
            .infer(request)
    }

    #[test]
    fn a_short_budget_leaves_fewer_draws_and_says_so() {
        let request = InferRequest {
            draws: 50_000_000,
            time_budget: Some(Duration::from_millis(1)),
            ..InferRequest::new("smc", 1)
        };
        let answer = infer(&request).unwrap();
        assert!(answer.draws.n < 1_000_000, "{}", answer.draws.n);
        assert_eq!(answer.draws.n, answer.record.draws.n);
        let told = answer.warnings.join("\n");
        assert!(told.contains("of 50000000 draws"), "{told}");
    }

    #[test]
    fn chains_end_by_themselves() {
        let request = InferRequest {
            draws: 300_000,
            time_budget: Some(Duration::from_millis(300)),
            ..InferRequest::new("nuts", 1)
        };
        let answer = infer(&request).unwrap();
        assert!(!answer.warnings.join("\n").contains("room"));
    }

    #[test]
    fn few_draws_are_given_whatever_the_budget() {
        let request = InferRequest {
            time_budget: Some(Duration::from_millis(1)),
            ..InferRequest::new("smc", 1)
        };
        let answer = infer(&request).unwrap();
        assert_eq!(answer.draws.n, 4000);
        assert!(!answer.warnings.join("\n").contains("room"));
    }

    #[test]
    fn more_chains_than_draws_are_a_slip() {
        let request = InferRequest {
            chains: 1_000_000,
            ..InferRequest::new("nuts", 1)
        };
        assert_eq!(infer(&request).unwrap_err().exit, ExitKind::Input);
    }
}
