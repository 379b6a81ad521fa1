//! Evaluations of log r and of its gradient (many at once, and one by one as a chain does) per second, and milliseconds per training iteration, for the examples.
//!
//! `cargo bench` prints a table; figures are medians of several repetitions in one process.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use odp::{Bound, Inputs, Limits, NoFiles, Session};

fn bound(folder: &Path) -> Option<Bound> {
    let text = std::fs::read_to_string(folder.join("model.odp")).ok()?;
    let inputs = match std::fs::read(folder.join("data.json")) {
        Ok(bytes) => Inputs::from_bytes("data.json", bytes, 1 << 30).ok()?,
        Err(_) => Inputs::default(),
    };
    Session::compile("model.odp", &text, Arc::new(NoFiles))
        .ok()?
        .bind(&inputs, &Limits::default())
        .ok()
}

fn median(mut xs: Vec<f64>) -> f64 {
    xs.sort_by(f64::total_cmp);
    xs[xs.len() / 2]
}

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(&root)
        .expect("examples")
        .flatten()
        .map(|e| e.file_name())
        .collect();
    names.sort();
    println!(
        "{:<18}{:>6}{:>16}{:>14}{:>14}{:>20}",
        "example", "dim", "evaluations/s", "gradients/s", "one by one", "ms/training step"
    );
    for name in names {
        let Some(bound) = bound(&root.join(&name)) else {
            continue;
        };
        let n = 20_000;
        let rate = |evaluate: &dyn Fn(u64)| {
            let one = |seed| {
                let start = Instant::now();
                evaluate(seed);
                n as f64 / start.elapsed().as_secs_f64()
            };
            median((0..7).map(one).collect())
        };
        let values = rate(&|seed| {
            std::hint::black_box(bound.prior_log_weights(n, seed));
        });
        let gradients = rate(&|seed| {
            std::hint::black_box(bound.prior_gradients(n, seed, n));
        });
        let singly = rate(&|seed| {
            std::hint::black_box(bound.prior_gradients(n, seed, 1));
        });
        let ms = median(
            (0..3)
                .map(|_| bound.training_ms(20, &[]).unwrap_or(f64::NAN))
                .collect(),
        );
        let dim = bound.describe().noise.map_or(0, |n| n.active);
        println!(
            "{:<18}{dim:>6}{values:>16.0}{gradients:>14.0}{singly:>14.0}{ms:>20.2}",
            name.to_string_lossy()
        );
    }
}
