//! What each command does; those that draw are in `run`.

use std::path::Path;
use std::sync::Arc;

use odp::{Failure, GraphView, Inputs, NodeKind, Type, write_text};

use super::command::{self, Command, Name};
use super::desk::Desk;
use super::draft::Draft;
use super::{doc, highlight, run, wrong};
use crate::terminal::load;
use crate::terminal::text::rows;

/// Whether the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It does.
    Continue,
    /// It does, and tells from now on how long everything takes, or no more.
    ToggleTime,
    /// It ends.
    Quit,
}

/// Does what a line that begins with a colon asks for.
///
/// # Errors
/// What is wrong with the line, or with what it asks for.
pub fn obey(desk: &mut Desk, line: &str) -> Result<Then, Failure> {
    let Command { name, rest } = command::read(line).map_err(wrong)?;
    match name {
        Name::Quit => return Ok(Then::Quit),
        Name::Time => return Ok(Then::ToggleTime),
        Name::Help => desk.say(&help()),
        Name::Show => show(desk),
        Name::Type => desk.say(&type_of(desk, rest)?),
        Name::Doc => desk.say(&doc::doc(desk, rest)?),
        Name::Graph => graph(desk, rest)?,
        Name::Sample => run::sample(desk, rest)?,
        Name::Infer => run::infer(desk, rest)?,
        Name::Plot => run::plot(desk, rest)?,
        Name::Data => data(desk, rest)?,
        Name::Set => set(desk, rest)?,
        Name::Load => load_file(desk, rest)?,
        Name::Save => save(desk, rest)?,
        Name::Undo => undo(desk)?,
        Name::Reset => reset(desk)?,
    }
    Ok(Then::Continue)
}

fn help() -> String {
    let commands = command::ALL
        .iter()
        .map(|(_, _, usage, summary)| (format!("  {usage}"), *summary));
    let words = "A statement joins the program; one that binds a name again takes the place of the earlier one.\n\
                 An expression is shown: its value, or a summary of draws from the prior where it depends on chance.\n\
                 A line goes on while a bracket is open; an empty line ends it. Commands may be cut short.\n";
    format!("{words}\n{}", rows(commands))
}

fn show(desk: &Desk) {
    let text = desk.draft.text();
    if text.trim().is_empty() {
        return desk.say("nothing yet");
    }
    desk.say(&match desk.style.colour {
        true => highlight::coloured(&text, &desk.draft.names()),
        false => text,
    });
}

/// The type of an expression; with data, its sizes as they are.
fn type_of(desk: &Desk, expression: &str) -> Result<String, Failure> {
    if expression.is_empty() {
        return Err(wrong("`:type` wants an expression, such as `:type x + 1`"));
    }
    let ty = desk.program.type_of(expression)?;
    if !matches!(ty, Type::Array { .. } | Type::Any) {
        return Ok(ty.to_string());
    }
    // What cannot be run has a type all the same.
    let bound = desk.returning(expression).ok();
    let outputs = bound
        .map(|b| b.describe().outputs.clone())
        .unwrap_or_default();
    Ok(match &outputs[..] {
        [one] if one.name == "value" => one.ty.clone(),
        _ => ty.to_string(),
    })
}

fn graph(desk: &Desk, file: &str) -> Result<(), Failure> {
    let view = desk.ready()?.graph();
    match file {
        "" => desk.say(&dependences(&view)),
        _ if file.ends_with(".dot") => write_text(Path::new(file), &view.dot())?,
        _ => write_text(Path::new(file), &view.svg())?,
    }
    Ok(())
}

