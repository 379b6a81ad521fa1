//! What draws: `:infer`, `:sample`, `:plot`.

use std::time::Duration;

use odp::{Bound, Draws, Failure, InferRequest, Session, StatementKind};

use super::desk::{Desk, Last};
use super::elements::{Element, aligned, elements};
use super::plot::{self, Canvas};
use super::words::at_prompt;
use super::wrong;
use crate::terminal::{load, progress, text};

/// Draws behind a picture of the prior.
const PRIOR_DRAWS: usize = 4000;
/// Most draws that `:sample` lists.
const MOST_SAMPLES: usize = 1000;

/// `:infer smc particles=1000 draws=2000`.
///
/// # Errors
/// As [`Bound::infer`], and what is wrong with the words behind the command.
pub fn infer(desk: &mut Desk, rest: &str) -> Result<(), Failure> {
    let request = request(desk, rest)?;
    let quiet = !desk.style.interactive;
    let shown = progress::shown_on(desk.console, quiet);
    let request = InferRequest {
        progress: shown.progress.clone(),
        keep_noise: true,
        ..request
    };
    let bound = desk.ready()?;
    let answer = bound.infer(&request);
    shown.finish();
    let mut answer = answer.map_err(|f| load::with_warnings(f, bound.warnings()))?;
    desk.say(&at_prompt(&text::of_answer(&answer, desk.style.colour)));
    desk.last = answer.kept.take().map(|noise| Last {
        engine: answer.engine,
        noise,
    });
    Ok(())
}

fn request(desk: &Desk, rest: &str) -> Result<InferRequest, Failure> {
    let mut words = rest.split_whitespace().peekable();
    let engine = words.next_if(|w| !w.contains('=')).unwrap_or("auto");
    let mut request = desk.request(engine, 4000, desk.seed());
    for word in words {
        let Some((name, value)) = word.split_once('=') else {
            return Err(wrong(format!("`{word}` should read name=value")));
        };
        let unfit = || wrong(format!("`{name}={value}`: a number above 0 is wanted"));
        let count = || value.parse().ok().filter(|n| *n > 0).ok_or_else(unfit);
        match name {
            "draws" => request.draws = count()?,
            "chains" => request.chains = count()?,
            "seed" => request.seed = value.parse().map_err(|_| unfit())?,
            "time" => {
                let seconds = value.parse().ok().filter(|s| *s > 0.0).ok_or_else(unfit)?;
                let budget = Duration::try_from_secs_f64(seconds).map_err(|_| unfit())?;
                request.time_budget = Some(budget);
            }
            _ => request.options.push((name.to_string(), value.to_string())),
        }
    }
    Ok(request)
}

/// `:sample 5`.
///
/// # Errors
/// As [`Bound::infer`], and a number that is none.
pub fn sample(desk: &mut Desk, rest: &str) -> Result<(), Failure> {
    let n: Option<usize> = if rest.is_empty() {
        Some(1)
    } else {
        rest.parse().ok()
    };
    let Some(n) = n.filter(|n| (1..=MOST_SAMPLES).contains(n)) else {
        return Err(wrong(format!(
            "`:sample {rest}`: a number from 1 to {MOST_SAMPLES} is wanted"
        )));
    };
    let text = desk.draft.text_without_return();
    if text.trim().is_empty() {
        return Err(nothing_named());
    }
    let program =
        Session::compile(&desk.draft.name, &text, load::folder(&desk.limits))?.unfinished();
    let bound = program.bind(&desk.draft.inputs, &desk.limits)?;
    if bound.describe().outputs.is_empty() {
        return Err(nothing_named());
    }
    let draws = desk.prior(&bound, n)?;
    desk.say(&blocks(&elements(&draws, "value"), n, desk.style.width));
    Ok(())
}

fn nothing_named() -> Failure {
    wrong("there is no named site yet; `sample x ~ Normal(0, 1)` makes one")
}

