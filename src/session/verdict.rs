//! Whether a run's draws may be trusted: the rules that hold for every engine.
//!
//! An engine judges what only it sees, its own weights, chains and particles, and says so in its outcome (the rules are
//! listed in `docs/inference.md`). What follows looks at the outputs and at the program.

use super::answer::Figure;
use super::figures::Figures;
use crate::draws::khat_threshold;

/// Chains that differ by more do not draw from one distribution.
const LARGEST_RHAT: f64 = 1.05;
/// Below this, means and quantiles are rough guesses.
const SMALLEST_ESS: f64 = 100.0;
/// What exists in a smaller share of the draws is judged by its own number of draws.
const RARE: f64 = 0.25;
/// A larger share of failing prior executions is a warning.
const MANY_FAILURES: f64 = 0.01;
/// A larger share of the posterior beyond the unrolling bound is not to be trusted: prior noise stands there.
pub(super) const MUCH_BEYOND: f64 = 0.01;

/// What is known of a run; what is left out is not judged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Run<'a> {
    /// Whether nothing has spoken against the draws so far.
    pub reliable: bool,
    /// Draws.
    pub draws: usize,
    /// The figures of all outputs.
    pub parameters: &'a [(String, Figures)],
    /// Share of the draws beyond the unrolling bound, and that bound.
    pub beyond: f64,
    /// See `beyond`.
    pub unroll: usize,
    /// Share of prior executions that fail numerically.
    pub prior_failures: f64,
}

/// What speaks against a run.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// The draws are not to be trusted.
    Distrust(String),
    /// They may be, but this is to be known.
    Warn(String),
}

impl Finding {
    /// Its words.
    pub fn words(self) -> String {
        match self {
            Finding::Distrust(words) | Finding::Warn(words) => words,
        }
    }
}

/// All rules, in order:
///
/// 1. more than 1 in 100 prior executions fail numerically: a warning;
/// 2. an output's R-hat above 1.05: not to be trusted;
/// 3. else an output worth fewer than 100 draws: not to be trusted, or a warning where fewer were asked for. What exists
///    in under a quarter of the draws may be worth less, down to a tenth of the draws in which it exists;
/// 4. more than 1 in 100 draws past the unrolling bound: not to be trusted;
/// 5. outputs with a tail so heavy that averages of their squares, or of themselves, rest on few draws (k̂ against
///    [`khat_threshold`]): a warning, since draws and quantiles are what they should be.
///
/// Rules 2 and 3 are silent where the engine itself has given its draws up.
pub(super) fn verdict(run: &Run) -> Vec<Finding> {
    let mut found = Vec::new();
    if run.prior_failures > MANY_FAILURES {
        let share = 100.0 * run.prior_failures;
        found.push(Finding::Warn(format!(
            "{share:.1} % of the executions drawn from the prior fail numerically and have weight 0"
        )));
    }
    let worst_rhat = extreme(run, |f| f.rhat, f64::total_cmp);
    let fewest = extreme(run, |f| few(f, run.draws), |a, b| b.total_cmp(a));
    if let Some((rhat, name)) = worst_rhat.filter(|(rhat, _)| *rhat > LARGEST_RHAT) {
        found.push(Finding::Distrust(format!(
            "the chains disagree about `{name}` (R-hat {rhat:.3}); run longer with more `--draws`"
        )));
    } else if let Some((ess, name)) = fewest.filter(|(ess, _)| *ess < SMALLEST_ESS) {
        let words = format!(
            "`{name}` has an effective sample size of {ess:.0} only; ask for more `--draws`"
        );
        // Few draws that were asked for are no fault of the engine's.
        found.push(match run.draws as f64 > SMALLEST_ESS {
            true => Finding::Distrust(words),
            false => Finding::Warn(words),
        });
    }
    if run.beyond > MUCH_BEYOND {
        let (share, deeper) = (100.0 * run.beyond, 2 * run.unroll.max(1));
        found.push(Finding::Distrust(format!(
            "{share:.0} % of the draws run past the unrolling bound, where noise is not inferred; try `-O unroll={deeper}`"
        )));
    }
    found.extend(heavy_tails(run));
    found
}

