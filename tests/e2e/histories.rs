//! Whole histories of links: what people do, every status that they see on the way, and what it costs. With
//! `--nocapture` each is printed as a timeline in the operator's own time.

mod absence;
mod mending;
mod sharing;
mod timeline;

use std::sync::OnceLock;

use crate::stage::{SPEED, Stage};
use timeline::{Sight, Step, Timeline, maybe, sure};

const ACCEPTED: &str = "False CredentialsAccepted";
const GRANTED: &str = "False GrantedAsFarAsVisible";
const NOT_JUDGED: &str = "Unknown NotEvaluated";
const CONFIRMED: &str = "True Confirmed";
const NOTHING_YET: &str = "Unknown Pending";

/// Applied, and no operator has looked yet.
const BLANK: Sight = ["-"; 4];
const AWAITING: Sight = ["Unknown AwaitingConfirmation", ACCEPTED, GRANTED, "Unknown AwaitingConfirmation"];
const LINKED: Sight = ["True Linked", ACCEPTED, GRANTED, CONFIRMED];
const CONFLICT: Sight = ["False LinkConflict", ACCEPTED, GRANTED, "False LinkConflict"];

/// Changed inputs that nobody was asked about yet.
const fn pending(registered: &'static str) -> Sight {
    [NOTHING_YET, NOTHING_YET, NOTHING_YET, registered]
}

/// A first round that takes longer than a moment.
const fn checking(registered: &'static str) -> Sight {
    ["Unknown Checking", "Unknown Checking", "Unknown Checking", registered]
}

const fn refused(registered: &'static str) -> Sight {
    ["False CredentialsRejected", "True CredentialsRejected", NOT_JUDGED, registered]
}

/// From nothing to Ready, with nothing wrong.
const STRAIGHT: [Step; 5] =
    [maybe(BLANK), maybe(pending(NOTHING_YET)), maybe(checking(NOTHING_YET)), maybe(AWAITING), sure(LINKED)];

/// One operator for all histories that leave the others' companies alone: acme, bravo, charlie, delta, echo, foxtrot
/// and golf have one each.
fn shared() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage::set("histories").expect("no history here can do without an operator"))
}

/// The history of a company's only link there, which bears its name.
fn of(company: &str) -> harness::Result<Timeline<'static>> {
    Timeline::begin(shared(), SPEED, company, company)
}
