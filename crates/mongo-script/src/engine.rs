//! Runs the interpreter on a thread of its own and serves its operations from the caller's thread.

mod bridge;
mod failure;
mod interpreter;

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use sentence::{Sentence, sentence};
use serde_json::Value;

use crate::{
    error::{ErrorKind, ScriptError},
    live::{Host, HostError, StopSign},
    operation::Operation,
    settings::Settings,
    source::Source,
};

/// Beyond the time limit, how long the interpreter may take to notice it. Some built-in loops
/// never look; the caller then goes on without the thread.
const GRACE: Duration = Duration::from_secs(2);
const THREAD_STACK_BYTES: usize = 8 * 1024 * 1024;

/// How operations are treated.
pub(crate) enum Mode<'a> {
    /// Written down.
    Record,
    /// Carried out.
    Live(&'a mut dyn Host),
}

/// Where and why a script looked at a result while its operations were being recorded.
#[derive(Debug, Clone)]
pub(crate) struct Used {
    pub(crate) reason: Sentence,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// What a script left behind.
#[derive(Debug, Default)]
pub(crate) struct Finished {
    pub(crate) operations: Vec<Operation>,
    pub(crate) count: u32,
    pub(crate) output: Vec<String>,
    pub(crate) output_truncated: bool,
    pub(crate) used: Option<Used>,
}

/// From the interpreter's thread to the caller's.
enum Message {
    Execute(Operation),
    Finished(Result<Finished, ScriptError>),
}

/// The interpreter's end of the line to the host.
pub(crate) struct HostLine {
    requests: mpsc::Sender<Message>,
    replies: mpsc::Receiver<Result<Value, HostError>>,
    stop_sign: StopSign,
}

impl HostLine {
    fn is_stopped(&self) -> bool {
        (self.stop_sign)()
    }

    fn execute(&self, operation: Operation) -> Result<Value, HostError> {
        let gone = || HostError::Stop(sentence!("the caller has gone"));
        self.requests.send(Message::Execute(operation)).map_err(|_| gone())?;
        self.replies.recv().map_err(|_| gone())?
    }
}

pub(crate) fn run(source: Source, settings: &Settings, mode: Mode<'_>) -> Result<Finished, ScriptError> {
    let (requests, inbox) = mpsc::channel();
    let (outbox, replies) = mpsc::channel();
    let mut host = match mode {
        Mode::Record => None,
        Mode::Live(host) => Some(host),
    };
    let line = host.as_ref().map(|host| HostLine { requests: requests.clone(), replies, stop_sign: host.stop_sign() });
    let owned_settings = settings.clone();
    thread::Builder::new()
        .name("mongo-script".into())
        .stack_size(THREAD_STACK_BYTES)
        .spawn(move || {
            let finished = interpreter::run(&source, &owned_settings, line);
            // A caller that has gone needs no answer.
            let _ = requests.send(Message::Finished(finished));
        })
        .map_err(|error| {
            ScriptError::new(
                ErrorKind::Internal,
                sentence!("no thread for the interpreter: {error}", error = error.to_string()),
            )
        })?;
    loop {
        match inbox.recv_timeout(settings.limits.time + GRACE) {
            Ok(Message::Finished(finished)) => return finished,
            Ok(Message::Execute(operation)) => {
                let reply = match host.as_deref_mut() {
                    Some(host) => host.execute(&operation),
                    None => Err(HostError::Stop(sentence!("there is no server here"))),
                };
                // If the interpreter has gone, the next receive says so.
                let _ = outbox.send(reply);
            }
            Err(RecvTimeoutError::Timeout) => return Err(failure::out_of_time(settings)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(ScriptError::new(ErrorKind::Internal, sentence!("the interpreter ended without a result")));
            }
        }
    }
}
