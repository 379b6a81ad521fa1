//! A draw of `Multinomial(n, p)` as the chain of binomials that it is, each a discrete site of its own.
//!
//! ```text
//!   x₀ ~ Binomial(n, p₀)    x₁ ~ Binomial(n − x₀, p₁ / (p₁ + p₂ + …))    …    the last one is what is left
//! ```
//! The same noise leads to the same counts as the law's own transport does; apart, the counts can be enumerated.

use super::draw::Noise;
use super::error::Result;
use super::machine::Machine;
use super::value::{Kind, Tensor};
use crate::base::{Shape, Span};
use crate::dist::{self, Distribution};
use crate::ir::{BinaryFn, Law, Op, ReduceFn};

/// Counts beyond this stay one operation: nobody enumerates them.
const MOST: usize = 256;

/// Whether a draw of some counts is made of binomials.
pub(super) fn is_chain(law: &str, batch: &Shape, event: &Shape) -> bool {
    law == "Multinomial" && event.len() > 1 && batch.len() * event.len() <= MOST
}

impl Machine<'_> {
    /// Counts `[batch…, k]`, given noise `[batch…, k − 1]`; `params` are n and p, with or without the batch.
    pub(super) fn draw_counts(
        &mut self,
        params: &[Tensor],
        z: &Noise,
        batch: &Shape,
        k: usize,
        name: &str,
        span: Span,
    ) -> Result<Tensor> {
        let mut counts = Vec::with_capacity(batch.len());
        for row in 0..batch.len() {
            let of_row = |t: &Tensor, len: usize| match t.shape.len() > len {
                true => (row * len..(row + 1) * len).map(|i| i as u32).collect(),
                false => (0..len as u32).collect::<Vec<u32>>(),
            };
            let n = self.pick(&params[0], of_row(&params[0], 1), Shape::scalar(), span);
            let p = self.pick(&params[1], of_row(&params[1], k), Shape::vector(k), span);
            let p = self.simplex_or_nan(&p, span)?;
            self.counts_of_row((n, p), z, row * (k - 1), name, span, &mut counts)?;
        }
        let shape = Shape([batch.dims(), &[k]].concat());
        Ok(self.pack(&counts, shape, Kind::Int, span))
    }

    fn counts_of_row(
        &mut self,
        (n, p): (Tensor, Tensor),
        z: &Noise,
        first: usize,
        name: &str,
        span: Span,
        counts: &mut Vec<Tensor>,
    ) -> Result<()> {
        let Some(Distribution::Scalar(binomial)) = dist::find("Binomial") else {
            unreachable!("Binomial is registered over numbers")
        };
        let k = p.shape.len();
        let mut rest = n;
        for i in 0..k - 1 {
            let tail = (i as u32..k as u32).collect();
            let tail = self.pick(&p, tail, Shape::vector(k - i), span);
            let left = self.reduce_all(ReduceFn::Sum, &tail, Kind::Real, span);
            // Where nothing is left no count is left either, and 0 / 0 would be no number.
            let least = Tensor::real(f64::MIN_POSITIVE);
            let left = self.elementwise(BinaryFn::Max, &left, &least, Kind::Real, span)?;
            let here = self.pick(&p, vec![i as u32], Shape::scalar(), span);
            let share = self.elementwise(BinaryFn::Div, &here, &left, Kind::Real, span)?;
            let own = self.part_of_noise(z, first + i, span);
            let x = self.transport(
                Op::Transport(Law::Plain(binomial)),
                &[rest.clone(), share],
                own,
                Shape::scalar(),
                Kind::Int,
                true,
                &format!("{name}[{i}]"),
                span,
            )?;
            rest = self.elementwise(BinaryFn::Sub, &rest, &x, Kind::Int, span)?;
            counts.push(x);
        }
        counts.push(rest);
        Ok(())
    }

    /// p, or NaN where it depends on chance and is no simplex.
    fn simplex_or_nan(&mut self, p: &Tensor, span: Span) -> Result<Tensor> {
        if self.known_always(p).is_some() {
            return Ok(p.clone());
        }
        let (zero, one) = (Tensor::real(0.0), Tensor::real(1.0));
        let negative = self.elementwise(BinaryFn::Lt, p, &zero, Kind::Bool, span)?;
        let negative = self.reduce_all(ReduceFn::Any, &negative, Kind::Bool, span);
        let sum = self.reduce_all(ReduceFn::Sum, p, Kind::Real, span);
        let above = self.elementwise(BinaryFn::Sub, &sum, &one, Kind::Real, span)?;
        let off = self.unary(crate::ir::UnaryFn::Abs, &above, Kind::Real, span);
        let limit = Tensor::real(SIMPLEX);
        let off = self.elementwise(BinaryFn::Gt, &off, &limit, Kind::Bool, span)?;
        let wrong = self.elementwise(BinaryFn::Or, &negative, &off, Kind::Bool, span)?;
        let nan = Tensor::real(f64::NAN);
        Ok(self.emit(
            Op::Select,
            &[&wrong, &nan, p],
            p.shape.clone(),
            Kind::Real,
            span,
        ))
    }
}

/// How far from 1 the sum of a simplex may be.
const SIMPLEX: f64 = 1e-8;
