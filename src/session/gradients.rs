//! The reverse sweep against differences: every operation, every distribution, every example.

use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use super::tests::{bound, folders};
use super::{Bound, Limits, Session};
use crate::base::Seed;
use crate::lower::{Component, Target};
use crate::store::{Inputs, NoFiles};

/// Executions looked at.
const ROWS: usize = 12;

fn compiled(text: &str) -> Bound {
    Session::compile("g.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &Limits::default()))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

fn noise(n: usize) -> Vec<f64> {
    let mut stream = Seed(3).stream("gradient", 0);
    (0..n).map(|_| StandardNormal.sample(&mut stream)).collect()
}

/// The five-point rule along one coordinate; `None` where a neighbour has no weight.
fn difference(c: &Component, row: &[f64], j: usize, h: f64) -> Option<f64> {
    let dim = c.dim();
    let steps = [1.0, -1.0, 2.0, -2.0];
    let mut z = row.repeat(4);
    steps
        .iter()
        .enumerate()
        .for_each(|(k, s)| z[k * dim + j] += s * h);
    let mut w = [0.0; 4];
    c.log_r(&z, &mut w);
    let d = (8.0 * (w[0] - w[1]) - (w[2] - w[3])) / (12.0 * h);
    d.is_finite().then_some(d)
}

/// What disagrees with differences by more than `tolerance`, relative to the gradient's size and the rounding of log r.
/// Rows where two step lengths disagree are too close to a kink or an edge to tell.
fn disagreements(bound: &Bound, tolerance: f64) -> Vec<String> {
    let mut bad = Vec::new();
    for c in &bound.inner().0.components {
        let dim = c.dim();
        let z = noise(ROWS * dim);
        let (mut w, mut g) = (vec![0.0; ROWS], vec![0.0; ROWS * dim]);
        c.log_r_gradient(&z, &mut w, &mut g);
        let mut values = vec![0.0; ROWS];
        c.log_r(&z, &mut values);
        assert_eq!(w, values, "the gradient's log r is another");
        let mut told = 0;
        for i in (0..ROWS).filter(|&i| w[i].is_finite()) {
            let row = &z[i * dim..(i + 1) * dim];
            let (mut alone, mut one) = (vec![0.0; dim], [0.0]);
            c.log_r_gradient(row, &mut one, &mut alone);
            for j in 0..dim {
                let got = g[i * dim + j];
                let near =
                    |x: f64, t: f64| (got - x).abs() <= t * (1.0 + got.abs()) + 1e-10 * w[i].abs();
                if !near(alone[j], 1e-9) {
                    bad.push(format!("z[{j}] at {row:?}: {got}, alone {}", alone[j]));
                }
                let (Some(a), Some(b)) = (difference(c, row, j, 1e-3), difference(c, row, j, 4e-4))
                else {
                    continue;
                };
                if (a - b).abs() > 0.3 * tolerance * (1.0 + a.abs()) + 1e-10 * w[i].abs() {
                    continue;
                }
                told += 1;
                if !near(b, tolerance) {
                    bad.push(format!("z[{j}] at {row:?}: {got}, by differences {b}"));
                }
            }
        }
        if told == 0 {
            bad.push("no row could be told".to_string());
        }
    }
    bad.truncate(3);
    bad
}

fn check(texts: impl IntoIterator<Item = String>, tolerance: f64) {
    let mut bad = Vec::new();
    for text in texts {
        let found = disagreements(&compiled(&text), tolerance);
        if !found.is_empty() {
            bad.push(format!("{text}{}", found.join("\n")));
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n\n"));
}

const SCALARS: &str = "sample a ~ Normal(0.2, 1)\nsample b ~ Normal(-0.4, 0.7)\n";
const ARRAYS: &str =
    "sample x[i in 0..3] ~ Normal(0.3, 1)\nsample m[i in 0..3, j in 0..3] ~ Normal(0, 0.6)\n";

#[test]
fn functions_of_numbers() {
    let expressions = [
        "exp(a)",
        "log(exp(a) + 1)",
        "log2(2 + sin(a))",
        "log10(2 + sin(a))",
        "log1p(exp(b))",
        "expm1(a)",
        "sqrt(1 + a * a)",
        "cbrt(3 + sin(a))",
        "abs(a - b)",
        "sin(a) * cos(b)",
        "tan(0.3 * a)",
        "asin(0.9 * sin(a))",
        "acos(0.9 * sin(b))",
        "atan(a)",
        "atan2(a, b)",
        "sinh(a)",
        "cosh(a)",
        "tanh(3 * a)",
        "logit(inv_logit(2 * a))",
        "softplus(4 * a)",
        "lgamma(1 + exp(a))",
        "digamma(0.5 + exp(b))",
        "beta_fn(exp(a), 1 + exp(b))",
        "erf(a)",
        "erfc(a)",
        "Phi(a)",
        "log_Phi(3 * a)",
        "inv_Phi(inv_logit(a))",
        "a / (2 + b * b)",
        "(1 + a * a) ^ b",
        "a ^ 3 - a ^ 2",
        "exp(a) ^ 0.5",
        "min(a, b)",
        "max(a, 0.1) * b",
        "a % 1.5",
        "floor(a) * b + round(b) * a + ceil(a) * b",
        "where_(a < b, a * b, exp(a))",
        "where_(a > 0, log(abs(a)), sqrt(abs(a)) * b)",
    ];
    check(expressions.map(|e| format!("{SCALARS}factor {e}\n")), 1e-6);
}

#[test]
fn what_is_not_taken_does_not_leak() {
    let arms = [
        "where_(a > 0, log(a), a)",
        "where_(a > 0, sqrt(a), b)",
        "where_(a > 0, a ^ 0.3, a)",
        "log(where_(a > 0, a, 2 + b))",
    ];
    let mut texts: Vec<String> = arms
        .iter()
        .map(|e| format!("{SCALARS}factor {e}\n"))
        .collect();
    texts.push(format!(
        "{SCALARS}if a > 0 {{\n factor log(a)\n observe 1.0 ~ Normal(b, sqrt(a))\n}}\n"
    ));
    texts.push(format!(
        "{SCALARS}if a > 0 {{\n observe 0.5 ~ Gamma(a, exp(b))\n}}\nfactor b\n"
    ));
    for text in texts {
        let bound = compiled(&text);
        for c in &bound.inner().0.components {
            let z = noise(40 * c.dim());
            let (mut w, mut g) = (vec![0.0; 40], vec![0.0; 40 * c.dim()]);
            c.log_r_gradient(&z, &mut w, &mut g);
            assert!(
                w.iter().all(|w| w.is_finite()) && g.iter().all(|g| g.is_finite()),
                "{text}"
            );
        }
        assert!(disagreements(&bound, 1e-6).is_empty(), "{text}");
    }
}

#[test]
fn arrays_and_matrices() {
    let expressions = [
        "sum(x * [1, 2, 3])",
        "prod(x)",
        "prod(x * [0, 1, 1])",
        "min(x)",
        "max(x)",
        "mean(x)",
        "variance(x)",
        "sd(x)",
        "sum(cumsum(x) * [3, 1, 2])",
        "logsumexp(x)",
        "sum(softmax(x) * [1, 4, 2])",
        "sum(log_softmax(x)[0..2])",
        "sum(sort(x) * [1, 2, 4])",
        "dot(x, x)",
        "norm(x)",
        "sum(sum(m, axis = 0) ^ 2)",
        "sum(logsumexp(m, axis = 1))",
        "sum(softmax(m, axis = 0) * m)",
        "sum(cumsum(m, axis = 1) * m)",
        "sum(prod(m, axis = 0))",
        "sum(max(m, axis = 1))",
        "sum(transpose(m) @ x * [1, 2, 3])",
        "sum((m @ m) * m)",
        "x @ m @ x",
        "sum(outer(x, x) * m)",
        "sum(x[[2, 0, 0]] * [1, 2, 3])",
        "sum(concat(x, x[0..2]) ^ 2)",
        "sum(stack([x, exp(x)]) ^ 2)",
        "sum(reshape(m, 9) ^ 3)",
        "sum(diag(m))",
        "logdet(m @ transpose(m) + eye(3))",
        "logdet(m + 3 * eye(3))",
        "sum(cholesky(m @ transpose(m) + eye(3)) * m)",
        "sum(solve_lower(cholesky(m @ transpose(m) + eye(3)), x) ^ 2)",
        "sum(solve(m + 3 * eye(3), x) ^ 2)",
        "sum(inverse(m + 3 * eye(3)) * m)",
        "x[1] * m[2, 0]",
        "sum(where_(x > 0, x, exp(x)) * m[0])",
        "sum(x + m[.., 1] / (2 + x ^ 2))",
        "fold(x, 0.5, |acc, v| acc * v + sin(v))",
    ];
    check(expressions.map(|e| format!("{ARRAYS}factor {e}\n")), 1e-6);
}

/// (a distribution whose parameters depend on a and b, a value of it; none where it is not observed)
const LAWS: &[(&str, &str)] = &[
    ("Normal(a, exp(b))", "0.4"),
    ("StdNormal()", "0.4"),
    ("LogNormal(a, exp(0.3 * b))", "1.4"),
    ("StudentT(2 + exp(b), a, 1.3)", "0.4"),
    ("StudentT(4, a, exp(b))", "2.4"),
    ("Cauchy(a, exp(b))", "0.4"),
    ("HalfNormal(exp(a))", "0.4"),
    ("HalfCauchy(exp(a))", "0.4"),
    ("HalfStudentT(3, exp(a))", "0.4"),
    ("Laplace(a, exp(b))", "0.47"),
    ("Logistic(a, exp(b))", "0.4"),
    ("Gumbel(a, exp(b))", "0.4"),
    ("SkewNormal(a, exp(b), 1 + a)", "0.4"),
    ("Uniform(a - 4, a + 3 + exp(b))", "0.4"),
    ("Exponential(exp(a))", "0.4"),
    ("Gamma(1 + exp(a), exp(b))", "0.8"),
    ("InvGamma(1 + exp(a), exp(b))", "0.8"),
    ("ChiSquare(1 + exp(a))", "0.8"),
    ("InvChiSquare(1 + exp(a))", "0.8"),
    ("Weibull(1 + exp(a), exp(b))", "0.8"),
    ("Frechet(1 + exp(a), exp(b))", "0.8"),
    ("Pareto(exp(0.1 * a) / 5, 1 + exp(b))", "0.8"),
    ("Beta(1 + exp(a), 1 + exp(b))", "0.3"),
    ("BetaProportion(inv_logit(a), 3 + exp(b))", "0.3"),
    ("VonMises(a, exp(b))", "0.3"),
    ("Triangular(-5 + sin(a), 1 + sin(b), 7)", "0.3"),
    ("truncate(Normal(a, exp(b)), lower = -0.5)", "0.3"),
    (
        "truncate(Normal(a, 1 + b * b), lower = -1, upper = 2)",
        "0.3",
    ),
    ("truncate(Gamma(1 + exp(a), exp(b)), upper = 9)", "0.3"),
];

const COUNTS: &[(&str, &str)] = &[
    ("Bernoulli(inv_logit(a))", "1"),
    ("Flip(inv_logit(a))", "true"),
    ("BernoulliLogit(a + b)", "0"),
    ("Binomial(7, inv_logit(a))", "3"),
    ("BinomialLogit(7, a)", "3"),
    ("BetaBinomial(7, exp(a), exp(b))", "3"),
    ("Poisson(exp(a))", "3"),
    ("PoissonLog(a)", "3"),
    ("NegBinomial(exp(a), exp(b))", "3"),
    ("NegBinomial2(exp(a), exp(b))", "3"),
    ("Geometric(inv_logit(a))", "2"),
    ("Categorical(softmax([a, b, 0]))", "1"),
    ("CategoricalLogit([a, b, 0])", "1"),
    ("OrderedLogistic(a, [-1.0, 0.5 + exp(b)])", "1"),
    ("Multinomial(6, softmax([a, b, 0]))", "[1, 2, 3]"),
    ("zero_inflated(inv_logit(a), Poisson(exp(b)))", "0"),
    ("zero_inflated(inv_logit(a), Poisson(exp(b)))", "2"),
    ("censor(Normal(a, exp(b)), lower = -1, upper = 2)", "2.0"),
    ("censor(Normal(a, exp(b)), lower = -1, upper = 2)", "0.3"),
    (
        "mixture(softmax([a, b]), [Normal(a, 1), Normal(3, exp(b))])",
        "0.8",
    ),
];

const ARRAY_LAWS: &[(&str, &str)] = &[
    (
        "MultiNormal(x, m @ transpose(m) + eye(3))",
        "[0.1, 0.2, -0.4]",
    ),
    (
        "MultiNormalCholesky(x, cholesky(m @ transpose(m) + eye(3)))",
        "[0.1, 0.2, -0.4]",
    ),
    (
        "MultiNormalPrec(x, m @ transpose(m) + eye(3))",
        "[0.1, 0.2, -0.4]",
    ),
    (
        "MultiStudentT(4, x, m @ transpose(m) + eye(3))",
        "[0.1, 0.2, -0.4]",
    ),
    ("Dirichlet(exp(x))", "[0.1, 0.3, 0.6]"),
    (
        "Wishart(4 + exp(x[0]), m @ transpose(m) + eye(3))",
        "[[2, 0.1, 0.3], [0.1, 1.4, 0.2], [0.3, 0.2, 1.1]]",
    ),
    (
        "InvWishart(4 + exp(x[0]), m @ transpose(m) + eye(3))",
        "[[2, 0.1, 0.3], [0.1, 1.4, 0.2], [0.3, 0.2, 1.1]]",
    ),
    (
        "LKJCorr(3, exp(x[0]))",
        "[[1, 0.1, 0.3], [0.1, 1, 0.2], [0.3, 0.2, 1]]",
    ),
    (
        "LKJCholesky(3, exp(x[0]))",
        "[[1, 0, 0], [0.6, 0.8, 0], [0, 0.6, 0.8]]",
    ),
];

#[test]
fn log_densities() {
    let of = |head: &str, (law, x): &(&str, &str)| format!("{head}observe {x} ~ {law}\n");
    let numbers = LAWS.iter().chain(COUNTS).map(|l| of(SCALARS, l));
    check(
        numbers.chain(ARRAY_LAWS.iter().map(|l| of(ARRAYS, l))),
        1e-5,
    );
}

#[test]
fn transports() {
    let numbers = LAWS.iter().map(|(law, _)| {
        format!("{SCALARS}sample v ~ {law}\nfactor -0.5 * sin(v) ^ 2 + log1p(abs(v))\n")
    });
    let arrays = ARRAY_LAWS.iter().map(|(law, _)| {
        format!("{ARRAYS}sample v ~ {law}\nfactor sum(sin(v) * 0.7) + 0.1 * sum(atan(v * v))\n")
    });
    let improper = ["Flat(a)", "HalfFlat()"]
        .map(|l| format!("{SCALARS}sample v ~ {l}\nobserve 0.4 ~ Normal(v, exp(0.5 * b))\n"));
    check(numbers.chain(arrays).chain(improper), 1e-4);
}

#[test]
fn other_functions_of_laws() {
    let laws = [
        "Normal(a, exp(b))",
        "Gamma(1 + exp(a), exp(b))",
        "Weibull(1.5, exp(a))",
    ];
    let functions = [
        "log(cdf(D, 1.2))",
        "log_cdf(D, 1.2 + 0.1 * sin(b))",
        "log_ccdf(D, 1.2)",
        "quantile(D, 0.2 + 0.7 * inv_logit(b))",
        "mean_of(D)",
        "sd_of(D)",
    ];
    let each = |l: &str| functions.map(|f| format!("{SCALARS}factor {}\n", f.replace('D', l)));
    check(laws.iter().flat_map(|l| each(l)), 1e-5);
}

#[test]
fn vectors_of_observations_share_what_is_broadcast() {
    let texts = [
        "observe [0.1, 0.5, -2.0] ~ Normal(x, exp(a))\n",
        "observe [0.1, 0.5, -2.0] ~ Normal(a, exp(x))\n",
        "observe [1, 0, 1] ~ BernoulliLogit(a + x)\n",
        "observe [1, 4, 2] ~ PoissonLog(a * x)\n",
        "observe y[i in 0..3] ~ StudentT(4, x[i], exp(a))\n",
    ];
    let head =
        "let y = [0.1, 0.5, -2.0]\nsample a ~ Normal(0, 1)\nsample x[i in 0..3] ~ Normal(a, 1)\n";
    check(texts.map(|t| format!("{head}{t}")), 1e-6);
}

/// A random expression over a, b and x, of any shape that broadcasts with x.
fn random_expression(depth: usize, pick: &mut impl FnMut(usize) -> usize) -> String {
    if depth == 0 {
        return ["a", "b", "x", "0.7", "[0.5, 1.5, -1.0]"][pick(5)].to_string();
    }
    let one = random_expression(depth - 1, pick);
    match pick(16) {
        0 => format!("exp(0.3 * tanh({one}))"),
        1 => format!("log(1 + ({one}) ^ 2)"),
        2 => format!("sin({one})"),
        3 => format!("inv_logit({one})"),
        4 => format!("softplus({one})"),
        5 => format!("sqrt(1 + ({one}) ^ 2)"),
        6 => format!("log_Phi(tanh({one}))"),
        7 => format!("cumsum(x * ({one}))"),
        8 => format!("log_softmax(x + ({one}))"),
        9 => format!("(m @ (x * 0 + ({one})))"),
        10 => format!("sum(x * ({one}))"),
        _ => {
            let two = random_expression(depth - 1, pick);
            match pick(5) {
                0 => format!("({one}) * tanh({two})"),
                1 => format!("({one}) / (2 + ({two}) ^ 2)"),
                2 => format!("max({one}, {two})"),
                3 => format!("where_(({one}) < ({two}), {two}, sin({one}))"),
                _ => format!("({one}) - ({two})"),
            }
        }
    }
}

#[test]
fn random_programs() {
    let mut state = 1u64;
    let mut pick = |n: usize| {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    let each = (0..60).map(|_| {
        let (mean, weight) = (random_expression(4, &mut pick), random_expression(3, &mut pick));
        format!("{SCALARS}{ARRAYS}observe [0.2, -0.3, 1.0] ~ Normal({mean}, exp(0.2 * a))\nfactor sum(tanh(x + {weight}))\n")
    });
    check(each, 1e-5);
}

#[test]
fn every_example() {
    let examples = folders(concat!(env!("CARGO_MANIFEST_DIR"), "/examples"));
    for folder in examples {
        let bound = bound(&folder);
        if bound.describe().noise.is_some_and(|n| n.smooth) {
            let bad = disagreements(&bound, 1e-5);
            assert!(bad.is_empty(), "{}: {}", folder.display(), bad.join("\n"));
        }
    }
}

#[test]
fn what_is_smooth_and_what_is_not() {
    let jumps = |body: &str| {
        let text = format!("{SCALARS}{body}\n");
        let bound = compiled(&text);
        let all = bound.inner().0.components.iter();
        all.flat_map(|c| c.structure().jumps.clone())
            .map(|j| text[j.span.start as usize..j.span.end as usize].to_string())
            .collect::<Vec<_>>()
    };
    for smooth in [
        "factor abs(a) + max(a, b) + min(a, 0)",
        "factor sum(sort([a, b]))",
        "factor a\nsample k ~ Poisson(exp(a))\nreturn { k, big: floor(b) }",
        "factor b\nlet c = if a > 0 { 1.0 } else { 2.0 }\nreturn { c }",
        "observe 1.0 ~ mixture([0.5, 0.5], [Normal(a, 1), Normal(b, 2)])",
        "sample c ~ Delta(a)\nfactor c * b",
        "if 1 < 2 { factor a * b }",
    ] {
        assert_eq!(jumps(smooth), Vec::<String>::new(), "{smooth}");
    }
    for (rough, at) in [
        (
            "sample k ~ Poisson(exp(a))\nobserve 2.0 ~ Normal(k, 1)",
            "Poisson(exp(a))",
        ),
        ("factor where_(a < b, a, b)", "a < b"),
        ("if a > 0 { factor b }", "a > 0"),
        ("factor floor(a)", "floor(a)"),
        ("factor sign(b) * a", "sign(b)"),
        ("factor argmax([a, b]) * 0.1", "argmax([a, b])"),
        ("condition a < b", "a < b"),
        (
            "sample c ~ censor(Normal(a, 1), lower = 0)\nfactor c",
            "censor(Normal(a, 1), lower = 0)",
        ),
    ] {
        assert!(
            jumps(rough).contains(&at.to_string()),
            "{rough}: {:?}",
            jumps(rough)
        );
    }
}
