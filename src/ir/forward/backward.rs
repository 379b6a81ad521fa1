//! The gradient of the forward recursion, from its results alone: how much of a state's weight came from which state.
//!
//! ```text
//! w_t[j, k] = exp(a_t[j] + step[j, k] + evidence[t, k] − a_{t+1}[k]) = u_t[j] · exp(step[j, k]) / Σ_i u_t[i] exp(step[i, k])
//! u_t[j] = exp(a_t[j] − max_i a_t[i])
//!
//! ā_t[j] += Σ_k w_t[j, k] ā_{t+1}[k]      step̄[j, k] += w_t[j, k] ā_{t+1}[k]      evidencē[t, k] += ā_{t+1}[k]
//! ```
//! All exponentials are known before the way back begins. An execution where such a sum nears the smallest numbers takes the w
//! one by one.

use super::{Forward, Room, SIDE, exp_each, load};
use crate::compute::wide;
use crate::ir::adjoint::Bars;
use crate::ir::kernel::Arg;

/// Sums over states before are at least this, or 0 because all of them are.
const LEAST: f64 = 1e-200;
/// Logs of steps lie at most here: one of them by such a sum and a bar is a number.
const STEP: f64 = 100.0;

/// Adds to the bars of the operands. `out` is the recursion's value and `bar` the gradient with respect to it.
pub(in crate::ir) fn run(
    f: &Forward,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let whole = lanes - lanes % SIDE;
    let mut way = Way::<SIDE>::default();
    for lane in (0..whole).step_by(SIDE) {
        way.go(f, args, [out, bar], bars, [lane, lanes]);
    }
    let mut way = Way::<1>::default();
    for lane in whole..lanes {
        way.go(f, args, [out, bar], bars, [lane, lanes]);
    }
}

/// Numbers of some executions that stand side by side.
#[derive(Default)]
struct Way<const W: usize> {
    /// exp(step), and u for each time.
    room: Room<W>,
    /// ā, `[steps + 1, states]`.
    bar: Vec<[f64; W]>,
    by_step: Vec<[f64; W]>,
}

impl<const W: usize> Way<W> {
    fn go(
        &mut self,
        f: &Forward,
        args: &[Arg],
        [out, bar]: [&[f64]; 2],
        bars: &mut Bars,
        [lane, lanes]: [usize; 2],
    ) {
        let whole = |data| Arg {
            data,
            len: (f.steps + 1) * f.states,
            uniform: false,
        };
        let room = &mut self.room;
        for numbers in [&mut room.step, &mut room.p, &mut self.bar] {
            numbers.clear();
        }
        load(&args[1], lane, lanes, &mut room.step);
        load(&whole(out), lane, lanes, &mut room.p);
        load(&whole(bar), lane, lanes, &mut self.bar);
        self.by_step.clear();
        self.by_step.resize(f.states * f.states, [0.0; W]);
        room.sums.resize(f.states, [0.0; W]);
        let good = wide::run(
            #[inline(always)]
            || self.sweep(f.states),
        );
        for (w, good) in good.into_iter().enumerate() {
            match good {
                true => self.add(w, f, bars, [lane + w, lanes]),
                false => one_by_one(f, args, [out, bar], bars, [lane + w, lanes]),
            }
        }
    }

    /// Says for which executions all numbers were in range.
    #[inline(always)]
    fn sweep(&mut self, states: usize) -> [bool; W] {
        let mut good = [true; W];
        for row in &self.room.step {
            (0..W).for_each(|w| good[w] &= row[w] <= STEP);
        }
        exp_each(self.room.step.as_flattened_mut());
        self.shares(states, &mut good);
        for t in (0..self.bar.len() / states - 1).rev() {
            let (before, after) = self.bar[t * states..].split_at_mut(states);
            let u = &self.room.p[t * states..][..states];
            let rows = || self.room.step.chunks_exact(states);
            let sums = &mut self.room.sums;
            sums.fill([0.0; W]);
            for (u, row) in u.iter().zip(rows()) {
                for (sum, e) in sums.iter_mut().zip(row) {
                    (0..W).for_each(|w| sum[w] += u[w] * e[w]);
                }
            }
            for (sum, b) in sums.iter_mut().zip(after) {
                for w in 0..W {
                    good[w] &= sum[w] >= LEAST || b[w] == 0.0;
                    sum[w] = if b[w] == 0.0 { 0.0 } else { b[w] / sum[w] };
                }
            }
            let by_step = self.by_step.chunks_exact_mut(states);
            for (((b, u), row), by_step) in before.iter_mut().zip(u).zip(rows()).zip(by_step) {
                let mut total = [0.0; W];
                for ((e, sum), d) in row.iter().zip(&*sums).zip(by_step) {
                    for w in 0..W {
                        total[w] += e[w] * sum[w];
                        d[w] += u[w] * sum[w];
                    }
                }
                (0..W).for_each(|w| b[w] += u[w] * total[w]);
            }
        }
        for (d, e) in self.by_step.iter_mut().zip(&self.room.step) {
            (0..W).for_each(|w| d[w] *= e[w]);
        }
        good
    }

    /// u in the place of a.
    #[inline(always)]
    fn shares(&mut self, states: usize, good: &mut [bool; W]) {
        for row in self.room.p.chunks_exact_mut(states) {
            let mut top = [f64::NEG_INFINITY; W];
            for a in row.iter() {
                (0..W).for_each(|w| top[w] = if a[w] > top[w] { a[w] } else { top[w] });
            }
            row.iter_mut()
                .for_each(|a| (0..W).for_each(|w| a[w] -= top[w]));
            (0..W).for_each(|w| good[w] &= top[w].abs() < f64::INFINITY);
        }
        exp_each(self.room.p.as_flattened_mut());
    }

    /// Adds what the sweep has found for its execution `w`.
    fn add(&self, w: usize, f: &Forward, bars: &mut Bars, [lane, lanes]: [usize; 2]) {
        let (start, evidence) = self.bar.split_at(f.states);
        for (i, found) in [start, &self.by_step, evidence].into_iter().enumerate() {
            if let Some(target) = bars.of(i, found.len() * lanes) {
                let own = target.iter_mut().skip(lane).step_by(lanes);
                own.zip(found).for_each(|(t, x)| *t += x[w]);
            }
        }
    }
}

/// One execution's way back, each w by its logarithm.
fn one_by_one(
    f: &Forward,
    args: &[Arg],
    [out, bar]: [&[f64]; 2],
    bars: &mut Bars,
    [lane, lanes]: [usize; 2],
) {
    let k = f.states;
    let a = |t: usize, i: usize| out[(t * k + i) * lanes + lane];
    let mut own: Vec<f64> = bar.iter().skip(lane).step_by(lanes).copied().collect();
    for t in (0..f.steps).rev() {
        for i in 0..k {
            let b = own[(t + 1) * k + i];
            if b == 0.0 {
                continue;
            }
            bars.add(2, (t * k + i) * lanes + lane, b);
            let before = a(t + 1, i) - args[2].at(t * k + i, lane, lanes);
            for j in 0..k {
                let log = a(t, j) + args[1].at(j * k + i, lane, lanes) - before;
                let share = b * log.exp();
                own[t * k + j] += share;
                bars.add(1, (j * k + i) * lanes + lane, share);
            }
        }
    }
    (0..k).for_each(|i| bars.add(0, i * lanes + lane, own[i]));
}
