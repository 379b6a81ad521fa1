//! The policy for discrete sites: π(k) = Π_s π(k_s | k_before), started from the particles' frequencies.
//!
//! A *table* over all joint values where their product is small; otherwise a *chain* whose logits at each site are a bias
//! plus one learned vector for each earlier value. Either gives every value positive probability. The value behind an
//! open site's last category has a geometric tail.

use rand::RngExt;

use super::adam::Adam;
use super::layout::Site;
use crate::base::Stream;
use crate::infer::coordinates::linear::log_sum_exp;

/// Largest joint table.
pub(crate) const TABLE: usize = 4096;
/// Share of a table given to values that no particle had, by their number.
fn unseen(cells: usize) -> f64 {
    (2e-4 * cells as f64).clamp(0.004, 0.02)
}

/// How many earlier sites a site of a chain looks at.
const WINDOW: usize = 24;

/// π over the discrete sites.
#[derive(Clone, Debug)]
pub(crate) struct Categorical {
    sites: Vec<Site>,
    kind: Kind,
    /// Logits, in the layout of the kind.
    pub logits: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// Joint probabilities; the first site's value is the most significant digit.
    Table(Vec<f64>),
    /// Where each site's block of logits begins; the share of uniform values at each site.
    Chain { first: Vec<usize>, floor: f64 },
}

impl Categorical {
    /// From values `k: [n, sites]` above the sites' first ones.
    pub fn fit(sites: &[Site], k: &[u32], stream: &mut Stream) -> Categorical {
        let cells = sites
            .iter()
            .try_fold(1usize, |p, s| p.checked_mul(s.n).filter(|p| *p <= TABLE));
        match cells {
            Some(cells) => Categorical::table(sites, k, cells),
            None => Categorical::chain(sites, k, stream),
        }
    }

    /// A table with given log weights of the joint values.
    pub fn from_log_weights(sites: &[Site], log_weights: &[f64]) -> Categorical {
        let most = log_weights
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let logits = log_weights
            .iter()
            .map(|l| (l - most).max(-80.0) as f32)
            .collect();
        let mut c = Categorical {
            sites: sites.to_vec(),
            kind: Kind::Table(Vec::new()),
            logits,
        };
        c.refresh();
        c
    }

    fn table(sites: &[Site], k: &[u32], cells: usize) -> Categorical {
        let n = (k.len() / sites.len()).max(1) as f64;
        let mut joint = vec![0.0; cells];
        let mut marginal: Vec<Vec<f64>> = sites.iter().map(|s| vec![0.5; s.n]).collect();
        for row in k.chunks_exact(sites.len()) {
            joint[cell(sites, row)] += 1.0 / n;
            row.iter()
                .enumerate()
                .for_each(|(s, &v)| marginal[s][category(&sites[s], v)] += 1.0);
        }
        marginal.iter_mut().for_each(|m| {
            let t: f64 = m.iter().sum();
            m.iter_mut().for_each(|v| *v /= t)
        });
        let product = |c: usize| {
            digits(sites, c)
                .iter()
                .zip(&marginal)
                .map(|(&v, m)| m[v as usize])
                .product::<f64>()
        };
        let unseen = unseen(cells);
        let p =
            |c: usize| (1.0 - unseen) * joint[c] + unseen * (0.5 * product(c) + 0.5 / cells as f64);
        let log_weights: Vec<f64> = (0..cells).map(|c| p(c).ln()).collect();
        Categorical::from_log_weights(sites, &log_weights)
    }

    fn chain(sites: &[Site], k: &[u32], stream: &mut Stream) -> Categorical {
        let mut first = Vec::new();
        let mut size = 0;
        for (s, site) in sites.iter().enumerate() {
            first.push(size);
            size += site.n * (1 + before(s).map(|e| sites[e].n).sum::<usize>());
        }
        let floor = (0.05 / sites.len() as f64).min(0.01);
        let mut c = Categorical {
            sites: sites.to_vec(),
            kind: Kind::Chain { first, floor },
            logits: vec![0.0; size],
        };
        c.imitate(k, stream);
        c
    }

