//! `cdf log_cdf log_ccdf quantile mean_of sd_of`, elementwise.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::transform::{Undone, is_discrete};
use super::value::{DistKind, DistValue, Kind, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Axis, BinaryFn, LawFn, Op, ReduceFn, UnaryFn};

impl Machine<'_> {
    /// A function of a distribution at x (which `mean_of` and `sd_of` do not read).
    pub(super) fn law_fn(
        &mut self,
        f: LawFn,
        d: &Arc<DistValue>,
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let d = self.flat(d, span);
        match &d.kind {
            DistKind::Scalar { law, params, shape } => {
                let all = self.fits(shape, x, span)?;
                let mut operands: Vec<Tensor> = params
                    .iter()
                    .map(|p| self.broadcast(p, &all, span))
                    .collect();
                operands.push(self.broadcast(x, &all, span));
                let refs: Vec<&Tensor> = operands.iter().collect();
                Ok(self.emit(Op::LawFn(law.clone(), f), &refs, all, Kind::Real, span))
            }
            DistKind::Mixture { parts, .. } if f == LawFn::Quantile => {
                let parts = parts.clone();
                self.quantile_of_mixture(&d, &parts, x, span)
            }
            DistKind::Mixture { weights, parts, .. } => {
                let (weights, parts) = (weights.clone(), parts.clone());
                self.law_fn_of_mixture(f, &weights, &parts, x, &d, span)
            }
            DistKind::Transform { base, f: g } => {
                let (base, g) = (base.clone(), g.clone());
                self.law_fn_of_transform(f, &base, &g, x, &d, span)
            }
            DistKind::Array { .. } => self.law_fn_of_array(f, &d, x, span),
            DistKind::Bounded { base, lower, upper } => {
                let (base, lower, upper) = (base.clone(), lower.clone(), upper.clone());
                match f {
                    LawFn::Quantile => self.bounded_quantile(&base, &lower, &upper, x, span),
                    LawFn::Cdf => self.bounded_cdf(&base, &lower, &upper, x, span),
                    LawFn::LogCdf => {
                        let p = self.bounded_cdf(&base, &lower, &upper, x, span)?;
                        Ok(self.unary(UnaryFn::Log, &p, Kind::Real, span))
                    }
                    LawFn::LogCcdf => {
                        let p = self.bounded_cdf(&base, &lower, &upper, x, span)?;
                        let minus = self.unary(UnaryFn::Neg, &p, Kind::Real, span);
                        Ok(self.unary(UnaryFn::Log1p, &minus, Kind::Real, span))
                    }
                    _ => Err(no_closed_form(f, &d, span)),
                }
            }
            DistKind::Censored { base, lower, upper } => {
                let (base, bounds) = (base.clone(), (lower.clone(), upper.clone()));
                self.law_fn_of_censored(f, &base, &bounds, x, &d, span)
            }
            DistKind::User { .. } => self.law_fn_of_user(f, x, &d, span),
            _ => Err(no_closed_form(f, &d, span)),
        }
    }

    pub(super) fn fits(&self, shape: &Shape, x: &Tensor, span: Span) -> Result<Shape> {
        shape.broadcast(&x.shape).ok_or_else(|| {
            TraceError::model(
                "odp::trace::shape_mismatch",
                format!("shapes {shape} and {} do not fit", x.shape),
                span,
                "called here",
            )
        })
    }

    /// Weighted sums of the parts' own; log ones by log-sum-exp.
    fn law_fn_of_mixture(
        &mut self,
        f: LawFn,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        x: &Tensor,
        whole: &DistValue,
        span: Span,
    ) -> Result<Tensor> {
        match f {
            LawFn::Cdf | LawFn::Mean => self.weighted(f, weights, parts, x, span),
            LawFn::LogCdf | LawFn::LogCcdf => {
                let (k, mut scores) = (parts.len(), Vec::with_capacity(parts.len()));
                for (j, part) in parts.iter().enumerate() {
                    let w = self.weight_of(weights, j, k, span);
                    let log_w = self.unary(UnaryFn::Log, &w, Kind::Real, span);
                    let tail = self.law_fn(f, part, x, span)?;
                    scores.push(self.elementwise(
                        BinaryFn::Add,
                        &log_w,
                        &tail,
                        Kind::Real,
                        span,
                    )?);
                }
                let shape = scores
                    .iter()
                    .fold(Shape::scalar(), |s, t| s.broadcast(&t.shape).unwrap_or(s));
                let spread: Vec<Tensor> = scores
                    .iter()
                    .map(|s| self.spread(s, &shape, span))
                    .collect();
                let all = Shape([&[k], shape.dims()].concat());
                let stacked = self.pack(&spread, all, Kind::Real, span);
                Ok(self.reduce(ReduceFn::LogSumExp, &stacked, Some(0), Kind::Real, span))
            }
            LawFn::Sd => {
                let mean = self.weighted(LawFn::Mean, weights, parts, x, span)?;
                let mut second = Tensor::real(0.0);
                for (j, part) in parts.iter().enumerate() {
                    let w = self.weight_of(weights, j, parts.len(), span);
                    let (m, s) = (
                        self.law_fn(LawFn::Mean, part, x, span)?,
                        self.law_fn(LawFn::Sd, part, x, span)?,
                    );
                    let (m2, s2) = (
                        self.unary(UnaryFn::Square, &m, Kind::Real, span),
                        self.unary(UnaryFn::Square, &s, Kind::Real, span),
                    );
                    let sum = self.elementwise(BinaryFn::Add, &m2, &s2, Kind::Real, span)?;
                    let term = self.elementwise(BinaryFn::Mul, &w, &sum, Kind::Real, span)?;
                    second = self.elementwise(BinaryFn::Add, &second, &term, Kind::Real, span)?;
                }
                let square = self.unary(UnaryFn::Square, &mean, Kind::Real, span);
                let variance =
                    self.elementwise(BinaryFn::Sub, &second, &square, Kind::Real, span)?;
                Ok(self.unary(UnaryFn::Sqrt, &variance, Kind::Real, span))
            }
            _ => Err(no_closed_form(f, whole, span)),
        }
    }

    fn weight_of(&mut self, weights: &Tensor, j: usize, k: usize, span: Span) -> Tensor {
        let rows = weights.shape.len() / k;
        let outer = Shape(weights.shape.dims()[..weights.shape.rank() - 1].to_vec());
        let column = (0..rows).map(|r| (r * k + j) as u32).collect();
        self.pick(weights, column, outer, span)
    }

    fn weighted(
        &mut self,
        f: LawFn,
        weights: &Tensor,
        parts: &[Arc<DistValue>],
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let mut total = Tensor::real(0.0);
        for (j, part) in parts.iter().enumerate() {
            let w = self.weight_of(weights, j, parts.len(), span);
            let own = self.law_fn(f, part, x, span)?;
            let term = self.elementwise(BinaryFn::Mul, &w, &own, Kind::Real, span)?;
            total = self.elementwise(BinaryFn::Add, &total, &term, Kind::Real, span)?;
        }
        Ok(total)
    }

    /// P(f(X) ≤ y) is P(X ≤ f⁻¹(y)), the other tail where f decreases; quantiles are f of X's own.
    fn law_fn_of_transform(
        &mut self,
        which: LawFn,
        base: &Arc<DistValue>,
        f: &Value,
        y: &Tensor,
        whole: &DistValue,
        span: Span,
    ) -> Result<Tensor> {
        match which {
            LawFn::Quantile => {
                let half = self.spread(&Tensor::real(0.5), &y.shape, span);
                let middle = self.law_fn(LawFn::Quantile, base, &half, span)?;
                let image = self.call(f, vec![Value::Num(middle)], span)?;
                let image = self.number(&image, span)?;
                let sign = self.undo(base, f, &image, span)?.sign;
                let up =
                    self.elementwise(BinaryFn::Gt, &sign, &Tensor::real(0.0), Kind::Bool, span)?;
                let other =
                    self.elementwise(BinaryFn::Sub, &Tensor::real(1.0), y, Kind::Real, span)?;
                let p = self.emit(
                    Op::Select,
                    &[&up, y, &other],
                    y.shape.clone(),
                    Kind::Real,
                    span,
                );
                let x = self.law_fn(LawFn::Quantile, base, &p, span)?;
                let v = self.call(f, vec![Value::Num(x)], span)?;
                self.number(&v, span)
            }
            LawFn::Cdf => {
                let log = self.law_fn_of_transform(LawFn::LogCdf, base, f, y, whole, span)?;
                Ok(self.unary(UnaryFn::Exp, &log, Kind::Real, span))
            }
            LawFn::LogCdf | LawFn::LogCcdf => {
                let undone = self.undo(base, f, y, span)?;
                let other = if which == LawFn::LogCdf {
                    LawFn::LogCcdf
                } else {
                    LawFn::LogCdf
                };
                let rising = self.law_fn(which, base, &undone.x, span)?;
                // P(f(X) ≤ y) is P(X ≥ x) where f decreases: a discrete X at x counts.
                let edge = match (is_discrete(base), which) {
                    (false, _) => undone.x.clone(),
                    (true, _) => self.elementwise(
                        BinaryFn::Sub,
                        &undone.x,
                        &Tensor::int(1),
                        Kind::Real,
                        span,
                    )?,
                };
                let falling = self.law_fn(other, base, &edge, span)?;
                self.tail_of(which, undone, rising, falling, span)
            }
            _ => Err(no_closed_form(which, whole, span)),
        }
    }

    fn tail_of(
        &mut self,
        which: LawFn,
        undone: Undone,
        rising: Tensor,
        falling: Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let shape = rising.shape.clone();
        let up = self.elementwise(
            BinaryFn::Gt,
            &undone.sign,
            &Tensor::real(0.0),
            Kind::Bool,
            span,
        )?;
        let up = self.broadcast(&up, &shape, span);
        let mut tail = self.emit(
            Op::Select,
            &[&up, &rising, &falling],
            shape.clone(),
            Kind::Real,
            span,
        );
        for (holds, below) in undone.bounds {
            // A y below all values has probability 0 below it.
            let mut p = below;
            if which == LawFn::LogCdf {
                p = self.elementwise(BinaryFn::Sub, &Tensor::real(1.0), &p, Kind::Real, span)?;
            }
            let log = self.unary(UnaryFn::Log, &p, Kind::Real, span);
            let (holds, log) = (
                self.broadcast(&holds, &shape, span),
                self.broadcast(&log, &shape, span),
            );
            tail = self.emit(
                Op::Select,
                &[&holds, &tail, &log],
                shape.clone(),
                Kind::Real,
                span,
            );
        }
        Ok(tail)
    }

    fn law_fn_of_array(
        &mut self,
        f: LawFn,
        d: &DistValue,
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        if let Some(p) = self.probabilities(d, span)? {
            return self.law_fn_of_categorical(f, &p, x, span);
        }
        let DistKind::Array {
            dist,
            params,
            shapes,
            batch,
            event,
            ..
        } = &d.kind
        else {
            unreachable!("the caller matched it")
        };
        if matches!(
            dist.name(),
            "MultiNormal" | "MultiNormalCholesky" | "MultiNormalPrec"
        ) && f == LawFn::Mean
        {
            return Ok(params[0].clone());
        }
        let known: Option<Vec<Arc<[f64]>>> = params.iter().map(|p| p.known()).collect();
        let (Some(known), LawFn::Mean | LawFn::Sd, 0) = (known, f, batch.rank()) else {
            return Err(no_closed_form(f, d, span));
        };
        let p: Vec<&[f64]> = known.iter().map(|v| &v[..]).collect();
        let refs: Vec<&Shape> = shapes.iter().collect();
        let mut out = vec![f64::NAN; event.len()];
        match f {
            LawFn::Mean => dist.mean(&p, &refs, &mut out),
            _ => dist.sd(&p, &refs, &mut out),
        }
        match out.iter().any(|x| x.is_nan()) {
            true => Err(no_closed_form(f, d, span)),
            false => Ok(Tensor::reals(out, event.clone())),
        }
    }

    /// Sums of probabilities `p: […, K]` of the values 0..K.
    fn law_fn_of_categorical(
        &mut self,
        f: LawFn,
        p: &Tensor,
        x: &Tensor,
        span: Span,
    ) -> Result<Tensor> {
        let k = p.shape.dims().last().copied().unwrap_or(0);
        let values: Vec<i64> = (0..k as i64).collect();
        let values = Tensor::ints(values, Shape::vector(k));
        let across = |t: &Tensor| {
            let sizes = [t.shape.dims(), &[1]].concat();
            t.clone().reshaped(Shape(sizes))
        };
        let share = |m: &mut Self, g: BinaryFn| -> Result<Tensor> {
            let chosen = m.elementwise(g, &values, &across(x), Kind::Real, span)?;
            let kept = m.elementwise(BinaryFn::Mul, p, &chosen, Kind::Real, span)?;
            let last = kept.shape.rank() - 1;
            Ok(m.reduce(ReduceFn::Sum, &kept, Some(last), Kind::Real, span))
        };
        let moment = |m: &mut Self, v: &Tensor| -> Result<Tensor> {
            let terms = m.elementwise(BinaryFn::Mul, p, v, Kind::Real, span)?;
            let last = terms.shape.rank() - 1;
            Ok(m.reduce(ReduceFn::Sum, &terms, Some(last), Kind::Real, span))
        };
        match f {
            LawFn::Cdf => share(self, BinaryFn::Le),
            LawFn::LogCdf | LawFn::LogCcdf => {
                let side = if f == LawFn::LogCdf {
                    BinaryFn::Le
                } else {
                    BinaryFn::Gt
                };
                let p = share(self, side)?;
                Ok(self.unary(UnaryFn::Log, &p, Kind::Real, span))
            }
            LawFn::Mean => moment(self, &values),
            LawFn::Sd => {
                let mean = moment(self, &values)?;
                let squares = self.unary(UnaryFn::Square, &values, Kind::Real, span);
                let second = moment(self, &squares)?;
                let square = self.unary(UnaryFn::Square, &mean, Kind::Real, span);
                let variance =
                    self.elementwise(BinaryFn::Sub, &second, &square, Kind::Real, span)?;
                Ok(self.unary(UnaryFn::Sqrt, &variance, Kind::Real, span))
            }
            _ => {
                // The smallest value whose cumulative probability reaches x: how many fall short.
                let axis = Axis {
                    outer: p.shape.len() / k.max(1),
                    n: k,
                    inner: 1,
                };
                let scan = Op::Scan(crate::ir::ScanFn::CumSum, axis);
                let sums = self.emit(scan, &[p], p.shape.clone(), Kind::Real, span);
                let short = self.elementwise(BinaryFn::Lt, &sums, &across(x), Kind::Int, span)?;
                let last = short.shape.rank() - 1;
                let n = self.reduce(ReduceFn::Sum, &short, Some(last), Kind::Int, span);
                self.elementwise(
                    BinaryFn::Min,
                    &n,
                    &Tensor::int(k as i64 - 1),
                    Kind::Real,
                    span,
                )
            }
        }
    }
}

pub(super) fn no_closed_form(f: LawFn, d: &DistValue, span: Span) -> TraceError {
    let name = match f {
        LawFn::Cdf => "cdf",
        LawFn::LogCdf => "log_cdf",
        LawFn::LogCcdf => "log_ccdf",
        LawFn::Quantile => "quantile",
        LawFn::Mean => "mean_of",
        _ => "sd_of",
    };
    TraceError::model(
        "odp::trace::no_closed_form",
        format!("`{name}` of this distribution is not known in closed form"),
        span,
        "asked for here",
    )
    .label(d.span, "of this distribution")
    .help("draw from it and look at the draws: `sample x ~ …`")
}
