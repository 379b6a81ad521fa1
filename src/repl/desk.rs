//! What a session knows: the program so far, checked and with its data, and the last inference.
//!
//! A change is made on a copy and adopted when it checks, so that an error leaves everything as it was. Inputs that are
//! missing or do not fit yet are no error of a statement: the program waits for them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use odp::{
    Bound, Draws, ExitKind, Failure, InferRequest, Inputs, Limits, NoiseDraws, Program, Report,
    Session, default_threads,
};

use super::draft::Draft;
use crate::terminal::console::Console;
use crate::terminal::load::{folder, fresh_seed};

/// Changes that can be taken back.
const LONGEST_PAST: usize = 1000;

/// A session.
pub struct Desk {
    /// Where results and errors go.
    pub console: Console,
    /// How things are drawn.
    pub style: Style,
    /// The program's statements and inputs.
    pub draft: Draft,
    /// The program, checked.
    pub program: Program,
    /// With its data; or what is wrong with the data.
    pub bound: Result<Bound, Failure>,
    /// How far a program may go.
    pub limits: Limits,
    /// The last inference, as long as it is one of this program.
    pub last: Option<Last>,
    /// Set by Ctrl-C while something runs.
    pub stop: Arc<AtomicBool>,
    /// The seed that was asked for.
    seed: Option<u64>,
    looks: u64,
    past: Vec<Draft>,
}

/// What the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether results may be coloured.
    pub colour: bool,
    /// Whether block characters can be shown.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// Whether a person types.
    pub interactive: bool,
}

/// An inference that more can be computed from.
pub struct Last {
    /// The engine that answered.
    pub engine: String,
    /// Its draws.
    pub noise: NoiseDraws,
}

/// A program that checks.
pub struct Checked {
    program: Program,
    bound: Result<Bound, Failure>,
}

impl Checked {
    /// Binds data; data that are missing or do not fit are no error of the program.
    fn new(program: Program, inputs: &Inputs, limits: &Limits) -> Result<Checked, Failure> {
        match program.bind(inputs, limits) {
            Err(failure) if failure.exit != ExitKind::Input => Err(failure),
            bound => Ok(Checked { program, bound }),
        }
    }
}

impl Desk {
    /// A session without a program.
    pub fn new(console: Console, style: Style, limits: Limits, seed: Option<u64>) -> Desk {
        let draft = Draft::empty(Arc::default());
        let program = Session::blank(&draft.name, folder(&limits));
        let bound = program.bind(&draft.inputs, &limits);
        Desk {
            console,
            style,
            draft,
            program,
            bound,
            limits,
            last: None,
            stop: Arc::default(),
            seed,
            looks: 0,
            past: Vec::new(),
        }
    }

    /// Checks a program as far as its data allow.
    ///
    /// # Errors
    /// What is wrong with the program.
    pub fn check(&self, draft: &Draft) -> Result<Checked, Failure> {
        let files = folder(&self.limits);
        let program = match draft.pieces.is_empty() {
            true => Session::blank(&draft.name, files),
            false => Session::compile(&draft.name, &draft.text(), files)?.unfinished(),
        };
        Checked::new(program, &draft.inputs, &self.limits)
    }

    /// Takes a program that checks for the program from now on. `keeps_draws` says that the change adds no chance and no
    /// evidence.
    pub fn adopt(&mut self, draft: Draft, checked: Checked, keeps_draws: bool) {
        self.past.push(std::mem::replace(&mut self.draft, draft));
        if self.past.len() > LONGEST_PAST {
            self.past.remove(0);
        }
        self.exchange(checked);
        let fits = |last: &Last| {
            self.bound
                .as_ref()
                .is_ok_and(|b| b.has_noise_of(&last.noise))
        };
        if !(keeps_draws && self.last.as_ref().is_some_and(fits)) {
            self.last = None;
        }
    }

    /// Takes the last change back; `false` if there is none.
    ///
    /// # Errors
    /// That the earlier program cannot be used any more: a file that it uses has changed.
    pub fn undo(&mut self) -> Result<bool, Failure> {
        let Some(draft) = self.past.pop() else {
            return Ok(false);
        };
        let checked = self.check(&draft)?;
        self.draft = draft;
        self.exchange(checked);
        self.last = None;
        Ok(true)
    }

    fn exchange(&mut self, Checked { program, bound }: Checked) {
        let odd: Vec<Report> = match &bound {
            Ok(bound) => bound.warnings().to_vec(),
            Err(_) => program.warnings().to_vec(),
        };
        let known = self.warnings();
        let new: Vec<Report> = odd
            .into_iter()
            .filter(|w| !known.contains(&w.message))
            .collect();
        self.console.warnings(&new, program.sources());
        self.program = program;
        self.bound = bound;
    }

    /// What is odd in the program, without its places, which move as it grows.
    fn warnings(&self) -> Vec<String> {
        let all = match &self.bound {
            Ok(bound) => bound.warnings(),
            Err(_) => self.program.warnings(),
        };
        all.iter().map(|w| w.message.clone()).collect()
    }

    /// The program with its data.
    ///
    /// # Errors
    /// The data that it waits for.
    pub fn ready(&self) -> Result<&Bound, Failure> {
        self.bound.as_ref().map_err(Failure::clone)
    }

    /// The program with its data and an expression as its result.
    ///
    /// # Errors
    /// What is wrong with the expression, or the data that the program waits for.
    pub fn returning(&self, expression: &str) -> Result<Bound, Failure> {
        let program = self.program.returning(expression)?;
        program.bind(&self.draft.inputs, &self.limits)
    }

    /// The seed of an inference: the one that was asked for, else a fresh one.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or_else(fresh_seed)
    }

    /// The seed of the next look at the prior, unlike the last one.
    fn next_seed(&mut self) -> u64 {
        self.looks += 1;
        self.seed().wrapping_add(self.looks)
    }

    /// A request for draws.
    pub fn request(&self, engine: &str, draws: usize, seed: u64) -> InferRequest {
        InferRequest {
            draws,
            stop: self.stop.clone(),
            threads: default_threads(),
            ..InferRequest::new(engine, seed)
        }
    }

    /// Draws from the prior of a program.
    ///
    /// # Errors
    /// As [`Bound::infer`].
    pub fn prior(&mut self, bound: &Bound, draws: usize) -> Result<Draws, Failure> {
        let seed = self.next_seed();
        let request = self.request("prior", draws, seed);
        Ok(bound.infer(&request)?.record.draws)
    }

    /// Prints a result.
    pub fn say(&self, text: &str) {
        self.console
            .result(&format!("{}\n", text.trim_end_matches('\n')));
    }
}
