//! A closing bracket that is not the innermost frame's: one too many, the wrong one, or is another one missing?
//!
//! Each answer says which brackets are open afterwards. The one under which the following closing brackets fit best is
//! taken, so that one slip is one report.
//!
//! ```text
//! open (outermost first)   here   following        best answer
//! (  [                     )      )                `)` was meant to be `]`
//! (                        ]      )                `]` is one too many
//! {  (                     }                       `(` is never closed
//! ```

use super::Walk;
use super::brackets::partner;
use crate::syntax::error::{Noticed, SyntaxError};

/// How far the answer looks ahead.
const TOKENS: usize = 400;
const CLOSERS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Answer {
    OneTooMany,
    WrongOne,
    /// So many frames inside the one that it closes were never closed.
    Missing(usize),
}

impl Walk<'_> {
    pub(super) fn repair(&mut self, i: usize) {
        match self.best_answer(i) {
            Answer::OneTooMany if self.given_up > 0 => self.given_up -= 1,
            Answer::OneTooMany => self.report_surplus(i),
            Answer::WrongOne => {
                self.report_wrong(i);
                self.close_top(i);
            }
            Answer::Missing(n) => {
                self.report_open(i, Noticed::OtherBracket);
                (0..n).for_each(|_| drop(self.pop(i)));
                self.close_top(i);
            }
        }
        self.damage();
    }

    fn best_answer(&self, i: usize) -> Answer {
        let wanted: Vec<char> = self
            .stack
            .iter()
            .rev()
            .filter_map(|f| f.open)
            .map(|open| partner(self.sign_of(open)))
            .collect();
        let (following, all) = self.following(i);
        let fit = |closed: usize| {
            let open = wanted.get(closed..).unwrap_or_default();
            let fitting = open.iter().zip(&following).take_while(|(a, b)| a == b);
            let fitting = fitting.count();
            let exact = all && fitting == following.len() && fitting == open.len();
            2 * fitting + usize::from(exact)
        };
        let mut answers = vec![(fit(0), Answer::OneTooMany)];
        if !wanted.is_empty() {
            answers.push((fit(1), Answer::WrongOne));
        }
        if let Some(n) = wanted.iter().position(|c| *c == self.sign_of(i)) {
            answers.push((fit(n + 1), Answer::Missing(n)));
        }
        // The last of the best: where nothing speaks against it, the author forgot a bracket.
        let best = answers.into_iter().max_by_key(|(fit, _)| *fit);
        best.map_or(Answer::OneTooMany, |(_, answer)| answer)
    }

    /// The closing brackets behind token `i` that close what is open there, and whether the text has no more of them.
    fn following(&self, i: usize) -> (Vec<char>, bool) {
        let end = (i + 1 + TOKENS).min(self.lexed.tokens.len());
        let mut closers = Vec::new();
        let mut depth = 0usize;
        for j in i + 1..end {
            match self.text(j) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" if depth > 0 => depth -= 1,
                ")" | "]" | "}" => closers.push(self.sign_of(j)),
                _ => {}
            }
            if closers.len() == CLOSERS {
                return (closers, false);
            }
        }
        (closers, end == self.lexed.tokens.len())
    }

    fn report_surplus(&mut self, i: usize) {
        let suspect = self.surplus.take().map(|s| self.span(s));
        self.errors.push(SyntaxError::Unopened {
            at: self.span(i),
            bracket: self.sign_of(i),
            suspect,
        });
    }

    fn report_wrong(&mut self, i: usize) {
        let open = self.stack.last().and_then(|f| f.open);
        let open = open.expect("a wrong bracket closes a frame");
        self.errors.push(SyntaxError::Mismatched {
            open: self.span(open),
            bracket: self.sign_of(open),
            close: self.span(i),
            found: self.sign_of(i),
        });
    }
}
