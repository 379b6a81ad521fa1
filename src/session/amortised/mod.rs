//! A sampler for every data set: trained once, and then asked for one posterior after another.
//!
//! ```text
//! Program ──train(names)──► Sampler ──query(data)──► Answer        (SMC's, where the sampler does not serve that data)
//!                              └──write, read── S.odpz
//! ```

mod facts;
mod files;
mod prior;
mod source;

pub(super) use prior::posterior;

pub use facts::{DensityFacts, HeldOutFacts, PupilFacts, StepFacts, TrainingFacts};

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::simulated::numbers;
use super::{Answer, Bound, ExitKind, Failure, InferRequest, Limits, Program, Session};
use crate::base::{Report, Seed};
use crate::infer::diffusion::amortised::{self, Query, Trained};
use crate::infer::{InferError, NoProgress, Progress};
use crate::store::{Inputs, SamplerFile, StoreError, UsedFile};
use files::{Recorder, Remembered};
use source::{Place, Source, places};

/// What a training asks for.
#[derive(Clone)]
pub struct TrainRequest {
    /// The data that each query will give; what else the program observes is simulated too, and read at each query.
    pub amortize: Vec<String>,
    /// Same seed, same sampler.
    pub seed: u64,
    /// `-O name=value`.
    pub options: Vec<(String, String)>,
    /// Come to an end with what there is after this time.
    pub time_budget: Option<Duration>,
    /// Set it from outside to end the training soon, with what there is.
    pub stop: Arc<AtomicBool>,
    /// Told how far the training is.
    pub progress: Arc<dyn Progress>,
}

impl TrainRequest {
    /// For the named data, without a time budget.
    pub fn new(amortize: &[&str], seed: u64) -> TrainRequest {
        TrainRequest {
            amortize: amortize.iter().map(|n| n.to_string()).collect(),
            seed,
            options: Vec::new(),
            time_budget: None,
            stop: Arc::default(),
            progress: Arc::new(NoProgress),
        }
    }

    fn as_run(&self) -> InferRequest {
        InferRequest {
            options: self.options.clone(),
            time_budget: self.time_budget,
            stop: self.stop.clone(),
            progress: self.progress.clone(),
            ..InferRequest::new("diffusion", self.seed)
        }
    }
}

/// Data that a query gives.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    name: String,
    key: String,
    sizes: Vec<usize>,
}

/// A sampler that was trained for every data set of a program.
pub struct Sampler {
    program: Program,
    text: String,
    files: Vec<UsedFile>,
    /// The data that it was trained with, without what is simulated.
    inputs: Inputs,
    asked: Vec<Asked>,
    places: Vec<Place>,
    seed: u64,
    learned: Trained,
    trained_by: String,
    train_s: Option<f64>,
}

