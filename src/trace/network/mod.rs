//! Networks from files, run layer by layer on values: what depends on chance becomes nodes, as with any other expression.
//!
//! ```text
//! arguments ─▶ names of arrays ─▶ layer ─▶ names of arrays ─▶ layer ─▶ … ─▶ results
//! ```

mod elementwise;
mod form;
mod windows;

use std::collections::HashMap;
use std::sync::Arc;

use super::asset::of_numbers;
use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Tensor, Value};
use crate::base::{Attribute, Layer, Network, NetworkInput, Operator, Shape, Span};

/// A layer at work: what it takes, and where the call stands.
struct Call<'a> {
    layer: &'a Layer,
    inputs: Vec<Option<Tensor>>,
    network: &'a Network,
    span: Span,
}

impl Call<'_> {
    /// An argument that must be there.
    fn arg(&self, i: usize) -> Result<&Tensor> {
        match self.option(i) {
            Some(t) => Ok(t),
            None => Err(self.fault(format!("its argument {i} is missing"))),
        }
    }

    /// An argument that may be left out.
    fn option(&self, i: usize) -> Option<&Tensor> {
        self.inputs.get(i).and_then(Option::as_ref)
    }

    /// Known whole numbers: as an argument, or as a setting in files of earlier versions.
    fn ints(&self, i: usize, attribute: &str) -> Result<Option<Vec<i64>>> {
        let Some(t) = self.option(i) else {
            return Ok(self.layer.ints(attribute).map(<[i64]>::to_vec));
        };
        match t.known_ints() {
            Some(v) => Ok(Some(v.to_vec())),
            None if t.shape.is_empty() => Ok(Some(Vec::new())),
            None => Err(self.fault(format!("its `{attribute}` depends on chance"))),
        }
    }

    /// An axis; one below 0 is counted from the end.
    fn axis(&self, axis: i64, rank: usize) -> Result<usize> {
        let from_start = if axis < 0 { axis + rank as i64 } else { axis };
        match usize::try_from(from_start) {
            Ok(k) if k < rank.max(1) => Ok(k),
            _ => Err(self.fault(format!("it has no axis {axis}: its argument has {rank}"))),
        }
    }

    fn fault(&self, why: String) -> TraceError {
        let name = match self.layer.name.as_str() {
            "" => format!("a `{:?}`", self.layer.operator),
            name => format!("`{name}`, a `{:?}`", self.layer.operator),
        };
        let file = &self.network.file;
        let message = format!("the layer {name} of `{file}` cannot run: {why}");
        TraceError::model("odp::trace::network", message, self.span, "called here")
            .help("give the network arrays of the sizes that it was made for")
    }
}

impl Machine<'_> {
    /// The results of a network; a tuple where there are several.
    ///
    /// Networks are mostly made for batches. An argument that lacks the first axis of a network with one open (or 1 long)
    /// first axis is one row, and so are the results.
    pub(super) fn call_network(
        &mut self,
        network: &Network,
        constants: &[Tensor],
        args: Vec<Value>,
        span: Span,
    ) -> Result<Value> {
        if args.len() != network.inputs.len() {
            return Err(arity(network, args.len(), span));
        }
        let mut arrays: HashMap<&str, Tensor> = HashMap::new();
        for ((name, _), t) in network.constants.iter().zip(constants) {
            arrays.insert(name, t.clone());
        }
        let mut one_row = !args.is_empty();
        for (input, v) in network.inputs.iter().zip(&args) {
            let t = self.number(v, span)?;
            let row = is_row(input, &t);
            one_row &= row;
            let t = if row { with_batch(t) } else { t };
            fits(network, input, &t, span)?;
            arrays.insert(&input.name, t);
        }
        for layer in &network.layers {
            self.step(span)?;
            self.layer(network, layer, &mut arrays, span)?;
        }
        let mut results = Vec::with_capacity(network.outputs.len());
        for name in &network.outputs {
            let Some(t) = arrays.get(name.as_str()) else {
                return Err(unnamed(network, name, span));
            };
            let dims = t.shape.dims();
            let t = match one_row && dims.first() == Some(&1) {
                true => t.clone().reshaped(Shape(dims[1..].to_vec())),
                false => t.clone(),
            };
            results.push(Value::Num(t));
        }
        Ok(match results.len() {
            1 => results.remove(0),
            _ => Value::Tuple(Arc::new(results)),
        })
    }

    fn layer<'n>(
        &mut self,
        network: &'n Network,
        layer: &'n Layer,
        arrays: &mut HashMap<&'n str, Tensor>,
        span: Span,
    ) -> Result<()> {
        let mut inputs = Vec::with_capacity(layer.inputs.len());
        for name in &layer.inputs {
            match (name.as_str(), arrays.get(name.as_str())) {
                ("", _) => inputs.push(None),
                (_, Some(t)) => inputs.push(Some(t.clone())),
                (_, None) => return Err(unnamed(network, name, span)),
            }
        }
        let call = Call {
            layer,
            inputs,
            network,
            span,
        };
        let results = self.results(&call)?;
        for (name, t) in layer.outputs.iter().zip(results) {
            arrays.insert(name, t);
        }
        Ok(())
    }

    fn results(&mut self, call: &Call) -> Result<Vec<Tensor>> {
        use Operator as O;
        let one = match call.layer.operator {
            O::Split => return self.split(call),
            O::Constant => constant(call)?,
            O::Conv | O::ConvTranspose => self.convolution(call)?,
            O::MaxPool | O::AveragePool | O::GlobalAveragePool | O::GlobalMaxPool => {
                self.pool(call)?
            }
            O::BatchNormalization
            | O::InstanceNormalization
            | O::GroupNormalization
            | O::LayerNormalization => self.normalization(call)?,
            _ => match self.form(call)? {
                Some(t) => t,
                None => self.elementwise_layer(call)?,
            },
        };
        Ok(vec![one])
    }
}

