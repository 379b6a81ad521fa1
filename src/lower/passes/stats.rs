//! `stats`: a plate of evidence becomes a formula in sums over its data.
//!
//! ```text
//! Σᵢ log N(yᵢ; Xb, σ)        yᵢ known, b drawn         [X│y] = Q [R c; 0 ρ]
//!   = Σⱼ log N(cⱼ; (Rb)ⱼ, σ)  over the rows of R, and  (n − k) · log N(ρ/√(n − k); 0, σ)
//!
//! Σᵢ log p(yᵢ) = a · log p(0) + b · log p(1) − c       Bernoulli, Poisson, geometric, exponential: linear in y
//! ```
//! What is left is of the law itself, at a few points: it fails where the plate would, and has the plate's gradient. Means
//! that are affine in a few drawn numbers, with known coefficients, are products X b for this purpose. Data are taken
//! relative to their fit before they are squared, for sums of large squares would cancel.

use std::sync::Arc;

use super::Rewriter;
use super::triangle::{Rows, Triangle, triangle};
use crate::base::{Shape, Span};
use crate::compute::special::log_factorial;
use crate::ir::{BinaryFn, Law, Op, UnaryFn};
use crate::trace::NodeId;

/// Most drawn numbers that all elements of an affine mean share.
const MAX_COLUMNS: usize = 64;
/// Most elements of arrays that one number of a sum can have.
const MAX_PICKED: usize = 8;
/// A plate is summed up where it has this many times as many elements as what replaces it.
const SHORTER: usize = 4;

/// The sum of a plate's log-densities, if there is a formula.
pub(super) fn summed(r: &mut Rewriter, op: &Op, args: &[NodeId], span: Span) -> Option<NodeId> {
    let Op::LogDensitySum(Law::Plain(law), n) = op else {
        return None;
    };
    let (&x, params) = args.split_last()?;
    let x: Vec<f64> = r.constant(x)?.to_vec();
    if x.len() != *n || *n < 2 * SHORTER || !x.iter().all(|x| x.is_finite()) {
        return None;
    }
    let plain = Op::LogDensity(Law::Plain(*law));
    if law.name() == "Normal" {
        return normal(r, &plain, params[0], params[1], &x, span);
    }
    if params.iter().any(|p| r.len(*p) != 1) {
        return None;
    }
    let whole = |x: f64| x >= 0.0 && x == x.trunc();
    let (count, sum) = (x.len() as f64, x.iter().sum::<f64>());
    match law.name() {
        "Bernoulli" | "BernoulliLogit" | "Flip" if x.iter().all(|x| *x == 0.0 || *x == 1.0) => {
            Some(linear(r, &plain, params, [count - sum, sum], 0.0, span))
        }
        "Geometric" if x.iter().all(|x| whole(*x)) => {
            Some(linear(r, &plain, params, [count - sum, sum], 0.0, span))
        }
        "Poisson" | "PoissonLog" if x.iter().all(|x| whole(*x) && *x < 1e9) => {
            let factorials = x.iter().map(|k| log_factorial(*k)).sum();
            Some(linear(
                r,
                &plain,
                params,
                [count - sum, sum],
                factorials,
                span,
            ))
        }
        "Exponential" if x.iter().all(|x| *x >= 0.0) => {
            let at = r.known(vec![sum / count], span);
            let once = r.add(plain, vec![params[0], at], Shape::scalar(), span);
            Some(times(r, once, count, span))
        }
        "Gamma" if x.iter().all(|x| *x > 0.0) => Some(gamma(r, &plain, params, &x, span)),
        "LogNormal" if x.iter().all(|x| *x > 0.0) => Some(log_normal(r, params, &x, span)),
        _ => None,
    }
}

/// c · x.
fn times(r: &mut Rewriter, x: NodeId, c: f64, span: Span) -> NodeId {
    let c = r.known(vec![c], span);
    binary(r, BinaryFn::Mul, x, c, span)
}

fn binary(r: &mut Rewriter, f: BinaryFn, a: NodeId, b: NodeId, span: Span) -> NodeId {
    r.add(Op::Binary(f), vec![a, b], Shape::scalar(), span)
}

