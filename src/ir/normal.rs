//! The normal distribution over whole rows: most programs spend their time here, and a call for every number would be most
//! of it. Values and gradients, `(mu, sigma, x or z)`.

use super::Law;
use super::adjoint::{Bars, add_each};
use super::kernel::{Arg, Grid};
use crate::compute::special::normal_log_density;

/// Whether a law is `Normal` itself.
pub(super) fn is_normal(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if d.name() == "Normal")
}

fn is_valid(mu: f64, sigma: f64) -> bool {
    mu.is_finite() && sigma > 0.0 && sigma.is_finite()
}

/// mu + sigma z.
pub(super) fn transport(args: &[Arg], out: &mut [f64], lanes: usize) {
    let grid = Grid::new(out.len() / lanes, lanes);
    let mut room = [Vec::new(), Vec::new(), Vec::new()];
    for (r, out) in out.chunks_exact_mut(grid.width).enumerate() {
        let [mu, sigma, z] = rows(args, &grid, r, &mut room);
        for (((o, &m), &s), &z) in out.iter_mut().zip(mu).zip(sigma).zip(z) {
            *o = if is_valid(m, s) { m + s * z } else { f64::NAN };
        }
    }
}

/// The log-density of each element.
pub(super) fn log_density(args: &[Arg], out: &mut [f64], lanes: usize) {
    let n = out.len() / lanes;
    let grid = Grid::new(n, lanes);
    let logs = log_scale(args[1]);
    let log_sigma = Arg {
        data: &logs,
        ..args[1]
    };
    for (r, out) in out.chunks_exact_mut(grid.width).enumerate() {
        each(args, log_sigma, &grid, r, |k, d| out[k] = d);
    }
}

/// Their sum over `n` elements, in order.
pub(super) fn log_density_sum(n: usize, args: &[Arg], out: &mut [f64], lanes: usize) {
    let grid = Grid::new(n, lanes);
    let logs = log_scale(args[1]);
    let log_sigma = Arg {
        data: &logs,
        ..args[1]
    };
    out.fill(0.0);
    for r in 0..grid.rows {
        match lanes {
            1 => each(args, log_sigma, &grid, r, |_, d| out[0] += d),
            _ => each(args, log_sigma, &grid, r, |k, d| out[k] += d),
        }
    }
}

fn log_scale(sigma: Arg) -> Vec<f64> {
    let log = |s: &f64| if *s > 0.0 { s.ln() } else { f64::NAN };
    sigma.data.iter().map(log).collect()
}

#[inline]
fn each(args: &[Arg], log_sigma: Arg, grid: &Grid, r: usize, mut give: impl FnMut(usize, f64)) {
    let mut room = [Vec::new(), Vec::new(), Vec::new()];
    let mut more = Vec::new();
    let [mu, sigma, x] = rows(args, grid, r, &mut room);
    let logs = log_sigma.line(grid, r).spread(grid.width, &mut more);
    for (k, ((&m, &s), (&x, &l))) in mu.iter().zip(sigma).zip(x.iter().zip(logs)).enumerate() {
        let valid = m.is_finite() && s.is_finite();
        give(
            k,
            if valid {
                normal_log_density((x - m) / s) - l
            } else {
                f64::NAN
            },
        );
    }
}

/// Adds the adjoints of [`transport`].
pub(super) fn transport_adjoint(args: &[Arg], bar: Arg, n: usize, bars: &mut Bars, lanes: usize) {
    let grid = Grid::new(n, lanes);
    add_each(bars, 0, args, bar, &grid, |[]| 1.0);
    add_each(bars, 1, args, bar, &grid, |[_, _, z]| z);
    add_each(bars, 2, args, bar, &grid, |[_, s, _]| s);
}

/// Adds the adjoints of [`log_density`], or of the sum where `bar` has one element.
pub(super) fn log_density_adjoint(args: &[Arg], bar: Arg, n: usize, bars: &mut Bars, lanes: usize) {
    let grid = Grid::new(n, lanes);
    add_each(bars, 0, args, bar, &grid, |[m, s, x]| (x - m) / (s * s));
    add_each(bars, 1, args, bar, &grid, |[m, s, x]| {
        let d = (x - m) / s;
        (d * d - 1.0) / s
    });
    add_each(bars, 2, args, bar, &grid, |[m, s, x]| (m - x) / (s * s));
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
