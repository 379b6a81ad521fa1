//! The canonical form of random programs: the same tree, stable, with every comment between the same two tokens.

use proptest::prelude::*;

use super::*;
use crate::syntax::lexer::lex;

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["x", "y", "mu", "σ", "total_2", "_k", "from", "Normal"])
        .prop_map(str::to_owned)
}

fn operator() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "+", "-", "*", "/", "^", "%", "@", "==", "<=", "and", "or", "|>",
    ])
}

fn expr() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        name(),
        (0..100u32).prop_map(|n| n.to_string()),
        (0..100u32).prop_map(|n| format!("{n}.5e-3")),
        Just("\"a // b\"".to_owned()),
        Just("true".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (inner.clone(), operator(), inner.clone())
                .prop_map(|(a, op, b)| format!("({a}) {op} ({b})")),
            (name(), list.clone()).prop_map(|(f, args)| format!("{f}({})", args.join(","))),
            (name(), inner.clone()).prop_map(|(f, e)| format!("{f}(0, sigma={e})")),
            list.clone()
                .prop_map(|items| format!("[{}]", items.join(" , "))),
            list.prop_map(|items| format!("[\n{}\n]", items.join(",\n"))),
            (name(), inner.clone()).prop_map(|(x, e)| format!("{{ {x}:{e}, b }}")),
            (name(), inner.clone()).prop_map(|(x, e)| format!("{x}[{e} , ..]")),
            (name(), inner.clone()).prop_map(|(x, e)| format!("(|{x}, _| ({e}))")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("[{a} for i in 0 .. ({b})]")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(c, a, b)| format!("if ({c}) {{ {a} }} else {{\n{b}\n}}")),
            inner.clone().prop_map(|e| format!("- ({e})")),
            inner.prop_map(|e| format!("(sample Normal({e},1))")),
        ]
    })
}

fn block(stmts: Vec<String>) -> String {
    format!("{{\n{}\n}}", stmts.join("\n"))
}

fn stmt() -> impl Strategy<Value = String> {
    let simple = prop_oneof![
        (name(), expr()).prop_map(|(x, e)| format!("let  {x} = {e}")),
        (name(), expr()).prop_map(|(x, e)| format!("let ({x},_) ={e}")),
        (name(), expr()).prop_map(|(x, e)| format!("var {x}={e}")),
        (name(), expr()).prop_map(|(x, e)| format!("{x} += {e}")),
        (name(), expr()).prop_map(|(x, e)| format!("sample {x} ~ Normal({e}, 1)")),
        (name(), expr()).prop_map(|(x, e)| format!("sample {x}[ i in 0..n ]~{e}")),
        (expr(), expr()).prop_map(|(x, e)| format!("observe ({x}) ~ ({e})")),
        expr().prop_map(|e| format!("factor {e}")),
        expr().prop_map(|e| format!("condition {e}")),
        expr().prop_map(|e| format!("return {e}")),
        Just("break ; continue".to_owned()),
    ];
    simple.prop_recursive(3, 16, 4, |inner| {
        let stmts = prop::collection::vec(inner, 0..4);
        prop_oneof![
            (expr(), stmts.clone()).prop_map(|(e, b)| format!("for i in ({e}) {}", block(b))),
            (expr(), stmts.clone()).prop_map(|(e, b)| format!("while ({e}) {}", block(b))),
            (expr(), stmts.clone(), stmts.clone()).prop_map(|(e, a, b)| format!(
                "if ({e}) {} else {}",
                block(a),
                block(b)
            )),
            (name(), stmts.clone())
                .prop_map(|(f, b)| format!("fn {f}(a, b: real) -> real {}", block(b))),
            (name(), stmts).prop_map(|(f, b)| format!("let {f} = |a| {}", block(b))),
        ]
    })
}

fn program() -> impl Strategy<Value = String> {
    let heads = prop::sample::select(vec![
        "",
        "data y: real?[n] from \"k\" = 0 where y > 0\n",
        "use std::gp::{a, b}\n",
        "distribution D(a) {\nsample { a }\nlog_prob(x) { x }\n}\n",
    ]);
    (heads, prop::collection::vec(stmt(), 1..6))
        .prop_map(|(head, stmts)| head.to_owned() + &stmts.join("\n"))
}

/// A program with numbered comments: within lines between two tokens, at the ends of lines, on lines of their own.
fn commented(program: &str, places: &[usize]) -> String {
    let mut text = program.to_owned();
    for (n, place) in places.iter().enumerate() {
        let lexed = lex(FileId(0), &text);
        let gaps: Vec<usize> = lexed.tokens.iter().map(|t| t.start).collect();
        let ends: Vec<usize> = text.match_indices('\n').map(|m| m.0).collect();
        let free = |at: &usize| !lexed.comments.iter().any(|c| c.start < *at && *at <= c.end);
        let ends: Vec<usize> = ends.into_iter().filter(free).collect();
        match (place % 3, ends.as_slice()) {
            (0, _) | (_, []) if !gaps.is_empty() => {
                text.insert_str(gaps[place / 3 % gaps.len()], &format!("/* c{n} */"));
            }
            (1, ends) if !ends.is_empty() => {
                text.insert_str(ends[place / 3 % ends.len()], &format!(" // c{n}"));
            }
            (_, ends) if !ends.is_empty() => {
                text.insert_str(ends[place / 3 % ends.len()], &format!("\n// c{n}"));
            }
            _ => {}
        }
    }
    text
}

/// Tokens and comments in their order, without what the formatter may add or remove: commas at ends, `;`, bars' blanks.
fn sequence(text: &str) -> Vec<String> {
    let lexed = lex(FileId(0), text);
    let tokens = lexed
        .tokens
        .iter()
        .map(|t| (t.start, &text[t.start..t.end]));
    let comments = lexed
        .comments
        .iter()
        .map(|c| (c.start, &text[c.start..c.end]));
    let mut all: Vec<(usize, &str)> = tokens.chain(comments).collect();
    all.sort_unstable();
    let kept = all.into_iter().map(|(_, t)| t);
    kept.filter(|t| !matches!(*t, "," | ";" | "|" | "||"))
        .map(str::to_lowercase)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trees_and_comments_are_kept(
        program in program(),
        places in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        prop_assert!(parse(FileId(0), &program).is_ok(), "{program}");
        let text = commented(&program, &places);
        let once = match format(&text) {
            Ok(once) => once,
            // A comment of several characters never makes a program of another kind.
            Err(reports) => return Err(TestCaseError::fail(format!("{reports:#?}\n{text}"))),
        };
        prop_assert_eq!(tree(&once), tree(&text), "of\n{}\nwhich became\n{}", text, once);
        prop_assert_eq!(format(&once).unwrap_or_default(), once.clone(), "again, of\n{}", text);
        prop_assert_eq!(sequence(&once), sequence(&text), "of\n{}\nwhich became\n{}", text, once);
    }
}