    /// Maximum likelihood on values by a few epochs of Adam.
    fn imitate(&mut self, k: &[u32], stream: &mut Stream) {
        let n = k.len() / self.sites.len();
        if n == 0 {
            return;
        }
        let mut adam = Adam::new(std::slice::from_ref(&self.logits));
        let (rounds, work) = (400, 1e9);
        let batch = ((work / (rounds * self.logits.len().max(1)) as f64) as usize).clamp(16, 128);
        for round in 0..rounds {
            let mut gradient = vec![0.0; self.logits.len()];
            for _ in 0..batch {
                let i = stream.random_range(0..n);
                let row = &k[i * self.sites.len()..(i + 1) * self.sites.len()];
                self.add_gradient(row, &vec![-1.0 / batch as f64; row.len()], &mut gradient);
            }
            gradient
                .iter_mut()
                .zip(&self.logits)
                .for_each(|(g, l)| *g += 1e-4 * l);
            let rate = 0.1 * (1.0 - round as f64 / rounds as f64);
            adam.update(
                std::slice::from_mut(&mut self.logits),
                &[gradient],
                rate,
                10.0,
            );
        }
    }

    /// Brings the probabilities up to date with the logits.
    pub fn refresh(&mut self) {
        if let Kind::Table(p) = &mut self.kind {
            let most = self
                .logits
                .iter()
                .copied()
                .fold(f32::NEG_INFINITY, f32::max);
            *p = self
                .logits
                .iter()
                .map(|l| f64::from(l - most).exp())
                .collect();
            let total: f64 = p.iter().sum();
            p.iter_mut().for_each(|v| *v /= total);
        }
    }

    /// Draws one row of values.
    pub fn draw(&self, stream: &mut Stream, row: &mut [u32]) {
        match &self.kind {
            Kind::Table(p) => row.copy_from_slice(&digits(&self.sites, pick(p, stream.random()))),
            Kind::Chain { .. } => {
                for s in 0..self.sites.len() {
                    row[s] = pick(&self.conditional(s, row), stream.random()) as u32;
                }
            }
        }
        for (s, v) in row.iter_mut().enumerate() {
            self.lengthen(s, v, stream);
        }
    }

    /// log π(k_s | k_before) of each site.
    pub fn log_conditionals(&self, row: &[u32], out: &mut [f64]) {
        match &self.kind {
            Kind::Table(p) => {
                let mut above = 1.0;
                for (s, block) in blocks(&self.sites, row).into_iter().enumerate() {
                    let here: f64 = p[block].iter().sum();
                    out[s] = (here / above).ln();
                    above = here;
                }
            }
            Kind::Chain { .. } => {
                for s in 0..row.len() {
                    out[s] = self.conditional(s, row)[category(&self.sites[s], row[s])].ln();
                }
            }
        }
        for ((o, site), &v) in out.iter_mut().zip(&self.sites).zip(row) {
            if site.open && v as usize + 1 >= site.n {
                *o -= (v as usize + 2 - site.n) as f64 * std::f64::consts::LN_2;
            }
        }
    }

    /// Draws the sites that are not `kept` anew, each given the values before it.
    pub fn redraw(&self, row: &mut [u32], kept: impl Fn(usize) -> bool, stream: &mut Stream) {
        for s in (0..row.len()).filter(|&s| !kept(s)) {
            let p = match &self.kind {
                Kind::Chain { .. } => self.conditional(s, row),
                Kind::Table(p) => {
                    let mut of = |v: usize| {
                        row[s] = v as u32;
                        p[blocks(&self.sites, row)[s].clone()].iter().sum()
                    };
                    (0..self.sites[s].n).map(&mut of).collect()
                }
            };
            let total: f64 = p.iter().sum();
            row[s] = pick(&p, total * stream.random::<f64>()) as u32;
            self.lengthen(s, &mut row[s], stream);
        }
    }

    /// A value drawn from an open site's last category stands for all above it too, each half as likely as the one before.
    fn lengthen(&self, s: usize, v: &mut u32, stream: &mut Stream) {
        let site = &self.sites[s];
        while site.open && *v as usize + 1 >= site.n && stream.random::<bool>() {
            *v += 1;
        }
    }

