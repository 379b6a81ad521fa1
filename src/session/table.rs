//! An answer for a person: a table of figures, log Z with its bounds, and the verdict in words.
//!
//! ```text
//!             mean     sd   mcse     q05    q50    q95   ess_bulk  ess_tail   rhat
//! mu          4.41   3.31   0.06   -1.10   4.40   9.80       3100      3000   1.00
//! theta[0]    6.12   5.60   0.09   -1.89   5.63  16.10       3050      2900   1.00
//! ```

use super::answer::{Answer, Figure, StudentFacts};
use super::figures::Figures;

/// Rows that are shown; the rest is in `--json` and `--out`.
const MOST_ROWS: usize = 200;

impl Answer {
    /// What ran: program, engine and why it, draws, seed.
    pub fn headline(&self) -> String {
        let engine = match &self.chosen_because {
            Some(why) if self.requested != self.engine => {
                format!("{} (chosen: {why})", self.engine)
            }
            _ => self.engine.clone(),
        };
        let chains = match self.draws.chains {
            0 | 1 => String::new(),
            k => format!(" in {k} chains"),
        };
        format!(
            "{} · {engine} · {} draws{chains} · seed {}",
            self.model, self.draws.n, self.seed
        )
    }

    /// The figures of all outputs, aligned.
    pub fn table(&self) -> String {
        let partial = self.parameters.iter().any(|(_, f)| f.present < 1.0);
        let rhat = self.parameters.iter().any(|(_, f)| f.rhat.is_some());
        let mut columns = vec![
            "", "mean", "sd", "mcse", "q05", "q50", "q95", "ess_bulk", "ess_tail",
        ];
        columns.extend(rhat.then_some("rhat"));
        columns.extend(partial.then_some("present"));
        let mut rows = vec![columns.iter().map(|c| c.to_string()).collect::<Vec<_>>()];
        for (name, f) in self.parameters.iter().take(MOST_ROWS) {
            let mut row = vec![name.clone()];
            row.extend(cells(f));
            row.extend(rhat.then(|| fixed(f.rhat, 2)));
            row.extend(partial.then(|| format!("{:.3}", f.present)));
            rows.push(row);
        }
        let mut text = aligned(&rows);
        if let more @ 1.. = self.parameters.len().saturating_sub(MOST_ROWS) {
            text.push_str(&format!(
                "… and {more} more: `--json` and `--out` have them all\n"
            ));
        }
        text
    }

    /// log Z with its bounds and the figures of the weights, a line each; empty where there are none.
    pub fn evidence(&self) -> String {
        let (z, d) = (&self.log_z, &self.diagnostics);
        let mut lines = Vec::new();
        if let Some(estimate) = z.estimate {
            let se =
                z.se.map_or(String::new(), |se| format!(" ± {}", significant(se, 2)));
            let constant = if z.up_to_constant {
                ", up to a constant (an improper prior)"
            } else {
                ""
            };
            lines.push(format!("log Z {}{se}{constant}", decimals(estimate, 3)));
        }
        let bound = |x: Figure, other: &str| x.map_or(other.to_string(), |x| decimals(x, 3));
        if z.elbo.is_some() || z.eubo.is_some() {
            let (low, high) = (bound(z.elbo, "-∞"), bound(z.eubo, "∞"));
            lines.push(format!("ELBO {low} ≤ log Z ≤ EUBO {high}"));
        }
        let mut weights = Vec::new();
        weights.extend(d.is_ess.map(|ess| format!("importance ESS {ess:.0}")));
        weights.extend(d.khat.map(|k| format!("Pareto k̂ {k:.2}")));
        weights.extend(
            d.violation_rate
                .filter(|r| *r > 0.0)
                .map(|r| format!("{} of proposals have weight 0", percent(r))),
        );
        weights.extend(
            d.failed_rate
                .filter(|r| *r > 0.0)
                .map(|r| format!("{} of executions failed", percent(r))),
        );
        weights.extend(
            d.divergences
                .filter(|n| *n > 0)
                .map(|n| format!("{n} divergent transitions")),
        );
        if !weights.is_empty() {
            lines.push(weights.join(", "));
        }
        lines.extend(self.student.as_ref().map(in_words));
        lines.into_iter().map(|l| l + "\n").collect()
    }

