//! Values of conjugate families that are integrated out: which they are, what is left, and the draws that are put back.

use std::sync::Arc;

use super::bound::standard_normals;
use super::{Bound, InferRequest, Limits, Session};
use crate::base::Seed;
use crate::lower::{Component, Inner, Target, WithoutSome};
use crate::store::{Inputs, NoFiles};

fn compiled(text: &str) -> Bound {
    Session::compile("p.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &Limits::default()))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

/// Programs with how many coordinates a formula integrates out of each: one or two.
const PROGRAMS: [(&str, usize); 17] = [
    (
        "sample a ~ HalfNormal(1)
         sample t ~ Gamma(a + 0.5, 1 + a)
         observe [2, 4] ~ Poisson(t * [0.5, 1.5])",
        1,
    ),
    (
        "sample q ~ Normal(0, 1)
         sample t ~ iid(Exponential(exp(q)), 2)
         observe [0.3, 1.2] ~ Exponential(t)
         factor(0.7 * log(t[0]) - 0.2 * t[1])",
        2,
    ),
    // Groups.
    (
        "sample s ~ HalfNormal(1)
         sample t ~ iid(Gamma(1 + s, 1), 2)
         observe [1, 2, 0] ~ Poisson(t[[0, 1, 1]])
         observe 0.4 ~ Gamma(2, t[0] / 2)",
        2,
    ),
    // Evidence that depends on the rest too.
    (
        "sample b ~ Normal(0, 1)
         sample t ~ Gamma(2, 2)
         observe [1, 0, 3] ~ Poisson(t * exp(b * [0.1, -0.4, 0.8]))",
        1,
    ),
    (
        "sample b ~ Normal(0, 1)
         sample t ~ Gamma(exp(b), 2)
         observe [1, 0, 3] ~ PoissonLog(log(t) + b * [0.1, -0.4, 0.8])",
        1,
    ),
    // Precisions, variances, scales.
    (
        "sample m ~ Normal(0, 1)
         sample tau ~ Gamma(2, 1)
         observe [0.4, 1.1, -0.3] ~ Normal(m, 1 / sqrt(tau))",
        1,
    ),
    (
        "sample m ~ StudentT(4, 0, 1)
         sample v ~ InvGamma(3, 2)
         observe [0.4, 1.1, -0.3] ~ Normal(m, sqrt(v))",
        1,
    ),
    (
        "sample m ~ Normal(0, 1)
         sample v ~ InvChiSquare(3)
         observe [0.4, 1.1, -0.3] ~ Laplace(m, 2 * v)",
        1,
    ),
    (
        "sample m ~ Normal(0, 1)
         sample v ~ ChiSquare(exp(m) + 1)
         observe [0.4, 1.1, 0.3] ~ HalfNormal(v ^ -0.5)",
        1,
    ),
    // Probabilities.
    (
        "sample k ~ Exponential(1)
         sample p ~ Beta(k + 0.1, 2 * k)
         observe 3 ~ Binomial(5, p)
         observe 1 ~ Bernoulli(1 - p)
         observe 2 ~ Geometric(p)
         factor(0.5 * log(p) - logit(p))",
        1,
    ),
    (
        "sample k ~ Exponential(1)
         sample p ~ iid(BetaProportion(0.3, k + 1), 2)
         observe [3, 1] ~ Binomial(5, p)",
        2,
    ),
    (
        "sample k ~ Normal(0, 1)
         sample p ~ Uniform(0, 1)
         observe [true, false, true] ~ Flip(if k > 0 { p } else { 1 - 0.4 })",
        1,
    ),
    (
        "sample a ~ HalfNormal(2)
         sample p ~ Dirichlet([a + 0.5, 1, 2])
         observe [3, 1, 0] ~ Multinomial(4, p)
         observe [1, 1] ~ Categorical(p)
         factor(0.3 * log(p[2]))",
        2,
    ),
    // A discrete choice among the rest.
    (
        "sample k ~ Bernoulli(0.4)
         sample t ~ iid(Gamma(2, 1), 2)
         observe [2, 5] ~ Poisson(if k == 1 { t[0] } else { t[1] })",
        2,
    ),
    // One of two in a product.
    (
        "sample t ~ Gamma(2, 1)
         sample u ~ Gamma(3, 1)
         observe [2, 5] ~ Poisson(t * u)",
        1,
    ),
    // None: a mixture's weight, a sum, a value that is a mean.
    (
        "sample w ~ Beta(2, 2)
         sample t ~ Gamma(2, 1)
         observe 0.4 ~ mixture([w, 1 - w], [Normal(0, 1), Normal(t, 1)])
         observe 3 ~ Poisson(t + 0.5)",
        0,
    ),
    // None: constrained, in an arm of chance.
    (
        "sample t ~ Gamma(2, 1)
         sample m ~ Normal(0, 1)
         condition(t > m)
         observe 3 ~ Poisson(t)",
        0,
    ),
];

/// The components of a program that have something to integrate out.
fn parts(bound: &Bound) -> Vec<(&Component, Vec<usize>, Box<dyn WithoutSome + '_>)> {
    let all = bound.inner().0.components.iter();
    all.filter_map(|c| {
        let of = c.conjugate.as_deref()?;
        let left = Inner::Conjugate(of).left(c)?;
        Some((&**c, of.coordinates.clone(), left))
    })
    .collect()
}

fn at(target: &(impl Target + ?Sized), z: &[f64]) -> Vec<f64> {
    let mut log_r = vec![0.0; z.len() / target.dim()];
    target.log_r(z, &mut log_r);
    log_r
}

#[test]
fn what_is_conjugate_is_found() {
    for (text, n) in PROGRAMS {
        let bound = compiled(text);
        let found: usize = parts(&bound).iter().map(|(_, inner, _)| inner.len()).sum();
        assert_eq!(found, n, "{text}");
    }
}

/// By the trapezoidal rule over the noise of the one or two values, and so the means of that noise.
#[test]
fn what_is_left_is_the_integral_and_the_draws_are_its_posterior() {
    const N: usize = 20_000;
    for (text, _) in PROGRAMS {
        let bound = compiled(text);
        for (component, inner, left) in parts(&bound) {
            let outer = standard_normals(Seed(5), "outer", left.dim());
            let (mut row, mut place) = (vec![0.0; component.dim()], 0);
            for (c, z) in row.iter_mut().enumerate() {
                if !inner.contains(&c) {
                    *z = outer[place];
                    place += 1;
                }
            }
            let step = if inner.len() == 1 { 0.005 } else { 0.05 };
            let grid: Vec<f64> = (0..(18.0 / step) as usize)
                .map(|i| -9.0 + step * i as f64)
                .collect();
            let mut rows = Vec::new();
            for &first in &grid {
                for &second in if inner.len() == 1 { &grid[..1] } else { &grid } {
                    row[inner[0]] = first;
                    inner[1..].iter().for_each(|&c| row[c] = second);
                    rows.extend_from_slice(&row);
                }
            }
            let square = |row: &[f64]| inner.iter().map(|&c| row[c] * row[c]).sum::<f64>();
            let each = rows.chunks_exact(row.len());
            let constant = inner.len() as f64 * (step.ln() - 0.5 * std::f64::consts::TAU.ln());
            let weights: Vec<f64> = at(component, &rows)
                .iter()
                .zip(each.clone())
                .map(|(log_r, row)| (log_r - 0.5 * square(row) + constant).exp())
                .collect();
            let total: f64 = weights.iter().sum();
            let found = at(&*left, &outer)[0];
            assert!(
                (found - total.ln()).abs() < 1e-6,
                "{text}: {found}, {}",
                total.ln()
            );
            let z = outer.repeat(N);
            let fresh = standard_normals(Seed(7), "fresh", N * inner.len());
            let drawn = left.complete(&z, N, &fresh);
            for &c in &inner {
                let mean = |f: fn(f64) -> f64| {
                    let truth = weights
                        .iter()
                        .zip(each.clone())
                        .map(|(w, row)| w * f(row[c]));
                    let drawn = drawn.chunks_exact(row.len()).map(|row| f(row[c]));
                    (truth.sum::<f64>() / total, drawn.sum::<f64>() / N as f64)
                };
                // Five standard errors of what has at most the prior's spread.
                let ((m, own), (s, own_s)) = (mean(|z| z), mean(|z| z * z));
                assert!(
                    (m - own).abs() < 5.0 / (N as f64).sqrt(),
                    "{text}: {c}: {m}, {own}"
                );
                let error = 5.0 * (2.0 / N as f64).sqrt() * s.max(1.0);
                assert!((s - own_s).abs() < error, "{text}: {c}: {s}, {own_s}");
            }
        }
    }
}

#[test]
fn what_is_left_has_the_gradient_of_its_differences() {
    for (text, _) in PROGRAMS {
        let bound = compiled(text);
        for (_, _, left) in parts(&bound) {
            let z = standard_normals(Seed(6), "outer", left.dim());
            let (mut log_r, mut gradient) = ([0.0], vec![0.0; z.len()]);
            left.log_r_gradient(&z, &mut log_r, &mut gradient);
            assert_eq!(log_r[0], at(&*left, &z)[0], "{text}");
            if !left.structure().smooth {
                continue;
            }
            for (j, g) in gradient.iter().enumerate() {
                let moved = |h: f64| {
                    let mut z = z.clone();
                    z[j] += h;
                    at(&*left, &z)[0]
                };
                let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(
                    (difference - g).abs() < 1e-6 * (1.0 + g.abs()),
                    "{text}: {j}: {difference}, {g}"
                );
            }
        }
    }
}

/// Beta-binomial groups: log Z and the posterior of the shape by quadrature; a row alone is a row of many.
#[test]
fn every_engine_answers_without_the_groups() {
    let text = "sample k ~ Exponential(1)
        sample p[i in 0..6] ~ Beta(k, 2 * k)
        observe [3, 0, 2, 5, 1, 0] ~ Binomial(6, p)";
    let (log_z, mean, sd) = quadrature(&[3.0, 0.0, 2.0, 5.0, 1.0, 0.0]);
    for engine in ["diffusion", "smc", "nuts", "pt", "elliptical", "auto"] {
        let bound = compiled(text);
        let request = InferRequest {
            draws: 2000,
            ..InferRequest::new(engine, 3)
        };
        let answer = bound
            .infer(&request)
            .unwrap_or_else(|f| panic!("{engine}: {f}"));
        assert!(answer.reliable, "{engine}: {:?}", answer.warnings);
        assert_eq!(answer.noise.marginalized, 6, "{engine}");
        let of = |name: &str| &answer.parameters.iter().find(|p| p.0 == name).unwrap().1;
        let ess = of("k").ess_bulk.unwrap_or(2000.0).max(400.0);
        let off = of("k").mean.unwrap() - mean;
        assert!(off.abs() < 5.0 * sd / ess.sqrt(), "{engine}: {off} of {sd}");
        // Groups are drawn about their own data.
        assert!(
            of("p[3]").mean.unwrap() > of("p[1]").mean.unwrap() + 0.2,
            "{engine}"
        );
        if let Some(z) = answer.log_z.estimate {
            assert!((z - log_z).abs() < 0.05, "{engine}: {z}, {log_z}");
        }
    }
}

/// log Z, mean and sd of k of the program above.
fn quadrature(y: &[f64]) -> (f64, f64, f64) {
    use crate::compute::special::{lbeta, log_choose};
    let weight = |k: f64| {
        let each = y
            .iter()
            .map(|y| log_choose(6.0, *y) + lbeta(k + y, 2.0 * k + 6.0 - y) - lbeta(k, 2.0 * k));
        (each.sum::<f64>() - k).exp()
    };
    let (mut z, mut first, mut second) = (0.0, 0.0, 0.0);
    for i in 0..40_000 {
        let k = 5e-4 * (i as f64 + 0.5);
        let w = weight(k) * 5e-4;
        (z, first, second) = (z + w, first + w * k, second + w * k * k);
    }
    let mean = first / z;
    (z.ln(), mean, (second / z - mean * mean).sqrt())
}
