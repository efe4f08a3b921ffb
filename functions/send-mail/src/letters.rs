//! Which mails an event asks for, and what stands in them.

use directory::{User, claims, inserted, roles, several, users};
use mail::{ClaimAccount, Failed, Plain, Rendered, Started, Succeeded, UndoFailed, Undone, claim_link};
use pipeline::code::ErrorCode;
use pipeline::event::{self, ClaimRequested, Event};
use pipeline::ids::UserId;
use pipeline::relocation::{Failure, Relocation};
use serde_json::Value;
use silo::{Pk, Silo};

use crate::moved::moved;
use crate::{MailError, MailSender};

/// A mail to one reader.
pub(crate) struct Letter {
    /// Names the mail among those of its relocation: `<kind>#<reader>`.
    pub(crate) key: String,
    /// The reader.
    pub(crate) to: UserId,
    /// What it tells.
    content: Content,
}

#[derive(Clone)]
enum Content {
    Started(event::Started),
    Failed(event::Failed),
    Succeeded,
    Undone(event::Undone),
    UndoFailed(event::UndoFailed),
    Claim(ClaimRequested),
}

impl<R, S: Silo, M, Q> MailSender<R, S, M, Q> {
    /// The mails that an event asks for; none for an event that is not told by mail.
    ///
    /// A relocation may fail again after it was recovered, and undoing it after it was asked for again, which is told
    /// again: such a mail is named after its event. A claim whose hash was renewed has another link: its mail is named after the hash. All others are
    /// sent once in a relocation's life.
    pub(crate) fn letters(&self, relocation: &Relocation, event: Event, sequence: u64) -> Vec<Letter> {
        let (kind, content) = match event {
            Event::Started(started) => ("started".to_owned(), Content::Started(started)),
            Event::Failed(failed) if failed.mailed => (format!("failed-{sequence}"), Content::Failed(failed)),
            Event::Succeeded(_) => ("succeeded".to_owned(), Content::Succeeded),
            Event::Undone(undone) => ("undone".to_owned(), Content::Undone(undone)),
            Event::UndoFailed(failed) => (format!("undo-failed-{sequence}"), Content::UndoFailed(failed)),
            Event::ClaimRequested(claim) => {
                let ClaimRequested { user_id: to, hashed_at, .. } = claim;
                let key = format!("claim-{}#{to}", hashed_at.as_millisecond());
                return vec![Letter { key, to, content: Content::Claim(claim) }];
            }
            _ => return Vec::new(),
        };
        let Relocation { owner, creator, .. } = *relocation;
        let readers = std::iter::once(owner).chain((creator != owner).then_some(creator));
        let letter = |to| Letter { key: format!("{kind}#{to}"), to, content: content.clone() };
        readers.map(letter).collect()
    }

    /// Writes a mail; nothing when there is nothing to tell any more.
    pub(crate) async fn render(
        &self,
        relocation: &Relocation,
        letter: &Letter,
        reader: &User,
    ) -> Result<Option<Rendered>, MailError> {
        let id = relocation.id.to_string();
        let organizations = plain(&relocation.want_org_slugs);
        let rendered = match &letter.content {
            Content::Started(event::Started { users }) => {
                Started { relocation: id, organizations, users: *users }.render()?
            }
            Content::Failed(failed) => {
                let detail = said(relocation.failure_reason.as_ref(), failed.code);
                Failed { relocation: id, organizations, code: failed.code.to_string(), detail }.render()?
            }
            Content::Succeeded => {
                let owner = users(self.control.as_ref(), &[relocation.owner]).await?.pop().flatten();
                let owner = Plain::new(&owner.map(|owner| owner.username).unwrap_or_default());
                let here = self.slugs(relocation).await?;
                let roles = roles(self.cell.as_ref())?;
                let was_suffixed = |from: &str, to: &str| roles.wanted_slugs([from.to_owned()]).covers(to);
                let organizations = moved(&relocation.want_org_slugs, here, was_suffixed);
                Succeeded { relocation: id, owner, organizations }.render()?
            }
            Content::Undone(undone) => {
                Undone { relocation: id, organizations, cascade: undone.cascade }.render()?
            }
            Content::UndoFailed(failed) => {
                let undo = relocation.undo.as_ref().and_then(|undo| undo.failure_reason.as_ref());
                let detail = said(undo, failed.code);
                UndoFailed { relocation: id, organizations, code: failed.code.to_string(), detail }
                    .render()?
            }
            Content::Claim(claim) => return self.claim(claim, reader).await,
        };
        Ok(Some(rendered))
    }

    /// An account that was claimed meanwhile is not offered again. The hash is read now: no message holds it.
    async fn claim(&self, claim: &ClaimRequested, reader: &User) -> Result<Option<Rendered>, MailError> {
        let pk = Pk::try_from(reader.id.0).unwrap_or(-1);
        let stored = claims(self.control.as_ref(), &[pk]).await?.pop().flatten();
        let field = &roles(self.control.as_ref())?.claim().hash;
        let hash = stored.as_ref().and_then(|stored| stored.row.fields.get(field)).and_then(Value::as_str);
        let Some(hash) = hash.filter(|_| reader.is_unclaimed) else { return Ok(None) };
        let mail = ClaimAccount {
            username: Plain::new(&reader.username),
            organizations: plain(&claim.organization_slugs),
            link: claim_link(&self.claim_url, reader.id.0, hash),
        };
        Ok(Some(mail.render()?))
    }

    /// The slugs of the imported organisations, as they are now.
    async fn slugs(&self, relocation: &Relocation) -> Result<Vec<String>, MailError> {
        let cell = self.cell.as_ref();
        let roles = roles(cell)?;
        let pks = inserted(cell, relocation.id.uuid(), roles.organizations()).await?;
        let rows = several(cell, roles.organizations(), &pks).await?;
        let slug = |stored: silo::Stored| roles.slug(&stored.row).map(str::to_owned);
        Ok(rows.into_iter().flatten().filter_map(slug).collect())
    }
}

/// Why something failed, in the record's words. They may be gone, or be another failure's, when it was tried again since.
fn said(recorded: Option<&Failure>, code: ErrorCode) -> Plain {
    let recorded = recorded.filter(|reason| reason.code == code);
    Plain::new(recorded.map_or_else(|| code.sentence(), |reason| &reason.detail))
}

fn plain(names: &[String]) -> Vec<Plain> {
    names.iter().map(|name| Plain::new(name)).collect()
}
