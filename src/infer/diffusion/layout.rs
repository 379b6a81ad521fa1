//! Which noise is diffused and which discrete sites are drawn as values, and the way between a program's noise and that.
//!
//! Given the value k of a discrete site, its noise coordinate is a truncated normal over k's cell whatever the data, so
//! the policy draws k and fills the cell in exactly. A site whose values are too many stays noise like any other.

use rand::RngExt;

use crate::base::Stream;
use crate::lower::Target;
use crate::store::packed;

/// Values beyond this many leave a site as noise.
const MOST_VALUES: usize = 64;

/// A discrete site drawn as a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Site {
    /// Index among the target's discrete sites.
    pub index: usize,
    pub coordinate: usize,
    pub first: i64,
    /// Categories. Where `open`, the last one stands for itself and everything above.
    pub n: usize,
    pub open: bool,
}

/// What is diffused and what is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub dim: usize,
    /// Coordinates that are diffused, in order.
    pub continuous: Vec<usize>,
    /// Sites that are drawn, in order.
    pub sites: Vec<Site>,
    /// Discrete sites that stay noise: indices among the target's sites, and their coordinates.
    noise_sites: Vec<(usize, usize)>,
    n_sites: usize,
}

/// Executions in a layout's terms, with what the target says about them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Points {
    /// Values above each site's first one, `[n, sites]`.
    pub k: Vec<u32>,
    /// Diffused noise, `[n, continuous]`.
    pub x: Vec<f64>,
    /// log r, `[n]`.
    pub log_r: Vec<f64>,
    /// log p(k | parents), `[n, sites]`; NaN where the site is not reached.
    pub log_p: Vec<f64>,
}
packed!(Points { k, x, log_r, log_p });

impl Layout {
    /// Everything is noise.
    pub fn noise(target: &dyn Target) -> Layout {
        Layout {
            n_sites: target.structure().discrete.len(),
            ..Layout::of_noise(target.dim())
        }
    }

    /// So many coordinates of noise, and no sites.
    pub fn of_noise(dim: usize) -> Layout {
        Layout {
            dim,
            continuous: (0..dim).collect(),
            sites: Vec::new(),
            noise_sites: Vec::new(),
            n_sites: 0,
        }
    }

    /// Discrete sites are drawn where their values are few: declared so, or as far as executions `z: [n, dim]` show.
    pub fn discrete(target: &dyn Target, z: &[f64]) -> Layout {
        let declared = &target.structure().discrete;
        let (k, active) = values(target, z, declared.len());
        let mut layout = Layout::noise(target);
        for (i, site) in declared.iter().enumerate() {
            let seen = || {
                k.iter()
                    .zip(&active)
                    .skip(i)
                    .step_by(declared.len())
                    .filter(|(_, a)| **a)
                    .map(|(k, _)| *k - site.first)
            };
            let most = seen().max().unwrap_or(0).max(0) as usize;
            let (n, open) = match site.n_values {
                Some(n) => (n, false),
                None => (most + most / 2 + 4, true),
            };
            match n <= MOST_VALUES && n > 0 && seen().all(|k| k >= 0) {
                true => layout.sites.push(Site {
                    index: i,
                    coordinate: site.coordinate,
                    first: site.first,
                    n,
                    open,
                }),
                false => layout.noise_sites.push((i, site.coordinate)),
            }
        }
        layout
            .continuous
            .retain(|c| layout.sites.iter().all(|s| s.coordinate != *c));
        layout
    }

    /// How many coordinates are diffused.
    pub fn width(&self) -> usize {
        self.continuous.len()
    }

    /// Number of joint values of the drawn sites.
    pub fn cells(&self) -> usize {
        self.sites
            .iter()
            .fold(1, |p: usize, s| p.saturating_mul(s.n))
    }

    /// Noise `z: [n, dim]` in this layout's terms, evaluated.
    pub fn read(&self, target: &dyn Target, z: &[f64]) -> Points {
        let n = z.len() / self.dim.max(1);
        let mut points = Points::default();
        for row in z.chunks_exact(self.dim.max(1)) {
            points.x.extend(self.continuous.iter().map(|&c| row[c]));
        }
        if !self.sites.is_empty() {
            let (k, active) = values(target, z, self.n_sites);
            for i in 0..n {
                let at = |s: &Site| i * self.n_sites + s.index;
                points.k.extend(self.sites.iter().map(|s| {
                    if active[at(s)] {
                        (k[at(s)] - s.first).max(0) as u32
                    } else {
                        0
                    }
                }));
            }
        }
        self.evaluate(target, &mut points, n);
        points
    }

