//! The list of relocations. An index knows their order, and the records are read as they are now.

use aws_sdk_dynamodb::types::AttributeValue;
use pipeline::ids::UserId;
use pipeline::port::{ListPosition, ListRelocations, PortError};
use pipeline::relocation::Relocation;

use super::{Relocations, item, keys};
use crate::failure::{failed, unreadable};
use crate::keys::{Key, padded};

impl ListRelocations for Relocations {
    async fn list(
        &self,
        owner: Option<UserId>,
        after: Option<ListPosition>,
        limit: usize,
    ) -> Result<Vec<Relocation>, PortError> {
        let action = || "list relocations".to_owned();
        let (index, attribute, value) = match owner {
            Some(owner) => ("by-owner", "owner", padded(owner)),
            None => ("by-date", "listing", item::LISTED.to_owned()),
        };
        let mut query = self
            .table
            .query()
            .index_name(index)
            .scan_index_forward(false)
            .expression_attribute_names("#group", attribute)
            .expression_attribute_values(":group", AttributeValue::S(value))
            .key_condition_expression("#group = :group");
        if let Some(ListPosition { date_added, id }) = after {
            let after = AttributeValue::S(keys::since(date_added, id));
            query = query
                .key_condition_expression("#group = :group AND newest < :after")
                .expression_attribute_values(":after", after);
        }
        let (listed, _) = self.table.page(query, limit).await.map_err(failed(action))?;
        let keys: Vec<Key> = listed.iter().filter_map(Key::of_item).collect();
        let found = self.table.get_many(keys).await.map_err(failed(action))?;
        let relocations = found.iter().map(item::to_record).collect::<Result<Vec<Relocation>, _>>();
        let mut relocations = relocations.map_err(unreadable(action))?;
        relocations.sort_by_key(|relocation| std::cmp::Reverse(ListPosition::of(relocation)));
        Ok(relocations)
    }
}
