//! Particles to learn from: tempered ones, or draws of chains that follow gradients.
//!
//! In many dimensions tempering ends with particles that have not come to rest, and a sampler learns their faults. Where log r
//! is smooth, chains come to rest for a fraction of the evaluations; where they disagree, or never went to a mode that a short
//! tempering found, tempering it is.

use std::sync::Arc;

use super::lost::give_back;
use super::options::{Recipe, WarmUp};
use super::state::Keeping;
use crate::infer::modes::{self, Modes};
use crate::infer::nuts::Nuts;
use crate::infer::smc::{self, Particles, Refreshed};
use crate::infer::{Engine, InferError, Options, Outcome, Settings};
use crate::lower::Target;

/// Chains, and how long each warms up.
const CHAINS: usize = 8;
const CHAIN_WARM_UP: &str = "500";

/// Modes that ascents find, where the recipe has gradients and particles for them to complete.
pub(super) fn modes(target: &dyn Target, recipe: &Recipe, settings: &Settings) -> Modes {
    if !recipe.gradients || recipe.warm_up == WarmUp::Nothing {
        return Modes::default();
    }
    match &settings.modes {
        Some(found) => Modes::clone(found),
        None => modes::search(target, settings.seed.child("modes", 0)),
    }
}

/// Particles by the recipe's way, with those of `modes` that they lost; `None` where it has none.
///
/// # Errors
/// As of the engines that find them.
pub(super) fn particles(
    target: &dyn Target,
    recipe: &Recipe,
    modes: &Modes,
    settings: &Settings,
    keeping: &mut Keeping,
) -> Result<Option<Arc<Particles>>, InferError> {
    if recipe.warm_up == WarmUp::Nothing {
        return Ok(None);
    }
    if let Some(kept) = keeping.particles(target)? {
        return Ok(Some(kept));
    }
    let seed = settings.seed.child("warm-up", 0);
    let of_chains = match recipe.warm_up {
        WarmUp::Nuts => chains(target, recipe, settings)?,
        _ => None,
    };
    let mut particles = match of_chains {
        Some(found) => found,
        None => smc::particles(
            target,
            recipe.particles,
            recipe.moves,
            seed,
            &settings.budget,
            &*settings.progress,
        )?,
    };
    give_back(&mut particles, modes, target, seed.child("lost", 0));
    let particles = Arc::new(particles);
    keeping.warmed(&particles, target, settings.budget.exhausted());
    Ok(Some(particles))
}

/// Draws of chains; `None` where their own verdict is against them.
fn chains(
    target: &dyn Target,
    recipe: &Recipe,
    settings: &Settings,
) -> Result<Option<Particles>, InferError> {
    let own = Settings {
        n_draws: recipe.chain_draws,
        n_chains: CHAINS,
        seed: settings.seed.child("chains", 0),
        options: Options::from_pairs([("warmup", CHAIN_WARM_UP)]),
        keeper: None,
        ..settings.clone()
    };
    let found = Nuts.run(target, &own)?;
    Ok(found.reliable.then(|| as_particles(target, found)))
}

fn as_particles(target: &dyn Target, found: Outcome) -> Particles {
    let n = found.noise.n;
    let mut log_r = vec![0.0; n];
    target.log_r(&found.noise.z, &mut log_r);
    // So many neighbours in a chain are worth one draw.
    let worth = found.diagnostics.ess_bulk_min.unwrap_or(1.0).max(1.0);
    let block = (n as f64 / worth).ceil().max(1.0) as usize;
    let families = (0..n).map(|i| (i / block) as u32).collect();
    let cost = Refreshed {
        acceptance: found.diagnostics.acceptance.unwrap_or(1.0),
        evaluations: found.evaluations.log_r + n as u64,
        gradients: found.evaluations.gradient,
        ..Refreshed::default()
    };
    Particles::from_draws(found.noise.z, log_r, families, &cost)
}
