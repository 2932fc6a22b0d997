//! The table, and what has to be said beside it.

use comfy_table::{ContentArrangement, Table, presets};

/// One line of the table.
pub(crate) struct Row {
    /// Number of the goal.
    pub(crate) goal: &'static str,
    pub(crate) what: String,
    pub(crate) measured: String,
    /// The bare limit or the peer, measured in the same run.
    pub(crate) beside: String,
    pub(crate) ratio: Option<f64>,
    pub(crate) target: &'static str,
    /// `None` where there is no goal for it.
    pub(crate) reached: Option<bool>,
}

pub(crate) struct Report {
    table: Table,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(machine: &str) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::ASCII_MARKDOWN).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["goal", "what", "measured", "limit or peer", "ratio", "target", "reached"]);
        line(machine);
        Self { table, notes: Vec::new() }
    }

    /// A line of the table, told at once too: the whole takes minutes.
    pub(crate) fn row(&mut self, row: Row) {
        let ratio = row.ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
        let reached = row.reached.map_or("–", |reached| if reached { "yes" } else { "no" });
        line(&format!("{} {}: {} | {} | {ratio} | {reached}", row.goal, row.what, row.measured, row.beside));
        let Row { goal, what, measured, beside, target, .. } = row;
        self.table.add_row([goal.to_owned(), what, measured, beside, ratio, target.to_owned(), reached.to_owned()]);
    }

    pub(crate) fn note(&mut self, note: &str) {
        line(note);
        self.notes.push(note.to_owned());
    }

    pub(crate) fn print(&self) {
        line("\nDurations: minimum / median / p95.\n");
        line(&self.table.to_string());
        line("");
        for note in &self.notes {
            line(&format!("- {note}"));
        }
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark speaks to the terminal")]
fn line(text: &str) {
    println!("{text}");
}
