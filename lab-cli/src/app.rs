//! What every command has at hand: the language, the form of its answer, the configuration, the lab, a runtime.

use std::borrow::Cow;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lab_engine::config::{self, Loaded};
use lab_engine::{ErrorKind, EventSink, Lab, LabError, LabPaths};
use secrecy::SecretString;
use serde::Serialize;
use stage_timer::Lang;
use tokio_util::sync::CancellationToken;

use crate::cli::{Global, LangChoice, Output};
use crate::failure::{Context as _, Failure};
use crate::progress::{LogFile, Mode, Progress, can_paint};
use crate::screen::Screen;
use crate::words::{Words, words};
use crate::{logging, output, progress, signals, speech};

/// Where the configuration is looked for when nothing names one.
pub(crate) const DEFAULT_CONFIG: &str = "lab.toml";
/// How long work that cannot be stopped in the middle (writing an image) may go on after the command has ended.
const LAST_WORK: Duration = Duration::from_secs(10);

/// One invocation.
pub(crate) struct App {
    global: Global,
    lang: Lang,
    screen: Screen,
    log: LogFile,
}

impl App {
    /// Looks at the environment, once.
    pub(crate) fn new(global: Global) -> Result<Self, Failure> {
        let lang = chosen_language(global.lang)?;
        let screen = Screen::default();
        let log = LogFile::default();
        logging::start(global.verbose, global.progress == Mode::Json, &screen, &log);
        let app = Self {
            global,
            lang,
            screen,
            log,
        };
        app.warn_of_misspelt_variables();
        Ok(app)
    }

    /// A variable that sets nothing because of a slip is hard to find: it is said, where people read.
    fn warn_of_misspelt_variables(&self) {
        if self.output() == Output::Json || matches!(self.global.progress, Mode::None | Mode::Json) {
            return;
        }
        for (name, _) in std::env::vars_os() {
            let Some(name) = name.to_str() else { continue };
            if let Some(meant) = config::misspelt_variable(name) {
                let said = self
                    .say(&format!("{name} sets no key; did you mean {meant}?"))
                    .into_owned();
                self.screen.line(&format!("{}: {said}", self.words().warning));
            }
        }
    }

    /// What is said at the first interrupt, in the form of what else is on standard error.
    fn interrupted(&self) -> Option<String> {
        match self.global.progress {
            Mode::Json => Some(progress::json_line("interrupt_requested")),
            Mode::None => None,
            _ => Some(self.words().interrupted.to_owned()),
        }
    }

    /// The failure, with a way out for those who have no configuration yet: the defaults alone lack what only the user has.
    pub(crate) fn with_hint(&self, failure: Failure) -> Failure {
        let (file, named) = self.config_file();
        match failure {
            Failure::Lab(error) if error.kind() == ErrorKind::Prerequisite && !named && !file.exists() => {
                let hint = "there is no lab.toml here, so the defaults count; `lab-cli init` writes one with every key explained";
                Failure::Lab(error.details([hint.to_owned()]))
            }
            other => other,
        }
    }

