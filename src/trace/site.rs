//! `sample` and `observe`: single draws, plates, chains, and missing data that is imputed.

use std::sync::Arc;

use super::distribution::child;
use super::error::{Result, TraceError};
use super::graph::TermKind;
use super::machine::{Machine, from_cells};
use super::outputs::SiteOutput;
use super::plate::{Plate, mentions};
use super::value::{Cell, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Shape, Span};
use crate::ir::{Expr, ExprKind, IndexArg, Place, PlateIndex, SiteId};

impl Machine<'_> {
    pub(super) fn sample_expression(
        &mut self,
        d: Value,
        site: SiteId,
        span: Span,
    ) -> Result<Value> {
        let name = format!("sample@{}", self.model.sources.line_col(span).0);
        let address = self.address.child(site as u64);
        self.draw_value(d, &[address], &name, span)
    }

    /// Draws from a distribution, or from both of a choice.
    fn draw_value(
        &mut self,
        d: Value,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Value> {
        match d {
            Value::Dist(d) => self.draw(&d, addresses, name, span),
            Value::Bottom => Ok(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (*choice).clone();
                let first: Vec<u128> = addresses.iter().map(|x| child(*x, 0x10)).collect();
                let second: Vec<u128> = addresses.iter().map(|x| child(*x, 0x11)).collect();
                self.both(
                    c,
                    span,
                    |m| m.draw_value(a, &first, name, span),
                    |m| m.draw_value(b, &second, name, span),
                )
            }
            other => Err(not_a_distribution(&other, span)),
        }
    }

    pub(super) fn sample_statement(
        &mut self,
        place: Place,
        site: SiteId,
        plate: &[PlateIndex],
        dist: &Expr,
        span: Span,
    ) -> Result<()> {
        let name = self.model.sites[site].name.clone().unwrap_or_default();
        let label = self.site_label(&name);
        let value = if plate.is_empty() {
            let d = self.eval(dist)?;
            let address = self.address.child(site as u64);
            self.draw_value(d, &[address], &label, dist.span)?
        } else {
            self.sample_plate(place, site, plate, dist, &label, span)?
        };
        if self.model.sites[site].file_level {
            self.sites.push(SiteOutput {
                name,
                loops: self.loops.clone(),
                value: value.clone(),
                mask: self.mask,
            });
        }
        self.assign_site(place, value, span)
    }

    /// A site in two arms under one name is one variable.
    fn assign_site(&mut self, place: Place, value: Value, span: Span) -> Result<()> {
        if self.mask.is_none() {
            self.bind(place, value);
            return Ok(());
        }
        match self.take(place) {
            Some(old) => {
                let mask = self.mask.expect("checked above");
                let merged = self.merge(mask, value, old, span)?;
                self.bind(place, merged);
            }
            None => self.bind(place, value),
        }
        Ok(())
    }

    fn site_label(&self, name: &str) -> String {
        let indices: Vec<String> = self.loops.iter().map(i64::to_string).collect();
        if indices.is_empty() {
            name.to_string()
        } else {
            format!("{name}[{}]", indices.join(","))
        }
    }

    fn sample_plate(
        &mut self,
        place: Place,
        site: SiteId,
        plate: &[PlateIndex],
        dist: &Expr,
        label: &str,
        span: Span,
    ) -> Result<Value> {
        let plate = self.open_plate(plate, true)?;
        if plate.len() == 0 {
            return Ok(Value::Num(Tensor::reals(Vec::new(), plate.shape())));
        }
        let addresses = self.plate_addresses(&plate, site);
        if !mentions(dist, &[place])
            && let Some(d) = self.plate_distribution(&plate, dist)?
        {
            let value = self.draw(&d, &addresses, label, dist.span)?;
            self.close_plate(&plate);
            return Ok(value);
        }
        self.sample_one_by_one(place, &plate, &addresses, dist, label, span)
    }

    fn plate_addresses(&mut self, plate: &Plate, site: SiteId) -> Vec<u128> {
        (0..plate.len())
            .map(|k| {
                for i in plate.index(k) {
                    self.address.push(i as u64);
                }
                let address = self.address.child(site as u64);
                plate.places.iter().for_each(|_| self.address.pop());
                address
            })
            .collect()
    }

    /// A chain, or a plate whose distribution is no plain expression: in order, each element seeing those before it.
    fn sample_one_by_one(
        &mut self,
        place: Place,
        plate: &Plate,
        addresses: &[u128],
        dist: &Expr,
        label: &str,
        span: Span,
    ) -> Result<Value> {
        let chain = mentions(dist, &[place]);
        let mut drawn = Vec::with_capacity(plate.len());
        if chain {
            self.bind(place, partial(plate.shape(), plate.len()));
        }
        for k in 0..plate.len() {
            self.step(span)?;
            let index = plate.index(k);
            for (p, &i) in plate.places.iter().zip(&index) {
                self.bind(*p, Value::Num(Tensor::int(i)));
                self.address.push(i as u64);
            }
            let d = self.eval(dist)?;
            let parts: Vec<String> = index.iter().map(i64::to_string).collect();
            let value = self.draw_value(
                d,
                &addresses[k..k + 1],
                &format!("{label}[{}]", parts.join(",")),
                dist.span,
            )?;
            plate.places.iter().for_each(|_| self.address.pop());
            if chain {
                self.fill(place, plate, k, &value, span)?;
            }
            drawn.push(value);
        }
        let flat = self.array_of(drawn, span)?;
        Ok(match flat {
            Value::Num(t) => {
                let shape = Shape([plate.shape().dims(), &t.shape.dims()[1..]].concat());
                Value::Num(t.reshaped(shape))
            }
            other => other,
        })
    }

    /// Puts element k of a chain into its variable, so that later elements can read it.
    fn fill(
        &mut self,
        place: Place,
        plate: &Plate,
        k: usize,
        value: &Value,
        span: Span,
    ) -> Result<()> {
        let Value::Num(t) = value else {
            return Err(super::expression::not_yet(
                "a chain of values that are not numbers",
                span,
            ));
        };
        let inner = t.shape.len();
        let Some(Value::Num(mut whole)) = self.take(place) else {
            unreachable!("bound when the chain began")
        };
        if k == 0 && inner != 1 {
            let shape = Shape([plate.shape().dims(), t.shape.dims()].concat());
            whole = Tensor {
                payload: Payload::Cells(Arc::new(vec![Cell::Unset; shape.len()])),
                shape,
                ..whole
            };
        }
        whole.kind = t.kind;
        let cells = self.cells_of(t, span);
        if let Payload::Cells(all) = &mut whole.payload {
            Arc::make_mut(all)[k * inner..(k + 1) * inner].copy_from_slice(&cells);
        }
        self.bind(place, Value::Num(whole));
        Ok(())
    }

    /// Element by element; a node's elements become nodes of their own.
    pub(super) fn cells_of(&mut self, t: &Tensor, span: Span) -> Vec<Cell> {
        if let Some(cells) = t.cells() {
            return cells;
        }
        (0..t.shape.len())
            .map(|i| {
                let one = self.pick(t, vec![i as u32], Shape::scalar(), span);
                one.cells().expect("a scalar has cells")[0]
            })
            .collect()
    }

    // ---- observe ----

    pub(super) fn observe_statement(
        &mut self,
        value: &Expr,
        plate: &[PlateIndex],
        dist: &Expr,
        span: Span,
    ) -> Result<()> {
        if plate.is_empty() {
            let d = self.eval(dist)?;
            let v = self.eval(value)?;
            return self.observe_value(value, v, d, span);
        }
        let plate = self.open_plate(plate, false)?;
        if plate.len() == 0 {
            return Ok(());
        }
        let whole = self.eval(value)?;
        let has_missing = matches!(&whole, Value::Num(t) if t.missing.is_some());
        if !has_missing
            && !mentions_data(dist, value)
            && let Some(d) = self.plate_distribution(&plate, dist)?
        {
            let rows = self.plate_rows(&plate, &whole, value.span)?;
            self.close_plate(&plate);
            return self.score(&rows, &d, value.span, span);
        }
        for k in 0..plate.len() {
            self.step(span)?;
            let index = plate.index(k);
            for (p, &i) in plate.places.iter().zip(&index) {
                self.bind(*p, Value::Num(Tensor::int(i)));
            }
            let args = index
                .iter()
                .map(|&i| {
                    IndexArg::At(Expr {
                        kind: ExprKind::Int(i),
                        span: value.span,
                    })
                })
                .collect();
            let element = Expr {
                kind: ExprKind::Index(Box::new(value.clone()), args),
                span: value.span,
            };
            let d = self.eval(dist)?;
            let v = self.eval(&element)?;
            self.observe_value(&element, v, d, span)?;
        }
        Ok(())
    }

    fn observe_value(&mut self, e: &Expr, v: Value, d: Value, span: Span) -> Result<()> {
        match d {
            Value::Bottom => Ok(()),
            Value::Choice(choice) => {
                let (c, a, b) = (*choice).clone();
                let v2 = v.clone();
                self.both(
                    c,
                    span,
                    |m| m.observe_value(e, v, a, span).map(|()| Value::Unit),
                    |m| m.observe_value(e, v2, b, span).map(|()| Value::Unit),
                )?;
                Ok(())
            }
            Value::Dist(d) => match &v {
                Value::Num(t) if t.missing.is_some() => self.impute(e, t, &d, span),
                _ => self.score(&v, &d, e.span, span),
            },
            other => Err(not_a_distribution(&other, span)),
        }
    }

    /// Adds the log-density of known data.
    fn score(&mut self, v: &Value, d: &Arc<DistValue>, value_span: Span, span: Span) -> Result<()> {
        if matches!(v, Value::Bottom) {
            return Ok(());
        }
        if self.is_tracing() && is_random(v) {
            return Err(TraceError::model(
                "odp::trace::observe_random",
                "what is observed depends on chance",
                value_span,
                "this value is drawn, not known",
            )
            .help("condition on it with `condition …`, or weigh it with `factor log_prob(D, x)`"));
        }
        let log_density = self
            .log_prob(d, v, false, span)
            .map_err(|e| mark_value(e, value_span))?;
        if self.is_tracing()
            && self.mask.is_none()
            && log_density.known_scalar() == Some(f64::NEG_INFINITY)
        {
            return Err(super::statement::impossible(
                span,
                "this observation has probability 0, whatever is drawn",
            ));
        }
        self.weigh(TermKind::Observe, &log_density, span);
        Ok(())
    }

    /// Observes what is there and draws what is missing; the data variable has the drawn values from here on.
    fn impute(&mut self, e: &Expr, t: &Tensor, d: &Arc<DistValue>, span: Span) -> Result<()> {
        let (place, offset) = self.data_place(e, span)?;
        let missing = t
            .missing
            .clone()
            .expect("only called with missing elements");
        let n = t.shape.len();
        let known: Vec<u32> = (0..n).filter(|&i| !missing[i]).map(|i| i as u32).collect();
        let elements = self.elements_of(d, &t.shape, span)?;
        if !known.is_empty() {
            let bare = Tensor {
                missing: None,
                ..t.clone()
            };
            let x = self.pick(&bare, known.clone(), Shape::vector(known.len()), span);
            let part = self.part_of(&elements, &known, span);
            self.score(&Value::Num(x), &part, e.span, span)?;
        }
        let Value::Num(mut whole) = self.get(place, span)? else {
            unreachable!("data of numbers")
        };
        let all_missing = whole.missing.clone().expect("the element was missing");
        let mut cells = self.cells_of(
            &Tensor {
                missing: None,
                ..whole.clone()
            },
            span,
        );
        let mut left = all_missing.to_vec();
        for i in (0..n).filter(|&i| missing[i]) {
            let part = self.part_of(&elements, &[i as u32], span);
            let name = self.data_element_name(place, &whole.shape, offset + i);
            let address = child(
                child(0x696d_7075_7465, place_key(place)),
                (offset + i) as u64,
            );
            let drawn = self.draw(&part, &[address], &name, span)?;
            let drawn = self.number(&drawn, span)?.reshaped(Shape::scalar());
            cells[offset + i] = drawn.cells().expect("a scalar has cells")[0];
            left[offset + i] = false;
            self.sites.push(SiteOutput {
                name,
                loops: Vec::new(),
                value: Value::Num(drawn),
                mask: self.mask,
            });
        }
        whole = from_cells(cells, whole.shape, Kind::Real);
        whole.missing = left.contains(&true).then(|| left.into());
        self.bind(place, Value::Num(whole));
        Ok(())
    }

    /// The variable that an observed expression reads, and the flat index of its first element there.
    fn data_place(&mut self, e: &Expr, span: Span) -> Result<(Place, usize)> {
        match &e.kind {
            ExprKind::Place(place) => Ok((*place, 0)),
            ExprKind::Index(of, args) => {
                let (place, offset) = self.data_place(of, span)?;
                let Value::Num(whole) = self.get(place, span)? else {
                    unreachable!("data of numbers")
                };
                let dims = whole.shape.dims().to_vec();
                let mut at = offset;
                for (k, a) in args.iter().enumerate() {
                    let IndexArg::At(i) = a else {
                        return Err(super::expression::not_yet("imputing a slice", e.span));
                    };
                    let i = self.int_scalar(i)?.known_int();
                    let Some(i) = i else {
                        return Err(super::expression::not_yet(
                            "imputing at an index that depends on chance",
                            e.span,
                        ));
                    };
                    at += i as usize * dims[k + 1..].iter().product::<usize>();
                }
                Ok((place, at))
            }
            _ => Err(super::expression::not_yet(
                "imputing elements of an expression that is not a data name",
                span,
            )),
        }
    }

    fn data_element_name(&self, place: Place, shape: &Shape, flat: usize) -> String {
        let name = match place {
            Place::Global(i) => self.model.globals[i as usize].clone(),
            Place::Local(_) => "missing".into(),
        };
        super::outputs::element_name(&name, shape, flat)
    }

    /// A distribution spread over every element of a shape.
    fn elements_of(&mut self, d: &Arc<DistValue>, shape: &Shape, span: Span) -> Result<DistValue> {
        match &d.kind {
            super::value::DistKind::Scalar {
                law,
                params,
                shape: own,
            } if own.broadcast(shape).as_ref() == Some(shape) => {
                let params = params.iter().map(|p| self.spread(p, shape, span)).collect();
                let kind = super::value::DistKind::Scalar {
                    law: law.clone(),
                    params,
                    shape: shape.clone(),
                };
                Ok(DistValue { kind, span: d.span })
            }
            _ => Err(super::expression::not_yet(
                "imputing from a distribution that is not over numbers",
                span,
            )),
        }
    }

    fn part_of(&mut self, d: &DistValue, indices: &[u32], span: Span) -> Arc<DistValue> {
        let super::value::DistKind::Scalar { law, params, .. } = &d.kind else {
            unreachable!("made by elements_of")
        };
        let shape = Shape::vector(indices.len());
        let params = params
            .iter()
            .map(|p| self.pick(p, indices.to_vec(), shape.clone(), span))
            .collect();
        Arc::new(DistValue {
            kind: super::value::DistKind::Scalar {
                law: law.clone(),
                params,
                shape,
            },
            span: d.span,
        })
    }
}

