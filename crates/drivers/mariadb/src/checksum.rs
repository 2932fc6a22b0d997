//! Compares a copy with its origin without moving the rows.

use sentence::sentence;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::name::quote_identifier;
use crate::session::Session;

/// The longest value that enters its row's hash as it is, in bytes; of a longer one its own hash does.
const SHORT: usize = 64;
/// What stands for a row that could not be hashed: no sum of hashes outweighs it.
const NOT_HASHED: &str = "-1000000000000000000000000000000";

/// Number of rows and a sum over them that does not depend on their order. Two tables with equal
/// checksums hold the same rows, as far as 60-bit hashes can tell; doubled rows count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the rows' hashes.
    pub sum: String,
}

impl Session {
    /// The checksum of `columns` over a table expression: a quoted table, with a `WHERE` where not
    /// all rows count. The caller answers for the expression; columns are quoted here.
    ///
    /// # Errors
    /// Those of asking; [`Error::Protocol`] where a row could not be hashed.
    pub async fn checksum(&mut self, from: &str, columns: &[&str]) -> Result<Checksum> {
        let doing = &sentence!("computing a checksum");
        // No row outgrows max_allowed_packet, which would make its hash NULL, and NULL differs from every
        // value. BINARY keeps the exact bytes.
        let values: Vec<String> = columns
            .iter()
            .map(|column| {
                let value = format!("CAST({} AS BINARY)", quote_identifier(column));
                format!("IFNULL(IF(OCTET_LENGTH({value}) <= {SHORT}, HEX({value}), MD5({value})), 'null')")
            })
            .collect();
        // One aggregate: the server would compute the hash again for each further one.
        let sql = format!(
            "SELECT CAST(COUNT(*) AS CHAR), CAST(COALESCE(SUM(IFNULL(CAST(CONV(LEFT(MD5(CONCAT_WS(',', {})), 15), 16, 10) \
             AS UNSIGNED), {NOT_HASHED})), 0) AS CHAR) FROM {from}",
            values.join(", ")
        );
        let limit = self.statement_limit();
        let rows = self.texts_within(doing, &sql, &[], limit).await?;
        let row = rows.into_iter().next().unwrap_or_default();
        let [Some(count), Some(sum)] = &row[..] else {
            return Err(Error::protocol(doing, sentence!("it has no such columns")));
        };
        if sum.starts_with('-') {
            return Err(Error::protocol(doing, sentence!("a row could not be hashed")));
        }
        Ok(Checksum {
            rows: count.parse().map_err(|_| Error::protocol(doing, sentence!("it is not a number")))?,
            sum: sum.clone(),
        })
    }
}
