//! `data` declarations and their sizes.

use super::super::error::CheckError;
use super::super::names::Hint;
use super::super::scope::{Context, Role, What};
use super::Resolver;
use crate::base::Span;
use crate::ir::{DataDecl, DataKind, Place, Size, Stmt, StmtKind, Type};
use crate::syntax::ast::{self, Ident, TypeExpr, TypeExprKind};

impl Resolver<'_> {
    /// A `data` declaration.
    pub(super) fn data(&mut self, decl: &ast::Data, span: Span) -> Stmt {
        let earlier = self.scope().get(&decl.name.name).cloned();
        let bound = match &earlier {
            Some(b) if b.role == Role::Size => match b.what {
                What::Value(place) => Some(place),
                _ => None,
            },
            Some(b) if matches!(b.role, Role::Data | Role::Function | Role::Distribution) => {
                self.duplicate(&decl.name, b.span, "data declaration");
                None
            }
            _ => None,
        };
        self.frame().context = Context::Data(span);
        let (kind, missing, sizes) = self.data_type(&decl.ty);
        let default = decl.default.as_ref().map(|e| self.expr(e));
        let Place::Global(slot) = self.declare(&decl.name, Role::Data) else {
            unreachable!("data are declared at file level")
        };
        let condition = decl.condition.as_ref().map(|e| self.expr(e));
        // What a declaration says of its own name is no use of it.
        self.usage.set_reads(decl.name.span, 0);
        self.frame().context = Context::Free;
        self.data.push(DataDecl {
            name: decl.name.name.clone(),
            key: decl
                .from
                .as_ref()
                .map_or_else(|| decl.name.name.clone(), |f| f.0.clone()),
            slot,
            kind,
            missing,
            sizes,
            default,
            condition,
            bound,
            span,
            name_span: decl.name.span,
        });
        Stmt {
            kind: StmtKind::Data(self.data.len() - 1),
            span,
        }
    }

    fn data_type(&mut self, ty: &TypeExpr) -> (DataKind, bool, Vec<Size>) {
        let (element, sizes): (&TypeExpr, &[ast::Expr]) = match &ty.kind {
            TypeExprKind::Array { element, sizes } => (element, sizes),
            _ => (ty, &[]),
        };
        let (kind, missing) = self.data_kind(element);
        let sizes = sizes.iter().map(|s| self.data_size(s)).collect();
        (kind, missing, sizes)
    }

    fn data_kind(&mut self, element: &TypeExpr) -> (DataKind, bool) {
        let span = element.span;
        let (name, missing) = match &element.kind {
            TypeExprKind::Name { name, missing } => (name.as_str(), *missing),
            TypeExprKind::Array { .. } => {
                self.errors.push(CheckError::NestedSizes { span });
                return (DataKind::Real, false);
            }
            _ => {
                self.errors.push(CheckError::DataType { span });
                return (DataKind::Real, false);
            }
        };
        let kind = match self.scalar(name, span) {
            Type::Bool => DataKind::Bool,
            Type::Int => DataKind::Int,
            Type::Str => DataKind::Str,
            _ => DataKind::Real,
        };
        if missing && kind != DataKind::Real {
            self.errors.push(CheckError::MissingOf { span });
        }
        (kind, missing)
    }

    /// A size: a name that is not known yet is bound by this array.
    fn data_size(&mut self, size: &ast::Expr) -> Size {
        if let ast::ExprKind::Name(name) = &size.kind
            && self.find(name, size.span).is_none()
            && !name.contains("::")
        {
            let ident = Ident {
                name: name.clone(),
                span: size.span,
            };
            let Place::Global(slot) = self.declare(&ident, Role::Size) else {
                unreachable!("data are declared at file level")
            };
            return Size::Binds {
                name: name.clone(),
                slot,
                span: size.span,
            };
        }
        let before = self.errors.len();
        let size = Size::Is(self.expr(size));
        for error in &mut self.errors[before..] {
            if let CheckError::UnknownName {
                name,
                hint: hint @ (Hint::Nothing | Hint::Undeclared(_)),
                ..
            } = error
            {
                *hint = Hint::Size(name.clone());
            }
        }
        size
    }
}
