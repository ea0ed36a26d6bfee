//! Errors in one line of a log.

use std::error::Error;
use std::iter::successors;

/// The error and what caused it. Of an answer of the API server only its message is told: kube prints the whole object,
/// and several times.
pub(super) fn explain(error: &(dyn Error + 'static)) -> String {
    let mut told: Vec<String> = Vec::new();
    for error in successors(Some(error), |error| (**error).source()) {
        if let Some(kube::Error::Api(status)) = error.downcast_ref() {
            told.push(status.message.clone());
            break;
        }
        told.push(error.to_string());
    }
    // Many errors repeat their cause in their own text.
    let last = told.last().cloned().unwrap_or_default();
    let texts = told.iter().enumerate().filter(|(i, text)| i + 1 == told.len() || !text.contains(&last));
    texts.map(|(_, text)| text.as_str()).collect::<Vec<_>>().join(": ")
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
    fn causes_are_told_once_and_an_answer_by_its_message() {
        assert_eq!(explain(&Outer(refused())), "failed to write the status: secrets is forbidden");
        assert_eq!(explain(&watcher::Error::InitialListFailed(refused())), "secrets is forbidden");
        let service = kube::Error::Service("no answer within 20 s".into());
        assert_eq!(explain(&Outer(service)), "failed to write the status: no answer within 20 s");
    }
}
