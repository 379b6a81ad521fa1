//! What the compiler says about who meets whom, and networks that are built from it, against closed forms.

use std::sync::Arc;

use super::{Answer, Bound, Failure, InferRequest, Limits, Session};
use crate::lower::{Relations, Target};
use crate::store::{Inputs, NoFiles};

fn compiled(text: &str) -> Bound {
    let limits = Limits {
        joint: true,
        ..Limits::default()
    };
    Session::compile("p.odp", text, Arc::new(NoFiles))
        .and_then(|p| p.bind(&Inputs::default(), &limits))
        .unwrap_or_else(|f| panic!("{text}\n{f}"))
}

fn relations(text: &str) -> Relations {
    let bound = compiled(text);
    let component = &bound.inner().0.components[0];
    component.structure().related.relations(component.dim())
}

/// Pairs of coordinates that meet.
fn pairs(r: &Relations) -> Vec<(u32, u32)> {
    let mut all: Vec<(u32, u32)> = r
        .meetings
        .iter()
        .flat_map(|(set, _)| {
            set.iter()
                .flat_map(move |a| set.iter().map(move |b| (*a, *b)))
        })
        .filter(|(a, b)| a < b)
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[test]
fn effects_of_a_plate_meet_their_mean_and_not_each_other() {
    let r = relations(
        "sample mu ~ Normal(0, 1)\nsample t ~ iid(Normal(0, 1), 3)\nlet g = [0, 0, 1, 2, 2]\nobserve [1.0, 2.0, 3.0, 4.0, 5.0] ~ Normal(mu + t[g], 1)\n",
    );
    assert_eq!(pairs(&r), [(0, 1), (0, 2), (0, 3)]);
    let shared: Vec<f64> = r.meetings.iter().map(|(_, times)| *times).collect();
    assert_eq!(shared, [2.0, 1.0, 2.0]);
    assert_eq!(r.family, [1, 2, 2, 2]);
}

#[test]
fn chains_meet_their_neighbours_and_walks_all_that_came_before() {
    let chain = "sample x ~ iid(Normal(0, 1), 4)\nfactor -sum((x[1..4] - x[0..3]) ^ 2)\n";
    assert_eq!(pairs(&relations(chain)), [(0, 1), (1, 2), (2, 3)]);
    let walk = "sample e ~ iid(Normal(0, 1), 3)\nobserve [1.0, 2.0, 3.0] ~ Normal(cumsum(e), 1)\n";
    let sets: Vec<Vec<u32>> = relations(walk).meetings.into_iter().map(|m| m.0).collect();
    assert_eq!(sets, [vec![0], vec![0, 1], vec![0, 1, 2]]);
    // What may be skipped is not taken apart.
    let hard = "sample x ~ iid(Normal(0, 1), 3)\ncondition sum(x) > 0\n";
    assert_eq!(pairs(&relations(hard)), [(0, 1), (0, 2), (1, 2)]);
}

/// A Gaussian field on 4 × 4 pixels whose neighbours attract, seen at its corners.
const FIELD: &str = "sample z ~ iid(Normal(0, 1), 4, 4)\nfactor -0.5 * sum((z[1..4, ..] - z[0..3, ..]) ^ 2) - 0.5 * sum((z[.., 1..4] - z[.., 0..3]) ^ 2)\nobserve 2.0 ~ Normal(z[0, 0], 0.5)\nobserve -1.0 ~ Normal(z[3, 3], 0.5)\n";

/// Its log Z: −½ log |I + L + 4 E| + ½ bᵀ(I + L + 4 E)⁻¹ b and the observations' constants.
fn log_z_of_field() -> f64 {
    let n = 16;
    let mut a = vec![0.0f64; n * n];
    let mut b = vec![0.0f64; n];
    (0..n).for_each(|i| a[i * n + i] = 1.0);
    for i in 0..4 {
        for j in 0..4 {
            let here = 4 * i + j;
            for (there, inside) in [(here + 4, i < 3), (here + 1, j < 3)] {
                if inside {
                    a[here * n + here] += 1.0;
                    a[there * n + there] += 1.0;
                    a[here * n + there] -= 1.0;
                    a[there * n + here] -= 1.0;
                }
            }
        }
    }
    let mut constant = 0.0;
    for (place, y) in [(0, 2.0), (15, -1.0)] {
        a[place * n + place] += 4.0;
        b[place] += 4.0 * y;
        constant -= 2.0 * y * y + 0.5f64.ln() + 0.5 * std::f64::consts::TAU.ln();
    }
    // Elimination leaves the determinant and the quadratic form.
    let (mut log_det, mut form) = (0.0, 0.0);
    for k in 0..n {
        let pivot = a[k * n + k];
        log_det += pivot.ln();
        form += b[k] * b[k] / pivot;
        for i in k + 1..n {
            let f = a[i * n + k] / pivot;
            for j in k..n {
                a[i * n + j] -= f * a[k * n + j];
            }
            b[i] -= f * b[k];
        }
    }
    constant - 0.5 * log_det + 0.5 * form
}

fn answer(text: &str, net: &str, threads: usize) -> Result<Answer, Failure> {
    let options = [
        ("net", net),
        ("components", "none"),
        ("gradients", "no"),
        ("warmup", "smc"),
        ("particles", "512"),
        ("T", "6"),
        ("pre", "25"),
        ("steps", "25"),
        ("batch", "64"),
        ("paths", "1000"),
    ];
    let request = InferRequest {
        draws: 500,
        threads,
        options: options
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .to_vec(),
        ..InferRequest::new("diffusion", 1)
    };
    compiled(text).infer(&request)
}

#[test]
fn every_network_finds_the_evidence_whatever_the_threads() {
    let truth = log_z_of_field();
    for net in ["mlp", "graph", "unet"] {
        let one = answer(FIELD, net, 1).unwrap_or_else(|f| panic!("{net}: {f}"));
        let two = answer(FIELD, net, 2).unwrap_or_else(|f| panic!("{net}: {f}"));
        let (found, se) = (one.log_z.estimate.unwrap(), one.log_z.se.unwrap());
        assert!(
            (found - truth).abs() < 4.0 * se.max(0.01) && se < 0.2,
            "{net}: {found} ± {se} where {truth} is true",
        );
        let again = two.log_z.estimate.unwrap();
        assert_eq!(found.to_bits(), again.to_bits(), "{net}");
    }
}

#[test]
fn convolution_needs_an_image() {
    let text = "sample mu ~ Normal(0, 1)\nsample t ~ iid(Normal(0, 1), 3, 9)\nfactor sum(t) * mu\n";
    let failure = answer(text, "unet", 1).expect_err("there is no image");
    let said = failure.to_string();
    assert!(said.contains("`t` has the shape [3, 9]"), "{said}");
    assert!(said.contains("`mu` is one number"), "{said}");
}
