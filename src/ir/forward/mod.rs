//! The forward recursion over hidden states as one operation, in linear space where its numbers allow it.
//!
//! ```text
//! a₀ = start        a_{t+1}[k] = ln Σ_j exp(a_t[j] + step[j, k]) + evidence[t, k]
//!
//! p₀ = exp(a₀ − m₀)     p_{t+1}[k] = Σ_j p_t[j] exp(step[j, k]) · exp(evidence[t, k] − m_{t+1})     a_t = ln p_t + m₀ + … + m_t
//! ```
//! Exponentials are taken of all numbers at once before the recursion, logarithms after it; between them are products and
//! sums. An execution in which a number that is not 0 could get lost below 1e-300 goes through the logarithms instead: a
//! state that is out of the question now may be the only one left after later evidence. The gradient needs nothing but the
//! results ([`backward`]).
//!
//! # Source
//! Rabiner (1989), eqs. 19 and 92.

pub(super) mod backward;

use super::kernel::Arg;
use crate::compute::wide;

/// A recursion's sizes. Operands are `start [states]`, `step [states, states]` and `evidence [steps, states]`, in logs; the
/// result is `[steps + 1, states]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Forward {
    /// Number of states.
    pub states: usize,
    /// Number of steps.
    pub steps: usize,
}

/// Executions side by side.
const SIDE: usize = 8;
/// Logs of steps lie within this of 0, or are −∞.
const STEP: f64 = 100.0;
/// Logs of weights and evidence lie at most this below the largest, or are −∞. With [`STEP`] and [`CENTRED`] a product of
/// one of each is above 1e-300.
const BELOW: f64 = 250.0;
/// Weights are brought back to 1 where the log of the largest is farther from 0 than this.
const CENTRED: f64 = 60.0;

/// Computes `out: [(steps + 1) · states, lane]`.
pub(super) fn run(f: &Forward, args: &[Arg], out: &mut [f64], lanes: usize) {
    let whole = lanes - lanes % SIDE;
    let mut room = Room::<SIDE>::default();
    for lane in (0..whole).step_by(SIDE) {
        some(f, args, out, [lane, lanes], &mut room);
    }
    let mut room = Room::<1>::default();
    for lane in whole..lanes {
        some(f, args, out, [lane, lanes], &mut room);
    }
}

/// Numbers of some executions that stand side by side.
#[derive(Default)]
struct Room<const W: usize> {
    /// exp(step).
    step: Vec<[f64; W]>,
    /// The weights' logs, then weights, then logs again.
    p: Vec<[f64; W]>,
    /// The sum of what was taken off the logs, for each time.
    off: Vec<[f64; W]>,
    sums: Vec<[f64; W]>,
}

/// `W` executions from `lane` on, of `lanes`.
fn some<const W: usize>(
    f: &Forward,
    args: &[Arg],
    out: &mut [f64],
    [lane, lanes]: [usize; 2],
    room: &mut Room<W>,
) {
    room.step.clear();
    room.p.clear();
    load(&args[1], lane, lanes, &mut room.step);
    load(&args[0], lane, lanes, &mut room.p);
    load(&args[2], lane, lanes, &mut room.p);
    room.off.resize(f.steps + 1, [0.0; W]);
    room.sums.resize(f.states, [0.0; W]);
    let good = wide::run(
        #[inline(always)]
        || scaled(f.states, room),
    );
    for (w, good) in good.into_iter().enumerate() {
        if good {
            let own = out[lane + w..].iter_mut().step_by(lanes);
            own.zip(&room.p).for_each(|(o, p)| *o = p[w]);
        } else {
            in_logs(f, args, out, lane + w, lanes);
        }
    }
}

/// Appends an operand's numbers in `W` executions.
fn load<const W: usize>(a: &Arg, lane: usize, lanes: usize, into: &mut Vec<[f64; W]>) {
    match a.uniform {
        true => into.extend(a.data.iter().map(|&x| [x; W])),
        false => into.extend(
            a.data
                .chunks_exact(lanes)
                .map(|row| std::array::from_fn::<f64, W, _>(|w| row[lane + w])),
        ),
    }
}

