//! A round: the questions in their order, and what their answers come to.
//!
//! | | calls |
//! |---|---|
//! | full | companyinfo, myMembers/info, mySecurity, the probes that are still open, and for a named board boards and teams |
//! | cheap | mySecurity; where it returns nothing, the probes. Before it companyinfo, where this process has not found the tenant |
//!
//! Lists of more than 1,000 rows take a call more for each further page. Where the tenant's path leads nowhere, companyinfo
//! is asked once more, and the round begins again if the tenant has moved. All calls together have one deadline: what was
//! not answered by then is as if it had timed out, and ends the round.

use futures::StreamExt;
use serde_json::Value;

use super::answers::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, KeysAnswer, MemberAnswer, MemberTraits,
    PermissionsAnswer, Round,
};
use super::board::board;
use super::classify::Meaning;
use super::client::{Api, Asker, ConnectWise, NoAnswer, Transport};
use super::company::CompanyId;
use super::discovery::discover;
use super::keys::Keys;
use super::line::{Line, Required};
use super::permissions::{CUSTOMIZE_ROWS, CustomizeItem, CustomizeRows, evaluate, open_probes};
use super::probe::{ProbeRoute, Probes};
use super::profile::Profile;
use super::role::MySecurity;
use super::tenant::Tenant;
use crate::upstream::Fault;
use crate::upstream::hosts::HostPort;

/// How many probes run at once: four parallel workers of one integration ran into no limit, twelve did.
const PROBES_AT_ONCE: usize = 4;

/// What a round is about.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The site, as the spec names it.
    pub site: &'a HostPort,
    /// The company, as the spec spells it: Petra will be sent exactly what is checked here.
    pub company: &'a CompanyId,
    /// The keys.
    pub keys: &'a Keys,
    /// What the role must grant.
    pub profile: &'a Profile,
    /// The board that the spec names.
    pub board: Option<&'a str>,
    /// Who asks, and what the check may take.
    pub asker: Asker<'a>,
}

/// Asks everything, beginning with where the tenant is.
pub(crate) async fn full<T: Transport>(connectwise: &ConnectWise<T>, inputs: Inputs<'_>) -> Round {
    match discover(connectwise, inputs.site, inputs.company, inputs.asker).await {
        CompanyAnswer::Found(tenant) => on_tenant(connectwise, inputs, Depth::Full, tenant).await,
        other => without_tenant(inputs, Depth::Full, other),
    }
}

/// Asks for the role alone, on the tenant that an earlier round of this process found. Without one, companyinfo says where
/// the keys may go, as in a full round.
pub(crate) async fn cheap<T: Transport>(
    connectwise: &ConnectWise<T>,
    inputs: Inputs<'_>,
    known: Option<&Tenant>,
) -> Round {
    let company = match known {
        Some(tenant) => CompanyAnswer::Found(tenant.clone()),
        None => discover(connectwise, inputs.site, inputs.company, inputs.asker).await,
    };
    match company {
        CompanyAnswer::Found(tenant) => on_tenant(connectwise, inputs, Depth::Cheap, tenant).await,
        other => without_tenant(inputs, Depth::Cheap, other),
    }
}

async fn on_tenant<T: Transport>(
    connectwise: &ConnectWise<T>,
    inputs: Inputs<'_>,
    depth: Depth,
    tenant: Tenant,
) -> Round {
    let attempt = Attempt::on(connectwise, inputs, depth, &tenant).await;
    match attempt.cut_short {
        Some(cut) if cut.leads_nowhere() => {
            match discover(connectwise, inputs.site, inputs.company, inputs.asker).await {
                CompanyAnswer::Found(moved) if !is_same_place(&moved, &tenant) => {
                    let again = Attempt::on(connectwise, inputs, depth, &moved).await;
                    again.into_round(depth, CompanyAnswer::Found(moved))
                }
                CompanyAnswer::Found(_) | CompanyAnswer::Inconclusive(_) => {
                    attempt.into_round(depth, CompanyAnswer::Found(tenant))
                }
                other => without_tenant(inputs, depth, other),
            }
        }
        _ => attempt.into_round(depth, CompanyAnswer::Found(tenant)),
    }
}

fn is_same_place(one: &Tenant, other: &Tenant) -> bool {
    one.api_host == other.api_host && one.codebase == other.codebase
}

fn without_tenant(inputs: Inputs<'_>, depth: Depth, company: CompanyAnswer) -> Round {
    let why = match company {
        CompanyAnswer::Inconclusive(why) => why,
        _ => Inconclusive::Unavailable,
    };
    Attempt::new(inputs, depth, why).into_round(depth, company)
}

