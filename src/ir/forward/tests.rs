//! The recursion against logarithms and differences, where numbers are near one another and where they are far apart.

use super::{Forward, in_logs, run};
use crate::base::Seed;
use crate::ir::adjoint::Bars;
use crate::ir::kernel::Arg;
use rand_distr::{Distribution, StandardNormal};

/// Start, step and evidence of 11 executions, for a recursion of sizes `f`; `spread` is how far apart evidence lies.
fn operands(f: &Forward, lanes: usize, spread: f64) -> [Vec<f64>; 3] {
    let mut stream = Seed(2).stream("forward", f.states as u64);
    let mut numbers = |n: usize, scale: f64| -> Vec<f64> {
        let mut one =
            || scale * <StandardNormal as Distribution<f64>>::sample(&StandardNormal, &mut stream);
        (0..n * lanes).map(|_| one()).collect()
    };
    let [k, t] = [f.states, f.steps];
    let mut all = [numbers(k, 1.0), numbers(k * k, 2.0), numbers(t * k, spread)];
    // In some executions a transition, a start or an observation is impossible.
    all[0][lanes..][1] = f64::NEG_INFINITY;
    all[1][lanes..][2] = f64::NEG_INFINITY;
    all[2][2 * lanes..][3] = f64::NEG_INFINITY;
    all
}

fn views(all: &[Vec<f64>; 3], lanes: usize) -> [Arg<'_>; 3] {
    std::array::from_fn(|i| Arg {
        data: &all[i],
        len: all[i].len() / lanes,
        uniform: false,
    })
}

const SIZES: [Forward; 3] = [
    Forward {
        states: 2,
        steps: 40,
    },
    Forward {
        states: 3,
        steps: 7,
    },
    Forward {
        states: 9,
        steps: 12,
    },
];
/// Near, farther than weights are kept centred, and farther apart than linear space goes.
const SPREADS: [f64; 4] = [1.0, 30.0, 90.0, 400.0];
const LANES: usize = 11;

#[test]
fn linear_space_is_log_space() {
    for f in SIZES {
        for spread in SPREADS {
            let all = operands(&f, LANES, spread);
            let n = (f.steps + 1) * f.states * LANES;
            let (mut got, mut truth) = (vec![0.0; n], vec![0.0; n]);
            run(&f, &views(&all, LANES), &mut got, LANES);
            (0..LANES).for_each(|l| in_logs(&f, &views(&all, LANES), &mut truth, l, LANES));
            for (a, b) in got.iter().zip(&truth) {
                let near = a == b || (a - b).abs() <= 1e-13 * (1.0 + b.abs());
                assert!(near, "{f:?}, {spread}: {a} is not {b}");
            }
        }
    }
}

#[test]
fn an_execution_is_the_same_alone() {
    for f in SIZES {
        let all = operands(&f, LANES, 3.0);
        let mut together = vec![0.0; (f.steps + 1) * f.states * LANES];
        run(&f, &views(&all, LANES), &mut together, LANES);
        for lane in 0..LANES {
            let own = |x: &Vec<f64>| x.iter().skip(lane).step_by(LANES).copied().collect();
            let one: [Vec<f64>; 3] = std::array::from_fn(|i| own(&all[i]));
            let mut alone = vec![0.0; (f.steps + 1) * f.states];
            run(&f, &views(&one, 1), &mut alone, 1);
            assert_eq!(alone, own(&together));
        }
    }
}

/// The sum of the last weights' logs, of those that are numbers.
fn total(f: &Forward, all: &[Vec<f64>; 3]) -> f64 {
    let mut out = vec![0.0; (f.steps + 1) * f.states];
    run(f, &views(all, 1), &mut out, 1);
    let last = &out[f.steps * f.states..];
    last.iter().filter(|x| x.is_finite()).sum()
}

#[test]
fn the_way_back_is_the_difference() {
    for f in SIZES {
        for spread in SPREADS {
            let many = operands(&f, 1 + LANES, spread);
            for lane in [0, 1, 2, 3] {
                let own = |x: &Vec<f64>| x.iter().skip(lane).step_by(1 + LANES).copied().collect();
                check_slopes(&f, std::array::from_fn(|i| own(&many[i])));
            }
        }
    }
}

fn check_slopes(f: &Forward, all: [Vec<f64>; 3]) {
    let n = (f.steps + 1) * f.states;
    let (mut out, mut bar) = (vec![0.0; n], vec![0.0; n]);
    run(f, &views(&all, 1), &mut out, 1);
    for (b, a) in bar.iter_mut().zip(&out).skip(f.steps * f.states) {
        *b = if a.is_finite() { 1.0 } else { 0.0 };
    }
    let sizes = [0, 1, 2].map(|i| all[i].len());
    let at = [Some(0), Some(sizes[0]), Some(sizes[0] + sizes[1])];
    let mut file = vec![0.0; sizes.iter().sum()];
    let mut bars = Bars {
        file: &mut file,
        at: &at,
        lanes: 1,
    };
    super::backward::run(f, &views(&all, 1), &out, &bar, &mut bars, 1);
    let mut place = 0;
    for i in 0..3 {
        for e in 0..all[i].len() {
            let moved = |h: f64| {
                let mut all = all.clone();
                all[i][e] += h;
                total(f, &all)
            };
            let h = 1e-3;
            let near = 8.0 * (moved(h) - moved(-h)) - (moved(2.0 * h) - moved(-2.0 * h));
            let (difference, got) = (near / (12.0 * h), file[place]);
            let tolerance = 1e-8 * (1.0 + got.abs()) + 1e-12 * total(f, &all).abs();
            assert!(
                (got - difference).abs() <= tolerance,
                "{f:?}, operand {i}, {e}: {got}, by differences {difference}"
            );
            place += 1;
        }
    }
}
