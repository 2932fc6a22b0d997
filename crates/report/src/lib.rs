//! What a job did, as a document that can be kept: HTML for people, text for terminals and mails.

mod document;
mod html;
mod text;

use domain::view::JobReport;
use i18n::Language;

/// The report as one HTML page that needs nothing from elsewhere.
pub fn html(language: Language, report: &JobReport) -> String {
    html::render(language, &document::of(language, report))
}

/// The report as plain text.
pub fn text(language: Language, report: &JobReport) -> String {
    text::render(&document::of(language, report))
}
