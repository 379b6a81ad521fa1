//! The `elliptical` engine: elliptical slice sampling, which has no step size to tune.
//!
//! ```text
//!            ν             z′ = m + (z − m) cos θ + (ν − m) sin θ
//!          ╭──╮            θ first anywhere, then in a bracket that shrinks towards z (θ = 0)
//!         z │ │            until log r(z′) is above a level drawn below log r(z)
//!          ╰──╯
//! ```
//!
//! Steps are taken in turn about the prior and about a Gaussian fitted to a short SMC; about the latter, the density that
//! the ellipse does not carry joins log r. The first copes with tails, the second with strong evidence.
//!
//! # Source
//! Murray, Adams & MacKay 2010; about a fitted law: Nishihara, Murray & Adams 2014 (with a Gaussian).

use std::f64::consts::TAU;

use rand::RngExt;

use super::chains::{self, ABOUT, Ground, THIN, WARMUP, Walk, Walker};
use super::gaussian::Gaussian;
use super::{Engine, InferError, OptionSpec, Outcome, Settings};
use crate::lower::Target;

/// Shrinking halves the bracket or so; after this many rounds the point is where it was.
const MOST_ROUNDS: usize = 100;

/// Elliptical slice sampling.
#[derive(Clone, Copy, Debug)]
pub struct Elliptical;

impl Engine for Elliptical {
    fn name(&self) -> &'static str {
        "elliptical"
    }

    fn summary(&self) -> &'static str {
        "Elliptical slice sampling: chains made for a Gaussian prior, without a step size; one mode, any shape"
    }

    fn options(&self) -> &'static [OptionSpec] {
        &[WARMUP, THIN, ABOUT]
    }

    fn ends_anywhere(&self) -> bool {
        true
    }

    fn run(&self, target: &dyn Target, settings: &Settings) -> Result<Outcome, InferError> {
        settings.options.check(self.options())?;
        chains::run(&mut Slices { turn: 0 }, target, settings)
    }
}

struct Slices {
    turn: usize,
}

/// One walker's search along its ellipse.
struct Search {
    walker: usize,
    /// The ellipse's other axis, from its centre.
    axis: Vec<f64>,
    level: f64,
    theta: f64,
    low: f64,
    high: f64,
}

impl Walk for Slices {
    fn step(&mut self, walkers: &mut [Walker], ground: &mut Ground, _warming: bool) -> f64 {
        let shape = self.turn % ground.shapes.len();
        self.turn += 1;
        let about = &ground.shapes[shape];
        let remainder = |_: usize, z: &[f64], log_r: f64| ground.remainder(shape, z, log_r);
        let (share, spent) = slice(ground.target, walkers, |_| about, remainder);
        ground.evaluations += spent;
        share
    }
}

/// Moves every walker once along an ellipse of its own Gaussian; `remainder(walker, z, log r)` is the log-density against
/// that Gaussian. Returns the share of proposals that ended a search, and the evaluations spent.
pub(crate) fn slice<'g>(
    target: &dyn Target,
    walkers: &mut [Walker],
    gaussian: impl Fn(usize) -> &'g Gaussian,
    remainder: impl Fn(usize, &[f64], f64) -> f64,
) -> (f64, u64) {
    let mut open: Vec<Search> = walkers
        .iter_mut()
        .enumerate()
        .map(|(i, w)| begin(i, w, gaussian(i), &remainder))
        .collect();
    let dim = target.dim();
    let mut proposals = 0;
    for _ in 0..MOST_ROUNDS {
        let mut z = Vec::with_capacity(open.len() * dim);
        open.iter()
            .for_each(|s| s.place(&walkers[s.walker].z, gaussian(s.walker), &mut z));
        proposals += open.len() as u64;
        let mut log_r = vec![0.0; open.len()];
        target.log_r(&z, &mut log_r);
        let mut rows = z.chunks_exact(dim).zip(log_r);
        open.retain_mut(|s| {
            let (z, log_r) = rows.next().expect("a row for each search");
            let found = remainder(s.walker, z, log_r) > s.level;
            let walker = &mut walkers[s.walker];
            if found {
                walker.z.copy_from_slice(z);
                walker.log_r = log_r;
            } else {
                s.shrink(walker);
            }
            !found
        });
        if open.is_empty() {
            break;
        }
    }
    (walkers.len() as f64 / proposals.max(1) as f64, proposals)
}

