//! Vectors of which some elements are known: the law of these, and that of the others given them.
//!
//! ```text
//!            observed first             w = L_oo⁻¹ (y_o − mu_o)
//!   Sigma =  ┌ L_oo      ┐ ┌ … ┐ᵀ       y_o                     marginal: location mu_o, factor L_oo
//!            └ L_mo L_mm ┘ └   ┘        y_m | y_o               location mu_m + L_mo w, factor L_mm
//! ```
//! A Student's t given n of its elements has n more degrees of freedom and a scale √((nu + |w|²) / (nu + n)) as wide.
//! The one Cholesky factor keeps the conditional covariance positive definite, which a Schur complement would not.

use std::sync::Arc;

use super::error::Result;
use super::machine::Machine;
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::dist::{self, Distribution};
use crate::ir::{BinaryFn, Op, ReduceFn, UnaryFn};

/// What the known elements of a vector follow, and the others given them.
pub(super) struct Conditional {
    pub marginal: Arc<DistValue>,
    pub rest: Arc<DistValue>,
}

impl Machine<'_> {
    /// For one vector whose elements `known` (at least one, not all) have the values of `t`; `None` for laws that have no
    /// such conditional.
    pub(super) fn conditional(
        &mut self,
        d: &DistValue,
        known: &[usize],
        t: &Tensor,
        span: Span,
    ) -> Result<Option<Conditional>> {
        let DistKind::Array {
            dist,
            params,
            event,
            ..
        } = &d.kind
        else {
            return Ok(None);
        };
        let (freedom, mu, matrix) = match (dist.name(), &params[..]) {
            ("MultiNormal" | "MultiNormalCholesky" | "MultiNormalPrec", [mu, m]) => (None, mu, m),
            ("MultiStudentT", [nu, mu, m]) => (Some(nu.clone()), mu, m),
            _ => return Ok(None),
        };
        let n = event.len();
        let sigma = self.covariance(dist.name(), matrix, n, span)?;
        let missing: Vec<usize> = (0..n).filter(|i| !known.contains(i)).collect();
        let order = [known, &missing].concat();
        let (k, m) = (known.len(), missing.len());
        let entries = order
            .iter()
            .flat_map(|i| order.iter().map(move |j| i * n + j));
        let sigma = self.pick_all(&sigma, entries, Shape(vec![n, n]), span);
        let l = self.emit(
            Op::Cholesky(n),
            &[&sigma],
            sigma.shape.clone(),
            Kind::Real,
            span,
        );
        let block = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>| {
            rows.flat_map(move |i| columns.clone().map(move |j| i * n + j))
        };
        let l_oo = self.pick_all(&l, block(0..k, 0..k), Shape(vec![k, k]), span);
        let l_mo = self.pick_all(&l, block(k..n, 0..k), Shape(vec![m, k]), span);
        let l_mm = self.pick_all(&l, block(k..n, k..n), Shape(vec![m, m]), span);
        let mu_o = self.pick_all(mu, known.iter().copied(), Shape::vector(k), span);
        let mu_m = self.pick_all(mu, missing.iter().copied(), Shape::vector(m), span);
        let residual = self.elementwise(BinaryFn::Sub, t, &mu_o, Kind::Real, span)?;
        let solve = Op::SolveLower { n: k, m: 1 };
        let w = self.emit(
            solve,
            &[&l_oo, &residual],
            Shape::vector(k),
            Kind::Real,
            span,
        );
        let shift = self.matmul(&l_mo, &w, span)?;
        let mean = self.elementwise(BinaryFn::Add, &mu_m, &shift, Kind::Real, span)?;
        Ok(Some(match freedom {
            None => Conditional {
                marginal: self.vector_law("MultiNormalCholesky", vec![mu_o, l_oo], d.span)?,
                rest: self.vector_law("MultiNormalCholesky", vec![mean, l_mm], d.span)?,
            },
            Some(nu) => {
                let s_oo = self.times_transposed(&l_oo, k, span)?;
                let (more, wider) = self.given_elements(&nu, &w, k, span)?;
                let s_mm = self.times_transposed(&l_mm, m, span)?;
                let s_mm = self.elementwise(BinaryFn::Mul, &s_mm, &wider, Kind::Real, span)?;
                Conditional {
                    marginal: self.vector_law("MultiStudentT", vec![nu, mu_o, s_oo], d.span)?,
                    rest: self.vector_law("MultiStudentT", vec![more, mean, s_mm], d.span)?,
                }
            }
        }))
    }

    /// Degrees of freedom given k elements, and how much wider the squared scale is.
    fn given_elements(
        &mut self,
        nu: &Tensor,
        w: &Tensor,
        k: usize,
        span: Span,
    ) -> Result<(Tensor, Tensor)> {
        let squares = self.unary(UnaryFn::Square, w, Kind::Real, span);
        let distance = self.reduce_all(ReduceFn::Sum, &squares, Kind::Real, span);
        let count = Tensor::real(k as f64);
        let more = self.elementwise(BinaryFn::Add, nu, &count, Kind::Real, span)?;
        let top = self.elementwise(BinaryFn::Add, nu, &distance, Kind::Real, span)?;
        let wider = self.elementwise(BinaryFn::Div, &top, &more, Kind::Real, span)?;
        Ok((more, wider))
    }

    /// The covariance (of Student's t: the squared scale) behind a law's matrix.
    fn covariance(&mut self, law: &str, matrix: &Tensor, n: usize, span: Span) -> Result<Tensor> {
        match law {
            "MultiNormalCholesky" => self.times_transposed(matrix, n, span),
            "MultiNormalPrec" => {
                let entries: Vec<f64> = (0..n * n)
                    .map(|k| if k % (n + 1) == 0 { 1.0 } else { 0.0 })
                    .collect();
                let eye = Tensor::reals(entries, Shape(vec![n, n]));
                let solve = Op::Solve { n, m: n };
                let shape = Shape(vec![n, n]);
                Ok(self.emit(solve, &[matrix, &eye], shape, Kind::Real, span))
            }
            _ => Ok(matrix.clone()),
        }
    }

    /// L Lᵀ.
    fn times_transposed(&mut self, l: &Tensor, n: usize, span: Span) -> Result<Tensor> {
        let entries = (0..n).flat_map(|j| (0..n).map(move |i| i * n + j));
        let transposed = self.pick_all(l, entries, Shape(vec![n, n]), span);
        self.matmul(l, &transposed, span)
    }

    fn pick_all(
        &mut self,
        t: &Tensor,
        which: impl Iterator<Item = usize>,
        shape: Shape,
        span: Span,
    ) -> Tensor {
        self.pick(t, which.map(|i| i as u32).collect(), shape, span)
    }

    fn vector_law(
        &mut self,
        name: &str,
        params: Vec<Tensor>,
        span: Span,
    ) -> Result<Arc<DistValue>> {
        let Some(Distribution::Array(law)) = dist::find(name) else {
            unreachable!("{name} is registered over arrays")
        };
        let given = params.into_iter().map(|t| Some((Value::Num(t), span)));
        let kind = self.array_dist(law, given.collect(), span)?;
        Ok(Arc::new(DistValue { kind, span }))
    }
}
