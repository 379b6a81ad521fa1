//! The tape against its oracle: every program's weights and outputs in lanes are those of the interpreter.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{Bound, InferRequest, Limits, Session};
use crate::base::Seed;
use crate::lower::Target;
use crate::store::{Inputs, NoFiles};
use crate::trace::{self, RunNoise, Source, run};
use rand_distr::{Distribution, StandardNormal};

/// Compiles and binds the program of a folder.
pub(super) fn bound(folder: &Path) -> Bound {
    let text = std::fs::read_to_string(folder.join("model.odp")).unwrap();
    let mut data = Inputs::default();
    for file in ["data.json", "data.csv"] {
        if let Ok(bytes) = std::fs::read(folder.join(file)) {
            data = Inputs::from_bytes(file, bytes, 1 << 30).unwrap();
        }
    }
    let program = Session::compile("model.odp", &text, std::sync::Arc::new(NoFiles))
        .unwrap_or_else(|f| panic!("{}: {f}", folder.display()));
    program
        .bind(&data, &Limits::default())
        .unwrap_or_else(|f| panic!("{}: {f}", folder.display()))
}

fn close(a: f64, b: f64) -> bool {
    (a.is_nan() && b.is_nan()) || a == b || (a - b).abs() <= 1e-10 * (1.0 + a.abs().max(b.abs()))
}

/// Checks a program on prior noise.
fn agrees(folder: &Path) {
    let bound = bound(folder);
    let (lowered, model, inputs) = bound.inner();
    let (n, dim) = (50, lowered.dim);
    let mut stream = Seed(7).stream("oracle", 0);
    let z: Vec<f64> = (0..n * dim)
        .map(|_| StandardNormal.sample(&mut stream))
        .collect();
    let outputs = lowered.pushforward.outputs(&z, n);
    let beyond = |_: u128, out: &mut [f64]| out.fill(0.123);
    for i in 0..n {
        let row = &z[i * dim..(i + 1) * dim];
        if lowered.components.iter().any(|c| {
            let part: Vec<f64> = c.coordinates.iter().map(|&k| row[k]).collect();
            c.overflow_key(&part).is_some()
        }) {
            continue;
        }
        let noise = RunNoise {
            layout: &lowered.graph.layout,
            z: row,
            beyond: &beyond,
            values: None,
        };
        let execution = run(model, inputs, trace::Limits::default(), noise).unwrap();
        let mut total = lowered.constant;
        for c in &lowered.components {
            for member in c.members() {
                let part: Vec<f64> = member.iter().map(|&k| row[k]).collect();
                let mut out = [0.0];
                c.log_r(&part, &mut out);
                total += out[0];
            }
        }
        let oracle = execution.log_weight();
        let oracle = if oracle.is_nan() {
            f64::NEG_INFINITY
        } else {
            oracle
        };
        assert!(
            close(total, oracle),
            "{}: log r {total} in lanes, {oracle} by the interpreter",
            folder.display()
        );
        let expected: HashMap<&str, &Source> = execution
            .outputs
            .iter()
            .map(|o| (o.name.as_str(), &o.source))
            .collect();
        for o in &outputs {
            let len = o.shape.len();
            let here = |e: usize| o.present.is_empty() || o.present[i * len + e];
            match expected.get(o.name.as_str()) {
                Some(Source::Known(v)) => {
                    for e in 0..len {
                        if here(e) {
                            assert!(
                                close(o.values[i * len + e], v[e]),
                                "{}: {}[{e}] {} against {}",
                                folder.display(),
                                o.name,
                                o.values[i * len + e],
                                v[e]
                            );
                        }
                    }
                }
                _ => assert!(
                    (0..len).all(|e| !here(e)),
                    "{}: {} is present in lanes alone",
                    folder.display(),
                    o.name
                ),
            }
        }
    }
}

pub(super) fn folders(root: &str) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .filter(|p| p.join("model.odp").exists())
        .collect();
    all.sort();
    all
}

#[test]
fn lanes_agree_with_the_interpreter_on_every_example() {
    let examples = folders(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    assert!(!examples.is_empty());
    examples.iter().for_each(|f| agrees(f));
}

#[test]
fn a_loop_that_ends_is_enumerated_and_one_that_need_not_is_refused() {
    let ends = "var k = 0\nwhile k < 4 {\n    sample stop ~ Flip(0.3)\n    if stop { break }\n    k += 1\n}\nobserve 2.5 ~ Normal(k, 1)\nreturn { k }";
    let enumerated = |text: &str| {
        let program = Session::compile("model.odp", text, std::sync::Arc::new(NoFiles)).unwrap();
        let bound = program
            .bind(&Inputs::default(), &Limits::default())
            .unwrap();
        bound.infer(&InferRequest::new("enumerate", 1))
    };
    let answer = enumerated(ends).unwrap();
    // P(k) = .3 · .7^k for k < 4, .7⁴ for 4, times the density of 2.5 at k.
    let weight = |k: i32| {
        let prior = if k < 4 {
            0.3 * 0.7f64.powi(k)
        } else {
            0.7f64.powi(4)
        };
        prior * (-0.5 * (2.5 - f64::from(k)).powi(2)).exp()
    };
    let total: f64 = (0..5).map(weight).sum();
    let mean = (0..5).map(|k| f64::from(k) * weight(k)).sum::<f64>() / total;
    assert!((answer.parameters[0].1.mean.unwrap() - mean).abs() < 1e-9);
    let open = "fn g() {\n    sample stop ~ Flip(0.3)\n    if stop { 0 } else { 1 + g() }\n}\nlet n = g()\nobserve 3.0 ~ Normal(n, 1)\nreturn { n }";
    assert!(enumerated(open).is_err());
}
