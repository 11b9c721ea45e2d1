use std::time::Duration;

use super::{
    workspace::{CHANNEL, Channel},
    *,
};

fn titles(channel: &Channel) -> Vec<String> {
    let messages = channel.messages();
    let title = |message: &Value| message["text"].as_str().unwrap().to_owned();
    messages.iter().map(title).collect()
}

#[tokio::test]
async fn what_is_told_later_of_a_matter_is_a_reply_to_the_first() {
    let (desk, channel) = Channel::open(json!({ "channel": CHANNEL })).await;
    for (id, thread) in [("a", Some("billing")), ("b", None), ("c", Some("billing"))] {
        desk.tell(&notification(id, thread)).await.unwrap();
    }
    let urgent =
        Notification { urgency: typed(json!("high")), ..notification("d", Some("billing")) };
    desk.tell(&urgent).await.unwrap();
    let messages = channel.messages();
    let first = &messages[0]["ts"];
    assert!(messages[0]["thread_ts"].is_null() && messages[1]["thread_ts"].is_null());
    assert_eq!((&messages[2]["thread_ts"], &messages[3]["thread_ts"]), (first, first));
    let shown: Vec<bool> = messages.iter().map(|one| one["reply_broadcast"] == true).collect();
    assert_eq!(shown, [false, false, false, true], "only what is urgent is shown in the channel");
}

#[tokio::test]
async fn a_matter_that_comes_up_again_much_later_is_a_new_message() {
    let target = json!({ "channel": CHANNEL, "thread_for": "1h" });
    let (desk, channel) = Channel::open(target).await;
    desk.tell(&notification("a", Some("billing"))).await.unwrap();
    desk.store.clock.advance(Duration::from_hours(1));
    desk.tell(&notification("b", Some("billing"))).await.unwrap();
    assert!(channel.messages()[1]["thread_ts"].is_null());
    let (desk, channel) = Channel::open(json!({ "channel": CHANNEL, "thread_for": "0s" })).await;
    for id in ["a", "b"] {
        desk.tell(&notification(id, Some("billing"))).await.unwrap();
    }
    assert!(channel.messages()[1]["thread_ts"].is_null());
}

#[tokio::test]
async fn a_message_can_be_changed_in_place() {
    let target = json!({ "channel": "#ops", "update": true });
    let (desk, channel) = Channel::open(target).await;
    let receipt = desk.tell(&notification("a", Some("billing"))).await.unwrap();
    let resolved = Notification { resolved: true, ..notification("b", Some("billing")) };
    assert_eq!(desk.tell(&resolved).await.unwrap(), receipt);
    assert_eq!(titles(&channel), ["title of b"]);
    assert_eq!(channel.messages()[0]["channel"], CHANNEL, "an update needs the id, not the name");
}

#[tokio::test]
async fn a_message_that_was_removed_is_posted_anew_and_changed_from_then_on() {
    let (desk, channel) = Channel::open(json!({ "channel": CHANNEL, "update": true })).await;
    desk.tell(&notification("a", Some("billing"))).await.unwrap();
    channel.forget();
    desk.tell(&notification("b", Some("other"))).await.unwrap();
    channel.forget();
    for id in ["c", "d"] {
        desk.tell(&notification(id, Some("billing"))).await.unwrap();
    }
    assert_eq!(titles(&channel), ["title of d"]);
}

#[tokio::test]
async fn a_repeat_finds_the_message_that_got_through() {
    let (desk, channel) = Channel::open(json!({ "channel": CHANNEL })).await;
    for id in ["a", "b", "c", "d"] {
        desk.tell(&notification(id, None)).await.unwrap();
    }
    let receipt = desk.tell_again(&notification("a", None)).await.unwrap();
    assert_eq!(receipt.reference.as_deref(), Some("1736334727.000000"));
    desk.tell_again(&notification("e", None)).await.unwrap();
    assert_eq!(titles(&channel).len(), 5);
}

#[tokio::test]
async fn a_repeat_finds_a_reply_in_its_thread_and_a_first_message_begins_one() {
    let (desk, channel) = Channel::open(json!({ "channel": CHANNEL })).await;
    // The first message got through, and nobody could write down that it is the first.
    desk.tell(&notification("a", None)).await.unwrap();
    desk.tell_again(&notification("a", Some("billing"))).await.unwrap();
    desk.tell(&notification("b", Some("billing"))).await.unwrap();
    desk.tell_again(&notification("b", Some("billing"))).await.unwrap();
    assert_eq!(titles(&channel), ["title of a", "title of b"]);
    assert_eq!(channel.messages()[1]["thread_ts"], channel.messages()[0]["ts"]);
}

#[tokio::test]
async fn matters_of_two_channels_are_two_threads() {
    let (mut desk, channel) = Channel::open(json!({ "channel": CHANNEL })).await;
    desk.tell(&notification("a", Some("billing"))).await.unwrap();
    desk.target = typed(json!({ "channel": "C0000000002" }));
    desk.tell(&notification("b", Some("billing"))).await.unwrap();
    assert!(channel.messages()[1]["thread_ts"].is_null());
}
