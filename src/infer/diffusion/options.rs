//! The engine's options, and the recipe that they make.

use super::nets::{Kind, is_image};
use super::network::Backend;
use super::objective::Objective;
use super::policy::Policy;
use crate::compute::dense::Activation;
use crate::compute::device::device;
use crate::infer::{InferError, OptionSpec, Options};
use crate::lower::Structure;

const fn option(name: &'static str, default: &'static str, help: &'static str) -> OptionSpec {
    OptionSpec {
        name,
        default,
        help,
    }
}

/// What `-O` can set.
pub(crate) const SPECS: &[OptionSpec] = &[
    option(
        "T",
        "auto",
        "diffusion steps (auto: 10; 14 where gradients steer through more than 40 dimensions; more where edges are sharp)",
    ),
    option(
        "high",
        "auto",
        "log-SNR of the lowest noise level (auto: 4.5; 6 where `T` is 14; higher where edges are sharp)",
    ),
    option(
        "width",
        "auto",
        "units in each hidden layer (auto: 64, more from 40 dimensions on); of a token (auto: 8); channels of an image (auto: 8)",
    ),
    option(
        "net",
        "auto",
        "the policy's network: `mlp`; `graph`, a token for each coordinate that sees those it meets in the log-weight; `unet`, convolutions over noise of an image's shape (auto: `mlp`)",
    ),
    option(
        "depth",
        "auto",
        "hidden layers (auto: 2); blocks of `graph` (auto: 1), levels of `unet` (auto: 2)",
    ),
    option(
        "batch",
        "auto",
        "paths in a training step (auto: 128; 256 where gradients steer through more than 40 dimensions)",
    ),
    option(
        "pre",
        "300",
        "steps of denoising regression on the particles; by default fewer for large networks",
    ),
    option(
        "steps",
        "300",
        "steps of trajectory balance; fewer where the fit is close or stays as it is, and by default for large networks",
    ),
    option("lr", "0.002", "learning rate"),
    option(
        "objective",
        "vargrad",
        "`vargrad` (log Z is the batch's mean) or `tb` (log Z is learned)",
    ),
    option(
        "warmup",
        "auto",
        "what to learn from: particles of `smc`, draws of `nuts`, or `none` (auto: `nuts` for smooth programs of more than 12 dimensions, if its chains agree; else `smc`)",
    ),
    option(
        "particles",
        "auto",
        "particles to learn from (auto: 4096; draws of chains 2 d², at most 16,384: a covariance wants as many)",
    ),
    option("moves", "6", "SMC moves a level, about"),
    option(
        "gradients",
        "auto",
        "whether the policy follows gradients of log r: `yes`, `no` (auto: where they are cheap and help at once)",
    ),
    option(
        "components",
        "auto",
        "coordinates: `none` (the prior's), 1 (one whitening), K (a mixture of at most K); auto tries all",
    ),
    option(
        "paths",
        "auto",
        "weighted paths that the draws are resampled from (auto: as many as draws)",
    ),
    option(
        "refresh",
        "24",
        "exact moves in noise space after resampling",
    ),
    option(
        "student",
        "0",
        "steps of learning a one-step student of the trained sampler's probability flow, which then draws in its place (0: none)",
    ),
    option(
        "activation",
        "auto",
        "of hidden units: `relu`, `silu` or `gelu`",
    ),
    option(
        "device",
        "flex",
        "where networks run: `flex` (this processor); `tch`, `tch-cuda`, `wgpu`, `cuda` where they are built in",
    ),
    option(
        "backend",
        "auto",
        "who computes networks: `fused` (our own, on `flex` only) or `burn`; auto: `fused` where it can",
    ),
];

/// How coordinates are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Components {
    Auto,
    Prior,
    AtMost(usize),
}

/// Where particles to learn from come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WarmUp {
    /// Tempered particles.
    Smc,
    /// Chains that follow gradients; tempered particles where they cannot be trusted.
    Nuts,
    /// Nothing to learn from.
    Nothing,
}

/// Particles to learn from, where nothing asks for more: a covariance estimated from n draws costs about d²/(4 n) nats.
const PARTICLES: usize = 4096;

/// Dimensions above which chains that follow gradients give better particles than tempering does, for less.
const SEVERAL: usize = 12;

/// Dimensions above which log-weights of a steered policy are so noisy that larger batches pay.
const WIDE: usize = 40;

