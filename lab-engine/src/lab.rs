//! [`Lab`]: one lab, and everything that can be done with it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use vmrun_rs::guest::{GuestAccess, GuestCommand, GuestCredentials, GuestOutput, SshAccess};
use vmrun_rs::hypervisor::VmId;
use vmrun_rs::{ChannelError, ChannelErrorKind, GuestChannel, Hypervisor, HypervisorError};

use crate::absent::Absent;
use crate::backend::{self, Chosen};
use crate::checks::{self, Check};
use crate::claim::{Adopt, claim};
use crate::config::{Config, NodeSection};
use crate::error::{Context as _, ErrorKind, LabError};
use crate::event::{Event, EventSink, Level};
use crate::forecast;
use crate::hedged::Hedged;
use crate::identity;
use crate::lock::LabLock;
use crate::owner::Owner;
use crate::paths::LabPaths;
use crate::project;
use crate::registry;
use crate::report::UpReport;
use crate::reroute::Rerouted;
use crate::run::{Connection, ssh_of};
use crate::stages::{self, UpOptions};
use crate::state::{self, State, StateFile};

/// The port of the Kubernetes API.
const API_PORT: u16 = 6443;

/// One lab: its configuration, its files and the hypervisor that runs its machines.
pub struct Lab {
    config: Config,
    paths: LabPaths,
    hypervisor: Arc<dyn Hypervisor>,
    chosen: Chosen,
    sink: Arc<dyn EventSink>,
    absent: Option<LabError>,
    ca_passphrase: Option<SecretString>,
}

/// A command that got no answer: in time, or at all.
fn not_run(error: ChannelError, limit: Duration) -> LabError {
    match error.kind() {
        ChannelErrorKind::Timeout => LabError::new(
            ErrorKind::TimedOut,
            format!("the command did not end within {} s", limit.as_secs()),
        )
        .help("give it longer with --timeout; the guest ends it now"),
        _ => LabError::failed("could not run the command"),
    }
    .source(error)
}

impl Lab {
    /// A lab on the hypervisor that its configuration asks for.
    ///
    /// # Errors
    ///
    /// If no hypervisor is found, or the user has no data directory.
    pub fn open(config: Config, sink: Arc<dyn EventSink>) -> Result<Self, LabError> {
        let chosen = backend::choose(&config.hypervisor)?;
        let hypervisor = backend::open(&chosen, &config.hypervisor);
        Self::with_hypervisor(config, hypervisor, chosen, sink)
    }

    /// A lab as [`open`](Self::open) gives it, but also where no hypervisor is found: what needs one fails then with the
    /// reason, and the rest (doctor, certificates, the kubeconfig, records) works.
    ///
    /// # Errors
    ///
    /// If the user has no data directory.
    pub fn open_anyway(config: Config, sink: Arc<dyn EventSink>) -> Result<Self, LabError> {
        let error = match backend::choose(&config.hypervisor) {
            Ok(chosen) => {
                let hypervisor = backend::open(&chosen, &config.hypervisor);
                return Self::with_hypervisor(config, hypervisor, chosen, sink);
            }
            Err(error) => error,
        };
        let chosen = Chosen {
            program: PathBuf::new(),
            drop_in: false,
            why: error.one_line(),
        };
        let mut lab = Self::with_hypervisor(config, Arc::new(Absent(error.one_line())), chosen, sink)?;
        lab.absent = Some(error);
        Ok(lab)
    }

    /// Why there is no hypervisor, if there is none.
    pub fn absent(&self) -> Option<&LabError> {
        self.absent.as_ref()
    }

    /// A lab on a hypervisor of the caller's, for example a mock.
    ///
    /// # Errors
    ///
    /// If the user has no data directory.
    pub fn with_hypervisor(
        config: Config,
        hypervisor: Arc<dyn Hypervisor>,
        chosen: Chosen,
        sink: Arc<dyn EventSink>,
    ) -> Result<Self, LabError> {
        let paths = LabPaths::new(config.lab.data_dir.as_deref(), &config.lab.name)?;
        Ok(Self {
            config,
            paths,
            hypervisor,
            chosen,
            sink,
            absent: None,
            ca_passphrase: None,
        })
    }

    /// The passphrase of the registry CA's key: opens the key where it is encrypted, and encrypts that of a new CA.
    #[must_use]
    pub fn with_ca_passphrase(mut self, passphrase: SecretString) -> Self {
        self.ca_passphrase = Some(passphrase);
        self
    }