    /// A library's sentence in the language.
    pub(crate) fn say<'a>(&self, text: &'a str) -> Cow<'a, str> {
        speech::say(text, self.lang)
    }

    /// The language.
    pub(crate) fn lang(&self) -> Lang {
        self.lang
    }

    /// Its words.
    pub(crate) fn words(&self) -> &'static Words {
        words(self.lang)
    }

    /// What standard output is written as.
    pub(crate) fn output(&self) -> Output {
        self.global.output
    }

    /// Writes the answer in the form that was asked for.
    pub(crate) fn answer(&self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        match self.output() {
            Output::Json => output::json(value),
            Output::Text => output::text(&text()),
        }
    }

    /// The configuration's file: named, from the environment, `lab.toml` here, or the user's own; whether it has to exist.
    pub(crate) fn config_file(&self) -> (PathBuf, bool) {
        let here = self.new_config_file();
        let named = self.named_config().is_some();
        let users = || LabPaths::user_config().filter(|file| file.exists());
        if named || here.exists() {
            return (here, named);
        }
        (users().unwrap_or(here), false)
    }

    /// Where a first configuration is written: the named file, or `lab.toml` here.
    pub(crate) fn new_config_file(&self) -> PathBuf {
        self.named_config().unwrap_or_else(|| DEFAULT_CONFIG.into())
    }

    fn named_config(&self) -> Option<PathBuf> {
        let given = self.global.config.clone();
        given.or_else(|| variable("LAB_CONFIG").map(PathBuf::from))
    }

    /// The configuration that counts.
    pub(crate) fn config(&self) -> Result<Loaded, Failure> {
        let (file, named) = self.config_file();
        let file = (named || Path::new(&file).exists()).then_some(file);
        Ok(config::load(file.as_deref(), variable, &self.global.settings)?)
    }

    /// Where the lab keeps its things.
    pub(crate) fn paths(&self) -> Result<LabPaths, Failure> {
        let lab = self.config()?.config.lab;
        Ok(LabPaths::new(lab.data_dir.as_deref(), &lab.name)?)
    }

    /// The lab on its hypervisor, with `sink` for what it says.
    pub(crate) fn lab(&self, sink: Arc<dyn EventSink>) -> Result<Lab, Failure> {
        Ok(Lab::open(self.config()?.config, sink)?)
    }

    /// The lab, also where there is no hypervisor.
    pub(crate) fn offline_lab(&self, sink: Arc<dyn EventSink>) -> Result<Lab, Failure> {
        Ok(Lab::open_anyway(self.config()?.config, sink)?)
    }

    /// How a run was asked to be shown.
    pub(crate) fn progress_mode(&self) -> Mode {
        self.global.progress
    }

    /// What shows a run as it was asked for.
    pub(crate) fn progress(&self) -> Arc<Progress> {
        let mode = match self.global.progress {
            Mode::Auto if can_paint() => Mode::Tty,
            Mode::Auto => Mode::Plain,
            mode => mode,
        };
        Arc::new(Progress::new(mode, self.lang, &self.screen, &self.log))
    }

    /// What shows only single lines, for commands that are over at once.
    pub(crate) fn lines(&self) -> Arc<Progress> {
        let mode = match self.global.progress {
            Mode::Auto | Mode::Tty => Mode::Plain,
            mode => mode,
        };
        Arc::new(Progress::new(mode, self.lang, &self.screen, &self.log))
    }

    /// Runs async work to its end; an interrupt drops it and is the error then.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T, LabError>>) -> Result<T, Failure> {
        self.with_cancel(async |cancel| {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(LabError::new(ErrorKind::Interrupted, "interrupted")),
                result = work => result,
            }
        })
    }

    /// Runs async work that goes on until an interrupt ends it, which is nothing to be told about: `None` then.
    pub(crate) fn until_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, LabError>>,
    ) -> Result<Option<T>, Failure> {
        self.watched(None, async |cancel| cancel.run_until_cancelled(work).await.transpose())
    }

    /// Runs async work that ends by itself when the token fires: at the first interrupt. The second one ends the process.
    pub(crate) fn with_cancel<T>(
        &self,
        work: impl AsyncFnOnce(CancellationToken) -> Result<T, LabError>,
    ) -> Result<T, Failure> {
        self.watched(self.interrupted(), work)
    }

    fn watched<T>(
        &self,
        notice: Option<String>,
        work: impl AsyncFnOnce(CancellationToken) -> Result<T, LabError>,
    ) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 8)))
            .enable_all()
            .build()
            .context(ErrorKind::Failed, "could not start the threads that do the work")?;
        let cancel = CancellationToken::new();
        let watch = signals::watch(cancel.clone(), self.screen.clone(), notice);
        let result = runtime.block_on(work(cancel));
        runtime.shutdown_timeout(LAST_WORK);
        drop(watch);
        Ok(result?)
    }
}

