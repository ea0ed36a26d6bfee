//! Errors in one line of a log.

use std::error::Error;
use std::iter::successors;

const UNREADABLE: &str = "the answer is not what was asked for";

/// The error and what caused it. Of an answer of the API server only its message is told: kube prints the whole object,
/// and several times. Of one that could not be read nothing is told: the parser quotes it, and it may be a Secret.
pub(super) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut told: Vec<String> = Vec::new();
    // What the errors around the last repeat of it in their own text.
    let mut repeated = None;
    for error in successors(Some(error), |error| (**error).source()) {
        if let Some(kube::Error::Api(status)) = error.downcast_ref() {
            told.push(status.message.clone());
            break;
        }
        if let Some(unreadable) = error.downcast_ref::<serde_json::Error>() {
            repeated = Some(unreadable.to_string());
            told.push(UNREADABLE.to_owned());
            break;
        }
        told.push(error.to_string());
    }
    let last = told.pop().unwrap_or_default();
    let repeated = repeated.as_ref().unwrap_or(&last);
    told.retain(|text| !text.contains(repeated));
    told.push(last);
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;
    use kube::runtime::watcher;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to write the status")]
    struct Outer(#[source] kube::Error);

    fn refused() -> kube::Error {
        kube::Error::Api(Status::failure("secrets is forbidden", "Forbidden").with_code(403).boxed())
    }

    #[test]
    fn causes_are_told_once_an_answer_by_its_message_and_one_that_cannot_be_read_not_at_all() {
        assert_eq!(explain(&Outer(refused())), "failed to write the status: secrets is forbidden");
        assert_eq!(explain(&watcher::Error::InitialListFailed(refused())), "secrets is forbidden");
        let quoting = |text: &str| serde_json::from_str::<u64>(text).expect_err("no number");
        let serde = || kube::Error::SerdeError(quoting(r#""CANARY""#));
        assert!(serde().to_string().contains("CANARY"), "the parser quotes what it met");
        assert_eq!(explain(&Outer(serde())), format!("failed to write the status: {UNREADABLE}"));
        assert_eq!(explain(&watcher::Error::InitialListFailed(serde())), UNREADABLE);
        assert_eq!(explain(&quoting(r#""CANARY""#)), UNREADABLE);
        let service = kube::Error::Service("no answer within 20 s".into());
        assert_eq!(explain(&Outer(service)), "failed to write the status: no answer within 20 s");
    }
}
