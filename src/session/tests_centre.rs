//! Latent values in the place of their noise: which can stand there, that the posterior is the same, and that `nuts` is helped.

use std::sync::Arc;

use super::bound::standard_normals;
use super::{Bound, InferRequest, Limits, Session};
use crate::base::Seed;
use crate::lower::{Centred, Component, Target};
use crate::store::{Inputs, NoFiles};

fn compiled(text: &str) -> Bound {
    Session::compile("p.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &Limits::default()))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

/// Programs with the number of values that can stand in their noise's place.
const PROGRAMS: [(&str, usize); 10] = [
    // A drawn mean and scale; the mean's own are known.
    (
        "sample t ~ HalfNormal(2)
         sample mu ~ Normal(0, 3)
         sample theta ~ iid(Normal(mu, t), 4)
         observe [1.0, 2.0, 0.5, 1.1] ~ Normal(theta, 0.7)",
        4,
    ),
    // The same, written as what it is computed from; more operations on the way.
    (
        "sample t ~ Gamma(2, 1)
         sample mu ~ Normal(0, 3)
         sample e ~ iid(Normal(0, 1), 3)
         let theta = (3 - (mu - t * e)) / sqrt(t) * -2
         observe [1.0, 2.0, 0.5] ~ StudentT(4, theta, 0.7)",
        3,
    ),
    // A walk whose noise is one array; the first value has another scale.
    (
        "sample p ~ Beta(20, 1.5)
         sample s ~ HalfCauchy(1)
         sample m ~ Cauchy(0, 2)
         sample e[t in 0..4] ~ Normal(0, 1)
         var h = zeros(4)
         h[0] = m + s / sqrt(1 - p ^ 2) * e[0]
         for t in 1..4 { h[t] = m + p * (h[t - 1] - m) + s * e[t] }
         observe [0.1, -0.3, 0.2, 0.4] ~ Normal(0, exp(h / 2))",
        4,
    ),
    // A walk of draws, with a drawn start.
    (
        "sample s ~ LogNormal(0, 1)
         sample x ~ Normal(0, 1)
         var at = x
         for y in [0.3, 0.8, -0.2] {
           sample next ~ Normal(at, s)
           at = next
           observe y ~ Logistic(at, 0.5)
         }",
        3,
    ),
    // A scale for each of two groups.
    (
        "let g = [0, 1, 1, 0]
         sample t ~ iid(HalfNormal(1), 2)
         sample x[i in 0..4] ~ Normal(0.5, t[g[i]])
         observe [0.3, 0.1, -0.2, 0.6] ~ Laplace(x, 0.3)",
        4,
    ),
    // Several observations of each value, and a value that none reads.
    (
        "let g = [0, 1, 1, 2]
         sample t ~ Uniform(0, 3)
         sample x ~ iid(Normal(0, t), 4)
         observe [0.3, 0.1, -0.2, 0.6] ~ Laplace(x[g], 0.3)",
        4,
    ),
    // A sum of what is drawn: the later of the two.
    (
        "sample t ~ Exponential(1)
         sample a ~ Normal(1, 2)
         sample b ~ Normal(a, t)
         observe 0.3 ~ Laplace(b, 0.3)",
        1,
    ),
    // Nothing: a factor that may be negative, noise that is read twice, known numbers, a bend.
    (
        "sample w ~ Normal(0, 1)
         sample e ~ Normal(0, 1)
         observe 0.3 ~ Laplace(w * e, 0.3)",
        0,
    ),
    (
        "sample t ~ HalfNormal(1)
         sample e ~ Normal(0, 1)
         observe 0.3 ~ Laplace(t * e + 0.1 * e, 0.3)",
        0,
    ),
    (
        "sample t ~ HalfNormal(1)
         sample x ~ Normal(2, 3)
         observe 0.3 ~ Laplace(2 * x + 1, 0.3)
         sample u ~ Gamma(2, t)
         observe 0.7 ~ Laplace(u, 0.1)",
        0,
    ),
];

/// Every component of a program, with draws of its prior.
fn parts(bound: &Bound) -> Vec<(&Component, Vec<f64>)> {
    let all = bound.inner().0.components.iter();
    all.map(|c| (&**c, standard_normals(Seed(5), "draws", 200 * c.dim())))
        .collect()
}

/// log N(z; 0, I) r(z).
fn at(target: &dyn Target, z: &[f64]) -> f64 {
    let mut log_r = [0.0];
    target.log_r(z, &mut log_r);
    log_r[0] - 0.5 * z.iter().map(|z| z * z).sum::<f64>()
}

/// log |det| of the noise's derivatives by the coordinates: differences.
fn log_det(centred: &Centred, w: &[f64]) -> f64 {
    let n = w.len();
    let mut rows = Vec::new();
    for j in 0..n {
        let moved = |h: f64| {
            let mut at = w.to_vec();
            at[j] += h;
            centred.leave(&mut at);
            at
        };
        let (up, down) = (moved(1e-5), moved(-1e-5));
        rows.extend(up.iter().zip(&down).map(|(a, b)| (a - b) / 2e-5));
    }
    // Elimination, with the largest pivot.
    let mut sum = 0.0;
    for k in 0..n {
        let pivot = (k..n).max_by(|&a, &b| rows[a * n + k].abs().total_cmp(&rows[b * n + k].abs()));
        let pivot = pivot.expect("there are rows");
        (0..n).for_each(|j| rows.swap(k * n + j, pivot * n + j));
        sum += rows[k * n + k].abs().ln();
        for i in k + 1..n {
            let f = rows[i * n + k] / rows[k * n + k];
            (k..n).for_each(|j| rows[i * n + j] -= f * rows[k * n + j]);
        }
    }
    sum
}

/// The density over latent values is the posterior's, Jacobian included, and the way there is the way back.
fn is_the_same(component: &Component, centred: &Centred, what: &str) {
    let n = component.dim();
    for (i, row) in standard_normals(Seed(6), "rows", 5 * n)
        .chunks_exact(n)
        .enumerate()
    {
        let mut w = row.to_vec();
        centred.enter(&mut w);
        let mut back = w.clone();
        centred.leave(&mut back);
        let apart = back.iter().zip(row).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f64::max) < 1e-9, "{what}, {i}: {back:?}");
        let (here, there) = (at(centred.target(), &w), at(component, row));
        let should = there + log_det(centred, &w);
        assert!(
            (here - should).abs() < 1e-6 * (1.0 + should.abs()),
            "{what}, {i}: {here}, {should}"
        );
    }
}

