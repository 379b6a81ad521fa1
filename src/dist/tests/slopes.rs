//! Derivatives of distributions over numbers: against differences of the functions they belong to, and against mpmath.

use std::sync::Arc;

use super::super::slopes::is_clamped;
use super::super::*;
use super::{CASES, bad_values, numbers, scalar, table};
use crate::compute::special::normal_hazard;
use crate::ir::Law;

/// Parameter sets beyond those of every law: shapes from 1e-3 to 1e3, few and many degrees of freedom.
const EXTREME: &[(&str, &[f64])] = &[
    ("Normal", &[1e-3, 1e3]),
    ("LogNormal", &[-3.0, 0.05]),
    ("Gamma", &[1e-3, 1.0]),
    ("Gamma", &[1e3, 1e-3]),
    ("Gamma", &[19.5, 2.0]),
    ("Gamma", &[20.5, 2.0]),
    ("InvGamma", &[1e-2, 3.0]),
    ("InvGamma", &[1e3, 3.0]),
    ("ChiSquare", &[2e-3]),
    ("InvChiSquare", &[1e3]),
    ("Beta", &[1e-3, 1e-3]),
    ("Beta", &[1e-3, 50.0]),
    ("Beta", &[1e3, 0.5]),
    ("Beta", &[1e3, 1e3]),
    ("BetaProportion", &[0.999, 1e3]),
    ("StudentT", &[0.5, 0.0, 1.0]),
    ("StudentT", &[99.0, 1e5, 1.0]),
    ("StudentT", &[101.0, 0.0, 1.0]),
    ("StudentT", &[200.0, 0.0, 1.0]),
    ("StudentT", &[1e4, 0.0, 1.0]),
    ("HalfStudentT", &[0.5, 1.0]),
    ("HalfStudentT", &[200.0, 1.0]),
    ("VonMises", &[3.1, 0.01]),
    ("VonMises", &[0.5, 100.0]),
    ("SkewNormal", &[0.0, 1.0, 0.1]),
    ("SkewNormal", &[0.0, 1.0, -10.0]),
    ("Weibull", &[1e3, 2.0]),
    ("Frechet", &[1e3, 2.0]),
    ("Pareto", &[3.0, 1e3]),
    ("Triangular", &[0.0, 0.9, 1.0]),
    ("NegBinomial2", &[20.0, 1e3]),
    ("NegBinomial2", &[3.0, 1e-2]),
    ("BetaBinomial", &[30.0, 1e-2, 1e2]),
    ("Geometric", &[0.999]),
];

const NOISE: &[f64] = &[-8.0, -3.0, -1.0, -0.2, 0.01, 0.4, 1.2, 3.0, 8.0];

fn cases() -> impl Iterator<Item = (&'static dyn Univariate, &'static [f64])> {
    let plain = CASES
        .iter()
        .flat_map(|(name, sets)| sets.iter().map(move |p| (scalar(name), *p)));
    plain.chain(EXTREME.iter().map(|(name, p)| (scalar(name), *p)))
}

/// f'(at) by central differences of falling steps, extrapolated, and an estimate of its error.
///
/// # Source
/// C. Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Advances in Engineering Software 4 (1982).
pub fn difference(f: impl Fn(f64) -> f64, at: f64, step: f64) -> (f64, f64) {
    const SHRINK: f64 = 1.4;
    let (mut best, mut error) = (f64::NAN, f64::INFINITY);
    let (mut last, mut h): (Vec<f64>, f64) = (Vec::new(), step);
    for _ in 0..14 {
        let (up, down) = (at + h, at - h);
        let mut row = vec![(f(up) - f(down)) / (up - down)];
        let mut factor = SHRINK * SHRINK;
        for (j, before) in last.iter().enumerate() {
            let next: f64 = (row[j] * factor - before) / (factor - 1.0);
            let off = (next - row[j]).abs().max((next - before).abs());
            if off <= error {
                (best, error) = (next, off);
            }
            row.push(next);
            factor *= SHRINK * SHRINK;
        }
        last = row;
        h /= SHRINK;
    }
    (best, error)
}

