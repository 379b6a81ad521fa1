//! Layers that work element by element, activations above all, and products of matrices.

use super::Call;
use crate::base::{Operator, Shape};
use crate::ir::{BinaryFn, BinaryOp, Builtin, ReduceFn, UnaryFn};
use crate::trace::error::Result;
use crate::trace::machine::Machine;
use crate::trace::value::{Kind, Tensor, Value};

/// Selu's two constants (Klambauer et al. 2017).
const SELU: (f64, f64) = (1.673_263_242_354_377_2, 1.050_700_987_355_480_5);

impl Machine<'_> {
    /// Every operator that is no change of form, convolution or normalisation.
    pub(super) fn elementwise_layer(&mut self, call: &Call) -> Result<Tensor> {
        use Operator as O;
        let (x, span) = (call.arg(0)?.clone(), call.span);
        let real = Kind::Real;
        Ok(match call.layer.operator {
            O::Abs => self.unary(UnaryFn::Abs, &x, x.kind, span),
            O::Neg => self.unary(UnaryFn::Neg, &x, x.kind, span),
            O::Not => self.unary(UnaryFn::Not, &x, Kind::Bool, span),
            O::Sign => self.unary(UnaryFn::Sign, &x, x.kind, span),
            O::Ceil => self.unary(UnaryFn::Ceil, &x, real, span),
            O::Floor => self.unary(UnaryFn::Floor, &x, real, span),
            O::Round => self.unary(UnaryFn::Round, &x, real, span),
            O::Cos => self.unary(UnaryFn::Cos, &x, real, span),
            O::Sin => self.unary(UnaryFn::Sin, &x, real, span),
            O::Erf => self.unary(UnaryFn::Erf, &x, real, span),
            O::Exp => self.unary(UnaryFn::Exp, &x, real, span),
            O::Log => self.unary(UnaryFn::Log, &x, real, span),
            O::Sqrt => self.unary(UnaryFn::Sqrt, &x, real, span),
            O::Tanh => self.unary(UnaryFn::Tanh, &x, real, span),
            O::Sigmoid => self.unary(UnaryFn::InvLogit, &x, real, span),
            O::Softplus => self.unary(UnaryFn::Softplus, &x, real, span),
            O::Reciprocal => self.elementwise(BinaryFn::Div, &Tensor::real(1.0), &x, real, span)?,
            O::Identity | O::Dropout => x,
            O::Cast => self.cast(call, x)?,
            O::Clip => self.clip(call, x)?,
            O::Gemm => self.gemm(call)?,
            O::MatMul => self.products(call)?,
            O::Add | O::Sub | O::Mul | O::Div | O::Pow => self.arithmetic(call)?,
            O::Equal => self.compared(call, BinaryFn::Eq)?,
            O::Greater => self.compared(call, BinaryFn::Gt)?,
            O::GreaterOrEqual => self.compared(call, BinaryFn::Ge)?,
            O::Less => self.compared(call, BinaryFn::Lt)?,
            O::LessOrEqual => self.compared(call, BinaryFn::Le)?,
            O::Where => self.chosen(call)?,
            O::Max | O::Min | O::Sum | O::Mean => self.of_all(call)?,
            _ => self.activation(call, x)?,
        })
    }

    fn activation(&mut self, call: &Call, x: Tensor) -> Result<Tensor> {
        use Operator as O;
        let (layer, span) = (call.layer, call.span);
        let zero = Tensor::real(0.0);
        let above = self.elementwise(BinaryFn::Max, &x, &zero, Kind::Real, span)?;
        match layer.operator {
            O::Relu => Ok(above),
            O::LeakyRelu | O::PRelu => {
                let below = self.elementwise(BinaryFn::Min, &x, &zero, Kind::Real, span)?;
                let slope = match layer.operator {
                    O::PRelu => call.arg(1)?.clone(),
                    _ => Tensor::real(layer.float("alpha", 0.01)),
                };
                let scaled = self.real(BinaryFn::Mul, &below, &slope, call)?;
                self.real(BinaryFn::Add, &above, &scaled, call)
            }
            O::Elu => self.elu(call, &x, &above, layer.float("alpha", 1.0), 1.0),
            O::Celu => self.elu(
                call,
                &x,
                &above,
                layer.float("alpha", 1.0),
                layer.float("alpha", 1.0),
            ),
            O::Selu => {
                let (alpha, gamma) = (layer.float("alpha", SELU.0), layer.float("gamma", SELU.1));
                let elu = self.elu(call, &x, &above, alpha, 1.0)?;
                self.real(BinaryFn::Mul, &elu, &Tensor::real(gamma), call)
            }
            O::HardSigmoid => self.hard_sigmoid(
                call,
                &x,
                layer.float("alpha", 0.2),
                layer.float("beta", 0.5),
            ),
            O::HardSwish => {
                let gate = self.hard_sigmoid(call, &x, 1.0 / 6.0, 0.5)?;
                self.real(BinaryFn::Mul, &x, &gate, call)
            }
            O::Mish => {
                let soft = self.unary(UnaryFn::Softplus, &x, Kind::Real, span);
                let gate = self.unary(UnaryFn::Tanh, &soft, Kind::Real, span);
                self.real(BinaryFn::Mul, &x, &gate, call)
            }
            O::Softsign => {
                let size = self.unary(UnaryFn::Abs, &x, Kind::Real, span);
                let below = self.real(BinaryFn::Add, &size, &Tensor::real(1.0), call)?;
                self.real(BinaryFn::Div, &x, &below, call)
            }
            O::Gelu => self.gelu(call, &x),
            other => unreachable!("{other:?} has an arm of its own"),
        }
    }

    /// `max(x, 0) + alpha (exp(min(x, 0) / width) - 1)`.
    fn elu(
        &mut self,
        call: &Call,
        x: &Tensor,
        above: &Tensor,
        alpha: f64,
        width: f64,
    ) -> Result<Tensor> {
        let below = self.real(BinaryFn::Min, x, &Tensor::real(0.0), call)?;
        let below = self.real(BinaryFn::Div, &below, &Tensor::real(width), call)?;
        let curve = self.unary(UnaryFn::Expm1, &below, Kind::Real, call.span);
        let curve = self.real(BinaryFn::Mul, &curve, &Tensor::real(alpha), call)?;
        self.real(BinaryFn::Add, above, &curve, call)
    }

    fn hard_sigmoid(&mut self, call: &Call, x: &Tensor, alpha: f64, beta: f64) -> Result<Tensor> {
        let line = self.real(BinaryFn::Mul, x, &Tensor::real(alpha), call)?;
        let line = self.real(BinaryFn::Add, &line, &Tensor::real(beta), call)?;
        let low = self.real(BinaryFn::Max, &line, &Tensor::real(0.0), call)?;
        self.real(BinaryFn::Min, &low, &Tensor::real(1.0), call)
    }

    /// `x Φ(x)`, or its approximation by tanh where the file asks for that.
    fn gelu(&mut self, call: &Call, x: &Tensor) -> Result<Tensor> {
        let span = call.span;
        let gate = if call.layer.text("approximate") == Some("tanh") {
            let cube = self.real(BinaryFn::Pow, x, &Tensor::real(3.0), call)?;
            let cube = self.real(BinaryFn::Mul, &cube, &Tensor::real(0.044_715), call)?;
            let sum = self.real(BinaryFn::Add, x, &cube, call)?;
            // (1 + tanh(u)) / 2 is the logistic function of 2 u.
            let scale = Tensor::real(2.0 * (2.0 / std::f64::consts::PI).sqrt());
            let argument = self.real(BinaryFn::Mul, &sum, &scale, call)?;
            self.unary(UnaryFn::InvLogit, &argument, Kind::Real, span)
        } else {
            self.unary(UnaryFn::Phi, x, Kind::Real, span)
        };
        self.real(BinaryFn::Mul, x, &gate, call)
    }

    /// An elementwise function of two reals.
    pub(super) fn real(
        &mut self,
        f: BinaryFn,
        a: &Tensor,
        b: &Tensor,
        call: &Call,
    ) -> Result<Tensor> {
        self.elementwise(f, a, b, Kind::Real, call.span)
    }

    fn compared(&mut self, call: &Call, f: BinaryFn) -> Result<Tensor> {
        self.elementwise(f, call.arg(0)?, call.arg(1)?, Kind::Bool, call.span)
    }

    /// Ints stay ints: sizes are computed with them.
    fn arithmetic(&mut self, call: &Call) -> Result<Tensor> {
        let (x, y) = (call.arg(0)?.clone(), call.arg(1)?.clone());
        let whole = x.kind == Kind::Int && y.kind == Kind::Int;
        let op = match call.layer.operator {
            Operator::Add => BinaryOp::Add,
            Operator::Sub => BinaryOp::Sub,
            Operator::Mul => BinaryOp::Mul,
            Operator::Div if whole => {
                let values = vec![Value::Num(x), Value::Num(y)];
                let v = self.call_builtin(Builtin::Div, values, Vec::new(), call.span)?;
                return self.number(&v, call.span);
            }
            Operator::Div => BinaryOp::Div,
            _ => BinaryOp::Pow,
        };
        let v = self.binary_tensors(op, &x, &y, call.span)?;
        self.number(&v, call.span)
    }

    fn chosen(&mut self, call: &Call) -> Result<Tensor> {
        let values = (0..3).map(|i| call.arg(i).cloned().map(Value::Num));
        let values: Result<Vec<Value>> = values.collect();
        let v = self.call_builtin(Builtin::Where, values?, Vec::new(), call.span)?;
        self.number(&v, call.span)
    }

    fn of_all(&mut self, call: &Call) -> Result<Tensor> {
        let f = match call.layer.operator {
            Operator::Max => BinaryFn::Max,
            Operator::Min => BinaryFn::Min,
            _ => BinaryFn::Add,
        };
        let mut all = call.arg(0)?.clone();
        for i in 1..call.inputs.len() {
            all = self.real(f, &all, call.arg(i)?, call)?;
        }
        if call.layer.operator == Operator::Mean {
            let n = Tensor::real(call.inputs.len() as f64);
            all = self.real(BinaryFn::Div, &all, &n, call)?;
        }
        Ok(all)
    }

    fn clip(&mut self, call: &Call, x: Tensor) -> Result<Tensor> {
        let bound = |i: usize, name: &str, default: f64| match call.option(i) {
            Some(t) => t.clone(),
            None => Tensor::real(call.layer.float(name, default)),
        };
        let low = bound(1, "min", f64::NEG_INFINITY);
        let high = bound(2, "max", f64::INFINITY);
        let x = self.real(BinaryFn::Max, &x, &low, call)?;
        self.real(BinaryFn::Min, &x, &high, call)
    }

    /// To reals (1, 10, 11, 16), ints or bools, by ONNX's numbers of types.
    fn cast(&mut self, call: &Call, x: Tensor) -> Result<Tensor> {
        let (to, span) = (call.layer.int("to", 1), call.span);
        if matches!(to, 1 | 10 | 11 | 16) {
            return Ok(self.as_reals(x, span));
        }
        if to == 9 {
            return self.elementwise(BinaryFn::Ne, &x, &Tensor::real(0.0), Kind::Bool, span);
        }
        let v = self.call_builtin(Builtin::ToInt, vec![Value::Num(x)], Vec::new(), span)?;
        self.number(&v, span)
    }

    /// `alpha A' B' + beta C`.
    fn gemm(&mut self, call: &Call) -> Result<Tensor> {
        let layer = call.layer;
        let mut sides = Vec::with_capacity(2);
        for (i, name) in [(0, "transA"), (1, "transB")] {
            let t = call.arg(i)?.clone();
            sides.push(match layer.int(name, 0) {
                0 => t,
                _ => self.transposed(call, &t, &[1, 0])?,
            });
        }
        let mut product = self.matmul(&sides[0], &sides[1], call.span)?;
        let alpha = layer.float("alpha", 1.0);
        if alpha != 1.0 {
            product = self.real(BinaryFn::Mul, &product, &Tensor::real(alpha), call)?;
        }
        let Some(c) = call.option(2) else {
            return Ok(product);
        };
        let mut c = c.clone();
        let beta = layer.float("beta", 1.0);
        if beta != 1.0 {
            c = self.real(BinaryFn::Mul, &c, &Tensor::real(beta), call)?;
        }
        self.real(BinaryFn::Add, &product, &c, call)
    }

    /// NumPy's `matmul`: a product for each of the leading axes, which broadcast.
    fn products(&mut self, call: &Call) -> Result<Tensor> {
        let (x, y) = (call.arg(0)?, call.arg(1)?);
        if x.shape.rank() <= 2 && y.shape.rank() <= 2 {
            return self.matmul(x, y, call.span);
        }
        if y.shape.rank() == 2 {
            // One matrix for all rows.
            let (rows, k) = x.shape.dims().split_at(x.shape.rank() - 1);
            let flat = Shape(vec![rows.iter().product(), k[0]]);
            let product = self.matmul(&x.clone().reshaped(flat), y, call.span)?;
            let sizes = [rows, &product.shape.dims()[1..]].concat();
            return Ok(product.reshaped(Shape(sizes)));
        }
        self.batched_products(call, x, y)
    }

    /// `sum_k x[…, m, k, 1] y[…, 1, k, n]`.
    fn batched_products(&mut self, call: &Call, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let (a, b) = (x.shape.dims(), y.shape.dims());
        if a.len() < 2 || b.len() < 2 || a[a.len() - 1] != b[b.len() - 2] {
            return Err(call.fault(format!("shapes {} and {} do not fit", x.shape, y.shape)));
        }
        let x = x.clone().reshaped(Shape([a, &[1]].concat()));
        let (outer, inner) = b.split_at(b.len() - 2);
        let y = y.clone().reshaped(Shape([outer, &[1], inner].concat()));
        let product = self.real(BinaryFn::Mul, &x, &y, call)?;
        let k = product.shape.rank() - 2;
        Ok(self.reduce(ReduceFn::Sum, &product, Some(k), Kind::Real, call.span))
    }
}
