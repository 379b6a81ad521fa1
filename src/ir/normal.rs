//! The normal distribution over whole rows: most programs spend their time here, and a call for every number would be most
//! of it. Values and gradients, `(mu, sigma, x or z)`.

use super::Law;
use super::adjoint::{Bars, times};
use super::kernel::{Arg, Grid};
use super::strip::{self, Strip, strips, with_room};
use crate::compute::special::HALF_LN_2PI;
use crate::compute::wide;

/// Whether a law is `Normal` itself.
pub fn is_normal(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if d.name() == "Normal")
}

fn is_valid(mu: f64, sigma: f64) -> bool {
    mu.is_finite() && sigma > 0.0 && sigma.is_finite()
}

/// mu + sigma z of single numbers; NaN where they are no parameters.
#[inline]
pub(super) fn transported(mu: f64, sigma: f64, z: f64) -> f64 {
    match is_valid(mu, sigma) {
        true => mu + sigma * z,
        false => f64::NAN,
    }
}

/// The log-density at one number: the same bits as among others.
pub(super) fn density(mu: f64, sigma: f64, x: f64) -> f64 {
    let mut out = [0.0];
    with_logs([&[mu], &[sigma], &[x]], &mut out);
    out[0]
}

/// mu + sigma z.
pub(super) fn transport(args: &[Arg], out: &mut [f64], lanes: usize) {
    let grid = Grid::new(out.len() / lanes, lanes);
    let mut room = [Vec::new(), Vec::new(), Vec::new()];
    for (r, out) in out.chunks_exact_mut(grid.width).enumerate() {
        let [mu, sigma, z] = rows(args, &grid, r, &mut room);
        for (((o, &m), &s), &z) in out.iter_mut().zip(mu).zip(sigma).zip(z) {
            *o = transported(m, s, z);
        }
    }
}

/// The log-density of each element.
pub(super) fn log_density(args: &[Arg], out: &mut [f64], lanes: usize) {
    with_room!(out.len() / lanes, lanes, each_density(args, out, lanes));
}

fn each_density<const ROOM: usize>(args: &[Arg], out: &mut [f64], lanes: usize) {
    let mut room = [[0.0; ROOM]; 3];
    let mut rest = out;
    for strip in strips(rest.len() / lanes, lanes) {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(strip.width);
        with_logs(of(args, &strip, &mut room), now);
        rest = later;
    }
}

/// Their sum over `n` elements.
pub(super) fn log_density_sum(n: usize, args: &[Arg], out: &mut [f64]) {
    with_room!(n, out.len(), density_sum(n, args, out));
}

fn density_sum<const ROOM: usize>(n: usize, args: &[Arg], out: &mut [f64]) {
    let sigma = args[1];
    let mut room = [[0.0; ROOM]; 3];
    if sigma.len > 1 && !sigma.uniform {
        return strip::sum(n, out, |s, out| with_logs(of(args, s, &mut room), out));
    }
    strip::sum(n, out, |s, out| without_logs(of(args, s, &mut room), out));
    // The scales are few: their logs are taken once.
    let times = if sigma.len == 1 { n as f64 } else { 1.0 };
    if sigma.uniform {
        let all: f64 = sigma.data.iter().map(|s| times * log_scale(*s)).sum();
        out.iter_mut().for_each(|o| *o -= all);
        return;
    }
    subtract_logs(sigma.data, times, out);
}

fn of<'a, const ROOM: usize>(
    args: &[Arg<'a>],
    strip: &Strip,
    room: &'a mut [[f64; ROOM]; 3],
) -> [&'a [f64]; 3] {
    let [a, b, c] = room;
    [
        strip.of(&args[0], a),
        strip.of(&args[1], b),
        strip.of(&args[2], c),
    ]
}

/// ln sigma; NaN where sigma is no scale.
fn log_scale(sigma: f64) -> f64 {
    match is_valid(0.0, sigma) {
        true => sigma.ln(),
        false => f64::NAN,
    }
}

fn subtract_logs(sigma: &[f64], times: f64, out: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (o, &s) in out.iter_mut().zip(sigma) {
                let value = *o - times * wide::log(s);
                *o = if s < f64::INFINITY { value } else { f64::NAN };
            }
        },
    );
}

/// −½ ((x − mu) / sigma)² − ½ ln 2π; NaN where mu is not finite.
#[inline(always)]
fn kernel(mu: f64, sigma: f64, x: f64) -> f64 {
    let d = (x - mu) / sigma;
    let value = -0.5 * d * d - HALF_LN_2PI;
    if mu.abs() < f64::INFINITY {
        value
    } else {
        f64::NAN
    }
}

