//! Security descriptors: the one place with `unsafe` code.
//!
//! Every pointer that goes to the system is to a local value that outlives the call, or to memory that the system gave and
//! that is released once, by [`Local`].
#![expect(
    unsafe_code,
    reason = "no safe crate that is kept up gives a file its access list when it is made"
)]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::windows::io::{FromRawHandle as _, OwnedHandle};
use std::sync::OnceLock;

use windows::Win32::Foundation::{ERROR_SUCCESS, HANDLE, HLOCAL, LocalFree};
use windows::Win32::Security::Authorization::{
    ConvertSidToStringSidW, ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW,
    SDDL_REVISION_1, SE_FILE_OBJECT,
};
use windows::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce, GetTokenInformation, INHERIT_ONLY_ACE,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, TOKEN_QUERY, TOKEN_USER, TokenUser,
};
use windows::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_APPEND_DATA, FILE_ATTRIBUTE_NORMAL, FILE_GENERIC_READ,
    FILE_GENERIC_WRITE, FILE_SHARE_DELETE, FILE_SHARE_READ, FILE_SHARE_WRITE, FILE_WRITE_DATA, OPEN_ALWAYS,
};
use windows::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};
use windows::core::{PCWSTR, PWSTR};

/// Whether what is made in a directory is as private as the directory.
#[derive(Clone, Copy)]
pub(super) enum Inherit {
    Yes,
    No,
}

/// How a file is opened.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    New,
    Append,
    Keep,
}

/// Memory that the system allocated and that is given back when this is dropped.
struct Local(*mut c_void);

impl Drop for Local {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a function that says to release it so, and nobody else has it.
        unsafe { LocalFree(Some(HLOCAL(self.0))) };
    }
}

/// A security descriptor of the system's own making.
pub(super) struct Descriptor(Local);

/// Full access for the user that this process runs as, nothing for anybody else, nothing inherited from above.
pub(super) fn owner_only(inherit: Inherit) -> io::Result<Descriptor> {
    let user = user()?;
    let flags = match inherit {
        Inherit::Yes => "OICI",
        Inherit::No => "",
    };
    // The owner is named because files of an administrator's elevated process belong to all administrators otherwise.
    let text: Vec<u16> = format!("O:{user}D:P(A;{flags};FA;;;{user})\0").encode_utf16().collect();
    let mut descriptor = PSECURITY_DESCRIPTOR::default();
    // SAFETY: the text ends with a NUL, and the result is a local variable.
    unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            PCWSTR(text.as_ptr()),
            SDDL_REVISION_1,
            &raw mut descriptor,
            None,
        )
    }
    .map_err(|error| plain(&error))?;
    Ok(Descriptor(Local(descriptor.0)))
}

impl Descriptor {
    fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or(u32::MAX),
            lpSecurityDescriptor: self.0.0,
            bInheritHandle: false.into(),
        }
    }
}

/// Opens a file; where that makes one, it gets the descriptor. The path ends with a NUL.
pub(super) fn open(path: &[u16], kind: Kind, descriptor: &Descriptor) -> io::Result<File> {
    let (access, disposition) = match kind {
        Kind::New => ((FILE_GENERIC_READ | FILE_GENERIC_WRITE).0, CREATE_NEW),
        Kind::Keep => ((FILE_GENERIC_READ | FILE_GENERIC_WRITE).0, OPEN_ALWAYS),
        Kind::Append => (
            FILE_GENERIC_WRITE.0 & !FILE_WRITE_DATA.0 | FILE_APPEND_DATA.0,
            OPEN_ALWAYS,
        ),
    };
    let attributes = descriptor.attributes();
    // SAFETY: the path ends with a NUL (`wide` sees to it), and the attributes and their descriptor outlive the call.
    let handle = unsafe {
        CreateFileW(
            PCWSTR(path.as_ptr()),
            access,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            Some(&raw const attributes),
            disposition,
            FILE_ATTRIBUTE_NORMAL,
            None,
        )
    }
    .map_err(|error| plain(&error))?;
    // SAFETY: the handle is open and nobody else's.
    let handle = unsafe { OwnedHandle::from_raw_handle(handle.0) };
    Ok(File::from(handle))
}

/// Makes a directory with the descriptor. The path ends with a NUL.
pub(super) fn create_dir(path: &[u16], descriptor: &Descriptor) -> io::Result<()> {
    let attributes = descriptor.attributes();
    // SAFETY: the path ends with a NUL (`wide` sees to it), and the attributes and their descriptor outlive the call.
    unsafe { CreateDirectoryW(PCWSTR(path.as_ptr()), Some(&raw const attributes)) }.map_err(|error| plain(&error))
}

