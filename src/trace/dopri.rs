//! `ode_dopri`: the embedded pair of orders 5 and 4 by Dormand and Prince (1980), J. Comp. Appl. Math. 6, table 2.
//!
//! Where everything is known the steps adapt as usual. Where the solution depends on chance, steps that depend on noise
//! would make the solution a function with jumps. So the number of equal steps between two times is chosen once, before
//! any noise is known: doubled until the error estimate meets the tolerance at prior draws. The estimate stays part of
//! the program: an execution whose own estimate is far above the tolerance fails, as one whose solver is out of steps.

use std::collections::HashMap;
use std::sync::Arc;

use rand::RngExt;
use rand_distr::StandardNormal;

use super::builtin::Args;
use super::error::{Result, TraceError};
use super::graph::NodeId;
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::{Seed, Shape, Span};
use crate::ir::{BinaryFn, ReduceFn, UnaryFn};

/// Rows of the tableau below the first: weights of the earlier slopes. The last is also the solution of order 5.
const A: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[
        19372.0 / 6561.0,
        -25360.0 / 2187.0,
        64448.0 / 6561.0,
        -212.0 / 729.0,
    ],
    &[
        9017.0 / 3168.0,
        -355.0 / 33.0,
        46732.0 / 5247.0,
        49.0 / 176.0,
        -5103.0 / 18656.0,
    ],
    &[
        35.0 / 384.0,
        0.0,
        500.0 / 1113.0,
        125.0 / 192.0,
        -2187.0 / 6784.0,
        11.0 / 84.0,
    ],
];
const C: [f64; 6] = [0.2, 0.3, 0.8, 8.0 / 9.0, 1.0, 1.0];
/// Order 5 minus order 4, by slope.
const E: [f64; 7] = [
    71.0 / 57600.0,
    0.0,
    -71.0 / 16695.0,
    71.0 / 1920.0,
    -17253.0 / 339200.0,
    22.0 / 525.0,
    -1.0 / 40.0,
];

/// Prior draws that the number of steps is chosen by, and how many of them may need more.
const PILOTS: usize = 16;
const HARD_PILOTS: usize = 2;
/// An execution fails whose error estimate is this many times the tolerance.
const FAR_OFF: f64 = 100.0;

struct Tolerance {
    relative: f64,
    absolute: f64,
    max_steps: usize,
}

impl Tolerance {
    /// Root mean square of error over scale; at most 1 where a step is good.
    fn norm(&self, error: &[f64], before: &[f64], after: &[f64]) -> f64 {
        let sum: f64 = error
            .iter()
            .zip(before.iter().zip(after))
            .map(|(e, (a, b))| {
                let scale = self.absolute + self.relative * a.abs().max(b.abs());
                (e / scale).powi(2)
            })
            .sum();
        (sum / error.len().max(1) as f64).sqrt()
    }
}

/// A slope as a function of time and state, by numbers.
type Slope<'a> = dyn FnMut(f64, &[f64]) -> Result<Vec<f64>> + 'a;

