//! Verdicts on programs made hard on purpose: a thin slice of the honesty set in tests/honesty. The whole of it is run by
//! `benches/honesty.sh`, which writes the table of docs/truths.md.

use std::path::Path;
use std::sync::Arc;

use odp::{Answer, InferRequest, Inputs, Limits, NoFiles, Session};
use serde_json::Value;

fn answer(name: &str, engine: &str) -> (Answer, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/honesty");
    let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}"))).unwrap();
    let program = Session::compile("model.odp", &read("odp"), Arc::new(NoFiles)).unwrap();
    let bound = program
        .bind(&Inputs::default(), &Limits::default())
        .unwrap();
    let answer = bound.infer(&InferRequest::new(engine, 1)).unwrap();
    (answer, serde_json::from_str(&read("json")).unwrap())
}

/// What an answer misses by more than 0.1 sd and 4.5 standard errors (a mean), or by more than 4.5 of its own standard
/// errors and 0.02 (log Z): with a handful of figures, chance does so once in 10⁴ runs.
fn misses(answer: &Answer, truth: &Value) -> Vec<String> {
    let mut bad = Vec::new();
    for (name, want) in truth["params"].as_object().unwrap() {
        let (mean, sd) = (want["mean"].as_f64().unwrap(), want["sd"].as_f64().unwrap());
        let got = answer.parameters.iter().find(|(n, _)| n == name).unwrap().1;
        let worth = got
            .ess_bulk
            .unwrap_or(1.0)
            .clamp(1.0, answer.draws.n as f64);
        let allowed = (0.1 * sd).max(4.5 * sd / worth.sqrt());
        if got.mean.is_none_or(|m| (m - mean).abs() > allowed) {
            bad.push(format!("{name}: mean {:?}, truth {mean}", got.mean));
        }
    }
    if let (Some(z), Some(se)) = (answer.log_z.estimate, answer.log_z.se)
        && (z - truth["log_z"].as_f64().unwrap()).abs() > 4.5 * se + 0.02
    {
        bad.push(format!("log Z {z} ± {se}, truth {}", truth["log_z"]));
    }
    bad
}

#[test]
fn a_wrong_answer_is_not_called_reliable() {
    let cases = [
        ("funnel_d10", "smc"),
        ("funnel_d4", "smc"),
        ("funnel_d10", "diffusion"),
        ("modes_little_training", "smc"),
        ("shells_two", "elliptical"),
        ("modes_two", "nuts"),
    ];
    for (name, engine) in cases {
        let (answer, truth) = answer(name, engine);
        let bad = misses(&answer, &truth);
        assert!(
            bad.is_empty() || !answer.reliable,
            "{name}, {engine}: {bad:?}"
        );
    }
}

#[test]
fn a_right_answer_to_a_hard_program_may_be_called_reliable() {
    let cases = [
        ("modes_two", "smc"),
        ("modes_two", "auto"),
        ("shell_thin", "smc"),
        ("half_space", "smc"),
        ("linear_d20", "nuts"),
        ("branch_rare", "auto"),
    ];
    for (name, engine) in cases {
        let (answer, truth) = answer(name, engine);
        let bad = misses(&answer, &truth);
        assert!(
            bad.is_empty() && answer.reliable,
            "{name}, {engine}: {bad:?} {:?}",
            answer.warnings
        );
    }
}
