//! Compares a copy with its origin without moving the rows.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::quote_identifier;
use crate::session::Session;

/// Number of rows and two sums over them that do not depend on their order. Two tables with equal
/// checksums hold the same rows, as far as 60-bit hashes can tell; doubled rows count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the rows' hashes.
    pub sum: String,
    /// The rows' hashes, combined by exclusive or.
    pub xor: String,
}

impl Session {
    /// The checksum of `columns` over a table expression: a quoted table, with a `WHERE` where not
    /// all rows count. The caller answers for the expression; columns are quoted here.
    ///
    /// # Errors
    /// Those of asking; [`Error::Protocol`] where a row could not be hashed.
    pub async fn checksum(&mut self, from: &str, columns: &[&str]) -> Result<Checksum> {
        let doing = "computing a checksum";
        // Each value is hashed by itself: no row outgrows max_allowed_packet, which would make its
        // hash NULL, and NULL differs from every value. BINARY keeps the exact bytes.
        let values: Vec<String> = columns
            .iter()
            .map(|column| {
                let column = quote_identifier(column);
                format!("IFNULL(MD5(CAST({column} AS BINARY)), 'null')")
            })
            .collect();
        let sql = format!(
            "SELECT CAST(COUNT(*) AS CHAR), CAST(COUNT(h) AS CHAR), \
             CAST(COALESCE(SUM(h), 0) AS CHAR), CAST(COALESCE(BIT_XOR(h), 0) AS CHAR) \
             FROM (SELECT CAST(CONV(LEFT(MD5(CONCAT_WS(',', {})), 15), 16, 10) AS UNSIGNED) AS h \
             FROM {from}) AS hashed",
            values.join(", ")
        );
        let limit = self.statement_limit();
        let rows = self.texts_within(doing, &sql, &[], limit).await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let [Some(count), Some(hashed), Some(sum), Some(xor)] = &row[..] else {
            return Err(Error::protocol(doing, "it has no such columns"));
        };
        if count != hashed {
            return Err(Error::protocol(doing, "a row could not be hashed"));
        }
        Ok(Checksum {
            rows: count.parse().map_err(|_| Error::protocol(doing, "it is not a number"))?,
            sum: sum.clone(),
            xor: xor.clone(),
        })
    }
}
