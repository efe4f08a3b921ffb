//! The tarball around an export: exactly three plain files, in any order.
//!
//! Only the headers are read, one after the other, and the first surprise ends the reading. So a hostile
//! tarball of any size costs four blocks and at most [`MAX_TRAILER`] bytes of padding.

use std::{
    fmt,
    io::{self, Read, Seek, SeekFrom, Write},
};

use serde::{Deserialize, Serialize};
use tar::{EntryType, Header};

use crate::SealError;

/// Everything in a tarball is a multiple of this many bytes.
const BLOCK: u64 = 512;

/// Where a header keeps its checksum.
const CHECKSUM_FIELD: std::ops::Range<usize> = 148..156;

/// The end mark: two blocks of zeros.
pub(crate) const END_MARK_LEN: u64 = 2 * BLOCK;

/// How much padding may follow the end mark. Writers fill up a record, 10 KiB unless told otherwise.
const MAX_TRAILER: u64 = 1024 * 1024;

/// The largest `data.key` or `key.pub`: a PEM of the largest RSA key has less than 2 KiB.
pub(crate) const MAX_KEY_FILE: u64 = 64 * 1024;

/// A member of a sealed export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// `export.json`: the export, encrypted with the data key.
    Export,
    /// `data.key`: the data key, encrypted with the public key.
    DataKey,
    /// `key.pub`: the public key.
    PublicKey,
}

impl Member {
    /// All members.
    pub const ALL: [Self; 3] = [Self::Export, Self::DataKey, Self::PublicKey];

    /// The file's name in the tarball.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Export => "export.json",
            Self::DataKey => "data.key",
            Self::PublicKey => "key.pub",
        }
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A stretch of bytes in the tarball.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Where it begins, in bytes from the tarball's beginning.
    pub offset: u64,
    /// How many bytes it has.
    pub size: u64,
}

/// Where the members of a tarball lie. Small and serialisable: kept beside the file's version, it spares
/// later readers the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub(crate) export: Span,
    pub(crate) data_key: Span,
    pub(crate) public_key: Span,
}

impl Layout {
    /// Reads and checks the headers of a tarball that is no larger than `max_size` bytes.
    ///
    /// # Errors
    /// Every way in which the file is not a tarball of exactly the three members has an error of its own,
    /// from [`SealError::NotATarball`] to [`SealError::TooLarge`]. [`SealError::Io`] when reading fails.
    pub fn read(source: &mut (impl Read + Seek), max_size: u64) -> Result<Self, SealError> {
        let length = source.seek(SeekFrom::End(0))?;
        if length > max_size {
            return Err(SealError::TooLarge { what: "the tarball", size: length, limit: max_size });
        }
        let mut found = Found::default();
        let mut offset = 0;
        while let Some(header) = read_header(source, offset, length)? {
            let member = member_of(&header)?;
            let span = span_of(&header, member, offset, length)?;
            found.add(member, span)?;
            offset = (span.offset + span.size).next_multiple_of(BLOCK);
        }
        let layout = found.complete()?;
        check_trailer(source, offset + BLOCK, length)?;
        Ok(layout)
    }
}

/// The members seen so far.
#[derive(Default)]
struct Found {
    export: Option<Span>,
    data_key: Option<Span>,
    public_key: Option<Span>,
}

impl Found {
    fn add(&mut self, member: Member, span: Span) -> Result<(), SealError> {
        let slot = match member {
            Member::Export => &mut self.export,
            Member::DataKey => &mut self.data_key,
            Member::PublicKey => &mut self.public_key,
        };
        match slot.replace(span) {
            None => Ok(()),
            Some(_) => Err(SealError::DuplicateMember(member)),
        }
    }

    fn complete(self) -> Result<Layout, SealError> {
        let missing = SealError::MissingMember;
        Ok(Layout {
            export: self.export.ok_or(missing(Member::Export))?,
            data_key: self.data_key.ok_or(missing(Member::DataKey))?,
            public_key: self.public_key.ok_or(missing(Member::PublicKey))?,
        })
    }
}

/// Checks that the tarball is long enough for what comes next.
fn expect(expected: u64, length: u64) -> Result<(), SealError> {
    if expected <= length { Ok(()) } else { Err(SealError::Truncated { expected }) }
}

