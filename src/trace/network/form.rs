//! Layers that change the form of arrays, and those that reduce along axes.

use super::Call;
use crate::base::{Operator, Shape};
use crate::ir::{BinaryFn, Op, ReduceFn, ScanFn, UnaryFn};
use crate::trace::error::Result;
use crate::trace::expression::axis_view;
use crate::trace::machine::Machine;
use crate::trace::value::{Kind, Tensor};

impl Machine<'_> {
    /// A change of form or a reduction; `None` for every other operator.
    pub(super) fn form(&mut self, call: &Call) -> Result<Option<Tensor>> {
        use Operator as O;
        Ok(Some(match call.layer.operator {
            O::Reshape => reshaped(call)?,
            O::Flatten => flattened(call)?,
            O::Squeeze => squeezed(call)?,
            O::Unsqueeze => unsqueezed(call)?,
            O::Shape => {
                let dims: Vec<i64> = call
                    .arg(0)?
                    .shape
                    .dims()
                    .iter()
                    .map(|&n| n as i64)
                    .collect();
                let n = dims.len();
                Tensor::ints(dims, Shape::vector(n))
            }
            O::Transpose => {
                let x = call.arg(0)?.clone();
                let order: Vec<usize> = match call.layer.ints("perm") {
                    Some(perm) => perm
                        .iter()
                        .map(|&k| call.axis(k, x.shape.rank()))
                        .collect::<Result<_>>()?,
                    None => (0..x.shape.rank()).rev().collect(),
                };
                self.transposed(call, &x, &order)?
            }
            O::Concat => self.concatenated(call)?,
            O::Gather => self.gathered(call)?,
            O::Slice => self.sliced(call)?,
            O::Pad => self.padded(call)?,
            O::Resize => self.resized(call)?,
            O::Expand => {
                let x = call.arg(0)?;
                let shape = sizes(call, 1)?;
                let shape = x.shape.broadcast(&shape).ok_or_else(|| {
                    call.fault(format!("shapes {} and {shape} do not fit", x.shape))
                })?;
                self.room_for(shape.len(), call.span)?;
                self.spread(x, &shape, call.span)
            }
            O::ConstantOfShape => {
                let shape = sizes(call, 0)?;
                self.room_for(shape.len(), call.span)?;
                let value = match call.layer.constant() {
                    Some(_) => super::constant(call)?.reshaped(Shape::scalar()),
                    None => Tensor::real(0.0),
                };
                self.spread(&value, &shape, call.span)
            }
            O::Softmax => self.along_axis(call, ScanFn::Softmax)?,
            O::LogSoftmax => self.along_axis(call, ScanFn::LogSoftmax)?,
            O::ArgMax => self.largest(call, ReduceFn::ArgMax)?,
            O::ArgMin => self.largest(call, ReduceFn::ArgMin)?,
            O::ReduceSum | O::ReduceMean | O::ReduceL2 | O::ReduceSumSquare => {
                self.reduced_layer(call, ReduceFn::Sum)?
            }
            O::ReduceMax => self.reduced_layer(call, ReduceFn::Max)?,
            O::ReduceMin => self.reduced_layer(call, ReduceFn::Min)?,
            O::ReduceProd => self.reduced_layer(call, ReduceFn::Prod)?,
            O::ReduceLogSumExp => self.reduced_layer(call, ReduceFn::LogSumExp)?,
            _ => return Ok(None),
        }))
    }

    /// Axis k of the result is axis `order[k]` of the argument.
    pub(super) fn transposed(
        &mut self,
        call: &Call,
        x: &Tensor,
        order: &[usize],
    ) -> Result<Tensor> {
        let dims = x.shape.dims();
        if order.len() != dims.len() {
            return Err(call.fault(format!("its argument has the shape {}", x.shape)));
        }
        let strides = strides(dims);
        let (sizes, steps): (Vec<usize>, Vec<usize>) =
            order.iter().map(|&k| (dims[k], strides[k])).unzip();
        let picks = strided(&sizes, &steps, 0);
        Ok(self.pick(x, picks, Shape(sizes), call.span))
    }

    fn concatenated(&mut self, call: &Call) -> Result<Tensor> {
        let parts: Result<Vec<Tensor>> = (0..call.inputs.len())
            .map(|i| call.arg(i).cloned())
            .collect();
        let parts = parts?;
        let axis = call.axis(call.layer.int("axis", 0), parts[0].shape.rank())?;
        self.join(call, &parts, axis)
    }

    /// Arrays one after the other along an axis.
    pub(super) fn join(&mut self, call: &Call, parts: &[Tensor], axis: usize) -> Result<Tensor> {
        let mut sizes = parts[0].shape.dims().to_vec();
        let rest = |t: &Tensor| {
            let mut d = t.shape.dims().to_vec();
            if axis < d.len() {
                d.remove(axis);
            }
            d
        };
        if parts
            .iter()
            .any(|t| rest(t) != rest(&parts[0]) || t.shape.rank() != sizes.len())
        {
            return Err(call.fault("the arrays that it joins agree in other axes only".to_string()));
        }
        sizes[axis] = parts.iter().map(|t| t.shape.dims()[axis]).sum();
        let outer: usize = sizes[..axis].iter().product();
        let inner: usize = sizes[axis + 1..].iter().product();
        let total: usize = sizes.iter().product();
        // All parts one after the other, then row by row of the outer axes.
        let kind = parts
            .iter()
            .map(|t| t.kind)
            .max()
            .expect("one part at least");
        let flat = self.pack(parts, Shape::vector(total), kind, call.span);
        let mut picks = Vec::with_capacity(total);
        for o in 0..outer {
            let mut start = 0;
            for t in parts {
                let row = t.shape.dims()[axis] * inner;
                picks.extend((0..row).map(|k| (start + o * row + k) as u32));
                start += t.shape.len();
            }
        }
        Ok(self.pick(&flat, picks, Shape(sizes), call.span))
    }

    /// The parts of an array along an axis.
    pub(super) fn split(&mut self, call: &Call) -> Result<Vec<Tensor>> {
        let x = call.arg(0)?.clone();
        let axis = call.axis(call.layer.int("axis", 0), x.shape.rank())?;
        let n = x.shape.dims()[axis];
        let lengths: Vec<usize> = match call.ints(1, "split")? {
            Some(v) => v.iter().map(|&k| usize::try_from(k).unwrap_or(0)).collect(),
            None => {
                let parts = call.layer.outputs.len().max(1);
                let each = n.div_ceil(parts);
                (0..parts)
                    .map(|k| each.min(n - (k * each).min(n)))
                    .collect()
            }
        };
        if lengths.iter().sum::<usize>() != n {
            return Err(call.fault(format!("the lengths of its parts do not add up to {n}")));
        }
        let mut start = 0;
        let mut parts = Vec::with_capacity(lengths.len());
        for length in lengths {
            let picks: Vec<usize> = (start..start + length).collect();
            parts.push(self.axis_pick(&x, axis, &picks, false, call.span));
            start += length;
        }
        Ok(parts)
    }

    fn gathered(&mut self, call: &Call) -> Result<Tensor> {
        let (x, index) = (call.arg(0)?.clone(), call.arg(1)?.clone());
        let axis = call.axis(call.layer.int("axis", 0), x.shape.rank())?;
        let Some(known) = index.known_ints() else {
            return self.random_axis(&x, axis, &index, call.span);
        };
        let n = x.shape.dims()[axis] as i64;
        let mut picks = Vec::with_capacity(known.len());
        for &i in known.iter() {
            let i = if i < 0 { i + n } else { i };
            if !(0..n).contains(&i) {
                return Err(call.fault(format!("its index {i} is outside of 0..{n}")));
            }
            picks.push(i as usize);
        }
        let picked = self.axis_pick(&x, axis, &picks, false, call.span);
        let d = x.shape.dims();
        let sizes = [&d[..axis], index.shape.dims(), &d[axis + 1..]].concat();
        Ok(picked.reshaped(Shape(sizes)))
    }

    fn sliced(&mut self, call: &Call) -> Result<Tensor> {
        let mut x = call.arg(0)?.clone();
        let wanted = |i, name: &str| -> Result<Vec<i64>> {
            let found = call.ints(i, name)?;
            found.ok_or_else(|| call.fault(format!("it has no `{name}`")))
        };
        let (starts, ends) = (wanted(1, "starts")?, wanted(2, "ends")?);
        let axes = call
            .ints(3, "axes")?
            .unwrap_or((0..starts.len() as i64).collect());
        let steps = call.ints(4, "steps")?.unwrap_or(vec![1; starts.len()]);
        if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
            return Err(call.fault("its bounds are of different number".to_string()));
        }
        for (((start, end), axis), step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let axis = call.axis(*axis, x.shape.rank())?;
            let picks = slice_of(x.shape.dims()[axis] as i64, *start, *end, *step);
            x = self.axis_pick(&x, axis, &picks, false, call.span);
        }
        Ok(x)
    }

    /// Padding by a constant, or by the nearest or mirrored elements.
    fn padded(&mut self, call: &Call) -> Result<Tensor> {
        let x = call.arg(0)?.clone();
        let dims = x.shape.dims().to_vec();
        let pads = call.ints(1, "pads")?.unwrap_or_default();
        if pads.len() != 2 * dims.len() || pads.iter().any(|&p| p < 0) {
            return Err(call.fault("its padding does not fit its argument".to_string()));
        }
        let mode = call.layer.text("mode").unwrap_or("constant").to_string();
        let sizes: Vec<usize> = (0..dims.len())
            .map(|k| dims[k] + (pads[k] + pads[k + dims.len()]) as usize)
            .collect();
        self.room_for(sizes.iter().product(), call.span)?;
        let strides = strides(&dims);
        let total = x.shape.len();
        let mut picks = Vec::with_capacity(sizes.iter().product());
        each_position(&sizes, |at| {
            let mut flat = Some(0);
            for k in 0..dims.len() {
                let i = at[k] as i64 - pads[k];
                let inside = source(i, dims[k] as i64, &mode);
                flat = flat.zip(inside).map(|(f, i)| f + i * strides[k]);
            }
            picks.push(flat.unwrap_or(total) as u32);
        });
        let filler = call
            .option(2)
            .cloned()
            .unwrap_or(Tensor::real(call.layer.float("value", 0.0)));
        let filler = filler.reshaped(Shape::vector(1));
        let kind = x.kind.max(filler.kind);
        let with = self.pack(&[x, filler], Shape::vector(total + 1), kind, call.span);
        Ok(self.pick(&with, picks, Shape(sizes), call.span))
    }

    /// Larger or smaller by the nearest element, as generators do it.
    fn resized(&mut self, call: &Call) -> Result<Tensor> {
        if call.layer.text("mode").is_some_and(|m| m != "nearest") {
            return Err(call.fault("it does not take the nearest element".to_string()));
        }
        let x = call.arg(0)?.clone();
        let dims = x.shape.dims().to_vec();
        let target: Vec<usize> = match (
            call.ints(3, "sizes")?,
            call.option(2).and_then(Tensor::known),
        ) {
            (Some(sizes), _) => sizes
                .iter()
                .map(|&n| usize::try_from(n).unwrap_or(0))
                .collect(),
            (None, Some(scales)) => dims
                .iter()
                .zip(scales.iter())
                .map(|(&n, s)| (n as f64 * s).floor() as usize)
                .collect(),
            (None, None) => return Err(call.fault("it has neither sizes nor scales".to_string())),
        };
        if target.len() != dims.len() || target.contains(&0) {
            return Err(call.fault("its sizes do not fit its argument".to_string()));
        }
        self.room_for(target.iter().product(), call.span)?;
        let mut t = x;
        for (axis, (&n, &m)) in dims.iter().zip(&target).enumerate() {
            if n != m {
                let picks: Vec<usize> = (0..m).map(|i| (i * n / m).min(n - 1)).collect();
                t = self.axis_pick(&t, axis, &picks, false, call.span);
            }
        }
        Ok(t)
    }

    fn along_axis(&mut self, call: &Call, f: ScanFn) -> Result<Tensor> {
        let x = call.arg(0)?.clone();
        let axis = call.axis(call.layer.int("axis", -1), x.shape.rank())?;
        let op = Op::Scan(f, axis_view(&x.shape, axis));
        Ok(self.emit(op, &[&x], x.shape.clone(), Kind::Real, call.span))
    }

    fn largest(&mut self, call: &Call, f: ReduceFn) -> Result<Tensor> {
        let x = call.arg(0)?.clone();
        let axis = call.axis(call.layer.int("axis", 0), x.shape.rank())?;
        let found = self.reduce(f, &x, Some(axis), Kind::Int, call.span);
        Ok(kept(found, &x, &[axis], call))
    }

    fn reduced_layer(&mut self, call: &Call, f: ReduceFn) -> Result<Tensor> {
        use Operator as O;
        let (x, operator) = (call.arg(0)?.clone(), call.layer.operator);
        let mut axes: Vec<usize> = match call.ints(1, "axes")? {
            Some(axes) if !axes.is_empty() => {
                let axes: Result<Vec<usize>> =
                    axes.iter().map(|&k| call.axis(k, x.shape.rank())).collect();
                axes?
            }
            _ if call.layer.int("noop_with_empty_axes", 0) == 1 => return Ok(x),
            _ => (0..x.shape.rank()).collect(),
        };
        axes.sort_unstable();
        axes.dedup();
        let n: usize = axes.iter().map(|&k| x.shape.dims()[k]).product();
        let mut t = match operator {
            O::ReduceL2 | O::ReduceSumSquare => {
                self.unary(UnaryFn::Square, &x, Kind::Real, call.span)
            }
            _ => x.clone(),
        };
        for &axis in axes.iter().rev() {
            let kind = t.kind;
            t = self.reduce(f, &t, Some(axis), kind, call.span);
        }
        t = match operator {
            O::ReduceMean => self.real(BinaryFn::Div, &t, &Tensor::real(n as f64), call)?,
            O::ReduceL2 => self.unary(UnaryFn::Sqrt, &t, Kind::Real, call.span),
            _ => t,
        };
        Ok(kept(t, &x, &axes, call))
    }
}

