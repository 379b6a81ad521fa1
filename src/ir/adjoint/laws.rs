//! Distributions: transports, log-densities and their other functions.

use super::{Bars, times};
use crate::base::Shape;
use crate::compute::special::normal_log_density;
use crate::dist::Univariate;
use crate::ir::evidence::Evidence;
use crate::ir::kernel::{Arg, MAX_PARAMS, of_lane, part};
use crate::ir::op::LawFn;
use crate::ir::{ArrayLaw, Law, bernoulli_logit, normal};

/// Elementwise over `(parameters…, x)` of `n` elements. `rule(p, x, y, dp)` writes ∂y/∂p and returns ∂y/∂x; a `bar` of
/// one element belongs to a sum.
fn each(
    args: &[Arg],
    n: usize,
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
    rule: impl Fn(&[f64], f64, f64, &mut [f64]) -> f64,
) {
    let count = args.len() - 1;
    let (mut p, mut dp) = ([0.0; MAX_PARAMS], [0.0; MAX_PARAMS]);
    let of_sum = bar.len() == lanes;
    for e in 0..n {
        for lane in 0..lanes {
            let at = if of_sum { lane } else { e * lanes + lane };
            let b = bar[at];
            if b == 0.0 {
                continue;
            }
            p.iter_mut()
                .zip(&args[..count])
                .for_each(|(p, a)| *p = a.at(e, lane, lanes));
            let x = args[count].at(e, lane, lanes);
            let dx = rule(&p[..count], x, out[at], &mut dp[..count]);
            for (i, d) in dp[..count].iter().chain([&dx]).enumerate() {
                let element = if args[i].len == 1 { 0 } else { e };
                bars.add(i, element * lanes + lane, b * d);
            }
        }
    }
}

fn whole(data: &[f64], len: usize) -> Arg<'_> {
    Arg {
        data,
        len,
        uniform: false,
    }
}

pub(super) fn transport(
    law: &Law,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let n = out.len() / lanes;
    if normal::is_normal(law) {
        return normal::transport_adjoint(args, whole(bar, n), n, bars);
    }
    each(args, n, out, bar, bars, lanes, |p, z, x, dp| {
        law.d_transport(p, z, x, dp)
    });
}

pub(super) fn log_density(
    law: &Law,
    args: &[Arg],
    n: usize,
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    if normal::is_normal(law) {
        let bar = whole(bar, bar.len() / lanes);
        return normal::log_density_adjoint(args, bar, n, bars, lanes);
    }
    if bernoulli_logit::is_bernoulli_logit(law) {
        let bar = whole(bar, bar.len() / lanes);
        return bernoulli_logit::log_density_adjoint(args, bar, n, bars, lanes);
    }
    if let Some(evidence) = Evidence::of(law).filter(|e| e.has_adjoint(bars)) {
        let bar = whole(bar, bar.len() / lanes);
        return evidence.log_density_adjoint(args, bar, n, bars, lanes);
    }
    each(args, n, bar, bar, bars, lanes, |p, x, _, dp| {
        law.d_log_density(p, x, dp)
    });
}

pub(super) fn law_fn(
    law: &Law,
    f: LawFn,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let n = out.len() / lanes;
    let scaled = |y: f64, dp: &mut [f64], dx: f64| {
        dp.iter_mut().for_each(|d| *d = times(y, *d));
        times(y, dx)
    };
    each(args, n, out, bar, bars, lanes, |p, x, y, dp| match f {
        LawFn::Cdf => {
            let dx = law.d_log_cdf(p, x, dp);
            scaled(y, dp, dx)
        }
        LawFn::LogCdf => law.d_log_cdf(p, x, dp),
        LawFn::LogCcdf => law.d_log_ccdf(p, x, dp),
        LawFn::Quantile => {
            let z = crate::compute::special::inv_phi(x);
            law.d_transport(p, z, y, dp) * (-normal_log_density(z)).exp()
        }
        LawFn::Mean => by_differences(p, dp, |p| law.mean(p)),
        LawFn::Sd => by_differences(p, dp, |p| law.sd(p)),
        LawFn::ImproperCorrection => law.d_improper_correction(p, x, dp),
        LawFn::LogMass => d_log_mass(law, p, dp),
    });
}

/// Inside its interval, a truncated law's log-density is its base's minus the log-mass.
fn d_log_mass(law: &Law, p: &[f64], dp: &mut [f64]) -> f64 {
    let Law::Truncated(base) = law else {
        dp.fill(0.0);
        return 0.0;
    };
    let inside = law.transport(p, 0.0);
    let own = p.len() - 2;
    let mut of_base = vec![0.0; own];
    base.d_log_density(&p[..own], inside, &mut of_base);
    law.d_log_density(p, inside, dp);
    dp.iter_mut().for_each(|d| *d = -*d);
    dp.iter_mut().zip(of_base).for_each(|(d, b)| *d += b);
    0.0
}

