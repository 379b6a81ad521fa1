//! Elementwise functions of one operand, over all its numbers at once: lanes and elements stand side by side.

use super::kernel::Arg;
use super::op::UnaryFn;
use crate::compute::wide;

/// Computes `f` of each number of `a` into `out: [element, lane]`.
pub(super) fn run(f: UnaryFn, a: Arg, out: &mut [f64], lanes: usize) {
    if !a.uniform {
        return all(f, a.data, out);
    }
    for (o, x) in out.chunks_exact_mut(lanes).zip(a.data) {
        all(f, std::slice::from_ref(x), &mut o[..1]);
        let y = o[0];
        o.fill(y);
    }
}

/// `f` of one number: the same bits as among others.
pub(super) fn number(f: UnaryFn, x: f64) -> f64 {
    let mut y = [0.0];
    all(f, &[x], &mut y);
    y[0]
}

fn all(f: UnaryFn, x: &[f64], out: &mut [f64]) {
    match f {
        UnaryFn::Neg => each(x, out, |x| -x),
        UnaryFn::Square => each(x, out, |x| x * x),
        UnaryFn::Sqrt => each(x, out, f64::sqrt),
        UnaryFn::Exp => wide::exp_all(x, out),
        UnaryFn::Expm1 => wide::expm1_all(x, out),
        UnaryFn::Log => wide::log_all(x, out),
        UnaryFn::Log1p => wide::log1p_all(x, out),
        UnaryFn::Tanh => wide::tanh_all(x, out),
        UnaryFn::InvLogit => wide::inv_logit_all(x, out),
        UnaryFn::Softplus => wide::softplus_all(x, out),
        UnaryFn::Lgamma => wide::lgamma_all(x, out),
        UnaryFn::Digamma => wide::digamma_all(x, out),
        UnaryFn::Erf => wide::erf_all(x, out),
        UnaryFn::Erfc => wide::erfc_all(x, out),
        UnaryFn::Phi => wide::phi_all(x, out),
        f => each(x, out, |x| f.apply(x)),
    }
}

#[inline]
fn each(x: &[f64], out: &mut [f64], f: impl Fn(f64) -> f64) {
    out.iter_mut().zip(x).for_each(|(o, &x)| *o = f(x));
}
