use std::time::Duration;

use mongodb::{
    Client, Database,
    bson::{Bson, Document, doc},
    options::{Acknowledgment, ClientOptions, ReadPreference, SelectionCriteria, WriteConcern},
};
use secrecy::{ExposeSecret, SecretString};
use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::{
    error::{Error, Result},
    pages::Pages,
    value,
    watch::Watch,
};

const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// How long a short command of our own may take.
pub(crate) const SHORT: Duration = Duration::from_secs(30);
/// How long a command of our own may take that reads or writes many documents.
pub(crate) const LONG: Duration = Duration::from_mins(10);
/// The server ends a command at its deadline; the answer may need a moment more.
const ANSWER_GRACE: Duration = Duration::from_secs(2);

/// A database on a MongoDB server.
#[derive(Debug, Clone)]
pub struct Target {
    client: Client,
    database: String,
    pub(crate) watch: Option<Watch>,
}

impl Target {
    /// Connects and checks that the server answers. Waits at most 5 s for a server.
    ///
    /// Reads go to the primary and writes are acknowledged by a majority, whatever the connection
    /// string says: what is preserved must be there after a failover.
    pub async fn connect(url: &SecretString, database: &str) -> Result<Self> {
        if database.is_empty() || database.contains(['/', '\\', '.', ' ', '"', '$', '\0']) {
            return Err(Error::Address(sentence!("the database's name is not allowed")));
        }
        let mut options = ClientOptions::parse(url.expose_secret())
            .await
            .map_err(|_| Error::Address(sentence!("it is not of the form mongodb://host:port/")))?;
        options.app_name = Some("backout".into());
        options.server_selection_timeout = Some(CONNECT_WAIT);
        options.connect_timeout = Some(CONNECT_WAIT);
        options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
        options.write_concern = Some(WriteConcern::builder().w(Acknowledgment::Majority).build());
        let client = Client::with_options(options)
            .map_err(|_| Error::Address(sentence!("its options contradict each other")))?;
        let target = Self { client, database: database.into(), watch: None };
        target.ping().await?;
        Ok(target)
    }

    /// Another database of the same server, over the same connections. It need not exist yet.
    #[must_use]
    pub fn sibling(&self, database: &str) -> Self {
        Self { client: self.client.clone(), database: database.into(), watch: None }
    }

    /// The name of the database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Asks for a sign of life.
    pub async fn ping(&self) -> Result<()> {
        self.command(&Sentence::verbatim("ping"), None, doc! { "ping": 1 }, CONNECT_WAIT).await.map(drop)
    }

    /// The version the server reports, such as `8.0.4`. A server that only speaks MongoDB's
    /// protocol reports the version it imitates.
    pub async fn server_version(&self) -> Result<String> {
        let what = &sentence!("asking for the server's version");
        let reply = self.command(what, Some("admin"), doc! { "buildInfo": 1 }, SHORT).await?;
        reply
            .get_str("version")
            .map(str::to_owned)
            .map_err(|_| Error::protocol(what, sentence!("the reply names no version")))
    }

    /// Runs a database command given and answered in canonical extended JSON.
    ///
    /// `database` is the target's own unless named; `comment` is what the command is found by in the
    /// server's list of running operations; the server is told to end the command at `deadline`.
    /// Write errors inside an answer that says `ok: 1` are errors here.
    pub async fn run(
        &self,
        command: &Value,
        database: Option<&str>,
        comment: Option<&str>,
        deadline: Duration,
    ) -> Result<Value> {
        let mut command = value::document(&sentence!("a command"), command)?;
        let what = Sentence::verbatim(command.keys().next().map_or("", String::as_str));
        if let Some(comment) = comment
            && !command.contains_key("comment")
        {
            command.insert("comment", comment);
        }
        let mut reply = self.command(&what, database, command, deadline).await?;
        reply.remove("$clusterTime");
        reply.remove("operationTime");
        Ok(value::json(reply))
    }

    /// The names of the collections and views, without the server's own and ours.
    pub async fn collections(&self) -> Result<Vec<String>> {
        let what = &sentence!("listing collections");
        let found = self.list(what, doc! { "listCollections": 1, "nameOnly": true }).await?;
        let mut names: Vec<String> = found
            .iter()
            .filter_map(|collection| collection.get_str("name").ok())
            .filter(|name| is_applications(name))
            .map(str::to_owned)
            .collect();
        names.sort();
        Ok(names)
    }

