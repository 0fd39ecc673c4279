//! The record in other forms, judged by programs made by others where there are any.

mod common;
#[path = "common/judges.rs"]
mod judges;

use std::collections::HashMap;

use common::{golden, ms, paused, seed_labels, seed_run, troubled_run};
use serde_json::Value;
use stage_timer::compare::{Change, Comparison};
use stage_timer::eta::{Basis, Estimator};
use stage_timer::{Labels, Lang, Outcome, RunRecord, StageKind, schema};

/// A run whose every text tries to break out of whatever it is put into.
fn hostile_run() -> RunRecord {
    let evil = "</script><img src=x onerror=alert(1)>\"'`|*{{title}}\\\u{2028}\u{0}]]>\r\n<!--";
    let (clock, builder) = paused(evil);
    let timeline = builder
        .shape(evil)
        .labels(Labels::new().with("a", evil, evil))
        .meta(evil, evil)
        .start();
    let stage = timeline.stage_in("a", StageKind::Waiting, evil.to_owned());
    stage.message(evil);
    let child = stage.child(evil.to_owned(), StageKind::Working, evil.to_owned());
    clock.advance(ms(1000));
    child.finish(Outcome::failed(evil));
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::failed(evil))
}

fn runs() -> [RunRecord; 4] {
    let empty = paused("empty").1.start().finish(Outcome::Ok);
    [seed_run(), troubled_run(), hostile_run(), empty]
}

const VALIDATE: &str = "
import json, sys
from jsonschema import Draft202012Validator
schema = json.loads(sys.argv[1])
Draft202012Validator.check_schema(schema)
for line in sys.stdin.read().split('\\n'):
    if line:
        Draft202012Validator(schema).validate(json.loads(line))
        print('valid')
";

#[test]
fn the_json_document_is_as_its_schema_says() {
    for record in runs() {
        let one_line: Value = serde_json::from_str(&record.to_json()).unwrap();
        let modules = [("jsonschema", "python3-jsonschema")];
        let said = judges::python(VALIDATE, &modules, &[schema::RUN], &one_line.to_string());
        assert!(said.is_none_or(|said| said.trim() == "valid"));
    }
    let mut wrong: Value = serde_json::from_str(&seed_run().to_json()).unwrap();
    wrong["stages"][0]["outcome"] = "splendid".into();
    let refused = std::panic::catch_unwind(|| {
        judges::python(
            VALIDATE,
            &[("jsonschema", "python3-jsonschema")],
            &[schema::RUN],
            &wrong.to_string(),
        )
    });
    assert!(matches!(refused, Err(_) | Ok(None)), "the schema lets everything pass");
}

#[test]
fn every_line_of_a_record_is_as_its_schema_says() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.jsonl");
    let (clock, builder) = paused("up");
    let timeline = builder
        .shape("1+2")
        .labels(seed_labels())
        .meta("a", "b")
        .record(&path)
        .start();
    let stage = timeline.stage("a", StageKind::Waiting);
    let child = stage.child("b", StageKind::Working, "vm1");
    child.progress(Some(0.5), "half");
    child.progress(None, "more");
    clock.advance(ms(5));
    child.finish(Outcome::timed_out("late"));
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::failed("no"));
    let lines = std::fs::read_to_string(path).unwrap();
    let modules = [("jsonschema", "python3-jsonschema")];
    let said = judges::python(VALIDATE, &modules, &[schema::RECORD_LINE], &lines);
    assert!(said.is_none_or(|said| said.lines().count() == lines.lines().count()));
}

#[test]
fn predictions_are_as_their_schemas_say() {
    let past = seed_run();
    let estimator = Estimator::from_history(std::slice::from_ref(&past), &past.shape);
    let (clock, builder) = paused(&past.name);
    let timeline = builder.shape(&past.shape).start();
    let whole = estimator.whole(&past.name).unwrap();
    let _stage = timeline.stage(past.stages[0].name.clone(), StageKind::Working);
    clock.advance(ms(10_000_000));
    let late = estimator.remaining(&timeline.snapshot()).unwrap();
    assert!(late.overrun.is_some(), "{late:?}");
    let mut of_others = whole.clone();
    of_others.basis = Basis::OtherShape;
    let modules = [("jsonschema", "python3-jsonschema")];
    for eta in [whole, late, of_others] {
        let document = serde_json::to_string(&eta).unwrap();
        let said = judges::python(VALIDATE, &modules, &[schema::PREDICTION], &document);
        assert!(said.is_none_or(|said| said.trim() == "valid"), "{document}");
        every_field_is_described(schema::PREDICTION, &document);
    }
    let typical = serde_json::to_string(&estimator.typical(&past.name).unwrap()).unwrap();
    let said = judges::python(VALIDATE, &modules, &[schema::TYPICAL], &typical);
    assert!(said.is_none_or(|said| said.trim() == "valid"), "{typical}");
    every_field_is_described(schema::TYPICAL, &typical);
}

