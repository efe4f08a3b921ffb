//! Imports of real exports.

use crate::support::{Instance, request};
use catalog::ImportScope;
use outside::reference_bytes;
use silo::{Filter, ImportFlags};

#[test]
fn the_wanted_organisation_of_a_real_export() {
    let Some(file) = reference_bytes("exports/release-24.7.0.json") else { return };
    let instance = Instance::new();
    let mut request = request(ImportScope::Organization);
    request.filter = Filter::OrganizationSlugs(vec!["test-org".to_owned()]);
    request.flags.hide_organizations = true;
    let outcome = instance.import(&file, &request).unwrap();
    insta::assert_json_snapshot!(outcome.report);
}

#[test]
fn every_scope_takes_every_reference_file() {
    for name in [
        "release-24.7.0",
        "fresh-install",
        "app-user-with-empty-email",
        "single-integration",
        "single-option",
        "user-with-maximum-privileges",
        "user-with-minimum-privileges",
        "user-with-roles-no-superadmin",
    ] {
        let Some(file) = reference_bytes(&format!("exports/{name}.json")) else { return };
        for scope in [ImportScope::User, ImportScope::Organization, ImportScope::Config] {
            for merge_users in [false, true] {
                let instance = Instance::new();
                let mut request = request(scope);
                request.flags = ImportFlags { merge_users, ..ImportFlags::default() };
                let first = instance.import(&file, &request).unwrap();
                assert!(first.finished);
                let state = instance.state();
                let again = instance.import(&file, &request).unwrap();
                assert_eq!(
                    again.report, first.report,
                    "{name} {scope:?}: a repeated import answers the same"
                );
                assert_eq!(instance.state(), state, "{name} {scope:?}: and changes nothing");
            }
        }
    }
}
