//! Asking before anything changes. Nothing is done by pressing Enter alone.

use std::io::BufRead;

use domain::environment::Protection;

use super::context::Context;
use super::failure::Failure;
use super::output;

/// What a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Confirmed {
    pub(crate) reason: String,
    /// The environment's name, where its protection asks for it.
    pub(crate) confirm: Option<String>,
}

/// Asks for what the environment's protection wants. With `yes` a script has confirmed already.
pub(crate) async fn confirm(
    context: &Context,
    environment: &str,
    protection: &Protection,
    yes: bool,
    reason: Option<String>,
) -> Result<Confirmed, Failure> {
    if yes {
        let confirm = protection.typed_confirmation.then(|| environment.to_owned());
        return Ok(Confirmed { reason: reason.unwrap_or_default(), confirm });
    }
    if !output::can_ask() {
        return Err(Failure::NobodyToAsk { wants_reason: protection.typed_confirmation && reason.is_none() });
    }
    if !protection.typed_confirmation {
        let answer = ask(context.text("cli.ask-go-on", [("environment", environment)])).await?;
        let agreed = ["y", "yes", "是"].contains(&answer.to_lowercase().as_str());
        return if agreed {
            Ok(Confirmed { reason: reason.unwrap_or_default(), confirm: None })
        } else {
            Err(Failure::Declined)
        };
    }
    let reason = match reason {
        Some(reason) => reason,
        None => ask(context.text("cli.ask-reason", [])).await?,
    };
    if reason.is_empty() {
        return Err(Failure::NoReason);
    }
    let typed = ask(context.text("cli.ask-name", [("environment", environment)])).await?;
    if typed == environment { Ok(Confirmed { reason, confirm: Some(typed) }) } else { Err(Failure::Declined) }
}

async fn ask(question: String) -> Result<String, Failure> {
    output::question(&format!("{question} "));
    // A thread of its own, so that an interrupt is still heard.
    let (told, answer) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line).map(|_| line.trim().to_owned());
        // Nobody listens any more after an interrupt.
        let _ = told.send(read);
    });
    match answer.await {
        Ok(answer) => answer.map_err(Failure::io),
        Err(_) => Err(Failure::Declined),
    }
}
