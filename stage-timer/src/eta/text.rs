//! A prediction in words.

use super::{Basis, Eta};
use crate::text::rough;
use crate::{Labels, Lang};

impl Eta {
    /// The prediction in one line: `about 3m 20s left (9 in 10: within 5m 10s)`, with whatever makes it less certain.
    pub fn describe(&self, labels: &Labels, lang: Lang) -> String {
        let (median, p90) = (rough(self.median, lang), rough(self.p90, lang));
        let mut text = match lang {
            Lang::En => format!("about {median} left (9 in 10: within {p90})"),
            Lang::Ko => format!("약 {median} 남음 (90% 확률로 {p90} 이내)"),
        };
        if let Some(overrun) = &self.overrun {
            let (label, by) = (labels.get(&overrun.name, lang), rough(overrun.by, lang));
            let lane = crate::text::lane_suffix(&overrun.lane);
            text = match lang {
                Lang::En => format!("{text}; {label}{lane} is {by} over the longest ever"),
                Lang::Ko => format!("{text}; {label}{lane} 단계가 지금까지의 최장 시간을 {by} 초과"),
            };
        }
        if self.basis == Basis::OtherShape {
            text.push_str(lang.pick(
                "; a guess from runs of another shape",
                "; 다른 구성의 실행 기록에 따른 추정",
            ));
        } else if self.runs == 1 {
            text.push_str(lang.pick("; from a single run", "; 실행 기록 1건에 따른 추정"));
        }
        text
    }
}
