//! What is known of whole numbers that depend on chance: the smallest and the largest that they can be.

use super::graph::{NodeId, NoiseGraph};
use crate::base::Shape;
use crate::ir::{BinaryFn, Law, Op, ReduceFn, UnaryFn};

/// Operations are followed this deep; deeper ones are taken for unbounded.
const DEPTH: usize = 16;
/// Sizes are remembered, and can be followed deeper.
const SIZE_DEPTH: usize = 64;

impl NoiseGraph {
    /// The largest value that a whole number can have, where its distribution says so.
    pub fn highest(&self, id: NodeId) -> Option<i64> {
        self.bound(id, true, DEPTH)
    }

    /// The smallest value that a whole number can have, where its distribution says so.
    pub fn lowest(&self, id: NodeId) -> Option<i64> {
        self.bound(id, false, DEPTH)
    }

    /// Whether a whole number stays within 64 bits, taking what is drawn to be below 2^53.
    pub fn stays_small(&mut self, id: NodeId) -> bool {
        self.size(id, SIZE_DEPTH) < 2f64.powi(63)
    }

    /// How large a whole number can be, by its operations; remembered, so that long sums cost one step each.
    fn size(&mut self, id: NodeId, depth: usize) -> f64 {
        if let Some(size) = self.sizes.get(&id) {
            return *size;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return f64::INFINITY;
        };
        let (op, args) = (self.node(id).op.clone(), self.node(id).args.clone());
        let mut of = |i: usize| self.size(args[i], depth);
        let size = match &op {
            Op::Const(v) => v.iter().fold(0.0, |m: f64, x| m.max(x.abs())),
            Op::Transport(_) | Op::ArrayTransport(_) => 2f64.powi(53),
            Op::Take(_) | Op::Gather { .. } | Op::Reduce(ReduceFn::Max | ReduceFn::Min, _) => of(0),
            Op::Unary(UnaryFn::Neg | UnaryFn::Abs) => of(0),
            Op::Unary(UnaryFn::Sign | UnaryFn::Not) => 1.0,
            Op::Pack => (0..args.len()).map(of).fold(0.0, f64::max),
            Op::Select => of(1).max(of(2)),
            Op::Binary(BinaryFn::Add | BinaryFn::Sub) => of(0) + of(1),
            Op::Binary(BinaryFn::Mul) => of(0) * of(1),
            Op::Binary(BinaryFn::Min | BinaryFn::Max | BinaryFn::FloorDiv) => of(0).max(of(1)),
            Op::Binary(BinaryFn::Rem) => of(1),
            Op::Binary(f) if f.is_truth() => 1.0,
            Op::Binary(BinaryFn::Pow) => {
                match (self.bound(id, true, DEPTH), self.bound(id, false, DEPTH)) {
                    (Some(high), Some(low)) => (high as f64).abs().max((low as f64).abs()),
                    _ => f64::INFINITY,
                }
            }
            Op::Reduce(ReduceFn::Sum, axis) => of(0) * axis.n as f64,
            Op::Reduce(ReduceFn::ArgMax | ReduceFn::ArgMin, axis) => axis.n as f64,
            Op::Reduce(ReduceFn::Any | ReduceFn::All, _) => 1.0,
            _ => f64::INFINITY,
        };
        let size = if size.is_nan() { f64::INFINITY } else { size };
        self.sizes.insert(id, size);
        size
    }

