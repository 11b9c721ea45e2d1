//! Which path leads where.

use axum::{
    Router,
    routing::{get, post},
};
use ferrule_core::definition::{Connection, Integration};
use ferrule_http::{Hub, door};
use ferrule_store::Store;

use crate::{checks, health, stored};

/// Serves integrations and connections under `/v1`.
pub fn app(store: Store) -> Router {
    door(guarded(), Router::new(), Hub::new(store))
}

fn guarded() -> Router<Hub> {
    Router::new()
        .route("/v1/integrations", get(stored::list::<Integration>))
        .route(
            "/v1/integrations/{name}",
            get(stored::one::<Integration>)
                .put(stored::put::<Integration>)
                .delete(stored::remove::<Integration>),
        )
        .route("/v1/connections", get(stored::list::<Connection>))
        .route(
            "/v1/connections/{name}",
            get(stored::one::<Connection>)
                .put(stored::put::<Connection>)
                .delete(stored::remove::<Connection>),
        )
        .route("/v1/connections/{name}/health", get(health::connection))
        .route("/v1/connections/{name}/check", post(checks::start))
        .route("/v1/connections/{name}/check/{id}", get(checks::answer))
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use ferrule_core::Tenant;
    use ferrule_store::{Clock, Role};
    use http::{Request, StatusCode};
    use tower::ServiceExt as _;

    use super::*;

    const CONNECTION: &str =
        "apiVersion: ferrule/v1\nkind: Connection\nmetadata: {name: hub}\nconnector: records\n";

    async fn asked(app: &Router, key: &str, method: &str, path: &str, body: &str) -> StatusCode {
        let request = Request::builder().method(method).uri(path).header("x-customer-key", key);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn a_reader_sees_what_an_admin_wrote_and_a_stranger_nothing() {
        let store = Store::memory(Clock::manual(1_700_000_000_000));
        let issue = async |tenant, role| {
            let tenant = Tenant::new(tenant).unwrap();
            store.issue_key(&tenant, role, "").await.unwrap().0
        };
        let (admin, reader) = (issue("acme", Role::Admin).await, issue("acme", Role::Read).await);
        let (stranger, app) = (issue("globex", Role::Admin).await, app(store.clone()));
        let path = "/v1/connections/hub";
        for (key, method, status) in [
            ("", "PUT", StatusCode::UNAUTHORIZED),
            (&*reader, "PUT", StatusCode::FORBIDDEN),
            (&*admin, "PUT", StatusCode::CREATED),
            (&*reader, "GET", StatusCode::OK),
            (&*stranger, "GET", StatusCode::NOT_FOUND),
            (&*admin, "PATCH", StatusCode::METHOD_NOT_ALLOWED),
        ] {
            assert_eq!(asked(&app, key, method, path, CONNECTION).await, status, "{method}");
        }
    }

    #[tokio::test]
    async fn a_path_of_another_function_is_none_of_this_one() {
        let store = Store::memory(Clock::manual(1_700_000_000_000));
        let tenant = Tenant::new("acme").unwrap();
        let (key, _) = store.issue_key(&tenant, Role::Admin, "").await.unwrap();
        let app = app(store);
        for path in ["/v1/runs", "/v1/config", "/v1/health", "/"] {
            assert_eq!(asked(&app, "", "GET", path, "").await, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(asked(&app, &key, "GET", path, "").await, StatusCode::NOT_FOUND, "{path}");
        }
    }
}
