//! How the coordinates of a target hang together: which of them meet in the log-weight, and whose noise they are.
//!
//! Found when it is asked for, once for a program; a component picks out its own coordinates.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::split;
use crate::trace::NoiseGraph;

/// The noise of one `sample`, or of those that differ in their index only.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its name for people: `theta`.
    pub name: String,
    /// The shape of what is drawn.
    pub shape: Vec<usize>,
    /// The target's coordinates in that order; `None` where one belongs to no weight, or to another target.
    pub coordinates: Vec<Option<u32>>,
}

/// Coordinates in relation to each other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Sets of coordinates that one summand of the log-weight is computed from, and how many summands are.
    pub meetings: Vec<(Vec<u32>, f64)>,
    /// What draws, in the program's order: `x[0]` and `x[1]` of a loop are two blocks.
    pub blocks: Vec<Block>,
    /// For each coordinate, which family it is of: elements of one array, or of one name in a loop.
    pub family: Vec<u32>,
    /// Shapes of everything that the whole program draws, with names.
    pub shapes: Vec<(String, Vec<usize>)>,
}

impl Relations {
    fn of(graph: &NoiseGraph) -> Relations {
        let mut found = Relations {
            meetings: split::meetings(graph),
            family: vec![0; graph.dim],
            ..Relations::default()
        };
        let mut families: HashMap<&str, u32> = HashMap::new();
        for site in graph.sites.iter().filter(|s| s.first + s.len <= graph.dim) {
            let new = families.len() as u32 + 1;
            let root = site.name.split('[').next().unwrap_or_default();
            let family = *families.entry(root).or_insert(new);
            found.family[site.first..site.first + site.len].fill(family);
            let shape = graph.node(site.value).shape.dims().to_vec();
            found.shapes.push((site.name.clone(), shape.clone()));
            let coordinates = (site.first as u32..(site.first + site.len) as u32).map(Some);
            found.blocks.push(Block {
                name: site.name.clone(),
                shape,
                coordinates: coordinates.collect(),
            });
        }
        found
    }

    /// Those among some coordinates, which become `0..`.
    fn among(&self, coordinates: &[usize]) -> Relations {
        let mut place: Vec<Option<u32>> = vec![None; self.family.len()];
        for (i, &c) in coordinates.iter().enumerate() {
            place[c] = Some(i as u32);
        }
        let met = self.meetings.iter().filter_map(|(set, times)| {
            let mut own: Vec<u32> = set.iter().filter_map(|c| place[*c as usize]).collect();
            own.sort_unstable();
            (!own.is_empty()).then_some((own, *times))
        });
        let blocks = self.blocks.iter().filter_map(|b| {
            let own = b.coordinates.iter().map(|c| place[(*c)? as usize]);
            let coordinates: Vec<Option<u32>> = own.collect();
            coordinates.iter().any(Option::is_some).then(|| Block {
                coordinates,
                ..b.clone()
            })
        });
        Relations {
            meetings: met.collect(),
            blocks: blocks.collect(),
            family: coordinates.iter().map(|&c| self.family[c]).collect(),
            shapes: self.shapes.clone(),
        }
    }
}

/// A program's relations, found once.
pub(super) struct Program {
    graph: Arc<NoiseGraph>,
    found: OnceLock<Relations>,
}

/// A target's share of its program's relations; of no program, all coordinates meet and are of one family.
#[derive(Clone, Default)]
pub struct Related {
    program: Option<Arc<Program>>,
    coordinates: Vec<usize>,
}

impl Related {
    /// Of some coordinates of a program.
    pub(super) fn new(program: &Arc<Program>, coordinates: &[usize]) -> Related {
        Related {
            program: Some(program.clone()),
            coordinates: coordinates.to_vec(),
        }
    }

    /// Of some of these coordinates.
    pub(super) fn among(&self, some: &[usize]) -> Related {
        let own = |c: &usize| self.coordinates.get(*c).copied();
        Related {
            program: self.program.clone(),
            coordinates: some.iter().filter_map(own).collect(),
        }
    }

    /// Finds them, for a target of `dim` coordinates.
    pub fn relations(&self, dim: usize) -> Relations {
        match &self.program {
            Some(program) => {
                let all = program.found.get_or_init(|| Relations::of(&program.graph));
                all.among(&self.coordinates)
            }
            None => Relations {
                meetings: vec![((0..dim as u32).collect(), 1.0)],
                family: vec![0; dim],
                ..Relations::default()
            },
        }
    }
}

impl Program {
    pub fn new(graph: Arc<NoiseGraph>) -> Arc<Program> {
        Arc::new(Program {
            graph,
            found: OnceLock::new(),
        })
    }
}

impl PartialEq for Related {
    fn eq(&self, other: &Related) -> bool {
        let same = match (&self.program, &other.program) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        same && self.coordinates == other.coordinates
    }
}

impl fmt::Debug for Related {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.program.is_some();
        write!(f, "Related({known}, {:?})", self.coordinates)
    }
}
