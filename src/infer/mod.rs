//! Engines: from a [`Target`](crate::lower::Target) to draws of its noise. Each sees only a dimension, log r in batches, and the structure.
//!
//! An engine is one file and one line of [`engines`].

mod auto;
mod bridge;
mod chains;
mod coordinates;
pub mod diffusion;
mod drift;
mod elliptical;
mod engine;
mod enumerate;
mod error;
mod flight;
mod gaussian;
mod hmc;
mod importance;
#[cfg(test)]
mod laws;
mod mixture;
mod modes;
mod moves;
mod nuts;
mod options;
mod outcome;
mod pcn;
mod population;
mod prior;
mod proposals;
mod pt;
mod refresh;
mod rwmh;
pub mod smc;
mod temper;
#[cfg(test)]
pub(crate) mod testing;

use crate::base::nearest;
pub use engine::{Budget, Engine, Keeper, NoProgress, OptionSpec, Progress, Settings};
pub use error::InferError;
pub use options::Options;
pub use outcome::{Diagnostics, Distilled, Evaluations, Fitted, LogZ, Noise, Outcome, Timing};

/// All engines, in the order in which they are listed.
pub fn engines() -> &'static [&'static dyn Engine] {
    &[
        &diffusion::Diffusion,
        &auto::Auto,
        &smc::Smc,
        &elliptical::Elliptical,
        &pcn::Pcn,
        &rwmh::Rwmh,
        &hmc::Hmc,
        &nuts::Nuts,
        &pt::Pt,
        &importance::Importance,
        &enumerate::Enumerate,
        &prior::Prior,
    ]
}

/// The engine with a name.
///
/// # Errors
/// `UnknownEngine`, with the closest name there is.
pub fn find(name: &str) -> Result<&'static dyn Engine, InferError> {
    if let Some(engine) = engines().iter().find(|e| e.name() == name) {
        return Ok(*engine);
    }
    let suggestion = nearest(name, engines().iter().map(|e| e.name()));
    Err(InferError::UnknownEngine {
        name: name.to_string(),
        suggestion: suggestion.map(str::to_string),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_engine_is_corrected() {
        assert_eq!(find("smc").unwrap().name(), "smc");
        let Err(InferError::UnknownEngine { suggestion, .. }) = find("smcc") else {
            panic!()
        };
        assert_eq!(suggestion.as_deref(), Some("smc"));
    }
}
