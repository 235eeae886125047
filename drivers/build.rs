//! Puts librdkafka's header where C++ finds it: `<librdkafka/rdkafka.h>` below the directory that QUIPU_DRIVERS_INCLUDE names.
use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=QUIPU_DRIVERS_INCLUDE");
    println!("cargo:rerun-if-changed=build.rs");
    let Ok(include) = env::var("QUIPU_DRIVERS_INCLUDE") else {
        return;
    };
    let root = PathBuf::from(env::var("DEP_RDKAFKA_ROOT").expect("rdkafka-sys says where it built librdkafka"));
    let into = PathBuf::from(include).join("librdkafka");
    fs::create_dir_all(&into).expect("the directory for headers can be made");
    fs::copy(root.join("src/rdkafka.h"), into.join("rdkafka.h")).expect("librdkafka's header is where it was built");
}