/// Numbers that an evaluation computes up to which gradients at every step of every path are affordable.
const CHEAP: usize = 10_000;

/// Options with their values.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub levels: usize,
    pub high: f64,
    pub depth: usize,
    batch: Option<usize>,
    pub pre: usize,
    pub steps: usize,
    /// Whether `pre` and `steps` were asked for.
    asked: [bool; 2],
    pub rate: f64,
    pub objective: Objective,
    pub warm_up: WarmUp,
    /// Tempered particles.
    pub particles: usize,
    /// Draws of chains.
    pub chain_draws: usize,
    pub moves: usize,
    pub components: Components,
    pub paths: Option<usize>,
    pub refresh: usize,
    /// Steps of learning a student.
    pub student: usize,
    /// Whether policies are to try gradients.
    pub gradients: bool,
    pub activation: Activation,
    pub width: Option<usize>,
    pub net: Kind,
    device: String,
    burn: bool,
}

impl Recipe {
    /// Reads the options for a program of the given structure and noise dimensions.
    ///
    /// # Errors
    /// `BadOption`.
    pub fn new(options: &Options, structure: &Structure, dim: usize) -> Result<Recipe, InferError> {
        options.check(SPECS)?;
        let (levels, high) = match structure {
            s if s.hard_constraints => (16, 7.0),
            s if !s.smooth && s.discrete.is_empty() => (12, 6.0),
            _ => (10, 4.5),
        };
        let gradients = match options.choice("gradients", &["auto", "yes", "no"])? {
            Some("yes") => true,
            Some("no") => false,
            _ => structure.size <= CHEAP,
        };
        let gradients = gradients && structure.guides(dim) && structure.discrete.is_empty();
        // Gradients are at their best in the last steps, of which many dimensions want more.
        let (levels, high) = match gradients && dim > WIDE {
            true => (14, 6.0),
            false => (levels, high),
        };
        let components = match options.get("components") {
            None | Some("auto") => Components::Auto,
            Some("none") => Components::Prior,
            Some(_) => Components::AtMost(options.count("components", 1)?.unwrap_or(1)),
        };
        let kind = net(options, structure, dim)?;
        let mut recipe = Recipe {
            levels: options.count("T", 2)?.unwrap_or(levels),
            high: options.number("high", -4.0, 16.0)?.unwrap_or(high),
            width: options.count("width", 1)?,
            depth: options.count("depth", 1)?.unwrap_or(match kind {
                Kind::Graph => 1,
                _ => 2,
            }),
            batch: options.count("batch", 2)?,
            pre: options.count("pre", 0)?.unwrap_or(300),
            steps: options.count("steps", 0)?.unwrap_or(300),
            rate: options.number("lr", 1e-8, 1.0)?.unwrap_or(2e-3),
            objective: match options.choice("objective", &["vargrad", "tb"])? {
                Some("tb") => Objective::TrajectoryBalance,
                _ => Objective::VarGrad,
            },
            warm_up: match options.choice("warmup", &["auto", "smc", "nuts", "none"])? {
                Some("none") => WarmUp::Nothing,
                Some("smc") => WarmUp::Smc,
                Some("nuts") if !structure.smooth => {
                    return Err(InferError::BadOption {
                        name: "warmup".to_string(),
                        why: "`nuts` needs a log-weight that is smooth".to_string(),
                    });
                }
                Some("nuts") => WarmUp::Nuts,
                _ if structure.smooth && dim > SEVERAL => WarmUp::Nuts,
                _ => WarmUp::Smc,
            },
            particles: options.count("particles", 16)?.unwrap_or(PARTICLES),
            chain_draws: options
                .count("particles", 16)?
                .unwrap_or((2 * dim * dim).clamp(PARTICLES, 4 * PARTICLES)),
            moves: options.count("moves", 1)?.unwrap_or(6),
            components,
            paths: options.count("paths", 16)?,
            refresh: options.count("refresh", 0)?.unwrap_or(24),
            student: options.count("student", 0)?.unwrap_or(0),
            gradients,
            activation: match options.choice("activation", &["auto", "relu", "silu", "gelu"])? {
                Some("silu") => Activation::Silu,
                Some("gelu") => Activation::Gelu,
                _ => Activation::Relu,
            },
            device: options.get("device").unwrap_or("flex").to_string(),
            burn: false,
            asked: ["pre", "steps"].map(|name| options.get(name).is_some_and(|v| v != "auto")),
            net: kind,
        };
        let asked = options.choice("backend", &["auto", "fused", "burn"])?;
        recipe.burn = asked == Some("burn") || !recipe.on_this_processor();
        if asked == Some("fused") && recipe.burn {
            return Err(InferError::BadOption {
                name: "backend".to_string(),
                why: format!(
                    "`fused` runs on `flex` only, and the device is `{}`",
                    recipe.device
                ),
            });
        }
        if recipe.net != Kind::Mlp && recipe.burn {
            return Err(InferError::BadOption {
                name: "net".to_string(),
                why: "networks that follow a program's structure run on `flex` only, by our own passes".to_string(),
            });
        }
        recipe.backend()?;
        Ok(recipe)
    }

