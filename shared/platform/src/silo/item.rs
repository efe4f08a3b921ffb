//! Rows, plans and chunks as items (README.md, "A silo").

use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Model;
use jiff::Timestamp;
use serde_json::Value;
use silo::{Pk, Row, Stored};

use crate::keys::{self, Key, SK};
pub(super) use crate::record::{Corrupt, from_record, text, to_record};
use crate::record::{from_fields, to_fields};
use crate::table::Item;

const REVISION: &str = "revision";
pub(super) const HOLDER: &str = "holder";

/// The row as an item; none when it is larger than an item can be.
pub(super) fn from_row(model: &Model, row: &Row, revision: u64) -> Option<Item> {
    let mut item = from_fields(keys::row(&model.name, row.pk), &row.fields)?;
    item.insert(REVISION.to_owned(), AttributeValue::N(revision.to_string()));
    for (slot, key) in model.keys.iter().enumerate() {
        if let Some(target) = row.key(&key.field) {
            let reference = keys::reference(&model.name, &key.field, target);
            item.insert(keys::slot(slot), AttributeValue::S(reference));
        }
    }
    if model.privileged.iter().any(|field| row.fields.get(field) == Some(&Value::Bool(true))) {
        item.insert(keys::PRIVILEGED.to_owned(), AttributeValue::S(model.name.clone()));
    }
    Some(item)
}

/// The row that an item holds.
pub(super) fn to_row(item: &Item) -> Result<Stored, Corrupt> {
    let revision = match item.get(REVISION) {
        None => 0,
        Some(AttributeValue::N(revision)) => revision.parse().map_err(|_| Corrupt::Attribute(REVISION))?,
        Some(_) => return Err(Corrupt::Attribute(REVISION)),
    };
    Ok(Stored { row: Row::new(to_pk(item)?, to_fields(item)?), revision })
}

/// Where the key in this slot leads; nowhere if it is null.
pub(super) fn to_target(item: &Item, slot: &str) -> Result<Option<Pk>, Corrupt> {
    let Some(reference) = item.get(slot) else { return Ok(None) };
    let target = reference.as_s().ok().and_then(|reference| keys::target(reference));
    target.map(Some).ok_or(Corrupt::Attribute("fk<slot>"))
}

/// The primary key in the sort key of a row, or of its entry in an index.
pub(super) fn to_pk(item: &Item) -> Result<Pk, Corrupt> {
    to_sort(item).and_then(keys::number).ok_or(Corrupt::Attribute(SK))
}

/// The sort key.
pub(super) fn to_sort(item: &Item) -> Option<&str> {
    item.get(SK)?.as_s().ok().map(String::as_str)
}

/// A unique value as an item.
pub(super) fn from_unique(key: Key, holder: Pk) -> Item {
    let mut item = key.attributes();
    item.insert(HOLDER.to_owned(), from_number(holder));
    item
}

/// A number as an attribute.
pub(super) fn from_number(number: Pk) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A number that an item holds.
pub(super) fn to_number(item: &Item, name: &'static str) -> Result<Pk, Corrupt> {
    let number = item.get(name).and_then(|number| number.as_n().ok());
    number.and_then(|number| number.parse().ok()).ok_or(Corrupt::Attribute(name))
}

/// A time that an item holds.
pub(super) fn to_time(item: &Item, name: &'static str) -> Result<Timestamp, Corrupt> {
    text(item, name)?.parse().map_err(|_| Corrupt::Attribute(name))
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;
    use catalog::Catalog;
    use serde_json::json;
    use silo::Fields;

    use super::*;

    fn fields(value: &Value) -> Fields {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn a_row_is_kept_as_the_readme_says() {
        let catalog = Catalog::builtin();
        let members = catalog.find("sentry.organizationmember").expect("the catalogue has members");
        let row = fields(&json!({ "organization": 17, "user_id": null, "inviter_id": 4, "role": "owner" }));
        let item = from_row(members, &Row::new(300, row), 2).expect("a small row");
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
        assert_eq!(text("pk"), Some("sentry.organizationmember#00000000000000000001"));
        assert_eq!(text("sk"), Some("00000000000000000300"));
        assert_eq!(text("fk0"), Some("sentry.organizationmember.organization#00000000000000000017"));
        assert_eq!(text("fk1"), None);
        assert_eq!(text("fk2"), Some("sentry.organizationmember.inviter_id#00000000000000000004"));
        assert_eq!(item.get("revision"), Some(&AttributeValue::N("2".to_owned())));
        assert_eq!(item.get("privileged"), None);
        assert_eq!(item.len(), 6);
    }

    #[test]
    fn a_row_that_others_wrote_has_revision_0() {
        let mut item = keys::row("sentry.option", 5).attributes();
        item.insert("fields".to_owned(), AttributeValue::M(Item::new()));
        let stored = to_row(&item).expect("a row");
        assert_eq!(stored, Stored { row: Row::new(5, Fields::new()), revision: 0 });
    }

    #[test]
    fn what_is_no_row_is_named() {
        let mut item = keys::row("sentry.option", 5).attributes();
        assert!(matches!(to_row(&item), Err(Corrupt::Attribute("fields"))));
        item.insert("packed".to_owned(), AttributeValue::B(Blob::new("no zlib")));
        assert!(matches!(to_row(&item), Err(Corrupt::Packed(_))));
        item.insert("revision".to_owned(), AttributeValue::N("-1".to_owned()));
        assert!(matches!(to_row(&item), Err(Corrupt::Attribute("revision"))));
        item.insert("sk".to_owned(), AttributeValue::S("five".to_owned()));
        item.remove("revision");
        assert!(matches!(to_row(&item), Err(Corrupt::Attribute("sk"))));
    }
}