fn constant(call: &Call) -> Result<Tensor> {
    Ok(match call.layer.constant() {
        Some(Attribute::Array(entry)) => of_numbers(entry),
        Some(Attribute::Int(i)) => Tensor::int(*i),
        Some(Attribute::Float(x)) => Tensor::real(*x),
        Some(Attribute::Ints(v)) => Tensor::ints(v.clone(), Shape::vector(v.len())),
        Some(Attribute::Floats(v)) => Tensor::reals(v.clone(), Shape::vector(v.len())),
        _ => return Err(call.fault("it holds no numbers".to_string())),
    })
}

/// Whether an argument lacks the first axis of a network whose first axis is a batch of any size or of one.
fn is_row(input: &NetworkInput, t: &Tensor) -> bool {
    let Some(sizes) = &input.sizes else {
        return false;
    };
    matches!(sizes.first(), Some(None | Some(1))) && t.shape.rank() + 1 == sizes.len()
}

fn with_batch(t: Tensor) -> Tensor {
    let sizes = [&[1], t.shape.dims()].concat();
    t.reshaped(Shape(sizes))
}

fn fits(network: &Network, input: &NetworkInput, t: &Tensor, span: Span) -> Result<()> {
    let Some(sizes) = &input.sizes else {
        return Ok(());
    };
    let agree = |(&want, &n): (&Option<usize>, &usize)| want.is_none_or(|want| want == n);
    if sizes.len() == t.shape.rank() && sizes.iter().zip(t.shape.dims()).all(agree) {
        return Ok(());
    }
    let wanted: Vec<String> = sizes
        .iter()
        .map(|n| n.map_or("any".to_string(), |n| n.to_string()))
        .collect();
    Err(TraceError::model(
        "odp::trace::network",
        format!(
            "`{}` takes an array of shape [{}]",
            network.file,
            wanted.join(", ")
        ),
        span,
        format!("`{}` is given {}", input.name, super::words(t)),
    )
    .help("give the network arrays of the sizes that it was made for"))
}

fn arity(network: &Network, given: usize, span: Span) -> TraceError {
    let names: Vec<&str> = network.inputs.iter().map(|i| i.name.as_str()).collect();
    TraceError::model(
        "odp::trace::arity",
        format!(
            "`{}` takes {} arguments, here are {given}",
            network.file,
            names.len()
        ),
        span,
        "called here",
    )
    .help(format!("its arguments are {}", names.join(", ")))
}

fn unnamed(network: &Network, name: &str, span: Span) -> TraceError {
    TraceError::model(
        "odp::trace::network",
        format!(
            "no layer of `{}` before its use makes `{name}`",
            network.file
        ),
        span,
        "called here",
    )
    .help("export the network again, with its layers in the order in which they run")
}
