//! Transports of the Cauchy distribution and its folded form over whole rows: a half-Cauchy scale is in most hierarchical programs.

use super::Law;
use super::kernel::Arg;
use super::strip::{Strip, strips, with_room};
use crate::compute::wide;

/// A function of many numbers.
type All = fn(&[f64], &mut [f64]);

/// Standard numbers of a law's noise, where it is served here.
pub(super) fn of_noise(law: &Law) -> Option<All> {
    let Law::Plain(d) = law else { return None };
    match d.name() {
        "Cauchy" => Some(wide::cauchy_all),
        "HalfCauchy" => Some(wide::half_cauchy_all),
        _ => None,
    }
}

/// mu + sigma t, or sigma t, for arguments `(mu, sigma, z)` or `(sigma, z)`.
pub(super) fn transport(of_noise: All, args: &[Arg], out: &mut [f64], lanes: usize) {
    with_room!(out.len() / lanes, lanes, each(of_noise, args, out, lanes));
}

fn each<const ROOM: usize>(of_noise: All, args: &[Arg], out: &mut [f64], lanes: usize) {
    let mut room = [[0.0; ROOM]; 3];
    let mut rest = out;
    for strip in strips(rest.len() / lanes, lanes) {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(strip.width);
        of_strip(of_noise, args, &strip, &mut room, now);
        rest = later;
    }
}

fn of_strip<const ROOM: usize>(
    of_noise: All,
    args: &[Arg],
    strip: &Strip,
    [room_mu, room_sigma, room_z]: &mut [[f64; ROOM]; 3],
    out: &mut [f64],
) {
    let (mu, sigma, z) = match args {
        [mu, sigma, z] => (strip.of(mu, room_mu), sigma, z),
        _ => (&room_mu[..strip.width], &args[0], &args[1]),
    };
    let (sigma, z) = (strip.of(sigma, room_sigma), strip.of(z, room_z));
    of_noise(z, out);
    for ((o, &m), &s) in out.iter_mut().zip(mu).zip(sigma) {
        let x = (m + s * *o).clamp(-f64::MAX, f64::MAX);
        let valid = m.is_finite() && s > 0.0 && s.is_finite();
        *o = if valid { x } else { f64::NAN };
    }
}