/// Reads the header at `offset`; `None` is the end mark's first block.
fn read_header(
    source: &mut (impl Read + Seek),
    offset: u64,
    length: u64,
) -> Result<Option<Header>, SealError> {
    if length < BLOCK {
        return Err(SealError::NotATarball);
    }
    expect(offset.saturating_add(BLOCK), length)?;
    let mut header = Header::new_old();
    source.seek(SeekFrom::Start(offset))?;
    source.read_exact(header.as_mut_bytes())?;
    if header.as_bytes().iter().all(|byte| *byte == 0) {
        return Ok(None);
    }
    match header.cksum() {
        Ok(sum) if sum == checksum(&header) => Ok(Some(header)),
        _ if offset == 0 => Err(SealError::NotATarball),
        _ => Err(SealError::CorruptHeader { offset }),
    }
}

/// The sum of all bytes of a header, its checksum field counted as blanks.
fn checksum(header: &Header) -> u32 {
    let counted = |(at, byte): (usize, &u8)| if CHECKSUM_FIELD.contains(&at) { b' ' } else { *byte };
    header.as_bytes().iter().enumerate().map(counted).map(u32::from).sum()
}

fn member_of(header: &Header) -> Result<Member, SealError> {
    let path = header.path_bytes();
    let name = || path.escape_ascii().to_string();
    if let Some(kind) = unsupported(header.entry_type()) {
        return Err(SealError::UnsupportedMember { name: name(), kind });
    }
    if path.starts_with(b"/") || path.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Err(SealError::UnsafePath { name: name() });
    }
    Member::ALL
        .into_iter()
        .find(|member| member.name().as_bytes() == path.as_ref())
        .ok_or_else(|| SealError::UnknownMember { name: name() })
}

/// What a member that is not a plain file is. Extended headers are refused as well: none of the three
/// names or sizes needs one, and they can rename and resize the member that follows.
fn unsupported(kind: EntryType) -> Option<&'static str> {
    match kind {
        EntryType::Regular => None,
        EntryType::Link => Some("hard link"),
        EntryType::Symlink => Some("symbolic link"),
        EntryType::Directory => Some("directory"),
        EntryType::GNUSparse => Some("sparse file"),
        EntryType::GNULongName | EntryType::GNULongLink => Some("GNU extended header"),
        EntryType::XHeader | EntryType::XGlobalHeader => Some("pax extended header"),
        _ => Some("special file"),
    }
}

/// Where the content of the member whose header is at `offset` lies.
fn span_of(header: &Header, member: Member, offset: u64, length: u64) -> Result<Span, SealError> {
    let size = header.entry_size().map_err(|_| SealError::CorruptHeader { offset })?;
    if member != Member::Export && size > MAX_KEY_FILE {
        return Err(SealError::TooLarge { what: member.name(), size, limit: MAX_KEY_FILE });
    }
    let offset = offset + BLOCK;
    expect(offset.saturating_add(size), length)?;
    Ok(Span { offset, size })
}

/// Checks that nothing but zeros, at least a block of them, follows the end mark's first block.
fn check_trailer(source: &mut (impl Read + Seek), offset: u64, length: u64) -> Result<(), SealError> {
    expect(offset + BLOCK, length)?;
    if length - offset > MAX_TRAILER {
        return Err(SealError::TrailingData { offset: offset + MAX_TRAILER });
    }
    source.seek(SeekFrom::Start(offset))?;
    let mut trailer = Vec::new();
    source.take(length - offset).read_to_end(&mut trailer)?;
    match trailer.iter().position(|byte| *byte != 0) {
        Some(index) => Err(SealError::TrailingData { offset: offset + index as u64 }),
        None => Ok(()),
    }
}

/// How many bytes a member of `size` bytes takes up, header and padding included.
pub(crate) const fn member_len(size: u64) -> u64 {
    BLOCK + size.next_multiple_of(BLOCK)
}

/// Writes the header of a member of `size` bytes. Everything else in it is fixed, as in the exports of
/// the original application, so that equal inputs give equal tarballs.
pub(crate) fn write_header(out: &mut impl Write, member: Member, size: u64) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_path(member.name())?;
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    out.write_all(header.as_bytes())
}

/// Fills up the last block of a member of `size` bytes.
pub(crate) fn write_padding(out: &mut impl Write, size: u64) -> io::Result<()> {
    write_zeros(out, size.next_multiple_of(BLOCK) - size)
}

/// Ends the tarball.
pub(crate) fn write_end(out: &mut impl Write) -> io::Result<()> {
    write_zeros(out, END_MARK_LEN)
}

fn write_zeros(out: &mut impl Write, count: u64) -> io::Result<()> {
    io::copy(&mut io::repeat(0).take(count), out).map(drop)
}
