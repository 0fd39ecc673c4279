//! stage-timer: records of runs.

use stage_timer::{Lang, RunRecord};

/// A record that can be read can be shown in every form.
pub(crate) fn record(bytes: &[u8]) {
    let record = match RunRecord::parse(bytes) {
        Ok(record) => record,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    for lang in [Lang::En, Lang::Ko] {
        let _ = record.summary(lang);
        let _ = record.brief(lang);
        let _ = record.to_markdown(lang);
    }
    let _ = record.to_html();
    let _ = record.to_svg();
    let _ = record.to_openmetrics();
    for json in [record.to_json(), record.to_chrome_trace()] {
        let read: Result<serde_json::Value, _> = serde_json::from_str(&json);
        assert!(read.is_ok(), "{read:?}: {json}");
    }
}
