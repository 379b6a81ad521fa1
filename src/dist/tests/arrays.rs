//! Admission of distributions over arrays, or with array parameters.

use super::super::*;
use super::{bad_values, close, numbers, table};
use crate::base::Seed;
use crate::compute::special::{inv_phi, log_phi, normal_log_density};
use rand_chacha::rand_core::Rng;

/// Parameter sets, one slice a parameter.
pub fn arrays() -> Vec<(&'static str, Vec<Vec<Vec<f64>>>)> {
    let s2 = vec![2.0, 0.5, 0.5, 1.0];
    let s3 = vec![2.0, 0.5, -0.25, 0.5, 1.0, 0.125, -0.25, 0.125, 0.75];
    let l3 = vec![1.5, 0.0, 0.0, 0.25, 0.5, 0.0, -1.0, 2.0, 3.0];
    let mu3 = vec![1.0, -2.0, 0.0];
    vec![
        (
            "Categorical",
            vec![
                vec![vec![0.25, 0.5, 0.25]],
                vec![vec![1.0]],
                vec![vec![0.0, 0.3, 0.0, 0.7, 0.0]],
            ],
        ),
        (
            "CategoricalLogit",
            vec![
                vec![vec![0.0, 1.0, -2.5]],
                vec![vec![-800.0, 3.0, 2.0, -1.0]],
            ],
        ),
        (
            "OrderedLogistic",
            vec![
                vec![vec![0.5], vec![-1.0, 0.0, 2.5]],
                vec![vec![-30.0], vec![0.0, 0.001]],
            ],
        ),
        (
            "Multinomial",
            vec![
                vec![vec![6.0], vec![0.25, 0.5, 0.25]],
                vec![vec![4.0], vec![0.0, 0.1, 0.9, 0.0]],
                vec![vec![0.0], vec![1.0]],
            ],
        ),
        (
            "Dirichlet",
            vec![
                vec![vec![1.0, 1.0, 1.0]],
                vec![vec![0.3, 2.0, 30.0, 1.0]],
                vec![vec![5.0]],
            ],
        ),
        (
            "MultiNormal",
            vec![
                vec![vec![1.0, -1.0], s2.clone()],
                vec![mu3.clone(), s3.clone()],
            ],
        ),
        ("MultiNormalCholesky", vec![vec![mu3.clone(), l3]]),
        ("MultiNormalPrec", vec![vec![mu3.clone(), s3.clone()]]),
        (
            "MultiStudentT",
            vec![
                vec![vec![3.0], mu3.clone(), s3.clone()],
                vec![vec![0.7], vec![0.0, 0.0], s2.clone()],
            ],
        ),
        (
            "LKJCorr",
            vec![
                vec![vec![1.0], vec![2.0]],
                vec![vec![2.0], vec![0.5]],
                vec![vec![4.0], vec![1.0]],
                vec![vec![3.0], vec![20.0]],
            ],
        ),
        (
            "LKJCholesky",
            vec![
                vec![vec![1.0], vec![2.0]],
                vec![vec![2.0], vec![0.5]],
                vec![vec![4.0], vec![1.0]],
                vec![vec![3.0], vec![20.0]],
            ],
        ),
        (
            "Wishart",
            vec![vec![vec![3.5], s2.clone()], vec![vec![7.0], s3.clone()]],
        ),
        ("InvWishart", vec![vec![vec![3.5], s2], vec![vec![7.0], s3]]),
    ]
}

/// A distribution with one set of parameters.
pub struct Case {
    pub d: &'static dyn Multivariate,
    pub p: Vec<Vec<f64>>,
    shapes: Vec<Shape>,
}

impl Case {
    pub fn new(name: &str, p: Vec<Vec<f64>>) -> Case {
        let Some(Distribution::Array(d)) = find(name) else {
            panic!("{name} is not registered")
        };
        let shape = |(param, v): (&Param, &Vec<f64>)| match param.rank {
            0 => Shape::scalar(),
            1 => Shape::vector(v.len()),
            _ => Shape(vec![v.len().isqrt(); 2]),
        };
        let shapes = d.params().iter().zip(&p).map(shape).collect();
        Case { d, p, shapes }
    }
    pub fn p(&self) -> Vec<&[f64]> {
        self.p.iter().map(Vec::as_slice).collect()
    }
    pub fn shapes(&self) -> Vec<&Shape> {
        self.shapes.iter().collect()
    }
    pub fn layout(&self) -> (Shape, usize) {
        self.d.layout(&self.p(), &self.shapes()).unwrap()
    }
    pub fn transport(&self, z: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.layout().0.len()];
        self.d.transport(&self.p(), &self.shapes(), z, &mut out);
        out
    }
    pub fn log_density(&self, x: &[f64]) -> f64 {
        self.d.log_density(&self.p(), &self.shapes(), x)
    }
    /// The same with another value for a parameter.
    pub fn with(&self, i: usize, value: Vec<f64>) -> Case {
        let mut p = self.p.clone();
        p[i] = value;
        Case {
            d: self.d,
            p,
            shapes: self.shapes.clone(),
        }
    }
    fn check(&self) -> Result<(), (usize, String)> {
        check_params(&Distribution::Array(self.d), &self.p(), &self.shapes())
    }
    pub fn show(&self) -> String {
        format!("{} {:?}", self.d.name(), self.p)
    }
}