    /// Adds Σ_s c_s ∇ log π(k_s | k_before) to `gradient`.
    pub fn add_gradient(&self, row: &[u32], c: &[f64], gradient: &mut [f32]) {
        match &self.kind {
            Kind::Table(p) => {
                // Σ_s c_s (log M_s − log M_{s−1}), with M_s the mass of the values that agree with the first s sites.
                gradient
                    .iter_mut()
                    .zip(p)
                    .for_each(|(g, p)| *g -= (c[0] * p) as f32);
                for (s, block) in blocks(&self.sites, row).into_iter().enumerate() {
                    let factor = c[s] - c.get(s + 1).copied().unwrap_or(0.0);
                    let mass: f64 = p[block.clone()].iter().sum();
                    if factor != 0.0 && mass > 0.0 {
                        gradient[block.clone()]
                            .iter_mut()
                            .zip(&p[block])
                            .for_each(|(g, p)| *g += (factor * p / mass) as f32);
                    }
                }
            }
            Kind::Chain { first, floor } => {
                for s in 0..row.len() {
                    let p = self.conditional(s, row);
                    let n = p.len();
                    let plain: Vec<f64> = p
                        .iter()
                        .map(|p| (p - floor / n as f64) / (1.0 - floor))
                        .collect();
                    let v = category(&self.sites[s], row[s]);
                    let factor = c[s] * (1.0 - floor) * plain[v] / p[v];
                    for start in self.rows(first[s], s, row) {
                        for (j, g) in gradient[start..start + n].iter_mut().enumerate() {
                            *g += (factor * (f64::from(u8::from(j == v)) - plain[j])) as f32;
                        }
                    }
                }
            }
        }
    }

    fn conditional(&self, s: usize, row: &[u32]) -> Vec<f64> {
        let Kind::Chain { first, floor } = &self.kind else {
            unreachable!("only chains have conditionals of their own")
        };
        let n = self.sites[s].n;
        let mut logits = vec![0.0f64; n];
        for start in self.rows(first[s], s, row) {
            logits
                .iter_mut()
                .zip(&self.logits[start..start + n])
                .for_each(|(l, w)| *l += f64::from(*w));
        }
        let total = log_sum_exp(&logits);
        logits
            .iter()
            .map(|l| (1.0 - floor) * (l - total).exp() + floor / n as f64)
            .collect()
    }

    /// Where the vectors that make up a site's logits begin: its bias, then one for each earlier value.
    fn rows(&self, first: usize, s: usize, row: &[u32]) -> Vec<usize> {
        let n = self.sites[s].n;
        let mut starts = vec![first];
        let mut next = first + n;
        for e in before(s) {
            starts.push(next + n * category(&self.sites[e], row[e]));
            next += n * self.sites[e].n;
        }
        starts
    }
}

/// The category of a value above the first one.
pub(crate) fn category(site: &Site, value: u32) -> usize {
    (value as usize).min(site.n - 1)
}

/// The joint values of a table's cell.
pub(crate) fn digits(sites: &[Site], mut cell: usize) -> Vec<u32> {
    let mut out = vec![0; sites.len()];
    for (o, s) in out.iter_mut().zip(sites).rev() {
        *o = (cell % s.n) as u32;
        cell /= s.n;
    }
    out
}

fn cell(sites: &[Site], row: &[u32]) -> usize {
    sites
        .iter()
        .zip(row)
        .fold(0, |c, (s, &v)| c * s.n + category(s, v))
}

/// For each site, the cells that agree with the values up to and including it.
fn blocks(sites: &[Site], row: &[u32]) -> Vec<std::ops::Range<usize>> {
    let mut size: usize = sites.iter().map(|s| s.n).product();
    let mut start = 0;
    let block = |(s, &v): (&Site, &u32)| {
        size /= s.n;
        start += size * category(s, v);
        start..start + size
    };
    sites.iter().zip(row).map(block).collect()
}

fn before(s: usize) -> std::ops::Range<usize> {
    s.saturating_sub(WINDOW)..s
}

