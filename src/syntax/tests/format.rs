//! The canonical form: what it looks like, that it is stable, and that it means the same.

use proptest::prelude::*;

use super::corpus::PROGRAMS;
use super::*;

fn formatted(text: &str) -> String {
    format(text).unwrap_or_else(|reports| panic!("{reports:#?} in\n{text}"))
}

fn check(rows: &[(&str, &str)]) {
    for (text, wanted) in rows {
        let once = formatted(text);
        assert_eq!(once, *wanted, "of `{text}`");
        assert_eq!(formatted(&once), once, "again, of `{text}`");
        assert_eq!(tree(&once), tree(text), "of `{text}`");
    }
}

#[test]
fn spaces() {
    check(&[
        ("let   x=1+2*-3^2\n", "let x = 1 + 2 * -3 ^ 2\n"),
        ("a--b", "a - -b\n"),
        ("-  ! a", "-!a\n"),
        ("not  a&&b||!c", "not a and b or !c\n"),
        ("f ( a,b ) [ 0 ,.. ] . c", "f(a, b)[0, ..].c\n"),
        ("x[ a + 1 .. b ]", "x[a + 1..b]\n"),
        ("x[.., 1..]", "x[.., 1..]\n"),
        (
            "sample  x[ i in 0 .. n ]~Normal( mu=0,sigma = 1 ) ;",
            "sample x[i in 0..n] ~ Normal(mu = 0, sigma = 1)\n",
        ),
        (
            "data y:real ?[J]from \"k\"where y>0",
            "data y: real?[J] from \"k\" where y > 0\n",
        ),
        (
            "let {a,b:c}={a:1,b:{}}",
            "let { a, b: c } = { a: 1, b: {} }\n",
        ),
        ("use std :: gp :: { a,b }", "use std::gp::{a, b}\n"),
        ("let f=| a,b |a+b", "let f = |a, b| a + b\n"),
        ("let f=||1", "let f = || 1\n"),
        ("let f=| |1", "let f = || 1\n"),
        ("let f=|x||y|x", "let f = |x| |y| x\n"),
        ("let f=memo|k|sample D(k)", "let f = memo |k| sample D(k)\n"),
        ("(|x|x)(1)", "(|x| x)(1)\n"),
        (
            "fn f(g:fn (int)->int)->Dist < real > [2]{g(1)}",
            "fn f(g: fn(int) -> int) -> Dist<real>[2] { g(1) }\n",
        ),
        ("x|>f|>g(1)", "x |> f |> g(1)\n"),
        ("(sample D)[0]+sample(D)", "(sample D)[0] + sample (D)\n"),
        ("let x = 1_0E5", "let x = 1_0e5\n"),
        (
            "if a{1}else if b{2}else{3}",
            "if a { 1 } else if b { 2 } else { 3 }\n",
        ),
        ("for(a,b)in zip(x,y){}", "for (a, b) in zip(x, y) {}\n"),
    ]);
}

#[test]
fn lines() {
    check(&[
        ("", ""),
        ("\n\n\n", ""),
        ("a;b;;\n\n\n\nc", "a\nb\n\nc\n"),
        ("\n\na\r\nb", "a\nb\n"),
        (
            "fn f(){\n\nlet y=1;y\n\n}",
            "fn f() {\n    let y = 1\n    y\n}\n",
        ),
        ("fn f() { let y = 1; y; }", "fn f() { let y = 1; y }\n"),
        ("fn f()\n{\n}", "fn f() {}\n"),
        (
            "if a {\n1 }\nelse {\n2 }",
            "if a {\n    1\n} else {\n    2\n}\n",
        ),
        ("let x = a +\nb", "let x = a +\n    b\n"),
        (
            "let x = xs\n|> map(|x| {\nlet y = x\n-y\n})\n|> sum",
            "let x = xs\n    |> map(|x| {\n        let y = x\n        -y\n    })\n    |> sum\n",
        ),
        (
            "data x: int\nwhere x > 0 and\nx < 5",
            "data x: int\n    where x > 0 and\n    x < 5\n",
        ),
    ]);
}

