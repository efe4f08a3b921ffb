//! GET relocations: from the newest to the oldest, page by page. Customers see their own.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use pipeline::api::RelocationView;
use pipeline::code::ErrorCode;
use pipeline::kinds::Status;
use pipeline::port::{ListPosition, ListRelocations};
use pipeline::relocation::Relocation;
use utoipa::IntoParams;

use crate::extract::Query;
use crate::openapi::answers::refusals;
use crate::openapi::tag;
use crate::payload::{PAYLOAD_MAX, payload_bytes};
use crate::{Api, Caller, Refusal, World};

refusals!(ListRefusals: UnknownStatus, InvalidField);

const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 100;
/// How many relocations are looked at for one page, so that a search without a match ends in time too: its page is
/// empty, and the next one goes on.
const LOOKED_AT_MAX: usize = 1_000;
/// How many are read at once from the store.
const READ_AT_ONCE: usize = 100;
/// How many are shown at once: each takes some reads of its own.
const SHOWN_AT_ONCE: usize = 8;

/// What is listed.
struct Wanted {
    /// Each must occur in the uuid, a slug or a username, whatever the case.
    terms: Vec<String>,
    status: Option<Status>,
    after: Option<ListPosition>,
    page: usize,
}

/// The query, as it is described; it is read by hand, so that what is not known comes back in `Link`.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read for the description alone")]
struct Parameters {
    /// Words, of which each must occur in the uuid, a slug or a username.
    query: Option<String>,
    /// Only relocations of this status.
    #[param(inline)]
    status: Option<Status>,
    /// How many there are on a page at most.
    #[param(minimum = 1, maximum = 100, default = 25)]
    per_page: Option<u8>,
    /// Where the page begins. Take it from the `Link` of the page before.
    cursor: Option<String>,
}