fn without_logs([mu, sigma, x]: [&[f64]; 3], out: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (((o, &m), &s), &x) in out.iter_mut().zip(mu).zip(sigma).zip(x) {
                *o = kernel(m, s, x);
            }
        },
    );
}

fn with_logs([mu, sigma, x]: [&[f64]; 3], out: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (((o, &m), &s), &x) in out.iter_mut().zip(mu).zip(sigma).zip(x) {
                let value = kernel(m, s, x) - wide::log(s);
                *o = if s < f64::INFINITY { value } else { f64::NAN };
            }
        },
    );
}

/// Adds the adjoints of [`transport`].
pub(super) fn transport_adjoint(args: &[Arg], bar: Arg, n: usize, bars: &mut Bars) {
    with_room!(n, bars.lanes, transport_slopes(args, bar, n, bars));
}

fn transport_slopes<const ROOM: usize>(args: &[Arg], bar: Arg, n: usize, bars: &mut Bars) {
    let [mut room_bar, mut room_sigma, mut room_z] = [[0.0; ROOM]; 3];
    let (mut by_sigma, mut by_z) = ([0.0; ROOM], [0.0; ROOM]);
    for strip in strips(n, bars.lanes) {
        let (by_sigma, by_z) = (&mut by_sigma[..strip.width], &mut by_z[..strip.width]);
        let bar = strip.of(&bar, &mut room_bar);
        let sigma = strip.of(&args[1], &mut room_sigma);
        let z = strip.of(&args[2], &mut room_z);
        wide::run(
            #[inline(always)]
            || {
                let out = by_sigma.iter_mut().zip(&mut *by_z);
                for ((((o, p), &b), &s), &z) in out.zip(bar).zip(sigma).zip(z) {
                    *o = times(b, z);
                    *p = times(b, s);
                }
            },
        );
        strip.add(bars, 0, args[0].len, bar);
        strip.add(bars, 1, args[1].len, by_sigma);
        strip.add(bars, 2, args[2].len, by_z);
    }
}

/// Adds the adjoints of [`log_density`], or of the sum where `bar` has one element.
pub(super) fn log_density_adjoint(args: &[Arg], bar: Arg, n: usize, bars: &mut Bars, lanes: usize) {
    with_room!(n, lanes, density_adjoint(args, bar, n, bars, lanes));
}

fn density_adjoint<const ROOM: usize>(
    args: &[Arg],
    bar: Arg,
    n: usize,
    bars: &mut Bars,
    lanes: usize,
) {
    let mut room = [[0.0; ROOM]; 3];
    let (mut spread, mut by_mu, mut by_sigma) = ([0.0; ROOM], [0.0; ROOM], [0.0; ROOM]);
    for strip in strips(n, lanes) {
        let bar = strip.of(&bar, &mut spread);
        let (by_mu, by_sigma) = (&mut by_mu[..strip.width], &mut by_sigma[..strip.width]);
        slopes(of(args, &strip, &mut room), bar, by_mu, by_sigma);
        strip.add(bars, 0, args[0].len, by_mu);
        strip.add(bars, 1, args[1].len, by_sigma);
        if bars.at[2].is_some() {
            by_mu.iter_mut().for_each(|d| *d = -*d);
            strip.add(bars, 2, args[2].len, by_mu);
        }
    }
}

/// bar · ∂/∂mu (which is −∂/∂x) and bar · ∂/∂sigma of a log-density.
#[inline(always)]
pub(super) fn slope(mu: f64, sigma: f64, x: f64, bar: f64) -> (f64, f64) {
    let (each, d) = (bar / sigma, (x - mu) / sigma);
    match bar == 0.0 {
        true => (0.0, 0.0),
        false => (each * d, each * (d * d - 1.0)),
    }
}

/// The same for whole rows.
fn slopes([mu, sigma, x]: [&[f64]; 3], bar: &[f64], by_mu: &mut [f64], by_sigma: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            let out = by_mu.iter_mut().zip(by_sigma);
            for ((((o, p), &m), (&s, &x)), &b) in out.zip(mu).zip(sigma.iter().zip(x)).zip(bar) {
                (*o, *p) = slope(m, s, x, b);
            }
        },
    );
}

fn rows<'a>(
    args: &[Arg<'a>],
    grid: &Grid,
    r: usize,
    room: &'a mut [Vec<f64>; 3],
) -> [&'a [f64]; 3] {
    let [a, b, c] = room;
    [
        args[0].line(grid, r).spread(grid.width, a),
        args[1].line(grid, r).spread(grid.width, b),
        args[2].line(grid, r).spread(grid.width, c),
    ]
}
