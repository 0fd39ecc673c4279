//! `seed`: what a node's first boot is told, for machines that something else makes, and a check of anyone's documents.

mod lint;
mod write;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use cloudinit_gen::guestinfo::GuestInfoEncoding;
use lab_engine::{SeedForm, SeedOptions};

use crate::app::{self, App};
use crate::failure::{Exit, Failure};
use crate::secret::Unlock;

/// What can be done with seeds.
#[derive(Debug, Subcommand)]
pub(crate) enum SeedCommand {
    /// Write one node's user-data, meta-data and network-config
    Render {
        /// The node
        #[arg(long, value_name = "NAME")]
        node: String,
        /// The directory to write into; made if it is missing
        #[arg(long, value_name = "DIRECTORY")]
        dir: PathBuf,
        #[command(flatten)]
        form: Form,
        /// Hardware address of the machine's network card; the one that `up` would give it without this
        #[arg(long, value_name = "MAC")]
        mac: Option<String>,
        /// cloud-init's instance id; without this that of the node's machine, else one that stays the same
        #[arg(long, value_name = "ID")]
        instance_id: Option<String>,
        /// How guest variables are encoded; base64 where that fits, without this
        #[arg(long, value_enum, value_name = "ENCODING")]
        encoding: Option<Encoding>,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Write the seed images of nodes, and the payload image that they share
    Iso {
        /// A node; all of them without this. May be repeated
        #[arg(long = "node", value_name = "NAME")]
        nodes: Vec<String>,
        /// The directory to write into; made if it is missing
        #[arg(long, value_name = "DIRECTORY")]
        dir: PathBuf,
        #[command(flatten)]
        form: Form,
        /// Leave the payload image out
        #[arg(long)]
        no_payload: bool,
        #[command(flatten)]
        unlock: Unlock,
    },
    /// Say what is wrong with user-data, meta-data, network-config or autoinstall, and where
    Lint(lint::LintArgs),
}

/// How a node is told.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct Form {
    /// What the seed is for
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    form: FormChoice,
}

/// The forms of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FormChoice {
    /// A disk image that has cloud-init.
    #[default]
    Cloud,
    /// Ubuntu's installer, 22.04 to 26.04, and a blank disk.
    Autoinstall,
    /// A disk image that has cloud-init, told through VMware's guest variables.
    Guestinfo,
}

impl From<FormChoice> for SeedForm {
    fn from(choice: FormChoice) -> Self {
        match choice {
            FormChoice::Cloud => Self::Cloud,
            FormChoice::Autoinstall => Self::Autoinstall,
            FormChoice::Guestinfo => Self::GuestInfo,
        }
    }
}

/// How guest variables are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Encoding {
    /// Base64.
    Base64,
    /// Compressed first.
    #[value(name = "gzip+base64")]
    GzipBase64,
}

impl From<Encoding> for GuestInfoEncoding {
    fn from(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Base64 => Self::Base64,
            Encoding::GzipBase64 => Self::GzipBase64,
        }
    }
}

/// Does it.
pub(crate) fn run(app: &App, command: SeedCommand) -> Result<Exit, Failure> {
    match command {
        SeedCommand::Render {
            node,
            dir,
            form,
            mac,
            instance_id,
            encoding,
            unlock,
        } => {
            let options = SeedOptions {
                form: form.form.into(),
                mac,
                instance_id,
                password: app::password(),
                encoding: encoding.map(Into::into),
            };
            write::render(app, &node, &dir, &options, &unlock)
        }
        SeedCommand::Iso {
            nodes,
            dir,
            form,
            no_payload,
            unlock,
        } => {
            let options = SeedOptions {
                form: form.form.into(),
                password: app::password(),
                ..SeedOptions::default()
            };
            write::iso(app, nodes, &dir, &options, !no_payload, &unlock)
        }
        SeedCommand::Lint(args) => lint::run(app, &args),
    }
}