    fn bound(&self, id: NodeId, upper: bool, depth: usize) -> Option<i64> {
        let depth = depth.checked_sub(1)?;
        let node = self.node(id);
        let arg = |i: usize, upper: bool| self.bound(node.args[i], upper, depth);
        let either = |a: Option<i64>, b: Option<i64>| {
            let (a, b) = (a?, b?);
            Some(if upper { a.max(b) } else { a.min(b) })
        };
        match &node.op {
            Op::Const(v) => {
                let pick = if upper { f64::max } else { f64::min };
                v.iter().copied().reduce(pick).map(|x| x as i64)
            }
            Op::Transport(_) | Op::ArrayTransport(_) => self.bound_of_law(id, upper, depth),
            Op::Take(_) | Op::Gather { .. } => arg(0, upper),
            Op::Pack => (0..node.args.len())
                .map(|i| arg(i, upper))
                .reduce(either)
                .flatten(),
            Op::Select => either(arg(1, upper), arg(2, upper)),
            Op::Binary(BinaryFn::Add) => arg(0, upper)?.checked_add(arg(1, upper)?),
            Op::Binary(BinaryFn::Sub) => arg(0, upper)?.checked_sub(arg(1, !upper)?),
            Op::Binary(BinaryFn::Mul) => match (arg(0, false)?, arg(1, false)?) {
                (a, b) if a >= 0 && b >= 0 => arg(0, upper)?.checked_mul(arg(1, upper)?),
                _ => None,
            },
            Op::Binary(f @ (BinaryFn::Min | BinaryFn::Max)) => {
                let (a, b) = (arg(0, upper), arg(1, upper));
                match (a, b, (*f == BinaryFn::Min) == upper) {
                    (Some(a), Some(b), _) if *f == BinaryFn::Min => Some(a.min(b)),
                    (Some(a), Some(b), _) => Some(a.max(b)),
                    (Some(x), None, true) | (None, Some(x), true) => Some(x),
                    _ => None,
                }
            }
            Op::Binary(BinaryFn::Rem) => match (arg(1, false)?, upper) {
                (low, _) if low <= 0 => None,
                (_, true) => Some(arg(1, true)? - 1),
                (_, false) => Some(0),
            },
            Op::Unary(UnaryFn::Not) => Some(i64::from(upper)),
            Op::Binary(f) if f.is_truth() => Some(i64::from(upper)),
            Op::Reduce(ReduceFn::Sum, axis) => {
                arg(0, upper).and_then(|x| x.checked_mul(axis.n as i64))
            }
            Op::Reduce(ReduceFn::ArgMax | ReduceFn::ArgMin, axis) => {
                Some(if upper { axis.n as i64 - 1 } else { 0 })
            }
            Op::Reduce(ReduceFn::Max | ReduceFn::Min, _) => arg(0, upper),
            _ => None,
        }
    }

    fn bound_of_law(&self, id: NodeId, upper: bool, depth: usize) -> Option<i64> {
        let node = self.node(id);
        let param = |i: usize, upper: bool| self.bound(node.args[i], upper, depth);
        match &node.op {
            Op::ArrayTransport(law) => {
                let shapes: Vec<&Shape> = law.shapes.iter().collect();
                let n = law.dist.n_categories(&shapes)?;
                Some(if upper { n as i64 - 1 } else { 0 })
            }
            Op::Transport(law) => self.bound_of_scalar(law, upper, &param),
            _ => None,
        }
    }

    fn bound_of_scalar(
        &self,
        law: &Law,
        upper: bool,
        param: &dyn Fn(usize, bool) -> Option<i64>,
    ) -> Option<i64> {
        match law {
            Law::Plain(d) => match (d.name(), upper) {
                ("Bernoulli" | "BernoulliLogit" | "Flip", true) => Some(1),
                ("Binomial" | "BinomialLogit" | "BetaBinomial", true) => param(0, true),
                ("Hypergeometric", true) => param(2, true),
                ("DiscreteUniform", true) => param(1, true),
                ("DiscreteUniform", false) => param(0, false),
                (_, false) if law.is_discrete() => Some(0),
                _ => None,
            },
            Law::Truncated(base) | Law::Censored(base) => {
                // A combinator's own parameters stand behind its base's.
                let own = n_params(base);
                let bound = if upper {
                    param(own + 1, true).filter(|x| *x < i64::MAX)
                } else {
                    param(own, false).filter(|x| *x > i64::MIN)
                };
                let inner = self.bound_of_scalar(base, upper, param);
                match (bound, inner) {
                    (Some(a), Some(b)) if upper => Some(a.min(b)),
                    (Some(a), Some(b)) => Some(a.max(b)),
                    (a, b) => a.or(b),
                }
            }
            Law::ZeroInflated(base) => {
                let inner = self.bound_of_scalar(base, upper, param)?;
                Some(if upper { inner.max(0) } else { inner.min(0) })
            }
            Law::Tabled(t) => self.bound_of_scalar(t.law(), upper, param),
        }
    }
}

/// Parameters of a law, the combinators' own among them.
fn n_params(law: &Law) -> usize {
    match law {
        Law::Plain(d) => d.params().len(),
        Law::Truncated(l) | Law::Censored(l) => n_params(l) + 2,
        Law::ZeroInflated(l) => n_params(l) + 1,
        Law::Tabled(t) => n_params(t.law()),
    }
}
