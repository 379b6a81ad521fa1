//! The sections that show what the draws are and whether to trust them.

use serde_json::Value;

use super::picture::{self, Picture, escaped};
use super::{Section, Variable, answer, attribute, variables};
use crate::draws::{Dependence, ess_bulk, summarize};
use crate::session::advice::{Signs, advice};
use crate::session::table::{digits_like, significant};
use crate::store::Record;

/// Elements that have pictures of their own.
const MOST_PICTURES: usize = 24;
/// Elements whose chains are shown.
const MOST_CHAINS: usize = 12;
/// Elements that are shown against each other.
const MOST_PAIRED: usize = 4;
/// Rows of the table.
const MOST_ROWS: usize = 300;

fn figure(picture: &Picture) -> String {
    format!("<figure>{}</figure>\n", picture.inline())
}

fn number(v: &Value, key: &str) -> Option<f64> {
    v[key].as_f64()
}

/// Whether the draws are to be trusted, why not, and what to do about it.
pub fn verdict(record: &Record) -> Option<Section> {
    let answer = answer(record)?;
    let reliable = answer["reliable"] == true;
    let warnings: Vec<String> = answer["warnings"].as_array().map_or(Vec::new(), |list| {
        list.iter()
            .filter_map(|w| w.as_str().map(escaped))
            .collect()
    });
    let headline = match (reliable, record.interrupted, warnings.is_empty()) {
        (true, false, true) => "Reliable: every check of this run passed.",
        (true, false, false) => "Reliable, with warnings.",
        (true, true, _) => "Interrupted: what there is passed every check.",
        (false, _, _) => "Not to be trusted.",
    };
    let list = |items: &[String]| -> String {
        let items: String = items.iter().map(|i| format!("<li>{i}</li>")).collect();
        format!("<ul>{items}</ul>")
    };
    let mut html = format!(
        "<div class=\"verdict{}\"><p><strong>{headline}</strong></p>",
        if reliable { "" } else { " bad" }
    );
    if !warnings.is_empty() {
        html += &list(&warnings);
    }
    let signs = signs(answer);
    let steps = advice(answer["engine"].as_str().unwrap_or_default(), &signs);
    let calm = reliable && warnings.is_empty();
    if !calm && !steps.is_empty() {
        let steps: Vec<String> = steps.iter().map(|s| coded(s)).collect();
        html += "<p>What to do about it:</p>";
        html += &list(&steps);
    }
    html += "</div>\n";
    html += &evidence(answer);
    Section::new("verdict", "Verdict", html)
}

/// Words between backticks as code.
fn coded(text: &str) -> String {
    let mut out = String::new();
    for (i, part) in text.split('`').enumerate() {
        match i % 2 {
            0 => out += &escaped(part),
            _ => out += &format!("<code>{}</code>", escaped(part)),
        }
    }
    out
}

fn signs(answer: &Value) -> Signs {
    let d = &answer["diagnostics"];
    Signs {
        rhat: number(d, "rhat_max"),
        ess: number(d, "ess_bulk_min"),
        khat: number(d, "khat"),
        divergences: number(d, "divergences"),
        failed: number(d, "failed_rate"),
        violations: number(d, "violation_rate"),
        overflow: number(&answer["noise"], "overflow_rate"),
        interrupted: answer["interrupted"] == true,
    }
}

/// log Z and the figures that speak for or against the draws, as a line each.
fn evidence(answer: &Value) -> String {
    let (z, d) = (&answer["log_z"], &answer["diagnostics"]);
    let mut lines = Vec::new();
    if let Some(estimate) = number(z, "estimate") {
        let se = number(z, "se").map_or(String::new(), |se| format!(" ± {}", significant(se, 2)));
        let bound = |key: &str, other: &str| {
            number(z, key).map_or(other.to_string(), |x| format!("{x:.3}"))
        };
        let constant = if z["up_to_constant"] == true {
            ", up to a constant"
        } else {
            ""
        };
        lines.push(format!("log Z {estimate:.3}{se}{constant}"));
        if number(z, "elbo").is_some() || number(z, "eubo").is_some() {
            lines.push(format!(
                "ELBO {} ≤ log Z ≤ EUBO {}",
                bound("elbo", "−∞"),
                bound("eubo", "∞")
            ));
        }
    }
    let named = [
        ("is_ess", "importance ESS", 0),
        ("khat", "Pareto k̂", 2),
        ("rhat_max", "largest R-hat", 3),
        ("ess_bulk_min", "smallest bulk ESS", 0),
        ("ess_tail_min", "smallest tail ESS", 0),
        ("divergences", "divergent transitions", 0),
        ("acceptance", "acceptance", 2),
    ];
    let figures = named
        .iter()
        .filter_map(|(key, words, digits)| number(d, key).map(|x| format!("{words} {x:.digits$}")));
    let figures: Vec<String> = figures.collect();
    if !figures.is_empty() {
        lines.push(figures.join(" · "));
    }
    lines
        .iter()
        .map(|l| format!("<p>{}</p>\n", escaped(l)))
        .collect()
}

