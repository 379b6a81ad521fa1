//! log Z from draws of chains, which have none of their own: a bridge between the posterior and a Gaussian fitted to it.
//!
//! ```text
//! half of every chain ─▶ a Gaussian, straight or bent ─▶ its draws ─┐
//! the other half ───────────────────────────────────────────────────┴─▶ log Z; and once more with the halves exchanged
//! ```
//! Both averages are of bounded functions, so that their errors can be told from the draws. A mode that no chain visited is missing from Z too.
//!
//! # Source
//! Meng & Wong 1996 (the bridge); Frühwirth-Schnatter 2004 (its error, with dependent draws).

use super::coordinates::bend::median;
use super::coordinates::frame::Frame;
use super::coordinates::mixture::{bent, gaussian, split};
use super::gaussian::log_prior;
use super::nuts::Ways;
use super::{LogZ, Noise};
use crate::base::Seed;
use crate::compute::special::HALF_LN_2PI;
use crate::draws::{ess_mean, mean_sd};
use crate::lower::Target;

/// Draws of a chain's half that a Gaussian can be fitted to, for each dimension.
const ROWS: usize = 5;
/// Dimensions above which no bend is looked for.
const MANY: usize = 32;
/// Iterations of the bridge, which converges in a handful.
const ITERATIONS: usize = 100;
/// An error, in nats, above which there is no saying.
const LOOSE: f64 = 0.1;

/// log Z with its standard error from draws `[chains, n, dim]`, with the evaluations of log r that it took; `None` where the
/// error is above a tenth of a nat.
pub(crate) fn log_z(target: &dyn Target, noise: &Noise, seed: Seed) -> (Option<LogZ>, u64) {
    let per_chain = noise.n / noise.chains.max(1);
    let half = per_chain / 2;
    if half * noise.chains < ROWS * noise.dim.max(20) {
        return (None, 0);
    }
    let mut bridge = Bridge {
        target,
        evaluations: 0,
    };
    let halves = [0, 1].map(|h| bridge.half(noise, per_chain, h * half..(h + 1) * half));
    let found = [0, 1].map(|h| {
        let (fit, rest) = (&halves[h], &halves[1 - h]);
        bridge.between(fit, rest, noise.chains, seed.child("bridge", h as u64))
    });
    let [Some(a), Some(b)] = found else {
        return (None, bridge.evaluations);
    };
    let se = (0.5 * a.1.hypot(b.1)).max(0.5 * (a.0 - b.0).abs());
    let log_z = LogZ {
        estimate: 0.5 * (a.0 + b.0),
        se,
        elbo: None,
        eubo: None,
    };
    ((se <= LOOSE).then_some(log_z), bridge.evaluations)
}

/// Draws where frames are fitted, improper measures on their lines, with the posterior's log-density there.
struct Half {
    lines: Vec<f64>,
    log_density: Vec<f64>,
}

impl Half {
    /// log ratios of the posterior's density to a Gaussian's.
    fn over(&self, frame: &Frame) -> Vec<f64> {
        let dim = frame.mean.len();
        let mut scratch = vec![0.0; dim];
        let rows = self.lines.chunks_exact(dim).zip(&self.log_density);
        rows.map(|(x, l)| l - frame.log_density(x, &mut scratch))
            .collect()
    }
}

struct Bridge<'a> {
    target: &'a dyn Target,
    evaluations: u64,
}

