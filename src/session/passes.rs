//! Every subset of the compiler's passes gives every example the same log r and the same gradient.

use std::path::Path;

use rand_distr::{Distribution, StandardNormal};

use super::tests::folders;
use super::{Bound, Limits, Session};
use crate::base::Seed;
use crate::lower::{Passes, Target};
use crate::store::{Inputs, NoFiles};

/// Executions looked at.
const ROWS: usize = 6;
/// The subset that is `fuse` alone; it works where `dead`, subset 4, does.
const FUSE: u16 = 1 << 7;
/// The subset that is `forward` alone; it works where `cse` and `dead` do.
const FORWARD: u16 = 1 << 9;
/// All passes.
const ALL: u16 = (1 << 10) - 1;
/// Relative to the sizes of what is summed.
const TOLERANCE: f64 = 1e-12;

fn compiled(text: &str, inputs: &Inputs, passes: Passes) -> Bound {
    let limits = Limits {
        passes,
        ..Limits::default()
    };
    Session::compile("p.odp", text, std::sync::Arc::new(NoFiles))
        .and_then(|p| p.bind(inputs, &limits))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

/// log r and gradient of some executions, with the size of what each is a sum of.
fn values(bound: &Bound) -> (Vec<f64>, Vec<f64>) {
    let (lowered, dim) = (bound.inner().0, bound.inner().0.dim);
    let mut stream = Seed(5).stream("z", 0);
    let z: Vec<f64> = (0..ROWS * dim)
        .map(|_| StandardNormal.sample(&mut stream))
        .collect();
    let mut weights = [lowered.constant; ROWS];
    let mut sums = [lowered.constant.abs(); ROWS];
    let mut slopes = vec![0.0; z.len()];
    for component in &lowered.components {
        for member in component.members() {
            let pick = |row: usize| member.iter().map(move |c| row * dim + c);
            let own: Vec<f64> = (0..ROWS).flat_map(pick).map(|i| z[i]).collect();
            let (mut w, mut g) = (vec![0.0; ROWS], vec![0.0; own.len()]);
            component.log_r_gradient(&own, &mut w, &mut g);
            let mut by_arms = vec![0.0; ROWS];
            component.log_r(&own, &mut by_arms);
            assert_eq!(bits(&w), bits(&by_arms));
            weights.iter_mut().zip(&w).for_each(|(t, w)| *t += w);
            sums.iter_mut().zip(&w).for_each(|(t, w)| *t += w.abs());
            let places = (0..ROWS).flat_map(pick);
            places.zip(g).for_each(|(i, g)| slopes[i] = g);
        }
    }
    let mut found = (Vec::new(), Vec::new());
    for (row, w) in weights.iter().enumerate() {
        let g = &slopes[row * dim..(row + 1) * dim];
        // An execution of weight 0 has no slope, whichever part of it says so.
        let slope = |x: &f64| if w.is_finite() { *x } else { 0.0 };
        let size = g.iter().fold(sums[row], |m, x| m.max(x.abs()));
        let size = if size.is_finite() { size } else { 1.0 };
        found.0.push(*w);
        found.0.extend(g.iter().map(slope));
        found.1.extend(std::iter::repeat_n(size, dim + 1));
    }
    found
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}

fn agree(text: &str, inputs: &Inputs, subsets: impl Iterator<Item = u16>) {
    let (plain, sizes) = values(&compiled(text, inputs, Passes::NONE));
    for k in subsets {
        let passes = Passes::subset(k);
        let (got, _) = values(&compiled(text, inputs, passes));
        assert_eq!(got.len(), plain.len());
        for ((a, b), size) in got.iter().zip(&plain).zip(&sizes) {
            let near = a == b || (a - b).abs() <= TOLERANCE * (1.0 + size);
            assert!(near, "{text}\n{passes:?}: {a} is not {b}, of size {size}");
        }
    }
}

fn example(folder: &Path) -> (String, Inputs) {
    let text = std::fs::read_to_string(folder.join("model.odp")).unwrap();
    let inputs = match std::fs::read(folder.join("data.json")) {
        Ok(bytes) => Inputs::from_bytes("data.json", bytes, 1 << 30).unwrap(),
        Err(_) => Inputs::default(),
    };
    (text, inputs)
}

#[test]
fn the_examples_under_every_subset() {
    for folder in folders(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")) {
        let (text, inputs) = example(&folder);
        let bound = compiled(&text, &inputs, Passes::default());
        // Long unrollings take long to compile: of these, each pass alone, each left out, all and none.
        let few = |k: &u16| matches!(k.count_ones(), 0 | 1 | 9 | 10);
        let large = bound.size() > 200;
        agree(
            &text,
            &inputs,
            (0..=ALL).filter(|k| few(k) || (!large && k & FUSE != 0 && k & FORWARD != 0)),
        );
    }
}

/// Chains of elementwise operations on arrays that are long enough: of most kinds of operations, with operands that are
/// drawn numbers, drawn arrays and data, read once and twice, and with elements that fail.
const CHAINS: [&str; 7] = [
    "observe y ~ Normal(a * exp(-b * t) + 0.3, 1)",
    "observe y ~ Normal(exp(a) * t / (exp(b) + t), exp(0.1 * b))",
    "observe k ~ Poisson(exp(a + b * t))",
    "observe y ~ StudentT(4, a + b * t + a * t ^ 2, exp(b))",
    "let u = a + b * t\nobserve y ~ Normal(where_(u > 0, tanh(u), u * inv_logit(u)) + max(u, t), 1)",
    "observe y ~ Normal(log(2 + a * t) - sqrt(1 + b ^ 2 * t), 1)",
    "sample e ~ iid(Normal(a, exp(b)), 17000)\nlet m = sin(e) + e * t\nobserve y ~ Normal(m, 1 + abs(m))",
];

#[test]
fn chains_with_and_without_their_pass() {
    for chain in CHAINS {
        let data = "let t = linspace(0, 3, 17000)\nlet y = sin(7 * t)\nlet k = [i % 5 for i in 0..17000]\n";
        let text = format!("{DRAWS}{data}{chain}\n");
        let fuses = |passes: Passes| {
            let bound = compiled(&text, &Inputs::default(), passes);
            let sizes = bound.inner().0.components.iter().map(|c| c.size());
            sizes.sum::<usize>()
        };
        assert!(
            fuses(Passes::subset(ALL)) < fuses(Passes::subset(ALL - FUSE)),
            "{chain}"
        );
        agree(
            &text,
            &Inputs::default(),
            [FUSE | 4, ALL, ALL - FUSE].into_iter(),
        );
    }
}

/// Sums over hidden states as programs write them: a reduction for each state, a reduction of a matrix along either axis,
/// evidence that is one number, missing, an impossible start and step, and one recursion that reads another's results.
const RECURSIONS: [&str; 7] = [
    "fn lik(t) { log_prob_each(Normal([a, a + 2], exp(b)), y[t]) }
var f = lik(0) - log(2)
for t in 1..30 { let g = f\nf = [logsumexp(g + step[.., k]) for k in 0..2] + lik(t) }
factor logsumexp(f)",
    "factor hmm::forward([0, -1.5], step, hmm::emissions(Normal([a, 2], exp(b)), y))",
    "factor hmm::forward([0, -inf], [[-1, -inf], [-2, a]], hmm::emissions(Normal([a, 2], 0.001 + exp(8 * b)), y))",
    "let w = hmm::forward_weights([0, -1.5], step, hmm::emissions(Cauchy([a, 2], exp(b)), y))
factor sum(w[30]) + 0.1 * w[3, 1]",
    "var f = [a, b, 0]
for t in 0..12 { f = logsumexp(reshape(f, 1, 3) + rates, axis = 1)
if t % 3 > 0 { f = f + sin(a * t) } }
factor logsumexp(f)",
    "let w = hmm::forward_weights([0, a], step, hmm::emissions(Normal([a, 2], 1), y))
factor hmm::forward([b, 0], step, w + 0.1 * w ^ 2)",
    "factor hmm::forward([0, b], step, [[a * i, -40 * a * (i - 9)] for i in 0..20])",
];

#[test]
fn recursions_with_and_without_their_pass() {
    for recursion in RECURSIONS {
        let data = "let y = sin(7 * linspace(0, 3, 31))\nlet step = log([[0.8, 0.2], [inv_logit(a), 1 - inv_logit(a)]])\nlet rates = [[a * i - b * j for i in 0..3] for j in 0..3]\n";
        let text = format!("use std::hmm\n{DRAWS}{data}{recursion}\n");
        let numbers = |k: u16| -> usize {
            let bound = compiled(&text, &Inputs::default(), Passes::subset(k));
            let sizes = bound.inner().0.components.iter().map(|c| c.size());
            sizes.sum()
        };
        assert!(numbers(ALL) < numbers(ALL - FORWARD), "{recursion}");
        let subsets = [FORWARD | 6, FORWARD | 14, FORWARD, ALL, ALL - FORWARD];
        agree(&text, &Inputs::default(), subsets.into_iter());
    }
}

/// Plates that have a formula, at a size at which they get one.
const PLATES: [&str; 13] = [
    "observe y ~ Normal(a, exp(b))",
    "observe y ~ Normal(a + 1e6, 1)",
    "observe y ~ Normal(a * x + b - 2 * x * x, exp(a))",
    "observe c ~ Bernoulli(inv_logit(a))",
    "observe c ~ BernoulliLogit(a)",
    "observe k ~ Poisson(exp(a))",
    "observe k ~ PoissonLog(a)",
    "observe k ~ Geometric(inv_logit(b))",
    "observe p ~ Exponential(exp(b))\nobserve p ~ Gamma(exp(a), exp(b))\nobserve p ~ LogNormal(a, exp(b))",
    "for i in 0..40 { let m = a + b * x[i]\nobserve y[i] ~ Normal(m, 2) }",
    // Groups: an effect of their own, a slope as well, and two players of one array.
    "sample g ~ iid(Normal(a, 1), 4)\nobserve y ~ Normal(g[k % 4] + b * x, exp(b))",
    "sample g ~ iid(Normal(a, 1), 3, 2)\nobserve y ~ Normal(b + g[c, 0] + 2 * g[c, 1] * x, 1)",
    "sample g ~ iid(Normal(0, 1), 5)\nobserve y ~ Normal(g[k % 5] - g[c], exp(a))",
];

const DRAWS: &str = "sample a ~ Normal(0.3, 1)\nsample b ~ Normal(0, 0.5)\n";
const DATA: &str = "let x = linspace(-1, 2, 40)\nlet y = sin(7 * x) + x\nlet p = exp(sin(9 * x))\nlet k = [div(i * i, 7) % 6 for i in 0..40]\nlet c = [int(i % 3 == 0) for i in 0..40]\n";

#[test]
fn plates_under_every_subset() {
    for plate in PLATES {
        let text = format!("{DRAWS}{DATA}{plate}\n");
        agree(&text, &Inputs::default(), 0..=ALL - FORWARD);
    }
}

#[test]
fn plates_are_summed_up() {
    for plate in PLATES {
        let text = format!("{DRAWS}{DATA}{plate}\n");
        let numbers = |passes| {
            compiled(&text, &Inputs::default(), passes)
                .inner()
                .0
                .components[0]
                .size()
        };
        let (all, none) = (
            numbers(Passes::default()),
            numbers(Passes::parse("dead").unwrap()),
        );
        // Of groups, as many rows are left as there are drawn numbers.
        let most = if plate.starts_with("sample g") {
            90
        } else {
            40
        };
        assert!(all <= most, "{plate}: {all} numbers, {none} without passes");
    }
}

#[test]
fn far_data_lose_no_digits() {
    // The spread is a millionth of the mean: a difference of sums of squares would keep four digits. Subtracting the mean
    // from the data loses nothing, subtracting it from what is drawn would: the truth is that of the data near 0.
    let data = "let far = 1e6 + sin(linspace(0, 50, 400))\n";
    let near =
        format!("sample m ~ Normal(0, 1)\n{data}let y = far - 1e6\nobserve y ~ Normal(m, 0.5)\n");
    let far = format!("sample m ~ Normal(0, 1)\n{data}observe far ~ Normal(1e6 + m, 0.5)\n");
    let (truth, sizes) = values(&compiled(&near, &Inputs::default(), Passes::NONE));
    let (got, _) = values(&compiled(&far, &Inputs::default(), Passes::default()));
    for ((a, b), size) in got.iter().zip(&truth).zip(&sizes) {
        assert!((a - b).abs() <= TOLERANCE * (1.0 + size), "{a} is not {b}");
    }
}

/// The subset that is `arms` alone.
const ARMS: u16 = 1 << 10;

/// Arms of chance that are dear: of a number that is drawn, nested, with draws of their own, under `condition`, and with
/// conditions that are themselves computed in an arm.
const BRANCHES: [&str; 5] = [
    "sample extra ~ Poisson(2.5)
let K = 1 + extra
sample w ~ Dirichlet(fill(1.5, K))
sample mu[k in 0..K] ~ Normal(0, 6)
observe y ~ mixture(w, [Normal(mu[k], 1) for k in 0..K])",
    "let m = if sample Flip(0.3) { a * exp(b * x) } else { a + lgamma(2 + exp(b * x)) }
observe y ~ Normal(m, 1)",
    "let m = if a > 0.5 { let u = sum(exp(b * x))
if u > 45 { lgamma(exp(x * u / 50)) } else { let c = sample Cauchy(u, 2)\nsin(c * x) } } else { tanh(a * x + b) }
observe y ~ Normal(m, exp(b))",
    "let v = sample Beta(2, 3)
let total = if v < 0.4 { let w = sample Beta(2 + v, 3)
v + w * sum(exp(w * x)) } else { v }
condition total > 0.3 * a
observe y ~ StudentT(4, total * x, 1)",
    "sample k ~ DiscreteUniform(0, 2)
if k == 0 { observe y ~ Cauchy(a, exp(b)) } else if k == 1 { observe y ~ Normal(exp(a * x), 1) }
else { sample s ~ HalfNormal(2)\ncondition s > 0.1\nobserve y ~ StudentT(3, a, s) }",
];