/// A schema lets through what it does not name: here every outermost field has to be named.
fn every_field_is_described(schema: &str, document: &str) {
    let (schema, document): (Value, Value) = (
        serde_json::from_str(schema).unwrap(),
        serde_json::from_str(document).unwrap(),
    );
    for (field, value) in document.as_object().unwrap() {
        let described = &schema["properties"][field];
        assert!(described.is_object(), "{field}");
        let inner = value.as_object().into_iter().flatten();
        for (name, _) in inner.filter(|_| described["properties"].is_object()) {
            assert!(described["properties"][name].is_object(), "{field}.{name}");
        }
    }
}

#[test]
fn the_json_document_adds_up() {
    let document: Value = serde_json::from_str(&seed_run().to_json()).unwrap();
    let number = |value: &Value| value.as_f64().unwrap();
    let totals = &document["totals"];
    let sum = number(&totals["working_s"]) + number(&totals["waiting_s"]) + number(&totals["untracked_s"]);
    assert!((sum - number(&document["wall_s"])).abs() < 1e-6);
    assert!((number(&document["wall_s"]) - 1062.8).abs() < 1e-9);
    assert_eq!(document["bottleneck"], 6);
    assert_eq!(document["stages"][5]["label"]["ko"], "VM 준비 대기");
    assert_eq!(document["stages"][1]["reason"], "no VM exists");
    let path: f64 = document["critical_path"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| number(&step["end_s"]) - number(&step["start_s"]))
        .sum();
    assert!((path - 1062.8).abs() < 1e-6);
}

#[test]
fn in_a_chrome_trace_begins_and_ends_pair_up_within_every_thread() {
    for record in runs() {
        let trace: Value = serde_json::from_str(&record.to_chrome_trace()).unwrap();
        let mut open: HashMap<u64, Vec<(String, u64)>> = HashMap::new();
        let mut last: HashMap<u64, u64> = HashMap::new();
        let mut names: HashMap<u64, String> = HashMap::new();
        let mut stages = 0;
        for event in trace["traceEvents"].as_array().unwrap() {
            let thread = event["tid"].as_u64().unwrap();
            if event["ph"] == "M" {
                if event["name"] == "thread_name" {
                    names.insert(thread, event["args"]["name"].as_str().unwrap().to_owned());
                }
                continue;
            }
            let ts = event["ts"].as_u64().unwrap();
            assert!(ts >= *last.get(&thread).unwrap_or(&0), "time goes back in a thread");
            last.insert(thread, ts);
            match event["ph"].as_str().unwrap() {
                "B" => {
                    stages += 1;
                    assert!(names[&thread].starts_with(event["args"]["lane"].as_str().unwrap()));
                    open.entry(thread)
                        .or_default()
                        .push((event["args"]["stage"].as_str().unwrap().to_owned(), ts));
                }
                "E" => drop(open.get_mut(&thread).unwrap().pop().expect("an end without a begin")),
                other => panic!("{other}"),
            }
        }
        assert!(open.values().all(Vec::is_empty));
        assert_eq!(stages, record.stages.len());
    }
}

#[test]
fn the_metrics_are_read_by_prometheus_own_parser() {
    let read = "
import sys, json
from prometheus_client.openmetrics.parser import text_string_to_metric_families
seen = []
for family in text_string_to_metric_families(sys.stdin.read()):
    for sample in family.samples:
        seen.append([sample.name, sample.labels, sample.value])
print(json.dumps(seen))
";
    for record in runs() {
        let modules = [("prometheus_client", "python3-prometheus-client")];
        let Some(seen) = judges::python(read, &modules, &[], &record.to_openmetrics()) else {
            return;
        };
        let seen: Vec<(String, HashMap<String, String>, f64)> = serde_json::from_str(&seen).unwrap();
        let wall = seen
            .iter()
            .find(|(name, _, _)| name == "stage_timer_run_duration_seconds")
            .unwrap();
        assert!((wall.2 - record.wall.as_secs_f64()).abs() < 1e-9);
        assert_eq!(wall.1["run"], record.name);
        let stages: f64 = seen
            .iter()
            .filter(|(name, _, _)| name == "stage_timer_stages")
            .map(|sample| sample.2)
            .sum();
        assert!((stages - f64::from(u32::try_from(record.stages.len()).unwrap())).abs() < 1e-9);
    }
    golden("seed.prom", &seed_run().to_openmetrics());
}