/// The reduced axes stay, one long, unless the file says otherwise.
fn kept(t: Tensor, x: &Tensor, axes: &[usize], call: &Call) -> Tensor {
    if call.layer.int("keepdims", 1) == 0 {
        return t;
    }
    let mut sizes = x.shape.dims().to_vec();
    axes.iter().for_each(|&k| sizes[k] = 1);
    t.reshaped(Shape(sizes))
}

fn sizes(call: &Call, i: usize) -> Result<Shape> {
    let found = call.ints(i, "shape")?;
    let found = found.ok_or_else(|| call.fault("it has no shape".to_string()))?;
    let sizes: Option<Vec<usize>> = found.iter().map(|&n| usize::try_from(n).ok()).collect();
    sizes
        .map(Shape)
        .ok_or_else(|| call.fault("a size is negative".to_string()))
}

/// 0 keeps a size, -1 is what is left.
fn reshaped(call: &Call) -> Result<Tensor> {
    let x = call.arg(0)?.clone();
    let wanted = call.ints(1, "shape")?;
    let wanted = wanted.ok_or_else(|| call.fault("it has no shape".to_string()))?;
    let dims = x.shape.dims();
    let keep = call.layer.int("allowzero", 0) == 0;
    let mut sizes = Vec::with_capacity(wanted.len());
    for (k, &n) in wanted.iter().enumerate() {
        sizes.push(match n {
            0 if keep => dims.get(k).copied().unwrap_or(0),
            -1 => 1,
            n => usize::try_from(n).unwrap_or(0),
        });
    }
    if let Some(open) = wanted.iter().position(|&n| n == -1) {
        let rest: usize = sizes.iter().product();
        sizes[open] = x.shape.len().checked_div(rest).unwrap_or(0);
    }
    let shape = Shape(sizes);
    match shape.len() == x.shape.len() {
        true => Ok(x.reshaped(shape)),
        false => Err(call.fault(format!("{} cannot have the shape {shape}", x.shape))),
    }
}

