//! Deep and long texts: they parse, or are refused in words; quickly, and on a small stack.

use std::time::{Duration, Instant};

use super::*;
use crate::syntax::error::{MAX_NESTING, MAX_OPERATORS};

/// The codes and the places of what is wrong with a text.
fn codes(text: &str) -> Vec<(&'static str, usize)> {
    let reports = parse(FileId(0), text).expect_err("does not parse");
    let place = |r: &Report| (r.code, r.labels[0].span.start as usize);
    reports.iter().map(place).collect()
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

const NESTS: [(&str, &str, &str); 8] = [
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("f(", "1", ")"),
    ("x[", "1", "]"),
    ("{a: ", "1", "}"),
    ("if c { ", "1", " }"),
    ("|| ", "1", ""),
    ("if c { 1 } else { ", "1", " }"),
];

#[test]
fn nesting_is_allowed_up_to_the_limit() {
    for (open, inner, close) in NESTS {
        let text = nested(open, inner, close, MAX_NESTING);
        assert!(parse(FileId(0), &text).is_ok(), "{open}");
        let text = nested(open, inner, close, MAX_NESTING + 1);
        assert_eq!(codes(&text).len(), 1, "{open}");
        assert_eq!(codes(&text)[0].0, "odp::syntax::nesting", "{open}");
    }
}

#[test]
fn nesting_is_reported_at_the_bracket_that_is_one_too_many() {
    let text = "(".repeat(100_000);
    assert_eq!(codes(&text), [("odp::syntax::nesting", MAX_NESTING)]);
    let text = nested("(", "1", ")", 100_000);
    assert_eq!(codes(&text), [("odp::syntax::nesting", MAX_NESTING)]);
}

#[test]
fn signs_and_words_nest_without_brackets() {
    let n = 100_000;
    for unit in ["-", "!", "- ", "not ", "sample ", "memo ", "|x| ", "|| "] {
        let text = format!("{}x", unit.repeat(n));
        assert_eq!(codes(&text)[0].0, "odp::syntax::nesting", "{unit}");
    }
    for (head, unit, tail) in [
        ("x", " ^ x", ""),
        ("x", " ^ -x", ""),
        ("data f: ", "fn() -> ", "int"),
        ("data f: ", "Dist<", "int"),
    ] {
        let text = format!("{head}{}{tail}", unit.repeat(n));
        assert_eq!(codes(&text)[0].0, "odp::syntax::nesting", "{unit}");
    }
}

#[test]
fn long_chains_have_a_limit_of_their_own() {
    let n = 100_000;
    for (head, unit) in [
        ("x", " + x"),
        ("x", " and x"),
        ("x", " == not x"),
        ("x", " |> f"),
        ("x", "[0]"),
        ("x", ".a"),
        ("f", "(1)"),
        ("if a { 1 }", " else if a { 1 }"),
    ] {
        let text = format!("{head}{}", unit.repeat(n));
        assert_eq!(codes(&text)[0].0, "odp::syntax::long_expression", "{unit}");
        let text = format!("{head}{}", unit.repeat(MAX_OPERATORS / 5));
        assert!(parse(FileId(0), &text).is_ok(), "{unit}");
    }
}

/// The operators on one path count, whatever brackets stand between them.
#[test]
fn chains_within_brackets_add_up() {
    let link = format!("{}(", "1 + ".repeat(100));
    assert!(parse(FileId(0), &nested(&link, "1", ")", 40)).is_ok());
    let text = nested(&link, "1", ")", 60);
    assert_eq!(codes(&text)[0].0, "odp::syntax::long_expression");
    let link = "(".to_owned();
    let text = nested(&link, "1", &format!("{})", " + 1".repeat(100)), 60);
    assert_eq!(codes(&text)[0].0, "odp::syntax::long_expression");
}

#[test]
fn many_statements_and_elements_are_no_nesting() {
    let text = "let x = -1 + |y| y ^ 2\n".repeat(2_000);
    assert!(parse(FileId(0), &text).is_ok());
    let text = format!("let x = [{}]", "-1 + f(|y| y)[0].a ^ 2, ".repeat(20_000));
    assert!(parse(FileId(0), &text).is_ok());
}

fn seconds(text: &str) -> Duration {
    let start = Instant::now();
    let _ = parse(FileId(0), text);
    start.elapsed()
}

/// Eight times the text takes about eight times the time; where every statement met all others, it would be 64 times.
#[test]
fn time_is_linear() {
    let flat = [
        "let x = f(a, b)[1..2] + |x| { x }\n",
        "let x = |x| { x } (1, 2)\n",
        "sample x[i in 0..f(|y| { sample z[j in 0..1] D })]\n",
        "let x = (1 + \n",
        "/* /* */ x 'y' \u{2212} ] ) }\n",
        "f(a b) } {\n",
        // A file may be one line.
        "\"\\\"",
        "'",
        "x <- 3 ",
        ")]}([{",
        "“ ",
        "x =\n\n\n\n      ;;;;;;;\n",
    ];
    for unit in flat {
        let [short, long] = [1_000, 8_000].map(|n| {
            let text = unit.repeat(n);
            (0..3).map(|_| seconds(&text)).min().expect("three runs")
        });
        let bound = short * 24 + Duration::from_millis(50);
        assert!(long < bound, "{unit}: {short:?} {long:?}");
    }
}

/// A failure deep inside must not be met again on every level.
#[test]
fn depth_does_not_multiply() {
    for (open, _, close) in NESTS {
        for inner in ["1", "@", "a b", "{ x", ""] {
            let text = nested(open, inner, close, MAX_NESTING);
            assert!(seconds(&text) < Duration::from_secs(2), "{open}{inner}");
        }
    }
    for open in [
        "sample x[i in 0..(|| { ",
        "observe x[i in 0..(|| { ",
        "|| {a: |x| {",
        "fn f() { ",
        "data x: {a: (",
        "let {a: (",
        "memo fn f() { distribution D() { sample { ",
    ] {
        let text = open.repeat(MAX_NESTING / 3);
        assert!(seconds(&text) < Duration::from_secs(2), "{open}");
    }
}

#[test]
fn deep_trees_drop_on_a_small_stack() {
    let chain = format!("x{}", " + x".repeat(MAX_OPERATORS));
    let arms = format!(
        "if a {{ 1 }}{}",
        " else if a { 1 }".repeat(MAX_OPERATORS / 5)
    );
    for text in [chain, arms] {
        let program = parse(FileId(0), &text).expect("parses");
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        let handle = thread.spawn(move || drop(program)).expect("a thread");
        assert!(handle.join().is_ok());
    }
}
