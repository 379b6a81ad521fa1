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
        &["run", &model, "--set", "N=3"],
        &["run", &model, "--device", "abacus"],
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

// ---- checkpoints ----

/// Two thin shells: training is worth its time here.
const SHELLS: &[u8] = b"data width: real
sample x ~ iid(Normal(0, 1), 3)
let r = sqrt(sum(x ^ 2))
observe 1.0 ~ Normal(r, width)
sample side ~ Normal(x[0] ^ 2, 0.2)
observe 0.5 ~ Normal(side, 0.1)
";

/// A run of the shells by the diffusion engine, with few particles.
fn shells(model: &str, more: &[&str]) -> Output {
    let mut args = vec!["run", model, "--infer", "diffusion", "--json", "--quiet"];
    args.extend(["-O", "steps=90", "-O", "pre=60", "-O", "width=32"]);
    args.extend(["-O", "particles=512"]);
    for (flag, value) in [("--draws", "300"), ("--set", "width=0.1")] {
        if !more.contains(&flag) {
            args.extend([flag, value]);
        }
    }
    args.extend(more);
    odp(&args)
}

/// The document on stdout without its times.
fn timeless(output: &Output) -> String {
    assert_eq!(code(output), 0, "{}", stderr(output));
    let mut document: Value = serde_json::from_slice(&output.stdout).unwrap();
    document.as_object_mut().unwrap().remove("timing").unwrap();
    document.to_string()
}

#[test]
fn a_run_that_a_budget_ended_is_gone_on_with() {
    let model = file("shells.odp", SHELLS);
    let whole = timeless(&shells(&model, &["--seed", "5", "--threads", "1"]));
    for threads in ["1", "2"] {
        let state = file(&format!("shells-{threads}.odpc"), b"");
        let first = ["--seed", "5", "--threads", threads, "--checkpoint", &state];
        let budget = ["--time-budget", "0.3"];
        timeless(&shells(&model, &[&first[..], &budget].concat()));
        let on = ["--threads", threads, "--resume", &state];
        for seconds in ["0.3", "1", "2"] {
            let budget = ["--time-budget", seconds];
            timeless(&shells(&model, &[&on[..], &budget].concat()));
        }
        assert_eq!(timeless(&shells(&model, &on)), whole, "{threads} threads");
        // What was done is not done again, and says the same.
        assert_eq!(
            timeless(&shells(&model, &on)),
            whole,
            "{threads} threads, again"
        );
    }
}

#[test]
fn a_checkpoint_of_another_run_says_what_differs() {
    let model = file("mine.odp", SHELLS);
    let state = file("mine.odpc", b"");
    let made = shells(
        &model,
        &[
            "--seed",
            "5",
            "--checkpoint",
            &state,
            "--time-budget",
            "0.1",
        ],
    );
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let other = file("other.odp", &[SHELLS, b"// more\n"].concat());
    let resume = ["--resume", &state[..]];
    let refused = |model: &str, more: &[&str], words: &[&str]| {
        let output = shells(model, &[&resume[..], more].concat());
        assert_eq!(code(&output), 2);
        let document = document(&output);
        assert_eq!(document["code"], "odp::session::other_checkpoint");
        let message = document["message"].as_str().unwrap();
        words
            .iter()
            .for_each(|w| assert!(message.contains(w), "{message}"));
    };
    refused(&other, &[], &["the program's text"]);
    refused(&model, &["--set", "width=0.2"], &["the data `width`"]);
    refused(
        &model,
        &["--seed", "6", "-O", "depth=1"],
        &[
            "`--seed` was 5 and is 6",
            "`-O depth` was not given and is 1",
        ],
    );
    refused(
        &model,
        &["--draws", "200"],
        &["`--draws` was 300 and is 200"],
    );
}

