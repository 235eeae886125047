//! Requests: prepared statements carried out many at once, repeated as they are where that changes nothing.

use crate::codes::{of_execution, of_prepare, Failure, ALL_REPLICAS, OK, REFUSED, REPEATABLE, UNKNOWN};
use crate::completions::{Completions, Done};
use crate::values::{cut, rows_of, Bound, Rows};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use scylla::client::session::Session;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::unprepared::Statement;
use scylla::statement::Consistency;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;

const PAUSE_FIRST: Duration = Duration::from_millis(20);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// Making a table takes a node seconds when it has much to do.
const SCHEMA_LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone)]
struct Prepared {
    statement: Arc<PreparedStatement>,
    repeatable: bool,
}

/// What all requests of a session share.
pub struct Requests {
    pub session: Session,
    pub completions: Completions,
    statements: RwLock<Vec<Prepared>>,
    in_flight: Semaphore,
    retry: Duration,
}

/// A submit's answer, and how many of its requests were sent again.
type Answer = (Result<Rows, Failure>, u32);

impl Requests {
    pub fn new(session: Session, completions: Completions, in_flight: usize, retry: Duration) -> Self {
        let in_flight = Semaphore::new(in_flight.clamp(1, Semaphore::MAX_PERMITS));
        Requests { session, completions, statements: RwLock::new(Vec::new()), in_flight, retry }
    }

    pub async fn prepare(&self, cql: &str, how: u32) -> Result<u32, Failure> {
        let mut statement = self.session.prepare(cql).await.map_err(|error| of_prepare(&error))?;
        let repeatable = how & REPEATABLE != 0;
        statement.set_is_idempotent(repeatable);
        if how & ALL_REPLICAS != 0 {
            statement.set_consistency(Consistency::All);
        }
        let mut statements = self.statements.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        statements.push(Prepared { statement: Arc::new(statement), repeatable });
        Ok(u32::try_from(statements.len() - 1).unwrap_or(u32::MAX))
    }

    /// Changes of the schema from several clients at once all go to one node, which carries them out one after the other:
    /// two coordinators could make the same table twice, and lose what is written to one of them.
    pub async fn run(&self, cql: &str) -> Result<Rows, Failure> {
        let mut statement = Statement::new(cql);
        statement.set_request_timeout(Some(SCHEMA_LIMIT));
        let state = self.session.get_cluster_state();
        let reachable = state.get_nodes_info().iter().filter(|node| node.is_connected());
        if let Some(first) = reachable.min_by_key(|node| node.host_id) {
            let only = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(first.clone()), None);
            statement.set_load_balancing_policy(Some(only));
        }
        match self.session.query_unpaged(statement, &[]).await {
            Ok(result) => rows_of(result).map_err(|what| Failure::new(REFUSED, what)),
            Err(error) => Err(of_execution(&error)),
        }
    }

    fn prepared(&self, statement: u32) -> Option<Prepared> {
        let statements = self.statements.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        statements.get(statement as usize).cloned()
    }

    pub async fn execute(
        self: Arc<Self>,
        statement: u32,
        buffer: Arc<[u8]>,
        count: usize,
        concurrency: usize,
    ) -> Answer {
        let Some(prepared) = self.prepared(statement) else {
            return (Err(Failure::new(REFUSED, format!("there is no statement {statement}"))), 0);
        };
        let Some(ranges) = cut(&buffer, count) else {
            return (Err(Failure::new(REFUSED, format!("the values are not those of {count} executions"))), 0);
        };
        let until = Instant::now() + self.retry;
        let failed = AtomicBool::new(false);
        let repeats = AtomicU32::new(0);
        let (this, prepared, failed_ref, repeats_ref) = (&*self, &prepared, &failed, &repeats);
        let buffer = &buffer;
        let mut answers = stream::iter(ranges)
            .map(|range| {
                let bound = Bound { buffer: buffer.clone(), range };
                async move {
                    if failed_ref.load(Ordering::Relaxed) {
                        return None;
                    }
                    let answer = this.execute_one(prepared, &bound, until, repeats_ref).await;
                    if answer.is_err() {
                        failed_ref.store(true, Ordering::Relaxed);
                    }
                    Some(answer)
                }
            })
            .buffered(concurrency.max(1));
        let mut rows = Rows::default();
        let mut failure = None;
        while let Some(answer) = answers.next().await {
            match answer {
                Some(Ok(some)) => rows.append(&some),
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => {}
            }
        }
        drop(answers);
        (failure.map_or(Ok(rows), Err), repeats.into_inner())
    }

    async fn execute_one(
        &self,
        prepared: &Prepared,
        bound: &Bound,
        until: Instant,
        repeats: &AtomicU32,
    ) -> Result<Rows, Failure> {
        let mut pause = PAUSE_FIRST;
        loop {
            let answer = {
                let _permit = self.in_flight.acquire().await;
                self.session.execute_unpaged(&prepared.statement, bound).await
            };
            let failure = match answer {
                Ok(result) => return rows_of(result).map_err(|what| Failure::new(REFUSED, what)),
                Err(error) => of_execution(&error),
            };
            if !prepared.repeatable || !failure.passes() || Instant::now() + pause > until {
                return Err(failure);
            }
            repeats.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    pub async fn ask_nodes(self: Arc<Self>, cql: String, limit: Duration) -> Answer {
        let state = self.session.get_cluster_state();
        let asks = state.get_nodes_info().iter().map(|node| {
            let mut statement = Statement::new(cql.as_str());
            statement.set_consistency(Consistency::One);
            statement.set_is_idempotent(true);
            let only = SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(node.clone()), None);
            statement.set_load_balancing_policy(Some(only));
            let host = node.host_id;
            let this = &self;
            async move {
                let asked = tokio::time::timeout(limit, this.session.query_unpaged(statement, &[])).await;
                let rows = match asked {
                    Ok(Ok(result)) => rows_of(result).unwrap_or_default(),
                    _ => Rows::default(),
                };
                (host, rows)
            }
        });
        let mut all = Rows::default();
        for (host, rows) in join_all(asks).await {
            all.put(Some(host.as_bytes()));
            if rows.count == 0 {
                all.put(None);
            } else {
                all.bytes.extend_from_slice(&rows.bytes);
            }
            all.count += 1;
        }
        (Ok(all), 0)
    }

    /// Runs what answers a token. A panic in it is an answer too.
    pub fn start(
        self: &Arc<Self>,
        runtime: &tokio::runtime::Handle,
        token: u64,
        work: impl Future<Output = Answer> + Send + 'static,
    ) {
        let this = self.clone();
        let running = runtime.spawn(work);
        runtime.spawn(async move {
            let (result, repeats) = match running.await {
                Ok(answer) => answer,
                Err(error) => (Err(Failure::new(UNKNOWN, format!("the driver failed: {error}"))), 0),
            };
            this.completions.give(Done::new(token, result, repeats));
        });
    }
}

/// The code of an answer that has no rows.
pub fn code_of(result: &Result<(), Failure>) -> i32 {
    result.as_ref().err().map_or(OK, |failure| failure.code)
}