/// The recursion in linear space; says for which executions no number got lost.
#[inline(always)]
fn scaled<const W: usize>(states: usize, room: &mut Room<W>) -> [bool; W] {
    let mut good = [true; W];
    for row in &room.step {
        for w in 0..W {
            good[w] &= row[w].abs() <= STEP || row[w] == f64::NEG_INFINITY;
        }
    }
    exp_each(room.step.as_flattened_mut());
    take_off_the_largest(states, room, &mut good);
    exp_each(room.p.as_flattened_mut());
    for t in 1..room.off.len() {
        let (before, now) = room.p[(t - 1) * states..].split_at_mut(states);
        let now = &mut now[..states];
        room.sums.fill([0.0; W]);
        for (p, row) in before.iter().zip(room.step.chunks_exact(states)) {
            for (sum, e) in room.sums.iter_mut().zip(row) {
                (0..W).for_each(|w| sum[w] += p[w] * e[w]);
            }
        }
        let mut top = [0.0; W];
        for (p, sum) in now.iter_mut().zip(&room.sums) {
            for w in 0..W {
                p[w] *= sum[w];
                top[w] = if p[w] > top[w] { p[w] } else { top[w] };
            }
        }
        let [last, off] = &mut room.off[t - 1..=t] else {
            break;
        };
        centre(now, &mut top, off, &mut good);
        (0..W).for_each(|w| off[w] += last[w]);
    }
    let rows = room.p.chunks_exact_mut(states);
    for (row, off) in rows.zip(&room.off) {
        for p in row {
            (0..W).for_each(|w| p[w] = wide::log(p[w]) + off[w]);
        }
    }
    good
}

#[inline(always)]
fn exp_each(x: &mut [f64]) {
    x.iter_mut().for_each(|x| *x = wide::exp(*x));
}

/// From the logs of each time, the largest.
#[inline(always)]
fn take_off_the_largest<const W: usize>(states: usize, room: &mut Room<W>, good: &mut [bool; W]) {
    let rows = room.p.chunks_exact_mut(states);
    for (row, off) in rows.zip(&mut room.off) {
        let mut top = [f64::NEG_INFINITY; W];
        for x in row.iter() {
            (0..W).for_each(|w| top[w] = if x[w] > top[w] { x[w] } else { top[w] });
        }
        for x in row {
            for w in 0..W {
                x[w] -= top[w];
                good[w] &= x[w] >= -BELOW || x[w] == f64::NEG_INFINITY;
            }
        }
        (0..W).for_each(|w| good[w] &= top[w].abs() < f64::INFINITY);
        *off = top;
    }
}

/// Brings the weights of a time back to 1 where the largest has gone far from it, and looks whether all lie near enough to it.
#[inline(always)]
fn centre<const W: usize>(
    now: &mut [[f64; W]],
    top: &mut [f64; W],
    off: &mut [f64; W],
    good: &mut [bool; W],
) {
    let (high, low, least) = (CENTRED.exp(), (-CENTRED).exp(), (-BELOW).exp());
    for w in 0..W {
        // Weights that are all 0 stay so.
        if top[w] > 0.0 && !(low..=high).contains(&top[w]) {
            let factor = 1.0 / top[w];
            now.iter_mut().for_each(|p| p[w] *= factor);
            off[w] += wide::log(top[w]);
            top[w] = 1.0;
        }
    }
    for p in now {
        for w in 0..W {
            good[w] &= (p[w] >= least * top[w] && p[w] < f64::INFINITY) || p[w] == 0.0;
        }
    }
}

/// One execution's recursion in logs.
fn in_logs(f: &Forward, args: &[Arg], out: &mut [f64], lane: usize, lanes: usize) {
    let k = f.states;
    for i in 0..k {
        out[i * lanes + lane] = args[0].at(i, lane, lanes);
    }
    for t in 0..f.steps {
        for i in 0..k {
            let before = |j: usize| out[(t * k + j) * lanes + lane];
            let terms = (0..k).map(|j| before(j) + args[1].at(j * k + i, lane, lanes));
            let total = log_sum_exp(terms) + args[2].at(t * k + i, lane, lanes);
            out[((t + 1) * k + i) * lanes + lane] = total;
        }
    }
}

fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let larger = |a: f64, b: f64| if b > a || b.is_nan() { b } else { a };
    let top = terms.clone().fold(f64::NEG_INFINITY, larger);
    match top.is_finite() {
        true => top + terms.map(|x| (x - top).exp()).sum::<f64>().ln(),
        false => top,
    }
}

#[cfg(test)]
mod tests;
