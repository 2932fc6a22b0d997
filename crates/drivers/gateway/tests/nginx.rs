//! The maintenance page on a real nginx, in front of a server that answers everything with 200.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test itself does")]

use driver_gateway::{Error, Nginx, Page, nginx};
use reqwest::{Client, StatusCode};
use testkit::ReservedPort;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NAME: &str = "cms-backend.production";

struct Front {
    nginx: testkit::Nginx,
    gateway: Nginx,
    client: Client,
    _upstream: ReservedPort,
}

impl Front {
    async fn start() -> Self {
        Self::with(|directory| Some((format!("{NAME}.conf"), nginx::snippet(directory, NAME)))).await
    }

    async fn with(snippet: impl FnOnce(&std::path::Path) -> Option<(String, String)>) -> Self {
        let upstream = ReservedPort::new().unwrap();
        let listener = TcpListener::bind(upstream.address()).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut head = [0; 4096];
                    let _ = stream.read(&mut head).await;
                    let _ =
                        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nup").await;
                });
            }
        });
        let nginx = testkit::Nginx::start(upstream.number(), snippet).unwrap();
        let gateway = Nginx::new(nginx.directory(), NAME, &nginx.url());
        Self { nginx, gateway, client: Client::new(), _upstream: upstream }
    }

    async fn show(&self, owner: &str) -> Result<(), Error> {
        let page = Page { owner: owner.to_owned(), reason: "Back to v0.8.1".to_owned() };
        self.gateway.show(self.gateway.prepare(&page).await?).await
    }

    /// The environment's files, those that are not shown included.
    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.nginx.directory()).unwrap();
        let mut files: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        files.retain(|file| file.starts_with(NAME));
        files.sort();
        files
    }

    async fn status(&self) -> StatusCode {
        self.client.get(self.nginx.url()).send().await.unwrap().status()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_on_while_its_file_is_there_and_no_connection_is_closed_for_it() {
    let front = Front::start().await;
    front.gateway.check().await.unwrap();
    assert_eq!(front.status().await, 200);
    assert_eq!(front.gateway.owner().await.unwrap(), None);
    assert!(!front.gateway.shows_page().await.unwrap());

    front.show("job-1").await.unwrap();
    // The kept connection of before is answered with the page.
    let answer = front.client.get(front.nginx.url()).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["retry-after"], "30");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert!(answer.text().await.unwrap().contains("Back to v0.8.1"));
    assert_eq!(front.gateway.owner().await.unwrap().as_deref(), Some("job-1"));
    assert!(front.gateway.shows_page().await.unwrap());
    front.gateway.check().await.unwrap();

    front.gateway.hide().await.unwrap();
    assert_eq!(front.status().await, 200);
    front.gateway.hide().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_and_a_program_get_the_page_too() {
    let front = Front::start().await;
    front.show("job-1").await.unwrap();
    let post = front.client.post(format!("{}/api/articles", front.nginx.url())).body("x").send().await.unwrap();
    assert_eq!(post.status(), 503);
    let program = front.client.get(front.nginx.url()).header("accept", "application/json").send().await.unwrap();
    assert_eq!(program.status(), 503);
    assert_eq!(program.headers()["retry-after"], "30");
    let body: serde_json::Value = serde_json::from_str(&program.text().await.unwrap()).unwrap();
    assert_eq!(body["error"]["type"], "maintenance");
    let inner = front.client.get(format!("{}/.backout/page", front.nginx.url())).send().await.unwrap();
    assert_eq!(inner.status(), 404, "the page has no address of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_nginx_keeps_the_page() {
    let front = Front::start().await;
    front.show("job-1").await.unwrap();
    front.nginx.server().kill9().unwrap();
    assert!(front.gateway.shows_page().await.unwrap_err().is_transient());
    front.nginx.restart().unwrap();
    assert!(front.gateway.shows_page().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_which_only_parts_were_written_is_not_shown_and_can_be_shown() {
    let front = Front::start().await;
    for part in ["json", "html", "json.part", "on.part"] {
        std::fs::write(front.nginx.directory().join(format!("{NAME}.{part}")), "half a pa").unwrap();
    }
    assert_eq!((front.status().await, front.gateway.owner().await.unwrap()), (StatusCode::OK, None));
    front.show("job-2").await.unwrap();
    assert_eq!(front.gateway.owner().await.unwrap().as_deref(), Some("job-2"));
    front.gateway.hide().await.unwrap();
    assert_eq!(front.status().await, 200);
    assert_eq!(front.files(), ["conf", "html", "json"].map(|extension| format!("{NAME}.{extension}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_prepared_and_not_shown_changes_nothing_and_leaves_nothing() {
    let front = Front::start().await;
    let late = Page { owner: "job-1".to_owned(), reason: "of a worker that lost its job".to_owned() };
    let late = front.gateway.prepare(&late).await.unwrap();
    front.show("job-2").await.unwrap();
    let shown =
        |extension: &str| std::fs::read_to_string(front.nginx.directory().join(format!("{NAME}.{extension}"))).unwrap();
    let before = (shown("html"), shown("json"));
    drop(late);
    assert_eq!((shown("html"), shown("json")), before);
    assert_eq!(front.files(), ["conf", "html", "json", "on"].map(|extension| format!("{NAME}.{extension}")));
}

/// A request that found the page on is answered with it, also when the page goes in the same moment.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_while_the_page_goes_on_and_off_meets_the_page_or_the_application() {
    let front = Front::start().await;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let visitors = (0..8).map(|_| tokio::spawn(visits(front.client.clone(), front.nginx.url(), stopped.clone())));
    let visitors: Vec<_> = visitors.collect();
    for _ in 0..200 {
        front.show("job-1").await.unwrap();
        front.gateway.hide().await.unwrap();
    }
    stop.send(true).unwrap();
    for visitor in visitors {
        assert_eq!(visitor.await.unwrap(), [0; 0], "something else than the application and the page");
    }
}

/// What a visitor meets besides the application and the page, until told to stop.
async fn visits(client: reqwest::Client, url: String, stopped: tokio::sync::watch::Receiver<bool>) -> Vec<u16> {
    let mut met = Vec::new();
    while !*stopped.borrow() {
        let answer = client.get(&url).send().await;
        met.push(answer.map_or(0, |answer| answer.status().as_u16()));
    }
    met.retain(|status| ![200, 503].contains(status));
    met
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_where_no_operator_put_the_snippet() {
    let front = Front::with(|_| None).await;
    for error in [front.gateway.check().await.unwrap_err(), front.show("job-1").await.unwrap_err()] {
        assert!(matches!(error, Error::NoSnippet { .. }), "{error}");
    }
    assert_eq!(std::fs::read_dir(front.nginx.directory()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_does_not_include_the_snippet_is_told() {
    let front = Front::with(|_| None).await;
    let directory = front.nginx.directory();
    std::fs::write(directory.join(format!("{NAME}.conf")), nginx::snippet(directory, NAME)).unwrap();
    assert!(matches!(front.gateway.check().await.unwrap_err(), Error::NotIncluded { .. }));
    let error = front.show("job-1").await.unwrap_err();
    assert!(matches!(error, Error::NotFollowing { .. }) && !error.is_transient(), "{error}");
}
