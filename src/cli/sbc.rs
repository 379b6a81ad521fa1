//! `odp sbc`: is an engine calibrated on a program?

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use odp::{
    Calibration, ExitKind, Failure, InferRequest, Limits, Report, SbcRequest, Simulation,
    StoreError, as_text, default_threads, read_bytes, write_text,
};
use serde_json::{Value, json};

use super::args::{ModelArgs, SbcArgs};
use super::{compiler, load};
use crate::terminal::console::Console;
use crate::terminal::interrupt::{INTERRUPTED, stop_flag};
use crate::terminal::load::{fresh_seed, with_warnings};
use crate::terminal::{process, progress};

/// The ranks of finished simulations, a line each, behind a line that says what was asked for.
const RANKS: &str = "ranks.jsonl";

/// Simulates, infers, ranks and tells. Exit code 0 also where the engine fails: the summary says so.
pub fn sbc(args: &SbcArgs, console: &Console) -> Result<u8, Failure> {
    let threads = args.threads.unwrap_or_else(default_threads);
    process::use_threads(threads);
    let stop = stop_flag(*console);
    let (compiler, options) = compiler::split(&args.options)?;
    let limits = Limits {
        unroll: compiler.unroll,
        passes: compiler.passes,
        marginalize: compiler.marginalize,
        ..load::limits(&args.model.given)
    };
    let inputs = load::inputs(&args.model.given, &limits)?;
    let program = load::program(&args.model, &limits)?;
    let shown = progress::shown_on(*console, args.quiet);
    let held = args.out.as_deref().map(seed_of).transpose()?.flatten();
    let request = SbcRequest {
        infer: InferRequest {
            draws: args.draws.max(args.ranks),
            chains: args.chains,
            options,
            threads,
            device: args.device.clone(),
            stop: stop.clone(),
            progress: shown.progress.clone(),
            ..InferRequest::new(&args.infer, args.seed.or(held).unwrap_or_else(fresh_seed))
        },
        sims: args.sims,
        ranks: args.ranks,
        alpha: args.alpha,
    };
    let head = head(&args.model, &request)?;
    let file = match &args.out {
        Some(folder) => Some(RanksFile::open(folder, &head)?),
        None => None,
    };
    let done = file.as_ref().map_or(Vec::new(), |f| f.done.clone());
    let tell = |s: &Simulation| file.iter().for_each(|f| f.append(s));
    let result = program.calibrate(&inputs, &limits, &request, done, &tell);
    shown.finish();
    let calibration = result.map_err(|f| with_warnings(f, program.warnings()))?;
    if let Some(file) = file {
        file.finish(&head, &calibration)?;
    }
    console.result(&match console.json {
        true => document(&calibration),
        false => calibration.words(),
    });
    Ok(if stop.load(Ordering::SeqCst) {
        INTERRUPTED
    } else {
        0
    })
}

fn document(calibration: &Calibration) -> String {
    // Strings, numbers and lists: nothing in here can fail to be written.
    serde_json::to_string_pretty(calibration).unwrap_or_default() + "\n"
}

/// What simulations belong together by: another calibration may not go on in the same file.
fn head(model: &ModelArgs, request: &SbcRequest) -> Result<Value, Failure> {
    let mut files = vec![model.model.clone()];
    files.extend(model.given.data.clone());
    let mut print = 0xcbf2_9ce4_8422_2325;
    for file in files {
        print = fingerprint(print, &read_bytes(&file, LARGEST)?);
    }
    for (name, value) in &model.given.set {
        print = fingerprint(print, format!("{name}={value}").as_bytes());
    }
    let options: Vec<String> = request
        .infer
        .options
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Ok(json!({
        "odp": env!("CARGO_PKG_VERSION"),
        "model": odp::program_name(&model.model.display().to_string()),
        "files": format!("{print:016x}"),
        "engine": request.infer.engine,
        "seed": request.infer.seed,
        "sims": request.sims,
        "ranks": request.ranks,
        "draws": request.infer.draws,
        "chains": request.infer.chains,
        "options": options,
    }))
}