    /// Whether the draws are to be trusted, in words.
    pub fn verdict(&self) -> String {
        let mut text = match (self.reliable, self.interrupted) {
            (true, false) => "Reliable: every check of this run passed.".to_string(),
            (true, true) => {
                "Interrupted: these are the draws there were; what they show passed every check."
                    .to_string()
            }
            (false, true) => "Interrupted, and not to be trusted yet.".to_string(),
            (false, false) => "Not to be trusted.".to_string(),
        };
        if self.reliable && !self.warnings.is_empty() && !self.interrupted {
            text = "Reliable, with warnings.".to_string();
        }
        self.warnings
            .iter()
            .for_each(|w| text.push_str(&format!("\n  - {w}")));
        text
    }
}

fn in_words(s: &StudentFacts) -> String {
    let nats = |x: Figure| x.map_or("∞".to_string(), |x| decimals(x.max(0.0), 3));
    let share = |x: Figure| x.map_or("-".to_string(), percent);
    let draws = match s.answered {
        true => "its draws, weighed, are these",
        false => "it does not serve: these are the sampler's draws",
    };
    format!(
        "one-step student: {} from the sampler's flow (rms), KL {} from the posterior (the sampler {}), ESS {} ({}); {draws}",
        s.distance.map_or("-".to_string(), |x| significant(x, 2)),
        nats(s.kl),
        nats(s.teacher_kl),
        share(s.ess),
        share(s.teacher_ess),
    )
}

fn cells(f: &Figures) -> Vec<String> {
    let number = |x: Figure| x.map_or("-".to_string(), |x| digits_like(x, f.sd));
    let count = |x: Figure| fixed(x, 0);
    vec![
        number(f.mean),
        number(f.sd),
        f.mcse.map_or("-".to_string(), |x| significant(x, 2)),
        number(f.q05),
        number(f.q50),
        number(f.q95),
        count(f.ess_bulk),
        count(f.ess_tail),
    ]
}

/// A figure with as many decimals as its spread has meaning for: three significant digits of the sd.
pub fn digits_like(x: f64, sd: Figure) -> String {
    match sd.filter(|sd| *sd > 0.0) {
        None => significant(x, 6),
        Some(sd) => {
            let digits = 2 - sd.log10().floor() as i64;
            match (0..=8).contains(&digits) && x.abs() < 1e9 {
                true => format!("{x:.*}", digits as usize),
                false if digits < 0 && x.abs() < 1e9 => format!("{x:.0}"),
                false => format!("{x:.4e}"),
            }
        }
    }
}

/// At most `digits` significant digits, without zeros behind them.
pub fn significant(x: f64, digits: i64) -> String {
    if x == 0.0 {
        return "0".to_string();
    }
    let size = x.abs().log10().floor() as i64;
    if !(-5..=9).contains(&size) {
        return format!("{x:.*e}", digits as usize - 1);
    }
    let text = format!("{x:.*}", (digits - 1 - size).max(0) as usize);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text,
    }
}

fn decimals(x: f64, n: usize) -> String {
    if x.abs() < 1e9 {
        format!("{x:.n$}")
    } else {
        format!("{x:.6e}")
    }
}

fn fixed(x: Figure, decimals: usize) -> String {
    x.map_or("-".to_string(), |x| format!("{x:.decimals$}"))
}

fn percent(share: f64) -> String {
    format!("{} %", significant(100.0 * share, 2))
}

/// Names to the left, figures to the right.
pub(super) fn aligned(rows: &[Vec<String>]) -> String {
    let width = |s: &String| s.chars().count();
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|c| rows.iter().map(|r| width(&r[c])).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in rows {
        let cell = |(c, s): (usize, &String)| {
            let pad = " ".repeat(widths[c] - width(s));
            if c == 0 {
                format!("{s}{pad}")
            } else {
                format!("  {pad}{s}")
            }
        };
        let line: String = row.iter().enumerate().map(cell).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_decimals_of_their_spread() {
        assert_eq!(digits_like(4.4123, Some(3.31)), "4.41");
        assert_eq!(digits_like(4412.3, Some(331.0)), "4412");
        assert_eq!(digits_like(0.5, Some(0.0123)), "0.5000");
        assert_eq!(digits_like(0.1, Some(0.0)), "0.1");
        assert_eq!(digits_like(1e12, Some(3.0)), "1.0000e12");
        assert_eq!(
            (
                significant(0.0612, 2),
                significant(1234.0, 2),
                significant(1e-9, 2)
            ),
            ("0.061".into(), "1234".into(), "1.0e-9".into())
        );
    }
}
