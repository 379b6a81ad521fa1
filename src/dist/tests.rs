//! Admission of distributions: every registered one has cases here, and each case must hold the laws below.

use super::*;
use crate::compute::special::{inv_log_phi, log_phi, phi, tanh_sinh};
use arrays::arrays;

mod arrays;
mod combinators;
mod slopes;
mod slopes_arrays;

/// Parameter sets of the distributions over numbers.
const CASES: &[(&str, &[&[f64]])] = &[
    ("StdNormal", &[&[]]),
    ("Normal", &[&[0.0, 1.0], &[-3.5, 0.01], &[1e6, 30.0]]),
    ("LogNormal", &[&[0.0, 1.0], &[2.0, 0.3], &[-1.0, 4.0]]),
    ("HalfNormal", &[&[1.0], &[250.0]]),
    (
        "StudentT",
        &[
            &[3.0, 0.0, 1.0],
            &[0.5, 2.0, 3.0],
            &[40.0, -1.0, 0.2],
            &[1e7, 0.0, 1.0],
        ],
    ),
    ("HalfStudentT", &[&[3.0, 1.0], &[0.7, 5.0], &[100.0, 0.1]]),
    ("Cauchy", &[&[0.0, 1.0], &[-4.0, 0.1]]),
    ("HalfCauchy", &[&[1.0], &[25.0]]),
    ("Uniform", &[&[0.0, 1.0], &[-7.0, 3.0]]),
    ("Exponential", &[&[1.0], &[0.02]]),
    (
        "Gamma",
        &[
            &[1.0, 1.0],
            &[0.1, 2.0],
            &[3.5, 0.5],
            &[2.0e4, 10.0],
            &[0.01, 1.0],
        ],
    ),
    (
        "InvGamma",
        &[&[1.0, 1.0], &[0.1, 2.0], &[3.5, 0.5], &[500.0, 10.0]],
    ),
    (
        "Beta",
        &[
            &[1.0, 1.0],
            &[0.5, 0.5],
            &[2.0, 7.0],
            &[0.05, 3.0],
            &[3e3, 2e4],
        ],
    ),
    ("Laplace", &[&[0.0, 1.0], &[5.0, 0.1]]),
    ("Logistic", &[&[0.0, 1.0], &[5.0, 0.1]]),
    ("Delta", &[&[2.5]]),
    ("Flat", &[&[0.0, 1.0], &[10.0, 3.0]]),
    ("HalfFlat", &[&[1.0], &[100.0]]),
    ("Gumbel", &[&[0.0, 1.0], &[3.0, 0.2]]),
    ("Frechet", &[&[1.0, 1.0], &[4.0, 0.1]]),
    ("Weibull", &[&[1.0, 1.0], &[0.4, 3.0], &[20.0, 0.5]]),
    (
        "SkewNormal",
        &[
            &[0.0, 1.0, 0.0],
            &[1.0, 2.0, 3.0],
            &[0.0, 1.0, -0.5],
            &[-5.0, 0.1, -40.0],
            &[0.0, 1.0, 1e4],
        ],
    ),
    ("ChiSquare", &[&[1.0], &[0.3], &[300.0]]),
    ("InvChiSquare", &[&[1.0], &[8.0]]),
    ("Pareto", &[&[1.0, 1.0], &[0.2, 5.0]]),
    ("BetaProportion", &[&[0.5, 2.0], &[0.1, 30.0]]),
    (
        "VonMises",
        &[
            &[0.0, 1.0],
            &[2.5, 4.0],
            &[-1.0, 0.0],
            &[9.0, 0.5],
            &[1.0, 1e4],
        ],
    ),
    (
        "Triangular",
        &[&[0.0, 0.3, 1.0], &[-1.0, -1.0, 2.0], &[-1.0, 2.0, 2.0]],
    ),
    ("Flip", &[&[0.3], &[0.0], &[1.0], &[1e-12]]),
    ("Bernoulli", &[&[0.3], &[0.0], &[1.0]]),
    ("BernoulliLogit", &[&[0.0], &[-2.0], &[30.0]]),
    (
        "Binomial",
        &[
            &[10.0, 0.3],
            &[0.0, 0.5],
            &[1.0, 0.9],
            &[1e5, 0.02],
            &[7.0, 0.0],
            &[7.0, 1.0],
        ],
    ),
    ("BinomialLogit", &[&[10.0, 0.3], &[1e5, -3.0]]),
    (
        "BetaBinomial",
        &[
            &[10.0, 2.0, 3.0],
            &[50.0, 0.3, 0.2],
            &[1000.0, 5.0, 80.0],
            &[0.0, 1.0, 1.0],
        ],
    ),
    (
        "Hypergeometric",
        &[
            &[20.0, 7.0, 12.0],
            &[1e6, 3e5, 1e3],
            &[5.0, 5.0, 3.0],
            &[0.0, 0.0, 0.0],
        ],
    ),
    ("PoissonLog", &[&[1.0], &[-5.0], &[10.0]]),
    ("NegBinomial", &[&[3.0, 2.0], &[0.1, 1e-3]]),
    ("Poisson", &[&[3.0], &[0.0], &[1e-4], &[1e6], &[75.0]]),
    (
        "NegBinomial2",
        &[&[3.0, 2.0], &[100.0, 0.3], &[5.0, 1e8], &[1e5, 10.0]],
    ),
    ("Geometric", &[&[0.3], &[1.0], &[1e-6]]),
    (
        "DiscreteUniform",
        &[&[0.0, 5.0], &[-3.0, -3.0], &[-1000.0, 1000.0]],
    ),
];