/// How far a parameter may be moved: `None` for whole numbers and at the end of its domain.
fn reach(d: &dyn Univariate, p: &[f64], i: usize) -> Option<f64> {
    let spread = d.transport(p, 0.5) - d.transport(p, -0.5);
    let param = d.params()[i];
    let reach = match (param.domain, param.name) {
        (Domain::Real, "alpha") => 0.2 * p[i].abs().max(0.5),
        (Domain::Real, "logit" | "log_rate") => 0.2,
        (Domain::Real, _) => 0.2 * spread,
        (Domain::Positive | Domain::NonNegative, _) => 0.2 * p[i],
        (Domain::Unit, _) => 0.2 * p[i].min(1.0 - p[i]),
        _ => 0.0,
    };
    (reach > 0.0).then_some(reach)
}

/// What was compared, and how often the differences were good enough to say anything.
#[derive(Default)]
struct Tally {
    sharp: usize,
    all: usize,
}

impl Tally {
    /// Compares a derivative with differences of `f`: to 1e-7 of it, their own estimated error, and the rounding of f over the
    /// step, which the estimate may miss.
    fn compare(&mut self, what: &str, got: f64, f: impl Fn(f64) -> f64, at: f64, step: f64) {
        let (want, error) = difference(&f, at, step);
        if want.is_nan() {
            return; // the steps leave the support
        }
        let noise = 1e-12 * (1.0 + f(at).abs()) / step;
        let tolerance = 1e-7 * want.abs() + 4.0 * error + noise;
        assert!(
            (got - want).abs() <= tolerance,
            "{what}: {got:e} for {want:e} ± {error:e}"
        );
        self.all += 1;
        self.sharp += usize::from(want == 0.0 || tolerance <= 1e-4 * want.abs());
    }
}

type Value = fn(&dyn Univariate, &[f64], f64) -> f64;
type Slopes = fn(&dyn Univariate, &[f64], f64, &mut [f64]) -> f64;

const FUNCTIONS: &[(&str, Value, Slopes)] = &[
    (
        "log_density",
        |d, p, x| d.log_density(p, x),
        |d, p, x, dp| d.d_log_density(p, x, dp),
    ),
    (
        "log_cdf",
        |d, p, x| d.log_cdf(p, x),
        |d, p, x, dp| d.d_log_cdf(p, x, dp),
    ),
    (
        "log_ccdf",
        |d, p, x| d.log_ccdf(p, x),
        |d, p, x, dp| d.d_log_ccdf(p, x, dp),
    ),
    (
        "improper_correction",
        |d, p, x| d.improper_correction(p, x),
        |d, p, x, dp| d.d_improper_correction(p, x, dp),
    ),
];

