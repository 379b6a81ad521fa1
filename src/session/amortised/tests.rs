use std::sync::Arc;

use rand::RngExt;
use rand_distr::StandardNormal;

use super::*;
use crate::store::NoFiles;

const NORMAL: &str = "data y: real[8]\nsample mu ~ Normal(1, 2)\nobserve y ~ Normal(mu, 1.5)\n";

fn compiled(text: &str) -> Program {
    Session::compile("m.odp", text, Arc::new(NoFiles)).unwrap()
}

fn inputs(json: &str) -> Inputs {
    Inputs::from_bytes("d.json", json.as_bytes().to_vec(), 1 << 20).unwrap()
}

fn of(y: &[f64]) -> Inputs {
    let numbers: Vec<String> = y.iter().map(f64::to_string).collect();
    inputs(&format!("{{\"y\": [{}]}}", numbers.join(", ")))
}

fn request(options: &[(&str, &str)]) -> TrainRequest {
    let pairs = options.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    TrainRequest {
        options: pairs.collect(),
        ..TrainRequest::new(&["y"], 1)
    }
}

/// Enough for a posterior of a few smooth dimensions.
const SHORT: [(&str, &str); 5] = [
    ("fit", "300"),
    ("pre", "100"),
    ("steps", "0"),
    ("datasets", "16"),
    ("student", "300"),
];
/// Next to nothing.
const LEAST: [(&str, &str); 5] = [
    ("fit", "2"),
    ("pre", "2"),
    ("steps", "2"),
    ("datasets", "4"),
    ("student", "0"),
];

fn trained(text: &str, data: &str, options: &[(&str, &str)]) -> Result<Sampler, Failure> {
    compiled(text).train(&inputs(data), &Limits::default(), &request(options))
}

fn code(text: &str, data: &str) -> (&'static str, ExitKind) {
    match trained(text, data, &LEAST) {
        Err(failure) => (failure.reports[0].code, failure.exit),
        Ok(_) => ("trained", ExitKind::Model),
    }
}

/// Posterior mean and sd of mu, and log Z.
fn truth(y: &[f64]) -> (f64, f64, f64) {
    let (n, tau2) = (y.len() as f64, 0.25);
    let s2 = 1.5f64.powi(2);
    let precision: f64 = tau2 + n / s2;
    let mean = (tau2 + y.iter().sum::<f64>() / s2) / precision;
    let square: f64 = y.iter().map(|y| y * y / s2).sum::<f64>() + tau2;
    let log_z = -0.5 * (square - precision * mean * mean)
        - 0.5 * n * (std::f64::consts::TAU * s2).ln()
        + 0.5 * (tau2 / precision).ln();
    (mean, precision.sqrt().recip(), log_z)
}

#[test]
fn a_conjugate_normal_is_right_for_twenty_data_sets() {
    let sampler = trained(NORMAL, "{}", &SHORT).unwrap();
    assert!(
        sampler.facts().held_out.ess_median > 0.8,
        "{}",
        sampler.facts().words()
    );
    let mut stream = Seed(5).stream("y", 0);
    for k in 0..20 {
        let mut normal = || stream.sample::<f64, _>(StandardNormal);
        let mu = 1.0 + 2.0 * normal();
        let y: Vec<f64> = (0..8).map(|_| mu + 1.5 * normal()).collect();
        let run = InferRequest::new("diffusion", k);
        let answer = sampler.query(&of(&y), &Limits::default(), &run).unwrap();
        let (mean, sd, log_z) = truth(&y);
        let mu = &answer.parameters[0].1;
        assert!(
            answer.reliable && answer.engine == "diffusion",
            "{:?}",
            answer.warnings
        );
        // 4000 draws worth at least half as many: a standard error of sd / √2000; 5 of them for the mean and for the sd
        // (whose own is smaller by √2). Over all of this the chance of a false alarm is 60 · 6e-7.
        let error = 5.0 * sd / 2000f64.sqrt();
        assert!((mu.mean.unwrap() - mean).abs() < error, "{mu:?} {mean}");
        assert!((mu.sd.unwrap() - sd).abs() < error, "{mu:?} {sd}");
        let z = answer.log_z;
        let off = (z.estimate.unwrap() - log_z).abs();
        assert!(off < 5.0 * z.se.unwrap() + 1e-3, "{z:?} {log_z}");
    }
}

