//! What the engine keeps while it trains, so that a later run goes on from it exactly as if it had never stopped.
//!
//! ```text
//! warm-up ─▶ candidates, judged ─▶ phase 0 ─▶ … ─▶ phase n ─▶ weighing, resampling, moves
//! (particles kept)   (again)       (ends kept)    (where it stands)       (again)
//! ```
//! Every random number is keyed by (seed, purpose, index), so a stage that follows from what is kept is computed again
//! rather than kept: the candidates' coordinates, the judgements between phases, and all that comes after training.

use std::sync::Arc;

use super::average::{Average, Learned};
use super::layout::Points;
use super::policy::Policy;
use super::training::{Fit, Optimiser, Trainer};
use crate::infer::smc::Particles;
use crate::infer::{Fitted, InferError, Keeper};
use crate::lower::Target;
use crate::store::{Packed, packed};

/// Times in a row that training goes back to the last good state before it gives up.
const MOST_SETBACKS: u32 = 3;

/// All of it.
#[derive(Default)]
pub(crate) struct State {
    pub warm: Option<Warm>,
    done: Vec<Phase>,
    now: Option<(Phase, Course)>,
}
packed!(State { warm, done, now });

/// The end of the warm-up.
pub(crate) struct Warm {
    pub particles: Arc<Particles>,
    pub counts: [u64; 3],
}
packed!(Warm { particles, counts });

packed!(Fitted {
    stage,
    step,
    elbo,
    eubo,
    ess
});

/// What a phase of training has led to.
struct Phase {
    learned: Learned,
    best: Fit,
    /// The buffer's part that is the policy's own.
    own: Points,
    judged: u64,
    evaluations: u64,
    gradients: u64,
    history: Vec<Fitted>,
    counts: [u64; 3],
}
packed!(Phase {
    learned,
    best,
    own,
    judged,
    evaluations,
    gradients,
    history,
    counts
});

/// Where a phase of training stands, beside the policy itself.
#[derive(Clone)]
pub(crate) struct Course {
    pub step: usize,
    /// The last state that was found good, and how it fits.
    pub good: Learned,
    pub best: Fit,
    pub optimiser: Optimiser,
    pub average: Average,
    /// Judgements without a gain.
    pub flat: u32,
    /// What setbacks leave of the step size.
    pub scale: f64,
    /// Numerical failures since the last good state.
    setbacks: u32,
}
packed!(Course {
    step,
    good,
    best,
    optimiser,
    average,
    flat,
    scale,
    setbacks
});

impl Course {
    fn new(policy: &Policy, start: Fit) -> Course {
        Course {
            step: 0,
            good: Learned::of(policy),
            best: start,
            optimiser: Optimiser::new(policy, start.log_z),
            average: Average::new(policy),
            flat: 0,
            scale: 1.0,
            setbacks: 0,
        }
    }

    /// Makes what a policy has learned the state to go back to.
    pub fn settle(&mut self, policy: &Policy) {
        self.good = Learned::of(policy);
        self.setbacks = 0;
    }

    /// Back to the last good state, with smaller steps.
    pub fn go_back(&mut self, policy: &mut Policy) {
        self.good.put_into(policy);
        self.scale *= 0.3;
        self.optimiser = Optimiser::new(policy, self.best.log_z);
        self.average = Average::new(policy);
    }

    /// As [`Course::go_back`], because numbers ran away.
    ///
    /// # Errors
    /// `Diverged` where that has not helped before.
    pub fn recover(&mut self, policy: &mut Policy) -> Result<(), InferError> {
        if self.setbacks == MOST_SETBACKS {
            return Err(InferError::Diverged {
                engine: "diffusion",
                why: format!(
                    "training has no finite gradient at iteration {}, though it went back to the last good state {MOST_SETBACKS} times and took smaller steps",
                    self.step
                ),
            });
        }
        self.setbacks += 1;
        self.go_back(policy);
        Ok(())
    }

    /// Whether balance has reached what it can.
    pub fn is_enough(&self) -> bool {
        self.step > 0 && (self.best.close() || (self.flat >= 3 && self.best.ess > 0.3))
    }

    fn fits(&self, policy: &Policy) -> bool {
        let learned = Learned::of(policy);
        let optimised = match &self.optimiser.network {
            Some(adam) => learned.network.as_ref().is_some_and(|n| adam.fits(n)),
            None => learned.network.is_none(),
        };
        self.good.is_like(&learned)
            && self.average.learned.is_like(&learned)
            && optimised
            && self.optimiser.choices.fits(&learned.choices)
    }
}

/// How a phase begins.
pub(crate) enum Entry {
    /// It was done before; so well did it end.
    Done(Fit),
    /// It goes on, or begins, from here.
    At(Box<Course>),
}

/// Where the state is kept, and how much of an earlier run's is still ahead.
#[derive(Default)]
pub(crate) struct Keeping<'a> {
    keeper: Option<&'a dyn Keeper>,
    state: State,
    /// Phases that have begun.
    phase: usize,
    /// Set when the budget cuts something short: what follows is not what an uninterrupted run does.
    cut: bool,
}

