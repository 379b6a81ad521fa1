//! Pictures of draws as SVG: plots with axes, side by side or alone.
//!
//! ```text
//! numbers ──► Plot (axes, lines, bars, dots) ──► Picture ──► inside a page, or a file of its own
//! ```
//!
//! Colours are named by classes and defined by [`STYLE`], light and dark, so that a picture fits the page it stands in.

mod charts;
mod plot;

pub use charts::{
    curves, ecdf_difference, intervals, marginal, pair, predictive, rank_histogram, ranks_by_chain,
    traces, weights,
};
pub use plot::Plot;

use std::fmt::Write;

/// The classes' colours, light and dark; a page that holds pictures holds this once.
pub const STYLE: &str = "\
:root{--ink:#1d2430;--soft:#667085;--line:#d5dae3;--paper:#fff;--card:#f6f8fb;--c0:#2563a8;--c1:#c2571a;--c2:#2b8a5a;\
--c3:#8e44ad;--good:#1f7a4d;--bad:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--line:#343b49;--paper:#12161d;--card:#1a202a;\
--c0:#79b0f0;--c1:#f0a26b;--c2:#6fcf9b;--c3:#c79be6;--good:#6fcf9b;--bad:#ff8a80}}
svg text{fill:var(--soft);font:11px system-ui,sans-serif}
svg .title{fill:var(--ink);font-weight:600;font-size:12px}
svg .axis{stroke:var(--line);fill:none}
svg .l0,svg .l1,svg .l2,svg .l3,svg .ink{fill:none;stroke-width:1.4}
svg .l0{stroke:var(--c0)}svg .l1{stroke:var(--c1)}svg .l2{stroke:var(--c2)}svg .l3{stroke:var(--c3)}
svg .ink{stroke:var(--ink)}svg .thin{stroke-width:.6;opacity:.35}svg .trace{stroke-width:.7;opacity:.65}svg .dash{stroke-dasharray:4 3}
svg .f0{fill:var(--c0)}svg .f1{fill:var(--c1)}svg .f2{fill:var(--c2)}svg .f3{fill:var(--c3)}
svg .band{fill:var(--c0);opacity:.18}svg .bar{fill:var(--c0);opacity:.75}svg .dot{opacity:.45}svg .mark{fill:var(--c1)}
";

/// A finished picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Its width, in pixels where nothing scales it.
    pub width: f64,
    /// Its height.
    pub height: f64,
    /// What it shows, for readers that do not see it.
    pub title: String,
    /// The drawing, in coordinates from 0.
    body: String,
}

impl Picture {
    /// Pictures beside each other, with one title above.
    pub fn side_by_side(title: &str, parts: Vec<Picture>) -> Picture {
        const HEAD: f64 = 22.0;
        let height = parts.iter().map(|p| p.height).fold(0.0, f64::max) + HEAD;
        let mut body = format!(
            "<text class=\"title\" x=\"8\" y=\"16\">{}</text>",
            escaped(title)
        );
        let mut left = 0.0;
        for part in &parts {
            let _ = write!(
                body,
                "<g transform=\"translate({left:.0} {HEAD:.0})\">{}</g>",
                part.body
            );
            left += part.width;
        }
        Picture {
            width: left,
            height,
            title: title.to_string(),
            body,
        }
    }

    /// As an element of a page that has [`STYLE`].
    pub fn inline(&self) -> String {
        format!(
            "<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"{}\"><title>{}</title>{}</svg>",
            self.width,
            self.height,
            escaped(&self.title),
            escaped(&self.title),
            self.body
        )
    }

    /// As a file of its own.
    pub fn standalone(&self) -> String {
        let (w, h) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\">\n\
             <style>{STYLE}</style><title>{}</title>\n<rect width=\"100%\" height=\"100%\" style=\"fill:var(--paper)\"/>\n{}\n</svg>\n",
            escaped(&self.title),
            self.body
        )
    }
}

/// Text as markup shows it.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
        out
    })
}
