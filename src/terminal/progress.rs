//! How far a run is: a bar for a person, a line for each stage in a log, nothing for a script.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use odp::{NoProgress, Progress};

use super::console::{Console, stderr_is_terminal};
use super::text::takes_unicode;

/// Progress as it is shown.
pub struct Shown {
    /// What an engine reports to.
    pub progress: Arc<dyn Progress>,
    bar: Option<ProgressBar>,
}

/// Progress for this console.
pub fn shown_on(console: Console, quiet: bool) -> Shown {
    let (progress, bar): (Arc<dyn Progress>, _) = if quiet || console.for_script() {
        (Arc::new(NoProgress), None)
    } else if stderr_is_terminal() {
        let bar = ProgressBar::no_length();
        bar.enable_steady_tick(Duration::from_millis(200));
        let stage = Mutex::default();
        (
            Arc::new(Bar {
                bar: bar.clone(),
                stage,
            }),
            Some(bar),
        )
    } else {
        let stage = Mutex::default();
        (Arc::new(Lines { console, stage }), None)
    };
    Shown { progress, bar }
}

impl Shown {
    /// Clears what is still on the screen.
    pub fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Whether a stage has just begun.
fn begins(last: &Mutex<String>, stage: &str) -> bool {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    let new = *last != stage;
    if new {
        stage.clone_into(&mut last);
    }
    new
}

struct Bar {
    bar: ProgressBar,
    stage: Mutex<String>,
}

impl Progress for Bar {
    fn update(&self, stage: &str, done: usize, total: Option<usize>, message: &str) {
        if begins(&self.stage, stage) {
            self.bar.reset();
            self.bar.set_style(style(total.is_some()));
            self.bar.set_prefix(stage.to_string());
        }
        if let Some(total) = total {
            self.bar.set_length(total as u64);
        }
        self.bar.set_position(done as u64);
        self.bar.set_message(message.to_string());
    }
}

/// What is done, how fast, how long it still takes; the engine's own words fill the rest of the line and no more.
fn style(bounded: bool) -> ProgressStyle {
    let template = match bounded {
        true => "{prefix} {bar:24} {how_far}  {wide_msg}",
        false => "{prefix} {spinner} {how_far}  {wide_msg}",
    };
    let style = ProgressStyle::with_template(template);
    style
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("how_far", |state: &ProgressState, out: &mut dyn Write| {
            // Writing to a line of text does not fail.
            let _ = out.write_str(&how_far(state));
        })
        .progress_chars(if takes_unicode() { "━╸─" } else { "=>-" })
}

/// `1200 of 4000 · 5.2k/s · 3 s left`; without an end, `1200 · 5.2k/s · 3 s`.
fn how_far(state: &ProgressState) -> String {
    let (done, rate) = (state.pos(), state.per_sec());
    let count = |n: u64| short(n as f64);
    let settled = state.elapsed() > SETTLED;
    let mut parts = match state.len() {
        Some(total) => vec![format!("{} of {}", count(done), count(total))],
        None if done > 0 => vec![count(done)],
        None => Vec::new(),
    };
    if settled && done > 0 && rate > 0.0 {
        parts.push(format!("{}/s", short(rate)));
    }
    match state.len() {
        Some(_) if settled && done > 0 => parts.push(format!("{} left", duration(state.eta()))),
        None if settled => parts.push(duration(state.elapsed())),
        _ => {}
    }
    parts.join(" · ")
}

/// Rates and times are told after this much of a stage.
const SETTLED: Duration = Duration::from_millis(600);

/// A count or a rate with three digits or so: `7.3`, `812`, `14.2k`, `3.1M`.
fn short(x: f64) -> String {
    let scaled = |x: f64| match x {
        x if x.fract() == 0.0 || x >= 100.0 => format!("{x:.0}"),
        x => format!("{x:.1}"),
    };
    match x {
        x if x >= 1e9 => format!("{}G", scaled(x / 1e9)),
        x if x >= 1e6 => format!("{}M", scaled(x / 1e6)),
        x if x >= 1e4 => format!("{}k", scaled(x / 1e3)),
        x if x >= 1.0 || x == 0.0 => scaled(x),
        x => format!("{x:.2}"),
    }
}

/// `9 s`, `2:05`, `1:10:00`.
fn duration(t: Duration) -> String {
    let s = t.as_secs();
    match s {
        0..60 => format!("{} s", s.max(1)),
        60..3600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60),
    }
}

/// One line when a stage begins.
struct Lines {
    console: Console,
    stage: Mutex<String>,
}

impl Progress for Lines {
    fn update(&self, stage: &str, _: usize, _: Option<usize>, _: &str) {
        if begins(&self.stage, stage) {
            self.console.note(&format!("odp: {stage}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shown = [
            0.0, 0.034, 7.3456, 812.4, 9999.0, 14_234.5, 250_000.0, 3.14e6, 2e9,
        ]
        .map(short);
        assert_eq!(
            shown,
            [
                "0", "0.03", "7.3", "812", "9999", "14.2k", "250k", "3.1M", "2G"
            ]
        );
        let shown = [0, 9, 125, 4200].map(|s| duration(Duration::from_secs(s)));
        assert_eq!(shown, ["1 s", "9 s", "2:05", "1:10:00"]);
    }
}
