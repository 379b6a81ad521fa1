//! Constants in files: `csv("d.csv")` is read while the program is checked, so that its type is known.

use super::super::AssetRequest;
use super::super::error::CheckError;
use super::Resolver;
use crate::base::Span;
use crate::ir::{Builtin, Expr, ExprKind};

/// A file is read once for each way of reading it: what reads it, the file that asks, the path.
pub(super) type AssetKey = (Builtin, String, String);

/// Whether a built-in reads a file.
pub(super) fn is_asset(builtin: Builtin) -> bool {
    use Builtin::{Csv, Json, Npy, Onnx, Tensors};
    matches!(builtin, Csv | Json | Npy | Tensors | Onnx)
}

impl Resolver<'_> {
    pub(super) fn asset(
        &mut self,
        builtin: Builtin,
        args: Vec<Option<Expr>>,
        span: Span,
    ) -> ExprKind {
        let Some(path) = args.into_iter().flatten().next() else {
            return self.poison();
        };
        let ExprKind::Str(written) = &path.kind else {
            self.errors.push(CheckError::AssetPath {
                builtin,
                span,
                path: path.span,
            });
            return self.poison();
        };
        match self.asset_index(builtin, written, path.span) {
            Some(index) => ExprKind::Asset(index),
            None => self.poison(),
        }
    }

    fn asset_index(&mut self, builtin: Builtin, path: &str, span: Span) -> Option<usize> {
        let from = self.sources.get(span.file).map_or("", |s| s.name.as_str());
        let key = (builtin, from.to_string(), path.to_string());
        if let Some(known) = self.assets.iter().position(|(k, _)| *k == key) {
            return Some(known);
        }
        let request = AssetRequest {
            builtin,
            path,
            span,
            from,
        };
        match self.loader.asset(&request) {
            Ok(asset) => {
                self.assets.push((key, asset));
                Some(self.assets.len() - 1)
            }
            Err(report) => {
                self.reports.push(report);
                None
            }
        }
    }
}
