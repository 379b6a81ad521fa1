//! Merging: one value where a condition is true, another elsewhere.

use std::sync::Arc;

use super::error::Result;
use super::graph::NodeId;
use super::machine::{Machine, cell_tensor, from_cells};
use super::value::{Cell, DistKind, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::Op;

impl Machine<'_> {
    /// `a` where the node is true, `b` elsewhere.
    pub(super) fn merge(&mut self, c: NodeId, a: Value, b: Value, span: Span) -> Result<Value> {
        Ok(match (a, b) {
            (Value::Bottom, b) => b,
            (a, Value::Bottom) => a,
            (Value::Unit, Value::Unit) => Value::Unit,
            (Value::Num(a), Value::Num(b)) if a.shape == b.shape => {
                Value::Num(self.merge_tensors(c, a, b, span))
            }
            (Value::Str(a), Value::Str(b)) if a == b => Value::Str(a),
            (Value::Tuple(a), Value::Tuple(b)) if a.len() == b.len() => {
                Value::Tuple(self.merge_all(c, &a, &b, span)?)
            }
            (Value::List(a), Value::List(b)) if a.len() == b.len() => {
                Value::List(self.merge_all(c, &a, &b, span)?)
            }
            (Value::Record(a), Value::Record(b)) if same_fields(&a, &b) => {
                let mut fields = Vec::with_capacity(a.len());
                for ((name, x), (_, y)) in a.iter().zip(b.iter()) {
                    fields.push((name.clone(), self.merge(c, x.clone(), y.clone(), span)?));
                }
                Value::Record(Arc::new(fields))
            }
            (Value::Fn(a), Value::Fn(b)) if Arc::ptr_eq(&a, &b) => Value::Fn(a),
            (Value::Dist(a), Value::Dist(b)) if Arc::ptr_eq(&a, &b) => Value::Dist(a),
            (Value::Dist(a), Value::Dist(b)) => match self.merge_dists(c, &a, &b, span)? {
                Some(d) => Value::Dist(d),
                None => Value::Choice(Arc::new((c, Value::Dist(a), Value::Dist(b)))),
            },
            (a, b) => Value::Choice(Arc::new((c, a, b))),
        })
    }

    /// Two distributions of one law and shape are one, whose parameters are chosen.
    fn merge_dists(
        &mut self,
        c: NodeId,
        a: &DistValue,
        b: &DistValue,
        span: Span,
    ) -> Result<Option<Arc<DistValue>>> {
        let (x, y) = match (&a.kind, &b.kind) {
            (
                DistKind::Iid { base, sizes },
                DistKind::Iid {
                    base: base2,
                    sizes: sizes2,
                },
            ) if sizes == sizes2 => {
                let Some(base) = self.merge_dists(c, base, base2, span)? else {
                    return Ok(None);
                };
                let kind = DistKind::Iid {
                    base,
                    sizes: sizes.clone(),
                };
                return Ok(Some(Arc::new(DistValue { kind, span: a.span })));
            }
            (
                DistKind::Scalar { law, params, shape },
                DistKind::Scalar {
                    law: law2,
                    params: params2,
                    shape: shape2,
                },
            ) if law == law2 && shape == shape2 => (params, params2),
            (
                DistKind::Array {
                    dist,
                    params,
                    shapes,
                    batch,
                    ..
                },
                DistKind::Array {
                    dist: dist2,
                    params: params2,
                    shapes: shapes2,
                    batch: batch2,
                    ..
                },
            ) if dist.name() == dist2.name() && shapes == shapes2 && batch == batch2 => {
                (params, params2)
            }
            _ => return Ok(None),
        };
        let mut merged = Vec::with_capacity(x.len());
        for (x, y) in x.iter().zip(y) {
            let (Some(shape), false) = (x.shape.broadcast(&y.shape), x.missing.is_some()) else {
                return Ok(None);
            };
            let (x, y) = (self.spread(x, &shape, span), self.spread(y, &shape, span));
            merged.push(self.merge_tensors(c, x, y, span));
        }
        let mut kind = a.kind.clone();
        if let DistKind::Scalar { params, .. } | DistKind::Array { params, .. } = &mut kind {
            *params = merged;
        }
        Ok(Some(Arc::new(DistValue { kind, span: a.span })))
    }

    fn merge_all(
        &mut self,
        c: NodeId,
        a: &[Value],
        b: &[Value],
        span: Span,
    ) -> Result<Arc<Vec<Value>>> {
        let merged: Result<Vec<Value>> = a
            .iter()
            .zip(b)
            .map(|(x, y)| self.merge(c, x.clone(), y.clone(), span))
            .collect();
        merged.map(Arc::new)
    }

    fn merge_tensors(&mut self, c: NodeId, a: Tensor, b: Tensor, span: Span) -> Tensor {
        let kind = a.kind.max(b.kind);
        let cellwise =
            matches!(a.payload, Payload::Cells(_)) || matches!(b.payload, Payload::Cells(_));
        if let (true, Some(x), Some(y)) = (cellwise, a.cells(), b.cells()) {
            let cells = x
                .into_iter()
                .zip(y)
                .map(|(x, y)| self.merge_cells(c, x, y, kind, span))
                .collect();
            return from_cells(cells, a.shape, kind);
        }
        if let (Some(x), Some(y)) = (a.known(), b.known()) {
            let same = x
                .iter()
                .zip(y.iter())
                .all(|(x, y)| x.to_bits() == y.to_bits());
            if same && a.kind == b.kind {
                return a;
            }
        }
        let shape = a.shape.clone();
        let c = Tensor::node(c, Shape::scalar(), Kind::Bool);
        if let (Payload::Node(x), Payload::Node(y)) = (&a.payload, &b.payload)
            && x == y
        {
            return Tensor { kind, ..a };
        }
        self.emit(Op::Select, &[&c, &a, &b], shape, kind, span)
    }

    fn merge_cells(&mut self, c: NodeId, a: Cell, b: Cell, kind: Kind, span: Span) -> Cell {
        if a == b || b == Cell::Unset {
            return a;
        }
        if a == Cell::Unset {
            return b;
        }
        let (a, b) = (cell_tensor(a, kind), cell_tensor(b, kind));
        let merged = self.merge_tensors(c, a, b, span);
        merged.cells().expect("a scalar has cells")[0]
    }
}

fn same_fields(a: &[(String, Value)], b: &[(String, Value)]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|((x, _), (y, _))| x == y)
}
