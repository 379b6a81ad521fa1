//! A trained sampler's posterior as a part of another program: `posterior("s.odpz", "d.json")`.

use std::sync::Arc;

use super::Sampler;
use crate::infer::diffusion::amortised::Query;
use crate::ir::Posterior;
use crate::session::{Failure, InferRequest, Limits};
use crate::store::{Inputs, Loaded, SamplerFile};

/// Draws that the one-step student is weighed by for the data, and the share of them that has to be effective: what is drawn
/// inside another program leaves without weights.
const DRAWS: usize = 2000;
const LEAST: f64 = 0.5;
/// The seed of these draws.
const SEED: u64 = 1;

/// The posterior that a sampler has for the data in a file, and the share of its draws that is effective.
///
/// # Errors
/// Files that are none, data that the sampler does not take or was not trained for, samplers without a one-step student, and
/// students that do not serve this data.
pub(in crate::session) fn posterior(
    sampler: Loaded,
    data: Loaded,
    limit: u64,
) -> Result<(Posterior, f64), Failure> {
    let file = SamplerFile::open(&sampler.name, &sampler.bytes)?;
    let of = Sampler::of_file(file, &sampler.name)?;
    let inputs = Inputs::from_bytes(&data.name, data.bytes, limit)?;
    of.posterior(sampler.name, &inputs)
}

impl Sampler {
    fn posterior(&self, file: String, data: &Inputs) -> Result<(Posterior, f64), Failure> {
        let inputs = self.completed(data)?;
        let bound = self.bound(&inputs, &Limits::default())?;
        let y = self.numbers(&inputs)?;
        if let Some(why) = self.unlike(&bound, &y) {
            return Err(self.unserved(&format!("this data is not like the simulated data: {why}")));
        }
        let Some(noise) = self.learned.function(&file, &y) else {
            return Err(self.unserved("it has no one-step student; train it with -O student=4000"));
        };
        let sampler = &self.learned;
        let request = InferRequest {
            draws: DRAWS,
            options: [("student", "yes"), ("refresh", "0")]
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .to_vec(),
            ..InferRequest::new("diffusion", SEED)
        };
        let (answer, _) = bound.infer_once(&Query { sampler, y: &y }, &request)?;
        let share = answer.diagnostics.is_ess.unwrap_or(0.0) / DRAWS as f64;
        if share < LEAST {
            return Err(self.unserved(&format!(
                "only {:.0} % of its one-step draws are effective for this data, and in a program they have no weights; longer training may help (-O pre=10000)",
                100.0 * share
            )));
        }
        let posterior = Posterior {
            file,
            model: Arc::clone(&self.program.model),
            data: inputs.data,
            places: self.places.clone(),
            noise,
        };
        Ok((posterior, share))
    }

    fn unserved(&self, why: &str) -> Failure {
        let at = self.program.model.body.span;
        self.other_data(
            format!("the sampler does not serve here: {why}"),
            at,
            "this program",
        )
    }
}
