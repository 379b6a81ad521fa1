//! `sample` and `observe`: single draws, plates, chains, and missing data that is imputed.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::graph::TermKind;
use super::machine::Machine;
use super::outputs::SiteOutput;
use super::plate::{Plate, mentions};
use super::value::{Cell, DistValue, Kind, Payload, Tensor, Value};
use crate::base::{Bug, Shape, Span, bites};
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
    pub(super) fn draw_value(
        &mut self,
        d: Value,
        addresses: &[u128],
        name: &str,
        span: Span,
    ) -> Result<Value> {
        match d {
            Value::Dist(d) => {
                self.refuse_noise(&d, span)?;
                let n = super::distribution::copies(&d);
                let n = n.iter().fold(addresses.len(), |n, &k| n.saturating_mul(k));
                // An address and a coordinate are as large as four numbers.
                self.room_for_copies(n, 4, span)?;
                let addresses = self.element_addresses(&d, addresses, 0);
                self.draw(&d, &addresses, name, span)
            }
            Value::Bottom => Ok(Value::Bottom),
            Value::Choice(choice) => {
                let (c, a, b) = (*choice).clone();
                self.both(
                    c,
                    span,
                    |m| m.draw_value(a, addresses, name, span),
                    |m| m.draw_value(b, addresses, name, span),
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
        let name = self.model.sites[site].name.clone();
        let label = match &name {
            Some(name) => self.site_label(name),
            None => format!("sample@{}", self.model.sources.line_col(span).0),
        };
        let value = if plate.is_empty() {
            let d = self.eval(dist)?;
            let address = self.address.child(site as u64);
            self.draw_value(d, &[address], &label, dist.span)?
        } else {
            self.sample_plate(place, site, plate, dist, &label, span)?
        };
        if let (Some(name), true) = (name, self.model.sites[site].file_level) {
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
        if self.plate_depends_on_chance(plate)? {
            return self.sample_ragged_plate(place, site, plate, dist, label, span);
        }
        let plate = self.open_plate(plate, true)?;
        if plate.len() == 0 {
            return Ok(Value::Num(Tensor::reals(Vec::new(), plate.shape())));
        }
        self.refuse_plate(plate.len(), dist)?;
        if !mentions(dist, &[place])
            && let Some(d) = self.plate_distribution(&plate, dist)?
        {
            self.refuse_noise(&d, dist.span)?;
            let addresses = self.plate_addresses(&plate, site);
            let addresses = self.element_addresses(&d, &addresses, plate.sizes.len());
            let value = self.draw(&d, &addresses, label, dist.span)?;
            self.close_plate(&plate);
            return Ok(value);
        }
        self.sample_one_by_one(place, &plate, site, dist, label, span)
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
        site: SiteId,
        dist: &Expr,
        label: &str,
        span: Span,
    ) -> Result<Value> {
        let chain = mentions(dist, &[place]);
        let mut drawn = Vec::new();
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
            let address = self.address.child(site as u64);
            let d = self.eval(dist)?;
            let parts: Vec<String> = index.iter().map(i64::to_string).collect();
            let value = self.draw_value(
                d,
                &[address],
                &format!("{label}[{}]", parts.join(",")),
                dist.span,
            )?;
            plate.places.iter().for_each(|_| self.address.pop());
            drawn.push(value);
            if chain {
                self.fill(place, plate, &drawn, span);
            }
        }
        Ok(match self.array_of(drawn, span)? {
            Value::Num(t) => {
                let shape = Shape([plate.shape().dims(), &t.shape.dims()[1..]].concat());
                Value::Num(t.reshaped(shape))
            }
            Value::List(items) => nested(&items, &plate.sizes),
            other => other,
        })
    }

    /// Puts the last element drawn of a chain into its variable, so that later elements can read it.
    fn fill(&mut self, place: Place, plate: &Plate, drawn: &[Value], span: Span) {
        let (k, value) = (drawn.len() - 1, &drawn[drawn.len() - 1]);
        let whole = self.take(place).expect("bound when the chain began");
        let filled = match (whole, value) {
            (Value::Num(whole), Value::Num(t)) if k == 0 || whole.shape == row_shape(plate, t) => {
                Value::Num(self.with_element(whole, plate, k, t, span))
            }
            (Value::List(mut whole), value) => {
                put(&mut whole, &plate.index(k), value.clone());
                Value::List(whole)
            }
            // What stands there later is read before it is drawn: `Unit` says so.
            (_, _) => {
                let mut all = drawn.to_vec();
                all.resize(plate.len(), Value::Unit);
                nested(&all, &plate.sizes)
            }
        };
        self.bind(place, filled);
    }

    fn with_element(
        &mut self,
        mut whole: Tensor,
        plate: &Plate,
        k: usize,
        t: &Tensor,
        span: Span,
    ) -> Tensor {
        let inner = t.shape.len();
        if k == 0 {
            let shape = row_shape(plate, t);
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
        whole
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
        if self.plate_depends_on_chance(plate)? {
            return self.observe_ragged_plate(value, plate, dist, span);
        }
        let plate = self.open_plate(plate, false)?;
        if plate.len() == 0 {
            return Ok(());
        }
        let whole = self.eval(value)?;
        if self.inputs.simulate
            && let Some(done) = self.simulate_plate(&plate, value, &whole, dist)?
        {
            return Ok(done);
        }
        let has_missing = matches!(&whole, Value::Num(t) if t.missing.is_some());
        if !has_missing
            && !self.inputs.simulate
            && !mentions_data(dist, value)
            && let Some(d) = self.plate_distribution(&plate, dist)?
        {
            let rows = self.plate_rows(&plate, &whole, value.span)?;
            self.close_plate(&plate);
            self.observing = self.observed_name(value);
            return self.score(&rows, &d, value.span, span);
        }
        for k in 0..plate.len() {
            self.step(span)?;
            let index = plate.index(k);
            for (p, &i) in plate.places.iter().zip(&index) {
                self.bind(*p, Value::Num(Tensor::int(i)));
            }
            self.observe_element(value, &index, dist, span)?;
        }
        Ok(())
    }

    pub(super) fn observe_element(
        &mut self,
        value: &Expr,
        index: &[i64],
        dist: &Expr,
        span: Span,
    ) -> Result<()> {
        let at = |i: &i64| {
            IndexArg::At(Expr {
                kind: ExprKind::Int(*i),
                span: value.span,
            })
        };
        let element = Expr {
            kind: ExprKind::Index(Box::new(value.clone()), index.iter().map(at).collect()),
            span: value.span,
        };
        let d = self.eval(dist)?;
        let v = self.eval(&element)?;
        self.observe_value(&element, v, d, span)
    }

    fn observe_value(&mut self, e: &Expr, v: Value, d: Value, span: Span) -> Result<()> {
        self.observing = self.observed_name(e);
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
            Value::Dist(d) if self.inputs.simulate => self.simulate(e, &v, &d, span),
            Value::Dist(d) => match &v {
                Value::Num(t) if t.missing.is_some() => self.impute(e, t, &d, span),
                _ => self.score(&v, &d, e.span, span),
            },
            other => Err(not_a_distribution(&other, span)),
        }
    }

    /// The name of the variable at file level that an observed expression reads elements of.
    fn observed_name(&self, e: &Expr) -> Option<Arc<str>> {
        match &e.kind {
            ExprKind::Place(Place::Global(i)) => {
                Some(self.model.globals[*i as usize].as_str().into())
            }
            ExprKind::Index(of, _) => self.observed_name(of),
            _ => None,
        }
    }

    /// Adds the log-density of known data.
    pub(super) fn score(
        &mut self,
        v: &Value,
        d: &Arc<DistValue>,
        value_span: Span,
        span: Span,
    ) -> Result<()> {
        if matches!(v, Value::Bottom) {
            return Ok(());
        }
        if self.is_tracing() && is_random(v) {
            let error = TraceError::model(
                "odp::trace::observe_random",
                "what is observed depends on chance",
                value_span,
                "this value is drawn, not known",
            );
            return Err(error.help(match v {
                Value::Ragged(_) => {
                    "observe as many elements as chance says in a plate: `observe y[i in 0..n] ~ …`"
                }
                _ => "condition on it with `condition …`, or weigh it with `factor log_prob(D, x)`",
            }));
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
        if !(bites(Bug::IgnoredObserve) && self.mask.is_some()) {
            self.weigh(TermKind::Observe, &log_density, span);
        }
        Ok(())
    }
}

/// The shape of a plate of such values.
fn row_shape(plate: &Plate, t: &Tensor) -> Shape {
    Shape([plate.shape().dims(), t.shape.dims()].concat())
}

/// Values in order as an array of arrays.
fn nested(items: &[Value], sizes: &[usize]) -> Value {
    let rows = match sizes {
        [] | [_] => items.to_vec(),
        [_, rest @ ..] => {
            let n: usize = rest.iter().product();
            items
                .chunks(n.max(1))
                .map(|row| nested(row, rest))
                .collect()
        }
    };
    Value::List(Arc::new(rows))
}

/// Puts a value at a place of an array of arrays.
fn put(items: &mut Arc<Vec<Value>>, at: &[i64], value: Value) {
    let Some((&i, rest)) = at.split_first() else {
        return;
    };
    match &mut Arc::make_mut(items)[i as usize] {
        Value::List(inner) if !rest.is_empty() => put(inner, rest, value),
        item => *item = value,
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
        Value::Choice(_) | Value::Ragged(_) => true,
        _ => false,
    }
}

fn not_a_distribution(v: &Value, span: Span) -> TraceError {
    let is_law = |v: &Value| matches!(v, Value::Dist(_));
    let help = match v {
        Value::List(laws) if laws.iter().all(is_law) => {
            "an array of distributions has one for each element: `x[i in 0..n] ~ ds[i]`"
        }
        _ => "for a fixed value write `Delta(x)`",
    };
    TraceError::model(
        "odp::trace::not_a_distribution",
        "a distribution is needed after `~`",
        span,
        format!("this is {}", v.describe()),
    )
    .help(help)
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
