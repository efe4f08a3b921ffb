//! The list: whose, which, and page by page.

use std::time::Duration;

use pipeline::port::CommitRelocations;
use pipeline::transition::admin::abort;
use rstest::rstest;
use serde_json::Value;

use crate::stage::{Answer, Stage, Who, direct};

const PATH: &str = "/api/0/relocations/";

impl Stage {
    async fn list(&self, who: Who, query: &str) -> Answer {
        self.ask(who, "GET", &format!("{PATH}?{query}"), Value::Null).await
    }

    /// The slugs of what is listed.
    async fn slugs(&self, who: Who, query: &str) -> Vec<String> {
        let answer = self.list(who, query).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body.as_array().unwrap().iter().map(|view| slug(view).to_owned()).collect()
    }

    /// Relocations that were asked for one after the other: of `ada`, which was aborted, of `bob`, and of `ada` again.
    async fn three() -> Self {
        let stage = Self::new();
        for (number, owner) in ["ada", "bob", "ada"].into_iter().enumerate() {
            stage.later(Duration::from_secs(1));
            let mut body = direct(owner, 10);
            body["orgs"] = format!("acme-{number},Other").into();
            let uuid = stage.ask(Who::Staff, "POST", PATH, body).await.body["uuid"].clone();
            if number == 0 {
                let relocation = stage.relocation(uuid.as_str().unwrap()).await;
                let by = pipeline::commit::Actor::Pipeline;
                stage.api.store.commit(abort(&relocation, by, stage.api.clock.now()).unwrap()).await.unwrap();
            }
        }
        stage
    }
}

fn slug(view: &Value) -> &str {
    view["wantOrgSlugs"][0].as_str().unwrap()
}

#[tokio::test]
async fn staff_see_all_and_customers_their_own_from_the_newest() {
    let stage = Stage::three().await;
    assert_eq!(stage.slugs(Who::Staff, "").await, ["acme-2", "acme-1", "acme-0"]);
    assert_eq!(stage.slugs(Who::Ada, "").await, ["acme-2", "acme-0"]);
    assert_eq!(stage.slugs(Who::Bob, "").await, ["acme-1"]);
    assert_eq!(stage.list(Who::Nobody, "").await.code(), (401, "unauthenticated"));
    assert_eq!(stage.list(Who::Ada, "").await.body[0]["owner"]["username"], "ada");
}

#[rstest]
#[case::status("status=failure", &["acme-0"])]
#[case::status_in_another_case("status=In_Progress", &["acme-2", "acme-1"])]
#[case::a_slug("query=ACME-1", &["acme-1"])]
#[case::every_term("query=acme%20other", &["acme-2", "acme-1", "acme-0"])]
#[case::a_term_that_is_not_there("query=acme+nobody", &[])]
#[case::both("query=acme&status=SUCCESS", &[])]
#[tokio::test]
async fn what_is_asked_for_is_found(#[case] query: &str, #[case] slugs: &[&str]) {
    assert_eq!(Stage::three().await.slugs(Who::Staff, query).await, slugs);
}

#[tokio::test]
async fn a_relocation_is_found_by_a_part_of_its_uuid() {
    let stage = Stage::three().await;
    let uuid = stage.list(Who::Staff, "").await.body[1]["uuid"].as_str().unwrap().to_uppercase();
    assert_eq!(stage.slugs(Who::Staff, &format!("query={}", &uuid[9..])).await, ["acme-1"]);
}

#[rstest]
#[case::status("status=DONE", (400, "unknown-status"))]
#[case::no_rows("per_page=0", (400, "invalid-field"))]
#[case::too_many("per_page=101", (400, "invalid-field"))]
#[case::no_number("per_page=ten", (400, "invalid-field"))]
#[case::cursor("cursor=abc", (400, "invalid-field"))]
#[tokio::test]
async fn what_makes_no_sense_is_refused(#[case] query: &str, #[case] expected: (u16, &str)) {
    assert_eq!(Stage::new().list(Who::Staff, query).await.code(), expected);
}

#[tokio::test]
async fn pages_follow_each_other() {
    let stage = Stage::three().await;
    for size in 1..=3 {
        let (mut found, mut query) = (Vec::new(), format!("per_page={size}&query=acme"));
        loop {
            let page = stage.list(Who::Staff, &query).await;
            let views = page.body.as_array().unwrap();
            assert!(views.len() <= size);
            found.extend(views.iter().map(|view| slug(view).to_owned()));
            if page.link.is_empty() {
                break;
            }
            // </api/0/relocations/?cursor=…>; rel="next"; …
            let (address, _) = page.link.trim_start_matches('<').split_once('>').unwrap();
            assert!(page.link.contains("rel=\"next\""), "{}", page.link);
            query = address.strip_prefix("/api/0/relocations/?").unwrap().to_owned();
        }
        assert_eq!(found, ["acme-2", "acme-1", "acme-0"], "pages of {size}");
    }
}

#[tokio::test]
async fn a_page_ends_where_the_answer_is_full() {
    const RELOCATIONS: usize = 6;
    // Each as large as relocations get: six of them are more than fit.
    let names: Vec<String> = (0..8_000).map(|number| format!("{number:0>128}")).collect();
    let stage = Stage::new();
    for _ in 0..RELOCATIONS {
        stage.later(Duration::from_secs(1));
        let uuid = stage.created(Who::Staff, 10).await;
        let by = pipeline::commit::Actor::Pipeline;
        let mut ended = abort(&stage.relocation(&uuid).await, by, stage.api.clock.now()).unwrap();
        ended.relocation.want_usernames = Some(names.clone());
        stage.commit(ended).await;
    }
    let (mut query, mut seen, mut pages) = ("per_page=100".to_owned(), Vec::new(), 0);
    while !query.is_empty() {
        let answer = stage.list(Who::Staff, &query).await;
        let bytes = serde_json::to_string(&answer.body.to_string()).unwrap().len();
        assert!(bytes < 6_000_000, "{bytes} bytes are more than Lambda takes");
        seen.extend(answer.body.as_array().unwrap().iter().map(|view| view["uuid"].clone()));
        query =
            answer.link.split_once('?').map_or("", |(_, rest)| rest.split_once('>').unwrap().0).to_owned();
        pages += 1;
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().map(Value::to_string).collect();
    assert_eq!((seen.len(), distinct.len(), pages), (RELOCATIONS, RELOCATIONS, 2), "each once, on two pages");
}
