//! How far a run is: a bar for a person, a line for each stage in a log, nothing for a script.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use odp::{NoProgress, Progress};

use super::console::{Console, stderr_is_terminal};

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

fn style(bounded: bool) -> ProgressStyle {
    let template = match bounded {
        true => "{prefix} [{bar:30}] {pos}/{len} {per_sec}, {eta} left  {msg}",
        false => "{prefix} {spinner} {pos} {per_sec}, {elapsed}  {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
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
