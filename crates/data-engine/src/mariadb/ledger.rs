//! The end of a migration: the target's ledger, the fingerprint, and our own ledger.

use sentence::{Sentence, sentence};
use std::collections::BTreeMap;

use domain::ledger::{Direction, OurLedger};
use driver_mariadb::{Fingerprint, Ledger, LedgerForm, Session, fingerprint};
use saga::{StatementKey, StepError};
use serde_json::json;

use super::session::Run;
use crate::error::Error;
use crate::script::Script;

/// The ledger's own table: it comes into being with its first entry, so it is no part of the schema.
const TABLE: &str = "schema_migrations";
/// How many differences a message names.
const NAMED: usize = 5;

/// The schema without the ledger.
pub(crate) async fn schema(session: &mut Session, database: &str) -> driver_mariadb::Result<Fingerprint> {
    let whole = fingerprint(session, database).await?;
    let member = format!(" {TABLE}.");
    let itself = format!(" {TABLE}");
    let objects: BTreeMap<String, String> = whole
        .objects
        .into_iter()
        .filter(|(object, _)| !object.ends_with(&itself) && !object.contains(&member))
        .collect();
    Ok(Fingerprint::of(objects))
}

impl Run {
    /// Fails where the target's ledger is of a form that is not understood: then nothing is begun.
    pub(crate) async fn assert_ledger(&mut self) -> Result<(), StepError> {
        self.writes_ledger().await.map(drop)
    }

    /// Whether the target has a list of versions or none yet. Beside another tool's ledger no second one is begun; what
    /// is applied is then known to our own alone.
    async fn writes_ledger(&mut self) -> Result<bool, StepError> {
        let ledger = Ledger::new(&self.database);
        match ledger.form(&mut self.session).await.map_err(Error::from)? {
            LedgerForm::Versions { .. } => Ok(true),
            LedgerForm::GolangMigrate => Ok(false),
            LedgerForm::Missing => {
                let found = driver_mariadb::ledgers(&mut self.session, &self.database).await.map_err(Error::from)?;
                Ok(OurLedger::writes_to(&found))
            }
            form @ LedgerForm::Other { .. } => Err(StepError::permanent(sentence!(
                "the ledger {table} has the form of {form} and is only read, never written",
                table = format!("{}.{TABLE}", self.database),
                form = form.sentence()
            ))),
        }
    }

    pub(crate) async fn schema(&mut self) -> Result<Fingerprint, StepError> {
        Ok(schema(&mut self.session, &self.database).await.map_err(Error::from)?)
    }

    /// The fingerprint from before the script's first statement; taken once, whoever began the script.
    pub(crate) async fn schema_before(&mut self, script: &Script<'_>) -> Result<String, StepError> {
        let marker = format!("{}/before", self.book.marker(&script.key(0, "")));
        if let Some(noted) = self.note(&marker).await? {
            return Ok(noted);
        }
        let before = self.schema().await?;
        self.remember_schema(&marker, &before).await?;
        Ok(before.sha256)
    }

    /// Settles ledgers and fingerprint behind the last statement. `record` is false where a migration was
    /// taken back that never got as far as our own ledger. The fingerprint afterwards.
    pub(crate) async fn finish(
        &mut self,
        script: &Script<'_>,
        end: &StatementKey,
        before: &str,
        record: bool,
    ) -> Result<String, StepError> {
        let after = self.schema().await?;
        if script.direction == Direction::Down && !script.undo {
            self.assert_as_before_up(script, before, &after).await?;
        }
        self.assert_lock().await?;
        self.book.intent(end).await?;
        let ledger = Ledger::new(&self.database);
        match script.direction {
            _ if !self.writes_ledger().await? => {}
            Direction::Up => {
                ledger.ensure(&mut self.session).await.map_err(Error::from)?;
                if !ledger.contains(&mut self.session, script.version()).await.map_err(Error::from)? {
                    ledger.insert(&mut self.session, script.version()).await.map_err(Error::from)?;
                }
            }
            Direction::Down => {
                ledger.remove(&mut self.session, script.version()).await.map_err(Error::from)?;
            }
        }
        if record {
            let reference = &script.scripts.reference;
            self.book.record_ledger(reference, script.direction, before, &after.sha256).await?;
        }
        self.book.done(end, 0).await?;
        Ok(after.sha256)
    }

    /// Compares the schema with the one recorded before the migration was applied; `before` is what this down began with.
    async fn assert_as_before_up(
        &mut self,
        script: &Script<'_>,
        before: &str,
        now: &Fingerprint,
    ) -> Result<(), StepError> {
        let not_verified = |reason: Sentence| {
            let (schema, migration) = (sentence!("not verified"), script.version());
            json!({ "schema": schema, "migration": migration, "reason": reason })
        };
        let up = self.book.applied_up(script.version()).await?;
        let Some(fingerprint_before) = up.as_ref().and_then(|up| up.fingerprint_before.as_deref()) else {
            let news = not_verified(sentence!("no fingerprint was recorded before it was applied"));
            return self.book.cx.progress(news).await;
        };
        if fingerprint_before == now.sha256 {
            return Ok(());
        }
        // An unwinding may have left, say, a column that came back as the last one: then the schema from before the up
        // is no measure for this down. What other people change does not come this far; the plan refuses it.
        if up.as_ref().and_then(|up| up.fingerprint_after.as_deref()) != Some(before) {
            let news = not_verified(sentence!("the schema has changed since it was applied"));
            return self.book.cx.progress(news).await;
        }
        let named = match self.remembered_schema(fingerprint_before).await? {
            None => sentence!("which objects differ is not known"),
            Some(objects) => {
                let differences = Fingerprint::of(objects).diff(now);
                let names: Vec<&str> = differences.iter().take(NAMED).map(|one| one.object.as_str()).collect();
                let objects = names.join(", ");
                match differences.len().saturating_sub(NAMED) {
                    0 => sentence!("these objects differ: {objects}", objects),
                    more => sentence!("these objects differ: {objects} and {more} more", objects, more),
                }
            }
        };
        Err(StepError::permanent(sentence!(
            "after {script} the schema is not the one recorded before it was applied: {difference}",
            script = script.name(),
            difference = named
        )))
    }
}
