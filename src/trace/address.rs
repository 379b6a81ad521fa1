//! Addresses of noise: site, loop indices, call path, memo key; never the order of execution.

use crate::base::{Bug, bites};

/// The path to where a walk is, as a running 128-bit hash.
#[derive(Clone, Debug)]
pub struct Address {
    path: Vec<u128>,
}

impl Default for Address {
    fn default() -> Self {
        Address {
            path: vec![0x6f64_7020_6e6f_6973_6520_6164_6472_6573],
        }
    }
}

impl Address {
    /// Goes one step down.
    pub fn push(&mut self, part: u64) {
        self.path.push(mix(self.here(), part));
    }

    /// Goes one step up.
    pub fn pop(&mut self) {
        self.path.pop();
    }

    /// Where the walk is.
    pub fn here(&self) -> u128 {
        *self.path.last().expect("the root is never popped")
    }

    /// Leaves the call path for one that depends on `parts` alone (memoised functions); undone by [`Address::pop`].
    pub fn push_absolute(&mut self, parts: &[u64]) {
        self.path
            .push(parts.iter().fold(0x6d65_6d6f, |h, &p| mix(h, p)));
    }

    /// The address that another program's becomes where it runs here.
    pub fn under(&self, inner: u128) -> Address {
        let mut path = self.clone();
        path.push(inner as u64);
        path.push((inner >> 64) as u64);
        path
    }

    /// The address of one part of what is here.
    pub fn child(&self, part: u64) -> u128 {
        let shared = bites(Bug::SharedAddress);
        mix(self.here(), if shared { part & !1 } else { part })
    }
}

/// Two rounds of a 64-bit finaliser over both halves.
fn mix(state: u128, part: u64) -> u128 {
    let low = finalise(state as u64 ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let high = finalise(
        (state >> 64) as u64 ^ low.rotate_left(23) ^ part.wrapping_add(0xd1b5_4a32_d192_ed03),
    );
    (u128::from(high) << 64) | u128::from(low ^ high.rotate_left(41))
}

fn finalise(mut x: u64) -> u64 {
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
