//! Adjoints of distributions over arrays, against differences along paths that keep arguments valid.

use super::super::*;
use super::arrays::{Case, cases, normals};
use super::slopes::difference;
use crate::base::Seed;
use crate::compute::linalg::{
    cholesky, cholesky_adjoint, solve_lower, solve_lower_adjoint, solve_lower_transposed,
    solve_lower_transposed_adjoint, times_transposed, times_transposed_adjoint,
};

/// How elements of an array may move without leaving what it may be.
#[derive(Clone, Copy, PartialEq)]
enum Room {
    /// Not at all: whole numbers.
    Fixed,
    /// Each alone.
    Free,
    /// One up, another down.
    Simplex,
    /// Mirrored pairs, and the diagonal.
    Symmetric,
    /// Mirrored pairs.
    Correlation,
    /// Each on or below the diagonal.
    Lower,
    /// Each below the diagonal, its row keeping its length.
    UnitRows,
}

fn room_of(param: &Param) -> Room {
    match param.domain {
        Domain::Count | Domain::Integer => Room::Fixed,
        Domain::Simplex => Room::Simplex,
        Domain::PositiveDefinite => Room::Symmetric,
        Domain::CholeskyFactor => Room::Lower,
        _ => Room::Free,
    }
}

fn room_of_value(d: &dyn Multivariate) -> Room {
    match d.name() {
        _ if d.is_discrete() => Room::Fixed,
        "Dirichlet" => Room::Simplex,
        "LKJCorr" => Room::Correlation,
        "LKJCholesky" => Room::UnitRows,
        "Wishart" | "InvWishart" => Room::Symmetric,
        _ => Room::Free,
    }
}

/// A way to move an array: the array after a step, its direction at the start, and how far it may go.
struct Path {
    element: usize,
    partner: Option<(usize, f64)>,
    unit_row: bool,
    reach: f64,
}

impl Path {
    fn after(&self, v: &[f64], h: f64) -> Vec<f64> {
        let mut moved = v.to_vec();
        moved[self.element] += h;
        if let Some((partner, sign)) = self.partner {
            moved[partner] += sign * h;
        }
        if self.unit_row {
            let d = v.len().isqrt();
            let diagonal = self.element / d * (d + 1);
            let change =
                (v[self.element] - moved[self.element]) * (v[self.element] + moved[self.element]);
            moved[diagonal] = (v[diagonal] * v[diagonal] + change).sqrt();
        }
        moved
    }
    /// The derivative along the path, from those in the elements.
    fn along(&self, v: &[f64], slopes: &[f64]) -> f64 {
        let mut sum = slopes[self.element];
        if let Some((partner, sign)) = self.partner {
            sum += sign * slopes[partner];
        }
        if self.unit_row {
            let d = v.len().isqrt();
            let diagonal = self.element / d * (d + 1);
            sum -= slopes[diagonal] * v[self.element] / v[diagonal];
        }
        sum
    }
}

fn paths(room: Room, v: &[f64]) -> Vec<Path> {
    let d = v.len().isqrt();
    let path = |element: usize, partner: Option<(usize, f64)>, reach: f64| Path {
        element,
        partner,
        unit_row: room == Room::UnitRows,
        reach,
    };
    let below = |e: &usize| e % d < e / d;
    let mirror = |e: usize| e % d * d + e / d;
    // How far a matrix is from losing its definiteness.
    let slack = || {
        let l = cholesky(v, d).expect("positive definite");
        let least = (0..d).map(|i| l[i * d + i]).fold(f64::INFINITY, f64::min);
        0.02 * least * least
    };
    match room {
        Room::Fixed => Vec::new(),
        Room::Free => (0..v.len())
            .map(|e| path(e, None, 0.05 * v[e].abs().max(1e-2)))
            .collect(),
        Room::Simplex => (1..v.len())
            .filter(|&e| v[e] > 0.0 && v[e - 1] > 0.0)
            .map(|e| path(e, Some((e - 1, -1.0)), 0.1 * v[e].min(v[e - 1])))
            .collect(),
        Room::Symmetric => (0..v.len())
            .filter(|e| e % d <= e / d)
            .map(|e| {
                let partner = below(&e).then(|| (mirror(e), 1.0));
                path(e, partner, slack())
            })
            .collect(),
        Room::Correlation => (0..v.len())
            .filter(below)
            .map(|e| path(e, Some((mirror(e), 1.0)), slack()))
            .collect(),
        Room::Lower => (0..v.len())
            .filter(|e| e % d <= e / d)
            .map(|e| path(e, None, 0.05 * v[e / d * (d + 1)]))
            .collect(),
        Room::UnitRows => (0..v.len())
            .filter(below)
            .map(|e| path(e, None, 0.05 * v[e / d * (d + 1)].powi(2)))
            .collect(),
    }
}