impl Program {
    /// Trains a sampler for every value of some observed data. The inputs give sizes and covariates; what the program
    /// observes is simulated.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use odp::{InferRequest, Inputs, Limits, NoFiles, Session, TrainRequest};
    ///
    /// let text = "data y: real\nsample mu ~ Normal(0, 1)\nobserve y ~ Normal(mu, 1)\n";
    /// let program = Session::compile("m.odp", text, Arc::new(NoFiles))?;
    /// let limits = Limits::default();
    /// let mut request = TrainRequest::new(&["y"], 1);
    /// // A tenth of the usual steps serve one number well.
    /// request.options = vec![("fit".into(), "300".into()), ("pre".into(), "100".into()), ("steps".into(), "0".into())];
    /// let sampler = program.train(&Inputs::default(), &limits, &request)?;
    ///
    /// let mut data = Inputs::default();
    /// data.set("y", "1.2")?;
    /// let answer = sampler.query(&data, &limits, &InferRequest::new("diffusion", 1))?;
    /// // The posterior is Normal(y / 2, sqrt(1/2)).
    /// assert!((answer.parameters[0].1.mean.unwrap() - 0.6).abs() < 0.1);
    /// # Ok::<(), odp::Failure>(())
    /// ```
    ///
    /// # Errors
    /// Names that the program does not declare or does not observe; programs whose data cannot be simulated (`factor`,
    /// `condition`, improper priors, missing elements), whose draws depend on the data, or that have no bound; options;
    /// what [`Program::simulate`] and [`Program::bind`] refuse.
    pub fn train(
        &self,
        inputs: &Inputs,
        limits: &Limits,
        request: &TrainRequest,
    ) -> Result<Sampler, Failure> {
        let started = Instant::now();
        let (program, text, files) = self.on_its_own()?;
        let source = Source::new(program.clone(), inputs, limits, request)?;
        let mut settings = request.as_run().settings();
        settings.max_bytes = Some(limits.max_mem);
        settings.seed = Seed(request.seed);
        let learned =
            amortised::train(&source, &settings).map_err(|e| of_training(&e, &program))?;
        let asked = source.columns.iter().map(|c| Asked {
            name: c.name.clone(),
            key: c.key.clone(),
            sizes: c.shape.dims().to_vec(),
        });
        let asked = asked.collect();
        let places = source.places;
        let inputs = self.without(inputs, &request.amortize);
        Ok(Sampler {
            program,
            text,
            files,
            inputs,
            asked,
            places,
            seed: request.seed,
            learned,
            trained_by: env!("CARGO_PKG_VERSION").to_string(),
            train_s: Some(started.elapsed().as_secs_f64()),
        })
    }

    /// The same program from its text and the files that it uses, which are remembered.
    fn on_its_own(&self) -> Result<(Program, String, Vec<UsedFile>), Failure> {
        let (name, text, loader) = self.origin.parts();
        let recorder = Arc::new(Recorder::new(loader));
        let program = Session::compile(&name, &text, recorder.clone())?;
        let files = recorder.files();
        Ok((program, text, files))
    }

    /// What the program reads of the inputs, without some data.
    fn without(&self, inputs: &Inputs, names: &[String]) -> Inputs {
        let mut kept = Inputs::default();
        for d in self.model.data.iter().filter(|d| !names.contains(&d.name)) {
            if let Some(entry) = inputs.data.get(&d.key) {
                kept.data.insert(d.key.clone(), entry.clone());
            }
            kept.levels.extend(inputs.levels_of(&d.key).cloned());
        }
        kept
    }
}

/// What training could not do.
fn of_training(error: &InferError, program: &Program) -> Failure {
    let mut failure = Failure::of_infer(error, program.sources().clone());
    if let (InferError::BadOption { .. }, Some(report)) = (error, failure.reports.first_mut()) {
        let names: Vec<&str> = amortised::TRAINING.iter().map(|o| o.name).collect();
        *report = report
            .clone()
            .help(format!("training has {}", names.join(", ")));
    }
    failure
}

impl Sampler {
    /// The program that it was trained for.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The data that a query has to give.
    fn named(&self) -> impl Iterator<Item = &str> {
        let asked = self.asked.iter();
        let given = |a: &&Asked| self.inputs.data.get(&a.key).is_none();
        asked.filter(given).map(|a| a.name.as_str())
    }

    /// How the training went.
    pub fn facts(&self) -> TrainingFacts {
        TrainingFacts {
            odp: self.trained_by.clone(),
            model: self.program.name().to_string(),
            amortized: self.named().map(str::to_string).collect(),
            seed: self.seed,
            dim: self.places.len(),
            numbers: self.learned.numbers(),
            train_s: self.train_s,
            ..TrainingFacts::of(&self.learned.facts)
        }
    }

