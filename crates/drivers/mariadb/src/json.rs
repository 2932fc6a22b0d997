//! Queries with parameters whose rows come back as JSON.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use futures::TryStreamExt;
use sentence::sentence;
use serde_json::{Map, Value};
use sqlx::mysql::{MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, Column, Row, TypeInfo};

use crate::error::{Error, Result};
use crate::session::Session;

/// The most rows that one query may return.
const MAX_ROWS: usize = 10_000;

impl Session {
    /// Runs a query with `?` parameters and returns its rows as objects. Numbers stay numbers where
    /// they are exact (decimals are text), times are RFC 3339 in UTC, binary values `0x…`.
    ///
    /// # Errors
    /// [`Error::TooManyRows`] above 10 000 rows, and those of [`Session::execute`].
    pub async fn query_json(&mut self, sql: &str, parameters: &[Value]) -> Result<Vec<Map<String, Value>>> {
        let doing = &sentence!("asking with parameters");
        let limit = self.statement_limit();
        let mut connection = self.take(doing)?;
        let outcome = tokio::time::timeout(limit, collect(&mut connection, sql, parameters)).await;
        self.settle(connection, outcome, doing, limit)?
            .ok_or_else(|| Error::TooManyRows { doing: doing.clone(), limit: MAX_ROWS })
    }
}

/// The rows, or `None` where there are too many.
async fn collect(
    connection: &mut MySqlConnection,
    sql: &str,
    parameters: &[Value],
) -> sqlx::Result<Option<Vec<Map<String, Value>>>> {
    let mut query = sqlx::query(AssertSqlSafe(sql.to_owned()));
    for parameter in parameters {
        query = match parameter {
            Value::Null => query.bind(None::<String>),
            Value::Bool(value) => query.bind(*value),
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(value), _) => query.bind(value),
                (None, Some(value)) => query.bind(value),
                (None, None) => query.bind(number.as_f64()),
            },
            Value::String(text) => query.bind(text.clone()),
            other => query.bind(other.to_string()),
        };
    }
    let mut stream = query.fetch(connection);
    let mut rows = Vec::new();
    let mut too_many = false;
    while let Some(row) = stream.try_next().await? {
        // The rest is read and dropped, so that the connection stays usable.
        too_many |= rows.len() >= MAX_ROWS;
        if !too_many {
            rows.push(object(&row)?);
        }
    }
    Ok((!too_many).then_some(rows))
}

fn object(row: &MySqlRow) -> sqlx::Result<Map<String, Value>> {
    row.columns()
        .iter()
        .map(|column| {
            let value = value(row, column.ordinal(), column.type_info().name())?;
            Ok((column.name().to_owned(), value))
        })
        .collect()
}

fn value(row: &MySqlRow, at: usize, kind: &str) -> sqlx::Result<Value> {
    let value = match kind {
        "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
            row.try_get_unchecked::<Option<i64>, _>(at)?.map(Value::from)
        }
        kind if kind.ends_with("UNSIGNED") || matches!(kind, "BIT" | "YEAR") => {
            row.try_get_unchecked::<Option<u64>, _>(at)?.map(Value::from)
        }
        "FLOAT" => row.try_get::<Option<f32>, _>(at)?.map(Value::from),
        "DOUBLE" => row.try_get::<Option<f64>, _>(at)?.map(Value::from),
        "DATE" => row.try_get::<Option<NaiveDate>, _>(at)?.map(|date| Value::from(date.to_string())),
        "DATETIME" => row.try_get::<Option<NaiveDateTime>, _>(at)?.map(|time| Value::from(time.and_utc().to_rfc3339())),
        "TIMESTAMP" => row.try_get::<Option<DateTime<Utc>>, _>(at)?.map(|time| Value::from(time.to_rfc3339())),
        "TIME" => {
            return Err(sqlx::Error::Decode("cast TIME columns to CHAR".to_owned().into()));
        }
        // Text, decimals, JSON and bytes all come as their characters.
        _ => row.try_get_unchecked::<Option<Vec<u8>>, _>(at)?.map(|bytes| {
            Value::from(String::from_utf8(bytes).unwrap_or_else(|error| format!("0x{}", hex::encode(error.as_bytes()))))
        }),
    };
    Ok(value.unwrap_or(Value::Null))
}