fn flattened(call: &Call) -> Result<Tensor> {
    let x = call.arg(0)?.clone();
    let rank = x.shape.rank() as i64;
    let axis = call.layer.int("axis", 1);
    let axis = if axis < 0 { axis + rank } else { axis };
    let axis = usize::try_from(axis.clamp(0, rank)).expect("clamped");
    let outer: usize = x.shape.dims()[..axis].iter().product();
    let inner: usize = x.shape.dims()[axis..].iter().product();
    Ok(x.reshaped(Shape(vec![outer, inner])))
}

fn squeezed(call: &Call) -> Result<Tensor> {
    let x = call.arg(0)?.clone();
    let rank = x.shape.rank();
    let axes: Option<Vec<usize>> = match call.ints(1, "axes")? {
        Some(axes) => Some(
            axes.iter()
                .map(|&k| call.axis(k, rank))
                .collect::<Result<_>>()?,
        ),
        None => None,
    };
    let goes = |k: usize, n: usize| n == 1 && axes.as_ref().is_none_or(|a| a.contains(&k));
    let sizes = x
        .shape
        .dims()
        .iter()
        .enumerate()
        .filter(|(k, n)| !goes(*k, **n));
    let sizes = sizes.map(|(_, &n)| n).collect();
    Ok(x.reshaped(Shape(sizes)))
}