/// The table of figures: the run's own where it is kept, else made from the draws.
pub fn table(record: &Record) -> Option<Section> {
    let rows = match answer(record).and_then(|a| a["parameters"].as_object()) {
        Some(parameters) => parameters.iter().map(|(name, f)| row(name, f)).collect(),
        None => rows_of_draws(record),
    };
    if rows.is_empty() {
        return None;
    }
    let columns = [
        "", "mean", "sd", "mcse", "5 %", "50 %", "95 %", "ESS bulk", "ESS tail", "R-hat",
    ];
    let head: String = columns.iter().map(|c| format!("<th>{c}</th>")).collect();
    let body: String = rows.iter().take(MOST_ROWS).cloned().collect();
    let more = match rows.len().saturating_sub(MOST_ROWS) {
        0 => String::new(),
        n => format!("<p class=\"soft\">and {n} more</p>"),
    };
    let html = format!(
        "<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{more}"
    );
    Section::new("summary", "Summary", html)
}

fn row(name: &str, f: &Value) -> String {
    let sd = number(f, "sd");
    let shown = |key: &str| number(f, key).map_or("–".to_string(), |x| digits_like(x, sd));
    let whole = |key: &str| number(f, key).map_or("–".to_string(), |x| format!("{x:.0}"));
    let rhat = number(f, "rhat");
    let class = if rhat.is_some_and(|r| r > 1.05) {
        " class=\"warn\""
    } else {
        ""
    };
    let cells = [
        shown("mean"),
        shown("sd"),
        number(f, "mcse").map_or("–".to_string(), |x| significant(x, 2)),
        shown("q05"),
        shown("q50"),
        shown("q95"),
        whole("ess_bulk"),
        whole("ess_tail"),
    ];
    let cells: String = cells.iter().map(|c| format!("<td>{c}</td>")).collect();
    let rhat = rhat.map_or("–".to_string(), |r| format!("{r:.3}"));
    format!(
        "<tr><td>{}</td>{cells}<td{class}>{rhat}</td></tr>",
        escaped(name)
    )
}

fn rows_of_draws(record: &Record) -> Vec<String> {
    let (variables, _) = variables(record, MOST_ROWS);
    let of = |v: &Variable| {
        let all: Vec<f64> = v.chains.iter().flatten().copied().collect();
        let s = summarize(&all, Dependence::Chains(v.chains.len()))?;
        let [q05, _, q50, _, q95] = s.quantiles;
        let figures = serde_json::json!({
            "mean": s.mean, "sd": s.sd, "mcse": s.mcse, "q05": q05, "q50": q50, "q95": q95,
            "ess_bulk": s.ess_bulk, "ess_tail": s.ess_tail, "rhat": s.rhat,
        });
        Some(row(&v.name, &figures))
    };
    variables.iter().filter_map(of).collect()
}

fn quantile(x: &[f64], p: f64) -> f64 {
    let mut x = x.to_vec();
    x.sort_by(f64::total_cmp);
    let at = (p * x.len().saturating_sub(1) as f64).round() as usize;
    x.get(at).copied().unwrap_or(f64::NAN)
}

/// A histogram of each element; without draws, the ranges of the run's own document.
pub fn marginals(record: &Record) -> Option<Section> {
    let (shown, total) = variables(record, MOST_PICTURES);
    if shown.is_empty() {
        return ranges(record);
    }
    let one = |v: &Variable| {
        let all = v.all();
        let q = (
            quantile(&all, 0.05),
            quantile(&all, 0.5),
            quantile(&all, 0.95),
        );
        figure(&picture::marginal(&v.name, &all, v.whole, Some(q)))
    };
    let figures: String = shown.iter().map(one).collect();
    let more = match total - shown.len() {
        0 => String::new(),
        n => format!("<p class=\"soft\">and {n} more, not drawn</p>"),
    };
    let words = "<p class=\"soft\">The line below each histogram runs from the 5 % to the 95 % quantile; the dot is the median.</p>\n";
    Section::new(
        "marginals",
        "Marginals",
        format!("{words}<div class=\"grid\">{figures}</div>{more}"),
    )
}

