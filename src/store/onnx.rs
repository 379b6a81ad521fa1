//! ONNX files: the messages of the format that a network's forward pass needs, and what they become.
//!
//! The wire format is protocol buffers; fields that odp has no use for are skipped. Nothing is read from other files, and
//! every array's claimed sizes are held against its bytes.

use prost::Message;

use super::StoreError;
use super::assets::each;
use crate::base::{
    Attribute, Entry, Layer, Network, NetworkInput, Operator, Origin, Shape, Values,
};

#[derive(Clone, PartialEq, Message)]
struct ModelProto {
    #[prost(message, optional, tag = "7")]
    graph: Option<GraphProto>,
}

#[derive(Clone, PartialEq, Message)]
struct GraphProto {
    #[prost(message, repeated, tag = "1")]
    node: Vec<NodeProto>,
    #[prost(message, repeated, tag = "5")]
    initializer: Vec<TensorProto>,
    #[prost(message, repeated, tag = "11")]
    input: Vec<ValueInfoProto>,
    #[prost(message, repeated, tag = "12")]
    output: Vec<ValueInfoProto>,
}

#[derive(Clone, PartialEq, Message)]
struct NodeProto {
    #[prost(string, repeated, tag = "1")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    output: Vec<String>,
    #[prost(string, tag = "3")]
    name: String,
    #[prost(string, tag = "4")]
    op_type: String,
    #[prost(message, repeated, tag = "5")]
    attribute: Vec<AttributeProto>,
    #[prost(string, tag = "7")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(float, tag = "2")]
    f: f32,
    #[prost(int64, tag = "3")]
    i: i64,
    #[prost(bytes = "vec", tag = "4")]
    s: Vec<u8>,
    #[prost(message, optional, tag = "5")]
    t: Option<TensorProto>,
    #[prost(float, repeated, tag = "7")]
    floats: Vec<f32>,
    #[prost(int64, repeated, tag = "8")]
    ints: Vec<i64>,
    #[prost(int32, tag = "20")]
    kind: i32,
}

#[derive(Clone, PartialEq, Message)]
struct TensorProto {
    #[prost(int64, repeated, tag = "1")]
    dims: Vec<i64>,
    #[prost(int32, tag = "2")]
    data_type: i32,
    #[prost(float, repeated, tag = "4")]
    float_data: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    int32_data: Vec<i32>,
    #[prost(int64, repeated, tag = "7")]
    int64_data: Vec<i64>,
    #[prost(string, tag = "8")]
    name: String,
    #[prost(bytes = "vec", tag = "9")]
    raw_data: Vec<u8>,
    #[prost(double, repeated, tag = "10")]
    double_data: Vec<f64>,
    #[prost(int32, tag = "14")]
    data_location: i32,
}