    /// The posterior of a data set, without training.
    ///
    /// Paths are weighed by this data's own log r. Where the data is unlike all that was simulated, or the weights do not
    /// bear the answer, it comes from SMC: `engine` is then `smc`, `requested` stays `diffusion`, and a warning says why.
    ///
    /// # Errors
    /// Data that is missing, of other sizes than the sampler was trained for, or other covariates; what
    /// [`Program::bind`] and [`Bound::infer`] refuse.
    pub fn query(
        &self,
        data: &Inputs,
        limits: &Limits,
        request: &InferRequest,
    ) -> Result<Answer, Failure> {
        let inputs = self.completed(data)?;
        let bound = self.bound(&inputs, limits)?;
        let y = self.numbers(&inputs)?;
        let mut answer = self.answer(&bound, &inputs, limits, &y, request)?;
        self.program.examine(&inputs, limits, &bound, &mut answer);
        Ok(answer)
    }

    fn bound(&self, inputs: &Inputs, limits: &Limits) -> Result<Bound, Failure> {
        let joint = Limits {
            joint: true,
            ..limits.clone()
        };
        self.program.bind(inputs, &joint)
    }

    fn answer(
        &self,
        bound: &Bound,
        inputs: &Inputs,
        limits: &Limits,
        y: &[f64],
        request: &InferRequest,
    ) -> Result<Answer, Failure> {
        let request = InferRequest {
            engine: "diffusion".to_string(),
            checkpoint: None,
            ..request.clone()
        };
        let why = match self.unlike(bound, y) {
            Some(why) => format!("this data is not like the simulated data: {why}"),
            None => {
                let sampler = &self.learned;
                match bound.infer_once(&Query { sampler, y }, &request) {
                    Ok((answer, _)) if answer.reliable || answer.interrupted => return Ok(answer),
                    Ok((answer, _)) => {
                        let against = answer.warnings.first().cloned().unwrap_or_default();
                        format!("the trained sampler does not serve this data: {against}")
                    }
                    Err(failure) if failure.exit == ExitKind::Input => return Err(failure),
                    Err(failure) => {
                        format!("the trained sampler does not serve this data: {failure}")
                    }
                }
            }
        };
        self.by_smc(why, inputs, limits, &request)
    }

    /// Why the sampler cannot know this data, where it cannot.
    fn unlike(&self, bound: &Bound, y: &[f64]) -> Option<String> {
        if places(bound).as_ref() != Some(&self.places) {
            return Some("it leads the program to other draws".to_string());
        }
        self.learned.alarm(y)
    }

    fn by_smc(
        &self,
        why: String,
        inputs: &Inputs,
        limits: &Limits,
        request: &InferRequest,
    ) -> Result<Answer, Failure> {
        let smc = InferRequest {
            engine: "smc".to_string(),
            options: Vec::new(),
            ..request.clone()
        };
        let mut answer = self.program.bind(inputs, limits)?.infer(&smc)?;
        answer.requested = "diffusion".to_string();
        answer
            .warnings
            .insert(0, format!("{why}; the answer is SMC's"));
        answer.chosen_because = Some("the trained sampler does not serve this data".to_string());
        Ok(answer)
    }

    /// The training's data with a query's, which may repeat it and may not change it.
    fn completed(&self, data: &Inputs) -> Result<Inputs, Failure> {
        let asked = |key: &str| self.asked.iter().any(|a| a.key == key);
        for d in self.program.model.data.iter().filter(|d| !asked(&d.key)) {
            let (before, now) = (self.inputs.data.get(&d.key), data.data.get(&d.key));
            let same = now.is_none_or(|now| {
                before.is_some_and(|b| b.shape == now.shape && numbers(b) == numbers(now))
                    && self.inputs.levels_of(&d.key) == data.levels_of(&d.key)
            });
            if !same {
                let message = format!("`{}` is not what the sampler was trained with", d.name);
                return Err(self.other_data(message, d.name_span, "fixed while training"));
            }
        }
        let mut inputs = self.inputs.clone();
        inputs.merge(data.clone());
        Ok(inputs)
    }

    fn other_data(&self, message: String, at: crate::base::Span, label: &str) -> Failure {
        let names: Vec<&str> = self.named().collect();
        let report = Report::error("odp::session::other_data", message).label(at, label);
        let help = format!(
            "a query gives {}; for other sizes and covariates train another sampler",
            names.join(", ")
        );
        Failure {
            reports: vec![report.help(help)],
            exit: ExitKind::Input,
            sources: self.program.sources().clone(),
        }
    }

