//! `pki`: the registry's certificates: issue and keep them, look at them, hand them out, and ask whether a client would
//! accept one. Nothing here needs a hypervisor.

mod export;
mod files;
mod issue;
mod passphrase;
mod registries;
mod show;
mod store;
mod trust;
mod verify;

use clap::Subcommand;

use crate::app::App;
use crate::failure::{Exit, Failure};

/// What can be done with the certificates.
#[derive(Debug, Subcommand)]
pub(crate) enum PkiCommand {
    /// Issue the registry's certificate and its CA, or renew what is about to end
    Init(issue::InitArgs),
    /// Show what there is
    Show(show::ShowArgs),
    /// Say whether a client would accept a certificate, and if not, why not
    Verify(verify::VerifyArgs),
    /// Issue a new certificate with a new key, by the same CA
    Renew(issue::RenewArgs),
    /// Replace the CA, with an overlap in which clients trust both
    Rotate(issue::RotateArgs),
    /// Hand out certificates and keys: PEM, or PKCS#12
    Export(export::ExportArgs),
    /// Say how clients come to trust the registry, and write their files
    Trust(trust::TrustArgs),
    /// Encrypt the CA's key, change its passphrase, or remove it
    Passphrase(passphrase::PassphraseArgs),
    /// Write a registries.yaml for k3s, or check one
    Registries(registries::RegistriesArgs),
}

/// Does it.
pub(crate) fn run(app: &App, command: PkiCommand) -> Result<Exit, Failure> {
    match command {
        PkiCommand::Init(args) => issue::init(app, &args),
        PkiCommand::Show(args) => show::run(app, &args),
        PkiCommand::Verify(args) => verify::run(app, &args),
        PkiCommand::Renew(args) => issue::renew(app, &args),
        PkiCommand::Rotate(args) => issue::rotate(app, &args),
        PkiCommand::Export(args) => export::run(app, &args),
        PkiCommand::Trust(args) => trust::run(app, &args),
        PkiCommand::Passphrase(args) => passphrase::run(app, &args),
        PkiCommand::Registries(args) => registries::run(app, &args),
    }
}