/// One way through the questions on one tenant. It begins with nothing known, and what is learned replaces that.
struct Attempt {
    keys: KeysAnswer,
    member: MemberAnswer,
    traits: MemberTraits,
    permissions: PermissionsAnswer,
    board: BoardAnswer,
    /// What ended it before its last question.
    cut_short: Option<NoAnswer>,
}

impl Attempt {
    fn new(inputs: Inputs<'_>, depth: Depth, why: Inconclusive) -> Self {
        Self {
            keys: KeysAnswer::Inconclusive(why),
            member: MemberAnswer::Unknown,
            traits: MemberTraits::default(),
            permissions: PermissionsAnswer::Inconclusive(why),
            board: match (depth, inputs.board) {
                (Depth::Full, Some(_)) => BoardAnswer::Inconclusive(why),
                _ => BoardAnswer::NotNamed,
            },
            cut_short: None,
        }
    }

    async fn on<T: Transport>(
        connectwise: &ConnectWise<T>,
        inputs: Inputs<'_>,
        depth: Depth,
        tenant: &Tenant,
    ) -> Self {
        let api = connectwise.api(tenant, inputs.company, inputs.keys, inputs.asker);
        let mut attempt = Self::new(inputs, depth, Inconclusive::Unavailable);
        if let Err(cut) = attempt.ask(&api, inputs, depth).await {
            attempt.cut(cut);
        }
        attempt
    }

    /// Asks one question after the other; an error ends the attempt.
    async fn ask<T: Transport>(
        &mut self,
        api: &Api<'_, T>,
        inputs: Inputs<'_>,
        depth: Depth,
    ) -> Result<(), NoAnswer> {
        let mut excluded_boards = Vec::new();
        if depth == Depth::Full {
            let member = self.note_keys(identity(api).await);
            if let Some(member) = of_this_route(member)? {
                self.member = member.answer;
                self.traits =
                    MemberTraits { person: member.person, excluded_boards: member.excluded_boards.len() };
                excluded_boards = member.excluded_boards;
            }
        }
        let my_security = self.note_keys(my_security(api).await);
        let my_security = of_this_route(my_security)?.unwrap_or(MySecurity::Refused);
        self.permissions = self.permissions(api, inputs.profile, depth, &my_security).await?;
        if depth == Depth::Full
            && let Some(name) = inputs.board
        {
            self.board = board(api, name, &excluded_boards).await;
        }
        Ok(())
    }

    async fn permissions<T: Transport>(
        &mut self,
        api: &Api<'_, T>,
        profile: &Profile,
        depth: Depth,
        my_security: &MySecurity,
    ) -> Result<PermissionsAnswer, NoAnswer> {
        let has_rows = matches!(my_security, MySecurity::Rows(_));
        let (probes, unanswered) = match depth {
            Depth::Cheap if has_rows => (Probes::new(), None),
            _ => self.probe(api, open_probes(profile, my_security)).await,
        };
        let customize = match depth {
            Depth::Full if profile.has_allow_list() && CUSTOMIZE_ROWS != CustomizeRows::Unsettled => {
                customize_items(api).await.ok()
            }
            _ => None,
        };
        let mut judged = evaluate(profile, my_security, customize.as_deref(), &probes);
        if depth == Depth::Cheap && has_rows {
            // No probe was sent: of functions that the role does not list, nothing was asked.
            let is_item = |line: &Line| line.required == Required::Allowed;
            (judged.unknown, judged.unasked) = judged.unknown.into_iter().partition(is_item);
        }
        match unanswered {
            // With nothing but probes to go by, one that is out of order leaves the role unjudged, unless another one
            // was refused: that right is missing whatever the rest may be.
            Some(cut) if !has_rows && judged.missing.is_empty() => Err(cut),
            _ => Ok(PermissionsAnswer::Judged(judged)),
        }
    }

    /// Sends the probes. Returns what they showed, and the first that ought to have been answered and was not; refused
    /// keys and a rate limit end the probing.
    async fn probe<T: Transport>(
        &mut self,
        api: &Api<'_, T>,
        routes: impl IntoIterator<Item = ProbeRoute>,
    ) -> (Probes, Option<NoAnswer>) {
        let (mut probes, mut unanswered) = (Probes::new(), None);
        let asked = routes.into_iter().map(async |route| (route, api.probe(route).await));
        let mut answers = futures::stream::iter(asked).buffered(PROBES_AT_ONCE);
        while let Some((route, answer)) = answers.next().await {
            match self.note_keys(answer) {
                Ok(shown) => drop(probes.insert(route, shown)),
                Err(no_answer) if no_answer.is_of_this_route() => {}
                Err(no_answer) => {
                    unanswered = unanswered.or(Some(no_answer));
                    if no_answer.ends_the_round() {
                        break;
                    }
                }
            }
        }
        (probes, unanswered)
    }

