//! Laws that hold at any network: weights are unbiased for Z, the zero network is exact, results do not depend on threads.

use rand::RngExt;
use rand_distr::StandardNormal;
use spec_math::cephes64::{ndtr, ndtri};

use super::along;
use super::candidates::{categorical, policy};
use super::categorical::Categorical;
use super::exactify;
use super::layout::Layout;
use super::objective::Objective;
use super::options::Recipe;
use super::policy::{Paths, Policy};
use super::schedule::Schedule;
use super::steer::Steer;
use super::training::Trainer;
use super::{Diffusion, from_the_prior};
use crate::base::Seed;
use crate::draws::{importance_ess, mean_sd};
use crate::infer::coordinates::bend::bend;
use crate::infer::coordinates::frame::{Frame, Frames};
use crate::infer::population::{Particles, particles_from};
use crate::infer::testing::{self, Written};
use crate::infer::{Budget, Engine, NoProgress, Options, Settings};
use crate::lower::{DiscreteSite, Structure, Target};

fn recipe(target: &dyn Target, pairs: &[(&str, &str)]) -> Recipe {
    Recipe::new(
        &Options::from_pairs(pairs.iter().copied()),
        target.structure(),
        target.dim(),
    )
    .unwrap()
}

/// A policy over the given frames with a network whose last layer is random.
fn random_policy(
    target: &dyn Target,
    layout: Layout,
    categorical: Option<Categorical>,
    frames: Frames,
    size: f64,
) -> Policy {
    let recipe = recipe(target, &[("T", "6"), ("width", "16")]);
    let mut p = policy(layout, categorical, frames, Schedule::new(6, 4.0));
    let budget = Budget::default();
    Trainer::new(target, &recipe, &budget, &NoProgress, Seed(5))
        .equip(&mut p)
        .unwrap();
    let mut stream = Seed(6).stream("last layer", 0);
    let network = p.network.as_mut().unwrap();
    let last = network.parameters.len() - 2;
    network.parameters[last]
        .iter_mut()
        .for_each(|w| *w = (size * stream.sample::<f64, _>(StandardNormal)) as f32);
    p
}

/// (estimate − truth) in standard errors, of Z itself.
fn deviation(log_w: &[f64], log_z: f64) -> f64 {
    let w: Vec<f64> = log_w.iter().map(|l| (l - log_z).exp()).collect();
    let n = w.len() as f64;
    let mean = w.iter().sum::<f64>() / n;
    let variance = w.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
    (mean - 1.0) / (variance / n).sqrt()
}

fn weights(policy: &Policy, target: &dyn Target, n: usize) -> (Vec<Paths>, Vec<f64>) {
    let mut shards = policy.draw(target, n, 1.0, Seed(9));
    let log_w = policy.evaluate(target, &mut shards);
    (shards, log_w)
}

/// r = exp(−(z_0 − 1)² / 2 − z_1² / 2): log Z = −¼ − ln 2.
fn easy() -> (Written, f64) {
    let log_r = |z: &[f64]| -0.5 * (z[0] - 1.0).powi(2) - 0.5 * z[1] * z[1];
    (Written::new(2, log_r), -0.25 - 2f64.ln())
}

fn two_parts() -> Frames {
    let wide = Frame::new(vec![0.5, 0.2], vec![1.0, 0.0, 0.3, 0.9]).unwrap();
    let side = Frame::new(vec![-0.5, 0.0], vec![1.5, 0.0, -0.4, 1.2]).unwrap();
    Frames::single(2, vec![wide, side], vec![0.7f64.ln(), 0.3f64.ln()])
}

