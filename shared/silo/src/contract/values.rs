//! Fields come back as they were written.

use std::sync::Arc;

use serde_json::{Value, json};

use super::support::{
    Outcome, ensure, ensure_eq, fill, insert, model, read, replace, row, transaction, write,
};
use crate::{PLAIN_LIMIT, Pk, Silo, WriteError, volume};

async fn keeps(silo: &impl Silo, pk: Pk, value: Value) -> Outcome {
    let options = model(silo, "sentry.option")?;
    let written = row(pk, json!({ "key": format!("k-{pk}"), "value": value }));
    write(silo, [insert(options, written.clone())]).await?;
    ensure_eq!(read(silo, options, pk).await?.row, written, "a row as it was written");
    let page = silo.page(options, Some(pk - 1), 1).await?;
    let paged = page.items.into_iter().next().map(|stored| stored.row);
    ensure_eq!(paged, Some(written), "the row in a page");
    Ok(())
}

/// Numbers come back to the digit, at the top, in objects and in arrays.
pub async fn keeps_every_digit_of_numbers(silo: &impl Silo) -> Outcome {
    let numbers = [
        "0",
        "-0",
        "1",
        "-1",
        "10",
        "100",
        "1000000",
        "100.0",
        "0.5",
        "-12.34",
        "1.50",
        "0.1",
        "0.0",
        "-0.0",
        "9223372036854775807",
        "-9223372036854775808",
        "18446744073709551615",
        "1000000000000000000000",
        "123456789012345678901234567890",
        "123456789012345678901234567890123456789012345678901234567890",
        "0.1234567890123456789",
        "3.141592653589793",
        "0.000001",
        "0.0000001",
        "0.00000000000000000001",
        "1e-7",
        "1E-7",
        "1e7",
        "1E+7",
        "1.0e0",
        "2e400",
        "-5e-324",
        "1700000000.123456",
    ];
    for (pk, number) in (1..).zip(numbers) {
        let number: Value = serde_json::from_str(number)?;
        keeps(silo, pk, json!([number, { "in": number }])).await?;
    }
    let all = numbers.iter().map(|number| serde_json::from_str(number)).collect::<Result<Vec<Value>, _>>()?;
    keeps(silo, 1_000, Value::Array(all)).await
}

/// Arrays and objects nest as deep as JSON is read.
pub async fn keeps_deep_nesting(silo: &impl Silo) -> Outcome {
    for (pk, depth) in (1..).zip([1, 28, 29, 30, 31, 32, 33, 34, 64, 120]) {
        let array = (0..depth).fold(json!("deep"), |inner, _| json!([inner]));
        keeps(silo, pk, array).await?;
        let object = (0..depth).fold(json!(100), |inner, _| json!({ "in": inner, "beside": [] }));
        keeps(silo, pk + 100, object).await?;
    }
    Ok(())
}

/// Text of any characters, and of none; names too.
pub async fn keeps_odd_text(silo: &impl Silo) -> Outcome {
    let values = [
        json!(""),
        json!({}),
        json!([]),
        json!([[], {}, "", null, false]),
        json!({ "": "an empty name" }),
        json!({ "deeper": [{ "": {} }] }),
        json!("\u{0}\u{1}\t\r\n\"\\"),
        json!("Zażółć gęślą jaźń – 日本語 – 👩‍👩‍👧 – \u{fffd}\u{10ffff}"),
        json!({ "a.b": 1, "a#b": 2, "$a": 3, ":a": 4, "a b": 5, "ключ": 6, "N": { "N": "1" }, "B": "x" }),
        json!({ "S": "text", "packed": true, "fields": { "revision": 1 } }),
        Value::Null,
        json!(true),
    ];
    for (pk, value) in (1..).zip(values) {
        keeps(silo, pk, value).await?;
    }
    Ok(())
}

/// Text whose compressed form is about three quarters as long.
fn noise(length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = 1_u64;
    let letters = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        LETTERS.get((state >> 58) as usize).copied().map_or('A', char::from)
    });
    letters.take(length).collect()
}

/// Rows below, at and above the size from which they are kept compressed, also when read together.
pub async fn keeps_big_rows(silo: &impl Silo) -> Outcome {
    let options = model(silo, "sentry.option")?;
    let around = [-2_000, -1, 0, 1, 2_000].map(|offset| PLAIN_LIMIT.saturating_add_signed(offset));
    let mut rows = Vec::new();
    for (pk, bytes) in (1..).zip(around) {
        let mut row = row(pk, json!({ "key": format!("k-{pk}"), "value": "" }));
        let text = noise(bytes - volume(&row.fields));
        Arc::make_mut(&mut row.fields).insert("value".to_owned(), json!(text));
        ensure_eq!(volume(&row.fields), bytes, "the size of the row");
        rows.push(row);
    }
    rows.push(row(10, json!({ "key": "compressible", "value": "once more, ".repeat(300_000) })));
    rows.push(row(11, json!({ "key": "numbers", "value": (0..60_000).collect::<Vec<u32>>() })));
    for row in &rows {
        fill(silo, options, [row.clone()]).await?;
    }
    let pks: Vec<Pk> = rows.iter().map(|row| row.pk).collect();
    let found = silo.get(options, &pks).await?;
    let found: Vec<_> = found.into_iter().flatten().map(|stored| stored.row).collect();
    ensure!(found == rows, "big rows came back changed");
    let before = read(silo, options, 10).await?;
    write(silo, [replace(options, &before, json!({ "key": "compressible", "value": "small" }))]).await?;
    let small = row(10, json!({ "key": "compressible", "value": "small" }));
    ensure_eq!(read(silo, options, 10).await?.row, small, "a big row that became small");
    Ok(())
}

/// A row that cannot be kept is named, and nothing of its transaction is written.
pub async fn refuses_rows_that_are_too_big(silo: &impl Silo) -> Outcome {
    let options = model(silo, "sentry.option")?;
    let writes = [
        insert(options, row(1, json!({ "key": "small", "value": 1 }))),
        insert(options, row(2, json!({ "key": "huge", "value": noise(700_000) }))),
    ];
    match silo.write(&transaction(writes)).await {
        Err(WriteError::RowTooLarge { write }) => ensure_eq!(write, 1, "the row that is too big"),
        other => ensure!(false, "a row that is too big was answered with {other:?}"),
    }
    ensure_eq!(silo.get(options, &[1, 2]).await?, [None, None], "rows of a refused transaction");
    Ok(())
}