impl Bridge<'_> {
    fn half(&mut self, noise: &Noise, per_chain: usize, part: std::ops::Range<usize>) -> Half {
        let chains = noise.z.chunks_exact(per_chain * noise.dim);
        let z: Vec<f64> = chains
            .flat_map(|c| c[part.start * noise.dim..part.end * noise.dim].to_vec())
            .collect();
        let mut lines = z.clone();
        let ways = Ways::of(self.target, None);
        let rows = lines.chunks_exact_mut(noise.dim);
        rows.for_each(|row| ways.onto_lines(row));
        let log_density = self.log_density(&z, &lines);
        Half { lines, log_density }
    }

    /// log of the unnormalised posterior density on the lines, without −(d/2) log 2π.
    fn log_density(&mut self, z: &[f64], lines: &[f64]) -> Vec<f64> {
        let dim = self.target.dim();
        let mut log_density = vec![0.0; z.len() / dim];
        self.target.log_r(z, &mut log_density);
        self.evaluations += log_density.len() as u64;
        let stretched = &self.target.structure().stretched;
        for ((l, z), lines) in log_density
            .iter_mut()
            .zip(z.chunks_exact(dim))
            .zip(lines.chunks_exact(dim))
        {
            *l += log_prior(z);
            for &(j, s) in stretched {
                *l += 0.5 * z[j] * z[j] + s.log_base(lines[j]).0 + HALF_LN_2PI;
            }
        }
        log_density
    }

    /// log Z and its error from the draws of `rest` and as many of a Gaussian fitted to `fit`.
    fn between(
        &mut self,
        fit: &Half,
        rest: &Half,
        chains: usize,
        seed: Seed,
    ) -> Option<(f64, f64)> {
        let dim = self.target.dim();
        let frame = fitted(&fit.lines, dim)?;
        let mut stream = seed.stream("draws", 0);
        let (_, lines) = frame.draws(rest.log_density.len(), &mut stream);
        let mut z = lines.clone();
        let ways = Ways::of(self.target, None);
        z.chunks_exact_mut(dim).for_each(|row| ways.leave(row));
        let drawn = Half {
            log_density: self.log_density(&z, &lines),
            lines,
        };
        let [here, there] = [rest, &drawn].map(|half| half.over(&frame));
        bridged(&here, &there, chains)
    }
}

/// A Gaussian for rows `[n, dim]`, bent where held-out rows like that better.
fn fitted(rows: &[f64], dim: usize) -> Option<Frame> {
    let (train, held_out) = split(rows, dim);
    let straight = gaussian(&train, &held_out, dim)?;
    let bent = match dim <= MANY {
        true => bent(&train, &held_out, dim, &straight),
        false => None,
    };
    bent.unwrap_or(straight).parts.into_iter().next()
}

/// The optimal bridge from log ratios (unnormalised posterior over Gaussian) at the posterior's draws and at the Gaussian's.
fn bridged(here: &[f64], there: &[f64], chains: usize) -> Option<(f64, f64)> {
    let centre = median(here);
    let worth = ess_mean(here, chains)?.min(here.len() as f64);
    let n = there.len() as f64;
    let (s1, s2) = (worth / (worth + n), n / (worth + n));
    let ratios = |of: &[f64]| -> Vec<f64> { of.iter().map(|l| (l - centre).exp()).collect() };
    let (here, there) = (ratios(here), ratios(there));
    // Both stay bounded where a ratio is 0 or infinite.
    let over = |z: f64| there.iter().map(|q| 1.0 / (s1 + s2 * z / q)).collect();
    let under = |z: f64| here.iter().map(|q| 1.0 / (s1 * q + s2 * z)).collect();
    let mut z = 1.0;
    for _ in 0..ITERATIONS {
        let (up, down): (Vec<f64>, Vec<f64>) = (over(z), under(z));
        let next = mean_sd(&up, None).0 / mean_sd(&down, None).0;
        let settled = (next / z - 1.0).abs() < 1e-10;
        z = next;
        if settled {
            break;
        }
    }
    let (up, down): (Vec<f64>, Vec<f64>) = (over(z), under(z));
    let ((m1, sd1), (m2, sd2)) = (mean_sd(&up, None), mean_sd(&down, None));
    let worth = ess_mean(&down, chains)
        .unwrap_or(worth)
        .min(down.len() as f64);
    let error = ((sd1 / m1).powi(2) / n + (sd2 / m2).powi(2) / worth).sqrt();
    let log_z = centre + z.ln();
    (log_z.is_finite() && error.is_finite()).then_some((log_z, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::testing::cases;
    use crate::infer::{Engine, Settings, nuts::Nuts};

    #[test]
    fn chains_find_the_evidence_within_its_error() {
        let mut served = 0;
        for case in cases() {
            if !case.target.structure().smooth {
                continue;
            }
            let noise = Nuts
                .run(&case.target, &Settings::new(2000, Seed(1)))
                .unwrap()
                .noise;
            let Some(found) = log_z(&case.target, &noise, Seed(1)).0 else {
                continue;
            };
            served += 1;
            assert!(
                (found.estimate - case.log_z).abs() < 4.5 * found.se,
                "{}: {found:?}, not {}",
                case.name,
                case.log_z
            );
        }
        assert!(served > 2, "{served} targets");
    }

    #[test]
    fn too_few_draws_have_no_evidence() {
        let noise = Noise {
            z: vec![0.5; 40],
            n: 40,
            dim: 1,
            chains: 4,
            log_weights: None,
            lineage: None,
        };
        let case = &cases()[0];
        assert!(log_z(&case.target, &noise, Seed(1)).0.is_none());
    }
}
