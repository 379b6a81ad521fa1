//! Networks and arrays from files, held to what ONNX's reference evaluator gives (`tests/data/make_onnx.py`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use odp::{Answer, Failure, Folder, InferRequest, Inputs, Limits, Session};
use serde_json::Value;

/// The reference works in single precision.
const CLOSE: f64 = 2e-5;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/onnx")
}

fn run(text: &str) -> Result<Answer, Failure> {
    let loader = Folder {
        allowed: Vec::new(),
        limit: 1 << 24,
    };
    let name = folder().join("model.odp").display().to_string();
    let bound = Session::compile(&name, text, Arc::new(loader))?
        .bind(&Inputs::default(), &Limits::default())?;
    let mut request = InferRequest::new("prior", 1);
    request.draws = 1;
    bound.infer(&request)
}

fn output(answer: &Answer, name: &str) -> f64 {
    let found = answer.parameters.iter().find(|(n, _)| n == name);
    found.and_then(|(_, figures)| figures.mean).unwrap()
}

/// A program that compares each result of a network with the expected one, in shape and elements.
fn comparison(name: &str, inputs: usize, outputs: usize) -> String {
    let args: Vec<String> = (0..inputs)
        .map(|i| format!("expected.inputs[{i}]"))
        .collect();
    let mut text = format!(
        "let expected = json(\"expected.json\").{name}\nlet net = onnx(\"{name}.onnx\")\nlet r = net({})\n",
        args.join(", ")
    );
    let mut fields = Vec::new();
    for k in 0..outputs {
        let result = if outputs == 1 {
            "r".to_string()
        } else {
            format!("r.{k}")
        };
        text += &format!("let a{k} = {result}\nlet b{k} = expected.outputs[{k}]\n");
        fields.push(format!("far{k}: max(abs(a{k} - b{k}))"));
        fields.push(format!("same{k}: all(shape(a{k}) == shape(b{k}))"));
    }
    text + &format!("return {{ {} }}\n", fields.join(", "))
}

#[test]
fn networks_give_what_the_reference_gives() {
    let text = std::fs::read_to_string(folder().join("expected.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let mut bad = Vec::new();
    let mut compared = 0;
    for (name, case) in all.as_object().unwrap() {
        let count = |key: &str| case[key].as_array().unwrap().len();
        let outputs = count("outputs");
        let answer = match run(&comparison(name, count("inputs"), outputs)) {
            Ok(answer) => answer,
            Err(failure) => {
                bad.push(format!("{name}: {:?}", failure.reports));
                continue;
            }
        };
        for k in 0..outputs {
            compared += 1;
            let (far, same) = (
                output(&answer, &format!("far{k}")),
                output(&answer, &format!("same{k}")),
            );
            if far > CLOSE || far.is_nan() || same != 1.0 {
                bad.push(format!(
                    "{name}, output {k}: off by {far}, shapes agree: {same}"
                ));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(compared >= 60, "only {compared} outputs were compared");
}

#[test]
fn one_row_may_stand_for_a_batch() {
    let text = "let e = json(\"expected.json\").mlp\nlet net = onnx(\"mlp.onnx\")\n\
                let y = net(e.inputs[0][1, ..])\nreturn { far: max(abs(y - e.outputs[0][1, ..])), n: length(y) }";
    let answer = run(text).unwrap();
    assert!(output(&answer, "far") < CLOSE);
    assert_eq!(output(&answer, "n"), 2.0);
}

#[test]
fn a_network_can_be_a_prior() {
    let text = "let net = onnx(\"mlp.onnx\")\nsample z ~ iid(Normal(0, 1), 4)\nlet y = net(z)\n\
                observe 0.3 ~ Normal(y[0], 0.1)\nreturn { y0: y[0] }";
    let loader = Folder {
        allowed: Vec::new(),
        limit: 1 << 24,
    };
    let name = folder().join("model.odp").display().to_string();
    let bound = Session::compile(&name, text, Arc::new(loader))
        .and_then(|p| p.bind(&Inputs::default(), &Limits::default()))
        .unwrap();
    // Nearly all of the posterior of y[0] is within three standard deviations of the observation.
    let answer = bound.infer(&InferRequest::new("nuts", 1)).unwrap();
    assert!((output(&answer, "y0") - 0.3).abs() < 0.3);
}

#[test]
fn what_does_not_fit_a_network_is_told() {
    let why = |text: &str| run(text).unwrap_err().reports[0].message.clone();
    assert!(
        why("let net = onnx(\"mlp.onnx\")\nreturn net([1, 2, 3])")
            .contains("takes an array of shape [any, 4]")
    );
    assert!(
        why("let net = onnx(\"mlp.onnx\")\nreturn net([1], [2])").contains("takes 1 arguments")
    );
    assert!(why("let net = onnx(\"expected.json\")\nreturn net([1])").contains("no ONNX file"));
}