/// Elements in rows, draws in columns, as many blocks as the width asks for.
fn blocks(all: &[Element], n: usize, width: usize) -> String {
    let name = all
        .iter()
        .map(|e| e.name.chars().count())
        .max()
        .unwrap_or(0);
    let cells: Vec<Vec<String>> = all.iter().map(|e| e.first(n)).collect();
    let widest = cells
        .iter()
        .flatten()
        .map(|s| s.chars().count())
        .max()
        .unwrap_or(1);
    let per_block = (width.saturating_sub(name) / (widest + 2)).clamp(1, n);
    let block = |from: usize| {
        let row = |(e, cells): (&Element, &Vec<String>)| {
            let own = &cells[from..(from + per_block).min(n)];
            [std::slice::from_ref(&e.name), own].concat()
        };
        aligned(&all.iter().zip(&cells).map(row).collect::<Vec<_>>())
    };
    let blocks: Vec<String> = (0..n).step_by(per_block).map(block).collect();
    blocks.join("\n")
}

/// `:plot x`, `:plot x y`.
///
/// # Errors
/// What is wrong with the expressions, and as [`Bound::infer`].
pub fn plot(desk: &mut Desk, rest: &str) -> Result<(), Failure> {
    let canvas = Canvas {
        width: desk.style.width,
        unicode: desk.style.unicode,
    };
    match two_expressions(rest) {
        _ if rest.is_empty() => Err(wrong("`:plot` wants an expression, such as `:plot mu`")),
        None => {
            let bound = desk.returning(rest)?;
            let (draws, of) = draws(desk, &bound)?;
            let all = elements(&draws, rest);
            if all.is_empty() {
                return Err(wrong(format!("`{rest}` has no numbers to draw")));
            }
            let picture = plot::distribution(&all, canvas);
            desk.say(&format!("{rest} · {of}\n\n{picture}"));
            Ok(())
        }
        Some((x, y)) => {
            let bound = desk.returning(&format!("({x}, {y})"))?;
            let (draws, of) = draws(desk, &bound)?;
            let mut all = elements(&draws, "value");
            let [first, second] = &mut all[..] else {
                return Err(wrong("a scatter is of two numbers"));
            };
            (first.name, second.name) = (x.to_string(), y.to_string());
            let picture = plot::scatter(first, second, canvas);
            desk.say(&format!("{x}, {y} · {of}\n\n{picture}"));
            Ok(())
        }
    }
}

/// The outputs at the last inference's draws, else at draws from the prior; and which it was.
fn draws(desk: &mut Desk, bound: &Bound) -> Result<(Draws, String), Failure> {
    let (draws, of) = match &desk.last {
        Some(last) => (
            bound.at(&last.noise),
            format!("posterior by {}", last.engine),
        ),
        None => (desk.prior(bound, PRIOR_DRAWS)?, "prior".to_string()),
    };
    let of = format!("{of}, {} draws", draws.n);
    Ok((draws, of))
}

/// Two expressions beside each other; `None` where it is one.
fn two_expressions(text: &str) -> Option<(&str, &str)> {
    if is_expression(text) {
        return None;
    }
    let splits = text
        .char_indices()
        .filter(|(_, c)| c.is_whitespace() || *c == ',');
    let mut pairs = splits.map(|(i, c)| (text[..i].trim(), text[i + c.len_utf8()..].trim()));
    pairs.find(|(x, y)| is_expression(x) && is_expression(y))
}

fn is_expression(text: &str) -> bool {
    let facts = Session::statements("expression", text);
    facts.is_ok_and(|f| f.len() == 1 && f[0].kind == StatementKind::Expression)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_expression_is_told_from_two() {
        assert_eq!(two_expressions("x"), None);
        assert_eq!(two_expressions("x + y"), None);
        assert_eq!(two_expressions("x y"), Some(("x", "y")));
        assert_eq!(two_expressions("x, y"), Some(("x", "y")));
        assert_eq!(
            two_expressions("theta[0] log(tau)"),
            Some(("theta[0]", "log(tau)"))
        );
        assert_eq!(two_expressions("f(a, b) c + d"), Some(("f(a, b)", "c + d")));
        assert_eq!(two_expressions("x ~ y"), None);
    }
}
