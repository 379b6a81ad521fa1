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

#[test]
fn a_memoised_choice_has_one_coordinate_in_whatever_arms_it_is_made() {
    let of = |text: &str| {
        let program = Session::compile("model.odp", text, std::sync::Arc::new(NoFiles)).unwrap();
        let bound = program
            .bind(&Inputs::default(), &Limits::default())
            .unwrap();
        let dim = bound.describe().noise.unwrap().dim;
        let answer = bound.infer(&InferRequest::new("enumerate", 1)).unwrap();
        let of = |i: usize| answer.parameters[i].1;
        assert_eq!((of(0).mcse, of(1).mcse), (Some(0.0), Some(0.0)), "{text}");
        let means = (of(0).mean.unwrap(), of(1).mean.unwrap());
        (dim, means, answer.log_z.estimate.unwrap())
    };
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} instead of {b}");
    let flip =
        "memo fn p(_i) { sample Flip(0.3) }\ncondition p(0) or p(1)\nreturn { a: p(0), b: p(1) }\n";
    let (dim, (a, b), z) = of(flip);
    assert_eq!(dim, 2);
    near(a, 0.3 / 0.51);
    near(b, 0.3 / 0.51);
    near(z, 0.51f64.ln());
    // With q = ½ · .2 + ½ · .9 in the place of .3: a choice inside the choice.
    let nested = "memo fn p(_i) {\n    let q = if sample Flip(0.5) { 0.2 } else { 0.9 }\n    sample Flip(q)\n}\ncondition p(0) or p(1)\nreturn { a: p(0), b: p(1) }\n";
    let (dim, (a, b), z) = of(nested);
    let some = 1.0 - 0.45f64.powi(2);
    assert_eq!(dim, 4);
    near(a, 0.55 / some);
    near(b, 0.55 / some);
    near(z, some.ln());
    // Asked for in arms that later choices decide.
    let later = "memo fn p(_i) { sample Bernoulli(0.3) }\nsample c ~ Flip(0.5)\nlet a = if c { p(0) } else { 0 }\nsample d ~ Flip(0.4)\nlet b = if d { p(0) } else { 0 }\nobserve 1 ~ Bernoulli(0.2 + 0.3 * a + 0.4 * b)\nreturn { a, b }\n";
    let (dim, (a, b), z) = of(later);
    assert_eq!(dim, 3);
    near(a, 0.3378839590443686);
    near(b, 0.3071672354948805);
    near(z, -1.2275826699650696);
}
