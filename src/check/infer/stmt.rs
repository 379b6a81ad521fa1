//! Statements, blocks, patterns.

use super::super::mismatch::Mismatch;
use super::super::types::{self, Known, Ty, Value};
use super::{Arg, Infer};
use crate::base::Span;
use crate::ir::{
    Block, DataDecl, DataKind, DistRef, Expr, ExprKind, Extent, Pattern, Place, PlateIndex, SiteId,
    Size, Stmt, StmtKind,
};

impl Infer<'_> {
    /// A block's value; `Never` where its end is not reached.
    pub(super) fn block(&mut self, block: &Block) -> Value {
        let mut ends = true;
        for stmt in &block.stmts {
            ends &= self.stmt(stmt);
        }
        let value = block.value.as_ref().map(|e| self.expr(e));
        match value {
            _ if !ends => Value::of(Ty::Never),
            Some(value) => value,
            None => Value::of(Ty::Unit),
        }
    }

    /// Whether what follows the statement is reached.
    fn stmt(&mut self, stmt: &Stmt) -> bool {
        match &stmt.kind {
            StmtKind::Data(i) => self.data(&self.model.data[*i]),
            StmtKind::Let { pattern, value } => self.let_stmt(pattern, value),
            StmtKind::Assign {
                place,
                name,
                indices,
                op,
                value,
            } => {
                let start = Span {
                    end: stmt.span.start + name.len() as u32,
                    ..stmt.span
                };
                self.assign(*place, start, indices, *op, value);
            }
            StmtKind::Sample {
                place,
                site,
                plate,
                dist,
            } => {
                self.sample(*place, *site, plate, dist);
            }
            StmtKind::Observe { value, plate, dist } => self.observe(value, plate, dist),
            StmtKind::Factor(e) => self.factor(e),
            StmtKind::Condition(e) => {
                let cond = self.arg(e);
                self.boolean(&cond, "`condition`");
            }
            StmtKind::For {
                pattern,
                iter,
                body,
            } => {
                let iter = self.arg(iter);
                let element = Arg {
                    value: self.iterate(&iter, "`for`"),
                    ..iter
                };
                self.repeat(|s| {
                    s.bind(pattern, &element);
                    s.block(body);
                });
            }
            StmtKind::While { cond, body } => self.repeat(|s| {
                let cond = s.arg(cond);
                s.boolean(&cond, "`while`");
                s.block(body);
            }),
            StmtKind::Break | StmtKind::Continue => return false,
            StmtKind::Return(e) => {
                match e {
                    Some(e) => {
                        let arg = self.arg(e);
                        self.give(&arg);
                    }
                    None => self.give(&Arg {
                        value: Value::of(Ty::Unit),
                        span: stmt.span,
                        expr: None,
                    }),
                }
                return false;
            }
            StmtKind::Expr(e) => return self.expr(e).ty != Ty::Never,
        }
        true
    }

    fn data(&mut self, decl: &DataDecl) {
        let mut sizes = Vec::new();
        for size in &decl.sizes {
            sizes.push(match size {
                Size::Binds { name, slot, .. } => {
                    let extent = Some(Extent::Named(name.clone()));
                    self.write(Place::Global(*slot), Value::size(&extent));
                    extent
                }
                Size::Is(e) => {
                    let size = self.arg(e);
                    self.integer(&size, "the size of an array");
                    size.value.extent()
                }
            });
        }
        let element = match decl.kind {
            DataKind::Bool => Ty::Bool,
            DataKind::Int => Ty::Int,
            DataKind::Real => Ty::Real,
            DataKind::Str => Ty::Str,
        };
        let value = match (&element, sizes.is_empty()) {
            (Ty::Int, true) => Value::size(&Some(Extent::Named(decl.name.clone()))),
            _ => Value::of(Ty::array(element, sizes)),
        };
        if let Some(default) = &decl.default {
            let default = self.arg(default);
            self.fits(
                &default,
                &value.ty,
                &format!("the default of `{}`", decl.name),
                decl.name_span,
            );
        }
        self.write(Place::Global(decl.slot), value);
        if let Some(condition) = &decl.condition {
            let condition = self.arg(condition);
            self.booleans(&condition, "`where`");
        }
    }

    /// A bool or an array of bools.
    pub(super) fn booleans(&mut self, arg: &Arg, place: &str) {
        if !matches!(arg.value.ty.parts().0, Ty::Bool | Ty::Any | Ty::Never) {
            let (seen, place) = (self.seen(arg), place.to_string());
            self.tell(Mismatch::NotBool { seen, place });
        }
    }

    /// What a value is where a type is declared.
    pub(super) fn fits(&mut self, arg: &Arg, want: &Ty, what: &str, declared: Span) -> Ty {
        if let Some(ty) = arg.value.ty.fit(want) {
            return ty;
        }
        let error = Mismatch::Annotation {
            seen: self.seen(arg),
            what: what.into(),
            want: want.clone(),
            declared,
        };
        self.tell(error);
        want.clone()
    }

    fn let_stmt(&mut self, pattern: &Pattern, value: &Expr) {
        if matches!(pattern, Pattern::Discard) {
            self.expr(value);
            return;
        }
        let arg = self.arg(value);
        self.bind(pattern, &arg);
    }

    /// Runs a loop's body until no variable changes its type. What never settles is not held against the program.
    fn repeat(&mut self, mut body: impl FnMut(&mut Self)) {
        self.conditional += 1;
        for _ in 0..6 {
            let (changes, errors) = (self.changes, self.errors.len());
            body(self);
            if self.changes == changes {
                break;
            }
            self.errors.truncate(errors);
        }
        self.conditional -= 1;
    }

    /// What `for` and comprehensions take from an array, one at a time.
    pub(super) fn iterate(&mut self, iter: &Arg, place: &str) -> Value {
        let ty = match &iter.value.ty {
            Ty::Array(..) => iter.value.ty.element(),
            Ty::Any | Ty::Never => Ty::Any,
            _ => {
                let (seen, place) = (self.seen(iter), place.to_string());
                self.tell(Mismatch::NotArray { seen, place });
                Ty::Any
            }
        };
        Value::of(ty).from(&[&iter.value])
    }

    fn sample(&mut self, place: Place, site: SiteId, plate: &[PlateIndex], dist: &Expr) {
        let sizes = self.plate(plate);
        let drawn = Some(self.model.sites[site].span);
        if plate.is_empty() {
            let dist = self.arg(dist);
            let random = drawn.filter(|_| !is_point(&dist));
            let ty = self.drawn_from(&dist);
            let value = Value {
                random,
                ..Value::of(ty)
            };
            return self.draw(place, value);
        }
        self.conditional += 1;
        let ty = self.chain(place, sizes, dist);
        self.conditional -= 1;
        self.draw(
            place,
            Value {
                random: drawn,
                ..Value::of(ty)
            },
        );
    }

    fn draw(&mut self, place: Place, value: Value) {
        self.drawn.push((place, value.clone()));
        self.write(place, value);
    }

    /// A plate's draws. Where they read earlier ones, numbers are tried before anything is.
    fn chain(&mut self, place: Place, sizes: Vec<types::Size>, dist: &Expr) -> Ty {
        let errors = self.errors.len();
        self.write(place, Value::any());
        let dist = self.arg(dist);
        let ty = self.drawn_from(&dist);
        if !ty.is_open() {
            return Ty::array(ty, sizes);
        }
        for guess in [Ty::Real, Ty::Int] {
            let told = self.errors.split_off(errors);
            let whole = Ty::array(guess.clone(), sizes.clone());
            self.write(place, Value::of(whole.clone()));
            let again = dist.expr.map_or_else(Value::any, |e| self.expr(e));
            let fits = matches!(&again.ty, Ty::Dist { value, .. } if **value == guess);
            if fits && self.errors.len() == errors {
                return whole;
            }
            self.errors.truncate(errors);
            self.errors.extend(told);
        }
        Ty::Any
    }

    /// The indices of a plate get their types; its sizes.
    pub(super) fn plate(&mut self, plate: &[PlateIndex]) -> Vec<types::Size> {
        let mut sizes = Vec::new();
        for index in plate {
            let (lo, hi) = (self.arg(&index.lo), self.arg(&index.hi));
            self.integer(&lo, "a plate's range");
            self.integer(&hi, "a plate's range");
            sizes.push(between(&lo.value, &hi.value));
            self.write(index.place, Value::of(Ty::Int));
        }
        sizes
    }

    fn factor(&mut self, e: &Expr) {
        let weight = self.arg(e);
        let Some((_, sizes)) = self.numeric(&weight, "`factor`") else {
            return;
        };
        if !sizes.is_empty() {
            let seen = self.seen(&weight);
            self.tell(Mismatch::FactorShape { seen });
        }
    }
}

/// How many ints there are from `lo` up to `hi`.
pub(super) fn between(lo: &Value, hi: &Value) -> types::Size {
    match (&lo.known, &hi.known) {
        (Some(Known::Int(0)), _) => match hi.extent() {
            None if hi.known.is_some() => Some(Extent::Known(0)),
            extent => extent,
        },
        (Some(Known::Int(a)), Some(Known::Int(b))) => {
            let n = b.checked_sub(*a)?.max(0);
            usize::try_from(n).ok().map(Extent::Known)
        }
        _ => None,
    }
}

/// Whether a distribution is written as a point mass: a draw from it does not depend on chance.
fn is_point(dist: &Arg) -> bool {
    let registered = |e: &&Expr| {
        matches!(
            e.kind,
            ExprKind::Dist {
                dist: DistRef::Registered("Delta"),
                ..
            }
        )
    };
    dist.expr.as_ref().is_some_and(registered)
}