#[test]
fn what_is_no_whole_checkpoint_is_refused() {
    let model = file("whole.odp", SHELLS);
    let state = file("whole.odpc", b"");
    let made = shells(&model, &["--checkpoint", &state, "--time-budget", "0.1"]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let bytes = std::fs::read(&state).unwrap();
    assert!(bytes.len() > 500);
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    let wrong: [&[u8]; 5] = [
        b"",
        b"{}",
        &bytes[..20],
        &bytes[..bytes.len() - 1],
        &flipped,
    ];
    for content in wrong {
        let broken = file("broken.odpc", content);
        let output = shells(&model, &["--resume", &broken]);
        assert_eq!(code(&output), 2);
        assert_eq!(document(&output)["code"], "odp::store::bad_checkpoint");
    }
    let gone = shells(&model, &["--resume", &format!("{state}.gone")]);
    assert_eq!(
        (code(&gone), document(&gone)["code"].as_str()),
        (2, Some("odp::store::unreadable"))
    );
    let nowhere = shells(&model, &["--checkpoint", "no/such/folder/state"]);
    assert_eq!(code(&nowhere), 2);
}

/// What `--json` prints of a run.
fn answered(args: &[&str]) -> Value {
    let output = odp(args);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).expect("stdout is one document")
}

#[test]
fn a_misspelt_number_makes_no_codes_of_a_column_of_reals() {
    let model = file("reals.odp", b"data y: real[n]\nreturn { total: sum(y) }\n");
    let wrong = file("reals.csv", b"y\n1.5\n2,5\n");
    let output = odp(&["run", &model, "--data", &wrong, "--json"]);
    assert_eq!(code(&output), 2);
    let misspelt = file("misspelt.csv", b"y;g\n1.5;a\n1.2.3;b\n");
    let output = odp(&["run", &model, "--data", &misspelt, "--json"]);
    assert_eq!(code(&output), 2);
    let error = document(&output);
    assert_eq!(error["code"], "odp::data::kind");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("1.2.3") && message.contains("line 3"),
        "{message}"
    );
}

#[test]
fn one_draw_has_no_spread() {
    let model = file(
        "single.odp",
        b"sample x ~ Normal(0, 1)\nobserve 1.0 ~ Normal(x, 1)\n",
    );
    let json = answered(&[
        "run", &model, "--infer", "smc", "--draws", "1", "--seed", "1", "--json",
    ]);
    let x = &json["parameters"]["x"];
    assert!(
        x["mean"].is_number() && x["sd"].is_null() && x["mcse"].is_null(),
        "{x}"
    );
}

#[test]
fn time_that_runs_out_early_leaves_an_answer() {
    let model = file(
        "early.odp",
        b"sample x ~ Normal(0, 1)\nobserve 1.0 ~ Normal(x, 1)\n",
    );
    for engine in ["nuts", "hmc", "pt", "rwmh"] {
        let json = answered(&[
            "run",
            &model,
            "--infer",
            engine,
            "--time-budget",
            "0.000001",
            "--seed",
            "1",
            "--json",
        ]);
        assert_eq!(json["reliable"], false, "{engine}");
        assert!(json["parameters"]["x"]["mean"].is_number(), "{engine}");
    }
}

#[test]
fn parts_that_different_engines_answer_are_one_answer() {
    let text = b"sample x[i in 0..15] ~ Normal(0, 1)\nobserve 3.0 ~ Normal(sum(x), 1)\n\
        sample k ~ Bernoulli(0.3)\nsample j ~ Bernoulli(0.3)\nobserve 1.0 ~ Normal(2 * k * j, 0.5)\n";
    let model = file("parts.odp", text);
    let json = answered(&[
        "run",
        &model,
        "--seed",
        "1",
        "-O",
        "target_accept=0.95",
        "--json",
    ]);
    assert_eq!(json["engine"], "nuts");
    assert_eq!(json["draws"]["chains"], 4);
    assert!(
        json["diagnostics"]["divergences"].is_number(),
        "{}",
        json["diagnostics"]
    );
    for name in ["x[0]", "k"] {
        assert!(json["parameters"][name]["rhat"].is_number(), "{name}");
    }
    let told = odp(&["run", &model, "--seed", "1", "--draws", "40"]);
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("`enumerate` for other"), "{told}");
}