pub fn cases() -> impl Iterator<Item = Case> {
    arrays()
        .into_iter()
        .flat_map(|(name, sets)| sets.into_iter().map(move |p| Case::new(name, p)))
}

/// Standard normal numbers, times `spread`.
pub fn normals(stream: &mut impl Rng, n: usize, spread: f64) -> Vec<f64> {
    (0..n)
        .map(|_| spread * inv_phi((stream.next_u64() as f64 + 0.5) / 2f64.powi(64)))
        .collect()
}

/// The elements in which a density is taken: the others follow from them.
fn free(name: &str, n: usize) -> Vec<usize> {
    let d = n.isqrt();
    match name {
        "Dirichlet" => (0..n - 1).collect(),
        "LKJCorr" | "LKJCholesky" => (0..n).filter(|e| e % d < e / d).collect(),
        "Wishart" | "InvWishart" => (0..n).filter(|e| e % d <= e / d).collect(),
        _ => (0..n).collect(),
    }
}

/// ln |det| by Gaussian elimination.
fn log_abs_det(mut m: Vec<Vec<f64>>) -> f64 {
    let n = m.len();
    let mut sum = 0.0;
    for i in 0..n {
        let pivot = (i..n)
            .max_by(|&a, &b| m[a][i].abs().total_cmp(&m[b][i].abs()))
            .unwrap();
        m.swap(i, pivot);
        sum += m[i][i].abs().ln();
        for r in i + 1..n {
            let factor = m[r][i] / m[i][i];
            let (top, rest) = m.split_at_mut(r);
            rest[0][i..]
                .iter_mut()
                .zip(&top[i][i..])
                .for_each(|(a, b)| *a -= factor * b);
        }
    }
    sum
}

/// d(free elements of the value) / dz, by central differences with one step of extrapolation.
fn jacobian(case: &Case, z: &[f64], free: &[usize]) -> Vec<Vec<f64>> {
    let slope = |j: usize, h: f64| {
        let (mut up, mut down) = (z.to_vec(), z.to_vec());
        up[j] += h;
        down[j] -= h;
        let (up, down) = (case.transport(&up), case.transport(&down));
        free.iter()
            .map(|&e| (up[e] - down[e]) / (2.0 * h))
            .collect::<Vec<f64>>()
    };
    (0..z.len())
        .map(|j| {
            let (coarse, fine) = (slope(j, 4e-4), slope(j, 2e-4));
            coarse
                .iter()
                .zip(fine)
                .map(|(c, f)| (4.0 * f - c) / 3.0)
                .collect()
        })
        .collect()
}

#[test]
fn transport_carries_noise_to_the_density() {
    // The density at T(z) is that of z over |det dT/dz|: exact, at random points.
    let mut stream = Seed(7).stream("dists", 0);
    for case in cases().filter(|c| c.d.kind() == ValueKind::Real) {
        let (shape, dim) = case.layout();
        let free = free(case.d.name(), shape.len());
        assert_eq!(free.len(), dim, "{}", case.show());
        for _ in 0..20 {
            let z = normals(&mut stream, dim, 1.0);
            let want = z.iter().map(|&v| normal_log_density(v)).sum::<f64>()
                - log_abs_det(jacobian(&case, &z, &free));
            let got = case.log_density(&case.transport(&z));
            assert!(
                (got - want).abs() < 1e-6,
                "{} at z = {z:?}: {got} for {want}",
                case.show()
            );
        }
    }
}

#[test]
fn tables() {
    for row in table(include_str!("../../../tests/data/dists/multivariate.csv")) {
        let case = Case::new(row[0], row[1].split(';').map(numbers).collect());
        let (x, want) = (numbers(row[2]), numbers(row[3])[0]);
        let got = case.log_density(&x);
        assert!(
            close(got, want),
            "{} at {x:?}: {got} for {want}",
            case.show()
        );
    }
}

