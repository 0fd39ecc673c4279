//! The run as a trace in the Trace Event Format, which `chrome://tracing`, Perfetto and Speedscope read.
//!
//! A thread per row of a lane, and pairs of `B` and `E` events that nest within each thread. Source of the format: the
//! "Trace Event Format" document of the Chromium project, sections "Duration Events" and "Metadata Events".

use serde::Serialize;

use crate::analysis::Tree;
use crate::analysis::rows::Rows;
use crate::record::wire::micros;
use crate::{CriticalPath, Lang, Outcome, RunRecord, StageId, StageKind};

#[derive(Serialize)]
struct Trace<'a> {
    #[serde(rename = "traceEvents")]
    events: Vec<Event<'a>>,
    #[serde(rename = "displayTimeUnit")]
    display_time_unit: &'static str,
    #[serde(rename = "otherData")]
    other: Other<'a>,
}

#[derive(Serialize)]
struct Other<'a> {
    run: &'a str,
    shape: &'a str,
    started: crate::WallTime,
}

#[derive(Serialize)]
struct Event<'a> {
    ph: &'static str,
    pid: u32,
    tid: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<std::borrow::Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    args: Option<Args<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Args<'a> {
    Name {
        name: String,
    },
    SortIndex {
        sort_index: usize,
    },
    Stage {
        id: StageId,
        stage: &'a str,
        lane: &'a str,
        kind: StageKind,
        #[serde(flatten)]
        outcome: &'a Outcome,
        critical_us: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a str>,
    },
}

const PROCESS: u32 = 1;

impl RunRecord {
    /// The run as a trace for Perfetto (<https://ui.perfetto.dev>) and its like, in English.
    pub fn to_chrome_trace(&self) -> String {
        self.to_chrome_trace_in(Lang::En)
    }

    /// The run as a trace for Perfetto and its like.
    pub fn to_chrome_trace_in(&self, lang: Lang) -> String {
        let tree = Tree::of(self);
        let rows = Rows::of(self, &tree);
        let path = self.critical_path();
        // The threads of each lane have consecutive numbers, from 1.
        let mut first_thread = Vec::with_capacity(tree.lanes.len());
        let mut events = vec![metadata(
            "process_name",
            0,
            Args::Name {
                name: self.name.clone(),
            },
        )];
        let mut threads = 0;
        for (lane, levels) in tree.lanes.iter().zip(&rows.levels) {
            first_thread.push(threads + 1);
            for row in 0..levels.len() {
                threads += 1;
                let name = if row == 0 {
                    lane.to_string()
                } else {
                    format!("{lane} ({})", row + 1)
                };
                events.push(metadata("thread_name", threads, Args::Name { name }));
                events.push(metadata(
                    "thread_sort_index",
                    threads,
                    Args::SortIndex { sort_index: threads },
                ));
            }
        }
        let mut open: Vec<Vec<usize>> = vec![Vec::new(); threads + 1];
        for index in 0..self.stages.len() {
            let place = rows.places[index];
            let thread = first_thread[tree.lane_of[index]] + place.row;
            while open[thread].len() > place.level {
                events.extend(open[thread].pop().map(|inner| self.end(inner, thread)));
            }
            events.push(self.begin(index, thread, lang, &path));
            open[thread].push(index);
        }
        for (thread, open) in open.into_iter().enumerate() {
            events.extend(open.into_iter().rev().map(|inner| self.end(inner, thread)));
        }
        let trace = Trace {
            events,
            display_time_unit: "ms",
            other: Other {
                run: &self.id,
                shape: &self.shape,
                started: self.started,
            },
        };
        serde_json::to_string(&trace).unwrap_or_default()
    }

    fn begin(&self, index: usize, tid: usize, lang: Lang, path: &CriticalPath) -> Event<'_> {
        let stage = &self.stages[index];
        Event {
            ph: "B",
            pid: PROCESS,
            tid,
            ts: Some(micros(stage.start)),
            name: Some(self.label(stage, lang)),
            cat: Some(stage.kind.id()),
            args: Some(Args::Stage {
                id: stage.id,
                stage: &stage.name,
                lane: stage.lane.as_str(),
                kind: stage.kind,
                outcome: &stage.outcome,
                critical_us: micros(path.within(stage.id)),
                message: stage.last_message(),
            }),
        }
    }

    fn end(&self, index: usize, tid: usize) -> Event<'_> {
        let ts = Some(micros(self.stages[index].end));
        Event {
            ph: "E",
            pid: PROCESS,
            tid,
            ts,
            name: None,
            cat: None,
            args: None,
        }
    }
}

fn metadata<'a>(name: &'static str, tid: usize, args: Args<'a>) -> Event<'a> {
    Event {
        ph: "M",
        pid: PROCESS,
        tid,
        ts: None,
        name: Some(name.into()),
        cat: None,
        args: Some(args),
    }
}
