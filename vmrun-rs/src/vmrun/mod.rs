//! One method per `vmrun` command.
//!
//! Building the command line, running it ([`exec`]) and reading its output ([`parse`]) are three
//! things. This file joins them: deadlines, retries, the host type's one retry, the order of the authentication flags.

pub(crate) mod argv;
mod guest;
mod listed;
pub(crate) mod locks;
mod machine;
mod network;
mod options;
pub mod parse;
mod power;
mod retired;
mod shared;
mod snapshot;

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use secrecy::SecretString;

use crate::error::VmrunError;
use crate::exec::{self, CommandSpec, ExecError, Finished};
use crate::failure::{self, Failure, FailureClass, OutputKind};
use crate::guest::GuestCredentials;

use self::argv::Call;
pub use self::argv::{AuthOrder, SharedFolderAccess, VariableKind};
pub use self::guest::ProgramOptions;
pub use self::machine::CloneKind;
pub use self::options::{Deadlines, HostType, RetryPolicy};
pub use self::parse::{
    GuestProcess, HostNetwork, NetworkAdapter, ParseError, PortForwarding, SnapshotNode, ToolsState, Version,
};

/// Drives one `vmrun` program. Cheap to clone; clones share what they have learnt.
///
/// Methods that read run in parallel. Methods that change a machine wait for one another per machine, clones of one
/// parent wait for one another, and so do changes to one virtual network.
#[derive(Debug, Clone)]
pub struct Vmrun {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    program: PathBuf,
    env: Environment,
    env_removed: Vec<OsString>,
    vm_password: Option<SecretString>,
    deadlines: Deadlines,
    retry: RetryPolicy,
    /// The host type in use; may turn from Workstation to Player once.
    host_type: AtomicU8,
    /// The order of the authentication flags that worked, per machine.
    auth_orders: Mutex<HashMap<String, AuthOrder>>,
    /// The last `list`, for those who ask while it runs.
    listed: listed::Running,
    /// The last `listPortForwardings` of each network.
    forwarded: Mutex<HashMap<String, Arc<network::Forwardings>>>,
}

/// Variables for the program. Only their names are shown.
#[derive(Clone, Default)]
struct Environment(Vec<(OsString, OsString)>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// Options of a [`Vmrun`].
#[derive(Debug, Clone)]
pub struct VmrunBuilder {
    program: PathBuf,
    host_type: HostType,
    env: Environment,
    env_removed: Vec<OsString>,
    vm_password: Option<SecretString>,
    deadlines: Deadlines,
    retry: RetryPolicy,
}

impl VmrunBuilder {
    /// The product (`-T`); [`HostType::usual`] unless set.
    pub fn host_type(mut self, host_type: HostType) -> Self {
        self.host_type = host_type;
        self
    }

    /// A variable for the program's environment.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.0.push((name.into(), value.into()));
        self
    }

    /// A variable that the program does not inherit, such as one with a password: a machine that it starts would keep it in
    /// its own environment for as long as it runs.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env_removed.push(name.into());
        self
    }

    /// The password of encrypted machines (`-vp`), passed with every command.
    pub fn vm_password(mut self, password: SecretString) -> Self {
        self.vm_password = Some(password);
        self
    }

    /// How long commands may take.
    pub fn deadlines(mut self, deadlines: Deadlines) -> Self {
        self.deadlines = deadlines;
        self
    }

    /// When failed commands are tried again.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Nothing is run yet.
    pub fn build(self) -> Vmrun {
        let Self {
            program,
            host_type,
            env,
            env_removed,
            vm_password,
            deadlines,
            retry,
        } = self;
        let host_type = AtomicU8::new(host_type as u8);
        let auth_orders = Mutex::default();
        Vmrun {
            inner: Arc::new(Inner {
                program,
                env,
                env_removed,
                vm_password,
                deadlines,
                retry,
                host_type,
                auth_orders,
                listed: listed::Running::default(),
                forwarded: Mutex::default(),
            }),
        }
    }
}

