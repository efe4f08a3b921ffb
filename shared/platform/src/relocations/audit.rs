//! The audit log of a relocation.

use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::commit::Audit;
use pipeline::ids::RelocationId;
use pipeline::port::{AuditLog, PortError};
use uuid::Uuid;

use super::{Relocations, item, keys};
use crate::failure::{failed, unreadable};

impl AuditLog for Relocations {
    async fn append(&self, id: RelocationId, line: Audit, unique: Uuid) -> Result<(), PortError> {
        let action = || format!("write the audit log of relocation {id}");
        let line = item::audit_line(id, &line, unique).map_err(unreadable(action))?;
        self.table.put(line).await.map_err(failed(action))
    }

    async fn lines(&self, id: RelocationId) -> Result<Vec<Audit>, PortError> {
        let action = || format!("read the audit log of relocation {id}");
        let (pk, beginning) = keys::audit_log(id);
        let query = self
            .table
            .query()
            .consistent_read(true)
            .key_condition_expression("pk = :pk AND begins_with(sk, :beginning)")
            .expression_attribute_values(":pk", AttributeValue::S(pk))
            .expression_attribute_values(":beginning", AttributeValue::S(beginning));
        let (lines, _) = self.table.page(query, usize::MAX).await.map_err(failed(action))?;
        lines.iter().map(item::to_record).collect::<Result<_, _>>().map_err(unreadable(action))
    }
}
