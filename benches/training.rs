//! CPU time of one training iteration on one thread: rollout, log r, VarGrad, backward pass and optimiser step, on a target
//! that costs next to nothing, with our own network code, with burn's, and as a bare loop over matrix products.
//!
//! `cargo bench --bench training` prints a table; `benches/training.py` measures the same in PyTorch. Milliseconds are the
//! least of several repetitions, each the difference of a long and a short run, so that beginnings cancel.

use std::sync::Arc;
use std::time::Instant;

use faer::linalg::matmul::matmul;
use faer::mat::{MatMut, MatRef};
use faer::{Accum, Par};
use odp::{Bound, Inputs, Limits, NoFiles, Session};

/// (dimension, width, steps, batch).
const SIZES: [[usize; 4]; 2] = [[8, 64, 20, 256], [32, 128, 25, 512]];

fn main() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build_global()
        .expect("the pool is built once");
    println!(
        "{:<28}{:>10}{:>10}{:>10}   ms of CPU an iteration",
        "", "relu", "silu", "gelu"
    );
    for [d, width, steps, batch] in SIZES {
        let bound = target(d);
        println!("d {d}, width {width}, T {steps}, batch {batch}");
        for backend in backends() {
            let each = ["relu", "silu", "gelu"].map(|activation| {
                let options = [
                    ("T", steps.to_string()),
                    ("width", width.to_string()),
                    ("batch", batch.to_string()),
                    ("activation", activation.to_string()),
                    ("backend", backend.to_string()),
                ]
                .map(|(name, value)| (name.to_string(), value));
                least(|n| {
                    bound.training_ms(n, &options).expect("it trains");
                })
            });
            println!(
                "  {backend:<26}{:>10.2}{:>10.2}{:>10.2}",
                each[0], each[1], each[2]
            );
        }
        let mut products = Products::new(d, width, steps, batch);
        let ms = least(|n| (0..n).for_each(|_| products.iteration()));
        println!("  {:<26}{ms:>10.2}", "products alone, relu");
    }
}

/// Who computes networks: those named after `--`, or both.
fn backends() -> Vec<&'static str> {
    let named: Vec<String> = std::env::args().collect();
    let all = ["fused", "burn"];
    let chosen: Vec<_> = all
        .into_iter()
        .filter(|b| named.iter().any(|n| n == b))
        .collect();
    if chosen.is_empty() {
        all.to_vec()
    } else {
        chosen
    }
}

/// A Gaussian observed through a sum.
fn target(d: usize) -> Bound {
    let text = format!("sample z[i in 0..{d}] ~ Normal(0, 1)\nfactor -0.5 * sum(z) ^ 2 / {d}\n");
    Session::compile("cheap.odp", &text, Arc::new(NoFiles))
        .ok()
        .and_then(|s| s.bind(&Inputs::default(), &Limits::default()).ok())
        .expect("the program is right")
}

/// Milliseconds of CPU time that one of `n` iterations takes.
fn least(mut run: impl FnMut(usize)) -> f64 {
    let mut once = |n| {
        let start = cpu_seconds();
        run(n);
        cpu_seconds() - start
    };
    once(5);
    let each = (0..7).map(|_| (once(25) - once(5)) / 20.0);
    1e3 * each.fold(f64::INFINITY, f64::min)
}

/// CPU time of all threads of this process; wall-clock time where the system does not tell.
fn cpu_seconds() -> f64 {
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    match std::fs::read_dir("/proc/self/task") {
        Ok(threads) => threads.filter_map(of_thread).sum::<f64>() * 1e-9,
        Err(_) => {
            static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
            START.get_or_init(Instant::now).elapsed().as_secs_f64()
        }
    }
}

/// The matrix products of an iteration over all its rows at once, with ReLU, a stand-in for the loss, and plain descent: a
/// rollout, a pass that keeps hidden layers, its adjoint.
struct Products {
    rows: usize,
    batch: usize,
    steps: usize,
    /// Inputs, two hidden layers, outputs.
    sizes: [usize; 4],
    weights: [Vec<f32>; 3],
    bars: [Vec<f32>; 3],
    layers: [Vec<f32>; 4],
    adjoints: [Vec<f32>; 2],
}

impl Products {
    fn new(d: usize, width: usize, steps: usize, batch: usize) -> Products {
        let sizes = [d, width, width, 2 * d];
        let rows = steps * batch;
        let weights = [0, 1, 2].map(|l| {
            let n = sizes[l] * sizes[l + 1];
            (0..n)
                .map(|i| ((i * 7919) % 1000) as f32 * 2e-4 - 0.1)
                .collect::<Vec<f32>>()
        });
        Products {
            rows,
            batch,
            steps,
            sizes,
            bars: weights.clone(),
            weights,
            layers: sizes.map(|n| vec![0.3; rows * n]),
            adjoints: [vec![0.0; rows * width], vec![0.0; rows * width]],
        }
    }

    fn iteration(&mut self) {
        for step in 0..self.steps {
            self.forward(step * self.batch, self.batch);
        }
        self.forward(0, self.rows);
        let [_, w, _, out] = self.sizes;
        let by_out: Vec<f32> = self.layers[3].iter().map(|v| 1e-3 * v).collect();
        let [top, below] = &mut self.adjoints;
        outer(&self.layers[2], &by_out, w, out, &mut self.bars[2]);
        back(&by_out, &self.weights[2], w, out, &self.layers[2], top);
        outer(&self.layers[1], top, w, w, &mut self.bars[1]);
        back(top, &self.weights[1], w, w, &self.layers[1], below);
        outer(&self.layers[0], below, self.sizes[0], w, &mut self.bars[0]);
        for (w, bar) in self.weights.iter_mut().zip(&self.bars) {
            w.iter_mut().zip(bar).for_each(|(w, b)| *w -= 1e-9 * b);
        }
    }

    fn forward(&mut self, from: usize, rows: usize) {
        for l in 0..3 {
            let (k, n) = (self.sizes[l], self.sizes[l + 1]);
            let (below, above) = self.layers.split_at_mut(l + 1);
            let out = &mut above[0][from * n..(from + rows) * n];
            matmul(
                MatMut::from_row_major_slice_mut(&mut *out, rows, n),
                Accum::Replace,
                MatRef::from_row_major_slice(&below[l][from * k..(from + rows) * k], rows, k),
                MatRef::from_row_major_slice(&self.weights[l], k, n),
                1.0,
                Par::Seq,
            );
            if l < 2 {
                out.iter_mut().for_each(|v| *v = v.max(0.0));
            }
        }
    }
}

fn outer(x: &[f32], y: &[f32], k: usize, n: usize, out: &mut [f32]) {
    let rows = y.len() / n;
    matmul(
        MatMut::from_row_major_slice_mut(out, k, n),
        Accum::Replace,
        MatRef::from_row_major_slice(x, rows, k).transpose(),
        MatRef::from_row_major_slice(y, rows, n),
        1.0,
        Par::Seq,
    );
}

fn back(y: &[f32], w: &[f32], k: usize, n: usize, hidden: &[f32], out: &mut [f32]) {
    let rows = y.len() / n;
    matmul(
        MatMut::from_row_major_slice_mut(&mut *out, rows, k),
        Accum::Replace,
        MatRef::from_row_major_slice(y, rows, n),
        MatRef::from_row_major_slice(w, k, n).transpose(),
        1.0,
        Par::Seq,
    );
    let on = out.iter_mut().zip(hidden);
    on.for_each(|(o, h)| *o = if *h > 0.0 { *o } else { 0.0 });
}
