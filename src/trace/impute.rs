//! Observations that are drawn: missing elements, and, for `simulate.rs`, all of them when a program simulates its data.

use std::sync::Arc;

use super::draw::child;
use super::error::{Result, TraceError};
use super::gap::{Target, Targets, covers, is_complete, origin, shape_of};
use super::machine::{Machine, from_cells};
use super::outputs::SiteOutput;
use super::transform::event_of_parts;
use super::value::{DistKind, DistValue, Tensor, Value, known_gaps};
use crate::base::{Shape, Span, element_name};
use crate::ir::{Expr, ExprKind, IndexArg, Place};

/// Keeps the noise of drawn observations apart from that of sites.
const DRAWN: u128 = 0x696d_7075_7465;

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
        let gaps = t.missing.clone().expect("the caller saw missing elements");
        let missing: Vec<bool> = gaps.iter().map(Option::is_some).collect();
        let here = self.target(e)?;
        let Some(origin) = origin(&gaps, &t.shape).or_else(|| here.clone()) else {
            return Err(TraceError::model(
                "odp::trace::impute",
                "missing elements are imputed where the data itself is observed",
                e.span,
                "this is computed from data with missing elements",
            )
            .help("observe the data by its name, or elements of it: `observe y[i] ~ …`"));
        };
        self.not_yet_drawn(&origin, &missing, e.span)?;
        let here = here.filter(|h| h.place != origin.place);
        let target = Targets { origin, here };
        let n = t.shape.len();
        let bare = Tensor {
            missing: None,
            ..t.clone()
        };
        if let Some((rows, _)) = self.repeated_along(d, &t.shape) {
            return self.impute_rows(&target, &bare, &missing, (d, rows.len()), span);
        }
        let Some(whole) = self.spread_over(d, &t.shape, span) else {
            return Err(cannot_impute(d, t, span));
        };
        if let DistKind::Array { batch, .. } = &whole.kind {
            let rows = batch.len();
            return self.impute_rows(&target, &bare, &missing, (&whole, rows), span);
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
            self.draw_missing(&target, &[i], &part, span)?;
        }
        Ok(())
    }

    /// An element is drawn once, by whatever name it is observed.
    fn not_yet_drawn(&mut self, origin: &Target, missing: &[bool], span: Span) -> Result<()> {
        let Value::Num(whole) = self.get(origin.place, span)? else {
            return Ok(());
        };
        let at = origin.positions.known_ints().expect("positions are known");
        let lacks = |i: i64| {
            whole
                .missing
                .as_ref()
                .is_some_and(|m| m[i as usize].is_some())
        };
        let drawn = at
            .iter()
            .zip(missing)
            .any(|(&i, absent)| *absent && !lacks(i));
        if !drawn {
            return Ok(());
        }
        Err(TraceError::model(
            "odp::trace::observe_random",
            "what is observed depends on chance",
            span,
            "this is missing in the data, and an `observe` above has drawn it",
        )
        .help("observe each missing element once"))
    }

    /// Draws missing elements into the data, and into the variable by which they are observed.
    fn draw_missing(
        &mut self,
        target: &Targets,
        elements: &[usize],
        d: &Arc<DistValue>,
        span: Span,
    ) -> Result<()> {
        let drawn = self.draw_into(&target.origin, elements, d, true, span)?;
        if let Some(here) = &target.here {
            self.put_drawn(here, elements, &drawn, span)?;
        }
        Ok(())
    }

    /// Rows of a distribution over arrays: each known, missing as a whole, or (where the law has a conditional) in part.
    fn impute_rows(
        &mut self,
        target: &Targets,
        t: &Tensor,
        missing: &[bool],
        (whole, rows): (&Arc<DistValue>, usize),
        span: Span,
    ) -> Result<()> {
        let len = t.shape.len().checked_div(rows).unwrap_or(0);
        let event = match &whole.kind {
            DistKind::Array { event, .. } => event.clone(),
            _ => self
                .repeated_along(whole, &t.shape)
                .map_or(Shape::vector(len), |(_, row)| row),
        };
        for r in 0..rows {
            let places: Vec<usize> = (r * len..(r + 1) * len).collect();
            let absent = places.iter().filter(|&&i| missing[i]).count();
            let row = self.element(whole, r, span);
            if absent == 0 {
                let picked = places.iter().map(|&i| i as u32).collect();
                let x = self.pick(t, picked, event.clone(), span);
                self.score(&Value::Num(x), &row, span, span)?;
            } else if absent == len {
                self.draw_missing(target, &places, &row, span)?;
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
                self.draw_missing(target, &absent, &law.rest, span)?;
            }
        }
        Ok(())
    }

    // ---- both ----

    /// Draws elements of a data variable, puts them there and reports them; gives what was drawn.
    pub(super) fn draw_into(
        &mut self,
        target: &Target,
        elements: &[usize],
        d: &Arc<DistValue>,
        one_by_one: bool,
        span: Span,
    ) -> Result<Tensor> {
        let old = self.get(target.place, span)?;
        let shape = shape_of(&old);
        let at = target.flat(elements);
        let name = match target.place {
            Place::Global(i) => self.model.globals[i as usize].clone(),
            Place::Local(_) => "missing".into(),
        };
        let label = match (covers(&at, &shape), at.first()) {
            (false, Some(&first)) => element_name(&name, &shape, first),
            _ => name.clone(),
        };
        let first = at.first().copied().unwrap_or(0) as u64;
        let base = child(child(DRAWN, place_key(target.place)), first);
        let drawn = self.draw_value(Value::Dist(d.clone()), &[base], &label, span)?;
        let drawn = self.number(&drawn, span)?;
        self.put_drawn(target, elements, &drawn, span)?;
        self.report_drawn(&name, &shape, &at, &drawn, one_by_one, span)?;
        Ok(drawn)
    }

    /// Puts drawn elements into a variable.
    pub(super) fn put_drawn(
        &mut self,
        target: &Target,
        elements: &[usize],
        drawn: &Tensor,
        span: Span,
    ) -> Result<()> {
        let old = self.get(target.place, span)?;
        let filled = self.filled_in(&old, &target.flat(elements), drawn, span);
        self.bind_drawn(target.place, filled, span)
    }

    /// A variable's value with some elements drawn; on both sides of a choice.
    fn filled_in(&mut self, old: &Value, at: &[usize], drawn: &Tensor, span: Span) -> Value {
        let whole = match old {
            Value::Num(whole) => whole,
            Value::Choice(choice) => {
                let (c, a, b) = &**choice;
                let a = self.filled_in(a, at, drawn, span);
                let b = self.filled_in(b, at, drawn, span);
                return Value::Choice(Arc::new((*c, a, b)));
            }
            other => return other.clone(),
        };
        let cells = self.cells_of(drawn, span);
        let mut left = match &whole.missing {
            Some(m) => m.to_vec(),
            None => vec![None; whole.shape.len()],
        };
        let bare = Tensor {
            missing: None,
            ..whole.clone()
        };
        let mut all = self.cells_of(&bare, span);
        for (&i, &cell) in at.iter().zip(&cells) {
            all[i] = cell;
            left[i] = None;
        }
        let kind = whole.kind.max(drawn.kind);
        let mut filled = from_cells(all, whole.shape.clone(), kind);
        if covers(at, &whole.shape) && drawn.shape == whole.shape {
            filled = drawn.clone();
        }
        filled.missing = known_gaps(left.into());
        Value::Num(filled)
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
                let complete = is_complete(&first) && is_complete(&filled);
                match complete && self.opposite(c, mask) {
                    true => self.merge(c, first, filled, span)?,
                    false => Value::Choice(Arc::new((c, first, filled))),
                }
            }
            Some(old @ (Value::Num(_) | Value::Choice(_))) => {
                Value::Choice(Arc::new((mask, filled, old)))
            }
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
            } if own.broadcast(shape).as_ref() == Some(shape)
                && event_of_parts(parts).is_none() =>
            {
                DistKind::Mixture {
                    weights: weights.clone(),
                    parts: parts.clone(),
                    shape: shape.clone(),
                }
            }
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
