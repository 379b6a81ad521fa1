//! Convolutions, pools and normalisations: what looks at windows of an image, or at whole channels.
//!
//! A convolution is one product of matrices. The windows of the image are picked into the columns of a matrix, with a zero
//! where a window hangs over the edge:
//!
//! ```text
//! W [out, in × window]  @  windows [in × window, batch × places]  ->  [out, batch × places]
//! ```
//!
//! A transposed convolution is the same with other windows: those input places that reach an output place.

use super::Call;
use super::form::{each_position, strides};
use crate::base::{Operator, Shape};
use crate::ir::{BinaryFn, ReduceFn, UnaryFn};
use crate::trace::error::Result;
use crate::trace::machine::Machine;
use crate::trace::value::{Kind, Tensor};

/// How windows lie over the places of an image, axis by axis.
struct Windows {
    /// Sizes of the image: batch, channels, places.
    image: Vec<usize>,
    kernel: Vec<usize>,
    stride: Vec<i64>,
    dilation: Vec<i64>,
    /// Padding before the first place.
    before: Vec<i64>,
    /// Sizes of the result's places.
    places: Vec<usize>,
    transposed: bool,
}

impl Windows {
    fn new(call: &Call, image: &[usize], kernel: Vec<usize>) -> Result<Windows> {
        let layer = call.layer;
        let k = image.len().saturating_sub(2);
        let setting = |name: &str, default: i64| -> Result<Vec<i64>> {
            let v = layer.ints(name).map_or(vec![default; k], <[i64]>::to_vec);
            match v.len() == k && v.iter().all(|&x| (0..1 << 20).contains(&x)) {
                true => Ok(v),
                false => Err(call.fault(format!("its `{name}` does not fit an image of {k} axes"))),
            }
        };
        let (stride, dilation) = (setting("strides", 1)?, setting("dilations", 1)?);
        if k == 0 || kernel.len() != k || kernel.contains(&0) || stride.contains(&0) {
            return Err(call.fault("its window does not fit its argument".to_string()));
        }
        let pads = match layer.ints("pads") {
            Some(p) if p.len() == 2 * k && p.iter().all(|&x| (0..1 << 20).contains(&x)) => {
                p.to_vec()
            }
            Some(_) => return Err(call.fault("its padding does not fit".to_string())),
            None => vec![0; 2 * k],
        };
        let transposed = layer.operator == Operator::ConvTranspose;
        let extra = setting("output_padding", 0)?;
        let mut windows = Windows {
            image: image.to_vec(),
            kernel,
            stride,
            dilation,
            before: pads[..k].to_vec(),
            places: Vec::new(),
            transposed,
        };
        let same = layer
            .text("auto_pad")
            .is_some_and(|a| a.starts_with("SAME"));
        for axis in 0..k {
            let n = image[axis + 2] as i64;
            let reach = windows.dilation[axis] * (windows.kernel[axis] as i64 - 1) + 1;
            let (stride, pad) = (windows.stride[axis], pads[axis] + pads[axis + k]);
            let size = match (transposed, same) {
                (true, true) => n * stride,
                (true, false) => stride * (n - 1) + extra[axis] + reach - pad,
                (false, true) => (n + stride - 1) / stride,
                (false, false) => {
                    let room = n + pad - reach;
                    let up = layer.int("ceil_mode", 0) * (stride - 1);
                    if room < 0 {
                        0
                    } else {
                        (room + up) / stride + 1
                    }
                }
            };
            if same {
                let total = match transposed {
                    true => (stride * (n - 1) + reach - size).max(0),
                    false => ((size - 1) * stride + reach - n).max(0),
                };
                let upper = layer.text("auto_pad") == Some("SAME_UPPER");
                windows.before[axis] = if upper { total / 2 } else { total - total / 2 };
            }
            let size = usize::try_from(size).ok().filter(|&s| s > 0);
            windows.places.push(
                size.ok_or_else(|| {
                    call.fault("its window is larger than its argument".to_string())
                })?,
            );
        }
        Ok(windows)
    }

