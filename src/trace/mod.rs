//! Model and data to noise graph; also the reference interpreter, which is the same walk with known noise.
//!
//! ```text
//!   ir::Model + Data ──trace──► NoiseGraph + outputs        (all executions at once, noise symbolic)
//!   ir::Model + Data + z ──run──► log-weights + outputs     (one execution, the oracle)
//! ```

mod address;
mod advice;
mod algebra;
mod arrays;
mod asset;
mod assign;
mod bind;
mod bounded;
mod bounds;
mod builtin;
mod call;
mod censored;
mod combine;
mod conditional;
mod distribution;
mod dopri;
mod draw;
mod error;
mod exact;
mod expression;
mod gap;
mod graph;
mod implied;
mod impute;
mod index;
mod law_fn;
mod literal;
mod loop_plate;
mod machine;
mod matrices;
mod memo;
mod merge;
mod multinomial;
mod network;
mod observed;
mod ode;
mod open_index;
mod operators;
mod ordered;
mod outputs;
mod plate;
mod posterior;
mod printed;
mod quantile;
mod ragged;
mod ragged_plate;
mod random_index;
mod score;
mod simulate;
mod site;
mod statement;
mod transform;
mod user;
mod value;

pub use bind::Inputs;
pub use error::{Class, TraceError};
pub use graph::{Node, NodeId, NoiseGraph, NoiseSite, Term, TermKind};
pub use machine::{Limits, RunNoise};
pub use outputs::{OutputNode, Source};
pub(crate) use statement::impossible;
pub use value::Kind;

use crate::base::Span;
use crate::ir::{Model, StmtKind};
use error::Result;
use machine::{Machine, Mode, Weighed};
use value::{Tensor, Value};

/// A traced program: its graph, and what it gives.
#[derive(Debug)]
pub struct Traced {
    /// From noise to values and weights.
    pub graph: NoiseGraph,
    /// The outputs.
    pub outputs: Vec<OutputNode>,
    /// What `print` said.
    pub printed: Vec<String>,
    /// What the program returned, as the language writes it, where it is known.
    pub result: Option<String>,
}

/// What one execution gave.
#[derive(Debug)]
pub struct Execution {
    /// The outputs: name, shape, numbers.
    pub outputs: Vec<OutputNode>,
    /// The summands of log r, in order.
    pub weighed: Weighed,
}

impl Execution {
    /// log r; NaN where the execution failed.
    pub fn log_weight(&self) -> f64 {
        let mut total = 0.0;
        for (_, w, _) in &self.weighed {
            total += w;
        }
        total
    }
}

/// Traces a program with its data bound and its noise symbolic.
///
/// # Errors
/// What is wrong with the program or its data, at its place.
pub fn trace(model: &Model, inputs: &Inputs, limits: Limits) -> Result<Traced> {
    let mut machine = Machine::new(model, inputs, limits, Mode::Trace);
    let result = walk(&mut machine)?;
    let text = result.as_ref().and_then(literal::literal);
    let outputs = machine.outputs(result, returned_span(model))?;
    if machine.graph.overflow.is_some() {
        machine.graph.tail = Some(machine.graph.dim);
        machine.graph.dim += 1;
    }
    Ok(Traced {
        outputs,
        graph: machine.graph,
        printed: machine.printed,
        result: text,
    })
}

/// Runs a program once, with the given noise.
///
/// # Errors
/// A fault of the program (an index out of range, integer overflow, a failing `assert`), or a limit.
pub fn run(model: &Model, inputs: &Inputs, limits: Limits, noise: RunNoise) -> Result<Execution> {
    let mut machine = Machine::new(model, inputs, limits, Mode::Run(noise));
    let result = walk(&mut machine)?;
    Ok(Execution {
        outputs: machine.outputs(result, returned_span(model))?,
        weighed: machine.weighed,
    })
}

/// What the program returned.
fn walk(machine: &mut Machine) -> Result<Option<Value>> {
    let model = machine.model;
    machine.block(&model.body)?;
    Ok(machine.frames[0].returned.take())
}

/// Where a program says what it gives: its last `return`, or all of it.
fn returned_span(model: &Model) -> Span {
    let last = model.body.stmts.iter().rev().find_map(|s| match &s.kind {
        StmtKind::Return(Some(e)) => Some(e.span),
        _ => None,
    });
    last.unwrap_or(model.body.span)
}

/// A tensor in the user's words.
pub(crate) fn words(t: &Tensor) -> String {
    Value::Num(t.clone()).describe()
}
