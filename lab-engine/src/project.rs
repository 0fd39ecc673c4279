//! Which `lab.toml` a lab belongs to.
//!
//! Labs are told apart by their names, and two projects easily have the same one: it has a default. So a lab remembers the
//! file that it was made from, and another file is not taken for a change of that one. A file that is not there any more was
//! moved, or its project is gone: then whoever asks for the lab by its name has it.

use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, LabError};
use crate::state::State;

/// What the file in use is to the lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Belonging {
    /// The lab is this file's, or nobody's and nobody asks.
    Known,
    /// The lab was nobody's.
    New(PathBuf),
    /// The lab was a file's that is not there any more.
    Moved {
        /// That file.
        from: PathBuf,
        /// The file in use.
        to: Option<PathBuf>,
    },
}

/// A file's path in the form in which it is remembered.
pub(crate) fn canonical(file: &Path) -> PathBuf {
    let Ok(found) = std::fs::canonicalize(file) else {
        return std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    };
    // Windows answers in a form that nobody writes.
    let verbatim = found.to_str().and_then(|text| text.strip_prefix(r"\\?\"));
    match verbatim.filter(|_| cfg!(windows)) {
        Some(verbatim) => match verbatim.strip_prefix(r"UNC\") {
            Some(share) => PathBuf::from(format!(r"\\{share}")),
            None => PathBuf::from(verbatim),
        },
        None => found,
    }
}

/// Whether the configuration from `file` may have the lab.
pub(crate) fn check(lab: &str, state: &State, file: Option<&Path>) -> Result<Belonging, LabError> {
    let to = file.map(canonical);
    let Some(from) = &state.project else {
        return Ok(to.map_or(Belonging::Known, Belonging::New));
    };
    if to.as_ref() == Some(&canonical(from)) {
        return Ok(Belonging::Known);
    }
    if !from.exists() {
        return Ok(Belonging::Moved { from: from.clone(), to });
    }
    let (from, new) = (from.display(), |message| {
        LabError::new(ErrorKind::Configuration, message)
    });
    Err(match to {
        Some(to) => new(format!("the lab `{lab}` belongs to {from}, and this is {}", to.display())).help(
            "give this one a name of its own (lab.name), or another place (lab.data_dir); `lab-cli up --adopt` takes over \
             the lab with its machines instead",
        ),
        None => new(format!("the lab `{lab}` belongs to {from}, and there is no lab.toml here"))
            .help(format!("run it there, or with `--config {from}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(project: Option<&Path>) -> State {
        let mut state = State::new("id".to_owned());
        state.project = project.map(Path::to_owned);
        state
    }

    #[test]
    fn a_lab_is_had_by_its_own_file_and_by_no_other_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            std::fs::create_dir_all(dir.path().join(name)).unwrap();
            let file = dir.path().join(name).join("lab.toml");
            std::fs::write(&file, "").unwrap();
            canonical(&file)
        };
        let (a, b) = (file("a"), file("b"));
        assert_eq!(check("lab", &state(Some(&a)), Some(&a)).unwrap(), Belonging::Known);
        // The same file under another name.
        let winding = dir.path().join("a/../a/./lab.toml");
        assert_eq!(
            check("lab", &state(Some(&a)), Some(&winding)).unwrap(),
            Belonging::Known
        );
        let error = check("lab", &state(Some(&a)), Some(&b)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        let text = error.to_string();
        assert!(
            text.contains(&*a.to_string_lossy()) && text.contains(&*b.to_string_lossy()),
            "{text}"
        );
        assert!(error.help_text().unwrap().contains("lab.name"), "{error:?}");
        let error = check("lab", &state(Some(&a)), None).unwrap_err();
        assert!(error.help_text().unwrap().contains("--config"), "{error:?}");
    }

    #[test]
    fn a_moved_project_keeps_its_lab_and_a_lab_of_nobody_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let now = dir.path().join("lab.toml");
        std::fs::write(&now, "").unwrap();
        let (now, gone) = (canonical(&now), dir.path().join("gone/lab.toml"));
        let moved = |to| Belonging::Moved { from: gone.clone(), to };
        assert_eq!(
            check("lab", &state(Some(&gone)), Some(&now)).unwrap(),
            moved(Some(now.clone()))
        );
        assert_eq!(check("lab", &state(Some(&gone)), None).unwrap(), moved(None));
        assert_eq!(check("lab", &state(None), Some(&now)).unwrap(), Belonging::New(now));
        assert_eq!(check("lab", &state(None), None).unwrap(), Belonging::Known);
    }
}