#[test]
fn data_that_is_unlike_the_simulated_goes_to_smc() {
    let sampler = trained(NORMAL, "{}", &SHORT).unwrap();
    let y = [60.0, 61.0, 59.5, 60.5, 62.0, 58.0, 60.0, 60.0];
    let run = InferRequest::new("diffusion", 1);
    let answer = sampler.query(&of(&y), &Limits::default(), &run).unwrap();
    assert_eq!(
        (answer.engine.as_str(), answer.requested.as_str()),
        ("smc", "diffusion")
    );
    assert!(
        answer.warnings[0].contains("not like the simulated data"),
        "{:?}",
        answer.warnings
    );
    let (mean, sd, _) = truth(&y);
    // SMC's own draws are worth some hundreds here: 5 standard errors of 400.
    let found = answer.parameters[0].1.mean.unwrap();
    assert!((found - mean).abs() < 5.0 * sd / 20.0, "{found} {mean}");
}

#[test]
fn a_file_holds_all_that_a_query_needs_and_threads_change_nothing() {
    let text = "data N: int\ndata x: real[N]\ndata y: int[N]\nsample a ~ Normal(0, 1)\nsample b ~ Normal(0, 1)\nobserve y ~ Poisson(exp(a + b * x))\n";
    let data = "{\"N\": 3, \"x\": [-1, 0, 1]}";
    let path = std::env::temp_dir().join(format!("odp-sampler-session-{}", std::process::id()));
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let sampler = pool.install(|| trained(text, data, &LEAST)).unwrap();
        sampler.write(&path).unwrap();
        (sampler, std::fs::read(&path).unwrap())
    };
    let ((sampler, one), (_, three)) = (bytes(1), bytes(3));
    assert!(one == three);
    let again = Sampler::read(&path, 1 << 24).unwrap();
    std::fs::remove_file(&path).unwrap();
    let run = InferRequest {
        draws: 200,
        ..InferRequest::new("diffusion", 3)
    };
    let ask = |s: &Sampler, data: &str| s.query(&inputs(data), &Limits::default(), &run);
    let y = "{\"y\": [0, 1, 4]}";
    let (a, b) = (ask(&sampler, y).unwrap(), ask(&again, y).unwrap());
    assert_eq!(a.parameters, b.parameters);
    assert_eq!(again.facts().amortized, ["y"]);
    // The training's data may be repeated, and not changed.
    assert!(ask(&again, "{\"y\": [0, 1, 4], \"x\": [-1, 0, 1], \"N\": 3}").is_ok());
    let refused = |data: &str| ask(&again, data).unwrap_err().reports[0].code;
    assert_eq!(
        refused("{\"y\": [0, 1, 4], \"x\": [-1, 0, 2]}"),
        "odp::session::other_data"
    );
    assert_eq!(refused("{\"y\": [0, 1.5, 4]}"), "odp::data::kind");
    assert_eq!(refused("{\"y\": [0, 1]}"), "odp::data::size");
    assert_eq!(refused("{}"), "odp::data::missing");
}

#[test]
fn what_cannot_be_amortised_is_refused_at_its_place() {
    let unknown = code(
        "data z: real\nsample x ~ Normal(0, 1)\nobserve z ~ Normal(x, 1)\n",
        "{}",
    );
    assert_eq!(unknown, ("odp::session::unknown_data", ExitKind::Input));
    let refusals = [
        // A covariate, and a size.
        (
            "data y: real[n]\ndata o: real[n]\nsample x ~ Normal(0, 1)\nobserve o ~ Normal(x * y, 1)\n",
            "{\"y\": [1, 2], \"o\": [1, 2]}",
        ),
        (
            "data y: int\ndata o: real[y]\nsample x ~ Normal(0, 1)\nobserve o ~ Normal(x, 1)\n",
            "{\"y\": 2, \"o\": [1, 2]}",
        ),
        // Missing elements.
        (
            "data y: real?[2]\nsample x ~ Normal(0, 1)\nobserve y ~ Normal(x, 1)\n",
            "{\"y\": [1, null]}",
        ),
        // No bound.
        (
            "data y: real\nfn f() { sample b ~ Bernoulli(0.5)\nif b == 1 { 1.0 + f() } else { 0.0 } }\nlet k = f()\nobserve y ~ Normal(k, 1)\n",
            "{}",
        ),
        // Draws that depend on the data.
        (
            "data y: real\nsample x ~ Normal(0, 1)\nobserve y ~ Normal(x, 1)\nif y > 0 { sample w ~ Normal(x, 1)\nobserve 0.0 ~ Normal(w, 1) }\n",
            "{}",
        ),
        // Nothing to learn.
        (
            "data y: real\nsample x ~ Normal(0, 1)\nobserve y ~ Normal(0, 1)\n",
            "{}",
        ),
        // What is never observed, and not given.
        (
            "data y: real[3]\nsample p ~ Normal(0, 1)\nobserve y[2] ~ Normal(p, 1)\n",
            "{}",
        ),
    ];
    for (text, data) in refusals {
        let got = code(text, data);
        assert_eq!(
            got,
            ("odp::session::not_amortisable", ExitKind::Model),
            "{text}"
        );
    }
    let twice = code(
        "data y: real\nsample x ~ Normal(0, 1)\nobserve y ~ Normal(x, 1)\nobserve y ~ Normal(-x, 1)\n",
        "{}",
    );
    assert_eq!(twice, ("odp::trace::observed_twice", ExitKind::Model));
    let weights = code(
        "data y: real\nsample x ~ Normal(0, 1)\ncondition x > 0\nobserve y ~ Normal(x, 1)\n",
        "{}",
    );
    assert_eq!(weights.0, "odp::session::not_simulable");
    let option = compiled(NORMAL).train(
        &Inputs::default(),
        &Limits::default(),
        &request(&[("particles", "3")]),
    );
    assert_eq!(
        option.err().unwrap().reports[0].code,
        "odp::infer::bad_option"
    );
}

