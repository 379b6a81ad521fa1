//! Latent values θ whose log-weight is a sum of known functions of θ with coefficients that all other noise decides.
//!
//! ```text
//!              functions of θ        law and posterior     log normaliser
//! Gamma        log θ, θ              Gamma(a, b)           log Γ(a) − a log b
//! InvGamma     log θ, 1/θ            InvGamma(a, b)        log Γ(a) − a log b
//! Beta         log θ, log(1 − θ)     Beta(a, b)            log B(a, b)
//! Dirichlet    log θₖ                Dirichlet(a)          Σ log Γ(aₖ) − log Γ(Σ aₖ)
//! ```
//! Evidence adds to the parameters: how much is read off its slopes at two known places (*probes*). What is linear in the functions
//! has, over a posterior, the mean of its values at two places, which solve a quadratic equation: √(θ₊ θ₋) is exp E[log θ], and
//! (θ₊ + θ₋)/2 is E[θ] of a Gamma; √((1 − θ₊)(1 − θ₋)) is exp E[log(1 − θ)] of a Beta.
//!
//! Parameters of n values of k numbers are `[parameter, value]`, those of a Dirichlet `[value, k]`.
//!
//! # Source
//! Exponential families and their conjugates: Diaconis & Ylvisaker 1979. The two places: ours; real ones exist by Jensen.

use crate::compute::special::{Odds, digamma, inv_log_phi, log_beta_tails};
use crate::compute::wide::{digamma_all, lgamma_all, log_all};
use crate::dist::{self, Distribution};

/// Places at which slopes are asked for.
pub(super) const PROBES: usize = 2;
/// Smallest value that a place has: its logarithm is finite.
const SMALLEST: f64 = 1e-300;

/// Which functions of a value its log-weight is a sum of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Gamma,
    InvGamma,
    Beta,
    Dirichlet,
}

/// Values of one family: how many, of how many numbers each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values {
    pub family: Family,
    pub n: usize,
    pub k: usize,
}

impl Family {
    /// The family of values of a law.
    pub fn of(law: &str) -> Option<Family> {
        Some(match law {
            "Gamma" | "Exponential" | "ChiSquare" => Family::Gamma,
            "InvGamma" | "InvChiSquare" => Family::InvGamma,
            "Beta" | "BetaProportion" => Family::Beta,
            "Dirichlet" => Family::Dirichlet,
            _ => return None,
        })
    }

    /// Its law of this name has its parameters.
    fn name(self) -> &'static str {
        match self {
            Family::Gamma => "Gamma",
            Family::InvGamma => "InvGamma",
            Family::Beta => "Beta",
            Family::Dirichlet => "Dirichlet",
        }
    }
}

impl Values {
    /// Numbers of all values.
    pub fn numbers(&self) -> usize {
        self.n * self.k
    }

    /// Parameters of each.
    pub fn width(&self) -> usize {
        match self.family {
            Family::Dirichlet => self.k,
            _ => 2,
        }
    }

    /// Coordinates of each.
    pub fn noise(&self) -> usize {
        match self.family {
            Family::Dirichlet => self.k - 1,
            _ => 1,
        }
    }

    /// Parameters of one value.
    fn of_one(&self, p: &[f64], i: usize) -> Vec<f64> {
        match self.family {
            Family::Dirichlet => p[i * self.k..][..self.k].to_vec(),
            _ => vec![p[i], p[self.n + i]],
        }
    }

    /// What the numbers of a value are at a probe: the first, and any other.
    pub fn probe(&self, probe: usize) -> [f64; 2] {
        let k = self.k as f64;
        let same = match (self.family, probe) {
            (Family::Dirichlet, 0) => 1.0 / k,
            (Family::Dirichlet, _) => return [0.5 * (k + 1.0) / k, 0.5 / k],
            (Family::Beta, 0) => 0.25,
            (Family::Beta, _) => 0.75,
            (_, 0) => 1.0,
            _ => 2.0,
        };
        [same; 2]
    }

    /// What evidence adds to the parameters, from its slopes at both probes; returns its values' sum at the first.
    pub fn added(&self, slopes: [&[f64]; PROBES], out: &mut [f64]) -> f64 {
        let [first, second] = slopes;
        if self.family == Family::Dirichlet {
            // A law may divide by the sum: slopes of what is on the simplex are known but for one number.
            let k = self.k as f64;
            let places = self.probe(1);
            for (j, o) in out.iter_mut().enumerate() {
                let other = places[usize::from(j % self.k > 0)];
                *o = (first[j] - second[j]) / (k - 1.0 / other);
            }
            return -k.ln() * out.iter().sum::<f64>();
        }
        let [low, high] = [0.25f64, 0.75].map(f64::ln);
        let (a, b) = out.split_at_mut(self.n);
        let mut at_first = 0.0;
        for (i, (a, b)) in a.iter_mut().zip(b).enumerate() {
            let (first, second) = (first[i], second[i]);
            match self.family {
                Family::Gamma => {
                    *a = 2.0 * (first - second);
                    *b = *a - first;
                    at_first -= *b;
                }
                Family::InvGamma => {
                    *a = first - 4.0 * second;
                    *b = first + *a;
                    at_first -= *b;
                }
                _ => {
                    *a = 0.28125 * (first - second / 3.0);
                    *b = 0.28125 * (first / 3.0 - second);
                    at_first += *a * low + *b * high;
                }
            }
        }
        at_first
    }

