//! Engines: from a [`Target`](crate::lower::Target) to draws of its noise. Each sees only a dimension, log r in batches, and the structure.
//!
//! An engine is one file and one line of [`engines`].

mod auto;
mod chains;
pub mod diffusion;
mod elliptical;
mod engine;
mod enumerate;
mod error;
mod gaussian;
mod hmc;
mod importance;
#[cfg(test)]
mod laws;
mod mixture;
mod moves;
mod nuts;
mod options;
mod outcome;
mod pcn;
mod population;
mod prior;
mod proposals;
mod pt;
mod rwmh;
pub mod smc;
mod temper;
#[cfg(test)]
pub(crate) mod testing;

pub use engine::{Budget, Engine, NoProgress, OptionSpec, Progress, Settings};
pub use error::InferError;
pub use options::Options;
pub use outcome::{Diagnostics, Evaluations, LogZ, Noise, Outcome, Timing};

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
    let closest = engines()
        .iter()
        .map(|e| e.name())
        .min_by_key(|n| edit_distance(n, name));
    let suggestion = closest
        .filter(|n| edit_distance(n, name) <= 2)
        .map(str::to_string);
    Err(InferError::UnknownEngine {
        name: name.to_string(),
        suggestion,
    })
}

/// Levenshtein's distance.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, cb) in b.iter().enumerate() {
            let next = (corner + usize::from(ca != *cb))
                .min(row[j] + 1)
                .min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
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
