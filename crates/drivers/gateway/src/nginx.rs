//! nginx: a snippet that the operator includes once, and a file whose existence is the switch.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::redirect;
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt;

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
const MAX_PAGE_BYTES: u64 = 256 * 1024;

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
        r#"# Backout shows the maintenance page of {name} while {name}.html exists.
# Include this file as the first line of the server block:
#   include {directory}/{name}.conf;
set $backout_page off;
if (-f "{directory}/{name}.html") {{ set $backout_page on; }}
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

impl Nginx {
    /// The gateway at `url` that includes the snippet `name` from `directory`. Asks nothing yet.
    pub fn new(directory: impl Into<PathBuf>, name: &str, url: &str) -> Self {
        Self { directory: directory.into(), name: name.to_owned(), url: url.trim_end_matches('/').to_owned() }
    }

    /// The gateway of an environment that is named `application/environment`.
    pub fn of_environment(directory: &str, environment: &str, url: &str) -> Self {
        Self::new(directory, &file_stem(environment), url)
    }

    /// The file whose existence is the switch.
    pub fn page_file(&self) -> PathBuf {
        self.file("html")
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
    /// [`Error::File`] where the page cannot be read.
    pub async fn owner(&self) -> Result<Option<String>> {
        let path = self.page_file();
        match fs::metadata(&path).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("look at", &path)(error)),
            Ok(found) if found.len() > MAX_PAGE_BYTES => return Ok(Some(String::new())),
            Ok(_) => {}
        }
        match fs::read_to_string(&path).await {
            Ok(html) => Ok(Some(Page::owner_of(&html).unwrap_or_default().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// Shows the page, in place of any other, and sees the gateway answer with it.
    ///
    /// # Errors
    /// [`Error::NoSnippet`] with nothing written; [`Error::File`]; [`Error::NotFollowing`] with the page in place.
    pub async fn show(&self, page: &Page) -> Result<()> {
        self.prepare(page).await?;
        self.switch_on().await
    }

    /// Writes all but the switch: [`Nginx::switch_on`] is then a single `rename`, right before which a caller can ask
    /// whether it still may.
    ///
    /// # Errors
    /// [`Error::NoSnippet`] with nothing written; [`Error::File`].
    pub async fn prepare(&self, page: &Page) -> Result<()> {
        self.require_snippet().await?;
        self.write("json", &page.json()).await?;
        self.put_in_place("json").await?;
        self.write("html", &page.html()).await
    }

    /// Shows the page that was prepared, and sees the gateway answer with it.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::NotFollowing`] with the page in place.
    pub async fn switch_on(&self) -> Result<()> {
        self.put_in_place("html").await?;
        self.require_page(true).await
    }

    /// Takes the page away, whoever shows it, and sees the gateway answer without it.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::NotFollowing`] with the page gone.
    pub async fn hide(&self) -> Result<()> {
        for extension in ["html", "json"] {
            let path = self.file(extension);
            match fs::remove_file(&path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::file("remove", &path)(error));
                }
                _ => {}
            }
        }
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
                format!("no answer within {} s", ANSWER_TIME.as_secs())
            } else {
                innermost(&error.without_url())
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
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.directory.join(format!("{}.{extension}", self.name))
    }

    async fn write(&self, extension: &str, text: &str) -> Result<()> {
        let part = self.part(extension);
        let mut file = File::create(&part).await.map_err(Error::file("create", &part))?;
        file.write_all(text.as_bytes()).await.map_err(Error::file("write", &part))?;
        file.sync_all().await.map_err(Error::file("write", &part))
    }

    fn part(&self, extension: &str) -> PathBuf {
        self.file(&format!("{extension}.part"))
    }

    /// Whole or not at all, and still there after a power cut.
    async fn put_in_place(&self, extension: &str) -> Result<()> {
        let (part, path) = (self.part(extension), self.file(extension));
        fs::rename(&part, &path).await.map_err(Error::file("put in place", &path))?;
        self.sync_directory().await
    }

    async fn sync_directory(&self) -> Result<()> {
        let directory = &self.directory;
        let opened = File::open(directory).await.map_err(Error::file("open", directory))?;
        opened.sync_all().await.map_err(Error::file("write", directory))
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
