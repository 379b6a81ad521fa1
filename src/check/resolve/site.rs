//! Draws and observations: sites, plates, the arms of an `if`, and where they may stand.

use std::collections::HashMap;

use super::super::error::CheckError;
use super::super::lint::Lint;
use super::super::scope::{Binding, Context, Role, Scope, What};
use super::Resolver;
use crate::base::Span;
use crate::ir::{Block, Expr, ExprKind, Place, PlateIndex, Site, SiteId, StmtKind};
use crate::syntax::ast::{self, Ident};

/// One arm of an `if`, known by where its first begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Arm {
    place: Span,
    first: bool,
}

/// Whether no execution passes through both of two lists of open arms.
fn apart(a: &[Arm], b: &[Arm]) -> bool {
    let both = a.iter().zip(b).find(|(a, b)| a != b);
    both.is_some_and(|(a, b)| a.place == b.place)
}

impl Resolver<'_> {
    pub(super) fn sample_stmt(
        &mut self,
        name: &Ident,
        plate: &[ast::PlateIndex],
        dist: &ast::Expr,
        span: Span,
    ) -> StmtKind {
        self.may_sample(span);
        let site = self.site((!name.is_discard()).then_some(name.name.as_str()), span);
        if plate.is_empty() {
            let dist = self.expr(dist);
            let place = self.declare_site(name);
            return StmtKind::Sample {
                place,
                site,
                plate: Vec::new(),
                dist,
            };
        }
        let bounds = self.bounds(plate);
        for (lo, _) in &bounds {
            if matches!(lo.kind, ExprKind::Int(n) if n != 0) {
                self.errors.push(CheckError::PlateStart { span: lo.span });
            }
        }
        let place = self.declare_site(name);
        let (plate, dist) = self.plate(plate, bounds, dist);
        StmtKind::Sample {
            place,
            site,
            plate,
            dist,
        }
    }

    pub(super) fn observe_stmt(
        &mut self,
        value: &ast::Expr,
        plate: &[ast::PlateIndex],
        dist: &ast::Expr,
    ) -> StmtKind {
        let value = self.expr(value);
        if plate.is_empty() {
            let dist = self.expr(dist);
            return StmtKind::Observe {
                value,
                plate: Vec::new(),
                dist,
            };
        }
        let bounds = self.bounds(plate);
        let (plate, dist) = self.plate(plate, bounds, dist);
        StmtKind::Observe { value, plate, dist }
    }

    fn bounds(&mut self, plate: &[ast::PlateIndex]) -> Vec<(Expr, Expr)> {
        let pair = |r: &mut Self, p: &ast::PlateIndex| (r.expr(&p.lo), r.expr(&p.hi));
        plate.iter().map(|p| pair(self, p)).collect()
    }

    fn plate(
        &mut self,
        plate: &[ast::PlateIndex],
        bounds: Vec<(Expr, Expr)>,
        dist: &ast::Expr,
    ) -> (Vec<PlateIndex>, Expr) {
        let names: Vec<&Ident> = plate.iter().map(|p| &p.var).collect();
        self.refuse_twice(&names, "index");
        self.open();
        let indices = plate
            .iter()
            .zip(bounds)
            .map(|(p, (lo, hi))| PlateIndex {
                place: self.declare(&p.var, Role::Index),
                name: p.var.name.clone(),
                lo,
                hi,
            })
            .collect();
        let dist = self.expr(dist);
        self.frame().close();
        (indices, dist)
    }

    /// A new site.
    pub(super) fn site(&mut self, name: Option<&str>, span: Span) -> SiteId {
        self.sites.push(Site {
            name: name.map(str::to_string),
            span,
            file_level: self.frames.len() == 1 && !self.file.module,
        });
        self.sites.len() - 1
    }

    /// The slot of a named site: its own, or the one that another arm's site of this name has.
    fn declare_site(&mut self, name: &Ident) -> Place {
        if name.is_discard() {
            return self.declare(name, Role::Index);
        }
        let first = self.scope().sites.insert(name.name.clone(), name.span);
        if let Some(first) = first {
            self.errors.push(CheckError::DuplicateSite {
                name: name.name.clone(),
                span: name.span,
                first,
            });
        }
        if let Some((0, binding)) = self.look_up(&name.name, name.span)
            && binding.role == Role::Data
        {
            self.lints.push(Lint::SampleOfData {
                name: name.name.clone(),
                span: name.span,
                data: binding.span,
            });
        }
        let offered = self.scope().offers.remove(&name.name);
        self.note_namesake(name, offered);
        let place = match offered {
            Some(place) => {
                self.bind(name, Role::Site, What::Value(place), None);
                place
            }
            None => self.declare(name, Role::Site),
        };
        self.scope()
            .exports
            .insert(name.name.clone(), (place, name.span));
        place
    }

    /// Notes a site at file level whose name another one has that is no other arm's: the two would be one output.
    fn note_namesake(&mut self, name: &Ident, offered: Option<Place>) {
        if self.frames.len() > 1 || self.file.module {
            return;
        }
        match self.named_sites.get(&name.name) {
            None => {
                let here = (name.span, self.arms.clone());
                self.named_sites.insert(name.name.clone(), here);
            }
            Some((first, arms)) if offered.is_none() && !apart(arms, &self.arms) => {
                self.lints.push(Lint::SameSite {
                    name: name.name.clone(),
                    span: name.span,
                    first: *first,
                })
            }
            Some(_) => {}
        }
    }

    /// The arms of an `if`: sites of one name in several arms are one output and share a slot.
    pub(super) fn arms(
        &mut self,
        then: &ast::Block,
        otherwise: Option<&ast::Block>,
    ) -> (Block, Option<Block>) {
        let mut offers = self.scope().offers.clone();
        let place = then.span;
        let (then, first) = self.arm(then, offers.clone(), Arm { place, first: true });
        offers.extend(
            first
                .exports
                .iter()
                .map(|(name, (place, _))| (name.clone(), *place)),
        );
        let Some(otherwise) = otherwise else {
            self.merge_arms(&first, &Scope::default());
            return (then, None);
        };
        let second = Arm {
            place,
            first: false,
        };
        let (otherwise, second) = self.arm(otherwise, offers, second);
        self.merge_arms(&first, &second);
        (then, Some(otherwise))
    }

    fn arm(
        &mut self,
        block: &ast::Block,
        offers: HashMap<String, Place>,
        arm: Arm,
    ) -> (Block, Scope) {
        self.open();
        self.scope().offers = offers;
        self.arms.push(arm);
        let block = self.stmts(block);
        self.arms.pop();
        (block, self.frame().close())
    }

    fn merge_arms(&mut self, a: &Scope, b: &Scope) {
        let (order, stable) = (self.position, self.at_top());
        let scope = self.scope();
        for (name, (place, span)) in a.exports.iter().chain(&b.exports) {
            scope.offers.remove(name);
            scope.exports.entry(name.clone()).or_insert((*place, *span));
            if a.draws(name) && b.draws(name) {
                let binding = Binding {
                    what: What::Value(*place),
                    role: Role::Site,
                    span: *span,
                    order,
                    stable,
                    function: None,
                };
                scope.after_arms.insert(name.clone(), binding);
            } else {
                scope.some_arms.insert(name.clone(), *span);
            }
        }
    }

    /// Reports an observation where only a distribution's own code may stand.
    pub(super) fn may_weigh(&mut self, what: &'static str, span: Span) {
        let (place, around) = match &self.frame().context {
            Context::Free | Context::Constant(_) => return,
            Context::Data(around) => ("a `data` declaration".to_string(), *around),
            Context::Method { name, span } => (format!("a distribution's `{name}`"), *span),
        };
        self.errors.push(CheckError::Misplaced {
            what,
            place,
            span,
            around: Some(around),
            help: "a distribution says how to draw and how likely a value is; what is observed belongs to the program",
        });
    }

    /// Reports a draw where nothing may be random.
    pub(super) fn may_sample(&mut self, span: Span) {
        let (place, around, help) = match &self.frame().context {
            Context::Free => return,
            Context::Method { name, .. } if name == "sample" => return,
            Context::Method { name, span } => (
                format!("a distribution's `{name}`"),
                *span,
                "only its `sample` may draw",
            ),
            Context::Data(around) => (
                "a `data` declaration".into(),
                *around,
                "data are given; draw below the declaration",
            ),
            Context::Constant(around) => {
                let error = CheckError::RandomModule {
                    span: *around,
                    sample: span,
                };
                return self.errors.push(error);
            }
        };
        self.errors.push(CheckError::Misplaced {
            what: "sample",
            place,
            span,
            around: Some(around),
            help,
        });
    }
}