/// Compares to 1e-7 of the derivative, the differences' own error, and the rounding of f and of its argument over the step.
fn compare(what: &str, got: f64, f: impl Fn(f64) -> f64, reach: f64) {
    let (want, error) = difference(&f, 0.0, reach);
    let noise = (1e-11 * (1.0 + f(0.0).abs()) + 1e-14 * want.abs()) / reach;
    let tolerance = 1e-7 * want.abs() + 4.0 * error + noise;
    assert!(
        (got - want).abs() <= tolerance,
        "{what}: {got:e} for {want:e} ± {error:e}"
    );
    assert!(
        error < 1e-3 * (1.0 + want.abs()) || noise > error,
        "{what}: nothing compared: {want:e} ± {error:e}"
    );
}

/// Places for derivatives as the arguments are shaped.
fn zeros(p: &[Vec<f64>]) -> Vec<Vec<f64>> {
    p.iter().map(|v| vec![0.0; v.len()]).collect()
}

#[test]
fn adjoints_are_added() {
    for case in cases() {
        let z = vec![0.4; case.layout().1];
        let x = case.transport(&z);
        let once = log_density_adjoint(&case, &x, 2.0);
        let (mut dp, mut dx) = log_density_adjoint(&case, &x, 1.0);
        let mut places: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
        case.d
            .log_density_adjoint(&case.p(), &case.shapes(), &x, 1.0, &mut places, &mut dx);
        assert_close(&once, &(dp, dx));
        if case.d.kind() == ValueKind::Real {
            let once = transport_adjoint(&case, &z, &vec![2.0; x.len()]);
            let (mut dp, mut dz) = transport_adjoint(&case, &z, &vec![1.0; x.len()]);
            let mut places: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
            let (p, shapes, bar) = (case.p(), case.shapes(), vec![1.0; x.len()]);
            case.d
                .transport_adjoint(&p, &shapes, &z, &x, &bar, &mut places, &mut dz);
            assert_close(&once, &(dp, dz));
        }
    }
}

/// Equal but for rounding: a few operations.
fn assert_close(a: &(Vec<Vec<f64>>, Vec<f64>), b: &(Vec<Vec<f64>>, Vec<f64>)) {
    let all = |v: &(Vec<Vec<f64>>, Vec<f64>)| -> Vec<f64> {
        v.0.iter().flatten().chain(&v.1).copied().collect()
    };
    for (a, b) in all(a).iter().zip(all(b)) {
        assert!((a - b).abs() <= 1e-12 * (1.0 + a.abs()), "{a:e} {b:e}");
    }
}

fn log_density_adjoint(case: &Case, x: &[f64], bar: f64) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut dp, mut dx) = (zeros(&case.p), vec![0.0; x.len()]);
    let mut places: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
    case.d
        .log_density_adjoint(&case.p(), &case.shapes(), x, bar, &mut places, &mut dx);
    (dp, dx)
}

fn transport_adjoint(case: &Case, z: &[f64], bar: &[f64]) -> (Vec<Vec<f64>>, Vec<f64>) {
    let (mut dp, mut dz) = (zeros(&case.p), vec![0.0; z.len()]);
    let mut places: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
    let x = case.transport(z);
    case.d
        .transport_adjoint(&case.p(), &case.shapes(), z, &x, bar, &mut places, &mut dz);
    (dp, dz)
}

