//! Where a job's steps are drawn.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::job::JobState;
use domain::step::StepState;
use domain::view::{ErrorView, JobView};
use i18n::{Language, job_state, step_name, step_state};
use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::Context;
use crate::cli::format::between;
use crate::cli::output;

const TICK: Duration = Duration::from_millis(120);

/// Draws bars on a terminal, writes lines elsewhere, and is silent where a script wants JSON.
pub(crate) struct Display {
    language: Language,
    silent: bool,
    labels: HashMap<u32, String>,
    screen: Option<MultiProgress>,
    bars: HashMap<u32, ProgressBar>,
}

impl Display {
    pub(crate) fn of(context: &Context, job: &JobView) -> Self {
        let language = context.language;
        let labels = job.steps.iter().map(|step| {
            let label = format!("{} {}", step_name(language, &step.name), step.subject);
            (step.id, label.trim_end().to_owned())
        });
        let on_screen = !context.json && output::is_terminal();
        Self {
            language,
            silent: context.json,
            labels: labels.collect(),
            screen: on_screen.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout())),
            bars: HashMap::new(),
        }
    }

    pub(crate) fn begin(&mut self, step: u32, state: StepState) {
        let line = format!("{}: {}", self.label(step), step_state(self.language, state));
        let Some(screen) = &self.screen else {
            self.line(&format!("  … {line}"));
            return;
        };
        let bar = screen.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.set_message(line);
        bar.enable_steady_tick(TICK);
        self.clear(step);
        self.bars.insert(step, bar);
    }

    /// How far a step is. Lines are not written for it: there may be thousands.
    pub(crate) fn progress(&mut self, step: u32, what: &str, done: u64, total: u64) {
        let label = self.label(step);
        let Some(bar) = self.bars.get(&step) else {
            return;
        };
        if bar.length() != Some(total)
            && let Ok(style) = ProgressStyle::with_template("  {spinner} {msg} [{bar:24}] {pos}/{len} {elapsed}")
        {
            bar.set_style(style.progress_chars("█▓░"));
            bar.set_length(total);
        }
        bar.set_message(format!("{label}: {what}"));
        bar.set_position(done);
    }

    /// How much a step has read, where nobody knows how much there is.
    pub(crate) fn amount(&self, step: u32, bytes: u64) {
        if let Some(bar) = self.bars.get(&step) {
            bar.set_message(format!("{}: {}", self.label(step), HumanBytes(bytes)));
        }
    }

    pub(crate) fn end(
        &mut self,
        step: u32,
        state: StepState,
        began: DateTime<Utc>,
        ended: DateTime<Utc>,
        error: Option<&ErrorView>,
    ) {
        self.clear(step);
        let mark = match state {
            StepState::Finished => "✓",
            StepState::Undone => "↶",
            _ => "✗",
        };
        let took = between(self.language, began, ended);
        let mut line = format!("  {mark} {}: {} ({took})", self.label(step), step_state(self.language, state));
        if let Some(error) = error {
            line.push_str("\n      ");
            line.push_str(&error.message.to_string());
        }
        self.line(&line);
    }

    pub(crate) fn job(&mut self, state: JobState, error: Option<&ErrorView>) {
        let line = match error {
            Some(error) => format!("  ● {}: {}", job_state(self.language, state), error.message),
            None => format!("  ● {}", job_state(self.language, state)),
        };
        self.line(&line);
    }

    /// Something that a person should know meanwhile.
    pub(crate) fn note(&self, note: &str) {
        self.line(&format!("  … {note}"));
    }

    /// Something about one step that a person should know meanwhile.
    pub(crate) fn news(&self, step: u32, key: &str, news: &str) {
        let text = i18n::text(self.language, key, [("step", self.label(step).as_str()), ("news", news)]);
        self.note(&text);
    }

    /// Takes away what still moves.
    pub(crate) fn finish(&mut self) {
        for (_, bar) in self.bars.drain() {
            bar.finish_and_clear();
        }
    }

    fn clear(&mut self, step: u32) {
        if let Some(bar) = self.bars.remove(&step) {
            bar.finish_and_clear();
        }
    }

    fn label(&self, step: u32) -> String {
        self.labels.get(&step).cloned().unwrap_or_else(|| step.to_string())
    }

    fn line(&self, line: &str) {
        match &self.screen {
            _ if self.silent => {}
            // A terminal that cannot be drawn on any more is not worth failing for.
            Some(screen) => drop(screen.println(line)),
            None => output::line(line),
        }
    }
}
