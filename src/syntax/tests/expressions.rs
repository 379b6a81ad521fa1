//! Precedence, literals, and every form of expression.

use super::check;

#[test]
fn precedence() {
    check(&[
        ("-2 ^ 2", "(neg (^ 2 2))"),
        ("2 ^ 3 ^ 4", "(^ 2 (^ 3 4))"),
        ("2 ^ -3 ^ 2", "(^ 2 (neg (^ 3 2)))"),
        ("2 ^ -3 * 4", "(* (^ 2 (neg 3)) 4)"),
        ("-a * b", "(* (neg a) b)"),
        ("-a @ b", "(@ (neg a) b)"),
        ("!a ^ b", "(not (^ a b))"),
        ("!a == b", "(== (not a) b)"),
        ("not a == b", "(not (== a b))"),
        ("not a and b", "(and (not a) b)"),
        ("a == not b and c", "(and (== a (not b)) c)"),
        ("a - b - c", "(- (- a b) c)"),
        ("a / b * c % d @ e", "(@ (% (* (/ a b) c) d) e)"),
        ("a + b * c", "(+ a (* b c))"),
        ("0..n - 1", "(.. 0 (- n 1))"),
        ("a..b == c", "(== (.. a b) c)"),
        ("a < b and c or d", "(or (and (< a b) c) d)"),
        ("a || b && c", "(or a (and b c))"),
        ("a or b |> f", "(f (or a b))"),
        ("a |> f |> g(1)", "(g (f a) 1)"),
        ("a |> (f(b))", "((f b) a)"),
        ("a |> m::f(k = 2)", "(m::f a k=2)"),
        ("a |> |x| x + 1", "((closure (x) (+ x 1)) a)"),
        ("|x| x |> f", "(closure (x) (f x))"),
        ("a + |x| x + 1", "(+ a (closure (x) (+ x 1)))"),
        ("sample D ^ 2", "(^ (sample D) 2)"),
        ("-sample D", "(neg (sample D))"),
        (
            "sample Bernoulli(0.5) == 1",
            "(== (sample (Bernoulli 0.5)) 1)",
        ),
        ("sample ds[k]", "(sample (at ds k))"),
        ("(sample D)[0]", "(at (sample D) 0)"),
        ("sample sample D", "(sample (sample D))"),
        ("- - -a", "(neg (neg (neg a)))"),
        ("a - -b", "(- a (neg b))"),
        ("a--b", "(- a (neg b))"),
        ("(a + b) * c", "(* (+ a b) c)"),
        ("(a < b) == (c < d)", "(== (< a b) (< c d))"),
        ("a<b", "(< a b)"),
        ("x<-3", "(< x (neg 3))"),
        ("-f(x)[0].a", "(neg (. (at (f x) 0) a))"),
    ]);
}

