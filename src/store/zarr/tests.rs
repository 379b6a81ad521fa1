//! The bytes of a Zarr folder, and what may be replaced by one.

use super::*;
use crate::base::{Entry, Shape, Values};
use crate::draws::Draws;
use crate::store::Stat;

fn output(
    name: &str,
    dims: &[usize],
    kind: OutputKind,
    per: impl Fn(usize) -> f64,
    present: Vec<bool>,
) -> Output {
    let shape = Shape(dims.to_vec());
    let values = (0..80 * shape.len()).map(per).collect();
    Output {
        name: name.to_string(),
        shape,
        kind,
        values,
        present,
    }
}

fn record() -> Record {
    let gap = |i: usize| i.is_multiple_of(3);
    let outputs = vec![
        output("mu", &[], OutputKind::Real, |i| (i as f64).sin(), vec![]),
        output(
            "theta",
            &[2, 3],
            OutputKind::Real,
            |i| (i as f64).cos(),
            vec![],
        ),
        output("r.k", &[], OutputKind::Int, |i| (i % 4) as f64, vec![]),
        output("flag", &[], OutputKind::Bool, |i| (i % 2) as f64, vec![]),
        output(
            "g",
            &[],
            OutputKind::Real,
            |i| if gap(i) { f64::NAN } else { i as f64 },
            (0..80).map(|i| !gap(i)).collect(),
        ),
        output("draw", &[], OutputKind::Real, |i| i as f64, vec![]),
        output("none", &[0], OutputKind::Real, |i| i as f64, vec![]),
    ];
    let y = Entry {
        values: Values::Real(vec![1.0, f64::NAN]),
        shape: Shape::vector(2),
        missing: vec![false, true],
        origin: Default::default(),
    };
    let n = Entry {
        values: Values::Int(vec![2]),
        shape: Shape::scalar(),
        missing: vec![],
        origin: Default::default(),
    };
    Record {
        model: "m".into(),
        engine: "nuts".into(),
        seed: u64::MAX,
        draws: Draws {
            n: 80,
            chains: 4,
            outputs,
            log_weights: None,
        },
        sample_stats: vec![
            Stat {
                name: "lp".into(),
                values: vec![-1.5; 80],
            },
            Stat {
                name: "diverging".into(),
                values: vec![0.0; 80],
            },
        ],
        observed: vec![("y".into(), y), ("n".into(), n)],
        ..Record::default()
    }
}

fn place(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("odp-zarr-{name}-{}", std::process::id()))
}

fn read(path: &Path, node: &str) -> Value {
    metadata(&path.join(node)).unwrap()
}

#[test]
fn arrays_are_one_chunk_of_raw_bytes() {
    let path = place("bytes");
    write_zarr(&path, &record()).unwrap();
    let theta = read(&path, "posterior/theta");
    assert_eq!(theta["shape"], json!([4, 20, 2, 3]));
    assert_eq!(
        theta["dimension_names"],
        json!(["chain", "draw", "theta_dim_0", "theta_dim_1"])
    );
    let bytes = fs::read(path.join("posterior/theta/c/0/0/0/0")).unwrap();
    assert_eq!(bytes[8..16], 1f64.cos().to_le_bytes());
    assert_eq!(
        fs::read(path.join("posterior/r.k/c/0/0")).unwrap()[8..16],
        1i64.to_le_bytes()
    );
    assert_eq!(
        fs::read(path.join("posterior/g_present/c/0/0")).unwrap()[..4],
        [0, 1, 1, 0]
    );
    assert_eq!(read(&path, "sample_stats/diverging")["data_type"], "bool");
    assert_eq!(
        fs::read(path.join("observed_data/n/c")).unwrap(),
        2i64.to_le_bytes()
    );
    let root = read(&path, "");
    let nodes = root["consolidated_metadata"]["metadata"]
        .as_object()
        .unwrap();
    assert_eq!(nodes["posterior/theta"], theta);
    assert!(nodes.contains_key("posterior/draw_") && nodes.contains_key("posterior/draw"));
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn only_what_odp_wrote_is_replaced() {
    let path = place("replace");
    fs::create_dir(&path).unwrap();
    write_zarr(&path, &record()).unwrap();
    let first = fs::read(path.join("zarr.json")).unwrap();
    write_zarr(&path, &record()).unwrap();
    assert_eq!(fs::read(path.join("zarr.json")).unwrap(), first);
    let foreign = path.join("posterior/notes.txt");
    fs::write(&foreign, "keep me").unwrap();
    assert!(matches!(
        write_zarr(&path, &record()),
        Err(StoreError::Foreign { .. })
    ));
    assert!(foreign.exists());
    fs::remove_file(path.join("zarr.json")).unwrap();
    assert!(matches!(
        write_zarr(&path, &record()),
        Err(StoreError::Foreign { .. })
    ));
    fs::remove_dir_all(path).unwrap();
}
