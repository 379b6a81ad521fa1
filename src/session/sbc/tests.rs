use std::sync::{Arc, Mutex};

use super::*;
use crate::session::Session;
use crate::store::NoFiles;

const NORMAL: &str = "data y: real[n]\nsample mu ~ Normal(0, 1)\nsample s ~ LogNormal(0, 0.3)\nobserve y ~ Normal(mu, s)\n";
const DATA: &str = "{\"y\": [0, 0, 0, 0]}";

fn compiled(text: &str) -> Program {
    Session::compile("m.odp", text, Arc::new(NoFiles)).unwrap()
}

fn inputs(data: &str) -> Inputs {
    Inputs::from_bytes("d.json", data.as_bytes().to_vec(), 1 << 20).unwrap()
}

fn request(engine: &str, sims: usize) -> SbcRequest {
    SbcRequest {
        infer: InferRequest {
            draws: 400,
            options: match engine {
                "smc" => vec![("particles".into(), "512".into())],
                _ => Vec::new(),
            },
            ..InferRequest::new(engine, 7)
        },
        sims,
        ranks: 19,
        // Over the tests of this file: the suite's false alarms stay below 1e-4.
        alpha: 1e-5,
    }
}

fn calibrated(text: &str, data: &str, request: &SbcRequest) -> Result<Calibration, Failure> {
    let (program, limits) = (compiled(text), Limits::default());
    program.calibrate(&inputs(data), &limits, request, Vec::new(), &|_| {})
}

#[test]
fn a_right_engine_passes() {
    let c = calibrated(NORMAL, DATA, &request("smc", 60)).unwrap();
    assert!(
        c.pass && c.completed == 60 && c.failed == 0,
        "{}",
        c.words()
    );
    let names: Vec<&str> = c.quantities.iter().map(|q| q.name.as_str()).collect();
    assert_eq!(names, ["mu", "s", "log r", "mu * s"]);
    assert!(c.words().contains("\nPass: "), "{}", c.words());
    assert_eq!(c.pictures().len(), 4);
}

#[test]
fn an_engine_that_ignores_the_data_fails_where_the_data_shows() {
    // The prior's draws are as wide as the prior: the truths' ranks are uniform, the likelihood's are not.
    let c = calibrated(NORMAL, DATA, &request("prior", 60)).unwrap();
    let failing: Vec<&str> = c
        .quantities
        .iter()
        .filter(|q| !q.pass)
        .map(|q| q.name.as_str())
        .collect();
    assert_eq!(failing, ["log r"], "{}", c.words());
    assert!(c.verdict().starts_with("Fails at log r"), "{}", c.verdict());
}

#[test]
fn discrete_draws_have_ties_and_elements_their_places() {
    let text = "data y: int[n]\nsample k ~ DiscreteUniform(0, 3)\nsample up ~ Flip(0.5)\nfor i in 0..n { observe y[i] ~ Poisson(1 + k + int(up)) }\nreturn { k, up }\n";
    let c = calibrated(text, "{\"y\": [1, 2, 0]}", &request("enumerate", 60)).unwrap();
    assert!(c.pass, "{}", c.words());
    assert_eq!(c.quantities.len(), 4);
}

#[test]
fn what_is_done_is_not_done_again_and_the_result_is_the_same() {
    let (program, limits) = (compiled(NORMAL), Limits::default());
    let request = request("importance", 12);
    let told = Mutex::new(Vec::new());
    let tell = |s: &Simulation| told.lock().unwrap().push(s.clone());
    let run =
        |done: Vec<Simulation>| program.calibrate(&inputs(DATA), &limits, &request, done, &tell);
    let whole = run(Vec::new()).unwrap();
    let mut half = std::mem::take(&mut *told.lock().unwrap());
    half.sort_by_key(|s| std::cmp::Reverse(s.sim));
    half.truncate(5);
    assert_eq!(run(half).unwrap(), whole);
    assert_eq!(told.lock().unwrap().len(), 7);
    let one = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    assert_eq!(one.install(|| run(Vec::new())).unwrap(), whole);
}

#[test]
fn what_cannot_be_simulated_is_said_at_its_place() {
    let said = |text: &str, data: &str| {
        let failure = calibrated(text, data, &request("smc", 4)).unwrap_err();
        (failure.reports[0].code, failure.exit.code())
    };
    let data = "data y: real[n]\nsample mu ~ Normal(0, 1)\n";
    let factor = format!("{data}factor -mu ^ 2\nobserve y ~ Normal(mu, 1)\n");
    assert_eq!(said(&factor, DATA), ("odp::session::not_simulable", 1));
    let improper = "data y: real[n]\nsample mu ~ Flat()\nobserve y ~ Normal(mu, 1)\n";
    assert_eq!(said(improper, DATA), ("odp::session::not_simulable", 1));
    let twice = format!("{data}observe y ~ Normal(mu, 1)\nobserve y[0] ~ Normal(0, 2)\n");
    assert_eq!(said(&twice, DATA), ("odp::trace::observed_twice", 1));
    let nothing = "sample mu ~ Normal(0, 1)\nfactor -mu ^ 2\n";
    assert_eq!(said(nothing, "{}"), ("odp::session::nothing_simulated", 1));
    let literal = "sample mu ~ Normal(0, 1)\nobserve 2.0 ~ Normal(mu, 1)\n";
    assert_eq!(said(literal, "{}"), ("odp::session::nothing_simulated", 1));
    let missing = "data y: real?[n]\nsample mu ~ Normal(0, 1)\nobserve y ~ Normal(mu, 1)\n";
    assert_eq!(
        said(missing, "{\"y\": [1, null]}"),
        ("odp::session::nothing_simulated", 1)
    );
}