const NOISE: &[f64] = &[
    -30.0, -12.0, -6.0, -3.0, -2.0, -1.0, -0.7, -0.5, -0.1, -1e-3, -1e-9, 0.0, 1e-6, 0.01, 0.3,
    0.65, 0.8, 1.5, 2.5, 4.0, 8.0, 15.0, 30.0,
];

fn scalar(name: &str) -> &'static dyn Univariate {
    match find(name) {
        Some(Distribution::Scalar(d)) => d,
        _ => panic!("{name} is not registered"),
    }
}

fn cases() -> impl Iterator<Item = (&'static dyn Univariate, &'static [f64])> {
    CASES
        .iter()
        .flat_map(|(name, sets)| sets.iter().map(move |p| (scalar(name), *p)))
}

/// The tail probability that a value should have: ln Φ(z) below, ln Φ(−z) above.
fn tail(d: &dyn Univariate, p: &[f64], z: f64, x: f64) -> (f64, f64) {
    if z <= 0.0 {
        (log_phi(z), d.log_cdf(p, x))
    } else {
        (log_phi(-z), d.log_ccdf(p, x))
    }
}

#[test]
fn transport_carries_noise_to_the_law() {
    for (d, p) in cases().filter(|(d, _)| !d.is_discrete() && d.name() != "Delta") {
        let mut last = f64::NEG_INFINITY;
        for &z in NOISE {
            let x = d.transport(p, z);
            assert!(
                x >= last,
                "{} {p:?}: not monotone at z = {z}: {x} after {last}",
                d.name()
            );
            last = x;
            if x == f64::MIN_POSITIVE || x.abs() == f64::MAX {
                continue; // under- or overflowed
            }
            let (want, got) = tail(d, p, z, x);
            assert!(
                x.is_finite() && !got.is_nan(),
                "{} {p:?}: z = {z} to {x:e}",
                d.name()
            );
            // What rounding x to an f64 alone may cost: the tails at its neighbours.
            let slack = 2.0 * f64::EPSILON * x.abs();
            let rounding = 2.0 * (tail(d, p, z, x + slack).1 - tail(d, p, z, x - slack).1).abs();
            if rounding > 1e-3 || rounding.is_nan() {
                continue; // f64s lie too far apart there, as below 1
            }
            let tolerance = 1e-12 * (1.0 + want.abs()) + rounding;
            assert!(
                (want - got).abs() <= tolerance,
                "{} {p:?}: z = {z} to {x:e}: {got} for {want} ({rounding})",
                d.name()
            );
        }
    }
}

#[test]
fn discrete_values_own_their_cells() {
    for (d, p) in cases().filter(|(d, _)| d.is_discrete()) {
        for &z in NOISE {
            let k = d.transport(p, z);
            let (level, at) = tail(d, p, z, k);
            let (_, before) = tail(d, p, z, k - 1.0);
            let holds = if z <= 0.0 {
                before < level && level <= at
            } else {
                at <= level && level < before
            };
            assert!(
                holds,
                "{} {p:?}: z = {z} to {k}: {before} {level} {at}",
                d.name()
            );
        }
    }
}

/// The rows of a table, split at commas, the header left out.
fn table(text: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace()
        .map(|v| v.parse().expect("a number"))
        .collect()
}