#[test]
fn the_zero_network_weighs_by_r_alone() {
    let (target, _) = easy();
    let frames = Frames::single(2, vec![Frame::prior(2)], vec![0.0]);
    // A network whose outputs are zero, and none at all.
    for size in [0.0, f64::NAN] {
        let mut p = random_policy(&target, Layout::noise(&target), None, frames.clone(), size);
        if size.is_nan() {
            p.network = None;
        }
        let (shards, log_w) = weights(&p, &target, 200);
        let log_r: Vec<f64> = shards.iter().flat_map(|s| s.points.log_r.clone()).collect();
        log_w
            .iter()
            .zip(&log_r)
            .for_each(|(w, r)| assert!((w - r).abs() < 1e-9, "{w} and {r}"));
    }
}

#[test]
fn weights_are_unbiased_at_any_network_and_any_shares() {
    let (target, log_z) = easy();
    let mut p = random_policy(&target, Layout::noise(&target), None, two_parts(), 0.15);
    p.shares = vec![-0.2, 0.4];
    let (_, log_w) = weights(&p, &target, 40_000);
    let off = deviation(&log_w, log_z);
    assert!(off.abs() < 4.5, "{off} standard errors");
    let spread = log_w.iter().map(|w| w - log_z).map(|d| d * d).sum::<f64>() / log_w.len() as f64;
    assert!(spread > 0.01, "the network does something");
}

/// One bent frame, and a policy that follows gradients in it.
fn bent_and_steered(target: &Written, size: f64) -> Policy {
    let mut s = Seed(4).stream("bent rows", 0);
    let rows: Vec<f64> = (0..2000)
        .flat_map(|_| {
            let (a, b): (f64, f64) = (s.sample(StandardNormal), s.sample(StandardNormal));
            [0.5 + 0.3 * a * a + (0.3 * a).exp() * b, a]
        })
        .collect();
    let bend = bend(&rows, 2, &|b| {
        b.map_or(0.0, |b| -b.residuals(&rows).1 + 1.0)
    })
    .unwrap();
    let frame = Frame::new(vec![0.1, 0.0], vec![1.3, 0.2, 0.2, 1.2])
        .unwrap()
        .bent(bend);
    let frames = Frames::single(2, vec![frame], vec![0.0]);
    let mut p = random_policy(target, Layout::noise(target), None, frames, size);
    p.steer = Some(Steer {
        gains: vec![0.9, 0.7, 1.2, 0.4, 0.1, 0.3],
    });
    p
}

#[test]
fn weights_are_unbiased_along_bends_and_gradients() {
    let (target, log_z) = easy();
    let p = bent_and_steered(&target, 0.15);
    let (shards, log_w) = weights(&p, &target, 40_000);
    let off = deviation(&log_w, log_z);
    assert!(off.abs() < 4.5, "{off} standard errors");
    assert!(shards[0].pushes.iter().any(|p| p.abs() > 0.1));
}

#[test]
fn gradients_bring_an_untrained_policy_closer() {
    let (target, log_z) = easy();
    let gap = |steered: bool| {
        let frames = Frames::single(2, vec![Frame::prior(2)], vec![0.0]);
        let mut p = random_policy(&target, Layout::noise(&target), None, frames, 0.0);
        p.steer = steered.then(|| Steer::new(&p.schedule));
        let (_, log_w) = weights(&p, &target, 4000);
        log_z - log_w.iter().sum::<f64>() / 4000.0
    };
    let (with, without) = (gap(true), gap(false));
    assert!(with < 0.5 * without, "{with} against {without}");
}

#[test]
fn a_path_weighs_the_same_whoever_computes_it() {
    let (target, _) = easy();
    for p in [
        random_policy(&target, Layout::noise(&target), None, two_parts(), 0.3),
        bent_and_steered(&target, 0.3),
    ] {
        weighs_the_same(&p, &target);
    }
}

fn weighs_the_same(p: &Policy, target: &Written) {
    let (mut shards, log_w) = weights(p, target, 200);
    p.score(target, &mut shards);
    let again: Vec<f64> = shards.iter().flat_map(|s| p.log_weights(s)).collect();
    log_w
        .iter()
        .zip(&again)
        .for_each(|(a, b)| assert!((a - b).abs() < 1e-3, "{a} and {b}"));
}

