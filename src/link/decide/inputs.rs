//! The three kinds of change: identity, input, neutral.
//!
//! Whatever stops a visit (suspension, an invalid spec, a Secret that cannot be read) comes after this comparison: what the
//! status says is never left standing for inputs that nobody judged.

use std::ops::ControlFlow;

use super::secret::Credentials;
use super::standing::standing;
use super::{Row, View};
use crate::crd::{ConditionStatus, ConditionType, Inputs, Reason};
use crate::link::plan::Plan;
use crate::link::state::{Backoff, LinkState};
use crate::link::status_builder::{Progress, StatusBuilder};

/// What differs between the inputs that the conditions judge and those of now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// Nothing that any condition judges.
    Neutral,
    /// Key content, the Secret's name, profile, board or mode.
    Input,
    /// Site or company.
    Identity,
}

/// The spec of now, before the Secret is read. Where it differs from what the conditions judge, the conditions go back to
/// Unknown, and that is written before anything else is done.
pub(super) fn spec_row(view: &View) -> Row<()> {
    let inputs = view.subject.inputs();
    match changed(view, &inputs) {
        Changed::Neutral => ControlFlow::Continue(()),
        changed => ControlFlow::Break(reset(view, changed, inputs, false)),
    }
}

/// The inputs of now, with the content of the Secret. Where that differs from what the conditions judge, the conditions go
/// back to Unknown, and that is written before anybody outside is asked.
pub(super) fn row(view: &View, credentials: &Credentials) -> Row<Inputs> {
    let inputs = Inputs {
        secret_uid: Some(credentials.secret.uid.clone()),
        secret_resource_version: Some(credentials.secret.resource_version.clone()),
        credentials_version: Some(credentials.version.as_str().to_owned()),
        ..view.subject.inputs()
    };
    match changed(view, &inputs) {
        Changed::Neutral => ControlFlow::Continue(inputs),
        changed => {
            let new_keys =
                view.subject.status.inputs.as_ref().is_some_and(|last| has_new_keys(last, &inputs));
            ControlFlow::Break(reset(view, changed, inputs, new_keys))
        }
    }
}

/// What differs between these inputs and those that the status names.
pub(super) fn changed(view: &View, inputs: &Inputs) -> Changed {
    let status = &view.subject.status;
    if view.subject.is_ready() && standing(status).is_none() {
        // Ready, but the status does not say for what.
        return Changed::Input;
    }
    status.inputs.as_ref().map_or(Changed::Neutral, |last| between(last, inputs))
}

fn between(last: &Inputs, now: &Inputs) -> Changed {
    // What was never known cannot have changed.
    fn moved<T: PartialEq>(last: Option<&T>, now: Option<&T>) -> bool {
        last.is_some() && last != now
    }
    // Every field is named, so that a new one cannot be forgotten.
    let Inputs {
        site,
        company_id,
        secret_name,
        secret_uid: _,
        secret_resource_version: _,
        credentials_version,
        permission_profile,
        service_board,
        mode,
        // Another clientId changes nothing about the link.
        client_id_version: _,
    } = last;
    if moved(site.as_ref(), now.site.as_ref()) || moved(company_id.as_ref(), now.company_id.as_ref()) {
        return Changed::Identity;
    }
    let input = moved(secret_name.as_ref(), now.secret_name.as_ref())
        || moved(credentials_version.as_ref(), now.credentials_version.as_ref())
        || moved(permission_profile.as_ref(), now.permission_profile.as_ref())
        || *service_board != now.service_board
        || moved(mode.as_ref(), now.mode.as_ref());
    if input { Changed::Input } else { Changed::Neutral }
}

/// Whether the same Secret was written with other keys. A new company, or another Secret that the spec names, is no such
/// change: nobody replaces one key after the other there.
fn has_new_keys(last: &Inputs, now: &Inputs) -> bool {
    last.secret_name == now.secret_name
        && last.secret_uid.is_some()
        && (&last.secret_uid, &last.secret_resource_version)
            != (&now.secret_uid, &now.secret_resource_version)
        && last.credentials_version.is_some()
        && last.credentials_version != now.credentials_version
}

fn reset(view: &View, changed: Changed, mut inputs: Inputs, new_keys: bool) -> Plan {
    let last = view.subject.status.inputs.as_ref();
    let same_keys = last.is_some_and(|last| last.credentials_version == inputs.credentials_version);
    if changed == Changed::Identity || !same_keys {
        // No clientId was accepted with these keys yet.
        inputs.client_id_version = None;
    }
    let mut builder = view.status_builder();
    let text = "The company, site, API keys or settings changed. The operator is checking them.";
    let unknown = ConditionStatus::Unknown.because(Reason::Pending, text);
    builder.set_all(&ConditionType::OF_CONNECTWISE, &unknown);
    builder.fields().inputs = Some(inputs);
    forget_in_status(&mut builder, changed);
    let mut state = forget_in_state(view.state.clone(), changed);
    if new_keys {
        state.keys_changed_at = Some(view.now.up);
    }
    Plan::Publish(Box::new(builder.finish(Progress::Reconciling)), Box::new(state))
}

/// Takes out of a status what was found for other inputs.
pub(super) fn forget_in_status(builder: &mut StatusBuilder, changed: Changed) {
    if changed == Changed::Neutral {
        return;
    }
    let fields = builder.fields();
    fields.permissions = None;
    if changed == Changed::Identity {
        fields.site = None;
        fields.last_validated_time = None;
        fields.last_full_check_time = None;
        let text = "The company or site changed. Nothing is known of its link yet.";
        builder.unknown(ConditionType::Registered, Reason::Pending, text);
    }
}

/// Takes out of the memory of a link what was found or planned for other inputs.
pub(super) fn forget_in_state(state: LinkState, changed: Changed) -> LinkState {
    if changed == Changed::Neutral {
        return state;
    }
    LinkState {
        not_before: None,
        site_unreachable_since: None,
        suspicion: None,
        backoff: Backoff::default(),
        petra_not_before: None,
        petra_backoff: Backoff::default(),
        found: state.found.filter(|_| changed != Changed::Identity),
        ..state
    }
}
