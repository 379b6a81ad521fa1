//! Every example's expected answer, by every engine that it names, and one contract for all engines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use odp::{Answer, Bound, InferRequest, Inputs, Limits, NoFiles, Session};
use serde_json::Value;

fn examples() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.join("model.odp").exists())
        .collect();
    all.sort();
    all
}

fn bound(folder: &Path) -> Bound {
    bound_within(folder, &Limits::default())
}

fn bound_within(folder: &Path, limits: &Limits) -> Bound {
    let text = std::fs::read_to_string(folder.join("model.odp")).unwrap();
    let inputs = match std::fs::read(folder.join("data.json")) {
        Ok(bytes) => Inputs::from_bytes("data.json", bytes, 1 << 30).unwrap(),
        Err(_) => Inputs::default(),
    };
    let program = Session::compile("model.odp", &text, Arc::new(NoFiles)).unwrap();
    program.bind(&inputs, limits).unwrap()
}

/// What an answer misses. Tolerances are for 1500 effective draws: a mean within 0.1 sd is 3.9 standard errors, an sd
/// within 12 % is 6.6 of them (for normal tails; heavier ones have less room).
fn misses(expect: &Value, engine: &str, special: &Value, answer: &Answer) -> Vec<String> {
    let mut bad = Vec::new();
    for (name, want) in expect["params"].as_object().unwrap() {
        let (mean, sd) = (want["mean"].as_f64().unwrap(), want["sd"].as_f64().unwrap());
        let Some((_, got)) = answer.parameters.iter().find(|(n, _)| n == name) else {
            bad.push(format!("no {name}"));
            continue;
        };
        if got.mean.is_none_or(|m| (m - mean).abs() > 0.1 * sd) {
            bad.push(format!("{name}: mean {:?}, truth {mean}", got.mean));
        }
        if got.sd.is_none_or(|s| (s - sd).abs() > 0.12 * sd) {
            bad.push(format!("{name}: sd {:?}, truth {sd}", got.sd));
        }
    }
    if let (Some(value), Some(z)) = (expect["log_z"]["value"].as_f64(), answer.log_z.estimate) {
        let tolerance = special["log_z_tol"]
            .as_f64()
            .or(expect["log_z"]["tol"].as_f64())
            .unwrap();
        if (z - value).abs() > tolerance {
            bad.push(format!("log Z {z}, truth {value}"));
        }
    }
    if let Some(least) = special["is_ess"].as_f64()
        && answer.diagnostics.is_ess.is_none_or(|ess| ess < least)
    {
        bad.push(format!(
            "IS-ESS {:?}, should be {least}",
            answer.diagnostics.is_ess
        ));
    }
    if let (Some(low), Some(z), Some(high)) =
        (answer.log_z.elbo, answer.log_z.estimate, answer.log_z.eubo)
        && (low > z + 1e-9 || z > high + 1e-9)
    {
        bad.push(format!(
            "ELBO {low} ≤ log Z {z} ≤ EUBO {high} does not hold"
        ));
    }
    if !answer.reliable {
        bad.push(format!("unreliable: {:?}", answer.warnings));
    }
    bad.iter().map(|b| format!("{engine}: {b}")).collect()
}

