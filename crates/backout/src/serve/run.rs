//! From settings to a running service, and back to nothing.

use std::net::SocketAddr;
use std::time::Duration;

use api::ConnectionLimits;
use control::{Control, Setup, Worker, WorkerSettings};
use i18n::Language;
use sentence::sentence;
use store::{Database, Keyring};
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use super::banner;
use crate::data_directory::{self, DataDirectory};
use crate::database::{self, Server};
use crate::failure::{Exit, Failure, Result};
use crate::keyed::Keyed;
use crate::keys::{self, KeyFile};
use crate::settings::Settings;
use crate::{shutdown, telemetry};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 1024;
/// How long a client may take for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// What draining may take beyond its time before it is given up.
const OVERTIME: Duration = Duration::from_secs(2);

/// What this process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parts {
    Both,
    Api,
    Worker,
}

/// Runs the service until a signal stops it.
pub(super) async fn until_stopped(settings: &Settings, parts: Parts, language: Language) -> Result<()> {
    let directory = DataDirectory::open(&settings.data_directory, database::sharing(settings))?;
    if data_directory::restoring(directory.path()).is_some() {
        return Err(Failure::restore_unfinished(directory.path()));
    }
    let stopping = shutdown::listen(directory.path().to_owned()).map_err(Failure::internal)?;
    // Bound before anything is started, so that a port in use is told at once, but not yet listening: nobody shall
    // connect and wait.
    let socket = if parts == Parts::Worker { None } else { Some(bind(settings.listen)?) };
    let server = tokio::select! {
        server = Server::start(settings, &directory) => server?,
        () = stopping.cancelled() => return Ok(()),
    };
    let outcome = with_server(settings, parts, language, &directory, &server, socket, &stopping).await;
    server.stop().await;
    outcome
}

async fn with_server(
    settings: &Settings,
    parts: Parts,
    language: Language,
    directory: &DataDirectory,
    server: &Server,
    socket: Option<TcpSocket>,
    stopping: &CancellationToken,
) -> Result<()> {
    let opening = async {
        server.ready().await?;
        open(settings, parts, server).await
    };
    let (database, keyring) = tokio::select! {
        opened = opening => opened?,
        () = stopping.cancelled() => return Ok(()),
    };
    let setup = Setup {
        database: database.clone(),
        keys: keyring,
        data_directory: directory.path().to_owned(),
        wake_url: settings.wake_url.clone(),
    };
    let outcome = serve(settings, parts, language, directory, setup, socket, stopping).await;
    // Whoever still holds a connection has had its time.
    let _ = tokio::time::timeout(OVERTIME, database.close()).await;
    outcome
}

async fn serve(
    settings: &Settings,
    parts: Parts,
    language: Language,
    directory: &DataDirectory,
    setup: Setup,
    socket: Option<TcpSocket>,
    stopping: &CancellationToken,
) -> Result<()> {
    let control = Control::new(setup);
    let worker = if parts == Parts::Api {
        None
    } else {
        let worker = WorkerSettings {
            lock_directory: directory.lock_directory(),
            slots: settings.worker_slots,
            lease: settings.lease,
        };
        let worker = Worker::start(&control, worker).await?;
        tracing::info!(slots = settings.worker_slots, "working");
        Some(worker)
    };
    let api_stopping = CancellationToken::new();
    let api = match socket {
        Some(socket) => api(&control, settings, socket, language, &api_stopping).await,
        None => Ok(None),
    };
    let outcome = match api {
        Ok(mut api) => {
            let outcome = tokio::select! {
                () = stopping.cancelled() => Ok(()),
                ended = ended(&mut api) => Err(Failure::internal(ended)),
            };
            drain(api, settings.shutdown, api_stopping, worker).await;
            outcome
        }
        Err(failure) => {
            drain(None, settings.shutdown, api_stopping, worker).await;
            Err(failure)
        }
    };
    tracing::info!("stopped");
    outcome
}

type Api = tokio::task::JoinHandle<()>;

/// Listens, and prints where and, at the very first start, with which token.
async fn api(
    control: &Control,
    settings: &Settings,
    socket: TcpSocket,
    language: Language,
    stopping: &CancellationToken,
) -> Result<Option<Api>> {
    let listener: TcpListener = socket.listen(BACKLOG).map_err(Failure::unavailable)?;
    let address = listener.local_addr().map_err(Failure::internal)?;
    let metrics = telemetry::metrics()?;
    let router = api::router(control.clone(), api::Options::new(metrics, stopping.clone(), settings.rates));
    let limits = ConnectionLimits { connections: settings.max_connections, head_within: HEAD_WITHIN };
    let task = tokio::spawn(api::serve(listener, router, limits, stopping.clone()));
    let token = control.first_token().await?;
    tracing::info!(%address, "serving");
    banner::print(language, address, token.as_ref());
    Ok(Some(task))
}

/// Why the API ended though nobody asked it to; never, where there is none.
async fn ended(api: &mut Option<Api>) -> sentence::Sentence {
    match api {
        Some(api) => match api.await {
            Ok(()) => sentence!("the API ended"),
            Err(error) => sentence!("the API ended: {error}", error = error.to_string()),
        },
        None => std::future::pending().await,
    }
}

/// Lets requests and jobs come to a rest, side by side, within their time.
async fn drain(api: Option<Api>, within: Duration, stopping: CancellationToken, worker: Option<Worker>) {
    stopping.cancel();
    let requests = async {
        if let Some(api) = api
            && !api.is_finished()
            && tokio::time::timeout(within, api).await.is_err()
        {
            tracing::warn!("requests were still being answered after {within:?}");
        }
    };
    let jobs = async {
        if let Some(worker) = worker
            && tokio::time::timeout(within + OVERTIME, worker.shutdown(within)).await.is_err()
        {
            tracing::warn!("the worker had not come to a rest after {within:?}; another one takes its jobs over");
        }
    };
    tokio::join!(requests, jobs);
}

fn bind(address: SocketAddr) -> Result<TcpSocket> {
    let bind = || -> std::io::Result<TcpSocket> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        Ok(socket)
    };
    bind().map_err(|error| {
        let sentence = Keyed::new("serve.cannot-listen").with("address", address.to_string()).with("reason", error);
        Failure::new(Exit::Unavailable, sentence)
    })
}

/// Opens the control database with the keys that belong to it. New keys are made only for a database that nobody
/// has used: secrets in a used one would stay sealed for ever.
async fn open(settings: &Settings, parts: Parts, server: &Server) -> Result<(Database, Keyring)> {
    let path = keys::path(settings);
    if let Some(found) = keys::read(&path)? {
        return Ok((server.open(settings, &found.keyring).await?, found.keyring));
    }
    let lost = || Failure::new(Exit::Settings, Keyed::new("serve.keys-missing").with("path", &path));
    if parts == Parts::Worker {
        return Err(lost());
    }
    let made = KeyFile::generate().map_err(|error| Failure::internal(error.sentence()))?;
    let database = server.open_with_any(settings, &made.keyring).await?;
    if database.has_tokens().await? {
        database.close().await;
        return Err(lost());
    }
    // Written first: keys that a database remembers and that are nowhere would lock everybody out.
    if !made.write_new(&path)? {
        database.close().await;
        let found = keys::read(&path)?.ok_or_else(lost)?;
        return Ok((server.open(settings, &found.keyring).await?, found.keyring));
    }
    if let Err(error) = database.check_keys().await {
        database.close().await;
        return Err(database::wrong_keys(settings, error));
    }
    tracing::info!(path = %path.display(), "made the keys; every process of this control database needs this file");
    Ok((database, made.keyring))
}