/// Means and standard deviations are closed forms of one kind or another, rarely asked for: the five-point rule.
fn by_differences(p: &[f64], dp: &mut [f64], f: impl Fn(&[f64]) -> f64) -> f64 {
    let mut q = p.to_vec();
    for (i, d) in dp.iter_mut().enumerate() {
        let h = 1e-3 * p[i].abs().max(1e-2);
        let mut at = |steps: f64| {
            q[i] = p[i] + steps * h;
            f(&q)
        };
        *d = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
        q[i] = p[i];
    }
    0.0
}

/// Φ(z) = F(k): dz = dF / φ(z), through the smaller tail.
pub(super) fn cell_edge(
    law: &Law,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    each(
        args,
        out.len() / lanes,
        out,
        bar,
        bars,
        lanes,
        |p, k, z, dp| {
            let (log_cdf, log_ccdf) = (law.log_cdf(p, k), law.log_ccdf(p, k));
            let lower = log_cdf < log_ccdf;
            let scale = match (z.is_finite(), lower) {
                (false, _) => 0.0,
                (true, true) => (log_cdf - normal_log_density(z)).exp(),
                (true, false) => -(log_ccdf - normal_log_density(z)).exp(),
            };
            match lower {
                true => law.d_log_cdf(p, k, dp),
                false => law.d_log_ccdf(p, k, dp),
            };
            dp.iter_mut().for_each(|d| *d = times(scale, *d));
            0.0
        },
    );
}

/// One of a batch in one lane: where its parameters and its value are, and room for their gradients.
struct Member<'a> {
    p: Vec<&'a [f64]>,
    x: &'a [f64],
}

/// Calls `rule(member, which, lane, bars of parameters, bar of x)` for each of the batch and adds what it adds.
fn each_of_batch(
    law: &ArrayLaw,
    args: &[Arg],
    x_len: usize,
    bars: &mut Bars,
    lanes: usize,
    mut rule: impl FnMut(&Member, usize, usize, &mut [&mut [f64]], &mut [f64]),
) {
    let mut rooms: Vec<Vec<f64>> = vec![Vec::new(); args.len()];
    let lens = || law.shapes.iter().map(Shape::len).chain([x_len]);
    let mut given: Vec<Vec<f64>> = lens().map(|n| vec![0.0; n]).collect();
    for lane in 0..lanes {
        let inputs = of_lane(args, lane, lanes, &mut rooms);
        for b in 0..law.batch {
            let mut all: Vec<&[f64]> = inputs
                .iter()
                .zip(lens())
                .map(|(v, len)| part(v, len, b))
                .collect();
            let x = all.pop().expect("a law's operation has a value operand");
            given.iter_mut().for_each(|g| g.fill(0.0));
            let (dx, dp) = given.split_last_mut().expect("as many as operands");
            let mut dp: Vec<&mut [f64]> = dp.iter_mut().map(Vec::as_mut_slice).collect();
            rule(&Member { p: all, x }, b, lane, &mut dp, dx);
            for (i, g) in given.iter().enumerate() {
                let first = if args[i].len == g.len() {
                    0
                } else {
                    b * g.len()
                };
                bars.add_lane(i, first, lane, g);
            }
        }
    }
}

pub(super) fn array_transport(
    law: &ArrayLaw,
    args: &[Arg],
    out: &[f64],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let shapes: Vec<&Shape> = law.shapes.iter().collect();
    let column = |from: &[f64], b: usize, lane: usize| -> Vec<f64> {
        let elements = b * law.event..(b + 1) * law.event;
        elements.map(|e| from[e * lanes + lane]).collect()
    };
    each_of_batch(law, args, law.noise, bars, lanes, |m, b, lane, dp, dz| {
        let bar = column(bar, b, lane);
        if bar.iter().any(|b| *b != 0.0) {
            let x = column(out, b, lane);
            law.dist
                .transport_adjoint(&m.p, &shapes, m.x, &x, &bar, dp, dz);
        }
    });
}

pub(super) fn array_log_density(
    law: &ArrayLaw,
    args: &[Arg],
    bar: &[f64],
    bars: &mut Bars,
    lanes: usize,
) {
    let shapes: Vec<&Shape> = law.shapes.iter().collect();
    each_of_batch(law, args, law.event, bars, lanes, |m, b, lane, dp, dx| {
        let bar = bar[b * lanes + lane];
        if bar != 0.0 {
            law.dist
                .log_density_adjoint(&m.p, &shapes, m.x, bar, dp, dx);
        }
    });
}
