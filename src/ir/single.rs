//! Operations on single numbers, run one behind the other: what a loop that carries its state unrolls to.
//!
//! ```text
//! registers: f64 at their places          Single { Mul, [3, 7], 9 }   ─▶   r[9] = r[3] · r[7]
//! ```
//! The numbers are those of the kernels and of their adjoints in one lane; only the way to them is shorter, which for one number
//! is most of the work.

use super::adjoint::{by_divisor, times};
use super::op::{BinaryFn, Op, UnaryFn};
use super::{normal, unary};

/// Most elements of an operation that is taken apart into single numbers.
const FEW: usize = 8;

/// What is done with numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// The number itself.
    Copy,
    /// Of one number.
    Unary(UnaryFn),
    /// Of two.
    Binary(BinaryFn),
    /// `(condition, a, b)`.
    Select,
    /// `(mean, sd, z)`: mean + sd · z.
    Normal,
    /// `(mean, sd, x)`: the log-density of a normal law.
    NormalDensity,
}

/// One element of an operation: its function, and of which element of which operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Element {
    /// What is computed.
    pub function: Function,
    /// `(operand, element)`; only as many as the function reads.
    pub sources: [(usize, usize); 3],
}

impl Element {
    /// How many numbers it reads.
    pub fn n_sources(&self) -> usize {
        match self.function {
            Function::Copy | Function::Unary(_) => 1,
            Function::Binary(_) => 2,
            Function::Select | Function::Normal | Function::NormalDensity => 3,
        }
    }
}

/// An operation of `len` elements with operands of `lens`, element by element, where it has few and this is all it does.
pub fn elements(op: &Op, lens: &[usize], len: usize) -> Option<Vec<Element>> {
    let own = |function, e: usize| {
        let source = |a: usize| (a, if lens.get(a) == Some(&1) { 0 } else { e });
        Element {
            function,
            sources: std::array::from_fn(source),
        }
    };
    let copy = |operand: usize, e: usize| Element {
        function: Function::Copy,
        sources: [(operand, e); 3],
    };
    let each = |function| (0..len).map(|e| own(function, e)).collect();
    let few = len <= FEW;
    match op {
        Op::Unary(f) if few => Some(each(Function::Unary(*f))),
        Op::Binary(f) if few => Some(each(Function::Binary(*f))),
        Op::Select if few => Some(each(Function::Select)),
        Op::Transport(law) if few && normal::is_normal(law) => Some(each(Function::Normal)),
        Op::LogDensity(law) if few && normal::is_normal(law) => Some(each(Function::NormalDensity)),
        Op::Take(indices) if few => {
            let from = |&i: &u32| copy(0, if lens[0] == 1 { 0 } else { i as usize });
            Some(indices.iter().map(from).collect())
        }
        Op::Pack if lens.iter().all(|n| *n <= FEW) => {
            let parts = lens.iter().enumerate();
            Some(
                parts
                    .flat_map(|(a, &n)| (0..n).map(move |e| copy(a, e)))
                    .collect(),
            )
        }
        _ => None,
    }
}

/// A function of registers into a register.
#[derive(Clone, Copy, Debug)]
pub struct Single {
    /// What is computed.
    pub function: Function,
    /// Registers of the operands; those that the function does not read are any.
    pub args: [u32; 3],
    /// Register of the result.
    pub out: u32,
}

/// Computes each in turn.
pub fn run(code: &[Single], r: &mut [f64]) {
    use BinaryFn as B;
    for s in code {
        let [a, b, c] = s.args.map(|at| r[at as usize]);
        r[s.out as usize] = match s.function {
            Function::Copy => a,
            Function::Binary(B::Add) => a + b,
            Function::Binary(B::Sub) => a - b,
            Function::Binary(B::Mul) => a * b,
            Function::Binary(B::Div) => a / b,
            Function::Unary(UnaryFn::Neg) => -a,
            f => other(f, [a, b, c]),
        };
    }
}

/// What is no arithmetic stays out of the loop: with it the choice is a jump through a table, which is guessed wrong.
#[inline(never)]
fn other(function: Function, [a, b, c]: [f64; 3]) -> f64 {
    match function {
        Function::Copy => a,
        Function::Binary(f) => f.apply(a, b),
        Function::Unary(f) => unary::number(f, a),
        Function::Select => match a.is_nan() {
            true => f64::NAN,
            false if a != 0.0 => b,
            false => c,
        },
        Function::Normal => normal::transported(a, b, c),
        Function::NormalDensity => normal::density(a, b, c),
    }
}

