//! What is learned, and its averages over training.

use super::policy::Policy;
use crate::store::packed;

/// Everything of a policy that training changes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Learned {
    pub network: Option<Vec<Vec<f32>>>,
    pub choices: Vec<Vec<f32>>,
}
packed!(Learned { network, choices });

impl Learned {
    pub fn of(policy: &Policy) -> Learned {
        Learned {
            network: policy.network.as_ref().map(|n| n.parameters.clone()),
            choices: choices(policy),
        }
    }

    pub fn put_into(&self, policy: &mut Policy) {
        if let (Some(learned), Some(n)) = (&self.network, &mut policy.network) {
            n.parameters.clone_from(learned);
        }
        set_choices(policy, self.choices.clone());
    }

    /// Whether both are of one policy, or of two alike.
    pub fn is_like(&self, other: &Learned) -> bool {
        let sizes = |v: &[Vec<f32>]| v.iter().map(Vec::len).collect::<Vec<_>>();
        sizes(&self.choices) == sizes(&other.choices)
            && self.network.as_deref().map(sizes) == other.network.as_deref().map(sizes)
    }
}

/// A moving average of everything learned: what is judged and kept, since single iterations are noisy.
#[derive(Clone)]
pub(crate) struct Average {
    pub learned: Learned,
    seen: f32,
}
packed!(Average { learned, seen });

impl Average {
    pub fn new(policy: &Policy) -> Average {
        Average {
            learned: Learned::of(policy),
            seen: 0.0,
        }
    }

    /// Over about the last fiftieth of the way at first, the last fifty steps later.
    pub fn follow(&mut self, policy: &Policy) {
        self.seen += 1.0;
        let new = (1.0 / (1.0 + 0.2 * self.seen)).max(0.02);
        let blend = |a: &mut Vec<Vec<f32>>, b: &[Vec<f32>]| {
            a.iter_mut()
                .zip(b)
                .for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, b)| *a += new * (b - *a)));
        };
        if let (Some(a), Some(n)) = (&mut self.learned.network, &policy.network) {
            blend(a, &n.parameters);
        }
        blend(&mut self.learned.choices, &choices(policy));
    }

    pub fn put_into(&self, policy: &mut Policy) {
        self.learned.put_into(policy);
    }
}

/// Logits of the discrete values (empty where there are none) and of the parts' shares, and gains of the gradient (empty
/// where it is not used).
pub(crate) fn choices(policy: &Policy) -> Vec<Vec<f32>> {
    vec![
        policy
            .categorical
            .as_ref()
            .map_or_else(Vec::new, |c| c.logits.clone()),
        policy.shares.clone(),
        policy
            .steer
            .as_ref()
            .map_or_else(Vec::new, |s| s.gains.clone()),
    ]
}

/// Puts them in the policy, as [`choices`] gave them.
pub(crate) fn set_choices(policy: &mut Policy, mut logits: Vec<Vec<f32>>) {
    let gains = logits.pop().expect("three vectors");
    if let Some(steer) = &mut policy.steer {
        steer.gains = gains;
    }
    policy.shares = logits.pop().expect("three vectors");
    if let (Some(c), Some(values)) = (&mut policy.categorical, logits.pop()) {
        c.logits = values;
        c.refresh();
    }
}