    /// The place along one axis that element `w` of the window at `place` reads; `None` beyond the edge.
    fn reads(&self, axis: usize, place: usize, w: usize) -> Option<usize> {
        let (place, w) = (place as i64, w as i64);
        let at = if self.transposed {
            let at = place + self.before[axis] - w * self.dilation[axis];
            if at % self.stride[axis] != 0 {
                return None;
            }
            at / self.stride[axis]
        } else {
            place * self.stride[axis] - self.before[axis] + w * self.dilation[axis]
        };
        (0..self.image[axis + 2] as i64)
            .contains(&at)
            .then_some(at as usize)
    }

    /// The flat place inside one channel, of each (place, element of the window).
    fn table(&self) -> Vec<Vec<Option<usize>>> {
        let steps = strides(&self.image[2..]);
        let mut table = Vec::with_capacity(self.places.iter().product());
        each_position(&self.places, |place| {
            let mut row = Vec::with_capacity(self.kernel.iter().product());
            each_position(&self.kernel, |w| {
                let mut flat = Some(0);
                for axis in 0..place.len() {
                    let at = self.reads(axis, place[axis], w[axis]);
                    flat = flat.zip(at).map(|(f, i)| f + i * steps[axis]);
                }
                row.push(flat);
            });
            table.push(row);
        });
        table
    }
}

