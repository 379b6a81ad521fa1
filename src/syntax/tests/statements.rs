//! Every form of statement, and where statements end.

use super::check;

#[test]
fn declarations() {
    check(&[
        ("", ""),
        ("\n\n// nothing\n", ""),
        ("use std::gp", "(use std::gp)"),
        (
            "use std::gp::{exp_quad, matern,}",
            "(use std::gp only exp_quad matern)",
        ),
        ("use \"helpers.odp\"", "(use \"helpers.odp\")"),
        ("use \"helpers.odp\" as h", "(use \"helpers.odp\" as h)"),
        ("data J: int where J > 0", "(data J int where (> J 0))"),
        ("data y: real?[n, m + 1]", "(data y real?[n (+ m 1)])"),
        (
            "data y: real[J] from \"Y\" = [1.0] where y > 0",
            "(data y real[J] from \"Y\" = (array 1.0) where (> y 0))",
        ),
        (
            "data r: {a: int, b: (real, bool)}",
            "(data r (record a:int b:(tuple real bool)))",
        ),
        (
            "data f: fn(real, int) -> Dist<real[2]>",
            "(data f (fn (real int) Dist<real[2]>))",
        ),
        ("fn f() { 1 }", "(fn f () {1})"),
        (
            "fn f(a, b: real) -> real { a }",
            "(fn f (a b:real) -> real {a})",
        ),
        (
            "fn f(g: fn(int) -> int) -> {a: int} { {a: g(1)} }",
            "(fn f (g:(fn (int) int)) -> (record a:int) {(record a:(g 1))})",
        ),
        (
            "fn f() -> Dist<{a: int}> { D }",
            "(fn f () -> Dist<(record a:int)> {D})",
        ),
        ("memo fn f(k) { sample D }", "(memo-fn f (k) {(sample D)})"),
        (
            "distribution D(a, b) { sample { a } log_prob(x) { x * b } }",
            "(distribution D (a b) (fn sample () {a}) (fn log_prob (x) {(* x b)}))",
        ),
        (
            "distribution D(a) {\n  sample {\n    let z = a\n    z\n  }\n\n  cdf(x) { x }\n  quantile(p) { p }\n}\nlet y = 1",
            "(distribution D (a) (fn sample () {(let z a) z}) (fn cdf (x) {x}) (fn quantile (p) {p}))\n(let y 1)",
        ),
    ]);
}

#[test]
fn simple_statements() {
    check(&[
        ("let x = 1", "(let x 1)"),
        ("let (a, (b, _)) = e", "(let (tuple a (tuple b _)) e)"),
        ("let {a, b: c} = e", "(let (record a:a b:c) e)"),
        (
            "var s = 0; s = 1; s += 0.5",
            "(var s 0)\n(set s = 1)\n(set s + 0.5)",
        ),
        ("s[i] -= 1", "(set s[i] - 1)"),
        ("s[i, j] ^= 2", "(set s[i j] ^ 2)"),
        ("s[i][j] = 2", "(set s[i j] = 2)"),
        ("s[1..3] = x", "(set s[1..3] = x)"),
        ("sample x ~ Normal(0, 1)", "(sample x (Normal 0 1))"),
        ("sample x~D", "(sample x D)"),
        (
            "sample x[i in 0..n, j in 0..m] ~ D(i, x[i - 1])",
            "(sample x[i in 0..n, j in 0..m] (D i (at x (- i 1))))",
        ),
        ("sample x[_ in 0..n] ~ D", "(sample x[_ in 0..n] D)"),
        ("observe y ~ D", "(observe y D)"),
        ("observe f(x)[0] + 1 ~ D", "(observe (+ (at (f x) 0) 1) D)"),
        (
            "observe y[i in 0..n] ~ D(i)",
            "(observe y[i in 0..n] (D i))",
        ),
        (
            "observe y[g][i in a..b] ~ D",
            "(observe (at y g)[i in a..b] D)",
        ),
        ("factor -x", "(factor (neg x))"),
        ("condition x > 0 and y", "(condition (and (> x 0) y))"),
        ("return", "(return)"),
        ("return { a, b: 2 }", "(return (record a:a b:2))"),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("for i in 0..n { }", "(for i (.. 0 n) {})"),
        (
            "for (a, b) in zip(x, y) { a }",
            "(for (tuple a b) (zip x y) {a})",
        ),
        ("for {a} in rs { a }", "(for (record a:a) rs {a})"),
        (
            "for x in xs { if x { break } else { continue } }",
            "(for x xs {(if x {(break)} {(continue)})})",
        ),
        ("while k < 3 { k += 1 }", "(while (< k 3) {(set k + 1)})"),
    ]);
}

