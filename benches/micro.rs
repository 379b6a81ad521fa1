//! What one number of log r and of its gradient costs: for the examples, and for programs that grow.
//!
//! `cargo bench --bench micro` prints three tables; `-- examples`, `-- growth` or `-- batch` prints one, `-- MODEL.odp DATA.json`
//! the line of one program. Figures are the fastest of many short runs in one process, noise drawn beforehand. Times of single
//! evaluations are what a chain pays. `PASSES=fold,cse,…` chooses the compiler's passes.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use odp::{Bound, Inputs, Limits, NoFiles, Passes, Session};

fn main() {
    let only: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| !a.starts_with('-'))
        .collect();
    if let Some(model) = only.first().filter(|a| a.ends_with(".odp")) {
        return program(model, only.get(1));
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    if wanted("examples") {
        examples();
    }
    if wanted("growth") {
        growth();
    }
    if wanted("batch") {
        batches();
    }
}

fn bound(text: &str, data: Option<Vec<u8>>) -> Option<Bound> {
    let inputs = match data {
        Some(bytes) => Inputs::from_bytes("data.json", bytes, 1 << 32).ok()?,
        None => Inputs::default(),
    };
    let program = Session::compile("model.odp", text, Arc::new(NoFiles)).ok()?;
    program.bind(&inputs, &limits()).ok()
}

fn limits() -> Limits {
    let passes = std::env::var("PASSES").unwrap_or_else(|_| "all".to_string());
    Limits {
        passes: Passes::parse(&passes).expect("names of passes"),
        ..Limits::default()
    }
}

/// Microseconds of one program's evaluations, one at a time and in batches.
fn program(model: &str, data: Option<&String>) {
    let text = std::fs::read_to_string(model).expect("a program");
    let data = data.map(|path| std::fs::read(path).expect("a data file"));
    let bound = bound(&text, data).expect("a program that goes with its data");
    let each = |batch, gradient| 1e6 * seconds(&bound, batch, gradient, 1.0);
    println!(
        "{model}: µs of log r {:.2}, of its gradient {:.2}; in batches {:.2}, {:.2}",
        each(1, false),
        each(1, true),
        each(256, false),
        each(256, true)
    );
}

/// Seconds of one execution's evaluation, `batch` at a time: the fastest of many short runs within about `budget` seconds,
/// which a busy machine disturbs least.
fn seconds(bound: &Bound, batch: usize, gradient: bool, budget: f64) -> f64 {
    const SHORT: f64 = 5e-4;
    let rough = bound.evaluation_seconds(batch, 1, gradient).max(1e-9) * batch as f64;
    let rounds = ((SHORT / rough) as usize).clamp(1, 10_000);
    let started = Instant::now();
    let mut best = f64::INFINITY;
    let mut runs = 0;
    while runs < 5 || (started.elapsed().as_secs_f64() < budget && runs < 2000) {
        best = best.min(bound.evaluation_seconds(batch, rounds, gradient));
        runs += 1;
    }
    best
}

fn examples() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let entries = std::fs::read_dir(&root).expect("examples");
    let mut names: Vec<_> = entries.flatten().map(|e| e.file_name()).collect();
    names.sort();
    println!(
        "{:<18}{:>5}{:>12}{:>12}{:>12}{:>12}{:>8}{:>8}{:>10}",
        "example", "dim", "log r/s", "grad/s", "log r/s ×1", "grad/s ×1", "ratio", "×1", "start ms"
    );
    for name in names {
        let folder = root.join(&name);
        let Ok(text) = std::fs::read_to_string(folder.join("model.odp")) else {
            continue;
        };
        let data = std::fs::read(folder.join("data.json")).ok();
        let started = Instant::now();
        let Some(bound) = bound(&text, data) else {
            continue;
        };
        bound.evaluation_seconds(1, 1, true);
        let start = started.elapsed().as_secs_f64() * 1e3;
        let [v, g] = [false, true].map(|gradient| seconds(&bound, 4096, gradient, 0.2));
        let [v1, g1] = [false, true].map(|gradient| seconds(&bound, 1, gradient, 0.1));
        let dim = bound.describe().noise.map_or(0, |n| n.active);
        println!(
            "{:<18}{dim:>5}{:>12.0}{:>12.0}{:>12.0}{:>12.0}{:>8.2}{:>8.2}{start:>10.2}",
            name.to_string_lossy(),
            1.0 / v,
            1.0 / g,
            1.0 / v1,
            1.0 / g1,
            g / v,
            g1 / v1
        );
    }
}

/// Nanoseconds an execution, for `benches/batch.py`.
fn batches() {
    let schools = include_bytes!("../examples/eight_schools/data.json").to_vec();
    let grid: Vec<f64> = (0..100).map(|i| f64::from(i) * 6.0 / 99.0 - 3.0).collect();
    let mixture = json(&[("y", numbers(&grid))]);
    println!(
        "{:<15}{:>9}{:>12}{:>12}",
        "program", "batch", "log r ns", "grad ns"
    );
    for (name, text, data) in [
        (
            "eight_schools",
            include_str!("../examples/eight_schools/model.odp"),
            schools,
        ),
        ("mixture", include_str!("batch/mixture.odp"), mixture),
    ] {
        let bound = bound(text, Some(data)).expect("a program and its data");
        for batch in [4096, 65536] {
            let [v, g] = [false, true].map(|gradient| 1e9 * seconds(&bound, batch, gradient, 2.0));
            println!("{name:<15}{batch:>9}{v:>12.1}{g:>12.1}");
        }
    }
}