/// The password of the guests' user, if there is to be one.
pub(crate) fn password() -> Option<SecretString> {
    variable("INSTALL_USER_PASSWORD").map(SecretString::from)
}

/// An environment variable; one that is empty counts as not set.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The language that was asked for: by the argument, the environment, or the system.
pub(crate) fn chosen_language(choice: LangChoice) -> Result<Lang, Failure> {
    language(choice, |name| std::env::var(name).ok(), system_locale)
}

fn language(
    choice: LangChoice,
    env: impl Fn(&str) -> Option<String>,
    system: impl FnOnce() -> Option<String>,
) -> Result<Lang, Failure> {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    match choice {
        LangChoice::En => return Ok(Lang::En),
        LangChoice::Ko => return Ok(Lang::Ko),
        LangChoice::Auto => {}
    }
    if let Some(text) = env("LAB_LANG").filter(|text| text != "auto") {
        return text
            .parse()
            .map_err(|e| Failure::usage(format!("LAB_LANG: {e}"), "use auto, en or ko"));
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(env);
    let locale = locale.or_else(system);
    Ok(locale.map_or(Lang::En, |locale| Lang::from_locale(&locale)))
}

/// The locale that the user chose in the system's settings, `ko-KR`: Windows keeps it in no variable.
#[cfg(windows)]
fn system_locale() -> Option<String> {
    let settings = windows_registry::CURRENT_USER
        .open(r"Control Panel\International")
        .ok()?;
    settings.get_string("LocaleName").ok()
}

#[cfg(not(windows))]
fn system_locale() -> Option<String> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen_on(system: Option<&str>, choice: LangChoice, env: &[(&str, &str)]) -> Lang {
        let variable = |n: &str| env.iter().find(|(k, _)| *k == n).map(|(_, v)| (*v).to_owned());
        language(choice, variable, || system.map(str::to_owned)).unwrap()
    }

    fn chosen(choice: LangChoice, env: &[(&str, &str)]) -> Lang {
        chosen_on(None, choice, env)
    }

    #[test]
    fn a_system_that_keeps_its_locale_elsewhere_is_asked_last() {
        assert_eq!(chosen_on(Some("ko-KR"), LangChoice::Auto, &[]), Lang::Ko);
        assert_eq!(chosen_on(Some("en-US"), LangChoice::Auto, &[]), Lang::En);
        assert_eq!(chosen_on(Some("ko-KR"), LangChoice::Auto, &[("LANG", "C")]), Lang::En);
    }

    #[test]
    fn the_argument_wins_over_lab_lang_over_the_locale() {
        let ko = ("LANG", "ko_KR.UTF-8");
        assert_eq!(chosen(LangChoice::Auto, &[]), Lang::En);
        assert_eq!(chosen(LangChoice::Auto, &[ko]), Lang::Ko);
        assert_eq!(chosen(LangChoice::Auto, &[ko, ("LC_ALL", "C")]), Lang::En);
        assert_eq!(chosen(LangChoice::Auto, &[ko, ("LC_ALL", "")]), Lang::Ko);
        assert_eq!(chosen(LangChoice::Auto, &[ko, ("LAB_LANG", "en")]), Lang::En);
        assert_eq!(chosen(LangChoice::Auto, &[ko, ("LAB_LANG", "auto")]), Lang::Ko);
        assert_eq!(chosen(LangChoice::En, &[ko, ("LAB_LANG", "ko")]), Lang::En);
    }

    #[test]
    fn an_unknown_language_in_the_environment_is_named() {
        let failure = language(
            LangChoice::Auto,
            |n| (n == "LAB_LANG").then(|| "fr".to_owned()),
            || None,
        )
        .unwrap_err();
        assert_eq!(failure.exit(), crate::failure::Exit::USAGE);
    }
}
