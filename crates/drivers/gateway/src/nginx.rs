//! nginx: a snippet that the operator includes once, and a file whose existence is the switch.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::redirect;
use sentence::{Sentence, sentence};
use tempfile::NamedTempFile;
use tokio::fs::{self, File};

use crate::error::{Error, Result};
use crate::page::Page;

/// The path at which the gateway tells which environment's snippet it includes, page or no page.
const READY_PATH: &str = "/.backout/gateway";
const READY_HEADER: &str = "x-backout-gateway";
const PAGE_HEADER: &str = "x-backout-maintenance";
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// What clients are told; a rollback's window is of that order.
const RETRY_AFTER_SECONDS: u32 = 30;
/// A page is a few hundred bytes; whatever is longer was not written here.
const MAX_OWNER_BYTES: u64 = 256;
/// The file whose existence is the switch. It is none of those that nginx answers with: a request that has found the page
/// on still finds what to answer with when the page is taken away in the same moment.
const SWITCH: &str = "on";

/// How files end that are not shown yet.
const PART: &str = ".part";

/// The gateway of one environment.
#[derive(Debug, Clone)]
pub struct Nginx {
    directory: PathBuf,
    name: String,
    url: String,
}

/// The name of the files of an environment that is named `application/environment`.
pub fn file_stem(environment: &str) -> String {
    environment.replace('/', ".")
}

/// The text that the `server` block includes, for an environment's name as `application.environment`.
///
/// The page is reached by an internal redirect to a path, which turns any method into GET: a static file answers no
/// POST. The redirect passes the `server` block's conditions again, hence the exception for the paths below `/.backout/`.
pub fn snippet(directory: &Path, name: &str) -> String {
    let directory = directory.display();
    format!(
        r#"# Backout shows the maintenance page of {name} while {name}.{SWITCH} exists.
# Include this file as the first line of the server block:
#   include {directory}/{name}.conf;
set $backout_page off;
if (-f "{directory}/{name}.{SWITCH}") {{ set $backout_page on; }}
if ($uri ~ "^/\.backout/") {{ set $backout_page off; }}
if ($backout_page = on) {{ return 503; }}
error_page 503 /.backout/page;
location = {READY_PATH} {{
    add_header {READY_HEADER} "{name}" always;
    return 204;
}}
location = /.backout/page {{
    internal;
    root "{directory}";
    types {{ text/html html; application/json json; }}
    charset utf-8;
    etag off;
    if_modified_since off;
    max_ranges 0;
    add_header {PAGE_HEADER} on always;
    add_header Retry-After {RETRY_AFTER_SECONDS} always;
    add_header Cache-Control no-store always;
    if ($http_accept ~* "application/json") {{ rewrite ^ /{name}.json break; }}
    rewrite ^ /{name}.html break;
}}
"#
    )
}

/// A page that is written and not shown yet.
#[derive(Debug)]
pub struct Prepared {
    json: NamedTempFile,
    html: NamedTempFile,
    switch: NamedTempFile,
}

impl Nginx {
    /// The gateway at `url` that includes the snippet `name` from `directory`. Asks nothing yet.
    pub fn new(directory: impl Into<PathBuf>, name: &str, url: &str) -> Self {
        Self { directory: directory.into(), name: name.to_owned(), url: url.trim_end_matches('/').to_owned() }
    }

    /// The gateway of an environment that is named `application/environment`.
    pub fn of_environment(directory: &str, environment: &str, url: &str) -> Self {
        Self::new(directory, &file_stem(environment), url)
    }

    /// The file whose existence is the switch; it names the page's owner.
    pub fn switch_file(&self) -> PathBuf {
        self.file(SWITCH)
    }

    /// Whether the gateway includes this environment's snippet.
    ///
    /// # Errors
    /// [`Error::Unreachable`], [`Error::NotIncluded`], or [`Error::NoSnippet`] where the directory lacks it.
    pub async fn check(&self) -> Result<()> {
        self.require_snippet().await?;
        let answer = self.ask(READY_PATH).await?;
        if answer.headers().get(READY_HEADER).is_some_and(|name| name == self.name.as_str()) {
            return Ok(());
        }
        Err(Error::NotIncluded {
            url: self.url.clone(),
            snippet: self.file("conf"),
            answer: answer.status().to_string(),
        })
    }

    /// The owner of the page that is shown; none where there is no page.
    ///
    /// # Errors
    /// [`Error::File`] where the switch cannot be read.
    pub async fn owner(&self) -> Result<Option<String>> {
        let path = self.switch_file();
        match fs::metadata(&path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file(sentence!("cannot look at {path}", path))(error)),
            Ok(found) if found.len() > MAX_OWNER_BYTES => return Ok(Some(String::new())),
            Ok(_) => {}
        }
        match fs::read_to_string(&path).await {
            Ok(owner) => Ok(Some(owner.trim_end().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file(sentence!("cannot read {path}", path))(error)),
        }
    }