#[derive(Clone, PartialEq, Message)]
struct ValueInfoProto {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<TypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TypeProto {
    #[prost(message, optional, tag = "1")]
    tensor_type: Option<TensorTypeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct TensorTypeProto {
    #[prost(message, optional, tag = "2")]
    shape: Option<ShapeProto>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeProto {
    #[prost(message, repeated, tag = "1")]
    dim: Vec<DimensionProto>,
}

#[derive(Clone, PartialEq, Message)]
struct DimensionProto {
    #[prost(int64, optional, tag = "1")]
    dim_value: Option<i64>,
}

/// The network in a file.
///
/// # Errors
/// `BadArray` where the file is not ONNX, is cut short, or has a layer that odp does not know.
pub fn read_onnx(file: &str, bytes: &[u8]) -> Result<Network, StoreError> {
    let bad = |what: String| StoreError::BadArray {
        file: file.to_string(),
        what,
    };
    let model = ModelProto::decode(bytes).map_err(|e| bad(format!("no ONNX file: {e}")))?;
    let graph = model
        .graph
        .ok_or_else(|| bad("no ONNX file: it has no graph".to_string()))?;
    network(file, graph).map_err(bad)
}

fn network(file: &str, graph: GraphProto) -> Result<Network, String> {
    let mut constants = Vec::with_capacity(graph.initializer.len());
    for tensor in graph.initializer {
        constants.push((tensor.name.clone(), array(file, tensor)?));
    }
    let is_constant = |name: &str| constants.iter().any(|(n, _)| n == name);
    let arguments = graph.input.into_iter().filter(|i| !is_constant(&i.name));
    let inputs = arguments.map(argument).collect();
    let layers: Result<Vec<Layer>, String> = graph
        .node
        .into_iter()
        .map(|node| layer(file, node))
        .collect();
    let outputs: Vec<String> = graph.output.into_iter().map(|o| o.name).collect();
    if outputs.is_empty() {
        return Err("the network has no output".to_string());
    }
    Ok(Network {
        file: file.to_string(),
        inputs,
        outputs,
        layers: layers?,
        constants,
    })
}

fn argument(info: ValueInfoProto) -> NetworkInput {
    let shape = info.kind.and_then(|k| k.tensor_type).and_then(|t| t.shape);
    let size = |d: DimensionProto| d.dim_value.and_then(|n| usize::try_from(n).ok());
    NetworkInput {
        name: info.name,
        sizes: shape.map(|s| s.dim.into_iter().map(size).collect()),
    }
}

fn layer(file: &str, node: NodeProto) -> Result<Layer, String> {
    let known =
        Operator::find(&node.op_type).filter(|_| matches!(node.domain.as_str(), "" | "ai.onnx"));
    let Some(operator) = known else {
        return Err(format!(
            "the layer `{}` is a `{}`, which odp does not know",
            node.name, node.op_type
        ));
    };
    let mut attributes = Vec::with_capacity(node.attribute.len());
    for a in node.attribute {
        let name = a.name.clone();
        if let Some(value) = attribute(file, a)? {
            attributes.push((name, value));
        }
    }
    Ok(Layer {
        operator,
        name: node.name,
        inputs: node.input,
        outputs: node.output,
        attributes,
    })
}

fn attribute(file: &str, a: AttributeProto) -> Result<Option<Attribute>, String> {
    Ok(Some(match a.kind {
        1 => Attribute::Float(f64::from(a.f)),
        2 => Attribute::Int(a.i),
        3 => Attribute::Text(String::from_utf8_lossy(&a.s).into_owned()),
        4 => match a.t {
            Some(t) => Attribute::Array(array(file, t)?),
            None => return Ok(None),
        },
        6 => Attribute::Floats(a.floats.into_iter().map(f64::from).collect()),
        7 => Attribute::Ints(a.ints),
        _ => return Ok(None),
    }))
}

/// A constant. Elements stand in `raw_data`, or in the list of their kind.
fn array(file: &str, t: TensorProto) -> Result<Entry, String> {
    let name = &t.name;
    if t.data_location == 1 {
        return Err(format!("the elements of `{name}` stand in another file"));
    }
    let sizes: Option<Vec<usize>> = t.dims.iter().map(|&n| usize::try_from(n).ok()).collect();
    let sizes = sizes.ok_or_else(|| format!("`{name}` has a negative size"))?;
    let (raw, whole) = (&t.raw_data, !t.raw_data.is_empty());
    let values = match t.data_type {
        1 if whole => Values::Real(each(raw, |b| f64::from(f32::from_le_bytes(b)))),
        1 => Values::Real(t.float_data.iter().map(|&x| f64::from(x)).collect()),
        11 if whole => Values::Real(each(raw, f64::from_le_bytes)),
        11 => Values::Real(t.double_data),
        7 if whole => Values::Int(each(raw, i64::from_le_bytes)),
        7 => Values::Int(t.int64_data),
        6 if whole => Values::Int(each(raw, |b| i64::from(i32::from_le_bytes(b)))),
        6 => Values::Int(t.int32_data.iter().map(|&i| i64::from(i)).collect()),
        9 if whole => Values::Bool(raw.iter().map(|&b| b != 0).collect()),
        9 => Values::Bool(t.int32_data.iter().map(|&i| i != 0).collect()),
        other => {
            return Err(format!(
                "`{name}` holds elements of ONNX's type {other}, which odp does not read"
            ));
        }
    };
    let found = match &values {
        Values::Real(v) => v.len(),
        Values::Int(v) => v.len(),
        Values::Bool(v) => v.len(),
        Values::Str(v) => v.len(),
    };
    let wanted = sizes.iter().try_fold(1usize, |n, &k| n.checked_mul(k));
    if wanted != Some(found) {
        return Err(format!(
            "`{name}` has {found} elements, its sizes say otherwise"
        ));
    }
    Ok(Entry {
        values,
        shape: Shape(sizes),
        missing: Vec::new(),
        origin: Origin {
            file: file.to_string(),
            line: None,
            column: false,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense() -> ModelProto {
        let weights = TensorProto {
            dims: vec![2, 1],
            data_type: 1,
            name: "W".to_string(),
            float_data: vec![1.5, -2.0],
            ..TensorProto::default()
        };
        let node = NodeProto {
            input: vec!["x".to_string(), "W".to_string()],
            output: vec!["y".to_string()],
            op_type: "MatMul".to_string(),
            ..NodeProto::default()
        };
        let named = |name: &str| ValueInfoProto {
            name: name.to_string(),
            kind: None,
        };
        ModelProto {
            graph: Some(GraphProto {
                node: vec![node],
                initializer: vec![weights],
                input: vec![named("x"), named("W")],
                output: vec![named("y")],
            }),
        }
    }

    #[test]
    fn a_layer_and_its_weights() {
        let network = read_onnx("net.onnx", &dense().encode_to_vec()).unwrap();
        assert_eq!(network.inputs.len(), 1);
        assert_eq!(network.layers[0].operator, Operator::MatMul);
        assert_eq!(network.constants[0].1.values, Values::Real(vec![1.5, -2.0]));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let why = |bytes: &[u8]| read_onnx("net.onnx", bytes).unwrap_err().to_string();
        assert!(why(b"{\"not\": 1}").contains("no ONNX file"));
        let bytes = dense().encode_to_vec();
        assert!(why(&bytes[..bytes.len() - 3]).contains("no ONNX file"));
        let mut model = dense();
        model.graph.as_mut().unwrap().initializer[0].dims = vec![1 << 40, 1 << 40];
        assert!(why(&model.encode_to_vec()).contains("its sizes say otherwise"));
        let mut model = dense();
        model.graph.as_mut().unwrap().node[0].op_type = "LSTM".to_string();
        assert!(why(&model.encode_to_vec()).contains("`LSTM`, which odp does not know"));
    }
}
