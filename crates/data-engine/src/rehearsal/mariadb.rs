//! Scratch databases on MariaDB.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::ledger::Direction;
use domain::rehearsal::StatementClass;
use driver_mariadb::{
    Definition, Definitions, ObjectRef, Session, SessionOptions, TableDefinition, Target, quote_identifier,
};
use sentence::{Sentence, sentence};
use sql_script::{AlterAction, Effect, reaches_out, without_definer};

use super::{Place, Rehearsal, Scratch};
use crate::engine::{DataTarget, Scripts};
use crate::examine::is_ledger;
use crate::examine::sql::{Treatment, Unit, units};

/// "Not supported" for this `ALGORITHM`, without and with a reason.
const OTHER_ALGORITHM: [u16; 2] = [1845, 1846];
/// Modes in which quotes or backslashes mean something else.
const READS_OTHERWISE: [&str; 3] = ["ANSI_QUOTES", "NO_BACKSLASH_ESCAPES", "ORACLE"];
/// Access denied: to a database, for a user, to a table, for lack of a privilege.
const DENIED: [u16; 4] = [1044, 1045, 1142, 1227];
/// From the one that has least to do.
const CLASSES: [(StatementClass, &str); 4] = [
    (StatementClass::Instant, "INSTANT"),
    (StatementClass::NoCopy, "NOCOPY"),
    (StatementClass::InPlace, "INPLACE"),
    (StatementClass::Copy, "COPY"),
];
/// Removing rows whose parents were not sampled leaves others without theirs; longer chains than this stay as they are.
const ORPHAN_PASSES: usize = 16;

/// Makes the scratch database, unless something could reach beyond it: first without rows, to ask the server about each
/// statement, then with some.
pub(super) async fn prepare(
    target: &Target,
    rehearsal: &Rehearsal,
    migrations: &[Scripts],
    applied: bool,
) -> Result<Scratch, Sentence> {
    let database = rehearsal.database(rehearsal.attempt);
    let mut source = target.connect(&SessionOptions::default()).await.map_err(|error| error.sentence())?;
    let others: BTreeSet<String> = source
        .databases()
        .await
        .map_err(|error| error.sentence())?
        .into_iter()
        .filter(|name| *name != database)
        .collect();
    let scripts = statements(migrations, &others)?;
    assert_ordinary(&mut source).await?;
    let definitions = source.definitions(target.database()).await.map_err(|error| error.sentence())?;
    assert_own(&definitions, &others)?;
    let mut making = Making { source, target: target.sibling(&database), definitions, database };
    let mut session = making.make().await?;
    making.add_programs(&mut session).await?;
    let classes = classify(&mut session, &scripts, applied).await;
    session.close().await;
    let mut session = making.make().await?;
    let sampled = making.sample(&mut session, target.database(), rehearsal.sample).await?;
    making.add_programs(&mut session).await?;
    session.close().await;
    making.source.close().await;
    let factors = factors(&scripts, &classes, &sampled);
    Ok(Scratch {
        target: DataTarget::MariaDb(making.target),
        rows: sampled.values().map(|rows| rows.copied).sum(),
        is_partial: sampled.values().any(|rows| rows.copied < rows.all),
        classes,
        factors,
    })
}

/// Removes a scratch database, with what was put aside of it.
pub(super) async fn drop_scratch(target: &Target, database: &str) -> Result<(), Sentence> {
    let mut session = target.connect(&SessionOptions::default()).await.map_err(|error| error.sentence())?;
    let mut dropped = Ok(());
    for database in [database.to_owned(), format!("backout_keep_{database}")] {
        // Asked first: a user who may not drop it has not made it either.
        match session.database_exists(&database).await {
            Ok(false) => continue,
            Ok(true) => {}
            Err(error) => return Err(error.sentence()),
        }
        let sql = format!("DROP DATABASE IF EXISTS {}", quote_identifier(&database));
        dropped = dropped.and(session.execute(&sql).await.map(drop).map_err(|error| error.sentence()));
    }
    session.close().await;
    dropped
}

/// How many rows a table was given, and how many it has about.
struct Sampled {
    copied: u64,
    all: u64,
}

