//! The `auto` engine: picks another by what the compiler knows, and says which and why.

use std::sync::Arc;

use super::enumerate::finite_sites;
use super::modes::{self, Modes};
use super::nuts::Nuts;
use super::{Engine, InferError, OptionSpec, Options, Outcome, Settings, engines, find};
use crate::draws::grouped_ess;
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

    fn resumes(&self, target: &dyn Target) -> bool {
        find(choose(target).0).is_ok_and(|engine| engine.resumes(target))
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        let modes = few_modes(target, settings);
        let (first, why) = match modes.as_deref().and_then(one_mode) {
            Some(why) => ("nuts", why),
            None => choose(target),
        };
        let picked = find(first)?;
        let mut own = Settings {
            modes: modes.clone(),
            ..settings.clone()
        };
        own.options.0.retain(|name, _| is_for(picked, name));
        let mut answer = picked.run(target, &own)?;
        answer.chosen = Some((first, why));
        // Options were meant for the engine that was picked.
        let plain = Settings {
            options: Options::default(),
            ..own.clone()
        };
        for &name in second_opinions(first, target) {
            if answer.reliable || answer.interrupted || settings.budget.exhausted() {
                break;
            }
            if name == "elliptical" && too_dear(target.structure().size, settings.n_draws) {
                continue;
            }
            let other = find(name)?.run(target, &plain)?;
            let why = match other.reliable {
                _ if less_evidence(&other, &answer) => continue,
                true => "passes its own checks",
                false if is_worth_more(&other, &answer) => {
                    "has more effective draws, though it does not pass its own checks either"
                }
                false => continue,
            };
            let why = format!("{first} could not be trusted here, and {name} {why}");
            answer = Outcome {
                chosen: Some((name, why)),
                ..other
            };
        }
        // The diffusion engine counts what it was given as its own.
        if let Some(seen) =
            modes.filter(|_| answer.chosen.as_ref().is_some_and(|c| c.0 != "diffusion"))
        {
            answer.evaluations.log_r += seen.evaluations;
            answer.evaluations.gradient += seen.gradients;
        }
        Ok(answer)
    }
}

/// Whether an engine has an option.
fn has(engine: &dyn Engine, name: &str) -> bool {
    engine.options().iter().any(|o| o.name == name)
}

/// Whether an option is to be read by the engine that was picked: its own, and those that nobody has, so that it says so.
/// Of a program in several parts one may be enumerated, and another sampled with options of that engine.
fn is_for(picked: &dyn Engine, name: &str) -> bool {
    let elsewhere = picked.name() == "enumerate" && engines().iter().any(|e| has(*e, name));
    has(picked, name) || !(name == "device" || elsewhere)
}

/// Noise dimensions up to which the diffusion sampler is the first choice for programs that are not smooth.
const MANY: usize = 60;
/// Noise dimensions above which a smooth program is left to its gradients.
const SEVERAL: usize = 12;

/// The engine for a target, and why:
///
/// | the noise | engine | because |
/// |---|---|---|
/// | all discrete, few executions | `enumerate` | exact |
/// | all discrete, many executions | `smc` | nothing to diffuse |
/// | log r smooth, up to [`SEVERAL`] dimensions, one mode found by ascents | `nuts` | the fastest where there is one mode |
/// | log r smooth, more than [`SEVERAL`] dimensions | `nuts` | gradients tell more the more dimensions there are |
/// | more than [`MANY`] dimensions | `smc` | many for a network |
/// | anything else | `diffusion` | branches, several modes, log Z |
pub fn choose(target: &dyn Target) -> (&'static str, String) {
    let dim = target.dim();
    if dim == 0 {
        let why = "the program draws nothing that bears on the evidence";
        return ("enumerate", why.to_string());
    }
    // Where executions may run past the unrolling bound, only enumerating shows whether one does.
    let all = match target.structure().tail {
        Some(_) => Err(String::new()),
        None => finite_sites(target),
    };
    let executions = all.map(|sizes| sizes.iter().map(|&k| k as f64).product::<f64>());
    match executions {
        Ok(n) if n <= FEW => (
            "enumerate",
            format!("all noise is discrete, with at most {n} executions: exact"),
        ),
        Ok(n) => (
            "smc",
            format!("all noise is discrete, but {n:.1e} executions are too many to enumerate"),
        ),
        Err(_) if target.structure().smooth && dim > SEVERAL => (
            "nuts",
            format!(
                "the log-weight is smooth in {dim} noise dimensions: gradients lead through them"
            ),
        ),
        Err(_) if dim > MANY => (
            "smc",
            format!(
                "{dim} noise dimensions are many for a network; SMC copes with several modes and gives log Z"
            ),
        ),
        Err(_) => (
            "diffusion",
            "it copes with branches and several modes, and its weights say how far to trust it"
                .to_string(),
        ),
    }
}