/// weights[0] · log p(0) + weights[1] · log p(1) − less. A value that does not occur is not asked for.
fn linear(
    r: &mut Rewriter,
    law: &Op,
    params: &[NodeId],
    weights: [f64; 2],
    less: f64,
    span: Span,
) -> NodeId {
    let mut total = r.known(vec![-less], span);
    for (value, weight) in weights.into_iter().enumerate().filter(|(_, w)| *w != 0.0) {
        let value = r.known(vec![value as f64], span);
        let args = params.iter().copied().chain([value]).collect();
        let once = r.add(law.clone(), args, Shape::scalar(), span);
        let part = times(r, once, weight, span);
        total = binary(r, BinaryFn::Add, part, total, span);
    }
    total
}

/// n · log p(g) − β · Σ (xᵢ − g), g the geometric mean.
fn gamma(r: &mut Rewriter, law: &Op, params: &[NodeId], x: &[f64], span: Span) -> NodeId {
    let n = x.len() as f64;
    let g = (x.iter().map(|x| x.ln()).sum::<f64>() / n).exp();
    let at = r.known(vec![g], span);
    let once = r.add(
        law.clone(),
        vec![params[0], params[1], at],
        Shape::scalar(),
        span,
    );
    let (all, excess) = (times(r, once, n, span), x.iter().map(|x| x - g).sum());
    let less = times(r, params[1], excess, span);
    binary(r, BinaryFn::Sub, all, less, span)
}

/// That of the logs, less their sum.
fn log_normal(r: &mut Rewriter, params: &[NodeId], x: &[f64], span: Span) -> NodeId {
    let logs: Vec<f64> = x.iter().map(|x| x.ln()).collect();
    let law = crate::dist::find("Normal").expect("a registered name");
    let crate::dist::Distribution::Scalar(law) = law else {
        unreachable!("a normal number is a number")
    };
    let plain = Op::LogDensity(Law::Plain(law));
    let columns = vec![(params[0], vec![1.0; x.len()])];
    let affine = Affine {
        columns,
        picked: Vec::new(),
        offset: vec![0.0; x.len()],
    };
    let total = of_affine(r, &plain, &affine, params[1], &logs, span);
    let total = total.expect("one column is no more than the data");
    let less = r.known(vec![logs.iter().sum()], span);
    binary(r, BinaryFn::Sub, total, less, span)
}

fn normal(
    r: &mut Rewriter,
    law: &Op,
    mu: NodeId,
    sigma: NodeId,
    y: &[f64],
    span: Span,
) -> Option<NodeId> {
    if r.len(sigma) != 1 {
        return None;
    }
    let affine = affine(r, mu, y.len(), span)?;
    let known = affine.columns.iter().map(|(_, c)| c);
    let known = known.chain(affine.picked.iter().map(|p| &p.by));
    let mut known = known.chain([&affine.offset]);
    known
        .all(|c| c.iter().all(|x| x.is_finite()))
        .then(|| of_affine(r, law, &affine, sigma, y, span))?
}

/// Means Σⱼ columnⱼ · numberⱼ + Σ by · array[index] + offset.
struct Affine {
    columns: Vec<(NodeId, Vec<f64>)>,
    picked: Vec<Picked>,
    offset: Vec<f64>,
}

/// Elements of an array of drawn numbers, times known ones.
struct Picked {
    array: NodeId,
    indices: Arc<[u32]>,
    by: Vec<f64>,
}

/// The numbers that some means are affine in: arrays of which elements are picked, the longest first, and single numbers.
struct Numbers<'a> {
    of: &'a Affine,
    arrays: Vec<(NodeId, usize)>,
    /// The first place of each array, and that of the single numbers.
    first: Vec<usize>,
}

impl Numbers<'_> {
    fn new<'a>(r: &Rewriter, of: &'a Affine) -> Numbers<'a> {
        let mut arrays: Vec<(NodeId, usize)> = Vec::new();
        for p in &of.picked {
            if arrays.iter().all(|(id, _)| *id != p.array) {
                arrays.push((p.array, r.len(p.array)));
            }
        }
        arrays.sort_by_key(|(_, len)| std::cmp::Reverse(*len));
        let mut first = vec![0];
        for (_, len) in &arrays {
            first.push(first[first.len() - 1] + len);
        }
        Numbers { of, arrays, first }
    }

    /// How many are elements of arrays, and how many there are.
    fn len(&self) -> (usize, usize) {
        let elements = self.first[self.arrays.len()];
        (elements, elements + self.of.columns.len())
    }

    fn nodes(&self) -> Vec<NodeId> {
        let single = self.of.columns.iter().map(|(id, _)| *id);
        self.arrays
            .iter()
            .map(|(id, _)| *id)
            .chain(single)
            .collect()
    }
}

