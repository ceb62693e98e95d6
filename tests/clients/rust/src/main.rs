//! `follow URL`: what an EventSource of the crate reqwest-eventsource is told, one JSON object a line.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest_eventsource::{retry::Constant, Event, EventSource};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).expect("usage: follow URL");
    let mut source = EventSource::get(url);
    source.set_retry_policy(Box::new(Constant::new(Duration::from_millis(200), None)));
    while let Some(told) = source.next().await {
        match told {
            Ok(Event::Open) => {}
            Ok(Event::Message(message)) => println!(
                "{}",
                json!({"event": message.event, "data": message.data, "id": message.id})
            ),
            // It comes back by itself, and is told so.
            Err(error) => println!("{}", json!({"lost": error.to_string()})),
        }
    }
}
