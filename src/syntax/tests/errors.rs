//! Errors: code and place of each, and a few words where they matter.

use super::*;
use crate::base::Source;

/// `code line:column`, one for each report.
fn places(text: &str) -> Vec<String> {
    let reports = parse(FileId(0), text).expect_err("does not parse");
    let source = Source {
        name: "model.odp".into(),
        text: text.into(),
    };
    let place = |r: &Report| {
        let (line, column) = source.line_col(r.labels[0].span.start as usize);
        let code = r.code.trim_start_matches("odp::syntax::");
        format!("{code} {line}:{column}")
    };
    reports.iter().map(place).collect()
}

fn check(rows: &[(&str, &[&str])]) {
    for (text, wanted) in rows {
        assert_eq!(places(text), *wanted, "in `{text}`");
    }
}

/// The only report of a text.
fn report(text: &str) -> Report {
    let mut reports = parse(FileId(0), text).expect_err("does not parse");
    assert_eq!(reports.len(), 1, "{reports:#?}");
    reports.remove(0)
}

fn says(rows: &[(&str, &str)]) {
    for (text, wanted) in rows {
        let report = report(text);
        let all = format!("{} {}", report.message, report.help.unwrap_or_default());
        assert!(all.contains(wanted), "`{all}` in `{text}`");
    }
}

#[test]
fn words_and_literals() {
    check(&[
        ("let a = 1.", &["number 1:9"]),
        ("let a = .5 + 1", &["number 1:9"]),
        ("let a = 1e400", &["number 1:9"]),
        ("let a = 9223372036854775808", &["number 1:9"]),
        ("let a = 3 - 9223372036854775808", &["number 1:13"]),
        ("let a = -9223372036854775808 ^ 2", &["number 1:10"]),
        ("let a = 2x + 3", &["number 1:9"]),
        ("let a = \"abc", &["string 1:9"]),
        (
            "let a = f(\"abc)\nlet b = 'c'",
            &["string 1:11", "string 2:9"],
        ),
        (
            "let a = \"\\q\\u{110000}\"",
            &["string 1:10", "string 1:12"],
        ),
        ("let a = x'", &["operator 1:10"]),
        ("/* one /* two */\nlet x = (", &["comment 1:1"]),
        ("# one\nlet x = 1 # two", &["comment 1:1"]),
        (
            "let x = 3 − 4 ≤ “five”",
            &["character 1:11", "character 1:15", "character 1:17"],
        ),
        ("let x = 1\u{a0}+ 2", &["character 1:10"]),
        ("let x = 1 \u{7}\u{8}\u{1b}+ 2", &["character 1:11"]),
        ("let x = \"\u{0}\"", &["character 1:10"]),
        ("let x = 1 $ 2", &["character 1:11"]),
        ("ｉｆ + 1", &["character 1:1"]),
        ("a & b", &["operator 1:3"]),
        ("a ** b", &["operator 1:3"]),
        ("a .* b === c", &["operator 1:3", "operator 1:8"]),
        ("x <- 3", &["operator 1:3"]),
        ("sample x := D", &["operator 1:10"]),
    ]);
}

#[test]
fn brackets() {
    check(&[
        (
            "sample mu ~ Normal(0, 5\nsample tau ~ HalfCauchy(5)\nlet z = @",
            &["brackets 1:19", "unexpected 3:9"],
        ),
        (
            "let x = [1, 2\nlet y = 3 3",
            &["brackets 1:9", "unexpected 2:11"],
        ),
        ("return { mu, tau", &["brackets 1:8"]),
        (
            "let x = f(3))\nlet y = 1 1",
            &["brackets 1:13", "unexpected 2:11"],
        ),
        (
            "let x = (1 + 2]\nlet y = 1 1",
            &["brackets 1:15", "unexpected 2:11"],
        ),
        (
            "fn f(x) {\n  let a = (x\n  a\n}\nlet z = 1 1",
            &["brackets 2:11", "unexpected 5:11"],
        ),
        (
            "fn f(x) {\n    if x {\n        1\n    else {\n        2\n    }\n}\nlet y = 3",
            &["brackets 2:10"],
        ),
        ("}\nlet y = 1 1", &["brackets 1:1", "unexpected 2:11"]),
    ]);
}

/// What follows decides whether a bracket is missing, is one too many, or is the wrong one.
#[test]
fn one_slip_is_one_report() {
    let says = |text: &str| {
        let reports = parse(FileId(0), text).expect_err("does not parse");
        let messages: Vec<String> = reports.into_iter().map(|r| r.message).collect();
        messages.join("; ")
    };
    for (text, wanted) in [
        ("let x = f(a[1), 2)", "`[` is closed by `)`"),
        ("let x = f(a1], 2)", "this `]` closes nothing"),
        ("let x = f[1, 2)", "`[` is closed by `)`"),
        ("fn f() {\n  g(x\n}", "this `(` is never closed"),
        (
            "let x = f(g(x]",
            "this `(` is never closed; `(` is closed by `]`",
        ),
        ("if a ( 1 }", "`(` is closed by `}`"),
        (
            "fro i in 0..3 {\n  let x = i\n}",
            "`fro` begins no statement; did you mean `for`?",
        ),
        (
            "for i in 0..3\n  x\n}\nlet y = 1",
            "expected `{`, found the end of the line",
        ),
        (
            "for i in {\n  x\n}\nlet y = 1",
            "expected an expression, found `{`",
        ),
        (
            "for i in 0..3 (\n  let y = i\n}",
            "this `(` is never closed",
        ),
    ] {
        assert_eq!(says(text), wanted, "in `{text}`");
    }
}