#[test]
fn categories_own_their_cells() {
    for case in cases().filter(|c| c.d.n_categories(&c.shapes()).is_some()) {
        let (p, shapes) = (case.p(), case.shapes());
        let n = case.d.n_categories(&shapes).unwrap();
        let mut sum = 0.0;
        for k in 0..n {
            sum += case.log_density(&[k as f64]).exp();
            let below = case.d.log_cdf(&p, &shapes, k as f64).exp();
            let above = case.d.log_ccdf(&p, &shapes, k as f64).exp();
            assert!(
                (below - sum).abs() < 1e-14 && (above - (1.0 - sum)).abs() < 1e-14,
                "{} {k}: {below} {above} {sum}",
                case.show()
            );
        }
        assert!((sum - 1.0).abs() < 1e-13);
        let mut last = 0.0;
        for i in -370..=370 {
            let z = f64::from(i) / 10.0;
            let k = case.transport(&[z])[0];
            assert!(
                k >= last && case.log_density(&[k]) > f64::NEG_INFINITY,
                "{}: {k} at {z}",
                case.show()
            );
            last = k;
            let (level, at, before) = if z <= 0.0 {
                (
                    log_phi(z),
                    case.d.log_cdf(&p, &shapes, k),
                    case.d.log_cdf(&p, &shapes, k - 1.0),
                )
            } else {
                (
                    -log_phi(-z),
                    -case.d.log_ccdf(&p, &shapes, k),
                    -case.d.log_ccdf(&p, &shapes, k - 1.0),
                )
            };
            assert!(
                before <= level + 1e-14 && level <= at + 1e-14,
                "{}: z = {z} to {k}: {before} {level} {at}",
                case.show()
            );
        }
        for x in [-1.0, n as f64, 0.5] {
            assert_eq!(case.log_density(&[x]), f64::NEG_INFINITY);
        }
    }
}

#[test]
fn multinomial_adds_up() {
    for case in cases().filter(|c| c.d.name() == "Multinomial") {
        let (n, k) = (case.p[0][0] as usize, case.p[1].len());
        let mut sum = 0.0;
        for code in 0..(n + 1).pow(k as u32) {
            let x: Vec<f64> = (0..k)
                .map(|i| (code / (n + 1).pow(i as u32) % (n + 1)) as f64)
                .collect();
            sum += case.log_density(&x).exp();
        }
        assert!((sum - 1.0).abs() < 1e-13, "{}: {sum}", case.show());
        for z in [-9.0, -1.0, 0.0, 0.4, 9.0] {
            let x = case.transport(&vec![z; k - 1]);
            assert!(
                x.iter().sum::<f64>() == n as f64 && case.log_density(&x) > f64::NEG_INFINITY,
                "{}: {x:?}",
                case.show()
            );
        }
    }
}

#[test]
fn moments_are_those_of_draws() {
    const DRAWS: usize = 20_000;
    for case in cases() {
        let (shape, dim) = case.layout();
        let (mut mean, mut sd) = (vec![0.0; shape.len()], vec![0.0; shape.len()]);
        case.d.mean(&case.p(), &case.shapes(), &mut mean);
        case.d.sd(&case.p(), &case.shapes(), &mut sd);
        if mean.iter().chain(&sd).any(|v| v.is_nan()) {
            continue;
        }
        let mut stream = Seed(11).stream(case.d.name(), 0);
        let mut sums = vec![0.0; shape.len()];
        for _ in 0..DRAWS {
            let z = normals(&mut stream, dim, 1.0);
            sums.iter_mut()
                .zip(case.transport(&z))
                .for_each(|(s, x)| *s += x);
        }
        for ((s, m), sd) in sums.iter().zip(&mean).zip(&sd) {
            // 5.5 standard errors: about 100 comparisons, false alarms below 1e-5.
            assert!(
                (s / DRAWS as f64 - m).abs() <= 5.5 * sd / (DRAWS as f64).sqrt() + 1e-12,
                "{}: {mean:?}, {sums:?}",
                case.show()
            );
        }
    }
}