/// The statements of both scripts of each migration; an error where one could reach beyond the scratch database.
fn statements(
    migrations: &[Scripts],
    others: &BTreeSet<String>,
) -> Result<Vec<(String, Direction, Vec<Unit>)>, Sentence> {
    let mut all = Vec::new();
    for scripts in migrations {
        let (version, down) = (&scripts.reference.version, scripts.down.as_deref());
        for (direction, text) in [(Direction::Up, Some(scripts.up.as_str())), (Direction::Down, down)] {
            // What cannot be split fails when it is run, and is told then.
            let Some(Ok(found)) = text.map(units) else { continue };
            for unit in &found {
                if let Some(why) = why_not(unit, others) {
                    return Err(sentence!(
                        "migration {version} ({direction}), line {line} is not tried on a scratch database: {why}",
                        version,
                        direction = direction.as_str(),
                        line = unit.line,
                        why
                    ));
                }
            }
            all.push((version.clone(), direction, found));
        }
    }
    Ok(all)
}

fn reads_otherwise(sql_mode: &str) -> Option<&str> {
    sql_mode.split(',').find(|mode| READS_OTHERWISE.contains(mode))
}

/// Fails where the server reads texts otherwise than our splitter does: what a statement names could not be told.
async fn assert_ordinary(session: &mut Session) -> Result<(), Sentence> {
    let modes = session.query_json("SELECT @@GLOBAL.sql_mode AS modes", &[]).await.map_err(|error| error.sentence())?;
    let modes = modes.first().and_then(|row| row.get("modes")).and_then(serde_json::Value::as_str).unwrap_or_default();
    match reads_otherwise(modes) {
        Some(mode) => {
            Err(sentence!("the server's sql_mode has {mode}: what statements name cannot be told for certain", mode))
        }
        None => Ok(()),
    }
}

/// Why a statement is not tried: it would be refused in earnest, or nobody can tell that it stays within its session's
/// database.
fn why_not(unit: &Unit, others: &BTreeSet<String>) -> Option<Sentence> {
    match &unit.treatment {
        Treatment::Unknown(why) => Some(why.clone()),
        Treatment::Refuse { reason, .. } => Some(reason.clone()),
        _ if !is_confined(&unit.effect) => {
            Some(sentence!("it is about more than tables, views, triggers and routines"))
        }
        _ => reaches_out(&unit.text, others),
    }
}

/// Whether such a statement works on the session's own database, as long as it names no other. A list of what may be tried: of
/// what is not in it nothing is known.
fn is_confined(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::AlterTable { .. }
            | Effect::CreateTable { .. }
            | Effect::DropTable { .. }
            | Effect::RenameTable { .. }
            | Effect::CreateIndex { .. }
            | Effect::DropIndex { .. }
            | Effect::CreateView { .. }
            | Effect::DropView { .. }
            | Effect::CreateTrigger { .. }
            | Effect::DropTrigger { .. }
            | Effect::CreateRoutine { .. }
            | Effect::DropRoutine { .. }
            | Effect::Insert { .. }
            | Effect::Update { .. }
            | Effect::Delete { .. }
            | Effect::Replace { .. }
            | Effect::Truncate { .. }
            | Effect::Select
            | Effect::Show
            | Effect::Set
    )
}

/// Fails where something of the database could reach beyond a copy of it. Events would run there.
fn assert_own(definitions: &Definitions, others: &BTreeSet<String>) -> Result<(), Sentence> {
    if let Some(event) = definitions.events.first() {
        return Err(sentence!("event {event} would run in a scratch database too", event));
    }
    let tables = definitions.tables.iter().map(|table| (&table.name, &table.create));
    let programs = definitions.routines.iter().chain(&definitions.views).chain(&definitions.triggers);
    for program in programs.clone() {
        if let Some(mode) = program.sql_mode.as_deref().and_then(reads_otherwise) {
            let name = &program.name;
            return Err(sentence!(
                "{name} was made with sql_mode {mode}: what it names cannot be told for certain",
                name,
                mode
            ));
        }
    }
    for (name, create) in tables.chain(programs.map(|program| (&program.name, &program.create))) {
        if let Some(why) = reaches_out(&without_definer(create), others) {
            return Err(sentence!("a copy of {name} could reach beyond a scratch database: {why}", name, why));
        }
    }
    Ok(())
}

/// A scratch database being made.
struct Making {
    source: Session,
    target: Target,
    database: String,
    definitions: Definitions,
}

impl Making {
    /// The database anew, with its tables.
    async fn make(&mut self) -> Result<Session, Sentence> {
        let quoted = quote_identifier(&self.database);
        let create = format!("CREATE DATABASE {quoted} {}", self.definitions.defaults);
        for sql in [format!("DROP DATABASE IF EXISTS {quoted}"), create] {
            self.source.execute(&sql).await.map_err(|error| denied(&error))?;
        }
        let mut session = self.target.connect(&SessionOptions::default()).await.map_err(|error| error.sentence())?;
        // Rows are copied as they are, and read as others have committed them, without locking them.
        let settings = "SET SESSION foreign_key_checks = 0, sql_mode = 'NO_AUTO_VALUE_ON_ZERO', \
                        tx_isolation = 'READ-COMMITTED'";
        session.execute(settings).await.map_err(|error| error.sentence())?;
        for TableDefinition { name, create, .. } in &self.definitions.tables {
            session.execute(create).await.map_err(|error| not_made(name, &error))?;
        }
        Ok(session)
    }

