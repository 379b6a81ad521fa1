//! Targets of docs/truths.md with a known log Z, answered by the diffusion engine: a thin slice of what `benches/truths.py`
//! runs with every engine.

use std::path::Path;
use std::sync::Arc;

use odp::{Answer, InferRequest, Inputs, Limits, NoFiles, Session};
use serde_json::Value;

fn answer(name: &str) -> (Answer, Value) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/truths/targets");
    let read = |end: &str| std::fs::read_to_string(folder.join(format!("{name}.{end}"))).unwrap();
    let program = Session::compile("model.odp", &read("odp"), Arc::new(NoFiles)).unwrap();
    let bound = program
        .bind(&Inputs::default(), &Limits::default())
        .unwrap();
    let answer = bound.infer(&InferRequest::new("diffusion", 1)).unwrap();
    (answer, serde_json::from_str(&read("json")).unwrap())
}

/// Log Z within `allowed` nats and its own error, and every mean within 5 standard errors of the effective draws and 2 % of
/// its sd (what is left of a thin tail): with a hundred figures in all, a false alarm once in 10⁴ builds.
fn holds(name: &str, allowed: f64) {
    let (answer, truth) = answer(name);
    assert!(answer.reliable, "{name}: {:?}", answer.warnings);
    let (z, se) = (answer.log_z.estimate.unwrap(), answer.log_z.se.unwrap());
    let off = z - truth["log_z"].as_f64().unwrap();
    assert!(
        off.abs() < allowed + 3.0 * se,
        "{name}: log Z off by {off}, se {se}"
    );
    for (parameter, want) in truth["params"].as_object().unwrap() {
        let (mean, sd) = (want["mean"].as_f64().unwrap(), want["sd"].as_f64().unwrap());
        let found = answer.parameters.iter().find(|(n, _)| n == parameter);
        let got = found
            .unwrap_or_else(|| panic!("{name} has no {parameter}"))
            .1;
        let worth = got.ess_bulk.unwrap_or(1.0).min(answer.draws.n as f64);
        let off = (got.mean.unwrap() - mean).abs() / sd;
        assert!(
            off < 5.0 / worth.sqrt() + 0.02,
            "{name}: {parameter} is {:?}, not {mean}: {off} sd",
            got.mean
        );
    }
}

#[test]
fn modes_on_a_grid_and_a_prior_cut_to_nine_of_them() {
    holds("gmm25", 0.004);
    holds("nine_of_25", 0.004);
}

#[test]
fn a_thin_shell_in_a_half_space() {
    holds("ring", 0.02);
}

#[test]
fn the_neck_of_a_funnel() {
    holds("funnel_d10", 0.03);
}

#[test]
fn wells_whose_modes_are_too_many_to_count() {
    holds("manywell32_sum", 0.02);
    holds("manywell5", 0.02);
}
