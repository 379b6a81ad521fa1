//! Parquet, in binaries built with the feature `parquet`: flat columns in, draws out.
//!
//! ```text
//! in   a column becomes an array, as a CSV's column does: nulls are missing, texts become codes
//! out  chain, draw, then every element of every output as a column of doubles; null where a value is absent
//! ```

use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Repetition, Type as Physical};
use parquet::data_type::{DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::record::Field;
use parquet::schema::types::Type;

use super::atomic::write_file;
use super::csv::read_csv;
use super::{Inputs, Record, StoreError};

/// All columns of a file.
///
/// # Errors
/// `Malformed` where it is no Parquet, or a column holds lists or records.
pub fn read_parquet(file: &str, bytes: Vec<u8>) -> Result<Inputs, StoreError> {
    let text = as_csv(bytes).map_err(|what| StoreError::BadArray {
        file: file.to_string(),
        what,
    })?;
    read_csv(file, &text)
}

/// The table as CSV, whose rules for columns are those of every table.
fn as_csv(bytes: Vec<u8>) -> Result<String, String> {
    let words = |e: ParquetError| e.to_string();
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(words)?;
    let mut out = csv::Writer::from_writer(Vec::new());
    let schema = reader.metadata().file_metadata().schema_descr();
    let mut header = Vec::with_capacity(schema.num_columns());
    for column in schema.columns() {
        if column.path().parts().len() != 1 || column.max_rep_level() > 0 {
            return Err(format!("the column `{}` is no plain column", column.path()));
        }
        header.push(column.name().to_string());
    }
    out.write_record(&header).map_err(|e| e.to_string())?;
    for row in reader.get_row_iter(None).map_err(words)? {
        let row = row.map_err(words)?;
        let mut cells = Vec::with_capacity(header.len());
        for (name, field) in row.get_column_iter() {
            cells.push(cell(name, field)?);
        }
        out.write_record(&cells).map_err(|e| e.to_string())?;
    }
    let bytes = out.into_inner().map_err(|e| e.to_string())?;
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

fn cell(name: &str, field: &Field) -> Result<String, String> {
    Ok(match field {
        Field::Null => "NA".to_string(),
        Field::Bool(x) => x.to_string(),
        Field::Byte(x) => x.to_string(),
        Field::Short(x) => x.to_string(),
        Field::Int(x) => x.to_string(),
        Field::Long(x) => x.to_string(),
        Field::UByte(x) => x.to_string(),
        Field::UShort(x) => x.to_string(),
        Field::UInt(x) => x.to_string(),
        Field::ULong(x) => x.to_string(),
        // A real stays one where it is whole.
        Field::Float(x) => format!("{x:?}"),
        Field::Double(x) => format!("{x:?}"),
        Field::Str(text) => text.clone(),
        _ => {
            return Err(format!(
                "the column `{name}` holds neither numbers, bools nor texts"
            ));
        }
    })
}

/// Writes a run's draws.
///
/// # Errors
/// `Unwritable` with the system's words.
pub fn write_parquet(path: &Path, record: &Record) -> Result<(), StoreError> {
    let bytes = table(record).map_err(|e| StoreError::BadArray {
        file: path.display().to_string(),
        what: e.to_string(),
    })?;
    write_file(path, |out| out.write_all(&bytes))
}

fn table(record: &Record) -> Result<Vec<u8>, ParquetError> {
    let outputs = &record.draws.outputs;
    let elements = || {
        outputs
            .iter()
            .flat_map(|o| (0..o.shape.len()).map(move |e| (o, e)))
    };
    let column = |name: &str, physical: Physical, repetition: Repetition| {
        let built = Type::primitive_type_builder(name, physical).with_repetition(repetition);
        built.build().map(Arc::new)
    };
    let mut fields = vec![
        column("chain", Physical::INT64, Repetition::REQUIRED)?,
        column("draw", Physical::INT64, Repetition::REQUIRED)?,
    ];
    for (o, e) in elements() {
        fields.push(column(
            &o.element_name(e),
            Physical::DOUBLE,
            Repetition::OPTIONAL,
        )?);
    }
    let schema = Type::group_type_builder("draws")
        .with_fields(fields)
        .build()?;
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties)?;
    let mut group = writer.next_row_group()?;
    let (_, length) = record.chains_and_length();
    let n = record.draws.n as i64;
    let length = length.max(1) as i64;
    indices(&mut group, (0..n).map(|i| i / length).collect())?;
    indices(&mut group, (0..n).map(|i| i % length).collect())?;
    for (o, e) in elements() {
        let width = o.shape.len();
        let at = |draw: usize| draw * width + e;
        let here = |draw: &usize| o.present.get(at(*draw)) != Some(&false);
        let levels: Vec<i16> = (0..record.draws.n).map(|d| i16::from(here(&d))).collect();
        let values: Vec<f64> = (0..record.draws.n)
            .filter(here)
            .map(|d| o.values[at(d)])
            .collect();
        let mut column = group
            .next_column()?
            .expect("as many columns as the schema has");
        column
            .typed::<DoubleType>()
            .write_batch(&values, Some(&levels), None)?;
        column.close()?;
    }
    group.close()?;
    writer.into_inner()
}

fn indices(
    group: &mut SerializedRowGroupWriter<Vec<u8>>,
    values: Vec<i64>,
) -> Result<(), ParquetError> {
    let mut column = group
        .next_column()?
        .expect("as many columns as the schema has");
    column
        .typed::<Int64Type>()
        .write_batch(&values, None, None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Shape, Values};
    use crate::draws::{Draws, Output, OutputKind};

    #[test]
    fn draws_come_back_as_columns() {
        let output = Output {
            name: "x".into(),
            shape: Shape::vector(2),
            kind: OutputKind::Real,
            values: vec![1.0, 2.5, 3.0, f64::NAN],
            present: vec![true, true, true, false],
        };
        let record = Record {
            draws: Draws {
                n: 2,
                chains: 1,
                outputs: vec![output],
                log_weights: None,
            },
            ..Record::default()
        };
        let inputs = read_parquet("d.parquet", table(&record).unwrap()).unwrap();
        let draw = inputs.data.get("draw").unwrap();
        assert!(matches!(&draw.values, Values::Int(v) if v[..] == [0, 1]));
        let first = inputs.data.get("x[0]").unwrap();
        assert!(matches!(&first.values, Values::Real(v) if v[..] == [1.0, 3.0]));
        let second = inputs.data.get("x[1]").unwrap();
        assert_eq!((second.missing.len(), second.missing[1]), (2, true));
    }

    #[test]
    fn what_is_no_parquet_is_told() {
        let wrong = read_parquet("d.parquet", b"PAR1 nothing".to_vec());
        assert!(matches!(wrong, Err(StoreError::BadArray { .. })));
    }
}
