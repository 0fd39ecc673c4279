//! The records of runs with what is beside them, of which not all are kept.

use std::path::Path;

use stage_timer::History;

/// How many runs are kept at least, the newest. What predictions are made from is kept beyond that.
const KEPT: usize = 100;
/// What is beside a record, which itself goes last: what a crash leaves is found again by it.
const FILES: [&str; 3] = ["html", "log", "jsonl"];

/// Deletes what nobody needs any more. A run is never failed for that.
pub(crate) fn prune(runs: &Path) {
    prune_to(runs, KEPT);
}

fn prune_to(runs: &Path, keep: usize) {
    let surplus = History::new(runs).surplus(keep);
    let deleted = surplus.and_then(|surplus| surplus.iter().try_for_each(|record| delete(record)));
    if let Err(error) = deleted {
        tracing::warn!(%error, runs = %runs.display(), "old records of runs could not be deleted");
    }
}

fn delete(record: &Path) -> std::io::Result<()> {
    for extension in FILES {
        match std::fs::remove_file(record.with_extension(extension)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage_timer::{Outcome, Timeline};

    #[test]
    fn an_old_run_goes_with_everything_beside_it_and_one_that_goes_on_stays() {
        let dir = tempfile::tempdir().unwrap();
        let begin = |name: &str| {
            let record = dir.path().join(format!("{name}.jsonl"));
            for beside in ["html", "log"] {
                std::fs::write(record.with_extension(beside), "").unwrap();
            }
            Timeline::builder("up").record(record).start()
        };
        let running = begin("up-0");
        for name in ["up-1", "up-2", "up-3"] {
            begin(name).finish(Outcome::failed("no"));
        }
        prune_to(dir.path(), 2);
        let files = |name: &str| {
            let exist = FILES.map(|extension| dir.path().join(name).with_extension(extension).exists());
            exist.into_iter().filter(|exists| *exists).count()
        };
        assert_eq!(["up-0", "up-1", "up-2", "up-3"].map(files), [3, 0, 3, 3]);
        running.finish(Outcome::Ok);
    }
}
