//! The way in: host, codebase, keys, `clientId` and rate, in the order in which the real service looks at them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header;
use http::request::Parts;

use super::errors::Refusal;
use super::{companyinfo, routes};
use crate::scenario::{InactiveMember, Site, StaleCodebase};
use crate::world::{Caller, World};

/// The codebase of on-premise servers, and on a cloud host the name of the router.
const ROUTER: &str = "v4_6_release/";

/// Between the codebase and the route.
const API: &str = "apis/3.0";

/// A request that was let in.
pub(super) struct Entry<'a> {
    pub(super) site: Site,
    pub(super) caller: Caller,
    /// The route's path, with its leading slash.
    pub(super) path: &'a str,
}

/// The keys of a Basic header: `company+public` and `private`.
struct Keys {
    company: String,
    public: String,
    private: String,
}

/// The host a request was sent to, without port.
pub(crate) fn host_of(parts: &Parts) -> &str {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.host()).unwrap_or_default();
    host.split(':').next().unwrap_or_default()
}

/// Route template and company of a request, for counting and for fault rules.
pub(crate) fn identify(parts: &Parts) -> (String, Option<String>) {
    if let Some(id) = companyinfo::asked_for(parts) {
        return (companyinfo::TEMPLATE.to_owned(), Some(id.to_owned()));
    }
    let route = split(parts.uri.path()).and_then(|(_, path)| routes::find(path));
    let template = route.map_or("other", |(route, _)| route.template);
    (template.to_owned(), keys(parts).map(|keys| keys.company))
}

/// Lets a request in, or says why not.
pub(super) fn enter<'a>(world: &World, parts: &'a Parts) -> Result<Entry<'a>, Refusal> {
    let (site, api_host) = world.site_at(host_of(parts)).ok_or(Refusal::RouterNotFound)?;
    let (codebase, path) = split(parts.uri.path()).ok_or(Refusal::CannotRoute)?;
    let settings = world.settings();
    let through_router = site.cloud && codebase.eq_ignore_ascii_case(ROUTER);
    if !through_router {
        if site.former_codebases.iter().any(|former| former.eq_ignore_ascii_case(codebase)) {
            return Err(match settings.stale_codebase {
                StaleCodebase::CannotRoute => Refusal::CannotRoute,
                StaleCodebase::NotFound => Refusal::RouterNotFound,
            });
        }
        // A versioned codebase is only known behind the `api-` host.
        let known = codebase.eq_ignore_ascii_case(&site.codebase) && (api_host || !site.cloud);
        if !known {
            return Err(Refusal::CannotRoute);
        }
    }
    let nobody = match (site.cloud, through_router) {
        (false, _) => Refusal::UserNotAuthenticated,
        (true, true) => Refusal::RouterNotFound,
        (true, false) => Refusal::Unauthorized,
    };
    let keys = keys(parts).ok_or_else(|| nobody.clone())?;
    if world.company_on(&site, &keys.company).is_none() {
        return Err(if nobody == Refusal::Unauthorized { Refusal::CannotRoute } else { nobody });
    }
    let caller = world.caller(&keys.company, &keys.public, &keys.private).ok_or_else(|| nobody.clone())?;
    if caller.member.inactive && settings.inactive_member == InactiveMember::Unauthorized {
        return Err(nobody);
    }
    let client_id = parts.headers.get("clientid").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !world.accepts_client_id(client_id) {
        return Err(Refusal::ClientId(settings.client_id_refusal));
    }
    match world.over_rate(&keys.company) {
        Some(seconds) => Err(Refusal::RateLimited(seconds)),
        None => Ok(Entry { site, caller, path }),
    }
}

/// Splits `/v2025_1/apis/3.0/system/info` into `v2025_1/` and `/system/info`.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    let at = path.find(API)?;
    let (codebase, rest) = (&path[..at], &path[at + API.len()..]);
    (codebase.ends_with('/') && rest.starts_with('/')).then_some((codebase, rest))
}

fn keys(parts: &Parts) -> Option<Keys> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, private) = text.split_once(':')?;
    let (company, public) = user.split_once('+')?;
    Some(Keys { company: company.to_owned(), public: public.to_owned(), private: private.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_splits_into_codebase_and_route() {
        assert_eq!(split("/v2025_1/apis/3.0/system/info"), Some(("v2025_1/", "/system/info")));
        assert_eq!(split("/apis/3.0/system/info"), None);
        assert_eq!(split("/v2025_1/system/info"), None);
    }

    #[test]
    fn the_vendors_vector_of_basic_keys_is_read() {
        let request = http::Request::builder()
            .header(header::AUTHORIZATION, "Basic bXljbytwdWI6cHJpdg==")
            .body(())
            .expect("the request is valid");
        let keys = keys(&request.into_parts().0).expect("the header is valid");
        assert_eq!((&*keys.company, &*keys.public, &*keys.private), ("myco", "pub", "priv"));
    }
}
