//! `gemm`: a product with a known matrix runs over the matrix's panels.
//!
//! ```text
//! X @ b   X known [m, k]     ─▶  Dense(panels of X)(b)
//! a @ X   a one row          ─▶  Dense(panels of Xᵀ)(a)
//! ```
//! The panels stand in the operation, laid out once; X is read in order for a block of executions as for one, and is never
//! copied into lanes.

use std::sync::Arc;

use crate::compute::wide::Panels;
use crate::ir::Op;
use crate::trace::{NodeId, NoiseGraph};

/// Smaller products are not worth a layout.
const WORTH: usize = 64;

/// The operation as it should run.
pub(super) fn laid_out(graph: &NoiseGraph, op: Op, args: Vec<NodeId>) -> (Op, Vec<NodeId>) {
    let Op::MatMul { m, k, n } = op else {
        return (op, args);
    };
    let known = |i: usize| graph.constant(args[i]);
    let dense = match (known(0), known(1)) {
        (Some(x), None) if m * k >= WORTH => {
            let panels = Panels::new(m, k, |i, l| x[i * k + l]);
            panels.map(|p| (Op::Dense(Arc::new(p), n), args[1]))
        }
        (None, Some(x)) if m == 1 && k * n >= WORTH => {
            let panels = Panels::new(n, k, |j, l| x[l * n + j]);
            panels.map(|p| (Op::Dense(Arc::new(p), 1), args[0]))
        }
        _ => None,
    };
    match dense {
        Some((op, operand)) => (op, vec![operand]),
        None => (op, args),
    }
}