/// Operations from which on batches, which the diffusion sampler has, beat the single gradients of chains.
const LARGE: usize = 40_000;
/// The share of a second mode that is let go.
const SLIGHT: f64 = 0.01;

/// The modes of a smooth program of few dimensions, by ascents. `None` elsewhere, where options are for the diffusion
/// sampler, or where what it learns is to be kept.
fn few_modes(target: &dyn Target, settings: &Settings) -> Option<Arc<Modes>> {
    let other = |name: &String| !has(&Nuts, name) && engines().iter().any(|e| has(*e, name));
    let for_chains = !settings.options.0.keys().any(other);
    let structure = target.structure();
    let few =
        structure.smooth && (1..=SEVERAL).contains(&target.dim()) && structure.operations < LARGE;
    let looks = few && for_chains && settings.keeper.is_none();
    looks.then(|| Arc::new(modes::search(target, settings.seed.child("modes", 0))))
}

/// Why chains serve a program: ascents from many places lead to one mode. `None` where they do not.
fn one_mode(modes: &Modes) -> Option<String> {
    modes.single(SLIGHT).then(|| {
        format!(
            "the log-weight is smooth, and {} ascents lead to one mode: chains that follow gradients are the fastest there",
            modes.ascents
        )
    })
}

/// What is tried, in order, where the first choice is not reliable: what shares least with it.
fn second_opinions(first: &str, target: &dyn Target) -> &'static [&'static str] {
    let smooth = target.structure().smooth;
    match first {
        "enumerate" => &[],
        "nuts" if target.dim() <= SEVERAL => &["diffusion", "smc"],
        // Chains that disagree have most likely found several modes.
        "nuts" => &["smc", "elliptical"],
        "diffusion" if smooth => &["smc", "nuts"],
        "diffusion" => &["smc", "elliptical"],
        _ => &["elliptical"],
    }
}

/// Numbers that chains may compute as a second opinion, about a minute's work.
const DEAR: f64 = 2e10;
/// Evaluations that a draw of chains takes where they mix slowly: at most 200 steps of about five.
const SLOW: f64 = 1000.0;

/// Whether chains that mix slowly would take minutes over a program of so many numbers: they are no second opinion then. Known before they run, so that results do
/// not depend on a clock.
fn too_dear(size: usize, n_draws: usize) -> bool {
    n_draws as f64 * SLOW * size as f64 > DEAR
}

/// Whether an answer, neither being trusted, has clearly more effective draws. Chains have no evidence to compare: they may
/// all stand in one mode, and are not taken.
fn is_worth_more(answer: &Outcome, before: &Outcome) -> bool {
    answer.log_z.is_some() && effective(answer) > 2.0 * effective(before)
}

/// Effective draws: of weighted paths, or of particles of which some descend from one.
fn effective(outcome: &Outcome) -> f64 {
    let noise = &outcome.noise;
    let Some(lineage) = &noise.lineage else {
        return outcome.diagnostics.is_ess.unwrap_or(0.0);
    };
    let column =
        |j: usize| -> Vec<f64> { noise.z.iter().skip(j).step_by(noise.dim).copied().collect() };
    let each = (0..noise.dim).map(|j| grouped_ess(&column(j), lineage));
    each.fold(noise.n as f64, f64::min)
}

