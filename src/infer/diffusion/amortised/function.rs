//! A sampler's posterior for one data set as one function of noise, in layers that a program can run.

use super::Trained;
use crate::base::{Entry, Layer, Network, NetworkInput, Operator, Origin, Shape, Values};
use crate::infer::coordinates::frame::Frame;
use crate::infer::diffusion::network::Network as Learned;

impl Trained {
    /// From standard noise `[dim]` to the program's noise, for the numbers of a data set, by the one-step student; `None`
    /// where there is none. `file` is named in errors.
    pub fn function(&self, file: &str, y: &[f64]) -> Option<Network> {
        let student = self.student.as_ref()?;
        let (frame, told) = self.encoder.frame(&self.summary.of(y))?;
        let mut layers = Layers::default();
        let moved = layers.perceptron(&student.network, &told);
        let own = layers.add(Operator::Add, &["noise", &moved]);
        let placed = layers.affine(&frame, &own);
        Some(Network {
            file: file.to_string(),
            inputs: vec![NetworkInput {
                name: "noise".to_string(),
                sizes: Some(vec![None, Some(self.dim())]),
            }],
            outputs: vec![placed],
            constants: layers.constants,
            layers: layers.layers,
        })
    }
}

#[derive(Default)]
struct Layers {
    constants: Vec<(String, Entry)>,
    layers: Vec<Layer>,
}

impl Layers {
    /// One more layer, and the name of what it gives.
    fn add(&mut self, operator: Operator, inputs: &[&str]) -> String {
        let name = format!("x{}", self.layers.len());
        self.layers.push(Layer {
            operator,
            name: name.clone(),
            inputs: inputs.iter().map(|s| s.to_string()).collect(),
            outputs: vec![name.clone()],
            attributes: Vec::new(),
        });
        name
    }

    fn constant(&mut self, values: Vec<f64>, sizes: Vec<usize>) -> String {
        let name = format!("c{}", self.constants.len());
        let entry = Entry {
            values: Values::Real(values),
            shape: Shape(sizes),
            missing: Vec::new(),
            origin: Origin::default(),
        };
        self.constants.push((name.clone(), entry));
        name
    }

    /// `x W + b`, for W `[rows, columns]`.
    fn linear(&mut self, x: &str, w: Vec<f64>, b: Vec<f64>) -> String {
        let columns = b.len();
        let rows = w.len() / columns.max(1);
        let (w, b) = (
            self.constant(w, vec![rows, columns]),
            self.constant(b, vec![columns]),
        );
        self.add(Operator::Gemm, &[x, &w, &b])
    }

    /// A network of one step, told the same in every row.
    fn perceptron(&mut self, network: &Learned, told: &[f32]) -> String {
        let wide = |v: &[f32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
        let p = &network.parameters;
        let width = network.sizes.width;
        let mut bias = wide(&p[1]);
        for (told, row) in told.iter().zip(p[2].chunks_exact(width)) {
            let all = bias.iter_mut().zip(row);
            all.for_each(|(b, w)| *b += f64::from(*told) * f64::from(*w));
        }
        let mut x = self.linear("noise", wide(&p[0]), bias);
        for pair in p[3..].chunks_exact(2) {
            let gate = self.add(Operator::Sigmoid, &[&x]);
            x = self.add(Operator::Mul, &[&x, &gate]);
            x = self.linear(&x, wide(&pair[0]), wide(&pair[1]));
        }
        x
    }

    /// Where a straight frame places coordinates.
    fn affine(&mut self, frame: &Frame, x: &str) -> String {
        let d = frame.mean.len();
        let at = |u: &[f64]| {
            let mut z = vec![0.0; d];
            frame.place(u, &mut z);
            z
        };
        let centre = at(&vec![0.0; d]);
        let mut rows = Vec::with_capacity(d * d);
        for i in 0..d {
            let mut unit = vec![0.0; d];
            unit[i] = 1.0;
            rows.extend(at(&unit).iter().zip(&centre).map(|(z, c)| z - c));
        }
        self.linear(x, rows, centre)
    }
}
