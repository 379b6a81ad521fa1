//! What a program gives: the fields of its result, or every named site.

use std::collections::HashMap;
use std::sync::Arc;

use super::error::{Result, TraceError};
use super::graph::NodeId;
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::{Shape, Span, element_name, indexed};
use crate::ir::BinaryFn;

/// A site's value at file level, as it was drawn.
pub(super) struct SiteOutput {
    pub name: String,
    pub loops: Vec<i64>,
    pub value: Value,
    pub mask: Option<NodeId>,
}

/// Where an output's numbers are.
#[derive(Clone, Debug)]
pub enum Source {
    /// Known.
    Known(Arc<[f64]>),
    /// A node.
    Node(NodeId),
}

/// One named output.
#[derive(Clone, Debug)]
pub struct OutputNode {
    /// Its name: `theta`, `a.b`, `value`.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// What it holds.
    pub kind: Kind,
    /// Its numbers.
    pub source: Source,
    /// Where it exists: a scalar truth; `None` for every execution.
    pub present: Option<NodeId>,
    /// Whether it is a place of an array of random length.
    pub padding: bool,
}

impl Machine<'_> {
    /// The outputs after the whole program has run. `result` is what it returned.
    pub(super) fn outputs(&mut self, result: Option<Value>, span: Span) -> Result<Vec<OutputNode>> {
        let mut out = Vec::new();
        match result {
            Some(v) => self.flatten_result(&v, None, span, &mut out)?,
            None => {
                for site in std::mem::take(&mut self.sites) {
                    let indices: Vec<String> = site.loops.iter().map(i64::to_string).collect();
                    let name = indexed(&site.name, &indices);
                    self.flatten(&name, &site.value, site.mask, span, &mut out)?;
                }
            }
        }
        for site in std::mem::take(&mut self.simulated) {
            self.flatten(&site.name, &site.value, site.mask, span, &mut out)?;
        }
        self.merge_namesakes(out, span)
    }

    /// A record names its outputs, also where chance decides which record it is.
    fn flatten_result(
        &mut self,
        v: &Value,
        present: Option<NodeId>,
        span: Span,
        out: &mut Vec<OutputNode>,
    ) -> Result<()> {
        match v {
            Value::Record(fields) => {
                for (name, v) in fields.iter() {
                    self.flatten(name, v, present, span, out)?;
                }
                Ok(())
            }
            Value::Choice(choice) if records(v) => {
                let (c, a, b) = (**choice).clone();
                let first = self.and_mask(present, c, span);
                let not = self.not_mask(c, span);
                let second = self.and_mask(present, not, span);
                self.flatten_result(&a, Some(first), span, out)?;
                self.flatten_result(&b, Some(second), span, out)
            }
            other => self.flatten("value", other, present, span, out),
        }
    }

    fn flatten(
        &mut self,
        name: &str,
        v: &Value,
        present: Option<NodeId>,
        span: Span,
        out: &mut Vec<OutputNode>,
    ) -> Result<()> {
        match v {
            Value::Num(t) => {
                self.refuse_nan(name, t, present, span)?;
                out.push(self.output(name, t, present, span));
            }
            Value::Record(fields) => {
                for (field, v) in fields.iter() {
                    self.flatten(&format!("{name}.{field}"), v, present, span, out)?;
                }
            }
            Value::Tuple(items) => {
                for (i, v) in items.iter().enumerate() {
                    self.flatten(&format!("{name}.{i}"), v, present, span, out)?;
                }
            }
            Value::List(items) => {
                for (i, v) in items.iter().enumerate() {
                    self.flatten(&indexed(name, &[i.to_string()]), v, present, span, out)?;
                }
            }
            Value::Ragged(r) => {
                for (i, item) in r.items.iter().enumerate() {
                    let inside = self.elementwise(
                        BinaryFn::Gt,
                        &r.length,
                        &Tensor::int(i as i64),
                        Kind::Bool,
                        span,
                    )?;
                    let inside = self.node_of(&inside, span);
                    let here = self.and_mask(present, inside, span);
                    let first = out.len();
                    self.flatten(
                        &indexed(name, &[i.to_string()]),
                        item,
                        Some(here),
                        span,
                        out,
                    )?;
                    out[first..].iter_mut().for_each(|o| o.padding = true);
                }
            }
            Value::Choice(choice) => {
                let (c, a, b) = (**choice).clone();
                if matches!((&a, &b), (Value::Unit, _) | (_, Value::Unit)) {
                    return Err(without_value(name, span));
                }
                let first = self.and_mask(present, c, span);
                let not = self.not_mask(c, span);
                let second = self.and_mask(present, not, span);
                // Arrays of different lengths share the elements that both have.
                let start = out.len();
                self.flatten_elements(name, &a, Some(first), span, out)?;
                self.flatten_elements(name, &b, Some(second), span, out)?;
                // Arms that have no array there are a branch, not a length.
                let lengths = |v: &Value| {
                    matches!(v, Value::Num(t) if t.shape.rank() > 0)
                        || matches!(v, Value::List(_) | Value::Choice(_) | Value::Ragged(_))
                };
                let padding = lengths(&a) && lengths(&b);
                out[start..].iter_mut().for_each(|o| o.padding |= padding);
            }
            Value::Fn(_) | Value::Dist(_) => {
                return Err(TraceError::model(
                    "odp::trace::output",
                    format!("{} is no output", v.describe()),
                    span,
                    format!("`{name}` is {}", v.describe()),
                )
                .help("return numbers: call the function, or draw from the distribution"));
            }
            Value::Unit | Value::Str(_) | Value::Bottom => {}
        }
        Ok(())
    }

    /// An output that is not a number whatever is drawn is a mistake.
    fn refuse_nan(
        &self,
        name: &str,
        t: &Tensor,
        present: Option<NodeId>,
        span: Span,
    ) -> Result<()> {
        let nan = |v: &[f64]| v.iter().any(|x| x.is_nan());
        if !self.is_tracing()
            || present.is_some()
            || t.missing.is_some()
            || !t.known().is_some_and(|v| nan(&v))
        {
            return Ok(());
        }
        let (at, why) = self
            .graph
            .nan_origin
            .clone()
            .unwrap_or((span, "not a number".to_string()));
        let mut error = TraceError::model(
            "odp::infer::numeric",
            format!("`{name}` is not a number, whatever is drawn"),
            at,
            why,
        );
        error.class = super::error::Class::Numeric;
        Err(error)
    }

    fn flatten_elements(
        &mut self,
        name: &str,
        v: &Value,
        present: Option<NodeId>,
        span: Span,
        out: &mut Vec<OutputNode>,
    ) -> Result<()> {
        let Value::Num(t) = v else {
            return self.flatten(name, v, present, span, out);
        };
        for i in 0..t.shape.len() {
            let element = self.pick(t, vec![i as u32], Shape::scalar(), span);
            out.push(self.output(&element_name(name, &t.shape, i), &element, present, span));
        }
        Ok(())
    }

    fn output(
        &mut self,
        name: &str,
        t: &Tensor,
        present: Option<NodeId>,
        span: Span,
    ) -> OutputNode {
        let t = Tensor {
            missing: None,
            ..t.clone()
        };
        let source = match t.known() {
            Some(values) => Source::Known(values),
            None => Source::Node(self.node_of(&t, span)),
        };
        OutputNode {
            name: name.to_string(),
            shape: t.shape,
            kind: t.kind,
            source,
            present,
            padding: false,
        }
    }

    /// Element by element, outputs that share elements with others of another shape: a site has another size in another arm.
    fn apart_where_they_differ(&mut self, all: Vec<OutputNode>, span: Span) -> Vec<OutputNode> {
        let bare = |o: &OutputNode| o.name.split('[').next().unwrap_or_default().to_string();
        let mut groups: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, o) in all.iter().enumerate() {
            groups.entry(bare(o)).or_default().push(i);
        }
        let mut differs = vec![false; all.len()];
        let several = groups.values().filter(|members| {
            members.len() > 1 && members.iter().any(|&i| all[i].shape.rank() > 0)
        });
        for members in several {
            let mut first: HashMap<String, usize> = HashMap::new();
            for &i in members {
                for e in 0..all[i].shape.len() {
                    let name = element_name(&all[i].name, &all[i].shape, e);
                    let &mut other = first.entry(name).or_insert(i);
                    let same = all[other].name == all[i].name && all[other].shape == all[i].shape;
                    differs[other] |= !same;
                    differs[i] |= !same;
                }
            }
        }
        let mut apart = Vec::with_capacity(all.len());
        for (o, differs) in all.into_iter().zip(differs) {
            if !differs || o.shape.rank() == 0 {
                apart.push(o);
                continue;
            }
            let whole = as_tensor(&o);
            for e in 0..o.shape.len() {
                let element = self.pick(&whole, vec![e as u32], Shape::scalar(), span);
                let name = element_name(&o.name, &o.shape, e);
                apart.push(OutputNode {
                    padding: o.padding,
                    ..self.output(&name, &element, o.present, span)
                });
            }
        }
        apart
    }

    /// A site in two arms under one name is one output.
    fn merge_namesakes(&mut self, all: Vec<OutputNode>, span: Span) -> Result<Vec<OutputNode>> {
        let all = self.apart_where_they_differ(all, span);
        let mut merged: Vec<OutputNode> = Vec::with_capacity(all.len());
        let mut places: HashMap<String, usize> = HashMap::new();
        for o in all {
            match places.get(&o.name) {
                Some(&i) if merged[i].shape == o.shape && o.present.is_some() => {
                    let before = merged[i].clone();
                    let (a, b) = (as_tensor(&o), as_tensor(&before));
                    let mask = o.present.expect("checked in the guard");
                    let Value::Num(t) = self.merge(mask, Value::Num(a), Value::Num(b), span)?
                    else {
                        continue;
                    };
                    let present = self.or_mask(o.present, before.present, span);
                    merged[i] = self.output(&o.name, &t, present, span);
                }
                Some(&i) => merged[i] = o,
                None => {
                    places.insert(o.name.clone(), merged.len());
                    merged.push(o);
                }
            }
        }
        Ok(merged)
    }
}

/// What has a value on one way through a function only is no output.
fn without_value(name: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::output",
        format!("`{name}` has no value in some executions"),
        span,
        "a function ends without a value there",
    )
    .help("let every way through the function end in a value, or `return` one")
}

/// Whether a value is a record in every execution.
fn records(v: &Value) -> bool {
    match v {
        Value::Record(_) | Value::Bottom => true,
        Value::Choice(choice) => records(&choice.1) && records(&choice.2),
        _ => false,
    }
}

fn as_tensor(o: &OutputNode) -> Tensor {
    match &o.source {
        Source::Known(values) => {
            super::machine::from_known(values.clone(), o.shape.clone(), o.kind)
        }
        Source::Node(id) => Tensor::node(*id, o.shape.clone(), o.kind),
    }
}