    /// The index specifications of a collection in canonical extended JSON; none where the
    /// collection does not exist.
    pub async fn indexes(&self, collection: &str) -> Result<Vec<Value>> {
        let found = self.index_documents(collection).await?;
        Ok(found.into_iter().map(value::json).collect())
    }

    /// How many documents match `filter`, counted one by one.
    pub async fn count(&self, collection: &str, filter: &Value) -> Result<u64> {
        let filter = value::document(&sentence!("a filter"), filter)?;
        self.count_documents(collection, filter).await
    }

    pub(crate) async fn count_documents(&self, collection: &str, filter: Document) -> Result<u64> {
        let what = &sentence!("counting documents");
        let pipeline = vec![doc! { "$match": filter }, doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } }];
        let command = doc! { "aggregate": collection, "pipeline": pipeline, "cursor": {} };
        let reply = self.command(what, None, command, LONG).await?;
        let counted = reply
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"))
            .map_err(|_| Error::protocol(what, sentence!("the reply holds no result")))?;
        let Some(group) = counted.first().and_then(Bson::as_document) else {
            return Ok(0);
        };
        number(group, "n").ok_or_else(|| Error::protocol(what, sentence!("the reply holds no count")))
    }

    pub(crate) async fn index_documents(&self, collection: &str) -> Result<Vec<Document>> {
        let what = sentence!("listing indexes of {collection}", collection);
        match self.list(&what, doc! { "listIndexes": collection }).await {
            Err(error) if error.code() == Some(26) => Ok(Vec::new()),
            listed => listed,
        }
    }

    /// Everything a listing command gives. Listings are small.
    pub(crate) async fn list(&self, what: &Sentence, command: Document) -> Result<Vec<Document>> {
        let mut pages = Pages::of_command(self, what, command).await?;
        let mut all = Vec::new();
        while let Some(page) = pages.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// Runs a command, within `deadline` on the server and a moment more here.
    pub(crate) async fn command(
        &self,
        what: &Sentence,
        database: Option<&str>,
        mut command: Document,
        deadline: Duration,
    ) -> Result<Document> {
        let name = command.keys().next().map(String::as_str);
        // On these two the server does not accept a limit.
        let unlimited = matches!(name, Some("getMore" | "killCursors"));
        if !unlimited && !command.contains_key("maxTimeMS") {
            command.insert("maxTimeMS", milliseconds(deadline));
        }
        if let Some(watch) = &self.watch
            && !command.contains_key("comment")
        {
            command.insert("comment", watch.comment.as_str());
        }
        let database = match database {
            Some(name) => self.client.database(name),
            None => self.own(),
        };
        let reply = tokio::time::timeout(deadline + ANSWER_GRACE, async { database.run_command(command).await })
            .await
            .map_err(|_| Error::Timeout { what: what.clone(), after: deadline })?
            .map_err(|error| Error::driver(what, &error))?;
        match write_error(what, &reply) {
            Some(error) => Err(error),
            None => Ok(reply),
        }
    }

    /// As [`Self::command`] on our own database, acknowledged by a majority.
    pub(crate) async fn write(&self, what: &Sentence, mut command: Document, deadline: Duration) -> Result<Document> {
        command.insert("writeConcern", doc! { "w": "majority" });
        self.command(what, None, command, deadline).await
    }

    pub(crate) fn own(&self) -> Database {
        self.client.database(&self.database)
    }
}

/// Whether a collection belongs to the application, as opposed to the server and to us.
pub(crate) fn is_applications(collection: &str) -> bool {
    !collection.starts_with("system.") && !collection.starts_with(crate::OWN_PREFIX)
}

/// A count in a reply, in whichever number type the server chose.
pub(crate) fn number(reply: &Document, field: &str) -> Option<u64> {
    match reply.get(field)? {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        Bson::Double(number) => format!("{number:.0}").parse().ok(),
        _ => None,
    }
}

fn milliseconds(duration: Duration) -> i64 {
    // Zero would mean no limit; the server's largest is that of a 32-bit integer.
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).clamp(1, i64::from(i32::MAX))
}

/// The error inside a reply that says `ok: 1`.
fn write_error(what: &Sentence, reply: &Document) -> Option<Error> {
    let failure = match reply.get_array("writeErrors") {
        Ok(errors) => errors.first().and_then(Bson::as_document),
        Err(_) => reply.get_document("writeConcernError").ok(),
    }?;
    Some(Error::server(
        what,
        failure.get_i32("code").unwrap_or_default(),
        failure.get_str("codeName").unwrap_or_default(),
        failure.get_str("errmsg").unwrap_or_default(),
    ))
}
