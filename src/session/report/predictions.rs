//! Predictive checks: what the model would have produced, beside what was observed.

use super::Section;
use super::picture::{self, escaped};
use crate::base::{Entry, Values};
use crate::draws::Output;
use crate::session::table::significant;
use crate::store::Record;

/// Data sets that are drawn again, for the pictures and the statistics.
const MOST_REPLICATES: usize = 1000;

/// A statistic of a data set.
type Statistic = (&'static str, fn(&[f64]) -> f64);

const STATISTICS: [Statistic; 4] = [
    ("mean", mean),
    ("sd", sd),
    ("least", |x| x.iter().copied().fold(f64::INFINITY, f64::min)),
    ("largest", |x| {
        x.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }),
];

/// Each observed variable against new draws of it; under the prior where the record is of that.
pub fn checks(record: &Record) -> Option<Section> {
    let parts: Vec<String> = record
        .observed
        .iter()
        .filter_map(|(name, entry)| check(record, name, &numbers(entry)?))
        .collect();
    if parts.is_empty() {
        return None;
    }
    let words = "<p class=\"soft\">For each draw of the parameters a new data set was drawn. A share near 0 or 1 says that the model hardly produces what was observed.</p>\n";
    Section::new(
        "predictive",
        "Predictive checks",
        words.to_string() + &parts.concat(),
    )
}

fn check(record: &Record, name: &str, observed: &[f64]) -> Option<String> {
    let replicates = replicates(&record.predictive, name, observed.len())?;
    let known: Vec<usize> = (0..observed.len())
        .filter(|&i| observed[i].is_finite())
        .collect();
    let pick = |x: &[f64]| -> Vec<f64> { known.iter().map(|&i| x[i]).collect() };
    let (observed, replicates): (Vec<f64>, Vec<Vec<f64>>) =
        (pick(observed), replicates.iter().map(|r| pick(r)).collect());
    if observed.is_empty() {
        return None;
    }
    let picture = picture::predictive(name, &observed, &replicates).inline();
    let rows: String = STATISTICS
        .iter()
        .filter(|_| observed.len() > 1)
        .map(|(words, f)| {
            row(
                words,
                f(&observed),
                replicates.iter().map(|r| f(r)).collect(),
            )
        })
        .collect();
    let table = match rows.is_empty() {
        true => String::new(),
        false => format!(
            "<div class=\"scroll\"><table><thead><tr><th>{}</th><th>observed</th><th>5 %</th><th>95 %</th><th>share above</th></tr></thead><tbody>{rows}</tbody></table></div>",
            escaped(name)
        ),
    };
    Some(format!(
        "<div class=\"wide\"><figure>{picture}</figure><div>{table}</div></div>\n"
    ))
}

fn row(words: &str, observed: f64, mut replicated: Vec<f64>) -> String {
    replicated.retain(|x| x.is_finite());
    replicated.sort_by(f64::total_cmp);
    let n = replicated.len().max(1) as f64;
    let at = |p: f64| {
        replicated
            .get((p * (n - 1.0)).round() as usize)
            .copied()
            .unwrap_or(f64::NAN)
    };
    let above = replicated.iter().filter(|x| **x > observed).count() as f64;
    // Half of the ties, so that discrete statistics are not extreme by being equal.
    let equal = replicated.iter().filter(|x| **x == observed).count() as f64;
    let share = (above + 0.5 * equal) / n;
    let class = if !(0.01..=0.99).contains(&share) {
        " class=\"warn\""
    } else {
        ""
    };
    format!(
        "<tr><td>{words}</td><td>{}</td><td>{}</td><td>{}</td><td{class}>{share:.2}</td></tr>",
        significant(observed, 4),
        significant(at(0.05), 4),
        significant(at(0.95), 4)
    )
}

/// `[replicate][observation]`, from an output over the whole variable or from its elements.
fn replicates(predictive: &[Output], name: &str, len: usize) -> Option<Vec<Vec<f64>>> {
    let whole = predictive
        .iter()
        .find(|o| o.name == name && o.shape.len() == len);
    if let Some(o) = whole {
        let rows = o.values.chunks_exact(len.max(1));
        let step = rows.len().div_ceil(MOST_REPLICATES).max(1);
        return Some(rows.step_by(step).map(<[f64]>::to_vec).collect());
    }
    let elements: Vec<&Output> = predictive
        .iter()
        .filter(|o| o.name.split('[').next() == Some(name) && o.shape.len() == 1)
        .collect();
    if elements.len() != len || len == 0 {
        return None;
    }
    let n = elements[0].values.len();
    let step = n.div_ceil(MOST_REPLICATES).max(1);
    let row = |d: usize| elements.iter().map(|o| o.values[d]).collect();
    Some((0..n).step_by(step).map(row).collect())
}

fn numbers(entry: &Entry) -> Option<Vec<f64>> {
    match &entry.values {
        Values::Real(v) => Some(v.clone()),
        Values::Int(v) => Some(v.iter().map(|&x| x as f64).collect()),
        Values::Bool(v) => Some(v.iter().map(|&b| f64::from(u8::from(b))).collect()),
        Values::Str(_) => None,
    }
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn sd(x: &[f64]) -> f64 {
    crate::draws::mean_sd(x, None).1
}
