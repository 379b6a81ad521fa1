//! Log-densities that evidence often has, over whole strips: Student's t, Poisson, exponential.
//!
//! ```text
//! strip of parameters and values ──▶ a loop without branches, for the usual numbers
//!                                └──▶ the law itself, one by one, for the rest: invalid, infinite, very large
//! ```

use super::Law;
use super::adjoint::Bars;
use super::kernel::{Arg, density};
use super::strip::{self, Strip, strips, with_room};
use crate::base::{Bug, bites};
use crate::compute::special::{LN_PI, log_factorial, log_gamma_ratio};
use crate::compute::wide;
use crate::dist::Univariate;

/// Most operands: parameters, and the value.
const MAX: usize = 4;
/// Counts from here on take more care than a logarithm and a table.
const MANY: f64 = 64.0;
/// Squares of larger numbers than this may overflow.
const FAR: f64 = 1e150;

/// The operands' numbers of a strip, the value's last.
type Numbers<'a> = [&'a [f64]; MAX];
/// Room for as many.
type Room<const ROOM: usize> = [[f64; ROOM]; MAX];

/// A law that has loops of its own.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    law: &'a Law,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    StudentT,
    Poisson,
    PoissonLog,
    Exponential,
}

impl<'a> Evidence<'a> {
    /// The loops of a law, if it has some.
    pub(super) fn of(law: &'a Law) -> Option<Evidence<'a>> {
        let Law::Plain(d) = law else { return None };
        let kind = match d.name() {
            "StudentT" => Kind::StudentT,
            "Poisson" => Kind::Poisson,
            "PoissonLog" => Kind::PoissonLog,
            "Exponential" => Kind::Exponential,
            _ => return None,
        };
        Some(Evidence { law, kind })
    }

    /// The log-density of each element.
    pub(super) fn log_density(&self, args: &[Arg], out: &mut [f64], lanes: usize) {
        let n = out.len() / lanes;
        with_room!(n, lanes, Self::each_density(self, args, out, lanes));
    }

    fn each_density<const ROOM: usize>(&self, args: &[Arg], out: &mut [f64], lanes: usize) {
        let mut room = [[0.0; ROOM]; MAX];
        let mut rest = out;
        for strip in strips(rest.len() / lanes, lanes) {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(strip.width);
            self.values(args.len(), of(args, &strip, &mut room), now);
            rest = later;
        }
    }

    /// Their sum over `n` elements.
    pub(super) fn log_density_sum(&self, n: usize, args: &[Arg], out: &mut [f64]) {
        with_room!(n, out.len(), Self::density_sum(self, n, args, out));
    }

    fn density_sum<const ROOM: usize>(&self, n: usize, args: &[Arg], out: &mut [f64]) {
        let mut room = [[0.0; ROOM]; MAX];
        strip::sum(n, out, |strip, out| {
            self.values(args.len(), of(args, strip, &mut room), out);
        });
    }

    /// Whether [`Self::log_density_adjoint`] serves the operands that take part: a number of degrees of freedom does not.
    pub(super) fn has_adjoint(&self, bars: &Bars) -> bool {
        self.kind != Kind::StudentT || bars.at[0].is_none()
    }

    /// Adds the adjoints of [`Self::log_density`], or of the sum where `bar` has one element.
    pub(super) fn log_density_adjoint(
        &self,
        args: &[Arg],
        bar: Arg,
        n: usize,
        bars: &mut Bars,
        lanes: usize,
    ) {
        with_room!(
            n,
            lanes,
            Self::density_adjoint(self, args, bar, n, bars, lanes)
        );
    }

    fn density_adjoint<const ROOM: usize>(
        &self,
        args: &[Arg],
        bar: Arg,
        n: usize,
        bars: &mut Bars,
        lanes: usize,
    ) {
        let (mut room, mut by) = ([[0.0; ROOM]; MAX], [[0.0; ROOM]; MAX]);
        let mut spread = [0.0; ROOM];
        for strip in strips(n, lanes) {
            let bar = &strip.of(&bar, &mut spread)[..strip.width];
            self.slopes(args.len(), of(args, &strip, &mut room), bar, &mut by);
            for (i, a) in args.iter().enumerate() {
                strip.add(bars, i, a.len, &by[i][..strip.width]);
            }
        }
    }

    fn values(&self, count: usize, x: Numbers, out: &mut [f64]) {
        let usual = match self.kind {
            Kind::StudentT => student(x, out),
            Kind::Poisson => poisson(x, out),
            Kind::PoissonLog => poisson_log(x, out),
            Kind::Exponential => exponential(x, out),
        };
        if usual {
            return;
        }
        for (k, o) in out.iter_mut().enumerate() {
            let p: [f64; MAX] = std::array::from_fn(|j| x[j].get(k).copied().unwrap_or(0.0));
            *o = density(self.law, &p[..count - 1], p[count - 1]);
        }
    }

    /// bar · the derivative by each operand.
    fn slopes<const ROOM: usize>(
        &self,
        count: usize,
        x: Numbers,
        bar: &[f64],
        by: &mut Room<ROOM>,
    ) {
        let usual = match self.kind {
            Kind::StudentT => student_slopes(x, bar, by),
            Kind::Poisson => poisson_slopes(x, bar, by),
            Kind::PoissonLog => poisson_log_slopes(x, bar, by),
            Kind::Exponential => exponential_slopes(x, bar, by),
        };
        if usual {
            return;
        }
        for (k, b) in bar.iter().enumerate() {
            let p: [f64; MAX] = std::array::from_fn(|j| x[j].get(k).copied().unwrap_or(0.0));
            let mut dp = [0.0; MAX];
            if *b != 0.0 {
                let last = count - 1;
                dp[last] = self.law.d_log_density(&p[..last], p[last], &mut dp[..last]);
            }
            for (by, d) in by.iter_mut().zip(dp).take(count) {
                by[k] = if *b == 0.0 { 0.0 } else { b * d };
            }
        }
    }
}

/// Numbers of a strip; of operands that a law does not have, none.
fn of<'a, const ROOM: usize>(
    args: &[Arg<'a>],
    strip: &Strip,
    room: &'a mut Room<ROOM>,
) -> Numbers<'a> {
    let mut rooms = room.iter_mut();
    std::array::from_fn(|i| {
        let room = rooms.next().expect("room for each operand");
        args.get(i).map_or(&[][..], |a| strip.of(a, room))
    })
}

