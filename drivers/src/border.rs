//! The functions that C++ calls. Nothing unwinds out of them.

use crate::codes::{Failure, CONFIG, REFUSED, UNKNOWN};
use crate::completions::{Completions, Done, Wake};
use crate::connect::{connect, Options, Tls};
use crate::requests::{code_of, Requests};
use crate::values::Rows;
use std::ffi::{c_char, c_void, CStr};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::Arc;
use std::time::Duration;

/// How long `close` waits for the driver's threads.
const CLOSE: Duration = Duration::from_secs(2);

pub struct SessionHandle {
    runtime: tokio::runtime::Runtime,
    requests: Arc<Requests>,
}

#[repr(C)]
pub struct COptions {
    contact_points: *const c_char,
    datacenter: *const c_char,
    keyspace: *const c_char,
    user: *const c_char,
    password: *const c_char,
    tls: i32,
    tls_ca: *const c_char,
    tls_certificate: *const c_char,
    tls_key: *const c_char,
    threads: u32,
    connections: u32,
    requests_in_flight: u32,
    connect_ms: u32,
    request_ms: u32,
    retry_ms: u32,
    wake: Option<extern "C" fn(*mut c_void)>,
    wake_argument: *mut c_void,
}

#[repr(C)]
pub struct CCompletion {
    token: u64,
    code: i32,
    repeats: u32,
    error: *const c_char,
    rows: *const u8,
    rows_size: usize,
    row_count: u32,
    owner: *mut c_void,
}

impl CCompletion {
    fn of(done: Done) -> Self {
        // Boxed first: the pointers below point into what does not move any more.
        let done = Box::new(done);
        CCompletion {
            token: done.token,
            code: done.code,
            repeats: done.repeats,
            error: done.error.as_ptr(),
            rows: done.rows.bytes.as_ptr(),
            rows_size: done.rows.bytes.len(),
            row_count: done.rows.count,
            owner: Box::into_raw(done).cast(),
        }
    }
}

/// None for NULL. Bytes that are not UTF-8 are a mistake in the configuration.
unsafe fn text(from: *const c_char, name: &str) -> Result<Option<String>, Failure> {
    if from.is_null() {
        return Ok(None);
    }
    match CStr::from_ptr(from).to_str() {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(Failure::new(CONFIG, format!("{name} is not UTF-8"))),
    }
}

unsafe fn put_error(what: &str, error: *mut c_char, size: usize) {
    if error.is_null() || size == 0 {
        return;
    }
    let mut count = what.len().min(size - 1);
    while !what.is_char_boundary(count) {
        count -= 1;
    }
    std::ptr::copy_nonoverlapping(what.as_ptr().cast(), error, count);
    *error.add(count) = 0;
}

/// The code of what was done, with its words put where the caller wants them.
unsafe fn answer(error: *mut c_char, size: usize, work: impl FnOnce() -> Result<(), Failure>) -> i32 {
    let result = catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::new(REFUSED, "the driver failed inside; this is a defect")));
    put_error(result.as_ref().err().map_or("", |failure| failure.what.as_str()), error, size);
    code_of(&result)
}

unsafe fn read_options(options: &COptions) -> Result<Options, Failure> {
    let user = text(options.user, "the user")?;
    let password = text(options.password, "the password")?;
    let certificate = text(options.tls_certificate, "the certificate's path")?;
    let key = text(options.tls_key, "the key's path")?;
    let tls = Tls { ca: text(options.tls_ca, "the path of the authority")?, certificate: certificate.zip(key) };
    Ok(Options {
        contact_points: text(options.contact_points, "the contact points")?.unwrap_or_default(),
        datacenter: text(options.datacenter, "the datacenter")?,
        keyspace: text(options.keyspace, "the keyspace")?,
        login: user.map(|user| (user, password.unwrap_or_default())),
        tls: (options.tls != 0).then_some(tls),
        connections: options.connections as usize,
        connect: Duration::from_millis(options.connect_ms.into()),
        request: Duration::from_millis(options.request_ms.into()),
    })
}