#[test]
fn what_is_observed_and_not_named_is_read_at_each_query() {
    let text = "data y: real\ndata w: real\nsample x ~ Normal(0, 1)\nobserve y ~ Normal(x, 1)\nobserve w ~ Normal(x, 1)\n";
    let sampler = trained(text, "{\"w\": 0.5}", &SHORT).unwrap();
    let run = InferRequest::new("diffusion", 1);
    let mean = |data: &str| {
        let answer = sampler
            .query(&inputs(data), &Limits::default(), &run)
            .unwrap();
        answer.parameters[0].1.mean.unwrap()
    };
    // (y + w) / 3, sd 0.58; 5 standard errors of 2000 draws.
    assert!((mean("{\"y\": 1}") - 0.5).abs() < 0.065);
    assert!((mean("{\"y\": 1, \"w\": 2}") - 1.0).abs() < 0.065);
}

#[test]
fn either_arm_of_a_branch_may_observe() {
    let text = "data y: real\nsample k ~ Bernoulli(0.5)\nsample x ~ Normal(0, 1)\nif k == 1 { observe y ~ Normal(x + 3, 1) } else { observe y ~ Normal(x - 3, 1) }\n";
    let program = compiled(text);
    let limits = Limits::default();
    let source = Source::new(program, &Inputs::default(), &limits, &request(&[])).unwrap();
    use crate::infer::diffusion::amortised::Simulator;
    let y = source.pairs(400, Seed(1)).y;
    // Half of them lie on either side, and hardly any between: 5 standard errors of 10.
    let above = y.iter().filter(|y| **y > 0.0).count();
    assert!((150..=250).contains(&above), "{above}");
    assert!(y.iter().all(|y| *y != 0.0));
}

