//! What one round found out.

use std::time::Duration;

use super::line::Permissions;
use super::tenant::Tenant;

/// Why a question to ConnectWise has no answer. Never a reason to accuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inconclusive {
    /// 429, with how long to wait if it said so.
    RateLimited(Option<Duration>),
    /// NXDOMAIN: a fault of the site only after a while.
    NoSuchName,
    /// A bad certificate: likewise.
    BadCertificate,
    /// 5xx, no connection, timeout, proxy answers, an ambiguous 404, "cannot route" after one new discovery.
    Unavailable,
}

/// What discovery found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompanyAnswer {
    /// The company lives here.
    Found(Tenant),
    /// companyinfo knows no such company (200 `null`, or its own JSON 404).
    Unknown,
    /// Something responds, but not as a ConnectWise server.
    NotConnectWise,
    /// The site, or the host that companyinfo names, is not allowed here.
    HostNotAllowed,
    /// The host resolves to a private address.
    PrivateAddress,
    /// Could not ask.
    Inconclusive(Inconclusive),
}

/// What ConnectWise said about the keys, on the tenant's own codebase and in its own JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeysAnswer {
    /// At least one authenticated call was answered.
    Accepted,
    /// 401 of ConnectWise's own that is not about a permission.
    Rejected,
    /// Not known: no answer, or one that proves nothing.
    Inconclusive(Inconclusive),
}

/// What `myMembers/info` said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberAnswer {
    /// The member is active.
    Active,
    /// `inactiveFlag` is true.
    Inactive,
    /// Not asked, or not in the answer.
    Unknown,
}

/// What else `myMembers/info` said about the member: nothing that Petra needs, but a reason for advice. The default is an API
/// member that sees every board, or one about which nothing is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemberTraits {
    /// `licenseClass` is present and is not `A`: the keys belong to a person.
    pub person: bool,
    /// How many service boards are hidden from the member (`excludedServiceBoardIds`).
    pub excluded_boards: usize,
}

/// What was found out about the role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PermissionsAnswer {
    /// Judged, perhaps with unknown lines.
    Judged(Permissions),
    /// Nothing could be judged in this round (an outage in the middle).
    Inconclusive(Inconclusive),
}

/// What was found out about the board that the spec names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardAnswer {
    /// The spec names none.
    NotNamed,
    /// Active, visible, with exactly one default team.
    Ready,
    /// No board has this name.
    NotFound,
    /// It is inactive.
    Inactive,
    /// It is hidden from the member.
    Hidden,
    /// The role does not let the member read boards or their teams.
    Refused,
    /// It has no default team.
    NoDefaultTeam,
    /// It has more than one default team.
    SeveralDefaultTeams,
    /// Could not ask.
    Inconclusive(Inconclusive),
}

/// How much is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// One mySecurity call (or the probes, where the tenant refuses mySecurity), after companyinfo where this process has
    /// not found the tenant.
    Cheap,
    /// Discovery, identity, permissions, board.
    Full,
}

/// Everything that one round found out. Later parts are `Inconclusive` or `Unknown` where an earlier one failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// How much was asked.
    pub depth: Depth,
    /// The company. A cheap round repeats the tenant that it was given, if it was given one.
    pub company: CompanyAnswer,
    /// The keys.
    pub keys: KeysAnswer,
    /// The member. A cheap round does not ask.
    pub member: MemberAnswer,
    /// More of the member, likewise.
    pub traits: MemberTraits,
    /// The role.
    pub permissions: PermissionsAnswer,
    /// The board. A cheap round does not ask, and says [`BoardAnswer::NotNamed`].
    pub board: BoardAnswer,
}