/// Rule 5, in one warning that names the heaviest tail.
fn heavy_tails(run: &Run) -> Option<Finding> {
    let heavy = |f: &Figures| {
        let limit = khat_threshold(f.ess_bulk? as usize);
        f.tail.filter(|k| 2.0 * k > limit)
    };
    let (k, name) = extreme(run, heavy, f64::total_cmp)?;
    let (_, worst) = run.parameters.iter().find(|(n, _)| *n == name)?;
    let what = match k > khat_threshold(worst.ess_bulk? as usize) {
        true => "mean and sd rest",
        false => "sd rests",
    };
    let others = run.parameters.iter().filter(|(_, f)| heavy(f).is_some());
    let too = match others.count() - 1 {
        0 => String::new(),
        1 => " (one other output has such tails, too)".to_string(),
        n => format!(" ({n} other outputs have such tails, too)"),
    };
    Some(Finding::Warn(format!(
        "the tails of `{name}` are so heavy (k-hat {k:.2}) that its {what} on a few draws{too}; read the quantiles, or ask for many more `--draws`"
    )))
}

/// An output's bulk ESS, unless it exists in few draws and is worth its share of those.
fn few(f: &Figures, draws: usize) -> Figure {
    let rare = |ess: f64| f.present < RARE && ess >= f.present * draws as f64 / 10.0;
    f.ess_bulk.filter(|ess| !rare(*ess))
}

/// The last figure by an order, with its output; none where the engine has given its draws up.
fn extreme(
    run: &Run,
    figure: impl Fn(&Figures) -> Figure,
    order: impl Fn(&f64, &f64) -> std::cmp::Ordering,
) -> Option<(f64, String)> {
    let outputs = run.parameters.iter().filter(|_| run.reliable);
    outputs
        .filter_map(|(name, f)| figure(f).map(|x| (x, name)))
        // Of equals the first named one, as before a reader would look.
        .reduce(|best, next| match order(&next.0, &best.0) {
            std::cmp::Ordering::Greater => next,
            _ => best,
        })
        .map(|(x, name)| (x, name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(name: &str, rhat: Figure, ess: f64, present: f64) -> (String, Figures) {
        let figures = Figures {
            rhat,
            ess_bulk: Some(ess),
            present,
            ..Figures::default()
        };
        (name.to_string(), figures)
    }

    fn found(parameters: &[(String, Figures)], draws: usize, reliable: bool) -> Vec<Finding> {
        verdict(&Run {
            reliable,
            draws,
            parameters,
            ..Run::default()
        })
    }

    #[test]
    fn heavy_tails_are_told_once_and_cost_no_trust() {
        let with = |name: &str, tail: f64| {
            let (name, figures) = output(name, None, 4000.0, 1.0);
            let tail = Some(tail);
            (name, Figures { tail, ..figures })
        };
        assert!(found(&[with("a", 0.3)], 4000, true).is_empty());
        let told = found(&[with("a", 0.4), with("b", 0.9)], 4000, true);
        assert!(
            matches!(&told[..], [Finding::Warn(w)] if w.contains("`b`") && w.contains("mean and sd") && w.contains("one other")),
            "{told:?}"
        );
        let told = found(&[with("a", 0.4)], 4000, true);
        assert!(
            matches!(&told[..], [Finding::Warn(w)] if w.contains("its sd rests")),
            "{told:?}"
        );
    }

    #[test]
    fn each_rule_speaks_and_no_other() {
        assert!(found(&[output("a", Some(1.01), 900.0, 1.0)], 4000, true).is_empty());
        let apart = [
            output("a", Some(1.01), 20.0, 1.0),
            output("b", Some(1.3), 9.0, 1.0),
        ];
        let all = found(&apart, 4000, true);
        assert!(matches!(&all[..], [Finding::Distrust(w)] if w.contains("`b` (R-hat 1.300)")));
        assert!(found(&apart, 4000, false).is_empty());
        let few = [output("a", None, 60.0, 1.0)];
        assert!(matches!(
            found(&few, 4000, true)[..],
            [Finding::Distrust(_)]
        ));
        assert!(matches!(found(&few, 80, true)[..], [Finding::Warn(_)]));
        // 60 of 4000 · 0.1 draws in which it exists are as many as could be hoped for.
        assert!(found(&[output("a", None, 60.0, 0.1)], 4000, true).is_empty());
    }

    #[test]
    fn the_program_is_judged_too() {
        let beyond = Run {
            beyond: 0.02,
            unroll: 8,
            prior_failures: 0.5,
            ..Run::default()
        };
        let all = verdict(&beyond);
        assert!(
            matches!(&all[..], [Finding::Warn(_), Finding::Distrust(w)] if w.ends_with("unroll=16`"))
        );
    }
}
