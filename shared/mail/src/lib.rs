//! The mails that people get. Each is a struct with what it tells, and renders to a subject, plain text and
//! HTML. Pure: who gets it, and whether it was sent before, is not decided here.
//!
//! Slugs and usernames come from files that strangers made, so they are shown as [`Plain`] text of limited
//! length. Nothing here is secret but the link that claims an account.

mod plain;

use askama::Template;

pub use plain::Plain;

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The subject line.
    pub subject: String,
    /// The body as plain text.
    pub text: String,
    /// The body as HTML.
    pub html: String,
}

/// A template that could not be filled in.
#[derive(Debug, thiserror::Error)]
#[error("the mail `{mail}` could not be rendered")]
pub struct RenderError {
    mail: &'static str,
    source: askama::Error,
}

/// To owner and creator: the export passed the checks and goes ahead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    /// The relocation.
    pub relocation: String,
    /// The organisations asked for, by their slugs in the export.
    pub organizations: Vec<Plain>,
    /// How many users come along.
    pub users: usize,
}

/// To owner and creator: the relocation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The relocation.
    pub relocation: String,
    /// The organisations asked for.
    pub organizations: Vec<Plain>,
    /// The stable code of the reason.
    pub code: String,
    /// What happened and what to do, in sentences.
    pub detail: Plain,
}

/// To owner and creator: everything is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succeeded {
    /// The relocation.
    pub relocation: String,
    /// The username of the new owner, who may not be the reader.
    pub owner: Plain,
    /// What became of each organisation.
    pub organizations: Vec<Moved>,
}

/// To owner and creator: what the relocation brought is gone again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The relocation.
    pub relocation: String,
    /// The organisations asked for.
    pub organizations: Vec<Plain>,
    /// Whether what others had built on them went, too.
    pub cascade: bool,
}

/// To owner and creator: the relocation was to be undone, and was not, or not to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoFailed {
    /// The relocation.
    pub relocation: String,
    /// The organisations asked for.
    pub organizations: Vec<Plain>,
    /// The stable code of the reason.
    pub code: String,
    /// What happened and what to do, in sentences.
    pub detail: Plain,
}

/// An imported organisation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Its slug in the export.
    pub from: Plain,
    /// Its slug here.
    pub to: Plain,
}

/// To an imported user: the account waits to be claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimAccount {
    /// The user's name here.
    pub username: Plain,
    /// The slugs, as they are here, of the organisations that came with this user.
    pub organizations: Vec<Plain>,
    /// The link that claims the account. A secret: it is for this user alone.
    pub link: String,
}

/// The link that claims an account: where the application lets users do so, then the user's id and hash.
#[must_use]
pub fn claim_link(claim_url: &str, user_id: u64, hash: &str) -> String {
    format!("{}/{user_id}/{hash}/", claim_url.trim_end_matches('/'))
}

/// Binds a mail to its templates and subject.
macro_rules! mail {
    ($mail:ident, $name:literal, $text:literal, $html:literal, |$data:ident| $subject:expr) => {
        const _: () = {
            #[derive(Template)]
            #[template(path = $text)]
            struct Text<'a> {
                mail: &'a $mail,
            }

            #[derive(Template)]
            #[template(path = $html)]
            struct Html<'a> {
                mail: &'a $mail,
            }

            impl $mail {
                /// The mail as it is sent.
                ///
                /// # Errors
                /// A template cannot be filled in.
                pub fn render(&self) -> Result<Rendered, RenderError> {
                    let $data = self;
                    let failed = |source| RenderError { mail: $name, source };
                    Ok(Rendered {
                        subject: $subject,
                        text: Text { mail: self }.render().map_err(failed)?,
                        html: Html { mail: self }.render().map_err(failed)?,
                    })
                }
            }
        };
    };
}

mail!(Started, "started", "started.txt", "started.html", |mail| {
    format!("Your relocation of {} has started", names(&mail.organizations))
});
mail!(Failed, "failed", "failed.txt", "failed.html", |mail| {
    format!("Your relocation of {} has failed", names(&mail.organizations))
});
mail!(Succeeded, "succeeded", "succeeded.txt", "succeeded.html", |mail| {
    let here: Vec<_> = mail.organizations.iter().map(|moved| moved.to.clone()).collect();
    format!("Your relocation of {} is complete", names(&here))
});
mail!(Undone, "undone", "undone.txt", "undone.html", |mail| {
    format!("Your relocation of {} was undone", names(&mail.organizations))
});
mail!(UndoFailed, "undo-failed", "undo-failed.txt", "undo-failed.html", |mail| {
    format!("Your relocation of {} could not be undone", names(&mail.organizations))
});
mail!(ClaimAccount, "claim-account", "claim-account.txt", "claim-account.html", |mail| {
    format!("Claim your account in {}", names(&mail.organizations))
});

/// A few names in a sentence: all of them up to three, else two and how many more there are.
fn names(names: &[Plain]) -> String {
    match names {
        [] => "your data".to_owned(),
        [one] => one.to_string(),
        [one, two] => format!("{one} and {two}"),
        [one, two, three] => format!("{one}, {two} and {three}"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more", rest.len()),
    }
}
