//! What to do about a run that is not to be trusted, by what its figures say.

use super::answer::Figure;

/// The figures that advice rests on; all may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Signs {
    /// Largest R-hat.
    pub rhat: Figure,
    /// Smallest bulk ESS.
    pub ess: Figure,
    /// Pareto k̂ of the importance weights.
    pub khat: Figure,
    /// Divergent transitions.
    pub divergences: Figure,
    /// Share of failed executions.
    pub failed: Figure,
    /// Share of proposals with weight 0.
    pub violations: Figure,
    /// Share of executions past the unrolling bound.
    pub overflow: Figure,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// Things to do next, the most promising first. They are hints to a person and decide nothing.
pub fn advice(engine: &str, s: &Signs) -> Vec<String> {
    let above = |x: Figure, limit: f64| x.is_some_and(|x| x > limit);
    let chains = ["nuts", "hmc", "rwmh", "pcn", "elliptical", "pt"].contains(&engine);
    let mut all = Vec::new();
    let mut say = |when: bool, text: &str| all.extend(when.then(|| text.to_string()));
    say(
        s.interrupted,
        "The run was interrupted: run it again to the end before reading much into it.",
    );
    say(
        above(s.rhat, 1.05),
        "The chains disagree: look at the traces. If they sit at different levels, the posterior has several modes: try `--infer pt` or `--infer diffusion`. If they drift, ask for more `--draws`.",
    );
    say(
        above(s.khat, 0.7),
        "The importance weights have a heavy tail: a few paths carry the answer. Train longer (`-O steps=…`), or compare with `--infer smc` and, where the program is smooth, `--infer nuts`.",
    );
    say(
        above(s.divergences, 0.0) && chains,
        "Some trajectories diverged: the posterior is sharply curved there. Write hierarchical priors so that scales multiply standard draws, or raise the target acceptance (`odp engines nuts`).",
    );
    say(
        above(s.failed, 1e-3),
        "Some executions fail numerically: restrict what is drawn to where the program is defined, for example with `truncate`.",
    );
    say(
        above(s.violations, 0.5),
        "Most proposals break a hard constraint: write the constraint into the prior where that is possible.",
    );
    say(
        above(s.overflow, 0.01),
        "Executions run past the unrolling bound, where noise is not inferred: try `-O unroll=N` with a larger N.",
    );
    say(
        s.ess.is_some_and(|e| e < 400.0),
        "The smallest effective sample size is low: ask for more `--draws`, above all for tail quantiles.",
    );
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_has_its_advice() {
        assert!(
            advice(
                "smc",
                &Signs {
                    ess: Some(3000.0),
                    ..Signs::default()
                }
            )
            .is_empty()
        );
        let signs = Signs {
            rhat: Some(1.3),
            ess: Some(12.0),
            divergences: Some(4.0),
            interrupted: true,
            ..Signs::default()
        };
        let all = advice("nuts", &signs);
        assert_eq!(all.len(), 4);
        assert!(all[1].contains("--infer pt"), "{all:?}");
    }
}
