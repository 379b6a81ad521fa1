//! The command line as scripts see it: exit codes, stdout, stderr.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn odp(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
    command.args(args).env("NO_COLOR", "1").stdin(Stdio::null());
    command.output().expect("odp runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("odp is not killed")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("stderr is UTF-8")
}

/// The one JSON document on stderr.
fn document(output: &Output) -> Value {
    let text = stderr(output);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("stderr is no document ({e}): {text}"))
}

/// A file of its own for a test.
fn file(name: &str, content: &[u8]) -> String {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path.display().to_string()
}

fn with_data(name: &str, content: &[u8], more: &[&str]) -> Output {
    let model = file(&format!("{name}.odp"), b"sample x ~ Normal(0, 1)\n");
    let data = file(name, content);
    let mut args = vec!["run", &model, "--data", &data];
    args.extend(more);
    odp(&args)
}

#[test]
fn usage_errors_exit_with_2() {
    let model = file("usage.odp", b"sample x ~ Normal(0, 1)\n");
    let wrong: &[&[&str]] = &[
        &[],
        &["run"],
        &["walk"],
        &["run", &model, "--draws", "0"],
        &["run", &model, "--draws", "many"],
        &["run", &model, "--chains", "0"],
        &["run", &model, "--seed", "-1"],
        &["run", &model, "--time-budget", "-3"],
        &["run", &model, "--time-budget", "nan"],
        &["run", &model, "--max-mem", "lots"],
        &["run", &model, "--set", "N"],
        &["run", &model, "-O", "particles"],
        &["run", &model, "--format", "csv"],
        &["run", &model, "--format", "hdf5", "--out", "x"],
        &["run", &model, "--out", "x.parquet"],
        &["run", &model, "--unknown"],
        &["run", "no/such/model.odp"],
        &["run", env!("CARGO_TARGET_TMPDIR")],
        &["check", "no/such/model.odp"],
        &["engines", "smcc"],
        &["distributions", "Norml"],
    ];
    for args in wrong {
        let output = odp(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", stderr(&output));
        assert!(
            !output.stderr.is_empty() && output.stdout.is_empty(),
            "{args:?}"
        );
    }
}

#[test]
fn with_json_a_usage_error_is_one_document() {
    for args in [
        &["run", "--json"][..],
        &["run", "x.odp", "--json", "--draws", "0"],
        &["run", "no.odp", "--json"],
    ] {
        let output = odp(args);
        let document = document(&output);
        assert_eq!(code(&output), 2);
        assert!(
            document["code"].as_str().unwrap().starts_with("odp::"),
            "{document}"
        );
        assert!(!document["message"].as_str().unwrap().is_empty());
    }
}

#[test]
fn commands_of_later_versions_say_so() {
    for command in ["train", "query"] {
        let output = odp(&[command, "x.odp", "--check", "--json"]);
        assert_eq!(code(&output), 2);
        assert!(
            document(&output)["message"]
                .as_str()
                .unwrap()
                .contains(command)
        );
    }
}

#[test]
fn fmt_rewrites_or_tells() {
    let untidy = file("untidy.odp", b"sample   x~Normal( 0,1 )\n");
    let wrong = file("wrong.odp", b"sample x ~\n");
    assert_eq!(code(&odp(&["fmt"])), 2);
    assert_eq!(code(&odp(&["fmt", "no/such.odp"])), 2);
    assert_eq!(code(&odp(&["fmt", "--check", &untidy])), 1);
    let output = odp(&["fmt", &wrong, &untidy]);
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("wrong.odp:1"),
        "{}",
        stderr(&output)
    );
    assert_eq!(
        std::fs::read_to_string(&untidy).unwrap(),
        "sample x ~ Normal(0, 1)\n"
    );
    assert_eq!(code(&odp(&["fmt", "--check", &untidy])), 0);
}

#[test]
fn a_bad_data_file_is_pointed_into() {
    let cases: &[(&str, &[u8], &str)] = &[
        (
            "syntax.json",
            b"{\"N\": 2,\n \"y\": [1,, 2]}",
            "syntax.json:2:10",
        ),
        ("twice.json", b"{\"N\": 2,\n\n \"N\": 3}", "twice.json:3:2"),
        ("trailing.json", b"{\"N\": 2}\n]", "trailing.json:2:1"),
        ("list.json", b"[1, 2]", "list.json:1:1"),
        ("empty.json", b"", "empty.json:1:1"),
        ("rows.csv", b"a,b\n1,2\n3\n", "rows.csv:3:1"),
        ("quote.csv", b"a,b\n1,\"2\n3,4\n", "quote.csv:2:1"),
        ("empty.csv", b"", "empty.csv:1:1"),
    ];
    for (name, content, place) in cases {
        let output = with_data(name, content, &[]);
        assert_eq!(code(&output), 2, "{name}");
        assert!(
            stderr(&output).contains(place),
            "{name}: {}",
            stderr(&output)
        );
        let output = with_data(name, content, &["--json"]);
        assert!(
            document(&output)["rendered"]
                .as_str()
                .unwrap()
                .contains(place),
            "{name}"
        );
    }
}