/// Whether an entry of the access list gives one of the rights in `mask` to anyone but the user and the system's
/// administrators. Entries that deny are not looked at: they could only take away.
pub(super) fn others_have(path: &[u16], mask: u32) -> io::Result<bool> {
    /// SYSTEM, Administrators, the owner, and the placeholder for the owner.
    const TRUSTED: [&str; 4] = ["S-1-5-18", "S-1-5-32-544", "S-1-3-4", "S-1-3-0"];
    const ALLOWED: u8 = 0;
    let user = user()?;
    let mut list: *mut ACL = std::ptr::null_mut();
    let mut descriptor = PSECURITY_DESCRIPTOR::default();
    // SAFETY: the path ends with a NUL, and the results are local variables.
    let status = unsafe {
        GetNamedSecurityInfoW(
            PCWSTR(path.as_ptr()),
            SE_FILE_OBJECT,
            DACL_SECURITY_INFORMATION,
            None,
            None,
            Some(&raw mut list),
            None,
            &raw mut descriptor,
        )
    };
    if status != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(
            i32::try_from(status.0).unwrap_or(i32::MAX),
        ));
    }
    // The list lies inside of the descriptor.
    let _descriptor = Local(descriptor.0);
    if list.is_null() {
        // No list is no restriction at all.
        return Ok(true);
    }
    // SAFETY: the system gave the pointer to a list, which the descriptor keeps alive.
    let count = unsafe { (*list).AceCount };
    for index in 0..u32::from(count) {
        let mut entry: *mut c_void = std::ptr::null_mut();
        // SAFETY: the list is alive and the index is smaller than its count.
        unsafe { GetAce(list, index, &raw mut entry) }.map_err(|error| plain(&error))?;
        // SAFETY: every entry begins with a header.
        let header = unsafe { *entry.cast::<ACE_HEADER>() };
        if header.AceType != ALLOWED || u32::from(header.AceFlags) & INHERIT_ONLY_ACE.0 != 0 {
            continue;
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: an entry of this type has a mask, and the list is alive.
        let granted = unsafe { (*entry).Mask };
        if granted & mask == 0 {
            continue;
        }
        // SAFETY: an entry of this type ends with the SID that begins at this field.
        let sid = PSID(unsafe { &raw mut (*entry).SidStart }.cast());
        let sid = text_of(sid)?;
        if sid != user && !TRUSTED.contains(&sid.as_str()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The SID of the user that this process runs as, `S-1-5-21-…`.
fn user() -> io::Result<String> {
    static USER: OnceLock<String> = OnceLock::new();
    if let Some(user) = USER.get() {
        return Ok(user.clone());
    }
    let user = ask_for_user()?;
    Ok(USER.get_or_init(|| user).clone())
}

fn ask_for_user() -> io::Result<String> {
    let mut token = HANDLE::default();
    // SAFETY: the handle of the current process needs no closing.
    let process = unsafe { GetCurrentProcess() };
    // SAFETY: the result is a local variable.
    unsafe { OpenProcessToken(process, TOKEN_QUERY, &raw mut token) }.map_err(|error| plain(&error))?;
    // SAFETY: the handle is open and nobody else's; it is closed when this value is dropped.
    let _token = unsafe { OwnedHandle::from_raw_handle(token.0) };
    // A TOKEN_USER and the longest SID behind it (68 bytes) fit; pointers need the alignment of u64.
    let mut buffer = [0_u64; 32];
    let mut length = 0;
    // SAFETY: the buffer is as long as is said.
    unsafe {
        GetTokenInformation(
            token,
            TokenUser,
            Some(buffer.as_mut_ptr().cast()),
            u32::try_from(size_of_val(&buffer)).unwrap_or(0),
            &raw mut length,
        )
    }
    .map_err(|error| plain(&error))?;
    // SAFETY: the call succeeded, so that the buffer begins with a TOKEN_USER; it is aligned for one.
    let user = unsafe { &*buffer.as_ptr().cast::<TOKEN_USER>() };
    text_of(user.User.Sid)
}

/// A SID as text. The SID must be valid.
fn text_of(sid: PSID) -> io::Result<String> {
    let mut text = PWSTR::null();
    // SAFETY: both callers pass a SID that the system wrote, in memory that is alive; the result is a local variable.
    unsafe { ConvertSidToStringSidW(sid, &raw mut text) }.map_err(|error| plain(&error))?;
    let _text = Local(text.0.cast());
    // SAFETY: the call succeeded, so that the text ends with a NUL.
    unsafe { text.to_string() }.map_err(io::Error::other)
}

/// The error with the system's own code, by which `io::Error` knows its kind; the wrapper's is `0x8007` and then that code.
fn plain(error: &windows::core::Error) -> io::Error {
    let code = error.code().0.cast_unsigned();
    let code = if code >> 16 == 0x8007 { code & 0xffff } else { code };
    io::Error::from_raw_os_error(code.cast_signed())
}
