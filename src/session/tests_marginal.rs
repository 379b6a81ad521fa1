//! Noise that is integrated out: which it is, that what is left weighs what it should, and that the draws put back are right.

use std::sync::Arc;

use super::bound::standard_normals;
use super::{Bound, InferRequest, Limits, Session};
use crate::base::Seed;
use crate::compute::linalg;
use crate::lower::{Component, Inner, Marginalize, Target};
use crate::store::{Inputs, NoFiles};

fn compiled(text: &str, marginalize: Marginalize) -> Bound {
    let limits = Limits {
        marginalize,
        ..Limits::default()
    };
    Session::compile("p.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &limits))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

/// A drawn scale that latent values can meet all evidence with.
const NECK: &str = "
    sample s ~ HalfNormal(1)
    sample x ~ iid(Normal(0, 1), 3)
    observe [0.4, -0.9, 1.3] ~ Normal(x, s)";

/// A level that goes up by a slope, both of which walk.
const TREND: &str = "
    sample sl ~ HalfNormal(0.5)
    sample ss ~ HalfNormal(0.1)
    sample so ~ HalfNormal(0.5)
    sample slope[t in 0..9] ~ Normal(if t == 0 { 0 } else { slope[t - 1] }, if t == 0 { 0.5 } else { ss })
    sample level[t in 0..10] ~ Normal(if t == 0 { 0 } else { level[t - 1] + slope[t - 1] }, if t == 0 { 1 } else { sl })
    for t in [0, 1, 2, 3, 6, 7, 8, 9] { observe 0.3 * t - 0.02 * t * t ~ Normal(level[t], so) }";

/// Programs with what can be integrated out of each, as many coordinates as there are.
const PROGRAMS: [(&str, usize); 14] = [
    (NECK, 3),
    // Walks, products, a matrix.
    (
        "sample q ~ HalfNormal(1)
         sample e ~ iid(Normal(0, 1), 4)
         let m = q * cumsum(e)
         observe [0.1, 0.2, 0.4, 0.3] ~ Normal(m + 0.5 * e, 0.3)",
        4,
    ),
    (
        "sample t ~ HalfNormal(2)
         sample mu ~ Normal(0, 3)
         sample theta ~ iid(Normal(mu, t), 4)
         observe [1.0, 2.0, 0.5, 1.1] ~ Normal(theta, 0.7)
         observe 0.3 ~ Normal(mean(theta), 0.5)",
        5,
    ),
    (
        "let X = [[1.0, 0.5], [1.0, -0.3], [1.0, 1.2]]
         sample s ~ HalfNormal(1)
         sample b ~ iid(Normal(0, 2), 2)
         observe [0.2, 0.1, 0.9] ~ Normal(X @ b, s)",
        2,
    ),
    // A multivariate law with a drawn scale, a factor that is a square.
    (
        "sample l ~ HalfNormal(1)
         sample f ~ MultiNormal([0.0, 0.0], [[1.0 + l, 0.4], [0.4, 1.0]])
         observe [0.3, -0.2] ~ Normal(f, 0.5)
         factor(-0.5 * (f[0] - f[1]) ^ 2)",
        2,
    ),
    // A loop, under a mask by chance.
    (
        "sample deep ~ Flip(0.4)
         sample s ~ HalfNormal(1)
         var m = 0.0
         for y in [0.3, 0.8] {
           sample step ~ Normal(m, 0.5)
           if deep { m = step } else { m = 0.2 * step }
           observe y ~ Normal(m, s)
         }",
        2,
    ),
    // A product of two latent values: one of them.
    (
        "sample b ~ Normal(0, 1)
         sample x ~ iid(Normal(0, 1), 2)
         observe [0.4, 0.1] ~ Normal(b * x, 0.3)",
        2,
    ),
    (TREND, 19),
    // An autoregression, of which one value is missing, whose scale and place are drawn.
    (
        "sample s ~ HalfNormal(1)
         sample phi ~ Normal(0, 0.5)
         sample m ~ Normal(0, 2)
         sample x[t in 0..7] ~ Normal(if t == 0 { m } else { m + phi * (x[t - 1] - m) }, s)
         for t in [0, 1, 2, 4, 5, 6] { observe 0.3 * t - 0.04 * t * t ~ Normal(x[t], 0.4) }",
        8,
    ),
    // Two factors that cross.
    (
        "let (i, j) = ([0, 0, 1, 1, 2, 2, 3, 3, 0, 2], [0, 1, 1, 2, 2, 3, 3, 4, 4, 0])
         let y = [0.1, 0.9, -0.3, 0.2, 1.4, 0.8, 0.3, -0.7, 0.5, 0.6]
         sample t ~ iid(HalfNormal(1), 2)
         sample a ~ iid(Normal(0, t[0]), 4)
         sample b ~ iid(Normal(0.2, t[1]), 5)
         observe y ~ Normal(a[i] + b[j], 0.5)",
        9,
    ),
    // Effects of groups from a matrix of standard normal noise; evidence on a log scale.
    (
        "sample tau ~ iid(HalfNormal(1), 2)
         sample z ~ iid(StdNormal(), 3, 2)
         let e = tau * (z @ [[1.0, 0.3], [0.0, 0.9]])
         sample s ~ HalfNormal(1)
         let y = [1.2, 0.9, 2.1, 3.0, 0.4, 0.7]
         observe y ~ LogNormal(e[[0, 0, 1, 1, 2, 2], 0] + e[[0, 1, 1, 2, 2, 0], 1], s)",
        6,
    ),
    // Scaled by hand, in another order, and negated.
    (
        "sample s ~ HalfNormal(1)
         sample q ~ HalfNormal(1)
         sample e ~ iid(Normal(0, 1), 6)
         var x = 0.0
         for t in 0..6 {
           x = 0.3 - (x - 0.1) + -e[t] * s / 2.0
           observe 0.1 * t ~ Normal(x, q)
         }",
        6,
    ),
    // Nothing: another law, a function that bends, a condition, a scale.
    (
        "sample x ~ Normal(0, 1)
         observe 0.4 ~ StudentT(3, x, 1)",
        0,
    ),
    (
        "sample x ~ Normal(0, 1)
         observe 0.4 ~ Normal(sin(x), 1)
         sample u ~ Normal(0, 1)
         observe 0.1 ~ Normal(0, exp(u))
         sample v ~ Normal(0, 1)
         condition(v > 0.2)
         observe 0.3 ~ Normal(v, 1)",
        0,
    ),
];

/// Every component of a program with what is integrated out of it.
fn parts(bound: &Bound) -> Vec<(&Component, Vec<usize>)> {
    let all = bound.inner().0.components.iter();
    all.map(|c| (&**c, c.quadratic.coordinates.clone()))
        .collect()
}

fn at(target: &dyn Target, z: &[f64]) -> f64 {
    let mut log_r = [0.0];
    target.log_r(z, &mut log_r);
    log_r[0]
}

#[test]
fn what_makes_the_rest_gaussian_is_found() {
    for (text, n) in PROGRAMS {
        let bound = compiled(text, Marginalize::All);
        let found: usize = parts(&bound).iter().map(|(_, inner)| inner.len()).sum();
        assert_eq!(found, n, "{text}");
    }
}

/// log r'(a) = log r(a, b) + log N(b) − log N(b | a) for every b; of b drawn by e, the last is a constant − ½ |e|².
#[test]
fn what_is_left_weighs_the_same_wherever_the_rest_is() {
    for (text, _) in PROGRAMS {
        let bound = compiled(text, Marginalize::All);
        for (component, inner) in parts(&bound) {
            if inner.is_empty() || inner.len() == component.dim() {
                continue;
            }
            let marginal = Inner::Gaussian(&inner).left(component).unwrap();
            let outer = standard_normals(Seed(5), "outer", marginal.dim());
            let joint = |seed: u64| {
                let e = standard_normals(Seed(seed), "inner", inner.len());
                let z = marginal.complete(&outer, 1, &e);
                let square = |i: &usize| z[*i] * z[*i];
                let prior: f64 = inner.iter().map(square).sum();
                at(component, &z) - 0.5 * prior + 0.5 * e.iter().map(|e| e * e).sum::<f64>()
            };
            let (a, b) = (joint(1), joint(2));
            assert!((a - b).abs() < 1e-9 * (1.0 + a.abs()), "{text}: {a}, {b}");
        }
    }
}

/// log r' by second derivatives in all directions, one by one, and dense matrices.
fn by_dense_matrices(component: &Component, inner: &[usize], z: &[f64]) -> f64 {
    let (d, k) = (component.dim(), inner.len());
    let felt = |z: &[f64]| {
        let (mut log_r, mut gradient) = ([0.0], vec![0.0; d]);
        component.log_r_gradient(z, &mut log_r, &mut gradient);
        (log_r[0], gradient)
    };
    let mut z = z.to_vec();
    inner.iter().for_each(|&i| z[i] = 0.0);
    let (_, bare) = felt(&z);
    let mut precision = vec![0.0; k * k];
    for i in 0..k {
        z[inner[i]] = 1.0;
        let (_, moved) = felt(&z);
        z[inner[i]] = 0.0;
        for j in 0..k {
            let own = f64::from(u8::from(i == j));
            precision[i * k + j] = own + bare[inner[j]] - moved[inner[j]];
        }
    }
    let factor = linalg::cholesky(&precision, k).unwrap();
    let mut mean: Vec<f64> = inner.iter().map(|&i| bare[i]).collect();
    linalg::solve_lower(&factor, k, &mut mean);
    linalg::solve_lower_transposed(&factor, k, &mut mean);
    inner.iter().zip(&mean).for_each(|(&i, m)| z[i] = *m);
    let square: f64 = mean.iter().map(|m| m * m).sum();
    felt(&z).0 - 0.5 * square - linalg::log_diagonal(&factor, k)
}

#[test]
fn what_is_left_weighs_what_dense_matrices_say() {
    for (text, _) in PROGRAMS {
        let bound = compiled(text, Marginalize::All);
        for (component, inner) in parts(&bound) {
            let smooth = component.structure().smooth;
            if inner.is_empty() || inner.len() == component.dim() || !smooth {
                continue;
            }
            let marginal = Inner::Gaussian(&inner).left(component).unwrap();
            for seed in 0..3 {
                let outer = standard_normals(Seed(seed), "outer", marginal.dim());
                let z = marginal.complete(&outer, 1, &vec![0.0; inner.len()]);
                let (found, truth) = (
                    at(&*marginal, &outer),
                    by_dense_matrices(component, &inner, &z),
                );
                assert!(
                    (found - truth).abs() < 1e-8 * (1.0 + truth.abs()),
                    "{text}: {found}, {truth}"
                );
            }
        }
    }
}

/// In noise all steps before an observation meet there; of the values, neighbours do.
#[test]
fn a_trend_is_probed_by_its_values() {
    let bound = compiled(TREND, Marginalize::All);
    let (component, inner) = parts(&bound).remove(0);
    let marginal = Inner::Gaussian(&inner).left(component).unwrap();
    assert!(marginal.gradients(1, 0) <= 8);
}

/// Of steps that are a millionth of a millionth, places have lost what noise still has.
#[test]
fn the_smallest_scales_are_seen_over_noise() {
    let bound = compiled(TREND, Marginalize::All);
    let (component, inner) = parts(&bound).remove(0);
    let marginal = Inner::Gaussian(&inner).left(component).unwrap();
    for place in [-2.0, -4.0, -6.0, -7.5] {
        // 2 Φ(z) of a half-normal scale: z is that of its lower tail.
        let outer = [0.3, place, 0.1];
        let z = marginal.complete(&outer, 1, &vec![0.2; inner.len()]);
        let (found, truth) = (
            at(&*marginal, &outer),
            by_dense_matrices(component, &inner, &z),
        );
        assert!(
            (found - truth).abs() < 1e-6 * (1.0 + truth.abs()),
            "{place}: {found}, {truth}"
        );
        let (mut log_r, mut gradient) = ([0.0], vec![0.0; 3]);
        marginal.log_r_gradient(&outer, &mut log_r, &mut gradient);
        assert!((log_r[0] - found).abs() < 1e-6 * (1.0 + found.abs()));
        assert!(z.iter().chain(&gradient).all(|x| x.is_finite()));
    }
}

#[test]
fn what_is_left_has_the_gradient_of_its_differences() {
    for (text, _) in PROGRAMS {
        let bound = compiled(text, Marginalize::All);
        for (component, inner) in parts(&bound) {
            let smooth = component.structure().smooth;
            if inner.is_empty() || inner.len() == component.dim() || !smooth {
                continue;
            }
            let marginal = Inner::Gaussian(&inner).left(component).unwrap();
            let z = standard_normals(Seed(6), "outer", marginal.dim());
            let (mut log_r, mut gradient) = ([0.0], vec![0.0; z.len()]);
            marginal.log_r_gradient(&z, &mut log_r, &mut gradient);
            assert!((log_r[0] - at(&*marginal, &z)).abs() < 1e-10 * (1.0 + log_r[0].abs()));
            for (j, g) in gradient.iter().enumerate() {
                let moved = |h: f64| {
                    let mut z = z.clone();
                    z[j] += h;
                    at(&*marginal, &z)
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

/// y ~ N(0, 1 + s²) when x is integrated out: the log-weight in closed form.
#[test]
fn a_neck_is_left_as_its_closed_form() {
    let bound = compiled(NECK, Marginalize::Auto);
    let (component, inner) = parts(&bound).remove(0);
    assert!(component.quadratic.neck);
    let marginal = Inner::Gaussian(&inner).left(component).unwrap();
    assert_eq!(marginal.dim(), 1);
    for z in [-6.0, -2.0, 0.0, 1.5] {
        // s is HalfNormal: Φ(s) = ½ + ½ Φ(z).
        let s = crate::compute::special::inv_phi(0.5 + 0.5 * crate::compute::special::phi(z));
        let variance = 1.0 + s * s;
        let squares = 0.4f64 * 0.4 + 0.9 * 0.9 + 1.3 * 1.3;
        let truth = -0.5 * squares / variance - 1.5 * (2.0 * std::f64::consts::PI * variance).ln();
        let found = at(&*marginal, &[z]);
        assert!((found - truth).abs() < 1e-8, "{z}: {found}, {truth}");
    }
}

/// log Z and E[s] by quadrature over s.
#[test]
fn every_engine_enters_the_neck() {
    let (log_z, mean, sd) = (-4.351_595, 0.609_220, 0.466_907);
    for engine in [
        "diffusion",
        "smc",
        "nuts",
        "pt",
        "elliptical",
        "importance",
        "auto",
    ] {
        let bound = compiled(NECK, Marginalize::Auto);
        let request = InferRequest {
            draws: 2000,
            ..InferRequest::new(engine, 3)
        };
        let answer = bound
            .infer(&request)
            .unwrap_or_else(|f| panic!("{engine}: {f}"));
        assert!(answer.reliable, "{engine}: {:?}", answer.warnings);
        let of = |name: &str| &answer.parameters.iter().find(|p| p.0 == name).unwrap().1;
        // 5 standard errors of 400 effective draws and more.
        let ess = of("s").ess_bulk.unwrap_or(2000.0).max(400.0);
        let off = of("s").mean.unwrap() - mean;
        assert!(off.abs() < 5.0 * sd / ess.sqrt(), "{engine}: {off} of {sd}");
        // The second latent value has mean y E[1 / (1 + s²)]: it is put back where it belongs.
        assert!(of("x[1]").mean.unwrap() < -0.5, "{engine}");
        if let Some(z) = answer.log_z.estimate {
            assert!((z - log_z).abs() < 0.05, "{engine}: {z}");
        }
    }
}
