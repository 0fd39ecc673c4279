//! A comparison as one self-contained page.

use std::fmt::Write as _;

use super::{Change, Comparison, text};
use crate::Lang;
use crate::export::{Escaped, fill};
use crate::text::seconds;

const PAGE: &str = include_str!("page.html");

impl Comparison<'_> {
    /// The comparison as a single HTML page: the picture and the table. It loads nothing from anywhere and needs no
    /// script.
    pub fn to_html(&self, lang: Lang) -> String {
        let headline = self.headline(lang);
        let title = headline.lines().next().unwrap_or_default();
        fill(
            PAGE,
            &[
                ("lang", lang.code()),
                ("title", &Escaped(title).to_string()),
                ("heading", lang.pick("Comparison of two runs", "두 실행의 비교")),
                ("warning", &Escaped(self.warning(lang).unwrap_or_default()).to_string()),
                ("picture", &self.to_svg_in(lang)),
                ("table", &self.table(lang)),
            ],
        )
    }

    fn table(&self, lang: Lang) -> String {
        let mut out = String::from("<table><thead><tr>");
        for cell in text::head(lang).iter().take(4) {
            let _ = write!(out, "<th>{}</th>", Escaped(cell));
        }
        out.push_str("<th></th></tr></thead><tbody>\n");
        for stage in &self.stages {
            let took = |side: &Option<super::Side>| side.as_ref().map_or(String::new(), |side| seconds(side.duration));
            let _ = writeln!(
                out,
                "<tr><td style=\"padding-left:{}px\">{} <span>{}</span></td><td>{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td></tr>",
                10 + stage.depth.min(20) * 18,
                Escaped(&self.label(stage, lang)),
                if stage.lane == crate::Lane::MAIN {
                    String::new()
                } else {
                    Escaped(stage.lane.as_str()).to_string()
                },
                took(&stage.base),
                took(&stage.new),
                class(stage.change, stage.cut_short()),
                text::difference(stage.change),
                Escaped(&text::note(stage, lang)),
            );
        }
        let _ = writeln!(
            out,
            "<tr class=\"total\"><td>{}</td><td>{}</td><td>{}</td><td class=\"{}\">{}</td><td>{}</td></tr></tbody></table>",
            lang.pick("Total", "총 소요 시간"),
            seconds(self.base.wall),
            seconds(self.new.wall),
            class(self.total, self.total_cut_short()),
            text::difference(self.total),
            Escaped(&self.total_note(lang)),
        );
        out
    }
}

fn class(change: Change, cut_short: bool) -> &'static str {
    match change {
        Change::Faster(_) if cut_short => "",
        Change::Faster(_) => "faster",
        Change::Slower(_) => "slower",
        Change::Same | Change::Added | Change::Removed => "",
    }
}
