//! Constants in files: `csv("d.csv")` is read while the program is checked, so that its type is known.

use super::super::AssetRequest;
use super::super::error::CheckError;
use super::Resolver;
use crate::base::Span;
use crate::ir::{Builtin, Expr, ExprKind};

/// A file is read once for each way of reading it: what reads it, the file that asks, the path, and that of its data.
pub(super) type AssetKey = (Builtin, String, String, Option<String>);

/// Whether a built-in reads a file.
pub(super) fn is_asset(builtin: Builtin) -> bool {
    use Builtin::{Csv, Json, Npy, Onnx, Posterior, Tensors};
    matches!(builtin, Csv | Json | Npy | Tensors | Onnx | Posterior)
}

impl Resolver<'_> {
    pub(super) fn asset(
        &mut self,
        builtin: Builtin,
        args: Vec<Option<Expr>>,
        span: Span,
    ) -> ExprKind {
        let paths: Vec<Expr> = args.into_iter().flatten().collect();
        let mut written = Vec::new();
        for path in &paths {
            let ExprKind::Str(text) = &path.kind else {
                let poison = self.poison();
                if matches!((&path.kind, &poison), (ExprKind::Place(a), ExprKind::Place(b)) if a == b)
                {
                    return poison;
                }
                self.errors.push(CheckError::AssetPath {
                    builtin,
                    span,
                    path: path.span,
                });
                return self.poison();
            };
            written.push((&**text, path.span));
        }
        let data = written.get(1).copied();
        let index = written.first();
        let index = index.and_then(|&(path, at)| self.asset_index(builtin, path, data, at));
        match index {
            Some(index) => ExprKind::Asset(index),
            None => self.poison(),
        }
    }

    fn asset_index(
        &mut self,
        builtin: Builtin,
        path: &str,
        data: Option<(&str, Span)>,
        span: Span,
    ) -> Option<usize> {
        let from = self.sources.get(span.file).map_or("", |s| s.name.as_str());
        let data_key = data.map(|(path, _)| path.to_string());
        let key = (builtin, from.to_string(), path.to_string(), data_key);
        if let Some(known) = self.assets.iter().position(|(k, _)| *k == key) {
            return Some(known);
        }
        let request = AssetRequest {
            builtin,
            path,
            data,
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
