//! `pki init`, `pki renew`, `pki rotate`: certificates are issued.

use std::time::Duration;

use clap::Args;
use registry_pki::store::{Action, Rotation};
use registry_pki::{Ensured, KeyAlgorithm, PkiRequest, RegistryHost};

use super::store::{StoreArgs, registry_host, unlocked};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::secret::{self, Unlock};
use crate::{speech, words};

/// What all three take.
#[derive(Debug, Args)]
struct Request {
    /// The kind of new keys: ecdsa-p256, ecdsa-p384 or ed25519; without it that of the present key, or ecdsa-p256
    #[arg(long, value_name = "KIND")]
    algorithm: Option<KeyAlgorithm>,
    /// How long a new certificate is valid, such as 397d or 10y
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    lifetime: Option<Duration>,
    /// How long a new CA is valid
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    ca_lifetime: Option<Duration>,
    /// Let a new CA sign for any host: no name constraints
    #[arg(long)]
    unconstrained: bool,
    /// Let a host be a wildcard, such as *.registry.lab
    #[arg(long)]
    allow_wildcards: bool,
}

impl Request {
    fn fill(&self, request: &mut PkiRequest) {
        request.algorithm = self.algorithm;
        request.leaf_lifetime = self.lifetime.unwrap_or(request.leaf_lifetime);
        request.ca_lifetime = self.ca_lifetime.unwrap_or(request.ca_lifetime);
        request.constrained &= !self.unconstrained;
        request.allow_wildcards |= self.allow_wildcards;
    }
}

/// What `pki init` takes.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What nodes reach the registry by; the lab's `registry.host` without it. May be repeated
    #[arg(long = "host", value_name = "HOST", value_parser = RegistryHost::parse_allowing_wildcard)]
    hosts: Vec<RegistryHost>,
    /// Leave out 127.0.0.1 and localhost, by which the machine that runs the registry reaches it
    #[arg(long)]
    no_loopback: bool,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    unlock: Unlock,
}

/// What `pki renew` takes.
#[derive(Debug, Args)]
pub(crate) struct RenewArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What the new certificate covers; what the present one covers without it. May be repeated
    #[arg(long = "host", value_name = "HOST", value_parser = RegistryHost::parse_allowing_wildcard)]
    hosts: Vec<RegistryHost>,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    unlock: Unlock,
}

/// What `pki rotate` takes.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What the new certificate covers; what the present one covers without it. May be repeated
    #[arg(long = "host", value_name = "HOST", value_parser = RegistryHost::parse_allowing_wildcard)]
    hosts: Vec<RegistryHost>,
    /// Only make the next CA and add it to the bundle; once clients have that, `rotate` switches over unnoticed
    #[arg(long)]
    announce: bool,
    /// End the overlap: clients trust the present CA alone
    #[arg(long, conflicts_with = "announce")]
    retire: bool,
    #[command(flatten)]
    request: Request,
    #[command(flatten)]
    unlock: Unlock,
}

/// Issues what is missing, renews what ends, leaves the rest as it is.
pub(crate) fn init(app: &App, args: &InitArgs) -> Result<Exit, Failure> {
    let hosts = if args.hosts.is_empty() {
        vec![registry_host(app)?]
    } else {
        args.hosts.clone()
    };
    let mut request = PkiRequest::new(hosts);
    args.request.fill(&mut request);
    request.loopback = !args.no_loopback;
    let (store, _claim) = args.store.open(app)?;
    let ensured = unlocked(app, store, &args.unlock, secret::asked, "issue", |store| {
        store.ensure(&request)
    })?;
    answer(app, &args.store, &ensured, None)
}

/// A new certificate, whatever is there.
pub(crate) fn renew(app: &App, args: &RenewArgs) -> Result<Exit, Failure> {
    let request = present(app, &args.store, &args.hosts, &args.request)?;
    let (store, _claim) = args.store.open(app)?;
    let ensured = unlocked(app, store, &args.unlock, secret::asked, "renew", |store| {
        store.renew(&request)
    })?;
    answer(app, &args.store, &ensured, None)
}

