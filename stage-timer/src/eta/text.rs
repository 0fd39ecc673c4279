//! A prediction in words.

use std::time::Duration;

use super::{Basis, Eta};
use crate::text::rough;
use crate::{Labels, Lang};

impl Eta {
    /// The prediction in one line: `about 3m 20s left (9 in 10: within 5m 10s)`, with whatever makes it less certain.
    pub fn describe(&self, labels: &Labels, lang: Lang) -> String {
        let (median, p90) = self.times(lang);
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
        text.push_str(self.doubt(lang));
        text
    }

    /// The prediction for a run that has not begun: `about 3m 20s (9 in 10: within 5m 10s)`.
    pub fn describe_whole(&self, lang: Lang) -> String {
        let (median, p90) = self.times(lang);
        // From how many runs it is, is for the caller to say in a sentence of their own.
        let doubt = if self.basis == Basis::OtherShape {
            self.doubt(lang)
        } else {
            ""
        };
        match lang {
            Lang::En => format!("about {median} (9 in 10: within {p90}){doubt}"),
            Lang::Ko => format!("약 {median} (90% 확률로 {p90} 이내){doubt}"),
        }
    }

    fn times(&self, lang: Lang) -> (String, String) {
        (rough(whole(self.median), lang), rough(whole(self.p90), lang))
    }

    fn doubt(&self, lang: Lang) -> &'static str {
        if self.basis == Basis::OtherShape {
            lang.pick(
                "; a guess from runs of another shape",
                "; 다른 구성의 실행 기록에 따른 추정",
            )
        } else if self.runs == 1 {
            lang.pick("; from a single run", "; 실행 기록 1건에 따른 추정")
        } else {
            ""
        }
    }
}

/// In whole seconds, at least one: more precision than that would be invented.
fn whole(time: Duration) -> Duration {
    Duration::from_secs((time + Duration::from_millis(500)).as_secs().max(1))
}
