use super::*;
use rstest::rstest;

fn dropped(model: &str, source_pk: Pk, reason: DropReason, absence: Option<Absence>) -> Dropped {
    Dropped { model: model.to_owned(), ordinal: 1, source_pk, reason, absence }
}

/// A row whose key `key` leads to a row that is not there.
fn missing(model: &str, source_pk: Pk, (target, pk): (&str, Pk), absence: Absence) -> Dropped {
    let reason = DropReason::MissingTarget { key: "key".to_owned(), model: target.to_owned(), source_pk: pk };
    dropped(model, source_pk, reason, Some(absence))
}

/// What caused it, how many rows that were, and each group: its model, primary keys and link.
fn told(dropped: &[Dropped]) -> Vec<String> {
    let mut lines = Vec::new();
    for cause in causes(dropped) {
        lines.push(format!("{}: {}", cause.why, cause.rows));
        for group in cause.groups {
            lines.push(format!("- {} {:?} {}", group.model, group.source_pks, group.link));
        }
    }
    lines
}

#[test]
fn nothing_has_no_cause() {
    assert!(causes(&[]).is_empty());
}

#[test]
fn a_chain_is_followed_to_the_row_that_was_missing_first() {
    let rows = [
        missing("team", 2, ("org", 1), Absence::NotInFile),
        missing("link", 3, ("team", 2), Absence::Dropped),
        missing("leaf", 4, ("link", 3), Absence::Dropped),
        missing("leaf", 5, ("link", 3), Absence::Dropped),
    ];
    assert_eq!(
        told(&rows),
        [
            "org 1, which was not in the file: 4",
            "- team [2] by its `key`",
            "- link [3] whose `key` (team) was itself dropped",
            "- leaf [4, 5] whose `key` (link) was itself dropped",
        ]
    );
}

#[test]
fn a_chain_may_begin_with_a_rule() {
    let rows = [
        dropped("action", 1, DropReason::GlobalOnly, None),
        missing("link", 2, ("action", 1), Absence::Dropped),
    ];
    assert_eq!(
        told(&rows),
        [
            "rows of action that only a global import takes along: 2",
            "- action [1] ",
            "- link [2] whose `key` (action) was itself dropped",
        ]
    );
}

#[test]
fn equal_causes_are_one_and_the_largest_comes_first() {
    let rows = [
        missing("team", 1, ("org", 8), Absence::NotInFile),
        missing("team", 2, ("org", 9), Absence::NotInFile),
        missing("project", 3, ("org", 9), Absence::NotInFile),
        missing("team", 4, ("org", 9), Absence::NotInFile),
    ];
    assert_eq!(
        told(&rows),
        [
            "org 9, which was not in the file: 3",
            "- team [2, 4] by its `key`",
            "- project [3] by its `key`",
            "org 8, which was not in the file: 1",
            "- team [1] by its `key`",
        ]
    );
}

#[test]
fn rows_that_need_each_other_are_no_endless_chain() {
    let rows = [missing("a", 1, ("b", 1), Absence::Later), missing("b", 1, ("a", 1), Absence::Dropped)];
    assert_eq!(
        told(&rows),
        [
            "b 1, which comes later in the file: 2",
            "- a [1] by its `key`",
            "- b [1] whose `key` (a) was itself dropped",
        ]
    );
}

#[test]
fn a_row_that_is_not_listed_is_named_as_dropped() {
    let rows = [missing("leaf", 2, ("team", 1), Absence::Dropped)];
    assert_eq!(told(&rows), ["team 1, which was itself dropped: 1", "- leaf [2] by its `key`"]);
}

#[rstest]
#[case(Absence::NotInFile, "org 1, which was not in the file")]
#[case(Absence::Filtered, "org 1, which the filter leaves out")]
#[case(Absence::OutOfScope, "org 1, which is not in the scope")]
#[case(Absence::Later, "org 1, which comes later in the file")]
#[case(Absence::NeverImported, "org 1, whose model is never imported")]
fn what_became_of_the_missing_row_is_told(#[case] absence: Absence, #[case] text: &str) {
    let rows = [missing("team", 2, ("org", 1), absence)];
    assert_eq!(causes(&rows)[0].why.to_string(), text);
}