fn is_size(x: f64) -> bool {
    x > 0.0 && x < f64::INFINITY
}

fn is_count(k: f64) -> bool {
    (0.0..f64::INFINITY).contains(&k) && k == k.trunc()
}

/// `(nu, mu, sigma, x)`.
fn student([nu, mu, sigma, x]: Numbers, out: &mut [f64]) -> bool {
    let mut last = (f64::NAN, f64::NAN);
    for (o, &nu) in out.iter_mut().zip(nu) {
        if nu != last.0 {
            last = (nu, log_gamma_ratio(0.5 * nu, 0.5) - 0.5 * (LN_PI + nu.ln()));
        }
        *o = last.1;
    }
    wide::run(
        #[inline(always)]
        || {
            let mut usual = true;
            let places = nu.iter().zip(mu).zip(sigma.iter().zip(x));
            for (o, ((&nu, &mu), (&sigma, &x))) in out.iter_mut().zip(places) {
                let t = (x - mu) / sigma;
                usual &= (nu > 0.0) & (nu < f64::INFINITY) & (mu.abs() < f64::INFINITY);
                usual &= (sigma > 0.0) & (sigma < f64::INFINITY) & (t.abs() < FAR);
                *o -= 0.5 * (nu + 1.0) * wide::log1p(t * t / nu) + wide::log(sigma);
            }
            usual
        },
    )
}

fn student_slopes<const ROOM: usize>(
    [nu, mu, sigma, x]: Numbers,
    bar: &[f64],
    by: &mut Room<ROOM>,
) -> bool {
    let [_, by_mu, by_sigma, by_x] = by;
    wide::run(
        #[inline(always)]
        || {
            let mut usual = true;
            let out = by_mu.iter_mut().zip(by_sigma).zip(by_x);
            let places = nu.iter().zip(mu).zip(sigma.iter().zip(x)).zip(bar);
            for (((m, s), o), (((&nu, &mu), (&sigma, &x)), &b)) in out.zip(places) {
                let t = (x - mu) / sigma;
                usual &= (nu > 0.0) & (nu < f64::INFINITY) & (mu.abs() < f64::INFINITY);
                usual &= (sigma > 0.0) & (sigma < f64::INFINITY) & (t.abs() < FAR);
                let score = (nu + 1.0) * t / (nu + t * t);
                let each = b / sigma;
                *m = each * score;
                *s = each * (score * t - 1.0);
                *o = -each * score;
            }
            usual
        },
    )
}