#[test]
fn a_data_file_that_is_no_data_is_refused() {
    let cases: &[(&str, &[u8])] = &[
        ("latin1.json", b"{\"y\": \"\xe9\"}"),
        ("binary.csv", b"a,b\n\x00\x01"),
        ("cut.npy", b"\x93NUMPY\x01\x00\xff\xff{"),
        ("claims.npy", b"\x93NUMPY\x01\x00\x45\x00{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999,)}\n"),
        ("broken.npz", b"PK\x03\x04"),
        ("table.parquet", b"PAR1"),
        ("notes.txt", b"hello"),
    ];
    for (name, content) in cases {
        let output = with_data(name, content, &[]);
        assert_eq!(code(&output), 2, "{name}: {}", stderr(&output));
        assert!(
            stderr(&output).contains(name) || stderr(&output).contains("Parquet"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn a_very_long_line_is_shown_in_part() {
    let content = format!("{{\"y\": [{}1,, 2]}}", "1.25, ".repeat(200_000));
    let output = with_data("long.json", content.as_bytes(), &[]);
    assert!(
        stderr(&output).contains("long.json:1:12000"),
        "{}",
        &stderr(&output)[..500]
    );
    assert!(stderr(&output).len() < 2000);
}

#[test]
fn data_beyond_the_memory_limit_is_not_read() {
    let output = with_data("big.json", &vec![b' '; 100_000], &["--max-mem", "50K"]);
    assert_eq!(code(&output), 3, "{}", stderr(&output));
}

#[test]
fn a_model_that_is_no_text_is_refused() {
    let output = odp(&["run", &file("latin1.odp", b"// caf\xe9\n")]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("UTF-8"));
    let output = odp(&["check", &file("empty.odp", b" \n")]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("no statements"));
}

#[test]
fn errors_in_a_model_are_all_told_with_their_places() {
    let model = file(
        "typos.odp",
        b"sample tau ~ HalfCauchy(5)\nsample x ~ Normal(0, tua)\nlet y = exq(x)\n",
    );
    let output = odp(&["check", &model]);
    assert_eq!(code(&output), 1);
    let text = stderr(&output);
    assert!(
        text.contains("typos.odp:2:22") && text.contains("typos.odp:3:9") && text.contains("`tau`"),
        "{text}"
    );
    let document = document(&odp(&["run", &model, "--json"]));
    assert_eq!(document["errors"].as_array().unwrap().len(), 2);
    assert_eq!(document["labels"][0]["line"], 2);
}

#[test]
fn check_says_what_a_model_takes() {
    let model = file(
        "takes.odp",
        b"data n: int\ndata y: real?[n]\nsample x ~ Normal(0, 1)\n",
    );
    let output = odp(&["check", &model]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("y: real?[n]"));
    let document: Value =
        serde_json::from_slice(&odp(&["check", &model, "--json"]).stdout).unwrap();
    assert_eq!(
        (&document["model"], &document["inputs"][0]["type"]),
        (&"takes".into(), &"int".into())
    );
}

#[test]
fn lists_are_text_or_json() {
    let output = odp(&["engines"]);
    assert_eq!(code(&output), 0);
    assert!(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|l| l.starts_with("smc "))
    );
    let output = odp(&["distributions", "normal", "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["name"], &document["parameters"][1]["name"]),
        (&"Normal".into(), &"sigma".into())
    );
}

#[test]
fn help_and_version_go_to_stdout() {
    for args in [&["--help"][..], &["run", "--help"], &["--version"]] {
        let output = odp(args);
        assert_eq!(code(&output), 0);
        assert!(!output.stdout.is_empty() && output.stderr.is_empty());
    }
    let help = String::from_utf8(odp(&["--help"]).stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("odp run"));
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
    command
        .arg("distributions")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut first)
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        !first.is_empty() && output.stderr.is_empty(),
        "{}",
        stderr(&output)
    );
    assert_eq!(code(&output), 0);
}