/// List relocations
///
/// From the newest to the oldest, page by page. Staff see all, others those that they own.
#[utoipa::path(
    get,
    path = "/api/0/relocations/",
    operation_id = "listRelocations",
    tag = tag::RELOCATIONS,
    params(Parameters),
    responses((
        status = 200,
        description = "A page. One of a search may be empty though another follows.",
        body = Vec<RelocationView>,
        headers(("Link" = String, description = "The next page, as `rel=\"next\"`; missing on the last one.")),
    ), ListRefusals),
)]
pub(crate) async fn list<W: World>(
    State(api): State<Arc<Api<W>>>,
    caller: Caller,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<(HeaderMap, Json<Vec<RelocationView>>), Refusal> {
    let wanted = Wanted::read(&parameters)?;
    let (found, next) = api.find(&caller, &wanted).await?;
    let (views, next) = api.fitting(found, next).await?;
    let mut headers = HeaderMap::new();
    if let Some(link) = next.and_then(|next| link(parameters, next)) {
        headers.insert(header::LINK, link);
    }
    Ok((headers, Json(views)))
}

impl Wanted {
    fn read(parameters: &HashMap<String, String>) -> Result<Self, Refusal> {
        let given = |name: &str| parameters.get(name).map(String::as_str).filter(|text| !text.is_empty());
        let status = given("status").map(str::parse).transpose();
        let page = given("per_page").map_or(Ok(PAGE_DEFAULT), str::parse);
        let after = given("cursor").map(|cursor| {
            position(cursor).ok_or_else(|| {
                Refusal::field("cursor", "is none of ours: take it from the `Link` of the page before")
            })
        });
        Ok(Self {
            terms: given("query").unwrap_or_default().split_whitespace().map(str::to_lowercase).collect(),
            status: status.map_err(|_| Refusal::from(ErrorCode::UnknownStatus))?,
            after: after.transpose()?,
            page: page
                .ok()
                .filter(|page| (1..=PAGE_MAX).contains(page))
                .ok_or_else(|| Refusal::field("per_page", "must be a number from 1 to 100"))?,
        })
    }

    fn has(&self, relocation: &Relocation) -> bool {
        let id = relocation.id.to_string();
        let names = relocation.want_org_slugs.iter().chain(relocation.want_usernames.iter().flatten());
        let texts: Vec<String> = names.map(|name| name.to_lowercase()).chain([id]).collect();
        self.status.is_none_or(|status| relocation.status == status)
            && self.terms.iter().all(|term| texts.iter().any(|text| text.contains(term)))
    }
}

impl<W: World> Api<W> {
    /// As many of these relocations as fit into an answer, and behind which the next page begins. The first one always
    /// fits: what it may have is limited.
    async fn fitting(
        &self,
        found: Vec<Relocation>,
        next: Option<ListPosition>,
    ) -> Result<(Vec<RelocationView>, Option<ListPosition>), Refusal> {
        let positioned = found.into_iter().map(|relocation| (ListPosition::of(&relocation), relocation));
        let shown = stream::iter(positioned).map(|(position, relocation)| async move {
            Ok::<_, Refusal>((position, self.view(relocation).await?))
        });
        let mut shown = shown.buffered(SHOWN_AT_ONCE);
        let (mut views, mut last, mut bytes) = (Vec::new(), None, 0_usize);
        while let Some((position, view)) = shown.try_next().await? {
            bytes = bytes.saturating_add(payload_bytes(&view));
            if bytes > PAYLOAD_MAX && last.is_some() {
                return Ok((views, last));
            }
            last = Some(position);
            views.push(view);
        }
        Ok((views, next))
    }

    /// A page of what is wanted, and behind which relocation the next one begins, if more may follow.
    async fn find(
        &self,
        caller: &Caller,
        wanted: &Wanted,
    ) -> Result<(Vec<Relocation>, Option<ListPosition>), Refusal> {
        let owner = (!caller.is_staff).then_some(caller.id);
        let (mut found, mut after, mut looked_at) = (Vec::new(), wanted.after, 0);
        while looked_at < LOOKED_AT_MAX {
            let listed = self.store.list(owner, after, READ_AT_ONCE).await?;
            let is_end = listed.len() < READ_AT_ONCE;
            looked_at += listed.len();
            for relocation in listed {
                if found.len() == wanted.page {
                    return Ok((found, after));
                }
                after = Some(ListPosition::of(&relocation));
                found.extend(wanted.has(&relocation).then_some(relocation));
            }
            if is_end {
                return Ok((found, None));
            }
        }
        Ok((found, after))
    }
}

/// A position as a cursor, which nobody but us has to understand.
fn cursor(position: ListPosition) -> String {
    format!("{}.{}", position.date_added.as_nanosecond(), position.id)
}

fn position(cursor: &str) -> Option<ListPosition> {
    let (nanoseconds, id) = cursor.split_once('.')?;
    let date_added = Timestamp::from_nanosecond(nanoseconds.parse().ok()?).ok()?;
    Some(ListPosition { date_added, id: id.parse().ok()? })
}

/// Where the next page is, as a header that tools understand (RFC 8288).
fn link(mut parameters: HashMap<String, String>, next: ListPosition) -> Option<HeaderValue> {
    let cursor = cursor(next);
    parameters.insert("cursor".to_owned(), cursor.clone());
    let mut parameters: Vec<_> = parameters.into_iter().collect();
    parameters.sort_unstable();
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let link = format!("</api/0/relocations/?{query}>; rel=\"next\"; results=\"true\"; cursor=\"{cursor}\"");
    link.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_lead_back_to_their_positions() {
        let id = "00000000-0000-0000-0000-000000000007".parse().expect("a uuid");
        for text in ["2026-02-03T04:05:06.000000007Z", "1950-01-01T00:00:00Z"] {
            let there = ListPosition { date_added: text.parse().expect("a time"), id };
            assert_eq!(position(&cursor(there)), Some(there), "{text}");
        }
        for wrong in ["", ".", "1", "1.", "x.00000000-0000-0000-0000-000000000007", "1.x", "9e99.x"] {
            assert_eq!(position(wrong), None, "{wrong}");
        }
    }
}
