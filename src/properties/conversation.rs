//! A whole visit: any stored object, any answers.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;

use super::connectwise::{Reply, round};
use super::secret::{self, Data};
use crate::clock::Now;
use crate::connectwise::Depth;
use crate::connectwise::profile::Profiles;
use crate::crd::{ConditionType, ConnectWiseLink, FINALIZER, LinkStatus, Reason, RegistrationMode};
use crate::link::decide::{Plan, Visit, decide};
use crate::link::draft::{condition, is_true, reason};
use crate::link::memory::Memory;
use crate::link::message;
use crate::link::seen::{Change, ClientIdView, FleetView, Listing, Question, Rival, SecretRead, Seen};
use crate::link::subject::{Rules, Subject};
use crate::petra::{DeleteAnswer, PetraFault, PutAnswer, RemoteLink, wire};
use crate::runtime::{Link, SecretLookup, SecretVersion};
use crate::timings::Timings;
use crate::upstream::allow::AllowList;

/// What the reconciler bounds a visit by.
const MAX_STEPS: usize = 64;
/// What the operator may add to a status that it was given.
const MOST_ADDED: usize = 64 << 10;

/// Everything that a visit is told.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// The stored object, as JSON.
    pub link: &'a [u8],
    /// What the Secret holds, where there is one.
    pub secret: &'a Data,
    /// What ConnectWise answers.
    pub replies: &'a [Reply],
    /// What Petra's list route answers; its links are what Petra holds.
    pub page: &'a [u8],
    /// Picks among answers, one byte a question; 0 when it is used up.
    pub choices: &'a [u8],
}

/// Whatever is stored and answered, a visit ends, and every status that it writes is a fit one.
///
/// # Panics
/// Where that does not hold.
pub fn visit(told: &Told) {
    let Ok(link) = serde_json::from_slice::<Link>(told.link) else { return };
    let Ok(mut link) = link.0 else { return };
    let stored = serde_json::to_vec(&link).expect("JSON").len();
    let rules = &*RULES;
    let now =
        Now { wall: Timestamp::from_second(1_800_000_000).expect("a time"), up: Duration::from_hours(1) };
    let mut choices = told.choices.iter().copied();
    let mut choose = move |of: usize| usize::from(choices.next().unwrap_or_default()) % of;
    let mut links = wire::page(told.page).map(|page| page.links).unwrap_or_default();
    let watch = match choose(3) {
        0 => SecretLookup::Present(version()),
        1 => SecretLookup::Absent,
        _ => SecretLookup::NotWatched,
    };
    let client_id = ClientIdView { generation: u64::from(choose(4) == 3), worked: choose(2) == 0 };
    let finalizer = link.metadata.finalizers.iter().flatten().any(|name| name == FINALIZER);
    let mut seen = Seen::at_start(watch, listing(&links, choose(4), now), client_id, finalizer);
    let mut memory = Memory::default();
    for _ in 0..MAX_STEPS {
        let subject = Subject::read(&link, rules);
        let plan = decide(&Visit { subject: &subject, memory: &memory, seen: &seen, rules, now });
        match plan {
            Plan::Ask(question) => {
                let company = &subject.spec.company_id;
                ask(question, &mut seen, told, company, &links, &mut choose, now);
            }
            Plan::Change(change) => make(change, &mut link, &mut seen, &mut links, &mut choose),
            Plan::Publish(status, published) => {
                memory = *published;
                is_fit(&status, stored);
                link.status = Some(*status);
            }
            Plan::Settle(settlement) => {
                for note in &settlement.events {
                    super::tells_nothing(&note.text);
                }
                if matches!(seen.secret, Some(SecretRead::Invalid { .. })) {
                    assert_eq!(reason(&settlement.status, ConditionType::Ready), Some(Reason::SecretInvalid));
                }
                // Of a resource that leaves, nothing is written any more.
                if subject.deleting.is_none() || seen.finalizer {
                    is_fit(&settlement.status, stored);
                }
                return;
            }
        }
    }
    panic!("the visit does not end: {seen:?}");
}

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules {
    timings: Timings::default(),
    profiles: Profiles::builtin(),
    allow: AllowList::default(),
    companies: None,
    default_mode: RegistrationMode::Api,
    petra_configured: true,
    installation: "here".to_owned(),
    elected: true,
});

fn version() -> SecretVersion {
    SecretVersion { uid: "secret".to_owned(), resource_version: "1".to_owned() }
}

fn listing(links: &[RemoteLink], kind: usize, at: Now) -> Listing {
    match kind {
        0 => Listing::Known {
            answered_at: at,
            asked_at: at,
            links: links.to_vec(),
            failing: None,
            unsure: false,
        },
        1 => Listing::NotYet,
        2 => Listing::Failing(PetraFault::NoContract),
        _ => Listing::Failing(PetraFault::Unavailable),
    }
}

