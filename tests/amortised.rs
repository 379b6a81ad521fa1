//! `odp train` and `odp query` as scripts see them: files, exit codes, documents.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MODEL: &str = "data J: int\ndata sigma: real[J]\ndata y: real[J]\nuse \"prior.odp\"\nsample mu ~ centre()\nobserve y ~ Normal(mu, sigma)\n";
const PRIOR: &str = "fn centre() { Normal(0, 2) }\n";
const DATA: &str = "{\"J\": 3, \"sigma\": [1, 1, 2]}";
/// Enough for one smooth dimension.
const SHORT: [&str; 8] = [
    "-O",
    "fit=300",
    "-O",
    "pre=100",
    "-O",
    "steps=0",
    "-O",
    "datasets=8",
];

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let inside = format!("amortised-{}", std::process::id());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(inside)
        .join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for (file, text) in [("m.odp", MODEL), ("prior.odp", PRIOR), ("d.json", DATA)] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    folder
}

fn odp(folder: &PathBuf, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
    command.args(args).current_dir(folder);
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command.output().expect("odp runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("odp is not killed")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("odp writes UTF-8")
}

fn document(bytes: &[u8]) -> Value {
    let text = text(bytes);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("no document ({e}): {text}"))
}

fn train(folder: &PathBuf, more: &[&str]) -> Output {
    let args = [
        "train",
        "m.odp",
        "--data",
        "d.json",
        "--amortize",
        "y",
        "--out",
        "s.odpz",
        "--seed",
        "1",
        "--json",
    ];
    odp(folder, &[&args, &SHORT[..], more].concat())
}

#[test]
fn a_sampler_travels_alone_and_answers_as_run_does() {
    let folder = folder("travels");
    let output = train(&folder, &[]);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    let facts = document(&output.stdout);
    assert_eq!(
        (&facts["amortized"][0], &facts["dim"]),
        (&"y".into(), &1.into())
    );
    assert!(
        facts["held_out"]["ess_median"].as_f64().unwrap() > 0.8,
        "{facts}"
    );
    // Another seed's file is other bytes, the same seed's is the same.
    let first = std::fs::read(folder.join("s.odpz")).unwrap();
    assert_eq!(code(&train(&folder, &["--threads", "1"])), 0);
    assert!(first == std::fs::read(folder.join("s.odpz")).unwrap());
    for file in ["m.odp", "prior.odp", "d.json"] {
        std::fs::remove_file(folder.join(file)).unwrap();
    }
    let set = [
        "query",
        "s.odpz",
        "--set",
        "y=[1, 2, 3]",
        "--seed",
        "1",
        "--json",
    ];
    let answer = document(&odp(&folder, &set).stdout);
    assert_eq!(
        (&answer["engine"], &answer["requested"]),
        (&"diffusion".into(), &"diffusion".into())
    );
    assert_eq!(
        (&answer["model"], &answer["reliable"]),
        (&"m".into(), &true.into())
    );
    // Precision 1/4 + 1 + 1 + 1/4, mean 3.75 / 2.5; 4000 draws worth half as many, 5 standard errors.
    let mean = answer["parameters"]["mu"]["mean"].as_f64().unwrap();
    assert!((mean - 1.5).abs() < 0.08, "{mean}");
    let again = document(&odp(&folder, &set).stdout);
    assert_eq!(again["parameters"], answer["parameters"]);
    let out = odp(
        &folder,
        &[&set[..], &["--out", "q.zarr", "--draws", "500"]].concat(),
    );
    assert_eq!(code(&out), 0, "{}", text(&out.stderr));
    for group in [
        "posterior/mu",
        "posterior_predictive/y",
        "log_likelihood/y",
        "observed_data/y",
    ] {
        assert!(folder.join("q.zarr").join(group).exists(), "{group}");
    }
}

#[test]
fn data_that_is_far_away_is_told_and_answered_by_smc() {
    let folder = folder("far");
    assert_eq!(code(&train(&folder, &[])), 0);
    let output = odp(
        &folder,
        &["query", "s.odpz", "--set", "y=[90, 91, 89]", "--seed", "1"],
    );
    let said = text(&output.stdout);
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
    assert!(
        said.contains("smc") && said.contains("not like the simulated data"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_used_is_refused_before_any_training() {
    let folder = folder("refused");
    std::fs::write(folder.join("notes.txt"), "my notes").unwrap();
    let refused = |args: &[&str], exit: i32, wanted: &str| {
        let output = odp(&folder, &[args, &["--json"]].concat());
        assert_eq!(code(&output), exit, "{args:?}: {}", text(&output.stderr));
        assert_eq!(document(&output.stderr)["code"], wanted, "{args:?}");
        assert!(output.stdout.is_empty());
    };
    let base = ["train", "m.odp", "--data", "d.json"];
    let with = |more: &[&'static str]| [&base[..], more].concat();
    refused(
        &with(&["--amortize", "y", "--out", "notes.txt"]),
        2,
        "odp::store::foreign",
    );
    refused(
        &with(&["--amortize", "y", "--out", "no/such/s.odpz"]),
        2,
        "odp::store::unwritable",
    );
    refused(
        &with(&["--amortize", "z", "--out", "s.odpz"]),
        2,
        "odp::session::unknown_data",
    );
    refused(
        &with(&["--amortize", "y,sigma", "--out", "s.odpz"]),
        1,
        "odp::session::not_amortisable",
    );
    refused(
        &with(&["--amortize", "y", "--out", "s.odpz", "-O", "fit=many"]),
        2,
        "odp::infer::bad_option",
    );
    refused(&with(&["--amortize", "y"]), 2, "odp::cli::usage");
    refused(&["query", "notes.txt"], 2, "odp::store::bad_sampler");
    refused(&["query", "gone.odpz"], 2, "odp::store::unreadable");
    assert!(!folder.join("s.odpz").exists());
    assert_eq!(
        std::fs::read(folder.join("notes.txt")).unwrap(),
        b"my notes"
    );
}

#[test]
fn a_query_keeps_to_what_was_trained() {
    let folder = folder("keeps");
    assert_eq!(code(&train(&folder, &["-O", "fit=2", "-O", "pre=2"])), 0);
    let refused = |set: &[&str], exit: i32, wanted: &str| {
        let sets = set.iter().flat_map(|s| ["--set", *s]);
        let args: Vec<&str> = ["query", "s.odpz", "--json"]
            .into_iter()
            .chain(sets)
            .collect();
        let output = odp(&folder, &args);
        assert_eq!(code(&output), exit, "{set:?}: {}", text(&output.stderr));
        assert_eq!(document(&output.stderr)["code"], wanted, "{set:?}");
    };
    refused(&[], 2, "odp::data::missing");
    refused(&["y=[1, 2]"], 2, "odp::data::size");
    refused(&["y=[1, 2, 3, 4]", "J=4"], 2, "odp::session::other_data");
    refused(
        &["y=[1, 2, 3]", "sigma=[1, 1, 1]"],
        2,
        "odp::session::other_data",
    );
    let output = odp(
        &folder,
        &["query", "s.odpz", "--set", "y=[1,2,3]", "-O", "pre=3"],
    );
    assert_eq!(code(&output), 2, "{}", text(&output.stderr));
}