    /// Records what an answer says about the keys. They are good as soon as ConnectWise has answered one call, or
    /// refused it for want of a right; a refusal after that contradicts itself and accuses nobody.
    fn note_keys<A>(&mut self, answer: Result<A, NoAnswer>) -> Result<A, NoAnswer> {
        if self.keys != KeysAnswer::Accepted {
            match &answer {
                Ok(_) => self.keys = KeysAnswer::Accepted,
                Err(no) if no.means(Meaning::PermissionDenied) => self.keys = KeysAnswer::Accepted,
                Err(no) if no.means(Meaning::CredentialsRejected) => self.keys = KeysAnswer::Rejected,
                Err(_) => {}
            }
        }
        answer
    }

    /// Says of all that was not answered why.
    fn cut(&mut self, cut: NoAnswer) {
        let why = cut.inconclusive();
        if let KeysAnswer::Inconclusive(keys) = &mut self.keys {
            *keys = why;
        }
        self.permissions = PermissionsAnswer::Inconclusive(why);
        if let BoardAnswer::Inconclusive(board) = &mut self.board {
            *board = why;
        }
        self.cut_short = Some(cut);
    }

    fn into_round(self, depth: Depth, company: CompanyAnswer) -> Round {
        let company = match self.cut_short {
            Some(NoAnswer::Fault(Fault::HostNotAllowed)) => CompanyAnswer::HostNotAllowed,
            Some(NoAnswer::Fault(Fault::PrivateAddress)) => CompanyAnswer::PrivateAddress,
            _ => company,
        };
        let Self { keys, member, traits, permissions, board, cut_short: _ } = self;
        Round { depth, company, keys, member, traits, permissions, board }
    }
}

/// An answer; nothing, where ConnectWise has or gives none on this route; the error, where it ends the attempt.
fn of_this_route<A>(answer: Result<A, NoAnswer>) -> Result<Option<A>, NoAnswer> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(no_answer) if no_answer.is_of_this_route() => Ok(None),
        Err(no_answer) => Err(no_answer),
    }
}

struct Member {
    answer: MemberAnswer,
    person: bool,
    excluded_boards: Vec<i64>,
}

/// `GET /system/myMembers/info`: who the keys belong to.
async fn identity<T: Transport>(api: &Api<'_, T>) -> Result<Member, NoAnswer> {
    let info = api.record("myMember", "system/myMembers/info").await?;
    read_member(&info).ok_or(NoAnswer::NOT_THE_API)
}

/// Reads the member; `None` for JSON without any of its fields. `licenseClass` is one of `A`, `C`, `F` and `X`, and `A` is an
/// API member.
fn read_member(info: &Value) -> Option<Member> {
    const FIELDS: [&str; 4] = ["id", "identifier", "inactiveFlag", "licenseClass"];
    FIELDS.iter().any(|field| info.get(field).is_some()).then_some(())?;
    let answer = match info.get("inactiveFlag").and_then(Value::as_bool) {
        Some(true) => MemberAnswer::Inactive,
        Some(false) => MemberAnswer::Active,
        None => MemberAnswer::Unknown,
    };
    let excluded = info.get("excludedServiceBoardIds").and_then(Value::as_array);
    let class = info.get("licenseClass").and_then(Value::as_str);
    Some(Member {
        answer,
        person: class.is_some_and(|class| class != "A"),
        excluded_boards: excluded.into_iter().flatten().filter_map(Value::as_i64).collect(),
    })
}

/// `GET /system/mySecurity`: the role, whole.
async fn my_security<T: Transport>(api: &Api<'_, T>) -> Result<MySecurity, NoAnswer> {
    let listing = api.list("mySecurity", "system/mySecurity", "").await?;
    Ok(MySecurity::of(&listing.rows))
}

/// `GET /system/mySecurity/customizeItems/`: asked only once it is settled what its rows mean ([`CUSTOMIZE_ROWS`]).
async fn customize_items<T: Transport>(api: &Api<'_, T>) -> Result<Vec<CustomizeItem>, NoAnswer> {
    let listing = api.list("customizeItems", "system/mySecurity/customizeItems/", "").await?;
    let text = |row: &Value, field| row.get(field).and_then(Value::as_str).map(str::to_owned);
    let item = |row: &Value| {
        Some(CustomizeItem {
            identifier: text(row, "customizeIdentifier")?,
            item: text(row, "itemIdentifier")?,
        })
    };
    if listing.complete {
        Ok(listing.rows.iter().filter_map(item).collect())
    } else {
        Err(NoAnswer::NOT_THE_API)
    }
}

#[cfg(test)]
mod tests;
