//! SMC along the learned chain, where the paths' own weights stay too heavy: from the trained sampler to the posterior, level by
//! level, with exact moves that the sampler's faults do not survive.
//!
//! ```text
//! paths ─▶ weigh by w^Δβ, resample ─▶ move z and walk a fresh path to it ─▶ … ─▶ posterior ─▶ moves in z alone
//! ```
//!
//! What a level's law is: `infer/temper.rs`. Two independent populations, judged as those of `smc` are.

use super::exactify::Weighted;
use super::layout::Points;
use super::policy::{Paths, Policy};
use super::verdict::{Evidence, Found, MUCH_UNSEEN};
use crate::base::Seed;
use crate::infer::population::particles_from;
use crate::infer::smc::{self, Particles, Words};
use crate::infer::temper::{Learned, Score};
use crate::infer::{Evaluations, Outcome, Settings};
use crate::lower::Target;

/// Populations, and moves a level (as for `smc`).
const POPULATIONS: usize = 2;
const MOVES: usize = 10;
/// What an answer's findings call its first draws, and what may help.
const WORDS: Words = Words {
    first: "of the trained sampler's paths",
    more_moves: "train longer (-O steps=…)",
    more_particles: "more paths may help (-O paths=…)",
};

/// A policy's paths as the beginning of a road.
pub(super) struct Chain<'a> {
    pub policy: &'a Policy,
    pub target: &'a dyn Target,
}

impl Chain<'_> {
    fn spend(&self, n: usize, spent: &mut Evaluations) {
        spent.log_r += n as u64;
        spent.gradient += self.policy.gradients(n);
    }

    /// A site that an execution does not reach has whatever value the policy would have drawn.
    fn draw_unreached(&self, points: &mut Points, seed: Seed) {
        let (Some(categorical), s) = (&self.policy.categorical, self.policy.layout.sites.len())
        else {
            return;
        };
        let mut stream = seed.stream("unreached", 0);
        let rows = points.k.chunks_exact_mut(s);
        for (k, log_p) in rows.zip(points.log_p.chunks_exact(s)) {
            categorical.redraw(k, |s| !log_p[s].is_nan(), &mut stream);
        }
    }
}

impl Learned for Chain<'_> {
    fn draw(&self, n: usize, seed: Seed, spent: &mut Evaluations) -> (Vec<f64>, Vec<Score>) {
        self.spend(n, spent);
        let mut shards = self
            .policy
            .draw(self.target, n, 1.0, seed.child("policy", 0));
        let log_w = self.policy.evaluate(self.target, &mut shards);
        let mut points = Points::default();
        shards.iter().for_each(|s| points.extend(&s.points));
        let mut stream = seed.stream("fill", 0);
        let z = self
            .policy
            .layout
            .noise_of(self.target, &points, n, &mut stream);
        (z, scores(&shards, &log_w))
    }

    fn score(&self, z: &[f64], seed: Seed, spent: &mut Evaluations) -> Vec<Score> {
        self.spend(z.len() / self.target.dim(), spent);
        let mut points = self.policy.layout.read(self.target, z);
        self.draw_unreached(&mut points, seed);
        let mut shards = self.policy.renoise(&points, seed);
        self.policy.score(self.target, &mut shards);
        let log_w: Vec<f64> = shards
            .iter()
            .flat_map(|s| self.policy.log_weights(s))
            .collect();
        scores(&shards, &log_w)
    }
}

/// A path without weight ends where nothing is.
fn scores(shards: &[Paths], log_w: &[f64]) -> Vec<Score> {
    let log_r = shards.iter().flat_map(|s| &s.points.log_r);
    let score = |(&log_r, &path): (&f64, &f64)| match path.is_finite() {
        true => Score {
            path,
            ..Score::of(log_r)
        },
        false => Score::of(f64::NEG_INFINITY),
    };
    log_r.zip(log_w).map(score).collect()
}

/// The answer of particles that were carried on from the sampler's paths; `None` where they did not arrive.
pub(super) fn carry(
    policy: &Policy,
    target: &dyn Target,
    weighted: &Weighted,
    settings: &Settings,
    seed: Seed,
) -> Option<Carried> {
    let chain = Chain { policy, target };
    let n = weighted.log_w.len().max(settings.n_draws);
    let mut populations = Vec::new();
    for k in 0..POPULATIONS {
        let found = particles_from(
            &chain,
            target,
            n.div_ceil(POPULATIONS),
            MOVES,
            seed.child("population", k as u64),
            &settings.budget,
            &*settings.progress,
        );
        populations.push(found.ok().filter(|p| p.reached >= 1.0)?);
    }
    Some(Carried { populations })
}

/// Populations at the end of the chain.
pub(super) struct Carried {
    populations: Vec<Particles>,
}

impl Carried {
    /// Draws with their log Z and what speaks against them, beside `evidence` from elsewhere.
    pub fn answer(&self, weighted: &Weighted, evidence: &Evidence, settings: &Settings) -> Outcome {
        let seed = settings.seed.child("carried", 0);
        let mut outcome = smc::combine(&self.populations, settings.n_draws, seed);
        smc::judge(&mut outcome, &self.populations, settings.n_draws, &WORDS);
        let found = outcome.log_z.map_or(f64::NAN, |z| z.estimate);
        let se = outcome.log_z.map_or(f64::NAN, |z| z.se);
        let share = self.families() / self.populations.iter().map(|p| p.n as f64).sum::<f64>();
        let found = Found {
            log_z: found,
            se,
            share,
        };
        // What paths have not seen is what they were carried on for.
        let unseen = evidence.unseen;
        let evidence = Evidence {
            unseen: 0.0,
            ..evidence.clone()
        };
        for against in evidence.against(&found) {
            outcome.distrust(against);
        }
        if unseen > MUCH_UNSEEN {
            outcome.distrust(format!(
                "{:.0} % of the particles that the sampler learned from weigh more than any of its paths: where they lie may still have too little weight",
                100.0 * unseen
            ));
        }
        let why = match weighted.weak() {
            true => format!(
                "the sampler's paths have too uneven weights to answer by themselves (k̂ {:.2}, worth {:.0} draws of {})",
                weighted.khat,
                weighted.ess,
                weighted.log_w.len(),
            ),
            false => format!(
                "the sampler's paths do not see all of the posterior ({:.0} % of the particles that it learned from weigh more than any of them)",
                100.0 * unseen
            ),
        };
        let levels = self.populations.iter().map(|p| p.schedule.len()).max();
        outcome.warnings.push(format!(
            "{why}: their ends were carried on to the posterior by SMC, in {} levels",
            levels.unwrap_or(0)
        ));
        if let Some(z) = &mut outcome.log_z {
            z.elbo = weighted.elbo.is_finite().then_some(weighted.elbo);
        }
        let worst = self
            .populations
            .iter()
            .filter_map(|p| p.khat)
            .reduce(f64::max);
        outcome.diagnostics.khat = worst;
        outcome.diagnostics.is_ess = Some(self.families());
        outcome.equal_weight_ess = Some(self.families().min(settings.n_draws as f64));
        outcome.diagnostics.violation_rate = Some(weighted.impossible);
        outcome.path_log_weights = weighted.log_w.clone();
        outcome
    }

    /// How many of the first paths count, by the weight of their descendants.
    fn families(&self) -> f64 {
        let of = |p: &Particles| p.n as f64 / (1.0 + p.n as f64 * p.log_z_se.powi(2));
        self.populations.iter().map(of).sum()
    }
}
