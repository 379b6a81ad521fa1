//! A conjugate pair, whose posterior is known for every y.

use super::*;
use crate::infer::testing::Written;
use crate::infer::{Engine, Options, Settings};
use rand::RngExt;
use rand_distr::StandardNormal;

/// z ~ N(0, 1) twice, y_i = z_0 + z_1 / 2 + noise: three numbers.
struct Line;

const SD: f64 = 0.7;

impl Simulator for Line {
    fn dim(&self) -> usize {
        2
    }

    fn arrays(&self) -> Vec<Vec<usize>> {
        vec![vec![3]]
    }

    fn size(&self) -> usize {
        5
    }

    fn pairs(&self, n: usize, seed: Seed) -> Pairs {
        let mut s = seed.stream("line", 0);
        let mut pairs = Pairs::default();
        for _ in 0..n {
            let z: [f64; 2] = std::array::from_fn(|_| s.sample(StandardNormal));
            pairs.z.extend(z);
            let noise = |_| z[0] + 0.5 * z[1] + SD * s.sample::<f64, _>(StandardNormal);
            pairs.y.extend((0..3).map(noise));
        }
        pairs
    }

    fn target(&self, y: &[f64]) -> Option<Arc<dyn Target>> {
        let y = y.to_vec();
        let log_r = move |z: &[f64]| {
            let terms = y
                .iter()
                .map(|y| -0.5 * ((y - z[0] - 0.5 * z[1]) / SD).powi(2));
            terms.sum::<f64>()
        };
        Some(Arc::new(Written::new(2, log_r)))
    }
}

fn settings(options: &[(&str, &str)]) -> Settings {
    Settings {
        options: Options::from_pairs(options.iter().copied()),
        ..Settings::new(1000, Seed(1))
    }
}

const SHORT: [(&str, &str); 5] = [
    ("fit", "400"),
    ("pre", "150"),
    ("steps", "20"),
    ("datasets", "16"),
    ("student", "0"),
];

#[test]
fn a_conjugate_pair_is_sampled_for_every_y() {
    let sampler = train(&Line, &settings(&SHORT)).unwrap();
    let judged = &sampler.facts.judged;
    assert!(
        judged.ess[0] > 0.8 && judged.light > 0.8,
        "{:?}",
        sampler.facts
    );
    let again = Trained::of_bytes(&sampler.to_bytes()).unwrap();
    for (k, pair) in Line.pairs(5, Seed(9)).y.chunks_exact(3).enumerate() {
        let target = Line.target(pair).unwrap();
        let query = Query {
            sampler: &again,
            y: pair,
        };
        let run = Settings::new(1000, Seed(k as u64));
        let out = query.run(&*target, &run).unwrap();
        assert!(out.reliable, "{:?}", out.warnings);
        // t = z₀ + z₁/2 has prior variance 1.25 and three observations.
        let precision = 1.0 / 1.25 + 3.0 / (SD * SD);
        let mean = pair.iter().sum::<f64>() / (SD * SD) / precision;
        let z = &out.noise.z;
        let t: f64 = z.chunks_exact(2).map(|z| z[0] + 0.5 * z[1]).sum::<f64>() / 1000.0;
        // 5 standard errors of 1000 draws, worth at least half as many.
        assert!(
            (t - mean).abs() < 5.0 / (precision * 500.0).sqrt(),
            "{t} {mean}"
        );
    }
    assert!(again.alarm(&[40.0, -40.0, 3.0]).is_some());
    assert!(again.alarm(&[f64::NAN, 0.0, 0.0]).is_some());
    assert!(again.alarm(&[0.5, 0.1, -0.3]).is_none());
}

/// What leaves by the student is weighed like what leaves by its teacher, and is the same posterior.
#[test]
fn a_student_answers_queries_and_its_teacher_where_asked() {
    let options: Vec<_> = SHORT.iter().copied().chain([("student", "600")]).collect();
    let mut sampler = train(&Line, &settings(&options)).unwrap();
    let told = sampler.facts.student.clone().expect("it was asked for");
    assert!(told.distance < 0.1 && told.folded == 0.0, "{told:?}");
    assert!(told.ess[0] > 0.8, "{told:?}");
    assert!(told.kept, "{told:?}");
    sampler = Trained::of_bytes(&sampler.to_bytes()).unwrap();
    assert!(sampler.student.is_some());
    let y = [0.9, 1.4, 0.2];
    let target = Line.target(&y).unwrap();
    let precision = 1.0 / 1.25 + 3.0 / (SD * SD);
    let mean = y.iter().sum::<f64>() / (SD * SD) / precision;
    for student in ["auto", "no"] {
        let query = Query {
            sampler: &sampler,
            y: &y,
        };
        let mut run = Settings::new(2000, Seed(3));
        run.options = Options::from_pairs([("student", student), ("refresh", "0")]);
        let out = query.run(&*target, &run).unwrap();
        assert!(out.reliable, "{:?}", out.warnings);
        let z = out.noise.z.chunks_exact(2);
        let t = z.map(|z| z[0] + 0.5 * z[1]).sum::<f64>() / 2000.0;
        // 5 standard errors of 2000 draws, worth at least half as many.
        assert!(
            (t - mean).abs() < 5.0 / (precision * 1000.0).sqrt(),
            "{student}: {t} {mean}"
        );
    }
}

#[test]
fn bytes_that_are_no_sampler_are_none() {
    let few = [
        ("fit", "2"),
        ("pre", "2"),
        ("steps", "0"),
        ("datasets", "4"),
        ("student", "5"),
    ];
    let bytes = train(&Line, &settings(&few)).unwrap().to_bytes();
    for n in (0..bytes.len()).step_by(997) {
        assert!(Trained::of_bytes(&bytes[..n]).is_none(), "{n} bytes");
    }
    let mut odd = bytes.clone();
    // The number of arrays.
    odd[0] ^= 1;
    assert!(Trained::of_bytes(&odd).is_none());
}
