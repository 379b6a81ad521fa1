//! Gradients against differences, elements of a plate against each other, and a beginning that says nothing.

use rand::RngExt;
use rand_distr::StandardNormal;

use super::*;
use crate::base::Seed;
use crate::infer::coordinates::frame::{Frame, Frames};

const STEPS: usize = 3;

/// `mu` meets each of five effects, which meet no other; and there is an image of 4 × 5 with two pixels missing.
fn star() -> Relations {
    Relations {
        meetings: (1..6).map(|i| (vec![0, i], 3.0)).collect(),
        family: vec![1, 2, 2, 2, 2, 2],
        ..Relations::default()
    }
}

fn picture() -> Relations {
    let pixels =
        (0..20u32).map(|i| (i != 3 && i != 11).then(|| i - u32::from(i > 3) - u32::from(i > 11)));
    Relations {
        meetings: (0..17).map(|i| (vec![i, i + 1], 1.0)).collect(),
        blocks: vec![Block {
            name: "z".to_string(),
            shape: vec![4, 5],
            coordinates: pixels.collect(),
        }],
        family: (0..20).map(|i| u32::from(i > 17)).collect(),
        ..Relations::default()
    }
}

fn normals(n: usize, name: &str) -> Vec<f32> {
    let mut s = Seed(2).stream(name, 0);
    (0..n)
        .map(|_| s.sample::<f64, _>(StandardNormal) as f32)
        .collect()
}

/// A frame with correlations, and the prior's.
fn frames(d: usize) -> Frames {
    let entry = |i: usize, j: usize| match i.cmp(&j) {
        std::cmp::Ordering::Equal => 0.5 + 0.1 * i as f64,
        std::cmp::Ordering::Greater => 0.1 * ((3 * i + j) % 5) as f64 - 0.2,
        std::cmp::Ordering::Less => 0.0,
    };
    let lower = (0..d * d).map(|k| entry(k / d, k % d)).collect();
    let mixed = Frame::lower(vec![0.0; d], lower).unwrap();
    Frames::single(d, vec![mixed, Frame::prior(d)], vec![0.5f64.ln(); 2])
}

fn plan(kind: Kind, relations: &Relations, frames: &Frames) -> Plan {
    let continuous: Vec<usize> = (0..relations.family.len()).collect();
    let wanted = Wanted {
        frames,
        continuous: &continuous,
        steered: true,
        contexts: 2,
        steps: STEPS,
        width: None,
        depth: 2,
    };
    Plan::new(kind, relations, &wanted).unwrap()
}

/// Outputs `[steps, n, 2 d]` for inputs `[steps, n, d]`, and what else a test asks of the record.
fn said(plan: &Plan, parameters: &[Vec<f32>], x: &[f32], part: &[usize]) -> Record {
    let tapes = Tapes::default();
    let known = Known {
        plan,
        parameters,
        activation: Activation::Silu,
        tapes: &tapes,
    };
    let mut record = Record::default();
    let context: Vec<f32> = (0..2 * part.len()).map(|i| (i % 3) as f32 - 1.0).collect();
    record.begin(plan, STEPS, part, &context);
    for (step, x) in x.chunks_exact(part.len() * plan.d).enumerate() {
        let wide: Vec<f64> = x.iter().map(|v| f64::from(*v)).collect();
        let push: Vec<f32> = x.iter().map(|v| 0.3 * v.sin()).collect();
        record.step(known, step, &wide, &push);
    }
    record
}

fn cases() -> Vec<(Plan, Relations)> {
    let of = |(kind, r): (Kind, Relations)| (plan(kind, &r, &frames(r.family.len())), r);
    let all = [(Kind::Graph, star()), (Kind::Unet, picture())];
    all.into_iter().map(of).collect()
}

#[test]
fn a_network_that_has_learned_nothing_says_nothing() {
    for (plan, r) in cases() {
        let parameters = plan.begin(&mut Seed(1).stream("begin", 0));
        let x = normals(STEPS * 2 * r.family.len(), "x");
        let record = said(&plan, &parameters, &x, &[0, 1]);
        assert!(record.values.iter().all(|v| *v == 0.0));
    }
}

