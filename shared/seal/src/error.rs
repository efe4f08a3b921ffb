//! What can go wrong with a sealed export, each with a stable code.

use std::{error::Error, io};

use aws_lc_rs::error::Unspecified;

use crate::Member;

/// Why a sealed export could not be written, opened or read.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The source or the target of the bytes failed.
    #[error("the sealed export could not be read or written")]
    Io(#[source] io::Error),

    /// The file does not begin with a tar header.
    #[error("the file is not a tarball")]
    NotATarball,

    /// A later header of the tarball is damaged.
    #[error("the tarball has a damaged header at byte {offset}")]
    CorruptHeader {
        /// Where the header begins.
        offset: u64,
    },

    /// The tarball ends before its members or its end mark do.
    #[error("the tarball is cut off: it should have at least {expected} bytes")]
    Truncated {
        /// How many bytes it must have for what was read so far.
        expected: u64,
    },

    /// Something other than padding follows the tarball's end mark.
    #[error("data follows the end of the tarball at byte {offset}")]
    TrailingData {
        /// Where the padding should have gone on.
        offset: u64,
    },

    /// A member that is not a plain file: a link, a directory, a sparse file, an extended header.
    #[error("the tarball's member `{name}` is a {kind}; only plain files are taken")]
    UnsupportedMember {
        /// The member's path, escaped.
        name: String,
        /// What it is instead of a plain file.
        kind: &'static str,
    },

    /// A member whose path is absolute or climbs out of the tarball.
    #[error("the tarball's member `{name}` has an unsafe path")]
    UnsafePath {
        /// The member's path, escaped.
        name: String,
    },

    /// A member that no sealed export has.
    #[error("the tarball has an unknown member `{name}`")]
    UnknownMember {
        /// The member's path, escaped.
        name: String,
    },

    /// A member that is there twice.
    #[error("the tarball has `{0}` more than once")]
    DuplicateMember(Member),

    /// A member that is not there; the first one in the order of [`Member::ALL`].
    #[error("the tarball has no `{0}`")]
    MissingMember(Member),

    /// More bytes than allowed, refused before they are read.
    #[error("{what} has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        size: u64,
        /// The largest size allowed, in bytes.
        limit: u64,
    },

    /// The text is not a PEM public key of RSA with 2048 to 8192 bits.
    #[error("the public key is not an RSA public key in PEM")]
    BadPublicKey(#[source] Box<dyn Error + Send + Sync>),

    /// The text is not a PEM private key of RSA with 2048 to 8192 bits.
    #[error("the private key is not an unencrypted RSA private key in PEM (PKCS#8 or PKCS#1)")]
    BadPrivateKey(#[source] Box<dyn Error + Send + Sync>),

    /// The export is sealed for somebody else.
    #[error("the export is sealed with a public key that is not ours")]
    ForeignPublicKey,

    /// The service that holds the private key could not be asked.
    #[error("the key service could not be asked to unwrap the data key")]
    KeyService(#[source] Box<dyn Error + Send + Sync>),

    /// The data key cannot be unwrapped with this private key.
    #[error("the data key cannot be unwrapped with this private key")]
    WrongKey,

    /// What was unwrapped is no Fernet key.
    #[error("the unwrapped data key is not 32 bytes in URL-safe base64")]
    BadDataKey,

    /// The encrypted content is no Fernet token made with this data key.
    #[error("`export.json` is not a valid Fernet token")]
    BadToken(#[source] TokenFault),

    /// A proof of verification does not belong to this file and this data key.
    #[error("the export is not the one that was verified")]
    NotVerified,

    /// Reading was to begin behind the plaintext's end.
    #[error("byte {offset} lies behind the export's end at byte {length}")]
    OffsetPastEnd {
        /// The plaintext byte asked for.
        offset: u64,
        /// The plaintext's length in bytes.
        length: u64,
    },

    /// The plaintext has another length than was announced.
    #[error("the export was announced with {declared} bytes but has {actual}")]
    WrongLength {
        /// The announced number of bytes.
        declared: u64,
        /// How many came; when there are too many, how many had come when that was seen.
        actual: u64,
    },

    /// The cryptographic library refused an operation that cannot fail on valid input.
    #[error("the cryptographic library failed")]
    Crypto(#[source] Unspecified),
}

/// What is wrong with a Fernet token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// No Fernet token has this length.
    #[error("no token is {0} characters long")]
    Length(u64),
    /// A character outside the URL-safe alphabet (a line break, say), or padding where none belongs.
    #[error("character {0} is not URL-safe base64")]
    NotBase64(u64),
    /// The version byte is not 0x80.
    #[error("version {0:#04x} is unknown")]
    Version(u8),
    /// The signature does not match: the token was altered, or made with another key.
    #[error("the signature does not match")]
    Signature,
    /// The signature is right, yet the plaintext is not padded as PKCS#7 says.
    #[error("the padding is wrong")]
    Padding,
}

impl SealError {
    /// The stable machine-readable code of this error, in kebab case.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Io(_) => "io",
            Self::NotATarball => "not-a-tarball",
            Self::CorruptHeader { .. } => "corrupt-tarball",
            Self::Truncated { .. } => "truncated-tarball",
            Self::TrailingData { .. } => "trailing-data",
            Self::UnsupportedMember { .. } => "unsupported-member",
            Self::UnsafePath { .. } => "unsafe-path",
            Self::UnknownMember { .. } => "unknown-member",
            Self::DuplicateMember(_) => "duplicate-member",
            Self::MissingMember(_) => "missing-member",
            Self::TooLarge { .. } => "too-large",
            Self::BadPublicKey(_) => "bad-public-key",
            Self::BadPrivateKey(_) => "bad-private-key",
            Self::ForeignPublicKey => "foreign-public-key",
            Self::KeyService(_) => "key-service-unreachable",
            Self::WrongKey => "wrong-key",
            Self::BadDataKey => "bad-data-key",
            Self::BadToken(_) => "bad-token",
            Self::NotVerified => "not-verified",
            Self::OffsetPastEnd { .. } => "offset-past-end",
            Self::WrongLength { .. } => "wrong-length",
            Self::Crypto(_) => "crypto",
        }
    }

    /// Whether the same call may succeed later. All other errors are verdicts on the input.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(self, Self::Io(_) | Self::KeyService(_))
    }

    pub(crate) fn bad_public_key(source: impl Error + Send + Sync + 'static) -> Self {
        Self::BadPublicKey(Box::new(source))
    }

    pub(crate) fn bad_private_key(source: impl Error + Send + Sync + 'static) -> Self {
        Self::BadPrivateKey(Box::new(source))
    }
}

impl From<TokenFault> for SealError {
    fn from(fault: TokenFault) -> Self {
        Self::BadToken(fault)
    }
}

impl From<Unspecified> for SealError {
    fn from(source: Unspecified) -> Self {
        Self::Crypto(source)
    }
}

/// The streams of this crate speak `io::Error`, so a `SealError` often travels inside one; this takes it
/// out again, also after `io::copy` or a parser handed it on.
impl From<io::Error> for SealError {
    fn from(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(Self::Io)
    }
}

impl From<SealError> for io::Error {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Io(source) => source,
            verdict => Self::new(io::ErrorKind::InvalidData, verdict),
        }
    }
}
