//! Checkpoints: what a run's engines leave while it goes on, in a file that another run goes on from.
//!
//! A checkpoint belongs to one run: the same program, data, engine, options and seed. What differs is told by name.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::bound::standard_normals;
use super::{Bound, ExitKind, Failure, InferRequest};
use crate::base::{FileId, Report, Seed, fnv1a as hash};
use crate::infer::{Engine, Keeper};
use crate::lower::Target;
use crate::store::{CheckpointFile, StoreError};

/// Time between two writes.
const EVERY: Duration = Duration::from_secs(60);
/// Executions whose log-weights tell a compiled program from another.
const PROBES: usize = 16;

/// Where a run is kept while it goes on, and what an earlier one left to go on from.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    every: Duration,
    /// What the run to go on from was, and left.
    found: Option<CheckpointFile>,
    kept: Mutex<Kept>,
}

#[derive(Debug)]
struct Kept {
    file: CheckpointFile,
    written: Instant,
    trouble: Option<StoreError>,
}

impl Checkpoint {
    /// A new one, which the run writes to `path` as it begins, every minute, and when it ends or is ended.
    pub fn new(path: impl Into<PathBuf>) -> Checkpoint {
        Checkpoint {
            path: path.into(),
            every: EVERY,
            found: None,
            kept: Mutex::new(Kept {
                file: CheckpointFile::default(),
                written: Instant::now(),
                trouble: None,
            }),
        }
    }

    /// One to go on from, which the run keeps up to date. At most `limit` bytes are read.
    ///
    /// # Errors
    /// A file that cannot be read, is no checkpoint, is of another version, or is damaged.
    pub fn resume(path: &Path, limit: u64) -> Result<Checkpoint, Failure> {
        let found = CheckpointFile::read(path, limit)?;
        let mut checkpoint = Checkpoint::new(path);
        checkpoint.found = Some(found);
        Ok(checkpoint)
    }

    /// The same, written elsewhere from now on.
    pub fn written_to(self, path: impl Into<PathBuf>) -> Checkpoint {
        Checkpoint {
            path: path.into(),
            ..self
        }
    }

    /// The same with another time between two writes.
    pub fn every(self, every: Duration) -> Checkpoint {
        Checkpoint { every, ..self }
    }

    /// The seed of the run to go on from.
    pub fn seed(&self) -> Option<u64> {
        let facts = &self.found.as_ref()?.facts;
        facts.iter().find(|(name, _)| name == SEED)?.1.parse().ok()
    }

    /// Compares a run with the one to go on from, and writes the first file.
    fn begin(&self, facts: Vec<(String, String)>) -> Result<(), Failure> {
        let mut parts = Vec::new();
        if let Some(found) = &self.found {
            let differences = differences(&found.facts, &facts);
            if !differences.is_empty() {
                return Err(of_another_run(&differences));
            }
            parts.clone_from(&found.parts);
        }
        let mut kept = self.kept();
        kept.file = CheckpointFile { facts, parts };
        kept.written = Instant::now();
        Ok(kept.file.write(&self.path)?)
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is wrong with the file that was written last, if anything.
    fn trouble(&self) -> Option<Report> {
        let why = self.kept().trouble.as_ref()?.to_string();
        let message = format!("{why}: the checkpoint there is an older one");
        let report = Report::warning("odp::session::stale_checkpoint", message);
        Some(report.help("make room, or choose another path for `--checkpoint`"))
    }
}

/// The place of one part of a run in a checkpoint.
struct Part {
    checkpoint: Arc<Checkpoint>,
    name: String,
}

impl Keeper for Part {
    fn found(&self) -> Option<Vec<u8>> {
        let parts = &self.checkpoint.found.as_ref()?.parts;
        let part = parts.iter().find(|(name, _)| *name == self.name)?;
        Some(part.1.clone())
    }

    fn due(&self) -> bool {
        self.checkpoint.kept().written.elapsed() >= self.checkpoint.every
    }

    fn keep(&self, state: Vec<u8>) {
        let mut kept = self.checkpoint.kept();
        let parts = &mut kept.file.parts;
        match parts.iter_mut().find(|(name, _)| *name == self.name) {
            Some(part) => part.1 = state,
            None => parts.push((self.name.clone(), state)),
        }
        kept.trouble = kept.file.write(&self.checkpoint.path).err();
        kept.written = Instant::now();
    }
}

const SEED: &str = "`--seed`";
/// Begins what is compared and not shown.
const HIDDEN: char = '#';

impl Bound {
    /// Begins a run's checkpoint, where it has one.
    ///
    /// # Errors
    /// A checkpoint of another run, a file that cannot be written, or an engine that keeps no state.
    pub(super) fn begin_checkpoint(
        &self,
        engine: &dyn Engine,
        request: &InferRequest,
    ) -> Result<(), Failure> {
        let Some(checkpoint) = &request.checkpoint else {
            return Ok(());
        };
        let components = &self.lowered.components;
        if !components.is_empty() && !components.iter().any(|c| engine.resumes(&**c)) {
            return Err(no_checkpoints(engine.name()));
        }
        checkpoint.begin(self.facts(request))
    }

