//! The run as one self-contained page: no network, no second file, nothing but the browser.

use serde::Serialize;

use super::escape::Escaped;
use super::json::{Document, document};
use crate::analysis::Tree;
use crate::analysis::rows::Rows;
use crate::text::rough;
use crate::{Lang, RunRecord};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What the script draws: the public document, and where each stage goes.
#[derive(Serialize)]
struct PageData<'a> {
    lang: Lang,
    offset_s: i32,
    run: Document<'a>,
    /// Row and level of each stage within its lane.
    places: Vec<(usize, usize)>,
    /// The number of levels of each row of each lane.
    levels: Vec<Vec<usize>>,
    /// The place of each stage's lane among the lanes.
    lanes: &'a [usize],
}

impl RunRecord {
    /// The run as a single HTML page, in English at first; the page can switch.
    pub fn to_html(&self) -> String {
        self.to_html_in(Lang::En)
    }

    /// The run as a single HTML page: lanes with zoom and details under the pointer, the critical path, a table of
    /// stages, light and dark, English and Korean. It loads nothing from anywhere.
    pub fn to_html_in(&self, lang: Lang) -> String {
        let tree = Tree::of(self);
        let rows = Rows::of(self, &tree);
        let data = PageData {
            lang,
            offset_s: self.started.offset_seconds(),
            run: document(self, &tree),
            places: rows.places.iter().map(|place| (place.row, place.level)).collect(),
            levels: rows.levels,
            lanes: &tree.lane_of,
        };
        // In a script element only `<` could end it early; JSON may write it as an escape.
        let data = serde_json::to_string(&data).unwrap_or_default().replace('<', "\\u003c");
        let title = format!("{} · {}", self.name, rough(self.wall, lang));
        fill(
            PAGE,
            &[
                ("lang", lang.code()),
                ("title", &Escaped(&title).to_string()),
                ("style", STYLE),
                ("script", SCRIPT),
                ("data", &data),
                (
                    "summary",
                    &Escaped(&self.summary(lang)).to_string().replace('\u{2028}', " "),
                ),
            ],
        )
    }
}

/// Puts the values into `{{name}}` places, once each and in one pass: a value is never searched for places.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let size = template.len() + values.iter().map(|(_, value)| value.len()).sum::<usize>();
    let mut page = String::with_capacity(size);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        page.push_str(
            values
                .iter()
                .find(|(known, _)| *known == name)
                .map_or("", |(_, value)| value),
        );
        rest = after;
    }
    page.push_str(rest);
    page
}