#[test]
fn skewed_discrete_policies_are_exact_too() {
    let case = testing::branches();
    let target = &case.target;
    let z: Vec<f64> = {
        let mut s = Seed(2).stream("prior", 0);
        (0..5 * 2000).map(|_| s.sample(StandardNormal)).collect()
    };
    let layout = Layout::discrete(target, &z);
    assert_eq!((layout.width(), layout.sites.len()), (3, 2));
    let points = layout.read(target, &z);
    let mut c = categorical(target, &layout, &points.k, &mut Seed(3).stream("c", 0)).unwrap();
    c.logits
        .iter_mut()
        .enumerate()
        .for_each(|(i, l)| *l += 0.3 * (i % 4) as f32);
    c.refresh();
    let frames = Frames::single(3, vec![Frame::prior(3)], vec![0.0]);
    let p = random_policy(target, layout, Some(c), frames, 0.02);
    let (_, log_w) = weights(&p, target, 60_000);
    let off = deviation(&log_w, case.log_z);
    assert!(off.abs() < 4.5, "{off} standard errors");
}

/// k ~ Poisson(3); where k > 2, j ~ Bernoulli(0.3) is reached; y = 4 is observed from N(k + 2 j + z, 1).
struct Counts {
    structure: Structure,
}

impl Counts {
    fn new() -> Counts {
        let site = |coordinate, n_values, name: &str| DiscreteSite {
            coordinate,
            n_values,
            first: 0,
            name: name.to_string(),
        };
        let discrete = vec![site(0, None, "k"), site(2, Some(2), "j")];
        Counts {
            structure: Structure {
                discrete,
                ..Structure::default()
            },
        }
    }

    fn log_poisson(k: f64) -> f64 {
        k * 3f64.ln() - 3.0 - (1..=k as u64).map(|i| (i as f64).ln()).sum::<f64>()
    }

    fn cumulative(k: i64) -> f64 {
        (0..=k).map(|i| Counts::log_poisson(i as f64).exp()).sum()
    }

    fn weight(k: f64, z: f64, j: f64) -> f64 {
        let j = if k > 2.0 { j } else { 0.0 };
        -0.5 * (4.0 - k - 2.0 * j - z).powi(2)
    }

    fn log_z() -> f64 {
        Counts::below(60)
    }

    /// log of the evidence of all k below a bound.
    fn below(bound: u32) -> f64 {
        let evidence = |m: f64| (-0.25 * (4.0 - m).powi(2)).exp() / 2f64.sqrt();
        let arm = |k: f64| {
            if k > 2.0 {
                0.7 * evidence(k) + 0.3 * evidence(k + 2.0)
            } else {
                evidence(k)
            }
        };
        (0..bound)
            .map(|k| Counts::log_poisson(f64::from(k)).exp() * arm(f64::from(k)))
            .sum::<f64>()
            .ln()
    }
}

impl Target for Counts {
    fn dim(&self) -> usize {
        3
    }

    fn structure(&self) -> &Structure {
        &self.structure
    }

    fn log_r(&self, z: &[f64], out: &mut [f64]) {
        let (mut k, mut active) = (vec![0; 2 * out.len()], vec![false; 2 * out.len()]);
        self.discrete_values(z, &mut k, &mut active);
        for (i, out) in out.iter_mut().enumerate() {
            *out = Counts::weight(k[2 * i] as f64, z[3 * i + 1], k[2 * i + 1] as f64);
        }
    }

    fn log_r_gradient(&self, z: &[f64], log_r: &mut [f64], gradient: &mut [f64]) {
        self.log_r(z, log_r);
        gradient.fill(f64::NAN);
    }

