//! Arithmetic on reals, for inverses that are built step by step.

use super::error::Result;
use super::machine::Machine;
use super::transform::Undone;
use super::value::{Kind, Tensor};
use crate::base::Span;
use crate::ir::{BinaryFn, UnaryFn};

/// Arithmetic on reals at one place of the program.
pub(super) struct Algebra<'a, 'm> {
    pub machine: &'a mut Machine<'m>,
    pub span: Span,
}

impl Algebra<'_, '_> {
    pub fn of(&mut self, f: UnaryFn, t: &Tensor) -> Tensor {
        self.machine.unary(f, t, Kind::Real, self.span)
    }
    pub fn with(&mut self, f: BinaryFn, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.machine.elementwise(f, a, b, Kind::Real, self.span)
    }
    pub fn sum(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.with(BinaryFn::Add, a, b)
    }
    pub fn minus(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.with(BinaryFn::Sub, a, b)
    }
    pub fn product(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.with(BinaryFn::Mul, a, b)
    }
    pub fn quotient(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.with(BinaryFn::Div, a, b)
    }
    pub fn times(&mut self, t: &Tensor, k: f64) -> Result<Tensor> {
        self.with(BinaryFn::Mul, t, &Tensor::real(k))
    }
    pub fn plus(&mut self, t: &Tensor, k: f64) -> Result<Tensor> {
        self.with(BinaryFn::Add, t, &Tensor::real(k))
    }
    /// f turns round where k is negative.
    pub fn turn(&mut self, u: &mut Undone, k: &Tensor) -> Result<()> {
        let sign = self.of(UnaryFn::Sign, k);
        u.sign = self.product(&u.sign, &sign)?;
        Ok(())
    }
    /// The result so far must compare so with a bound for y to be a value of f.
    pub fn require(&mut self, u: &mut Undone, f: BinaryFn, t: &Tensor, bound: f64) -> Result<()> {
        let holds = self
            .machine
            .elementwise(f, t, &Tensor::real(bound), Kind::Bool, self.span)?;
        // Below all values of an increasing f, everything is above y.
        let towards = if matches!(f, BinaryFn::Lt) { -0.5 } else { 0.5 };
        let half = self.times(&u.sign, towards)?;
        let above = self.plus(&half, 0.5)?;
        u.bounds.push((holds.clone(), above));
        u.valid = Some(match u.valid.take() {
            Some(before) => {
                self.machine
                    .elementwise(BinaryFn::And, &before, &holds, Kind::Bool, self.span)?
            }
            None => holds,
        });
        Ok(())
    }
}