const UNFIT: InferError = InferError::BadState {
    engine: "diffusion",
    why: "its sizes are not those of this program",
};

impl<'a> Keeping<'a> {
    /// Goes on from what an earlier run left, if there is such.
    ///
    /// # Errors
    /// `BadState`.
    pub fn new(keeper: Option<&'a dyn Keeper>) -> Result<Keeping<'a>, InferError> {
        let found = keeper.and_then(Keeper::found);
        let state = found.map_or(Some(State::default()), |bytes| State::unpacked(&bytes));
        let state = state.ok_or(InferError::BadState {
            engine: "diffusion",
            why: "it cannot be read",
        })?;
        Ok(Keeping {
            keeper,
            state,
            ..Keeping::default()
        })
    }

    /// The particles that were kept, where there are any; the target then counts on from there.
    ///
    /// # Errors
    /// `BadState`.
    pub fn particles(&self, target: &dyn Target) -> Result<Option<Arc<Particles>>, InferError> {
        let Some(Warm { particles, counts }) = &self.state.warm else {
            return Ok(None);
        };
        let p = particles;
        if p.dim != target.dim() || p.n.checked_mul(p.dim) != Some(p.z.len()) || p.n < 2 {
            return Err(UNFIT);
        }
        target.set_counts(*counts);
        Ok(Some(particles.clone()))
    }

    /// Keeps the particles, unless the budget cut the warm-up short.
    pub fn warmed(&mut self, particles: &Arc<Particles>, target: &dyn Target, exhausted: bool) {
        self.cut |= exhausted;
        if !self.cut {
            self.state.warm = Some(Warm {
                particles: particles.clone(),
                counts: target.counts(),
            });
            self.write();
        }
    }

    /// Writes the state as it is.
    pub fn write(&self) {
        if let (Some(keeper), false) = (self.keeper, self.cut) {
            keeper.keep(self.state.packed());
        }
    }
}

impl Trainer<'_> {
    /// Begins a phase of training, or goes on in one.
    ///
    /// # Errors
    /// `BadState`.
    pub fn enter(&mut self, policy: &mut Policy, start: Fit) -> Result<Entry, InferError> {
        let phase = self.keeping.phase;
        self.keeping.phase += 1;
        let state = &mut self.keeping.state;
        if phase < state.done.len() {
            let done = std::mem::take(&mut state.done);
            let entered = self.stand(policy, &done[phase]);
            self.keeping.state.done = done;
            return entered.map(Entry::Done);
        }
        let Some((standing, course)) = state.now.take() else {
            return Ok(Entry::At(Box::new(Course::new(policy, start))));
        };
        if !course.fits(policy) {
            return Err(UNFIT);
        }
        self.stand(policy, &standing)?;
        Ok(Entry::At(Box::new(course)))
    }

    /// Takes up what a phase has led to.
    fn stand(&mut self, policy: &mut Policy, phase: &Phase) -> Result<Fit, InferError> {
        if !phase.learned.is_like(&Learned::of(policy)) || !phase.own.fit(&policy.layout) {
            return Err(UNFIT);
        }
        phase.learned.put_into(policy);
        self.buffer.own.clone_from(&phase.own);
        (self.judged, self.evaluations) = (phase.judged, phase.evaluations);
        self.gradients = phase.gradients;
        self.history.clone_from(&phase.history);
        self.target.set_counts(phase.counts);
        Ok(phase.best)
    }

    fn standing(&self, policy: &Policy, best: Fit) -> Phase {
        Phase {
            learned: Learned::of(policy),
            best,
            own: self.buffer.own.clone(),
            judged: self.judged,
            evaluations: self.evaluations,
            gradients: self.gradients,
            history: self.history.clone(),
            counts: self.target.counts(),
        }
    }

    /// Whether the budget ends training here. Then, and whenever it is time, the state is kept.
    pub fn ends_here(&mut self, policy: &Policy, course: &Course) -> bool {
        let due = self.keeping.keeper.is_some_and(Keeper::due);
        let over = self.budget.exhausted();
        if self.keeping.keeper.is_some() && (due || over) && !self.keeping.cut {
            let standing = self.standing(policy, course.best);
            self.keeping.state.now = Some((standing, course.clone()));
            self.keeping.write();
            // For the file alone: a run that goes on, cut or not, must not enter its next phase from here.
            self.keeping.state.now = None;
        }
        self.keeping.cut |= over;
        over
    }

    /// Ends a phase that came to its own end.
    pub fn leave(&mut self, policy: &Policy, best: Fit) {
        if self.keeping.keeper.is_none() || self.keeping.cut {
            return;
        }
        let standing = self.standing(policy, best);
        self.keeping.state.now = None;
        self.keeping.state.done.push(standing);
        self.keeping.write();
    }
}