    fn log_r_given(&self, zk: &[f64], log_r: &mut [f64], log_p: &mut [f64]) {
        for (i, row) in zk.chunks_exact(3).enumerate() {
            log_r[i] = Counts::weight(row[0], row[1], row[2]);
            log_p[2 * i] = Counts::log_poisson(row[0]);
            let j: f64 = if row[2] > 0.5 { 0.3 } else { 0.7 };
            log_p[2 * i + 1] = if row[0] > 2.0 { j.ln() } else { f64::NAN };
        }
    }

    fn fill(&self, zk: &mut [f64], u: &[f64]) {
        for (row, u) in zk.chunks_exact_mut(3).zip(u.chunks_exact(2)) {
            let k = row[0] as i64;
            let (low, high) = (
                Counts::cumulative(k - 1),
                Counts::cumulative(k).min(1.0 - 1e-15),
            );
            row[0] = ndtri(low + u[0] * (high - low));
            row[2] = match (k > 2, row[2] > 0.5) {
                (false, _) => ndtri(u[1]),
                (true, false) => ndtri(0.7 * u[1]),
                (true, true) => ndtri(0.7 + 0.3 * u[1]),
            };
        }
    }

    fn discrete_values(&self, z: &[f64], k: &mut [i64], active: &mut [bool]) {
        for (i, row) in z.chunks_exact(3).enumerate() {
            let u = ndtr(row[0]);
            k[2 * i] = (0..60).find(|&k| u < Counts::cumulative(k)).unwrap_or(60);
            k[2 * i + 1] = i64::from(ndtr(row[2]) > 0.7);
            active[2 * i] = true;
            active[2 * i + 1] = k[2 * i] > 2;
        }
    }
}

#[test]
fn counts_without_a_bound_and_sites_that_are_not_reached_are_exact() {
    let target = Counts::new();
    let mut settings = Settings::new(8000, Seed(1));
    settings.options = Options::from_pairs([("steps", "50"), ("pre", "50")]);
    let o = Diffusion.run(&target, &settings).unwrap();
    let l = o.log_z.unwrap();
    let error = (l.estimate - Counts::log_z()).abs();
    assert!(
        error < 5.0 * l.se + 1e-3,
        "{l:?}, truth {}",
        Counts::log_z()
    );
    // Noise that the sites' cells were filled with leads to values again: z_2 keeps the prior where j is not reached.
    let free: Vec<f64> = o
        .noise
        .z
        .chunks_exact(3)
        .filter(|r| ndtr(r[0]) < Counts::cumulative(2))
        .map(|r| r[2])
        .collect();
    let mean = free.iter().sum::<f64>() / free.len() as f64;
    assert!(
        free.len() > 100 && mean.abs() < 6.0 / (free.len() as f64 / 4.0).sqrt(),
        "{mean} of {}",
        free.len()
    );
}

/// SMC from a policy's paths on, far from trained as it is.
fn carried(p: &Policy, target: &dyn Target) -> Particles {
    let chain = along::Chain { policy: p, target };
    let budget = Budget::default();
    particles_from(&chain, target, 6000, 6, Seed(11), &budget, &NoProgress).unwrap()
}

/// Whether log Z and the mean of `f` over the particles are within 4.5 standard errors.
fn assert_arrived(p: &Particles, log_z: f64, f: impl Fn(&[f64]) -> f64, mean: f64) {
    assert!(
        (p.log_z - log_z).abs() < 4.5 * p.log_z_se,
        "{} ± {}, not {log_z}",
        p.log_z,
        p.log_z_se
    );
    let values: Vec<f64> = p.z.chunks_exact(p.dim).map(f).collect();
    let (got, sd) = mean_sd(&values, None);
    // Moved particles are worth half of their number at least.
    assert!(
        (got - mean).abs() < 4.5 * sd / (p.n as f64 / 2.0).sqrt(),
        "{got}, not {mean}"
    );
}

