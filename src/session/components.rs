//! What is taken apart into components, what stays together, and that nothing is lost on the way.

use std::sync::Arc;

use rand_distr::{Distribution, StandardNormal};

use super::{Bound, InferRequest, Limits, Session};
use crate::base::Seed;
use crate::lower::{Passes, Target};
use crate::store::{Inputs, NoFiles};

/// Executions looked at.
const ROWS: usize = 5;

fn compiled(text: &str, passes: Passes) -> Bound {
    let limits = Limits {
        passes,
        ..Limits::default()
    };
    Session::compile("p.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &limits))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

fn without_split() -> Passes {
    Passes::parse("fold,cse,dead,simplify,stats,gemm,fuse,plates").unwrap()
}

/// log r at some prior noise, and the sum of the sizes of its parts.
fn weights(bound: &Bound) -> Vec<(f64, f64)> {
    let (lowered, dim) = (bound.inner().0, bound.inner().0.dim);
    let mut stream = Seed(11).stream("z", 0);
    let mut rows = Vec::new();
    for _ in 0..ROWS {
        let z: Vec<f64> = (0..dim)
            .map(|_| StandardNormal.sample(&mut stream))
            .collect();
        let (mut sum, mut size) = (lowered.constant, lowered.constant.abs());
        for component in &lowered.components {
            for member in component.members() {
                let own: Vec<f64> = member.iter().map(|c| z[*c]).collect();
                let mut w = [0.0];
                component.log_r(&own, &mut w);
                sum += w[0];
                size += w[0].abs();
            }
        }
        rows.push((sum, size));
    }
    rows
}

/// All components, and those that differ; log r is that of the program in one piece.
fn counted(text: &str) -> (usize, usize) {
    let apart = compiled(text, Passes::default());
    let together = compiled(text, without_split());
    for ((a, size), (b, _)) in weights(&apart).into_iter().zip(weights(&together)) {
        let near = a == b || (a - b).abs() <= 1e-12 * (1.0 + size);
        assert!(near, "{text}: {a} in parts, {b} in one");
    }
    let components = &apart.inner().0.components;
    let all = components.iter().map(|c| c.members().len()).sum();
    (all, components.len())
}

const PAIRS: &str = "sample x[i in 0..32] ~ Normal(0, 3)\n";
const WELL: &str = "-x[2 * i] ^ 4 + 6 * x[2 * i] ^ 2 + x[2 * i] / 2 - x[2 * i + 1] ^ 2 / 2 - log_prob(Normal(0, 3), x[2 * i]) - log_prob(Normal(0, 3), x[2 * i + 1])";

/// The many wells in the forms in which they are written.
fn wells() -> Vec<String> {
    let whole = "-log_prob(Normal(0, 3), x)";
    vec![
        format!("{PAIRS}for i in 0..16 {{ factor {WELL} }}\n"),
        format!("{PAIRS}factor sum([{WELL} for i in 0..16])\n"),
        format!(
            "{PAIRS}let a = x[0..16]\nlet b = x[16..32]\nfactor sum(-a ^ 4 + 6 * a ^ 2 + a / 2) - sum(b ^ 2) / 2 - log_prob(Normal(0, 3), x)\n"
        ),
        format!(
            "{PAIRS}let a = [x[2 * i] for i in 0..16]\nlet b = [x[2 * i + 1] for i in 0..16]\nfactor sum(-a ^ 4 + 6 * a ^ 2 + a / 2) {whole} - dot(b, b) / 2 + 1 - 1\n"
        ),
        format!(
            "{PAIRS}let p = reshape(x, 16, 2)\nlet a = p[.., 0]\nlet b = p[.., 1]\nfactor sum(-a ^ 4 + 6 * a ^ 2 + a / 2 - b ^ 2 / 2) {whole}\n"
        ),
        format!(
            "{PAIRS}let p = transpose(reshape(x, 16, 2))\nlet a = p[0]\nlet b = p[1]\nfactor sum(stack([-a ^ 4 + 6 * a ^ 2 + a / 2, -0.5 * b ^ 2])) {whole}\n"
        ),
        format!(
            "{PAIRS}var s = 0.0\nfor i in 0..16 {{ s += {WELL} }}\nfactor s\n"
        ),
        format!(
            "{PAIRS}fn well(a, b) {{ -a ^ 4 + 6 * a ^ 2 + a / 2 - b ^ 2 / 2 }}\nfactor sum([well(x[2 * i], x[2 * i + 1]) for i in 0..16]) {whole}\n"
        ),
        "sample a ~ iid(Normal(0, 3), 16)\nsample b ~ iid(Normal(0, 3), 16)\nfactor sum(-a ^ 4 + 6 * a ^ 2 + a / 2 - log_prob_each(Normal(0, 3), a) - 0.5 * b ^ 2 - log_prob_each(Normal(0, 3), b))\n".to_string(),
    ]
}

#[test]
fn many_wells_are_found_however_they_are_written() {
    for text in wells() {
        assert_eq!(counted(&text), (32, 2), "{text}");
    }
}

#[test]
fn pairs_that_interact_are_sixteen() {
    let pair = "factor -(x[2 * i] * x[2 * i + 1]) ^ 2 + x[2 * i]";
    let text = format!("{PAIRS}for i in 0..16 {{ {pair} }}\n");
    assert_eq!(counted(&text), (16, 1));
    let text =
        format!("{PAIRS}let a = x[0..16]\nlet b = x[16..32]\nfactor sum(-(a * b) ^ 2 + a) + 3\n");
    assert_eq!(counted(&text), (16, 1));
}

#[test]
fn plates_of_observations_are_taken_apart_element_by_element() {
    let draws = "sample x[i in 0..6] ~ Normal(0, 3)\n";
    for (body, want) in [
        // Different data are different components, equal data are alike.
        (
            "observe [1.0, 2.0, 3.0, 4.0, 5.0, 6.0] ~ Normal(x, 1)",
            (6, 6),
        ),
        (
            "observe [1.0, 2.0, 1.0, 2.0, 1.0, 2.0] ~ Normal(x, 1)",
            (6, 2),
        ),
        (
            "let y = [1.0, 2.0, 1.0, 2.0, 1.0, 2.0]\nobserve y[i in 0..6] ~ Normal(x[i], 1)",
            (6, 2),
        ),
        (
            "observe 1.0 ~ Normal(x[0], 1)\nobserve 1.0 ~ Normal(x[4], 1)",
            (2, 1),
        ),
        ("observe [1.0, 2.0] ~ Normal(x[1..3], x[4] ^ 2 + 1)", (1, 1)),
    ] {
        assert_eq!(counted(&format!("{draws}{body}\n")), want, "{body}");
    }
}

#[test]
fn what_is_shared_keeps_a_plate_together() {
    let plate = "sample x[i in 0..8] ~ Normal(0, 1)\nlet y = linspace(-1, 1, 8)\n";
    for body in [
        // A scale for all.
        "sample s ~ HalfNormal(1)\nobserve y ~ Normal(x, s)\n",
        // A chain.
        "for i in 1..8 { factor -(x[i] - x[i - 1]) ^ 2 }\n",
        // A covariance.
        "observe y ~ MultiNormal(x, eye(8) + 0.5)\n",
        // An index by chance.
        "sample k ~ DiscreteUniform(0, 7)\nfactor x[k]\nfactor sum(x[k] * x)\n",
        // A product of sums, and a function of a sum.
        "factor sum(x) * sum(y * x)\n",
        "factor exp(-sum(x ^ 2))\n",
        "factor logsumexp(x)\n",
        "factor -(y @ x) ^ 2\n",
        "factor sum(cumsum(x) ^ 2)\n",
        "factor -variance(x)\n",
        // A mask over all.
        "if x[0] > 0 { factor sum(x) }\n",
    ] {
        let text = format!("{plate}{body}");
        assert_eq!(counted(&text).0, 1, "{text}");
    }
}

#[test]
fn branches_stay_with_what_they_depend_on() {
    let text = "sample x[i in 0..6] ~ Normal(0, 1)\nfor i in 0..6 { if x[i] > 0 { factor x[i] ^ 2 / 4 - 1 } else { factor -x[i] } }\n";
    assert_eq!(counted(text), (6, 1));
    let text = "sample x[i in 0..6] ~ Normal(0, 1)\nfor i in 0..3 { if x[i] > 0 { factor x[i] + x[i + 3] + 1 } }\n";
    assert_eq!(counted(text), (3, 1));
    let text =
        "sample x[i in 0..6] ~ Normal(0, 1)\nfor i in 0..6 { condition x[i] > -1 }\nfactor 2\n";
    assert_eq!(counted(text), (6, 1));
    let text = "sample b[i in 0..3] ~ Flip(0.3)\nfor i in 0..2 { if b[i] { observe 1.0 ~ Normal(0, 1) } }\n";
    assert_eq!(counted(text), (2, 1));
    let text = "sample x[i in 0..4] ~ Normal(0, 1)\nsample k[i in 0..4] ~ Poisson(exp(x[i]))\nobserve [1, 0, 1, 2] ~ Poisson(k + 0.5)\n";
    assert_eq!(counted(text), (4, 3));
}

#[test]
fn what_reaches_no_weight_is_in_no_component() {
    let text = "sample x[i in 0..10] ~ Normal(0, 1)\nfactor sum(x[2..5] ^ 3) - x[9]\n";
    let bound = compiled(text, Passes::default());
    let facts = bound.describe().noise.unwrap();
    assert_eq!((facts.dim, facts.active, facts.components), (10, 4, 4));
    assert_eq!(counted(text), (4, 2));
}

#[test]
fn known_summands_are_kept() {
    let text =
        "sample x[i in 0..3] ~ Normal(0, 1)\nfactor 3 + sum(x) - log(2) + sum([1.0, 2.0, x[0]])\n";
    assert_eq!(counted(text), (3, 2));
    // One that is infinite decides about all of them.
    let text = "sample x[i in 0..3] ~ Normal(0, 1)\nfactor sum(x) + log_prob(Uniform(0, 1), 2)\n";
    assert_eq!(counted(text).0, 1);
}

#[test]
fn discrete_sites_keep_their_names_and_values() {
    let text = "sample k[i in 0..4] ~ Categorical([0.2, 0.3, 0.5])\nsample m[i in 0..3] ~ Poisson(2)\nlet a = [0.0, 1.0, 4.0]\nobserve [0.1, 1.2, 3.9, 0.1] ~ Normal(a[k], 1)\nobserve 2.0 ~ Normal(m[1], 1)\n";
    assert_eq!(counted(text), (5, 4));
    let bound = compiled(text, Passes::default());
    let mut names: Vec<String> = bound
        .describe()
        .discrete
        .iter()
        .map(|d| d.name.clone())
        .collect();
    names.sort();
    assert_eq!(names, ["k[0]", "k[1]", "k[2]", "k[3]", "m[1]"]);
}

#[test]
fn enumeration_of_components_is_exact() {
    let text = "sample k[i in 0..6] ~ Bernoulli(0.3)\nobserve [1, 0, 1, 1, 0, 1] ~ Bernoulli(0.1 + 0.6 * k)\nreturn { both: real(k[0]) * real(k[2]) }\n";
    assert_eq!(counted(text), (6, 2));
    let answer = inferred(text, "enumerate", 100);
    // P(k = 1 | y = 1) = .3 · .7 / (.3 · .7 + .7 · .1) = .75, and P(y = 1) = .28.
    let mean = answer.parameters[0].1.mean.unwrap();
    assert!((mean - 0.5625).abs() < 1e-12, "{mean}");
    let z = 4.0 * 0.28f64.ln() + 2.0 * 0.72f64.ln();
    assert!((answer.log_z.estimate.unwrap() - z).abs() < 1e-12);
}

#[test]
fn many_different_ones_are_packed() {
    let text =
        "sample x[i in 0..1000] ~ Normal(0, 1)\nobserve linspace(0, 1, 1000) ~ Normal(x, 1)\n";
    let (all, different) = counted(text);
    assert!(all == different && all <= 32, "{all} of {different}");
    let alike = "sample x[i in 0..5000] ~ Normal(0, 1)\nfactor -sum(x ^ 4)\n";
    let (all, different) = counted(alike);
    assert!(all <= 64 && different <= 2, "{different} of {all}");
}

#[test]
fn a_failure_is_blamed_where_it_happens() {
    let text = "sample x[i in 0..8] ~ Normal(0, 1)\nfactor sum(sqrt(x) - x)\n";
    let bound = compiled(text, Passes::default());
    let labels = bound.warnings()[0].labels.iter().map(|l| l.span);
    let places: Vec<&str> = labels
        .map(|s| &text[s.start as usize..s.end as usize])
        .collect();
    assert!(places.contains(&"sqrt(x)"), "{places:?}");
}

/// Infers and returns log Z with its error, and draws by name.
fn inferred(text: &str, engine: &str, n: usize) -> super::Answer {
    let bound = compiled(text, Passes::default());
    let request = InferRequest {
        draws: n,
        ..InferRequest::new(engine, 3)
    };
    bound
        .infer(&request)
        .unwrap_or_else(|f| panic!("{engine}: {f}\n{text}"))
}

/// Share of the well's right side: the ratio of ∫ exp(−x⁴ + 6x² + x/2) over x > 0 to that over all x.
fn right_side() -> f64 {
    let f = |x: f64| (-x.powi(4) + 6.0 * x * x + x / 2.0).exp();
    let sum = |a: i32, b: i32| -> f64 { (a..b).map(|i| f((f64::from(i) + 0.5) * 1e-4)).sum() };
    let (left, right) = (sum(-50_000, 0), sum(0, 50_000));
    right / (left + right)
}

fn wells_in_proportion(engine: &str) {
    let text = format!("{}return {{ x }}\n", wells()[1]);
    let answer = inferred(&text, engine, 4000);
    let (z, se) = (answer.log_z.estimate.unwrap(), answer.log_z.se.unwrap());
    // 16 · (ln 11784.51 + ½ ln 2π).
    let off = (z - 164.6957).abs();
    // The two kinds of well are each inferred once: sixteen times the error of one of either, which SMC's particles leave at .005.
    let most = match engine {
        "diffusion" => 0.02,
        _ => 0.2,
    };
    assert!(
        off < most && off < 5.0 * se + 1e-3,
        "{engine}: log Z {z} ± {se}"
    );
    let draws = &answer.record.draws;
    let x = &draws.outputs[0].values;
    let n = draws.n;
    let up = |draw: usize, i: usize| f64::from(u8::from(x[draw * 32 + 2 * i] > 0.0));
    let p = right_side();
    // Shares of n independent draws: five standard errors for each of 16 wells and 120 pairs, 1e-4 in all. Copies of one
    // run share its error of log Z, which is far below.
    let near = |share: f64, truth: f64| {
        let error = (truth * (1.0 - truth) / n as f64).sqrt();
        (share - truth).abs() < 5.0 * error + 0.005
    };
    for i in 0..16 {
        let share = (0..n).map(|d| up(d, i)).sum::<f64>() / n as f64;
        assert!(near(share, p), "{engine}: well {i}: {share}, not {p}");
        for j in 0..i {
            let both = (0..n).map(|d| up(d, i) * up(d, j)).sum::<f64>() / n as f64;
            assert!(near(both, p * p), "{engine}: wells {i} and {j}: {both}");
        }
    }
}

#[test]
fn all_modes_of_many_wells_in_proportion_by_smc() {
    wells_in_proportion("smc");
}

#[test]
fn all_modes_of_many_wells_in_proportion_by_diffusion() {
    wells_in_proportion("diffusion");
}