/// Log-densities and log tails: relative 1e-11 in what they stand for, or in the log where that is larger than 1.
fn close(got: f64, want: f64) -> bool {
    got == want || (got - want).abs() <= 1e-11 * (1.0 + want.abs())
}

#[test]
fn univariate_tables() {
    for row in table(include_str!("../../tests/data/dists/univariate.csv")) {
        let Some(Distribution::Scalar(d)) = find(row[0]) else {
            panic!("{} is not registered", row[0])
        };
        let (p, v) = (numbers(row[1]), numbers(&row[2..].join(" ")));
        let got = [
            d.log_density(&p, v[0]),
            d.log_cdf(&p, v[0]),
            d.log_ccdf(&p, v[0]),
        ];
        let holds = got.iter().zip(&v[1..]).all(|(g, w)| close(*g, *w));
        assert!(
            holds,
            "{} {p:?} at {:e}: {got:?}, should be {:?}",
            row[0],
            v[0],
            &v[1..]
        );
    }
}

#[test]
fn quantiles_in_tables() {
    for row in table(include_str!("../../tests/data/dists/univariate.csv")) {
        let Some(Distribution::Scalar(d)) = find(row[0]) else {
            panic!("{} is not registered", row[0])
        };
        let (p, v) = (numbers(row[1]), numbers(&row[2..].join(" ")));
        if d.is_discrete() {
            continue; // at the edge of a cell either side is right
        }
        let z = if v[2] < v[3] {
            inv_log_phi(v[2])
        } else {
            -inv_log_phi(v[3])
        };
        let x = d.transport(&p, z);
        // Relative to x, or to the scale of values where x passes through 0.
        let scale = v[0].abs().max(
            1e-2 * (d.transport(&p, 0.5) - d.transport(&p, -0.5))
                * f64::from(d.support(&p).0 < 0.0),
        );
        assert!(
            (x - v[0]).abs() <= 1e-12 * scale,
            "{} {p:?}: {x:e} for {:e} at z = {z}",
            row[0],
            v[0]
        );
    }
}

#[test]
fn every_distribution_has_a_case() {
    for d in all() {
        let name = d.describe().name();
        match d {
            Distribution::Scalar(_) => {
                assert!(CASES.iter().any(|c| c.0 == name), "{name} has no case")
            }
            Distribution::Array(_) => {
                assert!(arrays().iter().any(|c| c.0 == name), "{name} has no case")
            }
        }
        assert!(find(name).is_some() && !d.describe().summary().is_empty());
    }
    assert!(find("Nonesuch").is_none());
}

#[test]
fn densities_integrate_to_the_mass_of_noise() {
    let edges = [
        -8.0, -6.5, -5.0, -4.0, -3.0, -2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0,
        5.0, 6.5, 8.0,
    ];
    for (d, p) in cases().filter(|(d, _)| !d.is_discrete() && d.name() != "Delta") {
        for w in edges.windows(2) {
            let (from, to) = (d.transport(p, w[0]), d.transport(p, w[1]));
            if (0.0..=f64::MIN_POSITIVE).contains(&from) {
                continue; // underflowed
            }
            let slack = 64.0 * f64::EPSILON * from.abs().max(to.abs()) / (to - from);
            if slack > 1e-3 {
                continue; // f64s are too sparse, as below 1
            }
            // In the log of the distance from the end of the support, where densities of small shape are smooth.
            let density = |x: f64| (d.log_density(p, x) - d.improper_correction(p, x)).exp();
            let area = if d.support(p).0 == 0.0 {
                tanh_sinh((to / from).ln(), |u, _| {
                    from * u.exp() * density(from * u.exp())
                })
            } else {
                tanh_sinh(to - from, |l, r| {
                    density(if l < r { from + l } else { to - r })
                })
            };
            let mass = if w[0] < 0.0 {
                phi(w[1]) - phi(w[0])
            } else {
                phi(-w[0]) - phi(-w[1])
            };
            let tolerance = if d.name() == "Triangular" { 1e-6 } else { 1e-9 }; // its kink lies inside a cell
            assert!(
                (area / mass - 1.0).abs() < tolerance + slack,
                "{} {p:?}: {area} for {mass} between {from:e} and {to:e}",
                d.name()
            );
        }
    }
}