#[test]
fn literals() {
    check(&[
        ("42", "42"),
        ("1_000", "1000"),
        ("9223372036854775807", "9223372036854775807"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("1.5", "1.5"),
        ("2e-3", "0.002"),
        ("1e6", "1000000.0"),
        ("1_0.2_5E+1", "102.5"),
        ("true", "true"),
        ("false", "false"),
        (r#""a\n\t\"\\\u{3bc}""#, r#""a\n\t\"\\μ""#),
        (r#""// no comment /*""#, r#""// no comment /*""#),
        ("pi", "pi"),
        ("trueish", "trueish"),
    ]);
}

#[test]
fn numbers_beside_dots() {
    check(&[
        ("0..1", "(.. 0 1)"),
        ("0.5..1.5", "(.. 0.5 1.5)"),
        ("t.0", "(. t 0)"),
        ("t.0.1", "(. (. t 0) 1)"),
        ("t.0 + 0.1", "(+ (. t 0) 0.1)"),
        ("x[0].a.1", "(. (. (at x 0) a) 1)"),
        ("x[1..]", "(at x 1..)"),
    ]);
}

#[test]
fn indices() {
    check(&[
        ("x[i]", "(at x i)"),
        ("x[i, j,]", "(at x i j)"),
        ("x[i][j]", "(at (at x i) j)"),
        ("x[a..b]", "(at x a..b)"),
        ("x[a + 1..b - 1]", "(at x (+ a 1)..(- b 1))"),
        ("x[a..]", "(at x a..)"),
        ("x[..b]", "(at x ..b)"),
        ("x[..]", "(at x ..)"),
        ("x[.., j]", "(at x .. j)"),
        ("x[(a..b)]", "(at x (.. a b))"),
        (
            "y[start[g]..start[g + 1]]",
            "(at y (at start g)..(at start (+ g 1)))",
        ),
        ("[0.6, 0.3][k]", "(at (array 0.6 0.3) k)"),
    ]);
}

#[test]
fn collections() {
    check(&[
        ("[]", "(array )"),
        ("[1, 2,]", "(array 1 2)"),
        ("[i * i for i in 0..8]", "(each i (.. 0 8) (* i i))"),
        (
            "[a for (a, b) in zip(x, y)]",
            "(each (tuple a b) (zip x y) a)",
        ),
        (
            "[[i + j for j in 0..4] for i in 0..3]",
            "(each i (.. 0 3) (each j (.. 0 4) (+ i j)))",
        ),
        (
            "[if v > 10 { 1 } else { 0 } for v in x]",
            "(each v x (if (> v 10) {1} {0}))",
        ),
        ("(a)", "a"),
        ("(a,)", "(tuple a)"),
        ("(a, b)", "(tuple a b)"),
        ("{}", "(record )"),
        ("{ a }", "(record a:a)"),
        ("{a: 1, b, c: {d: 2},}", "(record a:1 b:b c:(record d:2))"),
        ("r.a.b", "(. (. r a) b)"),
    ]);
}

#[test]
fn calls() {
    check(&[
        ("f()", "(f)"),
        ("f(a, b,)", "(f a b)"),
        ("Normal(mu = 0, sigma = 1)", "(Normal mu=0 sigma=1)"),
        ("f(x == 3, y=4)", "(f (== x 3) y=4)"),
        ("f(1)(2)", "((f 1) 2)"),
        ("r.f(1)", "((. r f) 1)"),
        ("gp::exp_quad(x)", "(gp::exp_quad x)"),
        ("(|a, b| a - b)(9, 4)", "((closure (a b) (- a b)) 9 4)"),
        ("f (x)", "(f x)"),
    ]);
}

#[test]
fn closures() {
    check(&[
        ("|x| x + 1", "(closure (x) (+ x 1))"),
        ("|| 3", "(closure () 3)"),
        ("| | 3", "(closure () 3)"),
        ("a || b", "(or a b)"),
        ("f(|| a || b)", "(f (closure () (or a b)))"),
        ("|x| |y| x + y", "(closure (x) (closure (y) (+ x y)))"),
        ("|x||y| x + y", "(closure (x) (closure (y) (+ x y)))"),
        (
            "|(a, b), {c, d: e}, _| a",
            "(closure ((tuple a b) (record c:c d:e) _) a)",
        ),
        (
            "|x: real, y: {a: int}| x",
            "(closure (x:real y:(record a:int)) x)",
        ),
        ("|x| { x }", "(closure (x) {x})"),
        ("|x| ({ x })", "(closure (x) (record x:x))"),
        ("|x| { let y = x; y }", "(closure (x) {(let y x) y})"),
        ("memo |k| sample D", "(memo-closure (k) (sample D))"),
        ("memo |k| { k }", "(memo-closure (k) {k})"),
        ("memo f", "(memo f)"),
        ("map(xs, |x| x |> f)", "(map xs (closure (x) (f x)))"),
        (
            "fold(xs, 0, |acc, x| acc + x)",
            "(fold xs 0 (closure (acc x) (+ acc x)))",
        ),
    ]);
}

#[test]
fn branches() {
    check(&[
        ("if a { 1 }", "(if a {1})"),
        ("if a { 1 } else { 2 } + 3", "(+ (if a {1} {2}) 3)"),
        (
            "if a { 1 } else if b { 2 } else if c { 3 } else { 4 }",
            "(if a {1} {(if b {2} {(if c {3} {4})})})",
        ),
        (
            "if ({a: true}).a { {b} } else { { c: 1 } }",
            "(if (. (record a:true) a) {(record b:b)} {(record c:1)})",
        ),
        ("f(if x == 1 { a } else { b })", "(f (if (== x 1) {a} {b}))"),
        ("sample if c { D } else { E }", "(sample (if c {D} {E}))"),
        ("|x| if x { 1 } else { 2 }", "(closure (x) (if x {1} {2}))"),
    ]);
}

#[test]
fn names_of_other_alphabets() {
    check(&[
        ("μ + tau", "(+ μ tau)"),
        // The micro sign is the Greek letter after NFKC.
        ("\u{b5}", "μ"),
        ("_x1", "_x1"),
        ("数 * 2", "(* 数 2)"),
    ]);
}

#[test]
fn contextual_keywords_are_names() {
    check(&[
        ("as + from", "(+ as from)"),
        ("distribution = posterior", "(set distribution = posterior)"),
        ("let from = 1", "(let from 1)"),
        ("Dist + 1", "(+ Dist 1)"),
    ]);
}
