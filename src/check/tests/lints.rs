//! Warnings: where each is given, and the programs that look alike and are right.

use super::{run, shown};

/// `line:col code` of each warning.
fn warned(text: &str) -> Vec<String> {
    match run(text) {
        Ok(checked) => {
            let sources = &checked.model.sources;
            checked.warnings.iter().map(|w| shown(sources, w)).collect()
        }
        Err((sources, reports)) => {
            let first = &reports[0];
            panic!("{}: {}\n{text}", shown(&sources, first), first.message)
        }
    }
}

fn check(rows: &[(&str, &[&str])]) {
    let wrong: Vec<String> = rows
        .iter()
        .map(|(text, wanted)| (text, wanted, warned(text)))
        .filter(|(_, wanted, told)| told != *wanted)
        .map(|(text, wanted, told)| format!("{text}\n  wanted {wanted:?}\n  told   {told:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What a warning says, with its help.
fn words(text: &str) -> String {
    let checked = run(text).expect("a valid program");
    let told = checked.warnings.iter();
    told.map(|w| format!("{} {}\n", w.message, w.help.clone().unwrap_or_default()))
        .collect()
}

#[test]
fn names_that_nothing_reads() {
    check(&[
        ("let a = 1\nsample x ~ Normal(0, 1)", &["1:5 unused"]),
        ("data y: real\nsample x ~ Normal(0, 1)", &["1:6 unused"]),
        (
            "data y: real where y > 0\nsample x ~ Normal(0, 1)",
            &["1:6 unused"],
        ),
        ("fn f() { 1 }\nsample x ~ Normal(0, 1)", &["1:4 unused"]),
        (
            "fn f(n) { if n > 0 { f(n - 1) } else { 0 } }\nreturn 1",
            &["1:4 unused"],
        ),
        ("fn f(a, b) { a }\nreturn f(1, 2)", &["1:9 unused"]),
        (
            "var s = 0\nfor i in 0..3 { s += i }\nreturn 1",
            &["1:5 unused"],
        ),
        ("var s = 0\ns = s + 1\nreturn 1", &["1:5 unused"]),
        ("let (a, b) = (1, 2)\nreturn a", &["1:9 unused"]),
        ("fn f() { let k = 2\n1 }\nreturn f()", &["1:14 unused"]),
        (
            "fn f() { sample z ~ Normal(0, 1)\n1 }\nreturn f()",
            &["1:17 unused_site"],
        ),
        (
            "distribution D() { sample { 1 } }\nreturn 1",
            &["1:14 unused"],
        ),
    ]);
}

#[test]
fn names_that_something_reads() {
    check(&[
        // A library: others read what it declares.
        (
            "fn f(x) { x }\nlet k = 2\ndistribution D() { sample { 1 } }",
            &[],
        ),
        (
            "let _a = 1\nlet (_, _b) = (1, 2)\nsample x ~ Normal(0, 1)",
            &[],
        ),
        (
            "data n: int\ndata y: real[n]\nobserve y ~ Normal(0, 1)\nreturn n",
            &[],
        ),
        ("fn f(t, y) { -y }\nreturn ode_rk4(f, [1.0], 0, [1.0])", &[]),
        ("return ode_rk4(|t, y| -y, [1.0], 0, [1.0])", &[]),
        ("fn f(_a, b) { b }\nreturn f(1, 2)", &[]),
        ("let k = 1\nfn f() { k }\nreturn f()", &[]),
        ("var s = 0\nwhile s < 3 { s += 1 }", &[]),
        (
            "fn step(s) { observe 1.0 ~ Normal(s, 1)\ns }\nvar s = 0.0\nfor i in 0..3 { s = step(s) }",
            &[],
        ),
        (
            "for i in 0..3 { sample x ~ Normal(0, 1) }\nlet z = [0 for i in 0..3]\nprint(z)",
            &[],
        ),
        (
            "sample c ~ Flip(0.5)\nif c { sample x ~ Normal(0, 1) } else { sample x ~ Normal(1, 1) }\nreturn { x }",
            &[],
        ),
        ("fn f() { g() }\nfn g() { 1 }\nreturn f()", &[]),
        ("fn scale(n: real[k]) { sum(n) }\nreturn scale([1.0])", &[]),
    ]);
}

#[test]
fn sites_that_reach_nothing() {
    check(&[
        (
            "sample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nreturn { a }",
            &["2:8 unused_site"],
        ),
        (
            "sample a ~ Normal(0, 1)\nsample b ~ Normal(a, 1)\nreturn 1",
            &["1:8 unused_site", "2:8 unused_site"],
        ),
        (
            "sample a ~ Normal(0, 1)\nlet z = a + 1\nreturn 1",
            &["1:8 unused_site", "2:5 unused"],
        ),
        ("sample Normal(0, 1)\nreturn 1", &["1:1 dropped_draw"]),
    ]);
    check(&[
        ("sample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)", &[]),
        (
            "sample a ~ Normal(0, 1)\nlet z = a * 2\nobserve 1.0 ~ Normal(z, 1)\nreturn 1",
            &[],
        ),
        (
            "sample a ~ Normal(0, 1)\nif a > 0 { factor -1 }\nreturn 1",
            &[],
        ),
        (
            "sample n ~ Poisson(2)\nfor i in 0..n { observe 1.0 ~ Normal(0, 1) }\nreturn 1",
            &[],
        ),
        (
            "sample a ~ Normal(0, 1)\nfn f() { factor -a }\nf()\nreturn 1",
            &[],
        ),
        (
            "sample a ~ Normal(0, 1)\nlet f = |x| x + a\nreturn f(1)",
            &[],
        ),
        (
            "sample a ~ Normal(0, 1)\nvar s = 0.0\nfor i in 0..3 { s += a }\nreturn s",
            &[],
        ),
        ("sample a ~ Normal(0, 1)\nprint(a)\nreturn 1", &[]),
        (
            "sample _a ~ Normal(0, 1)\nsample dummy ~ Normal(0, 1)\nreturn 1",
            &[],
        ),
        (
            "sample a ~ Normal(0, 1)\nfn weigh(g) { g(1) }\nweigh(|x| x + a)\nreturn 1",
            &[],
        ),
    ]);
}

#[test]
fn hidden_names() {
    check(&[
        (
            "let sd = 1\nfn f(sum) { sum }\nlet a = f(sd)\nreturn a",
            &["1:5 shadows_builtin", "2:6 shadows_builtin"],
        ),
        (
            "data y: real\nsample y ~ Normal(0, 1)\nreturn y",
            &["1:6 unused", "2:8 sample_of_data"],
        ),
        (
            "data y: real\nlet z = y\nlet y = 3\nreturn y + z",
            &["3:5 shadows_data"],
        ),
        (
            "data y: real[n]\nlet y = y - mean(y)\nobserve y ~ Normal(0, 1)",
            &[],
        ),
    ]);
}

#[test]
fn arguments_of_another_meaning() {
    let head = "data sigma: real\ndata obs_var: real\ndata obs_prec: real\ndata scale: real\ndata mu: real\n";
    let after = "\nreturn { x, a: sigma + obs_var + obs_prec + scale + mu }";
    let rows: &[(&str, &[&str])] = &[
        ("Normal(0, obs_var)", &["6:22 parameter_meaning"]),
        ("Normal(0, sigma ^ 2)", &["6:22 parameter_meaning"]),
        ("Normal(0, sigma * sigma)", &["6:22 parameter_meaning"]),
        ("Normal(0, obs_prec)", &["6:22 parameter_meaning"]),
        ("Normal(0, 1 / sigma ^ 2)", &["6:22 parameter_meaning"]),
        ("HalfNormal(obs_var)", &["6:23 parameter_meaning"]),
        ("Gamma(2, scale)", &["6:21 parameter_meaning"]),
        ("Exponential(mu)", &["6:24 parameter_meaning"]),
        ("Exponential(sigma)", &["6:24 parameter_meaning"]),
        ("Normal(sigma, mu)", &["6:19 swapped_arguments"]),
        ("Normal(mu, sigma)", &[]),
        ("Normal(mu = mu, sigma = sigma)", &[]),
        ("Normal(sigma, 0.1)", &[]),
        ("Normal(0, sqrt(obs_var))", &[]),
        ("Normal(0, sigma * mu)", &[]),
        ("Exponential(1 / scale)", &[]),
        ("Gamma(2, 1 / scale)", &[]),
        ("InvGamma(2, scale)", &[]),
        ("Poisson(mu)", &[]),
        ("LogNormal(mu, sigma)", &[]),
    ];
    for (dist, wanted) in rows {
        assert_eq!(
            warned(&format!("{head}sample x ~ {dist}{after}")),
            *wanted,
            "{dist}"
        );
    }
    check(&[
        (
            "data L: real[2, 2]\nsample x ~ MultiNormal([0, 0], L)",
            &["2:32 parameter_meaning"],
        ),
        (
            "data cov: real[2, 2]\nsample x ~ MultiNormalCholesky([0, 0], cov)",
            &["2:40 parameter_meaning"],
        ),
        (
            "data hi: real\ndata lo: real\nsample x ~ Uniform(hi, lo)",
            &["3:20 swapped_arguments"],
        ),
        (
            "let sigma1 = 1\nlet sigma2 = 2\nsample x ~ Normal(0, sigma1)\nsample y ~ Normal(0, sigma2)",
            &[],
        ),
        (
            "sample log_sigma ~ Normal(0, 1)\nsample x ~ Normal(log_sigma, 1)",
            &[],
        ),
    ]);
    let said = words("data obs_var: real\nsample x ~ Normal(0, obs_var)");
    assert!(said.contains("write `sqrt(obs_var)`"), "{said}");
    let said = words("data sigma: real\nsample x ~ Normal(0, sigma ^ 2)");
    assert!(said.contains("write `sigma`"), "{said}");
    let said = words("data scale: real\nsample x ~ Gamma(2, scale)");
    assert!(said.contains("write `1 / scale`"), "{said}");
}

#[test]
fn evidence_that_tells_nothing() {
    check(&[
        (
            "factor 3 * log(2)\nsample x ~ Normal(0, 1)",
            &["1:1 constant_factor"],
        ),
        (
            "let a = 3\nfactor a\nsample x ~ Normal(0, 1)",
            &["2:1 constant_factor"],
        ),
        (
            "observe 1.0 ~ Normal(0, 1)\nsample x ~ Normal(0, 1)",
            &["1:1 constant_observe"],
        ),
        (
            "condition 1 < 2\nsample x ~ Normal(0, 1)",
            &["1:1 constant_condition"],
        ),
        (
            "data y: real\nsample m ~ Normal(0, 1)\nobserve y ~ Normal(0, 1)",
            &["3:1 idle_evidence"],
        ),
        (
            "sample x ~ Normal(0, 1)\ncondition x == 1.5",
            &["2:11 impossible_condition"],
        ),
        (
            "sample x ~ Normal(0, 1)\nlet b = x + 1 == 2\nreturn { x, b }",
            &["2:9 never_equal"],
        ),
        (
            "sample x ~ iid(Normal(0, 1), 2)\nif x[0] != 0 { factor -1 }",
            &["2:4 never_equal"],
        ),
        (
            "sample x ~ Normal(0, 1)\nsample y ~ Normal(0, 1)\ncondition x == y",
            &["3:11 impossible_condition"],
        ),
        (
            "fn f() { sample x ~ Beta(1, 1)\nx == 0.5 }\nreturn f()",
            &["2:1 never_equal"],
        ),
    ]);
    check(&[
        (
            "sample x ~ Normal(0, 1)\nfactor -x\nif x > 0 { factor 1 }",
            &[],
        ),
        (
            "data y: real\nsample m ~ Normal(0, 1)\nobserve y ~ Normal(m, 1)\nobserve y ~ Normal(0, 1)",
            &[],
        ),
        (
            "data y: real?[3]\nsample m ~ Normal(0, 1)\nobserve y ~ Normal(0, 1)",
            &[],
        ),
        ("data y: real\nobserve y ~ Normal(0, 1)", &[]),
        ("sample k ~ Poisson(2)\ncondition k == 3", &[]),
        ("sample x ~ Delta(3)\ncondition x == 3", &[]),
        (
            "sample x ~ censor(Normal(0, 1), upper = 2)\ncondition x == 2",
            &[],
        ),
        (
            "sample k ~ Poisson(2)\nlet x = [0.5, 1.5, 2.5][min(k, 2)]\ncondition x == 1.5",
            &[],
        ),
        (
            "sample m ~ Normal(0, 1)\nfn f(v) { observe v ~ Normal(m, 1) }\nf(1.0)\ndata y: real\nobserve y ~ Normal(0, 1)",
            &[],
        ),
        (
            "sample x ~ Normal(0, 1)\nlet y = if x > 0 { 1.0 } else { 2.0 }\ncondition y == 1",
            &[],
        ),
    ]);
    let said = words("sample x ~ Normal(0, 1)\ncondition x == 1.5");
    assert!(said.contains("observe 1.5 ~ Normal(x, sigma)"), "{said}");
}

#[test]
fn statements_that_do_nothing() {
    check(&[
        (
            "sample a ~ Normal(0, 1)\nlet x = a\n- 1\nreturn x",
            &["3:1 no_effect"],
        ),
        ("sample a ~ Normal(0, 1)\na + 1", &["2:1 no_effect"]),
        (
            "sample a ~ Normal(0, 1)\na == 2.0",
            &["2:1 never_equal", "2:1 no_effect"],
        ),
        ("fn f(x) { x + 1\nx }\nreturn f(1)", &["1:11 no_effect"]),
        ("fn f(x) { x + 1 }\nf(1)", &["2:1 no_effect"]),
        ("return 1\nlet x = 2\nprint(x)", &["2:1 unreachable"]),
        (
            "fn f(x) { return x\nx + 1 }\nreturn f(1)",
            &["2:1 unreachable"],
        ),
        ("for i in 0..3 { break\nprint(i) }", &["2:1 unreachable"]),
        (
            "fn f(x) { if x > 0 { return 1 } else { return 2 }\n3 }\nreturn f(1)",
            &["2:1 unreachable"],
        ),
        (
            "var i = 0\nvar j = 0\nwhile i < 3 { j += 1 }\nreturn i + j",
            &["3:7 endless_loop"],
        ),
        ("while true { print(1) }", &["1:7 endless_loop"]),
        (
            "let a = div(1, 2) + 3\nlet b = 2 ^ -1\nlet c = int(1 / 2)\nreturn a + b + c",
            &[
                "1:9 division_is_zero",
                "2:9 negative_power",
                "3:9 division_is_zero",
            ],
        ),
    ]);
    check(&[
        (
            "fn weigh(x) { factor -x }\nsample x ~ Normal(0, 1)\nweigh(x)",
            &[],
        ),
        (
            "fn lik(v) { observe v ~ Normal(0, 1) }\n[lik(v) for v in [1.0, 2.0]]\nmap([1.0], |v| lik(v))",
            &[],
        ),
        (
            "sample x ~ Normal(0, 1)\nif x > 0 { factor -1 } else { factor -2 }",
            &[],
        ),
        ("sample x ~ Normal(0, 1)\nprint(x)\nassert(x < 100)", &[]),
        ("fn f(g) { g(1) }\nf(|x| print(x))", &[]),
        ("return f(1)\nfn f(x) { x }", &[]),
        (
            "var k = 0\nwhile sample Flip(0.5) { k += 1 }\nreturn k",
            &[],
        ),
        (
            "var i = 0\nwhile true { i += 1\nif i > 3 { break } }\nreturn i",
            &[],
        ),
        (
            "fn f() { var i = 0\nwhile true { i += 1\nif i > 3 { return i } } }\nreturn f()",
            &[],
        ),
        (
            "fn first(xs) { for x in xs { if x > 2 { return x } }\n-1 }\nreturn first([1, 2])",
            &[],
        ),
        (
            "return { a: 5 / 2, b: div(-5, 2), c: div(7, 2), d: 2 ^ 3, e: 2.0 ^ -1, f: 1 / 2 }",
            &[],
        ),
    ]);
    let said = words("sample a ~ Normal(0, 1)\nlet x = a\n- 1\nreturn x");
    assert!(said.contains("a newline ends a statement"), "{said}");
}

/// A used file is warned about when it is checked itself, not by each program that uses it.
#[test]
fn used_files_are_left_alone() {
    check(&[("use \"helpers.odp\"\nreturn twice(1)", &[])]);
}
