//! Moving a file's data into an image, and showing it to a hook on the way.
//!
//! What nobody looks at is left to the kernel on Linux, which moves it from page to page without a copy into this process. That is as
//! fast as `cp` where both ends are at the same place within a page, and a page in the cache may have 64 KiB and more: see
//! [`super::layout`] for where large files begin. Elsewhere, and into streams, data goes through buffers of this process.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::Path;
use std::sync::mpsc;

use super::image::stream_error;
use super::output::Output;
use super::{Hook, IsoError};

/// Size of one buffer: large enough that system calls cost nothing, small enough to stay in a processor's cache.
const BUFFER: usize = 256 * 1024;
/// Size of one of the buffers that a second processor looks into. They go to and fro between two caches: larger and more
/// of them were measured to be faster than few that a single processor would keep in its own.
const SHARED_BUFFER: usize = 512 * 1024;
/// How many of these are under way at most: all the memory that an image of any size takes.
const SHARED_BUFFERS: usize = 16;

/// A copy failed at one of its ends.
pub(super) enum CopyError {
    Reading(io::Error),
    Writing(io::Error),
}

impl CopyError {
    /// As what happened to the file at `path`.
    pub(super) fn into_error(self, path: &Path) -> IsoError {
        match self {
            Self::Reading(source) => IsoError::Read {
                path: path.to_owned(),
                source,
            },
            Self::Writing(source) => stream_error(source),
        }
    }
}

/// Copies up to `len` bytes of the file that is `name` in the image; returns how many there were.
pub(super) fn copy(
    from: &File,
    len: u64,
    out: &mut Output<'_>,
    name: &str,
    hook: &mut dyn Hook,
) -> Result<u64, CopyError> {
    if !hook.watches(name) {
        let copied = copy_in_kernel(from, len, out)?;
        let rest = copy_through(from, len - copied, out, BUFFER, |_, buffer| Some(buffer))?;
        return Ok(copied + rest);
    }
    if len <= BUFFER as u64 {
        return copy_through(from, len, out, BUFFER, |count, buffer| {
            hook.data(name, &buffer[..count]);
            Some(buffer)
        });
    }
    // A checksum takes about as long as reading and writing together: it is computed beside them, in the same order.
    std::thread::scope(|scope| {
        let (filled, to_watch) = mpsc::sync_channel::<(usize, Vec<u8>)>(SHARED_BUFFERS);
        let (done, empty) = mpsc::channel();
        for _ in 1..SHARED_BUFFERS {
            // The other end is two lines above.
            let _ = done.send(vec![0; SHARED_BUFFER]);
        }
        scope.spawn(move || {
            for (count, buffer) in to_watch {
                hook.data(name, &buffer[..count]);
                // Nobody waits for buffers any more once everything has been read.
                let _ = done.send(buffer);
            }
        });
        copy_through(from, len, out, SHARED_BUFFER, |count, buffer| {
            filled.send((count, buffer)).ok()?;
            empty.recv().ok()
        })
    })
}

/// Leaves as much of the copy to the kernel as it takes on (`copy_file_range`, else `sendfile`); returns how much that was. An error of it
/// ends it and is not one of the copy: what is left goes through buffers, which fail again at the end that is to blame.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn copy_in_kernel(mut from: &File, len: u64, out: &mut Output<'_>) -> Result<u64, CopyError> {
    use std::io::{Seek as _, SeekFrom};

    let Some(file) = out.file() else {
        return Ok(0);
    };
    let start = file.stream_position().map_err(CopyError::Writing)?;
    if io::copy(&mut from.take(len), file).is_err() {
        // Both positions are behind what was copied, unless a call failed half-way between them.
        let copied = file
            .stream_position()
            .map_err(CopyError::Writing)?
            .saturating_sub(start);
        from.seek(SeekFrom::Start(copied)).map_err(CopyError::Reading)?;
    }
    let copied = file
        .stream_position()
        .map_err(CopyError::Writing)?
        .saturating_sub(start);
    out.count(copied);
    Ok(copied)
}

/// Other systems' own copies take whole files only.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(clippy::unnecessary_wraps, reason = "the kernel's copy can fail where there is one")]
fn copy_in_kernel(_from: &File, _len: u64, _out: &mut Output<'_>) -> Result<u64, CopyError> {
    Ok(0)
}

/// Reads and writes through buffers of `room` bytes. Every buffer that was written is given to `pass_on`, which hands back one that is free.
fn copy_through(
    mut from: &File,
    len: u64,
    out: &mut impl Write,
    room: usize,
    mut pass_on: impl FnMut(usize, Vec<u8>) -> Option<Vec<u8>>,
) -> Result<u64, CopyError> {
    if len == 0 {
        return Ok(0);
    }
    let mut buffer = vec![0; room];
    let mut copied = 0;
    while copied < len {
        let wanted = usize::try_from(len - copied).map_or(room, |left| left.min(room));
        let count = match from.read(&mut buffer[..wanted]) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Reading(error)),
        };
        out.write_all(&buffer[..count]).map_err(CopyError::Writing)?;
        copied += count as u64;
        buffer = pass_on(count, buffer).unwrap_or_else(|| vec![0; room]);
    }
    Ok(copied)
}