/// Compares all derivatives of a distribution, plain or wrapped, whose values are as good as if numbers of size `scale` had been
/// subtracted (at a bound tails are differences); `reach` says how far a parameter may be moved.
fn check(
    tally: &mut Tally,
    d: &dyn Univariate,
    p: &[f64],
    label: &str,
    scale: f64,
    reach: impl Fn(usize) -> Option<f64>,
) {
    let moved = |i: usize, v: f64| {
        let mut q = p.to_vec();
        q[i] = v;
        q
    };
    let mut dp = vec![f64::NAN; p.len()];
    for &z in NOISE {
        let x = d.transport(p, z);
        if x == f64::MIN_POSITIVE || x.abs() == f64::MAX {
            continue; // under- or overflowed
        }
        let (before, after) = (d.transport(p, z - 0.3), d.transport(p, z + 0.3));
        let room = (x - before).min(after - x) + f64::from(d.is_discrete());
        // Steps that move the value by no more than a third of a unit of noise does.
        let reach = |i: usize| {
            let moves = |h: f64, x: f64| {
                (d.transport(&moved(i, p[i] + h), z) - x)
                    .abs()
                    .max((d.transport(&moved(i, p[i] - h), z) - x).abs())
            };
            let mut h = reach(i)?;
            while (moves(h, x) > room || moves(h, x).is_nan()) && h > 1e-12 * p[i].abs() {
                h *= 0.5;
            }
            Some(h)
        };
        let what = |of: &str, i: &str| format!("{label} {p:?} at z = {z}, x = {x:e}: {of} in {i}");
        let in_z = d.d_transport(p, z, x, &mut dp);
        if d.is_discrete() {
            assert!(in_z == 0.0 && dp.iter().all(|v| *v == 0.0), "{label}");
        } else {
            tally.compare(&what("transport", "z"), in_z, |z| d.transport(p, z), z, 0.2);
            for (i, &got) in dp.iter().enumerate() {
                if let Some(h) = reach(i) {
                    let f = |v: f64| d.transport(&moved(i, v), z);
                    tally.compare(&what("transport", &i.to_string()), got, f, p[i], h);
                }
            }
        }
        if room < 1e-12 * x.abs().max(scale) {
            continue; // f64s lie too far apart there
        }
        for (name, value, slopes) in FUNCTIONS {
            if *name == "improper_correction" && !d.is_improper() {
                assert_eq!(slopes(d, p, x, &mut dp), 0.0);
                continue;
            }
            let in_x = slopes(d, p, x, &mut dp);
            if d.is_discrete() {
                assert_eq!(in_x, 0.0, "{label}");
            } else {
                tally.compare(&what(name, "x"), in_x, |x| value(d, p, x), x, room);
            }
            for (i, &got) in dp.iter().enumerate() {
                if let Some(h) = reach(i) {
                    let f = |v: f64| value(d, &moved(i, v), x);
                    tally.compare(&what(name, &i.to_string()), got, f, p[i], h);
                } else {
                    assert!(got.is_finite(), "{}", what(name, &i.to_string()));
                }
            }
        }
    }
}

#[test]
fn derivatives_are_those_of_the_functions() {
    let mut tally = Tally::default();
    for (d, p) in cases().filter(|(d, _)| d.name() != "Delta") {
        check(&mut tally, d, p, d.name(), 0.0, |i| reach(d, p, i));
    }
    // Where differences are worth nothing (far tails of an f64 near 1) they are not counted.
    assert!(tally.sharp * 10 > tally.all * 8);
}

fn truncated(l: Law) -> Law {
    Law::Truncated(Arc::new(l))
}

fn censored(l: Law) -> Law {
    Law::Censored(Arc::new(l))
}

fn inflated(l: Law) -> Law {
    Law::ZeroInflated(Arc::new(l))
}

/// Wrapped laws, their parameters, and those that may be moved.
fn wrapped() -> Vec<(Law, Vec<f64>, &'static [usize])> {
    const INF: f64 = f64::INFINITY;
    let plain = |name: &str| Law::Plain(scalar(name));
    let normal = || plain("Normal");
    vec![
        (
            truncated(normal()),
            vec![0.0, 1.0, -1.0, 2.0],
            &[0, 1, 2, 3],
        ),
        (truncated(normal()), vec![0.3, 2.0, 0.0, INF], &[0, 1, 2]),
        (
            truncated(normal()),
            vec![0.0, 1.0, 20.0, 21.0],
            &[0, 1, 2, 3],
        ),
        (
            truncated(normal()),
            vec![0.0, 1.0, -40.0, -35.0],
            &[0, 1, 2, 3],
        ),
        (
            truncated(plain("StudentT")),
            vec![3.0, 0.5, 1.0, -INF, 4.0],
            &[0, 1, 2, 4],
        ),
        (
            truncated(plain("Gamma")),
            vec![0.3, 2.0, 0.5, 9.0],
            &[0, 1, 2, 3],
        ),
        (
            truncated(plain("Beta")),
            vec![2.0, 3.0, 0.1, 0.4],
            &[0, 1, 2, 3],
        ),
        (
            truncated(plain("Flat")),
            vec![0.0, 1.0, -3.0, 5.0],
            &[0, 1, 2, 3],
        ),
        (truncated(plain("HalfFlat")), vec![1.0, 2.0, INF], &[0, 1]),
        (truncated(plain("Poisson")), vec![3.0, 2.0, 5.0], &[0]),
        (
            truncated(plain("Binomial")),
            vec![20.0, 0.3, 4.0, INF],
            &[1],
        ),
        (
            truncated(plain("NegBinomial2")),
            vec![3.0, 0.7, 1.0, INF],
            &[0, 1],
        ),
        (
            censored(normal()),
            vec![0.2, 1.5, -1.1, 2.15],
            &[0, 1, 2, 3],
        ),
        (
            censored(plain("Weibull")),
            vec![1.5, 2.0, -INF, 3.0],
            &[0, 1, 3],
        ),
        (censored(plain("Poisson")), vec![3.0, 1.0, 6.0], &[0]),
        (inflated(normal()), vec![0.2, 1.5, 0.3], &[0, 1, 2]),
        (inflated(plain("Gamma")), vec![2.0, 0.5, 0.7], &[0, 1, 2]),
        (inflated(plain("Poisson")), vec![3.0, 0.4], &[0, 1]),
        (
            inflated(plain("NegBinomial2")),
            vec![3.0, 2.0, 1e-3],
            &[0, 1, 2],
        ),
        (
            truncated(truncated(normal())),
            vec![0.0, 1.0, -2.0, 2.5, -1.0, 3.0],
            &[0, 1, 2, 3, 4],
        ),
        (
            inflated(truncated(normal())),
            vec![0.0, 1.0, -2.0, 2.5, 0.2],
            &[0, 1, 2, 3, 4],
        ),
        (
            truncated(inflated(plain("Poisson"))),
            vec![3.0, 0.2, 0.0, 4.0],
            &[0, 1],
        ),
    ]
}

