//! Scripts whose course depends on what the server answers.

use sentence::sentence;
use std::sync::Arc;

use mongo_script::{ErrorKind, Host, HostError, Operation, ScriptError, StopSign, run_live};
use saga::StepError;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::locked::Run;
use super::operation::unclear;
use super::run::{Plan, assert_runnable, hash, place};
use crate::book::Progress;
use crate::examine::mongo::{Treatment, treatment};
use crate::script::Script;

/// Carries out the operations of a live script, each journalled.
struct Journalled {
    run: Run,
    runtime: Handle,
    script: crate::engine::Scripts,
    direction: domain::ledger::Direction,
    undo: bool,
    /// Why the script was stopped.
    stopped: Option<StepError>,
}

impl Run {
    /// Runs a script live. It is run from its beginning when the step is resumed; operations that were
    /// carried out before are repeated where that does no harm, and stop for a person otherwise.
    pub(super) async fn run_live(&self, plan: &Plan<'_>) -> Result<(), StepError> {
        // Dropped with this call, whether it ends or is given up at its deadline: the thread ends by itself then.
        let watched = CancellationToken::new();
        let _ends_the_thread = watched.clone().drop_guard();
        let mut host = Journalled {
            run: self.abandoned_with(watched),
            runtime: Handle::current(),
            script: plan.script.scripts.clone(),
            direction: plan.script.direction,
            undo: plan.script.undo,
            stopped: None,
        };
        let (text, settings, name) = (plan.script.text.to_owned(), plan.settings.clone(), plan.script.name());
        let (ran, stopped) = tokio::task::spawn_blocking(move || {
            let ran = run_live(&text, &mut host, &settings);
            (ran, host.stopped)
        })
        .await
        .map_err(|error| {
            StepError::permanent(sentence!(
                "{script}: the script's thread failed: {error}",
                script = &name,
                error = error.to_string()
            ))
        })?;
        let told = |error: &ScriptError| sentence!("{place}: {error}", place = &name, error = error.sentence());
        match (ran, stopped) {
            (_, Some(error)) => Err(error),
            (Ok(_), None) => Ok(()),
            (Err(error), None) if error.kind == ErrorKind::Stopped => Err(StepError::transient(told(&error))),
            (Err(error), None) => Err(StepError::permanent(told(&error))),
        }
    }
}

impl Host for Journalled {
    fn execute(&mut self, operation: &Operation) -> Result<Value, HostError> {
        let (runtime, abandoned) = (self.runtime.clone(), self.run.abandoned.clone());
        // Given up wherever it is, as all that is awaited within the step is.
        runtime.block_on(async {
            tokio::select! {
                biased;
                () = abandoned.cancelled() => Err(HostError::Stop(sentence!("the step was given up"))),
                carried_out = self.carry_out(operation) => carried_out,
            }
        })
    }

    fn stop_sign(&self) -> StopSign {
        let (abandoned, stop) = (self.run.abandoned.clone(), self.run.book.cx.stop().clone());
        Arc::new(move || abandoned.is_cancelled() || stop.is_cancelled())
    }
}

impl Journalled {
    async fn carry_out(&mut self, operation: &Operation) -> Result<Value, HostError> {
        if operation.effect() == mongo_script::Effect::Read {
            return match self.run.read(operation).await {
                Ok(reply) => Ok(reply),
                Err(error) if error.code().is_some() && !error.is_transient() => Err(HostError::Server {
                    code: error.code(),
                    name: error.code_name().map(str::to_owned),
                    message: error.to_string(),
                }),
                Err(error) => Err(self.stop(crate::Error::from(error).into())),
            };
        }
        match self.change(operation).await {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.stop(error)),
        }
    }

    async fn change(&self, operation: &Operation) -> Result<Value, StepError> {
        let script = Script::of(&self.script, self.direction, self.undo)?;
        let name = script.name();
        let key = script.key(operation.index, &hash(operation));
        let place = place(&name, operation);
        assert_runnable(&place, operation, self.run.target.database())?;
        // Nobody could accept beforehand what is not known before the script runs.
        if treatment(operation) == Treatment::Unknown {
            return Err(StepError::permanent(sentence!(
                "{place}: the command is not understood, and nobody was asked: the script reads what it does from the server",
                place
            )));
        }
        let progress = self.run.book.progress(&key).map_err(|_| {
            unclear(&name, operation, &sentence!("the script takes another course than before it was interrupted"))
        })?;
        match progress {
            // What is kept of documents tells the answer, and none is written twice.
            Progress::Done
                if operation.effect().is_repeatable()
                    || matches!(treatment(operation), Treatment::KeepDocuments { .. }) =>
            {
                self.run.perform(&name, self.undo, &key, operation).await
            }
            Progress::Done => {
                Err(unclear(&name, operation, &sentence!("what the server answered then is not known any more")))
            }
            Progress::Untouched | Progress::Begun => self.run.operation(&name, self.undo, &key, operation).await,
        }
    }

    fn stop(&mut self, error: StepError) -> HostError {
        let message = error.message.clone();
        self.stopped = Some(error);
        HostError::Stop(message)
    }
}
