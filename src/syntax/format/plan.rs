//! Where lines break, and which commas and semicolons stand: decided for the whole text before anything is printed.

use crate::syntax::layout::{FrameKind, Layout, Role, comments_between};
use crate::syntax::lexer::{Lexed, ends_operand};

/// One decision for each token.
pub(super) struct Plan {
    /// It begins a line.
    pub breaks: Vec<bool>,
    /// It goes on with what a line above has begun.
    pub continues: Vec<bool>,
    /// It is a semicolon at the end of a line, or a comma before a closing bracket on the same line.
    pub dropped: Vec<bool>,
    /// The trailing comma is missing behind it.
    pub comma_after: Vec<bool>,
    /// The other bracket of its pair.
    pub partner: Vec<usize>,
}

impl Plan {
    /// Plans a text that parses.
    pub fn new(lexed: &Lexed, layout: &Layout) -> Plan {
        let n = lexed.tokens.len();
        let mut planner = Planner {
            lexed,
            layout,
            begins: vec![false; n],
            plan: Plan {
                breaks: vec![false; n],
                continues: vec![false; n],
                dropped: vec![false; n],
                comma_after: vec![false; n],
                partner: partners(layout),
            },
        };
        for segment in &layout.segments {
            planner.begins[segment.first] = true;
        }
        planner.run();
        planner.plan
    }
}

struct Planner<'t> {
    lexed: &'t Lexed,
    layout: &'t Layout,
    /// A statement begins here.
    begins: Vec<bool>,
    plan: Plan,
}

/// A bracket's contents, as far as the walk has come.
struct Frame {
    kind: FrameKind,
    open: Option<usize>,
    /// Its contents stand on lines of their own.
    broken: bool,
    in_params: bool,
    commas: usize,
    /// It has more than semicolons.
    started: bool,
    /// `[e for …]`.
    comprehension: bool,
}

impl Frame {
    fn new(kind: FrameKind, open: Option<usize>, broken: bool) -> Self {
        Frame {
            kind,
            open,
            broken,
            in_params: false,
            commas: 0,
            started: false,
            comprehension: false,
        }
    }
}

impl Planner<'_> {
    fn run(&mut self) {
        let mut frames = vec![Frame::new(FrameKind::File, None, true)];
        for i in 0..self.lexed.tokens.len() {
            let frame = frames.last_mut().expect("the file's frame stays");
            self.line(frame, i);
            frame.started |= self.lexed.text(i) != ";";
            match (self.layout.roles[i], self.lexed.text(i)) {
                (Role::Open(kind), _) => frames.push(self.open(kind, i)),
                (Role::Close(_), _) => {
                    self.trailing_comma(frame, i);
                    frames.pop();
                }
                (Role::BarOpen, _) => frame.in_params = true,
                (Role::BarClose, bar) => frame.in_params = bar == "||",
                (_, ",") => frame.commas += usize::from(!frame.in_params),
                (_, "for") => frame.comprehension = true,
                (_, ";") => self.plan.dropped[i] = frame.broken || self.separates_nothing(frame, i),
                _ => {}
            }
        }
    }

    fn open(&self, kind: FrameKind, open: usize) -> Frame {
        let close = self.plan.partner[open];
        let empty = close == open + 1 && !self.is_commented(close);
        let broken = match kind.has_statements() {
            true => (open + 1..=close).any(|i| self.was_broken(i)),
            false => [open + 1, self.last_element_end(close), close]
                .into_iter()
                .any(|i| self.was_broken(i)),
        };
        Frame::new(kind, Some(open), broken && !empty)
    }

    /// The trailing comma before a closing bracket, or the bracket.
    fn last_element_end(&self, close: usize) -> usize {
        close - usize::from(self.lexed.text(close - 1) == ",")
    }

    fn gap(&self, i: usize) -> (usize, usize) {
        let from = i.checked_sub(1).map_or(0, |p| self.lexed.tokens[p].end);
        (from, self.lexed.tokens[i].start)
    }

    /// Whether the author broke the line before token `i`.
    fn was_broken(&self, i: usize) -> bool {
        let (from, to) = self.gap(i);
        self.lexed.mask[from..to].contains('\n')
    }

    fn is_commented(&self, i: usize) -> bool {
        let (from, to) = self.gap(i);
        !comments_between(&self.lexed.comments, from, to).is_empty()
    }

    /// Decides whether token `i` begins a line, and of which kind.
    fn line(&mut self, frame: &Frame, i: usize) {
        let closes = matches!(self.layout.roles[i], Role::Close(_));
        let first = frame.open.is_some_and(|o| o + 1 == i);
        let begins = self.begins[i] || self.begins_method(frame, i);
        self.plan.breaks[i] = match closes || first || begins {
            true => frame.broken,
            false => self.was_broken(i) && !self.joins(i),
        };
        let text = self.lexed.text(i);
        let goes_on = match frame.kind.has_statements() {
            true => !begins && !matches!(text, "else" | ";"),
            false => !first && text != "for" && self.lexed.text(i - 1) != ",",
        };
        self.plan.continues[i] = goes_on && !closes;
    }

    fn begins_method(&self, frame: &Frame, i: usize) -> bool {
        let last = i.checked_sub(1).map(|p| self.layout.roles[p]);
        frame.kind == FrameKind::Methods && last == Some(Role::Close(FrameKind::Block))
    }

    /// `else` and a block's `{` stand on the line of what they belong to.
    fn joins(&self, i: usize) -> bool {
        let block = matches!(self.layout.roles[i], Role::Open(k) if k.has_statements());
        (block || self.lexed.text(i) == "else") && !self.is_commented(i)
    }

    /// A semicolon at the beginning or at the end of a block.
    fn separates_nothing(&self, frame: &Frame, i: usize) -> bool {
        let closed = matches!(self.layout.roles.get(i + 1), Some(Role::Close(_)));
        !frame.started || closed || self.lexed.text(i + 1) == ";"
    }

    /// In brackets that span lines the last element has a comma, in others it has none; `(a,)` keeps its own.
    fn trailing_comma(&mut self, frame: &Frame, close: usize) {
        let open = frame.open.expect("the file has no bracket");
        let last = close - 1;
        if frame.kind.has_statements() || last == open || frame.comprehension {
            return;
        }
        let groups = frame.kind == FrameKind::Paren && !self.applies(open);
        let has_comma = self.lexed.text(last) == ",";
        match frame.broken {
            true => self.plan.comma_after[last] = !has_comma && (!groups || frame.commas > 0),
            false => self.plan.dropped[last] = has_comma && !(groups && frame.commas == 1),
        }
    }

    /// Whether a `(` calls or declares parameters: then a comma makes no tuple.
    fn applies(&self, open: usize) -> bool {
        let same_line = !self.was_broken(open);
        open.checked_sub(1).filter(|_| same_line).is_some_and(|p| {
            self.lexed.text(p) == "fn" || ends_operand(self.lexed.tokens[p], &self.lexed.mask)
        })
    }
}

/// For each bracket, the other one of its pair.
fn partners(layout: &Layout) -> Vec<usize> {
    let mut partner = vec![0; layout.roles.len()];
    let mut open = Vec::new();
    for (i, role) in layout.roles.iter().enumerate() {
        match role {
            Role::Open(_) => open.push(i),
            Role::Close(_) => {
                let o = open.pop().expect("a program's brackets match");
                (partner[o], partner[i]) = (i, o);
            }
            _ => {}
        }
    }
    partner
}
