//! What Petra's answers mean, by status and code alone. Pure.

use super::link::{LinkId, RemoteLink};
use super::outcome::{DeleteAnswer, PetraFault, PutAnswer};
use super::owner::Owner;
use super::wire::{self, Account, Code, Page};
use crate::upstream::{Answer, Fault};

/// A call without an answer.
pub(super) fn unanswered(fault: Fault) -> PetraFault {
    match fault {
        Fault::RateLimited(wait) => PetraFault::RateLimited(wait),
        Fault::HostNotAllowed
        | Fault::PrivateAddress
        | Fault::NoSuchName
        | Fault::Resolve
        | Fault::BadCertificate
        | Fault::Connection
        | Fault::Timeout
        | Fault::TooLarge => PetraFault::Unavailable,
    }
}

/// What any other answer means. A 401 or 403 that is not a JSON object is the page of a proxy, which does not know the key
/// (U: what Petra's own body is, is not documented).
fn refusal(answer: &Answer) -> PetraFault {
    match answer.status {
        401 | 403 if wire::is_json_object(&answer.body) => PetraFault::KeyRejected,
        429 => PetraFault::RateLimited(answer.retry_after),
        _ => PetraFault::Unavailable,
    }
}

/// Whether the answer of a link route refuses the operator's key; `None` where it does not tell.
pub(super) fn refuses_key(answer: &Answer) -> Option<bool> {
    match answer.status {
        200..300 => Some(false),
        _ => (refusal(answer) == PetraFault::KeyRejected).then_some(true),
    }
}

/// A page of the list route, which alone shows whether the server implements the contract.
pub(crate) fn read_page(answer: &Answer) -> Result<Page, PetraFault> {
    match answer.status {
        200 => wire::page(&answer.body).ok_or(PetraFault::Unavailable),
        404 | 405 | 501 => Err(PetraFault::NoContract),
        _ => Err(refusal(answer)),
    }
}

/// One link. A 404 that is not the contract's own (a proxy's) does not say that the link is gone.
pub(crate) fn read_get(id: &LinkId, answer: &Answer) -> Result<Option<RemoteLink>, PetraFault> {
    match answer.status {
        200 => {
            wire::link(&answer.body).filter(|link| link.id == *id).map(Some).ok_or(PetraFault::Unavailable)
        }
        404 if wire::code(&answer.body) == Some(Code::LinkNotFound) => Ok(None),
        _ => Err(refusal(answer)),
    }
}

/// The usage report.
pub(crate) fn read_usage(answer: &Answer) -> Result<Account, PetraFault> {
    match answer.status {
        200 => wire::account(&answer.body).ok_or(PetraFault::Unavailable),
        _ => Err(refusal(answer)),
    }
}

/// A PUT of this owner's link.
pub(crate) fn read_put(id: &LinkId, owner: &Owner, answer: &Answer) -> PutAnswer {
    let unknown = PutAnswer::Unknown(refusal(answer));
    match (answer.status, wire::code(&answer.body)) {
        (200 | 202, _) => {
            let ours = |link: &RemoteLink| link.id == *id && link.owner.as_ref() == Some(owner);
            wire::link(&answer.body).filter(ours).map_or(unknown, PutAnswer::Accepted)
        }
        (409, Some(Code::OwnedByOther)) => PutAnswer::OwnedByOther(wire::holder(&answer.body)),
        (409, Some(Code::CompanyLinked)) => {
            PutAnswer::CompanyLinked { id: wire::linked_id(&answer.body), holder: wire::holder(&answer.body) }
        }
        (410 | 412, _) => PutAnswer::LookAgain,
        (422, Some(_)) => PutAnswer::Refused(wire::refusal(&answer.body)),
        (404 | 405 | 501, _) => PutAnswer::Unknown(PetraFault::NoContract),
        _ => unknown,
    }
}

/// A DELETE.
pub(crate) fn read_delete(answer: &Answer) -> DeleteAnswer {
    match (answer.status, wire::code(&answer.body)) {
        (204, _) | (404, Some(Code::LinkNotFound)) => DeleteAnswer::Gone,
        (409, Some(Code::OwnedByOther)) => DeleteAnswer::NotOurs,
        (410 | 412, _) => DeleteAnswer::LookAgain,
        _ => DeleteAnswer::Unknown(refusal(answer)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            content_type: String::new(),
            retry_after: Some(Duration::from_secs(7)),
            next: None,
            date: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_page_of_a_proxy_does_not_refuse_the_operators_key() {
        let (refused, unavailable) = (PetraFault::KeyRejected, PetraFault::Unavailable);
        let table = [
            (r#"{"code":"invalid_api_key","message":"x"}"#, refused),
            (r#" {"message":"Unauthorized"}"#, refused),
            ("<html><h1>403 Forbidden</h1></html>", unavailable),
            ("{{ the template of a page", unavailable),
            (r#"["Unauthorized"]"#, unavailable),
            ("Forbidden", unavailable),
            ("", unavailable),
        ];
        let id = LinkId::parse("cw-1").expect("an id");
        let owner = Owner::new("here", "team", "acme");
        for (status, (body, fault)) in [401, 403].into_iter().flat_map(|it| table.map(|row| (it, row))) {
            let answer = answer(status, body);
            assert_eq!(read_page(&answer), Err(fault), "{status} {body}");
            assert_eq!(read_get(&id, &answer), Err(fault), "{status} {body}");
            assert_eq!(read_usage(&answer), Err(fault), "{status} {body}");
            assert_eq!(read_put(&id, &owner, &answer), PutAnswer::Unknown(fault), "{status} {body}");
            assert_eq!(read_delete(&answer), DeleteAnswer::Unknown(fault), "{status} {body}");
        }
    }

    #[test]
    fn a_server_without_the_contract_is_known_by_its_list_route() {
        let table = [
            (404, PetraFault::NoContract),
            (405, PetraFault::NoContract),
            (501, PetraFault::NoContract),
            (429, PetraFault::RateLimited(Some(Duration::from_secs(7)))),
            (200, PetraFault::Unavailable),
            (301, PetraFault::Unavailable),
            (503, PetraFault::Unavailable),
        ];
        for (status, fault) in table {
            assert_eq!(read_page(&answer(status, "")), Err(fault), "{status}");
        }
    }
}