#[test]
fn invalid_arrays_are_refused() {
    for case in cases() {
        assert_eq!(case.check(), Ok(()), "{}", case.show());
        let z = vec![0.3; case.layout().1];
        let value = case.transport(&z);
        for (i, param) in case.d.params().iter().enumerate() {
            for &bad in bad_values(param.domain) {
                let mut q = case.p.clone();
                q[i][0] = bad;
                let broken = Case {
                    d: case.d,
                    p: q,
                    shapes: case.shapes.clone(),
                };
                let (index, sentence) = broken.check().expect_err("a bad value is refused");
                assert!(
                    index == i && sentence.contains(param.name),
                    "{}: {index} {sentence}",
                    broken.show()
                );
                let mut out = vec![0.0; value.len()];
                broken
                    .d
                    .transport(&broken.p(), &broken.shapes(), &z, &mut out);
                assert!(
                    out.iter().all(|v| v.is_nan()) && broken.log_density(&value).is_nan(),
                    "{} computes",
                    broken.show()
                );
                broken.d.mean(&broken.p(), &broken.shapes(), &mut out);
                assert!(
                    out.iter().all(|v| v.is_nan()),
                    "{} has a mean",
                    broken.show()
                );
                broken.d.sd(&broken.p(), &broken.shapes(), &mut out);
                assert!(
                    out.iter().all(|v| v.is_nan()),
                    "{} has a standard deviation",
                    broken.show()
                );
            }
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_refused() {
    let refused = |name: &str, p: Vec<Vec<f64>>, shapes: Vec<Shape>| {
        let case = Case {
            shapes,
            ..Case::new(name, p)
        };
        case.check().expect_err("a bad shape is refused")
    };
    let (two, three, square) = (Shape::vector(2), Shape::vector(3), Shape(vec![2, 2]));
    let identity = vec![1.0, 0.0, 0.0, 1.0];
    let (index, sentence) = refused(
        "MultiNormal",
        vec![vec![0.0; 3], identity.clone()],
        vec![three, square.clone()],
    );
    assert_eq!(
        (index, sentence.as_str()),
        (
            1,
            "Sigma must be 3 by 3 to go with mu, which has 3 elements; it is 2 by 2"
        )
    );
    assert_eq!(
        refused(
            "MultiNormal",
            vec![vec![0.0], identity],
            vec![Shape::scalar(), square.clone()]
        )
        .0,
        0
    );
    assert_eq!(
        refused(
            "MultiNormal",
            vec![vec![0.0; 2], vec![1.0, 2.0, 2.0, 1.0]],
            vec![two.clone(), square.clone()]
        )
        .1,
        "Sigma must be positive definite"
    );
    assert_eq!(
        refused(
            "MultiNormal",
            vec![vec![0.0; 2], vec![1.0, 0.5, 0.4, 1.0]],
            vec![two.clone(), square.clone()]
        )
        .1,
        "Sigma must be symmetric"
    );
    assert_eq!(
        refused(
            "MultiNormalCholesky",
            vec![vec![0.0; 2], vec![1.0, 0.5, 0.5, 1.0]],
            vec![two.clone(), square.clone()]
        )
        .1,
        "L must be lower triangular; its element [0, 1] is 0.5"
    );
    assert_eq!(
        refused("Categorical", vec![vec![0.5, 0.4]], vec![two.clone()]).1,
        "the elements of p must sum to 1, they sum to 0.9"
    );
    assert_eq!(
        refused("Categorical", vec![vec![]], vec![Shape::vector(0)]).0,
        0
    );
    assert_eq!(
        refused(
            "OrderedLogistic",
            vec![vec![0.0], vec![1.0, 1.0]],
            vec![Shape::scalar(), two]
        )
        .1,
        "cutpoints must increase; 1 follows 1"
    );
    assert_eq!(
        refused(
            "Wishart",
            vec![vec![1.0], vec![1.0, 0.0, 0.0, 1.0]],
            vec![Shape::scalar(), square]
        )
        .0,
        0
    );
    assert_eq!(
        refused(
            "LKJCorr",
            vec![vec![0.0], vec![1.0]],
            vec![Shape::scalar(); 2]
        )
        .0,
        0
    );
}

#[test]
fn values_outside_of_the_support_have_no_density() {
    let none = |name: &str, p: Vec<Vec<f64>>, x: &[f64]| {
        assert_eq!(
            Case::new(name, p).log_density(x),
            f64::NEG_INFINITY,
            "{name}"
        )
    };
    none("Dirichlet", vec![vec![1.0, 2.0]], &[0.5, 0.6]);
    none("Dirichlet", vec![vec![1.0, 2.0]], &[-0.5, 1.5]);
    none("Multinomial", vec![vec![3.0], vec![0.5, 0.5]], &[1.0, 1.0]);
    none("LKJCorr", vec![vec![2.0], vec![1.0]], &[1.0, 0.5, 0.4, 1.0]);
    none("LKJCorr", vec![vec![2.0], vec![1.0]], &[1.0, 1.5, 1.5, 1.0]);
    none("LKJCorr", vec![vec![2.0], vec![1.0]], &[2.0, 0.5, 0.5, 1.0]);
    none(
        "LKJCholesky",
        vec![vec![2.0], vec![1.0]],
        &[1.0, 0.0, 0.6, 0.7],
    );
    none(
        "Wishart",
        vec![vec![3.0], vec![1.0, 0.0, 0.0, 1.0]],
        &[1.0, 2.0, 2.0, 1.0],
    );
}

#[test]
fn far_noise_stays_finite() {
    for case in cases() {
        let dim = case.layout().1;
        for z in [-30.0, -10.0, 10.0, 30.0] {
            let x = case.transport(&vec![z; dim]);
            assert!(
                x.iter().all(|v| v.is_finite()),
                "{} at z = {z}: {x:?}",
                case.show()
            );
        }
    }
}
