//! What the built-in functions do. Names and signatures are in `ir::Builtin` and `check`.

use std::sync::Arc;

use super::error::{Result, TraceError};
use super::machine::Machine;
use super::value::{Kind, Tensor, Value};
use crate::base::Span;
use crate::ir::{BinaryFn, Builtin, LawFn, ReduceFn, UnaryFn};

/// The elementwise function of one number behind a built-in, and the kind of its result (`None`: the operand's own).
fn elementwise_fn(b: Builtin) -> Option<(UnaryFn, Option<Kind>)> {
    use Builtin as B;
    use UnaryFn as U;
    let real = Some(Kind::Real);
    Some(match b {
        B::Exp => (U::Exp, real),
        B::Log => (U::Log, real),
        B::Log2 => (U::Log2, real),
        B::Log10 => (U::Log10, real),
        B::Log1p => (U::Log1p, real),
        B::Expm1 => (U::Expm1, real),
        B::Sqrt => (U::Sqrt, real),
        B::Cbrt => (U::Cbrt, real),
        B::Abs => (U::Abs, None),
        B::Floor => (U::Floor, real),
        B::Ceil => (U::Ceil, real),
        B::Round => (U::Round, real),
        B::Sign => (U::Sign, None),
        B::Sin => (U::Sin, real),
        B::Cos => (U::Cos, real),
        B::Tan => (U::Tan, real),
        B::Asin => (U::Asin, real),
        B::Acos => (U::Acos, real),
        B::Atan => (U::Atan, real),
        B::Sinh => (U::Sinh, real),
        B::Cosh => (U::Cosh, real),
        B::Tanh => (U::Tanh, real),
        B::Logit => (U::Logit, real),
        B::InvLogit => (U::InvLogit, real),
        B::Softplus => (U::Softplus, real),
        B::Lgamma => (U::Lgamma, real),
        B::Digamma => (U::Digamma, real),
        B::Erf => (U::Erf, real),
        B::Erfc => (U::Erfc, real),
        B::Phi => (U::Phi, real),
        B::LogPhi => (U::LogPhi, real),
        B::InvPhi => (U::InvPhi, real),
        _ => return None,
    })
}

/// Whether a built-in works on every element of its one argument.
pub(super) fn is_elementwise(b: Builtin) -> bool {
    elementwise_fn(b).is_some() || matches!(b, Builtin::ToReal | Builtin::ToInt)
}

/// Built-ins that walk over their arrays themselves.
fn takes_walks(b: Builtin) -> bool {
    use Builtin as B;
    matches!(b, B::Map | B::Fold | B::Scan | B::Zip)
}

/// The reduction of all elements behind a built-in, where nothing is a valid argument.
fn reduction(b: Builtin) -> Option<ReduceFn> {
    use Builtin as B;
    Some(match b {
        B::Sum => ReduceFn::Sum,
        B::Prod => ReduceFn::Prod,
        B::Logsumexp => ReduceFn::LogSumExp,
        B::Any => ReduceFn::Any,
        B::All => ReduceFn::All,
        _ => return None,
    })
}

/// Files are read while the program is checked: what is left to be called is a function value like `let read = csv`.
fn reads_no_file(b: Builtin, span: Span) -> TraceError {
    let name = b.name();
    TraceError::model(
        "odp::trace::not_a_function",
        format!("`{name}` is no function value"),
        span,
        "called here",
    )
    .help(format!(
        "write the path where it is read: `{name}(\"data.file\")`"
    ))
}

/// Arguments of a call, taken by position.
pub(super) struct Args {
    pub name: &'static str,
    pub values: Vec<Value>,
    pub named: Vec<(String, Value)>,
    pub span: Span,
}

impl Args {
    pub fn get(&self, i: usize) -> Result<&Value> {
        self.values.get(i).ok_or_else(|| {
            TraceError::model(
                "odp::trace::arity",
                format!(
                    "`{}` needs more than {} arguments",
                    self.name,
                    self.values.len()
                ),
                self.span,
                "called here",
            )
        })
    }

