//! What the interpreter's prelude can call: everything a script does to the world passes here.

use std::{
    cell::RefCell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};

use rquickjs::{Ctx, Function, Object};
use sentence::sentence;
use serde_json::{Value, json};

use super::{Finished, HostLine, Used, failure};
use crate::{
    error::{ErrorKind, ScriptError},
    live::HostError,
    names::nearest,
    operation::Operation,
    settings::Limits,
};

/// Shared with the interrupt handler.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The script has to end, whatever it catches.
    pub(super) stop: AtomicBool,
    /// Time spent waiting for the host, in nanoseconds.
    pub(super) waited: AtomicU64,
}

/// The state behind the calls.
pub(super) struct Bridge {
    pub(super) finished: Finished,
    /// Why the script was stopped, if it was.
    pub(super) stopped: Option<ScriptError>,
    watch: Arc<Watch>,
    host: Option<HostLine>,
    limits: Limits,
    recorded_bytes: usize,
    output_bytes: usize,
}

/// A call as the prelude describes it.
struct Call {
    method: String,
    database: Option<String>,
    collection: Option<String>,
    command: String,
    stack: String,
    /// The result is wanted and is a plain value that can be used unseen, such as a number.
    plain_result: bool,
}

impl Call {
    fn read(call: &Object<'_>) -> rquickjs::Result<Self> {
        Ok(Self {
            method: call.get("method")?,
            database: call.get("database")?,
            collection: call.get("collection")?,
            command: call.get("command")?,
            stack: call.get("stack")?,
            plain_result: call.get("plain")?,
        })
    }
}

impl Bridge {
    pub(super) fn new(limits: &Limits, host: Option<HostLine>, watch: Arc<Watch>) -> Self {
        Self {
            finished: Finished::default(),
            stopped: None,
            watch,
            host,
            limits: limits.clone(),
            recorded_bytes: 0,
            output_bytes: 0,
        }
    }

