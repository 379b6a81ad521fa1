//! Programs that simulate their data: each observation is drawn in the data's place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::error::{Result, TraceError};
use super::gap::{Target, origin};
use super::graph::NodeId;
use super::impute::place_key;
use super::machine::Machine;
use super::outputs::SiteOutput;
use super::plate::Plate;
use super::transform::value_shape;
use super::value::{DistValue, Value};
use crate::base::{Shape, Span};
use crate::ir::{BinaryFn, Expr, ExprKind, Op, Place};

/// By which executions, and where.
type Sighting = (Option<NodeId>, Span);

/// The elements of a data variable that have been simulated.
#[derive(Default)]
pub(super) struct Seen {
    /// Several in a row.
    rows: Vec<(Range<i64>, Sighting)>,
    single: BTreeMap<i64, Vec<Sighting>>,
}

impl Seen {
    /// What was simulated within a range.
    fn within(&self, range: Range<i64>) -> impl Iterator<Item = Sighting> + '_ {
        let (start, end) = (range.start, range.end);
        let rows = self
            .rows
            .iter()
            .filter(move |(r, _)| r.start < end && start < r.end);
        let single = self.single.range(range).flat_map(|(_, all)| all);
        rows.map(|(_, at)| *at).chain(single.copied())
    }
}

impl Machine<'_> {
    /// Draws an observation in the data's place.
    pub(super) fn simulate(
        &mut self,
        e: &Expr,
        v: &Value,
        d: &Arc<DistValue>,
        span: Span,
    ) -> Result<()> {
        let shape = match v {
            Value::Num(t) => t.shape.clone(),
            _ => Shape::scalar(),
        };
        let whole = match self.spread_over(d, &shape, span) {
            Some(whole) => whole,
            None => Arc::new(self.repeated(d, &shape, span)),
        };
        let here = self.target(e)?;
        // Data that is walked over is drawn where it stands, and by the name that it is observed by.
        let stands = match v {
            Value::Num(t) => t
                .missing
                .as_ref()
                .filter(|gaps| gaps.iter().all(Option::is_some)),
            _ => None,
        };
        let origin = stands.and_then(|gaps| origin(gaps, &shape));
        if let Some(target) = origin.or_else(|| here.clone()) {
            self.drawn_once(&target, span)?;
            let all: Vec<usize> = (0..shape.len()).collect();
            let drawn = self.draw_into(&target, &all, &whole, false, span)?;
            if let Some(here) = here.filter(|h| h.place != target.place) {
                self.put_drawn(&here, &all, &drawn, span)?;
            }
            return Ok(());
        }
        let name = format!("observe@{}", self.model.sources.line_col(span).0);
        let address = self.address.child(u64::from(span.start));
        let value = self.draw_value(Value::Dist(whole), &[address], &name, span)?;
        let (mask, loops) = (self.mask, self.loops.clone());
        self.simulated.push(SiteOutput {
            name: match &loops[..] {
                [] => name,
                at => format!("{name}{at:?}").replace(' ', ""),
            },
            loops: Vec::new(),
            value,
            mask,
        });
        Ok(())
    }

    /// A plate of observations at once, where it covers a whole variable and has one wide distribution.
    pub(super) fn simulate_plate(
        &mut self,
        plate: &Plate,
        value: &Expr,
        whole: &Value,
        dist: &Expr,
    ) -> Result<Option<()>> {
        let (ExprKind::Place(place), Value::Num(t)) = (&value.kind, whole) else {
            return Ok(None);
        };
        let covers =
            plate.starts.iter().all(|s| *s == 0) && t.shape.dims().starts_with(&plate.sizes);
        if !covers || super::plate::mentions(dist, &[*place]) {
            return Ok(None);
        }
        let Some(d) = self.plate_distribution(plate, dist)? else {
            return Ok(None);
        };
        self.close_plate(plate);
        self.simulate(value, whole, &d, dist.span).map(Some)
    }

    /// Data that an execution observes twice has no one distribution to draw it from.
    fn drawn_once(&mut self, target: &Target, span: Span) -> Result<()> {
        let key = place_key(target.place);
        let positions = target.positions.known_ints().expect("positions are known");
        let in_a_row = positions.windows(2).all(|w| w[0] + 1 == w[1]);
        let here = (self.mask, span);
        let mut seen = self.simulated_at.remove(&key).unwrap_or_default();
        if let (true, [first, .., last]) = (in_a_row, &positions[..]) {
            let both = seen
                .within(*first..last + 1)
                .find(|(mask, _)| self.meets(*mask));
            if let Some((_, before)) = both {
                return Err(self.observed_twice(target.place, before, span));
            }
            seen.rows.push((*first..last + 1, here));
        } else {
            for &at in positions.iter() {
                let both = seen.within(at..at + 1).find(|(mask, _)| self.meets(*mask));
                if let Some((_, before)) = both {
                    return Err(self.observed_twice(target.place, before, span));
                }
                seen.single.entry(at).or_default().push(here);
            }
        }
        self.simulated_at.insert(key, seen);
        Ok(())
    }

    /// Whether an execution that is here may be one of those: every condition of theirs may hold here.
    fn meets(&self, mask: Option<NodeId>) -> bool {
        let mut parts: Vec<NodeId> = mask.into_iter().collect();
        while let Some(part) = parts.pop() {
            if self.implied(part) == Some(false) {
                return false;
            }
            let node = self.graph.node(part);
            if node.op == Op::Binary(BinaryFn::And) {
                parts.extend(&node.args);
            }
        }
        true
    }

    /// Copies of a distribution along the axes that an observed array has in front of its values' own.
    fn repeated(&mut self, d: &Arc<DistValue>, shape: &Shape, span: Span) -> DistValue {
        match value_shape(d) {
            Some(own) => {
                let outer = shape.rank().saturating_sub(own.rank());
                self.iid(d, &shape.dims()[..outer], span)
            }
            None => (**d).clone(),
        }
    }

    fn observed_twice(&self, place: Place, first: Span, span: Span) -> TraceError {
        let name = match place {
            Place::Global(i) => format!("`{}`", self.model.globals[i as usize]),
            Place::Local(_) => "this value".into(),
        };
        let error = TraceError::model(
            "odp::trace::observed_twice",
            format!("{name} is observed twice, so the program does not say how to draw it"),
            span,
            "observed again here",
        );
        let error = match first == span {
            true => error,
            false => error.label(first, "observed here already"),
        };
        error.help(
            "for simulated data observe each value once; several measurements of one thing are data of their own",
        )
    }
}
