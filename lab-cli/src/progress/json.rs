//! The event stream: one JSON object per line, each with the time.

use lab_engine::Event;
use serde::Serialize;
use serde_json::{Value, json};
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

/// An event of this program's own, which has nothing but a name.
pub(crate) fn json_line(event: &str) -> String {
    json!({ "time": WallTime::now(), "event": event }).to_string()
}

/// The JSON Schema of a line, also published as `docs/events.schema.json`.
pub(crate) fn event_schema() -> Value {
    let mut schema = serde_json::to_value(lab_engine::event_schema()).unwrap_or_default();
    schema["title"] = json!("A line of `lab-cli --progress json`");
    schema["description"] = json!(
        "One thing that happened, with its time. Kinds and fields are added with versions, never taken away; ignore what you do not \
         know. A command that fails ends the stream with one more object, `error`, as `--output json` describes errors."
    );
    let time = json!({ "type": "string", "description": "When, in RFC 3339.", "format": "date-time" });
    let own = json!({
        "description": "The first interrupt came: the run ends at the next safe place.",
        "type": "object",
        "properties": { "event": { "type": "string", "const": "interrupt_requested" } },
        "required": ["event"],
    });
    if let Some(kinds) = schema["oneOf"].as_array_mut() {
        kinds.push(own);
        for kind in kinds {
            kind["properties"]["time"] = time.clone();
            if let Some(required) = kind["required"].as_array_mut() {
                required.push(json!("time"));
            }
        }
    }
    schema
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
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["event"], "node_trouble");
        assert!(value["time"].as_str().unwrap().contains('T'));
    }

    #[test]
    fn every_kind_of_line_is_described_with_its_time() {
        let schema = event_schema();
        let kinds = schema["oneOf"].as_array().unwrap();
        assert!(kinds.len() >= 9, "{schema:#}");
        for kind in kinds {
            assert!(kind["description"].is_string(), "{kind:#}");
            assert!(
                kind["required"].as_array().unwrap().contains(&json!("time")),
                "{kind:#}"
            );
        }
    }
}
