//! From ranks to a verdict.

use serde::Serialize;

use super::{SbcRequest, Simulation};
use crate::draws::{chi_square, ecdf_p};
use crate::session::picture::{self, Picture};
use crate::session::table::aligned;

/// How an engine's draws of a program are calibrated: the JSON document of `odp sbc --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// The version that ran.
    pub odp: &'static str,
    /// The program's name.
    pub model: String,
    /// The engine.
    pub engine: String,
    /// The seed.
    pub seed: u64,
    /// Simulations that were asked for.
    pub sims: usize,
    /// Draws that each truth was ranked among.
    pub ranks: usize,
    /// Draws of each run that these were taken from.
    pub draws: usize,
    /// Probability that a right engine fails, over all quantities and tests.
    pub alpha: f64,
    /// Whether no test failed.
    pub pass: bool,
    /// Simulations with ranks.
    pub completed: usize,
    /// Runs that the engine itself called unreliable; their ranks count.
    pub unreliable: usize,
    /// Runs worth fewer independent draws than ranks were taken of.
    pub few_draws: usize,
    /// Runs that ended with an error.
    pub failed: usize,
    /// The first of these errors.
    pub first_failure: Option<String>,
    /// Whether the user interrupted it.
    pub interrupted: bool,
    /// The test quantities.
    pub quantities: Vec<QuantityFacts>,
}

/// What the ranks of one test quantity say.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct QuantityFacts {
    /// Its name.
    pub name: String,
    /// Ranks.
    pub n: usize,
    /// The ranks' histogram, bins equally wide.
    pub histogram: Vec<usize>,
    /// Chi-square of the histogram.
    pub chi_square: f64,
    /// Its p-value.
    pub p_chi_square: f64,
    /// p-value of the ranks' distribution function.
    pub p_ecdf: f64,
    /// Whether both are above what the number of tests allows.
    pub pass: bool,
    /// Where it fails, what the ranks look like.
    pub shape: Option<&'static str>,
    /// The ranks, by simulation.
    #[serde(skip)]
    pub ranks: Vec<usize>,
}

/// Judges all simulations together; they come in order.
pub(super) fn judge(model: &str, request: &SbcRequest, all: Vec<Simulation>) -> Calibration {
    let ranked: Vec<&Simulation> = all.iter().filter(|s| s.failed.is_none()).collect();
    let names = names(&ranked);
    let level = request.alpha / (2 * names.len().max(1)) as f64;
    let facts = |name: &String| {
        let ranks = ranked.iter().filter_map(|s| s.ranks.get(name).copied());
        quantity(name, ranks.collect(), request.ranks, level)
    };
    let quantities: Vec<QuantityFacts> = names.iter().map(facts).collect();
    let failed: Vec<&String> = all.iter().filter_map(|s| s.failed.as_ref()).collect();
    let few = |s: &&&Simulation| s.ess.is_some_and(|e| e < request.ranks as f64);
    Calibration {
        odp: env!("CARGO_PKG_VERSION"),
        model: model.to_string(),
        engine: request.infer.engine.clone(),
        seed: request.infer.seed,
        sims: request.sims,
        ranks: request.ranks,
        draws: request.infer.draws,
        alpha: request.alpha,
        pass: failed.is_empty() && !ranked.is_empty() && quantities.iter().all(|q| q.pass),
        completed: ranked.len(),
        unreliable: ranked.iter().filter(|s| !s.reliable).count(),
        few_draws: ranked.iter().filter(few).count(),
        failed: failed.len(),
        first_failure: failed.first().map(|s| s.to_string()),
        interrupted: all.len() < request.sims,
        quantities,
    }
}

/// All quantities' names in order, then those of the likelihood and of the product.
fn names(ranked: &[&Simulation]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in ranked.iter().flat_map(|s| s.ranks.keys()) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    let own = |n: &String| n == "log r" || n.contains(" * ");
    names.sort_by(|a, b| own(a).cmp(&own(b)).then(natural(a).cmp(&natural(b))));
    names
}

/// `x[10]` comes after `x[9]`.
fn natural(name: &str) -> (String, Vec<usize>) {
    let (bare, index) = name.split_once('[').unwrap_or((name, ""));
    let index = index.trim_end_matches(']').split(',');
    (
        bare.to_string(),
        index.filter_map(|i| i.parse().ok()).collect(),
    )
}

fn quantity(name: &str, ranks: Vec<usize>, most: usize, level: f64) -> QuantityFacts {
    let test = chi_square(&ranks, most);
    let p_ecdf = ecdf_p(&ranks, most);
    let pass = test.p >= level && p_ecdf >= level;
    QuantityFacts {
        name: name.to_string(),
        n: ranks.len(),
        histogram: test.counts,
        chi_square: test.statistic,
        p_chi_square: test.p,
        p_ecdf,
        pass,
        shape: (!pass).then(|| shape(&ranks, most)),
        ranks,
    }
}

/// What ranks that are not uniform look like, by how far their mean and spread are off.
fn shape(ranks: &[usize], most: usize) -> &'static str {
    let n = ranks.len() as f64;
    let u: Vec<f64> = ranks
        .iter()
        .map(|&r| (r as f64 + 0.5) / (most + 1) as f64 - 0.5)
        .collect();
    // Of a uniform on (−½, ½): variance 1/12; variance of the square 1/180.
    let shift = u.iter().sum::<f64>() / (n / 12.0).sqrt();
    let spread = u.iter().map(|x| x * x - 1.0 / 12.0).sum::<f64>() / (n / 180.0).sqrt();
    match (shift.abs() > spread.abs(), shift > 0.0, spread > 0.0) {
        (true, true, _) => "draws lie too low",
        (true, false, _) => "draws lie too high",
        (false, _, true) => "draws are too narrow",
        (false, _, false) => "draws are too wide",
    }
}