impl Rows for Numbers<'_> {
    fn each(&self, row: usize, f: &mut dyn FnMut(usize, f64)) {
        for p in &self.of.picked {
            let array = self.arrays.iter().position(|(id, _)| *id == p.array);
            let first = self.first[array.expect("it is one of them")];
            f(first + p.indices[row] as usize, p.by[row]);
        }
        let single = self.first[self.arrays.len()];
        for (j, (_, column)) in self.of.columns.iter().enumerate() {
            f(single + j, column[row]);
        }
    }
}

fn of_affine(
    r: &mut Rewriter,
    law: &Op,
    affine: &Affine,
    sigma: NodeId,
    y: &[f64],
    span: Span,
) -> Option<NodeId> {
    let numbers = Numbers::new(r, affine);
    let (elements, all) = numbers.len();
    let most = y.len() / SHORTER;
    if all == 0 || affine.columns.len() > MAX_COLUMNS {
        return None;
    }
    let mut rest: Vec<f64> = y.iter().zip(&affine.offset).map(|(y, o)| y - o).collect();
    let fit = triangle(&numbers, all, &rest, most, MAX_COLUMNS)?.solved(all);
    for (i, rest) in rest.iter_mut().enumerate() {
        numbers.each(i, &mut |j, x| *rest -= fit[j] * x);
    }
    let Triangle { rows, rho } = triangle(&numbers, all, &rest, most, MAX_COLUMNS)?;
    let k = rows.len();
    let picked = |row: &super::triangle::Row| row.iter().filter(|e| e.0 < elements).count();
    let depth = rows.iter().map(|(row, _)| picked(row)).max().unwrap_or(0);
    if k == 0 || depth > MAX_PICKED {
        return None;
    }
    let b = r.add(Op::Pack, numbers.nodes(), Shape(vec![all]), span);
    let fit = r.known(fit, span);
    let off = Op::Binary(BinaryFn::Sub);
    let b = r.add(off, vec![b, fit], Shape(vec![all]), span);
    let means = product_of(r, &rows, b, [elements, all], depth, span);
    let c = r.known(rows.iter().map(|(_, c)| *c).collect(), span);
    let Op::LogDensity(plain) = law.clone() else {
        unreachable!("the caller names a density")
    };
    let few = r.graph.shared(
        Op::LogDensitySum(plain, k),
        vec![means, sigma, c],
        Shape::scalar(),
        span,
    );
    let others = (y.len() - k) as f64;
    let (zero, at) = (
        r.known(vec![0.0], span),
        r.known(vec![rho / others.sqrt()], span),
    );
    let once = r.add(law.clone(), vec![zero, sigma, at], Shape::scalar(), span);
    let many = times(r, once, others, span);
    Some(binary(r, BinaryFn::Add, few, many, span))
}

/// R b: the single numbers by one product, elements of arrays one of each row at a time.
fn product_of(
    r: &mut Rewriter,
    rows: &[(super::triangle::Row, f64)],
    b: NodeId,
    [elements, all]: [usize; 2],
    depth: usize,
    span: Span,
) -> NodeId {
    let k = rows.len();
    let shape = Shape(vec![k]);
    let mut total: Option<NodeId> = None;
    let mut plus = |r: &mut Rewriter, part: NodeId| {
        total = Some(match total {
            Some(total) => r.add(
                Op::Binary(BinaryFn::Add),
                vec![total, part],
                shape.clone(),
                span,
            ),
            None => part,
        });
    };
    for level in 0..depth {
        let entry = |(row, _): &(super::triangle::Row, f64)| {
            let mut own = row.iter().filter(|e| e.0 < elements);
            own.nth(level).copied().unwrap_or((0, 0.0))
        };
        let entries: Vec<(usize, f64)> = rows.iter().map(entry).collect();
        let take = Op::Take(entries.iter().map(|e| e.0 as u32).collect());
        let own = r.add(take, vec![b], shape.clone(), span);
        let by = r.known(entries.iter().map(|e| e.1).collect(), span);
        let times = Op::Binary(BinaryFn::Mul);
        let part = r.add(times, vec![own, by], shape.clone(), span);
        plus(r, part);
    }
    let single = all - elements;
    if single > 0 {
        let mut matrix = vec![0.0; k * single];
        for (i, (row, _)) in rows.iter().enumerate() {
            for (j, x) in row.iter().filter(|e| e.0 >= elements) {
                matrix[i * single + j - elements] = *x;
            }
        }
        let own = match elements {
            0 => b,
            _ => {
                let take = Op::Take((elements as u32..all as u32).collect());
                r.add(take, vec![b], Shape(vec![single]), span)
            }
        };
        let matrix = r.known(matrix, span);
        let product = Op::MatMul {
            m: k,
            k: single,
            n: 1,
        };
        let part = r.add(product, vec![matrix, own], shape.clone(), span);
        plus(r, part);
    }
    total.expect("there are some numbers")
}