    /// Whether [`up`](Self::up) must issue a certificate and lacks the passphrase of the CA's key. Changes nothing.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be looked at.
    pub fn needs_ca_passphrase(&self) -> Result<bool, LabError> {
        Ok(self.ca_passphrase.is_none() && registry::needs_passphrase(&self.config, &self.paths)?)
    }

    pub(crate) fn ensure_certificate(&self) -> Result<Option<registry_pki::Ensured>, LabError> {
        registry::ensure_certificate(&self.config, &self.paths, self.ca_passphrase.as_ref())
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Where the lab keeps its things.
    pub fn paths(&self) -> &LabPaths {
        &self.paths
    }

    /// The hypervisor.
    pub fn hypervisor(&self) -> &Arc<dyn Hypervisor> {
        &self.hypervisor
    }

    /// Which hypervisor was chosen, and why.
    pub fn chosen(&self) -> &Chosen {
        &self.chosen
    }

    /// The nodes' names, the master first.
    pub fn node_names(&self) -> Vec<String> {
        let mut nodes: Vec<_> = self.config.nodes.0.iter().collect();
        nodes.sort_by_key(|n| n.role != crate::config::Role::Master);
        nodes.into_iter().map(|n| n.name.clone()).collect()
    }

    /// Brings the lab up, or continues where an earlier run stopped; on a finished lab it only looks.
    ///
    /// Ends with `ready` nodes only if every one was seen Ready. When `cancel` fires, the run ends between two steps and
    /// leaves a state that the next run continues from. `password` gives the guest's user a password, which also lets
    /// vmrun's own guest operations in.
    ///
    /// # Errors
    ///
    /// Only for what keeps a run from being recorded at all, for example another run holding the lab's lock; what happens
    /// to the run itself is in [`Report::result`](crate::Report::result).
    pub async fn up(
        &self,
        options: &UpOptions,
        password: Option<SecretString>,
        cancel: &CancellationToken,
    ) -> Result<UpReport, LabError> {
        let nodes = self.node_names();
        let new = |state: &State| forecast::new_machines(&self.config, Some(state), options);
        self.recorded(forecast::UP, nodes, new, password, cancel, async |run| {
            stages::all(run, options).await
        })
        .await
    }

    /// Looks at everything that `up` needs, without changing anything.
    pub async fn doctor(&self) -> Vec<Check> {
        checks::all(self, &UpOptions::default()).await
    }

    /// Issues, renews or reuses the registry's certificate. `None` if the configuration names a CA of its own.
    ///
    /// # Errors
    ///
    /// If the certificates cannot be written.
    pub fn certificates(&self) -> Result<Option<registry_pki::Ensured>, LabError> {
        let _claimed = self.claim()?;
        self.ensure_certificate()
    }

    /// What the lab knows about itself; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// If the state cannot be read, or the lab belongs to another `lab.toml`.
    pub fn state(&self) -> Result<Option<State>, LabError> {
        let state = state::read(&self.paths.state())?;
        if let Some(state) = &state {
            project::check(&self.config.lab.name, state, self.config.lab.project.as_deref())?;
        }
        Ok(state)
    }

    /// Takes the lab over from the `lab.toml` that it belongs to; from now on it belongs to this configuration's.
    ///
    /// # Errors
    ///
    /// If another process works on the lab, or its state cannot be read or written.
    pub fn adopt(&self) -> Result<(), LabError> {
        self.claim_as(Adopt::Yes).map(drop)
    }

    /// How a node is reached over SSH.
    ///
    /// # Errors
    ///
    /// If there is no such node, or the hypervisor does not say how this host reaches it.
    pub async fn ssh_access(&self, node: &str) -> Result<SshAccess, LabError> {
        let section = self.find(node)?;
        self.known(node)?;
        let (endpoint, access) = self.access(section, None).await?;
        access
            .ssh
            .ok_or_else(|| LabError::failed(format!("there is no way in over SSH at {endpoint}")).node(node))
    }

    /// Runs a command on nodes, all at once; the answers come in the order of `nodes`.
    ///
    /// # Errors
    ///
    /// If a node does not exist. What happens on one node is in that node's answer.
    pub async fn exec(
        &self,
        nodes: &[String],
        command: &GuestCommand,
        password: Option<SecretString>,
    ) -> Result<Vec<(String, Result<GuestOutput, LabError>)>, LabError> {
        let mut work = Vec::new();
        for name in nodes {
            let (node, vm) = (self.find(name)?, self.known(name)?);
            let password = password.clone();
            work.push(async move {
                let result = async {
                    let channel = self.connect(node, &vm, password).await?.channel;
                    let output = channel.run(command).await;
                    output.map_err(|e| not_run(e, command.timeout).node(name))
                };
                (name.clone(), result.await)
            });
        }
        Ok(join_all(work).await)
    }

    /// A node of the configuration, or an error that lists what there is.
    pub(crate) fn find(&self, node: &str) -> Result<&NodeSection, LabError> {
        self.config.node(node).ok_or_else(|| {
            LabError::new(ErrorKind::Configuration, format!("there is no node `{node}`"))
                .help(format!("the nodes are: {}", self.node_names().join(", ")))
        })
    }

    /// The machine of a node that was created.
    pub(crate) fn known(&self, node: &str) -> Result<VmId, LabError> {
        let state = self.state()?.and_then(|mut s| s.nodes.remove(node));
        state.map(|s| s.vm).ok_or_else(|| {
            LabError::new(ErrorKind::NotReady, "its machine has not been created")
                .node(node)
                .help("run `lab-cli up` first")
        })
    }

    /// A channel into a node. Nothing is connected yet.
    pub(crate) async fn connect(
        &self,
        node: &NodeSection,
        vm: &VmId,
        password: Option<SecretString>,
    ) -> Result<Connection, LabError> {
        let (ssh, access) = self.access(node, password).await?;
        let way = |access| -> Arc<dyn GuestChannel> {
            let (hypervisor, network) = (Arc::clone(&self.hypervisor), self.config.network.name.clone());
            Arc::new(Rerouted::new(hypervisor, vm.clone(), network, ssh_of(node), access))
        };
        // With a password the hypervisor's own guest operations are tried first, and they can hang.
        let hedge = access.credentials.is_some().then(|| {
            way(GuestAccess {
                credentials: None,
                ssh: access.ssh.clone(),
            })
        });
        let channel = way(access);
        let looks = match hedge {
            Some(hedge) => Arc::new(Hedged::new(Arc::clone(&channel), hedge)),
            None => Arc::clone(&channel),
        };
        Ok(Connection { channel, looks, ssh })
    }

    /// Where this host reaches the Kubernetes API of the master.
    pub(crate) async fn api_endpoint(&self, master: &NodeSection) -> Result<SocketAddr, HypervisorError> {
        let api = SocketAddr::new(master.address.into(), API_PORT);
        self.hypervisor.endpoint(&self.config.network.name, api).await
    }

    async fn access(
        &self,
        node: &NodeSection,
        password: Option<SecretString>,
    ) -> Result<(SocketAddr, GuestAccess), LabError> {
        let endpoint = self.hypervisor.endpoint(&self.config.network.name, ssh_of(node)).await;
        let endpoint = endpoint
            .context("could not find out how this host reaches the node")
            .map_err(|e| e.node(&node.name))?;
        let login = identity::known_login_key(&self.paths)?;
        let ssh = SshAccess {
            endpoint,
            user: self.config.guest.user.clone(),
            private_key: login.private,
            host_key: identity::known_host_key(&self.paths, &node.name)?.public,
        };
        let user = self.config.guest.user.clone();
        let credentials = password.map(|password| GuestCredentials { user, password });
        Ok((
            endpoint,
            GuestAccess {
                credentials,
                ssh: Some(ssh),
            },
        ))
    }

    /// Takes the lab for this process: its directory, its lock and its state.
    pub(crate) fn claim(&self) -> Result<(LabLock, StateFile), LabError> {
        self.claim_as(Adopt::No)
    }

    fn claim_as(&self, adopt: Adopt) -> Result<(LabLock, StateFile), LabError> {
        let claimed = claim(&self.config, &self.paths, adopt)?;
        if let Some(from) = &claimed.moved_from {
            self.emit(Event::Notice {
                level: Level::Warning,
                node: None,
                message: format!(
                    "the lab belonged to {} before, and belongs to this lab.toml now",
                    from.display()
                ),
            });
        }
        Ok((claimed.lock, claimed.state))
    }

    pub(crate) fn owner(&self, lab_id: &str, node: Option<&str>) -> Owner {
        Owner {
            lab: self.config.lab.name.clone(),
            lab_id: lab_id.to_owned(),
            node: node.map(str::to_owned),
        }
    }

    pub(crate) fn sink(&self) -> &dyn EventSink {
        self.sink.as_ref()
    }

    pub(crate) fn emit(&self, event: Event) {
        self.sink.emit(event);
    }
}