/// The adjoint of one function of registers.
#[derive(Clone, Copy, Debug)]
pub struct Back {
    /// The function with its registers.
    pub of: Single,
    /// Where the result's bar is.
    pub bar: u32,
    /// Where the operands' are; a place that nobody reads for what takes no part.
    pub to: [u32; 3],
}

/// Adds to the bars of each one's operands in turn. A bar of 0 gives 0 whatever the derivative is.
pub fn run_adjoint(code: &[Back], r: &[f64], bars: &mut [f64]) {
    use BinaryFn as B;
    for s in code {
        let bar = bars[s.bar as usize];
        if bar == 0.0 {
            continue;
        }
        let [to_a, to_b, _] = s.to.map(|at| at as usize);
        let [a, b, _] = s.of.args.map(|at| r[at as usize]);
        match s.of.function {
            Function::Copy => bars[to_a] += bar,
            Function::Binary(B::Add) => {
                bars[to_a] += bar;
                bars[to_b] += bar;
            }
            Function::Binary(B::Sub) => {
                bars[to_a] += bar;
                bars[to_b] -= bar;
            }
            Function::Binary(B::Mul) => {
                bars[to_a] += bar * b;
                bars[to_b] += bar * a;
            }
            Function::Binary(B::Div) => {
                bars[to_a] += bar * (1.0 / b);
                bars[to_b] += bar * by_divisor(a, b);
            }
            Function::Unary(UnaryFn::Neg) => bars[to_a] -= bar,
            _ => back_over_other(s, r, bar, bars),
        }
    }
}

