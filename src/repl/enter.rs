//! What is entered that is no command: statements join the program, expressions are shown.

use odp::{Failure, OutputKind, StatementKind, Type, digits_like, significant};

use super::desk::Desk;
use super::draft::{self, Piece};
use super::elements::{Element, aligned, elements, moments};

/// Prior draws behind a summary.
const DRAWS: usize = 2000;
/// Rows of a summary.
const MOST_ROWS: usize = 12;
/// Draws shown beside it.
const SHOWN: usize = 5;

/// Takes statements and expressions in their order. Statements that follow each other are taken together or not at all.
///
/// # Errors
/// What is wrong with the text.
pub fn enter(desk: &mut Desk, text: &str) -> Result<(), Failure> {
    let pieces = draft::pieces("input", text)?;
    let is_value = |p: &Piece| p.kind == StatementKind::Expression;
    for group in pieces.chunk_by(|a, b| !is_value(a) && !is_value(b)) {
        if !(is_value(&group[0]) && show_value(desk, &group[0].statement)?) {
            take(desk, group)?;
        }
    }
    Ok(())
}

/// Adds statements to the program, each in its place.
fn take(desk: &mut Desk, pieces: &[Piece]) -> Result<(), Failure> {
    let (draft, notes) = desk.draft.in_place(pieces);
    let (draft, notes, checked) = match desk.check(&draft) {
        Ok(checked) => (draft, notes, checked),
        Err(failure) => {
            let Some((draft, notes)) = desk.draft.at_end(pieces) else {
                return Err(failure);
            };
            let checked = desk.check(&draft).map_err(|_| failure)?;
            (draft, notes, checked)
        }
    };
    let keeps_draws = notes.is_empty() && pieces.iter().all(adds_no_chance);
    desk.adopt(draft, checked, keeps_draws);
    notes.iter().for_each(|note| desk.say(note));
    tell_missing_data(desk, pieces);
    Ok(())
}

fn adds_no_chance(piece: &Piece) -> bool {
    use StatementKind::{Distribution, Fn, Let, Return, Use};
    matches!(piece.kind, Let | Fn | Distribution | Use | Return)
}

/// New `data` that the program now waits for.
fn tell_missing_data(desk: &Desk, pieces: &[Piece]) {
    if desk.bound.is_ok() {
        return;
    }
    for piece in pieces.iter().filter(|p| p.kind == StatementKind::Data) {
        let names = piece.names.join(", ");
        desk.say(&format!(
            "`{names}` waits for `:data FILE` or `:set {names}=VALUE`"
        ));
    }
}

/// Shows what an expression gives; `false` where it has no value.
fn show_value(desk: &mut Desk, expression: &str) -> Result<bool, Failure> {
    let program = desk.program.returning(expression)?.unfinished();
    let ty = program.result_type().clone();
    if ty == Type::Unit {
        return match printed(desk, expression) {
            Some(arguments) => show_value(desk, arguments),
            None => Ok(false),
        };
    }
    let bound = program.bind(&desk.draft.inputs, &desk.limits)?;
    if let Some(text) = bound.result() {
        desk.say(text);
        return Ok(true);
    }
    let draws = match bound.describe().outputs.is_empty() {
        true => None,
        false => Some(desk.prior(&bound, DRAWS)?),
    };
    match draws.map(|d| elements(&d, expression)) {
        None => desk.say(&ty.to_string()),
        Some(all) => match &all[..] {
            [one] if bound.describe().outputs[0].name == "value" => {
                desk.say(&format!("prior: {}", in_words(one)))
            }
            all => desk.say(&summary(all)),
        },
    }
    Ok(true)
}

/// What a call of `print` prints; it is none of the program's.
fn printed<'t>(desk: &Desk, expression: &'t str) -> Option<&'t str> {
    let arguments = expression.strip_prefix("print")?.trim_start();
    let is_call = arguments.starts_with('(') && arguments != "()";
    (is_call && desk.draft.origin("print").is_none()).then_some(arguments)
}

/// `mean 1.0, sd 0.98; draws 0.31, 1.92, …`.
fn in_words(element: &Element) -> String {
    let here = element.present();
    if here.is_empty() {
        return "no execution has this value".to_string();
    }
    let (mean, sd) = moments(&here);
    let figures = match element.kind {
        OutputKind::Bool => format!("true with probability {}", significant(mean, 3)),
        _ => format!("mean {}, sd {}", number(mean, sd), number(sd, sd)),
    };
    let share = here.len() as f64 / element.values.len() as f64;
    let partly = match share < 1.0 {
        true => format!(
            "; exists in {} % of executions",
            significant(100.0 * share, 3)
        ),
        false => String::new(),
    };
    format!(
        "{figures}{partly}; draws {}, …",
        element.first(SHOWN).join(", ")
    )
}

fn summary(all: &[Element]) -> String {
    let mut rows = vec![["prior", "mean", "sd", "draws"].map(String::from).to_vec()];
    rows[0].resize(3 + SHOWN, String::new());
    for element in all.iter().take(MOST_ROWS) {
        let (mean, sd) = moments(&element.present());
        let mut row = vec![element.name.clone(), number(mean, sd), number(sd, sd)];
        row.extend(element.first(SHOWN));
        row.resize(3 + SHOWN, String::new());
        rows.push(row);
    }
    let mut text = aligned(&rows);
    if let more @ 1.. = all.len().saturating_sub(MOST_ROWS) {
        text.push_str(&format!("… and {more} more\n"));
    }
    text
}

/// A figure with the digits that its spread has meaning for.
fn number(x: f64, sd: f64) -> String {
    match x.is_finite() && sd.is_finite() {
        true => digits_like(x, Some(sd)),
        false => "-".to_string(),
    }
}
