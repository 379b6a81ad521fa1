//! Which second derivatives of a quadratic are read off which differences of its gradient.
//!
//! Coordinates that do not meet share a probe: of eight group means and their common mean, a step along all eight and one along
//! the common mean tell all. Pairs that meet are read in the row of one of the two, where the other's probe has nothing else.
//!
//! # Source
//! Coloring for symmetric sparse matrices, direct recovery: Coleman & Moré 1984.

/// Groups of coordinates that are moved together, and where the entries of the matrix are found.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Probes {
    /// The members of each group.
    pub groups: Vec<Vec<usize>>,
    /// `(row, column, group, slope)`, row ≥ column: the entry is the change, along the group, of the slope by a coordinate.
    pub entries: Vec<(usize, usize, usize, usize)>,
}

impl Probes {
    /// Of `k` coordinates that all meet.
    pub fn apart(k: usize) -> Probes {
        let pairs = (0..k).flat_map(|i| (0..=i).map(move |j| (i, j)));
        Probes {
            groups: (0..k).map(|i| vec![i]).collect(),
            entries: pairs.map(|(i, j)| (i, j, j, i)).collect(),
        }
    }

    /// Of `k` coordinates, some pairs of which may have a mixed derivative.
    pub fn new(k: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Probes {
        let mut neighbours: Vec<Vec<usize>> = (0..k).map(|i| vec![i]).collect();
        for (i, j) in pairs.into_iter().filter(|(i, j)| i != j) {
            neighbours[i].push(j);
            neighbours[j].push(i);
        }
        for near in &mut neighbours {
            near.sort_unstable();
            near.dedup();
        }
        let mut order: Vec<usize> = (0..k).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(neighbours[i].len()), i));
        let mut coloring = Coloring {
            neighbours: &neighbours,
            group: vec![None; k],
            groups: Vec::new(),
            near: Vec::new(),
        };
        order.into_iter().for_each(|j| coloring.place(j));
        let mut entries = Vec::new();
        for (i, all) in neighbours.iter().enumerate() {
            for &j in all.iter().filter(|j| **j <= i) {
                let at = coloring.read(i, j).expect("every group can be read");
                entries.push((i, j, at.0, at.1));
            }
        }
        Probes {
            groups: coloring.groups,
            entries,
        }
    }
}

struct Coloring<'a> {
    /// Of each coordinate, itself among them, ascending.
    neighbours: &'a [Vec<usize>],
    group: Vec<Option<usize>>,
    groups: Vec<Vec<usize>>,
    /// For each group, how many of its members are neighbours of each coordinate.
    near: Vec<Vec<u32>>,
}

impl Coloring<'_> {
    /// Puts j into the first group in which everything can still be read.
    fn place(&mut self, j: usize) {
        for g in 0..=self.groups.len() {
            if g == self.groups.len() {
                self.groups.push(Vec::new());
                self.near.push(vec![0; self.neighbours.len()]);
            }
            self.groups[g].push(j);
            self.group[j] = Some(g);
            self.neighbours[j]
                .iter()
                .for_each(|&i| self.near[g][i] += 1);
            if self.readable(g, j) {
                return;
            }
            self.neighbours[j]
                .iter()
                .for_each(|&i| self.near[g][i] -= 1);
            self.groups[g].pop();
        }
    }

    /// Whether all entries can be read that a group's new member may have spoilt: those in the rows of its neighbours.
    fn readable(&self, g: usize, new: usize) -> bool {
        self.neighbours[new].iter().all(|&row| {
            if self.near[g][row] == 1 {
                return true;
            }
            let Some(of_row) = self.group[row] else {
                return true;
            };
            let near = |m: &&usize| self.neighbours[row].binary_search(m).is_ok();
            let mut members = self.groups[g].iter().filter(near);
            members.all(|&m| self.near[of_row][m] == 1)
        })
    }

    /// The group and the row in which entry (i, j) stands alone.
    fn read(&self, i: usize, j: usize) -> Option<(usize, usize)> {
        [(i, j), (j, i)].into_iter().find_map(|(row, other)| {
            self.group[other]
                .filter(|&g| self.near[g][row] == 1)
                .map(|g| (g, row))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The matrix that probes of a known one give back.
    fn recovered(m: &[Vec<f64>]) -> (usize, Vec<Vec<f64>>) {
        let k = m.len();
        let pairs = (0..k).flat_map(|i| (0..i).map(move |j| (i, j)));
        let probes = Probes::new(k, pairs.filter(|&(i, j)| m[i][j] != 0.0));
        let mut found = vec![vec![0.0; k]; k];
        for &(i, j, g, row) in &probes.entries {
            found[i][j] = probes.groups[g].iter().map(|&c| m[row][c]).sum();
            found[j][i] = found[i][j];
        }
        (probes.groups.len(), found)
    }

    fn matrix(k: usize, at: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
        let entry = |i: usize, j: usize| at(i.max(j), i.min(j));
        (0..k)
            .map(|i| (0..k).map(|j| entry(i, j)).collect())
            .collect()
    }

    #[test]
    fn every_entry_is_read_by_as_few_probes_as_the_pattern_allows() {
        let value = |i: usize, j: usize| (3 * i + 7 * j + 1) as f64;
        let diagonal = matrix(9, |i, j| if i == j { value(i, j) } else { 0.0 });
        let arrow = matrix(9, |i, j| {
            if i == j || j == 4 || i == 4 {
                value(i, j)
            } else {
                0.0
            }
        });
        let chain = matrix(9, |i, j| if i - j < 2 { value(i, j) } else { 0.0 });
        let dense = matrix(5, value);
        for (m, most) in [(diagonal, 1), (arrow, 2), (chain, 3), (dense, 5)] {
            let (probes, found) = recovered(&m);
            assert_eq!(found, m);
            assert!(probes <= most, "{probes}");
        }
    }
}