/// A node of `n` numbers (or one for all) as an affine function of single numbers, if it is one.
fn affine(r: &mut Rewriter, id: NodeId, n: usize, span: Span) -> Option<Affine> {
    let len = r.len(id);
    if let Some(values) = r.constant(id) {
        let offset = (0..n)
            .map(|i| values[if len == 1 { 0 } else { i }])
            .collect();
        return Some(Affine {
            columns: Vec::new(),
            picked: Vec::new(),
            offset,
        });
    }
    let node = r.graph.node(id);
    let (op, args) = (node.op.clone(), node.args.clone());
    let found = match op {
        Op::Unary(UnaryFn::Neg) => Some(affine(r, args[0], n, span)?.scaled(|_| -1.0)),
        Op::Binary(f @ (BinaryFn::Add | BinaryFn::Sub)) => {
            let (a, b) = (affine(r, args[0], n, span)?, affine(r, args[1], n, span)?);
            let sign = if f == BinaryFn::Add { 1.0 } else { -1.0 };
            Some(a.plus(b.scaled(|_| sign)))
        }
        Op::Binary(BinaryFn::Mul) => match (by(r, args[0]), by(r, args[1])) {
            (Some(c), None) => Some(affine(r, args[1], n, span)?.scaled(|i| at(&c, i))),
            (None, Some(c)) => Some(affine(r, args[0], n, span)?.scaled(|i| at(&c, i))),
            _ => None,
        },
        Op::MatMul { m, k, n: 1 } if m == n && k <= MAX_COLUMNS => {
            let x = by(r, args[0])?;
            Some(product(r, args[1], k, n, |i, l| x[i * k + l], span))
        }
        Op::Dense(x, 1) if x.m == n && x.k <= MAX_COLUMNS => {
            Some(product(r, args[0], x.k, n, |i, l| x.at(i, l), span))
        }
        Op::Take(indices) if len == n && n > 1 => Some(Affine {
            columns: Vec::new(),
            picked: vec![Picked {
                array: args[0],
                indices,
                by: vec![1.0; n],
            }],
            offset: vec![0.0; n],
        }),
        _ => None,
    };
    match found {
        Some(found) if found.columns.len() <= MAX_COLUMNS => Some(found),
        None if len == 1 => Some(Affine {
            columns: vec![(id, vec![1.0; n])],
            picked: Vec::new(),
            offset: vec![0.0; n],
        }),
        _ => None,
    }
}

fn by(r: &Rewriter, id: NodeId) -> Option<Vec<f64>> {
    r.constant(id).map(<[f64]>::to_vec)
}

fn at(c: &[f64], i: usize) -> f64 {
    c[if c.len() == 1 { 0 } else { i }]
}

/// X b, with the elements of b apart.
fn product(
    r: &mut Rewriter,
    b: NodeId,
    k: usize,
    n: usize,
    x: impl Fn(usize, usize) -> f64,
    span: Span,
) -> Affine {
    let element = |r: &mut Rewriter, l: usize| match r.len(b) {
        1 => b,
        _ => r.add(Op::Take([l as u32].into()), vec![b], Shape::scalar(), span),
    };
    let columns = (0..k)
        .map(|l| (element(r, l), (0..n).map(|i| x(i, l)).collect()))
        .collect();
    Affine {
        columns,
        picked: Vec::new(),
        offset: vec![0.0; n],
    }
}

impl Affine {
    fn scaled(mut self, by: impl Fn(usize) -> f64) -> Affine {
        let all = self
            .columns
            .iter_mut()
            .map(|(_, c)| c)
            .chain(self.picked.iter_mut().map(|p| &mut p.by))
            .chain([&mut self.offset]);
        all.for_each(|c| c.iter_mut().enumerate().for_each(|(i, x)| *x *= by(i)));
        self
    }

    fn plus(mut self, other: Affine) -> Affine {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.offset, &other.offset);
        for (id, column) in other.columns {
            match self.columns.iter_mut().find(|(i, _)| *i == id) {
                Some((_, own)) => add(own, &column),
                None => self.columns.push((id, column)),
            }
        }
        self.picked.extend(other.picked);
        self
    }
}
