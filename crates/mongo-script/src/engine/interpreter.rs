use std::{
    cell::RefCell,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rquickjs::{CatchResultExt, CaughtError, Context, Ctx, Function, Promise, Runtime, Value, context::EvalOptions};
use sentence::sentence;

use super::{
    Finished, HostLine,
    bridge::{Bridge, Watch},
    failure::{self, SCRIPT_NAME},
};
use crate::{
    error::{ErrorKind, ScriptError},
    live::StopSign,
    settings::Settings,
    source::Source,
};

const INTERPRETER_STACK_BYTES: usize = 1024 * 1024;

/// The parts of the prelude, in order; together they are the body of one function of `native`.
const PRELUDE: [&str; 5] = [
    include_str!("prelude/types.js"),
    include_str!("prelude/values.js"),
    include_str!("prelude/cursor.js"),
    include_str!("prelude/collection.js"),
    include_str!("prelude/shell.js"),
];

pub(super) fn run(source: &Source, settings: &Settings, host: Option<HostLine>) -> Result<Finished, ScriptError> {
    let watch = Arc::new(Watch::default());
    let runtime = Runtime::new().map_err(|error| broken(&error))?;
    runtime.set_memory_limit(settings.limits.memory_bytes);
    runtime.set_max_stack_size(INTERPRETER_STACK_BYTES);
    let context = Context::full(&runtime).map_err(|error| broken(&error))?;
    let stop_sign = host.as_ref().map(|line| Arc::clone(&line.stop_sign));
    let bridge = Bridge::new(&settings.limits, host, Arc::clone(&watch));
    let bridge = Rc::new(RefCell::new(bridge));
    watch_time(&runtime, &watch, settings.limits.time, stop_sign.clone());
    let unhandled = watch_rejections(&runtime, settings);

    let ended = context.with(|ctx| {
        prepare(&ctx, &bridge, source, settings).catch(&ctx).map_err(|caught| explain(&ctx, caught, settings))?;
        evaluate(&ctx, source).map_err(|caught| explain(&ctx, caught, settings))
    });
    let mut bridge = bridge.borrow_mut();
    if let Some(stopped) = bridge.stopped.take() {
        return Err(stopped);
    }
    if ended.is_err() && stop_sign.is_some_and(|is_shown| is_shown()) {
        return Err(failure::told_to_stop());
    }
    if bridge.finished.used.is_none() {
        ended?;
        if let Some(error) = take(&unhandled) {
            return Err(error);
        }
    }
    Ok(std::mem::take(&mut bridge.finished))
}

fn broken(error: &rquickjs::Error) -> ScriptError {
    ScriptError::new(ErrorKind::Internal, sentence!("the interpreter: {error}", error = error.to_string()))
}

fn watch_time(runtime: &Runtime, watch: &Arc<Watch>, limit: Duration, stop_sign: Option<StopSign>) {
    let watch = Arc::clone(watch);
    let started = Instant::now();
    runtime.set_interrupt_handler(Some(Box::new(move || {
        let waited = Duration::from_nanos(watch.waited.load(Ordering::Relaxed));
        let is_told = || stop_sign.as_ref().is_some_and(|is_shown| is_shown());
        watch.stop.load(Ordering::Relaxed) || is_told() || started.elapsed().saturating_sub(waited) > limit
    })));
}

/// Keeps the error of a promise that was rejected and that nobody waits for.
fn watch_rejections(runtime: &Runtime, settings: &Settings) -> Arc<Mutex<Option<ScriptError>>> {
    let unhandled = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&unhandled);
    let settings = settings.clone();
    runtime.set_host_promise_rejection_tracker(Some(Box::new(move |ctx, _promise, reason, is_handled| {
        let error = (!is_handled).then(|| failure::describe(&ctx, &reason, &settings));
        *kept.lock().unwrap_or_else(PoisonError::into_inner) = error;
    })));
    unhandled
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Gives the script its globals.
fn prepare<'js>(
    ctx: &Ctx<'js>,
    bridge: &Rc<RefCell<Bridge>>,
    source: &Source,
    settings: &Settings,
) -> rquickjs::Result<()> {
    let native = Bridge::object(ctx, bridge)?;
    let recording: bool = native.get("record")?;
    let clock = settings.clock.or_else(|| recording.then(SystemTime::now)).map(milliseconds);
    native.set("clock", clock)?;
    native.set("seed", seed(source, clock))?;
    native.set("database", settings.database.as_str())?;

    let body = PRELUDE.join("\n");
    let mut options = EvalOptions::default();
    options.filename = Some("prelude".into());
    let prelude: Function<'js> = ctx.eval_with_options(format!("(function (native) {{\n{body}\n}})"), options)?;
    prelude.call::<_, ()>((native,))
}

fn milliseconds(time: SystemTime) -> f64 {
    // Whole milliseconds of any date in use are exact in a double.
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| (since.as_secs_f64() * 1000.0).floor())
}

/// Random numbers and generated ids follow from the script and the clock, so that compiling twice
/// gives the same operations and two scripts give different ids.
fn seed(source: &Source, clock: Option<f64>) -> u32 {
    let clock = clock.unwrap_or_else(|| milliseconds(SystemTime::now()));
    // FNV-1a: the same in every build, unlike the standard library's hasher.
    source
        .text
        .bytes()
        .chain(clock.to_bits().to_le_bytes())
        .fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn evaluate<'js>(ctx: &Ctx<'js>, source: &Source) -> Result<(), CaughtError<'js>> {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.promise = true;
    options.filename = Some(SCRIPT_NAME.into());
    let promise: Promise<'js> = ctx.eval_with_options(source.text.as_str(), options).catch(ctx)?;
    promise.finish::<Value<'js>>().catch(ctx)?;
    while ctx.execute_pending_job() {}
    Ok(())
}

fn explain<'js>(ctx: &Ctx<'js>, caught: CaughtError<'js>, settings: &Settings) -> ScriptError {
    match caught {
        CaughtError::Exception(exception) => failure::describe(ctx, exception.as_object().as_value(), settings),
        CaughtError::Value(value) => failure::describe(ctx, &value, settings),
        CaughtError::Error(rquickjs::Error::WouldBlock) => {
            ScriptError::new(ErrorKind::Thrown, sentence!("the script waits for something that never happens"))
        }
        CaughtError::Error(error) => broken(&error),
    }
}