    /// Routines, views and triggers. Behind the rows, so that no trigger changes them.
    async fn add_programs(&self, session: &mut Session) -> Result<(), Sentence> {
        for routine in &self.definitions.routines {
            add(session, routine).await.map_err(|error| not_made(&routine.name, &error))?;
        }
        // A view may ask another that is not there yet: as long as one can be made, the rest is tried again.
        let mut waiting: Vec<&Definition> = self.definitions.views.iter().collect();
        while !waiting.is_empty() {
            let (before, mut failure) = (waiting.len(), None);
            let mut left = Vec::new();
            for view in waiting {
                if let Err(error) = add(session, view).await {
                    failure.get_or_insert_with(|| not_made(&view.name, &error));
                    left.push(view);
                }
            }
            match failure {
                Some(why) if left.len() == before => return Err(why),
                _ => waiting = left,
            }
        }
        for trigger in &self.definitions.triggers {
            add(session, trigger).await.map_err(|error| not_made(&trigger.name, &error))?;
        }
        Ok(())
    }

    /// Copies the newest rows of each table, and removes those again whose parents are not among them.
    async fn sample(
        &mut self,
        session: &mut Session,
        from: &str,
        limit: u32,
    ) -> Result<BTreeMap<String, Sampled>, Sentence> {
        let mut sampled = BTreeMap::new();
        for table in self.definitions.tables.iter().filter(|table| !table.is_sequence) {
            let (own, copy) = (ObjectRef::new(from, &table.name), ObjectRef::new(&self.database, &table.name));
            let told = |error: driver_mariadb::Error| {
                sentence!("rows of {table} cannot be sampled: {error}", table = &table.name, error = error.sentence())
            };
            let columns = session.columns(own).await.map_err(told)?;
            let stored =
                columns.iter().filter(|column| column.generated.is_none() && !column.extra.contains("GENERATED"));
            let columns = stored.map(|column| quote_identifier(&column.name)).collect::<Vec<_>>().join(", ");
            let key = session.primary_key(own).await.map_err(told)?;
            let newest: Vec<String> = key.iter().map(|name| format!("{} DESC", quote_identifier(name))).collect();
            let order = if newest.is_empty() { String::new() } else { format!(" ORDER BY {}", newest.join(", ")) };
            let end = if is_ledger(&table.name) { String::new() } else { format!("{order} LIMIT {limit}") };
            let sql = format!("INSERT INTO {} ({columns}) SELECT {columns} FROM {}{end}", copy.quoted(), own.quoted());
            let copied = session.execute(&sql).await.map_err(told)?.rows_affected;
            // The server's number is an estimate; where the limit was not reached, these are all.
            let all = if copied < u64::from(limit) { copied } else { table.estimated_rows.max(copied) };
            sampled.insert(table.name.clone(), Sampled { copied, all });
        }
        self.remove_orphans(session).await.map_err(|error| error.sentence())?;
        Ok(sampled)
    }

    async fn remove_orphans(&self, session: &mut Session) -> driver_mariadb::Result<()> {
        let references = session.references(&self.database).await?;
        let removals: Vec<String> = references
            .iter()
            .map(|reference| {
                let on = reference
                    .columns
                    .iter()
                    .map(|(own, theirs)| format!("c.{} = p.{}", quote_identifier(own), quote_identifier(theirs)));
                let points =
                    reference.columns.iter().map(|(own, _)| format!("c.{} IS NOT NULL", quote_identifier(own)));
                let missing =
                    reference.columns.first().map(|(_, theirs)| format!("p.{} IS NULL", quote_identifier(theirs)));
                format!(
                    "DELETE c FROM {} c LEFT JOIN {} p ON {} WHERE {}",
                    quote_identifier(&reference.table),
                    quote_identifier(&reference.points_at),
                    on.collect::<Vec<_>>().join(" AND "),
                    points.chain(missing).collect::<Vec<_>>().join(" AND ")
                )
            })
            .collect();
        for _ in 0..ORPHAN_PASSES {
            let mut removed = 0;
            for sql in &removals {
                removed += session.execute(sql).await?.rows_affected;
            }
            if removed == 0 {
                break;
            }
        }
        Ok(())
    }
}