/// Pseudo-random numbers in (−1, 1): data needs no more than to be uneven.
fn uneven(n: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn json(fields: &[(&str, String)]) -> Vec<u8> {
    let fields: Vec<String> = fields
        .iter()
        .map(|(k, v)| format!("\"{k}\": {v}"))
        .collect();
    format!("{{{}}}", fields.join(", ")).into_bytes()
}

fn numbers(x: &[f64]) -> String {
    let all: Vec<String> = x.iter().map(|x| format!("{x:.6}")).collect();
    format!("[{}]", all.join(","))
}

fn logistic(n: usize) -> (&'static str, Vec<u8>) {
    const D: usize = 25;
    let x = uneven(n * D);
    let rows: Vec<String> = x.chunks(D).map(numbers).collect();
    let y: Vec<String> = x
        .chunks(D)
        .map(|r| i32::from(r[0] + r[1] > 0.1).to_string())
        .collect();
    let text = "data X: real[N, D]\ndata y: int[N]\nsample b ~ iid(Normal(0, 1), D)\nobserve y ~ BernoulliLogit(X @ b)\n";
    let data = [
        ("X", format!("[{}]", rows.join(","))),
        ("y", format!("[{}]", y.join(","))),
    ];
    (text, json(&data))
}

const NORMALS: &str = "data y: real[N]\nsample mu ~ Normal(0, 1)\nsample s ~ HalfNormal(1)\nobserve y ~ Normal(mu, s)\n";
const LINE: &str = "data x: real[N]\ndata y: real[N]\nsample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nsample s ~ HalfNormal(1)\nobserve y ~ Normal(a + b * x, s)\n";
const ROBUST: &str = "data x: real[N]\ndata y: real[N]\nsample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nsample s ~ HalfNormal(1)\nobserve y ~ StudentT(4, a + b * x, s)\n";
const LOOP: &str = "data x: real[N]\ndata y: real[N]\nsample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nsample s ~ HalfNormal(1)\nfor i in 0..N { observe y[i] ~ Normal(a + b * x[i], s) }\n";
const EFFECTS: &str = "data y: real[N]\nsample mu ~ Normal(0, 1)\nsample tau ~ HalfNormal(1)\nsample theta[i in 0..N] ~ Normal(mu, tau)\nobserve y ~ Normal(theta, 1)\n";
const MIXTURE: &str = "data y: real[N]\nsample m ~ iid(Normal(0, 3), 3)\nsample w ~ Dirichlet([1, 1, 1])\nobserve y[i in 0..N] ~ mixture(w, [Normal(m[0], 1), Normal(m[1], 1), Normal(m[2], 1)])\n";
const WALK: &str = "data y: real[N]\nvar x = 0.0\nfor i in 0..N { sample e ~ Normal(0, 1)\nx = 0.9 * x + e\nobserve y[i] ~ Normal(x, 1) }\n";

fn growth() {
    println!(
        "{:<10}{:>9}{:>7}{:>11}{:>11}{:>11}{:>11}{:>11}{:>8}{:>9}",
        "program",
        "N",
        "dim",
        "compile s",
        "ns/el",
        "grad ns",
        "ns/el ×1",
        "grad ns×1",
        "ratio",
        "MiB"
    );
    let xy = |n: usize| {
        let all = uneven(2 * n);
        json(&[("x", numbers(&all[..n])), ("y", numbers(&all[n..]))])
    };
    for n in [100, 1_000, 10_000, 100_000, 1_000_000] {
        let (text, data) = logistic(n);
        row("logistic", n, text, data);
    }
    for (name, text) in [
        ("normals", NORMALS),
        ("line", LINE),
        ("robust", ROBUST),
        ("mixture", MIXTURE),
    ] {
        for n in [100, 10_000, 1_000_000] {
            row(name, n, text, xy(n));
        }
    }
    for n in [100, 1_000, 10_000, 100_000] {
        row("loop", n, LOOP, xy(n));
    }
    for n in [10, 100, 1000, 3000] {
        row("effects", n, EFFECTS, xy(n));
    }
    for n in [10, 100, 1000, 10_000] {
        row("walk", n, WALK, xy(n));
    }
}

fn row(name: &str, n: usize, text: &str, data: Vec<u8>) {
    let inputs = Inputs::from_bytes("data.json", data, 1 << 32).expect("data as declared");
    let program = Session::compile("model.odp", text, Arc::new(NoFiles)).expect("a program");
    let (started, before) = (Instant::now(), resident());
    let bound = match program.bind(&inputs, &Limits::default()) {
        Ok(bound) => bound,
        Err(failure) => {
            return println!(
                "{name:<10}{n:>9}  {}",
                failure.to_string().lines().next().unwrap_or("")
            );
        }
    };
    let compile = started.elapsed().as_secs_f64();
    let batch = (400_000 / n).clamp(8, 4096);
    let each = 1e9 / n as f64;
    let [v, g] = [false, true].map(|gradient| each * seconds(&bound, batch, gradient, 0.2));
    let [v1, g1] = [false, true].map(|gradient| each * seconds(&bound, 1, gradient, 0.2));
    let dim = bound.describe().noise.map_or(0, |n| n.active);
    let used = resident().saturating_sub(before) >> 20;
    println!(
        "{name:<10}{n:>9}{dim:>7}{compile:>11.4}{v:>11.3}{g:>11.3}{v1:>11.3}{g1:>11.3}{:>8.2}{used:>9}",
        g1 / v1
    );
}

/// Bytes of this process in memory; 0 where the system does not say.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse::<usize>().ok());
    pages.unwrap_or(0) * 4096
}
