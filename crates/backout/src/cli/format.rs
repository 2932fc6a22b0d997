//! Times, durations, tables: how values look to people.

use chrono::{DateTime, Local, Utc};
use comfy_table::{ContentArrangement, Table, presets};
use i18n::{Language, text};

use super::output;

/// What stands where there is nothing.
pub(crate) const NOTHING: &str = "—";

/// A time in the reader's own time zone, to the second.
pub(crate) fn time(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string()
}

pub(crate) fn optional_time(at: Option<DateTime<Utc>>) -> String {
    at.map_or_else(|| NOTHING.to_owned(), time)
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A duration with two or three digits that matter.
pub(crate) fn duration(language: Language, milliseconds: u64) -> String {
    let (key, first, second) = match milliseconds {
        0..1_000 => ("cli.duration-milliseconds", milliseconds.to_string(), String::new()),
        1_000..MINUTE => {
            ("cli.duration-seconds", format!("{}.{}", milliseconds / 1_000, milliseconds % 1_000 / 100), String::new())
        }
        MINUTE..HOUR => {
            let rest = milliseconds % MINUTE / 1_000;
            ("cli.duration-minutes", (milliseconds / MINUTE).to_string(), format!("{rest:02}"))
        }
        HOUR..DAY => {
            let rest = milliseconds % HOUR / MINUTE;
            ("cli.duration-hours", (milliseconds / HOUR).to_string(), format!("{rest:02}"))
        }
        _ => {
            let rest = milliseconds % DAY / HOUR;
            ("cli.duration-days", (milliseconds / DAY).to_string(), rest.to_string())
        }
    };
    text(language, key, [("n", first.as_str()), ("rest", second.as_str())])
}

/// The time between two moments.
pub(crate) fn between(language: Language, from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    duration(language, (to - from).num_milliseconds().try_into().unwrap_or(0))
}

/// A list for one cell.
pub(crate) fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { NOTHING.to_owned() } else { pairs.join("\n") }
}

/// The first digits of a commit id.
pub(crate) fn short_commit(commit: &str) -> String {
    commit.chars().take(12).collect()
}

/// A table whose headings are sentences of the locale files. It is as wide as the terminal, or as its content
/// where nobody looks.
pub(crate) fn table(language: Language, headings: &[&str]) -> Table {
    let mut table = plain_table(language, headings);
    if output::is_terminal() {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    }
    table
}

/// The same, always as wide as its content.
pub(crate) fn plain_table(language: Language, headings: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|key| text(language, &format!("cli.column-{key}"), [])));
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_grow_their_units() {
        let told = [0, 999, 1_000, 12_345, 59_999, 60_000, 125_000].map(|ms| duration(Language::En, ms));
        assert_eq!(told, ["0 ms", "999 ms", "1.0 s", "12.3 s", "59.9 s", "1 min 00 s", "2 min 05 s"]);
        let told = [HOUR - 1, HOUR, DAY - 1, DAY, 3 * DAY + 4 * HOUR].map(|ms| duration(Language::En, ms));
        assert_eq!(told, ["59 min 59 s", "1 h 00 min", "23 h 59 min", "1 d 0 h", "3 d 4 h"]);
        assert_eq!(duration(Language::ZhCn, 125_000), "2 分 05 秒");
    }
}