/// FNV-1a of the program and its data, to tell one calibration from another.
fn fingerprint(start: u64, bytes: &[u8]) -> u64 {
    let step = |h: u64, b: &u8| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(start, step)
}

/// The first line of an earlier calibration's file.
fn held_head(folder: &Path) -> Result<Option<Value>, Failure> {
    let path = folder.join(RANKS);
    if !path.exists() {
        return Ok(None);
    }
    let text = ranks_text(&path)?;
    let line = text.lines().next().unwrap_or_default();
    // What is no calibration's first line belongs to another one.
    Ok(Some(serde_json::from_str(line).unwrap_or(Value::Null)))
}

/// The seed that an earlier calibration in this folder had.
fn seed_of(folder: &Path) -> Result<Option<u64>, Failure> {
    Ok(held_head(folder)?.and_then(|h| h["seed"].as_u64()))
}

/// Finished simulations on disk.
struct RanksFile {
    folder: PathBuf,
    done: Vec<Simulation>,
    out: Mutex<fs::File>,
}

impl RanksFile {
    /// Opens the file of a folder, which is made where it is missing, with the simulations that are finished.
    fn open(folder: &Path, head: &Value) -> Result<RanksFile, Failure> {
        let path = folder.join(RANKS);
        let fail = |e: std::io::Error| StoreError::Unwritable {
            path: folder.display().to_string(),
            why: e.to_string(),
        };
        fs::create_dir_all(folder).map_err(fail)?;
        let held = held_head(folder)?;
        if held.as_ref().is_some_and(|h| h != head) {
            let what = format!("{} holds another calibration", folder.display());
            let report = Report::error("odp::cli::other_calibration", what).help(
                "give the same model, engine, options, --sims, --ranks, --draws and --seed to go on, or another --out",
            );
            return Err(Failure::plain(ExitKind::Input, report));
        }
        let text = match held {
            Some(_) => ranks_text(&path)?,
            None => String::new(),
        };
        // A line that an interrupt cut short is no simulation; it is run again.
        let lines = text.lines().skip(1);
        let done: Vec<Simulation> = lines.filter_map(|l| serde_json::from_str(l).ok()).collect();
        write_text(&path, &lines_of(head, &done))?;
        let out = OpenOptions::new().append(true).open(&path).map_err(fail)?;
        Ok(RanksFile {
            folder: folder.to_path_buf(),
            done,
            out: Mutex::new(out),
        })
    }

    /// Adds a simulation. That the disk is full is told at the end, when everything is written once more.
    fn append(&self, simulation: &Simulation) {
        if let (Ok(line), Ok(mut out)) = (serde_json::to_string(simulation), self.out.lock()) {
            let _ = out.write_all((line + "\n").as_bytes());
        }
    }

    /// The same bytes in whatever order the simulations were finished, with the summary and its pictures.
    fn finish(self, head: &Value, calibration: &Calibration) -> Result<(), Failure> {
        let path = self.folder.join(RANKS);
        let text = ranks_text(&path)?;
        let lines = text.lines().skip(1);
        let mut all: Vec<Simulation> = lines.filter_map(|l| serde_json::from_str(l).ok()).collect();
        all.sort_by_key(|s| s.sim);
        write_text(&path, &lines_of(head, &all))?;
        write_text(&self.folder.join("summary.json"), &document(calibration))?;
        for (name, svg) in calibration.pictures() {
            write_text(&self.folder.join(name), &svg)?;
        }
        Ok(())
    }
}

fn lines_of(head: &Value, all: &[Simulation]) -> String {
    let line = |s: &Simulation| serde_json::to_string(s).unwrap_or_default() + "\n";
    format!("{head}\n") + &all.iter().map(line).collect::<String>()
}

/// Bytes of a file of ranks that are still read.
const LARGEST: u64 = 4 << 30;

fn ranks_text(path: &Path) -> Result<String, Failure> {
    let name = path.display().to_string();
    Ok(as_text(&name, read_bytes(path, LARGEST)?)?)
}