impl Calibration {
    /// The calibration for a person: headline, a row for each quantity, and whether it passes or where it fails.
    pub fn words(&self) -> String {
        let head = format!(
            "{} · {} · {} simulations, {} ranks of {} draws · seed {}\n\n",
            self.model, self.engine, self.completed, self.ranks, self.draws, self.seed
        );
        let columns = ["", "n", "chi2", "bins", "p(chi2)", "p(ecdf)", ""];
        let mut rows = vec![columns.map(str::to_string).to_vec()];
        rows.extend(self.quantities.iter().map(|q| {
            vec![
                q.name.clone(),
                q.n.to_string(),
                format!("{:.1}", q.chi_square),
                q.histogram.len().to_string(),
                p_text(q.p_chi_square),
                p_text(q.p_ecdf),
                q.shape.unwrap_or("pass").to_string(),
            ]
        }));
        head + &aligned(&rows) + "\n" + &self.remarks() + &self.verdict() + "\n"
    }

    /// What is to be known beside the ranks, a line each.
    fn remarks(&self) -> String {
        let mut text = String::new();
        let n = self.completed;
        if self.unreliable > 0 {
            text += &format!(
                "{} of {n} runs were called unreliable by the engine itself; their ranks count\n",
                self.unreliable
            );
        }
        if self.few_draws > 0 {
            text += &format!(
                "{} of {n} runs are worth fewer than {} independent draws; more `--draws` would make the ranks surer\n",
                self.few_draws, self.ranks
            );
        }
        if let Some(why) = &self.first_failure {
            text += &format!(
                "{} runs ended with an error, the first: {why}\n",
                self.failed
            );
        }
        if self.interrupted {
            text += &format!(
                "interrupted after {} of {} simulations; the same `--out` goes on\n",
                n + self.failed,
                self.sims
            );
        }
        text
    }

    /// Pass, or where it fails.
    pub fn verdict(&self) -> String {
        let failing: Vec<&str> = self
            .quantities
            .iter()
            .filter(|q| !q.pass)
            .map(|q| q.name.as_str())
            .collect();
        let level = self.alpha / (2 * self.quantities.len().max(1)) as f64;
        match (self.pass, failing.is_empty()) {
            (true, _) => format!(
                "Pass: no quantity has a p-value below {level:.1e} (a right engine fails with probability {:e}).",
                self.alpha
            ),
            (false, true) if self.completed == 0 => {
                "Fails: no simulation was inferred.".to_string()
            }
            (false, true) => format!("Fails: {} of the runs ended with an error.", self.failed),
            (false, false) => format!(
                "Fails at {} (p below {level:.1e}; a right engine fails with probability {:e}).",
                failing.join(", "),
                self.alpha
            ),
        }
    }

    /// For each quantity a file's name and a picture: the rank histogram with what 95 % of uniform ranks would show, and
    /// the difference of the distribution function from a straight line inside its simultaneous 95 % bands.
    pub fn pictures(&self) -> Vec<(String, String)> {
        let mut taken: Vec<String> = Vec::new();
        let one = |q: &QuantityFacts| {
            let safe = |c: char| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    '_'
                }
            };
            let mut file: String = q.name.chars().map(safe).collect();
            while taken.contains(&file) {
                file.push('_');
            }
            taken.push(file.clone());
            (format!("{file}.svg"), self.picture(q))
        };
        self.quantities.iter().map(one).collect()
    }

    fn picture(&self, q: &QuantityFacts) -> String {
        let verdict = q.shape.unwrap_or("pass");
        let title = format!("{} · {verdict}", q.name);
        let left = picture::rank_histogram(&q.histogram, q.n, self.ranks);
        let right = picture::ecdf_difference(&q.ranks, self.ranks);
        Picture::side_by_side(&title, vec![left, right]).standalone()
    }
}

/// A p-value with two digits.
fn p_text(p: f64) -> String {
    match p {
        p if p >= 1e-3 => format!("{p:.3}"),
        p => format!("{p:.1e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_say_what_is_wrong() {
        let of = |f: &dyn Fn(usize) -> usize| shape(&(0..200).map(f).collect::<Vec<_>>(), 99);
        assert_eq!(of(&|i| 50 + i % 50), "draws lie too low");
        assert_eq!(of(&|i| i % 50), "draws lie too high");
        assert_eq!(
            of(&|i| if i % 2 == 0 { i % 10 } else { 90 + i % 10 }),
            "draws are too narrow"
        );
        assert_eq!(of(&|i| 40 + i % 20), "draws are too wide");
    }

    #[test]
    fn names_are_in_the_order_of_people() {
        let ranks = ["x[10]", "x[9]", "log r", "a", "a * x[9]"].map(|n| (n.to_string(), 0));
        let s = Simulation {
            ranks: ranks.into_iter().collect(),
            ..Simulation::default()
        };
        assert_eq!(names(&[&s]), ["a", "x[9]", "x[10]", "a * x[9]", "log r"]);
    }
}