#[test]
fn smc_along_the_chain_makes_up_for_any_network() {
    let (target, log_z) = easy();
    let wrong = random_policy(&target, Layout::noise(&target), None, two_parts(), 0.6);
    let (_, log_w) = weights(&wrong, &target, 6000);
    assert!(
        importance_ess(&log_w) < 1500.0,
        "there is much to make up for"
    );
    let arrived = carried(&wrong, &target);
    assert!(arrived.schedule.len() > 4);
    assert_arrived(&arrived, log_z, |z| z[0], 0.5);
    assert_arrived(&arrived, log_z, |z| z[1] * z[1], 0.5);
    let steered = carried(&bent_and_steered(&target, 0.5), &target);
    assert_arrived(&steered, log_z, |z| z[0], 0.5);
}

#[test]
fn smc_along_the_chain_is_exact_over_branches_and_open_sites() {
    let target = Counts::new();
    let z: Vec<f64> = {
        let mut s = Seed(2).stream("prior", 0);
        (0..3 * 2000).map(|_| s.sample(StandardNormal)).collect()
    };
    let layout = Layout::discrete(&target, &z);
    let points = layout.read(&target, &z);
    let mut c = categorical(&target, &layout, &points.k, &mut Seed(3).stream("c", 0)).unwrap();
    c.logits
        .iter_mut()
        .enumerate()
        .for_each(|(i, l)| *l += 0.5 * (i % 3) as f32);
    c.refresh();
    let frames = Frames::single(1, vec![Frame::prior(1)], vec![0.0]);
    let wrong = random_policy(&target, layout, Some(c), frames, 0.1);
    let arrived = carried(&wrong, &target);
    let reached = |z: &[f64]| f64::from(u8::from(ndtr(z[0]) >= Counts::cumulative(2)));
    let share = 1.0 - Counts::below(3).exp() / Counts::log_z().exp();
    assert_arrived(&arrived, Counts::log_z(), reached, share);
}

#[test]
fn only_discrete_sites_are_enumerated_and_a_long_chain_is_learned() {
    // Three dice, their sum at least 15: 20 of 216.
    let p = [1.0 / 6.0; 6];
    let sum = move |z: &[f64]| {
        z.iter()
            .map(|z| testing::value_of(&p, *z) + 1)
            .sum::<usize>()
    };
    let dice = Written::new(
        3,
        move |z| if sum(z) >= 15 { 0.0 } else { f64::NEG_INFINITY },
    )
    .site(0, &p)
    .site(1, &p)
    .site(2, &p);
    let o = Diffusion.run(&dice, &Settings::new(2000, Seed(1))).unwrap();
    let l = o.log_z.unwrap();
    assert!((l.estimate - (20f64 / 216.0).ln()).abs() < 1e-6, "{l:?}");
    assert!(
        o.reliable && o.diagnostics.is_ess.unwrap() > 1990.0,
        "{:?}",
        o.warnings
    );

    // A chain of 10 three-valued states that likes to stay: too many joint values for a table.
    let stay = |a: usize, b: usize| if a == b { 1.0 } else { -0.5 };
    let p = [1.0 / 3.0; 3];
    let log_r = move |z: &[f64]| {
        let k: Vec<usize> = z.iter().map(|z| testing::value_of(&p, *z)).collect();
        k.windows(2).map(|w| stay(w[0], w[1])).sum::<f64>() + if k[0] == 0 { 1.0 } else { 0.0 }
    };
    let chain = (0..10).fold(Written::new(10, log_r), |t, i| t.site(i, &p));
    let first = (1f64.exp() + 2.0) / 3.0;
    let step: f64 = (1f64.exp() + 2.0 * (-0.5f64).exp()) / 3.0;
    let truth = first.ln() + 9.0 * step.ln();
    let mut settings = Settings::new(4000, Seed(1));
    settings.options = Options::from_pairs([("steps", "60"), ("pre", "20")]);
    let o = Diffusion.run(&chain, &settings).unwrap();
    let l = o.log_z.unwrap();
    assert!(
        (l.estimate - truth).abs() < 5.0 * l.se,
        "{l:?}, truth {truth}"
    );
    assert!(
        o.reliable && o.diagnostics.is_ess.unwrap() > 2000.0,
        "{:?} {:?}",
        o.diagnostics,
        o.warnings
    );
}

