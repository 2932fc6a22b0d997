//! Reading rows: words, versions and JSON columns back into their types.

use chrono::{DateTime, Utc};
use domain::Version;
use sentence::{Sentence, sentence};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::mysql::MySqlRow;

use crate::error::{Error, Result};

/// A JSON column.
pub(crate) fn json<T: DeserializeOwned>(row: &MySqlRow, column: &str) -> Result<T> {
    let text: String = row.try_get(column)?;
    serde_json::from_str(&text).map_err(|error| wrong(column, &Sentence::verbatim(error.to_string())))
}

/// A JSON column that may be NULL.
pub(crate) fn json_or_none<T: DeserializeOwned>(row: &MySqlRow, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(|error| wrong(column, &Sentence::verbatim(error.to_string())))
}

/// A value as the text of a JSON column.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string(value)?)
}

/// A column that holds one of our words.
pub(crate) fn word<T>(row: &MySqlRow, column: &str, read: impl Fn(&str) -> Option<T>) -> Result<T> {
    let text: String = row.try_get(column)?;
    read(&text).ok_or_else(|| Error::Corrupt(sentence!("column {column} holds '{text}'", column, text)))
}

/// A column that holds a version.
pub(crate) fn version(row: &MySqlRow, column: &str) -> Result<Version> {
    version_or_none(row, column)?.ok_or_else(|| Error::Corrupt(sentence!("column {column} is NULL", column)))
}

/// A column that holds a version or NULL.
pub(crate) fn version_or_none(row: &MySqlRow, column: &str) -> Result<Option<Version>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse())
        .transpose()
        .map_err(|error: domain::version::InvalidVersion| wrong(column, &error.sentence()))
}

/// A time column.
pub(crate) fn time(row: &MySqlRow, column: &str) -> Result<DateTime<Utc>> {
    Ok(row.try_get(column)?)
}

/// A time column that may be NULL.
pub(crate) fn time_or_none(row: &MySqlRow, column: &str) -> Result<Option<DateTime<Utc>>> {
    Ok(row.try_get(column)?)
}

fn wrong(column: &str, error: &Sentence) -> Error {
    Error::Corrupt(sentence!("column {column}: {error}", column, error))
}
