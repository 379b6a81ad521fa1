//! Against tables computed elsewhere with 30 digits, and one by one against many at once.

use super::*;

const TABLE: &str = include_str!("../../../tests/data/wide.txt");

type All = fn(&[f64], &mut [f64]);
const FUNCTIONS: [(&str, All); 14] = [
    ("exp", exp_all),
    ("log", log_all),
    ("log1p", log1p_all),
    ("expm1", expm1_all),
    ("tanh", tanh_all),
    ("inv_logit", inv_logit_all),
    ("softplus", softplus_all),
    ("erf", erf_all),
    ("erfc", erfc_all),
    ("phi", phi_all),
    ("lgamma", lgamma_all),
    ("digamma", digamma_all),
    ("cauchy", cauchy_all),
    ("half_cauchy", half_cauchy_all),
];

/// (x, value, rest) of one function.
fn rows(name: &str) -> Vec<[f64; 3]> {
    let numbers = |line: &str| {
        let mut words = line.split(' ');
        (words.next() == Some(name)).then(|| {
            let mut next = || words.next().and_then(|w| w.parse().ok()).unwrap();
            [next(), next(), next()]
        })
    };
    TABLE.lines().filter_map(numbers).collect()
}

fn of(f: All, x: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; x.len()];
    f(x, &mut out);
    out
}

/// The distance of two neighbouring numbers at y.
fn ulp(y: f64) -> f64 {
    let y = y.abs().max(f64::MIN_POSITIVE);
    f64::from_bits(y.to_bits() + 1) - y
}

#[test]
fn exponentials_and_logarithms_within_two_units_of_the_last_place() {
    for (name, f) in &FUNCTIONS[..2] {
        for [x, value, rest] in rows(name) {
            let got = of(*f, &[x])[0];
            let error = ((got - value) - rest).abs() / ulp(value);
            assert!(error <= 2.0, "{name}({x:e}) = {got:e}: {error} ulp off");
        }
    }
}

#[test]
fn the_others_within_1e_13() {
    for (name, f) in &FUNCTIONS[2..] {
        // Log-gamma and digamma have zeros, near which their error is absolute.
        let least = if matches!(*name, "lgamma" | "digamma") {
            1.0
        } else {
            0.0
        };
        let table = rows(name);
        assert!(table.len() > 80, "{name}: {} rows", table.len());
        for [x, value, rest] in table {
            let got = of(*f, &[x])[0];
            // Of what is subnormal or underflows, as much as there is.
            let scale = value.abs().max(least).max(1e-290);
            let error = ((got - value) - rest).abs() / scale;
            assert!(
                error <= 1e-13,
                "{name}({x:e}) = {got:e}, not {value:e}: {error:e}"
            );
        }
    }
}

#[test]
fn a_number_has_one_value_in_any_company() {
    for (name, f) in FUNCTIONS {
        let x: Vec<f64> = rows(name).iter().map(|r| r[0]).collect();
        let all = of(f, &x);
        for n in [1, 2, 3, 5, 7, 31] {
            let apart: Vec<f64> = x.chunks(n).flat_map(|x| of(f, x)).collect();
            let same = all
                .iter()
                .zip(&apart)
                .all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(same, "{name} by {n}");
        }
    }
}

#[test]
fn edges() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    let at = [-inf, inf, nan, 0.0];
    let expected: [(&str, [f64; 4]); 14] = [
        ("exp", [0.0, inf, nan, 1.0]),
        ("log", [nan, inf, nan, -inf]),
        ("log1p", [nan, inf, nan, 0.0]),
        ("expm1", [-1.0, inf, nan, 0.0]),
        ("tanh", [-1.0, 1.0, nan, 0.0]),
        ("inv_logit", [0.0, 1.0, nan, 0.5]),
        ("softplus", [0.0, inf, nan, std::f64::consts::LN_2]),
        ("erf", [-1.0, 1.0, nan, 0.0]),
        ("erfc", [2.0, 0.0, nan, 1.0]),
        ("phi", [0.0, 1.0, nan, 0.5]),
        ("lgamma", [inf, inf, nan, inf]),
        ("digamma", [nan, inf, nan, nan]),
        ("cauchy", [-f64::MAX, f64::MAX, nan, 0.0]),
        ("half_cauchy", [0.0, f64::MAX, nan, 1.0]),
    ];
    for ((name, f), (same, values)) in FUNCTIONS.into_iter().zip(expected) {
        assert_eq!(name, same);
        for ((x, y), got) in at.into_iter().zip(values).zip(of(f, &at)) {
            let scalar = match name {
                "lgamma" => crate::compute::special::lgamma(x),
                "digamma" => crate::compute::special::digamma(x),
                _ => y,
            };
            let same =
                (got.is_nan() && scalar.is_nan()) || (got - scalar).abs() < 1e-15 || got == scalar;
            assert!(same, "{name}({x}) = {got}, not {scalar}");
        }
    }
    assert_eq!(of(log1p_all, &[-1.0, -2.0])[0], -inf);
    assert!(of(log1p_all, &[-2.0])[0].is_nan() && of(log_all, &[-1e-300])[0].is_nan());
    assert_eq!(of(exp_all, &[710.0, -746.0, 1e300]), [inf, 0.0, inf]);
}

#[test]
fn products_are_those_of_the_definition_however_many() {
    for (m, k) in [(1, 1), (3, 2), (64, 5), (65, 7), (130, 25), (200, 1)] {
        let element = |i: usize, l: usize| ((i * 31 + l * 17) % 23) as f64 - 11.0;
        let x = Panels::new(m, k, element).unwrap();
        assert_eq!(x.at(m - 1, k - 1), element(m - 1, k - 1));
        for width in [1, 2, 3, 8, 9, 20] {
            let b: Vec<f64> = (0..k * width)
                .map(|i| (i % 7) as f64 * 0.25 - 0.5)
                .collect();
            let r: Vec<f64> = (0..m * width).map(|i| (i % 5) as f64 * 0.5 - 1.0).collect();
            let (mut y, mut g) = (vec![0.0; m * width], vec![0.0; k * width]);
            add_product(&x, &b, width, &mut y);
            add_transposed_product(&x, &r, width, &mut g);
            for v in 0..width {
                for i in 0..m {
                    let sum: f64 = (0..k).map(|l| element(i, l) * b[l * width + v]).sum();
                    assert_eq!(y[i * width + v], sum, "{m} {k} {width}");
                }
                for l in 0..k {
                    let sum: f64 = (0..m).map(|i| element(i, l) * r[i * width + v]).sum();
                    assert_eq!(g[l * width + v], sum, "{m} {k} {width}");
                }
            }
        }
    }
}