fn unsqueezed(call: &Call) -> Result<Tensor> {
    let x = call.arg(0)?.clone();
    let axes = call.ints(1, "axes")?;
    let axes = axes.ok_or_else(|| call.fault("it has no axes".to_string()))?;
    let rank = x.shape.rank() + axes.len();
    let mut new: Vec<usize> = axes
        .iter()
        .map(|&k| call.axis(k, rank))
        .collect::<Result<_>>()?;
    new.sort_unstable();
    let mut sizes = x.shape.dims().to_vec();
    for k in new {
        sizes.insert(k.min(sizes.len()), 1);
    }
    Ok(x.reshaped(Shape(sizes)))
}

/// The positions of a slice, by Python's rules for bounds and steps.
fn slice_of(n: i64, start: i64, end: i64, step: i64) -> Vec<usize> {
    let from_start = |i: i64| if i < 0 { i.saturating_add(n) } else { i };
    let mut picks = Vec::new();
    if step > 0 {
        let (mut i, end) = (from_start(start).clamp(0, n), from_start(end).clamp(0, n));
        while i < end {
            picks.push(i as usize);
            i = i.saturating_add(step);
        }
    } else if step < 0 {
        let (mut i, end) = (
            from_start(start).clamp(-1, n - 1),
            from_start(end).clamp(-1, n - 1),
        );
        while i > end {
            picks.push(i as usize);
            i = i.saturating_add(step);
        }
    }
    picks
}