    /// Writes the page beside those that may be shown, which changes nothing for visitors. [`Nginx::show`] is then three
    /// `rename`s, right before which a caller can ask whether it still may; a page that is never shown goes with its
    /// [`Prepared`].
    ///
    /// # Errors
    /// [`Error::NoSnippet`] with nothing written; [`Error::File`].
    pub async fn prepare(&self, page: &Page) -> Result<Prepared> {
        self.require_snippet().await?;
        Ok(Prepared {
            json: self.write("json", page.json()).await?,
            html: self.write("html", page.html()).await?,
            switch: self.write(SWITCH, page.owner.clone()).await?,
        })
    }

    /// Shows the page that was prepared, in place of any other, and sees the gateway answer with it.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::NotFollowing`] with the page in place.
    pub async fn show(&self, page: Prepared) -> Result<()> {
        self.put_in_place("json", page.json)?;
        self.put_in_place("html", page.html)?;
        self.put_in_place(SWITCH, page.switch)?;
        self.sync_directory().await?;
        self.require_page(true).await
    }

    /// Takes the page away, whoever shows it, and sees the gateway answer without it. What it said stays on disk for
    /// requests that are under way.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::NotFollowing`] with the page gone.
    pub async fn hide(&self) -> Result<()> {
        remove(&self.switch_file()).await?;
        self.remove_parts().await?;
        self.sync_directory().await?;
        self.require_page(false).await
    }

    /// Whether the gateway answers visitors with the page.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn shows_page(&self) -> Result<bool> {
        Ok(self.ask("/").await?.headers().contains_key(PAGE_HEADER))
    }

    async fn require_page(&self, wanted: bool) -> Result<()> {
        let answer = self.ask("/").await?;
        if answer.headers().contains_key(PAGE_HEADER) == wanted {
            return Ok(());
        }
        Err(Error::NotFollowing { url: self.url.clone(), answer: answer.status().to_string() })
    }

    async fn ask(&self, path: &str) -> Result<reqwest::Response> {
        let unreachable = |error: reqwest::Error| Error::Unreachable {
            url: self.url.clone(),
            reason: if error.is_timeout() {
                sentence!("no answer within {seconds} s", seconds = ANSWER_TIME.as_secs())
            } else {
                Sentence::verbatim(innermost(&error.without_url()))
            },
        };
        // A fresh connection each time: what a kept one answers may be older than the switch.
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .timeout(ANSWER_TIME)
            .build()
            .map_err(unreachable)?;
        client.get(format!("{}{path}", self.url)).send().await.map_err(unreachable)
    }

    async fn require_snippet(&self) -> Result<()> {
        let path = self.file("conf");
        let wanted = snippet(&self.directory, &self.name);
        match fs::read_to_string(&path).await {
            Ok(found) if found.trim_end() == wanted.trim_end() => Ok(()),
            Ok(_) => Err(Error::NoSnippet { path }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(Error::NoSnippet { path }),
            Err(error) => Err(Error::file(sentence!("cannot read {path}", path))(error)),
        }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    /// A file of its own for each page, so that no other worker writes into it.
    async fn write(&self, extension: &'static str, text: String) -> Result<NamedTempFile> {
        let path = self.file(extension);
        let (directory, prefix) = (self.directory.clone(), format!("{}.", self.name));
        let written = tokio::task::spawn_blocking(move || {
            let mut file = tempfile::Builder::new()
                .prefix(&prefix)
                .suffix(PART)
                // The gateway runs as another user.
                .permissions(Permissions::from_mode(0o644))
                .tempfile_in(directory)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            Ok(file)
        });
        let written = written.await.unwrap_or_else(|panicked| Err(std::io::Error::other(panicked)));
        written.map_err(Error::file(sentence!("cannot write {path}", path)))
    }

    /// Whole or not at all.
    fn put_in_place(&self, extension: &str, part: NamedTempFile) -> Result<()> {
        let path = self.file(extension);
        part.persist(&path)
            .map(drop)
            .map_err(|error| Error::file(sentence!("cannot put {path} in place", path))(error.error))
    }

    /// What workers left that died before they showed their page.
    async fn remove_parts(&self) -> Result<()> {
        let directory = &self.directory;
        let mut entries =
            fs::read_dir(directory).await.map_err(Error::file(sentence!("cannot list {path}", path = directory)))?;
        while let Some(entry) =
            entries.next_entry().await.map_err(Error::file(sentence!("cannot list {path}", path = directory)))?
        {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_part =
                name.strip_prefix(&self.name).is_some_and(|rest| rest.starts_with('.') && rest.ends_with(PART));
            if is_part {
                remove(&entry.path()).await?;
            }
        }
        Ok(())
    }

    async fn sync_directory(&self) -> Result<()> {
        let directory = &self.directory;
        let opened =
            File::open(directory).await.map_err(Error::file(sentence!("cannot open {path}", path = directory)))?;
        opened.sync_all().await.map_err(Error::file(sentence!("cannot write {path}", path = directory)))
    }
}

/// Whether or not it is there.
async fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::file(sentence!("cannot remove {path}", path))(error))
        }
        _ => Ok(()),
    }
}

/// The innermost cause, which says more than "error sending request".
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