fn ask(
    question: Question,
    seen: &mut Seen,
    told: &Told,
    company: &str,
    links: &[RemoteLink],
    choose: &mut impl FnMut(usize) -> usize,
    now: Now,
) {
    match question {
        Question::Secret => {
            seen.secret = Some(match choose(6) {
                0..=2 => secret::read(told.secret, company),
                3 => SecretRead::Absent,
                4 => SecretRead::Forbidden,
                _ => SecretRead::Unavailable,
            });
        }
        Question::Round(depth) => {
            assert!(matches!(seen.secret, Some(SecretRead::Keys { .. })), "a round without keys: {seen:?}");
            let replies =
                if depth == Depth::Cheap { &told.replies[..told.replies.len() / 2] } else { told.replies };
            seen.round = Some(round(replies.to_vec(), depth));
        }
        Question::Listing => {
            seen.listing = match listing(links, choose(4), now) {
                Listing::NotYet => Listing::Failing(PetraFault::Unavailable),
                known => known,
            };
        }
        Question::Rival(_) => {
            seen.rival = Some((choose(2) == 1).then(|| Rival { visible_name: Some("other".to_owned()) }));
        }
        Question::Fleet(_) => {
            seen.fleet =
                Some(FleetView { ready: choose(9), suspected_alike: choose(9), released: choose(2) == 1 });
        }
        Question::Link(id) => {
            seen.read = Some(match choose(3) {
                0 | 1 => Ok(links.iter().find(|link| link.id == id).cloned()),
                _ => Err(PetraFault::RateLimited(None)),
            });
        }
        Question::Owned(owner) => {
            let of_owner = links.iter().filter(|link| link.owner.as_ref() == Some(&owner));
            seen.owned = Some(if choose(4) < 3 {
                Ok(of_owner.cloned().collect())
            } else {
                Err(PetraFault::KeyRejected)
            });
        }
    }
}

fn make(
    change: Change,
    link: &mut ConnectWiseLink,
    seen: &mut Seen,
    links: &mut Vec<RemoteLink>,
    choose: &mut impl FnMut(usize) -> usize,
) {
    match change {
        Change::AddFinalizer => {
            link.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
            seen.finalizer = true;
        }
        Change::RemoveFinalizer => {
            link.metadata.finalizers = None;
            seen.finalizer = false;
        }
        Change::Put { id, .. } => {
            let there = links.iter().find(|link| link.id == id);
            seen.read = None;
            seen.puts += 1;
            seen.put = Some(match (choose(6), there) {
                (0, Some(link)) => PutAnswer::Accepted(link.clone()),
                (1, there) => PutAnswer::OwnedByOther(there.and_then(|link| link.owner.clone())),
                (2, _) => PutAnswer::LookAgain,
                (3, _) => PutAnswer::Refused,
                (4, _) => PutAnswer::Fenced,
                (_, _) => PutAnswer::Unknown(PetraFault::Unavailable),
            });
        }
        Change::Delete { id, .. } => {
            let answer = match choose(4) {
                0 => DeleteAnswer::Gone,
                1 => DeleteAnswer::LookAgain,
                2 => DeleteAnswer::NotOurs,
                _ => DeleteAnswer::Unknown(PetraFault::Unavailable),
            };
            if answer == DeleteAnswer::Gone {
                links.retain(|link| link.id != id);
            }
            (seen.read, seen.owned) = (None, None);
            seen.deletes_in_vain +=
                u8::from(matches!(answer, DeleteAnswer::LookAgain | DeleteAnswer::NotOurs));
            seen.deleted = Some(answer);
        }
    }
}

/// A status that may be written: whole, within bounds, and without text from outside.
fn is_fit(status: &LinkStatus, stored: usize) {
    let written = serde_json::to_string(status).expect("JSON");
    super::tells_nothing(&written);
    assert!(written.len() <= stored + MOST_ADDED, "{} bytes of status", written.len());
    let mut kinds = BTreeSet::new();
    for condition in &status.conditions {
        assert!(kinds.insert(&condition.type_), "{} stands twice", condition.type_);
    }
    for kind in ConditionType::LASTING {
        assert!(condition(status, kind).is_some(), "{} is not there", kind.as_str());
    }
    let moving = is_true(status, ConditionType::Reconciling);
    assert!(!(moving && is_true(status, ConditionType::Stalled)), "Reconciling and Stalled");
    let ready = condition(status, ConditionType::Ready).expect("there");
    assert!(ready.message.len() <= message::MAX_BYTES.max(stored), "a long message");
}
