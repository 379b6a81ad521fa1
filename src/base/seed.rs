//! Randomness without an ambient generator: every stream is keyed by (seed, purpose, index).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The run's seed. Streams for different purposes or indices are independent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

/// A ChaCha8 generator.
pub type Stream = ChaCha8Rng;

impl Seed {
    /// The generator for one purpose (`"smc"`, `"train"`) and one index (a chain, a batch, a step).
    pub fn stream(self, purpose: &str, index: u64) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&self.0.to_le_bytes());
        key[8..16].copy_from_slice(&fnv1a(purpose.as_bytes()).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }

    /// A seed for a part of the work that draws streams of its own.
    pub fn child(self, purpose: &str, index: u64) -> Seed {
        Seed(self.stream(purpose, index).next_u64())
    }
}

/// The FNV-1a hash of bytes: the same in every process and on every machine.
pub fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, &b| {
        (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    })
}
