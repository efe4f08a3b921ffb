//! What an import of rows asks of DynamoDB. `cargo test -p platform usage -- --nocapture` prints it.

use catalog::Catalog;
use platform::{DynamoSilo, Usage};
use serde_json::json;
use silo::{ImportChunk, ImportKind, Mapped, Pk, Row, Silo, Transaction, Write};
use uuid::Uuid;

use crate::support;

const ROWS: Pk = 1_000;
/// 49 rows, a unique value of each, and the chunk are 99 items.
const BATCH: usize = 49;

#[tokio::test]
async fn a_thousand_rows_cost_what_they_must() {
    let Some(account) = support::account() else { return };
    let client = aws_sdk_dynamodb::Client::new(&account);
    let table = support::make_table(&client, "CellTable").await;
    let silo = DynamoSilo::new(client, table, Catalog::builtin());
    let model = silo.catalog().find("sentry.project").expect("the catalogue has projects");

    let start = silo.reserve(model, ROWS.unsigned_abs()).await.expect("primary keys");
    let pks: Vec<Pk> = (start..start + ROWS).collect();
    for batch in pks.chunks(BATCH) {
        let insert = |pk: &Pk| {
            let fields = json!({
                "slug": format!("project-{pk}"), "name": format!("Project {pk}"), "forced_color": null, "organization": 1,
                "public": false, "date_added": "2026-01-02T03:04:05.678Z", "status": 0, "first_event": null,
                "template": null, "platform": "python", "flags": "10",
            });
            Write::insert(model, Row::new(*pk, fields.as_object().expect("an object").clone()))
        };
        let mapped = |pk: &Pk| Mapped { source: 1_000_000 + pk, pk: *pk, kind: ImportKind::Inserted };
        let first = batch.first().copied().unwrap_or_default();
        let chunk = ImportChunk {
            import: Uuid::from_u128(1),
            model: model.name.clone(),
            min_ordinal: (first - start + 1).unsigned_abs(),
            mapped: batch.iter().map(mapped).collect(),
            identifiers: batch.iter().map(|pk| (*pk, format!("project-{pk}"))).collect(),
        };
        let transaction = Transaction { writes: batch.iter().map(insert).collect(), chunk: Some(chunk) };
        silo.write(&transaction).await.expect("a batch is written");
    }
    println!(
        "writing {ROWS} rows with one unique value and one key each, {BATCH} to a transaction:\n{}",
        silo.meter()
    );
    let usage = silo.meter().usage();
    let requests = |operation: &str| usage.get(operation).copied().unwrap_or_default().requests;
    assert_eq!(requests("TransactWriteItems"), 21);
    assert_eq!(requests("PutItem"), 4, "one for each block of 256");
    assert_eq!(requests("UpdateItem"), 1);
    let Usage { units, .. } = usage.get("TransactWriteItems").copied().unwrap_or_default();
    let each = units / 1_000.0;
    println!("{each:.2} units for each row in transactions");
}