#[test]
fn simulated_data_stands_in_its_own_places() {
    let data = file("places.json", b"{\"y\": [1, 2]}");
    let prior = |name: &str, text: &str| {
        let model = file(name, text.as_bytes());
        let output = odp(&["prior", &model, "--data", &data, "--seed", "1", "--json"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("stdout is one document")
    };
    let mean = |json: &Value, name: &str| json["parameters"][name]["mean"].as_f64();
    let gathered = "data y: real[n]\nobserve y[[1, 0]] ~ Normal([10, 20], 0.01)\n";
    let json = prior("gathered.odp", gathered);
    assert!(
        mean(&json, "y[0]").is_some_and(|m| (m - 20.0).abs() < 0.1),
        "{json}"
    );
    let moved = "data y: real[n]\nobserve y ~ transform(Normal(0, 0.01), |z| exp(z))\n";
    let json = prior("moved.odp", moved);
    assert!(
        mean(&json, "y[1]").is_some_and(|m| (m - 1.0).abs() < 0.1),
        "{json}"
    );
    let arms = "data y: real[n]\nsample k ~ DiscreteUniform(0, 2)\n\
        if k == 0 { observe y ~ Normal(0, 1) } else if k == 1 { observe y ~ Normal(10, 1) } else { observe y ~ Normal(20, 1) }\n";
    let json = prior("arms.odp", arms);
    assert!(
        mean(&json, "y[0]").is_some_and(|m| (m - 10.0).abs() < 1.0),
        "{json}"
    );
    // Functions that are passed elements, a slice, or the whole, and read what has been drawn.
    let passed = "data y: real[n]\ndata u: real[2] = [0, 0]\n\
        fn one(v, m) { observe v ~ Normal(m, 0.01) }\n\
        fn rest(v, m) { for t in 1..length(v) { observe v[t] ~ Normal(m + v[t - 1], 0.01) } }\n\
        fn each(v, m) { for x in v { one(x, m) }\nm }\n\
        one(y[0], 10)\nrest(y, 5)\n\
        return [each(u[i..i + 1], 3 + i) for i in 0..2]\n";
    let json = prior("passed.odp", passed);
    for (name, expected) in [("y[0]", 10.0), ("y[1]", 15.0), ("u[0]", 3.0), ("u[1]", 4.0)] {
        let near = mean(&json, name).is_some_and(|m| (m - expected).abs() < 0.1);
        assert!(near, "{name}: {json}");
    }
}

#[test]
fn each_row_of_a_mixture_is_simulated_with_a_component_of_its_own() {
    let data = file("rows.json", b"{\"y\": [[0, 0], [0, 0]]}");
    let text = "data y: real[2,2]\n\
        observe y ~ mixture([0.5, 0.5], [MultiNormal([0, 0], 0.01 * eye(2)), MultiNormal([10, 20], 0.01 * eye(2))])\n";
    let model = file("rows.odp", text.as_bytes());
    let output = odp(&["prior", &model, "--data", &data, "--seed", "1", "--json"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let json: Value = serde_json::from_slice(&output.stdout).expect("stdout is one document");
    let parameters = json["parameters"].as_object().expect("parameters");
    assert_eq!(parameters.len(), 4, "{:?}", parameters.keys());
    for (name, mean) in [
        ("y[0,0]", 5.0),
        ("y[0,1]", 10.0),
        ("y[1,0]", 5.0),
        ("y[1,1]", 10.0),
    ] {
        // A coin of 4000 draws decides between 0 and twice the mean.
        let got = parameters[name]["mean"].as_f64().expect("a mean");
        assert!((got / mean - 1.0).abs() < 0.1, "{name}: {got}");
    }
}