impl Machine<'_> {
    /// `ode_dopri(|t, y| dy, y0, t0, ts, rtol = 1e-6, atol = 1e-6, max_steps = 10000)`.
    pub(super) fn ode_dopri(&mut self, args: &Args) -> Result<Value> {
        let span = args.span;
        let f = args.get(0)?.clone();
        let (y0, t0, ts) = (self.arg(args, 1)?, self.arg(args, 2)?, self.arg(args, 3)?);
        let tolerance = Tolerance {
            relative: self.setting(args, "rtol", 4, 1e-6)?,
            absolute: self.setting(args, "atol", 5, 1e-6)?,
            max_steps: self.setting(args, "max_steps", 6, 10_000.0)? as usize,
        };
        let y0 = self.as_reals(y0, span);
        let (Some(start), Some(times)) = (t0.known_scalar(), ts.known()) else {
            return Err(TraceError::model(
                "odp::trace::random_times",
                "`ode_dopri` needs times that do not depend on chance",
                span,
                "called here",
            )
            .help("scale time inside the equation, or use `ode_rk4`"));
        };
        if let Some(rows) = self.known_solution(&f, &y0, start, &times, &tolerance, span)? {
            return self.array_of(rows, span);
        }
        let steps = self.choose_steps(&f, &y0, start, &times, &tolerance, span)?;
        self.fixed_solution(&f, y0, start, &times, &steps, &tolerance, span)
    }

    fn setting(&mut self, args: &Args, name: &str, i: usize, default: f64) -> Result<f64> {
        let Some(v) = args.named(name).or(args.values.get(i)).cloned() else {
            return Ok(default);
        };
        let t = self.number(&v, args.span)?;
        t.known_scalar().filter(|x| *x > 0.0).ok_or_else(|| {
            TraceError::model(
                "odp::trace::solver_setting",
                format!("`{name}` is a known positive number"),
                args.span,
                format!("this is {}", super::words(&t)),
            )
        })
    }

    // ---- everything known: adaptive steps ----

    /// The solution where the first slope is known; `None` where it depends on chance.
    fn known_solution(
        &mut self,
        f: &Value,
        y0: &Tensor,
        start: f64,
        times: &[f64],
        tolerance: &Tolerance,
        span: Span,
    ) -> Result<Option<Vec<Value>>> {
        let Some(first) = y0.known() else {
            return Ok(None);
        };
        let shape = y0.shape.clone();
        let probe = self.slope(f, &Tensor::real(start), y0, span)?;
        if probe.known().is_none() {
            return Ok(None);
        }
        let mut slope = |t: f64, y: &[f64]| -> Result<Vec<f64>> {
            self.step(span)?;
            let state = Tensor::reals(y.to_vec(), shape.clone());
            let dy = self.slope(f, &Tensor::real(t), &state, span)?;
            Ok(dy.known().map_or(vec![f64::NAN; y.len()], |v| v.to_vec()))
        };
        let mut rows = Vec::with_capacity(times.len());
        let (mut t, mut y, mut left) = (start, first.to_vec(), tolerance.max_steps);
        for &end in times {
            if !adaptive(&mut slope, &mut t, &mut y, end, tolerance, &mut left)? {
                y.fill(f64::NAN);
            }
            rows.push(Value::Num(Tensor::reals(y.clone(), y0.shape.clone())));
        }
        if self.is_tracing() && self.mask.is_none() && y.iter().any(|x| x.is_nan()) {
            let mut error = out_of_steps(tolerance, span);
            error.class = super::error::Class::Numeric;
            return Err(error);
        }
        Ok(Some(rows))
    }

    // ---- depending on chance: steps chosen once ----

    /// Equal steps between each time and the next, enough for nearly all prior draws.
    fn choose_steps(
        &mut self,
        f: &Value,
        y0: &Tensor,
        start: f64,
        times: &[f64],
        tolerance: &Tolerance,
        span: Span,
    ) -> Result<Vec<usize>> {
        let t_in = self.graph.stand_in(Shape::scalar(), span);
        let y_in = self.graph.stand_in(y0.shape.clone(), span);
        let dy = self.slope(
            f,
            &Tensor::node(t_in, Shape::scalar(), Kind::Real),
            &Tensor::node(y_in, y0.shape.clone(), Kind::Real),
            span,
        )?;
        let (dy, y0) = (self.node_of(&dy, span), self.node_of(y0, span));
        let moving = self.moving(&[t_in, y_in], dy);
        let mut needed = vec![Vec::with_capacity(PILOTS); times.len()];
        for pilot in 0..PILOTS {
            let (mut fixed, y) = self.pilot(pilot as u64, &moving, dy, y0);
            let mut slope = |t: f64, y: &[f64]| -> Result<Vec<f64>> {
                moving.iter().for_each(|id| drop(fixed.remove(id)));
                fixed.insert(t_in, [t].into());
                fixed.insert(y_in, y.into());
                self.graph.evaluate(&[dy], &|_| 0.0, &mut fixed);
                Ok(fixed[&dy].to_vec())
            };
            let counts = equal_steps(&mut slope, start, &y, times, tolerance)?;
            counts
                .into_iter()
                .zip(&mut needed)
                .for_each(|(n, all)| all.push(n));
        }
        let steps: Vec<usize> = needed
            .into_iter()
            .map(|mut all| {
                all.sort_unstable();
                all[PILOTS - 1 - HARD_PILOTS]
            })
            .collect();
        if steps.iter().sum::<usize>() > tolerance.max_steps {
            return Err(out_of_steps(tolerance, span));
        }
        Ok(steps)
    }

    /// The nodes of the slope that change with time and state.
    fn moving(&self, inputs: &[NodeId], slope: NodeId) -> Vec<NodeId> {
        let first = inputs.iter().map(|i| i.index()).min().unwrap_or(0);
        let mut depends = vec![false; (slope.index() + 1).saturating_sub(first)];
        let mut all = Vec::new();
        for k in first..=slope.index() {
            let id = NodeId::new(k);
            let node = self.graph.node(id);
            let moves = inputs.contains(&id)
                || node
                    .args
                    .iter()
                    .any(|a| a.index() >= first && depends[a.index() - first]);
            depends[k - first] = moves;
            if moves {
                all.push(id);
            }
        }
        all
    }

    /// What a prior draw gives to everything but time and state, and the state at the start.
    fn pilot(
        &self,
        index: u64,
        moving: &[NodeId],
        slope: NodeId,
        y0: NodeId,
    ) -> (HashMap<NodeId, Arc<[f64]>>, Vec<f64>) {
        let mut stream = Seed(0x6f64_6520).stream("ode pilots", index);
        let z: Vec<f64> = (0..self.graph.dim)
            .map(|_| stream.sample(StandardNormal))
            .collect();
        // The first pilot is the middle of the prior.
        let at = |c: usize| {
            if index == 0 {
                0.0
            } else {
                z.get(c).copied().unwrap_or(0.0)
            }
        };
        let mut fixed = HashMap::new();
        self.graph.evaluate(&[slope, y0], &at, &mut fixed);
        moving.iter().for_each(|id| drop(fixed.remove(id)));
        let y = fixed[&y0].to_vec();
        (fixed, y)
    }

    #[allow(clippy::too_many_arguments)]
    fn fixed_solution(
        &mut self,
        f: &Value,
        mut y: Tensor,
        start: f64,
        times: &[f64],
        steps: &[usize],
        tolerance: &Tolerance,
        span: Span,
    ) -> Result<Value> {
        let (mut t, mut rows, mut worst) =
            (start, Vec::with_capacity(times.len()), Tensor::real(0.0));
        let mut first = self.slope(f, &Tensor::real(t), &y, span)?;
        for (&end, &n) in times.iter().zip(steps) {
            let h = (end - t) / n as f64;
            for k in 0..n {
                self.step(span)?;
                let now = t + k as f64 * h;
                let (next, last, error) = self.dopri_step(f, now, &y, &first, h, span)?;
                let norm = self.error_norm(&error, &y, &next, tolerance, span)?;
                worst = self.elementwise(BinaryFn::Max, &worst, &norm, Kind::Real, span)?;
                (y, first) = (next, last);
            }
            t = end;
            rows.push(Value::Num(y.clone()));
        }
        let far = self.elementwise(
            BinaryFn::Gt,
            &worst,
            &Tensor::real(FAR_OFF),
            Kind::Bool,
            span,
        )?;
        if far.known().is_none() {
            let node = self.node_of(&far, span);
            let message = out_of_steps(tolerance, span).report.message;
            self.failure_where(node, message.into(), span);
        }
        self.array_of(rows, span)
    }

    /// One step: the state after it, the slope there, and the error estimate.
    fn dopri_step(
        &mut self,
        f: &Value,
        t: f64,
        y: &Tensor,
        first: &Tensor,
        h: f64,
        span: Span,
    ) -> Result<(Tensor, Tensor, Tensor)> {
        let mut slopes = vec![first.clone()];
        let mut state = y.clone();
        for (row, c) in A.iter().zip(C) {
            let change = self.weighted_slopes(&slopes, row, h, span)?;
            state = self.elementwise(BinaryFn::Add, y, &change, Kind::Real, span)?;
            let at = Tensor::real(t + c * h);
            slopes.push(self.slope(f, &at, &state, span)?);
        }
        let error = self.weighted_slopes(&slopes, &E, h, span)?;
        let last = slopes.pop().expect("seven slopes");
        Ok((state, last, error))
    }

    fn weighted_slopes(
        &mut self,
        slopes: &[Tensor],
        weights: &[f64],
        h: f64,
        span: Span,
    ) -> Result<Tensor> {
        let mut sum: Option<Tensor> = None;
        for (slope, w) in slopes.iter().zip(weights).filter(|(_, w)| **w != 0.0) {
            let w = Tensor::real(w * h);
            let term = self.elementwise(BinaryFn::Mul, slope, &w, Kind::Real, span)?;
            sum = Some(match sum {
                None => term,
                Some(sum) => self.elementwise(BinaryFn::Add, &sum, &term, Kind::Real, span)?,
            });
        }
        Ok(sum.expect("every row has a weight"))
    }

    fn error_norm(
        &mut self,
        error: &Tensor,
        before: &Tensor,
        after: &Tensor,
        tolerance: &Tolerance,
        span: Span,
    ) -> Result<Tensor> {
        let (a, b) = (
            self.unary(UnaryFn::Abs, before, Kind::Real, span),
            self.unary(UnaryFn::Abs, after, Kind::Real, span),
        );
        let size = self.elementwise(BinaryFn::Max, &a, &b, Kind::Real, span)?;
        let relative = Tensor::real(tolerance.relative);
        let scaled = self.elementwise(BinaryFn::Mul, &size, &relative, Kind::Real, span)?;
        let absolute = Tensor::real(tolerance.absolute);
        let scale = self.elementwise(BinaryFn::Add, &scaled, &absolute, Kind::Real, span)?;
        let ratio = self.elementwise(BinaryFn::Div, error, &scale, Kind::Real, span)?;
        let size = self.unary(UnaryFn::Abs, &ratio, Kind::Real, span);
        Ok(self.reduce_all(ReduceFn::Max, &size, Kind::Real, span))
    }
}

