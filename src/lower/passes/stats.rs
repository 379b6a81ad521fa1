//! `stats`: a plate of evidence becomes a formula in sums over its data.
//!
//! ```text
//! Σᵢ log N(yᵢ; Xb, σ)        yᵢ known, b drawn         [X│y] = Q [R c; 0 ρ]
//!   = Σⱼ log N(cⱼ; (Rb)ⱼ, σ)  over the columns of X, and  (n − k) · log N(ρ/√(n − k); 0, σ)
//!
//! Σᵢ log p(yᵢ) = a · log p(0) + b · log p(1) − c       Bernoulli, Poisson, geometric, exponential: linear in y
//! ```
//! What is left is of the law itself, at a few points: it fails where the plate would, and has the plate's gradient. Means
//! that are affine in a few drawn numbers, with known coefficients, are products X b for this purpose. Data are taken
//! relative to their fit before they are squared, for sums of large squares would cancel.

use faer::Mat;

use super::Rewriter;
use crate::base::{Shape, Span};
use crate::compute::special::log_factorial;
use crate::ir::{BinaryFn, Law, Op, UnaryFn};
use crate::trace::NodeId;

/// Most drawn numbers of an affine mean.
const MAX_COLUMNS: usize = 64;
/// A plate is summed up where it has this many times as many elements as what replaces it.
const SHORTER: usize = 4;
/// Rows that are factored together.
const ROWS: usize = 2048;

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
        offset: vec![0.0; x.len()],
    };
    let total = of_affine(r, &plain, affine, params[1], &logs, span);
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
    let k = affine.columns.len();
    let all = affine
        .columns
        .iter()
        .all(|(_, c)| c.iter().all(|x| x.is_finite()));
    let fits = k > 0 && k <= MAX_COLUMNS && y.len() >= SHORTER * (k + 1) && all;
    (fits && affine.offset.iter().all(|x| x.is_finite()))
        .then(|| of_affine(r, law, affine, sigma, y, span))
}

/// Means Σⱼ columnⱼ · numberⱼ + offset.
struct Affine {
    columns: Vec<(NodeId, Vec<f64>)>,
    offset: Vec<f64>,
}

fn of_affine(
    r: &mut Rewriter,
    law: &Op,
    affine: Affine,
    sigma: NodeId,
    y: &[f64],
    span: Span,
) -> NodeId {
    let k = affine.columns.len();
    let mut rest: Vec<f64> = y.iter().zip(&affine.offset).map(|(y, o)| y - o).collect();
    let columns: Vec<&[f64]> = affine.columns.iter().map(|(_, c)| &c[..]).collect();
    let fit = solved(&triangle(&columns, &rest), k);
    for (column, b) in columns.iter().zip(&fit) {
        rest.iter_mut().zip(*column).for_each(|(r, x)| *r -= b * x);
    }
    let t = triangle(&columns, &rest);
    let row = |i: usize| (0..k).map(|j| t[(i, j)]).collect::<Vec<f64>>();
    let matrix: Vec<f64> = (0..k).flat_map(row).collect();
    let (c, rho) = ((0..k).map(|i| t[(i, k)]).collect(), t[(k, k)]);
    let numbers = affine.columns.iter().map(|(id, _)| *id).collect();
    let shape = Shape(vec![k]);
    let b = r.add(Op::Pack, numbers, shape.clone(), span);
    let fit = r.known(fit, span);
    let b = r.add(Op::Binary(BinaryFn::Sub), vec![b, fit], shape.clone(), span);
    let matrix = r.known(matrix, span);
    let means = r.add(Op::MatMul { m: k, k, n: 1 }, vec![matrix, b], shape, span);
    let c = r.known(c, span);
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
    binary(r, BinaryFn::Add, few, many, span)
}

/// The triangle of [X│y], `[k + 1, k + 1]`: of blocks of rows, each on top of what the ones before have left.
fn triangle(columns: &[&[f64]], y: &[f64]) -> Mat<f64> {
    let (n, k) = (y.len(), columns.len());
    let mut left = Mat::<f64>::zeros(0, k + 1);
    for start in (0..n).step_by(ROWS) {
        let rows = ROWS.min(n - start);
        let above = left.nrows();
        let block = Mat::from_fn(above + rows, k + 1, |i, j| match i.checked_sub(above) {
            None => left[(i, j)],
            Some(i) if j == k => y[start + i],
            Some(i) => columns[j][start + i],
        });
        let qr = block.qr();
        let factor = qr.R();
        left = Mat::from_fn(k + 1, k + 1, |i, j| {
            if i <= j && i < factor.nrows() {
                factor[(i, j)]
            } else {
                0.0
            }
        });
    }
    left
}

/// The least-squares fit by a triangle; 0 where it is not determined.
fn solved(t: &Mat<f64>, k: usize) -> Vec<f64> {
    let mut b = vec![0.0; k];
    for i in (0..k).rev() {
        let known: f64 = (i + 1..k).map(|j| t[(i, j)] * b[j]).sum();
        b[i] = (t[(i, k)] - known) / t[(i, i)];
    }
    let largest = (0..k).map(|i| t[(i, i)].abs()).fold(0.0, f64::max);
    let determined = (0..k).all(|i| t[(i, i)].abs() > 1e-9 * largest);
    match determined && b.iter().all(|b| b.is_finite()) {
        true => b,
        false => vec![0.0; k],
    }
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
        _ => None,
    };
    match found {
        Some(found) if found.columns.len() <= MAX_COLUMNS => Some(found),
        None if len == 1 => Some(Affine {
            columns: vec![(id, vec![1.0; n])],
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
        offset: vec![0.0; n],
    }
}

impl Affine {
    fn scaled(mut self, by: impl Fn(usize) -> f64) -> Affine {
        let all = self
            .columns
            .iter_mut()
            .map(|(_, c)| c)
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
        self
    }
}