#[test]
fn brackets_that_span_lines() {
    check(&[
        ("return {\nmu,\ntau }", "return {\n    mu,\n    tau,\n}\n"),
        ("return { mu, tau, }", "return { mu, tau }\n"),
        ("return {mu,\ntau}", "return { mu,\n    tau }\n"),
        ("f(\na,\nb +\nc)", "f(\n    a,\n    b +\n        c,\n)\n"),
        ("(\na)", "(\n    a\n)\n"),
        ("(\na, b)", "(\n    a, b,\n)\n"),
        ("(a,)", "(a,)\n"),
        ("(a,b,)", "(a, b)\n"),
        ("f(a,)", "f(a)\n"),
        ("(\n|a, b| a)", "(\n    |a, b| a\n)\n"),
        ("[\ni\nfor i in x]", "[\n    i\n    for i in x\n]\n"),
        ("[\n[1,2],\n[3,4]\n]", "[\n    [1, 2],\n    [3, 4],\n]\n"),
        ("f(|x| {\nx }, 1)", "f(|x| {\n    x\n}, 1)\n"),
        (
            "distribution D(a){ sample{ a } log_prob(x){\nx } }",
            "distribution D(a) {\n    sample { a }\n    log_prob(x) {\n        x\n    }\n}\n",
        ),
        (
            "distribution D(a) { sample() { a } cdf(x) { x } }",
            "distribution D(a) { sample() { a } cdf(x) { x } }\n",
        ),
    ]);
}

#[test]
fn comments_stay() {
    check(&[
        ("// a\n\n\n// b\nx", "// a\n\n// b\nx\n"),
        ("x// a\n// b", "x  // a\n// b\n"),
        ("x /* a */ + /* b */y", "x /* a */ + /* b */ y\n"),
        ("f(/* a */ x /* b */)", "f(/* a */ x /* b */)\n"),
        (
            "f(x, // a\ny // b\n)",
            "f(\n    x,  // a\n    y,  // b\n)\n",
        ),
        ("fn f() {\n// only\n}", "fn f() {\n    // only\n}\n"),
        (
            "fn f() { // why\nx\n\n// last\n}",
            "fn f() {  // why\n    x\n\n    // last\n}\n",
        ),
        (
            "if a {\n1\n}\n// else what\nelse {\n2\n}",
            "if a {\n    1\n}\n// else what\nelse {\n    2\n}\n",
        ),
        ("a; /* of b */ b", "a\n/* of b */ b\n"),
        ("a /* one\n  two */ b", "a /* one\n  two */\nb\n"),
        ("   /// doc\n   let x = 1", "/// doc\nlet x = 1\n"),
        ("let x = a + // why\nb", "let x = a +  // why\n    b\n"),
        ("{ /* c */ }", "{ /* c */ }\n"),
        (
            "fn f() { /* c */ x\ny }",
            "fn f() {\n    /* c */ x\n    y\n}\n",
        ),
    ]);
}

#[test]
fn what_is_no_program_has_no_form() {
    assert!(format("let = 3").is_err());
}

/// Formatting loses no comment, keeps the tree, and is a projection.
fn is_faithful(text: &str) {
    let Ok(once) = format(text) else { return };
    assert_eq!(tree(&once), tree(text), "of\n{text}\nwhich became\n{once}");
    assert_eq!(formatted(&once), once, "again, of\n{text}");
    for line in once.lines() {
        assert_eq!(line.trim_end(), line, "in\n{once}");
    }
}

#[test]
fn the_corpus_is_kept() {
    for program in PROGRAMS {
        is_faithful(program);
        is_faithful(&program.replace('\n', "\r\n"));
        assert_eq!(
            formatted(program).matches("//").count(),
            program.matches("//").count()
        );
    }
}

/// Where a program may be changed without becoming another one: between its tokens.
fn shaken(program: &str, changes: &[(usize, usize)]) -> String {
    const BLANKS: [&str; 9] = [
        " ",
        "  ",
        "\n",
        "\n\n",
        " // c\n",
        " /* c */ ",
        "/* c\n d */",
        "\t",
        ";",
    ];
    let mut text = program.to_owned();
    for (at, blank) in changes {
        let places: Vec<usize> = text
            .match_indices([' ', ',', '(', '{', '}'])
            .map(|m| m.0)
            .collect();
        let at = places[at % places.len()];
        let after = at + usize::from(blank % 2 == 0);
        text.insert_str(after, BLANKS[blank % BLANKS.len()]);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shaken_programs_are_kept(
        program in 0..PROGRAMS.len(),
        changes in prop::collection::vec((any::<usize>(), any::<usize>()), 0..9),
    ) {
        is_faithful(&shaken(PROGRAMS[program], &changes));
    }
}