#[test]
fn both_objectives_improve_on_the_prior() {
    let case = testing::four_modes();
    for name in ["vargrad", "tb"] {
        let recipe = recipe(&case.target, &[("objective", name), ("batch", "64")]);
        assert_eq!(recipe.objective == Objective::VarGrad, name == "vargrad");
        let budget = Budget::default();
        let mut trainer = Trainer::new(&case.target, &recipe, &budget, &NoProgress, Seed(1));
        let mut candidate = from_the_prior(&mut trainer, &mut Seed(1).stream("candidate", 0));
        let before = trainer.judge(&candidate.policy);
        trainer.equip(&mut candidate.policy).unwrap();
        let after = trainer.balance(&mut candidate.policy, before, 150).unwrap();
        assert!(
            after.elbo > before.elbo + 5.0,
            "{name}: {before:?} {after:?}"
        );
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let case = testing::funnel();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut settings = Settings::new(500, Seed(4));
        let pairs = [
            ("steps", "30"),
            ("pre", "30"),
            ("particles", "512"),
            ("width", "128"),
            ("components", "1"),
        ];
        settings.options = Options::from_pairs(pairs);
        pool.install(|| Diffusion.run(&case.target, &settings).unwrap())
    };
    let (one, two, three) = (run(1), run(2), run(3));
    assert_eq!(one.noise, two.noise);
    assert_eq!(one.noise, three.noise);
    assert_eq!(one.log_z, two.log_z);
}

#[test]
fn an_unknown_device_is_refused() {
    let mut settings = Settings::new(10, Seed(1));
    settings.options = Options::from_pairs([("device", "abacus")]);
    assert!(Diffusion.run(&easy().0, &settings).is_err());
}

#[test]
fn an_unknown_prior_is_a_normal_result() {
    // Nothing observed: r = 1, the posterior is the prior.
    let o = Diffusion
        .run(&Written::new(3, |_| 0.0), &Settings::new(1000, Seed(1)))
        .unwrap();
    let l = o.log_z.unwrap();
    assert!(
        l.estimate.abs() < 0.02 && o.reliable,
        "{l:?} {:?}",
        o.warnings
    );
}

/// A posterior of which nine tenths are the prior and a tenth is a needle that no path of the prior's hits.
#[test]
fn particles_show_what_paths_have_not_seen() {
    const WIDTH: f64 = 0.003;
    let log_r = |z: &[f64]| {
        let needle = |z: &f64| 0.5 * z * z - 0.5 * ((z - 2.0) / WIDTH).powi(2) - WIDTH.ln();
        let needle: f64 = z.iter().map(needle).sum();
        (0.9 + 0.1 * needle.exp()).ln()
    };
    let target = Written::new(3, log_r);
    let frames = Frames::single(3, vec![Frame::prior(3)], vec![0.0]);
    let p = policy(Layout::noise(&target), None, frames, Schedule::new(6, 4.0));
    let found = exactify::weigh(&p, None, exactify::DEFENCE, &target, 4000, Seed(2));
    let mut stream = Seed(3).stream("particles", 0);
    let mut particles = |share: f64| -> Vec<f64> {
        let mut z: Vec<f64> = (0..3000).map(|_| stream.sample(StandardNormal)).collect();
        let needle = (share * 1000.0) as usize;
        z[..3 * needle]
            .iter_mut()
            .for_each(|z| *z = 2.0 + WIDTH * *z);
        z
    };
    for share in [0.1, 0.0] {
        let others = p.layout.read(&target, &particles(share));
        let unseen = exactify::unseen(&found, &p, None, &target, &others, Seed(4));
        assert!((unseen - share).abs() < 0.01, "{unseen}, not {share}");
    }
}