/// A new CA, or one end of the overlap.
pub(crate) fn rotate(app: &App, args: &RotateArgs) -> Result<Exit, Failure> {
    let request = present(app, &args.store, &args.hosts, &args.request)?;
    let rotation = match (args.announce, args.retire) {
        (true, _) => Rotation::Announce,
        (_, true) => Rotation::Retire,
        _ => Rotation::AtOnce,
    };
    let (store, _claim) = args.store.open(app)?;
    // Only this makes a new key without opening the old one: it is the way out for who lost the passphrase.
    let ask = match rotation {
        Rotation::AtOnce => secret::asked_twice,
        _ => secret::asked,
    };
    let ensured = unlocked(app, store, &args.unlock, ask, "rotate", |store| {
        store.rotate(&request, rotation)
    })?;
    answer(app, &args.store, &ensured, Some(rotation))
}

/// The request that the present certificate was made for, with what was asked for otherwise.
fn present(app: &App, store: &StoreArgs, hosts: &[RegistryHost], other: &Request) -> Result<PkiRequest, Failure> {
    let (_, summary) = store.look(app)?;
    let mut request = summary.request();
    if !hosts.is_empty() {
        // Exactly what was named, and how the machine of the registry itself reaches it.
        let loopback = summary.leaf.hosts().iter().any(RegistryHost::is_loopback);
        request.hosts = hosts.to_vec();
        request.loopback = loopback;
    }
    other.fill(&mut request);
    Ok(request)
}

fn answer(app: &App, store: &StoreArgs, ensured: &Ensured, rotation: Option<Rotation>) -> Result<Exit, Failure> {
    app.answer(ensured, || text(app, store, ensured, rotation))?;
    Ok(Exit::OK)
}

/// What was done, where it is, and what is to be done next.
pub(super) fn text(app: &App, store: &StoreArgs, ensured: &Ensured, rotation: Option<Rotation>) -> String {
    let (w, lang) = (app.words(), app.lang());
    let paths = [
        (w.certificate, &ensured.cert_path),
        (w.key, &ensured.key_path),
        (w.ca, &ensured.ca_path),
        (w.bundle, &ensured.bundle_path),
    ];
    let rows = paths.map(|(name, path)| [name.to_owned(), path.display().to_string()]);
    let mut next = Vec::new();
    if matches!(ensured.action, Action::Renewed { .. } | Action::Reissued { .. }) {
        next.push(words::restart_registry(lang).to_owned());
    }
    let bundle = ensured.bundle_path.display().to_string();
    let of = store
        .dir
        .as_ref()
        .map(|dir| format!(" --dir {}", dir.display()))
        .unwrap_or_default();
    match rotation {
        Some(Rotation::Announce) => next.push(words::bundle_announced(&bundle, &of, lang)),
        Some(Rotation::Retire) => next.push(words::bundle_retired(&bundle, lang)),
        _ if ensured.ca_changed => next.push(words::bundle_changed(&bundle, &of, lang)),
        _ => {}
    }
    if rotation == Some(Rotation::AtOnce) {
        next.push(words::overlap(&of, lang));
    }
    let next: Vec<String> = next.into_iter().map(|line| format!("{}: {line}\n", w.next)).collect();
    let done = speech::lines(&ensured.to_string(), lang);
    format!("{done}\n{}{}", crate::table::columns(&rows), next.concat())
}

/// `90d`, `12w`, `10y`, `36h`: a whole number and a unit.
fn lifetime(text: &str) -> Result<Duration, String> {
    let wrong = || "write a whole number and h, d, w or y, such as 397d or 10y".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let hours = match unit {
        "h" => 1,
        "d" => 24,
        "w" => 7 * 24,
        "y" => 365 * 24,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(hours * 3600).ok_or_else(wrong)?;
    if seconds == 0 {
        return Err("a certificate that is never valid is of no use".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_a_whole_number_and_a_unit() {
        for (text, hours) in [("36h", 36), ("397d", 397 * 24), ("2w", 336), ("10y", 87_600)] {
            assert_eq!(lifetime(text), Ok(Duration::from_secs(hours * 3600)), "{text}");
        }
        for wrong in [
            "",
            "d",
            "10",
            "10m",
            "1.5y",
            "-1d",
            "0d",
            "10 d",
            "년",
            "99999999999999999999y",
            "9999999999999999y",
        ] {
            lifetime(wrong).unwrap_err();
        }
    }
}
