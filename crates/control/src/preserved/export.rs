//! An export of what was put aside, piece by piece: CSV (RFC 4180) or JSON lines.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use data_engine::{Cell, KeptRows};
use domain::ids::EnvironmentId;
use futures::{Stream, stream};
use sentence::sentence;
use serde_json::{Map, Number, Value, json};
use tokio::time::Instant;

use crate::environments::locked;
use crate::{Control, Error, Result};

/// A piece goes out when it has so many bytes.
const PIECE: usize = 64 * 1024;
/// How often it is looked whether a job has begun.
const LOOK: Duration = Duration::from_secs(2);

/// What an export looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180 with a line of names. NULL is an empty field, an empty text is `""`; bytes are in base64.
    Csv,
    /// One JSON object a line. Bytes are `{"$base64": "…"}`; documents are in MongoDB's canonical extended JSON.
    JsonLines,
}

impl ExportFormat {
    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }
}

/// An export that was begun.
pub struct Export {
    control: Control,
    environment: EnvironmentId,
    format: ExportFormat,
    rows: KeptRows,
    looked: Instant,
    /// What has been written and not handed on.
    piece: Vec<u8>,
    at_end: bool,
}

impl Export {
    pub(super) fn new(control: Control, environment: EnvironmentId, format: ExportFormat, rows: KeptRows) -> Self {
        let mut piece = Vec::new();
        if format == ExportFormat::Csv {
            write_record(&mut piece, rows.columns.iter().map(|name| Some(name.clone())));
        }
        Self { control, environment, format, rows, looked: Instant::now(), piece, at_end: false }
    }

    /// Its pieces. An error is the last of them: then the export is not whole.
    pub fn pieces(self) -> impl Stream<Item = Result<Vec<u8>>> + Send {
        stream::unfold(Some(self), |export| async move {
            let mut export = export?;
            match export.next().await {
                Ok(None) => None,
                Ok(Some(piece)) => Some((Ok(piece), Some(export))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        while !self.at_end && self.piece.len() < PIECE {
            match self.rows.next().await {
                None => self.at_end = true,
                Some(Ok(row)) => self.write(row),
                Some(Err(error)) => {
                    let detail = sentence!("the export was broken off: {error}", error = error.sentence());
                    return Err(Error::new(domain::problem::ProblemType::Unavailable, detail));
                }
            }
            if self.looked.elapsed() > LOOK {
                self.give_way().await?;
            }
        }
        let piece = std::mem::take(&mut self.piece);
        Ok((!piece.is_empty()).then_some(piece))
    }

    /// Fails once a job holds the environment: a reader would keep it from the tables.
    async fn give_way(&mut self) -> Result<()> {
        self.looked = Instant::now();
        match self.control.database().environment_by_id(self.environment).await?.active_job {
            Some(job) => Err(locked(job)),
            None => Ok(()),
        }
    }

    fn write(&mut self, row: Vec<Cell>) {
        match self.format {
            ExportFormat::Csv => write_record(&mut self.piece, row.into_iter().map(field)),
            ExportFormat::JsonLines => {
                let mut values = row.into_iter().map(json);
                let line = if self.rows.has_documents() {
                    values.next().unwrap_or_default()
                } else {
                    Value::Object(self.rows.columns.iter().cloned().zip(values).collect::<Map<_, _>>())
                };
                self.piece.extend_from_slice(line.to_string().as_bytes());
                self.piece.push(b'\n');
            }
        }
    }
}

/// A value in JSON. What JSON cannot tell apart is told: bytes from texts.
pub(super) fn json(cell: Cell) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) => Value::String(text),
        Cell::Bytes(bytes) => json!({ "$base64": STANDARD.encode(bytes) }),
        Cell::Document(document) => document,
        Cell::Number(text) => number(&text).map_or(Value::String(text), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = text.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(text.parse().ok()?)
}

fn field(cell: Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) | Cell::Number(text) => Some(text),
        Cell::Bytes(bytes) => Some(STANDARD.encode(bytes)),
        Cell::Document(document) => Some(document.to_string()),
    }
}

fn write_record(to: &mut Vec<u8>, fields: impl Iterator<Item = Option<String>>) {
    for (at, field) in fields.enumerate() {
        if at > 0 {
            to.push(b',');
        }
        let Some(text) = field else { continue };
        // An empty text is quoted, so that it is not taken for NULL.
        if text.is_empty() || text.contains(['"', ',', '\r', '\n']) {
            to.extend_from_slice(format!("\"{}\"", text.replace('"', "\"\"")).as_bytes());
        } else {
            to.extend_from_slice(text.as_bytes());
        }
    }
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_record_tells_null_from_nothing_and_quotes_what_would_break_it() {
        let mut record = Vec::new();
        let row = [
            Cell::Null,
            Cell::Text(String::new()),
            Cell::Text("a \"b\", c\nd".into()),
            Cell::Number("-1.50".into()),
            Cell::Bytes(vec![0, 255]),
        ];
        write_record(&mut record, row.into_iter().map(field));
        assert_eq!(String::from_utf8(record).unwrap(), ",\"\",\"a \"\"b\"\", c\nd\",-1.50,AP8=\r\n");
    }

    #[test]
    fn types_survive_in_json() {
        let told = |cell| json(cell).to_string();
        assert_eq!(told(Cell::Null), "null");
        assert_eq!(told(Cell::Text("12".into())), "\"12\"");
        assert_eq!(told(Cell::Number("18446744073709551615".into())), "18446744073709551615");
        assert_eq!(told(Cell::Number("-0.1".into())), "-0.1");
        assert_eq!(told(Cell::Bytes(b"\x00\xff".to_vec())), "{\"$base64\":\"AP8=\"}");
    }
}