#[test]
fn gradients_agree_with_differences() {
    for (plan, r) in cases() {
        let d = r.family.len();
        let mut parameters = plan.begin(&mut Seed(1).stream("begin", 0));
        // Nothing is left at zero.
        for p in &mut parameters {
            p.iter_mut()
                .zip(normals(1 << 14, "start"))
                .for_each(|(p, e)| *p += 0.1 * e);
        }
        let (x, part) = (normals(STEPS * 3 * d, "x"), [0, 1, 0]);
        let by_output = normals(STEPS * 3 * 2 * d, "bar");
        let value = |parameters: &[Vec<f32>]| -> f64 {
            let record = said(&plan, parameters, &x, &part);
            let each = record.values.iter().zip(&by_output);
            each.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let tapes = Tapes::default();
        let known = Known {
            plan: &plan,
            parameters: &parameters,
            activation: Activation::Silu,
            tapes: &tapes,
        };
        let gradient = said(&plan, &parameters, &x, &part).gradient(known, &by_output);
        for (k, own) in gradient.iter().enumerate() {
            let i = (7 * k + 1) % own.len().max(1);
            if own.is_empty() {
                continue;
            }
            let h = 1e-2f32;
            let mut moved = parameters.clone();
            moved[k][i] += h;
            let up = value(&moved);
            moved[k][i] = parameters[k][i] - h;
            let difference = (up - value(&moved)) / (2.0 * f64::from(h));
            let exact = f64::from(own[i]);
            assert!(
                (difference - exact).abs() < 0.02 * exact.abs().max(1.0),
                "{:?} parameter {k}[{i}]: {difference} against {exact}",
                r.blocks.first().map(|b| &b.name)
            );
        }
    }
}

#[test]
fn elements_of_a_plate_are_treated_alike() {
    let r = star();
    let alone = Frames::single(6, vec![Frame::prior(6)], vec![0.0]);
    let plan = plan(Kind::Graph, &r, &alone);
    let mut parameters = plan.begin(&mut Seed(1).stream("begin", 0));
    for p in &mut parameters {
        p.iter_mut()
            .zip(normals(1 << 12, "start"))
            .for_each(|(p, e)| *p += 0.1 * e);
    }
    let order = [0, 4, 2, 5, 1, 3];
    let x = normals(STEPS * 6, "x");
    let moved: Vec<f32> = x
        .chunks_exact(6)
        .flat_map(|row| order.map(|c| row[c]))
        .collect();
    let (plain, permuted) = (
        said(&plan, &parameters, &x, &[0]),
        said(&plan, &parameters, &moved, &[0]),
    );
    let both = plain
        .values
        .chunks_exact(6)
        .zip(permuted.values.chunks_exact(6));
    for (plain, permuted) in both {
        for (place, c) in order.iter().enumerate() {
            assert!((plain[*c] - permuted[place]).abs() < 1e-5);
        }
        assert!((plain[1] - plain[2]).abs() > 1e-4, "{plain:?}");
    }
}

#[test]
fn tokens_see_whom_they_meet_and_the_token_for_all() {
    let mask = sight::mask(&star(), 6, &[0, 1, 2, 3, 5]);
    let seen = |t: usize| mask.seen[mask.starts[t]..mask.starts[t + 1]].to_vec();
    // Coordinate 4 is not diffused: coordinate 5 is token 4, and the token for all comes last.
    assert_eq!(seen(0), [1, 2, 3, 4, 0, 5]);
    assert_eq!(seen(2), [0, 2, 5]);
    assert_eq!(seen(4), [0, 4, 5]);
    assert_eq!(seen(5), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn images_are_found_with_their_colours_last() {
    let mut r = picture();
    r.blocks[0].shape = vec![2, 4, 4];
    r.blocks[0].coordinates = (0..32).map(Some).collect();
    r.family = vec![0; 32];
    let continuous: Vec<usize> = (0..32).collect();
    let (size, pixels) = image(&r, 32, &continuous).unwrap();
    assert_eq!((size, pixels.len()), ([2, 4, 4], 32));
    assert_eq!(pixels[..4], [Some(0), Some(16), Some(1), Some(17)]);
    r.blocks[0].shape = vec![2, 16];
    assert!(image(&r, 32, &continuous).is_none());
}
