//! What must be true before a lab is built. `doctor` shows these; `up` insists on them.

use serde::Serialize;

use crate::config::Config;
use crate::error::LabError;
use crate::lab::Lab;
use crate::paths::LabPaths;
use crate::stages::UpOptions;
use crate::{conflicts, network, registry, template};

const NETWORKS_UNKNOWN: &str = "the virtual networks of this host are not known";

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// The lab can be built, but a person should know this.
    Warning,
    /// The lab cannot be built.
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its stable id, for example `hypervisor`.
    pub id: &'static str,
    /// How it went.
    pub status: CheckStatus,
    /// What was found, in one line.
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl Check {
    fn of(id: &'static str, result: Result<String, LabError>) -> Self {
        match result {
            Ok(detail) => Self {
                id,
                status: CheckStatus::Ok,
                detail,
                remedy: None,
            },
            Err(e) => Self {
                id,
                status: CheckStatus::Failed,
                remedy: e.help_text().map(str::to_owned),
                detail: e.one_line(),
            },
        }
    }

    fn warning(mut self) -> Self {
        if self.status == CheckStatus::Failed {
            self.status = CheckStatus::Warning;
        }
        self
    }
}

/// Looks at everything at once.
pub(crate) async fn all(lab: &Lab, options: &UpOptions) -> Vec<Check> {
    let (config, paths) = (lab.config(), lab.paths());
    let (hypervisor, network, registry, conflicts) = tokio::join!(
        hypervisor(lab),
        network(lab),
        registry(config, paths),
        conflicts::look(lab, options)
    );
    vec![
        hypervisor,
        Check::of("image", image(config)),
        Check::of("k3s", k3s(config)),
        network,
        registry,
        Check::of("addresses", conflicts.addresses),
        Check::of("names", conflicts.names),
        Check::of("ports", conflicts.ports).warning(),
        Check::of("disk-space", disk_space(paths)).warning(),
    ]
}

async fn hypervisor(lab: &Lab) -> Check {
    if let Some(error) = lab.absent() {
        return Check {
            id: "hypervisor",
            status: CheckStatus::Failed,
            detail: error.one_line(),
            remedy: error.help_text().map(str::to_owned),
        };
    }
    let result = lab
        .hypervisor()
        .info()
        .await
        .map(|i| format!("{} {} ({})", i.name, i.version, i.program.display()));
    Check::of(
        "hypervisor",
        result.map_err(|e| {
            LabError::prerequisite(
                "vmrun, which drives the virtual machines, does not answer",
                "run it by hand to see what it says",
            )
            .source(e)
        }),
    )
}

async fn network(lab: &Lab) -> Check {
    if lab.absent().is_some() {
        return Check::of("network", Err(LabError::failed(NETWORKS_UNKNOWN))).warning();
    }
    match lab.hypervisor().networks().await {
        Ok(networks) => {
            let fits = network::fits(&lab.config().network, &networks, lab.chosen().drop_in);
            Check::of("network", fits)
        }
        Err(e) => {
            let unknown = LabError::failed(NETWORKS_UNKNOWN).source(e);
            Check::of("network", Err(unknown)).warning()
        }
    }
}

fn image(config: &Config) -> Result<String, LabError> {
    if let Some(vmx) = &config.image.template {
        if !vmx.is_file() {
            return Err(LabError::prerequisite(
                format!("the template machine {} does not exist", vmx.display()),
                "correct image.template",
            ));
        }
        return Ok(format!("template machine {}", vmx.display()));
    }
    let disk = config.image.disk.as_ref().ok_or_else(template::no_image)?;
    template::inspect(disk)?;
    Ok(format!("disk image {}", disk.display()))
}

fn k3s(config: &Config) -> Result<String, LabError> {
    let get = "download `k3s` and `k3s-airgap-images-amd64.tar.zst` of one k3s release on a machine with a network, \
               and set k3s.binary and k3s.images";
    let file = |path: &Option<std::path::PathBuf>, what: &str, key: &str| {
        let path = path
            .as_ref()
            .ok_or_else(|| LabError::prerequisite(format!("no {what} is configured ({key})"), get))?;
        if !std::fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0) {
            return Err(LabError::prerequisite(
                format!("the {what} {} does not exist or is empty", path.display()),
                get,
            ));
        }
        Ok(path.display().to_string())
    };
    let binary = file(&config.k3s.binary, "k3s program", "k3s.binary")?;
    let images = file(&config.k3s.images, "image archive", "k3s.images")?;
    if ![".tar", ".tar.gz", ".tar.zst"].iter().any(|e| images.ends_with(e)) {
        return Err(LabError::prerequisite(
            format!("the image archive {images} has a name that k3s does not import"),
            "its name must end in .tar, .tar.gz or .tar.zst, as its compression is",
        ));
    }
    Ok(format!("{binary} with {images}"))
}

async fn registry(config: &Config, paths: &LabPaths) -> Check {
    if !config.registry.check {
        // Not even looked at: whoever says so may have reasons why nothing must be sent there.
        let detail = format!(
            "https://{} is not looked at: registry.check = false",
            config.registry_endpoint()
        );
        return Check::of("registry", Ok(detail));
    }
    if registry::not_issued_yet(config, paths) {
        // `up` issues it first of all, so this is not what keeps a lab from being built; but the registry needs it too.
        let detail = format!(
            "the certificate of the registry https://{} will be made by `up`; until then it cannot be looked at",
            config.registry_endpoint()
        );
        return Check {
            id: "registry",
            status: CheckStatus::Warning,
            detail,
            remedy: Some("`lab-cli pki init` makes it now: start the registry with it before `up`".to_owned()),
        };
    }
    Check::of("registry", registry::check(config, paths).await)
}

fn disk_space(paths: &LabPaths) -> Result<String, LabError> {
    const WANTED_GIB: u64 = 10;
    // The directory may not exist yet: its nearest existing parent is on the same disk.
    let place = paths.data().ancestors().find(|p| p.exists()).unwrap_or(paths.data());
    let free = fs4::available_space(place).map_err(|e| LabError::io("find the free space of", place, e))? >> 30;
    if free < WANTED_GIB {
        return Err(
            LabError::failed(format!("only {free} GiB are free in {}", place.display()))
                .help("free some space, or set lab.data_dir to a larger disk"),
        );
    }
    Ok(format!("{free} GiB free in {}", place.display()))
}
