//! Runs that are recorded: their timeline, their events, and what came of them.

use std::path::PathBuf;
use std::time::Instant;

use secrecy::SecretString;
use stage_timer::{Outcome, RunRecord, Timeline};
use tokio_util::sync::CancellationToken;

use crate::cluster::ClusterNode;
use crate::error::{ErrorKind, LabError};
use crate::event::Event;
use crate::forecast::{self, Forecast};
use crate::lab::Lab;
use crate::labels::stage_labels;
use crate::run::Run;
use crate::state::State;
use crate::{files, picture, records};

/// What came of a recorded run.
#[derive(Debug)]
pub struct Report<T> {
    /// What the run was for; or why there is none of it.
    pub result: Result<T, LabError>,
    /// Where the time went.
    pub record: RunRecord,
    /// The record's file.
    pub record_path: PathBuf,
    /// The timeline as a page for a browser, if it could be written.
    pub picture: Option<PathBuf>,
}

/// What came of `up`: the nodes as the cluster reported them, all Ready; or why not.
pub type UpReport = Report<Vec<ClusterNode>>;

impl Lab {
    /// Does `work` with the lab to itself, timed and told about; how long it will take is judged by runs that also made
    /// so many new machines. When `cancel` fires, it ends between two steps.
    ///
    /// # Errors
    ///
    /// Only for what keeps a run from being recorded at all, for example another process that holds the lab.
    pub(crate) async fn recorded<T>(
        &self,
        operation: &'static str,
        nodes: Vec<String>,
        new_machines: impl FnOnce(&State) -> usize,
        password: Option<SecretString>,
        cancel: &CancellationToken,
        work: impl AsyncFnOnce(&Run<'_>) -> Result<T, LabError>,
    ) -> Result<Report<T>, LabError> {
        let (_lock, state) = self.claim()?;
        files::private_dir(&self.paths().runs())?;
        let name = format!("{operation}-{}", jiff::Zoned::now().strftime("%Y%m%d-%H%M%S-%3f"));
        let record_path = self.paths().runs().join(format!("{name}.jsonl"));
        let forecast = Forecast::of_run(
            self.config(),
            self.paths(),
            operation,
            &nodes,
            new_machines(state.get()),
        );
        let timeline = Timeline::builder(operation)
            .shape(forecast.shape())
            .meta(forecast::NEW_MACHINES, forecast.new_machines().to_string())
            .labels(stage_labels())
            .record(&record_path)
            .start();
        let started = Instant::now();
        self.emit(Event::RunStarted {
            lab: self.config().lab.name.clone(),
            run: name,
            nodes,
        });
        let run = Run::new(self, timeline.clone(), state, password, forecast);
        run.tell_forecast();
        let result = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(LabError::interrupted(operation)),
            result = work(&run) => result,
            never = run.keep_forecasting() => match never {},
        };
        drop(run);
        let record = timeline.finish(match &result {
            Ok(_) => Outcome::Ok,
            Err(e) if e.kind() == ErrorKind::Interrupted => Outcome::Cancelled,
            Err(e) if e.kind() == ErrorKind::TimedOut => Outcome::timed_out(e.one_line()),
            Err(e) => Outcome::failed(e.one_line()),
        });
        let picture = picture::write(&record, &record_path);
        records::prune(&self.paths().runs());
        self.emit(Event::RunFinished {
            ready: result.is_ok(),
            took: started.elapsed(),
            record: record_path.clone(),
            picture: picture.clone(),
        });
        Ok(Report {
            result,
            record,
            record_path,
            picture,
        })
    }
}