async fn add(session: &mut Session, definition: &Definition) -> driver_mariadb::Result<()> {
    if let Some(sql_mode) = &definition.sql_mode {
        session.execute(&format!("SET SESSION sql_mode = '{}'", sql_mode.replace('\'', ""))).await?;
    }
    session.execute(&without_definer(&definition.create)).await.map(drop)
}

fn not_made(name: &str, error: &driver_mariadb::Error) -> Sentence {
    sentence!("{name} cannot be made in a scratch database: {error}", name, error = error.sentence())
}

fn denied(error: &driver_mariadb::Error) -> Sentence {
    if error.code().is_some_and(|code| DENIED.contains(&code)) {
        return sentence!(
            "no scratch database can be made: {error}; grant the data store's user all on `backout\\_%`.*",
            error = error.sentence()
        );
    }
    error.sentence()
}

/// What the server says of each change of a definition, on tables without rows: it makes the change with the least that
/// suffices. Where a statement fails, the rest is not asked.
async fn classify(
    session: &mut Session,
    scripts: &[(String, Direction, Vec<Unit>)],
    applied: bool,
) -> HashMap<Place, StatementClass> {
    let (mut ups, mut downs) = (Vec::new(), Vec::new());
    for script in scripts {
        if script.1 == Direction::Up { ups.push(script) } else { downs.push(script) }
    }
    downs.reverse();
    let order: Vec<_> =
        if applied { downs.into_iter().chain(ups).collect() } else { ups.into_iter().chain(downs).collect() };
    let mut classes = HashMap::new();
    if session.execute("SET SESSION sql_mode = @@GLOBAL.sql_mode, foreign_key_checks = 1").await.is_err() {
        return classes;
    }
    for (version, direction, units) in order {
        for unit in units {
            match run_with_least(session, unit).await {
                Ok(Some(class)) => drop(classes.insert((version.clone(), *direction, unit.index), class)),
                Ok(None) => {}
                Err(_) => return classes,
            }
        }
    }
    classes
}

async fn run_with_least(session: &mut Session, unit: &Unit) -> driver_mariadb::Result<Option<StatementClass>> {
    if let Some(separator) = takes_algorithm(&unit.effect) {
        for (class, algorithm) in CLASSES {
            // On a line of its own: the statement may end with a comment.
            match session.execute(&format!("{}\n{separator}ALGORITHM={algorithm}", unit.text)).await {
                Ok(_) => return Ok(Some(class)),
                Err(error) if error.code().is_some_and(|code| OTHER_ALGORITHM.contains(&code)) => {}
                Err(_) => break,
            }
        }
    }
    session.execute(&unit.text).await.map(|_| None)
}

/// What stands before an `ALGORITHM` at the statement's end, where it takes one.
fn takes_algorithm(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::AlterTable { actions, .. }
            if !actions.iter().any(|action| matches!(action, AlterAction::Partition { .. })) =>
        {
            Some(", ")
        }
        Effect::CreateIndex { .. } | Effect::DropIndex { .. } => Some(" "),
        _ => None,
    }
}

/// By how much more the statements that go over rows have to do on whole tables.
fn factors(
    scripts: &[(String, Direction, Vec<Unit>)],
    classes: &HashMap<Place, StatementClass>,
    sampled: &BTreeMap<String, Sampled>,
) -> HashMap<Place, u64> {
    let mut factors = HashMap::new();
    for (version, direction, units) in scripts {
        for unit in units {
            let place = (version.clone(), *direction, unit.index);
            let rebuilds = classes.get(&place).is_some_and(|class| *class != StatementClass::Instant);
            let copies = !matches!(unit.treatment, Treatment::Plain | Treatment::KeepTable { .. });
            let Some(table) = table_of(&unit.effect).filter(|_| rebuilds || copies || unit.is_dml) else { continue };
            if let Some(rows) = sampled.get(table) {
                factors.insert(place, (rows.all / rows.copied.max(1)).max(1));
            }
        }
    }
    factors
}

fn table_of(effect: &Effect) -> Option<&str> {
    let table = match effect {
        Effect::AlterTable { table, .. }
        | Effect::CreateIndex { table, .. }
        | Effect::DropIndex { table, .. }
        | Effect::Insert { table, .. }
        | Effect::Replace { table }
        | Effect::Truncate { table } => table,
        Effect::Update { tables, .. } | Effect::Delete { tables } => tables.first()?,
        _ => return None,
    };
    Some(&table.name)
}