#[test]
fn indentation_tells_where_a_brace_is_missing() {
    let unclosed = report("fn f() {\n    if a {\n        1\n    2\n}\nlet x = 1");
    let starts: Vec<u32> = unclosed.labels.iter().map(|l| l.span.start).collect();
    assert_eq!(starts, [18, 34]);
    let surplus = report("fn f() {\n    if a { 1 } }\n    2\n}\nlet x = 1");
    let starts: Vec<u32> = surplus.labels.iter().map(|l| l.span.start).collect();
    assert_eq!(starts, [32, 24]);
}

#[test]
fn one_report_for_each_statement() {
    check(&[
        (
            "fn f() {\n  let = 3\n  f(a b)\n  for i in 1:3 {\n    let x = \n  }\n  3 4\n}\nretrun x",
            &[
                "unexpected 2:7",
                "unexpected 3:7",
                "unexpected 4:13",
                "unexpected 7:5",
                "misspelt 9:1",
            ],
        ),
        ("let x =\nlet y = 3", &["unexpected 1:7"]),
        (
            "observe y ~\nsample x ~ D\nlet = 1",
            &["unexpected 1:11", "unexpected 3:5"],
        ),
        (
            "let x = $ y z\nlet y = 1 1",
            &["character 1:9", "unexpected 2:11"],
        ),
        (
            "let f = |x| {\n  let = 3\n  let y = 4 4\n}",
            &["unexpected 2:7", "unexpected 3:13"],
        ),
    ]);
}

#[test]
fn what_the_tree_does_not_allow() {
    check(&[
        ("a < b < c", &["comparison_chain 1:7"]),
        ("a == b != c", &["comparison_chain 1:8"]),
        ("a..b..c", &["range_chain 1:5"]),
        ("f(x) = 3", &["assign_target 1:1"]),
        ("r.a = 3", &["assign_target 1:1"]),
        ("sample x = D", &["assign_target 1:10"]),
        ("x[1..2][0] = 3", &["assign_target 1:1"]),
        ("sample x[i in xs] ~ D", &["plate_range 1:15"]),
        ("data y: int = 3 = 4", &["twice 1:17"]),
        (
            "distribution D() { sample { 1 } density(x) { x } }",
            &["method 1:33"],
        ),
    ]);
}

#[test]
fn the_place_is_on_the_line_of_the_mistake() {
    check(&[
        ("return {\n  a: 1\n  b: 2\n}", &["unexpected 2:6"]),
        ("let f = (a\n(b))", &["unexpected 1:10"]),
        ("x[\n1 2]", &["unexpected 2:3"]),
        ("if x > 3\n  y = 4", &["unexpected 1:8"]),
        ("let a = b +\n\n// so\nlet x = 3", &["unexpected 1:11"]),
        ("let x", &["unexpected 1:5"]),
        ("let data = 3", &["keyword 1:5"]),
        ("sample for ~ D", &["keyword 1:8"]),
    ]);
}

#[test]
fn advice() {
    says(&[
        ("smaple x ~ Normal(0, 1)", "did you mean `sample`"),
        ("obseve y ~ D", "did you mean `observe`"),
        ("retrun { a }", "did you mean `return`"),
        ("whlie x < 3 { 1 }", "did you mean `while`"),
        ("let x = if a { 1 } esle { 2 }", "did you mean `else`"),
        ("data y: real[J] wher y > 0", "did you mean `where`"),
        ("if a { 1 } elif b { 2 }", "`else if`"),
        ("observe y = Normal(0, 1)", "`observe y ~ D`"),
        ("observe y Normal(0, 1)", "`observe y ~ D`"),
        ("sample x <- D", "`sample x ~ D`"),
        ("let x := 3", "`let x = e`"),
        ("let x == 3", "`=` names a value"),
        ("if x = 3 { 1 }", "`==` compares"),
        ("a | b", "write `or`"),
        ("a & b", "write `and`"),
        ("x ** 2", "write `^`"),
        ("a < b < c", "`a < b and b < c`"),
        ("y ~ Normal(0, 1)", "`observe y ~ D`"),
        ("for (i in 0..n) { i }", "without parentheses"),
        ("for i in 0:n { i }", "a range is `a..b`"),
        ("while x < 3 do\n", "in braces"),
        ("i++", "`i += 1`"),
        ("let x: real = 3", "types are inferred"),
        ("data int N;", "`data N: int`"),
        ("parameters { real mu }", "no blocks"),
        ("def f(x):", "`fn f(x) { … }`"),
        ("shell(x) {\n  x\n}", "`fn f(x) { … }`"),
        ("let f(x) = x", "`fn f(x) { … }`"),
        ("fn f(x) = x", "`fn f(x) { … }`"),
        ("N: int", "`data N: int`"),
        ("for i in 0 to n { i }", "a range is `a..b`"),
        ("sample x ~ D for i in 0..n", "`sample x[i in 0..n] ~ D`"),
        ("a\n  + b", "at the end of a line"),
        ("[x for x in xs if x > 0]", "no filter"),
        ("[x for x in xs for y in ys]", "nest comprehensions"),
        ("sum(x for x in xs)", "stands in brackets"),
        ("c ? 1 : 2", "`if c { a } else { b }`"),
        ("f(a b)", "comma is missing"),
        ("{ let x = 3 }", "a record here"),
        ("let f = fn(x) { x }", "`|x| e`"),
        ("x'", "transpose(x)"),
    ]);
}

#[test]
fn reports_are_few() {
    let text = "let = 1\n".repeat(10_000);
    assert_eq!(places(&text).len(), 100);
}
