//! The Bernoulli distribution by its logit over whole strips: the evidence of logistic regressions. `(logit, x)`.

use super::Law;
use super::adjoint::Bars;
use super::kernel::Arg;
use super::strip::{self, Strip, strips, with_room};
use crate::compute::wide;

/// Whether a law is `BernoulliLogit` itself.
pub(super) fn is_bernoulli_logit(law: &Law) -> bool {
    matches!(law, Law::Plain(d) if d.name() == "BernoulliLogit")
}

/// The log-density of each element.
pub(super) fn log_density(args: &[Arg], out: &mut [f64], lanes: usize) {
    with_room!(out.len() / lanes, lanes, each_density(args, out, lanes));
}

fn each_density<const ROOM: usize>(args: &[Arg], out: &mut [f64], lanes: usize) {
    let mut room = [[0.0; ROOM]; 2];
    let mut rest = out;
    for strip in strips(rest.len() / lanes, lanes) {
        let (now, later) = std::mem::take(&mut rest).split_at_mut(strip.width);
        values(of(args, &strip, &mut room), now);
        rest = later;
    }
}

/// Their sum over `n` elements.
pub(super) fn log_density_sum(n: usize, args: &[Arg], out: &mut [f64]) {
    with_room!(n, out.len(), density_sum(n, args, out));
}

fn density_sum<const ROOM: usize>(n: usize, args: &[Arg], out: &mut [f64]) {
    let mut room = [[0.0; ROOM]; 2];
    strip::sum_with_logs(n, out, |s, a, b| parts(of(args, s, &mut room), a, b));
    out.iter_mut().for_each(|o| *o = -*o);
}

/// a and b of minus the log-density, a + ln b = ln(1 + eˡ), l's sign turned where x is 1.
fn parts([logit, x]: [&[f64]; 2], a: &mut [f64], b: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (((a, b), &l), &x) in a.iter_mut().zip(b).zip(logit).zip(x) {
                let turned = if x == 1.0 { -l } else { l };
                let outside = if x.is_nan() { x } else { f64::INFINITY };
                let inside = if turned > 0.0 { turned } else { 0.0 };
                let value = if x == 0.0 || x == 1.0 {
                    inside
                } else {
                    outside
                };
                let usual = l.abs() < f64::INFINITY;
                *a = if usual { value } else { f64::NAN };
                *b = 1.0 + wide::exp(if usual { -l.abs() } else { 0.0 });
            }
        },
    );
}

fn of<'a, const ROOM: usize>(
    args: &[Arg<'a>],
    strip: &Strip,
    room: &'a mut [[f64; ROOM]; 2],
) -> [&'a [f64]; 2] {
    let [a, b] = room;
    [strip.of(&args[0], a), strip.of(&args[1], b)]
}

fn values([logit, x]: [&[f64]; 2], out: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for ((o, &l), &x) in out.iter_mut().zip(logit).zip(x) {
                let value = -wide::softplus(if x == 1.0 { -l } else { l });
                let outside = if x.is_nan() { x } else { f64::NEG_INFINITY };
                let value = if x == 0.0 || x == 1.0 { value } else { outside };
                *o = if l.abs() < f64::INFINITY {
                    value
                } else {
                    f64::NAN
                };
            }
        },
    );
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
    let mut room = [[0.0; ROOM]; 2];
    let (mut spread, mut slopes) = ([0.0; ROOM], [0.0; ROOM]);
    for strip in strips(n, lanes) {
        let bar = strip.of(&bar, &mut spread);
        let slopes = &mut slopes[..strip.width];
        by_logit(of(args, &strip, &mut room), bar, slopes);
        strip.add(bars, 0, args[0].len, slopes);
    }
}

fn by_logit([logit, x]: [&[f64]; 2], bar: &[f64], out: &mut [f64]) {
    wide::run(
        #[inline(always)]
        || {
            for (((o, &l), &x), &b) in out.iter_mut().zip(logit).zip(x).zip(bar) {
                let one = x == 1.0;
                let p = wide::inv_logit(if one { -l } else { l });
                let slope = b * if one { p } else { -p };
                let inside = one || x == 0.0;
                *o = if b != 0.0 && inside { slope } else { 0.0 };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{self, Distribution};
    use crate::ir::kernel::density;

    /// Logits and values of `n` elements in each of `lanes` executions; two executions have something impossible in them.
    fn operands(n: usize, lanes: usize) -> [Vec<f64>; 2] {
        let each = |f: fn(f64) -> f64| (0..n * lanes).map(|i| f(i as f64)).collect();
        let mut logits: Vec<f64> = each(|i| 40.0 * (0.7 * i).sin().powi(5));
        let mut values: Vec<f64> = each(|i| (3.1 * i).sin().signum().max(0.0));
        logits[3] = f64::INFINITY;
        values[(n / 2) * lanes + 5] = 2.0;
        [logits, values]
    }

    fn sum(all: &[Vec<f64>; 2], n: usize, lanes: usize) -> Vec<f64> {
        let args = [0, 1].map(|i| Arg {
            data: &all[i],
            len: n,
            uniform: false,
        });
        let mut out = vec![0.0; lanes];
        log_density_sum(n, &args, &mut out);
        out
    }

    #[test]
    fn sums_are_those_of_the_law_in_any_company() {
        let Some(Distribution::Scalar(d)) = dist::find("BernoulliLogit") else {
            panic!("BernoulliLogit is a distribution over numbers");
        };
        let (law, lanes) = (Law::Plain(d), 19);
        for n in [1, 7, 256, 700] {
            let all = operands(n, lanes);
            for (lane, got) in sum(&all, n, lanes).into_iter().enumerate() {
                let own = |x: &Vec<f64>| x.iter().skip(lane).step_by(lanes).copied().collect();
                let one: [Vec<f64>; 2] = [own(&all[0]), own(&all[1])];
                let alone = sum(&one, n, 1)[0];
                assert_eq!(alone.to_bits(), got.to_bits(), "{n}, lane {lane}");
                let each = one[0].iter().zip(&one[1]);
                let truth: f64 = each.map(|(l, x)| density(&law, &[*l], *x)).sum();
                let near = (got - truth).abs() <= 1e-13 * (1.0 + truth.abs());
                let same = got == truth || (got.is_nan() && truth.is_nan());
                assert!(near || same, "{n}, lane {lane}: {got} is not {truth}");
            }
        }
    }
}
