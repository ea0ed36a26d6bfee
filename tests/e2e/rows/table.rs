//! The rows: their names, the operator that each takes, the five columns, and what is arranged for it.

use super::{Row, Setting, connectwise, early, petra};

const ACCEPTED: &str = "False/CredentialsAccepted";
const GRANTED: &str = "False/PermissionsGranted";
/// `GuideV1` has an allow-list, which nobody can see from outside.
const VISIBLE: &str = "False/GrantedAsFarAsVisible";
const NOT_JUDGED: &str = "Unknown/NotEvaluated";
const PENDING: &str = "Unknown/Pending";
const CONFIRMED: &str = "True/Confirmed";

/// The one row whose company the operator is not told to allow.
pub const COMPANY_NOT_ALLOWED: &str = "company not allowed here";

/// Every row that is reached, in the order of the design.
pub const ROWS: &[Row] = &[
    Row::new(
        "deleting, held up under two minutes",
        Setting::Common,
        ["False/Deleting", ACCEPTED, GRANTED, CONFIRMED, "Reconciling"],
        petra::deletion_held_up,
    ),
    Row::new(
        "deleting, held up longer",
        Setting::Common,
        ["False/DeletionBlocked", ACCEPTED, GRANTED, CONFIRMED, "Reconciling"],
        petra::deletion_held_up,
    ),
    Row::new(
        "suspended, verdict there",
        Setting::Common,
        ["True/Linked", ACCEPTED, VISIBLE, CONFIRMED, "-"],
        early::suspended_with_a_verdict,
    ),
    Row::new(
        "suspended, a verdict that stalls is kept with Stalled",
        Setting::Common,
        ["False/CredentialsRejected", "True/CredentialsRejected", NOT_JUDGED, PENDING, "Stalled"],
        early::suspended_while_stalled,
    ),
    Row::new(
        "suspended, no verdict for these inputs",
        Setting::Common,
        ["Unknown/Suspended", "Unknown/Suspended", "Unknown/Suspended", PENDING, "-"],
        early::suspended_from_the_start,
    ),
    Row::new(
        "suspended together with an input change",
        Setting::Common,
        ["Unknown/Suspended", "Unknown/Suspended", "Unknown/Suspended", CONFIRMED, "-"],
        early::suspended_with_an_input_change,
    ),
    Row::new(
        "profile not known",
        Setting::Common,
        ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::profile_not_known,
    ),
    Row::new(
        "siteUrl not readable",
        Setting::Common,
        ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::site_not_readable,
    ),
    Row::new(
        "Api without a Petra URL",
        Setting::WithoutPetra,
        ["False/SpecInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::api_mode,
    ),
    Row::new(
        "site not allowed here",
        Setting::Common,
        ["False/SiteNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::site_not_allowed,
    ),
    Row::new(
        "companyinfo names a host that is not allowed here",
        Setting::Common,
        ["False/SiteNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        connectwise::other_host_is_named,
    ),
    Row::new(
        COMPANY_NOT_ALLOWED,
        Setting::Common,
        ["False/CompanyNotAllowed", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::good,
    ),
    Row::new(
        "the operator may not read the Secret",
        Setting::NamedSecretsAlone,
        ["Unknown/SecretForbidden", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        early::good,
    ),
    Row::new(
        "Secret absent, under five minutes",
        Setting::Common,
        ["Unknown/WaitingForSecret", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        early::secret_absent,
    ),
    Row::new(
        "Secret absent, longer",
        Setting::Common,
        ["False/SecretNotFound", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::secret_absent,
    ),
    Row::new(
        "a key absent",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::key_absent,
    ),
    Row::new(
        "a key empty",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::key_empty,
    ),
    Row::new(
        "a key that is not text",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::key_not_text,
    ),
    Row::new(
        "a key with a line break inside",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::key_with_a_line_break,
    ),
    Row::new(
        "a public key with a colon",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::public_key_with_a_colon,
    ),
    Row::new(
        "a key too long",
        Setting::Common,
        ["False/SecretInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        early::key_too_long,
    ),
    Row::new(
        "inputs without a verdict, first round running for long",
        Setting::Common,
        ["Unknown/Checking", "Unknown/Checking", "Unknown/Checking", PENDING, "Reconciling"],
        connectwise::first_round_takes_long,
    ),
    Row::new(
        "answers, but is no ConnectWise",
        Setting::Common,
        ["False/SiteInvalid", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        connectwise::no_connectwise,
    ),
    Row::new(
        "five minutes of NXDOMAIN, no verdict yet",
        Setting::Common,
        ["False/SiteUnreachable", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        connectwise::no_such_name,
    ),
    Row::new(
        "five minutes of a bad certificate, no verdict yet",
        Setting::Common,
        ["False/SiteUnreachable", NOT_JUDGED, NOT_JUDGED, PENDING, "Stalled"],
        connectwise::bad_certificate,
    ),
    Row::new(
        "a bad certificate for a shorter time",
        Setting::Common,
        ["Unknown/ConnectWiseUnavailable", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        connectwise::bad_certificate,
    ),
    Row::new(
        "company unknown to the site",
        Setting::Common,
        ["False/CompanyUnknown", "True/CompanyUnknown", NOT_JUDGED, PENDING, "Stalled"],
        connectwise::company_unknown,
    ),
    Row::new(
        "401 on the tenant's own codebase",
        Setting::Common,
        ["False/CredentialsRejected", "True/CredentialsRejected", NOT_JUDGED, PENDING, "Stalled"],
        early::refused,
    ),
    Row::new(
        "member inactive",
        Setting::Common,
        ["False/MemberInactive", ACCEPTED, "True/MemberInactive", PENDING, "Stalled"],
        connectwise::member_inactive,
    ),
    Row::new(
        "a permission missing for sure",
        Setting::Common,
        ["False/PermissionsMissing", ACCEPTED, "True/PermissionsMissing", PENDING, "Stalled"],
        connectwise::two_lines_short,
    ),
    Row::new(
        "board unknown",
        Setting::Common,
        ["False/ServiceBoardNotReady", ACCEPTED, VISIBLE, PENDING, "Stalled"],
        connectwise::board_unknown,
    ),
    Row::new(
        "board inactive",
        Setting::Common,
        ["False/ServiceBoardNotReady", ACCEPTED, VISIBLE, PENDING, "Stalled"],
        connectwise::board_inactive,
    ),
    Row::new(
        "board hidden from the member",
        Setting::Common,
        ["False/ServiceBoardNotReady", ACCEPTED, VISIBLE, PENDING, "Stalled"],
        connectwise::board_hidden,
    ),
    Row::new(
        "board without default team",
        Setting::Common,
        ["False/ServiceBoardNotReady", ACCEPTED, VISIBLE, PENDING, "Stalled"],
        connectwise::board_without_default_team,
    ),
    Row::new(
        "some allow-list items cannot be told",
        Setting::Common,
        ["Unknown/AwaitingConfirmation", ACCEPTED, VISIBLE, "Unknown/AwaitingConfirmation", "Reconciling"],
        early::good,
    ),
    Row::new(
        "some function line cannot be told",
        Setting::Common,
        [
            "Unknown/AwaitingConfirmation",
            ACCEPTED,
            "Unknown/NotVerifiable",
            "Unknown/AwaitingConfirmation",
            "Reconciling",
        ],
        connectwise::my_security_refused,
    ),
    Row::new(
        "some function line cannot be told: empty list",
        Setting::Common,
        [
            "Unknown/AwaitingConfirmation",
            ACCEPTED,
            "Unknown/NotVerifiable",
            "Unknown/AwaitingConfirmation",
            "Reconciling",
        ],
        connectwise::my_security_empty,
    ),
    Row::new(
        "some function line cannot be told: not listed",
        Setting::Common,
        [
            "Unknown/AwaitingConfirmation",
            ACCEPTED,
            "Unknown/NotVerifiable",
            "Unknown/AwaitingConfirmation",
            "Reconciling",
        ],
        connectwise::line_not_listed,
    ),
    Row::new(
        "was Ready, no conclusive round for too long",
        Setting::Common,
        [
            "Unknown/ValidationStale",
            "Unknown/ValidationStale",
            "Unknown/ValidationStale",
            CONFIRMED,
            "Reconciling",
        ],
        connectwise::out_for_too_long,
    ),
    Row::new(
        "was Ready, only Petra out for too long",
        Setting::PetraOut,
        ["Unknown/ValidationStale", ACCEPTED, GRANTED, CONFIRMED, "Reconciling"],
        petra::petra_out_for_too_long,
    ),
    Row::new(
        "nothing conclusive from ConnectWise, no verdict yet",
        Setting::Common,
        ["Unknown/ConnectWiseUnavailable", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        connectwise::out,
    ),
    Row::new(
        "an outage in the middle of the round: the keys stand on their own evidence",
        Setting::Common,
        ["Unknown/ConnectWiseUnavailable", ACCEPTED, NOT_JUDGED, PENDING, "Reconciling"],
        connectwise::out_in_the_middle,
    ),
    Row::new(
        "asked to slow down, no verdict yet",
        Setting::Common,
        ["Unknown/RateLimited", NOT_JUDGED, NOT_JUDGED, PENDING, "Reconciling"],
        connectwise::asks_to_slow_down,
    ),
    Row::new(
        "nothing conclusive from Petra",
        Setting::Common,
        ["Unknown/PetraUnavailable", ACCEPTED, GRANTED, PENDING, "Reconciling"],
        petra::put_not_answered,
    ),
    Row::new(
        "Petra refuses the operator's key",
        Setting::WrongPetraKey,
        ["Unknown/PetraKeyRejected", ACCEPTED, GRANTED, PENDING, "Reconciling"],
        petra::registers,
    ),
    Row::new(
        "link held by another owner",
        Setting::Common,
        ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"],
        petra::held_by_another_owner,
    ),
    Row::new(
        "link made by hand",
        Setting::Common,
        ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"],
        petra::made_by_hand,
    ),
    Row::new(
        "link made by hand, adopted",
        Setting::Common,
        ["Unknown/AwaitingConfirmation", ACCEPTED, GRANTED, "Unknown/AwaitingConfirmation", "Reconciling"],
        petra::made_by_hand_and_adopted,
    ),
    Row::new(
        "Portal, another resource comes first",
        Setting::WithoutPetra,
        ["False/LinkConflict", ACCEPTED, GRANTED, "False/LinkConflict", "Stalled"],
        petra::another_comes_first,
    ),
    Row::new(
        "Portal, not acknowledged",
        Setting::WithoutPetra,
        ["False/PortalActionRequired", ACCEPTED, GRANTED, "False/PortalActionRequired", "Stalled"],
        petra::portal,
    ),
    Row::new(
        "Petra's server has no such route",
        Setting::PetraWithoutContract,
        ["False/RegistrationUnsupported", ACCEPTED, GRANTED, "False/RegistrationUnsupported", "Stalled"],
        petra::registers,
    ),
    Row::new(
        "Petra took the PUT",
        Setting::Common,
        ["Unknown/AwaitingConfirmation", ACCEPTED, GRANTED, "Unknown/AwaitingConfirmation", "Reconciling"],
        petra::registers,
    ),
    Row::new(
        "confirmed for this credentials version",
        Setting::Common,
        ["True/Linked", ACCEPTED, GRANTED, CONFIRMED, "-"],
        petra::registers,
    ),
    Row::new(
        "acknowledged",
        Setting::WithoutPetra,
        ["True/Linked", ACCEPTED, GRANTED, "True/Acknowledged", "-"],
        petra::acknowledged,
    ),
    Row::new(
        "Petra says failed",
        Setting::Common,
        ["False/RegistrationRejected", ACCEPTED, GRANTED, "False/RegistrationRejected", "Stalled"],
        petra::connectwise_refused_petra,
    ),
    Row::new(
        "Petra answers 422",
        Setting::Common,
        ["False/RegistrationRejected", ACCEPTED, GRANTED, "False/RegistrationRejected", "Stalled"],
        petra::connectwise_refuses_petra_at_once,
    ),
    Row::new(
        "not confirmed after ten minutes with answered polls",
        Setting::Common,
        ["False/ConfirmationTimedOut", ACCEPTED, GRANTED, "Unknown/ConfirmationTimedOut", "Stalled"],
        petra::not_confirmed,
    ),
    Row::new(
        "link gone at Petra, for sure, and the PUT is not answered",
        Setting::Common,
        ["Unknown/RemoteLinkMissing", ACCEPTED, GRANTED, "False/RemoteLinkMissing", "Reconciling"],
        petra::gone_at_petra,
    ),
];

/// Rows that are not reached from outside, and why.
pub const UNREACHED: &[(&str, &str)] = &[(
    "the host resolves to a private address",
    "a name that --allow-site lists may have a private address, and any other that may be called at all is ConnectWise's \
     own and resolved by public DNS; src/upstream/resolve.rs tests the refusal",
)];