fn check_log_density(case: &Case, x: &[f64]) {
    const BAR: f64 = 1.5;
    let (dp, dx) = log_density_adjoint(case, x, BAR);
    for (i, param) in case.d.params().iter().enumerate() {
        for path in paths(room_of(param), &case.p[i]) {
            let what = format!("{} at {x:?}: parameter {i}[{}]", case.show(), path.element);
            let f = |h: f64| BAR * case.with(i, path.after(&case.p[i], h)).log_density(x);
            compare(&what, path.along(&case.p[i], &dp[i]), f, path.reach);
        }
    }
    for path in paths(room_of_value(case.d), x) {
        let what = format!("{} at {x:?}: x[{}]", case.show(), path.element);
        let f = |h: f64| BAR * case.log_density(&path.after(x, h));
        compare(&what, path.along(x, &dx), f, path.reach);
    }
}

fn check_transport(case: &Case, z: &[f64], bar: &[f64]) {
    let weigh = |x: Vec<f64>| -> f64 { x.iter().zip(bar).map(|(x, b)| x * b).sum() };
    let (dp, dz) = transport_adjoint(case, z, bar);
    for (i, param) in case.d.params().iter().enumerate() {
        for path in paths(room_of(param), &case.p[i]) {
            let what = format!("{} z = {z:?}: parameter {i}[{}]", case.show(), path.element);
            let f = |h: f64| weigh(case.with(i, path.after(&case.p[i], h)).transport(z));
            compare(&what, path.along(&case.p[i], &dp[i]), f, path.reach);
        }
    }
    for path in paths(Room::Free, z) {
        let what = format!("{} z = {z:?}: z[{}]", case.show(), path.element);
        let f = |h: f64| weigh(case.transport(&path.after(z, h)));
        compare(&what, path.along(z, &dz), f, 0.05);
    }
}

#[test]
fn adjoints_are_those_of_the_functions() {
    let mut stream = Seed(13).stream("adjoints", 0);
    for case in cases().chain(extreme()) {
        let (shape, dim) = case.layout();
        for spread in [1.0, 1.0, 3.0] {
            let z = normals(&mut stream, dim, spread);
            check_log_density(&case, &case.transport(&z));
            if case.d.kind() == ValueKind::Real {
                check_transport(&case, &z, &normals(&mut stream, shape.len(), 1.0));
            }
        }
    }
}

/// Few and many degrees of freedom, small and large shapes, nearly singular matrices.
fn extreme() -> impl Iterator<Item = Case> {
    let near = vec![1.0, 0.99, 0.99, 1.0];
    let cases = vec![
        ("Dirichlet", vec![vec![0.02, 0.3, 0.05]]),
        ("Dirichlet", vec![vec![1e3, 200.0, 5.0, 0.5]]),
        ("MultiNormal", vec![vec![0.0, 1.0], near.clone()]),
        ("MultiNormalPrec", vec![vec![0.0, 1.0], near.clone()]),
        (
            "MultiStudentT",
            vec![vec![0.5], vec![0.0, 1.0], near.clone()],
        ),
        (
            "MultiStudentT",
            vec![vec![200.0], vec![0.0, 1.0], near.clone()],
        ),
        ("LKJCholesky", vec![vec![5.0], vec![0.1]]),
        ("LKJCorr", vec![vec![3.0], vec![200.0]]),
        ("Wishart", vec![vec![1.1], near.clone()]),
        ("InvWishart", vec![vec![200.0], near]),
        (
            "OrderedLogistic",
            vec![vec![3.0], vec![-20.0, 0.0, 0.01, 30.0]],
        ),
    ];
    cases.into_iter().map(|(name, p)| Case::new(name, p))
}

