//! Which network a policy gets: the recipe's, with the program's structure built in where that is asked for.

use std::sync::Arc;

use super::nets::{Kind, Plan, Wanted};
use super::network::{Backend, Network, Sizes};
use super::policy::Policy;
use super::training::Trainer;
use crate::infer::InferError;

impl Trainer<'_> {
    /// Gives a policy the zero network.
    pub fn equip(&self, policy: &mut Policy) -> Result<(), InferError> {
        if policy.frames.dim == 0 {
            return Ok(());
        }
        let sizes = Sizes {
            inputs: policy.frames.dim,
            contexts: policy.contexts(),
            steps: policy.schedule.len(),
            width: self.recipe.width_for(policy.frames.dim),
            depth: self.recipe.depth,
            outputs: 2 * policy.frames.dim,
        };
        let backend = match self.plan(policy) {
            Some(plan) => Backend::Structured(Arc::new(plan)),
            None => self.recipe.backend()?,
        };
        policy.network = Some(Network::new(
            sizes,
            self.recipe.activation,
            backend,
            &mut self.seed.stream("initial weights", 0),
        ));
        Ok(())
    }

    /// The program's structure as the recipe wants it in the network; `None` for a plain one.
    fn plan(&self, policy: &Policy) -> Option<Plan> {
        if self.recipe.net == Kind::Mlp {
            return None;
        }
        let related = &self.target.structure().related;
        let wanted = Wanted {
            frames: &policy.frames,
            continuous: &policy.layout.continuous,
            steered: policy.steer.is_some(),
            contexts: policy.contexts(),
            steps: policy.schedule.len(),
            width: self.recipe.width,
            depth: self.recipe.depth,
        };
        let relations = related.relations(self.target.dim());
        Plan::new(self.recipe.net, &relations, &wanted)
    }
}