    /// The object through which the prelude reaches this bridge.
    pub(super) fn object<'js>(ctx: &Ctx<'js>, bridge: &Rc<RefCell<Self>>) -> rquickjs::Result<Object<'js>> {
        let object = Object::new(ctx.clone())?;
        object.set("record", bridge.borrow().host.is_none())?;
        let this = Rc::clone(bridge);
        object.set(
            "execute",
            Function::new(ctx.clone(), move |ctx: Ctx<'js>, call: Object<'js>| {
                this.borrow_mut().execute(&ctx, Call::read(&call)?)
            })?,
        )?;
        let this = Rc::clone(bridge);
        object.set(
            "amend",
            Function::new(ctx.clone(), move |ctx: Ctx<'js>, index: usize, command: String| {
                this.borrow_mut().amend(&ctx, index, &command)
            })?,
        )?;
        let this = Rc::clone(bridge);
        object.set(
            "used",
            Function::new(ctx.clone(), move |ctx: Ctx<'js>, method: String, stack: String| {
                Err::<(), _>(this.borrow_mut().used(&ctx, &method, &stack))
            })?,
        )?;
        let this = Rc::clone(bridge);
        object.set("print", Function::new(ctx.clone(), move |line: String| this.borrow_mut().print(line))?)?;
        object.set(
            "nearest",
            Function::new(ctx.clone(), |name: String, known: Vec<String>| {
                nearest(&name, known.iter().map(String::as_str)).map(str::to_owned)
            })?,
        )?;
        Ok(object)
    }

    /// Recording: the index of the operation. Live: the outcome as JSON, `{"reply": …}` or
    /// `{"error": {"code", "name", "message"}}`.
    fn execute(&mut self, ctx: &Ctx<'_>, call: Call) -> rquickjs::Result<String> {
        self.check_running(ctx)?;
        let position = failure::position(&call.stack);
        if self.host.as_ref().is_some_and(HostLine::is_stopped) {
            return Err(self.stop(ctx, failure::told_to_stop().at(position)));
        }
        if self.finished.count >= self.limits.operations {
            let message = sentence!("more than {limit} operations", limit = self.limits.operations);
            return Err(self.stop(ctx, ScriptError::new(ErrorKind::TooLarge, message).at(position)));
        }
        self.count_bytes(ctx, call.command.len())?;
        let command = parse(ctx, &call.command)?;
        let index = self.finished.count;
        let (line, column) = position.unwrap_or_default();
        let operation = Operation {
            index,
            method: call.method,
            database: call.database,
            collection: call.collection,
            command,
            line,
            column,
        };
        let Some(host) = &self.host else {
            if call.plain_result {
                return Err(self.used(ctx, &operation.method, &call.stack));
            }
            self.finished.count += 1;
            self.finished.operations.push(operation);
            return Ok(index.to_string());
        };
        self.finished.count += 1;
        let asked = Instant::now();
        let reply = host.execute(operation);
        let waited = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.watch.waited.fetch_add(waited, Ordering::Relaxed);
        match reply {
            Ok(reply) => Ok(json!({ "reply": reply }).to_string()),
            Err(HostError::Server { code, name, message }) => {
                let error = json!({ "code": code, "name": name, "message": message });
                Ok(json!({ "error": error }).to_string())
            }
            Err(HostError::Stop(message)) => {
                let error = ScriptError::new(ErrorKind::Stopped, message).at(position);
                Err(self.stop(ctx, error))
            }
        }
    }

    /// Gives a recorded operation another command: a cursor is described step by step.
    fn amend(&mut self, ctx: &Ctx<'_>, index: usize, command: &str) -> rquickjs::Result<()> {
        self.check_running(ctx)?;
        self.count_bytes(ctx, command.len())?;
        let command = parse(ctx, command)?;
        if let Some(operation) = self.finished.operations.get_mut(index) {
            operation.command = command;
        }
        Ok(())
    }

    fn used(&mut self, ctx: &Ctx<'_>, method: &str, stack: &str) -> rquickjs::Error {
        let reason = sentence!("the script uses the result of {method}", method);
        let (line, column) = failure::position(stack).unwrap_or_default();
        self.finished.used.get_or_insert(Used { reason, line, column });
        self.watch.stop.store(true, Ordering::Relaxed);
        failure::throw(ctx, "Stopped", "the rest of the script depends on the server")
    }

    fn print(&mut self, line: String) {
        self.output_bytes = self.output_bytes.saturating_add(line.len() + 1);
        if self.output_bytes > self.limits.output_bytes {
            self.finished.output_truncated = true;
        } else {
            self.finished.output.push(line);
        }
    }

    /// Recorded commands live outside the interpreter's memory, so they are counted here.
    fn count_bytes(&mut self, ctx: &Ctx<'_>, bytes: usize) -> rquickjs::Result<()> {
        if self.host.is_some() {
            return Ok(());
        }
        self.recorded_bytes = self.recorded_bytes.saturating_add(bytes);
        if self.recorded_bytes <= self.limits.memory_bytes {
            return Ok(());
        }
        let message = sentence!("operations of more than {limit} bytes", limit = self.limits.memory_bytes);
        Err(self.stop(ctx, ScriptError::new(ErrorKind::TooLarge, message)))
    }

    fn check_running(&self, ctx: &Ctx<'_>) -> rquickjs::Result<()> {
        if self.watch.stop.load(Ordering::Relaxed) {
            return Err(failure::throw(ctx, "Stopped", "the script was stopped"));
        }
        Ok(())
    }

    fn stop(&mut self, ctx: &Ctx<'_>, error: ScriptError) -> rquickjs::Error {
        let message = error.message.to_string();
        self.stopped.get_or_insert(error);
        self.watch.stop.store(true, Ordering::Relaxed);
        failure::throw(ctx, "Stopped", &message)
    }
}

fn parse(ctx: &Ctx<'_>, command: &str) -> rquickjs::Result<Value> {
    serde_json::from_str(command).map_err(|error| {
        let message = format!("the command cannot be written as JSON: {error}");
        failure::throw(ctx, "ArgumentError", &message)
    })
}
