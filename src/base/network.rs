//! A neural network as a file describes it: layers between named arrays.

use super::Entry;

/// A function on arrays: layers in the order in which they run.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The file.
    pub file: String,
    /// Its arguments.
    pub inputs: Vec<NetworkInput>,
    /// The names of its results.
    pub outputs: Vec<String>,
    /// Weights and other constants.
    pub constants: Vec<(String, Entry)>,
    /// Its layers.
    pub layers: Vec<Layer>,
}

/// An argument of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkInput {
    /// Its name in the file.
    pub name: String,
    /// Its sizes, where the file fixes them; `None` where it does not even say how many.
    pub sizes: Option<Vec<Option<usize>>>,
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// What it does.
    pub operator: Operator,
    /// Its name in the file, for messages.
    pub name: String,
    /// Names of what it takes; an empty name is an argument left out.
    pub inputs: Vec<String>,
    /// Names of what it gives.
    pub outputs: Vec<String>,
    /// Its settings.
    pub attributes: Vec<(String, Attribute)>,
}

/// A setting of a layer.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A whole number.
    Int(i64),
    /// A real.
    Float(f64),
    /// A text.
    Text(String),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Reals.
    Floats(Vec<f64>),
    /// An array.
    Array(Entry),
}

impl Layer {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, a)| a)
    }

    /// A whole number among the settings.
    pub fn int(&self, name: &str, default: i64) -> i64 {
        match self.attribute(name) {
            Some(Attribute::Int(i)) => *i,
            _ => default,
        }
    }

    /// A real among the settings.
    pub fn float(&self, name: &str, default: f64) -> f64 {
        match self.attribute(name) {
            Some(Attribute::Float(x)) => *x,
            _ => default,
        }
    }

    /// A text among the settings.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attribute(name) {
            Some(Attribute::Text(s)) => Some(s),
            _ => None,
        }
    }

    /// Whole numbers among the settings.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        match self.attribute(name) {
            Some(Attribute::Ints(v)) => Some(v),
            _ => None,
        }
    }

    /// The constant that a `Constant` layer stands for.
    pub fn constant(&self) -> Option<&Attribute> {
        self.attributes.first().map(|(_, a)| a)
    }
}

macro_rules! operators {
    ($($name:ident)*) => {
        /// What a layer does, by ONNX's names.
        #[allow(missing_docs, reason = "the names are ONNX's, and documented there")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Operator { $($name),* }

        impl Operator {
            /// The operator of a name.
            pub fn find(name: &str) -> Option<Operator> {
                match name {
                    $(stringify!($name) => Some(Operator::$name),)*
                    _ => None,
                }
            }
        }
    };
}

operators! {
    Abs Add ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Celu Clip Concat Constant ConstantOfShape Conv
    ConvTranspose Cos Div Dropout Elu Equal Erf Exp Expand Flatten Floor Gather Gelu Gemm GlobalAveragePool GlobalMaxPool
    Greater GreaterOrEqual GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization LayerNormalization
    LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min Mish Mul Neg Not Pad Pow PRelu Reciprocal
    ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    Round Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh Transpose Unsqueeze
    Where
}
