//! The prompt: a line editor with history, colours and completion.

use std::borrow::Cow;
use std::path::PathBuf;

use rustyline::completion::{Completer, Pair};
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{ColorMode, CompletionType, Context, Editor, Helper};

use super::complete::Words;
use super::desk::Desk;
use super::highlight::coloured;
use super::input::{Entry, wants_more};
use crate::terminal::load::state_file;

/// Entries that are remembered.
const LONGEST_HISTORY: usize = 2000;

/// A line editor.
pub struct Prompt {
    editor: Editor<Reader, FileHistory>,
    history: Option<PathBuf>,
    colour: bool,
}

impl Prompt {
    /// An editor on this terminal.
    ///
    /// # Errors
    /// A terminal that cannot be used.
    pub fn new(colour: bool) -> rustyline::Result<Prompt> {
        let config = Config::builder()
            .max_history_size(LONGEST_HISTORY)?
            .completion_type(CompletionType::List)
            .color_mode(if colour {
                ColorMode::Enabled
            } else {
                ColorMode::Disabled
            })
            .build();
        let mut editor = Editor::with_history(config.clone(), FileHistory::with_config(&config))?;
        editor.set_helper(Some(Reader::default()));
        let history = state_file("history");
        // There is none yet, or it cannot be read: either way there is nothing to remember.
        history
            .iter()
            .for_each(|path| drop(editor.load_history(path)));
        Ok(Prompt {
            editor,
            history,
            colour,
        })
    }

    /// Columns of the terminal.
    pub fn width(&mut self) -> Option<usize> {
        self.editor
            .dimensions()
            .map(|(columns, _)| usize::from(columns))
            .filter(|w| *w > 0)
    }

    /// The next entry.
    pub fn next(&mut self, desk: &Desk) -> Entry {
        if let Some(reader) = self.editor.helper_mut() {
            reader.learn(desk);
        }
        let styled = if self.colour {
            "\x1b[1modp>\x1b[0m "
        } else {
            "odp> "
        };
        match self.editor.readline(&("odp> ", styled)) {
            Ok(text) => {
                self.remember(&text);
                Entry::Text(text)
            }
            Err(ReadlineError::Interrupted) => Entry::Abandoned,
            Err(_) => Entry::End,
        }
    }

    fn remember(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        // A history that cannot be written is no reason to complain.
        let _ = self.editor.add_history_entry(text.trim_end());
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

/// What the editor asks while a person types.
#[derive(Default)]
struct Reader {
    words: Words,
}

impl Reader {
    fn learn(&mut self, desk: &Desk) {
        self.words.names = desk.draft.names().into_iter().map(String::from).collect();
        self.words.inputs = desk
            .program
            .describe()
            .inputs
            .iter()
            .map(|i| i.name.clone())
            .collect();
        self.words.program = Some(desk.program.clone());
    }
}

impl Helper for Reader {}

impl Completer for Reader {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.words.candidates(line, pos))
    }
}

impl Hinter for Reader {
    type Hint = String;

    /// The parameters of a distribution whose bracket has just been opened.
    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<String> {
        if pos < line.len() || !line.ends_with('(') {
            return None;
        }
        let signature = self.words.open_call(line)?.signature();
        Some(signature.split_once('(')?.1.to_string())
    }
}

impl Highlighter for Reader {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        Cow::Owned(coloured(line, &self.words.names))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(format!("\x1b[2m{hint}\x1b[0m"))
    }

    fn highlight_char(&self, _: &str, _: usize, kind: CmdKind) -> bool {
        kind != CmdKind::MoveCursor
    }
}

impl Validator for Reader {
    fn validate(&self, ctx: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        Ok(match wants_more(ctx.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}