    /// Asks the target about `n` points.
    pub fn evaluate(&self, target: &dyn Target, points: &mut Points, n: usize) {
        points.log_r.resize(n, 0.0);
        if self.sites.is_empty() {
            target.log_r(&points.x, &mut points.log_r);
        } else {
            let zk = self.with_values(target, points, n);
            let mut log_p = vec![0.0; n * self.n_sites];
            target.log_r_given(&zk, &mut points.log_r, &mut log_p);
            let rows = log_p.chunks_exact(self.n_sites);
            points.log_p = rows
                .flat_map(|row| self.sites.iter().map(|s| row[s.index]))
                .collect();
        }
        points
            .log_r
            .iter_mut()
            .filter(|l| l.is_nan())
            .for_each(|l| *l = f64::NEG_INFINITY);
    }

    /// The noise that points stand for: values are filled in uniformly inside their cells.
    pub fn noise_of(
        &self,
        target: &dyn Target,
        points: &Points,
        n: usize,
        stream: &mut Stream,
    ) -> Vec<f64> {
        if self.sites.is_empty() {
            return points.x.clone();
        }
        let mut z = self.with_values(target, points, n);
        let u: Vec<f64> = (0..n * self.n_sites)
            .map(|_| stream.random_range(1e-12..1.0))
            .collect();
        target.fill(&mut z, &u);
        self.put_noise(&mut z, points);
        z
    }

    /// Rows with values at all discrete sites. A site that stays noise has the value its noise leads to, which may
    /// hang on the values before it: one pass settles at least one more site, so this ends.
    fn with_values(&self, target: &dyn Target, points: &Points, n: usize) -> Vec<f64> {
        let mut zk = vec![0.0; n * self.dim];
        self.put_noise(&mut zk, points);
        for (i, row) in zk.chunks_exact_mut(self.dim).enumerate() {
            for (j, s) in self.sites.iter().enumerate() {
                row[s.coordinate] = s.first as f64 + f64::from(points.k[i * self.sites.len() + j]);
            }
        }
        if self.noise_sites.is_empty() {
            return zk;
        }
        let declared = &target.structure().discrete;
        let mut settled: Vec<i64> = Vec::new();
        zk.chunks_exact_mut(self.dim).for_each(|row| {
            self.noise_sites
                .iter()
                .for_each(|&(i, c)| row[c] = declared[i].first as f64)
        });
        for _ in 0..=self.noise_sites.len() {
            let mut z = zk.clone();
            target.fill(&mut z, &vec![0.5; n * self.n_sites]);
            self.put_noise(&mut z, points);
            let (k, _) = values(target, &z, self.n_sites);
            for (row, k) in zk
                .chunks_exact_mut(self.dim)
                .zip(k.chunks_exact(self.n_sites))
            {
                self.noise_sites
                    .iter()
                    .for_each(|&(i, c)| row[c] = k[i] as f64);
            }
            if k == settled {
                break;
            }
            settled = k;
        }
        zk
    }

    fn put_noise(&self, z: &mut [f64], points: &Points) {
        let width = self.width().max(1);
        for (row, x) in z
            .chunks_exact_mut(self.dim.max(1))
            .zip(points.x.chunks_exact(width))
        {
            self.continuous
                .iter()
                .zip(x)
                .for_each(|(&c, v)| row[c] = *v);
        }
    }
}

impl Points {
    /// Whether these are points in a layout's terms.
    pub fn fit(&self, layout: &Layout) -> bool {
        let (n, s) = (self.log_r.len(), layout.sites.len());
        self.k.len() == n * s && self.log_p.len() == n * s && self.x.len() == n * layout.width()
    }

    /// The chosen points, in their order.
    pub fn select(&self, layout: &Layout, chosen: &[usize]) -> Points {
        let take = |v: &[f64], w: usize| {
            chosen
                .iter()
                .flat_map(|&i| v[i * w..(i + 1) * w].iter().copied())
                .collect::<Vec<_>>()
        };
        let s = layout.sites.len();
        Points {
            k: chosen
                .iter()
                .flat_map(|&i| self.k[i * s..(i + 1) * s].iter().copied())
                .collect(),
            x: take(&self.x, layout.width()),
            log_r: take(&self.log_r, 1),
            log_p: take(&self.log_p, s),
        }
    }

    /// Adds other points behind these.
    pub fn extend(&mut self, other: &Points) {
        self.k.extend(&other.k);
        self.x.extend(&other.x);
        self.log_r.extend(&other.log_r);
        self.log_p.extend(&other.log_p);
    }
}

fn values(target: &dyn Target, z: &[f64], n_sites: usize) -> (Vec<i64>, Vec<bool>) {
    let n = z.len() / target.dim().max(1);
    let (mut k, mut active) = (vec![0; n * n_sites], vec![false; n * n_sites]);
    if n_sites > 0 {
        target.discrete_values(z, &mut k, &mut active);
    }
    (k, active)
}
