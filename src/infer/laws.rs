//! What holds for every engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::testing::{Written, value_of};
use super::{Engine, InferError, Options, Outcome, Settings, engines};
use crate::base::Seed;
use crate::draws::{normalized, summarize};

/// Engines for smooth targets alone.
const FOLLOW_GRADIENTS: [&str; 2] = ["hmc", "nuts"];

/// A coin that shifts a Gaussian; all discrete for `enumerate`, nothing discrete for those that follow gradients.
fn target(engine: &dyn Engine) -> Written {
    if FOLLOW_GRADIENTS.contains(&engine.name()) {
        return Written::new(3, |z| -2.0 * (z[1] + z[0].tanh() - 1.0).powi(2));
    }
    if engine.name() == "enumerate" {
        return Written::new(2, |z| 0.5 * z[0].signum() * z[1].signum())
            .site(0, &[0.5; 2])
            .site(1, &[0.5; 2]);
    }
    let log_r = |z: &[f64]| -2.0 * (z[1] + value_of(&[0.5; 2], z[0]) as f64 - 1.0).powi(2);
    Written::new(3, log_r).site(0, &[0.5; 2])
}

fn settings(seed: u64) -> Settings {
    let mut settings = Settings::new(400, Seed(seed));
    settings.n_chains = 2;
    settings
}

fn run(engine: &dyn Engine, settings: &Settings) -> Result<Outcome, InferError> {
    engine.run(&target(engine), settings)
}

#[test]
fn same_seed_same_draws_whatever_the_threads() {
    for engine in engines() {
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| run(*engine, &settings(3)).unwrap().noise)
        };
        let noise = on(1);
        assert_eq!(noise, on(3), "{}", engine.name());
        assert_eq!(noise.z.len(), noise.n * noise.dim, "{}", engine.name());
        assert!(noise.z.iter().all(|z| z.is_finite()));
        if engine.name() != "enumerate" {
            assert_ne!(
                noise,
                run(*engine, &settings(4)).unwrap().noise,
                "{}",
                engine.name()
            );
            assert_eq!(noise.n, 400, "{}", engine.name());
        }
    }
}

#[test]
fn draws_can_be_summed_up() {
    for engine in engines() {
        let mut settings = settings(1);
        if FOLLOW_GRADIENTS.contains(&engine.name()) {
            // 200 draws of a chain are few to compare it by, and none of these are thinned.
            settings.n_draws = 2000;
        }
        let out = run(*engine, &settings).unwrap();
        let weights = out.noise.log_weights.as_ref().and_then(|l| normalized(l));
        let x: Vec<f64> = out
            .noise
            .z
            .iter()
            .skip(1)
            .step_by(out.noise.dim)
            .copied()
            .collect();
        let s = summarize(&x, out.dependence(weights.as_deref())).unwrap();
        assert!(
            s.mean.is_finite() && s.sd > 0.0 && s.mcse.unwrap() < 0.5,
            "{}: {s:?}",
            engine.name()
        );
        assert!(out.reliable, "{}: {:?}", engine.name(), out.warnings);
        assert_eq!(out.exact, s.ess_bulk.is_none(), "{}", engine.name());
    }
}

#[test]
fn evidence_that_no_noise_reaches_has_an_exact_answer() {
    for engine in engines() {
        let on = |log_r: f64| engine.run(&Written::new(0, move |_| log_r), &settings(3));
        let outcome = on(-1.5).unwrap();
        let name = engine.name();
        let noise = &outcome.noise;
        assert!(outcome.exact || noise.n == 400, "{name}");
        assert!(outcome.reliable && noise.z.is_empty(), "{name}");
        if name != "prior" {
            let z = outcome.log_z.unwrap();
            assert!(z.estimate == -1.5 && z.se == 0.0, "{name}: {z:?}");
            assert!(on(f64::NEG_INFINITY).is_err(), "{name}");
        }
    }
}

#[test]
fn a_wrong_option_is_refused_by_name() {
    for engine in engines() {
        let mut s = settings(1);
        s.options = Options::from_pairs([("colour", "blue")]);
        let Err(InferError::BadOption { name, .. }) = run(*engine, &s) else {
            panic!("{}", engine.name())
        };
        assert_eq!(name, "colour");
        for option in engine.options().iter().filter(|o| o.default != "auto") {
            s.options = Options::from_pairs([(option.name, option.default)]);
            assert!(
                run(*engine, &s).is_ok(),
                "{} {}",
                engine.name(),
                option.name
            );
        }
    }
}

#[test]
fn a_deadline_in_the_past_leaves_an_answer_or_a_reason() {
    for engine in engines() {
        let mut s = settings(1);
        s.budget.deadline = Some(Instant::now());
        match run(*engine, &s) {
            Ok(out) => assert!(!out.interrupted && out.noise.n > 0, "{}", engine.name()),
            Err(e) => assert!(
                matches!(&e, InferError::Diverged { why, .. } if why.contains("time ran out")),
                "{e}"
            ),
        }
    }
}

#[test]
fn an_interrupt_is_marked() {
    for engine in engines() {
        let mut s = settings(1);
        s.budget.stop = Arc::new(AtomicBool::new(false));
        s.budget.stop.store(true, Ordering::Relaxed);
        match run(*engine, &s) {
            Ok(out) => assert!(out.interrupted, "{}", engine.name()),
            Err(e) => assert!(matches!(e, InferError::Diverged { .. }), "{e}"),
        }
    }
}

#[test]
fn memory_that_is_not_there_is_a_limit() {
    for engine in engines() {
        let mut s = settings(1);
        s.max_bytes = Some(16);
        assert!(
            matches!(run(*engine, &s), Err(InferError::Limit { .. })),
            "{}",
            engine.name()
        );
    }
}

#[test]
fn a_pole_is_a_numerical_failure() {
    let target = Written::new(1, |z| if z[0] > 0.0 { f64::INFINITY } else { 0.0 });
    let out = super::find("smc").unwrap().run(&target, &settings(1));
    assert!(matches!(out, Err(InferError::Diverged { .. })), "{out:?}");
}

#[test]
fn options_and_names_are_told_apart() {
    let mut names: Vec<_> = engines().iter().map(|e| e.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), engines().len());
    assert!(
        engines()
            .iter()
            .all(|e| !e.summary().is_empty() && e.options().iter().all(|o| !o.help.is_empty()))
    );
}