    /// The place of a component's state; a program that is unrolled further has others.
    pub(super) fn keeper(
        &self,
        checkpoint: Option<&Arc<Checkpoint>>,
        component: usize,
    ) -> Option<Arc<dyn Keeper>> {
        let part = Part {
            checkpoint: checkpoint?.clone(),
            name: format!("{}/{component}", self.unroll),
        };
        Some(Arc::new(part))
    }

    /// A warning where the checkpoint of a run could not be written.
    pub(super) fn checkpoint_trouble(request: &InferRequest) -> Vec<Report> {
        let checkpoint = request.checkpoint.iter();
        checkpoint.filter_map(|c| c.trouble()).collect()
    }

    /// Everything that decides what a run does, by name.
    fn facts(&self, request: &InferRequest) -> Vec<(String, String)> {
        let hidden = |hash: u64| format!("{HIDDEN}{hash:016x}");
        let mut facts = vec![
            ("odp".to_string(), env!("CARGO_PKG_VERSION").to_string()),
            ("the program's text".to_string(), hidden(self.text_hash())),
        ];
        for (name, entry) in &self.observed {
            let text = format!("{:?} {:?} {:?}", entry.shape, entry.missing, entry.values);
            facts.push((format!("the data `{name}`"), hidden(hash(text.as_bytes()))));
        }
        let compiled = "what the program computes with its files, on this processor";
        facts.push((compiled.to_string(), hidden(self.weights_hash())));
        facts.push(("`--infer`".to_string(), request.engine.clone()));
        facts.push((SEED.to_string(), request.seed.to_string()));
        facts.push(("`--draws`".to_string(), request.draws.to_string()));
        facts.push(("`--chains`".to_string(), request.chains.to_string()));
        facts.push(("the unrolling bound".to_string(), self.unroll.to_string()));
        let device = request.device.iter().map(|d| ("`--device`".to_string(), d));
        let mut options: std::collections::BTreeMap<String, &String> = device.collect();
        options.extend(
            request
                .options
                .iter()
                .map(|(k, v)| (format!("`-O {k}`"), v)),
        );
        facts.extend(options.into_iter().map(|(k, v)| (k, v.clone())));
        facts
    }

    /// Of the program and the files of code that it uses.
    fn text_hash(&self) -> u64 {
        let texts = (0..=u16::MAX).map_while(|id| self.sources().get(FileId(id)));
        let texts: Vec<&str> = texts.map(|s| &*s.text).collect();
        hash(texts.join("\0").as_bytes())
    }

    /// Of the log-weights of a few executions of the prior: data, constants in files and the processor all show in them.
    fn weights_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        for component in &self.lowered.components {
            let z = standard_normals(Seed(1), "probe", PROBES * component.dim());
            let mut log_r = [0.0; PROBES];
            let counts = component.counts();
            component.log_r(&z, &mut log_r);
            component.set_counts(counts);
            bytes.extend(log_r.iter().flat_map(|w| w.to_bits().to_le_bytes()));
        }
        hash(&bytes)
    }
}

/// What differs between the run of a checkpoint and this one, in words.
fn differences(then: &[(String, String)], now: &[(String, String)]) -> Vec<String> {
    let value = |facts: &[(String, String)], name: &str| {
        let found = facts.iter().find(|(n, _)| n == name);
        found.map(|(_, v)| v.clone())
    };
    let mut names: Vec<&String> = then.iter().map(|(n, _)| n).collect();
    names.extend(
        now.iter()
            .map(|(n, _)| n)
            .filter(|n| value(then, n).is_none()),
    );
    let difference = |name: &&String| match (value(then, name), value(now, name)) {
        (a, b) if a == b => None,
        (Some(a), Some(_)) if a.starts_with(HIDDEN) => Some(format!("{name} is not the same")),
        (Some(a), Some(b)) => Some(format!("{name} was {a} and is {b}")),
        (None, Some(b)) if b.starts_with(HIDDEN) => Some(format!("{name} is new")),
        (None, Some(b)) => Some(format!("{name} was not given and is {b}")),
        (Some(a), _) if a.starts_with(HIDDEN) => Some(format!("{name} is missing")),
        (a, _) => Some(format!(
            "{name} was {} and is not given",
            a.unwrap_or_default()
        )),
    };
    let all: Vec<String> = names.iter().filter_map(difference).collect();
    // Where the text or the data differ, that what is computed differs too says nothing more.
    let told = |d: &&String| !d.starts_with("what the program computes") || all.len() == 1;
    all.iter().filter(told).cloned().collect()
}

fn of_another_run(differences: &[String]) -> Failure {
    let message = format!(
        "the checkpoint is of another run: {}",
        differences.join("; ")
    );
    let report = Report::error("odp::session::other_checkpoint", message).help(
        "go on with the program, data and options that it was made with (the seed is in it), or start anew without `--resume`",
    );
    Failure::plain(ExitKind::Input, report)
}

fn no_checkpoints(engine: &str) -> Failure {
    let message = match engine {
        "auto" => "the engine that `auto` picks for this program keeps no checkpoints".to_string(),
        name => format!("`{name}` keeps no checkpoints"),
    };
    let report = Report::error("odp::session::no_checkpoints", message);
    Failure::plain(
        ExitKind::Input,
        report.help("`--infer diffusion` does; other engines are run without `--checkpoint`"),
    )
}