#[test]
fn arms_in_their_own_executions_only() {
    for branch in BRANCHES {
        let text = format!("{DRAWS}{DATA}{branch}\n");
        let inputs = Inputs::default();
        let (with, without) = (
            compiled(&text, &inputs, Passes::subset(ALL | ARMS)),
            compiled(&text, &inputs, Passes::subset(ALL)),
        );
        let (a, b) = (
            &with.inner().0.components[0],
            &without.inner().0.components[0],
        );
        assert!(a.runs_by_arms() && !b.runs_by_arms(), "{branch}");
        let (rows, dim, sites) = (300, a.dim(), a.structure().discrete.len());
        let mut stream = Seed(6).stream("z", 0);
        let z: Vec<f64> = (0..rows * dim)
            .map(|_| StandardNormal.sample(&mut stream))
            .collect();
        let mut zk = z.clone();
        let (mut k, mut active) = (vec![0; rows * sites], vec![false; rows * sites]);
        a.discrete_values(&z, &mut k, &mut active);
        for (row, j) in (0..rows).flat_map(|r| (0..sites).map(move |j| (r, j))) {
            zk[row * dim + a.structure().discrete[j].coordinate] = k[row * sites + j] as f64;
        }
        let seen = [a, b].map(|c| {
            let (mut w, mut given, mut p) =
                (vec![0.0; rows], vec![0.0; rows], vec![0.0; rows * sites]);
            c.log_r(&z, &mut w);
            c.log_r_given(&zk, &mut given, &mut p);
            [bits(&w), bits(&given), bits(&p)]
        });
        assert_eq!(seen[0], seen[1], "{branch}");
        agree(
            &text,
            &inputs,
            [ARMS, ARMS | 4, ALL, ALL | ARMS].into_iter(),
        );
    }
}
