//! CmdStan's CSV, as rstan, cmdstanpy and posterior read it.
//!
//! ```text
//! # num_samples = 1000            what the readers ask for
//! lp__,accept_stat__,mu,x.1.1,x.2.1,x.1.2,x.2.2      indices from 1, the first one fastest, as Stan writes
//! -4.1,1,0.3,…                    an absent value is an empty cell
//! #  Elapsed Time: …              the readers need the words; the figures are 0, so that the bytes are the run's alone
//! ```
//!
//! The header says `fixed_param`, CmdStan's name for draws without a Hamiltonian sampler's adaptation: readers then
//! look for no step size and no metric. One file per chain.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::atomic::write_file;
use super::record::{Record, unlike};
use crate::draws::{Output, OutputKind};

/// Writes `path`, or with several chains `path` with `_1`, `_2`, … before its ending. Returns the files.
///
/// # Errors
/// `Unwritable` with the system's words.
pub fn write_stan_csv(path: &Path, record: &Record) -> Result<Vec<PathBuf>, StoreError> {
    let (chains, _) = record.chains_and_length();
    let paths: Vec<PathBuf> = (1..=chains)
        .map(|chain| chain_path(path, chain, chains))
        .collect();
    let columns = columns(record);
    for (chain, path) in paths.iter().enumerate() {
        write_file(path, |out| write_chain(out, record, &columns, chain))?;
    }
    Ok(paths)
}

fn chain_path(path: &Path, chain: usize, chains: usize) -> PathBuf {
    if chains == 1 {
        return path.to_path_buf();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path
        .extension()
        .map(|e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}_{chain}{}", ending.unwrap_or_default()))
}

/// What stands before the outputs.
const STATISTICS: [&str; 2] = ["lp__", "accept_stat__"];

/// One column: an element of an output.
struct Column<'a> {
    name: String,
    output: &'a Output,
    element: usize,
}

fn columns(record: &Record) -> Vec<Column<'_>> {
    let mut names: Vec<String> = STATISTICS.map(str::to_string).to_vec();
    let mut columns = Vec::new();
    for output in &record.draws.outputs {
        // A dot would be read as an index: `a.b` becomes `a_b`; a statistic's name gets one more `_`.
        let name = unlike(&output.name.replace('.', "_"), |n| {
            names.iter().any(|o| o == n)
        });
        columns.extend(
            column_major(output.shape.dims())
                .into_iter()
                .map(|(index, element)| Column {
                    name: index
                        .iter()
                        .fold(name.clone(), |name, i| format!("{name}.{}", i + 1)),
                    output,
                    element,
                }),
        );
        names.push(name);
    }
    columns
}

/// Indices with the first one fastest, and the row-major position of each.
fn column_major(dims: &[usize]) -> Vec<(Vec<usize>, usize)> {
    let count: usize = dims.iter().product();
    let at = |mut k: usize| {
        let index: Vec<usize> = dims
            .iter()
            .map(|&size| {
                let i = k % size;
                k /= size;
                i
            })
            .collect();
        let flat = index
            .iter()
            .zip(dims)
            .fold(0, |flat, (i, size)| flat * size + i);
        (index, flat)
    };
    (0..count).map(at).collect()
}