    /// Steps of denoising, and whether they were asked for.
    pub fn denoised(&self) -> (usize, bool) {
        (self.pre, self.asked[0])
    }

    /// Steps of trajectory balance, and whether they were asked for.
    pub fn balanced(&self) -> (usize, bool) {
        (self.steps, self.asked[1])
    }

    /// Units in each hidden layer for `dim` diffused coordinates.
    pub fn width_for(&self, dim: usize) -> usize {
        self.width
            .unwrap_or_else(|| (2 * dim).clamp(64, 128).next_multiple_of(16))
    }

    /// Paths in a training step of a policy.
    pub fn batch_for(&self, policy: &Policy) -> usize {
        let noisy = policy.steer.is_some() && policy.frames.dim > WIDE;
        self.batch.unwrap_or(if noisy { 256 } else { 128 })
    }

    fn on_this_processor(&self) -> bool {
        matches!(self.device.as_str(), "flex" | "cpu")
    }

    /// Who computes networks, and where.
    ///
    /// # Errors
    /// `BadOption` where this build has no device of that name.
    pub fn backend(&self) -> Result<Backend, InferError> {
        match device(&self.device) {
            Ok(device) if self.burn => Ok(Backend::Burn(device)),
            Ok(_) => Ok(Backend::Fused),
            Err(why) => Err(InferError::BadOption {
                name: "device".to_string(),
                why,
            }),
        }
    }
}

/// The network that is asked for, where the program has what it needs.
fn net(options: &Options, structure: &Structure, dim: usize) -> Result<Kind, InferError> {
    let kind = match options.choice("net", &["auto", "mlp", "graph", "unet"])? {
        Some("graph") => Kind::Graph,
        Some("unet") => Kind::Unet,
        _ => Kind::Mlp,
    };
    if kind == Kind::Unet && dim > 0 {
        let shapes = structure.related.relations(dim).shapes;
        if !shapes.iter().any(|(_, shape)| is_image(shape)) {
            return Err(InferError::BadOption {
                name: "net".to_string(),
                why: format!(
                    "`unet` needs something drawn of the shape [rows, columns] or [colours, rows, columns], with at least 4 rows and columns; {}",
                    drawn(&shapes)
                ),
            });
        }
    }
    Ok(kind)
}

/// What is drawn, for people.
fn drawn(shapes: &[(String, Vec<usize>)]) -> String {
    const MOST: usize = 6;
    let one = |(name, shape): &(String, Vec<usize>)| match shape.is_empty() {
        true => format!("`{name}` is one number"),
        false => format!("`{name}` has the shape {shape:?}"),
    };
    let mut all: Vec<String> = shapes.iter().take(MOST).map(one).collect();
    if shapes.len() > MOST {
        all.push(format!("and {} more", shapes.len() - MOST));
    }
    match all.is_empty() {
        true => "nothing is known of what this one draws".to_string(),
        false => format!("here {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_options_are_named() {
        let structure = Structure::default();
        let of = |pairs: &[(&str, &str)]| {
            Recipe::new(&Options::from_pairs(pairs.iter().copied()), &structure, 3)
        };
        assert!(of(&[]).is_ok());
        for bad in [
            ("device", "abacus"),
            ("backend", "abacus"),
            ("activation", "step"),
            ("T", "1"),
            ("objective", "rtb"),
            ("warmup", "nuts"),
            ("steps", "-1"),
            ("stps", "1"),
        ] {
            assert!(
                matches!(of(&[bad]), Err(InferError::BadOption { name, .. }) if name == bad.0),
                "{bad:?}"
            );
        }
        assert_eq!(
            of(&[("components", "none")]).unwrap().components,
            Components::Prior
        );
    }
}