impl Vmrun {
    /// Drives this program with default options. [`locate`](crate::locate) finds it.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self::builder(program).build()
    }

    /// Drives this program with options.
    pub fn builder(program: impl Into<PathBuf>) -> VmrunBuilder {
        VmrunBuilder {
            program: program.into(),
            host_type: HostType::usual(),
            env: Environment::default(),
            env_removed: Vec::new(),
            vm_password: None,
            deadlines: Deadlines::default(),
            retry: RetryPolicy::default(),
        }
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.inner.program
    }

    /// The deadlines in use.
    pub fn deadlines(&self) -> &Deadlines {
        &self.inner.deadlines
    }

    /// The host type in use.
    pub fn host_type(&self) -> HostType {
        let types = [HostType::Workstation, HostType::Player, HostType::Fusion];
        let current = self.inner.host_type.load(Ordering::Relaxed);
        types
            .into_iter()
            .find(|t| *t as u8 == current)
            .unwrap_or_else(HostType::usual)
    }

    /// The version that the program prints. Also the cheapest check that it can be run.
    pub async fn version(&self) -> Result<Version, VmrunError> {
        // Without arguments it prints version and help, and an exit code that says failure.
        let spec = self.spec(Vec::new(), self.inner.deadlines.query);
        let done = self.execute(&spec, None).await?;
        let both = [&done.stdout[..], b"\n", &done.stderr].concat();
        parse::version(&both).map_err(|error| {
            let failure = Failure::new(FailureClass::UnexpectedOutput, error.to_string());
            VmrunError::new(spec.to_string(), done.elapsed, done.status.code(), failure)
        })
    }

    /// The order of the authentication flags that worked for this machine, if one has been seen to work.
    pub fn auth_order(&self, vmx: &Path) -> Option<AuthOrder> {
        let orders = self.inner.auth_orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.get(&crate::path::comparable(vmx)).copied()
    }

    fn has_vm_password(&self) -> bool {
        self.inner.vm_password.is_some()
    }

    fn remember_auth_order(&self, vmx: &Path, order: AuthOrder) {
        let mut orders = self.inner.auth_orders.lock().unwrap_or_else(PoisonError::into_inner);
        orders.insert(crate::path::comparable(vmx), order);
    }

    fn spec(&self, args: Vec<exec::Arg>, deadline: Duration) -> CommandSpec {
        CommandSpec {
            program: self.inner.program.clone(),
            args,
            env: self.inner.env.0.clone(),
            env_removed: self.inner.env_removed.clone(),
            deadline,
            leaves_machine: false,
        }
    }

    fn spec_of(&self, call: &Call, args: Vec<exec::Arg>) -> CommandSpec {
        CommandSpec {
            leaves_machine: call.leaves_machine(),
            ..self.spec(args, call.deadline)
        }
    }

    /// Runs a command without guest credentials.
    async fn call(&self, call: &Call) -> Result<Finished, VmrunError> {
        self.call_retrying(call, None).await
    }

    /// Runs a command and reads its output.
    async fn query<T>(&self, call: &Call, read: impl Fn(&[u8]) -> Result<T, ParseError>) -> Result<T, VmrunError> {
        let done = self.call(call).await?;
        read(&done.stdout).map_err(|error| self.unexpected(call, None, &done, &error.to_string()))
    }

    /// A command that succeeded and printed something else than it should, which may repeat what must not be shown.
    fn unexpected(
        &self,
        call: &Call,
        credentials: Option<&GuestCredentials>,
        done: &Finished,
        what: &str,
    ) -> VmrunError {
        let order = call.vm.as_deref().and_then(|vm| self.auth_order(vm));
        let auth = credentials.map(|credentials| (credentials, order.unwrap_or(AuthOrder::BeforeCommand)));
        let args = call.argv(self.host_type(), self.inner.vm_password.as_ref(), auth);
        let spec = self.spec_of(call, args);
        let what = spec.scrub(what.as_bytes());
        let failure = Failure::new(FailureClass::UnexpectedOutput, String::from_utf8_lossy(&what));
        VmrunError::new(spec.to_string(), done.elapsed, done.status.code(), failure)
    }

    /// Runs a guest operation. The authentication flags go before the command, as every help text says; only an answer
    /// that says "not understood" is reason to try them behind the machine's path, and what worked is remembered for the
    /// machine. A guest's failure or a timeout never is.
    async fn call_guest(&self, call: &Call, credentials: &GuestCredentials) -> Result<Finished, VmrunError> {
        let vm = call.vm.as_deref();
        let known = vm.and_then(|vm| self.auth_order(vm));
        let first = known.unwrap_or(AuthOrder::BeforeCommand);
        let result = self.call_retrying(call, Some((credentials, first))).await;
        let Some(vm) = vm else { return result };
        match result {
            Err(error) if error.class() == FailureClass::Usage && known.is_none() => {
                let second = first.other();
                tracing::debug!(%error, "trying the authentication flags in the other place");
                match self.call_retrying(call, Some((credentials, second))).await {
                    Err(other) if other.class() == FailureClass::Usage => Err(error),
                    result => {
                        if understood(&result) {
                            self.remember_auth_order(vm, second);
                        }
                        result
                    }
                }
            }
            result => {
                if known.is_none() && understood(&result) {
                    self.remember_auth_order(vm, first);
                }
                result
            }
        }
    }

    async fn call_retrying(
        &self,
        call: &Call,
        auth: Option<(&GuestCredentials, AuthOrder)>,
    ) -> Result<Finished, VmrunError> {
        let retry = &self.inner.retry;
        for attempt in 0.. {
            match self.call_host_type(call, auth).await {
                Err(error) if attempt < retry.retries && retry.covers(error.failure()) => {
                    let pause = retry.pause(attempt);
                    tracing::debug!(%error, ?pause, "trying again");
                    tokio::time::sleep(pause).await;
                }
                result => return result,
            }
        }
        unreachable!("the range of attempts has no end")
    }

    /// A Player installation answers to `-T ws` that it is not installed: then, once, `player` is tried and kept.
    async fn call_host_type(
        &self,
        call: &Call,
        auth: Option<(&GuestCredentials, AuthOrder)>,
    ) -> Result<Finished, VmrunError> {
        let host_type = self.host_type();
        let result = self.call_once(call, host_type, auth).await;
        match result {
            Err(error) if host_type == HostType::Workstation && not_installed(error.failure()) => {
                match self.call_once(call, HostType::Player, auth).await {
                    Err(other) if not_installed(other.failure()) || other.class() == FailureClass::Usage => Err(error),
                    result => {
                        tracing::info!("this host has VMware Player, not Workstation");
                        self.inner.host_type.store(HostType::Player as u8, Ordering::Relaxed);
                        result
                    }
                }
            }
            result => result,
        }
    }

    async fn call_once(
        &self,
        call: &Call,
        host_type: HostType,
        auth: Option<(&GuestCredentials, AuthOrder)>,
    ) -> Result<Finished, VmrunError> {
        let args = call.argv(host_type, self.inner.vm_password.as_ref(), auth);
        let spec = self.spec(args, call.deadline);
        let started = SystemTime::now();
        let done = self.execute(&spec, call.vm.as_deref()).await?;
        let exit = done.status.code();
        if call.is_answer(&done.stdout) {
            return Ok(done);
        }
        let mask = |line: &[u8]| spec.scrub(line);
        match failure::classify_masking(call.output, exit, &done.stdout, &done.stderr, &mask) {
            None => Ok(done),
            Some(failure) => {
                let failure = explain(failure, call.vm.as_deref(), started);
                Err(VmrunError::new(spec.to_string(), done.elapsed, exit, failure))
            }
        }
    }

    /// Runs the program; an error means that there is no output to judge.
    async fn execute(&self, spec: &CommandSpec, vm: Option<&Path>) -> Result<Finished, VmrunError> {
        let started = Instant::now();
        tracing::trace!(command = %spec, "running");
        let result = exec::run(spec).await;
        let elapsed = started.elapsed();
        match result {
            Ok(done) => {
                tracing::debug!(command = %spec, status = %done.status, ?elapsed, "ran");
                Ok(done)
            }
            Err(error) => {
                let failure = match &error {
                    ExecError::Spawn { .. } => Failure::new(FailureClass::Spawn, error.to_string()),
                    ExecError::Timeout { after, stdout, stderr } => {
                        let mut failure = Failure::new(FailureClass::Timeout, error.to_string());
                        // What it printed before it hung, if that says anything.
                        let mask = |line: &[u8]| spec.scrub(line);
                        let said = failure::classify_masking(OutputKind::Fixed, Some(0), stdout, stderr, &mask);
                        if let Some(said) = said {
                            failure.summary = format!("{} (it had said: {})", failure.summary, said.summary);
                        }
                        let since = SystemTime::now().checked_sub(*after).unwrap_or(SystemTime::UNIX_EPOCH);
                        match vm {
                            Some(vm) => failure.with_causes(failure::causes_beside(vm, since)),
                            None => failure,
                        }
                    }
                    ExecError::OutputTooLarge => Failure::new(FailureClass::UnexpectedOutput, error.to_string()),
                    ExecError::Io { .. } => Failure::new(FailureClass::Unknown, error.to_string()),
                };
                Err(VmrunError::from_exec(spec.to_string(), elapsed, failure, error))
            }
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for Vmrun {
    fn from(program: &P) -> Self {
        Self::new(program.as_ref())
    }
}

impl From<PathBuf> for Vmrun {
    fn from(program: PathBuf) -> Self {
        Self::new(program)
    }
}

/// An outcome that proves that the command line was understood: success, or a program's own exit code.
fn understood(result: &Result<Finished, VmrunError>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) => error.class() == FailureClass::GuestProgram,
    }
}

fn not_installed(failure: &Failure) -> bool {
    failure
        .message
        .as_deref()
        .is_some_and(|m| m.contains("VIX_SERVICEPROVIDER") && m.contains("not installed"))
}

fn explain(failure: Failure, vm: Option<&Path>, started: SystemTime) -> Failure {
    match vm {
        Some(vm) if failure.is_catch_all() => {
            // File times can be a little coarser than the clock.
            let since = started.checked_sub(Duration::from_secs(2)).unwrap_or(started);
            failure.with_causes(failure::causes_beside(vm, since))
        }
        _ => failure,
    }
}