    /// The sum of the log normalisers; NaN where there is none.
    pub fn log_normaliser(&self, p: &[f64]) -> f64 {
        if !p.iter().all(|x| *x > 0.0 && x.is_finite()) {
            return f64::NAN;
        }
        let mut room = vec![0.0; p.len()];
        let mut sum = |f: fn(&[f64], &mut [f64]), x: &[f64]| {
            f(x, &mut room[..x.len()]);
            room[..x.len()].iter().sum::<f64>()
        };
        match self.family {
            Family::Gamma | Family::InvGamma => {
                let (a, b) = p.split_at(self.n);
                let gammas = sum(lgamma_all, a);
                log_all(b, &mut room[..self.n]);
                let logs = room.iter().zip(a).map(|(l, a)| l * a);
                gammas - logs.sum::<f64>()
            }
            _ => sum(lgamma_all, p) - sum(lgamma_all, &self.totals(p)),
        }
    }

    /// The derivatives of the log normaliser in the parameters: means of the functions, with the sign of their parameter.
    pub fn means(&self, p: &[f64], out: &mut [f64]) {
        let n = self.n;
        match self.family {
            Family::Gamma | Family::InvGamma => {
                let (a, b) = p.split_at(n);
                let (first, second) = out.split_at_mut(n);
                log_all(b, second);
                digamma_all(a, first);
                for i in 0..n {
                    first[i] -= second[i];
                    second[i] = -a[i] / b[i];
                }
            }
            _ => {
                digamma_all(p, out);
                let totals = self.totals(p);
                let mut all = vec![0.0; n];
                digamma_all(&totals, &mut all);
                for (j, o) in out.iter_mut().enumerate() {
                    *o -= match self.family {
                        Family::Dirichlet => all[j / self.k],
                        _ => all[j % n],
                    };
                }
            }
        }
    }

    fn totals(&self, p: &[f64]) -> Vec<f64> {
        match self.family {
            Family::Dirichlet => p.chunks_exact(self.k).map(|a| a.iter().sum()).collect(),
            _ => p[..self.n]
                .iter()
                .zip(&p[self.n..])
                .map(|(a, b)| a + b)
                .collect(),
        }
    }

    /// The two places over which the mean of what is linear in the functions is that over the posterior.
    pub fn places(&self, p: &[f64], up: &mut [f64], down: &mut [f64]) {
        for i in 0..self.n {
            let p = self.of_one(p, i);
            let mean = || about(p[0] / p[1], digamma(p[0]).exp() / p[1]);
            match self.family {
                Family::Gamma => (up[i], down[i]) = mean(),
                Family::InvGamma => {
                    let inverse = mean();
                    (up[i], down[i]) = (1.0 / inverse.0, 1.0 / inverse.1);
                }
                Family::Beta => {
                    let all = digamma(p[0] + p[1]);
                    let [g, h] = [p[0], p[1]].map(|a| (digamma(a) - all).exp());
                    (up[i], down[i]) = shares(g, h);
                }
                Family::Dirichlet => {
                    let all = digamma(p.iter().sum());
                    let geometric: Vec<f64> = p.iter().map(|a| (digamma(*a) - all).exp()).collect();
                    let others: f64 = geometric[1..].iter().sum();
                    let (high, low) = shares(geometric[0], others);
                    for (out, share) in [(&mut *up, high), (&mut *down, low)] {
                        let out = &mut out[i * self.k..][..self.k];
                        for (o, g) in out.iter_mut().zip(&geometric) {
                            *o = ((1.0 - share) * g / others).max(SMALLEST);
                        }
                        out[0] = share;
                    }
                }
            }
        }
    }

    /// The noise of values that are drawn by `fresh` from laws of parameters `posterior`, where their own have `prior`.
    pub fn noise_of_draws(
        &self,
        prior: &[f64],
        posterior: &[f64],
        fresh: &[f64],
        out: &mut Vec<f64>,
    ) {
        let width = self.noise();
        for (i, fresh) in fresh.chunks_exact(width).enumerate() {
            let (prior, posterior) = (self.of_one(prior, i), self.of_one(posterior, i));
            match dist::find(self.family.name()).expect("it is registered") {
                Distribution::Scalar(law) => {
                    let x = law.transport(&posterior, fresh[0]);
                    out.push(between((law.log_cdf(&prior, x), law.log_ccdf(&prior, x))));
                }
                Distribution::Array(law) => {
                    let mut x = vec![0.0; self.k];
                    law.transport(&[&posterior], &[], fresh, &mut x);
                    stick_noise(&prior, &x, out);
                }
            }
        }
    }
}

/// The noise that a Dirichlet of parameters `alpha` carries to x: of each share of what is left of the stick.
fn stick_noise(alpha: &[f64], x: &[f64], out: &mut Vec<f64>) {
    for i in 0..x.len() - 1 {
        let [later, rest] = [alpha, x].map(|v| v[i + 1..].iter().sum::<f64>());
        let share = Odds::from_logit((x[i] / rest).ln());
        out.push(between(log_beta_tails(alpha[i], later, share)));
    }
}

/// The noise that has so much below and above it, in logs.
fn between((below, above): (f64, f64)) -> f64 {
    match below < above {
        true => inv_log_phi(below),
        false => -inv_log_phi(above),
    }
}

/// Two numbers of arithmetic mean m and geometric mean g.
fn about(m: f64, g: f64) -> (f64, f64) {
    let up = m + ((m - g) * (m + g)).max(0.0).sqrt();
    (up, (g / up * g).max(SMALLEST))
}

/// Two numbers t with geometric mean g, whose 1 − t have geometric mean h.
fn shares(g: f64, h: f64) -> (f64, f64) {
    let half = 0.5 * (1.0 + (g - h) * (g + h));
    let up = half + ((half - g) * (half + g)).max(0.0).sqrt();
    let up = up.min(1.0 - f64::EPSILON / 2.0);
    (up, (g / up * g).max(SMALLEST))
}