pub(crate) fn pick(p: &[f64], mut u: f64) -> usize {
    let found = p.iter().position(|v| {
        u -= v;
        u < 0.0
    });
    found.unwrap_or_else(|| p.iter().rposition(|v| *v > 0.0).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Seed;

    fn site(n: usize, open: bool) -> Site {
        Site {
            index: 0,
            coordinate: 0,
            first: 0,
            n,
            open,
        }
    }

    fn total(c: &Categorical, sites: &[Site]) -> f64 {
        let cells: usize = sites.iter().map(|s| s.n).product();
        let mut out = vec![0.0; sites.len()];
        (0..cells)
            .map(|i| {
                c.log_conditionals(&digits(sites, i), &mut out);
                out.iter().sum::<f64>().exp()
            })
            .sum()
    }

    #[test]
    fn probabilities_sum_to_one_and_imitate_the_values() {
        let sites = [site(3, false), site(2, false), site(4, false)];
        let k: Vec<u32> = (0..300u32)
            .flat_map(|i| [i % 3, u32::from(i % 3 == 1), (i % 3) + i % 2])
            .collect();
        for c in [
            Categorical::fit(&sites, &k, &mut Seed(1).stream("c", 0)),
            Categorical::chain(&sites, &k, &mut Seed(1).stream("c", 0)),
        ] {
            assert!((total(&c, &sites) - 1.0).abs() < 1e-6);
            let mut out = [0.0; 3];
            c.log_conditionals(&[1, 1, 2], &mut out);
            assert!(
                (out.iter().sum::<f64>().exp() - 1.0 / 6.0).abs() < 0.03,
                "{}",
                out.iter().sum::<f64>().exp()
            );
        }
    }

    #[test]
    fn gradients_agree_with_differences() {
        let sites = [site(3, false), site(2, false), site(3, true)];
        let k: Vec<u32> = (0..60u32).flat_map(|i| [i % 3, i % 2, i % 5]).collect();
        for mut c in [
            Categorical::fit(&sites, &k, &mut Seed(1).stream("c", 0)),
            Categorical::chain(&sites, &k, &mut Seed(1).stream("c", 0)),
        ] {
            let (row, factor) = ([1, 0, 4], [0.7, -1.2, 0.4]);
            let mut gradient = vec![0.0; c.logits.len()];
            c.add_gradient(&row, &factor, &mut gradient);
            let mut value = |i: usize, h: f32| {
                let old = c.logits[i];
                c.logits[i] += h;
                c.refresh();
                let mut out = [0.0; 3];
                c.log_conditionals(&row, &mut out);
                c.logits[i] = old;
                out.iter().zip(&factor).map(|(a, b)| a * b).sum::<f64>()
            };
            for (i, exact) in gradient.iter().enumerate() {
                let difference = (value(i, 0.01) - value(i, -0.01)) / 0.02;
                assert!(
                    (difference - f64::from(*exact)).abs() < 2e-3,
                    "{i}: {difference} against {exact}"
                );
            }
        }
    }

    #[test]
    fn an_open_site_can_go_beyond_its_last_category() {
        let sites = [site(2, true)];
        let c = Categorical::fit(&sites, &[0, 1, 1, 1], &mut Seed(1).stream("c", 0));
        let mut sum = 0.0;
        for v in 0..60 {
            let mut out = [0.0];
            c.log_conditionals(&[v], &mut out);
            sum += out[0].exp();
        }
        assert!((sum - 1.0).abs() < 1e-9);
        let mut stream = Seed(2).stream("c", 0);
        let mut row = [0];
        assert!((0..100).any(|_| {
            c.draw(&mut stream, &mut row);
            row[0] > 1
        }));
    }

    #[test]
    fn values_drawn_anew_have_the_law_given_those_before() {
        let sites = [site(3, false), site(3, true)];
        let k: Vec<u32> = (0..300u32)
            .flat_map(|i| [i % 3, (i % 3) * (i % 2)])
            .collect();
        let mut stream = Seed(3).stream("c", 0);
        for c in [
            Categorical::fit(&sites, &k, &mut stream),
            Categorical::chain(&sites, &k, &mut stream),
        ] {
            let n = 20_000;
            let mut counts = [0.0; 4];
            for _ in 0..n {
                let mut row = [2, 0];
                c.redraw(&mut row, |s| s == 0, &mut stream);
                assert_eq!(row[0], 2);
                counts[(row[1] as usize).min(3)] += 1.0 / f64::from(n);
            }
            for (v, count) in counts.iter().enumerate().take(3) {
                let mut log_p = [0.0; 2];
                c.log_conditionals(&[2, v as u32], &mut log_p);
                // 5 standard errors, at most.
                assert!(
                    (count - log_p[1].exp()).abs() < 2.5 / f64::from(n).sqrt(),
                    "{v}: {count}"
                );
            }
        }
    }
}