#[test]
fn values_that_can_stand_in_their_noises_place_are_found_and_the_posterior_is_the_same() {
    for (text, n) in PROGRAMS {
        let bound = compiled(text);
        let mut found = 0;
        for (component, draws) in parts(&bound) {
            if let Some(centred) = component.centred(&draws, f64::INFINITY) {
                found += centred.columns().count();
                is_the_same(component, &centred, text);
            }
        }
        assert_eq!(found, n, "{text}");
    }
}

/// Two groups are settled by data, two are not: only the former are moved.
#[test]
fn draws_say_which_values_are_moved() {
    let bound = compiled(
        "let sd = [0.001, 0.001, 50, 50]
         sample t ~ HalfNormal(1)
         sample x ~ iid(Normal(0, t), 4)
         observe [0.5, 1.5, 0.3, -0.3] ~ StudentT(5, x, sd)",
    );
    let (component, _) = parts(&bound).remove(0);
    // The posterior, nearly: t from its prior, settled values where the data are.
    let mut draws = standard_normals(Seed(7), "draws", 400 * 5);
    for row in draws.chunks_exact_mut(5) {
        let t = crate::compute::special::phi(-row[0].abs());
        let t = -crate::compute::special::inv_phi(t);
        row[0] = crate::compute::special::inv_phi(2.0 * crate::compute::special::phi(t) - 1.0);
        (row[1], row[2]) = ((0.5 + 0.001 * row[1]) / t, (1.5 + 0.001 * row[2]) / t);
    }
    let centred = component.centred(&draws, 0.8).expect("two are settled");
    assert_eq!(centred.columns().collect::<Vec<_>>(), [1, 2]);
    is_the_same(component, &centred, "two of four");
}

/// Forty means that data settle: t and mu given the means, which are the data. `nuts` over noise has no chance.
#[test]
fn nuts_moves_values_that_data_settle() {
    let y: Vec<f64> = standard_normals(Seed(8), "data", 40)
        .iter()
        .map(|z| 1.0 + 0.7 * z)
        .collect();
    let bound = compiled(&format!(
        "sample mu ~ Normal(0, 5)
         sample t ~ HalfNormal(2)
         sample x ~ iid(Normal(mu, t), 40)
         observe {y:?} ~ StudentT(4, x, 0.0005)"
    ));
    let run = |coordinates: &str| {
        let request = InferRequest {
            options: vec![("coordinates".into(), coordinates.into())],
            ..InferRequest::new("nuts", 2)
        };
        bound.infer(&request).unwrap_or_else(|f| panic!("{f}"))
    };
    assert!(!run("plain").reliable);
    let answer = run("auto");
    assert!(answer.reliable, "{:?}", answer.warnings);
    let of = |name: &str| &answer.parameters.iter().find(|p| p.0 == name).unwrap().1;
    // Quadrature over t, with mu integrated out: y ~ N(0, t² I + 25).
    let n = y.len() as f64;
    let mean = y.iter().sum::<f64>() / n;
    let squares: f64 = y.iter().map(|y| (y - mean).powi(2)).sum();
    let (mut mass, mut first) = (0.0, 0.0);
    for i in 1..4000 {
        let t = i as f64 * 1e-3;
        let v = t * t / n + 25.0;
        let log = -0.5 * squares / (t * t)
            - (n - 1.0) * t.ln()
            - 0.5 * v.ln()
            - 0.5 * mean * mean / v
            - t * t / 8.0;
        let w = (log + 40.0 * 0.7f64.ln()).exp();
        mass += w;
        first += w * t;
    }
    let t = of("t");
    let off = t.mean.unwrap() - first / mass;
    let se = t.sd.unwrap() / t.ess_bulk.unwrap().sqrt();
    assert!(off.abs() < 4.5 * se, "{off} ± {se}");
}