#[test]
fn examples_give_their_expected_answers() {
    let mut bad = Vec::new();
    for folder in examples() {
        let expect: Value =
            serde_json::from_str(&std::fs::read_to_string(folder.join("expect.json")).unwrap())
                .unwrap();
        let limits = Limits {
            unroll: expect["unroll"].as_u64().map(|n| n as usize),
            ..Limits::default()
        };
        let bound = bound_within(&folder, &limits);
        for (engine, special) in expect["engines"].as_object().unwrap() {
            let name = folder.file_name().unwrap().to_string_lossy().into_owned();
            match bound.infer(&InferRequest::new(engine.as_str(), 1)) {
                Ok(answer) => bad.extend(
                    misses(&expect, engine, special, &answer)
                        .into_iter()
                        .map(|m| format!("{name}, {m}")),
                ),
                Err(failure) => bad.push(format!("{name}, {engine}: {failure}")),
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

const CONJUGATE: &str = "sample mu ~ Normal(0, 1)\nobserve 1.0 ~ Normal(mu, 0.5)\nreturn { mu }\n";

fn conjugate() -> Bound {
    Session::compile("c.odp", CONJUGATE, Arc::new(NoFiles))
        .unwrap()
        .bind(&Inputs::default(), &Limits::default())
        .unwrap()
}

/// Posterior N(0.8, sqrt(0.2)), log Z = log N(1; 0, sqrt(1.25)).
#[test]
fn every_engine_answers_a_conjugate_program_twice_the_same() {
    let bound = conjugate();
    for facts in odp::engines() {
        let run = || bound.infer(&InferRequest::new(facts.name, 5));
        if facts.name == "enumerate" {
            let Err(failure) = run() else {
                panic!("enumerate served a continuous program")
            };
            assert!(
                failure.reports[0].labels[0]
                    .text
                    .contains("`mu` is continuous"),
                "{failure}"
            );
            continue;
        }
        let (a, b) = (run().unwrap(), run().unwrap());
        assert_eq!(
            a.record.draws, b.record.draws,
            "{}: one seed, two answers",
            facts.name
        );
        let mu = a.parameters[0].1;
        let (mean, sd) = if facts.name == "prior" {
            (0.0, 1.0)
        } else {
            (0.8, 0.2f64.sqrt())
        };
        assert!(
            (mu.mean.unwrap() - mean).abs() < 0.1 * sd,
            "{}: mean {:?}",
            facts.name,
            mu.mean
        );
        assert!(
            (mu.sd.unwrap() - sd).abs() < 0.1 * sd,
            "{}: sd {:?}",
            facts.name,
            mu.sd
        );
        if let (Some(z), Some(se)) = (a.log_z.estimate, a.log_z.se) {
            assert!(
                (z + 1.4305103088617774).abs() < 5.0 * se + 0.01,
                "{}: log Z {z} ± {se}",
                facts.name
            );
        }
        let other = bound.infer(&InferRequest::new(facts.name, 6)).unwrap();
        assert_ne!(
            a.record.draws, other.record.draws,
            "{}: two seeds, one answer",
            facts.name
        );
    }
}

/// Its paths are worth next to nothing: they are carried on by exact moves, which is told, or the answer is not trusted.
#[test]
fn an_untrained_sampler_is_right_where_it_is_called_reliable() {
    // By `nuts` and by a trained sampler, ± .003.
    const LOG_Z: f64 = -194.964;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/regression");
    let mut told = 0;
    for seed in 1..=3 {
        let mut request = InferRequest::new("diffusion", seed);
        request.options = vec![
            ("warmup".into(), "none".into()),
            ("steps".into(), "5".into()),
        ];
        let answer = bound(&folder).infer(&request).unwrap();
        told += usize::from(!answer.warnings.is_empty());
        let (z, se) = (answer.log_z.estimate.unwrap(), answer.log_z.se.unwrap());
        let right = (z - LOG_Z).abs() < 4.5 * se + 0.02;
        assert!(right || !answer.reliable, "{seed}: log Z {z} ± {se}");
    }
    assert!(told > 0);
}

#[test]
fn all_25_modes_are_found_in_proportion() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/gmm25");
    let request = InferRequest {
        draws: 10_000,
        ..InferRequest::new("diffusion", 1)
    };
    let answer = bound(&folder).infer(&request).unwrap();
    assert!(answer.diagnostics.is_ess.unwrap() > 7000.0);
    assert!(answer.log_z.estimate.unwrap().abs() < 0.01 + 4.0 * answer.log_z.se.unwrap());
    let x = &answer.record.draws.outputs[0].values;
    let mut counts = [0usize; 25];
    for p in x.chunks_exact(2) {
        let cell = |v: f64| ((v + 10.0) / 5.0).round().clamp(0.0, 4.0) as usize;
        counts[cell(p[0]) * 5 + cell(p[1])] += 1;
    }
    // A share's standard error for the effective draws.
    let se = (0.04 * 0.96 / answer.diagnostics.is_ess.unwrap()).sqrt();
    for n in counts {
        assert!(
            (n as f64 / 1e4 - 0.04).abs() < 4.5 * se,
            "shares {counts:?}"
        );
    }
}

#[test]
fn threads_change_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/eight_schools");
    let bound = bound(&folder);
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let request = InferRequest {
            threads,
            draws: 500,
            ..InferRequest::new("diffusion", 3)
        };
        pool.install(|| bound.infer(&request).unwrap().record.draws)
    };
    assert_eq!(with(1), with(2));
}

/// Least squares with a known error: the posterior is N(β̂, (XᵀX)⁻¹), with a correlation of −0.995 between the two.
const FLAT_LINE: &str = "sample b[i in 0..2] ~ Flat()
let x = [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0]
observe [41.0, 44.5, 44.0, 47.0, 49.5, 51.0, 52.0] ~ Normal(b[0] + b[1] * x, 1)
sample s ~ HalfFlat()
observe [0.4, -1.2, 0.9, 0.1, -0.7] ~ Normal(0, s)
";

#[test]
fn nuts_walks_improper_measures_on_their_line() {
    let bound = Session::compile("flat.odp", FLAT_LINE, Arc::new(NoFiles))
        .unwrap()
        .bind(&Inputs::default(), &Limits::default())
        .unwrap();
    let answer = bound.infer(&InferRequest::new("nuts", 1)).unwrap();
    assert!(answer.reliable, "{:?}", answer.warnings);
    assert!(answer.evaluations.gradient > 4000);
    let (n, mx, my) = (7.0, 23.0, 329.0 / 7.0);
    let (sxx, sxy) = (28.0f64, 51.5);
    let slope = sxy / sxx;
    let truths = [
        (my - slope * mx, (1.0 / n + mx * mx / sxx).sqrt()),
        (slope, (1.0 / sxx).sqrt()),
    ];
    for (i, (mean, sd)) in truths.into_iter().enumerate() {
        let got = answer.parameters[i].1;
        // 4000 draws worth at least 1000: 5 standard errors of the mean, 7 of the sd.
        assert!(
            (got.mean.unwrap() - mean).abs() < 0.16 * sd,
            "b[{i}]: {got:?}, truth {mean}"
        );
        assert!(
            (got.sd.unwrap() - sd).abs() < 0.16 * sd,
            "b[{i}]: {got:?}, truth {sd}"
        );
    }
}

#[test]
fn a_program_that_is_not_smooth_is_refused_where_it_is_not() {
    let text = "sample k ~ Poisson(3)\nsample a ~ Normal(0, 1)\nobserve 2.0 ~ Normal(k + a, 1)\n";
    let bound = Session::compile("k.odp", text, Arc::new(NoFiles))
        .unwrap()
        .bind(&Inputs::default(), &Limits::default())
        .unwrap();
    for engine in ["nuts", "hmc"] {
        let Err(failure) = bound.infer(&InferRequest::new(engine, 1)) else {
            panic!("{engine} served a Poisson draw")
        };
        let report = &failure.reports[0];
        assert_eq!(
            (report.code, failure.exit.code()),
            ("odp::infer::not_smooth", 1)
        );
        assert!(report.message.contains("is not smooth"), "{failure}");
        assert_eq!(report.labels[0].span.start, 11, "{:?}", report.labels);
    }
}
