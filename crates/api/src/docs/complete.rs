//! What every route of the document has in common, said once.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use domain::problem::ProblemType;
use serde_json::json;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{Object, Schema, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, ResponseBuilder};

use crate::routes::V1;

const BEARER: &str = "bearer";

/// The operations of a path.
pub(crate) fn operations(item: &PathItem) -> impl Iterator<Item = (Method, &Operation)> {
    [(Method::GET, &item.get), (Method::PUT, &item.put), (Method::POST, &item.post), (Method::DELETE, &item.delete)]
        .into_iter()
        .filter_map(|(method, operation)| Some((method, operation.as_ref()?)))
}

pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    if let Some(components) = &mut document.components {
        let scheme = Http::builder()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("bko_…")
            .description(Some("An API token: `backout token create NAME`."))
            .build();
        components.security_schemes.insert(BEARER.to_owned(), SecurityScheme::Http(scheme).into());
        if let Some(problem) = components.schemas.get_mut("Problem").and_then(as_object)
            && let Some(slug) = problem.properties.get_mut("type").and_then(as_object)
        {
            slug.enum_values = Some(ProblemType::ALL.iter().map(|problem| json!(problem.slug())).collect());
        }
        if let Some(finding) = components.schemas.get_mut("Finding").and_then(as_object) {
            let text = |description| Object::builder().schema_type(Type::String).description(Some(description)).build();
            let message = text("The sentence for people, in the language of `Accept-Language`.");
            let hint = text("The next command, where there is one.");
            finding.properties.insert("message".to_owned(), message.into());
            finding.properties.insert("hint".to_owned(), hint.into());
        }
        refer_to_data(&mut components.schemas);
    }
    for (path, item) in &mut document.paths.paths {
        if !path.starts_with(V1) {
            continue;
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        operations.into_iter().flatten().for_each(common_to_versioned);
        if let Some(operation) = &mut item.post {
            takes_a_key(operation);
        }
    }
    document
}

/// Envelopes name what they carry instead of repeating it: `Success_Page_JobView` refers to `JobView`.
fn refer_to_data(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let known = schemas.keys().cloned().collect::<BTreeSet<_>>();
    for (name, schema) in schemas {
        let Some(carried) = name.strip_prefix("Success_") else { continue };
        let Some(data) = as_object(schema).and_then(|envelope| envelope.properties.get_mut("data")) else { continue };
        if known.contains(carried) {
            *data = Ref::from_schema_name(carried).into();
        } else if let Some(item) = carried.strip_prefix("Page_").filter(|item| known.contains(*item))
            && let Some(RefOr::T(Schema::Array(items))) =
                as_object(data).and_then(|page| page.properties.get_mut("items"))
        {
            items.items = Ref::from_schema_name(item).into();
        }
    }
}

fn as_object(schema: &mut RefOr<Schema>) -> Option<&mut Object> {
    match schema {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    }
}

fn common_to_versioned(operation: &mut Operation) {
    operation.security = Some(vec![SecurityRequirement::new(BEARER, [] as [&str; 0])]);
    let mut names_something = false;
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && parameter.parameter_in == ParameterIn::Path
        {
            names_something = true;
            parameter.description = Some(path_parameter(&parameter.name).to_owned());
        }
    }
    let mut statuses = vec![400, 401, 403, 408, 429, 500, 503];
    if names_something {
        statuses.push(404);
    }
    if operation.request_body.is_some() {
        statuses.extend([413, 415, 422]);
    }
    for status in statuses {
        failure(operation, status);
    }
}

/// What a name or id in the path means.
fn path_parameter(name: &str) -> &'static str {
    match name {
        "application" => "The application's name",
        "environment" => "The environment's name",
        "backup" => "The backup's id",
        "preserved" => "The id of what was put aside",
        "rehearsal" => "The rehearsal's id",
        "series" => "The series, e.g. `v0.8.x`",
        "store" => "The data store's name",
        "version" => "A semantic version; a `v` prefix is accepted",
        "job" => "The job's id",
        "token" => "The token's id, never its secret",
        _ => "",
    }
}

fn takes_a_key(operation: &mut Operation) {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The same key and body within 24 hours get the first answer again, marked `Idempotency-Replayed: true`; \
             another body answers 422.",
        ))
        .schema(Some(Object::builder().schema_type(Type::String).max_length(Some(255))))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(key));
    failure(operation, 409);
    if let Some(RefOr::T(conflict)) = operation.responses.responses.get_mut("409") {
        conflict.description.push_str("; `idempotency-in-progress`");
    }
}

/// Adds the failures of that status, unless the route describes them itself.
fn failure(operation: &mut Operation, status: u16) {
    operation.responses.responses.entry(status.to_string()).or_insert_with(|| {
        let slugs = ProblemType::ALL.iter().filter(|problem| problem.status() == status);
        let slugs = slugs.map(|problem| format!("`{}`", problem.slug())).collect::<Vec<_>>();
        let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Failure"))).build();
        ResponseBuilder::new().description(slugs.join(", ")).content("application/json", content).build().into()
    });
}
