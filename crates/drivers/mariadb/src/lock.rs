//! The named lock that keeps two migrations apart, held by the connection that runs them.

use std::time::Duration;

use sentence::sentence;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::session::{QUESTION_LIMIT, Session};

/// The longest name that the server takes.
const MAX_NAME: usize = 192;

/// The name as the server knows it: too long ones are cut and made unique by a hash.
pub(crate) fn server_name(name: &str) -> String {
    if name.len() <= MAX_NAME {
        return name.to_owned();
    }
    let digest = hex::encode(Sha256::digest(name.as_bytes()));
    let mut cut = MAX_NAME - digest.len() - 1;
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{digest}", &name[..cut])
}

/// Which connection holds the lock.
pub(crate) async fn holder(session: &mut Session, server_name: &str) -> Result<Option<u64>> {
    let doing = &sentence!("asking for a lock's holder");
    let holder = session.text(doing, "SELECT CAST(IS_USED_LOCK(?) AS CHAR)", &[server_name]).await?;
    holder.map(|id| id.parse().map_err(|_| Error::protocol(doing, sentence!("it is not a number")))).transpose()
}

impl Session {
    /// Takes the lock, waiting for it at most `wait` (whole seconds, rounded up). Taken twice by the
    /// same session, it has to be given back twice.
    ///
    /// # Errors
    /// [`Error::LockHeld`] where another connection kept it.
    pub async fn lock(&mut self, name: &str, wait: Duration) -> Result<()> {
        let doing = &sentence!("taking a lock");
        let name = server_name(name);
        // A negative number would make the server answer NULL, with the lock held by nobody.
        let seconds = wait.as_millis().div_ceil(1000);
        let sql = format!("SELECT CAST(GET_LOCK(?, {seconds}) AS CHAR)");
        let answer = self.texts_within(doing, &sql, &[&name], wait.saturating_add(QUESTION_LIMIT)).await?;
        let taken = answer.first().and_then(|row| row.first()).is_some_and(|value| value.as_deref() == Some("1"));
        if taken {
            return Ok(());
        }
        let holder = holder(self, &name).await?;
        Err(Error::LockHeld { name, holder, wait })
    }

    /// Makes sure that this very connection still holds the lock; to be called before each effect.
    ///
    /// # Errors
    /// [`Error::LockNotOurs`] where it does not.
    pub async fn assert_lock(&mut self, name: &str) -> Result<()> {
        let name = server_name(name);
        let holder = holder(self, &name).await?;
        if holder == Some(self.connection_id()) { Ok(()) } else { Err(Error::LockNotOurs { name, holder }) }
    }

    /// Gives the lock back.
    ///
    /// # Errors
    /// [`Error::LockNotOurs`] where this connection did not hold it.
    pub async fn unlock(&mut self, name: &str) -> Result<()> {
        let name = server_name(name);
        let released =
            self.truth(&sentence!("releasing a lock"), "SELECT CAST(RELEASE_LOCK(?) AS CHAR)", &[&name]).await?;
        if released {
            return Ok(());
        }
        let holder = holder(self, &name).await?;
        Err(Error::LockNotOurs { name, holder })
    }
}
