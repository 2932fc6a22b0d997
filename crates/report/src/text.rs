//! Plain text.

use std::fmt::Write;

use comfy_table::{ContentArrangement, Table, presets};

use crate::document::Document;

pub(crate) fn render(document: &Document) -> String {
    let mut told = String::new();
    let _ = writeln!(told, "{}\n", document.title);
    for (name, value) in &document.facts {
        let _ = writeln!(told, "{name}: {value}");
    }
    for section in &document.sections {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(&section.columns);
        table.add_rows(&section.rows);
        let _ = writeln!(told, "\n{}\n{table}", section.heading);
    }
    told
}