fn begin(
    i: usize,
    walker: &mut Walker,
    gaussian: &Gaussian,
    remainder: impl Fn(usize, &[f64], f64) -> f64,
) -> Search {
    let mut axis = vec![0.0; walker.z.len()];
    gaussian.step(&walker.z, 1.0, &mut walker.rng, &mut axis);
    axis.iter_mut()
        .zip(&gaussian.mean)
        .for_each(|(a, m)| *a -= m);
    let u: f64 = walker.rng.random();
    let level = remainder(i, &walker.z, walker.log_r) + u.ln();
    let theta = TAU * walker.rng.random::<f64>();
    Search {
        walker: i,
        axis,
        level,
        theta,
        low: theta - TAU,
        high: theta,
    }
}

impl Search {
    fn place(&self, z: &[f64], shape: &Gaussian, out: &mut Vec<f64>) {
        let (sin, cos) = self.theta.sin_cos();
        out.extend(
            z.iter()
                .zip(&self.axis)
                .zip(&shape.mean)
                .map(|((z, a), m)| m + (z - m) * cos + a * sin),
        );
    }

    fn shrink(&mut self, walker: &mut Walker) {
        if self.theta < 0.0 {
            self.low = self.theta
        } else {
            self.high = self.theta
        }
        self.theta = self.low + (self.high - self.low) * walker.rng.random::<f64>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;
    use crate::infer::Options;
    use crate::infer::testing::{
        Written, branches, check_moments, eight_schools, funnel, linear, logistic, ring,
    };

    #[test]
    fn known_posteriors_are_met_within_the_stated_errors() {
        for case in [
            linear(),
            funnel(),
            ring(),
            logistic(),
            eight_schools(),
            branches(),
        ] {
            let out = Elliptical
                .run(&case.target, &Settings::new(2000, Seed(1)))
                .unwrap();
            assert!(out.reliable, "{}: {:?}", case.name, out.warnings);
            check_moments(&case, &out.noise.z, out.diagnostics.ess_bulk_min.unwrap());
            assert_eq!(
                out.evaluations.log_r + out.evaluations.gradient,
                case.target.evaluated(),
                "{}",
                case.name
            );
        }
    }

    #[test]
    fn modes_that_chains_cannot_cross_are_told() {
        let target = Written::new(1, |z| {
            let bump = |c: f64| (-0.5 * ((z[0] - c) / 0.01).powi(2)).exp();
            (bump(1.5) + bump(-1.5)).ln().max(-700.0)
        });
        let mut settings = Settings::new(800, Seed(1));
        settings.options =
            Options::from_pairs([("about", "prior"), ("thin", "1"), ("warmup", "100")]);
        let out = Elliptical.run(&target, &settings).unwrap();
        assert!(
            !out.reliable && out.diagnostics.rhat_max.unwrap() > 1.01,
            "{:?}",
            out.diagnostics
        );
    }

    #[test]
    fn a_chain_does_not_depend_on_the_chains_beside_it() {
        let case = funnel();
        let run = |chains: usize| {
            let mut settings = Settings::new(50 * chains, Seed(5));
            settings.n_chains = chains;
            settings.options = Options::from_pairs([("thin", "2"), ("warmup", "20")]);
            Elliptical.run(&case.target, &settings).unwrap().noise.z
        };
        assert_eq!(run(2)[..500], run(5)[..500]);
    }
}