#[test]
fn line_breaks_that_end_statements() {
    check(&[
        ("a\nb", "a\nb"),
        ("a;b", "a\nb"),
        ("a;\n;b;", "a\nb"),
        ("a\r\nb\r\n", "a\nb"),
        ("f\n(x)", "f\nx"),
        ("x\n[0]", "x\n(array 0)"),
        ("a\n-b", "a\n(neg b)"),
        ("return\n{ a }", "(return)\n(record a:a)"),
        (
            "let f = |x| {\n  let y = x\n  y\n}\nf",
            "(let f (closure (x) {(let y x) y}))\nf",
        ),
        (
            "map(xs, |x| {\n  let y = x\n  -y\n})",
            "(map xs (closure (x) {(let y x) (neg y)}))",
        ),
        (
            "[if c {\n a\n b } else {\n d\n} for c in cs]",
            "(each c cs (if c {a b} {d}))",
        ),
        (
            "{ a: |x| {\n x\n -1 },\n b }",
            "(record a:(closure (x) {x (neg 1)}) b:b)",
        ),
        ("fn f(x)\n{\n  x\n}", "(fn f (x) {x})"),
        (
            "from = 1\nlet y = 2\nfrom = 3",
            "(set from = 1)\n(let y 2)\n(set from = 3)",
        ),
        ("a /* one\n two */ b", "a\nb"),
    ]);
}

#[test]
fn line_breaks_that_do_not() {
    check(&[
        ("f(\n a,\n b\n)", "(f a b)"),
        ("x[\n0\n]", "(at x 0)"),
        ("{\n a,\n\n b: 1\n}", "(record a:a b:1)"),
        ("a +\n b", "(+ a b)"),
        ("a and\n not\n b", "(and a (not b))"),
        ("let x =\n 3", "(let x 3)"),
        ("s +=\n 3", "(set s + 3)"),
        ("sample x ~\n D", "(sample x D)"),
        (
            "data x:\n int\n from \"k\"\n where\n x > 0",
            "(data x int from \"k\" where (> x 0))",
        ),
        ("fn f() ->\n real { 1.0 }", "(fn f () -> real {1.0})"),
        ("a |>\n f", "(f a)"),
        ("a\n |> f\n |> g", "(g (f a))"),
        ("if c { 1 }\nelse { 2 }", "(if c {1} {2})"),
        (
            "if c { 1 }\n// no\nelse if d { 2 }\n\nelse { 3 }",
            "(if c {1} {(if d {2} {3})})",
        ),
        ("let f = |x|\n x", "(let f (closure (x) x))"),
        ("0..\n3", "(.. 0 3)"),
    ]);
}

#[test]
fn documentation_belongs_to_what_is_below() {
    check(&[
        (
            "/// one\n/// two\nlet x = 1",
            "(doc \"one\\ntwo\" (let x 1))",
        ),
        (
            "let a = 1\n/// of b\n\n// aside\nlet b = 2",
            "(let a 1)\n(doc \"of b\" (let b 2))",
        ),
        (
            "fn f() {\n  /// inner\n  let x = 1\n}",
            "(fn f () {(doc \"inner\" (let x 1))})",
        ),
        ("//// a rule\nlet x = 1", "(let x 1)"),
        ("let x = 1\n/// of nothing", "(let x 1)"),
        ("f(/// no\n x)", "(f x)"),
    ]);
}

#[test]
fn comments() {
    check(&[
        ("/* a /* b */ c */ x // d", "x"),
        ("let x = /* here */ 1", "(let x 1)"),
        ("x /**/ + /* \" */ y", "(+ x y)"),
        ("\u{feff}x", "x"),
    ]);
}