fn ranges(record: &Record) -> Option<Section> {
    let parameters = answer(record)?["parameters"].as_object()?;
    let one = |(name, f): (&String, &Value)| {
        let q = ["q05", "q25", "q50", "q75", "q95"].map(|k| number(f, k));
        let [Some(a), Some(b), Some(c), Some(d), Some(e)] = q else {
            return None;
        };
        Some((name.clone(), [a, b, c, d, e]))
    };
    let rows: Vec<_> = parameters.iter().filter_map(one).take(40).collect();
    if rows.is_empty() {
        return None;
    }
    let picture = picture::intervals("5, 25, 50, 75 and 95 %", &rows);
    Section::new(
        "ranges",
        "Ranges",
        format!("<div class=\"wide\">{}</div>", figure(&picture)),
    )
}

/// The elements that mix worst, or the first ones, against each other.
pub fn pairs(record: &Record) -> Option<Section> {
    let (all, _) = variables(record, MOST_PICTURES);
    let mut moving: Vec<(f64, Variable)> = all
        .into_iter()
        .filter(Variable::moves)
        .map(|v| (worth(&v), v))
        .collect();
    if moving.len() < 2 {
        return None;
    }
    moving.sort_by(|a, b| a.0.total_cmp(&b.0));
    moving.truncate(MOST_PAIRED);
    let values: Vec<(String, Vec<f64>)> = moving
        .into_iter()
        .map(|(_, v)| (v.name, v.chains.into_iter().flatten().collect()))
        .collect();
    let mut figures = String::new();
    for (i, a) in values.iter().enumerate() {
        for b in &values[i + 1..] {
            figures += &figure(&picture::pair((&a.0, &a.1), (&b.0, &b.1)));
        }
    }
    let words = "<p class=\"soft\">Of all elements, those with the fewest effective draws.</p>\n";
    Section::new(
        "pairs",
        "Pairs",
        format!("{words}<div class=\"grid\">{figures}</div>"),
    )
}

fn worth(v: &Variable) -> f64 {
    let all: Vec<f64> = v.chains.iter().flatten().copied().collect();
    ess_bulk(&all, v.chains.len()).unwrap_or(f64::INFINITY)
}

/// Traces and ranks by chain.
pub fn chains(record: &Record) -> Option<Section> {
    let (shown, _) = variables(record, MOST_CHAINS);
    if shown.is_empty() {
        return None;
    }
    let several = shown[0].chains.len() > 1;
    let one = |v: &Variable| {
        let trace = figure(&picture::traces(&v.name, &v.chains));
        match several {
            true => trace + &figure(&picture::ranks_by_chain(&v.name, &v.chains)),
            false => trace,
        }
    };
    let figures: String = shown.iter().map(one).collect();
    let words = match several {
        true => "Chains that agree lie over each other, and their ranks are level.",
        false => {
            "Draws in the order in which they were made; these do not come from several chains."
        }
    };
    Section::new(
        "chains",
        "Traces and ranks",
        format!("<p class=\"soft\">{words}</p>\n<div class=\"grid\">{figures}</div>"),
    )
}

/// ELBO and EUBO while the sampler was trained.
pub fn training(record: &Record) -> Option<Section> {
    let all = attribute(record, "training")?.as_array()?;
    let is_training = |v: &&Value| v["stage"] == "training";
    let curve = |key: &str| -> Vec<(f64, f64)> {
        let steps = all.iter().filter(is_training);
        steps
            .filter_map(|v| Some((number(v, "step")?, number(v, key)?)))
            .collect()
    };
    let mut html = String::new();
    let (elbo, eubo) = (curve("elbo"), curve("eubo"));
    if elbo.len() + eubo.len() > 0 {
        let bounds = picture::curves(
            "bounds on log Z",
            "iteration",
            &[("ELBO", elbo), ("EUBO", eubo)],
        );
        let ess = picture::curves(
            "effective sample size, as a share",
            "iteration",
            &[("ESS", curve("ess"))],
        );
        html += &format!(
            "<div class=\"wide\">{}{}</div>\n",
            figure(&bounds),
            figure(&ess)
        );
    }
    let candidates: String = all
        .iter()
        .filter(|v| !is_training(v))
        .map(|v| {
            let shown =
                |key: &str| number(v, key).map_or("−∞".to_string(), |x| format!("{x:.2}"));
            let name = escaped(v["stage"].as_str().unwrap_or_default());
            format!(
                "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                shown("elbo"),
                shown("eubo"),
                shown("ess")
            )
        })
        .collect();
    if !candidates.is_empty() {
        html += &format!(
            "<p class=\"soft\">The coordinates that were tried before:</p><div class=\"scroll\"><table><thead><tr><th></th><th>ELBO</th><th>EUBO</th><th>ESS share</th></tr></thead><tbody>{candidates}</tbody></table></div>"
        );
    }
    Section::new("training", "Training", html)
}

