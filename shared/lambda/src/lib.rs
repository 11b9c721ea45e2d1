//! The Lambda glue that every function shares: three doors (queue, API, schedule), settings,
//! logging, and what happens to work that failed.

mod doors;
mod given_up;
mod held_back;
mod logs;
mod park;
mod runner;
mod settings;

pub use doors::{run_api, run_dead_letters, run_queue, run_schedule};
pub use given_up::{give_up, hand_over};
pub use lambda_http;
pub use lambda_runtime::Error;
pub use logs::init;
pub use park::{park, park_parts, park_text, tell_parked};
pub use runner::{Delivered, Runner, Stage};
pub use settings::Settings;
