//! One page without scripts, fonts or pictures from elsewhere.

use i18n::Language;
use maud::{DOCTYPE, PreEscaped, html};

use crate::document::Document;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}\
th,td{border-bottom:1px solid #ddd;padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}\
th{white-space:nowrap}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#555}dd{margin:0}\
@media print{body{margin:0;max-width:none}}";

pub(crate) fn render(language: Language, document: &Document) -> String {
    html! {
        (DOCTYPE)
        html lang=(language.tag()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (document.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (document.title) }
                dl {
                    @for (name, value) in &document.facts {
                        dt { (name) }
                        dd { (value) }
                    }
                }
                @for section in &document.sections {
                    h2 { (section.heading) }
                    table {
                        thead { tr { @for column in &section.columns { th scope="col" { (column) } } } }
                        tbody {
                            @for row in &section.rows {
                                tr { @for cell in row { td { (cell) } } }
                            }
                        }
                    }
                }
            }
        }
    }
    .into_string()
}
