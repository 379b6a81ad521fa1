//! Observations that are drawn: missing elements, and, for `simulate.rs`, all of them when a program simulates its data.

use std::sync::Arc;

use super::draw::child;
use super::error::{Result, TraceError};
use super::machine::{Machine, from_cells};
use super::outputs::{SiteOutput, element_name};
use super::value::{DistKind, DistValue, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Expr, ExprKind, IndexArg, Place};

/// Keeps the noise of drawn observations apart from that of sites.
const DRAWN: u128 = 0x696d_7075_7465;

/// The elements of a data variable that an observed expression reads.
pub(super) struct Target {
    pub place: Place,
    /// Their flat indices in the variable, with the expression's shape.
    pub positions: Tensor,
}

impl Machine<'_> {
    // ---- missing elements ----

    /// Observes what is there and draws what is missing; the data variable has the drawn values from here on.
    pub(super) fn impute(
        &mut self,
        e: &Expr,
        t: &Tensor,
        d: &Arc<DistValue>,
        span: Span,
    ) -> Result<()> {
        let Some(target) = self.target(e)? else {
            return Err(TraceError::model(
                "odp::trace::impute",
                "missing elements are imputed where the data itself is observed",
                e.span,
                "this is computed from data with missing elements",
            )
            .help("observe the data by its name, or elements of it: `observe y[i] ~ …`"));
        };
        let missing = t.missing.clone().expect("the caller saw missing elements");
        let n = t.shape.len();
        let bare = Tensor {
            missing: None,
            ..t.clone()
        };
        let Some(whole) = self.spread_over(d, &t.shape, span) else {
            return Err(cannot_impute(d, t, span));
        };
        if !is_over_numbers(&whole) {
            return self.impute_rows(&target, &bare, &missing, &whole, span);
        }
        let known: Vec<usize> = (0..n).filter(|&i| !missing[i]).collect();
        if !known.is_empty() {
            let picked = known.iter().map(|&i| i as u32).collect();
            let x = self.pick(&bare, picked, Shape::vector(known.len()), span);
            let part = self.elements(&whole, &known, span);
            self.score(&Value::Num(x), &part, e.span, span)?;
        }
        for i in (0..n).filter(|&i| missing[i]) {
            let part = self.element(&whole, i, span);
            self.draw_into(&target, &[i], &part, true, span)?;
        }
        Ok(())
    }

    /// Rows of a distribution over arrays: each known, missing as a whole, or (where the law has a conditional) in part.
    fn impute_rows(
        &mut self,
        target: &Target,
        t: &Tensor,
        missing: &[bool],
        whole: &Arc<DistValue>,
        span: Span,
    ) -> Result<()> {
        let DistKind::Array { batch, event, .. } = &whole.kind else {
            return Err(cannot_impute(whole, t, span));
        };
        let (rows, len) = (batch.len(), event.len());
        for r in 0..rows {
            let places: Vec<usize> = (r * len..(r + 1) * len).collect();
            let absent = places.iter().filter(|&&i| missing[i]).count();
            let row = self.element(whole, r, span);
            if absent == 0 {
                let picked = places.iter().map(|&i| i as u32).collect();
                let x = self.pick(t, picked, event.clone(), span);
                self.score(&Value::Num(x), &row, span, span)?;
            } else if absent == len {
                self.draw_into(target, &places, &row, true, span)?;
            } else {
                let (absent, known): (Vec<usize>, Vec<usize>) =
                    (0..len).partition(|&i| missing[r * len + i]);
                let picked = known.iter().map(|&i| (r * len + i) as u32).collect();
                let x = self.pick(t, picked, Shape::vector(known.len()), span);
                let Some(law) = self.conditional(&row, &known, &x, span)? else {
                    return Err(cannot_impute(whole, t, span));
                };
                self.score(&Value::Num(x), &law.marginal, span, span)?;
                let absent: Vec<usize> = absent.iter().map(|i| r * len + i).collect();
                self.draw_into(target, &absent, &law.rest, true, span)?;
            }
        }
        Ok(())
    }

    // ---- both ----

    /// Draws elements of a data variable, puts them there and reports them.
    pub(super) fn draw_into(
        &mut self,
        target: &Target,
        elements: &[usize],
        d: &Arc<DistValue>,
        one_by_one: bool,
        span: Span,
    ) -> Result<()> {
        let Value::Num(whole) = self.get(target.place, span)? else {
            return Ok(());
        };
        let positions = target.positions.known_ints().expect("positions are known");
        let at: Vec<usize> = elements.iter().map(|&i| positions[i] as usize).collect();
        let name = match target.place {
            Place::Global(i) => self.model.globals[i as usize].clone(),
            Place::Local(_) => "missing".into(),
        };
        let covers = at.len() == whole.shape.len() && at.iter().enumerate().all(|(i, &e)| i == e);
        let label = match (covers, at.first()) {
            (false, Some(&first)) => element_name(&name, &whole.shape, first),
            _ => name.clone(),
        };
        let first = at.first().copied().unwrap_or(0) as u64;
        let base = child(child(DRAWN, place_key(target.place)), first);
        let drawn = self.draw_value(Value::Dist(d.clone()), &[base], &label, span)?;
        let drawn = self.number(&drawn, span)?;
        let cells = self.cells_of(&drawn, span);
        let mut left = match &whole.missing {
            Some(m) => m.to_vec(),
            None => vec![false; whole.shape.len()],
        };
        let bare = Tensor {
            missing: None,
            ..whole.clone()
        };
        let mut all = self.cells_of(&bare, span);
        for (&i, &cell) in at.iter().zip(&cells) {
            all[i] = cell;
            left[i] = false;
        }
        let kind = whole.kind.max(drawn.kind);
        let mut filled = from_cells(all, whole.shape.clone(), kind);
        if covers && drawn.shape == whole.shape {
            filled = drawn.clone();
        }
        filled.missing = left.contains(&true).then(|| left.into());
        self.bind_drawn(target.place, Value::Num(filled), span)?;
        self.report_drawn(&name, &whole.shape, &at, &drawn, one_by_one, span)
    }

    /// Under a mask, the other executions keep what the variable was; they may draw it themselves.
    fn bind_drawn(&mut self, place: Place, filled: Value, span: Span) -> Result<()> {
        let Some(mask) = self.mask else {
            self.bind(place, filled);
            return Ok(());
        };
        let value = match self.take(place) {
            Some(Value::Choice(choice)) if self.implied(choice.0) == Some(false) => {
                // All have drawn it now where the two masks are each other's opposite.
                let (c, first, _) = (*choice).clone();
                match self.opposite(c, mask) {
                    true => self.merge(c, first, filled, span)?,
                    false => Value::Choice(Arc::new((c, first, filled))),
                }
            }
            Some(old @ Value::Num(_)) => Value::Choice(Arc::new((mask, filled, old))),
            _ => filled,
        };
        self.bind(place, value);
        Ok(())
    }

    fn report_drawn(
        &mut self,
        name: &str,
        shape: &Shape,
        at: &[usize],
        drawn: &Tensor,
        imputed: bool,
        span: Span,
    ) -> Result<()> {
        let mask = self.mask;
        let mut outputs = Vec::with_capacity(at.len());
        let in_order = at.iter().enumerate().all(|(i, &e)| i == e);
        if !imputed && at.len() == shape.len() && in_order {
            outputs.push((name.to_string(), drawn.clone()));
        } else {
            for (k, &i) in at.iter().enumerate() {
                let one = self.pick(drawn, vec![k as u32], Shape::scalar(), span);
                outputs.push((element_name(name, shape, i), one));
            }
        }
        for (name, t) in outputs {
            let site = SiteOutput {
                name,
                loops: Vec::new(),
                value: Value::Num(t),
                mask,
            };
            match imputed {
                true => self.sites.push(site),
                false => self.simulated.push(site),
            }
        }
        Ok(())
    }

    /// The variable that an observed expression reads, and which elements of it; `None` where it is no variable's.
    pub(super) fn target(&mut self, e: &Expr) -> Result<Option<Target>> {
        match &e.kind {
            ExprKind::Place(place) => {
                let Value::Num(whole) = self.get(*place, e.span)? else {
                    return Ok(None);
                };
                let all: Vec<i64> = (0..whole.shape.len() as i64).collect();
                Ok(Some(Target {
                    place: *place,
                    positions: Tensor::ints(all, whole.shape),
                }))
            }
            ExprKind::Index(of, args) => {
                let Some(target) = self.target(of)? else {
                    return Ok(None);
                };
                let picked = self.pick_positions(target.positions, args, e.span, of.span)?;
                let known = picked.known_ints().is_some();
                Ok(known.then_some(Target {
                    place: target.place,
                    positions: picked,
                }))
            }
            _ => Ok(None),
        }
    }

    fn pick_positions(
        &mut self,
        positions: Tensor,
        args: &[IndexArg],
        span: Span,
        of: Span,
    ) -> Result<Tensor> {
        let at = self.index_args(args)?;
        match self.index_tensor(positions, &at, span, of)? {
            Value::Num(t) => Ok(t),
            _ => Ok(Tensor::real(f64::NAN)),
        }
    }

    /// A distribution over every element of an array of some shape; `None` where it has another shape.
    pub(super) fn spread_over(
        &mut self,
        d: &Arc<DistValue>,
        shape: &Shape,
        span: Span,
    ) -> Option<Arc<DistValue>> {
        let d = self.flat(d, span);
        let kind = match &d.kind {
            DistKind::Scalar {
                law,
                params,
                shape: own,
            } if own.broadcast(shape).as_ref() == Some(shape) => DistKind::Scalar {
                law: law.clone(),
                params: params.iter().map(|p| self.spread(p, shape, span)).collect(),
                shape: shape.clone(),
            },
            DistKind::Mixture {
                weights,
                parts,
                shape: own,
            } if own.broadcast(shape).as_ref() == Some(shape) => DistKind::Mixture {
                weights: weights.clone(),
                parts: parts.clone(),
                shape: shape.clone(),
            },
            DistKind::Array {
                dist,
                params,
                shapes,
                batch,
                event,
                noise,
            } => {
                let split = shape.rank().checked_sub(event.rank())?;
                let (outer, inner) = shape.dims().split_at(split);
                let outer = Shape(outer.to_vec());
                if inner != event.dims() || batch.broadcast(&outer).as_ref() != Some(&outer) {
                    return None;
                }
                DistKind::Array {
                    dist: *dist,
                    params: self.spread_batch(params, shapes, &outer, span),
                    shapes: shapes.clone(),
                    batch: outer,
                    event: event.clone(),
                    noise: *noise,
                }
            }
            DistKind::User {
                id,
                args,
                shape: Some(own),
                each,
            } if own.broadcast(shape).as_ref() == Some(shape) => DistKind::User {
                id: *id,
                args: self.spread_args(args, *each, shape, span),
                shape: Some(shape.clone()),
                each: *each,
            },
            other if shape.rank() == 0 => other.clone(),
            _ => return None,
        };
        let span = d.span;
        Some(Arc::new(DistValue { kind, span }))
    }

    /// Some elements of a distribution over numbers that was spread over an array.
    fn elements(&mut self, d: &Arc<DistValue>, which: &[usize], span: Span) -> Arc<DistValue> {
        let shape = Shape::vector(which.len());
        let indices: Vec<u32> = which.iter().map(|&i| i as u32).collect();
        let kind = match &d.kind {
            DistKind::Scalar { law, params, .. } => DistKind::Scalar {
                law: law.clone(),
                params: params
                    .iter()
                    .map(|p| self.pick(p, indices.clone(), shape.clone(), span))
                    .collect(),
                shape,
            },
            DistKind::Mixture {
                weights,
                parts,
                shape: all,
            } => DistKind::Mixture {
                weights: self.weight_rows(weights, parts.len(), all, &indices, span),
                parts: parts
                    .iter()
                    .map(|p| match self.spread_over(p, all, span) {
                        Some(p) => self.elements(&p, which, span),
                        None => p.clone(),
                    })
                    .collect(),
                shape,
            },
            DistKind::User {
                id,
                args,
                each,
                shape: Some(_),
            } => DistKind::User {
                id: *id,
                args: self.args_at(args, *each, &indices, &shape, span),
                shape: Some(shape),
                each: *each,
            },
            other => other.clone(),
        };
        Arc::new(DistValue { kind, span: d.span })
    }

    fn weight_rows(
        &mut self,
        weights: &Tensor,
        k: usize,
        all: &Shape,
        rows: &[u32],
        span: Span,
    ) -> Tensor {
        if weights.shape.rank() == 1 {
            return weights.clone();
        }
        let wide = Shape([all.dims(), &[k]].concat());
        let spread = self.spread(weights, &wide, span);
        let picked = rows
            .iter()
            .flat_map(|&r| (0..k as u32).map(move |j| r * k as u32 + j))
            .collect();
        self.pick(&spread, picked, Shape(vec![rows.len(), k]), span)
    }

    /// One element (of a distribution over arrays: one row) as a distribution of its own.
    fn element(&mut self, d: &Arc<DistValue>, i: usize, span: Span) -> Arc<DistValue> {
        let kind = match &self.elements(d, &[i], span).kind {
            DistKind::Scalar { law, params, .. } => DistKind::Scalar {
                law: law.clone(),
                params: params
                    .iter()
                    .map(|p| p.clone().reshaped(Shape::scalar()))
                    .collect(),
                shape: Shape::scalar(),
            },
            DistKind::Mixture { weights, parts, .. } => {
                let k = parts.len();
                DistKind::Mixture {
                    weights: weights.clone().reshaped(Shape::vector(k)),
                    parts: parts.iter().map(|p| self.element(p, 0, span)).collect(),
                    shape: Shape::scalar(),
                }
            }
            DistKind::User {
                id,
                args,
                each,
                shape: Some(_),
            } => DistKind::User {
                id: *id,
                args: self.args_at(args, *each, &[0], &Shape::scalar(), span),
                shape: Some(Shape::scalar()),
                each: *each,
            },
            DistKind::Array {
                dist,
                params,
                shapes,
                event,
                noise,
                ..
            } => DistKind::Array {
                dist: *dist,
                params: params
                    .iter()
                    .zip(shapes.iter())
                    .map(|(p, s)| match p.shape.rank() == s.rank() {
                        true => p.clone(),
                        false => {
                            let row = (i * s.len()..(i + 1) * s.len()).map(|e| e as u32);
                            self.pick(p, row.collect(), s.clone(), span)
                        }
                    })
                    .collect(),
                shapes: shapes.clone(),
                batch: Shape::scalar(),
                event: event.clone(),
                noise: *noise,
            },
            other => other.clone(),
        };
        Arc::new(DistValue { kind, span: d.span })
    }
}

fn is_over_numbers(d: &DistValue) -> bool {
    !matches!(d.kind, DistKind::Array { .. })
}

pub(super) fn place_key(place: Place) -> u64 {
    match place {
        Place::Global(i) => u64::from(i),
        Place::Local(i) => u64::from(i) | 1 << 40,
    }
}

fn cannot_impute(d: &DistValue, t: &Tensor, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::impute",
        format!(
            "the missing elements of {} cannot be drawn from this distribution",
            super::words(t)
        ),
        span,
        "observed here",
    )
    .label(
        d.span,
        "a value of this is known as a whole, or missing as a whole",
    )
    .help("write the joint distribution as a chain of distributions over numbers")
}