#[test]
fn masses_add_up_to_the_distribution_function() {
    for (d, p) in cases().filter(|(d, _)| d.is_discrete()) {
        let (first, last) = (d.transport(p, -8.2), d.transport(p, 8.2));
        if last - first > 1e5 {
            continue;
        }
        let (mut sum, mut k) = (d.log_cdf(p, first - 1.0).exp(), first);
        while k <= last {
            sum += d.log_density(p, k).exp();
            let (below, above) = (d.log_cdf(p, k).exp(), d.log_ccdf(p, k).exp());
            assert!(
                (below - sum).abs() < 1e-11 && (below + above - 1.0).abs() < 1e-13,
                "{} {p:?} at {k}: {below} for {sum}",
                d.name()
            );
            assert!(
                d.log_cdf(p, k + 0.5) == d.log_cdf(p, k)
                    && d.log_density(p, k + 0.5) == f64::NEG_INFINITY
            );
            k += 1.0;
        }
        assert!(
            (sum - 1.0).abs() < 1e-11,
            "{} {p:?} adds up to {sum}",
            d.name()
        );
    }
}

#[test]
fn moments_are_those_of_the_transport() {
    // The trapezoid rule is exact to rounding for smooth transports; heavy tails need the far noise.
    const STEP: f64 = 1.0 / 64.0;
    for (d, p) in cases().filter(|(d, _)| !d.is_discrete() && d.name() != "Delta") {
        let (mean, sd) = (d.mean(p), d.sd(p));
        let moment = |f: &dyn Fn(f64) -> f64| -> f64 {
            (-2368..=2368)
                .map(|i| f64::from(i) * STEP)
                .map(|z| f(d.transport(p, z)) * (-0.5 * z * z).exp())
                .sum::<f64>()
                * STEP
                / (2.0 * std::f64::consts::PI).sqrt()
        };
        // The transport of the one has a kink, that of the other all but a step where the density is least.
        let rough = matches!(d.name(), "Triangular" | "VonMises");
        let tolerance = if rough { 1e-3 } else { 1e-7 };
        if mean.is_finite() {
            let got = moment(&|x| x);
            assert!(
                (got - mean).abs()
                    <= tolerance * mean.abs().max(if sd.is_finite() { sd } else { 0.0 }),
                "{} {p:?}: mean {mean}, not {got}",
                d.name()
            );
        }
        if sd.is_finite() {
            let got = moment(&|x| (x - mean).powi(2)).sqrt();
            assert!(
                (got / sd - 1.0).abs() <= tolerance,
                "{} {p:?}: sd {sd}, not {got}",
                d.name()
            );
        }
    }
    for (d, p) in cases().filter(|(d, _)| d.is_discrete()) {
        let (first, last) = (d.transport(p, -9.0), d.transport(p, 9.0));
        if last - first > 1e5 {
            continue;
        }
        let values = || (0..=(last - first) as usize).map(|i| first + i as f64);
        let mean: f64 = values().map(|k| k * d.log_density(p, k).exp()).sum();
        let variance: f64 = values()
            .map(|k| (k - mean).powi(2) * d.log_density(p, k).exp())
            .sum();
        assert!(
            (d.mean(p) - mean).abs() <= 1e-9 * (1.0 + mean.abs()),
            "{} {p:?}: mean {}, not {mean}",
            d.name(),
            d.mean(p)
        );
        assert!(
            (d.sd(p) - variance.sqrt()).abs() <= 1e-7 * (1.0 + variance.sqrt()),
            "{} {p:?}: sd {}, not {}",
            d.name(),
            d.sd(p),
            variance.sqrt()
        );
    }
}

#[test]
fn nothing_outside_of_the_support() {
    for (d, p) in cases() {
        let (first, last) = d.support(p);
        assert!(first <= last, "{} {p:?}", d.name());
        for x in [f64::NEG_INFINITY, first - 1.0, last + 1.0, f64::INFINITY] {
            if x < first || x > last || x.is_infinite() {
                assert_eq!(
                    d.log_density(p, x),
                    f64::NEG_INFINITY,
                    "{} {p:?} at {x}",
                    d.name()
                );
                let tails = (d.log_cdf(p, x), d.log_ccdf(p, x));
                let want = if x > first {
                    (0.0, f64::NEG_INFINITY)
                } else {
                    (f64::NEG_INFINITY, 0.0)
                };
                assert_eq!(tails, want, "{} {p:?} at {x}", d.name());
            }
        }
        for got in [
            d.transport(p, f64::NAN),
            d.log_density(p, f64::NAN),
            d.log_cdf(p, f64::NAN),
            d.log_ccdf(p, f64::NAN),
        ] {
            assert!(got.is_nan(), "{} {p:?}: {got} for NaN", d.name());
        }
    }
}