/// As [`other`].
#[inline(never)]
fn back_over_other(s: &Back, r: &[f64], bar: f64, bars: &mut [f64]) {
    let [to_a, to_b, to_c] = s.to.map(|at| at as usize);
    let [a, b, c] = s.of.args.map(|at| r[at as usize]);
    let y = r[s.of.out as usize];
    match s.of.function {
        Function::Copy => bars[to_a] += bar,
        Function::Binary(f) => {
            let (by_a, by_b) = f.derivatives(a, b, y);
            bars[to_a] += bar * by_a;
            bars[to_b] += bar * by_b;
        }
        Function::Unary(f) => bars[to_a] += times(bar, f.derivative(a, y)),
        Function::Select if a == 0.0 => bars[to_c] += bar,
        Function::Select if !a.is_nan() => bars[to_b] += bar,
        Function::Select => {}
        Function::Normal => {
            bars[to_a] += bar;
            bars[to_b] += times(bar, c);
            bars[to_c] += times(bar, b);
        }
        Function::NormalDensity => {
            let (by_mean, by_sd) = normal::slope(a, b, c, bar);
            bars[to_a] += by_mean;
            bars[to_b] += by_sd;
            bars[to_c] -= by_mean;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dist::{Distribution, find};
    use crate::ir::Law;
    use crate::ir::adjoint::{self, Bars};
    use crate::ir::kernel::{self, Arg};

    /// Runs an operation on numbers from 0.3 up as the kernels do and as singles do, forward and back.
    fn both(op: &Op, lens: &[usize], len: usize) -> [(Vec<f64>, Vec<f64>); 2] {
        let total: usize = lens.iter().sum();
        let file: Vec<f64> = (0..total).map(|i| 0.3 + 0.17 * i as f64).collect();
        let starts: Vec<usize> = lens
            .iter()
            .scan(0, |at, n| {
                *at += n;
                Some(*at - n)
            })
            .collect();
        let args: Vec<Arg> = starts
            .iter()
            .zip(lens)
            .map(|(s, &len)| Arg {
                data: &file[*s..s + len],
                len,
                uniform: false,
            })
            .collect();
        let bar: Vec<f64> = (0..len).map(|e| 1.0 - 0.4 * e as f64).collect();
        let (mut out, mut bars) = (vec![0.0; len], vec![0.0; total]);
        kernel::run(op, &args, &mut out, 1);
        let at: Vec<Option<usize>> = starts.iter().map(|s| Some(*s)).collect();
        let mut operands = Bars {
            file: &mut bars,
            at: &at,
            lanes: 1,
        };
        adjoint::run(op, &args, &out, &bar, &mut operands, 1);

        let code: Vec<Back> = elements(op, lens, len)
            .unwrap()
            .iter()
            .enumerate()
            .map(|(e, element)| {
                let place = |k: usize| {
                    let (operand, from) = element.sources[k];
                    match k < element.n_sources() {
                        true => (starts[operand] + from) as u32,
                        false => 0,
                    }
                };
                let args = std::array::from_fn(place);
                let out = (total + e) as u32;
                let of = Single {
                    function: element.function,
                    args,
                    out,
                };
                Back {
                    of,
                    bar: out,
                    to: args,
                }
            })
            .collect();
        let mut registers = [file.clone(), vec![0.0; len]].concat();
        run(
            &code.iter().map(|b| b.of).collect::<Vec<_>>(),
            &mut registers,
        );
        let mut all = [vec![0.0; total], bar].concat();
        run_adjoint(&code, &registers, &mut all);
        [
            (out, bars),
            (registers[total..].to_vec(), all[..total].to_vec()),
        ]
    }

    #[test]
    fn singles_compute_what_kernels_and_adjoints_do() {
        use BinaryFn::*;
        use UnaryFn::*;
        let mut cases: Vec<(Op, Vec<usize>, usize)> = vec![
            (Op::Select, vec![1, 3, 3], 3),
            (Op::Select, vec![2, 2, 1], 2),
            (Op::Take([2, 0, 2].into()), vec![3], 3),
            (Op::Take([0, 0].into()), vec![1], 2),
            (Op::Pack, vec![1, 2, 1], 4),
        ];
        let Some(Distribution::Scalar(normal)) = find("Normal") else {
            panic!("it is registered");
        };
        for op in [Op::Transport, Op::LogDensity].map(|op| op(Law::Plain(normal))) {
            cases.push((op.clone(), vec![1, 1, 1], 1));
            cases.push((op, vec![3, 1, 3], 3));
        }
        for f in [
            Add, Sub, Mul, Div, FloorDiv, Rem, Pow, Min, Max, Atan2, BetaFn, Eq, Ne, Lt, Le, Gt,
            Ge, And, Or,
        ] {
            cases.push((Op::Binary(f), vec![3, 3], 3));
            cases.push((Op::Binary(f), vec![1, 2], 2));
        }
        for f in [
            Neg, Not, Exp, Log, Log2, Log10, Log1p, Expm1, Sqrt, Cbrt, Abs, Floor, Ceil, Round,
            Sign, Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Logit, InvLogit, Softplus,
            Lgamma, Digamma, Erf, Erfc, Phi, LogPhi, InvPhi, Square, Fixed,
        ] {
            cases.push((Op::Unary(f), vec![3], 3));
        }
        for (op, lens, len) in cases {
            let [kernels, singles] = both(&op, &lens, len);
            assert_eq!(kernels.0, singles.0, "{op:?}");
            for (a, b) in kernels.1.iter().zip(&singles.1) {
                // Sums over broadcast operands are added in another order.
                assert!(
                    (a - b).abs() <= 1e-14 * a.abs() || a == b,
                    "{op:?}: {a} {b}"
                );
            }
        }
    }

    #[test]
    fn an_arm_that_was_not_taken_may_be_infinite() {
        let log = Single {
            function: Function::Unary(UnaryFn::Log),
            args: [0, 0, 0],
            out: 1,
        };
        let select = Single {
            function: Function::Select,
            args: [2, 1, 3],
            out: 4,
        };
        let mut r = [0.0, 0.0, 0.0, 5.0, 0.0];
        run(&[log, select], &mut r);
        assert_eq!((r[1], r[4]), (f64::NEG_INFINITY, 5.0));
        let back = |of: Single| Back {
            of,
            bar: of.out,
            to: of.args,
        };
        let mut bars = [0.0, 0.0, 0.0, 0.0, 1.0];
        run_adjoint(&[back(select), back(log)], &r, &mut bars);
        assert_eq!(bars, [0.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn long_arrays_and_other_operations_are_left_to_their_kernels() {
        assert!(elements(&Op::Binary(BinaryFn::Add), &[100, 1], 100).is_none());
        assert!(elements(&Op::Cholesky(1), &[1], 1).is_none());
    }
}