/// Whether an answer found clearly less evidence than one before it: it misses what that one has seen.
fn less_evidence(answer: &Outcome, before: &Outcome) -> bool {
    answer
        .log_z
        .zip(before.log_z)
        .is_some_and(|(a, b)| b.estimate - a.estimate > 4.0 * a.se.hypot(b.se) + 0.1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::testing::{Written, branches, linear, many_well_of};

    #[test]
    fn small_finite_programs_are_enumerated_and_others_sampled() {
        let coin = Written::new(1, |z| z[0]).site(0, &[0.5; 2]);
        let out = Auto.run(&coin, &Settings::new(10, Seed(1))).unwrap();
        assert_eq!(out.chosen.as_ref().unwrap().0, "enumerate");
        assert!(out.exact);
        assert_eq!(choose(&branches().target).0, "diffusion");
        assert_eq!(choose(&Written::new(0, |_| 0.0)).0, "enumerate");
        assert_eq!(choose(&linear().target).0, "nuts");
        let rough = Written::new(20, |_| 0.0).constrained(|z| (-z[0]).max(0.0));
        assert_eq!(choose(&rough).0, "diffusion");
    }

    #[test]
    fn of_answers_that_are_not_trusted_more_effective_draws_with_evidence_are_kept() {
        use crate::infer::{LogZ, Noise};
        let answer = |estimate: Option<f64>, groups: u32| Outcome {
            noise: Noise {
                z: (0..400).map(|i| f64::from(i * 7 % 400)).collect(),
                n: 400,
                dim: 1,
                chains: 1,
                log_weights: None,
                // Neighbours in value descend from one particle.
                lineage: Some((0..400).map(|i| i * 7 % 400 * groups / 400).collect()),
            },
            log_z: estimate.map(|estimate| LogZ {
                estimate,
                se: 0.1,
                elbo: None,
                eubo: None,
            }),
            ..Outcome::default()
        };
        let mut paths = answer(Some(-3.0), 400);
        paths.noise.lineage = None;
        paths.diagnostics.is_ess = Some(10.0);
        assert!(is_worth_more(&answer(Some(-3.0), 400), &paths));
        assert!(!is_worth_more(&answer(Some(-3.0), 2), &paths));
        assert!(!is_worth_more(&answer(None, 400), &paths));
        assert!(!is_worth_more(&paths, &answer(Some(-3.0), 400)));
    }

    #[test]
    fn chains_are_no_second_opinion_of_what_takes_them_minutes() {
        assert!(!too_dear(1000, 4000) && too_dear(10_000, 4000));
    }

    #[test]
    fn chains_serve_what_has_one_mode_unless_options_are_for_the_sampler() {
        let one = Written::new(3, |z| -50.0 * (z[0] - z[1]).powi(2));
        let two = Written::new(3, |z| -50.0 * (z[0].abs() - 1.0).powi(2));
        let taken = |target: &Written, options: &[(&str, &str)]| {
            let mut settings = Settings::new(400, Seed(1));
            settings.options = Options::from_pairs(options.iter().copied());
            Auto.run(target, &settings).unwrap().chosen.unwrap().0
        };
        assert_eq!(taken(&one, &[]), "nuts");
        assert_eq!(taken(&one, &[("target_accept", "0.95")]), "nuts");
        assert_eq!(taken(&one, &[("steps", "0")]), "diffusion");
        assert_eq!(taken(&two, &[]), "diffusion");
    }

    #[test]
    fn modes_that_chains_disagree_about_are_not_left_to_them() {
        let out = Auto
            .run(&many_well_of(14).target, &Settings::new(1000, Seed(1)))
            .unwrap();
        assert!(!out.reliable || out.chosen.unwrap().0 != "nuts");
    }
}
