//! Databases of a real MariaDB.

use std::sync::{Arc, OnceLock};

use data_engine::{DataEngine, DataTarget};
use driver_mariadb::{Session, SessionOptions, Target};
use testkit::MariaDb;

use super::{Jobs, Memory};

/// One server for all tests. Workers die here, never the server, so it need not wait for the disk.
pub(crate) fn server() -> &'static MariaDb {
    static SERVER: OnceLock<MariaDb> = OnceLock::new();
    SERVER.get_or_init(|| {
        let careless = ["--innodb-flush-log-at-trx-commit=0", "--innodb-flush-method=nosync", "--sync-frm=0"];
        MariaDb::start_with(&careless).unwrap()
    })
}

/// A new database with an engine on it.
pub(crate) struct Base {
    pub(crate) jobs: Jobs,
    pub(crate) target: Target,
}

impl Base {
    pub(crate) fn new() -> Self {
        let name = server().create_database("engine").unwrap();
        let target = Target::new(server().url(&name).into()).unwrap();
        let journal = Arc::new(Memory::default());
        let engine = DataEngine::new("main".to_owned(), DataTarget::MariaDb(target.clone()), journal.clone());
        Self { jobs: Jobs { journal, engine }, target }
    }

    /// An engine on the same database and journal, for a user with these privileges there and all on what is kept.
    pub(crate) fn engine_with(&self, privileges: &str) -> DataEngine {
        let (database, user) = (self.target.database(), format!("limited_{}", self.target.database()));
        for sql in [
            format!("CREATE USER `{user}`@'%' IDENTIFIED BY 'limited'"),
            format!("GRANT {privileges} ON `{database}`.* TO `{user}`@'%'"),
            format!("GRANT ALL ON `backout_keep_{database}`.* TO `{user}`@'%'"),
        ] {
            server().execute(&sql).unwrap();
        }
        let url = format!("mariadb://{user}:limited@127.0.0.1:{}/{database}", server().port());
        let target = DataTarget::MariaDb(Target::new(url.into()).unwrap());
        DataEngine::new("main".to_owned(), target, self.jobs.journal.clone())
    }

    pub(crate) async fn session(&self) -> Session {
        self.target.connect(&SessionOptions::default()).await.unwrap()
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.session().await.execute(sql).await.unwrap();
    }

    /// The rows that a query returns, cells joined by commas.
    pub(crate) async fn rows(&self, sql: &str) -> Vec<String> {
        let executed = self.session().await.execute(sql).await.unwrap();
        let rows = executed.result_sets.into_iter().flat_map(|set| set.rows);
        let text = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".to_owned());
        rows.map(|row| row.into_iter().map(text).collect::<Vec<_>>().join(",")).collect()
    }

    /// All that counts of a state: schema, ledgers, and what is put aside, without names made of job ids.
    pub(crate) async fn state(&self) -> (String, Vec<String>, Vec<(String, String, u64)>) {
        let kept = self.jobs.journal.waiting();
        (
            self.jobs.engine.fingerprint().await.unwrap(),
            self.jobs.engine.applied().await.unwrap(),
            kept.into_iter().map(|kept| (kept.object, kept.checksum, kept.rows)).collect(),
        )
    }
}

impl Drop for Base {
    /// What `information_schema` has to go through for some questions is the whole server. No more than that: a connection that
    /// died in an `ALTER` may have left a file there, and then the directory cannot go.
    fn drop(&mut self) {
        let name = self.target.database();
        for database in [name.to_owned(), format!("backout_keep_{name}")] {
            if let Err(error) = server().execute(&format!("DROP DATABASE IF EXISTS `{database}`")) {
                eprintln!("{database} stays: {error:#}");
            }
        }
    }
}