/// What is drawn, weighed and given, each with the draws that it reads, however indirectly.
fn dependences(view: &GraphView) -> String {
    let computed = |i: usize| view.nodes[i].kind == NodeKind::Computed;
    // Operands come first: what a computed node reads is known when it is met.
    let mut reads: Vec<Vec<usize>> = vec![Vec::new(); view.nodes.len()];
    for &(from, to) in &view.edges {
        let more = match view.nodes[from].kind {
            NodeKind::Computed => reads[from].clone(),
            NodeKind::Data => Vec::new(),
            _ => vec![from],
        };
        let new: Vec<usize> = more
            .into_iter()
            .filter(|n| !reads[to].contains(n))
            .collect();
        reads[to].extend(new);
    }
    let name = |i: &usize| view.nodes[*i].label.split(" ~ ").next().unwrap_or_default();
    let lines: Vec<(String, String)> = (0..view.nodes.len())
        .filter(|i| !computed(*i) && view.nodes[*i].kind != NodeKind::Data)
        .filter(|i| {
            reads[*i]
                .iter()
                .map(name)
                .ne([view.nodes[*i].label.as_str()])
        })
        .map(|i| {
            let names: Vec<&str> = reads[i].iter().map(name).collect();
            let words = if names.is_empty() {
                String::new()
            } else {
                format!("reads {}", names.join(", "))
            };
            let given = if view.nodes[i].kind == NodeKind::Output {
                "output "
            } else {
                ""
            };
            (format!("{given}{}", view.nodes[i].label), words)
        })
        .collect();
    match lines.is_empty() {
        true => "nothing depends on chance\n".to_string(),
        false => rows(lines.iter().map(|(l, w)| (l.clone(), w.as_str()))),
    }
}

fn data(desk: &mut Desk, file: &str) -> Result<(), Failure> {
    let path = named(file, ":data")?;
    let read = Inputs::read(Path::new(path), desk.limits.max_mem)?;
    let mut names: Vec<String> = read.data.names().map(|n| format!("`{n}`")).collect();
    names.sort();
    let mut inputs = Inputs::clone(&desk.draft.inputs);
    inputs.merge(read);
    given(desk, inputs)?;
    desk.say(&format!("read {}", names.join(", ")));
    Ok(())
}

fn set(desk: &mut Desk, pair: &str) -> Result<(), Failure> {
    let Some((name, value)) = pair.split_once('=') else {
        return Err(wrong("`:set` wants name=VALUE, such as `:set N=10`"));
    };
    let mut inputs = Inputs::clone(&desk.draft.inputs);
    inputs.set(name.trim(), value.trim())?;
    given(desk, inputs)
}

/// Takes new inputs. That they do not fit the program yet is told, and no reason to refuse them: others may follow.
fn given(desk: &mut Desk, inputs: Inputs) -> Result<(), Failure> {
    let draft = Draft {
        inputs: Arc::new(inputs),
        ..desk.draft.clone()
    };
    let checked = desk.check(&draft)?;
    desk.adopt(draft, checked, false);
    if let Err(failure) = &desk.bound {
        let words = format!("the program still waits: {failure}");
        desk.say(&words);
    }
    Ok(())
}

/// Begins with the program of a file; what is given stays.
///
/// # Errors
/// A file that cannot be read, or what is wrong with its program.
pub fn load_file(desk: &mut Desk, file: &str) -> Result<(), Failure> {
    let path = Path::new(named(file, ":load")?);
    let text = load::program_text(path, &desk.limits)?;
    let inputs = desk.draft.inputs.clone();
    let draft = Draft::read(&path.display().to_string(), &text, inputs)?;
    let checked = desk.check(&draft)?;
    desk.adopt(draft, checked, false);
    let n = desk.draft.pieces.len();
    let waits = if desk.bound.is_ok() {
        ""
    } else {
        "; it waits for its data"
    };
    desk.say(&format!(
        "{} statement{}{waits}",
        n,
        if n == 1 { "" } else { "s" }
    ));
    Ok(())
}

fn save(desk: &Desk, file: &str) -> Result<(), Failure> {
    let path = named(file, ":save")?;
    write_text(Path::new(path), &desk.draft.text())?;
    desk.say(&format!("written to {path}"));
    Ok(())
}

/// A path, perhaps in quotes.
fn named<'t>(file: &'t str, command: &str) -> Result<&'t str, Failure> {
    let bare = file
        .strip_prefix('"')
        .and_then(|f| f.strip_suffix('"'))
        .unwrap_or(file);
    match bare.is_empty() {
        true => Err(wrong(format!("`{command}` wants a file's name"))),
        false => Ok(bare),
    }
}

fn undo(desk: &mut Desk) -> Result<(), Failure> {
    let before = desk.draft.pieces.len();
    if !desk.undo()? {
        return Err(wrong("there is no change to take back"));
    }
    let after = desk.draft.pieces.len();
    desk.say(&format!("back from {before} to {after} statements"));
    Ok(())
}

fn reset(desk: &mut Desk) -> Result<(), Failure> {
    let draft = Draft::empty(Arc::default());
    let checked = desk.check(&draft)?;
    desk.adopt(draft, checked, false);
    Ok(())
}
