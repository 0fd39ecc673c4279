//! What `up` would do, without doing it.

use serde::Serialize;
use vmrun_rs::hypervisor::PowerState;

use crate::error::LabError;
use crate::facts::Change;
use crate::lab::Lab;
use crate::stages::UpOptions;
use crate::state::Phase;

/// What would happen to a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Its machine would be created.
    Create,
    /// Its machine is deleted and created again.
    Recreate {
        /// Why.
        why: String,
    },
    /// Its machine would be started.
    Start,
    /// It would only be looked at.
    Keep,
    /// The changes would be applied to the machine that there is, which is started if it does not run.
    Apply,
    /// `up` would refuse: some of the changes need a new machine.
    Refuse,
    /// It is not in the configuration any more; `up` leaves it alone.
    Leave,
}

/// One line of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The node.
    pub node: String,
    /// What would happen.
    #[serde(flatten)]
    pub action: Action,
    /// What changed in the configuration since the machine was made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

impl Lab {
    /// What `up` would do to each node.
    ///
    /// # Errors
    ///
    /// If the state or the hypervisor cannot be asked.
    pub async fn plan(&self, options: &UpOptions) -> Result<Vec<Step>, LabError> {
        let known = self.state()?.map(|s| s.nodes).unwrap_or_default();
        let mut steps = Vec::new();
        for name in self.node_names() {
            let node = self.find(&name)?;
            let changes = match known.get(&name) {
                Some(s) if s.phase != Phase::Creating => self.changes(node, &s.made_of)?,
                _ => Vec::new(),
            };
            let action = match known.get(&name) {
                None => Action::Create,
                Some(_) if options.recreates(&name) => Action::Recreate {
                    why: "asked for".to_owned(),
                },
                Some(s) if s.phase == Phase::Creating => Action::Recreate {
                    why: "it is half-made".to_owned(),
                },
                Some(_) if changes.iter().any(|c| !c.applicable) => Action::Refuse,
                Some(_) if !changes.is_empty() => Action::Apply,
                Some(s) => match self.hypervisor().state(&s.vm).await {
                    Ok(PowerState::Running) => Action::Keep,
                    _ => Action::Start,
                },
            };
            steps.push(Step {
                node: name,
                action,
                changes,
            });
        }
        let gone = known.keys().filter(|n| self.config().node(n).is_none());
        steps.extend(gone.map(|n| Step {
            node: n.clone(),
            action: Action::Leave,
            changes: Vec::new(),
        }));
        Ok(steps)
    }
}
