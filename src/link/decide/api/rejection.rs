//! ConnectWise refused the link, according to Petra: what the status says, and when the same keys are sent again.

use std::ops::ControlFlow;

use super::{Registration, Row};
use crate::connectwise::Depth;
use crate::crd::{ConditionStatus, ConditionType, Reason};
use crate::link::message;
use crate::link::plan::{Plan, Question};
use crate::link::reason_class::BackoffKind;
use crate::link::status_builder::{Progress, StatusBuilder};
use crate::petra::{Refusal, RemoteLink};

impl Registration<'_> {
    pub(super) fn failed(self, link: &RemoteLink) -> Plan {
        let (mut builder, registered) = self.recorded(link);
        builder.fields().link = Some(registered.record);
        self.rejection(builder, link.refusal.unwrap_or(Refusal::Unexplained))
    }

    /// 422: nothing was stored.
    pub(super) fn refused(&self, why: Refusal) -> Plan {
        self.rejection(self.passed.builder.clone(), why)
    }

    fn rejection(&self, mut builder: StatusBuilder, why: Refusal) -> Plan {
        let spec = &self.view.subject.spec;
        let text = message::rejected_by_petra(why, &spec.credentials_secret_ref.name, spec.profile_name());
        let value = ConditionStatus::False.because(Reason::RegistrationRejected, text);
        builder.set_all(&[ConditionType::Ready, ConditionType::Registered], &value);
        let mut settled = self.end(self.view.settle(builder.finish(Progress::Stalled)));
        settled.state.suspicion = settled.state.suspicion.filter(|it| !it.is_of_petra());
        settled
            .requeue_petra_with_backoff(self.view, BackoffKind::Rejected, None)
            .claiming(self.claim())
            .plan()
    }

    /// Whether the status says already that ConnectWise refused these very keys, and this visit has not sent them again.
    pub(super) fn is_known_as_rejected(&self) -> bool {
        let view = self.view;
        let stored = view.subject.status.reason(ConditionType::Ready);
        stored == Some(Reason::RegistrationRejected) && view.facts.puts == 0
    }

    /// Keys that ConnectWise refused at Petra are sent again when their backoff has ended or somebody asks, and only after
    /// a full check of this visit that passed.
    pub(super) fn may_send_again(&self) -> Row<()> {
        let view = self.view;
        if !self.is_known_as_rejected() {
            return ControlFlow::Continue(());
        }
        let waits = view.state.petra_not_before.is_some_and(|at| at > view.now.up);
        if waits && !view.is_edited() && view.subject.requested_at.is_none() {
            return ControlFlow::Break(self.keep());
        }
        match &view.facts.round {
            Some(round) if round.depth == Depth::Full && self.passed.schedule.fresh => {
                ControlFlow::Continue(())
            }
            // It answered nothing that counts.
            Some(round) if round.depth == Depth::Full => {
                let kept = self.kept().requeue_petra_with_backoff(view, BackoffKind::Rejected, None);
                ControlFlow::Break(kept.plan())
            }
            None if !view.floor_left().is_zero() => {
                ControlFlow::Break(self.kept().requeue_no_later_than(view.floor_left()).plan())
            }
            Some(_) | None => {
                view.need_keys()?;
                ControlFlow::Break(Plan::Ask(Question::Round(Depth::Full)))
            }
        }
    }
}
