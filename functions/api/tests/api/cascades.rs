//! Keys across silos: who sees how far they are, and what is seen.

use jiff::Timestamp;
use serde_json::{Value, json};
use silo::{CascadeRun, Pass, Reconcile, Silo, Watermark, WatermarkKey, Watermarks};

use crate::stage::{EVERYONE, Stage, Who};

const PATH: &str = "/api/0/cascades/";

#[tokio::test]
async fn cascades_are_for_staff() {
    let stage = Stage::new();
    for (who, status) in EVERYONE.into_iter().zip([401, 403, 403, 200, 200]) {
        assert_eq!(stage.ask(who, "GET", PATH, Value::Null).await.status, status, "{who:?}");
    }
}

#[tokio::test]
async fn each_key_has_its_watermarks_and_its_last_run() {
    let stage = Stage::new();
    let silo = &stage.api.cell;
    let model = silo.catalog().find("sentry.organizationmember").unwrap();
    let key = WatermarkKey::new(model, model.key("user_id").unwrap(), Pass::Rows);
    silo.move_watermark(&key, None, &Watermark::fresh("one").moved_to(42)).await.unwrap();
    let run = CascadeRun {
        model: model.name.clone(),
        field: "user_id".to_owned(),
        ended: Timestamp::UNIX_EPOCH,
        has_more: true,
        pending: 17,
        lag_millis: Some(1_500),
        error: Some("it broke".to_owned()),
    };
    silo.note_run(&run).await.unwrap();
    let body = stage.ask(Who::Staff, "GET", PATH, Value::Null).await.body;
    let keys = body["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 81, "every key across silos of the built-in catalogue");
    let found = |field: &str| {
        keys.iter().find(|key| key["model"] == "sentry.organizationmember" && key["field"] == field).unwrap()
    };
    assert_eq!(
        *found("user_id"),
        json!({
            "silo": "cell", "model": "sentry.organizationmember", "field": "user_id", "target": "sentry.user",
            "onDelete": "cascade", "rowsWatermark": 42, "tombstonesWatermark": 0, "pending": 17, "lagMillis": 1_500,
            "hasMore": true, "lastRun": "1970-01-01T00:00:00Z", "error": "it broke",
        })
    );
    assert_eq!(
        (&found("inviter_id")["lastRun"], &found("inviter_id")["pending"]),
        (&Value::Null, &Value::Null)
    );
    let silos: Vec<&str> = keys.iter().map(|key| key["silo"].as_str().unwrap()).collect();
    assert!(silos.is_sorted() && silos.contains(&"control"), "those of the cell first");
}