    /// A data set's numbers, in the order of training.
    fn numbers(&self, inputs: &Inputs) -> Result<Vec<f64>, Failure> {
        let mut all = Vec::new();
        for asked in &self.asked {
            let decl = self
                .program
                .model
                .data
                .iter()
                .find(|d| d.name == asked.name);
            let at = decl.expect("a file's names are checked").name_span;
            let Some(entry) = inputs.data.get(&asked.key) else {
                let message = format!("the query has no `{}`", asked.name);
                return Err(self.other_data(message, at, "each query gives it"));
            };
            if entry.shape.dims() != asked.sizes {
                let trained = crate::base::Shape(asked.sizes.clone());
                let message = format!(
                    "`{}` has the sizes {}, and the sampler was trained for {trained}",
                    asked.name, entry.shape
                );
                return Err(self.other_data(message, at, "declared here"));
            }
            all.extend(numbers(entry));
        }
        Ok(all)
    }

    /// Whether a sampler may be written to a path: asked before a training, so that none is lost.
    ///
    /// # Errors
    /// A path where something else stands, or whose folder does not exist.
    pub fn may_write(path: &Path) -> Result<(), Failure> {
        Ok(SamplerFile::may_write(path)?)
    }

    /// Writes it to a file, whole or not at all.
    ///
    /// # Errors
    /// As [`Sampler::may_write`], and what the system refuses.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let asked = self.asked.iter().cloned();
        let file = SamplerFile {
            odp: self.trained_by.clone(),
            name: self.program.origin.parts().0,
            text: self.text.clone(),
            files: self.files.clone(),
            inputs: self.inputs.clone(),
            asked: asked.map(|a| (a.name, (a.key, a.sizes))).collect(),
            coordinates: self.places.clone(),
            seed: self.seed,
            learned: self.learned.to_bytes(),
        };
        Ok(file.write(path)?)
    }

    /// Reads a sampler from a file of at most `limit` bytes.
    ///
    /// # Errors
    /// A file that cannot be read, is no sampler, is of another version, or is damaged.
    pub fn read(path: &Path, limit: u64) -> Result<Sampler, Failure> {
        let file = SamplerFile::read(path, limit)?;
        Sampler::of_file(file, &path.display().to_string())
    }

    /// The sampler in a file of that name.
    fn of_file(file: SamplerFile, name: &str) -> Result<Sampler, Failure> {
        let damaged = || StoreError::BadSampler {
            file: name.to_string(),
            what: "it is damaged".to_string(),
        };
        let program = Session::compile(
            &file.name,
            &file.text,
            Arc::new(Remembered(file.files.clone())),
        )?;
        let learned = Trained::of_bytes(&file.learned).ok_or_else(damaged)?;
        let asked = file
            .asked
            .into_iter()
            .map(|(name, (key, sizes))| Asked { name, key, sizes });
        let asked: Vec<Asked> = asked.collect();
        let declares = |a: &Asked| {
            program
                .model
                .data
                .iter()
                .any(|d| d.name == a.name && d.key == a.key)
        };
        let count = asked.iter().try_fold(0usize, |n, a| {
            let len = a.sizes.iter().try_fold(1usize, |n, s| n.checked_mul(*s))?;
            n.checked_add(len)
        });
        let fits = count == Some(learned.numbers()) && learned.dim() == file.coordinates.len();
        if !fits || !asked.iter().all(declares) {
            return Err(damaged().into());
        }
        Ok(Sampler {
            program,
            text: file.text,
            files: file.files,
            inputs: file.inputs,
            asked,
            places: file.coordinates,
            seed: file.seed,
            learned,
            trained_by: file.odp,
            train_s: None,
        })
    }
}

#[cfg(test)]
mod tests;