#[no_mangle]
pub extern "C" fn quipu_cassandra_driver() -> *const c_char {
    const DRIVER: &CStr = c"scylla 1.9.0";
    DRIVER.as_ptr()
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_open(
    options: *const COptions,
    session: *mut *mut SessionHandle,
    error: *mut c_char,
    error_size: usize,
) -> i32 {
    *session = std::ptr::null_mut();
    answer(error, error_size, || {
        let options = &*options;
        let read = read_options(options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(options.threads.max(1) as usize)
            .thread_name("cassandra")
            .enable_all()
            .build()
            .map_err(|error| Failure::new(CONFIG, format!("the driver's threads: {error}")))?;
        let connected = runtime.block_on(connect(&read))?;
        let wake = Wake { function: options.wake, argument: options.wake_argument };
        let retry = Duration::from_millis(options.retry_ms.into());
        let in_flight = options.requests_in_flight as usize;
        let requests = Arc::new(Requests::new(connected, Completions::new(wake), in_flight, retry));
        *session = Box::into_raw(Box::new(SessionHandle { runtime, requests }));
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_close(session: *mut SessionHandle) {
    if session.is_null() {
        return;
    }
    let _ = catch_unwind(AssertUnwindSafe(|| {
        let session = Box::from_raw(session);
        session.requests.completions.close();
        let SessionHandle { runtime, requests } = *session;
        runtime.shutdown_timeout(CLOSE);
        drop(requests);
    }));
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_prepare(
    session: *mut SessionHandle,
    cql: *const c_char,
    how: u32,
    statement: *mut u32,
    error: *mut c_char,
    error_size: usize,
) -> i32 {
    answer(error, error_size, || {
        let session = &*session;
        let cql = text(cql, "a statement")?.unwrap_or_default();
        *statement = session.runtime.block_on(session.requests.prepare(&cql, how))?;
        Ok(())
    })
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_run(
    session: *mut SessionHandle,
    cql: *const c_char,
    error: *mut c_char,
    error_size: usize,
) -> i32 {
    answer(error, error_size, || {
        let session = &*session;
        let cql = text(cql, "a statement")?.unwrap_or_default();
        session.runtime.block_on(session.requests.run(&cql)).map(|_| ())
    })
}

unsafe fn copied(values: *const u8, size: usize) -> Arc<[u8]> {
    if size == 0 {
        Arc::new([])
    } else {
        std::slice::from_raw_parts(values, size).into()
    }
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_submit(
    session: *mut SessionHandle,
    token: u64,
    statement: u32,
    values: *const u8,
    values_size: usize,
    count: u32,
    concurrency: u32,
) {
    let session = &*session;
    let work =
        session.requests.clone().execute(statement, copied(values, values_size), count as usize, concurrency as usize);
    session.requests.start(session.runtime.handle(), token, work);
}

/// Waits for work and gives its answer without a token.
unsafe fn call(
    session: *mut SessionHandle,
    out: *mut CCompletion,
    work: impl std::future::Future<Output = (Result<Rows, Failure>, u32)>,
) {
    let session = &*session;
    let done = catch_unwind(AssertUnwindSafe(|| session.runtime.block_on(work)))
        .unwrap_or_else(|_| (Err(Failure::new(UNKNOWN, "the driver failed inside; this is a defect")), 0));
    *out = CCompletion::of(Done::new(0, done.0, done.1));
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_call(
    session: *mut SessionHandle,
    statement: u32,
    values: *const u8,
    values_size: usize,
    count: u32,
    concurrency: u32,
    out: *mut CCompletion,
) {
    let requests = (&*session).requests.clone();
    let values = copied(values, values_size);
    call(session, out, requests.execute(statement, values, count as usize, concurrency as usize));
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_nodes(
    session: *mut SessionHandle,
    token: u64,
    cql: *const c_char,
    limit_ms: u32,
) {
    let session = &*session;
    let cql = CStr::from_ptr(cql).to_string_lossy().into_owned();
    let work = session.requests.clone().ask_nodes(cql, Duration::from_millis(limit_ms.into()));
    session.requests.start(session.runtime.handle(), token, work);
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_call_nodes(
    session: *mut SessionHandle,
    cql: *const c_char,
    limit_ms: u32,
    out: *mut CCompletion,
) {
    let requests = (&*session).requests.clone();
    let cql = CStr::from_ptr(cql).to_string_lossy().into_owned();
    call(session, out, requests.ask_nodes(cql, Duration::from_millis(limit_ms.into())));
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_after(session: *mut SessionHandle, token: u64, milliseconds: u32) {
    let session = &*session;
    session.requests.start(session.runtime.handle(), token, async move {
        tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
        (Ok(Rows::default()), 0)
    });
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_take(session: *mut SessionHandle, out: *mut CCompletion, max: usize) -> usize {
    let session = &*session;
    let taken = session.requests.completions.take(max);
    let count = taken.len();
    for (at, done) in taken.into_iter().enumerate() {
        out.add(at).write(CCompletion::of(done));
    }
    count
}

#[no_mangle]
pub unsafe extern "C" fn quipu_cassandra_release(completion: *mut CCompletion) {
    let owner = std::mem::replace(&mut (*completion).owner, std::ptr::null_mut());
    if !owner.is_null() {
        drop(Box::from_raw(owner.cast::<Done>()));
    }
}
