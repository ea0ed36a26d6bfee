//! A ConnectWise as plain values: what it would say, and the round that this gives.

use crate::connectwise::{
    BoardAnswer, CompanyAnswer, Depth, Inconclusive, KeysAnswer, MemberAnswer, MemberTraits, Permissions,
    PermissionsAnswer, Round, Tenant,
};

/// What ConnectWise would say, part by part.
#[derive(Clone)]
pub(super) struct Tenancy {
    pub company: CompanyAnswer,
    pub keys: KeysAnswer,
    pub member: MemberAnswer,
    pub traits: MemberTraits,
    pub permissions: PermissionsAnswer,
    pub board: BoardAnswer,
}

pub(super) fn tenant() -> Tenant {
    Tenant::of_test("acme", "api-na.myconnectwise.net", "v2025_1/")
}

/// Short, because it stands in every failing history.
impl std::fmt::Debug for Tenancy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let company = match &self.company {
            CompanyAnswer::Found(_) => "Found".to_owned(),
            other => format!("{other:?}"),
        };
        let role = match &self.permissions {
            PermissionsAnswer::Judged(found) => format!("{} missing", found.missing.len()),
            PermissionsAnswer::Inconclusive(why) => format!("{why:?}"),
        };
        write!(f, "{company}, {:?}, {:?}, {role}, {:?}", self.keys, self.member, self.board)
    }
}

impl Tenancy {
    pub fn good() -> Self {
        Self {
            company: CompanyAnswer::Found(tenant()),
            keys: KeysAnswer::Accepted,
            member: MemberAnswer::Active,
            traits: MemberTraits::default(),
            permissions: PermissionsAnswer::Judged(Permissions::default()),
            board: BoardAnswer::NotNamed,
        }
    }

    pub fn out(why: Inconclusive) -> Self {
        Self {
            company: CompanyAnswer::Inconclusive(why),
            keys: KeysAnswer::Inconclusive(why),
            ..Self::good()
        }
    }

    pub fn refusing() -> Self {
        Self { keys: KeysAnswer::Rejected, ..Self::good() }
    }

    pub(super) fn round(&self, depth: Depth) -> Round {
        // Later answers exist only where the earlier ones allow the question.
        let nothing = match (&self.company, &self.keys) {
            (CompanyAnswer::Inconclusive(why), _) | (_, KeysAnswer::Inconclusive(why)) => Some(*why),
            (CompanyAnswer::Found(_), KeysAnswer::Accepted) => None,
            _ => Some(Inconclusive::Unavailable),
        };
        let full = depth == Depth::Full;
        Round {
            depth,
            company: self.company.clone(),
            keys: if matches!(self.company, CompanyAnswer::Found(_)) {
                self.keys
            } else {
                KeysAnswer::Inconclusive(Inconclusive::Unavailable)
            },
            member: if full && nothing.is_none() { self.member } else { MemberAnswer::Unknown },
            traits: if full && nothing.is_none() { self.traits } else { MemberTraits::default() },
            permissions: nothing.map_or_else(|| self.permissions.clone(), PermissionsAnswer::Inconclusive),
            board: match nothing {
                Some(why) if full => BoardAnswer::Inconclusive(why),
                None if full => self.board,
                _ => BoardAnswer::NotNamed,
            },
        }
    }
}
