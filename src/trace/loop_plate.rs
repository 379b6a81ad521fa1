//! Loops over data that carry nothing from one iteration to the next: they are plates.
//!
//! ```text
//! for i in 0..N {                                for i in 0..N: nothing left to do
//!     let m = a + b * x[i]             ─▶
//!     observe y[i] ~ Normal(m, s)                observe y[i in 0..N] ~ Normal(a + b * x[i], s)
//! }
//! ```
//! A body qualifies that holds only `let`s of plain expressions and observations of whole elements `y[i]`. A `let` is written
//! out where it is read. Draws stay in loops: their addresses belong to iterations. So does what has a missing element, for
//! imputing it draws.

use std::collections::HashMap;

use super::error::Result;
use super::machine::Machine;
use super::plate::{is_plain, mentions};
use super::value::Value;
use crate::base::Span;
use crate::ir::{Block, Expr, ExprKind, IndexArg, Pattern, Place, PlateIndex, StmtKind};

/// Shorter loops run as they are written.
const WORTH: i64 = 16;

/// `observe of[i] ~ dist` for all i.
struct Observed {
    of: Expr,
    dist: Expr,
    span: Span,
}

impl Machine<'_> {
    /// Runs `for pattern in range`, which stands `at` its place, as plates, if it is a loop of that kind; false where it is not.
    pub(super) fn loop_as_plates(
        &mut self,
        pattern: &Pattern,
        range: std::ops::Range<i64>,
        at: Span,
        body: &Block,
    ) -> Result<bool> {
        let Pattern::Slot(place) = pattern else {
            return Ok(false);
        };
        if !self.limits.plates
            || !self.is_tracing()
            || self.inputs.simulate
            || range.end.saturating_sub(range.start) < WORTH
        {
            return Ok(false);
        }
        let Some(all) = observations(*place, body) else {
            return Ok(false);
        };
        for o in &all {
            if !matches!(self.eval(&o.of)?, Value::Num(t) if t.missing.is_none() && t.known().is_some())
            {
                return Ok(false);
            }
        }
        let whole = |i: i64| Expr {
            kind: ExprKind::Int(i),
            span: at,
        };
        let index = PlateIndex {
            place: *place,
            name: "i".to_string(),
            lo: whole(range.start),
            hi: whole(range.end),
        };
        for o in &all {
            self.observe_statement(&o.of, std::slice::from_ref(&index), &o.dist, o.span)?;
        }
        Ok(true)
    }
}

/// The observations of a body that holds nothing else, `let`s written out.
fn observations(i: Place, body: &Block) -> Option<Vec<Observed>> {
    if body.value.is_some() {
        return None;
    }
    let mut lets: HashMap<Place, Expr> = HashMap::new();
    let mut all = Vec::new();
    for stmt in &body.stmts {
        match &stmt.kind {
            StmtKind::Let {
                pattern: Pattern::Slot(place),
                value,
            } if is_plain(value) => {
                let value = written_out(value, &lets)?;
                lets.insert(*place, value);
            }
            StmtKind::Observe { value, plate, dist } if plate.is_empty() && is_plain(dist) => {
                let (of, at) = element(value)?;
                let own = matches!(at.kind, ExprKind::Place(p) if p == i);
                let fixed =
                    matches!(&of.kind, ExprKind::Place(p) if *p != i && !lets.contains_key(p));
                if !own || !fixed {
                    return None;
                }
                let dist = written_out(dist, &lets)?;
                all.push(Observed {
                    of: of.clone(),
                    dist,
                    span: stmt.span,
                });
            }
            _ => return None,
        }
    }
    // A distribution that does not look at the index is a plate as well; one that reads what it scores is a chain.
    let chained = |o: &Observed| {
        let ExprKind::Place(y) = o.of.kind else {
            return true;
        };
        mentions(&o.dist, &[y])
    };
    (!all.is_empty() && !all.iter().any(chained)).then_some(all)
}

/// `of[at]`.
fn element(e: &Expr) -> Option<(&Expr, &Expr)> {
    match &e.kind {
        ExprKind::Index(of, args) => match &args[..] {
            [IndexArg::At(at)] => Some((of, at)),
            _ => None,
        },
        _ => None,
    }
}

/// A plain expression with `let`s of its loop written out.
fn written_out(e: &Expr, lets: &HashMap<Place, Expr>) -> Option<Expr> {
    let all = |es: &[Expr]| {
        es.iter()
            .map(|e| written_out(e, lets))
            .collect::<Option<Vec<_>>>()
    };
    let boxed = |e: &Expr| written_out(e, lets).map(Box::new);
    let kind = match &e.kind {
        ExprKind::Place(p) => return Some(lets.get(p).unwrap_or(e).clone()),
        ExprKind::Bool(_) | ExprKind::Int(_) | ExprKind::Real(_) => e.kind.clone(),
        ExprKind::Array(es) => ExprKind::Array(all(es)?),
        ExprKind::Unary(op, a) => ExprKind::Unary(*op, boxed(a)?),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, boxed(a)?, boxed(b)?),
        ExprKind::CallBuiltin {
            builtin,
            args,
            named,
        } if named.is_empty() => ExprKind::CallBuiltin {
            builtin: *builtin,
            args: all(args)?,
            named: Vec::new(),
        },
        ExprKind::Dist { dist, args } => {
            let each = |a: &Option<Expr>| match a {
                Some(e) => written_out(e, lets).map(Some),
                None => Some(None),
            };
            ExprKind::Dist {
                dist: *dist,
                args: args.iter().map(each).collect::<Option<Vec<_>>>()?,
            }
        }
        ExprKind::Index(of, args) => {
            let each = |a: &IndexArg| match a {
                IndexArg::At(e) => written_out(e, lets).map(IndexArg::At),
                IndexArg::Slice { .. } => None,
            };
            let args = args.iter().map(each).collect::<Option<Vec<_>>>()?;
            ExprKind::Index(boxed(of)?, args)
        }
        _ => return None,
    };
    Some(Expr { kind, span: e.span })
}
