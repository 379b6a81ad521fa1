//! Where a distribution's values lie, in words: `reals from lower to upper`.

use std::f64::consts::PI;

use crate::dist::{self, Domain, ValueKind};

/// Where the values of a registered distribution lie.
pub(super) fn support(distribution: &dist::Distribution) -> String {
    match distribution {
        dist::Distribution::Scalar(d) => univariate(*d),
        dist::Distribution::Array(d) => multivariate(d.name()).to_string(),
    }
}

/// A bound that moves with the parameters is a parameter: it is looked for at parameters that are all different.
fn univariate(d: &dyn dist::Univariate) -> String {
    let of = match d.kind() {
        ValueKind::Bool => return "true and false".to_string(),
        ValueKind::Real => "reals",
        ValueKind::Int => "ints",
    };
    let params = d.params();
    let probe: Vec<f64> = params
        .iter()
        .zip(1..)
        .map(|(p, i)| value(&p.domain, i))
        .collect();
    let (low, high) = d.support(&probe);
    let bound = |x: f64| {
        let own = probe.iter().position(|p| *p == x);
        own.map_or_else(|| number(x), |i| params[i].name.to_string())
    };
    match (low, high) {
        (low, high) if low.is_nan() || high.is_nan() => {
            format!("{of} within bounds that the parameters set")
        }
        (f64::NEG_INFINITY, f64::INFINITY) => format!("all {of}"),
        (low, high) if low == high => format!("{} alone", bound(low)),
        (low, f64::INFINITY) => format!("{of} from {} up", bound(low)),
        (f64::NEG_INFINITY, high) => format!("{of} up to {}", bound(high)),
        (low, high) => format!("{of} from {} to {}", bound(low), bound(high)),
    }
}

/// A value of a domain, larger for a later parameter, and no bound of a support that does not move.
fn value(domain: &Domain, i: i32) -> f64 {
    let i = f64::from(i);
    match domain {
        Domain::Unit => 0.3 + i / 64.0,
        Domain::Count | Domain::Integer => 5.0 + 2.0 * i,
        _ => 2.3 + i / 64.0,
    }
}

fn number(x: f64) -> String {
    match x {
        x if x == PI => "pi".to_string(),
        x if x == -PI => "-pi".to_string(),
        x => x.to_string(),
    }
}

fn multivariate(name: &str) -> &'static str {
    match name {
        "Categorical" | "CategoricalLogit" => "ints from 0 to one less than there are categories",
        "OrderedLogistic" => "ints from 0 to the number of cutpoints",
        "Dirichlet" => "vectors of positive reals whose sum is 1",
        "Multinomial" => "vectors of ints from 0 up whose sum is n",
        "LKJCorr" => "correlation matrices of d rows",
        "LKJCholesky" => "Cholesky factors of correlation matrices of d rows",
        "Wishart" | "InvWishart" => "symmetric positive definite matrices",
        _ => "vectors of reals",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_found() {
        let expected = [
            ("Normal", "all reals"),
            ("HalfNormal", "reals from 0 up"),
            ("Beta", "reals from 0 to 1"),
            ("Uniform", "reals from lower to upper"),
            ("Triangular", "reals from lower to upper"),
            ("Pareto", "reals from y_min up"),
            ("Binomial", "ints from 0 to n"),
            ("DiscreteUniform", "ints from lower to upper"),
            ("Poisson", "ints from 0 up"),
            ("Flip", "true and false"),
            ("Bernoulli", "ints from 0 to 1"),
            ("Delta", "x alone"),
            ("VonMises", "reals from -pi to pi"),
            (
                "Hypergeometric",
                "ints within bounds that the parameters set",
            ),
            ("Dirichlet", "vectors of positive reals whose sum is 1"),
        ];
        for (name, words) in expected {
            let found = dist::find(name).expect("it is registered");
            assert_eq!(support(&found), words, "{name}");
        }
    }
}
