//! Petra's answers: what each may mean, by status and body.

use std::time::Duration;

use serde_json::Value;

use crate::petra::answer::{read_delete, read_get, read_page, read_put, read_usage};
use crate::petra::{DeleteAnswer, Holder, LinkId, Owner, PetraFault, PutAnswer};
use crate::upstream::{Answer, json};

/// Whatever the status and the body, an answer says that something was made, is there or is gone only where the contract's
/// server says so in its own words; a proxy's page never does.
///
/// # Panics
/// Where that does not hold.
pub fn any(status: u16, wait: Option<u16>, body: &[u8]) {
    let wait = wait.map(|seconds| Duration::from_secs(seconds.into()));
    let answer = Answer {
        status,
        content_type: "application/json".to_owned(),
        retry_after: wait,
        next: None,
        date: None,
        body: body.to_vec(),
    };
    let told = Told { status, wait, json: json::read(body).unwrap_or_default() };
    let id = LinkId::parse("cw-1").expect("an id");
    let owner = Owner::new("here", "team", "acme");

    match read_page(&answer) {
        Ok(_) => assert_eq!(status, 200),
        Err(fault) => told.may_be(fault, [404, 405, 501].contains(&status)),
    }
    match read_get(&id, &answer) {
        Ok(Some(link)) => {
            assert_eq!((status, &link.id), (200, &id));
            assert_eq!(told.text("linkId"), Some(id.as_str()));
        }
        Ok(None) => assert!(told.is(404, "link_not_found"), "gone by {status}"),
        Err(fault) => told.may_be(fault, false),
    }
    match read_usage(&answer) {
        Ok(_) => assert!(status == 200 && told.text("organizationName").is_some()),
        Err(fault) => told.may_be(fault, false),
    }
    match read_put(&id, &owner, &answer) {
        PutAnswer::Accepted(link) => {
            assert!([200, 202].contains(&status), "accepted by {status}");
            assert_eq!((&link.id, link.owner.as_ref()), (&id, Some(&owner)));
            let ours = (told.text("linkId"), told.text("owner"));
            assert_eq!(ours, (Some(id.as_str()), Some(owner.as_str())));
        }
        PutAnswer::OwnedByOther(holder) => {
            assert!(told.is(409, "owned_by_other"), "another's by {status}");
            if let Holder::Owner(holder) = holder {
                assert_eq!(told.text("owner"), Some(holder.as_str()));
            }
        }
        PutAnswer::CompanyLinked { id, holder } => {
            assert!(told.is(409, "company_linked"), "linked already by {status}");
            assert!(id.is_none_or(|id| told.text("linkId") == Some(id.as_str())));
            if let Holder::Owner(holder) = holder {
                assert_eq!(told.text("owner"), Some(holder.as_str()));
            }
        }
        PutAnswer::LookAgain => assert!([410, 412].contains(&status), "out of date by {status}"),
        PutAnswer::Refused(_) => assert!(status == 422 && told.text("code").is_some(), "refused by {status}"),
        PutAnswer::Unknown(fault) => told.may_be(fault, [404, 405, 501].contains(&status)),
        PutAnswer::Fenced => panic!("an answer to a call that was not made"),
    }
    match read_delete(&answer) {
        DeleteAnswer::Gone => assert!(status == 204 || told.is(404, "link_not_found"), "gone by {status}"),
        DeleteAnswer::NotOurs => assert!(told.is(409, "owned_by_other"), "another's by {status}"),
        DeleteAnswer::LookAgain => assert!([410, 412].contains(&status), "out of date by {status}"),
        DeleteAnswer::Unknown(fault) => told.may_be(fault, false),
        DeleteAnswer::Fenced => panic!("an answer to a call that was not made"),
    }
}

struct Told {
    status: u16,
    wait: Option<Duration>,
    json: Value,
}

impl Told {
    fn text(&self, field: &str) -> Option<&str> {
        self.json.get(field)?.as_str()
    }

    fn is(&self, status: u16, code: &str) -> bool {
        self.status == status && self.text("code") == Some(code)
    }

    /// Only the operator's own key is ever refused, and only by a 401 or 403 of Petra's own; only a 429 asks to wait.
    fn may_be(&self, fault: PetraFault, no_contract: bool) {
        let status = self.status;
        match fault {
            PetraFault::KeyRejected => {
                assert!([401, 403].contains(&status) && self.json.is_object(), "a key refused by {status}");
            }
            PetraFault::RateLimited(wait) => assert_eq!((status, wait), (429, self.wait)),
            PetraFault::NoContract => assert!(no_contract, "no contract by {status}"),
            PetraFault::Unavailable => {
                let refused = [401, 403].contains(&status) && self.json.is_object();
                assert!(!refused && status != 429 && !no_contract, "{status} says more");
            }
        }
    }
}
