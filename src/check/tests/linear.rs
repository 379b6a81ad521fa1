//! Long programs are checked in a time that grows with their length.

use std::time::{Duration, Instant};

use super::{check, files};
use crate::base::SourceMap;
use crate::syntax;

/// A line for each number, which may name the ones before it.
type Line = fn(usize) -> String;

const MANY: &[(&str, Line)] = &[
    ("data", |i| {
        format!("data y{i}: real[n{i}] where y{i} > 0\n")
    }),
    ("values", |i| match i {
        0 => "let x0 = 1.0\n".into(),
        _ => format!("let x{i} = x{} * 2 + 1\n", i - 1),
    }),
    ("shadows", |i| match i {
        0 => "let x = 1.0\n".into(),
        _ => "let x = x + 1\n".into(),
    }),
    ("sites", |i| match i {
        0 => "sample s0 ~ Normal(0, 1)\n".into(),
        _ => format!("sample s{i} ~ Normal(s{}, 1)\n", i - 1),
    }),
    ("functions in a chain", |i| match i {
        0 => "fn f0(x) { x }\n".into(),
        _ => format!("fn f{i}(x) {{ f{}(x) + x }}\n", i - 1),
    }),
    ("functions in a chain, downwards", |i| {
        format!(
            "fn f{i}(x) {{ if x > 0 {{ f{}(x - 1) }} else {{ f0(x) }} }}\n",
            i.saturating_sub(1)
        )
    }),
    ("calls", |i| match i {
        0 => "fn f(x, y) { x + y }\n".into(),
        _ => format!("let z{i} = f({i}, 1)\n"),
    }),
    ("calls of functions below", |i| match i {
        0 => "let k = 2\n".into(),
        _ => format!("let z{i} = g{i}(1)\nfn g{i}(x) {{ x + k }}\n"),
    }),
    ("closures", |i| {
        format!("let h{i} = |a, b| a + b * {i}\nlet w{i} = h{i}(1, 2)\n")
    }),
    ("observations", |i| match i {
        0 => "sample m ~ Normal(0, 1)\n".into(),
        _ => format!("observe {i} ~ Normal(m, 1)\n"),
    }),
    ("branches", |i| match i {
        0 => "sample c ~ Flip(0.5)\n".into(),
        _ => {
            format!("if c {{ sample a{i} ~ Normal(0, 1) }} else {{ sample a{i} ~ Normal(1, 1) }}\n")
        }
    }),
    ("variables", |i| match i {
        0 => "var v = 0\n".into(),
        _ => "v += 1\nfor i in 0..3 { v = v + i }\n".into(),
    }),
    ("unknown names", |i| format!("let u{i} = q{i} + 1\n")),
    ("wrong types", |i| format!("let u{i} = {i} + \"a\"\n")),
    ("wrong calls", |i| match i {
        0 => "fn f(x) { x + \"a\" }\n".into(),
        _ => format!("let e{i} = f({i})\n"),
    }),
    ("nothing but effects", |i| format!("{i} - 1\n")),
];

/// One statement with many parts.
const LONG: &[(&str, &str, Line, &str)] = &[
    ("an array", "let x = [", |i| format!("{i} + 0.5, "), "]"),
    ("arrays", "let x = [", |i| format!("[{i}, 1, 2], "), "]"),
    ("a record", "let x = {", |i| format!("a{i}: {i}, "), "}"),
    ("a tuple", "let x = (", |i| format!("{i}, "), ")"),
    ("a call", "let x = concat(", |i| format!("[{i}], "), ")"),
    (
        "a block",
        "fn f(a) {\n",
        |i| format!("let b{i} = a + {i}\n"),
        "a\n}",
    ),
    (
        "a mixture",
        "sample x ~ mixture(w, [",
        |i| format!("Normal({i}, 1), "),
        "])",
    ),
    (
        "captures",
        "fn f(a) {\n",
        |i| format!("let b{i} = a\nlet c{i} = |x| x + b{i}\n"),
        "a\n}",
    ),
    ("parameters", "fn f(", |i| format!("p{i}, "), ") { 1 }"),
    (
        "an arm",
        "sample c ~ Flip(0.5)\nif c {\n",
        |i| format!("sample a{i} ~ Normal(0, 1)\n"),
        "}",
    ),
];

/// The time that checking takes; that of this thread alone where the system counts it, so that a busy machine does not
/// tell.
fn time(text: &str) -> Duration {
    let mut sources = SourceMap::default();
    let file = sources.add("model.odp", text);
    let program = syntax::parse(file, text).expect("parses");
    let (clock, ran) = (Instant::now(), running_time());
    let _ = check(program, "model", sources, &files());
    match (ran, running_time()) {
        (Some(before), Some(after)) if after > before => after - before,
        _ => clock.elapsed(),
    }
}

fn running_time() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanoseconds)).filter(|t| !t.is_zero())
}

fn is_linear(what: &str, lines: usize, text: impl Fn(usize) -> String) {
    let [short, long] = [lines, 8 * lines].map(|n| {
        let text = text(n);
        (0..3).map(|_| time(&text)).min().expect("three runs")
    });
    // Eight times the text; where every name met all others, it would be 64 times the time.
    let bound = short * 24 + Duration::from_millis(100);
    assert!(long < bound, "{what}: {short:?} {long:?}");
}

#[test]
fn many_statements() {
    for (what, line) in MANY {
        is_linear(what, 500, |n| (0..n).map(line).collect());
    }
}

#[test]
fn long_statements() {
    for (what, head, part, tail) in LONG {
        is_linear(what, 1_000, |n| {
            let parts: String = (0..n).map(part).collect();
            format!("{head}{parts}{tail}\n")
        });
    }
}
