//! Every published error body, through the real client and the rules, against each verdict that may stand.

use std::time::Duration;

use super::world::{Tenancy, World};
use crate::connectwise::Depth;
use crate::crd::ConditionType;
use crate::testing::fake_connectwise::{error_bodies, round_against};

const MINUTE: Duration = Duration::from_mins(1);

/// What a person reads of `Ready` and of `AuthFailed` when every call is answered so: with no verdict yet, on a link that was
/// Ready (after the second answer), and on one whose keys were refused.
fn expected(body: &str) -> [[&'static str; 2]; 3] {
    let rejected = ["False/CredentialsRejected", "True/CredentialsRejected"];
    let linked = ["True/Linked", "False/CredentialsAccepted"];
    let missing = ["False/PermissionsMissing", "False/CredentialsAccepted"];
    let unknown = ["False/CompanyUnknown", "True/CompanyUnknown"];
    match body {
        "permission-denied" | "permission-denied-unauthorized-code" => [missing; 3],
        "unauthorized" | "user-not-authenticated" => [rejected; 3],
        "companyinfo-unknown" => [unknown, unknown, unknown],
        "rate-limited" => [["Unknown/RateLimited", "Unknown/NotEvaluated"], linked, rejected],
        "ssl-required"
        | "cannot-route"
        | "record-not-found"
        | "endpoint-missing"
        | "router-404"
        | "invalid-object"
        | "default-team-missing"
        | "bad-conditions"
        | "server-timeout"
        | "server-timeout-pool"
        | "bad-value-type"
        | "maintenance-html" => {
            [["Unknown/ConnectWiseUnavailable", "Unknown/NotEvaluated"], linked, rejected]
        }
        other => panic!("the body {other} is new: say here what a person shall read"),
    }
}

fn shown(world: &World) -> [String; 2] {
    [world.ready_reason(), world.shown(ConditionType::AuthFailed)]
}

#[tokio::test]
async fn every_published_error_body_reads_right_on_every_verdict() {
    for body in error_bodies() {
        // A cheap round asks for no companyinfo, so the body that belongs to it is met by full rounds alone.
        let rounds = [round_against(&body, Depth::Cheap).await, round_against(&body, Depth::Full).await];
        let [none, ready, refused] = expected(&body.name);

        let mut world = World::new();
        world.rounds = Some(rounds.clone());
        world.visit();
        assert_eq!(shown(&world), none, "{} with no verdict yet", body.name);

        let mut world = World::ready();
        world.rounds = Some(rounds.clone());
        world.wait(31 * MINUTE);
        world.requested_at = Some("first".to_owned());
        world.visit();
        assert_eq!(world.ready_reason(), "True/Linked", "{}: one answer accuses no Ready link", body.name);
        world.wait(2 * MINUTE);
        world.requested_at = Some("second".to_owned());
        world.visit();
        assert_eq!(shown(&world), ready, "{} on a Ready link", body.name);

        let mut world = World::new();
        world.tenancy = Tenancy::refusing();
        world.visit();
        world.rounds = Some(rounds);
        world.wait(6 * MINUTE);
        world.requested_at = Some("third".to_owned());
        world.visit();
        assert_eq!(shown(&world), refused, "{} on refused keys", body.name);
    }
}