    pub fn named(&self, name: &str) -> Option<&Value> {
        self.named.iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

impl Machine<'_> {
    /// Calls a built-in.
    pub(super) fn call_builtin(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        span: Span,
    ) -> Result<Value> {
        if values.iter().any(|v| matches!(v, Value::Bottom)) {
            return Ok(Value::Bottom);
        }
        if let Some(v) = self.over_places(b, &values, &named, span)? {
            return Ok(v);
        }
        if let (Builtin::Length, [Value::List(items)]) = (b, &values[..]) {
            return Ok(Value::Num(Tensor::int(items.len() as i64)));
        }
        if !takes_walks(b)
            && let Some(i) = values.iter().position(super::ragged::is_open)
        {
            return self.distribute(b, values, named, i, span);
        }
        if let Some(i) = self.random_size_argument(b, &values) {
            return self.with_each_size(b, values, named, i, span);
        }
        let args = Args {
            name: b.name(),
            values,
            named,
            span,
        };
        if let Some((f, kind)) = elementwise_fn(b) {
            let t = self.arg(&args, 0)?;
            if let Some(exact) = super::exact::unary(f, &t) {
                return match exact {
                    Ok(t) => Ok(Value::Num(t)),
                    Err(why) => self.fault(super::operators::int_fault(why, span)),
                };
            }
            let kind = kind.unwrap_or(t.kind.max(Kind::Int));
            return Ok(Value::Num(self.unary(f, &t, kind, span)));
        }
        self.arrays(b, &args)
            .transpose()
            .or_else(|| self.matrices(b, &args).transpose())
            .or_else(|| self.rest(b, &args).transpose())
            .unwrap_or_else(|| Err(reads_no_file(b, span)))
    }

    /// A call whose argument is one of two: both calls, each under its mask.
    fn distribute(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        i: usize,
        span: Span,
    ) -> Result<Value> {
        let Some((c, x, y)) = self.opened(&values[i], span)? else {
            unreachable!("the caller found a choice")
        };
        let with = |v: Value| {
            let mut values = values.clone();
            values[i] = v;
            values
        };
        let (first, second, named2) = (with(x), with(y), named.clone());
        self.both(
            c,
            span,
            |m| m.misfit(|m| m.call_builtin(b, first, named, span)),
            |m| m.misfit(|m| m.call_builtin(b, second, named2, span)),
        )
    }

    /// Built-ins that work on the places of arrays of random length.
    fn over_places(
        &mut self,
        b: Builtin,
        values: &[Value],
        named: &[(String, Value)],
        span: Span,
    ) -> Result<Option<Value>> {
        use Builtin as B;
        let (Some(Value::Ragged(r)), true) = (values.first(), named.is_empty()) else {
            return Ok(None);
        };
        let (r, f) = (r.clone(), reduction(b));
        match (b, values) {
            (B::Length, [_]) => Ok(Some(Value::Num(r.length.clone()))),
            (B::Mean, [_]) => {
                let Some(sum) = self.reduced_ragged(ReduceFn::Sum, &r, span)? else {
                    return Ok(None);
                };
                let mean = self.elementwise(BinaryFn::Div, &sum, &r.length, Kind::Real, span)?;
                Ok(Some(Value::Num(mean)))
            }
            (_, [_]) if f.is_some() => {
                let f = f.expect("checked in the guard");
                Ok(self.reduced_ragged(f, &r, span)?.map(Value::Num))
            }
            (_, [xs]) if is_elementwise(b) => self.place_by_place(xs, None, &mut |m, x, _| {
                m.call_builtin(b, vec![x], Vec::new(), span)
            }),
            (B::Min | B::Max | B::Div | B::Atan2 | B::BetaFn, [x, y]) => {
                self.place_by_place(x, Some(y), &mut |m, x, y| {
                    let y = y.expect("two operands");
                    m.call_builtin(b, vec![x, y], Vec::new(), span)
                })
            }
            _ => Ok(None),
        }
    }

    /// Which argument is a size that depends on chance.
    fn random_size_argument(&self, b: Builtin, values: &[Value]) -> Option<usize> {
        use Builtin as B;
        let sizes = match b {
            B::Zeros | B::Ones | B::Eye => 0..values.len(),
            B::Fill | B::Reshape => 1..values.len(),
            B::Linspace => 2..values.len(),
            _ => return None,
        };
        sizes.into_iter().find(|&i| {
            matches!(&values[i], Value::Num(t) if t.is_scalar() && t.kind == Kind::Int && t.known().is_none())
        })
    }

    /// An array of random size: place by place where it has one axis, else a choice by size.
    fn with_each_size(
        &mut self,
        b: Builtin,
        values: Vec<Value>,
        named: Vec<(String, Value)>,
        i: usize,
        span: Span,
    ) -> Result<Value> {
        let Value::Num(n) = values[i].clone() else {
            unreachable!("the caller found a number")
        };
        let one = match (b, &values[..]) {
            (Builtin::Zeros, [_]) => Some(Value::real(0.0)),
            (Builtin::Ones, [_]) => Some(Value::real(1.0)),
            (Builtin::Fill, [v, _]) => Some(v.clone()),
            _ => None,
        };
        if let Some(one) = one {
            let longest = self.random_size(&n, span)?;
            return Ok(self.ragged(vec![one; longest], n));
        }
        self.by_value(&n, span, &mut |m, k| {
            let mut values = values.clone();
            values[i] = Value::Num(Tensor::int(k));
            m.misfit(|m| m.call_builtin(b, values, named.clone(), span))
        })
    }

    pub(super) fn arg(&mut self, args: &Args, i: usize) -> Result<Tensor> {
        let v = args.get(i)?.clone();
        self.number(&v, args.span)
    }

    pub(super) fn size(&mut self, args: &Args, i: usize) -> Result<usize> {
        let v = args.get(i)?.clone();
        let n = self.int_value(&v, args.span)?;
        match n.known_int() {
            Some(n) if n >= 0 => Ok(n as usize),
            Some(n) => Err(TraceError::model(
                "odp::trace::negative_size",
                format!("a size cannot be {n}"),
                args.span,
                "this size",
            )),
            None => Err(TraceError::model(
                "odp::trace::random_length",
                format!("a size of `{}` depends on chance here", args.name),
                args.span,
                "its value is known only in each execution",
            )
            .help("`fill`, `zeros`, `ones`, `iid`, plates and comprehensions take such sizes")),
        }
    }

    pub(super) fn axis(&mut self, args: &Args, t: &Tensor) -> Result<Option<usize>> {
        let v = match args.named("axis") {
            Some(v) => v.clone(),
            None => match args.values.get(1) {
                Some(v) => v.clone(),
                None => return Ok(None),
            },
        };
        let k = self.int_value(&v, args.span)?.known_int();
        let rank = t.shape.rank() as i64;
        match k {
            Some(k) if (-rank..rank).contains(&k) => Ok(Some(k.rem_euclid(rank) as usize)),
            _ => Err(TraceError::model(
                "odp::trace::axis",
                format!("this array has axes 0..{rank}"),
                args.span,
                "no such axis",
            )),
        }
    }

    fn rest(&mut self, b: Builtin, args: &Args) -> Result<Option<Value>> {
        use Builtin as B;
        Ok(Some(match b {
            B::Map => {
                let (xs, f) = (args.get(0)?.clone(), args.get(1)?.clone());
                let (xs, f) = if matches!(xs, Value::Fn(_)) {
                    (f, xs)
                } else {
                    (xs, f)
                };
                let walk = self.walk_of(&xs, args.span)?;
                let all = self.each_item(walk, args.span, |m, x| m.call(&f, vec![x], args.span))?;
                super::operators::rectangular(all, args.span)?
            }
            B::Fold | B::Scan => self.fold_or_scan(b, args)?,
            B::Zip => self.zip(args)?,
            B::Print => {
                let words: Vec<String> = args.values.iter().map(super::printed::shown).collect();
                self.printed.push(words.join(" "));
                Value::Unit
            }
            B::Assert => self.assert(args)?,
            B::LogProb | B::LogProbEach => {
                let (Value::Dist(d), x) = (args.get(0)?.clone(), args.get(1)?.clone()) else {
                    return Err(self.needs_dist(args));
                };
                Value::Num(self.log_prob(&d, &x, b == B::LogProbEach, args.span)?)
            }
            B::Cdf => self.law_fn_call(LawFn::Cdf, args)?,
            B::LogCdf => self.law_fn_call(LawFn::LogCdf, args)?,
            B::LogCcdf => self.law_fn_call(LawFn::LogCcdf, args)?,
            B::Quantile => self.law_fn_call(LawFn::Quantile, args)?,
            B::MeanOf => self.law_fn_call(LawFn::Mean, args)?,
            B::SdOf => self.law_fn_call(LawFn::Sd, args)?,
            B::OdeRk4 | B::OdeEuler => self.ode(b, args)?,
            B::OdeDopri => self.ode_dopri(args)?,
            _ => return Ok(None),
        }))
    }

    fn fold_or_scan(&mut self, b: Builtin, args: &Args) -> Result<Value> {
        let (xs, init, f) = (
            args.get(0)?.clone(),
            args.get(1)?.clone(),
            args.get(2)?.clone(),
        );
        let walk = self.walk_of(&xs, args.span)?;
        let length = walk.length.clone();
        let mut acc = init;
        let seen = self.each_item(walk, args.span, |m, item| {
            let next = m.call(&f, vec![acc.clone(), item], args.span)?;
            // Executions that have no such place keep what they have.
            acc = match m.mask {
                Some(here) if length.is_some() => {
                    m.merge(here, next.clone(), acc.clone(), args.span)?
                }
                _ => next.clone(),
            };
            Ok(next)
        })?;
        Ok(if b == Builtin::Scan { seen } else { acc })
    }

    fn zip(&mut self, args: &Args) -> Result<Value> {
        let mut columns = Vec::with_capacity(args.values.len());
        let mut lengths = Vec::with_capacity(args.values.len());
        for v in &args.values {
            let walk = self.walk_of(v, args.span)?;
            let known = Tensor::int(walk.items.len() as i64);
            lengths.push(walk.length.unwrap_or(known));
            columns.push(walk.items);
        }
        if let Some(length) = lengths.iter().find(|n| n.known_int().is_none()).cloned() {
            for other in &lengths {
                let differs =
                    self.elementwise(BinaryFn::Ne, other, &length, Kind::Bool, args.span)?;
                if differs.known().is_none() {
                    let node = self.node_of(&differs, args.span);
                    let why = "arrays that are zipped have different lengths";
                    self.fault_where(node, why.into(), args.span);
                }
            }
            let n = columns.iter().map(Vec::len).min().unwrap_or(0);
            let rows = (0..n)
                .map(|i| Value::Tuple(Arc::new(columns.iter().map(|c| c[i].clone()).collect())))
                .collect();
            return Ok(self.ragged(rows, length));
        }
        let n = columns.first().map_or(0, Vec::len);
        if columns.iter().any(|c| c.len() != n) {
            return Err(TraceError::model(
                "odp::trace::shape_mismatch",
                "arrays that are zipped have one length",
                args.span,
                "these have different ones",
            ));
        }
        let rows = (0..n)
            .map(|i| Value::Tuple(Arc::new(columns.iter().map(|c| c[i].clone()).collect())))
            .collect();
        Ok(Value::List(Arc::new(rows)))
    }

    fn assert(&mut self, args: &Args) -> Result<Value> {
        let v = args.get(0)?.clone();
        let t = self.truth(&v, args.span)?;
        let text = match args.values.get(1) {
            Some(Value::Str(s)) => format!("assertion failed: {s}"),
            _ => "assertion failed".to_string(),
        };
        match t.known_scalar() {
            Some(x) if x != 0.0 => Ok(Value::Unit),
            Some(_) => {
                let error =
                    TraceError::model("odp::trace::assert", text, args.span, "this is false");
                self.fault(error)
            }
            None => {
                let node = self.node_of(&t, args.span);
                let not = self.not_mask(node, args.span);
                self.fault_where(not, text.into(), args.span);
                Ok(Value::Unit)
            }
        }
    }

    fn needs_dist(&self, args: &Args) -> TraceError {
        TraceError::model(
            "odp::trace::not_a_distribution",
            format!("the first argument of `{}` is a distribution", args.name),
            args.span,
            "called here",
        )
    }

    fn law_fn_call(&mut self, f: LawFn, args: &Args) -> Result<Value> {
        let Value::Dist(d) = args.get(0)?.clone() else {
            return Err(self.needs_dist(args));
        };
        let x = if matches!(f, LawFn::Mean | LawFn::Sd) {
            Tensor::real(0.0)
        } else {
            self.arg(args, 1)?
        };
        self.law_fn(f, &d, &x, args.span).map(Value::Num)
    }
}