#[test]
fn adjoints_of_nothing() {
    for case in cases() {
        let (shape, dim) = case.layout();
        let x = case.transport(&vec![0.3; dim]);
        let all = |(dp, rest): (Vec<Vec<f64>>, Vec<f64>), holds: fn(&f64) -> bool| {
            dp.iter().flatten().chain(&rest).all(holds)
        };
        // A bar of 0 adds nothing, whatever the arguments.
        let nowhere = vec![f64::NAN; shape.len()];
        assert!(all(log_density_adjoint(&case, &nowhere, 0.0), |v| *v == 0.0));
        assert!(
            all(log_density_adjoint(&case, &nowhere, 1.0), |v| v.is_nan()),
            "{}",
            case.show()
        );
        if room_of_value(case.d) != Room::Free {
            let outside = vec![-1.0; shape.len()];
            assert!(
                all(log_density_adjoint(&case, &outside, 1.0), |v| *v == 0.0),
                "{}",
                case.show()
            );
        }
        let last = case.p.len() - 1;
        let mut q = case.p[last].clone();
        q[0] = f64::NAN;
        let broken = case.with(last, q);
        assert!(
            all(log_density_adjoint(&broken, &x, 1.0), |v| v.is_nan()),
            "{}",
            case.show()
        );
        if case.d.kind() == ValueKind::Real {
            let (mut dp, mut dz) = (zeros(&case.p), vec![0.0; dim]);
            let mut places: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
            let (p, bar) = (broken.p(), vec![1.0; shape.len()]);
            case.d.transport_adjoint(
                &p,
                &case.shapes(),
                &vec![0.3; dim],
                &x,
                &bar,
                &mut places,
                &mut dz,
            );
            assert!(
                dp.iter().flatten().chain(&dz).all(|v| v.is_nan()),
                "{}",
                case.show()
            );
        }
        // Far noise, in every coordinate at once: finite.
        for z in [-20.0, 20.0] {
            let slopes = transport_adjoint(&case, &vec![z; dim], &vec![1.0; shape.len()]);
            assert!(all(slopes, |v| v.is_finite()), "{} at {z}", case.show());
        }
    }
}

#[test]
fn adjoints_of_factors_and_solves() {
    const N: usize = 4;
    let mut stream = Seed(17).stream("adjoints", 1);
    let mut a = normals(&mut stream, N * N, 1.0);
    (0..N).for_each(|i| a[i * N + i] += 3.0);
    let m = times_transposed(&a, N);
    let l = cholesky(&m, N).expect("positive definite");
    let (b, bar) = (
        normals(&mut stream, N, 1.0),
        normals(&mut stream, N * N, 1.0),
    );
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };

    let m_bar = cholesky_adjoint(&l, N, &bar);
    let lower = |v: Vec<f64>| {
        (0..N * N)
            .filter(|e| e % N <= e / N)
            .map(|e| v[e] * bar[e])
            .sum()
    };
    for path in paths(Room::Symmetric, &m) {
        let f = |h: f64| lower(cholesky(&path.after(&m, h), N).expect("positive definite"));
        compare("cholesky", path.along(&m, &m_bar), f, path.reach);
    }
    let a_bar = times_transposed_adjoint(&a, N, &bar);
    for path in paths(Room::Free, &a) {
        let f = |h: f64| dot(&times_transposed(&path.after(&a, h), N), &bar);
        compare("times_transposed", path.along(&a, &a_bar), f, path.reach);
    }
    type Solve = fn(&[f64], usize, &mut [f64]);
    type Adjoint = fn(&[f64], usize, &[f64], &mut [f64], &mut [f64]);
    let both: [(Solve, Adjoint); 2] = [
        (solve_lower, solve_lower_adjoint),
        (solve_lower_transposed, solve_lower_transposed_adjoint),
    ];
    for (solve, adjoint) in both {
        let solved = |l: &[f64], b: &[f64]| {
            let mut x = b.to_vec();
            solve(l, N, &mut x);
            x
        };
        let (x, mut b_bar, mut l_bar) = (solved(&l, &b), bar[..N].to_vec(), vec![0.0; N * N]);
        adjoint(&l, N, &x, &mut b_bar, &mut l_bar);
        for path in paths(Room::Free, &b) {
            let f = |h: f64| dot(&solved(&l, &path.after(&b, h)), &bar[..N]);
            compare("solve: b", path.along(&b, &b_bar), f, path.reach);
        }
        for path in paths(Room::Lower, &l) {
            let f = |h: f64| dot(&solved(&path.after(&l, h), &b), &bar[..N]);
            compare("solve: L", path.along(&l, &l_bar), f, path.reach);
        }
    }
}
