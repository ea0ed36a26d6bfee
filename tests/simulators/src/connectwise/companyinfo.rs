//! `GET /login/companyinfo/{companyId}`: where a company's API is. No keys, no `clientId`; it is in no OpenAPI file.

use axum::response::Response;
use http::Method;
use http::request::Parts;
use serde_json::json;

use super::errors::Refusal;
use super::{host_of, json_response};
use crate::world::World;

pub(super) const TEMPLATE: &str = "/login/companyinfo/{companyId}";

/// The company that is asked for, where this is the route.
pub(super) fn asked_for(parts: &Parts) -> Option<&str> {
    const PREFIX: &str = "/login/companyinfo/";
    let path = parts.uri.path();
    let (prefix, id) = path.split_at_checked(PREFIX.len())?;
    let id = id.trim_end_matches('/');
    (prefix.eq_ignore_ascii_case(PREFIX) && !id.is_empty() && !id.contains('/')).then_some(id)
}

/// The reply; an unknown company is 200 with the body `null`, as the real service has it.
pub(super) fn answer(world: &World, parts: &Parts, id: &str) -> Result<Response, Refusal> {
    let (site, _) = world.site_at(host_of(parts)).ok_or(Refusal::RouterNotFound)?;
    if parts.method != Method::GET {
        return Err(Refusal::MethodNotAllowed(parts.method.clone()));
    }
    let Some(company) = world.company_on(&site, id) else {
        return Ok(json_response(parts, "null"));
    };
    let mut info = json!({
        "CompanyName": company.name,
        "Codebase": site.codebase,
        "VersionCode": site.codebase.trim_end_matches('/').replace('_', "."),
        "VersionNumber": site.version,
        "CompanyID": company.canonical_id.as_ref().unwrap_or(&company.id),
        "IsCloud": if site.is_cloud_as_text { json!(if site.cloud { "True" } else { "False" }) } else { json!(site.cloud) },
    });
    if let Some(site_url) = world.site_url(&site, &company) {
        info["SiteUrl"] = json!(site_url);
    }
    Ok(json_response(parts, info.to_string()))
}