#[test]
fn wrapped_derivatives_are_those_of_the_functions() {
    let mut tally = Tally::default();
    for (law, p, moved) in wrapped() {
        let own = law.base().params().len();
        let spread = law.transport(&p, 1.0) - law.transport(&p, -1.0);
        let reach = |i: usize| {
            let zero = i + 1 == p.len() && matches!(law, Law::ZeroInflated(_));
            moved.contains(&i).then(|| {
                if i < own {
                    reach(law.base(), &p[..own], i).expect("a parameter that moves")
                } else if zero {
                    0.2 * p[i].min(1.0 - p[i])
                } else {
                    0.2 * spread
                }
            })
        };
        check(&mut tally, &law, &p, &law.label(), 1e6 * spread, reach);
    }
    assert!(tally.sharp * 10 > tally.all * 9);
}

/// All derivatives at a point, with one more value in front of each set: that in x or z.
fn all_slopes(d: &dyn Univariate, p: &[f64], z: f64, x: f64) -> Vec<f64> {
    let mut all = Vec::new();
    let mut dp = vec![7.0; p.len()];
    for f in [
        |d: &dyn Univariate, p: &[f64], _z, x, dp: &mut [f64]| d.d_log_density(p, x, dp),
        |d: &dyn Univariate, p: &[f64], _z, x, dp: &mut [f64]| d.d_log_cdf(p, x, dp),
        |d: &dyn Univariate, p: &[f64], _z, x, dp: &mut [f64]| d.d_log_ccdf(p, x, dp),
        |d: &dyn Univariate, p: &[f64], z, x, dp: &mut [f64]| d.d_transport(p, z, x, dp),
    ] {
        all.push(f(d, p, z, x, &mut dp));
        all.extend(&dp);
    }
    all
}

#[test]
fn derivatives_of_nothing() {
    for (d, p) in cases() {
        for (i, param) in d.params().iter().enumerate() {
            for &bad in bad_values(param.domain) {
                let mut q = p.to_vec();
                q[i] = bad;
                let slopes = all_slopes(d, &q, 0.3, d.transport(&q, 0.3));
                assert!(slopes.iter().all(|v| v.is_nan()), "{} {q:?}", d.name());
            }
        }
        let slopes = all_slopes(d, p, f64::NAN, f64::NAN);
        assert!(slopes.iter().all(|v| v.is_nan()), "{} at NaN", d.name());
        let (first, last) = d.support(p);
        for x in [f64::NEG_INFINITY, first - 1.0, last + 1.0, f64::INFINITY] {
            if x < first || x > last || x.is_infinite() {
                let slopes = all_slopes(d, p, 0.3, x);
                // A transport has no value outside; a tail may begin to depend on a parameter that is at its end.
                let n = (p.len() + 1) * if d.is_discrete() { 1 } else { 3 };
                assert!(
                    slopes[..n].iter().all(|v| *v == 0.0),
                    "{} {p:?} at {x}",
                    d.name()
                );
            }
        }
        // Far noise: never NaN, and the value never falls.
        for z in [-37.0, -30.0, -20.0, 20.0, 30.0, 37.0] {
            let x = d.transport(p, z);
            let slopes = all_slopes(d, p, z, x);
            assert!(
                slopes.iter().all(|v| !v.is_nan()) && slopes[3 * (p.len() + 1)] >= 0.0,
                "{} {p:?} at z = {z}: {slopes:?}",
                d.name()
            );
        }
    }
}