/// An array of which nothing is drawn yet.
fn partial(shape: Shape, n: usize) -> Value {
    Value::Num(Tensor {
        shape,
        kind: Kind::Real,
        payload: Payload::Cells(Arc::new(vec![Cell::Unset; n])),
        missing: None,
    })
}

fn place_key(place: Place) -> u64 {
    match place {
        Place::Global(i) => u64::from(i),
        Place::Local(i) => u64::from(i) | 1 << 40,
    }
}

/// Whether an observed plate's distribution reads the array that it is about (a chain of observations).
fn mentions_data(dist: &Expr, value: &Expr) -> bool {
    match &value.kind {
        ExprKind::Place(p) => mentions(dist, &[*p]),
        _ => true,
    }
}

fn is_random(v: &Value) -> bool {
    match v {
        Value::Num(t) => t.known().is_none(),
        Value::List(items) | Value::Tuple(items) => items.iter().any(is_random),
        Value::Record(fields) => fields.iter().any(|(_, v)| is_random(v)),
        Value::Choice(_) => true,
        _ => false,
    }
}

fn not_a_distribution(v: &Value, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::not_a_distribution",
        "a distribution is needed after `~`",
        span,
        format!("this is {}", v.describe()),
    )
    .help("for a fixed value write `Delta(x)`")
}

/// Puts the observed value's place first where an error speaks of the statement.
fn mark_value(mut e: TraceError, value: Span) -> TraceError {
    if e.report.code == "odp::trace::observed_shape"
        && let Some(first) = e.report.labels.first_mut()
    {
        first.span = value;
    }
    e
}