/// Values that a parameter of this domain must not take.
fn bad_values(domain: Domain) -> &'static [f64] {
    match domain {
        Domain::Real | Domain::RealVector => &[f64::NAN, f64::INFINITY],
        Domain::Positive | Domain::PositiveVector => &[f64::NAN, 0.0, -1.0, f64::INFINITY],
        Domain::NonNegative => &[f64::NAN, -1.0, f64::INFINITY],
        Domain::Unit => &[f64::NAN, -0.1, 1.1],
        Domain::Count => &[f64::NAN, -1.0, 1.5, f64::INFINITY],
        Domain::Integer => &[f64::NAN, 0.5, f64::INFINITY],
        Domain::Simplex => &[f64::NAN, -0.1, 0.9],
        Domain::PositiveDefinite | Domain::CholeskyFactor => &[f64::NAN, -1.0, f64::INFINITY],
    }
}

fn check_scalar(d: &'static dyn Univariate, p: &[f64]) -> Result<(), (usize, String)> {
    let shape = Shape::scalar();
    let slices: Vec<&[f64]> = p.chunks(1).collect();
    check_params(&Distribution::Scalar(d), &slices, &vec![&shape; p.len()])
}

fn all_nan(d: &dyn Univariate, p: &[f64]) -> bool {
    let (first, last) = d.support(p);
    [
        d.transport(p, 0.3),
        d.log_density(p, 1.0),
        d.log_cdf(p, 1.0),
        d.log_ccdf(p, 1.0),
        d.mean(p),
        d.sd(p),
        first,
        last,
    ]
    .iter()
    .all(|v| v.is_nan())
}

#[test]
fn invalid_numbers_are_refused() {
    for (d, p) in cases() {
        assert_eq!(check_scalar(d, p), Ok(()), "{} {p:?}", d.name());
        for (i, param) in d.params().iter().enumerate() {
            for &bad in bad_values(param.domain) {
                let mut q = p.to_vec();
                q[i] = bad;
                let (index, sentence) = check_scalar(d, &q).expect_err(d.name());
                assert!(
                    index == i && sentence.starts_with(param.name),
                    "{} {q:?}: {index} {sentence}",
                    d.name()
                );
                assert!(all_nan(d, &q), "{} {q:?} computes", d.name());
            }
        }
    }
    for (name, p, index) in [
        ("Uniform", &[1.0, 1.0][..], 1),
        ("Triangular", &[0.0, 2.0, 1.0], 1),
        ("Triangular", &[1.0, 1.0, 1.0], 2),
        ("DiscreteUniform", &[3.0, 2.0], 1),
        ("Geometric", &[0.0], 0),
        ("BetaProportion", &[0.0, 2.0], 0),
        ("BetaProportion", &[1.0, 2.0], 0),
        ("Hypergeometric", &[5.0, 6.0, 2.0], 1),
        ("Hypergeometric", &[5.0, 2.0, 6.0], 2),
    ] {
        let Some(Distribution::Scalar(d)) = find(name) else {
            panic!("{name} is not registered")
        };
        assert_eq!(check_scalar(d, p).expect_err(name).0, index, "{name} {p:?}");
        assert!(all_nan(d, p), "{name} {p:?} computes");
    }
}

#[test]
fn sentences_name_the_parameter() {
    let Some(Distribution::Scalar(normal)) = find("Normal") else {
        panic!()
    };
    assert_eq!(
        check_scalar(normal, &[0.0, -1.0]),
        Err((1, "sigma must be positive, not -1".into()))
    );
    let (two, three) = (Shape::vector(2), Shape::vector(3));
    let d = Distribution::Scalar(normal);
    let refused = check_params(&d, &[&[0.0, 0.0], &[1.0, 0.0]], &[&two, &two]);
    assert_eq!(
        refused,
        Err((1, "every element of sigma must be positive, not 0".into()))
    );
    let refused = check_params(&d, &[&[0.0, 0.0], &[1.0; 3]], &[&two, &three]);
    assert_eq!(
        refused,
        Err((
            1,
            "the shape of sigma, [3], does not fit the shape of the others, [2]".into()
        ))
    );
}