fn write_chain(
    out: &mut dyn Write,
    record: &Record,
    columns: &[Column<'_>],
    chain: usize,
) -> std::io::Result<()> {
    let (_, length) = record.chains_and_length();
    header(out, record, chain, length)?;
    let lp = record
        .sample_stats
        .iter()
        .find(|s| s.name == "lp")
        .map(|s| &s.values[..]);
    let accept = record
        .sample_stats
        .iter()
        .find(|s| s.name == "acceptance_rate")
        .map(|s| &s.values[..]);
    write!(out, "{}", STATISTICS.join(","))?;
    columns
        .iter()
        .try_for_each(|c| write!(out, ",{}", c.name))?;
    writeln!(out)?;
    for draw in chain * length..(chain + 1) * length {
        let stat = |values: Option<&[f64]>, other: f64| values.map_or(other, |v| v[draw]);
        write!(
            out,
            "{},{}",
            number(stat(lp, 0.0)),
            number(stat(accept, 1.0))
        )?;
        for c in columns {
            write!(
                out,
                ",{}",
                cell(c.output, draw * c.output.shape.len() + c.element)
            )?;
        }
        writeln!(out)?;
    }
    writeln!(out, "# ")?;
    writeln!(out, "#  Elapsed Time: 0 seconds (Warm-up)")?;
    writeln!(out, "#                0 seconds (Sampling)")?;
    writeln!(out, "#                0 seconds (Total)")?;
    writeln!(out, "# ")
}

fn header(
    out: &mut dyn Write,
    record: &Record,
    chain: usize,
    length: usize,
) -> std::io::Result<()> {
    writeln!(
        out,
        "# Written by odp {} in the format of CmdStan",
        env!("CARGO_PKG_VERSION")
    )?;
    writeln!(out, "# model = {}", record.model)?;
    writeln!(out, "# odp_engine = {}", record.engine)?;
    if record.interrupted {
        writeln!(out, "# interrupted = true")?;
    }
    writeln!(out, "# method = sample (Default)")?;
    writeln!(out, "#   sample")?;
    writeln!(out, "#     num_samples = {length}")?;
    // None is written, but cmdstanpy refuses 0 here.
    writeln!(out, "#     num_warmup = 1")?;
    writeln!(out, "#     save_warmup = false (Default)")?;
    writeln!(out, "#     thin = 1 (Default)")?;
    writeln!(out, "#     algorithm = fixed_param")?;
    writeln!(out, "# id = {}", chain + 1)?;
    writeln!(out, "# random")?;
    writeln!(out, "#   seed = {}", record.seed)
}

fn cell(output: &Output, at: usize) -> String {
    if output.present.get(at) == Some(&false) {
        return String::new();
    }
    match output.kind {
        OutputKind::Real => number(output.values[at]),
        OutputKind::Int | OutputKind::Bool => format!("{}", output.values[at]),
    }
}

/// The shortest text that reads back as the same number.
fn number(x: f64) -> String {
    if x.is_infinite() {
        return if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let text = format!("{x:?}");
    text.strip_suffix(".0")
        .map(str::to_string)
        .unwrap_or(text)
        .replace("NaN", "nan")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Shape;
    use crate::draws::Draws;

    #[test]
    fn indices_run_as_stan_writes_them() {
        let order: Vec<usize> = column_major(&[2, 3])
            .into_iter()
            .map(|(_, flat)| flat)
            .collect();
        assert_eq!(order, [0, 3, 1, 4, 2, 5]);
        assert_eq!(column_major(&[]), [(vec![], 0)]);
    }

    #[test]
    fn a_chain_is_a_header_and_rows() {
        let output = |name: &str, dims: &[usize], values: &[f64], present: &[bool]| Output {
            name: name.to_string(),
            shape: Shape(dims.to_vec()),
            kind: OutputKind::Real,
            values: values.to_vec(),
            present: present.to_vec(),
        };
        let record = Record {
            model: "m".into(),
            engine: "smc".into(),
            seed: 7,
            draws: Draws {
                n: 2,
                chains: 1,
                outputs: vec![
                    output("a.b", &[], &[1e300, f64::NAN], &[true, false]),
                    output("x", &[1, 2], &[1.0, 2.5, -0.1, f64::INFINITY], &[]),
                    output("lp__", &[], &[3.0, 4.0], &[]),
                ],
                log_weights: None,
            },
            ..Record::default()
        };
        let mut out = Vec::new();
        write_chain(&mut out, &record, &columns(&record), 0).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rows: Vec<&str> = text.lines().filter(|l| !l.starts_with('#')).collect();
        assert_eq!(
            rows,
            [
                "lp__,accept_stat__,a_b,x.1.1,x.1.2,lp___",
                "0,1,1e300,1,2.5,3",
                "0,1,,-0.1,inf,4"
            ]
        );
        assert!(text.contains("# num_samples = 2\n") || text.contains("#     num_samples = 2\n"));
    }
}
