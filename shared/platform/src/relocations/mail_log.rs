//! Who sends which mail.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use pipeline::ids::RelocationId;
use pipeline::port::{MailClaim, MailLog, PortError};

use super::{Relocations, keys};
use crate::failure::failed;
use crate::table::{Condition, Written};

const LEASE_ENDS: &str = "leaseEnds";
const SENT_AT: &str = "sentAt";

impl MailLog for Relocations {
    async fn claim(
        &self,
        id: RelocationId,
        mail: &str,
        now: Timestamp,
        lease_ends: Timestamp,
    ) -> Result<MailClaim, PortError> {
        let mut item = keys::mail(id, mail).attributes();
        item.insert(LEASE_ENDS.to_owned(), AttributeValue::S(keys::time(lease_ends)));
        let is_free = Condition::new(
            "attribute_not_exists(pk) OR (attribute_not_exists(sentAt) AND leaseEnds <= :now)",
            [(":now", AttributeValue::S(keys::time(now)))],
        );
        let action = || format!("claim a mail of relocation {id}");
        match self.table.put_if(item, &is_free).await.map_err(failed(action))? {
            Written::Done(_) => Ok(MailClaim::Ours),
            Written::Refused(item) if item.contains_key(SENT_AT) => Ok(MailClaim::Sent),
            Written::Refused(_) => Ok(MailClaim::Leased),
        }
    }

    async fn sent(&self, id: RelocationId, mail: &str, now: Timestamp) -> Result<(), PortError> {
        let mut item = keys::mail(id, mail).attributes();
        item.insert(SENT_AT.to_owned(), AttributeValue::S(keys::time(now)));
        self.table.put(item).await.map_err(failed(|| format!("mark a mail of relocation {id} as sent")))
    }
}