/// One step by numbers: the state after it, the slope there, and the error estimate.
fn numeric_step(
    slope: &mut Slope,
    t: f64,
    y: &[f64],
    first: &[f64],
    h: f64,
) -> Result<(Vec<f64>, Vec<f64>, Vec<f64>)> {
    let mut slopes = vec![first.to_vec()];
    let mut state = y.to_vec();
    let weighted = |slopes: &[Vec<f64>], row: &[f64], i: usize| -> f64 {
        h * row.iter().zip(slopes).map(|(w, k)| w * k[i]).sum::<f64>()
    };
    for (row, c) in A.iter().zip(C) {
        for (i, x) in state.iter_mut().enumerate() {
            *x = y[i] + weighted(&slopes, row, i);
        }
        slopes.push(slope(t + c * h, &state)?);
    }
    let error = (0..y.len()).map(|i| weighted(&slopes, &E, i)).collect();
    let last = slopes.pop().expect("seven slopes");
    Ok((state, last, error))
}

/// Adaptive steps to `end`; false where more are needed than are left.
fn adaptive(
    slope: &mut Slope,
    t: &mut f64,
    y: &mut Vec<f64>,
    end: f64,
    tolerance: &Tolerance,
    left: &mut usize,
) -> Result<bool> {
    let mut first = slope(*t, y)?;
    let mut h = (end - *t) / 10.0;
    while *t != end {
        if *left == 0 || h == 0.0 || y.iter().any(|x| x.is_nan()) {
            return Ok(false);
        }
        *left -= 1;
        let last_one = (*t + h - end) * h.signum() >= -1e-12 * h.abs();
        if last_one {
            h = end - *t;
        }
        let (next, last, error) = numeric_step(slope, *t, y, &first, h)?;
        let norm = tolerance.norm(&error, y, &next);
        let factor = 0.9 * norm.max(1e-10).powf(-0.2);
        if norm <= 1.0 {
            *t = if last_one { end } else { *t + h };
            (*y, first) = (next, last);
            h *= factor.min(5.0);
        } else {
            // A NaN is no reason to give up: a smaller step may stay where the slope is defined.
            h *= if factor.is_nan() {
                0.1
            } else {
                factor.max(0.1)
            };
        }
    }
    Ok(true)
}