/// Whether a count is one that the table of factorials serves; its logarithm is written.
fn factorials(counts: &[f64], out: &mut [f64]) -> bool {
    let mut usual = !bites(Bug::LostConstant);
    for (o, &k) in out.iter_mut().zip(counts) {
        let served = (0.0..MANY).contains(&k) && k == k.trunc();
        usual &= served;
        *o = if served { log_factorial(k) } else { f64::NAN };
    }
    usual
}

/// `(rate, k)`.
fn poisson([rate, k, ..]: Numbers, out: &mut [f64]) -> bool {
    if !factorials(k, out) {
        return false;
    }
    wide::run(
        #[inline(always)]
        || {
            let mut usual = true;
            for ((o, &rate), &k) in out.iter_mut().zip(rate).zip(k) {
                usual &= (rate > 0.0) & (rate < f64::INFINITY);
                *o = k * wide::log(rate) - rate - *o;
            }
            usual
        },
    )
}

fn poisson_slopes<const ROOM: usize>(
    [rate, k, ..]: Numbers,
    bar: &[f64],
    by: &mut Room<ROOM>,
) -> bool {
    let mut usual = true;
    for ((o, (&rate, &k)), &b) in by[0].iter_mut().zip(rate.iter().zip(k)).zip(bar) {
        usual &= is_size(rate) & is_count(k);
        *o = b * ((k - rate) / rate);
    }
    by[1].fill(0.0);
    usual
}

/// `(log_rate, k)`.
fn poisson_log([log_rate, k, ..]: Numbers, out: &mut [f64]) -> bool {
    if !factorials(k, out) {
        return false;
    }
    wide::run(
        #[inline(always)]
        || {
            let mut usual = true;
            for ((o, &l), &k) in out.iter_mut().zip(log_rate).zip(k) {
                usual &= l.abs() < 700.0;
                *o = k * l - wide::exp(l) - *o;
            }
            usual
        },
    )
}

fn poisson_log_slopes<const ROOM: usize>(
    [log_rate, k, ..]: Numbers,
    bar: &[f64],
    by: &mut Room<ROOM>,
) -> bool {
    let mut counts = true;
    for &k in k {
        counts &= is_count(k);
    }
    let [out, by_k, ..] = by;
    by_k.fill(0.0);
    wide::run(
        #[inline(always)]
        || {
            let mut usual = counts;
            for ((o, (&l, &k)), &b) in out.iter_mut().zip(log_rate.iter().zip(k)).zip(bar) {
                usual &= l.abs() < 700.0;
                *o = b * (k - wide::exp(l));
            }
            usual
        },
    )
}

/// `(rate, x)`.
fn exponential([rate, x, ..]: Numbers, out: &mut [f64]) -> bool {
    wide::run(
        #[inline(always)]
        || {
            let mut usual = true;
            for ((o, &rate), &x) in out.iter_mut().zip(rate).zip(x) {
                usual &= (rate > 0.0) & (rate < f64::INFINITY) & (x >= 0.0);
                *o = wide::log(rate) - rate * x;
            }
            usual
        },
    )
}

