//! Types as written.

use super::super::error::CheckError;
use super::super::scope::Role;
use super::Resolver;
use crate::base::{Span, nearest};
use crate::ir::{Extent, Type};
use crate::syntax::ast::{self, TypeExpr, TypeExprKind};

impl Resolver<'_> {
    /// A type as written on a parameter or a result. A size that is not known is not checked.
    pub(super) fn type_of(&mut self, ty: &TypeExpr) -> Type {
        match &ty.kind {
            TypeExprKind::Name { name, .. } => self.scalar(name, ty.span),
            TypeExprKind::Array { element, sizes } => {
                let outer: Vec<Option<Extent>> = sizes.iter().map(|s| self.extent(s)).collect();
                array_of(self.type_of(element), outer)
            }
            TypeExprKind::Tuple(parts) => {
                Type::Tuple(parts.iter().map(|p| self.type_of(p)).collect())
            }
            TypeExprKind::Record(fields) => {
                let fields = fields.iter();
                Type::Record(
                    fields
                        .map(|(n, t)| (n.name.clone(), self.type_of(t)))
                        .collect(),
                )
            }
            TypeExprKind::Fn(params, result) => {
                let params = params.iter().map(|p| self.type_of(p)).collect();
                Type::Fn(params, Box::new(self.type_of(result)))
            }
            TypeExprKind::Dist(value) => Type::Dist(Box::new(self.type_of(value))),
        }
    }

    fn extent(&mut self, size: &ast::Expr) -> Option<Extent> {
        match &size.kind {
            ast::ExprKind::Int(n) => usize::try_from(*n).ok().map(Extent::Known),
            ast::ExprKind::Name(name) => {
                let (_, binding) = self.find(name, size.span)?;
                matches!(binding.role, Role::Data | Role::Size).then(|| Extent::Named(name.clone()))
            }
            _ => None,
        }
    }

    pub(super) fn scalar(&mut self, name: &str, span: Span) -> Type {
        match name {
            "bool" => Type::Bool,
            "int" => Type::Int,
            "real" => Type::Real,
            "string" => Type::Str,
            _ => {
                self.errors.push(CheckError::UnknownType {
                    name: name.into(),
                    span,
                    hint: type_hint(name),
                });
                Type::Any
            }
        }
    }
}

/// `T[n][m]` on a parameter is an array of arrays: the same as `T[m, n]`.
fn array_of(element: Type, outer: Vec<Option<Extent>>) -> Type {
    match element {
        Type::Array { element, sizes } => Type::Array {
            element,
            sizes: outer.into_iter().chain(sizes).collect(),
        },
        scalar => Type::Array {
            element: Box::new(scalar),
            sizes: outer,
        },
    }
}

fn type_hint(name: &str) -> Option<String> {
    let meant = match name {
        "float" | "double" | "f64" | "f32" | "Real" | "number" | "num" => "`real`",
        "integer" | "i64" | "i32" | "Int" | "uint" | "nat" => "`int`",
        "boolean" | "Bool" => "`bool`",
        "str" | "String" | "text" => "`string`",
        "vector" | "row_vector" | "array" | "Vec" | "list" | "simplex" => "an array, `real[n]`",
        "matrix" | "cov_matrix" | "corr_matrix" => "an array, `real[n, m]`",
        _ => {
            let near = nearest(name, ["bool", "int", "real", "string"])?;
            return Some(format!("did you mean `{near}`?"));
        }
    };
    Some(format!("here this is {meant}"))
}