/// How many equal steps each stretch of time needs, each within the tolerance.
fn equal_steps(
    slope: &mut Slope,
    start: f64,
    y0: &[f64],
    times: &[f64],
    tolerance: &Tolerance,
) -> Result<Vec<usize>> {
    let (mut t, mut y) = (start, y0.to_vec());
    let mut counts = Vec::with_capacity(times.len());
    for &end in times {
        let mut n = 1;
        let after = loop {
            match stretch(slope, t, &y, end, n, tolerance)? {
                Some(after) => break after,
                None if 2 * n > tolerance.max_steps => break vec![f64::NAN; y.len()],
                None => n *= 2,
            }
        };
        counts.push(n);
        (t, y) = (end, after);
    }
    Ok(counts)
}

/// The state after n equal steps; `None` where one of them is too long.
fn stretch(
    slope: &mut Slope,
    start: f64,
    y: &[f64],
    end: f64,
    n: usize,
    tolerance: &Tolerance,
) -> Result<Option<Vec<f64>>> {
    let h = (end - start) / n as f64;
    let mut y = y.to_vec();
    let mut first = slope(start, &y)?;
    for k in 0..n {
        let (next, last, error) = numeric_step(slope, start + k as f64 * h, &y, &first, h)?;
        let norm = tolerance.norm(&error, &y, &next);
        if norm.is_nan() || norm > 1.0 {
            return Ok(None);
        }
        (y, first) = (next, last);
    }
    Ok(Some(y))
}

fn out_of_steps(tolerance: &Tolerance, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::solver",
        "the differential equation's solver is out of steps",
        span,
        format!("more than {} steps are needed", tolerance.max_steps),
    )
    .help("raise `max_steps`, or loosen `rtol` and `atol`; a stiff equation needs another form")
}