/// Where the element at `i` of a padded axis comes from; `None` is the filler.
fn source(i: i64, n: i64, mode: &str) -> Option<usize> {
    let i = match mode {
        "edge" => i.clamp(0, n - 1),
        "reflect" if i < 0 => -i,
        "reflect" if i >= n => 2 * (n - 1) - i,
        "wrap" => i.rem_euclid(n.max(1)),
        _ => i,
    };
    (0..n).contains(&i).then_some(i as usize)
}

/// How far apart neighbours along each axis are.
pub(super) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for k in (1..dims.len()).rev() {
        strides[k - 1] = strides[k] * dims[k];
    }
    strides
}

/// Flat positions of an array of these sizes whose axes are so many steps wide.
fn strided(sizes: &[usize], steps: &[usize], start: usize) -> Vec<u32> {
    let mut picks = Vec::with_capacity(sizes.iter().product());
    each_position(sizes, |at| {
        let flat: usize = at.iter().zip(steps).map(|(i, s)| i * s).sum();
        picks.push((start + flat) as u32);
    });
    picks
}

/// Calls `f` with every position of an array, the last axis fastest.
pub(super) fn each_position(sizes: &[usize], mut f: impl FnMut(&[usize])) {
    if sizes.contains(&0) {
        return;
    }
    let mut at = vec![0; sizes.len()];
    loop {
        f(&at);
        let mut k = sizes.len();
        loop {
            let Some(before) = k.checked_sub(1) else {
                return;
            };
            k = before;
            at[k] += 1;
            if at[k] < sizes[k] {
                break;
            }
            at[k] = 0;
        }
    }
}
