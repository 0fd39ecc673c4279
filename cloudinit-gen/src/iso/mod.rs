//! Writing ISO 9660 images: level 3, with Rock Ridge and Joliet.
//!
//! ```
//! use cloudinit_gen::iso::{IsoBuilder, Source};
//!
//! let mut iso = IsoBuilder::new("CIDATA".parse()?);
//! iso.file("meta-data", Source::bytes("instance-id: i-1\n"))?;
//! let mut image = Vec::new();
//! iso.write_to(&mut image)?;
//! assert_eq!(image.len() % 2048, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An image is written front to back, without seeking, in one pass over its files, and holds a few buffers of file data
//! in memory, 8 MiB in all. Nothing of the machine or of the moment goes into it: equal files under equal names give equal bytes.
//!
//! Every file is in two trees. Rock Ridge readers (Linux, bsdtar) and Joliet readers (Windows) see its real name; plain
//! readers see it in upper case, cut to 30 characters. A file of 4 GiB or more is several extents of one file. Files of 1 MiB or more begin
//! at multiples of 64 KiB, where copying them costs least.

mod builder;
mod bytes;
mod copy;
mod date;
mod descriptor;
mod directory;
mod error;
mod file_out;
mod hook;
mod image;
mod layout;
mod names;
mod output;
mod path_table;
mod source;
mod susp;
mod tree;

pub use builder::{Entry, IsoBuilder, IsoSummary};
pub use error::IsoError;
pub(crate) use hook::Hook;
pub use source::Source;

/// Size of a sector and of a logical block, in bytes.
pub const SECTOR: u64 = 2048;

/// The same for sizes in memory.
const SECTOR_LEN: usize = 2048;
