//! The event stream: one JSON object per line, each with the time.

use lab_engine::Event;
use serde::Serialize;
use stage_timer::WallTime;

#[derive(Serialize)]
struct Timed<'a> {
    time: WallTime,
    #[serde(flatten)]
    event: &'a Event,
}

/// One event as one line.
pub(super) fn line(event: &Event) -> String {
    // Texts, numbers and maps with text keys: nothing that JSON cannot hold.
    serde_json::to_string(&Timed {
        time: WallTime::now(),
        event,
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_with_its_time_and_kind() {
        let message = "two\nlines".to_owned();
        let line = line(&Event::NodeTrouble {
            node: "m".to_owned(),
            message,
        });
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], "node_trouble");
        assert!(value["time"].as_str().unwrap().contains('T'));
    }
}