fn exponential_slopes<const ROOM: usize>(
    [rate, x, ..]: Numbers,
    bar: &[f64],
    by: &mut Room<ROOM>,
) -> bool {
    let [by_rate, by_x, ..] = by;
    let mut usual = true;
    let out = by_rate.iter_mut().zip(by_x);
    for (((r, o), (&rate, &x)), &b) in out.zip(rate.iter().zip(x)).zip(bar) {
        usual &= is_size(rate) & (0.0..f64::INFINITY).contains(&x);
        *r = b * (1.0 / rate - x);
        *o = -b * rate;
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{self, Distribution};
    use crate::ir::adjoint;
    use crate::ir::kernel;
    use crate::ir::op::Op;

    /// Parameters, and a value: usual ones and odd ones, of which a strip with one odd number has many usual ones.
    const CASES: [(&str, &[&[f64]]); 4] = [
        (
            "StudentT",
            &[
                &[4.0, 0.3, 1.2, -0.7],
                &[1e-3, -5.0, 1e-3, 2.0],
                &[1e9, 0.0, 2.0, 40.0],
                &[4.0, 0.0, 1e-200, 1.0],
                &[4.0, 0.0, -1.0, 1.0],
                &[2.5, f64::INFINITY, 1.0, 1.0],
                &[2.5, 0.0, 1.0, f64::NAN],
                &[2.5, 0.0, 1.0, f64::INFINITY],
            ],
        ),
        (
            "Poisson",
            &[
                &[3.5, 0.0],
                &[3.5, 7.0],
                &[1e-9, 2.0],
                &[80.0, 63.0],
                &[80.0, 64.0],
                &[0.0, 0.0],
                &[0.0, 2.0],
                &[-1.0, 2.0],
                &[2.0, 1.5],
                &[2.0, -1.0],
                &[f64::NAN, 1.0],
            ],
        ),
        (
            "PoissonLog",
            &[
                &[1.2, 0.0],
                &[1.2, 9.0],
                &[-30.0, 1.0],
                &[5.0, 200.0],
                &[-800.0, 0.0],
                &[2.0, 0.5],
                &[f64::INFINITY, 0.5],
            ],
        ),
        (
            "Exponential",
            &[
                &[0.3, 2.0],
                &[1e300, 1e-300],
                &[2.0, 0.0],
                &[2.0, -1.0],
                &[-2.0, 1.0],
                &[2.0, f64::INFINITY],
            ],
        ),
    ];

    fn same(a: f64, b: f64) -> bool {
        a == b
            || (a.is_nan() && b.is_nan())
            || (a - b).abs() <= 1e-14 * (1.0 + a.abs().max(b.abs()))
    }

    #[test]
    fn strips_are_what_the_law_is_one_by_one() {
        for (name, cases) in CASES {
            let Some(Distribution::Scalar(d)) = dist::find(name) else {
                panic!("{name} is a distribution over numbers");
            };
            let law = Law::Plain(d);
            let count = cases[0].len();
            // One row of all cases, and 600 rows with one odd case among the first.
            let mixed = |k: usize| cases[if k == 599 { cases.len() - 1 } else { k % 2 }];
            for n in [cases.len(), 600] {
                let of = |k: usize| if n == 600 { mixed(k) } else { cases[k] };
                let columns: Vec<Vec<f64>> = (0..count)
                    .map(|j| (0..n).map(|k| of(k)[j]).collect())
                    .collect();
                let args: Vec<Arg> = columns
                    .iter()
                    .map(|c| Arg {
                        data: c,
                        len: n,
                        uniform: false,
                    })
                    .collect();
                let (mut out, mut file) = (vec![0.0; n], vec![0.0; count * n]);
                let op = Op::LogDensity(law.clone());
                kernel::run(&op, &args, &mut out, 1);
                let carried =
                    |j: usize| adjoint::carries(&op, j, count) && (name, j) != ("StudentT", 0);
                let at: Vec<_> = (0..count).map(|j| carried(j).then_some(j * n)).collect();
                let mut bars = Bars {
                    file: &mut file,
                    at: &at,
                    lanes: 1,
                };
                adjoint::run(&op, &args, &out, &vec![1.5; n], &mut bars, 1);
                for k in 0..n {
                    let (x, p) = of(k).split_last().expect("a value");
                    let mut dp = vec![0.0; count];
                    let dx = law.d_log_density(p, *x, &mut dp[..count - 1]);
                    dp[count - 1] = dx;
                    assert!(
                        same(out[k], density(&law, p, *x)),
                        "{name} {p:?} {x}: {}",
                        out[k]
                    );
                    for j in (0..count).filter(|j| at[*j].is_some()) {
                        let got = file[j * n + k];
                        assert!(
                            same(got, 1.5 * dp[j]),
                            "{name} {p:?} {x} by {j}: {got} {}",
                            dp[j]
                        );
                    }
                }
            }
        }
    }
}