#[test]
fn pictures_are_well_formed_xml_whatever_the_names_are() {
    let parse = "import sys, xml.dom.minidom; xml.dom.minidom.parseString(sys.stdin.buffer.read()); print('ok')";
    let (seed, troubled) = (seed_run(), troubled_run());
    let mut pictures: Vec<String> = runs().iter().map(RunRecord::to_svg).collect();
    pictures.push(troubled.to_svg_in(Lang::Ko));
    pictures.push(Comparison::of(&seed, &troubled).to_svg());
    pictures.push(Comparison::of(&hostile_run(), &hostile_run()).to_svg_in(Lang::Ko));
    for picture in pictures {
        let said = judges::python(parse, &[], &[], &picture);
        assert!(said.is_none_or(|said| said.trim() == "ok"));
    }
}

#[test]
fn markdown_is_a_table_with_as_many_cells_in_every_row() {
    for record in runs() {
        let text = record.to_markdown(Lang::Ko);
        for row in text.lines().filter(|line| line.starts_with('|')) {
            let cells = row.replace("\\\\", "").replace("\\|", "").matches('|').count();
            assert_eq!(cells, 8, "{row}");
        }
        assert!(!text.contains("<img") && !text.contains("</script>"), "{text}");
    }
    golden("seed.md", &seed_run().to_markdown(Lang::En));
    golden("troubled.ko.md", &troubled_run().to_markdown(Lang::Ko));
}

#[test]
fn two_runs_are_compared_stage_by_stage() {
    let base = seed_run();
    let (clock, builder) = paused("up");
    let timeline = builder.shape("1+2").labels(seed_labels()).start();
    for (name, seconds) in [
        ("prerequisites", 1),
        ("create-master", 1),
        ("start-vms", 32),
        ("wait-ready", 80),
    ] {
        let stage = timeline.stage(name, StageKind::Working);
        clock.advance(ms(seconds * 1000));
        stage.finish(if name == "start-vms" {
            Outcome::failed("no answer")
        } else {
            Outcome::Ok
        });
    }
    let verify = timeline.stage("verify", StageKind::Waiting);
    clock.advance(ms(3_000));
    verify.finish(Outcome::Ok);
    let new = timeline.finish(Outcome::Ok);
    let comparison = Comparison::of(&base, &new);
    let change = |name: &str| {
        comparison
            .stages
            .iter()
            .find(|stage| stage.name == name)
            .unwrap()
            .change
    };
    assert_eq!(change("prerequisites"), Change::Slower(ms(990)));
    assert_eq!(
        change("start-vms"),
        Change::Same,
        "half a second of thirty-two is noise"
    );
    assert_eq!(change("wait-ready"), Change::Faster(ms(879_080)));
    assert_eq!(change("verify"), Change::Added);
    assert_eq!(change("restart"), Change::Removed);
    assert!(comparison.is_fair() && comparison.slowdown() < -0.88);
    golden("comparison.en.txt", &comparison.to_text(Lang::En));
    golden("comparison.ko.md", &comparison.to_markdown(Lang::Ko));
    let json: Value = serde_json::from_str(&comparison.to_json()).unwrap();
    assert_eq!(
        (&json["change"], &json["stages"].as_array().unwrap().len()),
        (&"faster".into(), &13)
    );
    let same = Comparison::of(&base, &base);
    assert!(same.stages.iter().all(|stage| stage.change == Change::Same) && same.total == Change::Same);
    assert!(!Comparison::of(&base, &hostile_run()).is_fair());
}

#[test]
fn thousands_of_levels_and_lanes_are_no_problem() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    let mut nested = vec![timeline.stage("deep", StageKind::Working)];
    for _ in 0..5_000 {
        let inner = nested.last().unwrap().child("deep", StageKind::Working, "deep");
        nested.push(inner);
    }
    clock.advance(ms(10));
    while let Some(stage) = nested.pop() {
        stage.finish(Outcome::Ok);
    }
    for index in 0..5_000_u64 {
        let stage = timeline.stage_in("side", StageKind::Waiting, format!("lane{index}"));
        clock.advance(ms(index % 3));
        stage.finish(Outcome::Ok);
    }
    let record = timeline.finish(Outcome::Ok);
    for text in [
        record.to_svg(),
        record.to_html(),
        record.to_chrome_trace(),
        record.to_json(),
    ] {
        assert!(text.len() < 40_000_000);
    }
    let _ = (
        record.summary(Lang::En),
        record.to_markdown(Lang::Ko),
        record.to_openmetrics(),
    );
    let estimator = stage_timer::eta::Estimator::from_history(std::slice::from_ref(&record), "");
    assert!(estimator.remaining(&record.as_of(record.wall / 2)).is_some());
}