/// Derivatives of the hard transports: relative 1e-10, or 1e-15 of how far the value moves with z, which is what rounding z and x
/// to an f64 may cost.
#[test]
fn slopes_of_transports_in_a_table() {
    for row in table(include_str!("../../../tests/data/dists/slopes.csv")) {
        let (d, p, v) = (
            scalar(row[0]),
            numbers(row[1]),
            numbers(&row[2..].join(" ")),
        );
        let (z, x) = (v[0], v[1]);
        let mut dp = vec![f64::NAN; p.len()];
        let in_z = d.d_transport(&p, z, x, &mut dp);
        let rounding = 1e-15 * (1.0 + z.abs()) * v[2];
        for (i, (got, want)) in [in_z].iter().chain(&dp).zip(&v[2..]).enumerate() {
            assert!(
                (got - want).abs() <= 1e-10 * want.abs() + rounding,
                "{} {p:?} at z = {z}, x = {x:e}, slope {i}: {got:e} for {want:e}",
                row[0]
            );
        }
    }
}

/// The transport keeps the probability: ln F(T(z; p); p) = ln Φ(z), whose derivatives therefore fit together, in far tails too.
#[test]
fn tails_move_with_the_transport() {
    let (mut compared, mut all) = (0, 0);
    for (d, p) in cases().filter(|(d, _)| !d.is_discrete() && d.name() != "Delta") {
        for z in [
            -37.0, -30.0, -20.0, -12.0, -5.0, -0.5, 0.5, 5.0, 12.0, 20.0, 30.0, 37.0,
        ] {
            all += 1;
            let x = d.transport(p, z);
            let (mut moved, mut tail) = (vec![0.0; p.len()], vec![0.0; p.len()]);
            let in_z = d.d_transport(p, z, x, &mut moved);
            let (value, in_x) = if z < 0.0 {
                (d.log_cdf(p, x), d.d_log_cdf(p, x, &mut tail))
            } else {
                (d.log_ccdf(p, x), d.d_log_ccdf(p, x, &mut tail))
            };
            // What rounding x to an f64 does to the tail it does to the derivatives.
            let rounding = 64.0 * f64::EPSILON * x.abs() * in_x.abs();
            // The circle is cut at -π, which is no value of it: the next number up stands for all nearer ones.
            let at_the_cut = d.name() == "VonMises" && x == (-std::f64::consts::PI).next_up();
            if is_clamped(x) || at_the_cut || value == f64::NEG_INFINITY || rounding > 1e-3 {
                continue;
            }
            compared += 1;
            let close = |a: f64, b: f64| (a - b).abs() <= (1e-10 + rounding) * a.abs().max(b.abs());
            let hazard = normal_hazard(-z.abs()).copysign(-z);
            assert!(
                close(in_x * in_z, hazard),
                "{} {p:?} at z = {z}, x = {x:e}: {in_x:e} · {in_z:e} for {hazard:e}",
                d.name()
            );
            for (i, (m, t)) in moved.iter().zip(&tail).enumerate() {
                assert!(
                    close(in_x * m, -t),
                    "{} {p:?} at z = {z}, x = {x:e}: {in_x:e} · {m:e} + {t:e} in {i}",
                    d.name()
                );
            }
        }
    }
    assert!(compared * 3 > all * 2, "{compared} of {all}");
}
