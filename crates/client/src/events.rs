//! A job's events as they happen, without a gap over lost connections.

use std::time::{Duration, Instant};

use domain::ids::JobId;
use domain::view::JobEventView;
use futures::stream::{BoxStream, try_unfold};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use sentence::{Sentence, sentence};

use crate::call::Call;
use crate::http::{Unread, late, next_piece, read, reason};
use crate::sse::Parser;
use crate::{Client, Error, Result};

/// A service that says nothing for so long, not even a comment, is taken for gone.
const SILENCE: Duration = Duration::from_secs(45);
const HEADERS: Duration = Duration::from_secs(30);
/// How long the service may be away before the stream gives up.
const AWAY: Duration = Duration::from_mins(2);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

impl Client {
    /// The job's events after the given one (0 for all), until the job rests: ended, or stuck.
    ///
    /// A lost connection is taken up again where it broke off, for up to two minutes of absence.
    pub fn job_events(&self, id: JobId, after: u64) -> BoxStream<'static, Result<JobEventView>> {
        let follower =
            Follower { client: self.clone(), id, after, stream: None, parser: Parser::default(), away: None };
        let events =
            try_unfold(
                follower,
                |mut follower| async move { Ok(follower.next().await?.map(|event| (event, follower))) },
            );
        Box::pin(events)
    }
}

struct Follower {
    client: Client,
    id: JobId,
    after: u64,
    stream: Option<Incoming>,
    parser: Parser,
    away: Option<Away>,
}

struct Away {
    since: Instant,
    pause: Duration,
}

enum Heard {
    Bytes,
    /// The job rests, and everything was seen.
    Nothing,
    Lost(Sentence),
}

impl Follower {
    async fn next(&mut self) -> Result<Option<JobEventView>> {
        loop {
            while let Some(event) = self.parser.pop() {
                match event.name.as_str() {
                    "job" | "step" | "progress" => {
                        let event: JobEventView = serde_json::from_str(&event.data).map_err(|error| {
                            self.odd(sentence!("an event cannot be read: {error}", error = error.to_string()))
                        })?;
                        // What came before the connection was lost may come twice.
                        if event.seq > self.after {
                            self.after = event.seq;
                            return Ok(Some(event));
                        }
                    }
                    // A kind that a later service knows; passed over, so that it is not sent again.
                    _ => {
                        let known: Option<serde_json::Value> = serde_json::from_str(&event.data).ok();
                        let seq = known.and_then(|event| event["seq"].as_u64()).unwrap_or_default();
                        self.after = self.after.max(seq);
                    }
                }
            }
            match self.listen().await? {
                Heard::Bytes => self.away = None,
                Heard::Nothing => return Ok(None),
                Heard::Lost(reason) => {
                    self.stream = None;
                    self.pause(reason).await?;
                }
            }
        }
    }

    async fn listen(&mut self) -> Result<Heard> {
        let stream = if let Some(stream) = &mut self.stream {
            stream
        } else {
            self.parser.reset();
            match self.connect().await? {
                Ok(response) if response.status() == StatusCode::NO_CONTENT => return Ok(Heard::Nothing),
                Ok(response) => self.stream.insert(response.into_body()),
                Err(reason) => return Ok(Heard::Lost(reason)),
            }
        };
        match tokio::time::timeout(SILENCE, next_piece(stream)).await {
            Ok(Ok(Some(bytes))) => {
                self.parser.push(&bytes).map_err(|_| self.odd(sentence!("an event is too long")))?;
                Ok(Heard::Bytes)
            }
            // Whether the job rests is told to who comes back.
            Ok(Ok(None)) => Ok(Heard::Lost(sentence!("the stream of events ended"))),
            Ok(Err(error)) => Ok(Heard::Lost(reason(&error))),
            Err(_) => Ok(Heard::Lost(sentence!("it was silent for {seconds} s", seconds = SILENCE.as_secs()))),
        }
    }

    async fn connect(&self) -> Result<std::result::Result<Response<Incoming>, Sentence>> {
        let call = Call::get(self.client.job(self.id, &["events"]))
            .header("accept", "text/event-stream".to_owned())
            .header("last-event-id", self.after.to_string());
        let response = match tokio::time::timeout(HEADERS, self.client.open(&call)).await {
            Ok(Ok(response)) => response,
            Ok(Err(Unread::Lost { reason, .. })) => return Ok(Err(reason)),
            Ok(Err(Unread::Untrusted(reason))) => return Err(self.client.untrusted(reason)),
            Ok(Err(Unread::TooLong)) => return Err(self.odd(sentence!("its answer is too long"))),
            Err(_) => return Ok(Err(late())),
        };
        if response.status().is_success() {
            return Ok(Ok(response));
        }
        match tokio::time::timeout(HEADERS, read(call.url.as_str(), response)).await {
            Ok(Ok(raw)) => {
                let error = raw.failure();
                if error.is_transient() || raw.status >= 500 { Ok(Err(error.sentence())) } else { Err(error) }
            }
            Ok(Err(_)) | Err(_) => Ok(Err(sentence!("its refusal could not be read"))),
        }
    }

    async fn pause(&mut self, reason: Sentence) -> Result<()> {
        let away = self.away.get_or_insert_with(|| Away { since: Instant::now(), pause: FIRST_PAUSE });
        if away.since.elapsed() > AWAY {
            return Err(self.client.unreachable(reason));
        }
        let pause = away.pause;
        away.pause = (pause * 2).min(LONGEST_PAUSE);
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn odd(&self, detail: Sentence) -> Error {
        Error::Protocol { url: self.client.job(self.id, &["events"]).to_string(), detail }
    }
}
