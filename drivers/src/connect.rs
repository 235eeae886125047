//! A session from what the owner says about the cluster.

use crate::codes::{of_connect, Failure, CONFIG, UNAVAILABLE};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::client::PoolSize;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::statement::{Consistency, SerialConsistency};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// A node that is dark, and not down, costs each request to it its whole time until its connections are given up: after
/// these two, where the driver's own are 30 s each.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// The options of the C header, read.
pub struct Options {
    pub contact_points: String,
    pub datacenter: Option<String>,
    pub keyspace: Option<String>,
    pub login: Option<(String, String)>,
    pub tls: Option<Tls>,
    pub connections: usize,
    pub connect: Duration,
    pub request: Duration,
}

pub struct Tls {
    pub ca: Option<String>,
    pub certificate: Option<(String, String)>,
}

fn tls_context(tls: &Tls) -> Result<scylla::client::session::OpenSsl010Config, Failure> {
    let wrong = |what: &str, error: openssl::error::ErrorStack| Failure::new(CONFIG, format!("TLS, {what}: {error}"));
    let mut builder = SslConnector::builder(SslMethod::tls_client()).map_err(|error| wrong("setting up", error))?;
    if let Some(ca) = &tls.ca {
        builder.set_ca_file(ca).map_err(|error| wrong(ca, error))?;
    }
    if let Some((certificate, key)) = &tls.certificate {
        builder.set_certificate_chain_file(certificate).map_err(|error| wrong(certificate, error))?;
        builder.set_private_key_file(key, SslFiletype::PEM).map_err(|error| wrong(key, error))?;
        builder.check_private_key().map_err(|error| wrong(key, error))?;
    }
    Ok(scylla::client::session::OpenSsl010Config::new(builder))
}

pub async fn connect(options: &Options) -> Result<Session, Failure> {
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(datacenter) = &options.datacenter {
        policy = policy.prefer_datacenter(datacenter.clone());
    }
    // Repeating is the business of requests.rs, which knows what may be repeated and for how long.
    let profile = ExecutionProfile::builder()
        .consistency(Consistency::LocalQuorum)
        .serial_consistency(Some(SerialConsistency::LocalSerial))
        .request_timeout(Some(options.request))
        .load_balancing_policy(policy.build())
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .build();
    let connections = NonZeroUsize::new(options.connections).unwrap_or(NonZeroUsize::MIN);
    let points = options.contact_points.split(',').map(str::trim).filter(|point| !point.is_empty());
    let mut builder = SessionBuilder::new()
        .known_nodes(points)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(options.connect)
        .pool_size(PoolSize::PerHost(connections))
        .keepalive_interval(KEEPALIVE_INTERVAL)
        .keepalive_timeout(KEEPALIVE_TIMEOUT)
        .fetch_schema_metadata(true);
    if let Some(keyspace) = &options.keyspace {
        builder = builder.keyspaces_to_fetch([keyspace.clone()]);
    }
    if let Some((user, password)) = &options.login {
        builder = builder.user(user, password);
    }
    if let Some(tls) = &options.tls {
        builder = builder.tls_context(Some(tls_context(tls)?));
    }
    let limit = options.connect + options.request;
    match tokio::time::timeout(limit, builder.build()).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(error)) => Err(of_connect(&error)),
        Err(_) => Err(Failure::new(UNAVAILABLE, format!("no connection to {} in {limit:?}", options.contact_points))),
    }
}
