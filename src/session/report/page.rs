//! The page around the sections.

use super::Section;
use super::picture::{STYLE, escaped};
use crate::store::Record;

const LAYOUT: &str = "\
*{box-sizing:border-box}
html{color-scheme:light dark}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 16px}
header{padding-top:24px}
h1{font-size:24px;margin:0 0 4px;overflow-wrap:anywhere}h2{font-size:18px;margin:36px 0 10px}
p{margin:6px 0;max-width:78ch}.soft{color:var(--soft)}
nav{display:flex;flex-wrap:wrap;gap:4px 14px;margin:12px 0;font-size:14px}
a{color:var(--c0)}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(300px,100%),1fr));gap:14px}
.wide{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(440px,100%),1fr));gap:14px}
figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;padding:8px;min-width:0}
figure svg{display:block;width:100%;height:auto}
figcaption{font-size:13px;color:var(--soft);padding:4px 6px}
.verdict{border-left:5px solid var(--good);background:var(--card);padding:10px 16px;border-radius:6px}
.verdict.bad{border-color:var(--bad)}
.verdict strong{color:var(--good)}.verdict.bad strong{color:var(--bad)}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;width:100%}
th,td{padding:4px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left;position:sticky;left:0;background:var(--card)}
td.warn{color:var(--bad);font-weight:600}
.graph{overflow:auto;background:#fff;border:1px solid var(--line);border-radius:8px;max-height:640px}
.graph svg{display:block;margin:0 auto}.graph svg text{fill:#111;font:12px sans-serif}
footer{padding-top:28px;padding-bottom:40px;font-size:13px;color:var(--soft)}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
";

/// The whole text.
pub fn page(record: &Record, sections: &[Section]) -> String {
    let name = match record.model.is_empty() {
        true => "run".to_string(),
        false => escaped(&record.model),
    };
    let links: String = sections
        .iter()
        .map(|s| format!("<a href=\"#{}\">{}</a>", s.id, s.title))
        .collect();
    let bodies: String = sections
        .iter()
        .map(|s| {
            format!(
                "<section id=\"{}\">\n<h2>{}</h2>\n{}\n</section>\n",
                s.id, s.title, s.html
            )
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{name} · odp</title>\n<style>\n{STYLE}{LAYOUT}</style>\n</head>\n<body>\n\
         <header><h1>{name}</h1>\n<p class=\"soft\">{}</p>\n<nav>{links}</nav></header>\n\
         <main>\n{bodies}</main>\n<footer>{}</footer>\n</body>\n</html>\n",
        subtitle(record),
        footer(sections)
    )
}

fn subtitle(record: &Record) -> String {
    let (chains, length) = record.chains_and_length();
    let mut parts = Vec::new();
    if !record.engine.is_empty() {
        parts.push(escaped(&record.engine));
        parts.push(format!("seed {}", record.seed));
    }
    match (record.draws.n, chains) {
        (0, _) => {}
        (n, 1) => parts.push(format!("{n} draws")),
        (_, k) => parts.push(format!("{k} chains of {length} draws")),
    }
    parts.join(" · ")
}

/// What a page may lack, and why.
fn footer(sections: &[Section]) -> String {
    let has = |id: &str| sections.iter().any(|s| s.id == id);
    let all = [
        (
            "marginals",
            "no draws (a `--json` document has figures only; `--out x.zarr` keeps the draws)",
        ),
        (
            "verdict",
            "no verdict (draws as CSV or JSON do not carry it; Zarr does)",
        ),
        (
            "training",
            "no training curve (only engines that train have one)",
        ),
        (
            "predictive",
            "no predictive checks (they need Zarr, and data that the program observes)",
        ),
        (
            "graph",
            "no noise graph (it needs Zarr, and fewer than 150 nodes)",
        ),
    ];
    let missing: Vec<&str> = all
        .iter()
        .filter(|(id, _)| !has(id))
        .map(|(_, why)| *why)
        .collect();
    match missing.is_empty() {
        true => "Made by odp report.".to_string(),
        false => format!(
            "Made by odp report. Not on this page: {}.",
            escaped(&missing.join("; "))
        ),
    }
}
