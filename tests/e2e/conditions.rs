//! The whole row of conditions, as a test expects it.

use harness::Status;

/// A condition: type, status, reason.
pub type Row = (&'static str, &'static str, &'static str);

/// ConnectWise took the keys.
pub const ACCEPTED: Row = ("AuthFailed", "False", "CredentialsAccepted");

/// Every function of the role is there; the allow-list of `GuideV1` cannot be seen from outside.
pub const GRANTED: Row = ("PermissionDenied", "False", "GrantedAsFarAsVisible");

/// What stands when everything is good, by `Api`.
pub const LINKED: [Row; 4] =
    [("Ready", "True", "Linked"), ACCEPTED, GRANTED, ("Registered", "True", "Confirmed")];

/// Exactly these conditions, in this order, each and the whole for this generation of the spec.
#[track_caller]
pub fn assert_conditions(status: &Status, generation: i64, expected: &[Row]) {
    assert_eq!(conditions(status), expected, "{status}");
    let generations = status.field("/conditions").as_array().into_iter().flatten();
    for observed in generations.chain([status.value()]) {
        assert_eq!(observed["observedGeneration"], generation, "{status}");
    }
}

/// Type, status and reason of every condition.
pub fn conditions(status: &Status) -> Vec<(&str, &str, &str)> {
    let conditions = status.field("/conditions").as_array().into_iter().flatten();
    conditions
        .map(|condition| {
            let text = |field: &str| condition[field].as_str().unwrap_or_default();
            (text("type"), text("status"), text("reason"))
        })
        .collect()
}
