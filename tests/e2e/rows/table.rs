//! The rows of `tests/data/condition-rows.md`: the operator that each takes, and what is arranged for it.

use harness::Result;

use super::Setting::{
    self, Common, NamedSecretsAlone, PetraOut, PetraWithoutContract, WithoutPetra, WrongPetraKey,
};
use super::scene::Actor;
use super::{connectwise, early, petra};

/// The name of a row in the data file, the operator that it takes, and what is arranged for it.
pub type Arrangement = (&'static str, Setting, fn(&Actor) -> Result<()>);

/// The one row whose company `--allow-company` leaves out.
pub const COMPANY_NOT_ALLOWED: &str = "company not allowed here";

/// Every row that is reached, in the order of the design.
pub const ARRANGEMENTS: &[Arrangement] = &[
    ("deleting, held up under two minutes", Common, petra::deletion_held_up),
    ("deleting, held up longer", Common, petra::deletion_held_up),
    ("suspended, verdict there", Common, early::suspended_with_a_verdict),
    ("suspended, a verdict that stalls is kept with Stalled", Common, early::suspended_while_stalled),
    ("suspended, no verdict for these inputs", Common, early::suspended_from_the_start),
    ("suspended together with an input change", Common, early::suspended_with_an_input_change),
    ("profile not known", Common, early::profile_not_known),
    ("siteUrl not readable", Common, early::site_not_readable),
    ("Api without a Petra URL", WithoutPetra, early::api_mode),
    ("site not allowed here", Common, early::site_not_allowed),
    ("companyinfo names a host that is not allowed here", Common, connectwise::other_host_is_named),
    (COMPANY_NOT_ALLOWED, Common, early::good),
    ("the operator may not read the Secret", NamedSecretsAlone, early::good),
    ("Secret absent, under five minutes", Common, early::secret_absent),
    ("Secret absent, longer", Common, early::secret_absent),
    ("a key absent", Common, early::key_absent),
    ("a key empty", Common, early::key_empty),
    ("a key that is not text", Common, early::key_not_text),
    ("a key with a line break inside", Common, early::key_with_a_line_break),
    ("a public key with a colon", Common, early::public_key_with_a_colon),
    ("a key too long", Common, early::key_too_long),
    ("inputs without a verdict, first round running for long", Common, connectwise::first_round_takes_long),
    ("responds, but not as a ConnectWise server", Common, connectwise::no_connectwise),
    ("five minutes of NXDOMAIN, no verdict yet", Common, connectwise::no_such_name),
    ("five minutes of a bad certificate, no verdict yet", Common, connectwise::bad_certificate),
    ("a bad certificate for a shorter time", Common, connectwise::bad_certificate),
    ("company unknown to the site", Common, connectwise::company_unknown),
    ("401 on the tenant's own codebase", Common, early::refused),
    ("member inactive", Common, connectwise::member_inactive),
    ("a permission missing for sure", Common, connectwise::two_lines_short),
    ("board unknown", Common, connectwise::board_unknown),
    ("board inactive", Common, connectwise::board_inactive),
    ("board hidden from the member", Common, connectwise::board_hidden),
    ("board without default team", Common, connectwise::board_without_default_team),
    ("some Allow list items cannot be verified", Common, early::good),
    ("some function line cannot be verified", Common, connectwise::my_security_refused),
    ("some function line cannot be verified: empty list", Common, connectwise::my_security_empty),
    ("some function line cannot be verified: not listed", Common, connectwise::line_not_listed),
    ("was Ready, no conclusive round for too long", Common, connectwise::out_for_too_long),
    ("was Ready, only Petra out for too long", PetraOut, petra::petra_out_for_too_long),
    ("nothing conclusive from ConnectWise, no verdict yet", Common, connectwise::out),
    (
        "an outage in the middle of the round, after the keys were accepted",
        Common,
        connectwise::out_in_the_middle,
    ),
    ("asked to slow down, no verdict yet", Common, connectwise::asks_to_slow_down),
    ("nothing conclusive from Petra", Common, petra::put_not_answered),
    ("Petra refuses the operator's key", WrongPetraKey, petra::registers),
    ("link held by another owner", Common, petra::held_by_another_owner),
    ("link taken over by a copy of this resource", Common, petra::taken_over_by_a_copy),
    ("link made by hand", Common, petra::made_by_hand),
    ("link made by hand, adopted", Common, petra::made_by_hand_and_adopted),
    ("Portal, another resource comes first", WithoutPetra, petra::another_comes_first),
    ("Portal, not acknowledged", WithoutPetra, petra::portal),
    ("Petra's server has no such route", PetraWithoutContract, petra::registers),
    ("Petra took the PUT", Common, petra::registers),
    ("confirmed for this credentials version", Common, petra::registers),
    ("acknowledged", WithoutPetra, petra::acknowledged),
    ("Petra says failed", Common, petra::connectwise_refused_petra),
    ("Petra answers 422", Common, petra::connectwise_refuses_petra_at_once),
    ("not confirmed after ten minutes with answered polls", Common, petra::not_confirmed),
    ("link gone at Petra, for sure, and the PUT is not answered", Common, petra::gone_at_petra),
];

/// Rows that are not reached from outside, and why.
pub const UNREACHED: &[(&str, &str)] = &[
    (
        "the cluster refuses the finalizer",
        "a policy would refuse the finalizers of all rows; tests/e2e/admission.rs has a policy and an operator of its own",
    ),
    (
        "the host resolves to a private address",
        "a name that --allow-site lists may have a private address, and any other that may be called at all is ConnectWise's \
     own and resolved by public DNS; src/upstream/resolve.rs tests the refusal",
    ),
];