/// How evenly the paths' weights are spread.
pub fn path_weights(record: &Record) -> Option<Section> {
    let list = attribute(record, "path_log_weights")?.as_array()?;
    let weights: Vec<f64> = list
        .iter()
        .map(|w| w.as_f64().unwrap_or(f64::NEG_INFINITY))
        .collect();
    let words = format!(
        "<p class=\"soft\">{} paths; the further the line bends from the diagonal, the fewer of them carry the answer.</p>",
        weights.len()
    );
    let html = format!(
        "{words}<div class=\"wide\">{}</div>",
        figure(&picture::weights(&weights))
    );
    Section::new("weights", "Path weights", html)
}

/// The information criteria, from the pointwise log-likelihood.
pub fn criteria(record: &Record) -> Option<Section> {
    if record.log_likelihood.is_empty() {
        return None;
    }
    let column = |o: &crate::draws::Output, e: usize| -> Vec<f64> {
        o.values.chunks_exact(o.shape.len()).map(|r| r[e]).collect()
    };
    let named: Vec<(String, Vec<f64>)> = record
        .log_likelihood
        .iter()
        .flat_map(|o| (0..o.shape.len()).map(move |e| (o.element_name(e), column(o, e))))
        .collect();
    let columns: Vec<Vec<f64>> = named.iter().map(|(_, c)| c.clone()).collect();
    let loo = crate::draws::loo(&columns, 1.0)?;
    let waic = crate::draws::waic(&columns)?;
    let limit = crate::draws::khat_threshold(columns[0].len());
    let mut worst: Vec<(f64, &str)> = named
        .iter()
        .zip(&loo.khat)
        .filter_map(|((name, _), k)| Some(((*k)?, name.as_str())))
        .filter(|(k, _)| *k > limit)
        .collect();
    worst.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut html = format!(
        "<p>PSIS-LOO: elpd {:.2} ± {:.2}, {:.2} effective parameters, {} observations. WAIC: elpd {:.2} ± {:.2}.</p>",
        loo.elpd,
        loo.se,
        loo.p,
        columns.len(),
        waic.elpd,
        waic.se
    );
    if !worst.is_empty() {
        let names: Vec<String> = worst
            .iter()
            .take(10)
            .map(|(k, n)| format!("<code>{}</code> ({k:.2})", escaped(n)))
            .collect();
        html += &format!(
            "<p>Not to be trusted for {} observations, whose Pareto k̂ is above {limit:.2}: {}. Leave these out and run again to be sure.</p>",
            worst.len(),
            names.join(", ")
        );
    }
    Section::new("loo", "Predicting new data", html)
}

/// The noise graph, as `odp graph --svg` draws it.
pub fn graph(record: &Record) -> Option<Section> {
    let svg = attribute(record, "graph")?.as_str()?;
    // Drawn by odp and nobody else: what is inside is escaped already.
    if !svg.starts_with("<svg") || svg.contains("<script") {
        return None;
    }
    Section::new(
        "graph",
        "Noise graph",
        format!("<div class=\"graph\">{svg}</div>"),
    )
}

/// What ran.
pub fn facts(record: &Record) -> Option<Section> {
    let answer = answer(record)?;
    let mut rows = String::new();
    let mut add = |name: &str, value: String| {
        rows += &format!("<tr><td>{name}</td><td>{}</td></tr>", escaped(&value));
    };
    let noise = &answer["noise"];
    let text = |v: &Value| match v {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    };
    add("odp", text(&answer["odp"]));
    add("engine", text(&answer["engine"]));
    add("asked for", text(&answer["requested"]));
    add("seed", text(&answer["seed"]));
    add(
        "noise dimensions",
        format!(
            "{}, {} of them reach a weight",
            noise["dim"], noise["active"]
        ),
    );
    add("independent parts", text(&noise["components"]));
    add("smooth", text(&noise["smooth"]));
    add(
        "evaluations of log r",
        text(&answer["evaluations"]["log_r"]),
    );
    add(
        "evaluations of its gradient",
        text(&answer["evaluations"]["gradient"]),
    );
    Section::new(
        "run",
        "Run",
        format!("<div class=\"scroll\"><table><tbody>{rows}</tbody></table></div>"),
    )
}
