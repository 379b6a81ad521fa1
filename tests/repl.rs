//! The prompt as a script sees it: what it answers, that errors leave the program as it was, and that nothing ends it.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What a session printed.
struct Said {
    out: String,
    err: String,
}

/// Runs a session over the lines of a script; it always ends with 0.
fn session_with(args: &[&str], script: &[u8]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_odp"));
    command.arg("repl").args(args).args(["--seed", "1"]);
    command
        .env("NO_COLOR", "1")
        .env("LC_ALL", "C.UTF-8")
        .env("COLUMNS", "80");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("odp runs");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let script = script.to_vec();
    // In a thread of its own: the session answers while it reads.
    let writer = std::thread::spawn(move || stdin.write_all(&script));
    let output = child.wait_with_output().expect("odp is waited for");
    // A session that was told to quit does not read the rest.
    let _ = writer.join().expect("the writer does not panic");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("odp writes UTF-8");
    let said = Said {
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert_eq!(output.status.code(), Some(0), "{}\n{}", said.out, said.err);
    said
}

fn session(script: &str) -> Said {
    session_with(&[], script.as_bytes())
}

/// What a session without errors prints.
fn printed(script: &str) -> String {
    let said = session(script);
    assert_eq!(said.err, "", "{script}");
    said.out
}

/// A file of its own for a test.
fn file(name: &str) -> String {
    let folder =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("repl-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).display().to_string()
}

fn written(name: &str, text: &str) -> String {
    let path = file(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn constants_are_evaluated_at_once() {
    assert_eq!(printed("let x = 2 + 3\nx\n"), "5\n");
    assert_eq!(printed("let x = 2 + 3\nlet y = 2 * x\n\ny / 4"), "2.5\n");
}

#[test]
fn values_read_as_they_are_written() {
    let script = "6 / 2\n[[1, 2], [3, 4]]\n{a: 1, b: (true, \"s\")}\nrange(0, 3)\n";
    let expected = "3.0\n[[1, 2], [3, 4]]\n{a: 1, b: (true, \"s\")}\n[0, 1, 2]\n";
    assert_eq!(printed(script), expected);
    let script = "print(2 + 3)\nprint(1, \"a\")\n:show\n";
    assert_eq!(printed(script), "5\n(1, \"a\")\nnothing yet\n");
}

#[test]
fn what_depends_on_chance_is_summarised() {
    let out = printed("sample mu ~ Normal(10, 1)\nmu + 1\nmu > 0\n[mu, 2 * mu]\n");
    let mut lines = out.lines();
    assert!(lines.next().unwrap().starts_with("prior: mean 1"), "{out}");
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("prior: true with probability 1"),
        "{out}"
    );
    assert!(lines.next().unwrap().starts_with("prior "), "{out}");
    assert!(
        lines.next().unwrap().starts_with("[mu, 2 * mu][0]"),
        "{out}"
    );
}

#[test]
fn observations_are_taken_and_inferred_from() {
    let out = printed("sample mu ~ Normal(0, 1)\nobserve 1.0 ~ Normal(mu, 1)\n:infer smc\n");
    assert!(
        out.starts_with("repl · smc · 4000 draws · seed 1\n"),
        "{out}"
    );
    // The posterior is Normal(0.5, sqrt(0.5)); 0.06 are five standard errors.
    let row = out.lines().find(|l| l.starts_with("mu ")).unwrap();
    let mean: f64 = row.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!((mean - 0.5).abs() < 0.06, "{out}");
    assert!(out.contains("log Z"), "{out}");
}

#[test]
fn engines_take_options() {
    let model = "sample mu ~ Normal(0, 1)\nobserve 1.0 ~ Normal(mu, 1)\n";
    let out = printed(&format!(
        "{model}:infer smc draws=500 seed=7 particles=512\n"
    ));
    assert!(
        out.starts_with("repl · smc · 500 draws · seed 7\n"),
        "{out}"
    );
    for wrong in [
        "smc draws=0",
        "smc draws",
        "nothing",
        "smc nothing=1",
        "smc time=-1",
    ] {
        let said = session(&format!("{model}:infer {wrong}\n2 + 2\n"));
        assert!(
            !said.err.is_empty() && said.out == "4\n",
            "{wrong}: {}",
            said.out
        );
    }
}

#[test]
fn an_error_leaves_the_program_as_it_was() {
    for wrong in [
        "let y = tua",
        "sample y ~ Normal(0,",
        "sample y ~ Normal(0, \"a\")",
        "let y = [1, 2][5]",
        "let y = [1, 2] + [1, 2, 3]",
        "assert(1 > 2, \"no\")",
        "let a = 1\nlet b = tua",
    ] {
        let said = session(&format!("let x = 1\n{wrong}\n\n:show\nx\n"));
        assert_eq!(said.out.lines().last(), Some("1"), "{wrong}: {}", said.out);
        assert!(said.err.starts_with("odp::"), "{wrong}: {}", said.err);
        let kept = if wrong.starts_with("let a") { 3 } else { 2 };
        assert_eq!(said.out.lines().count(), kept, "{wrong}: {}", said.out);
    }
}

#[test]
fn errors_point_at_what_was_entered() {
    let said = session("let x = 1\nlet y = tua\nx + tau\n");
    assert!(
        said.err.contains("unknown name `tua`") && said.err.contains("[repl:2:9]"),
        "{}",
        said.err
    );
    assert!(said.err.contains("[expression:1:5]"), "{}", said.err);
}

#[test]
fn a_second_definition_takes_the_first_ones_place() {
    let out = printed("let x = 1\nlet y = x + 1\nlet x = 5\ny\n:show\n");
    assert_eq!(out, "`x` is replaced\n6\nlet x = 5\nlet y = x + 1\n");
    let out = printed("sample x ~ Normal(0, 1)\nlet y = x\nsample x ~ Delta(3)\ny\n");
    assert_eq!(out, "`x` is replaced\n3\n");
    let out = printed("let x = 1\nlet x = x + 1\nx\n");
    assert_eq!(out, "`x` is bound anew, from here on\n2\n");
    let out = printed("fn f(a) { a }\nfn f(a) { 2 * a }\nf(4)\n");
    assert_eq!(out, "`f` is replaced\n8\n");
    let said = session("let x = 1\nlet y = [1, 2][x]\nlet x = 2.5\n:show\n");
    assert!(
        said.out.ends_with("let x = 2.5\n"),
        "the later one shadows: {}",
        said.out
    );
}

#[test]
fn functions_may_have_many_lines() {
    let script = "fn walk(n) {\n  var s = 0\n\n  for i in 0..n {\n    s += i\n  }\n  s\n}\nwalk(5)\n:type walk\n";
    assert_eq!(printed(script), "10\nfn(_) -> int\n");
}

#[test]
fn statements_may_come_together() {
    let out = printed(
        "fn even(n: int) {\n  if n == 0 { true } else { odd(n - 1) }\n}; fn odd(n: int) {\n  if n == 0 { false } else { even(n - 1) }\n}\neven(10)\nlet a = 1; let b = a + 1; b\n",
    );
    assert_eq!(out, "true\n2\n");
}

#[test]
fn types_are_told() {
    let script = "sample x ~ iid(Normal(0, 1), 8)\n:type x\n:type Normal(0, 1)\n:type |a: real| a + 1\n:type {a: 1, b: x[0]}\n:type exp\n:type \"s\"\n";
    let expected =
        "real[8]\nDist<real>\nfn(real) -> real\n{a: int, b: real}\nfn(real) -> real\nstring\n";
    assert_eq!(printed(script), expected);
}

#[test]
fn names_are_explained() {
    let doc = |name: &str| printed(&format!("/// Half of it.\nlet half = 0.5\n:doc {name}\n"));
    let normal = doc("Normal");
    assert!(
        normal.contains("Normal(mu, sigma)") && normal.contains("sigma: positive"),
        "{normal}"
    );
    assert!(normal.contains("all reals"), "{normal}");
    assert!(doc("exp").starts_with("exp(x)\n"));
    assert!(doc("truncate").starts_with("truncate(D"));
    assert!(doc("observe").contains("observe y ~ D"));
    assert!(doc("smc").contains("particles"));
    let half = doc("half");
    assert!(
        half.starts_with("half: real\n") && half.contains("Half of it."),
        "{half}"
    );
    let said = session(":doc normal\n:doc\n:doc nothing_such\n");
    assert!(said.err.contains("did you mean `Normal`?"), "{}", said.err);
}

#[test]
fn the_graph_is_told_and_drawn() {
    let svg = file("graph.svg");
    let model = "sample mu ~ Normal(0, 1)\nsample x ~ Normal(mu, 1)\nobserve 1.0 ~ Normal(x, 1)\n";
    let out = printed(&format!("{model}:graph\n:graph {svg}\n"));
    let reads = |what: &str| {
        out.lines()
            .any(|l| l.split_whitespace().eq(what.split(' ')))
    };
    assert!(
        reads("x ~ Normal reads mu") && reads("observe reads x"),
        "{out}"
    );
    assert!(std::fs::read_to_string(svg).unwrap().starts_with("<svg"));
}

#[test]
fn the_prior_is_sampled() {
    let out = printed(
        "sample mu ~ Normal(0, 1)\nsample k[i in 0..2] ~ Poisson(3)\nreturn 1\n:sample 5\n",
    );
    let names: Vec<&str> = out
        .lines()
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert_eq!(names, ["mu", "k[0]", "k[1]"]);
    assert!(
        out.lines().all(|l| l.split_whitespace().count() == 6),
        "{out}"
    );
    let said = session(":sample\n:sample x\nlet a = 1\n:sample 3\n");
    assert_eq!(
        said.err.matches("odp::repl::usage").count(),
        3,
        "{}",
        said.err
    );
}

#[test]
fn pictures_are_as_wide_as_the_terminal() {
    let model = "sample mu ~ Normal(0, 1)\nsample k ~ Poisson(3)\nsample b ~ Flip(0.3)\n";
    let plots = ":plot mu\n:plot k\n:plot b\n:plot mu k\n:plot [mu, 2 * mu]\n";
    let out = printed(&format!("{model}{plots}"));
    assert_eq!(out.matches(" · prior, 4000 draws").count(), 5, "{out}");
    assert!(
        out.contains('█') && out.contains('•') && out.contains('░'),
        "{out}"
    );
    assert!(out.lines().all(|l| l.chars().count() <= 80), "{out}");
    let said = session(":plot\n:plot tua\n:plot \"s\"\n:plot exp\n:plot 1 [1, 2]\n");
    assert_eq!(said.err.matches("odp::").count(), 5, "{}", said.err);
}

#[test]
fn pictures_are_of_the_last_inference() {
    let model = "sample mu ~ Normal(0, 1)\nobserve 1.0 ~ Normal(mu, 1)\n:infer smc\n";
    let out = printed(&format!(
        "{model}let d = 2 * mu\n:plot d\nsample e ~ Normal(0, 1)\n:plot d\n"
    ));
    assert!(out.contains("d · posterior by smc, 4000 draws"), "{out}");
    assert!(out.contains("d · prior, 4000 draws"), "{out}");
}

#[test]
fn data_come_from_files_and_single_values() {
    let data = written("data.json", r#"{"n": 3, "y": [1.5, 2.5, 3.5]}"#);
    let model =
        "data n: int\ndata y: real[n]\nsample mu ~ Normal(0, 10)\nobserve y ~ Normal(mu, 1)\n";
    let out = printed(&format!(
        "{model}:data {data}\nsum(y)\n:type y\n:infer smc\n"
    ));
    assert!(out.contains("`n` waits for"), "{out}");
    assert!(out.contains("read `n`, `y`\n7.5\nreal[3]\n"), "{out}");
    assert!(out.contains("log Z"), "{out}");
    let said = session(&format!(
        "{model}y\n:set y=[1.5, 2]\n:set n=2\ny\n:set n\n:data no/such.json\n"
    ));
    assert!(
        said.err.contains("odp::data::missing")
            && !said.err.contains("--data")
            && said.out.ends_with("[1.5, 2.0]\n"),
        "{}",
        said.out
    );
    let with = session_with(
        &["--data", &data, "--set", "n=3"],
        format!("{model}length(y)\n").as_bytes(),
    );
    assert_eq!(with.out, "3\n", "{}", with.err);
}

#[test]
fn a_program_is_saved_and_loaded() {
    let (path, copy) = (file("saved.odp"), file("copy.odp"));
    let text = "// A comment.\n\n/// A rate.\nlet rate = 2.0 // beside\n\nsample x ~ Exponential(rate)\n\nreturn { x }\n";
    std::fs::write(&path, text).unwrap();
    let out = printed(&format!(":load {path}\n:save {copy}\nrate\n"));
    assert_eq!(out, format!("3 statements\nwritten to {copy}\n2.0\n"));
    assert_eq!(std::fs::read_to_string(&copy).unwrap(), text);
    let begun = session_with(&[&path], b"sample y ~ Normal(x, 1)\n:show\n");
    assert!(
        begun
            .out
            .ends_with("sample y ~ Normal(x, 1)\n\nreturn { x }\n"),
        "{}",
        begun.out
    );
    let said = session(":load no/such.odp\n:load\nlet x = 1\nx\n");
    assert_eq!(
        (said.err.matches("odp::").count(), said.out.as_str()),
        (2, "1\n")
    );
    let wrong = written("wrong.odp", "sample x ~\n");
    let said = session_with(&[&wrong], b"1 + 1\n");
    assert!(said.err.contains("[") && said.out == "2\n", "{}", said.err);
}

#[test]
fn changes_are_taken_back() {
    let out = printed("let x = 1\nlet x = 2\n:undo\nx\n:reset\n:show\n:undo\nx\n");
    let expected = "`x` is replaced\nback from 1 to 1 statements\n1\nnothing yet\nback from 0 to 1 statements\n1\n";
    assert_eq!(out, expected);
    assert!(session(":undo\n").err.contains("no change"));
}

#[test]
fn times_are_told_on_demand() {
    let out = printed(":time\n1\n:time\n2\n");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..2], ["times are told", "1"]);
    assert!(
        lines[2].starts_with("took ") && lines[2].ends_with(" s"),
        "{out}"
    );
    assert_eq!(lines.last(), Some(&"2"), "{out}");
}

#[test]
fn help_lists_every_command_and_quit_ends() {
    let out = printed(":help\n:quit\n1\n");
    for name in [
        "show", "type", "doc", "graph", "sample", "infer", "plot", "data", "set", "load", "save",
        "undo", "reset", "time", "help", "quit",
    ] {
        assert!(out.contains(&format!("  :{name}")), "{name}");
    }
    assert!(!out.ends_with("1\n"));
    let said = session(":nothing\n:s\n:\n1\n");
    assert_eq!(
        (
            said.err.matches("odp::repl::usage").count(),
            said.out.as_str()
        ),
        (3, "1\n")
    );
}

#[test]
fn garbage_neither_ends_nor_crashes_a_session() {
    const PIECES: &[&str] = &[
        "let",
        "sample",
        "observe",
        "~",
        "=",
        "x",
        "Normal(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "0",
        "1.5",
        "1e999",
        "\"",
        "/*",
        "*/",
        "//",
        "///",
        ":",
        ":plot",
        ":doc",
        ":infer",
        ":set",
        ":load",
        ":type",
        ":undo",
        "|",
        "|>",
        "..",
        "fn",
        "if",
        "else",
        "for",
        "in",
        "µ",
        "“",
        "\u{0}",
        "\u{feff}",
        "🙂",
        ",",
        "-",
        "^",
        "@",
        "%",
        "return",
        "use",
        "std::",
        "data",
        "real?[n]",
        "where",
        "memo",
        "not",
        "x[0]",
        ";",
        "\t",
        "9999999999999999999",
        ".",
    ];
    // A linear congruential generator: the lines are the same in every run.
    let mut state = 1u64;
    let mut next = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % n
    };
    let mut script = Vec::new();
    for _ in 0..200 {
        for _ in 0..=next(8) {
            script.extend(PIECES[next(PIECES.len())].bytes());
            if next(2) == 0 {
                script.push(b' ');
            }
        }
        if next(10) == 0 {
            script.extend([0xff, 0xfe]);
        }
        script.push(b'\n');
    }
    script.extend(b"\n\n\n:reset\n20 + 22\n");
    let said = session_with(&[], &script);
    assert_eq!(said.out.lines().last(), Some("42"), "{}", said.out);
    assert!(!said.err.contains("odp::internal"), "{}", said.err);
}