impl Machine<'_> {
    pub(super) fn convolution(&mut self, call: &Call) -> Result<Tensor> {
        let (x, w) = (call.arg(0)?.clone(), call.arg(1)?.clone());
        let transposed = call.layer.operator == Operator::ConvTranspose;
        let groups = usize::try_from(call.layer.int("group", 1))
            .unwrap_or(1)
            .max(1);
        let rank = w.shape.rank();
        if rank < 3 || x.shape.rank() != rank {
            return Err(call.fault(format!("its argument has the shape {}", x.shape)));
        }
        let kernel = w.shape.dims()[2..].to_vec();
        let windows = Windows::new(call, x.shape.dims(), kernel)?;
        let (c, d) = (x.shape.dims()[1], w.shape.dims());
        // Channels in and out of each group.
        let (inner, outer) = match transposed {
            true => (d[0] / groups, d[1]),
            false => (d[1], d[0] / groups),
        };
        if inner * groups != c {
            return Err(call.fault(format!(
                "its weights are for {} channels, not {c}",
                inner * groups
            )));
        }
        let mut parts = Vec::with_capacity(groups);
        for g in 0..groups {
            let columns = self.columns(call, &x, &windows, g * inner..(g + 1) * inner)?;
            let weights = self.group_weights(call, &w, transposed, g, inner, outer);
            parts.push(self.matmul(&weights, &columns, call.span)?);
        }
        let all = match parts.len() {
            1 => parts.remove(0),
            _ => self.join(call, &parts, 0)?,
        };
        // [out, batch × places] -> [batch, out, places]
        let (m, n, l) = (
            outer * groups,
            x.shape.dims()[0],
            windows.places.iter().product::<usize>(),
        );
        let all = all.reshaped(Shape(vec![m, n, l]));
        let all = self.transposed(call, &all, &[1, 0, 2])?;
        let all = all.reshaped(Shape([&[n, m], &windows.places[..]].concat()));
        match call.option(2) {
            Some(b) => {
                let b = per_channel(b, all.shape.rank());
                self.real(BinaryFn::Add, &all, &b, call)
            }
            None => Ok(all),
        }
    }

    /// The windows of some channels as columns: `[channels × window, batch × places]`.
    fn columns(
        &mut self,
        call: &Call,
        x: &Tensor,
        windows: &Windows,
        channels: std::ops::Range<usize>,
    ) -> Result<Tensor> {
        let (n, c) = (x.shape.dims()[0], x.shape.dims()[1]);
        let pixels: usize = x.shape.dims()[2..].iter().product();
        let table = windows.table();
        let k: usize = windows.kernel.iter().product();
        let (rows, cols) = (channels.len() * k, n * table.len());
        self.room_for(rows.saturating_mul(cols), call.span)?;
        let beyond = x.shape.len();
        let mut picks = Vec::with_capacity(rows * cols);
        for channel in channels {
            for w in 0..k {
                for batch in 0..n {
                    let start = (batch * c + channel) * pixels;
                    picks.extend(
                        table
                            .iter()
                            .map(|row| row[w].map_or(beyond, |p| start + p) as u32),
                    );
                }
            }
        }
        let padded = self.with_filler(call, x, 0.0);
        Ok(self.pick(&padded, picks, Shape(vec![rows, cols]), call.span))
    }

    fn with_filler(&mut self, call: &Call, x: &Tensor, filler: f64) -> Tensor {
        let parts = [x.clone(), Tensor::reals(vec![filler], Shape::vector(1))];
        self.pack(
            &parts,
            Shape::vector(x.shape.len() + 1),
            Kind::Real,
            call.span,
        )
    }

    /// One group's weights as a matrix: `[out, in × window]`.
    fn group_weights(
        &mut self,
        call: &Call,
        w: &Tensor,
        transposed: bool,
        group: usize,
        inner: usize,
        outer: usize,
    ) -> Tensor {
        let k: usize = w.shape.dims()[2..].iter().product();
        let mut picks = Vec::with_capacity(outer * inner * k);
        for o in 0..outer {
            for i in 0..inner {
                // `Conv` has [out, in, …], `ConvTranspose` [in, out, …].
                let row = match transposed {
                    true => (group * inner + i) * outer + o,
                    false => (group * outer + o) * inner + i,
                };
                picks.extend((0..k).map(|e| (row * k + e) as u32));
            }
        }
        self.pick(w, picks, Shape(vec![outer, inner * k]), call.span)
    }

    pub(super) fn pool(&mut self, call: &Call) -> Result<Tensor> {
        use Operator as O;
        let x = call.arg(0)?.clone();
        let (operator, rank) = (call.layer.operator, x.shape.rank());
        if rank < 3 {
            return Err(call.fault(format!("its argument has the shape {}", x.shape)));
        }
        let kernel = match (operator, call.layer.ints("kernel_shape")) {
            (O::GlobalAveragePool | O::GlobalMaxPool, _) => x.shape.dims()[2..].to_vec(),
            (_, Some(k)) => k.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect(),
            (_, None) => return Err(call.fault("it has no window".to_string())),
        };
        let windows = Windows::new(call, x.shape.dims(), kernel)?;
        let largest = matches!(operator, O::MaxPool | O::GlobalMaxPool);
        let (table, channels) = (windows.table(), x.shape.dims()[0] * x.shape.dims()[1]);
        let pixels: usize = x.shape.dims()[2..].iter().product();
        let k: usize = windows.kernel.iter().product();
        self.room_for((channels * table.len()).saturating_mul(k), call.span)?;
        let beyond = x.shape.len();
        let picks = (0..channels).flat_map(|c| {
            table.iter().flat_map(move |row| {
                row.iter()
                    .map(move |p| p.map_or(beyond, |p| c * pixels + p) as u32)
            })
        });
        let picks: Vec<u32> = picks.collect();
        let padded = self.with_filler(call, &x, if largest { f64::NEG_INFINITY } else { 0.0 });
        let all = self.pick(
            &padded,
            picks,
            Shape(vec![channels * table.len(), k]),
            call.span,
        );
        let f = if largest {
            ReduceFn::Max
        } else {
            ReduceFn::Sum
        };
        let pooled = self.reduce(f, &all, Some(1), Kind::Real, call.span);
        let sizes = [&x.shape.dims()[..2], &windows.places[..]].concat();
        let pooled = pooled.reshaped(Shape(sizes));
        if largest {
            return Ok(pooled);
        }
        let whole = call.layer.int("count_include_pad", 0) == 1;
        let count = |row: &Vec<Option<usize>>| if whole { k } else { row.iter().flatten().count() } as f64;
        let counts: Vec<f64> = table.iter().map(count).collect();
        let counts = Tensor::reals(counts, Shape(windows.places.clone()));
        self.real(BinaryFn::Div, &pooled, &counts, call)
    }

    /// `(x - mean) / sqrt(variance + epsilon) · scale + shift`; what the mean is over is the operator's.
    pub(super) fn normalization(&mut self, call: &Call) -> Result<Tensor> {
        use Operator as O;
        let x = call.arg(0)?.clone();
        let rank = x.shape.rank();
        let epsilon = call.layer.float("epsilon", 1e-5);
        match call.layer.operator {
            O::BatchNormalization => {
                let of = |i: usize| call.arg(i).map(|t| per_channel(t, rank));
                let centred = self.real(BinaryFn::Sub, &x, &of(3)?, call)?;
                let unit = self.by_deviation(call, &centred, &of(4)?, epsilon)?;
                self.scaled(call, &unit, Some(of(1)?), Some(of(2)?))
            }
            O::LayerNormalization => {
                let axis = call.axis(call.layer.int("axis", -1), rank)?;
                let unit = self.standardised(call, &x, axis, epsilon)?;
                self.scaled(
                    call,
                    &unit,
                    call.option(1).cloned(),
                    call.option(2).cloned(),
                )
            }
            other => {
                let dims = x.shape.dims().to_vec();
                if rank < 3 {
                    return Err(call.fault(format!("its argument has the shape {}", x.shape)));
                }
                let groups = match other {
                    O::GroupNormalization => {
                        usize::try_from(call.layer.int("num_groups", 1)).unwrap_or(1)
                    }
                    _ => dims[1],
                };
                if groups == 0 || dims[1] % groups != 0 {
                    return Err(
                        call.fault(format!("{groups} groups do not share {} channels", dims[1]))
                    );
                }
                let rest = x.shape.len() / (dims[0] * groups).max(1);
                let rows = x.clone().reshaped(Shape(vec![dims[0], groups, rest]));
                let unit = self
                    .standardised(call, &rows, 2, epsilon)?
                    .reshaped(x.shape.clone());
                let of = |i: usize| call.option(i).map(|t| per_channel(t, rank));
                self.scaled(call, &unit, of(1), of(2))
            }
        }
    }

    /// Mean 0 and variance 1 over all axes from `axis` on.
    fn standardised(
        &mut self,
        call: &Call,
        x: &Tensor,
        axis: usize,
        epsilon: f64,
    ) -> Result<Tensor> {
        let (outer, inner) = x.shape.dims().split_at(axis);
        let n: usize = inner.iter().product();
        let rows = x.clone().reshaped(Shape(vec![outer.iter().product(), n]));
        let count = Tensor::real(n as f64);
        let mean_of = |m: &mut Self, t: &Tensor| -> Result<Tensor> {
            let sum = m.reduce(ReduceFn::Sum, t, Some(1), Kind::Real, call.span);
            let rows = sum.shape.len();
            m.real(
                BinaryFn::Div,
                &sum.reshaped(Shape(vec![rows, 1])),
                &count,
                call,
            )
        };
        let mean = mean_of(self, &rows)?;
        let centred = self.real(BinaryFn::Sub, &rows, &mean, call)?;
        let squares = self.unary(UnaryFn::Square, &centred, Kind::Real, call.span);
        let variance = mean_of(self, &squares)?;
        let unit = self.by_deviation(call, &centred, &variance, epsilon)?;
        Ok(unit.reshaped(x.shape.clone()))
    }

    fn by_deviation(
        &mut self,
        call: &Call,
        centred: &Tensor,
        variance: &Tensor,
        epsilon: f64,
    ) -> Result<Tensor> {
        let variance = self.real(BinaryFn::Add, variance, &Tensor::real(epsilon), call)?;
        let deviation = self.unary(UnaryFn::Sqrt, &variance, Kind::Real, call.span);
        self.real(BinaryFn::Div, centred, &deviation, call)
    }

    fn scaled(
        &mut self,
        call: &Call,
        x: &Tensor,
        scale: Option<Tensor>,
        shift: Option<Tensor>,
    ) -> Result<Tensor> {
        let mut x = x.clone();
        if let Some(scale) = scale {
            x = self.real(BinaryFn::Mul, &x, &scale, call)?;
        }
        if let Some(shift) = shift {
            x = self.real(BinaryFn::Add, &x, &shift, call)?;
        }
        Ok(x)
    }
}

/// One number for each channel, beside an image of so many axes.
fn per_channel(t: &Tensor, rank: usize) -> Tensor {
    let mut sizes = vec![1; rank.saturating_sub(1).max(1)];
    sizes[0] = t.shape.len();
    t.clone().reshaped(Shape(sizes))
}