/// A folder in memory.
struct Files(Vec<(&'static str, Vec<u8>)>);

impl crate::store::Loader for Files {
    fn read(&self, from: &str, path: &str) -> Result<crate::store::Loaded, StoreError> {
        match self.0.iter().find(|(name, _)| *name == path) {
            Some((name, bytes)) => Ok(crate::store::Loaded {
                name: name.to_string(),
                bytes: bytes.clone(),
            }),
            None => NoFiles.read(from, path),
        }
    }
}

fn bytes(sampler: &Sampler) -> Vec<u8> {
    let name = format!(
        "odp-prior-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    );
    let path = std::env::temp_dir().join(name);
    sampler.write(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    bytes
}

fn beside(sampler: &Sampler, data: &str, text: &str) -> Result<Program, Failure> {
    let files = vec![
        ("s.odpz", bytes(sampler)),
        ("d.json", data.as_bytes().to_vec()),
    ];
    Session::compile("second.odp", text, Arc::new(Files(files)))
}

/// Yesterday's posterior is today's prior: both data sets' conjugate posterior comes out, and what the first program draws
/// beside its evidence comes along.
#[test]
fn a_posterior_is_another_programs_prior() {
    let text = "data y: real[8]\nsample mu ~ Normal(1, 2)\nsample b ~ Flip(0.3)\nobserve y ~ Normal(mu, 1.5)\nreturn { mu, b }\n";
    let sampler = trained(text, "{}", &SHORT).unwrap();
    let y = [2.1, 3.3, 0.4, 2.7, 1.9, 2.2, 3.8, 1.0];
    let z = [4.0, 3.1, 5.2];
    let data = format!("{{\"y\": {y:?}}}");
    let second = "data z: real[3]\nlet first = posterior(\"s.odpz\", \"d.json\")\nlet p = first()\nlet q = first()\nobserve z ~ Normal(p.mu, 1.5)\nreturn { mu: p.mu, b: p.b, other: q.mu }\n";
    let program = beside(&sampler, &data, second).unwrap();
    let bound = program
        .bind(&inputs(&format!("{{\"z\": {z:?}}}")), &Limits::default())
        .unwrap();
    let answer = bound.infer(&InferRequest::new("nuts", 1)).unwrap();
    assert!(answer.reliable, "{:?}", answer.warnings);
    let all: Vec<f64> = y.iter().chain(&z).copied().collect();
    let figure = |name: &str| {
        let found = answer.parameters.iter().find(|(n, _)| n == name);
        let figures = &found.expect("an output").1;
        (figures.mean.unwrap(), figures.sd.unwrap())
    };
    // A student that is a tenth of a standard deviation off passes; one that forgot the data does not.
    for (name, (mean, sd, _)) in [("mu", truth(&all)), ("other", truth(&y))] {
        let found = figure(name);
        assert!(
            (found.0 - mean).abs() < 0.15 * sd,
            "{name} {found:?}, truth {mean} {sd}"
        );
        assert!(
            (found.1 / sd - 1.0).abs() < 0.12,
            "{name} {found:?}, truth {mean} {sd}"
        );
    }
    // 4000 draws: a standard error of .007.
    assert!((figure("b").0 - 0.3).abs() < 0.035, "{:?}", figure("b"));
}

/// The same choices stand at the same places of both programs, and in a memoised function: each program's are its own.
#[test]
fn choices_of_two_programs_are_not_one() {
    let head = "sample mu ~ Normal(1, 2)\nvar c = false\nif mu > -50 { c = sample Flip(0.3) }\nmemo fn m(i) { sample Flip(0.5) }\nlet d = c and m(0)\n";
    let inner =
        format!("data y: real[8]\n{head}observe y ~ Normal(mu, 1.5)\nreturn {{ c, d, m: m(0) }}\n");
    let sampler = trained(&inner, "{}", &SHORT).unwrap();
    let outer = format!(
        "data z: real[8]\n{head}let first = posterior(\"s.odpz\", \"d.json\")\nlet p = first()\nreturn {{ other: int(p.c != c), wrong: int(p.d != (p.c and p.m)), apart: int(p.m != m(0)), d }}\n"
    );
    let y = "[2.1, 3.3, 0.4, 2.7, 1.9, 2.2, 3.8, 1.0]";
    let program = beside(&sampler, &format!("{{\"y\": {y}}}"), &outer).unwrap();
    let data = inputs(&format!("{{\"z\": {y}}}"));
    let bound = program.bind(&data, &Limits::default()).unwrap();
    let answer = bound.infer(&InferRequest::new("prior", 1)).unwrap();
    let mean = |name: &str| {
        let found = answer.parameters.iter().find(|(n, _)| n == name);
        found.expect("an output").1.mean.unwrap()
    };
    // 4000 draws: standard errors of .008.
    assert!((mean("other") - 0.42).abs() < 0.04, "{}", mean("other"));
    assert!((mean("apart") - 0.5).abs() < 0.04, "{}", mean("apart"));
    assert_eq!(mean("wrong"), 0.0);
}

#[test]
fn a_posterior_that_cannot_be_drawn_from_is_refused_where_it_is_named() {
    let sampler = trained(NORMAL, "{}", &LEAST).unwrap();
    let text = "let first = posterior(\"s.odpz\", \"d.json\")\nlet p = first()\nreturn p\n";
    let refused = |data: &str, text: &str| {
        let failure = beside(&sampler, data, text).unwrap_err();
        let label = failure.reports[0].labels[0].span;
        assert!(label.start > 0 && label.file.0 == 0, "{failure}");
        failure.reports[0].message.clone()
    };
    let none = refused("{\"y\": [1, 2, 3, 4, 5, 6, 7, 8]}", text);
    assert!(none.contains("no one-step student"), "{none}");
    let short = refused("{\"y\": [1, 2]}", text);
    assert!(short.contains("axis 0"), "{short}");
    let far = refused(
        "{\"y\": [900, -900, 900, -900, 900, -900, 900, -900]}",
        text,
    );
    assert!(far.contains("not like the simulated data"), "{far}");
    let other = refused(
        "{}",
        "let first = posterior(\"d.json\", \"d.json\")\nreturn 1\n",
    );
    assert!(other.contains("sampler"), "{other}");
}
